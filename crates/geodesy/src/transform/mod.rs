//! Transformations between CRSs.

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use model::Bounds;
use proj::Proj;

use crate::fast::Fast;
use crate::{Crs, Error, pj};

/// Samples along each edge of a box whose transformed shape is asked for.
const EDGE_STEPS: u32 = 32;

/// How far from its origin a map projection of a part of the Earth is taken for
/// regular. A transverse Mercator, for one, tears a quarter around the Earth from its
/// meridian, and samples might miss the place.
const REGULAR_REACH_M: f64 = 10_000_000.0;

/// No map of a part of the Earth is wider.
const EARTH_CIRCUMFERENCE_M: f64 = 40_075_017.0;

/// PROJ's objects that one thread keeps. Making one takes some 25 ms and holds some
/// hundred kB; a server that transforms between few CRSs never drops any.
const MAX_OBJECTS: usize = 16;

/// A transformation from one CRS to another, in map order on both sides.
///
/// `Send`, `Sync` and cheap to clone. Between the Swedish grids, Web Mercator and
/// longitude and latitude it is a formula; between others it asks PROJ, through an
/// object that each thread makes for itself at first use (some 25 ms).
///
/// Heights are not changed. Where PROJ knows several operations it takes the best for
/// the place of each point; grids of datum shifts are not carried along, so that a
/// national grid on an old datum may be off by the accuracy of its seven-parameter
/// shift (about a metre for RT 90, half a metre for Rijksdriehoek).
#[derive(Debug, Clone)]
pub struct Transform {
    from: Crs,
    to: Crs,
    method: Method,
}

#[derive(Debug, Clone)]
enum Method {
    Nothing,
    Formula(Fast, Fast),
    /// Through PROJ; the number is that of the pair of CRSs in this process.
    Proj(u64),
}

impl Transform {
    /// Returns the transformation.
    ///
    /// # Errors
    ///
    /// [`Error::NoTransformation`] if PROJ knows no way.
    pub fn new(from: &Crs, to: &Crs) -> Result<Transform, Error> {
        let method = if from.code() == to.code() {
            Method::Nothing
        } else {
            match (Fast::of(from.code()), Fast::of(to.code())) {
                (Some(Fast::LonLat), Some(Fast::LonLat)) => Method::Nothing,
                (Some(from), Some(to)) => Method::Formula(from, to),
                _ => Method::Proj(pair_number(from.code(), to.code())),
            }
        };
        let transform = Transform {
            from: from.clone(),
            to: to.clone(),
            method,
        };
        if let Method::Proj(pair) = transform.method {
            transform.with_proj(pair, |_| ())?;
        }
        Ok(transform)
    }

    /// Where points come from.
    pub fn from(&self) -> &Crs {
        &self.from
    }

    /// Where points go.
    pub fn to(&self) -> &Crs {
        &self.to
    }

    /// Returns whether it changes nothing.
    pub fn is_identity(&self) -> bool {
        matches!(self.method, Method::Nothing)
    }

    /// Transforms one point.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfDomain`] if the result is not finite.
    pub fn xy(&self, point: [f64; 2]) -> Result<[f64; 2], Error> {
        let result = match self.method {
            Method::Nothing => Some(point).filter(is_finite),
            Method::Formula(from, to) => from.convert(to, point),
            Method::Proj(pair) => self.with_proj(pair, |proj| ask(proj, point))?,
        };
        result.ok_or_else(|| self.out_of_domain(point))
    }

    /// Transforms many points in place. On error some may have been changed.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfDomain`] for the first point without a place.
    pub fn xy_in_place(&self, points: &mut [[f64; 2]]) -> Result<(), Error> {
        let mut convert = |convert: &dyn Fn([f64; 2]) -> Option<[f64; 2]>| {
            for point in points.iter_mut() {
                *point = convert(*point).ok_or_else(|| self.out_of_domain(*point))?;
            }
            Ok(())
        };
        match self.method {
            Method::Nothing => convert(&|point| Some(point).filter(is_finite)),
            Method::Formula(from, to) => convert(&|point| from.convert(to, point)),
            Method::Proj(pair) => {
                self.with_proj(pair, |proj| convert(&|point| ask(proj, point)))?
            }
        }
    }

