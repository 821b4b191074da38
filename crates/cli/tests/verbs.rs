//! The command itself: what it offers, and how it refuses bad usage.
//!
//! That this is an integration test also makes `cargo test` build the command, which the
//! tests of the whole then run.

use std::process::{Command, Output};

fn tvilling(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tvilling"))
        .args(arguments)
        .output()
        .expect("tvilling runs")
}

#[test]
fn help_lists_every_verb() {
    let help = String::from_utf8(tvilling(&["--help"]).stdout).expect("UTF-8");
    for verb in [
        "demo", "init", "ingest", "contour", "export", "serve", "query", "status", "check", "key",
    ] {
        assert!(help.contains(&format!("\n  {verb} ")), "{verb}: {help}");
    }
}

#[test]
fn bad_usage_has_status_2() {
    for arguments in [
        &[][..],
        &["fly"],
        &["init"],
        &["ingest", "twin"],
        &["query", "twin"],
        &["export", "twin", "out.copc.laz"],
    ] {
        assert_eq!(tvilling(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn work_that_fails_has_status_1_and_one_sentence() {
    let output = tvilling(&["status", "no-such-twin"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    assert!(said.contains("no-such-twin"), "{said}");
    assert!(output.stdout.is_empty());
}
