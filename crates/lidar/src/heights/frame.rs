//! Which cells suit a survey.

use model::{Bounds, GridFrame};

/// Side of the finest cells that are chosen for a survey: half a metre shows kerbs and
/// ditches.
pub const FINEST_CELL_M: f64 = 0.5;

/// The widest that are chosen.
pub const COARSEST_CELL_M: f64 = 64.0;

/// Sides that make sense when they are asked for: finer than points lie, or coarser than a
/// hill, is a slip of the hand.
const SIDES_M: std::ops::RangeInclusive<f64> = 0.1..=100.0;

/// Cells for each point where there are points. More would be mostly interpolation, and
/// a small file of points far apart must not cost as much as a city.
pub const CELLS_PER_POINT: u64 = 2;

/// Cells that a survey may have however few points there are: half a kilometre square.
pub const CELLS_ALWAYS: u64 = 1 << 18;

/// Most cells of the box around a survey: 131 km square at half a metre, larger than any
/// municipality. What is kept of each 65,000 of them while they are written fits in memory.
pub const MAX_CELLS: u64 = 1 << 36;

/// Where a survey has points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coverage {
    /// How many.
    pub points: u64,
    /// Area of the small squares that have any, in square metres.
    pub occupied_m2: f64,
    /// Box around them.
    pub bounds: Bounds,
}

/// Why there are no cells for a survey.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoHeights {
    /// The side that was asked for makes no sense.
    #[error("cells of {side_m} m: give a side from {} to {} m", SIDES_M.start(), SIDES_M.end())]
    Side {
        /// In metres.
        side_m: f64,
    },
    /// The points lie too far apart for any terrain between them to be true, and cells for
    /// all of it would cost far more than the file.
    #[error(
        "its {points} points lie scattered over {width_m:.0} × {height_m:.0} m, which is no survey: check that it is whole and in the right CRS"
    )]
    TooScattered {
        /// All points.
        points: u64,
        /// From west to east, in metres.
        width_m: f64,
        /// From south to north, in metres.
        height_m: f64,
    },
    /// The box around the points holds more cells than the limit allows.
    #[error(
        "the box around the points measures {width_m:.0} × {height_m:.0} m, too much for cells of {cell_size_m} m: use a larger cell size, ingest the survey in parts, or remove stray points"
    )]
    TooManyCells {
        /// From west to east, in metres.
        width_m: f64,
        /// From south to north, in metres.
        height_m: f64,
        /// Side of a cell, in metres.
        cell_size_m: f64,
    },
}

/// Returns the side of the cells for a survey, in metres: the one asked for, or
/// [`FINEST_CELL_M`] doubled until there are at most [`CELLS_PER_POINT`] cells for each point
/// where there are points, or [`CELLS_ALWAYS`], and at most [`MAX_CELLS`] in the box.
///
/// # Errors
///
/// [`NoHeights`] if the side makes no sense, or none suits.
pub fn cell_size(coverage: &Coverage, asked_m: Option<f64>) -> Result<f64, NoHeights> {
    let bounds = &coverage.bounds;
    let in_box = |side: f64| (bounds.width() / side + 1.0) * (bounds.height() / side + 1.0);
    let (width_m, height_m) = (bounds.width(), bounds.height());
    if let Some(side) = asked_m {
        if !SIDES_M.contains(&side) {
            return Err(NoHeights::Side { side_m: side });
        }
        if in_box(side) > MAX_CELLS as f64 {
            return Err(NoHeights::TooManyCells {
                width_m,
                height_m,
                cell_size_m: side,
            });
        }
        return Ok(side);
    }
    let enough = CELLS_ALWAYS.max(CELLS_PER_POINT * coverage.points) as f64;
    let mut side = FINEST_CELL_M;
    while coverage.occupied_m2 / (side * side) > enough || in_box(side) > MAX_CELLS as f64 {
        side *= 2.0;
        if side > COARSEST_CELL_M {
            return Err(NoHeights::TooScattered {
                points: coverage.points,
                width_m,
                height_m,
            });
        }
    }
    Ok(side)
}

/// Returns where cells of this side lie so that they cover `bounds`.
pub fn frame(bounds: &Bounds, cell_size_m: f64) -> GridFrame {
    let cell = |v: f64| (v / cell_size_m).floor();
    let (west, east) = (cell(bounds.min_x()), cell(bounds.max_x()));
    let (south, north) = (cell(bounds.min_y()), cell(bounds.max_y()));
    GridFrame {
        west: west * cell_size_m,
        north: (north + 1.0) * cell_size_m,
        cell_size_m,
        columns: (east - west) as usize + 1,
        rows: (north - south) as usize + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coverage(points: u64, side_m: f64, occupied_m2: f64) -> Coverage {
        let bounds = Bounds::new(1000.0, -500.0, 1000.0 + side_m, -500.0 + side_m).expect("a box");
        Coverage {
            points,
            occupied_m2,
            bounds,
        }
    }

    #[test]
    fn cells_grow_until_they_suit_points_that_lie_far_apart() {
        assert_eq!(cell_size(&coverage(1000, 60.0, 3600.0), None), Ok(0.5));
        let sparse = coverage(1_000_000, 4000.0, 4000.0 * 4000.0);
        assert_eq!(cell_size(&sparse, None), Ok(4.0));
        // Points in two far corners of a country still are half a metre apart where they are.
        let corners = coverage(1_000_000, 60_000.0, 250_000.0);
        assert_eq!(cell_size(&corners, None), Ok(0.5));
    }

    #[test]
    fn a_few_points_scattered_over_a_country_are_no_survey() {
        let scattered = coverage(5000, 4e8, 5000.0 * 512.0 * 512.0);
        let refused = cell_size(&scattered, None).expect_err("no cells");
        assert!(matches!(
            refused,
            NoHeights::TooScattered { points: 5000, .. }
        ));
        assert!(refused.to_string().contains("is no survey"), "{refused}");
    }

    #[test]
    fn a_side_that_is_asked_for_is_used_if_it_makes_sense() {
        let town = coverage(1000, 60.0, 3600.0);
        assert_eq!(cell_size(&town, Some(0.3)), Ok(0.3));
        for side in [0.0, -1.0, f64::NAN, 1e9] {
            assert!(matches!(
                cell_size(&town, Some(side)),
                Err(NoHeights::Side { .. })
            ));
        }
        let country = coverage(1000, 1.5e6, 3600.0);
        let refused = cell_size(&country, Some(0.5)).expect_err("too many cells");
        assert!(
            refused.to_string().contains("larger cell size"),
            "{refused}"
        );
    }

    #[test]
    fn a_frame_has_the_cells_of_both_corners() {
        let bounds = Bounds::new(10.2, -3.0, 12.0, 4.4).expect("a box");
        let frame = frame(&bounds, 0.5);
        assert_eq!((frame.west, frame.north), (10.0, 4.5));
        assert_eq!((frame.columns, frame.rows), (5, 15));
    }
}
