//! The `tvilling` command: it reads options and configuration, sets up threads, logs
//! and progress, and lets the other crates meet. It holds no logic of its own.
//!
//! Exit status: 0 for success, 1 if the work failed, 2 for bad usage. An error is one
//! sentence on standard error.

mod arguments;
mod configuration;
mod output;
mod schedule;
mod tile_matrix_sets;
mod verbs;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Verb};

// Ingest allocates many small geometries on all cores at once, which the system's
// allocator serialises; mimalloc does not.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    output::start_logs(matches!(arguments.verb, Verb::Serve(_) | Verb::Demo(_)));
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::print_error(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    if let Some(threads) = arguments.threads {
        ingest::limit_threads(threads).map_err(anyhow::Error::msg)?;
    }
    let json = arguments.json;
    match arguments.verb {
        Verb::Demo(options) => verbs::demo::run(options, json),
        Verb::Init(options) => verbs::init::run(options, json),
        Verb::Ingest(options) => verbs::ingest::run(options, json),
        Verb::Contour(options) => verbs::contour::run(options, json),
        Verb::Tile(options) => verbs::tile::run(options, json),
        Verb::Export(options) => verbs::export::run(options, json),
        Verb::Serve(options) => verbs::serve::run(options, json),
        Verb::Query(options) => verbs::query::run(options, json),
        Verb::Status(options) => verbs::status::run(options, json),
        Verb::Check(options) => verbs::check::run(options, json),
        Verb::Compact(options) => verbs::compact::run(options, json),
        Verb::Backup(options) => verbs::backup::backup(options, json),
        Verb::Restore(options) => verbs::backup::restore(options, json),
        Verb::Changes(options) => verbs::changes::changes(options, json),
        Verb::Undo(options) => verbs::changes::undo(options, json),
        Verb::Forget(options) => verbs::changes::forget(options, json),
        Verb::Key { verb } => verbs::key::run(verb, json),
    }
}
