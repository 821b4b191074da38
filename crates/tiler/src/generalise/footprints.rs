//! Tiny polygons, such as houses seen from afar, as the footprint of their block.

use std::collections::BTreeMap;

use geo_types::{Coord, Geometry, LineString, MultiPolygon, Polygon};
use model::Feature;

use crate::clip::{ClipBox, clip_ring};
use crate::generalise::cells::Cell;
use crate::generalise::faces::{Face, outline_of};
use crate::generalise::grid::{self, Node};
use crate::generalise::places::{Place, Places};
use crate::generalise::report::{Fate, Fates, Reason};
use crate::generalise::shape::Shape;
use crate::generalise::{LevelFeature, common_values};
use crate::vector::chance;

/// Sides of a cell in a pixel.
const CELLS_PER_PIXEL: f64 = 2.0;

/// Cells along a side of a neighbourhood, in which as much is filled as is built: 8 pixels.
const NEIGHBOURHOOD: i64 = 16;

/// Cells along a side of a block, which is one feature: 64 pixels.
const BLOCK: i64 = 128;

/// Shows tiny shapes, each of one feature, as blocks, one feature for each block and class.
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
    let mut blocks: BTreeMap<(Cell, usize), Vec<&Shape>> = BTreeMap::new();
    for &shape in shapes {
        let block = cell_of(shape.middle(), side).map(|along| along.div_euclid(BLOCK));
        let of_block = blocks.entry((block, shape.class)).or_default();
        of_block.push(shape);
    }
    let mut raster = Raster::new();
    for ((block, _), shapes) in blocks {
        raster.clear(block);
        for shape in &shapes {
            raster.build(shape, places, side);
        }
        raster.fill();
        let is_empty = raster.filled.is_empty();
        let features = || {
            shapes
                .iter()
                .flat_map(|shape| shape.members.iter().copied())
        };
        let id = shapes[0].members[0].id;
        for feature in features() {
            let fate = if is_empty {
                Fate::Dropped(Reason::Tiny)
            } else {
                Fate::Merged(id)
            };
            fates.set(feature.id, fate);
        }
        if !is_empty {
            shown.push(LevelFeature {
                feature: Feature {
                    id,
                    geometry: Some(Geometry::MultiPolygon(raster.outline(side))),
                    values: common_values(features()),
                },
                members: features().map(|feature| feature.id).collect(),
            });
        }
    }
}

fn cell_of(node: Node, side: f64) -> Cell {
    node.map(|along| (along as f64 / side).floor() as i64)
}

/// The cells of a block, used for one after the other.
struct Raster {
    /// Column and row of its south-west cell.
    corner: Cell,
    /// Share of each cell that is built on, column by column.
    built: Vec<f64>,
    /// Cells of which any is.
    touched: Vec<[u8; 2]>,
    is_filled: Vec<bool>,
    filled: Vec<[u8; 2]>,
    /// Corners of cells, counted from that of the block.
    corners: Places,
    ring: Vec<[f64; 2]>,
    spare: Vec<[f64; 2]>,
}

/// Cells along a side of a neighbourhood.
const SIDE: usize = NEIGHBOURHOOD as usize;

/// Corners along a side of a block.
const CORNERS: i64 = BLOCK + 1;

fn number([column, row]: [u8; 2]) -> usize {
    usize::from(column) * BLOCK as usize + usize::from(row)
}

impl Raster {
    fn new() -> Raster {
        let corners = (0..CORNERS).flat_map(|x| (0..CORNERS).map(move |y| [x, y]));
        Raster {
            corner: [0, 0],
            built: vec![0.0; (BLOCK * BLOCK) as usize],
            touched: Vec::new(),
            is_filled: vec![false; (BLOCK * BLOCK) as usize],
            filled: Vec::new(),
            corners: Places::number(&[corners.collect()]).0,
            ring: Vec::new(),
            spare: Vec::new(),
        }
    }

    fn clear(&mut self, block: Cell) {
        self.corner = block.map(|along| along * BLOCK);
        for cell in self.touched.drain(..) {
            self.built[number(cell)] = 0.0;
        }
        for cell in self.filled.drain(..) {
            self.is_filled[number(cell)] = false;
        }
    }

    /// Adds the share of each cell that a shape covers.
    fn build(&mut self, shape: &Shape, places: &Places, side: f64) {
        let [low, high] = shape.bounds.map(|corner| cell_of(corner, side));
        for column in low[0]..=high[0] {
            for row in low[1]..=high[1] {
                let corner = [column, row].map(|along| along as f64 * side);
                let cell = ClipBox {
                    min: [0.0; 2],
                    max: [side; 2],
                };
                let mut area = 0.0;
                if low == high {
                    // Seen from far away, most lie in one cell.
                    area = shape.area * grid::steps(1.0) * grid::steps(1.0);
                } else {
                    for of_shape in shape.rings() {
                        self.ring.clear();
                        let nodes = places.nodes(of_shape);
                        let local =
                            nodes.map(|n| [n[0] as f64 - corner[0], n[1] as f64 - corner[1]]);
                        self.ring.extend(local);
                        clip_ring(&mut self.ring, &cell, &mut self.spare);
                        area += area_of(&self.ring);
                    }
                }
                if area > 0.0 {
                    // What reaches over the edge of the block is built just within it.
                    let inside = [0, 1].map(|i| {
                        let along = [column, row][i] - self.corner[i];
                        along.clamp(0, BLOCK - 1) as u8
                    });
                    let built = &mut self.built[number(inside)];
                    if *built == 0.0 {
                        self.touched.push(inside);
                    }
                    *built += area / (side * side);
                }
            }
        }
    }

