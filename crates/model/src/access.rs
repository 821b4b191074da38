//! What a caller may see.

use std::collections::BTreeSet;

use crate::CollectionId;

/// Which collections and surveys a caller may see.
///
/// What is not visible does not exist for the caller: not in lists, tiles,
/// clicks, or the wording of errors.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Access {
    /// Everything that is in the twin: staff, and the `tvilling` command.
    Everything,
    /// Only these.
    Only(BTreeSet<CollectionId>),
}

impl Access {
    /// Returns whether `id` exists for the caller.
    pub fn may_see(&self, id: &CollectionId) -> bool {
        match self {
            Access::Everything => true,
            Access::Only(visible) => visible.contains(id),
        }
    }
}
