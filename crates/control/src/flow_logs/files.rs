//! The files that records are written to: `flow-logs/REGION/fl-…/YYYY-MM-DD.log` in the state directory.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use types::{FlowLogId, Region, Timestamp};

/// The size in bytes from which on nothing is added to a day's file.
const MAX_FILE: u64 = 64 << 20;
/// How many days' files of one log are kept.
const MAX_DAYS: usize = 7;

/// Adds lines to the file of the day; those that do not fit any more are not written. Gives how many were left out.
pub(super) fn append(
    root: &Path,
    region: &Region,
    log: FlowLogId,
    now: Timestamp,
    lines: &[String],
) -> io::Result<usize> {
    let directory = root.join(region.as_str()).join(log.to_string());
    fs::create_dir_all(&directory)?;
    let day: String = now.to_string().chars().take(10).collect();
    let path = directory.join(format!("{day}.log"));
    if !path.exists() {
        remove_old(&directory)?;
    }
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    let mut size = file.metadata()?.len();
    let mut text = String::new();
    let mut written = 0;
    for line in lines {
        size += line.len() as u64 + 1;
        if size > MAX_FILE {
            break;
        }
        text.push_str(line);
        text.push('\n');
        written += 1;
    }
    file.write_all(text.as_bytes())?;
    Ok(lines.len() - written)
}

/// Makes room for one more day.
fn remove_old(directory: &Path) -> io::Result<()> {
    let mut days = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            days.push(path);
        }
    }
    days.sort();
    let surplus = (days.len() + 1).saturating_sub(MAX_DAYS);
    days.iter().take(surplus).try_for_each(fs::remove_file)
}
