//! Sets that are joined step by step.

/// Numbers from 0 on, each in one set, which is named by its least member.
#[derive(Debug)]
pub(crate) struct Sets {
    parent: Vec<usize>,
}

impl Sets {
    /// Each number by itself.
    pub(crate) fn new(count: usize) -> Sets {
        Sets {
            parent: (0..count).collect(),
        }
    }

    /// The least member of the set that a number is in.
    pub(crate) fn of(&mut self, number: usize) -> usize {
        let mut at = number;
        while self.parent[at] != at {
            // Halves the way for whoever comes next.
            self.parent[at] = self.parent[self.parent[at]];
            at = self.parent[at];
        }
        at
    }

    /// Makes one set of two.
    pub(crate) fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.of(a), self.of(b));
        self.parent[a.max(b)] = a.min(b);
    }
}
