//! The threads of survey reading.
//!
//! Parts of a file are decoded by as many threads as there are, and come back in the order
//! of the file; while a batch is consumed, the next is decoded. Blocks are worked on several
//! at once, and delivered one after another.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;
use std::time::Duration;

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

/// How many threads there are.
pub(super) fn count() -> usize {
    rayon::current_num_threads()
}

/// Calls `work` with 0 to `count` - 1 on many threads, and `sink` with the results in that
/// order on this one. At most `window` are begun and not yet delivered.
///
/// After the first error no more are begun.
pub(super) fn deliver_in_order<T: Send, E: Send>(
    count: usize,
    window: usize,
    work: impl Fn(usize) -> Result<T, E> + Sync,
    mut sink: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    type Outcome<T, E> = Result<Result<T, E>, Box<dyn Any + Send>>;
    let (sender, results) = mpsc::channel::<(usize, Outcome<T, E>)>();
    let work = &work;
    rayon::in_place_scope(|scope| {
        let mut begun = 0;
        let mut waiting = std::collections::BTreeMap::new();
        for next in 0..count {
            while begun < count && begun < next + window.max(1) {
                let (number, sender) = (begun, sender.clone());
                scope.spawn(move |_| {
                    // A panic is passed on below, lest this thread wait for ever.
                    let outcome = catch_unwind(AssertUnwindSafe(|| work(number)));
                    // Nobody listens any more after an error.
                    let _ = sender.send((number, outcome));
                });
                begun += 1;
            }
            let outcome = loop {
                if let Some(outcome) = waiting.remove(&next) {
                    break outcome;
                }
                let (number, outcome) = receive(&results);
                waiting.insert(number, outcome);
            };
            match outcome {
                Ok(result) => sink(result?)?,
                Err(panic) => resume_unwind(panic),
            }
        }
        Ok(())
    })
}

/// How long a thread of the pool without work waits before it looks for some again.
const IDLE: Duration = Duration::from_millis(1);

/// Waits for a result. A thread of the pool works meanwhile: it may be the only one.
fn receive<T>(results: &mpsc::Receiver<T>) -> T {
    loop {
        if let Ok(result) = results.try_recv() {
            return result;
        }
        match rayon::yield_now() {
            Some(rayon::Yield::Executed) => {}
            Some(rayon::Yield::Idle) => {
                if let Ok(result) = results.recv_timeout(IDLE) {
                    return result;
                }
            }
            None => return results.recv().expect("whoever calls this holds a sender"),
        }
    }
}
