//! The only crate that touches the kernel or starts a process.

mod cgroup;
pub mod doctor;
mod error;
pub mod image;
mod limits;
pub mod machine;
mod mount;
pub mod netns;
pub mod network;
mod process;
pub mod program;
pub mod system;
pub mod tree;
pub mod uid_ranges;

pub use cgroup::Cgroups;
pub use error::{HostError, Result};
