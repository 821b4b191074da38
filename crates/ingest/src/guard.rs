//! The last guard around libraries that may panic on input that nobody foresaw.
//!
//! Checks before a call are meant to keep every panic away; a file that gets past them must
//! cost one file or feature, and not the process, nor noise on standard error.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Returns what `work` returns, or nothing if it panics, without a word.
///
/// The first call puts a hook in front of the process's panic hook, which passes on every
/// panic but those in here. `work` must not span threads that do not call this themselves.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                before(panic);
            }
        }));
    });
    let outer = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    result.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_nothing_and_the_next_call_works() {
        assert_eq!(guarded(|| -> u8 { panic!("a library's own") }), None);
        assert_eq!(guarded(|| 1), Some(1));
        assert!(!GUARDED.get());
    }
}
