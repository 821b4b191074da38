//! Every change of a feature: what it was and is, since when, and by whom.
//!
//! A change has a number, which no other commit of the twin has, and is of one or many
//! features: an edit, a transaction of edits, or a delivery. A version says what a feature is
//! since a change: gone, as written in its row, or as it lies in the collection's segments.
//! A feature that never changed has no version: it is since the collection is.
//!
//! In a row, a geometry is WKB (OGC 06-103r4) and the values are a JSON object by name of
//! column, without those that are null, so that other programs can read them; dates,
//! instants and lists are text, which the collection's schema tells from text. What a row
//! says is summed up by XXH3.

mod content;
mod read;
mod write;

pub use content::content_hash;
pub(crate) use read::{
    VersionState, Versioned, as_of, change, changed_between, changes_after, check, last_at,
    last_change_at, number_in, number_of, schema_at, version_at, versions_of, versions_since,
};
pub(crate) use write::{Writer, purge};

use jiff::Timestamp;

/// Who changed features, when and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its number: the version of every collection that it changed, when it had been made.
    pub number: u64,
    /// When the twin knew. Never earlier than the change before it, whatever the clock says.
    pub at: Timestamp,
    /// What it was.
    pub kind: ChangeKind,
    /// The name of the key, or of the program, that made it.
    pub who: String,
    /// More about it, as JSON text: a delivery's files, what an undoing undoes.
    pub note: String,
}

/// What a change was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// A department's delivery.
    Delivery,
    /// One or more edits, made together.
    Edit,
    /// An earlier change was taken back.
    Undo,
    /// Earlier versions of features were forgotten.
    Purge,
}

impl ChangeKind {
    const WORDS: [(ChangeKind, &'static str); 4] = [
        (ChangeKind::Delivery, "delivery"),
        (ChangeKind::Edit, "edit"),
        (ChangeKind::Undo, "undo"),
        (ChangeKind::Purge, "purge"),
    ];

    /// The word for it in answers.
    pub fn as_str(self) -> &'static str {
        let known = ChangeKind::WORDS.iter().find(|(kind, _)| *kind == self);
        known.map_or("", |(_, word)| word)
    }

    fn from_word(word: &str) -> Option<ChangeKind> {
        let known = ChangeKind::WORDS.iter().find(|(_, known)| *known == word);
        known.map(|(kind, _)| *kind)
    }
}
