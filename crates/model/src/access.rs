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

/// What the holder of a key may do; each may also do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// See everything.
    Reader,
    /// Change features.
    Editor,
    /// Change keys and settings.
    Admin,
}

impl Role {
    /// The word for it in commands and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Reader => "reader",
            Role::Editor => "editor",
            Role::Admin => "admin",
        }
    }

    /// Returns what the word means, if it is one.
    pub fn from_word(word: &str) -> Option<Role> {
        [Role::Reader, Role::Editor, Role::Admin]
            .into_iter()
            .find(|role| role.as_str() == word)
    }
}
