//! Which department delivers what, in which file and format.

use std::path::Path;

use crate::formats::{
    Attribute, CsvSink, FlatGeobufSink, GeoJsonSink, GeoPackage, Record, ShapefileSink, Sink,
};
use crate::ground::{DEPTH_M, WIDTH_M};
use crate::layers::{culture, education, fire, planning, property, streets, water};
use crate::manifest::{FileEntry, Manifest, sha256_of};
use crate::survey::{SURVEYS, fly};
use crate::town::Town;
use crate::{Error, ORIGIN, SEED, truth};

/// Format of a delivery, with the table name or title that it carries.
#[derive(Clone, Copy)]
enum Format {
    /// Table of a GeoPackage, with the type of its geometries.
    GeoPackage(&'static str, Option<&'static str>),
    GeoJson,
    Shapefile,
    FlatGeobuf,
    CsvPoints,
    CsvTable,
}

/// One collection as it is delivered.
struct Delivery {
    file: &'static str,
    format: Format,
    collection: &'static str,
    attributes: &'static [Attribute],
    records: fn(&Town) -> Vec<Record>,
}

const fn delivery(
    file: &'static str,
    format: Format,
    collection: &'static str,
    attributes: &'static [Attribute],
    records: fn(&Town) -> Vec<Record>,
) -> Delivery {
    Delivery {
        file,
        format,
        collection,
        attributes,
        records,
    }
}

/// All collections. Those of one file stand together.
const DELIVERIES: [Delivery; 20] = [
    delivery(
        "gata/gata.gpkg",
        Format::GeoPackage("lankar", Some("LINESTRING")),
        "road_links",
        streets::LINKS,
        streets::links,
    ),
    delivery(
        "gata/gata.gpkg",
        Format::GeoPackage("inspektioner", None),
        "road_inspections",
        streets::INSPECTIONS,
        streets::inspections,
    ),
    delivery(
        "gata/skyltar.geojson",
        Format::GeoJson,
        "signs",
        streets::SIGNS,
        streets::signs,
    ),
    delivery(
        "gata/trafik.csv",
        Format::CsvTable,
        "traffic_counts",
        streets::TRAFFIC,
        streets::traffic,
    ),
    delivery(
        "gata/planerade_arbeten.geojson",
        Format::GeoJson,
        "planned_works",
        streets::WORKS,
        streets::planned_works,
    ),
    delivery(
        "va/vattenledningar.shp",
        Format::Shapefile,
        "water_pipes",
        water::WATER_PIPES,
        water::water_pipes,
    ),
    delivery(
        "va/avloppsledningar.shp",
        Format::Shapefile,
        "sewer_pipes",
        water::SEWER_PIPES,
        water::sewer_pipes,
    ),
    delivery(
        "plan/detaljplaner.fgb",
        Format::FlatGeobuf,
        "detailed_plans",
        planning::PLANS,
        planning::detailed_plans,
    ),
    delivery(
        "plan/bygglov.geojson",
        Format::GeoJson,
        "permits",
        planning::PERMITS,
        planning::permits,
    ),
    delivery(
        "plan/planerade_byggnader.geojson",
        Format::GeoJson,
        "planned_buildings",
        planning::PLANNED_BUILDINGS,
        planning::planned_buildings,
    ),
    delivery(
        "fastighet/fastighet.gpkg",
        Format::GeoPackage("fastigheter", Some("POLYGON")),
        "parcels",
        property::PARCELS,
        property::parcels,
    ),
    delivery(
        "fastighet/fastighet.gpkg",
        Format::GeoPackage("byggnader", Some("POLYGON")),
        "buildings",
        property::BUILDINGS,
        property::buildings,
    ),
    delivery(
        "fastighet/fastighet.gpkg",
        Format::GeoPackage("adresser", Some("POINT")),
        "addresses",
        property::ADDRESSES,
        property::addresses,
    ),
    delivery(
        "fastighet/fastighet.gpkg",
        Format::GeoPackage("vatten", Some("POLYGON")),
        "water_areas",
        property::WATER_AREAS,
        property::water_areas,
    ),
    delivery(
        "fastighet/fastighet.gpkg",
        Format::GeoPackage("mark", Some("POLYGON")),
        "land_cover",
        property::LAND_COVER,
        property::land_cover,
    ),
    delivery(
        "fastighet/fastighet.gpkg",
        Format::GeoPackage("trad", Some("POINT")),
        "trees",
        property::TREES,
        property::trees,
    ),
    delivery(
        "raddning/brandposter.csv",
        Format::CsvPoints,
        "hydrants",
        fire::HYDRANTS,
        fire::hydrants,
    ),
    delivery(
        "utbildning/skolor.geojson",
        Format::GeoJson,
        "schools",
        education::SCHOOLS,
        education::schools,
    ),
    delivery(
        "utbildning/upptagningsomraden.geojson",
        Format::GeoJson,
        "school_catchments",
        education::CATCHMENTS,
        education::catchments,
    ),
    delivery(
        "kultur/lokaler.geojson",
        Format::GeoJson,
        "venues",
        culture::VENUES,
        culture::venues,
    ),
];

