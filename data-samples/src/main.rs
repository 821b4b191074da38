//! Writes the samples: `data-samples OUT [--scale city|N]`.

use std::path::PathBuf;
use std::process::ExitCode;

use data_samples::{Options, Scale};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (out, scale) = match arguments.as_slice() {
        [out] => (*out, Some(Scale::Town)),
        [out, "--scale", scale] | ["--scale", scale, out] => (*out, scale_of(scale)),
        _ => ("", None),
    };
    let Some(scale) = scale else {
        eprintln!(
            "usage: data-samples OUT [--scale town|city|N]   (N districts, each as large as the town)"
        );
        return ExitCode::from(2);
    };
    match data_samples::generate(&PathBuf::from(out), &Options { scale }) {
        Ok(manifest) => {
            let bytes: u64 = manifest.files.iter().map(|file| file.bytes).sum();
            println!(
                "{out}: {} files, {:.1} MB, licence {}",
                manifest.files.len(),
                bytes as f64 / 1e6,
                data_samples::Manifest::LICENCE
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("data-samples: {error}");
            ExitCode::FAILURE
        }
    }
}

fn scale_of(word: &str) -> Option<Scale> {
    match word {
        "town" => Some(Scale::Town),
        "city" => Some(Scale::City),
        number => number.parse().ok().filter(|n| *n > 0).map(Scale::Districts),
    }
}
