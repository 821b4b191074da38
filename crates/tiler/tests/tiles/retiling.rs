//! A pyramid made with the help of an earlier one is the one made without, to the byte.

use std::path::Path;

use fixtures::{Town, collection, feature, line, point, polygon, rectangle, texts};
use geodesy::TileMatrixSet;
use model::{Access, ColumnKind, Feature};
use proptest::prelude::*;
use store::{ArchiveFormat, CollectionView, PyramidDescription, PyramidWriter, Twin};
use tiler::{
    Earlier, Error, Imprints, Polygons, PyramidLayer, PyramidOptions, PyramidSummary, TileRules,
    VectorOptions, build_pyramid,
};

/// What happens between two deliveries.
#[derive(Debug, Clone, Copy)]
enum Edit {
    Remove(usize),
    Move(usize, f64, f64),
    Rename(usize),
    Add(f64, f64),
}

fn some_edits() -> impl Strategy<Value = Vec<Edit>> {
    let which = 0..1000_usize;
    let metres = -400.0..4000.0;
    let edit = prop_oneof![
        which.clone().prop_map(Edit::Remove),
        (which.clone(), -60.0..60.0, -60.0..60.0).prop_map(|(i, x, y)| Edit::Move(i, x, y)),
        which.prop_map(Edit::Rename),
        (metres.clone(), metres).prop_map(|(x, y)| Edit::Add(x, y)),
    ];
    prop::collection::vec(edit, 0..6)
}

/// A feature of one of four kinds, by its number.
fn thing(kind: usize, number: u64, x: f64, y: f64) -> Feature {
    let n = number as f64;
    let shape = match kind {
        0 => point(x, y),
        1 => line(&[[x, y], [x + 90.0, y + n % 7.0], [x + 180.0, y]]),
        // Side by side.
        2 => rectangle(x, y, 180.0, 90.0),
        _ => polygon(&[
            [x, y],
            [x + 14.0, y + 1.0],
            [x + 13.0, y + 12.0],
            [x + 1.0, y + 11.0],
        ]),
    };
    let kind = if number % 5 < 3 { "A" } else { "B" };
    feature(number, shape, texts(&[kind, &format!("nr {number}")]))
}

/// Rows of things, some far apart, and one that reaches over all of them.
fn things(kind: usize) -> Vec<Feature> {
    let mut all: Vec<Feature> = (0..160)
        .map(|i| {
            let (row, column) = ((i / 16) as f64, (i % 16) as f64);
            let away = if i >= 120 { 2500.0 } else { 0.0 };
            thing(kind, i + 1, away + 180.0 * column, away + 90.0 * row)
        })
        .collect();
    if kind != 2 {
        all.push(feature(
            5000,
            line(&[[-300.0, -300.0], [4500.0, 3500.0]]),
            texts(&["B", "over all"]),
        ));
    }
    all
}

fn apply(edits: &[Edit], kind: usize, things: &mut Vec<Feature>) {
    for edit in edits {
        let next = things.iter().map(|thing| thing.id.get()).max().unwrap_or(0) + 1;
        let count = things.len();
        match *edit {
            Edit::Remove(i) if count > 1 => {
                things.remove(i % count);
            }
            Edit::Move(i, x, y) => {
                let thing = &mut things[i % count];
                let shape = thing.geometry.as_mut().unwrap();
                geo::Translate::translate_mut(shape, x, y);
            }
            Edit::Rename(i) => things[i % count].values[1] = texts(&["new"])[0].clone(),
            Edit::Add(x, y) => things.push(thing(kind, next, x, y)),
            Edit::Remove(_) => {}
        }
    }
}

struct Case<'a> {
    tms: &'a TileMatrixSet,
    options: PyramidOptions,
    rules: TileRules,
}

