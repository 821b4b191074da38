//! Tiny polygons, such as houses seen from afar, as the footprint of their block.

use std::collections::{BTreeMap, BTreeSet};

use geo_types::{Coord, Geometry, LineString, MultiPolygon, Polygon};
use model::Feature;

use crate::clip::{ClipBox, clip_ring};
use crate::generalise::cells::Cell;
use crate::generalise::faces::{Face, outline};
use crate::generalise::grid::{self, Node};
use crate::generalise::places::{Place, Places};
use crate::generalise::polygons::Shape;
use crate::generalise::report::{Fate, Fates, Reason};
use crate::generalise::{LevelFeature, common_values};
use crate::vector::chance;

/// Sides of a cell in a pixel.
const CELLS_PER_PIXEL: f64 = 2.0;

/// Cells along a side of a neighbourhood, in which as much is filled as is built: 8 pixels.
const NEIGHBOURHOOD: i64 = 16;

/// Cells along a side of a block, which is one feature: 64 pixels.
const BLOCK: i64 = 128;

/// What is built in a block.
#[derive(Default)]
struct Block<'a> {
    members: Vec<&'a Feature>,
    /// Share of each cell that is built on.
    built: BTreeMap<Cell, f64>,
}

/// Shows tiny shapes as blocks, one feature for each block and class.
///
/// 1. A shape belongs to the block that its middle lies in.
/// 2. In each neighbourhood, as many cells are filled as have the area of what is built,
///    rounded up or down by a draw of the neighbourhood's own: over many, the area is kept.
/// 3. Those cells are filled around which most is built: gaps of a cell to either side
///    close, and single houses among fields give way.
pub(crate) fn footprints(
    shapes: &[&Shape],
    places: &Places,
    pixel_m: f64,
    shown: &mut Vec<LevelFeature>,
    fates: &mut Fates,
) {
    let side = grid::steps(pixel_m / CELLS_PER_PIXEL);
    let mut blocks: BTreeMap<(Cell, usize), Block> = BTreeMap::new();
    for shape in shapes {
        let block = cell_of(shape.middle(), side).map(|along| along.div_euclid(BLOCK));
        let entry = blocks.entry((block, shape.class)).or_default();
        entry.members.push(shape.feature);
        build(shape, places, block, side, &mut entry.built);
    }
    for block in blocks.into_values() {
        let cells = filled(&block.built);
        let id = block.members[0].id;
        for member in &block.members {
            let fate = if cells.is_empty() {
                Fate::Dropped(Reason::Tiny)
            } else {
                Fate::Merged(id)
            };
            fates.set(member.id, fate);
        }
        if !cells.is_empty() {
            shown.push(LevelFeature {
                feature: Feature {
                    id,
                    geometry: Some(Geometry::MultiPolygon(outline_of(&cells, side))),
                    values: common_values(block.members.iter().copied()),
                },
                members: block.members.iter().map(|member| member.id).collect(),
            });
        }
    }
}

fn cell_of(node: Node, side: f64) -> Cell {
    node.map(|along| (along as f64 / side).floor() as i64)
}

/// Adds the share of each cell that a shape covers.
fn build(shape: &Shape, places: &Places, block: Cell, side: f64, built: &mut BTreeMap<Cell, f64>) {
    let [low, high] = shape.bounds.map(|corner| cell_of(corner, side));
    let (mut ring, mut spare) = (Vec::new(), Vec::new());
    for column in low[0]..=high[0] {
        for row in low[1]..=high[1] {
            let corner = [column, row].map(|along| along as f64 * side);
            let cell = ClipBox {
                min: [0.0; 2],
                max: [side; 2],
            };
            let mut area = 0.0;
            for of_shape in shape.rings() {
                ring.clear();
                let nodes = places.nodes(of_shape);
                ring.extend(nodes.map(|n| [n[0] as f64 - corner[0], n[1] as f64 - corner[1]]));
                clip_ring(&mut ring, &cell, &mut spare);
                area += area_of(&ring);
            }
            // What reaches over the edge of the block is built just within it.
            let inside = [0, 1].map(|i| {
                let along = [column, row][i];
                along.clamp(block[i] * BLOCK, (block[i] + 1) * BLOCK - 1)
            });
            if area > 0.0 {
                *built.entry(inside).or_default() += area / (side * side);
            }
        }
    }
}

