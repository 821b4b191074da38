//! The click: everything known about a place.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use geodesy::Crs;
use model::{Bounds, CollectionId, Feature};
use store::{CollectionView, HeightKind, SurveyView, View};

use crate::heights::elevation_at;
use crate::relations::names;
use crate::{Answer, Click, CollectionAnswer, Elevation, Hit, LeftOut, Relations, distance};

/// Features of one collection that a click looks at. More lie within a radius only
/// where it is that of a town, which is a question for another tool than a click.
const MAX_CANDIDATES: usize = 100_000;

/// Answers a click.
///
/// Distances are in the twin's projected CRS. Collections come nearest first, and so
/// do features inside each; of equally near ones the lower id comes first.
///
/// Whatever fails is named in [`Answer::left_out`], and the rest is answered. A
/// collection that was asked for and is not visible is named there in the same words
/// as one that does not exist.
pub fn identify(view: &View, relations: &Relations, click: &Click) -> Answer {
    let mut left_out = Vec::new();
    let mut answer = Answer {
        elevation: None,
        collections: Vec::new(),
        left_out: Vec::new(),
    };
    let asked: Option<BTreeSet<&CollectionId>> =
        click.collections.as_ref().map(|ids| ids.iter().collect());
    for id in asked.iter().flatten() {
        if view.collection(id.as_str()).is_none() && view.survey(id.as_str()).is_none() {
            left_out.push(part(id.as_str(), "there is no such collection"));
        }
    }
    let is_asked = |id: &CollectionId| asked.as_ref().is_none_or(|asked| asked.contains(id));

    answer.elevation = elevation(view, click.at, asked.as_ref(), &mut left_out);
    match Reach::of(view, click) {
        Ok(reach) => {
            for collection in view.collections() {
                if is_asked(&collection.meta().id) {
                    let hits = hits(view, relations, &collection, click, &reach, &mut left_out);
                    answer.collections.extend(answer_of(&collection, hits));
                }
            }
        }
        Err(reason) => left_out.push(part("collections", &reason)),
    }
    answer.collections.sort_by(|a, b| {
        let nearest =
            |of: &CollectionAnswer| of.hits.first().map_or(f64::MAX, |hit| hit.distance_m);
        nearest(a).total_cmp(&nearest(b)).then(a.id.cmp(&b.id))
    });
    answer.left_out = left_out;
    answer
}

/// How far a click reaches.
struct Reach {
    bounds: Bounds,
    /// In units of the twin's CRS.
    radius: f64,
    /// Metres in one of these units.
    unit_m: f64,
}

impl Reach {
    fn of(view: &View, click: &Click) -> Result<Reach, String> {
        let crs = Crs::from_code(view.crs_code()).map_err(|error| error.to_string())?;
        let unit_m = crs.unit_m().ok_or_else(|| {
            format!(
                "{} has no metres, so there are no distances in it",
                crs.code()
            )
        })?;
        let [x, y] = click.at;
        let radius = click.radius_m / unit_m;
        if radius.is_nan() || radius < 0.0 {
            return Err("the radius is not a length".to_owned());
        }
        let bounds = Bounds::new(x - radius, y - radius, x + radius, y + radius)
            .map_err(|_| "the place or the radius is not finite".to_owned())?;
        Ok(Reach {
            bounds,
            radius,
            unit_m,
        })
    }
}

