//! Classes of rights.

/// Callers who see the same. Caches are keyed by it, never shared across classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// Everybody: what `twin.toml` says is public.
    Public,
    /// Those with a key: everything.
    Staff,
}