fn area_of(ring: &[[f64; 2]]) -> f64 {
    let ahead = ring.iter().cycle().skip(1);
    let twice: f64 = ring
        .iter()
        .zip(ahead)
        .map(|(a, b)| a[0] * b[1] - a[1] * b[0])
        .sum();
    twice / 2.0
}

/// The cells of a block to fill.
fn filled(built: &BTreeMap<Cell, f64>) -> BTreeSet<Cell> {
    // What overlaps is not built twice.
    let share = |cell: Cell| built.get(&cell).copied().unwrap_or(0.0).min(1.0);
    let mut neighbourhoods: BTreeMap<Cell, Vec<Cell>> = BTreeMap::new();
    for &cell in built.keys() {
        let neighbourhood = cell.map(|along| along.div_euclid(NEIGHBOURHOOD));
        neighbourhoods.entry(neighbourhood).or_default().push(cell);
    }
    let mut filled = BTreeSet::new();
    for (neighbourhood, cells) in neighbourhoods {
        let area: f64 = cells.iter().map(|&cell| share(cell)).sum();
        let rounded_up = area.fract() >= draw(neighbourhood);
        let count = area.floor() as usize + usize::from(rounded_up);
        // Cells that are not built on themselves may be filled, too: those between houses.
        let candidates: BTreeSet<Cell> = cells
            .iter()
            .flat_map(|&cell| around(cell))
            .filter(|cell| cell.map(|along| along.div_euclid(NEIGHBOURHOOD)) == neighbourhood)
            .collect();
        let mut ranked: Vec<([f64; 3], Cell)> = candidates
            .into_iter()
            .map(|cell| {
                let nearby: f64 = around(cell).map(share).sum();
                ([nearby + share(cell), share(cell), draw(cell)], cell)
            })
            .collect();
        ranked.sort_by(|(a, one), (b, other)| {
            let by_rank = b.partial_cmp(a).unwrap_or(std::cmp::Ordering::Equal);
            by_rank.then(one.cmp(other))
        });
        filled.extend(ranked.into_iter().take(count).map(|(_, cell)| cell));
    }
    filled
}

/// A cell and the eight around it.
fn around([column, row]: Cell) -> impl Iterator<Item = Cell> {
    (-1..=1).flat_map(move |i| (-1..=1).map(move |j| [column + i, row + j]))
}

fn draw([column, row]: Cell) -> f64 {
    chance((column as u64).rotate_left(32) ^ row as u64)
}

fn outline_of(cells: &BTreeSet<Cell>, side: f64) -> MultiPolygon<f64> {
    let squares: Vec<Vec<Node>> = cells
        .iter()
        .map(|&[x, y]| vec![[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1]])
        .collect();
    let (corners, squares) = Places::number(&squares);
    let ring = |ring: &Vec<Place>| -> LineString<f64> {
        let nodes: Vec<Node> = corners.nodes(ring).collect();
        let n = nodes.len();
        let is_corner = |i: usize| {
            let (before, after) = (nodes[(i + n - 1) % n], nodes[(i + 1) % n]);
            grid::turn(before, nodes[i], after) != 0
        };
        let corners = (0..n).filter(|&i| is_corner(i)).map(|i| {
            let [x, y] = nodes[i].map(|along| along as f64 * side / grid::steps(1.0));
            Coord { x, y }
        });
        let mut line = LineString(corners.collect());
        line.close();
        line
    };
    let polygon =
        |face: &Face| Polygon::new(ring(&face.exterior), face.holes.iter().map(ring).collect());
    let faces = outline(squares.iter().map(|square| &square[..]), &corners);
    MultiPolygon(faces.iter().map(polygon).collect())
}

