//! The `tvilling` command.
fn main() {}
