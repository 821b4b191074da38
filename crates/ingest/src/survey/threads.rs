//! The threads of survey reading.
//!
//! Parts of a file are decoded by as many threads as there are, and come back in the order
//! of the file; while a batch is consumed, the next is decoded.

use rayon::prelude::*;

/// Returns what `work` makes of each part, in the order of the parts.
pub(super) fn map_in_order<T: Send, R: Send>(
    parts: Vec<T>,
    work: impl Fn(T) -> R + Send + Sync,
) -> Vec<R> {
    parts.into_par_iter().map(work).collect()
}

/// Runs both and returns what they return; `here` on the calling thread.
pub(super) fn overlap<T: Send, R>(
    elsewhere: impl FnOnce() -> T + Send,
    here: impl FnOnce() -> R,
) -> (T, R) {
    let mut made = None;
    let result = rayon::in_place_scope(|scope| {
        scope.spawn(|_| made = Some(elsewhere()));
        here()
    });
    (made.expect("the scope waits for what it spawned"), result)
}
