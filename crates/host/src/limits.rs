//! Kernel limits that are shared by all machines and too low by default.

use std::fs;

use crate::{HostError, Result};

/// A limit's file and the least it must say. Every systemd takes several inotify instances and keyrings; with the
/// defaults the 18th machine fails to boot. Process numbers are as many as systemd asks for on hosts that it runs: the
/// kernel's own default is used up by four machines with as many tasks as each may have.
pub(crate) const MINIMUM: [(&str, u64); 5] = [
    ("/proc/sys/fs/inotify/max_user_instances", 8_192),
    ("/proc/sys/fs/inotify/max_user_watches", 524_288),
    ("/proc/sys/kernel/keys/maxkeys", 20_000),
    ("/proc/sys/kernel/keys/maxbytes", 2_000_000),
    ("/proc/sys/kernel/pid_max", 4_194_304),
];

/// Raises what is lower; nothing is ever lowered.
pub(crate) fn raise() -> Result<()> {
    for (path, least) in MINIMUM {
        if current(path)? < least {
            fs::write(path, least.to_string()).map_err(|e| HostError::io("writing", path, e))?;
        }
    }
    Ok(())
}

/// What a limit's file says now.
pub(crate) fn current(path: &str) -> Result<u64> {
    let text = fs::read_to_string(path).map_err(|e| HostError::io("reading", path, e))?;
    text.trim().parse().map_err(|_| HostError::Other(format!("{path} does not hold a number")))
}
