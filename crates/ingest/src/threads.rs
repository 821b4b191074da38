//! How many threads batch work may use.

use std::num::NonZeroUsize;

/// Lets all batch work of this process use at most so many threads.
///
/// To be called once, before any batch work.
///
/// # Errors
///
/// Batch work has begun, or the threads cannot be had; the sentence says which.
pub fn limit_threads(threads: NonZeroUsize) -> Result<(), String> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.get())
        .build_global()
        .map_err(|error| format!("--threads {threads}: {error}"))
}