/// The nearest features of a collection, nearest first.
fn hits(
    view: &View,
    relations: &Relations,
    collection: &CollectionView,
    click: &Click,
    reach: &Reach,
    left_out: &mut Vec<LeftOut>,
) -> Vec<Hit> {
    let id = collection.meta().id.as_str();
    let mut near: Vec<(f64, Feature)> = Vec::new();
    match collection.within(&reach.bounds) {
        Err(error) => left_out.push(unreadable(id, &error)),
        Ok(candidates) => {
            for (seen, candidate) in candidates.enumerate() {
                if seen >= MAX_CANDIDATES {
                    let reason = format!(
                        "more than {MAX_CANDIDATES} features lie within the radius, and the \
                         rest was not looked at; ask with a smaller one"
                    );
                    left_out.push(part(id, &reason));
                    break;
                }
                match candidate {
                    Ok(feature) => near.extend(measured(feature, click.at, reach.radius)),
                    // One damaged feature does not hide the others; a file that is
                    // damaged all over is named once.
                    Err(error) => {
                        let part = unreadable(id, &error);
                        if !left_out.iter().any(|other| other.part == part.part) {
                            left_out.push(part);
                        }
                    }
                }
            }
        }
    }
    near.sort_by(|(a, one), (b, other)| a.total_cmp(b).then(one.id.cmp(&other.id)));
    near.truncate(click.limit);
    near.into_iter()
        .map(|(distance, feature)| Hit {
            distance_m: distance * reach.unit_m,
            related: relations.follow(view, collection, &feature, reach.unit_m, left_out),
            feature,
        })
        .collect()
}

/// The feature with its distance, if that is within the radius.
fn measured(feature: Feature, at: [f64; 2], radius: f64) -> Option<(f64, Feature)> {
    let geometry = feature.geometry.as_ref()?;
    let distance = distance::to_point(geometry, at)?;
    (distance <= radius).then_some((distance, feature))
}

fn answer_of(collection: &CollectionView, hits: Vec<Hit>) -> Option<CollectionAnswer> {
    let meta = collection.meta();
    (!hits.is_empty()).then(|| CollectionAnswer {
        id: meta.id.clone(),
        title: meta.title.clone(),
        department: meta.department.clone(),
        columns: names(collection),
        source: meta.source.clone(),
        hits,
    })
}

/// Heights from the newest survey that has any at the place: by the day it was flown,
/// then by the time it was delivered. A survey without a date comes after all others.
fn elevation(
    view: &View,
    at: [f64; 2],
    asked: Option<&BTreeSet<&CollectionId>>,
    left_out: &mut Vec<LeftOut>,
) -> Option<Elevation> {
    let mut surveys = view.surveys();
    if let Some(asked) = asked
        && surveys
            .iter()
            .any(|survey| asked.contains(&survey.meta().id))
    {
        surveys.retain(|survey| asked.contains(&survey.meta().id));
    }
    surveys.retain(|survey| survey.meta().bounds.contains(at));
    surveys.sort_by_key(|survey| {
        let meta = survey.meta();
        Reverse((meta.flown, meta.source.delivered))
    });
    for survey in &surveys {
        let mut height = |kind| height(survey, kind, at, left_out);
        let ground_m = height(HeightKind::Terrain);
        let surface_m = height(HeightKind::Surface);
        if ground_m.is_some() || surface_m.is_some() {
            let meta = survey.meta();
            return Some(Elevation {
                ground_m,
                surface_m,
                datum: meta.vertical.clone(),
                geoid: meta.geoid.clone(),
                survey: meta.id.clone(),
                flown: meta.flown,
                data_origin: meta.data_origin,
            });
        }
    }
    None
}

fn height(
    survey: &SurveyView,
    kind: HeightKind,
    at: [f64; 2],
    left_out: &mut Vec<LeftOut>,
) -> Option<f32> {
    match elevation_at(survey, kind, at) {
        Ok(height) => height,
        Err(error) => {
            left_out.push(LeftOut {
                part: "elevation".to_owned(),
                reason: format!("{} could not be read", survey.meta().id),
                detail: Some(error.to_string()),
            });
            None
        }
    }
}

fn part(part: &str, reason: &str) -> LeftOut {
    LeftOut {
        part: part.to_owned(),
        reason: reason.to_owned(),
        detail: None,
    }
}

fn unreadable(id: &str, error: &store::Error) -> LeftOut {
    LeftOut {
        part: id.to_owned(),
        reason: "some of its features could not be read".to_owned(),
        detail: Some(error.to_string()),
    }
}
