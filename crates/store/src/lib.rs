//! Changes on disk and back: the only writer of the [`State`](cloud::State).
//!
//! One thread takes what is to be written, in batches: it lets each job work on the newest State, commits the
//! Changes of the whole batch in one durable transaction, publishes the new State, and only then answers. Readers
//! take the published State without a lock.
//!
//! On disk (redb) there are two tables: `records` holds every resource as it is now, `log` every step that led
//! there, with who took it and when.

#![deny(missing_docs)]

mod disk;
mod ledger;
mod reserve;

pub use disk::{LogEntry, StoreError};
pub use ledger::{Author, Ledger, WriteError};
