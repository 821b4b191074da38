//! From heights above the ellipsoid to elevations, through the geoid.

use std::path::Path;

use geodesy::{Crs, Geoid, Transform};
use model::{PointBatch, VerticalDatum};

/// What z of a file is counted from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerticalSource {
    /// The zero of a height system, known or not. Such elevations are kept as they are.
    Datum(VerticalDatum),
    /// The ellipsoid, as satellite positioning has it. Such heights become elevations in
    /// the height system of the geoid grid.
    Ellipsoid,
}

impl VerticalSource {
    /// What sentences call it.
    pub(super) fn name(&self) -> &str {
        match self {
            VerticalSource::Datum(VerticalDatum::Known { name, .. }) => name,
            VerticalSource::Datum(VerticalDatum::Unknown) => "an unknown datum",
            VerticalSource::Ellipsoid => "heights above the ellipsoid",
        }
    }
}

/// The grid that a survey uses, read when the first file needs it.
#[derive(Debug)]
pub(super) struct GeoidOnDemand<'a> {
    path: Option<&'a Path>,
    read: Option<Geoid>,
}

impl<'a> GeoidOnDemand<'a> {
    /// Will read `path`, or what PROJ's folders have.
    pub(super) fn new(path: Option<&'a Path>) -> GeoidOnDemand<'a> {
        GeoidOnDemand { path, read: None }
    }

    fn get(&mut self) -> Result<Geoid, String> {
        if let Some(geoid) = &self.read {
            return Ok(geoid.clone());
        }
        let geoid = match self.path {
            Some(path) => Geoid::open(path),
            None => Geoid::find(),
        };
        let geoid = geoid.map_err(|error| {
            format!("has heights above the ellipsoid, which only a geoid grid can turn into elevations, and {error}")
        })?;
        self.read = Some(geoid.clone());
        Ok(geoid)
    }
}

/// The way from heights above the ellipsoid, in metres, to elevations.
#[derive(Debug)]
pub(super) struct GeoidShift {
    geoid: Geoid,
    lonlat_from_source: Transform,
}

impl GeoidShift {
    /// Returns the way for a file in the CRS `source`.
    pub(super) fn new(source: &Crs, geoid: &mut GeoidOnDemand) -> Result<GeoidShift, String> {
        let lonlat = Crs::from_code("CRS84").map_err(|error| error.to_string())?;
        Ok(GeoidShift {
            geoid: geoid.get()?,
            lonlat_from_source: Transform::new(source, &lonlat).map_err(|e| e.to_string())?,
        })
    }

    /// The height system that it leads to.
    pub(super) fn datum(&self) -> VerticalDatum {
        VerticalDatum::Known {
            code: self.geoid.vertical_code().to_owned(),
            name: self.geoid.vertical_name().to_owned(),
        }
    }

    /// Name of the grid.
    pub(super) fn grid(&self) -> &str {
        self.geoid.name()
    }

    /// Makes elevations of heights. x and y must still be in the CRS of the file. Returns
    /// which points lie on the grid, unless all do; the others keep their heights.
    pub(super) fn apply(&self, batch: &mut PointBatch) -> Option<Vec<bool>> {
        let mut keep = vec![true; batch.len()];
        for (i, kept) in keep.iter_mut().enumerate() {
            let lonlat = self.lonlat_from_source.xy([batch.x[i], batch.y[i]]).ok();
            match lonlat.and_then(|lonlat| self.geoid.separation_m(lonlat)) {
                Some(separation_m) => batch.z[i] -= separation_m,
                None => *kept = false,
            }
        }
        keep.contains(&false).then_some(keep)
    }
}
