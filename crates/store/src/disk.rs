//! The tables on disk.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use cloud::{Change, State};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};
use types::{Region, Timestamp};

use crate::behind::Behind;
use crate::reserve::Reserve;

/// Resources as they are now: region and key as JSON, to the record as JSON.
///
/// It may be some entries behind the log.
pub(crate) const RECORDS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("records");
/// Every step, by number.
const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
/// Facts about the store itself.
pub(crate) const META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");
/// The version of the form in which things are stored, where the table of records has everything.
pub(crate) const FORMAT: &str = "1";
/// The version where it lacks what the last entries of the log say.
pub(crate) const FORMAT_BEHIND: &str = "2";
/// The name among the facts of the number of the first entry that the table of records may lack; without this fact it
/// lacks none.
pub(crate) const APPLIED: &str = "applied";

/// How much of the database redb may keep in memory, in bytes. What is read often is in the State anyway.
const CACHE_BYTES: usize = 4 << 20;

/// Room for a Change as JSON, in bytes: about as much as those of an instance take on average.
const USUAL_CHANGE_BYTES: usize = 1 << 10;

/// Why the store cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it open.
    #[error("the state is in use by another process")]
    InUse,
    /// It was written by a version of Daemun that this one cannot read.
    #[error("the state has format {found}, this version of Daemun reads {FORMAT} and {FORMAT_BEHIND}")]
    Format {
        /// The format found.
        found: String,
    },
    /// A record cannot be read or written as JSON.
    #[error("a stored record is damaged")]
    Record(#[from] serde_json::Error),
    /// The database refuses.
    #[error("the database failed")]
    Database(#[source] Box<redb::Error>),
}

impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::DatabaseAlreadyOpen => Self::InUse,
            other => Self::Database(Box::new(other)),
        }
    }
}

macro_rules! from_redb {
    ($($error:ident),*) => {$(
        impl From<redb::$error> for StoreError {
            fn from(error: redb::$error) -> Self {
                redb::Error::from(error).into()
            }
        }
    )*};
}
from_redb!(DatabaseError, TransactionError, TableError, StorageError, CommitError);

/// One step in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// When.
    pub at: Timestamp,
    /// Who: an access key id, or `daemun`.
    pub principal: String,
    /// Which action, or what the daemon itself was doing.
    pub action: String,
    /// The id of the request.
    pub request_id: String,
    /// In which region it was asked for.
    pub region: Option<Region>,
    /// What changed.
    pub changes: Vec<Change>,
}

/// The open database.
pub(crate) struct Disk {
    path: PathBuf,
    /// Absent only where it could not be opened again after a failure; the next commit tries anew.
    database: Option<Database>,
    next_entry: u64,
    behind: Behind,
    reserve: Reserve,
}