impl Case<'_> {
    fn describe(&self, collection: &CollectionView) -> PyramidDescription {
        let lonlat = [17.0, 62.0, 18.0, 63.0];
        let shift = self.tms.quad_shift();
        let levels = self.options.levels.clone();
        PyramidDescription::new(
            std::slice::from_ref(collection),
            &self.tms.id,
            shift,
            levels,
            lonlat,
        )
    }

    fn build(
        &self,
        collection: &CollectionView,
        scratch: &Path,
        earlier: Option<&Earlier>,
        writer: &mut PyramidWriter,
    ) -> (PyramidSummary, Imprints) {
        let layer = PyramidLayer {
            collection: collection.clone(),
            rules: self.rules.clone(),
        };
        let built = build_pyramid::<Error>(
            &[layer],
            self.tms,
            &self.options,
            scratch,
            earlier,
            &mut |_| {},
            &mut |tile| Ok(writer.add(tile.tile, &tile.gzip, &tile.sacrifices)?),
        )
        .unwrap();
        writer.describe_levels(built.shown);
        (built.summary, built.imprints)
    }

    /// The archive of all tiles made anew, and what is to be kept of it.
    fn whole(&self, collection: &CollectionView) -> (Vec<u8>, Imprints) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("whole.pmtiles");
        let description = self.describe(collection);
        let mut writer = PyramidWriter::create(&path, ArchiveFormat::PmTiles, description).unwrap();
        let (_, imprints) = self.build(collection, folder.path(), None, &mut writer);
        writer.finish().unwrap();
        (std::fs::read(&path).unwrap(), imprints)
    }

    /// Gives the twin a pyramid, made with the help of the one it has.
    fn retile(&self, town: &Town) -> (PyramidSummary, Imprints) {
        let twin = Twin::open(town.path()).unwrap();
        let mut change = twin.begin().unwrap();
        let collection = town.view(Access::Everything).collection("things").unwrap();
        let id = collection.meta().id.clone();
        let last = collection.last_pyramid(&self.tms.id);
        let earlier = last.map(|pyramid| Earlier::of(pyramid).unwrap());
        let mut writer = change
            .begin_pyramid(&id, self.describe(&collection))
            .unwrap();
        let scratch = change.scratch().unwrap();
        let (summary, imprints) = self.build(&collection, &scratch, earlier.as_ref(), &mut writer);
        let bytes = imprints.to_bytes();
        change
            .put_pyramid(&id, collection.version(), writer, Some(&bytes))
            .unwrap();
        change.commit().unwrap();
        (summary, imprints)
    }

    fn check(&self, kind: usize, deliveries: &[Vec<Edit>]) -> Vec<PyramidSummary> {
        let columns = [("slag", ColumnKind::Text), ("namn", ColumnKind::Text)];
        let town = Town::new("EPSG:3014");
        let mut all = things(kind);
        let mut summaries = Vec::new();
        for edits in [&vec![]].into_iter().chain(deliveries) {
            apply(edits, kind, &mut all);
            town.put(collection("things", &columns), all.clone());
            let (summary, imprints) = self.retile(&town);
            let now = town.view(Access::Everything).collection("things").unwrap();
            let (whole, kept) = self.whole(&now);
            let pyramid = now.pyramid(&self.tms.id).unwrap();
            assert!(
                pyramid.pmtiles().unwrap() == whole,
                "after {edits:?} the archive differs"
            );
            assert_eq!(imprints, kept);
            summaries.push(summary);
        }
        summaries
    }
}

fn case(tms: &str) -> Case<'_> {
    Case {
        tms: TileMatrixSet::by_id(tms).unwrap(),
        options: PyramidOptions {
            levels: if tms == "WebMercatorQuad" {
                9..=15
            } else {
                5..=11
            },
            tile: VectorOptions::default(),
            memory_bytes: 1 << 24,
        },
        rules: TileRules::default(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_edits_give_the_archive_that_all_tiles_made_anew_would(
        kind in 0..4_usize,
        as_delivered in any::<bool>(),
        label_points in any::<bool>(),
        in_sweref in any::<bool>(),
        byte_limit in prop_oneof![Just(500_000_usize), 300..3000_usize],
        deliveries in prop::collection::vec(some_edits(), 1..3),
    ) {
        let mut case = case(if in_sweref { "SWEREF99TM" } else { "WebMercatorQuad" });
        case.rules.as_delivered = as_delivered;
        case.options.tile.byte_limit = byte_limit;
        if label_points {
            case.options.tile.polygons = Polygons::LabelPoints;
        }
        case.check(kind, &deliveries);
    }
}

#[test]
fn only_tiles_around_what_changed_are_made() {
    let case = case("WebMercatorQuad");
    for kind in 0..4 {
        let summaries = case.check(kind, &[vec![Edit::Rename(3)], vec![]]);
        let [first, renamed, same] = summaries[..] else {
            panic!("three builds")
        };
        assert_eq!(first.unchanged_tiles, 0);
        let made = renamed.tiles - renamed.unchanged_tiles;
        // Those that the thing touches, with their buffers, on levels that show it.
        assert!((1..=16).contains(&made), "{made} of {}", renamed.tiles);
        assert_eq!(same.unchanged_tiles, same.tiles);
    }
}

/// What [`things`] come to as an archive of houses and one of streets.
const KNOWN: [u128; 2] = [
    0xfd0572f02a799c2d4d54e064f3c2fcec,
    0xdf8c93b2be161e7086f2b18e18f20076,
];

#[test]
fn equal_features_give_the_tiles_that_the_number_of_the_recipe_stands_for() {
    let columns = [("slag", ColumnKind::Text), ("namn", ColumnKind::Text)];
    let archive = |kind: usize| {
        let town = Town::new("EPSG:3014");
        let collection = town.put(collection("things", &columns), things(kind));
        xxhash_rust::xxh3::xxh3_128(&case("WebMercatorQuad").whole(&collection).0)
    };
    let found = [archive(3), archive(1)];
    assert!(
        found == KNOWN,
        "tiles of the same features have other bytes than before: raise WAY in \
         src/pyramid/recipe.rs, so that no pyramid keeps some of the old, and put {found:#x?} here"
    );
}

#[test]
fn another_recipe_makes_all_tiles_anew() {
    let mut case = case("WebMercatorQuad");
    let columns = [("slag", ColumnKind::Text), ("namn", ColumnKind::Text)];
    let town = Town::new("EPSG:3014");
    town.put(collection("things", &columns), things(3));
    case.retile(&town);
    let again = case.retile(&town).0;
    assert_eq!(again.unchanged_tiles, again.tiles);
    case.options.tile.byte_limit -= 1;
    assert_eq!(case.retile(&town).0.unchanged_tiles, 0);
    case.rules.as_delivered = true;
    assert_eq!(case.retile(&town).0.unchanged_tiles, 0);
    case.options.levels = 9..=14;
    assert_eq!(case.retile(&town).0.unchanged_tiles, 0);
}
