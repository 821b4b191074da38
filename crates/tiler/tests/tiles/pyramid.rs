//! A pyramid is its tiles, each as it would be made alone.

use std::collections::HashMap;

use fixtures::{Town, collection, feature, line, line_string, point, polygon, rectangle, texts};
use geo_types::{Geometry, GeometryCollection, MultiLineString, Polygon};
use geodesy::{Crs, TileMatrixSet, Transform};
use model::{ColumnKind, TileCoord};
use store::CollectionView;
use tiler::{
    BuiltTile, Error, Polygons, PyramidLayer, PyramidOptions, PyramidSummary, TileRules,
    VectorOptions, build_pyramid,
};

use crate::vector::vector_tile;

/// A town of some thousand things of every kind, some small, some over many tiles.
fn things(town: &Town) -> Vec<CollectionView> {
    let columns = [("namn", ColumnKind::Text)];
    let houses = (0..1500).map(|i| {
        let (x, y) = ((i % 40) as f64 * 23.0, (i / 40) as f64 * 19.0);
        feature(
            i,
            rectangle(x, y, 12.0, 10.0),
            texts(&[&format!("Hus {}", i % 7)]),
        )
    });
    let mixed = (0..300_u64).map(|i| {
        let n = i as f64;
        let (x, y) = (37.0 * (n * 7.0 % 40.0), 41.0 * (n * 11.0 % 30.0));
        let winding: Vec<[f64; 2]> = (0..60)
            .map(|k| {
                let k = f64::from(k);
                [
                    x + 55.0 * k * (0.3 + n % 3.0),
                    y + 90.0 * (k * 0.7 + n).sin() * (n % 5.0),
                ]
            })
            .collect();
        let shape: Geometry<f64> = match i % 6 {
            0 => point(x, y),
            1 => line(&winding),
            2 => MultiLineString::new(vec![
                line_string(&winding[..9]),
                line_string(&winding[20..]),
            ])
            .into(),
            3 => Polygon::new(
                line_string(&[
                    [x, y],
                    [x + 2000.0, y + 30.0],
                    [x + 1800.0, y + 1500.0],
                    [x, y + 900.0],
                ]),
                vec![line_string(&[
                    [x + 300.0, y + 200.0],
                    [x + 900.0, y + 700.0],
                    [x + 400.0, y + 600.0],
                ])],
            )
            .into(),
            // Crosses itself once it is cut or rounded.
            4 => polygon(&[
                [x, y],
                [x + 700.0, y + 400.0],
                [x + 690.0, y],
                [x + 5.0, y + 380.0],
            ]),
            _ => Geometry::GeometryCollection(GeometryCollection(vec![
                point(x, y),
                point(x + 900.0, y),
                line(&winding[..5]),
            ])),
        };
        feature(i * 3, shape, Vec::new())
    });
    vec![
        town.put(collection("houses", &columns), houses),
        town.put(collection("mixed", &[]), mixed),
    ]
}

/// Collections that every level shows as they were delivered.
fn as_delivered(collections: &[CollectionView]) -> Vec<PyramidLayer> {
    let of = |collection: &CollectionView| PyramidLayer {
        collection: collection.clone(),
        rules: TileRules {
            as_delivered: true,
            ..TileRules::default()
        },
    };
    collections.iter().map(of).collect()
}

fn build(
    collections: &[CollectionView],
    tms: &TileMatrixSet,
    options: &PyramidOptions,
) -> Result<(Vec<BuiltTile>, PyramidSummary), Error> {
    let folder = tempfile::tempdir().unwrap();
    let (mut tiles, mut cut) = (Vec::new(), 0);
    let built = build_pyramid::<Error>(
        &as_delivered(collections),
        tms,
        options,
        folder.path(),
        None,
        &mut |features| cut += features,
        &mut |tile| {
            tiles.push(tile);
            Ok(())
        },
    )?;
    let summary = built.summary;
    let all: u64 = collections.iter().map(|c| c.meta().feature_count).sum();
    assert_eq!(cut, all);
    assert_eq!(summary.tiles, tiles.len() as u64);
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
    Ok((tiles, summary))
}

pub(crate) fn unpacked(gzip: &[u8]) -> Vec<u8> {
    let len = u32::from_le_bytes(*gzip.last_chunk::<4>().unwrap());
    let mut bytes = vec![0; len as usize];
    libdeflater::Decompressor::new()
        .gzip_decompress(gzip, &mut bytes)
        .unwrap();
    bytes
}

