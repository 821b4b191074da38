//! Terrain where nothing was measured.

use spade::{DelaunayTriangulation, HasPosition, Point2, Triangulation};

use super::ground::Ground;
use super::window::Window;
use super::{GAP_M, HEIGHTS_HALO_M, MAX_RADIUS_M, distance};
use crate::morphology::close;

/// A cell with ground at the edge of a void.
struct Corner {
    place: Point2<f64>,
    z: f64,
}

impl HasPosition for Corner {
    type Scalar = f64;

    fn position(&self) -> Point2<f64> {
        self.place
    }
}

/// Returns terrain and distance of the block's own cells, from what was measured of the
/// ground and from where there are returns in all cells.
pub(super) fn fill(window: &Window, ground: &Ground, has_return: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let gap = (GAP_M / window.cell_m).round().max(1.0) as usize;
    let seen = window.core_of(&close(has_return, window.columns, gap));
    let mut terrain = window.core_of(&ground.values);
    let own = window.core_columns().len();
    let is_void = |terrain: &[f32], at: usize| terrain[at].is_nan() && seen[at] > 0.0;
    let zero_if_known = |value: &f32| if value.is_nan() { f32::NAN } else { 0.0 };
    let mut distance: Vec<f32> = terrain.iter().map(zero_if_known).collect();
    let voids: Vec<usize> = (0..terrain.len())
        .filter(|&at| is_void(&terrain, at))
        .collect();
    if voids.is_empty() {
        return (terrain, distance);
    }
    interpolate(window, ground, &mut |column, row, z| {
        let at = row * own + column;
        if is_void(&terrain, at) {
            terrain[at] = z as f32;
        }
    });
    let nearest = distance::nearest(window, &ground.values);
    for at in voids {
        if let Some((c, r)) = nearest[at] {
            let (column, row) = (at % own + window.margin, at / own + window.margin);
            let away = |a: usize, b: u32| (a as f64 - f64::from(b)) * window.cell_m;
            let metres = away(column, c).hypot(away(row, r));
            if metres <= HEIGHTS_HALO_M {
                distance[at] = metres as f32;
                if terrain[at].is_nan() {
                    terrain[at] = ground.values[r as usize * window.columns + c as usize];
                }
            }
        }
    }
    (terrain, distance)
}

/// Gives `take` the elevations of all small triangles, in the middles of the block's own
/// cells, by column and row among these.
fn interpolate(window: &Window, ground: &Ground, take: &mut dyn FnMut(usize, usize, f64)) {
    let (columns, rows) = (window.columns, window.rows);
    let mut corners = Vec::new();
    for row in 0..rows {
        for column in 0..columns {
            let centre = ground.centres[row * columns + column];
            if !centre.z.is_nan() && is_at_a_void(window, &ground.values, column, row) {
                let [x, y] = window.middle(column, row);
                corners.push(Corner {
                    place: Point2::new(x + f64::from(centre.east_m), y + f64::from(centre.north_m)),
                    z: centre.z,
                });
            }
        }
    }
    // Coordinates are finite, and those of a survey neither huge nor tiny: none is refused.
    let Ok(net) = DelaunayTriangulation::<Corner>::bulk_load(corners) else {
        return;
    };
    for face in net.inner_faces() {
        let (_, squared_radius) = face.circumcircle();
        if squared_radius > MAX_RADIUS_M * MAX_RADIUS_M {
            continue;
        }
        let corners = face.vertices().map(|vertex| {
            let corner = vertex.data();
            [corner.place.x, corner.place.y, corner.z]
        });
        within(window, corners, take);
    }
}

/// Whether a cell has a neighbour without ground.
fn is_at_a_void(window: &Window, ground: &[f32], column: usize, row: usize) -> bool {
    let (columns, rows) = (window.columns, window.rows);
    (row.saturating_sub(1)..=(row + 1).min(rows - 1)).any(|r| {
        let line = &ground[r * columns..(r + 1) * columns];
        line[column.saturating_sub(1)..=(column + 1).min(columns - 1)]
            .iter()
            .any(|value| value.is_nan())
    })
}

/// Gives `take` the plane through three corners in the middles of the cells between them.
fn within(window: &Window, corners: [[f64; 3]; 3], take: &mut dyn FnMut(usize, usize, f64)) {
    let [a, b, c] = corners;
    let area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]);
    let [west, north] = window.middle(window.margin, window.margin);
    let lattice =
        corners.map(|[x, y, _]| [(x - west) / window.cell_m, (north - y) / window.cell_m]);
    let ends = |axis: usize, cells: usize| {
        let values = lattice.map(|place| place[axis]);
        let low = values.into_iter().fold(f64::INFINITY, f64::min);
        let high = values.into_iter().fold(f64::NEG_INFINITY, f64::max);
        // A corner may be the middle of a cell, to within rounding.
        (low - 1e-6).ceil().max(0.0) as usize
            ..((high + 1e-6).floor() + 1.0).clamp(0.0, cells as f64) as usize
    };
    let columns = ends(0, window.core_columns().len());
    for row in ends(1, window.core_rows().len()) {
        for column in columns.clone() {
            let [x, y] = window.middle(column + window.margin, row + window.margin);
            let share = |p: [f64; 3], q: [f64; 3]| {
                ((p[0] - x) * (q[1] - y) - (q[0] - x) * (p[1] - y)) / area
            };
            let shares = [share(b, c), share(c, a), share(a, b)];
            if shares.iter().all(|&share| share >= -1e-9) {
                let z = shares[0] * a[2] + shares[1] * b[2] + shares[2] * c[2];
                take(column, row, z);
            }
        }
    }
}
