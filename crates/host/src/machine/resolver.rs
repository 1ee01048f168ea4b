//! The resolver configuration of a machine, `/etc/resolv.conf`: what DHCP would have told it.
//!
//! It is on the disk before the first boot. Later it is replaced from outside, as a client would at the renewal of its
//! lease, but only where it still is what the machine was given last: whoever changed it inside has it their way. What
//! is inside is the guest's and not trusted: no link is followed, and no other file system entered.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

use super::disk;
use crate::{HostError, Result};

/// The file inside, as a seed file names it.
pub(super) const PATH: &str = "/etc/resolv.conf";
/// What the machine was given last, in its directory on the host.
const GIVEN: &str = "resolv.conf";

/// Whether a text is what the machine was given last.
pub(super) fn is_given(directory: &Path, text: &str) -> bool {
    fs::read(directory.join(GIVEN)).is_ok_and(|given| given == text.as_bytes())
}

/// Notes what the machine has been given.
pub(super) fn note(directory: &Path, text: &[u8]) -> Result<()> {
    disk::write_replacing(&directory.join(GIVEN), text, 0o600)
}

/// Opens a machine's root directory.
pub(super) fn root(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, path, flags, Mode::empty()).map_err(|e| HostError::io("opening", path, e))
}

/// Gives the machine with this root directory another text, unless what it has is not what it was given.
pub(super) fn replace(directory: &Path, root: &OwnedFd, text: &str) -> Result<()> {
    let failed = |e: io::Error| HostError::io("writing inside", directory, e);
    let Some(file) = open(root).map_err(failed)? else { return Ok(()) };
    let given = fs::read(directory.join(GIVEN)).ok();
    let mut found = Vec::new();
    // One byte more than could be right is enough to tell.
    let limit = given.as_ref().map_or(0, Vec::len).max(text.len()) as u64 + 1;
    (&file).take(limit).read_to_end(&mut found).map_err(failed)?;
    // Whoever was interrupted before the note below has written already.
    if found != text.as_bytes() {
        if given.is_none_or(|given| given != found) {
            return Ok(());
        }
        file.write_all_at(text.as_bytes(), 0).and_then(|()| file.set_len(text.len() as u64)).map_err(failed)?;
    }
    note(directory, text.as_bytes())
}

/// The file below a root directory; nothing where there is none, or something that is not a plain file.
fn open(root: &OwnedFd) -> io::Result<Option<File>> {
    const OWN_WAY: [Errno; 8] =
        [Errno::NOENT, Errno::LOOP, Errno::XDEV, Errno::NXIO, Errno::ISDIR, Errno::NOTDIR, Errno::PERM, Errno::ACCESS];
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    match openat2(root, "etc/resolv.conf", flags, Mode::empty(), inside) {
        Ok(file) => {
            let file = File::from(file);
            Ok(file.metadata()?.is_file().then_some(file))
        }
        Err(error) if OWN_WAY.contains(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_was_given_is_replaced_and_what_was_changed_stays() {
        let place = tempfile::tempdir().unwrap();
        let (directory, root) = (place.path().join("machine"), place.path().join("root"));
        let path = root.join("etc/resolv.conf");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::create_dir(&directory).unwrap();
        let first = "search one\nnameserver 10.0.0.2\n";
        let there = || fs::read_to_string(&path).unwrap();
        let replace = |text| super::replace(&directory, &super::root(&root).unwrap(), text).unwrap();
        // A machine of an older Daemun: nothing is known of it, until it has what it shall have.
        fs::write(&path, first).unwrap();
        replace("two\n");
        assert_eq!((there().as_str(), is_given(&directory, "two\n")), (first, false));
        replace(first);
        assert!(is_given(&directory, first));
        replace("two\n");
        assert_eq!((there().as_str(), is_given(&directory, "two\n")), ("two\n", true));
        replace(first);
        // Interrupted before it was noted.
        note(&directory, b"two\n").unwrap();
        replace(first);
        assert_eq!((there().as_str(), is_given(&directory, first)), (first, true));
        // No options at all are an empty file.
        replace("");
        assert_eq!((there().as_str(), is_given(&directory, "")), ("", true));
        replace("one\n");
        assert_eq!(there(), "one\n");
        fs::write(&path, "nameserver 9.9.9.9\n").unwrap();
        replace("two\n");
        assert_eq!(there(), "nameserver 9.9.9.9\n");
    }

    #[test]
    fn no_link_leads_out_and_nothing_but_a_file_is_written_to() {
        let place = tempfile::tempdir().unwrap();
        let (directory, root) = (place.path().join("machine"), place.path().join("root"));
        let outside = place.path().join("outside");
        fs::create_dir_all(root.join("etc")).unwrap();
        fs::create_dir_all(&directory).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("resolv.conf"), "given\n").unwrap();
        note(&directory, b"given\n").unwrap();
        let path = root.join("etc/resolv.conf");
        let untouched = || {
            super::replace(&directory, &super::root(&root).unwrap(), "new\n").unwrap();
            assert_eq!(fs::read_to_string(outside.join("resolv.conf")).unwrap(), "given\n");
            assert!(is_given(&directory, "given\n"));
        };
        untouched();
        symlink(outside.join("resolv.conf"), &path).unwrap();
        untouched();
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        untouched();
        fs::remove_dir_all(root.join("etc")).unwrap();
        symlink(&outside, root.join("etc")).unwrap();
        untouched();
    }
}
