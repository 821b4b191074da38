//! Which kind of source a file is, told by its content and never by its name.

use std::path::Path;

use crate::error::Error;

/// What kind of source a file is, by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// LAS, LAZ or COPC.
    Survey,
    /// Anything that [`read_layer`] reads.
    Layer,
}

/// Tells surveys from layers by the first bytes.
pub fn source_kind(_path: &Path) -> Result<SourceKind, Error> {
    todo!()
}
