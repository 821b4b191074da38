//! What became of the features of a collection at a level.

use std::collections::BTreeMap;

use model::FeatureId;

/// What a level did with each feature.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Size of a pixel, in units of the CRS.
    pub pixel_m: f64,
    /// In ascending order of ids.
    pub fates: Vec<(FeatureId, Fate)>,
}

/// What became of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// It is shown by itself, as it is or simplified.
    Kept,
    /// It is part of the level's feature of this id, which may be its own.
    Merged(FeatureId),
    /// It is not shown.
    Dropped(Reason),
}

/// Why a feature is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It has no geometry.
    NoGeometry,
    /// The rules show only higher ranks at this size of a pixel.
    BelowRank,
    /// A more important point of its cell is shown.
    Crowded,
    /// With all that it is merged with, it is too short a line.
    Short,
    /// Its coordinates lie beyond all maps.
    OffTheMap,
    /// Its polygons have no area.
    NoArea,
    /// Too little is built in its block to be seen.
    Tiny,
}

impl Reason {
    /// Says it in a few words, as the end of a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Reason::NoGeometry => "has no geometry",
            Reason::BelowRank => "is of a rank not shown this far out",
            Reason::Crowded => "gave way to a more important point nearby",
            Reason::Short => "is too short a line",
            Reason::OffTheMap => "has coordinates beyond all maps",
            Reason::NoArea => "is a polygon without an area",
            Reason::Tiny => "is too small, and there is little else near it",
        }
    }
}

impl Report {
    /// Returns what became of a feature; none if the level never saw it.
    pub fn fate_of(&self, id: FeatureId) -> Option<Fate> {
        let place = self.fates.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        Some(self.fates[place].1)
    }

    /// Says in a sentence what became of a feature; none if the level never saw it.
    pub fn explain(&self, id: FeatureId) -> Option<String> {
        Some(match self.fate_of(id)? {
            Fate::Kept => format!("feature {id} is shown"),
            Fate::Merged(into) => format!("feature {id} is shown as part of feature {into}"),
            Fate::Dropped(reason) => format!("feature {id} {}", reason.words()),
        })
    }

    /// Returns how many features were kept, merged, and dropped for each reason.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (_, fate) in &self.fates {
            match fate {
                Fate::Kept => counts.kept += 1,
                Fate::Merged(_) => counts.merged += 1,
                Fate::Dropped(reason) => *counts.dropped.entry(*reason).or_default() += 1,
            }
        }
        counts
    }
}

/// Sums of a report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Shown by themselves.
    pub kept: usize,
    /// Shown as part of another.
    pub merged: usize,
    /// Not shown, by reason.
    pub dropped: BTreeMap<Reason, usize>,
}

/// Fates as they are decided, in any order; none are remembered if nobody asks.
#[derive(Debug)]
pub(crate) struct Fates(Option<Vec<(FeatureId, Fate)>>);

impl Fates {
    pub(crate) fn new(are_asked: bool) -> Fates {
        Fates(are_asked.then(Vec::new))
    }

    /// Each feature is decided once.
    pub(crate) fn set(&mut self, id: FeatureId, fate: Fate) {
        if let Some(fates) = &mut self.0 {
            fates.push((id, fate));
        }
    }

    pub(crate) fn report(self, pixel_m: f64) -> Report {
        let mut fates = self.0.unwrap_or_default();
        fates.sort_by_key(|(id, _)| *id);
        Report { pixel_m, fates }
    }
}
