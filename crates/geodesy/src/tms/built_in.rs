//! The sets that every twin has.

use super::{TileMatrix, TileMatrixSet};
use crate::Crs;

/// Half the world in Web Mercator, in metres: π times the radius.
pub(super) const HALF_WORLD_M: f64 = 20_037_508.342_789_244;

/// All of them, that of Web Mercator first.
pub(super) fn built_in() -> Vec<TileMatrixSet> {
    let mut sets = vec![
        web_mercator_quad(),
        swedish("SWEREF99TM", "SWEREF 99 TM", 3006, -1_200_000.0),
    ];
    // EPSG's order of the zones.
    const ZONES: [&str; 12] = [
        "12 00", "13 30", "15 00", "16 30", "18 00", "14 15", "15 45", "17 15", "18 45", "20 15",
        "21 45", "23 15",
    ];
    for (zone, code) in ZONES.into_iter().zip(3007..) {
        let id = format!("SWEREF99{}", zone.replace(' ', ""));
        // No set for the zones is agreed upon anywhere. Ours has the levels and the rows
        // of SWEREF99TM, and is centred on the zone's meridian (E 150 000) to a round
        // number: 2 100 km to either side, so that all of Sweden lies in each zone's
        // set, however far a municipality's data stray from its zone, and every
        // corner of a tile down to level 12 is a whole number of metres.
        sets.push(swedish(
            &id,
            &format!("SWEREF 99 {zone}"),
            code,
            -1_950_000.0,
        ));
    }
    sets
}

/// `WebMercatorQuad` of the OGC registry, levels 0 to 24.
fn web_mercator_quad() -> TileMatrixSet {
    let matrices = (0..=24)
        .map(|z| {
            let count = 1_u32 << z;
            TileMatrix {
                cell_size: 2.0 * HALF_WORLD_M / 256.0 / f64::from(count),
                origin: [-HALF_WORLD_M, HALF_WORLD_M],
                tile_size_px: 256,
                columns: count,
                rows: count,
            }
        })
        .collect();
    TileMatrixSet {
        id: "WebMercatorQuad".to_owned(),
        title: "Google Maps Compatible for the World".to_owned(),
        uri: Some("http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad".to_owned()),
        crs: known_crs("EPSG:3857"),
        first_z: 0,
        matrices,
    }
}

/// A set with the resolutions of `SWEREF99TM`: 4096 m at level 0, 1 m at level 12,
/// and on to 6.25 cm at level 16 for what drones see.
fn swedish(id: &str, title: &str, code: u32, west_m: f64) -> TileMatrixSet {
    const NORTH_M: f64 = 8_500_000.0;
    let matrices = (0..=16)
        .map(|z: i32| TileMatrix {
            cell_size: 4096.0 / 2_f64.powi(z),
            origin: [west_m, NORTH_M],
            tile_size_px: 256,
            columns: 4 << z,
            rows: 4 << z,
        })
        .collect();
    TileMatrixSet {
        id: id.to_owned(),
        title: title.to_owned(),
        uri: None,
        crs: known_crs(&format!("EPSG:{code}")),
        first_z: 0,
        matrices,
    }
}

pub(super) fn known_crs(code: &str) -> Crs {
    Crs::from_code(code).expect("the database that the binary carries knows the CRS")
}
