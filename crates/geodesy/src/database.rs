//! The coordinate database of PROJ, which the binary carries.
//!
//! PROJ reads its database through SQLite from a file. The file is packed into the
//! binary, and put where PROJ can read it at first use: in the user's cache folder,
//! under a name that holds the hash of its content, or else in a new temporary
//! folder. No environment variable and no other copy of PROJ on the machine matters.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{env, fs};

use sha2::{Digest as _, Sha256};

include!(concat!(env!("OUT_DIR"), "/proj_db.rs"));

const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/proj.db.zlib"));
const FILE_NAME: &str = "proj.db";

/// Returns the folder that holds the database, whose content has been verified.
///
/// # Errors
///
/// A sentence, if neither the cache folder nor a temporary folder can be written.
pub(crate) fn folder() -> Result<&'static Path, String> {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    FOLDER
        .get_or_init(|| place(cache_folder().as_deref()))
        .as_deref()
        .map_err(Clone::clone)
}

/// Puts the database into `cache`, or a temporary folder where that cannot be.
fn place(cache: Option<&Path>) -> Result<PathBuf, String> {
    if let Some(cache) = cache {
        let folder = cache.join(format!("proj-{}", &SHA256[..16]));
        if is_whole(&folder.join(FILE_NAME)) || unpack_into(&folder).is_ok() {
            return Ok(folder);
        }
    }
    // A folder of our own that no one else may write to. It stays behind when the
    // process ends: PROJ may open the file until the very end.
    let folder = tempfile::Builder::new()
        .prefix("tvilling-proj-")
        .tempdir()
        .map_err(|error| {
            format!(
                "{}: no place for the coordinate database: {error}",
                env::temp_dir().display()
            )
        })?
        .keep();
    unpack_into(&folder).map_err(|error| {
        format!(
            "{}: cannot write the coordinate database: {error}",
            folder.display()
        )
    })?;
    Ok(folder)
}

/// The user's folder for files that can be made again, where there is one.
fn cache_folder() -> Option<PathBuf> {
    let absolute = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    // The first is what systemd gives a service, which has no home.
    absolute("CACHE_DIRECTORY")
        .or_else(|| absolute("XDG_CACHE_HOME"))
        .or_else(|| absolute("LOCALAPPDATA"))
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("tvilling"))
}

fn is_whole(path: &Path) -> bool {
    let Ok(mut file) = fs::File::open(path) else {
        return false;
    };
    let right_length = file
        .metadata()
        .is_ok_and(|found| found.is_file() && found.len() == LENGTH as u64);
    let mut bytes = Vec::with_capacity(LENGTH);
    right_length && file.read_to_end(&mut bytes).is_ok() && is_ours(&bytes)
}

fn is_ours(bytes: &[u8]) -> bool {
    let hash = Sha256::digest(bytes);
    hash.iter()
        .zip(SHA256.as_bytes().chunks_exact(2))
        .all(|(byte, hex)| {
            std::str::from_utf8(hex)
                .ok()
                .and_then(|hex| u8::from_str_radix(hex, 16).ok())
                == Some(*byte)
        })
}

/// Writes the database under another name and renames it, so that no process ever
/// reads half of it.
fn unpack_into(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut bytes = Vec::with_capacity(LENGTH);
    flate2::read::ZlibDecoder::new(PACKED).read_to_end(&mut bytes)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&bytes)?;
    file.as_file().sync_all()?;
    let target = folder.join(FILE_NAME);
    file.persist(&target).map_err(|error| error.error)?;
    if is_whole(&target) {
        Ok(())
    } else {
        Err(io::Error::other(
            "what was read back is not what was written",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_is_placed_once_and_mended_when_damaged() {
        let cache = tempfile::tempdir().unwrap();
        let folder = place(Some(cache.path())).unwrap();
        assert!(folder.starts_with(cache.path()));
        let path = folder.join(FILE_NAME);
        assert!(is_whole(&path));

        let mut bytes = fs::read(&path).unwrap();
        bytes[LENGTH / 2] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert!(!is_whole(&path));
        place(Some(cache.path())).unwrap();
        assert!(is_whole(&path));

        fs::write(&path, &bytes[..LENGTH / 3]).unwrap();
        place(Some(cache.path())).unwrap();
        assert!(is_whole(&path));
    }

    #[test]
    fn a_cache_that_cannot_be_written_gives_way_to_a_temporary_folder() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("not-a-folder");
        fs::write(&file, b"").unwrap();
        let folder = place(Some(&file)).unwrap();
        assert!(!folder.starts_with(&file));
        assert!(is_whole(&folder.join(FILE_NAME)));
        fs::remove_dir_all(folder).unwrap();
    }
}
