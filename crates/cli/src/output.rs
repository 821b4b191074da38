//! What the command prints: results on standard output, everything else on standard error.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use ingest::{Outcome, Report};
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;

/// Starts logging to standard error; `TVILLING_LOG` chooses what, such as `debug`.
///
/// A server logs every request, as JSON unless a person watches. Other verbs log warnings.
pub(crate) fn start_logs(serving: bool) {
    let default = if serving { "info" } else { "warn" };
    let filter =
        EnvFilter::try_from_env("TVILLING_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() || !serving {
        logs.with_target(false).init();
    } else {
        // The span of the request says it all; the list of spans would say it again.
        logs.json().with_span_list(false).init();
    }
}

/// Prints what went wrong as one sentence.
pub(crate) fn print_error(error: &anyhow::Error) {
    // Causes that their parent already quotes are not said twice.
    let mut sentence = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !sentence.contains(&cause) {
            sentence = format!("{sentence}: {cause}");
        }
    }
    eprintln!("tvilling: {sentence}");
}

/// Prints a result: the object with `--json`, else the text.
pub(crate) fn print(json: bool, object: &Value, text: &str) {
    let line = if json {
        object.to_string()
    } else {
        text.trim_end().to_owned()
    };
    if !line.is_empty() {
        // A reader that has gone away, as `head` does, is no failure of ours.
        let _ = writeln!(std::io::stdout(), "{line}");
    }
}

/// A progress bar for `length` steps on a terminal, and nothing elsewhere.
pub(crate) fn progress(title: &str, length: u64) -> ProgressBar {
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::new(length)
    } else {
        ProgressBar::hidden()
    };
    if let Ok(style) =
        ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}")
    {
        bar.set_style(style);
    }
    bar.set_message(title.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A report as an object, which is also how the twin keeps it.
pub(crate) fn report_object(report: &Report) -> Value {
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            json!({
                "code": finding.code,
                "outcome": outcome(finding.outcome),
                "count": finding.count,
                "examples": finding.examples,
            })
        })
        .collect();
    json!({ "read": report.read, "kept": report.kept, "findings": findings })
}

/// A report as lines of text.
pub(crate) fn report_text(report: &Report) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        let outcome = outcome(finding.outcome).replace('_', " ");
        text += &format!(
            "  {} {outcome}: {}\n",
            finding.count,
            finding.code.replace('_', " ")
        );
        for example in &finding.examples {
            text += &format!("    {example}\n");
        }
    }
    text
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Repaired => "repaired",
        Outcome::LeftOut => "left_out",
        Outcome::Noticed => "noticed",
    }
}
