//! Work inside another network namespace.
//!
//! A thread changes namespace, never the process: each piece of work gets a thread of its own that enters, works and
//! ends, so no thread can be left behind in the wrong namespace. A child process starts in its parent thread's
//! namespace.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::network::program::ip_batch;
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

/// Makes a named namespace, as `ip netns add` does.
pub fn create(name: &str) -> Result<()> {
    let path = path_of(name);
    if path.exists() && !is_namespace(&path) {
        // Left by a process that died half-way.
        std::fs::remove_file(&path).map_err(|e| HostError::io("removing", &path, e))?;
    }
    ip_batch(&[format!("netns add {name}")])
}

/// Removes the name of a namespace, as `ip netns delete` does. The namespace goes when nothing is in it any more.
pub fn delete(name: &str) -> Result<()> {
    ip_batch(&[format!("netns delete {name}")])
}

/// Whether a file stands for a namespace one can enter.
pub fn is_namespace(path: &Path) -> bool {
    File::open(path).and_then(|file| Ok(rustix::fs::fstatfs(&file)?)).is_ok_and(|fs| fs.f_type as u64 == NSFS_MAGIC)
}

/// `NSFS_MAGIC` of `linux/magic.h`: the file system that namespaces are files of.
const NSFS_MAGIC: u64 = 0x6e73_6673;
