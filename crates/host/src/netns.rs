//! Work inside another network namespace.
//!
//! A thread changes namespace, never the process: each piece of work gets a thread of its own that enters, works and
//! ends, so no thread can be left behind in the wrong namespace. A child process starts in its parent thread's
//! namespace.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::{HostError, Result};

/// Where named network namespaces are, as `ip netns` has it.
pub const NETNS_DIR: &str = "/run/netns";

/// The file that stands for a named namespace.
pub fn path_of(name: &str) -> PathBuf {
    Path::new(NETNS_DIR).join(name)
}

/// Runs `work` inside a network namespace and gives back what it returned.
///
/// # Errors
/// The namespace does not exist, or `work` failed.
///
/// # Panics
/// If `work` panics, with the same panic.
pub fn run_in<T: Send>(namespace: &Path, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let file = File::open(namespace).map_err(|e| HostError::io("opening", namespace, e))?;
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                .map_err(|e| HostError::io("entering", namespace, e))?;
            work()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Runs `work` in the named namespace, or where the process is if there is no name.
pub fn run_in_named<T: Send>(name: Option<&str>, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    match name {
        Some(name) => run_in(&path_of(name), work),
        None => work(),
    }
}
