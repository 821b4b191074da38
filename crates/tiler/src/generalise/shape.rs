//! Polygons on the grid: those of a feature, or of several that were dissolved.

use geo_types::{LineString, MultiPolygon, Polygon};
use model::Feature;

use crate::generalise::faces::Face;
use crate::generalise::grid::Node;
use crate::generalise::places::{Place, Places};

/// The polygons of a feature, or of several that were dissolved.
pub(crate) struct Shape<'a> {
    /// The features, in the order of their ids.
    pub(crate) members: Vec<&'a Feature>,
    /// Those of them whose id and values it has, where it is not all: of the ones that took
    /// the others in.
    pub(crate) owners: Option<Vec<&'a Feature>>,
    pub(crate) class: usize,
    /// Of each polygon: its exterior, which turns to the left, and its holes, which turn to
    /// the right. None repeats its first place.
    pub(crate) polygons: Vec<Vec<Vec<Place>>>,
    /// What it covers.
    pub(crate) faces: Vec<Face>,
    /// In square units of the CRS.
    pub(crate) area: f64,
    /// Its south-west and its north-east corner.
    pub(crate) bounds: [Node; 2],
}

impl<'a> Shape<'a> {
    /// The features whose id and values it has, in the order of their ids.
    pub(crate) fn named_by(&self) -> &[&'a Feature] {
        self.owners.as_ref().unwrap_or(&self.members)
    }

    pub(crate) fn rings(&self) -> impl Iterator<Item = &[Place]> + Clone {
        self.polygons.iter().flatten().map(|ring| &ring[..])
    }

    /// The middle of its bounds.
    pub(crate) fn middle(&self) -> Node {
        let [low, high] = self.bounds;
        [0, 1].map(|i| (low[i] + high[i]).div_euclid(2))
    }
}

/// Polygons in the CRS.
pub(crate) fn to_geo(faces: &[Face], places: &Places) -> MultiPolygon<f64> {
    let closed = |ring: &Vec<Place>| -> LineString<f64> {
        let mut line = places.line(ring);
        line.close();
        line
    };
    let polygon = |face: &Face| {
        Polygon::new(
            closed(&face.exterior),
            face.holes.iter().map(closed).collect(),
        )
    };
    MultiPolygon(faces.iter().map(polygon).collect())
}
