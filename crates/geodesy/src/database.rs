//! The coordinate database of PROJ, which the binary carries.
//!
//! PROJ reads its database through SQLite from a file. The file is packed into the
//! binary, and put where PROJ can read it at first use: in the user's cache folder,
//! under a name that holds the hash of its content, or else in a new temporary
//! folder. No environment variable and no other copy of PROJ on the machine matters.
//!
//! Its content is verified by that hash. So that not every start has to read all of it, a
//! note beside it says what the system knew of the file when it was found whole; as long as
//! nothing of that changes, nobody has written to it.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};
use std::{env, fs};

use sha2::{Digest as _, Sha256};

include!(concat!(env!("OUT_DIR"), "/proj_db.rs"));

const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/proj.db.zlib"));
const FILE_NAME: &str = "proj.db";

/// The note of what was found whole.
const NOTE_NAME: &str = "proj.db.whole";

/// How old the last change of a file must be for the next to have a later time: some
/// file systems count in whole seconds.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

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
        if is_known_whole(&folder, SETTLED_AFTER) || unpack_into(&folder).is_ok() {
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

/// Whether the database in a folder is whole, by its note or else by reading it.
fn is_known_whole(folder: &Path, settled_after: Duration) -> bool {
    let (path, note) = (folder.join(FILE_NAME), folder.join(NOTE_NAME));
    // Taken before it is read: whatever is written meanwhile makes another.
    let state = settled_state(&path, settled_after);
    if let Some(state) = &state
        && fs::read_to_string(&note).is_ok_and(|noted| noted == *state)
    {
        return true;
    }
    let is_whole = is_whole(&path);
    if let (true, Some(state)) = (is_whole, state) {
        // Without the note the next start reads all again, and that is all.
        let _ = write_note(folder, &note, &state);
    }
    is_whole
}

/// What the system knows of a file that changes whenever somebody writes to it or puts
/// another in its place; none if that was so short ago that it might look the same.
#[cfg(unix)]
fn settled_state(path: &Path, after: Duration) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;

    let known = fs::metadata(path).ok()?;
    let changed = Duration::new(
        known.ctime().try_into().ok()?,
        known.ctime_nsec().try_into().ok()?,
    );
    let age = (SystemTime::UNIX_EPOCH + changed).elapsed().ok()?;
    (age >= after).then(|| {
        format!(
            "{SHA256} {} bytes, file {} of {}, changed {changed:?}, written {}.{:09}\n",
            known.len(),
            known.ino(),
            known.dev(),
            known.mtime(),
            known.mtime_nsec()
        )
    })
}

/// Other systems do not say when a file was changed in a way that cannot be set back.
#[cfg(not(unix))]
fn settled_state(_path: &Path, _after: Duration) -> Option<String> {
    None
}

fn write_note(folder: &Path, note: &Path, state: &str) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(state.as_bytes())?;
    file.persist(note).map_err(|error| error.error)?;
    Ok(())
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
    #[cfg(unix)]
    fn what_was_found_whole_is_read_again_only_when_it_was_written_to() {
        let cache = tempfile::tempdir().unwrap();
        let folder = place(Some(cache.path())).unwrap();
        let (path, note) = (folder.join(FILE_NAME), folder.join(NOTE_NAME));
        // Just written, it could be written again and look the same.
        assert!(is_known_whole(&folder, Duration::from_secs(3600)) && !note.exists());
        assert!(is_known_whole(&folder, Duration::ZERO) && note.exists());

        let whole = fs::read(&path).unwrap();
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        let mut bytes = whole.clone();
        bytes[LENGTH / 2] ^= 1;
        fs::write(&path, &bytes).unwrap();
        // Even if somebody sets its time back.
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(modified).unwrap();
        assert!(!is_known_whole(&folder, Duration::ZERO));
        place(Some(cache.path())).unwrap();
        assert_eq!(fs::read(&path).unwrap(), whole);
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
