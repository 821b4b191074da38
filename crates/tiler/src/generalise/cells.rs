//! Square cells that make a decision local: it depends on what lies in a cell, and an edit
//! changes it for that cell alone.

/// A grid of cells, counted from the origin of the CRS.
///
/// Sides are powers of two of the CRS's unit. So each cell of a level lies in one of the
/// level above, whichever tile matrix sets the levels are of, and what wins in a large cell
/// wins in the small one, too.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cells {
    side: f64,
}

/// Column from the west and row from the south.
pub(crate) type Cell = [i64; 2];

impl Cells {
    /// The cells whose side is `least` or up to twice as much; `least` is over zero.
    pub(crate) fn at_least(least: f64) -> Cells {
        let mut side = 2f64.powi(least.log2().ceil() as i32);
        // The logarithm is rounded: 2³⁰ + 1 would otherwise be taken for 2³⁰.
        if side < least {
            side *= 2.0;
        }
        Cells { side }
    }

    #[cfg(test)]
    pub(crate) fn side(&self) -> f64 {
        self.side
    }

    /// The cell that a place lies in, with its west and south sides.
    pub(crate) fn of(&self, place: [f64; 2]) -> Cell {
        // Exact, since dividing by a power of two is; the conversion saturates.
        place.map(|along| (along / self.side).floor() as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_side_is_the_least_power_of_two_that_suffices() {
        for (least, side) in [(8.0, 8.0), (8.1, 16.0), (0.3, 0.5), (1.0, 1.0)] {
            assert_eq!(Cells::at_least(least).side(), side);
        }
    }

    proptest! {
        #[test]
        fn a_cell_lies_in_one_cell_of_any_coarser_grid(
            a in prop::array::uniform2(-1e7..1e7),
            step in prop::array::uniform2(-50.0..50.0),
            sides in (0.1..1000.0, 0.1..1000.0),
        ) {
            let b = [a[0] + step[0], a[1] + step[1]];
            let (one, other) = (Cells::at_least(sides.0), Cells::at_least(sides.1));
            let (fine, coarse) = if one.side() < other.side() { (one, other) } else { (other, one) };
            if fine.of(a) == fine.of(b) {
                prop_assert_eq!(coarse.of(a), coarse.of(b));
            }
        }
    }
}
