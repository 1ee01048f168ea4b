//! Room kept on the disk for the ledger.
//!
//! A machine can fill the disk that the ledger is on. That it did must still be written down, as must everything that
//! is done about it. So a file of zeros holds some room, and is given up when a commit finds none.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How much room is kept, in bytes: some thousand changes.
const SIZE_BYTES: u64 = 8 << 20;
/// How long to wait before trying again to keep room, where there was none.
const PAUSE: Duration = Duration::from_secs(10);

/// The room kept beside one ledger.
pub(crate) struct Reserve {
    path: PathBuf,
    held: bool,
    tried: Option<Instant>,
}

impl Reserve {
    /// The room beside this ledger; not yet kept.
    pub(crate) fn beside(ledger: &Path) -> Self {
        let path = ledger.with_extension("reserve");
        let held = fs::metadata(&path).is_ok_and(|found| found.len() == SIZE_BYTES);
        Self { path, held, tried: None }
    }

    /// Keeps room if there is any and none is kept; where there is none, it is tried again some time later.
    pub(crate) fn keep(&mut self) {
        if self.held || self.tried.is_some_and(|tried| tried.elapsed() < PAUSE) {
            return;
        }
        self.tried = Some(Instant::now());
        match fill(&self.path) {
            Ok(()) => self.held = true,
            Err(error) => {
                // A part of it would take the room from those who need it now.
                let _ = fs::remove_file(&self.path);
                tracing::warn!(error = &error as &dyn std::error::Error, "the disk has no room to keep for the ledger");
            }
        }
    }

    /// Gives the room up; says whether there was any.
    pub(crate) fn give_up(&mut self) -> bool {
        self.tried = Some(Instant::now());
        std::mem::take(&mut self.held) && fs::remove_file(&self.path).is_ok()
    }
}

fn fill(path: &Path) -> io::Result<()> {
    const CHUNK: [u8; 1 << 12] = [0; 1 << 12];
    let mut file = File::create(path)?;
    for _ in 0..SIZE_BYTES / CHUNK.len() as u64 {
        file.write_all(&CHUNK)?;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_kept_once_and_given_up_once() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("state.redb");
        let mut reserve = Reserve::beside(&ledger);
        assert!(!reserve.give_up());
        reserve = Reserve::beside(&ledger);
        reserve.keep();
        assert_eq!(fs::metadata(folder.path().join("state.reserve")).unwrap().len(), SIZE_BYTES);
        assert!(Reserve::beside(&ledger).held, "an earlier process kept it");
        assert!(reserve.give_up());
        assert!(!folder.path().join("state.reserve").exists());
        reserve.keep();
        assert!(!reserve.held, "not at once: it has just been needed");
    }
}
