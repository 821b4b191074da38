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

impl Report {
    /// Examples kept of each finding: enough to find the fault in the source,
    /// few enough to read.
    pub const MAX_EXAMPLES: usize = 5;

    /// Adds what was found in the file called `name`.
    pub(crate) fn absorb(&mut self, other: Report, name: &str) {
        for found in other.findings {
            let mut examples = found.examples.into_iter();
            for _ in 0..found.count {
                match examples.next() {
                    Some(example) => {
                        self.count(found.code, found.outcome, || format!("{name}: {example}"));
                    }
                    None => self.count(found.code, found.outcome, || name.to_owned()),
                }
            }
        }
    }

    /// Counts one more of `code`, with `example` if there is still room for it.
    pub(crate) fn count(
        &mut self,
        code: &'static str,
        outcome: Outcome,
        example: impl FnOnce() -> String,
    ) {
        let known = self
            .findings
            .iter()
            .position(|finding| finding.code == code && finding.outcome == outcome);
        let place = known.unwrap_or_else(|| {
            self.findings.push(Finding {
                code,
                outcome,
                count: 0,
                examples: Vec::new(),
            });
            self.findings.len() - 1
        });
        let finding = &mut self.findings[place];
        finding.count += 1;
        if finding.examples.len() < Report::MAX_EXAMPLES {
            finding.examples.push(example());
        }
    }
}
