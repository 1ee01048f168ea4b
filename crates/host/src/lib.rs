//! The only crate that touches the kernel or starts a process.

mod error;
pub mod image;
pub mod machine;
pub mod netns;
pub mod network;

pub use error::{HostError, Result};
