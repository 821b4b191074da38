//! An operator's own tile matrix sets: every `config/*.json` in the folder of a twin, as
//! TileMatrixSet 2.0 JSON (OGC 17-083r4). Read when tiles are to be made or served.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use geodesy::{Crs, TileMatrixSet, TileMatrixSets, Transform};

/// Where they lie in the twin's folder.
const FOLDER: &str = "config";

/// How the names of their files end.
const ENDING: &str = "json";

/// Most of them: every client that lists tilesets gets all of them for each collection.
const MAX_SETS: usize = 100;

/// Longest file: thirty levels take some 10 kB.
const MAX_BYTES: u64 = 1 << 20;

/// Returns the tile matrix sets of the twin in `dir`, whose CRS is `crs`: those built in and
/// its own.
pub(crate) fn read(dir: &Path, crs: &str) -> anyhow::Result<TileMatrixSets> {
    let mut sets = TileMatrixSets::default();
    let files = files(&dir.join(FOLDER))?;
    if files.len() > MAX_SETS {
        bail!(
            "{}: {} tile matrix sets are too many: keep {MAX_SETS}",
            dir.join(FOLDER).display(),
            files.len()
        );
    }
    let twin_crs = Crs::from_code(crs)?;
    for path in files {
        read_one(&path, &twin_crs)
            .and_then(|set| Ok(sets.add(set)?))
            .with_context(|| path.display().to_string())?;
    }
    Ok(sets)
}

/// The files, by name, so that equal folders give equal lists.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| folder.display().to_string())?.path();
        if path.extension().is_some_and(|end| end == ENDING) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read_one(path: &Path, twin_crs: &Crs) -> anyhow::Result<TileMatrixSet> {
    let length = fs::metadata(path)?.len();
    if length > MAX_BYTES {
        bail!("{length} bytes are too many for a tile matrix set");
    }
    let set = TileMatrixSet::from_json(&fs::read_to_string(path)?)?;
    // Better told now than to the first who asks for a tile.
    Transform::new(twin_crs, &set.crs)?;
    Ok(set)
}
