//! Planes through the points around each cell, by least squares.

use super::cells::Member;
use super::grid::{Grid, Window};

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

    /// Returns an elevation that the plane does not reach in a cell of this width, by more than
    /// rounding does.
    pub(super) fn highest(&self, cell_m: f32) -> f32 {
        self.z + (self.east.abs() + self.north.abs()) * cell_m / 2.0 + 0.01
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

    /// Takes the points of a cell that lies so many metres to the east.
    fn merge_from_east(&mut self, other: &Moments, dx: f64) {
        let n = other.count;
        self.count += n;
        self.x += other.x + dx * n;
        self.y += other.y;
        self.z += other.z;
        self.xx += other.xx + 2.0 * dx * other.x + dx * dx * n;
        self.xy += other.xy + dx * other.y;
        self.yy += other.yy;
        self.xz += other.xz + dx * other.z;
        self.yz += other.yz;
        self.zz += other.zz;
    }

    /// Takes the points of a cell that lies so many metres to the north.
    fn merge_from_north(&mut self, other: &Moments, dy: f64) {
        let n = other.count;
        self.count += n;
        self.x += other.x;
        self.y += other.y + dy * n;
        self.z += other.z;
        self.xx += other.xx;
        self.xy += other.xy + dy * other.x;
        self.yy += other.yy + 2.0 * dy * other.y + dy * dy * n;
        self.xz += other.xz;
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

/// Returns for each cell of `window` the plane through points within `radius` cells, if they
/// are as many as `least` and not nearly on a line. Elsewhere there are none.
///
/// `add` gives what a cell's own points that count add up to. A few rows of sums are held at
/// a time, and points are added in the same order in whatever window a cell lies.
pub(super) fn fits(
    grid: &Grid,
    window: Window,
    radius: usize,
    least: f64,
    add: impl Fn(usize, &mut Moments),
) -> Vec<Option<Plane>> {
    let mut planes = vec![None; grid.len()];
    let cell_m = f64::from(grid.cell_m);
    let wide = window.widened(radius, grid);
    let (west, east) = wide.columns;
    let width = window.columns.1 - window.columns.0;
    // The sums of a row's cells, and those along the last rows, each in its turn.
    let mut own = vec![Moments::default(); east - west];
    let height = 2 * radius + 1;
    let mut along = vec![Moments::default(); height * width];
    for row in wide.rows.0..window.rows.1 + radius {
        if row < wide.rows.1 {
            for (sum, column) in own.iter_mut().zip(west..) {
                *sum = Moments::default();
                add(grid.at(column, row), sum);
            }
            let line = &mut along[row % height * width..][..width];
            for (sum, column) in line.iter_mut().zip(window.columns.0..) {
                *sum = Moments::default();
                let near = column.saturating_sub(radius).max(west)..(column + radius + 1).min(east);
                for from in near {
                    let other = &own[from - west];
                    if other.count > 0.0 {
                        sum.merge_from_east(other, (from as f64 - column as f64) * cell_m);
                    }
                }
            }
        }
        let Some(done) = row.checked_sub(radius).filter(|&row| row >= window.rows.0) else {
            continue;
        };
        let near = done.saturating_sub(radius)..(done + radius + 1).min(wide.rows.1);
        let lines: Vec<(f64, &[Moments])> = near
            .map(|from| {
                let line = &along[from % height * width..][..width];
                ((from as f64 - done as f64) * cell_m, line)
            })
            .collect();
        let planes = &mut planes[grid.at(window.columns.0, done)..][..width];
        for (i, plane) in planes.iter_mut().enumerate() {
            let mut sum = Moments::default();
            for (dy, line) in &lines {
                if line[i].count > 0.0 {
                    sum.merge_from_north(&line[i], *dy);
                }
            }
            *plane = sum.plane(least);
        }
    }
    planes
}
