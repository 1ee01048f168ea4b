//! What can go wrong on the host.

use std::io;
use std::path::{Path, PathBuf};

/// What [`HostError`]-returning functions return.
pub type Result<T, E = HostError> = std::result::Result<T, E>;

/// A failure of the kernel, of a program, or of the host's set-up.
///
/// Messages never repeat their source; print the chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// A system call on a path failed.
    #[error("{what} {}", path.display())]
    Io {
        /// What was being done, as a verb: "reading", "mounting".
        what: &'static str,
        /// The path it was done to.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },

    /// A system call without a path failed.
    #[error("{what}")]
    System {
        /// What was being done.
        what: String,
        /// Why it failed.
        source: io::Error,
    },

    /// A program ran and reported failure.
    #[error("{program} failed ({status}): {stderr}")]
    Command {
        /// The program's name.
        program: String,
        /// Its exit status or signal, in words.
        status: String,
        /// The last lines of what it wrote to standard error.
        stderr: String,
    },

    /// A program or kernel feature is not there.
    #[error("{program} is missing; install {package}")]
    Missing {
        /// What was looked for.
        program: String,
        /// The apt package, or the other thing, that brings it.
        package: String,
    },

    /// There is no room left on the device.
    #[error("no space left for {}", path.display())]
    DiskFull {
        /// What was being written.
        path: PathBuf,
    },

    /// The kernel refused a netlink request.
    #[error("netlink: {0}")]
    Netlink(String),

    /// nftables refused a transaction.
    #[error("nftables: {0}")]
    Nft(String),

    /// No machine has this id.
    #[error("no machine {0}")]
    NoSuchMachine(types::InstanceId),

    /// No image has this name.
    #[error("no image {0:?}")]
    NoSuchImage(String),

    /// Something took longer than it was given.
    #[error("{what} took longer than {seconds} s")]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long, in seconds.
        seconds: u64,
    },

    /// The request makes no sense as it stands: a relative path, a name with a slash.
    #[error("{0}")]
    Invalid(String),

    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl HostError {
    /// A failed system call on a path; a full disk (`ENOSPC`, `EDQUOT`) becomes [`HostError::DiskFull`].
    pub fn io(what: &'static str, path: impl AsRef<Path>, source: impl Into<io::Error>) -> Self {
        let (path, source) = (path.as_ref().to_owned(), source.into());
        match source.raw_os_error() {
            Some(libc::ENOSPC | libc::EDQUOT) => Self::DiskFull { path },
            _ => Self::Io { what, path, source },
        }
    }

    /// A failed system call without a path.
    pub fn system(what: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::System { what: what.into(), source: source.into() }
    }

    /// Whether the disk was full.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::DiskFull { .. })
    }
}
