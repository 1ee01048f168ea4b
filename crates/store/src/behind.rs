//! What the table of records does not have yet.
//!
//! The log alone makes a change durable: it is written at its end, in one go, however many records change. The table of
//! records follows when there is nothing else to do, since its rows lie all over the file. So a launch of hundreds of
//! instances is answered after one short write, and of records that change again and again only the last form is
//! written. What the table lacks when the daemon is killed is read from the log.

use std::collections::BTreeMap;

use cloud::{Change, Key, Operation};
use redb::WriteTransaction;
use types::Region;

use crate::disk::{APPLIED, FORMAT, META, RECORDS, StoreError};

/// How many rows are written at a time: a moment's work, for which a request may have to wait.
const STEP_ROWS: usize = 500;

/// How many records may be behind before every commit writes some, too.
const MAX_ROWS: usize = 50_000;

/// Which row of the table.
type Place = (Option<Region>, Key);
/// What is to be done to each row: the last Change of it.
type Rows = BTreeMap<Place, Change>;

/// The rows that are still to be written, and up to where the table follows the log.
#[derive(Default)]
pub(crate) struct Behind {
    /// Those that are being written. None of them belongs to an entry from `end` on.
    older: Rows,
    /// The number of the first entry that `older` knows nothing of.
    end: u64,
    /// Those of entries from `end` on.
    newer: Rows,
}

/// Rows that a transaction writes.
pub(crate) struct Step {
    /// The last of them; `None` where there were none.
    last: Option<Place>,
}

impl Behind {
    /// Whether the table has everything.
    pub(crate) fn is_empty(&self) -> bool {
        self.older.is_empty() && self.newer.is_empty()
    }

    /// Whether so much is missing that it cannot wait.
    pub(crate) fn is_far(&self) -> bool {
        self.older.len() + self.newer.len() > MAX_ROWS
    }

    /// Notes what an entry of the log changes, in the order of entries.
    pub(crate) fn note(&mut self, changes: &[Change]) {
        self.newer.extend(changes.iter().map(|change| {
            let key = match &change.operation {
                Operation::Put(record) => record.key(),
                Operation::Delete(key) => key.clone(),
            };
            ((change.region.clone(), key), change.clone())
        }));
    }

    /// Writes some rows, and how far the table then is. `next_entry` is the number of the next entry of the log.
    pub(crate) fn write_step(&mut self, write: &WriteTransaction, next_entry: u64) -> Result<Step, StoreError> {
        if self.older.is_empty() {
            (self.older, self.end) = (std::mem::take(&mut self.newer), next_entry);
        }
        let mut records = write.open_table(RECORDS)?;
        let mut last = None;
        for (place, change) in self.older.iter().take(STEP_ROWS) {
            let key = serde_json::to_string(place)?;
            match &change.operation {
                Operation::Put(_) => drop(records.insert(key.as_str(), serde_json::to_vec(change)?.as_slice())?),
                Operation::Delete(_) => drop(records.remove(key.as_str())?),
            }
            last = Some(place.clone());
        }
        if self.older.len() <= STEP_ROWS {
            let mut meta = write.open_table(META)?;
            meta.insert(APPLIED, self.end.to_string().as_str())?;
            if self.newer.is_empty() {
                meta.insert("format", FORMAT)?;
            }
        }
        Ok(Step { last })
    }

    /// Forgets the rows of a step, which are on disk now.
    pub(crate) fn done(&mut self, step: Step) {
        let Some(last) = step.last else { return };
        self.older = self.older.split_off(&last);
        self.older.remove(&last);
    }
}

#[cfg(test)]
mod tests;
