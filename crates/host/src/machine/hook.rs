//! What LXC calls while it starts a machine, also when the machine reboots by itself and nobody else is there.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;

use super::link::Owner;
use super::{disk, link};
use crate::{HostError, Result};

/// The hook that connects a machine's interfaces before its init runs.
pub(super) const NETWORK: &str = "network";

/// Runs a hook: `args` is what LXC was told to call, behind the program and its own first arguments.
///
/// Returns the exit code. A failure is told on standard error, and in the machine's directory for the one who asked
/// for the start.
pub fn hook_main(args: &[OsString]) -> u8 {
    let outcome = match args {
        [name, directory, ..] if name == NETWORK => {
            let directory = Path::new(directory);
            network(directory).inspect_err(|error| {
                // Without room for it the message is on standard error only.
                let _ = fs::write(directory.join(disk::HOOK_ERROR), chain(error));
            })
        }
        _ => Err(HostError::Invalid(format!("no such hook: {args:?}"))),
    };
    match outcome {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{}", chain(&error));
            1
        }
    }
}

/// An error with all its causes.
fn chain(error: &HostError) -> String {
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        message.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    message
}

fn network(directory: &Path) -> Result<()> {
    let pid = std::env::var("LXC_PID")
        .ok()
        .filter(|pid| pid.bytes().all(|byte| byte.is_ascii_digit()))
        .ok_or_else(|| HostError::Invalid("LXC_PID does not say which process is the machine's".to_owned()))?;
    let path = format!("/proc/{pid}/ns/net");
    let guest = File::open(&path).map_err(|e| HostError::io("opening", &path, e))?.into();
    // Until the new process 1 is written down, nobody else changes the machine's links.
    let _links = disk::lock_links(directory)?;
    let spec = disk::read_spec(directory)?;
    let init_pid = pid.parse().map_err(|_| HostError::Invalid(format!("LXC_PID is {pid}")))?;
    link::connect(&spec.nics, &guest, Owner { machine: spec.id, init_pid })?;
    disk::write_replacing(&directory.join(disk::INIT_PID), pid.as_bytes(), 0o644)
}
