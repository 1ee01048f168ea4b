//! The host as a whole.

use std::fs;
use std::os::fd::AsFd;
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

/// Has the kernel end a connection whose peer takes nothing of what was sent for this long, although it is there.
///
/// # Errors
/// If it is no TCP connection.
pub fn limit_unread(connection: &impl AsFd, limit: Duration) -> Result<()> {
    let milliseconds = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
    rustix::net::sockopt::set_tcp_user_timeout(connection, milliseconds)
        .map_err(|e| HostError::system("limiting how long a connection waits", e))
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

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_peer_that_reads_nothing_loses_its_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let _silent = listener.accept().unwrap();
        limit_unread(&sender, Duration::from_millis(300)).unwrap();
        sender.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
        let start = Instant::now();
        let error = loop {
            match sender.write(&[0; 1 << 16]) {
                Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break error,
                // The kernel ends it with this error, a write that took too long with the other.
                Err(error) if error.raw_os_error() == Some(libc::ETIMEDOUT) => break error,
                _ => assert!(start.elapsed() < Duration::from_secs(30), "it is kept"),
            }
        };
        assert!(matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe));
    }
}
