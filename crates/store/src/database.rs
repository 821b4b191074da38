//! The one transactional file of a twin: what is live, and every change of a feature.
//!
//! `catalog` is a SQLite database in write-ahead mode, so that readers never wait for a
//! writer, several programs may have it open, and a commit is one append that is synced.
//! A commit is what makes anything live: files are written and synced before it, and
//! unlinked after it. Tables:
//!
//! - `catalog`: one row, the text that [`crate::catalog`] describes.
//! - `changes`: who changed features, when and how, by number; see [`crate::log`].
//! - `collections`: the numbers that stand for collections in `versions`.
//! - `versions`: what features were and are since which change.
//! - `schemas`: the columns that a collection had until a change.
//!
//! SQLite has no checksums of its own: the text of the catalog, the changes and the versions
//! carry theirs. What a program killed in mid-commit left is rolled back by the next that
//! opens the file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use crate::Error;
use crate::catalog::Catalog;
use crate::files::Stamp;

/// `Tvil`, by which the file is known among SQLite's.
const APPLICATION_ID: i32 = 0x5476_696c;

/// Version of the tables.
const FORMAT: i32 = 3;

/// How long a writer waits for another: far longer than a group of edits takes, and about
/// what the differences of a million features take.
const BUSY_MAX: Duration = Duration::from_secs(60);

/// Most bytes of a catalog's text: a thousand collections of a hundred columns take a tenth.
const CATALOG_BYTES_MAX: i64 = 64 << 20;

const TABLES: &str = "
    CREATE TABLE catalog (
        one INTEGER PRIMARY KEY CHECK (one = 1), generation INTEGER NOT NULL, content TEXT NOT NULL);
    CREATE TABLE changes (
        number INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, kind TEXT NOT NULL, who TEXT NOT NULL,
        note TEXT NOT NULL, xxh3 INTEGER NOT NULL);
    CREATE TABLE collections (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
    CREATE TABLE versions (
        collection INTEGER NOT NULL, feature INTEGER NOT NULL, since INTEGER NOT NULL,
        state INTEGER NOT NULL, geometry BLOB, properties TEXT, xxh3 INTEGER NOT NULL);
    CREATE UNIQUE INDEX versions_of_feature ON versions (collection, feature, since);
    CREATE INDEX versions_since ON versions (collection, since);
    CREATE TABLE schemas (
        collection INTEGER NOT NULL, until INTEGER NOT NULL, content TEXT NOT NULL,
        PRIMARY KEY (collection, until)) WITHOUT ROWID;
";

/// An open connection to a twin's database.
#[derive(Debug)]
pub(crate) struct Database {
    path: PathBuf,
    connection: Connection,
}

/// Which state of the twin is live: cheap to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    /// Number of the commit that wrote the catalog last.
    pub(crate) generation: u64,
    /// Number of the last change of features; 0 if there was none.
    pub(crate) last_change: u64,
}

impl State {
    /// Number of the last commit of either kind. No two commits have one number.
    pub(crate) fn version(self) -> u64 {
        self.generation.max(self.last_change)
    }
}

impl Database {
    /// Where the database of a twin lies.
    pub(crate) fn path(twin: &Path) -> PathBuf {
        twin.join("catalog")
    }

    /// Makes the database of a new twin, durably.
    pub(crate) fn create(twin: &Path, catalog: &Catalog) -> Result<Database, Error> {
        let path = Database::path(twin);
        fs::File::create_new(&path).map_err(Error::io(&path))?;
        let mut database = Database::connect(path, false)?;
        let set_up = |connection: &Connection| {
            connection.pragma_update(None, "application_id", APPLICATION_ID)?;
            connection.pragma_update(None, "user_version", FORMAT)
        };
        set_up(&database.connection).map_err(|error| database.error(error))?;
        let writing = database.write()?;
        writing.batch(TABLES)?;
        writing.put_catalog(catalog)?;
        writing.commit()?;
        Ok(database)
    }

    /// Opens the database of a twin; one that may not be written is opened for reading.
    pub(crate) fn open(twin: &Path) -> Result<Database, Error> {
        Database::open_at(Database::path(twin))
    }

    /// Opens a copy of a database, which nobody writes, for reading.
    pub(crate) fn open_copy(path: &Path) -> Result<Database, Error> {
        Database::connect(path.to_owned(), true)
    }