/// All tiles of a level that can show something of the collections, and one more around.
fn touched(collections: &[CollectionView], tms: &TileMatrixSet, z: u8) -> Vec<TileCoord> {
    let twin = Crs::from_code("EPSG:3014").unwrap();
    let forward = Transform::new(&twin, &tms.crs).unwrap();
    let mut tiles = Vec::new();
    for collection in collections {
        let bounds = forward.bounds(&collection.meta().bounds.unwrap()).unwrap();
        let (columns, rows) = tms.tiles_over(z, &bounds).unwrap();
        for x in columns.start().saturating_sub(1)..=columns.end() + 1 {
            for y in rows.start().saturating_sub(1)..=rows.end() + 1 {
                tiles.extend(
                    TileCoord::new(z, x, y)
                        .ok()
                        .filter(|t| tms.bounds(*t).is_some()),
                );
            }
        }
    }
    tiles
}

fn options(levels: std::ops::RangeInclusive<u8>, memory_bytes: u64) -> PyramidOptions {
    PyramidOptions {
        levels,
        tile: VectorOptions::default(),
        memory_bytes,
    }
}

#[test]
fn each_tile_is_what_it_would_be_alone_and_none_is_missing() {
    let town = Town::new("EPSG:3014");
    let collections = things(&town);
    for (id, levels) in [
        ("WebMercatorQuad", 0..=15),
        ("SWEREF99TM", 3..=11),
        ("EPSG:3014", 6..=9),
    ] {
        let tms = TileMatrixSet::by_id(id).unwrap();
        let (tiles, summary) = build(&collections, tms, &options(levels.clone(), 1 << 30)).unwrap();
        assert!(summary.features > 3_000, "{id}: {summary:?}");
        let built: HashMap<TileCoord, BuiltTile> =
            tiles.into_iter().map(|tile| (tile.tile, tile)).collect();
        for z in levels {
            let mut seen = 0;
            for tile in touched(&collections, tms, z) {
                let alone =
                    vector_tile(&collections, tms, tile, &VectorOptions::default()).unwrap();
                match built.get(&tile) {
                    Some(built) => {
                        assert!(unpacked(&built.gzip) == alone.bytes, "{id} {tile}");
                        seen += 1;
                    }
                    None => assert!(alone.bytes.is_empty(), "{id} {tile} is missing"),
                }
            }
            assert!(seen > 0, "{id} {z}");
        }
    }
}

#[test]
fn neither_threads_nor_memory_change_a_byte_and_tiles_come_in_order() {
    let town = Town::new("EPSG:3014");
    let collections = things(&town);
    let tms = TileMatrixSet::by_id("WebMercatorQuad").unwrap();
    let (tiles, summary) = build(&collections, tms, &options(0..=14, 1 << 30)).unwrap();
    assert!(tiles.is_sorted_by_key(|tile| tile.tile.z()));
    for (threads, memory_bytes) in [(1, 50_000), (3, 1), (2, 300_000)] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let again = pool.install(|| build(&collections, tms, &options(0..=14, memory_bytes)));
        assert!(
            again.unwrap() == (tiles.clone(), summary),
            "{threads} threads, {memory_bytes} bytes"
        );
    }
}

#[test]
fn a_tile_over_the_limit_gives_up_what_it_would_alone() {
    let town = Town::new("EPSG:3014");
    let collections = things(&town);
    let tms = TileMatrixSet::by_id("WebMercatorQuad").unwrap();
    let tile = VectorOptions {
        byte_limit: 20_000,
        polygons: Polygons::Areas,
    };
    let small = PyramidOptions {
        tile: tile.clone(),
        ..options(12..=14, 1 << 20)
    };
    let (tiles, _) = build(&collections, tms, &small).unwrap();
    assert!(tiles.iter().any(|tile| !tile.sacrifices.is_empty()));
    for built in tiles {
        let alone = vector_tile(&collections, tms, built.tile, &tile).unwrap();
        assert!(alone.bytes.len() <= 20_000);
        assert!(unpacked(&built.gzip) == alone.bytes);
        assert_eq!(built.sacrifices, alone.sacrifices);
    }
}

#[test]
fn a_level_that_the_set_does_not_have_is_refused_and_an_error_of_the_sink_is_passed_on() {
    let town = Town::new("EPSG:3014");
    let collections = [town.put_shapes("spots", [point(1.0, 1.0)])];
    let tms = TileMatrixSet::by_id("SWEREF99TM").unwrap();
    let deepest = tms.matrices.len() as u8;
    let error = build(&collections, tms, &options(0..=deepest, 1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("SWEREF99TM has no level {deepest}")
    );
    let folder = tempfile::tempdir().unwrap();
    let error = build_pyramid::<Error>(
        &as_delivered(&collections),
        tms,
        &options(0..=2, 1),
        folder.path(),
        None,
        &mut |_| {},
        &mut |_| Err(Error::Refused("full".to_owned())),
    );
    assert_eq!(error.unwrap_err().to_string(), "full");
}
