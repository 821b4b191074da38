//! Codes and definitions as people write them.

use super::*;

#[track_caller]
fn crs(code: &str) -> Crs {
    Crs::from_code(code).unwrap()
}

#[test]
fn every_way_to_write_a_code_is_the_same_crs() {
    for code in [
        "EPSG:3006",
        "epsg:3006",
        "3006",
        " 3006 ",
        "[EPSG:3006]",
        "EPSG::3006",
        "http://www.opengis.net/def/crs/EPSG/0/3006",
        "https://www.opengis.net/def/crs/EPSG/9.9.1/3006",
        "http://opengis.net/def/crs/epsg/0/3006/",
        "http://www.opengis.net/gml/srs/epsg.xml#3006",
        "urn:ogc:def:crs:EPSG::3006",
        "urn:ogc:def:crs:EPSG:9.9.1:3006",
        "urn:x-ogc:def:crs:EPSG:3006",
    ] {
        assert_eq!(crs(code).code(), "EPSG:3006", "{code}");
    }
    for code in [
        "CRS84",
        "crs84",
        "OGC:CRS84",
        "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
        "urn:ogc:def:crs:OGC:1.3:CRS84",
        "urn:ogc:def:crs:OGC::CRS84",
    ] {
        assert_eq!(crs(code).code(), "OGC:CRS84", "{code}");
    }
    assert_eq!(crs("EPSG:900913").code(), "EPSG:3857");
    assert_eq!(
        crs("3006").uri().unwrap(),
        "http://www.opengis.net/def/crs/EPSG/0/3006"
    );
    assert_eq!(
        crs("CRS84").uri().unwrap(),
        "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
    );
}

#[test]
fn nonsense_is_an_unknown_crs() {
    let long = "9".repeat(100_000);
    for code in [
        "",
        " ",
        "EPSG:",
        ":3006",
        "EPSG:999999",
        "3006; drop",
        "EPSG:30 06",
        "a:b:c:d",
        "http://example.org/3006",
        "http://www.opengis.net/def/crs/EPSG/3006",
        "GEOGCS[",
        "{",
        "+proj=utm +zone=99",
        "+proj=",
        "EPSG:3006\0",
        "../../etc/passwd",
        &long,
        "+init=/etc/passwd:x",
        "+proj=longlat +nadgrids=/etc/passwd",
        "+proj=pipeline",
    ] {
        let found = Crs::from_code(code);
        assert!(
            matches!(found, Err(Error::UnknownCrs(_))),
            "{code:.40} {found:?}"
        );
        assert!(found.unwrap_err().to_string().len() < 300);
    }
}

#[test]
fn a_damaged_or_endless_definition_is_an_error_and_no_crash() {
    let wkt = crs("EPSG:3006").wkt2().unwrap();
    for end in (1..wkt.len()).step_by(29) {
        assert!(
            Crs::from_definition(&wkt[..end]).is_err(),
            "{}",
            &wkt[..end]
        );
    }
    for word in [
        "PROJCS[",
        "PROJCS[\"a\",",
        "{\"base_crs\":",
        "{\"a\":[",
        "COMPD_CS[\"a\",",
    ] {
        let deep = word.repeat(MAX_DEFINITION_BYTES / word.len());
        assert!(Crs::from_definition(&deep).is_err(), "{word}");
        assert!(Crs::from_definition(&(deep + "more than may be read")).is_err());
    }
}

#[test]
fn a_crs_that_is_no_map_is_refused_with_its_reason() {
    for (code, word) in [
        ("EPSG:4978", "geocentric"),
        ("EPSG:5613", "vertical"),
        ("EPSG:5801", "not tied to a place"),
    ] {
        let error = Crs::from_code(code).unwrap_err();
        if code == "EPSG:5801" && matches!(error, Error::UnknownCrs(_)) {
            continue;
        }
        assert!(error.to_string().contains(word), "{error}");
    }
    let local = r#"LOCAL_CS["drawing",UNIT["metre",1]]"#;
    assert!(Crs::from_definition(local).is_err());
}

