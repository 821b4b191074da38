//! The keys that staff present, in the file `keys` beside the catalog.
//!
//! A key is 256 random bits, told once. The file holds its SHA-256: a random key of
//! that length cannot be guessed, so that a slow hash would protect nothing. Only the
//! owner of the file may read it (mode 0600). It is replaced in one step.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use model::Role;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Error, files};

/// What a key starts with, so that one that is left in a file or a log can be found.
const PREFIX: &str = "tvilling_";

/// Longest name of a key, in bytes.
const NAME_LEN_MAX: usize = 64;

/// Most keys: each costs a comparison with every request.
const KEYS_MAX: usize = 1000;

/// Most bytes of the file: a thousand keys take a tenth.
const LEN_MAX: u64 = 4 << 20;

/// The keys of a twin.
#[derive(Debug)]
pub struct Keys {
    path: PathBuf,
    known: Mutex<Known>,
}

/// What the file held when it was last read.
#[derive(Debug, Default)]
struct Known {
    stamp: Option<files::Stamp>,
    keys: Vec<Key>,
}

#[derive(Debug, Clone)]
struct Key {
    name: String,
    role: Role,
    sha256: [u8; 32],
    made: Timestamp,
}

impl Keys {
    /// Opens the keys of the twin in this folder. Without a file there are none.
    ///
    /// # Errors
    ///
    /// [`Error::Twin`] if the folder holds no twin; [`Error::Corrupt`], [`Error::Io`].
    pub fn open(dir: &Path) -> Result<Keys, Error> {
        if !crate::database::Database::path(dir).exists() {
            return Err(Error::Twin {
                path: dir.to_owned(),
                what: "holds no twin: make one with `tvilling init`".to_owned(),
            });
        }
        let keys = Keys {
            path: dir.join("keys"),
            known: Mutex::default(),
        };
        keys.refresh()?;
        Ok(keys)
    }

    /// Makes a key and returns it. It is told only here: the file holds its hash.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the name is taken, empty, over 64 bytes or has control
    /// characters, or there are too many keys; [`Error::Corrupt`], [`Error::Io`].
    pub fn add(&self, name: &str, role: Role) -> Result<String, Error> {
        if name.is_empty() || name.len() > NAME_LEN_MAX || name.chars().any(char::is_control) {
            return Err(Error::Refused(format!(
                "{name:?} cannot name a key: use 1 to {NAME_LEN_MAX} bytes without control characters"
            )));
        }
        let mut random = [0; 32];
        getrandom::fill(&mut random)
            .map_err(|error| Error::Refused(format!("no random numbers for a key: {error}")))?;
        let key = format!("{PREFIX}{}", to_hex(&random));
        self.change(|keys| {
            if keys.iter().any(|key| key.name == name) {
                return Err(Error::Refused(format!(
                    "a key called {name:?} exists: revoke it or choose another name"
                )));
            }
            if keys.len() >= KEYS_MAX {
                return Err(Error::Refused(format!(
                    "there are {KEYS_MAX} keys: revoke those that nobody uses"
                )));
            }
            keys.push(Key {
                name: name.to_owned(),
                role,
                sha256: Sha256::digest(&key).into(),
                made: Timestamp::now(),
            });
            Ok(())
        })?;
        Ok(key)
    }

    /// Names and roles, in the order in which they were made.
    pub fn list(&self) -> Vec<(String, Role)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = known.keys.iter();
        keys.map(|key| (key.name.clone(), key.role)).collect()
    }

    /// Makes a key worthless from now on, also where it is in use.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if there is no such key; [`Error::Corrupt`], [`Error::Io`].
    pub fn revoke(&self, name: &str) -> Result<(), Error> {
        self.change(|keys| {
            let before = keys.len();
            keys.retain(|key| key.name != name);
            if keys.len() == before {
                return Err(Error::Refused(format!("there is no key called {name:?}")));
            }
            Ok(())
        })
    }

    /// Returns whose key this is, or nothing if it is none of ours.
    ///
    /// Sees what other processes have added and revoked. While the file is damaged or
    /// cannot be read, no key is ours; [`Keys::refresh`] says why. Takes the same time
    /// whether and where the key matches.
    pub fn verify(&self, presented: &str) -> Option<(String, Role)> {
        self.refresh().ok()?;
        let hash: [u8; 32] = Sha256::digest(presented).into();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = None;
        for key in &known.keys {
            let differing = key
                .sha256
                .iter()
                .zip(&hash)
                .fold(0, |bits, (a, b)| bits | (a ^ b));
            if std::hint::black_box(differing) == 0 {
                found = Some(key);
            }
        }
        found.map(|key| (key.name.clone(), key.role))
    }

    /// Reads the file again if it has changed.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn refresh(&self) -> Result<(), Error> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken before the file is read: if it changes in between, the next call sees it.
        let stamp = match files::Stamp::of(&self.path) {
            Ok(stamp) => stamp,
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                *known = Known::default();
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if !known.stamp.is_some_and(|known| stamp.is_surely(&known)) {
            *known = Known {
                keys: read(&self.path)?,
                stamp: Some(stamp),
            };
        }
        Ok(())
    }

    fn change(&self, edit: impl FnOnce(&mut Vec<Key>) -> Result<(), Error>) -> Result<(), Error> {
        // Freed when it is closed. Not the lock of the twin, which an ingest holds for long.
        let path = self.path.with_extension("lock");
        let lock = File::create(&path).map_err(Error::io(&path))?;
        lock.lock().map_err(Error::io(&path))?;
        self.refresh()?;
        let mut keys = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.keys.clone()
        };
        edit(&mut keys)?;
        files::replace(&self.path, &encode(&keys), 0o600)?;
        if let Some(dir) = self.path.parent() {
            files::sync_folder(dir)?;
        }
        self.refresh()
    }
}