impl Disk {
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let (database, next_entry) = open(path)?;
        let mut reserve = Reserve::beside(path);
        reserve.keep();
        Ok(Self { path: path.to_owned(), database: Some(database), next_entry, behind: Behind::default(), reserve })
    }

    fn database(&self) -> Result<&Database, StoreError> {
        self.database.as_ref().ok_or_else(|| redb::Error::PreviousIo.into())
    }

    /// Opens the database anew, in the room that was kept for this: after a failure redb takes no more.
    ///
    /// Says whether it holds what it is known to hold (`false`), or these many entries more (`true`), since a commit
    /// that failed at its very end may be on disk all the same. Anything else cannot be gone on with: it stays closed,
    /// and a restart reads what is there.
    fn reopen(&mut self, more: usize) -> Result<bool, StoreError> {
        self.database = None;
        let (database, next_entry) = open(&self.path)?;
        let already = next_entry == self.next_entry + more as u64 && more > 0;
        if !already && next_entry != self.next_entry {
            return Err(redb::Error::Corrupted("it holds changes that were not answered".to_owned()).into());
        }
        self.database = Some(database);
        Ok(already)
    }

    /// The State as it was last committed: the table of records, and what the log says since.
    pub(crate) fn load(&mut self) -> Result<State, StoreError> {
        let mut state = State::default();
        let read = self.database()?.begin_read()?;
        for row in read.open_table(RECORDS)?.iter()? {
            let (_, value) = row?;
            state.apply(serde_json::from_slice(value.value())?);
        }
        let applied = read.open_table(META)?.get(APPLIED)?.map(|number| number.value().to_owned());
        let applied = match applied {
            Some(number) => number.parse().map_err(|_| redb::Error::Corrupted(format!("{APPLIED}: {number}")))?,
            None => self.next_entry,
        };
        for row in read.open_table(LOG)?.range(applied..)? {
            let entry: LogEntry = serde_json::from_slice(row?.1.value())?;
            self.behind.note(&entry.changes);
            entry.changes.into_iter().for_each(|change| state.apply(change));
        }
        Ok(state)
    }

    /// Whether the table of records lacks something.
    pub(crate) fn is_behind(&self) -> bool {
        !self.behind.is_empty()
    }

    /// Brings the table of records a step nearer to the log.
    pub(crate) fn catch_up(&mut self) -> Result<(), StoreError> {
        if self.database.is_none() {
            self.reopen(0)?;
        }
        if let Err(error) = self.write(&[], true) {
            // The log has everything; only its readers would have to wait longer. Room is not given up for this.
            self.reopen(0)?;
            return Err(error);
        }
        Ok(())
    }

    /// Makes the entries durable; when it returns, they are on disk.
    pub(crate) fn commit(&mut self, entries: &[LogEntry]) -> Result<(), StoreError> {
        let is_far = self.behind.is_far();
        let opened = if self.database.is_none() { self.reopen(0).map(drop) } else { Ok(()) };
        if let Err(error) = opened.and_then(|()| self.write(entries, is_far)) {
            let StoreError::Database(error) = error else { return Err(error) };
            let room = self.reserve.give_up();
            tracing::warn!(%error, room, "a commit failed; opening the database anew");
            if !self.reopen(entries.len())? {
                self.write(entries, false)?;
            }
        }
        self.next_entry += entries.len() as u64;
        entries.iter().for_each(|entry| self.behind.note(&entry.changes));
        self.reserve.keep();
        Ok(())
    }

    /// Writes entries to the log and, if it `follows`, some of what the table of records lacks, in one durable
    /// transaction.
    fn write(&mut self, entries: &[LogEntry], follows: bool) -> Result<(), StoreError> {
        let write = self.database()?.begin_write()?;
        let step = if follows { Some(self.behind.write_step(&write, self.next_entry)?) } else { None };
        if !entries.is_empty() {
            let mut log = write.open_table(LOG)?;
            for (number, entry) in (self.next_entry..).zip(entries) {
                let mut json = Vec::with_capacity(entry.changes.len() * USUAL_CHANGE_BYTES);
                serde_json::to_writer(&mut json, entry)?;
                log.insert(number, json.as_slice())?;
            }
            // An earlier version, which looks at the records alone, shall not take the store for what it is not.
            write.open_table(META)?.insert("format", FORMAT_BEHIND)?;
        }
        write.commit()?;
        step.into_iter().for_each(|step| self.behind.done(step));
        Ok(())
    }

    /// The newest entries of the log that `wanted` picks, newest first, at most `limit`.
    pub(crate) fn log(&self, limit: usize, wanted: impl Fn(&LogEntry) -> bool) -> Result<Vec<LogEntry>, StoreError> {
        let read = self.database()?.begin_read()?;
        let mut found = Vec::new();
        for row in read.open_table(LOG)?.iter()?.rev() {
            let entry = serde_json::from_slice(row?.1.value())?;
            if wanted(&entry) {
                found.push(entry);
                if found.len() >= limit {
                    break;
                }
            }
        }
        Ok(found)
    }
}

/// Opens the database, made if it is not there, and gives the number of its next entry.
fn open(path: &Path) -> Result<(Database, u64), StoreError> {
    // It holds user data: for its owner alone, from the first byte on.
    let made = File::options().write(true).create(true).truncate(false).mode(0o600).open(path);
    made.map_err(|error| StoreError::from(redb::StorageError::Io(error)))?;
    let database = Database::builder().set_cache_size(CACHE_BYTES).create(path)?;
    let write = database.begin_write()?;
    let next_entry = {
        write.open_table(RECORDS)?;
        let mut meta = write.open_table(META)?;
        let format = meta.get("format")?.map(|found| found.value().to_owned());
        match format {
            None => drop(meta.insert("format", FORMAT)?),
            Some(found) if ![FORMAT, FORMAT_BEHIND].contains(&found.as_str()) => {
                return Err(StoreError::Format { found });
            }
            Some(_) => {}
        }
        let next_entry = write.open_table(LOG)?.last()?.map_or(0, |(number, _)| number.value() + 1);
        if meta.get(APPLIED)?.is_none() {
            meta.insert(APPLIED, next_entry.to_string().as_str())?;
        }
        next_entry
    };
    write.commit()?;
    Ok((database, next_entry))
}
