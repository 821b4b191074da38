//! How deep a pyramid goes when nobody says.

use fixtures::{Town, collection, feature, line, point};
use geodesy::TileMatrixSet;
use model::{Access, Feature, GeometryKind};

/// The deepest level of a collection of these, in two sets.
fn deepest(kind: GeometryKind, features: impl IntoIterator<Item = Feature>) -> [u8; 2] {
    let town = Town::new("EPSG:3014");
    let mut things = collection("things", &[]);
    things.schema.geometry = kind;
    town.put(things, features);
    let view = town.view(Access::Everything);
    let things = view.collection("things").unwrap();
    ["WebMercatorQuad", "SWEREF99TM"].map(|id| {
        let set = TileMatrixSet::by_id(id).unwrap();
        tiler::deepest_level(&things, set).unwrap()
    })
}

/// Lines whose vertices lie so far apart.
fn lines(step_m: f64) -> [u8; 2] {
    let features = (0..50_u32).map(|n| {
        let places: Vec<_> = (0..20)
            .map(|i| [f64::from(i) * step_m, f64::from(n)])
            .collect();
        feature(u64::from(n) + 1, line(&places), vec![])
    });
    deepest(GeometryKind::Line, features)
}

#[test]
fn lines_are_shown_to_a_sixteenth_of_the_distance_between_vertices() {
    // At 62.4 degrees north a metre is 2.16 units of Web Mercator, where a tile unit of
    // level z is 9784 / 2^z, and a little over one of SWEREF 99 TM, where it is 256 / 2^z.
    // 10 m apart: 1.35 and 0.625 units.
    assert_eq!(lines(10.0), [13, 9]);
    assert_eq!(lines(20.0), [12, 8]);
    assert_eq!(lines(9.0), [13, 9]);
    // A middle value counts, not the shortest.
    let mut places: Vec<_> = (0..20).map(|i| [f64::from(i) * 10.0, 0.0]).collect();
    places.push([190.0, 0.001]);
    let one = feature(1, line(&places), vec![]);
    assert_eq!(deepest(GeometryKind::Line, [one]), [13, 9]);
}

#[test]
fn points_are_shown_to_a_sixteenth_of_the_distance_to_their_neighbours() {
    let grid = |step_m: f64| {
        let places = (0..400_u32).map(move |n| (n, f64::from(n % 20), f64::from(n / 20)));
        let features = places
            .map(move |(n, x, y)| feature(u64::from(n) + 1, point(x * step_m, y * step_m), vec![]));
        deepest(GeometryKind::Point, features)
    };
    assert_eq!(grid(20.0), [12, 8]);
    assert_eq!(grid(160.0), [9, 5]);
}

#[test]
fn the_deepest_level_lies_between_4_and_16() {
    assert_eq!(lines(0.01), [16, 16]);
    assert_eq!(lines(30_000.0), [4, 4]);
    let alone = feature(1, point(5.0, 5.0), vec![]);
    assert_eq!(deepest(GeometryKind::Point, [alone]), [4, 4]);
    // Two points in one place have no distance.
    let twice = [1, 2].map(|n| feature(n, point(5.0, 5.0), vec![]));
    assert_eq!(deepest(GeometryKind::Point, twice), [4, 4]);
}
