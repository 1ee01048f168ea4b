//! What LXC and machines wrote.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::{CONSOLE_BYTES, disk};
use crate::{HostError, Result};

/// The errors in LXC's log, without its times, places and advice. Lines look like
/// `lxc-start NAME TIME ERROR PART - FILE:FUNCTION:LINE - [REASON - ]MESSAGE`.
pub(super) fn errors_in(log: &str) -> String {
    let errors = log.lines().filter(|line| line.contains(" ERROR ") && !line.contains("lxc_start.c:main"));
    errors.filter_map(|line| line.splitn(3, " - ").nth(2)).collect::<Vec<_>>().join("; ")
}

/// The last [`CONSOLE_BYTES`] that the machine wrote to its console.
pub(super) fn console(directory: &Path) -> Result<Vec<u8>> {
    let path = directory.join(disk::CONSOLE);
    let mut text = tail(&path.with_extension("log.1"))?;
    text.extend(tail(&path)?);
    let surplus = text.len().saturating_sub(CONSOLE_BYTES);
    text.drain(..surplus);
    Ok(text)
}

/// The last [`CONSOLE_BYTES`] of a file; nothing if there is none.
fn tail(path: &Path) -> Result<Vec<u8>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file.map_err(|e| HostError::io("opening", path, e))?,
    };
    let read = |file: &mut File| -> std::io::Result<Vec<u8>> {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(CONSOLE_BYTES as u64)))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        Ok(text)
    };
    read(&mut file).map_err(|e| HostError::io("reading", path, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lxc_says_is_cut_down_to_its_errors() {
        let log = "lxc-start i-1 20261122104715.180 WARN     conf - ../src/lxc/conf.c:lxc_map_ids:3628 - no newuidmap\n\
                   lxc-start i-1 20261122104715.180 ERROR    cgfsng - ../src/lxc/cgroups/cgfsng.c:enter:1539 - Invalid \
                   argument - Failed to enter cgroup 28\n\
                   lxc-start i-1 20261122104715.181 ERROR    start - ../src/lxc/start.c:__lxc_start:2054 - Failed\n\
                   lxc-start i-1 20261122104715.181 ERROR    lxc_start - ../src/lxc/tools/lxc_start.c:main:306 - Hm\n";
        assert_eq!(errors_in(log), "Invalid argument - Failed to enter cgroup 28; Failed");
    }
}
