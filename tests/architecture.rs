//! Holds the structure of the workspace to what `ARCHITECTURE.md` says: which crate
//! uses which, which library lives where, and that every crate is described.
//!
//! A new arrow is a change here and in `ARCHITECTURE.md`, and worth an ADR.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Crates, and the crates that each may name; it may use any further along the arrows.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("geodesy", &["model"]),
    ("lidar", &["geodesy"]),
    ("ingest", &["lidar"]),
    ("store", &["geodesy"]),
    ("query", &["store"]),
    ("tiler", &["store"]),
    ("server", &["tiler", "query"]),
    ("cli", &["server", "ingest", "data-samples"]),
    ("data-samples", &[]),
    ("tests", &["cli"]),
    ("benches", &["cli"]),
    // Nothing names it here: it may only be a dependency of tests.
    ("fixtures", &["store"]),
];

/// Libraries that live in some crates only.
const CONFINED: &[(&str, &[&str])] = &[
    (
        "rayon",
        &[
            "ingest",
            "lidar",
            "query",
            "tiler",
            "data-samples",
            "benches",
        ],
    ),
    ("tokio", &["server", "cli", "benches"]),
    ("axum", &["server"]),
    ("tower", &["server"]),
    ("tower-http", &["server"]),
    ("anyhow", &["cli", "data-samples", "benches"]),
    ("clap", &["cli", "data-samples"]),
    ("proj", &["geodesy"]),
    ("proj-sys", &["geodesy"]),
    ("memmap2", &["store"]),
    ("image", &["tiler"]),
    // It changes often.
    ("mlt-core", &["tiler"]),
    // What departments deliver, and archives of tiles.
    ("rusqlite", &["ingest", "store", "data-samples"]),
    ("pmtiles", &["store"]),
    ("parquet", &["ingest"]),
    ("quick-xml", &["ingest"]),
    // Sources at an address; tests ask servers with it, too.
    ("ureq", &["ingest"]),
];

/// Name and dependencies of a package, without those of its tests.
#[derive(Debug, Clone)]
struct Manifest {
    name: String,
    dependencies: BTreeSet<String>,
    has_features: bool,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ has a parent")
        .to_owned()
}

fn read_manifest(path: &Path) -> Manifest {
    let text = fs::read_to_string(path).expect("a manifest");
    let manifest: toml::Table = toml::from_str(&text).expect("valid TOML");
    let keys = |table: &str| -> BTreeSet<String> {
        manifest
            .get(table)
            .and_then(|table| table.as_table())
            .map(|table| table.keys().cloned().collect())
            .unwrap_or_default()
    };
    Manifest {
        name: manifest["package"]["name"]
            .as_str()
            .expect("a name")
            .to_owned(),
        dependencies: keys("dependencies"),
        has_features: manifest.contains_key("features"),
    }
}

fn manifests() -> Vec<Manifest> {
    let mut paths: Vec<PathBuf> = fs::read_dir(root().join("crates"))
        .expect("crates/")
        .map(|entry| entry.expect("an entry").path().join("Cargo.toml"))
        .collect();
    paths.extend(
        ["data-samples", "tests", "tests/fixtures", "benches"]
            .map(|name| root().join(name).join("Cargo.toml")),
    );
    paths.sort();
    paths.iter().map(|path| read_manifest(path)).collect()
}

/// Everything that a crate may use: what its arrows reach.
fn reachable(name: &str) -> BTreeSet<&'static str> {
    let arrows: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = arrows.get(name).map(|to| to.to_vec()).unwrap_or_default();
    while let Some(next) = open.pop() {
        if let Some((known, _)) = ARROWS.iter().find(|(known, _)| *known == next)
            && reached.insert(*known)
        {
            open.extend(arrows[known].iter().copied());
        }
    }
    reached
}

