//! What users wait for, measured as a ratio to a named peer in the same run.
//!
//! `benches/run` prepares inputs and peers, runs ours and theirs in turn, and prints
//! medians of wall and processor seconds. The programs in `src/bin` do one piece of
//! work each, so that a peer that does only that piece can be set beside it.

use anyhow::Context;

/// Processor ticks in a second, as Linux counts them.
const TICKS_PER_S: f64 = 100.0;

/// Returns the processor seconds that this process has taken, in steps of a hundredth.
///
/// # Errors
///
/// Where the system is not Linux, which keeps them in `/proc`.
pub fn cpu_s() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or("")
        .split_whitespace()
        .collect();
    let ticks =
        |i: usize| -> anyhow::Result<f64> { Ok(fields.get(i).context("a field")?.parse()?) };
    Ok((ticks(11)? + ticks(12)?) / TICKS_PER_S)
}