#[cfg(test)]
mod tests {
    use geo::{Area, BoundingRect, Validation};
    use model::{FeatureId, Value};
    use proptest::prelude::*;

    use super::*;
    use crate::generalise::{Level, Rules, generalise};

    /// Houses of up to 12 m by 16 m, at any angle, in a town of 2 km.
    fn some_houses(most: usize) -> impl Strategy<Value = Vec<Feature>> {
        let house = (0.0..2000.0, 0.0..2000.0, 3.0..6.0, 3.0..8.0, 0.0..1.5);
        prop::collection::vec(house, 1..most).prop_map(|houses| {
            (0..)
                .zip(houses)
                .map(|(id, (x, y, a, b, turn))| house_at(id, [x, y], [a, b], turn))
                .collect()
        })
    }

    fn house_at(id: u64, [x, y]: [f64; 2], [a, b]: [f64; 2], turn: f64) -> Feature {
        let (sin, cos) = f64::sin_cos(turn);
        let corners = [(a, b), (-a, b), (-a, -b), (a, -b)].map(|(i, j)| Coord {
            x: 600_000.0 + x + i * cos - j * sin,
            y: 6_500_000.0 + y + i * sin + j * cos,
        });
        Feature {
            id: FeatureId::new(id).unwrap(),
            geometry: Some(Geometry::Polygon(Polygon::new(
                LineString(corners.into()),
                vec![],
            ))),
            values: vec![Value::Text("house".to_owned()), Value::Integer(id as i64)],
        }
    }

    fn houses() -> Rules {
        let mut rules = Rules::default();
        // Houses that happen to touch are no parcels.
        rules.polygons.coverage = Some(false);
        rules
    }

    fn shown(level: &Level) -> MultiPolygon<f64> {
        let polygons = |shown: &LevelFeature| match shown.feature.geometry.clone().unwrap() {
            Geometry::MultiPolygon(polygons) => polygons.0,
            Geometry::Polygon(polygon) => vec![polygon],
            other => panic!("not polygons: {other:?}"),
        };
        MultiPolygon(level.features.iter().flat_map(polygons).collect())
    }

