//! Planes through the points around each cell, by least squares.

use super::cells::{Cells, Member};
use super::grid::Window;

/// What a plane through points needs of them, from the middle of a cell.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moments {
    pub(super) count: f64,
    x: f64,
    y: f64,
    z: f64,
    xx: f64,
    xy: f64,
    yy: f64,
    xz: f64,
    yz: f64,
    zz: f64,
}

/// z = `z` + `east` · x + `north` · y, from the middle of a cell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plane {
    pub(super) z: f32,
    pub(super) east: f32,
    pub(super) north: f32,
    /// Root of the mean square of what the points differ from it, in metres.
    pub(super) spread_m: f32,
}

impl Plane {
    /// Returns how far a point of the plane's own cell lies above it.
    pub(super) fn above(&self, member: &Member) -> f32 {
        member.z - self.z - self.east * member.east_m - self.north * member.north_m
    }

    /// Returns the plane as seen from the middle of another cell, so many metres off.
    pub(super) fn moved(self, east_m: f32, north_m: f32) -> Plane {
        Plane {
            z: self.z + self.east * east_m + self.north * north_m,
            ..self
        }
    }

    pub(super) fn slope(&self) -> f32 {
        (self.east * self.east + self.north * self.north).sqrt()
    }
}

impl Moments {
    pub(super) fn add(&mut self, member: &Member) {
        self.add_at(member.east_m, member.north_m, member.z);
    }

    pub(super) fn add_at(&mut self, east_m: f32, north_m: f32, z: f32) {
        let (x, y, z) = (f64::from(east_m), f64::from(north_m), f64::from(z));
        self.count += 1.0;
        self.x += x;
        self.y += y;
        self.z += z;
        self.xx += x * x;
        self.xy += x * y;
        self.yy += y * y;
        self.xz += x * z;
        self.yz += y * z;
        self.zz += z * z;
    }

    /// Returns the mean elevation.
    pub(super) fn mean(&self) -> f32 {
        (self.z / self.count) as f32
    }

    /// Takes the points of a cell that lies so many metres off.
    fn merge(&mut self, other: &Moments, dx: f64, dy: f64) {
        let n = other.count;
        self.count += n;
        self.x += other.x + dx * n;
        self.y += other.y + dy * n;
        self.z += other.z;
        self.xx += other.xx + 2.0 * dx * other.x + dx * dx * n;
        self.xy += other.xy + dx * other.y + dy * other.x + dx * dy * n;
        self.yy += other.yy + 2.0 * dy * other.y + dy * dy * n;
        self.xz += other.xz + dx * other.z;
        self.yz += other.yz + dy * other.z;
        self.zz += other.zz;
    }

    /// Returns the plane nearest to the points; none if they are fewer than `min_count` or
    /// nearly on a line.
    pub(super) fn plane(&self, min_count: f64) -> Option<Plane> {
        let n = self.count;
        if n < min_count.max(3.0) {
            return None;
        }
        let (mx, my, mz) = (self.x / n, self.y / n, self.z / n);
        let cxx = self.xx / n - mx * mx;
        let cxy = self.xy / n - mx * my;
        let cyy = self.yy / n - my * my;
        let cxz = self.xz / n - mx * mz;
        let cyz = self.yz / n - my * mz;
        let czz = self.zz / n - mz * mz;
        let determinant = cxx * cyy - cxy * cxy;
        let size = cxx + cyy;
        if determinant <= 0.01 * size * size {
            return None;
        }
        let east = (cxz * cyy - cyz * cxy) / determinant;
        let north = (cyz * cxx - cxz * cxy) / determinant;
        let variance = (czz - east * cxz - north * cyz).max(0.0) * n / (n - 2.0).max(1.0);
        Some(Plane {
            z: (mz - east * mx - north * my) as f32,
            east: east as f32,
            north: north as f32,
            spread_m: variance.sqrt() as f32,
        })
    }
}

/// Returns for each cell of `window` the moments of the members that `of` picks, within
/// `radius` cells. Elsewhere they are empty.
pub(super) fn sums(
    cells: &Cells,
    window: Window,
    radius: usize,
    of: impl Fn(usize, &Member) -> bool,
) -> Vec<Moments> {
    let wide = window.widened(radius, &cells.grid);
    let mut own = vec![Moments::default(); cells.grid.len()];
    for (column, row) in wide.cells() {
        let cell = cells.grid.at(column, row);
        for member in cells.of(cell).iter().filter(|member| of(cell, member)) {
            own[cell].add(member);
        }
    }
    let cell_m = f64::from(cells.grid.cell_m);
    let reach = radius as isize;
    let shifted =
        |from: usize, by: isize, end: usize| from.checked_add_signed(by).filter(|&to| to < end);
    let mut along = vec![Moments::default(); cells.grid.len()];
    for row in wide.rows.0..wide.rows.1 {
        for column in window.columns.0..window.columns.1 {
            let into = &mut along[row * cells.grid.columns + column];
            for by in -reach..=reach {
                if let Some(column) = shifted(column, by, cells.grid.columns) {
                    into.merge(&own[cells.grid.at(column, row)], by as f64 * cell_m, 0.0);
                }
            }
        }
    }
    own.fill(Moments::default());
    for (column, row) in window.cells() {
        let into = &mut own[row * cells.grid.columns + column];
        for by in -reach..=reach {
            if let Some(row) = shifted(row, by, cells.grid.rows) {
                into.merge(&along[cells.grid.at(column, row)], 0.0, by as f64 * cell_m);
            }
        }
    }
    own
}