#[derive(Serialize, Deserialize)]
struct RawKeys {
    tvilling_keys: u32,
    keys: Vec<RawKey>,
}

#[derive(Serialize, Deserialize)]
struct RawKey {
    name: String,
    role: String,
    sha256: String,
    made: Timestamp,
}

const FORMAT: u32 = 1;

fn encode(keys: &[Key]) -> Vec<u8> {
    let raw = RawKeys {
        tvilling_keys: FORMAT,
        keys: keys
            .iter()
            .map(|key| RawKey {
                name: key.name.clone(),
                role: key.role.as_str().to_owned(),
                sha256: to_hex(&key.sha256),
                made: key.made,
            })
            .collect(),
    };
    serde_json::to_vec_pretty(&raw).expect("strings and lists of them always become JSON")
}

fn read(path: &Path) -> Result<Vec<Key>, Error> {
    let len = fs::metadata(path).map_err(Error::io(path))?.len();
    if len > LEN_MAX {
        return Err(Error::corrupt(
            path,
            format!("has {len} bytes, over the limit of {LEN_MAX}"),
        ));
    }
    let bytes = fs::read(path).map_err(Error::io(path))?;
    decode(&bytes).map_err(|what| Error::corrupt(path, what))
}

fn decode(bytes: &[u8]) -> Result<Vec<Key>, String> {
    let raw: RawKeys = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if raw.tvilling_keys != FORMAT {
        return Err(format!(
            "is of format {}; this program reads format {FORMAT}",
            raw.tvilling_keys
        ));
    }
    let keys = raw.keys.into_iter().map(|raw| {
        Ok(Key {
            role: Role::from_word(&raw.role).ok_or_else(|| format!("{:?} is no role", raw.role))?,
            sha256: from_hex(&raw.sha256)
                .ok_or_else(|| format!("the hash of key {:?} is damaged", raw.name))?,
            name: raw.name,
            made: raw.made,
        })
    });
    keys.collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let bytes: Option<Vec<u8>> = pairs
        .iter()
        .map(|[high, low]| Some((digit(*high)? * 16 + digit(*low)?) as u8))
        .collect();
    bytes?.try_into().ok().filter(|_| rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Twin;

    fn twin() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        Twin::create(dir.path(), "Twin", "EPSG:3006").unwrap();
        dir
    }

    #[test]
    fn a_key_is_known_until_it_is_revoked_also_by_another_process() {
        let dir = twin();
        let here = Keys::open(dir.path()).unwrap();
        let there = Keys::open(dir.path()).unwrap();
        let key = here.add("Åsa", Role::Editor).unwrap();
        let other = here.add("Bo", Role::Reader).unwrap();
        assert_ne!(key, other);
        let expected = Some(("Åsa".to_owned(), Role::Editor));
        assert_eq!(here.verify(&key), expected);
        assert_eq!(there.verify(&key), expected);
        assert_eq!(there.verify(&key[..key.len() - 1]), None);
        assert_eq!(there.verify(""), None);
        there.revoke("Åsa").unwrap();
        assert_eq!(here.verify(&key), None);
        assert_eq!(here.list(), [("Bo".to_owned(), Role::Reader)]);
        assert!(matches!(here.revoke("Åsa"), Err(Error::Refused(_))));
    }

    #[test]
    fn the_file_holds_no_key_and_is_for_its_owner_alone() {
        let dir = twin();
        let key = Keys::open(dir.path())
            .unwrap()
            .add("a", Role::Admin)
            .unwrap();
        let path = dir.path().join("keys");
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(key.strip_prefix(PREFIX).unwrap()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn names_are_unique_and_printable() {
        let dir = twin();
        let keys = Keys::open(dir.path()).unwrap();
        keys.add("a", Role::Admin).unwrap();
        for name in ["a", "", "a\nb", &"x".repeat(65)] {
            assert!(matches!(
                keys.add(name, Role::Reader),
                Err(Error::Refused(_))
            ));
        }
    }

    #[test]
    fn a_damaged_file_lets_nobody_in_and_says_so() {
        let dir = twin();
        let keys = Keys::open(dir.path()).unwrap();
        let key = keys.add("a", Role::Admin).unwrap();
        let path = dir.path().join("keys");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        assert_eq!(keys.verify(&key), None);
        let error = keys.refresh().unwrap_err().to_string();
        assert!(error.contains("keys"), "{error}");
        // What cannot be read must not be overwritten with what remains.
        assert!(keys.add("b", Role::Reader).is_err());
        fs::write(&path, &whole).unwrap();
        assert!(keys.verify(&key).is_some());
    }
}
