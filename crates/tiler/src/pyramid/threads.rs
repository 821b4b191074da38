//! The threads of this crate: results come in the order of what they are made of, so that
//! they do not depend on how many threads there are.

use rayon::prelude::*;

/// How many threads there are.
pub(super) fn count() -> usize {
    rayon::current_num_threads()
}

/// Returns what `work` makes of each item, in the order of the items.
pub(super) fn map<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Send + Sync) -> Vec<R> {
    items.into_par_iter().map(work).collect()
}

/// Sorts; what is equal must be alike.
pub(super) fn sort<T: Ord + Send>(items: &mut [T]) {
    items.par_sort_unstable();
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