    /// Returns a box that holds the transformed box, whose edges may be curved.
    ///
    /// Not the smallest one: it is larger by what may bulge between the samples. It is
    /// the largest box there is if a part of the box has no regular place in the target
    /// CRS, such as the whole world in EPSG:3006, or crosses the antimeridian. So it
    /// can always be asked which data may lie in a tile.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfDomain`] if no part of the box has a place in the target CRS.
    pub fn bounds(&self, bounds: &Bounds) -> Result<Bounds, Error> {
        if self.is_identity() {
            return Ok(*bounds);
        }
        let at = |u: f64, v: f64| {
            [
                bounds.min_x() + u * bounds.width(),
                bounds.min_y() + v * bounds.height(),
            ]
        };
        let steps = || (0..=EDGE_STEPS).map(|step| f64::from(step) / f64::from(EDGE_STEPS));
        let edges: [Vec<[f64; 2]>; 4] = [
            steps().map(|t| at(t, 0.0)).collect(),
            steps().map(|t| at(1.0, t)).collect(),
            steps().map(|t| at(t, 1.0)).collect(),
            steps().map(|t| at(0.0, t)).collect(),
        ];
        // The inside can reach further than the edges only around a pole, or where the
        // projection tears.
        let inside = (1..8).flat_map(|row| {
            (1..8).map(move |column| at(f64::from(column) / 8.0, f64::from(row) / 8.0))
        });
        let mut samples = Samples::default();
        for edge in edges {
            samples.add_edge(edge.into_iter().map(|point| self.xy(point)))?;
        }
        for point in inside {
            samples.add(self.xy(point))?;
        }
        let found = Bounds::of_points(samples.places.iter().copied())
            .ok_or_else(|| self.out_of_domain(bounds.centre()))?;

        let [dx, dy] = samples.margin;
        let grown = if self.to.is_geographic() {
            let [south, north] = self.poles_inside(bounds);
            let turned = samples.some_failed || samples.longest_step[0] > 180.0;
            let around = turned || south || north;
            Bounds::new(
                if around { -180.0 } else { found.min_x() - dx },
                if south || samples.some_failed {
                    -90.0
                } else {
                    found.min_y() - dy
                },
                if around { 180.0 } else { found.max_x() + dx },
                if north || samples.some_failed {
                    90.0
                } else {
                    found.max_y() + dy
                },
            )
        } else {
            let unit_m = self.to.unit_m().unwrap_or(1.0);
            let reach = found
                .to_array()
                .into_iter()
                .map(f64::abs)
                .fold(0.0, f64::max);
            let torn = reach * unit_m > REGULAR_REACH_M
                && !matches!(self.method, Method::Formula(_, Fast::WebMercator));
            if torn || samples.some_failed {
                let reach = reach.max(EARTH_CIRCUMFERENCE_M / unit_m);
                Bounds::new(-reach, -reach, reach, reach)
            } else {
                Bounds::new(
                    found.min_x() - dx,
                    found.min_y() - dy,
                    found.max_x() + dx,
                    found.max_y() + dy,
                )
            }
        };
        grown.map_err(|_| self.out_of_domain(bounds.centre()))
    }

    /// Whether the south and the north pole lie in a box of a projected CRS.
    fn poles_inside(&self, bounds: &Bounds) -> [bool; 2] {
        if self.from.is_geographic() {
            return [false, false];
        }
        let Ok(back) = Transform::new(&self.to, &self.from) else {
            return [false, false];
        };
        [-90.0, 90.0].map(|latitude| {
            back.xy([0.0, latitude])
                .is_ok_and(|pole| bounds.contains(pole))
        })
    }

