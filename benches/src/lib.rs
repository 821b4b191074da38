//! What users wait for, measured as a ratio to a named peer in the same run.
//!
//! `benches/run` prepares inputs and peers, runs ours and theirs in turn, and prints
//! medians of wall and processor seconds. The programs in `src/bin` do one piece of
//! work each, so that a peer that does only that piece can be set beside it.
