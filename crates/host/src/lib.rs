//! The only crate that touches the kernel or starts a process.

mod error;

pub use error::{HostError, Result};
