//! Removing directories that somebody else filled.
//!
//! A machine's root decides what its disk holds: how deep, how wide, under what names. So nothing here recurses, keeps
//! many directories open, or gathers names in memory, and no symbolic link is ever followed.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, openat, renameat, unlinkat};
use rustix::io::Errno;

use crate::{HostError, Result};

/// How many directories are open at a time: more than any ordinary tree is deep.
const MAX_LEVELS: usize = 64;

/// Removes a file or a directory with all that is in it; what is not there is fine.
///
/// What lies too deep is moved to the top and removed there in turn. It may be interrupted at any instruction and
/// repeated, and others may remove the same at the same time.
///
/// # Errors
/// [`HostError::Io`] with what the kernel refused.
pub fn remove(path: &Path) -> Result<()> {
    let failed = |error: Errno| HostError::io("removing", path, error);
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(HostError::io("removing", path, error)),
        Ok(found) if !found.is_dir() => {
            return unlinkat(CWD, path, AtFlags::empty()).or_else(gone).map_err(failed);
        }
        Ok(_) => {}
    }
    let top = match open(CWD, path) {
        Ok(top) => top,
        Err(error) => return gone(error).map_err(failed),
    };
    let mut moved = 0;
    loop {
        while empty(&top, &mut moved).map_err(failed)? {}
        match unlinkat(CWD, path, AtFlags::REMOVEDIR).or_else(gone) {
            // Somebody else moved something up in between.
            Err(Errno::NOTEMPTY | Errno::EXIST) => {}
            result => return result.map_err(failed),
        }
    }
}

/// A directory that is being emptied.
struct Level {
    /// Its name in the level above.
    name: CString,
    directory: OwnedFd,
    entries: Dir,
}

impl Level {
    fn open(above: impl rustix::fd::AsFd, name: CString) -> rustix::io::Result<Self> {
        let directory = open(above, name.as_c_str())?;
        let entries = Dir::read_from(&directory)?;
        Ok(Self { name, directory, entries })
    }

    /// The next name in it, read as it is asked for.
    fn next(&mut self) -> Option<rustix::io::Result<CString>> {
        loop {
            match self.entries.next()? {
                Ok(entry) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
                entry => return Some(entry.map(|entry| entry.file_name().to_owned())),
            }
        }
    }
}

/// One pass over all that can be seen from the top; what was added while names were read is for the next one. Says
/// whether there was anything.
fn empty(top: &OwnedFd, moved: &mut u64) -> rustix::io::Result<bool> {
    let mut levels = vec![Level::open(top, c".".to_owned())?];
    let mut found = false;
    loop {
        let is_deepest = levels.len() == MAX_LEVELS;
        let Some(level) = levels.last_mut() else { return Ok(found) };
        let Some(name) = level.next() else {
            let done = levels.pop();
            if let (Some(above), Some(done)) = (levels.last(), done) {
                remove_one(&above.directory, &done.name)?;
            }
            continue;
        };
        let name = name?;
        found = true;
        if remove_one(&level.directory, &name)? {
            continue;
        }
        if is_deepest {
            move_up(&level.directory, &name, top, moved).or_else(gone)?;
            continue;
        }
        match Level::open(&level.directory, name) {
            Ok(inner) => levels.push(inner),
            Err(error) => gone(error)?,
        }
    }
}

/// Removes a file or an empty directory; says whether it is gone.
fn remove_one(directory: &OwnedFd, name: &CString) -> rustix::io::Result<bool> {
    // For a directory Linux says EISDIR, POSIX EPERM.
    match unlinkat(directory, name.as_c_str(), AtFlags::empty()).or_else(gone) {
        Ok(()) => return Ok(true),
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(error),
    }
    match unlinkat(directory, name.as_c_str(), AtFlags::REMOVEDIR).or_else(gone) {
        Ok(()) => Ok(true),
        Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Moves a directory to the top under a name that nothing there has.
fn move_up(from: &OwnedFd, name: &CString, top: &OwnedFd, moved: &mut u64) -> rustix::io::Result<()> {
    loop {
        *moved += 1;
        match renameat(from, name.as_c_str(), top, format!("moved-{moved}")) {
            // Left by a removal that was interrupted.
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => {}
            result => return result,
        }
    }
}

fn open(directory: impl rustix::fd::AsFd, path: impl rustix::path::Arg) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(directory, path, flags, Mode::empty())
}

fn gone(error: Errno) -> rustix::io::Result<()> {
    if error == Errno::NOENT { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes directories in each other, deeper than any path or stack could follow.
    fn dig(at: &Path, levels: usize) {
        let mut here = open(CWD, at).unwrap();
        for _ in 0..levels {
            rustix::fs::mkdirat(&here, "d", Mode::from_raw_mode(0o755)).unwrap();
            here = open(&here, c"d").unwrap();
        }
    }

    #[test]
    fn no_depth_is_too_deep() {
        let folder = tempfile::tempdir().unwrap();
        let doomed = folder.path().join("doomed");
        fs::create_dir_all(doomed.join("side/a")).unwrap();
        fs::write(doomed.join("side/a/file"), "x").unwrap();
        // As an interrupted removal leaves it.
        fs::create_dir_all(doomed.join("moved-1/x")).unwrap();
        fs::write(doomed.join("moved-2"), "x").unwrap();
        dig(&doomed, 5_000);
        dig(&doomed.join("side"), 2_000);
        let small = std::thread::Builder::new().stack_size(128 << 10);
        small.spawn(move || remove(&doomed).unwrap()).unwrap().join().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn two_may_remove_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let doomed = folder.path().join("doomed");
        for number in 0..200 {
            fs::create_dir_all(doomed.join(format!("{}/{number}/x/y", number % 7))).unwrap();
        }
        dig(&doomed.join("0"), 300);
        std::thread::scope(|scope| {
            for other in [scope.spawn(|| remove(&doomed)), scope.spawn(|| remove(&doomed))] {
                other.join().unwrap().unwrap();
            }
        });
        assert!(!doomed.exists());
    }

    #[test]
    fn links_are_removed_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (doomed, kept) = (folder.path().join("doomed"), folder.path().join("kept"));
        fs::create_dir_all(doomed.join("in")).unwrap();
        fs::create_dir_all(kept.join("in")).unwrap();
        for link in ["link", "in/link"] {
            std::os::unix::fs::symlink(&kept, doomed.join(link)).unwrap();
        }
        remove(&doomed).unwrap();
        assert!(!doomed.exists() && kept.join("in").is_dir());
        std::os::unix::fs::symlink(&kept, &doomed).unwrap();
        remove(&doomed).unwrap();
        assert!(doomed.symlink_metadata().is_err() && kept.join("in").is_dir());
        remove(&doomed).unwrap();
    }
}
