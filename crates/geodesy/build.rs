//! Packs the coordinate database of the bundled PROJ, so that the binary carries it.
//!
//! `proj-sys` declares `links = "proj"` but hands no variable on, except its output
//! folder as `DEP_PROJ_ROOT` (the `cmake` crate prints it). `proj.db` lies in its
//! `share/proj`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use sha2::{Digest as _, Sha256};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let out = env::var_os("OUT_DIR")
        .map(PathBuf::from)
        .ok_or_else(|| io::Error::other("Cargo sets OUT_DIR"))?;
    let source = find_database(&out)?;
    println!("cargo::rerun-if-changed={}", source.display());
    let database = fs::read(&source)?;

    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&database)?;
    fs::write(out.join("proj.db.zlib"), packed.finish()?)?;

    let hash: String = Sha256::digest(&database)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let facts = format!(
        "const LENGTH: usize = {};\nconst SHA256: &str = \"{hash}\";\n",
        database.len()
    );
    fs::write(out.join("proj_db.rs"), facts)
}

/// Returns the path of the database that `proj-sys` built.
fn find_database(out: &Path) -> io::Result<PathBuf> {
    let told = env::var_os("DEP_PROJ_ROOT").map(|root| database_in(Path::new(&root)));
    // A target folder that was moved keeps the variable of the place it came from, so
    // the neighbours of our own output folder are looked through as well.
    let neighbours = out
        .ancestors()
        .nth(2)
        .and_then(|build| fs::read_dir(build).ok())
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("proj-sys-"))
        .map(|entry| database_in(&entry.path().join("out")));
    told.into_iter()
        .chain(neighbours)
        .find(|path| path.is_file())
        .ok_or_else(|| {
            io::Error::other(format!(
                "no share/proj/proj.db beside {}: build proj-sys with its feature bundled_proj",
                out.display()
            ))
        })
}

fn database_in(root: &Path) -> PathBuf {
    root.join("share").join("proj").join("proj.db")
}
