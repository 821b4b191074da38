//! Pyramids come and go with the collections that they show.

use std::path::Path;

use model::{CollectionId, TileCoord};
use store::{CollectionView, Error, PutMode, PyramidDescription, Twin, check};

use crate::common::{empty_twin, numbered, put, see};

/// Nothing, compressed with gzip.
const NOTHING: [u8; 20] = [
    0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

fn things() -> CollectionId {
    CollectionId::new("things").unwrap()
}

fn tile(z: u8, x: u32, y: u32) -> TileCoord {
    TileCoord::new(z, x, y).unwrap()
}

/// Gives the collection a pyramid of one tile, said to show `version`.
fn put_pyramid(twin: &Twin, tms: &str, version: u64) -> Result<(), Error> {
    let mut change = twin.begin()?;
    let shown = [see(twin, "things")];
    let bounds = [17.0, 62.0, 18.0, 63.0];
    let description = PyramidDescription::new(&shown, tms, 2, 3..=4, bounds);
    let mut writer = change.begin_pyramid(&things(), description)?;
    writer.add(tile(3, 5, 6), &NOTHING, &[])?;
    change.put_pyramid(&things(), version, writer, Some(tms.as_bytes()))?;
    change.commit()
}

/// A twin with a collection that has pyramids in two sets.
fn tiled() -> (tempfile::TempDir, Twin) {
    let (dir, twin) = empty_twin();
    put(&twin, "things", numbered(1..9, 1), PutMode::Create);
    let version = see(&twin, "things").version();
    put_pyramid(&twin, "WebMercatorQuad", version).unwrap();
    put_pyramid(&twin, "My_Own.Set-2", version).unwrap();
    (dir, twin)
}

fn sets(collection: &CollectionView) -> Vec<String> {
    let pyramids = collection.pyramids();
    pyramids.map(|pyramid| pyramid.tms().to_owned()).collect()
}

/// Archives that lie in the twin.
fn archives(dir: &Path) -> usize {
    let files = std::fs::read_dir(dir.join("collections/things")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".pmtiles")).count()
}

#[test]
fn a_pyramid_changes_neither_the_features_nor_their_version() {
    let (dir, twin) = tiled();
    let things = see(&twin, "things");
    assert_eq!(sets(&things), ["My_Own.Set-2", "WebMercatorQuad"]);
    assert_eq!(things.version(), 1);
    let pyramid = things.pyramid("WebMercatorQuad").unwrap();
    assert_eq!((pyramid.levels(), pyramid.tiles()), (3..=4, 1));
    let found = pyramid.tile(tile(3, 5, 6)).unwrap().unwrap();
    assert_eq!(found.as_ref(), NOTHING);
    // Stored as 5/5/6, which is another tile of the set.
    for absent in [tile(3, 5, 7), tile(5, 5, 6), tile(4, 5, 6), tile(30, 0, 0)] {
        assert!(pyramid.tile(absent).unwrap().is_none(), "{absent}");
    }
    assert!(things.pyramid("SWEREF99TM").is_none());
    let report = check(dir.path()).unwrap();
    assert_eq!((report.problems.len(), report.tiles), (0, 2), "{report:?}");
    assert_eq!(report.unreferenced.len(), 0);
    // Building again puts the new in the place of the old.
    put_pyramid(&twin, "WebMercatorQuad", 1).unwrap();
    assert_eq!(archives(dir.path()), 2);
}

