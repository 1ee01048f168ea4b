//! The host as a whole.

use std::fs;
use std::time::Duration;

use crate::process::ProcessHandle;
use crate::{HostError, Result};

/// What asks a process to end.
const SIGTERM: i32 = 15;

/// The id of the host's present boot: another one means that everything that ran is gone.
///
/// # Errors
/// If the kernel does not say.
pub fn boot_id() -> Result<String> {
    const PATH: &str = "/proc/sys/kernel/random/boot_id";
    fs::read_to_string(PATH).map(|id| id.trim().to_owned()).map_err(|e| HostError::io("reading", PATH, e))
}

/// Whether this process may do everything on the host.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Asks a process to end and waits for that; one that is not there is fine.
///
/// # Errors
/// [`HostError::TimedOut`] if it still runs after `limit`.
pub fn terminate(pid: u32, limit: Duration) -> Result<()> {
    let Some(process) = ProcessHandle::open(pid)? else { return Ok(()) };
    process.signal(SIGTERM)?;
    if process.wait(limit)? {
        Ok(())
    } else {
        Err(HostError::TimedOut { what: format!("the end of process {pid}"), seconds: limit.as_secs() })
    }
}