    /// What of a cell is built on; what overlaps is not built twice.
    fn share(&self, cell: [u8; 2]) -> f64 {
        self.built[number(cell)].min(1.0)
    }

    /// Chooses the cells to fill.
    fn fill(&mut self) {
        let neighbourhood_of = |cell: [u8; 2]| cell.map(|along| along / NEIGHBOURHOOD as u8);
        self.touched
            .sort_unstable_by_key(|&cell| (neighbourhood_of(cell), cell));
        let mut ranked: Vec<([f64; 3], [u8; 2])> = Vec::new();
        for cells in self
            .touched
            .chunk_by(|a, b| neighbourhood_of(*a) == neighbourhood_of(*b))
        {
            let neighbourhood = neighbourhood_of(cells[0]);
            let area: f64 = cells.iter().map(|&cell| self.share(cell)).sum();
            let of_all = [0, 1]
                .map(|i| self.corner[i].div_euclid(NEIGHBOURHOOD) + i64::from(neighbourhood[i]));
            let rounded_up = area.fract() >= draw(of_all);
            let count = area.floor() as usize + usize::from(rounded_up);
            if count == 0 {
                continue;
            }
            // Cells that are not built on themselves may be filled, too: those between houses.
            ranked.clear();
            let side = NEIGHBOURHOOD as u8;
            let nearby = self.nearby(neighbourhood);
            for (column, nearby) in (0..side).zip(&nearby) {
                for (row, &nearby) in (0..side).zip(nearby) {
                    if nearby > 0.0 {
                        let [west, south] = neighbourhood.map(|along| along * side);
                        let cell = [west + column, south + row];
                        let of_all = [0, 1].map(|i| self.corner[i] + i64::from(cell[i]));
                        let share = self.share(cell);
                        ranked.push(([nearby + share, share, draw(of_all)], cell));
                    }
                }
            }
            if count < ranked.len() {
                ranked.select_nth_unstable_by(count, |(a, one), (b, other)| {
                    let by_rank = b.partial_cmp(a).unwrap_or(std::cmp::Ordering::Equal);
                    by_rank.then(one.cmp(other))
                });
            }
            self.filled
                .extend(ranked.iter().take(count).map(|(_, cell)| *cell));
        }
        for &cell in &self.filled {
            self.is_filled[number(cell)] = true;
        }
    }

    /// For each cell of a neighbourhood, how much is built on it and the eight around it, as far
    /// as they lie in the block.
    fn nearby(&self, neighbourhood: [u8; 2]) -> [[f64; SIDE]; SIDE] {
        let first = neighbourhood.map(|along| i64::from(along) * NEIGHBOURHOOD - 1);
        let mut shares = [[0.0; SIDE + 2]; SIDE + 2];
        for (column, shares) in (first[0]..).zip(&mut shares) {
            for (row, share) in (first[1]..).zip(shares) {
                if [column, row].iter().all(|along| (0..BLOCK).contains(along)) {
                    *share = self.share([column as u8, row as u8]);
                }
            }
        }
        let of_column = shares.map(|shares| {
            std::array::from_fn::<f64, SIDE, _>(|row| {
                shares[row] + shares[row + 1] + shares[row + 2]
            })
        });
        std::array::from_fn(|column| {
            std::array::from_fn(|row| {
                of_column[column][row] + of_column[column + 1][row] + of_column[column + 2][row]
            })
        })
    }

    /// The outline of what is filled, in coordinates.
    fn outline(&self, side: f64) -> MultiPolygon<f64> {
        let is_filled = |[x, y]: [i64; 2]| {
            let is_inside = (0..BLOCK).contains(&x) && (0..BLOCK).contains(&y);
            is_inside && self.is_filled[(x * BLOCK + y) as usize]
        };
        let place = |[x, y]: [i64; 2]| (x * CORNERS + y) as Place;
        let mut edges = Vec::new();
        for cell in &self.filled {
            let [x, y] = cell.map(i64::from);
            // Each side with the cell on its left, and what lies beyond it.
            for (from, to, beyond) in [
                ([x, y], [x + 1, y], [x, y - 1]),
                ([x + 1, y], [x + 1, y + 1], [x + 1, y]),
                ([x + 1, y + 1], [x, y + 1], [x, y + 1]),
                ([x, y + 1], [x, y], [x - 1, y]),
            ] {
                if !is_filled(beyond) {
                    edges.push((place(from), place(to)));
                }
            }
        }
        let ring = |ring: &Vec<Place>| -> LineString<f64> {
            let nodes: Vec<Node> = self.corners.nodes(ring).collect();
            let n = nodes.len();
            let is_corner = |i: usize| {
                let (before, after) = (nodes[(i + n - 1) % n], nodes[(i + 1) % n]);
                grid::turn(before, nodes[i], after) != 0
            };
            let corners = (0..n).filter(|&i| is_corner(i)).map(|i| {
                let [x, y] = [0, 1].map(|axis| {
                    let along = nodes[i][axis] + self.corner[axis];
                    along as f64 * side / grid::steps(1.0)
                });
                Coord { x, y }
            });
            let mut line = LineString(corners.collect());
            line.close();
            line
        };
        let polygon =
            |face: &Face| Polygon::new(ring(&face.exterior), face.holes.iter().map(ring).collect());
        let faces = outline_of(edges, &self.corners);
        MultiPolygon(faces.iter().map(polygon).collect())
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

fn draw([column, row]: Cell) -> f64 {
    chance((column as u64).rotate_left(32) ^ row as u64)
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
        Rules {
            // Houses that happen to touch are no parcels.
            coverage: Some(false),
            ..Rules::default()
        }
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