    fn open_at(path: PathBuf) -> Result<Database, Error> {
        // SQLite would make one that is not there.
        fs::metadata(&path).map_err(Error::io(&path))?;
        let database = Database::connect(path.clone(), false).or_else(|error| {
            // A twin on a disk that may only be read cannot be changed by anyone.
            Database::connect(path, true).map_err(|_| error)
        })?;
        let ask = |pragma: &str| {
            let value = database
                .connection
                .pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
            value.map_err(|error| database.error(error))
        };
        if ask("application_id")? != APPLICATION_ID {
            return Err(Error::corrupt(&database.path, "is no catalog of a twin"));
        }
        let format = ask("user_version")?;
        if format != FORMAT {
            let what = format!(
                "is of format {format}, and this program reads format {FORMAT}: make a new twin and ingest again"
            );
            return Err(Error::corrupt(&database.path, what));
        }
        Ok(database)
    }

    fn connect(path: PathBuf, only_read: bool) -> Result<Database, Error> {
        let access = if only_read {
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI
        } else {
            OpenFlags::SQLITE_OPEN_READ_WRITE
        };
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = if only_read {
            Connection::open_with_flags(immutable_uri(&path), flags)
        } else {
            Connection::open_with_flags(&path, flags)
        };
        let connection = opened.map_err(|error| sqlite(&path, error))?;
        let set_up = || {
            connection.busy_timeout(BUSY_MAX)?;
            if !only_read {
                connection.pragma_update(None, "journal_mode", "WAL")?;
            }
            // Each commit is synced: what is acknowledged outlives a loss of power.
            connection.pragma_update(None, "synchronous", "FULL")?;
            // Purged data must not stay behind in free pages.
            connection.pragma_update(None, "secure_delete", "ON")?;
            // What a hostile file may not do: call functions from its schema.
            connection.pragma_update(None, "trusted_schema", "OFF")
        };
        set_up().map_err(|error| sqlite(&path, error))?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(Database { path, connection })
    }

    /// Which state is live.
    pub(crate) fn state(&self) -> Result<State, Error> {
        state(&self.connection).map_err(|error| self.error(error))
    }

    /// What is live.
    pub(crate) fn catalog(&self) -> Result<Catalog, Error> {
        read_catalog(&self.connection, &self.path)
    }

    /// Starts reading one state, whatever is committed meanwhile.
    pub(crate) fn read(&mut self) -> Result<Reading<'_>, Error> {
        let path = &self.path;
        let started = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Deferred);
        let transaction = started.map_err(|error| sqlite(path, error))?;
        Ok(Reading { path, transaction })
    }

    /// Starts a commit, after waiting for whoever is in the middle of one.
    pub(crate) fn write(&mut self) -> Result<Writing<'_>, Error> {
        let path = &self.path;
        let started = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = started.map_err(|error| sqlite(path, error))?;
        Ok(Writing { path, transaction })
    }

    /// Moves what was committed from the log that is written ahead into the file itself.
    pub(crate) fn settle(&self) -> Result<(), Error> {
        let moved = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()));
        moved.map_err(|error| self.error(error))
    }

    /// Writes a whole copy of the state that is live to a new file.
    pub(crate) fn copy_to(&self, out: &Path) -> Result<(), Error> {
        let name = out.to_string_lossy().into_owned();
        let copied = self.connection.execute("VACUUM INTO ?1", [name]);
        copied.map_err(|error| sqlite(out, error))?;
        let file = fs::File::open(out).map_err(Error::io(out))?;
        file.sync_all().map_err(Error::io(out))
    }

    /// What SQLite itself finds wrong with the file.
    pub(crate) fn integrity(&self) -> Result<Vec<String>, Error> {
        let mut problems = Vec::new();
        let each = |row: &rusqlite::Row<'_>| {
            problems.push(row.get::<_, String>(0)?);
            Ok(())
        };
        let checked = self
            .connection
            .pragma_query(None, "integrity_check", each)
            .map_err(|error| self.error(error));
        checked?;
        problems.retain(|problem| problem != "ok");
        Ok(problems)
    }

    fn error(&self, error: rusqlite::Error) -> Error {
        sqlite(&self.path, error)
    }
}

/// SQLite's own way to say that nobody can change a file.
fn immutable_uri(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.to_string_lossy().bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' => uri.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri + "?immutable=1"
}

/// One state of the database, being read.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    path: &'a Path,
    transaction: Transaction<'a>,
}

impl Reading<'_> {
    pub(crate) fn path(&self) -> &Path {
        self.path
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.transaction
    }

    pub(crate) fn state(&self) -> Result<State, Error> {
        state(&self.transaction).map_err(|error| sqlite(self.path, error))
    }

    pub(crate) fn catalog(&self) -> Result<Catalog, Error> {
        read_catalog(&self.transaction, self.path)
    }
}

