//! Resources, the [`State`], its [`Change`]s, and what every action of EC2 means.
//!
//! Nothing here does I/O. An action reads a [`View`], or works on a [`Transaction`] that collects
//! Changes; either way it is a function of the State, the [`Context`] and the request alone, so that a run can
//! be replayed. Whoever calls it makes the Changes durable before the answer leaves.

#![deny(missing_docs)]

pub mod access;
pub mod actions;
pub mod catalog;
mod connect;
pub mod context;
pub mod dependencies;
pub mod error;
pub mod idempotency;
pub mod imaging;
pub mod keys;
pub mod kind;
pub mod lifecycle;
pub mod names;
pub mod prefix_lists;
pub mod query;
pub mod quotas;
mod reads;
pub mod resource;
pub mod routing;
mod seed;
pub mod services;
pub mod sessions;
pub mod settle;
mod state;
pub mod storage;
pub mod tagging;
#[cfg(test)]
mod testing;
mod transaction;
pub mod transit;
mod view;

pub use context::{Config, ConsoleOutput, Context};
pub use error::ApiError;
pub use reads::{Reader, Reads};
pub use seed::{DEFAULT_VPC, is_seeded, seed_region};
pub use state::{Change, Key, Operation, Record, State, Tables};
pub use transaction::Transaction;
pub use view::View;