    fn out_of_domain(&self, [x, y]: [f64; 2]) -> Error {
        Error::OutOfDomain {
            x,
            y,
            from: self.from.label().to_owned(),
            to: self.to.label().to_owned(),
        }
    }

    /// Calls `with` with this thread's object for the pair of CRSs.
    fn with_proj<T>(&self, pair: u64, with: impl FnOnce(&Proj) -> T) -> Result<T, Error> {
        thread_local! {
            static OBJECTS: RefCell<Vec<(u64, Proj)>> = const { RefCell::new(Vec::new()) };
        }
        OBJECTS.with_borrow_mut(|objects| {
            let found = match objects.iter().position(|(number, _)| *number == pair) {
                Some(found) => found,
                None => {
                    pj::prepare().map_err(Error::Proj)?;
                    let proj = Proj::new_known_crs(self.from.code(), self.to.code(), None)
                        .map_err(|error| Error::NoTransformation {
                            from: self.from.label().to_owned(),
                            to: self.to.label().to_owned(),
                            reason: error.to_string(),
                        })?;
                    if objects.len() >= MAX_OBJECTS {
                        objects.remove(0);
                    }
                    objects.push((pair, proj));
                    objects.len() - 1
                }
            };
            Ok(with(&objects[found].1))
        })
    }
}

/// Where points of a box come to lie.
#[derive(Default)]
struct Samples {
    places: Vec<[f64; 2]>,
    some_failed: bool,
    /// How much further than its samples an edge may bulge.
    margin: [f64; 2],
    longest_step: [f64; 2],
}

impl Samples {
    fn add(&mut self, place: Result<[f64; 2], Error>) -> Result<(), Error> {
        match place {
            Ok(place) => self.places.push(place),
            Err(Error::OutOfDomain { .. }) => self.some_failed = true,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn add_edge(
        &mut self,
        edge: impl Iterator<Item = Result<[f64; 2], Error>>,
    ) -> Result<(), Error> {
        let before = self.places.len();
        for place in edge {
            self.add(place)?;
        }
        let edge = &self.places[before..];
        for axis in 0..2 {
            // Between three samples an edge bulges by an eighth of their second
            // difference if it is a parabola there; it is not quite, so twice that is
            // kept.
            for three in edge.windows(3) {
                let second = three[0][axis] - 2.0 * three[1][axis] + three[2][axis];
                self.margin[axis] = self.margin[axis].max(second.abs() / 4.0);
            }
            for two in edge.windows(2) {
                let step = (two[1][axis] - two[0][axis]).abs();
                self.longest_step[axis] = self.longest_step[axis].max(step);
            }
        }
        Ok(())
    }
}

fn ask(proj: &Proj, point: [f64; 2]) -> Option<[f64; 2]> {
    let (x, y) = proj.convert((point[0], point[1])).ok()?;
    Some([x, y]).filter(is_finite)
}

fn is_finite([x, y]: &[f64; 2]) -> bool {
    x.is_finite() && y.is_finite()
}

/// Returns the number of a pair of CRSs, by which threads find their objects without
/// comparing definitions for each point.
fn pair_number(from: &str, to: &str) -> u64 {
    type Pairs = HashMap<(String, String), u64>;
    /// Numbers are never used twice, so forgetting a pair costs only a new object.
    const MAX_PAIRS: usize = 4096;
    static PAIRS: Mutex<Option<(u64, Pairs)>> = Mutex::new(None);
    let mut pairs = PAIRS.lock().unwrap_or_else(PoisonError::into_inner);
    let (next, pairs) = pairs.get_or_insert_default();
    if pairs.len() >= MAX_PAIRS {
        pairs.clear();
    }
    *pairs
        .entry((from.to_owned(), to.to_owned()))
        .or_insert_with(|| {
            *next += 1;
            *next
        })
}
