//! What a reading gives back beside its features or points: counts of what was
//! repaired, left out or noticed.

/// What was read, repaired and left out. Bad data is counted, not an error.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Features or points read.
    pub read: u64,
    /// Features or points kept.
    pub kept: u64,
    /// One entry for each kind of thing that was repaired, left out or noticed.
    pub findings: Vec<Finding>,
}

/// What happened to a number of features or points, under a short code.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Short code, such as `self_intersection`.
    pub code: &'static str,
    /// What was done.
    pub outcome: Outcome,
    /// How many.
    pub count: u64,
    /// The first few, each as "id: reason".
    pub examples: Vec<String>,
}

/// What was done with what a [`Finding`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Kept after repair.
    Repaired,
    /// Left out.
    LeftOut,
    /// Kept as it is.
    Noticed,
}
