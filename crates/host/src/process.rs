//! Starting programs and looking at processes.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::{HostError, Result};

/// How many bytes of a failed program's messages an error keeps.
const KEPT_STDERR_BYTES: usize = 2_000;

/// Runs a program to its end and returns its standard output.
///
/// # Errors
/// [`HostError::Missing`] naming `package` if the program is not installed, [`HostError::DiskFull`] if its messages
/// say so, [`HostError::Command`] for any other failure.
pub(crate) fn run(command: &mut Command, package: &str) -> Result<Vec<u8>> {
    let name = program_name(command);
    let output = command.stdin(Stdio::null()).output().map_err(|e| not_started(&name, package, e))?;
    check(&name, &output)?;
    Ok(output.stdout)
}

/// The error of a program that could not be started.
pub(crate) fn not_started(name: &str, package: &str, error: io::Error) -> HostError {
    if error.kind() == io::ErrorKind::NotFound {
        HostError::Missing { program: name.to_owned(), package: package.to_owned() }
    } else {
        HostError::system(format!("starting {name}"), error)
    }
}

/// The error of a program that ended badly.
pub(crate) fn failed(name: &str, status: std::process::ExitStatus, stderr: &str) -> HostError {
    if stderr.contains("No space left on device") {
        return HostError::DiskFull { path: name.into() };
    }
    let mut start = stderr.len().saturating_sub(KEPT_STDERR_BYTES);
    while !stderr.is_char_boundary(start) {
        start += 1;
    }
    HostError::Command {
        program: name.to_owned(),
        status: status.to_string(),
        stderr: stderr[start..].trim().to_owned(),
    }
}

fn check(name: &str, output: &Output) -> Result<()> {
    if output.status.success() {
        return Ok(());
    }
    Err(failed(name, output.status, &String::from_utf8_lossy(&output.stderr)))
}

fn program_name(command: &Command) -> String {
    let path = Path::new(command.get_program());
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Where a program stands in the directories that hold system programs, or in `PATH`.
pub(crate) fn find_program(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"];
    std::env::split_paths(&path)
        .chain(system.iter().map(Into::into))
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
}

/// A process that can be waited for and signalled without its number being reused in between.
#[derive(Debug)]
pub(crate) struct ProcessHandle {
    fd: OwnedFd,
    /// Its number.
    pub(crate) pid: u32,
}

impl ProcessHandle {
    /// A handle on a process; `None` if there is none with this number.
    pub(crate) fn open(pid: u32) -> Result<Option<Self>> {
        let Some(number) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(None) };
        match pidfd_open(number, PidfdFlags::empty()) {
            Ok(fd) => Ok(Some(Self { fd, pid })),
            Err(rustix::io::Errno::SRCH | rustix::io::Errno::INVAL) => Ok(None),
            Err(error) => Err(HostError::system(format!("opening process {pid}"), error)),
        }
    }

    /// Sends a signal; a process that is already dead is fine.
    #[allow(unsafe_code)]
    pub(crate) fn signal(&self, signal: i32) -> Result<()> {
        // SAFETY: the descriptor is an open pidfd and no memory is passed (the info pointer is null).
        let result = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.fd.as_raw_fd(),
                signal,
                std::ptr::null::<libc::siginfo_t>(),
                0,
            )
        };
        if result == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() == Some(libc::ESRCH) {
            return Ok(());
        }
        Err(HostError::system(format!("signalling process {}", self.pid), error))
    }

    /// Waits until the process is dead; false if it still lives after `timeout`.
    pub(crate) fn wait(&self, timeout: Duration) -> Result<bool> {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
            match poll(&mut fds, Some(&timespec(left))) {
                Ok(0) => return Ok(false),
                Ok(_) => return Ok(true),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(HostError::system("waiting for a process", error)),
            }
        }
    }
}

impl AsFd for ProcessHandle {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A duration as the kernel takes it.
pub(crate) fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: duration.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: duration.subsec_nanos().into() }
}

/// A process's command line, arguments separated by zero bytes; empty if it is gone.
pub(crate) fn command_line(pid: u32) -> Vec<u8> {
    fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

/// The parent of a process; `None` if it is gone.
pub(crate) fn parent(pid: u32) -> Option<u32> {
    status_field(pid, "PPid:")?.parse().ok()
}

/// Whether a process catches or waits for a signal, so that it is not lost on it.
pub(crate) fn takes_signal(pid: u32, signal: i32) -> bool {
    ["SigCgt:", "SigBlk:"].iter().any(|field| {
        status_field(pid, field)
            .and_then(|mask| u64::from_str_radix(&mask, 16).ok())
            .is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
    })
}

fn status_field(pid: u32, field: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix(field)).map(|value| value.trim().to_owned())
}

/// Every process number there is now.
pub(crate) fn all() -> Result<Vec<u32>> {
    let entries = fs::read_dir("/proc").map_err(|e| HostError::io("listing", "/proc", e))?;
    Ok(entries.flatten().filter_map(|entry| name_as_number(&entry.file_name())).collect())
}

fn name_as_number(name: &OsStr) -> Option<u32> {
    name.to_str()?.parse().ok()
}