#[test]
fn a_change_of_the_collection_hides_its_pyramids_until_the_next_are_made_of_them() {
    let (dir, twin) = tiled();
    put(&twin, "others", numbered(1..9, 1), PutMode::Create);
    put(&twin, "things", numbered(1..9, 1), PutMode::Replace);
    put(&twin, "things", vec![], PutMode::Append);
    assert_eq!(sets(&see(&twin, "things")).len(), 2);
    let before = see(&twin, "things");

    put(&twin, "things", numbered(20..21, 2), PutMode::Append);
    let hidden = see(&twin, "things");
    assert_eq!(sets(&hidden).len(), 0);
    assert!(hidden.pyramid("WebMercatorQuad").is_none());
    let last = hidden.last_pyramid("WebMercatorQuad").unwrap();
    assert_eq!(last.imprints().unwrap(), Some(&b"WebMercatorQuad"[..]));
    let tiles: Vec<TileCoord> = last.all_tiles().unwrap().map(|t| t.unwrap().0).collect();
    assert_eq!(tiles, [tile(3, 5, 6)]);
    assert_eq!(check(dir.path()).unwrap().problems.len(), 0);
    // Who reads what was goes on reading it.
    let pyramid = before.pyramid("WebMercatorQuad").unwrap();
    assert!(pyramid.tile(tile(3, 5, 6)).unwrap().is_some());

    put_pyramid(&twin, "WebMercatorQuad", see(&twin, "things").version()).unwrap();
    assert_eq!(
        archives(dir.path()),
        2,
        "the new one, and that of the other set"
    );
    // One of other columns is of no use to anybody.
    let mut change = twin.begin().unwrap();
    let other = see(&twin, "others").meta().clone();
    let mut wider = other.clone();
    wider.id = things();
    wider.schema.columns.clear();
    change
        .put_features(wider, vec![], PutMode::Replace, "{}")
        .unwrap();
    change.commit().unwrap();
    assert_eq!(archives(dir.path()), 0);
    assert_eq!(check(dir.path()).unwrap().problems.len(), 0);
}

#[test]
fn a_pyramid_of_another_version_or_of_nothing_is_refused_and_leaves_nothing() {
    let (dir, twin) = tiled();
    let refused = |version| put_pyramid(&twin, "WebMercatorQuad", version).unwrap_err();
    assert!(
        refused(2)
            .to_string()
            .contains("has changed while its tiles were made")
    );
    let shown = [see(&twin, "things")];
    let description = || PyramidDescription::new(&shown, "Set", 0, 0..=3, [17.0, 62.0, 18.0, 63.0]);
    let mut change = twin.begin().unwrap();
    let absent = CollectionId::new("absent").unwrap();
    let error = change.begin_pyramid(&absent, description()).unwrap_err();
    assert!(
        error.to_string().contains("there is no collection absent"),
        "{error}"
    );
    let empty = change.begin_pyramid(&things(), description()).unwrap();
    let error = change.put_pyramid(&things(), 1, empty, None).unwrap_err();
    assert!(error.to_string().contains("no tile to write"), "{error}");
    let scratch = change.scratch().unwrap();
    std::fs::write(scratch.join("half"), b"done").unwrap();
    drop(change);
    assert_eq!(archives(dir.path()), 2);
    assert!(!scratch.exists());
    assert_eq!(sets(&see(&twin, "things")).len(), 2);
}

#[test]
fn what_a_killed_writer_left_goes_with_the_next_change() {
    let (dir, twin) = tiled();
    let folder = dir.path().join("collections/things");
    std::fs::write(folder.join("g00000009-1-WebMercatorQuad.pmtiles"), b"half").unwrap();
    std::fs::create_dir(dir.path().join("scratch")).unwrap();
    std::fs::write(dir.path().join("scratch/run"), b"half").unwrap();
    assert_eq!(check(dir.path()).unwrap().unreferenced.len(), 1);
    drop(twin.begin().unwrap());
    assert_eq!(archives(dir.path()), 2);
    assert!(!dir.path().join("scratch").exists());
}

#[test]
fn a_sample_is_spread_evenly_by_id() {
    let (_dir, twin) = empty_twin();
    put(&twin, "things", numbered(0..100, 1), PutMode::Create);
    put(&twin, "things", numbered(100..160, 1), PutMode::Append);
    let things = see(&twin, "things");
    let ids = |count| -> Vec<u64> {
        let sample = things.sample(count).unwrap();
        sample.map(|feature| feature.unwrap().id.get()).collect()
    };
    assert_eq!(ids(4), [0, 40, 80, 100, 140]);
    assert_eq!(ids(1000).len(), 160);
    assert_eq!(ids(0).len(), 2);
}
