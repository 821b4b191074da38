//! Transformations between CRSs.

use model::Bounds;

use crate::{Crs, Error};

/// A transformation from one CRS to another, in map order on both sides.
///
/// `Send`, `Sync` and cheap to clone.
#[derive(Debug, Clone)]
pub struct Transform {}

impl Transform {
    /// Returns the transformation.
    pub fn new(_from: &Crs, _to: &Crs) -> Result<Transform, Error> {
        todo!()
    }

    /// Returns whether it changes nothing.
    pub fn is_identity(&self) -> bool {
        todo!()
    }

    /// Transforms one point.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfDomain`] if the result is not finite.
    pub fn xy(&self, _point: [f64; 2]) -> Result<[f64; 2], Error> {
        todo!()
    }

    /// Transforms many points in place. On error some may have been changed.
    pub fn xy_in_place(&self, _points: &mut [[f64; 2]]) -> Result<(), Error> {
        todo!()
    }

    /// Returns a box that holds the transformed box, whose edges may be curved.
    pub fn bounds(&self, _bounds: &Bounds) -> Result<Bounds, Error> {
        todo!()
    }
}