/// Says, one sentence each, where the packages break the rules.
fn violations(manifests: &[Manifest]) -> Vec<String> {
    let mut found = Vec::new();
    for manifest in manifests {
        let name = manifest.name.as_str();
        if !ARROWS.iter().any(|(known, _)| *known == name) {
            found.push(format!("{name} is not in the list of crates"));
        }
        if manifest.has_features {
            found.push(format!(
                "{name} has Cargo features: an application ships whole"
            ));
        }
        let allowed = reachable(name);
        for dependency in &manifest.dependencies {
            let ours = ARROWS.iter().any(|(known, _)| known == dependency);
            if ours && !allowed.contains(dependency.as_str()) {
                found.push(format!("{name} must not use {dependency}"));
            }
            let home = CONFINED.iter().find(|(library, _)| library == dependency);
            if home.is_some_and(|(_, homes)| !homes.contains(&name)) {
                found.push(format!("{dependency} does not live in {name}"));
            }
        }
    }
    found
}

#[test]
fn the_arrows_and_confinements_hold() {
    assert_eq!(violations(&manifests()), Vec::<String>::new());
}

#[test]
fn a_planted_wrong_arrow_is_found() {
    let mut planted = manifests();
    let model = planted
        .iter_mut()
        .find(|manifest| manifest.name == "model")
        .expect("model");
    model.dependencies.insert("store".to_owned());
    model.dependencies.insert("tokio".to_owned());
    model.dependencies.insert("fixtures".to_owned());
    assert_eq!(
        violations(&planted),
        [
            "model must not use fixtures",
            "model must not use store",
            "tokio does not live in model"
        ]
    );
}

#[test]
fn a_planted_arrow_between_siblings_is_found() {
    let mut planted = manifests();
    let store = planted
        .iter_mut()
        .find(|manifest| manifest.name == "store")
        .expect("store");
    store.dependencies.insert("ingest".to_owned());
    assert_eq!(violations(&planted), ["store must not use ingest"]);
}

#[test]
fn architecture_md_describes_every_crate_and_nothing_else() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let described: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'))
        .map(|path| path.rsplit('/').next().unwrap_or(path).to_owned())
        .collect();
    let present: BTreeSet<String> = manifests().into_iter().map(|m| m.name).collect();
    assert_eq!(described, present);
}

#[test]
fn every_name_in_architecture_md_exists() {
    // A path in backquotes that starts with one of our folders must be there.
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    for name in text.split('`').skip(1).step_by(2) {
        let ours = [
            "crates/",
            "tests/",
            "benches/",
            "docs/",
            "config/",
            "scripts/",
            "web/",
            "data-samples/",
        ];
        if ours.iter().any(|folder| name.starts_with(folder))
            && !name.contains(['*', '<', '{', ' '])
        {
            assert!(
                root().join(name).exists(),
                "ARCHITECTURE.md names {name}, which is not there"
            );
        }
    }
}

#[test]
fn every_source_file_is_ours_and_portable() {
    // Absolute paths of somebody's machine have no place in the sources.
    let mut open = vec![root()];
    let mut read = 0;
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                if !["target", "node_modules", "dist", ".git", "demo-twin"].contains(&name.as_str())
                {
                    open.push(path);
                }
            } else if [".rs", ".ts", ".md", ".toml", ".mjs", ".css", ".html"]
                .iter()
                .any(|e| name.ends_with(e))
            {
                let text = fs::read_to_string(&path).expect("UTF-8 text");
                for folder in ["work", "root", "Users"] {
                    let needle = format!("/{folder}/");
                    let bad = text.lines().find(|line| {
                        line.match_indices(&needle).any(|(at, _)| {
                            !line[..at]
                                .ends_with(|c: char| c.is_alphanumeric() || ".-_}".contains(c))
                        })
                    });
                    assert_eq!(bad, None, "{} holds a path of a machine", path.display());
                }
                read += 1;
            }
        }
    }
    assert!(read > 50, "only {read} files were read");
}