    /// Area in each square of a grid counted from the CRS's origin.
    fn area_by_square(polygons: &MultiPolygon<f64>, side: f64) -> BTreeMap<Cell, f64> {
        use geo::BooleanOps;
        let mut areas = BTreeMap::new();
        let Some(bounds) = polygons.bounding_rect() else {
            return areas;
        };
        let cell = |c: Coord<f64>| [(c.x / side).floor() as i64, (c.y / side).floor() as i64];
        let (low, high) = (cell(bounds.min()), cell(bounds.max()));
        for x in low[0]..=high[0] {
            for y in low[1]..=high[1] {
                let corner = |i: i64, j: i64| Coord {
                    x: (x + i) as f64 * side,
                    y: (y + j) as f64 * side,
                };
                let square = geo_types::Rect::new(corner(0, 0), corner(1, 1)).to_polygon();
                areas.insert(
                    [x, y],
                    polygons
                        .intersection(&MultiPolygon(vec![square]))
                        .unsigned_area(),
                );
            }
        }
        areas
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn what_is_built_in_a_neighbourhood_is_shown_to_a_cell(houses_there in some_houses(150)) {
            let pixel_m = 20.0;
            let level = generalise(&houses_there, &houses(), pixel_m);
            let after = shown(&level);
            for polygon in &after {
                prop_assert!(polygon.is_valid(), "{polygon:?}");
            }
            let before: Vec<Polygon<f64>> = houses_there.iter().map(|house| {
                match house.geometry.clone().unwrap() {
                    Geometry::Polygon(polygon) => polygon,
                    other => panic!("not a polygon: {other:?}"),
                }
            }).collect();
            let before = geo::unary_union(&before);
            // Cells count as built where houses overlap, up to a whole cell: allow for it.
            let doubled: f64 = houses_there.iter().map(|house| house.geometry.as_ref().unwrap().unsigned_area()).sum::<f64>()
                - before.unsigned_area();
            let (was, is) = (area_by_square(&before, 8.0 * pixel_m), area_by_square(&after, 8.0 * pixel_m));
            // And where a house stands across the edge of a block, as the middle decides.
            let across = 16.0 * 20.0;
            for (square, area) in &was {
                let there = is.get(square).copied().unwrap_or(0.0);
                let off = (there - area).abs();
                prop_assert!(off <= pixel_m * pixel_m / 4.0 + doubled + across, "{area} became {there}");
            }
        }

        #[test]
        fn the_order_of_houses_does_not_matter(houses_there in some_houses(60)) {
            let forth = generalise(&houses_there, &houses(), 25.0);
            let mut turned = houses_there;
            turned.reverse();
            prop_assert_eq!(generalise(&turned, &houses(), 25.0), forth);
        }

        #[test]
        fn a_new_house_changes_its_own_block_alone(
            houses_there in some_houses(60),
            place in prop::array::uniform2(0.0..2000.0),
        ) {
            let pixel_m = 12.0;
            let side = 64.0 * pixel_m;
            let edit = house_at(1000, place, [4.0, 4.0], 0.0);
            let before = generalise(&houses_there, &houses(), pixel_m);
            let mut more = houses_there.clone();
            more.push(edit.clone());
            let after = generalise(&more, &houses(), pixel_m);
            let block = |geometry: &Geometry<f64>| {
                let middle = geometry.bounding_rect().unwrap().center();
                [(middle.x / side).floor(), (middle.y / side).floor()]
            };
            let edited = block(edit.geometry.as_ref().unwrap());
            let elsewhere = |level: &Level| -> Vec<LevelFeature> {
                level.features.iter()
                    .filter(|f| block(f.feature.geometry.as_ref().unwrap()) != edited)
                    .cloned().collect()
            };
            prop_assert_eq!(elsewhere(&before), elsewhere(&after));
        }
    }

    #[test]
    fn a_dense_block_is_one_footprint_and_its_gaps_are_closed() {
        // Houses of 12 m, 18 m from middle to middle, seen with pixels of 30 m.
        let houses_there: Vec<Feature> = (0..400)
            .map(|id| {
                let place = [f64::from(id % 20) * 18.0, f64::from(id / 20) * 18.0];
                house_at(u64::from(id as u32), place, [6.0, 6.0], 0.0)
            })
            .collect();
        let level = generalise(&houses_there, &houses(), 30.0);
        let (was, is) = (400.0 * 144.0, shown(&level).unsigned_area());
        assert!((was - is).abs() < 0.02 * was, "{was} became {is}");
        assert!(
            shown(&level).0.len() < 20,
            "{} pieces",
            shown(&level).0.len()
        );
        let members: usize = level.features.iter().map(|f| f.members.len()).sum();
        assert_eq!(members, 400);
        assert_eq!(
            level.features[0].feature.values[0],
            Value::Text("house".to_owned())
        );
    }

    #[test]
    fn over_many_neighbourhoods_the_area_is_kept() {
        // One house of 64 m² in each square of 400 m: under a cell of 225 m² each.
        let houses_there: Vec<Feature> = (0..1600)
            .map(|id| {
                let place = [f64::from(id % 40) * 400.0, f64::from(id / 40) * 400.0];
                house_at(u64::from(id as u32), place, [4.0, 4.0], 0.3)
            })
            .collect();
        let level = generalise(&houses_there, &houses(), 30.0);
        let (was, is) = (1600.0 * 64.0, shown(&level).unsigned_area());
        assert!((was - is).abs() < 0.1 * was, "{was} became {is}");
    }
}
