//! Which features may be merged: those of one class.

use std::collections::HashMap;

use model::Feature;

use crate::generalise::rules::Rules;

/// Classes by number, in the order in which they were met.
#[derive(Debug, Default)]
pub(crate) struct Classes {
    numbers: HashMap<String, usize>,
}

impl Classes {
    /// The class of a feature.
    pub(crate) fn of(&mut self, feature: &Feature, rules: &Rules) -> usize {
        let next = self.numbers.len();
        *self.numbers.entry(rules.class_of(feature)).or_insert(next)
    }
}