#[test]
fn official_order_unit_and_kind_are_those_of_the_registry() {
    let order = |code| crs(code).axis_order();
    assert_eq!(order("EPSG:3006"), AxisOrder::NorthEast);
    assert_eq!(order("EPSG:3014"), AxisOrder::NorthEast);
    assert_eq!(order("EPSG:4326"), AxisOrder::NorthEast);
    assert_eq!(order("EPSG:3021"), AxisOrder::NorthEast);
    for code in [
        "CRS84",
        "EPSG:3857",
        "EPSG:28992",
        "EPSG:25833",
        "EPSG:2154",
        "EPSG:32633",
    ] {
        assert_eq!(order(code), AxisOrder::EastNorth, "{code}");
    }
    assert_eq!(crs("3006").axis_abbreviations(), ["N", "E"]);
    assert_eq!(crs("3006").name(), "SWEREF99 TM");
    assert_eq!(crs("3006").unit_m(), Some(1.0));
    assert!(crs("4326").is_geographic());
    assert_eq!(crs("4326").unit_m(), None);
    assert!((crs("EPSG:2903").unit_m().unwrap() - 1200.0 / 3937.0).abs() < 1e-12);
}

#[test]
fn a_compound_crs_is_its_horizontal_part_with_a_vertical_code() {
    for (code, horizontal, vertical) in [
        ("EPSG:5845", "EPSG:3006", "EPSG:5613"),
        ("EPSG:5850", "EPSG:3011", "EPSG:5613"),
        ("EPSG:3006+5613", "EPSG:3006", "EPSG:5613"),
        ("EPSG:3006+EPSG:5613", "EPSG:3006", "EPSG:5613"),
        ("EPSG:7415", "EPSG:28992", "EPSG:5709"),
    ] {
        let found = crs(code);
        assert_eq!(found.code(), horizontal, "{code}");
        assert_eq!(found.vertical_code(), Some(vertical), "{code}");
    }
    assert_eq!(crs("EPSG:5845").vertical_name(), Some("RH2000 height"));
    assert_eq!(crs("EPSG:3006").vertical_code(), None);
    assert_eq!(
        crs("EPSG:3006").with_vertical("EPSG:5613").unwrap(),
        crs("EPSG:5845")
    );
    assert!(crs("EPSG:3006").with_vertical("EPSG:4326").is_err());
    // A height above the ellipsoid is no vertical CRS.
    assert_eq!(crs("EPSG:4979").vertical_code(), None);
    assert_eq!(crs("EPSG:4979").code(), "EPSG:4326");
}

#[test]
fn what_it_writes_as_wkt_it_reads_back() {
    for code in [
        "EPSG:3006",
        "EPSG:5845",
        "EPSG:3857",
        "EPSG:4326",
        "EPSG:28992",
        "EPSG:7415",
    ] {
        let crs = crs(code);
        for wkt in [crs.wkt1().unwrap(), crs.wkt2().unwrap()] {
            assert_eq!(Crs::from_definition(&wkt).unwrap(), crs, "{wkt}");
            assert!(!wkt.contains('\n'));
        }
    }
    assert!(
        crs("EPSG:3006")
            .wkt1()
            .unwrap()
            .starts_with("PROJCS[\"SWEREF99 TM\"")
    );
    assert!(crs("EPSG:5845").wkt1().unwrap().starts_with("COMPD_CS["));
}

#[test]
fn definitions_without_a_code_are_identified() {
    // As ArcGIS writes the .prj of a shapefile.
    let esri = r#"PROJCS["SWEREF99_TM",GEOGCS["GCS_SWEREF99",DATUM["D_SWEREF99",SPHEROID["GRS_1980",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",15.0],PARAMETER["Scale_Factor",0.9996],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]"#;
    assert_eq!(Crs::from_definition(esri).unwrap().code(), "EPSG:3006");
    let zone = esri
        .replace("SWEREF99_TM", "SWEREF99_17_15")
        .replace("500000.0", "150000.0")
        .replace("15.0]", "17.25]")
        .replace("0.9996", "1.0");
    assert_eq!(Crs::from_definition(&zone).unwrap().code(), "EPSG:3014");
    let wgs84 = r#"GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137.0,298.257223563]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]]"#;
    assert_eq!(Crs::from_definition(wgs84).unwrap().code(), "EPSG:4326");
    let without_codes = crs("EPSG:28992").wkt2().unwrap();
    let without_codes = without_codes.replace(",ID[\"EPSG\",28992]", "");
    assert_eq!(
        Crs::from_definition(&without_codes).unwrap().code(),
        "EPSG:28992"
    );
    assert_eq!(
        Crs::from_definition("+init=epsg:3006").map(|crs| crs.code().to_owned()),
        Ok("EPSG:3006".to_owned())
    );
}

