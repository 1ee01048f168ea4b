//! Changes on disk and back: the only writer of the [`State`](cloud::State).
//!
//! One thread takes what is to be written, in batches: it lets each job work on the newest State, commits the
//! Changes of the whole batch in one durable transaction, publishes the new State, and only then answers. Readers
//! take the published State without a lock.
//!
//! On disk (redb) there are two tables: `log` holds every step, with who took it and when, `records` every resource as
//! it is now. A step is durable when it is in the log; the records follow when nobody writes.

#![deny(missing_docs)]

mod behind;
mod disk;
mod ledger;
mod reserve;

pub use disk::{LogEntry, StoreError};
pub use ledger::{Author, Ledger, WriteError};