/// Writes the samples of so many districts, one district at a time.
pub(crate) fn deliver(dir: &Path, districts: u32) -> Result<Manifest, Error> {
    for folder in [
        "gata",
        "va",
        "plan",
        "fastighet",
        "raddning",
        "utbildning",
        "kultur",
        "lidar",
        "truth",
    ] {
        let folder = dir.join(folder);
        std::fs::create_dir_all(&folder).map_err(|e| Error::io(&folder, e))?;
    }
    let deliveries = || DELIVERIES.iter();
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    let mut package: Option<(&str, GeoPackage)> = None;
    for delivery in deliveries() {
        let path = dir.join(delivery.file);
        let name = delivery.collection;
        let attributes = delivery.attributes;
        let sink: Box<dyn Sink> = match delivery.format {
            Format::GeoPackage(table, geometry) => {
                let open = match &package {
                    Some((file, open)) if *file == delivery.file => open.clone(),
                    _ => GeoPackage::create(path)?,
                };
                let sink = open.table(
                    table,
                    "Syntetiska data, Sampelstad (CC0-1.0)",
                    geometry,
                    attributes,
                )?;
                package = Some((delivery.file, open));
                Box::new(sink)
            }
            Format::GeoJson => Box::new(GeoJsonSink::create(path, name, attributes)?),
            Format::Shapefile => Box::new(ShapefileSink::create(path, attributes)?),
            Format::FlatGeobuf => Box::new(FlatGeobufSink::create(path, name, attributes)?),
            Format::CsvPoints => Box::new(CsvSink::create(path, attributes, true)?),
            Format::CsvTable => Box::new(CsvSink::create(path, attributes, false)?),
        };
        sinks.push(sink);
    }
    drop(package);

    let mut counts = vec![0_u64; sinks.len()];
    let mut entries: Vec<FileEntry> = Vec::new();
    let mut truth_files = truth::Files::create(&dir.join("truth"))?;
    let columns = f64::from(districts).sqrt().ceil() as u32;
    for district in 0..districts {
        let (column, row) = (district % columns, district / columns);
        let town = Town::new(
            SEED + u64::from(district),
            if district == 0 {
                String::new()
            } else {
                format!("D{district:03}-")
            },
            [
                ORIGIN[0] + f64::from(column) * WIDTH_M,
                ORIGIN[1] + f64::from(row) * DEPTH_M,
            ],
        );
        for ((delivery, sink), count) in deliveries().zip(&mut sinks).zip(&mut counts) {
            let records = (delivery.records)(&town);
            *count += records.len() as u64;
            sink.write(&records)?;
        }
        truth_files.write(&town)?;
        for survey in &SURVEYS {
            let stem = survey.file.trim_end_matches(".laz");
            let name = if district == 0 {
                stem.to_owned()
            } else {
                format!("{stem}_{district:03}")
            };
            let laz = format!("lidar/{name}.laz");
            let classes = format!("truth/{name}.classes");
            let points = fly(&town, survey, &dir.join(&laz), &dir.join(&classes))?;
            entries.push(FileEntry::new(laz, "EPSG:5853", Some(points), &[stem]));
            entries.push(FileEntry::new(classes, "", Some(points), &[]));
        }
    }
    for sink in sinks {
        sink.finish()?;
    }
    truth_files.finish()?;

    let mut by_file: Vec<FileEntry> = Vec::new();
    for (delivery, count) in deliveries().zip(counts) {
        let crs = match delivery.format {
            Format::GeoJson => "OGC:CRS84",
            Format::Shapefile => "EPSG:3006",
            Format::CsvTable | Format::GeoPackage(_, None) => "",
            _ => "EPSG:3014",
        };
        match by_file.last_mut() {
            Some(last) if last.path == delivery.file => last.add(delivery.collection, count),
            _ => by_file.push(FileEntry::new(
                delivery.file.to_owned(),
                crs,
                Some(count),
                &[delivery.collection],
            )),
        }
    }
    for part in ["dbf", "shx", "prj", "cpg"] {
        for name in ["vattenledningar", "avloppsledningar"] {
            by_file.push(FileEntry::new(format!("va/{name}.{part}"), "", None, &[]));
        }
    }
    entries.extend(by_file);
    for (file, crs) in [
        ("truth/ground.asc", "EPSG:5853"),
        ("truth/ground.prj", ""),
        ("truth/roof_planes.json", "EPSG:5853"),
    ] {
        entries.push(FileEntry::new(file.to_owned(), crs, None, &[]));
    }
    let twin = dir.join("twin.toml");
    std::fs::write(&twin, include_str!("../demo/twin.toml")).map_err(|e| Error::io(&twin, e))?;
    entries.push(FileEntry::new("twin.toml".to_owned(), "", None, &[]));
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    for entry in &mut entries {
        let path = dir.join(&entry.path);
        entry.sha256 = sha256_of(&path)?;
        entry.bytes = std::fs::metadata(&path)
            .map_err(|e| Error::io(&path, e))?
            .len();
    }
    let manifest = Manifest { files: entries };
    manifest.write(dir)?;
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{DATA_ORIGIN, GENERATOR};

    #[test]
    fn every_feature_of_every_layer_says_that_it_is_synthetic() {
        let town = Town::new(SEED, String::new(), ORIGIN);
        for delivery in &DELIVERIES {
            let records = (delivery.records)(&town);
            assert!(!records.is_empty(), "{}", delivery.collection);
            let names: Vec<_> = delivery.attributes.iter().map(|(name, _)| *name).collect();
            assert_eq!(
                names[names.len() - 2..],
                ["data_origin", "generator"],
                "{}",
                delivery.collection
            );
            for record in records {
                assert_eq!(record.values.len(), names.len(), "{}", delivery.collection);
                assert_eq!(record.values[names.len() - 2], Value::from(DATA_ORIGIN));
                assert_eq!(record.values[names.len() - 1], Value::from(GENERATOR));
            }
        }
    }
}