/// A commit in the making. Dropped, it leaves nothing.
#[derive(Debug)]
pub(crate) struct Writing<'a> {
    path: &'a Path,
    transaction: Transaction<'a>,
}

impl Writing<'_> {
    pub(crate) fn path(&self) -> &Path {
        self.path
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.transaction
    }

    pub(crate) fn state(&self) -> Result<State, Error> {
        state(&self.transaction).map_err(|error| sqlite(self.path, error))
    }

    pub(crate) fn put_catalog(&self, catalog: &Catalog) -> Result<(), Error> {
        let put = self.transaction.execute(
            "INSERT OR REPLACE INTO catalog VALUES (1, ?1, ?2)",
            (catalog.generation as i64, catalog.encode()),
        );
        put.map_err(|error| sqlite(self.path, error)).map(drop)
    }

    /// Makes everything live, durably.
    pub(crate) fn commit(self) -> Result<(), Error> {
        let path = self.path;
        self.transaction
            .commit()
            .map_err(|error| sqlite(path, error))
    }

    fn batch(&self, sql: &str) -> Result<(), Error> {
        let done = self.transaction.execute_batch(sql);
        done.map_err(|error| sqlite(self.path, error))
    }
}

fn state(connection: &Connection) -> rusqlite::Result<State> {
    let mut ask = connection.prepare_cached(
        "SELECT (SELECT generation FROM catalog), (SELECT coalesce(max(number), 0) FROM changes)",
    )?;
    ask.query_row((), |row| {
        Ok(State {
            generation: row.get::<_, i64>(0)?.max(0) as u64,
            last_change: row.get::<_, i64>(1)?.max(0) as u64,
        })
    })
}

fn read_catalog(connection: &Connection, path: &Path) -> Result<Catalog, Error> {
    let len = "SELECT length(CAST(content AS BLOB)) FROM catalog";
    let len: i64 = connection
        .query_row(len, (), |row| row.get(0))
        .map_err(|error| sqlite(path, error))?;
    if len > CATALOG_BYTES_MAX {
        let what = format!("has {len} bytes of text, over the limit of {CATALOG_BYTES_MAX}");
        return Err(Error::corrupt(path, what));
    }
    let text: String = connection
        .query_row("SELECT content FROM catalog", (), |row| row.get(0))
        .map_err(|error| sqlite(path, error))?;
    Catalog::decode(&text).map_err(|what| Error::corrupt(path, what))
}

/// Says what SQLite says in the words of this crate.
pub(crate) fn sqlite(path: &Path, error: rusqlite::Error) -> Error {
    let code = error.sqlite_error_code();
    let kind = match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            return Error::Twin {
                path: path.to_owned(),
                what: "is being written by another process: try again when it has finished"
                    .to_owned(),
            };
        }
        Some(ErrorCode::NotADatabase) => {
            let what = "is no catalog that this program reads: a twin that an older version made must be ingested again";
            return Error::corrupt(path, what);
        }
        Some(ErrorCode::DiskFull) => io::ErrorKind::StorageFull,
        Some(ErrorCode::ReadOnly) => io::ErrorKind::ReadOnlyFilesystem,
        Some(ErrorCode::PermissionDenied) => io::ErrorKind::PermissionDenied,
        Some(ErrorCode::CannotOpen | ErrorCode::SystemIoFailure) => io::ErrorKind::Other,
        // Whatever else it says of a file of ours, the file is not as we wrote it.
        _ => return Error::corrupt(path, format!("is damaged: {error}")),
    };
    Error::Io {
        path: path.to_owned(),
        source: io::Error::new(kind, error),
    }
}

/// What tells one state of the files from another without opening them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamps {
    file: Stamp,
    ahead: Option<Stamp>,
}

impl Stamps {
    pub(crate) fn of(twin: &Path) -> Result<Stamps, Error> {
        Ok(Stamps {
            file: Stamp::of(&Database::path(twin))?,
            // Gone when the last who had it open has closed it.
            ahead: Stamp::of(&twin.join("catalog-wal")).ok(),
        })
    }

    /// Returns whether nothing was committed since `earlier` was taken, surely.
    pub(crate) fn are_surely(&self, earlier: &Stamps) -> bool {
        let ahead = match (&self.ahead, &earlier.ahead) {
            (None, None) => true,
            (Some(now), Some(then)) => now.is_surely(then),
            _ => false,
        };
        ahead && self.file.is_surely(&earlier.file)
    }

    /// Returns whether the database is another file than when `earlier` was taken.
    pub(crate) fn are_of_another_file(&self, earlier: &Stamps) -> bool {
        !self.file.is_same_file(&earlier.file)
    }
}
