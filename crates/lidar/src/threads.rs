//! The threads of this crate.
//!
//! Work is split by rows, each of which is written by one thread from inputs that nobody
//! changes, so that the result does not depend on how many threads there are.

use rayon::prelude::*;

/// Rows that one task takes at least, so that small grids do not pay for threads.
const MIN_ROWS_PER_TASK: usize = 16;

/// Calls `work` with the number and the cells of every `length` cells of `values`.
pub(crate) fn for_each_row<T: Send>(
    values: &mut [T],
    length: usize,
    work: impl Fn(usize, &mut [T]) + Send + Sync,
) {
    for_each_row_with(values, length, || (), |(), row, cells| work(row, cells));
}

/// As [`for_each_row`], with something that `make` makes for some rows after one another:
/// memory that `work` needs, which must not tell one row of another.
pub(crate) fn for_each_row_with<T: Send, S>(
    values: &mut [T],
    length: usize,
    make: impl Fn() -> S + Send + Sync,
    work: impl Fn(&mut S, usize, &mut [T]) + Send + Sync,
) {
    if length == 0 {
        return;
    }
    values
        .par_chunks_mut(length)
        .with_min_len(MIN_ROWS_PER_TASK.min(values_per_task(length)))
        .enumerate()
        .for_each_init(make, |made, (row, cells)| work(made, row, cells));
}

/// Calls `work` with each number below `count`, and returns what it gives in their order.
pub(crate) fn map_each<T: Send>(count: usize, work: impl Fn(usize) -> T + Send + Sync) -> Vec<T> {
    (0..count).into_par_iter().map(work).collect()
}

/// Fewer rows to a task when rows are long.
fn values_per_task(length: usize) -> usize {
    (16_384 / length).max(1)
}