/// The header of the well-known survey of Autzen stadium.
const AUTZEN: &str = r#"PROJCS["NAD_1983_HARN_Lambert_Conformal_Conic",GEOGCS["GCS_North_American_1983_HARN",DATUM["NAD83_High_Accuracy_Regional_Network",SPHEROID["GRS_1980",6378137,298.257222101,AUTHORITY["EPSG","7019"]],AUTHORITY["EPSG","6152"]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Lambert_Conformal_Conic_2SP"],PARAMETER["standard_parallel_1",43],PARAMETER["standard_parallel_2",45.5],PARAMETER["latitude_of_origin",41.75],PARAMETER["central_meridian",-120.5],PARAMETER["false_easting",1312335.958005249],PARAMETER["false_northing",0],UNIT["foot",0.3048,AUTHORITY["EPSG","9002"]]]"#;

#[test]
fn a_survey_in_feet_keeps_its_unit_and_finds_its_place() {
    let autzen = Crs::from_definition(AUTZEN).unwrap();
    assert!((autzen.unit_m().unwrap() - 0.3048).abs() < 1e-12);
    let to = Crs::from_code("EPSG:4326").unwrap();
    let lon_lat = crate::Transform::new(&autzen, &to).unwrap();
    let [lon, lat] = lon_lat.xy([636_600.0, 849_200.0]).unwrap();
    // Autzen stadium, Eugene, Oregon.
    assert!(
        (lon + 123.069).abs() < 0.01 && (lat - 44.058).abs() < 0.01,
        "{lon} {lat}"
    );
}

#[test]
fn a_crs_without_a_code_is_known_by_its_definition() {
    let crs = Crs::from_definition(AUTZEN).unwrap();
    assert!(!crs.has_authority_code());
    assert_eq!(crs.uri(), None);
    assert_eq!(crs.name(), "NAD_1983_HARN_Lambert_Conformal_Conic");
    let again = Crs::from_code(crs.code()).unwrap();
    assert_eq!(again, crs);
    assert_eq!(again.code(), crs.code());
    assert!(!crs.code().contains('\n'));
    let to = Crs::from_code("EPSG:4326").unwrap();
    assert!(
        crate::Transform::new(&again, &to)
            .unwrap()
            .xy([636_600.0, 849_200.0])
            .is_ok()
    );
}

#[test]
fn proj_reads_the_database_that_the_binary_carries_and_no_other() {
    crs("EPSG:3006");
    let ours = crate::database::folder().unwrap();
    assert_eq!(pj::database_path().unwrap(), ours.join("proj.db"));
    // The proj crate makes contexts of its own, which must follow.
    let proj = proj::Proj::new_known_crs("EPSG:3006", "EPSG:3857", None).unwrap();
    assert_eq!(proj.lib_info().unwrap().searchpath, ours.to_str().unwrap());
    assert!(!ours.to_str().unwrap().contains("proj-sys"));
}

#[test]
fn heights_above_the_ellipsoid_are_told_from_elevations() {
    for (code, flat) in [("EPSG:4979", "EPSG:4326"), ("EPSG:4977", "EPSG:4619")] {
        let crs = Crs::from_code(code).unwrap();
        assert_eq!(crs.code(), flat);
        assert_eq!(crs.ellipsoidal_unit_m(), Some(1.0));
        assert_eq!(crs.vertical_code(), None);
        assert_ne!(crs, Crs::from_code(flat).unwrap());
        let with_elevations = crs.with_vertical("EPSG:5613").unwrap();
        assert_eq!(with_elevations.ellipsoidal_unit_m(), None);
    }
    for code in ["EPSG:3006", "EPSG:5845"] {
        assert_eq!(Crs::from_code(code).unwrap().ellipsoidal_unit_m(), None);
    }
    let depth = Crs::from_code("EPSG:3006").unwrap();
    assert!(
        !depth
            .with_vertical("EPSG:5613")
            .unwrap()
            .vertical_is_depth()
    );
    assert!(
        depth
            .with_vertical("EPSG:5715")
            .unwrap()
            .vertical_is_depth()
    );
    // How WKT 1 says it: a vertical datum of type 2002.
    let flat = Crs::from_code("EPSG:3006").unwrap().wkt1().unwrap();
    let wkt = format!(
        "COMPD_CS[\"a\",{flat},VERT_CS[\"Ellipsoid (metre)\",VERT_DATUM[\"Ellipsoid\",2002],UNIT[\"metre\",1]]]"
    );
    let crs = Crs::from_definition(&wkt).unwrap();
    assert_eq!(crs.ellipsoidal_unit_m(), Some(1.0), "{crs:?}");
    assert_eq!(crs.code(), "EPSG:3006");
}
