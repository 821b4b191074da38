//! `tvilling demo`: builds the demo twin, or reuses it, and serves it.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, bail};
use geodesy::Crs;
use model::CollectionId;
use serde_json::json;
use store::keys::Keys;
use store::{PutMode, Twin};

use super::ingest::{Delivery, deliver};
use crate::arguments::{Demo, Serve};
use crate::{configuration, output};

/// Where the deliveries lie in the twin's folder.
const DELIVERIES: &str = "deliveries";
/// What tells a finished demo twin from one whose making was interrupted: which generator made it.
const MARK: &str = "demo-complete";
/// Where the key of the demo's staff lies. The demo is made up, and so are its secrets.
const STAFF_KEY: &str = "demo-staff-key";

pub(crate) fn run(options: Demo, json: bool) -> anyhow::Result<()> {
    let started = Instant::now();
    let generator = data_samples::GENERATOR;
    let finished = fs::read_to_string(options.dir.join(MARK)).is_ok_and(|mark| mark == generator)
        && Twin::open(&options.dir).is_ok_and(|twin| twin.snapshot().is_ok());
    if finished {
        eprintln!("Reusing the demo twin in {}.", options.dir.display());
    } else {
        clear(&options.dir)?;
        build(&options.dir)?;
        fs::write(options.dir.join(MARK), generator)?;
        eprintln!(
            "Built the demo twin in {:.1} s.",
            started.elapsed().as_secs_f64()
        );
    }
    let key = fs::read_to_string(options.dir.join(STAFF_KEY))
        .with_context(|| options.dir.join(STAFF_KEY).display().to_string())?;
    eprintln!(
        "The water network is for staff: log in on the map with the key {}",
        key.trim()
    );
    if options.build_only {
        let object = json!({ "dir": options.dir, "staff_key": key.trim() });
        output::print(json, &object, &options.dir.display().to_string());
        return Ok(());
    }
    let serve = Serve {
        dir: options.dir,
        listen: options.listen,
        public_url: None,
    };
    super::serve::run(serve, json)
}

/// Removes a demo twin that is unfinished or of another version, and nothing else.
fn clear(dir: &Path) -> anyhow::Result<()> {
    if !dir.exists() {
        return Ok(());
    }
    let ours = dir.join(DELIVERIES).exists() || fs::read_dir(dir)?.next().is_none();
    if !ours {
        bail!(
            "{}: it is not empty and holds no demo twin: give another folder with --dir",
            dir.display()
        );
    }
    fs::remove_dir_all(dir).with_context(|| dir.display().to_string())
}

fn build(dir: &Path) -> anyhow::Result<()> {
    let deliveries = dir.join(DELIVERIES);
    fs::create_dir_all(&deliveries).with_context(|| deliveries.display().to_string())?;
    eprintln!("Making the surveys and layers of a small town …");
    data_samples::generate(&deliveries, &data_samples::Options::default())?;
    let configuration = configuration::read(&deliveries)?;
    let crs = Crs::from_code(&configuration.crs)?;
    let twin = Twin::create(dir, &configuration.settings.name, crs.code())?;
    fs::copy(
        deliveries.join(configuration::FILE_NAME),
        dir.join(configuration::FILE_NAME),
    )?;
    for source in configuration.sources {
        let delivery = Delivery {
            sources: vec![deliveries.join(&source.path)],
            collection: CollectionId::new(&source.collection)?,
            layer: source.layer,
            crs: source.crs,
            vertical: source.vertical,
            geoid: configuration.geoid.clone(),
            cell_size_m: None,
            title: source.title,
            department: source.department,
            id_property: source.id_property,
            join: None,
            trust_classification: false,
            mode: PutMode::Create,
        };
        let (_, text) = deliver(&twin, &delivery)?;
        eprint!("{text}");
    }
    let key = Keys::open(dir)?.add("demo", model::Role::Reader)?;
    fs::write(dir.join(STAFF_KEY), key)?;
    Ok(())
}
