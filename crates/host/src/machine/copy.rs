//! Copying a machine's own layer, so that other machines can stand on it.
//!
//! A machine's root decides what the layer holds. So nothing here recurses or follows a symbolic link, how deep a tree
//! may be has a limit, and nothing becomes a device of the host. The layer must not change while it is copied.

use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, SeekFrom, Stat, Timespec, Timestamps, XattrFlags, chmodat, chownat,
    fchmod, fchown, fgetxattr, flistxattr, fsetxattr, fstat, ftruncate, futimens, ioctl_ficlone, linkat, mkdirat,
    mknodat, openat, readlinkat, seek, statat, symlinkat, utimensat,
};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};

use crate::{HostError, Result};

/// How many directories may be in each other: more than any ordinary tree has, and few enough to have them all open.
const MAX_LEVELS: usize = 200;

/// What each machine must have for itself, by directory; a name may end in a star. The layers below have no such thing,
/// or an empty file that is filled at the first boot.
const OF_ONE_MACHINE: [(&str, &str); 9] = [
    ("etc", "hostname"),
    ("etc", "resolv.conf"),
    ("etc", "machine-id"),
    ("etc/ssh", "ssh_host_*"),
    ("var/lib/dbus", "machine-id"),
    ("var/lib/systemd", "random-seed"),
    ("var/lib/systemd", "credential.secret"),
    ("var/lib/cloud", "instance"),
    ("var/lib/cloud/instances", "*"),
];

/// How deep those directories are.
const DEEPEST_OF_ONE_MACHINE: usize = 4;

/// The attribute by which an overlay marks a directory that hides those below it.
const OPAQUE: &[u8] = b"trusted.overlay.opaque";
/// What else overlays write down; it makes sense in the place where it was written only.
const OVERLAY: &[u8] = b"trusted.overlay.";

/// Who owns what in a layer: the machine's ids, which become those that begin with 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owners {
    /// The first id of the machine.
    pub(super) base: u32,
    /// How many it has.
    pub(super) count: u32,
}

impl Owners {
    /// The id inside the machine; what is not the machine's belongs to nobody there.
    fn inside(self, id: u32) -> u32 {
        const NOBODY: u32 = 65_534;
        id.checked_sub(self.base).filter(|id| *id < self.count).unwrap_or(NOBODY)
    }
}

/// Copies the layer in the directory `source` to a new directory `target`, without what only its machine may have.
///
/// # Errors
/// [`HostError::Invalid`] for a tree that is too deep, [`HostError::DiskFull`] without room, else what the kernel
/// refused. What was copied so far stays.
pub(super) fn layer(source: &Path, target: &Path, owners: Owners) -> Result<()> {
    // Names of files that have several, so that the copy has as many.
    let links = with_suffix(target, ".links");
    crate::tree::remove(&links)?;
    fs::create_dir(&links).map_err(|e| HostError::io("making", &links, e))?;
    let copied = (|| {
        mkdirat(CWD, target, Mode::RWXU)?;
        let copy = Copy { owners, links: open(CWD, &links)? };
        copy.tree(open(CWD, source)?, open(CWD, target)?)
    })();
    let removed = crate::tree::remove(&links);
    copied.map_err(|error: Failure| match error {
        Failure::Kernel(error) => HostError::io("copying", source, error),
        Failure::TooDeep => {
            HostError::Invalid(format!("{} holds more than {MAX_LEVELS} directories in each other", source.display()))
        }
    })?;
    removed
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

enum Failure {
    Kernel(io::Error),
    TooDeep,
}

impl From<Errno> for Failure {
    fn from(error: Errno) -> Self {
        Self::Kernel(error.into())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Kernel(error)
    }
}

/// A directory that is being copied.
struct Level {
    /// Its path from the top, where something in it may be left out.
    path: Option<String>,
    entries: Dir,
    /// What it is like, for its copy.
    stat: Stat,
    target: OwnedFd,
}

struct Copy {
    owners: Owners,
    links: OwnedFd,
}

impl Copy {
    fn tree(&self, source: OwnedFd, target: OwnedFd) -> Result<(), Failure> {
        let mut levels = vec![Self::level(Some(String::new()), source, target)?];
        loop {
            let depth = levels.len();
            let Some(level) = levels.last_mut() else { return Ok(()) };
            let Some(name) = next_name(&mut level.entries)? else {
                // What is done to a directory changes its times, so they come last.
                self.like(&level.stat, level.entries.fd()?, &level.target)?;
                levels.pop();
                continue;
            };
            if level.path.as_deref().is_some_and(|path| is_of_one_machine(path, &name)) {
                continue;
            }
            let source = level.entries.fd()?;
            let stat = statat(source, &*name, AtFlags::SYMLINK_NOFOLLOW)?;
            if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                self.one(source, &level.target, &name, &stat)?;
                continue;
            }
            let inner = open(source, &name)?;
            mkdirat(&level.target, &*name, Mode::RWXU)?;
            let inner_target = open(&level.target, &name)?;
            let path = path_below(level.path.as_deref(), depth, &name);
            if depth == MAX_LEVELS {
                return Err(Failure::TooDeep);
            }
            levels.push(Self::level(path, inner, inner_target)?);
        }
    }

    fn level(path: Option<String>, source: OwnedFd, target: OwnedFd) -> Result<Level, Failure> {
        Ok(Level { path, stat: fstat(&source)?, entries: Dir::new(source)?, target })
    }

    /// Copies what is not a directory.
    fn one(&self, from: BorrowedFd<'_>, to: &OwnedFd, name: &CStr, stat: &Stat) -> Result<(), Failure> {
        let has_names = stat.st_nlink > 1;
        let known = format!("{:x}-{:x}", stat.st_dev, stat.st_ino);
        if has_names {
            match linkat(&self.links, &*known, to, name, AtFlags::empty()) {
                Err(Errno::NOENT) => {}
                result => return Ok(result?),
            }
        }
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => self.file(from, to, name, stat)?,
            FileType::Symlink => {
                symlinkat(&*readlinkat(from, name, Vec::new())?, to, name)?;
                self.own(to, name, stat)?;
            }
            // Of devices there are only the marks of an overlay: what was removed from the layers below.
            FileType::CharacterDevice if stat.st_rdev == 0 => {
                mknodat(to, name, FileType::CharacterDevice, Mode::empty(), 0)?;
            }
            kind @ (FileType::Fifo | FileType::Socket) => {
                mknodat(to, name, kind, Mode::RUSR, 0)?;
                self.own(to, name, stat)?;
                chmodat(to, name, mode_of(stat), AtFlags::empty())?;
            }
            _ => return Ok(()),
        }
        if has_names {
            linkat(to, name, &self.links, &*known, AtFlags::empty())?;
        }
        Ok(())
    }

    /// Gives owner and times to what cannot be opened.
    fn own(&self, to: &OwnedFd, name: &CStr, stat: &Stat) -> Result<(), Failure> {
        let (owner, group) = self.owner_of(stat);
        chownat(to, name, Some(owner), Some(group), AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(utimensat(to, name, &times_of(stat), AtFlags::SYMLINK_NOFOLLOW)?)
    }

    fn file(&self, from: BorrowedFd<'_>, to: &OwnedFd, name: &CStr, stat: &Stat) -> Result<(), Failure> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let source = openat(from, name, flags, Mode::empty())?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let target = openat(to, name, flags, Mode::RUSR | Mode::WUSR)?;
        if ioctl_ficlone(&target, &source).is_err() {
            contents(&File::from(source.try_clone()?), &File::from(target.try_clone()?))?;
        }
        self.like(stat, source.as_fd(), &target)
    }

    /// Gives a copy that is open the owner, mode, attributes and times of what it was copied from.
    fn like(&self, stat: &Stat, source: BorrowedFd<'_>, target: &OwnedFd) -> Result<(), Failure> {
        let (owner, group) = self.owner_of(stat);
        // Another owner takes the set-uid bit and the capabilities away, so these follow.
        fchown(target, Some(owner), Some(group))?;
        fchmod(target, mode_of(stat))?;
        self.attributes(source, target)?;
        Ok(futimens(target, &times_of(stat))?)
    }

    fn owner_of(&self, stat: &Stat) -> (Uid, Gid) {
        (Uid::from_raw(self.owners.inside(stat.st_uid)), Gid::from_raw(self.owners.inside(stat.st_gid)))
    }

    fn attributes(&self, source: BorrowedFd<'_>, target: &OwnedFd) -> Result<(), Failure> {
        let names = match read_growing(|buffer| flistxattr(source, buffer)) {
            Err(Errno::NOTSUP) => return Ok(()),
            names => names?,
        };
        for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            if name.starts_with(OVERLAY) && name != OPAQUE {
                continue;
            }
            let value = read_growing(|buffer| fgetxattr(source, name, buffer))?;
            let value = match name {
                b"security.capability" => capability(value),
                b"system.posix_acl_access" | b"system.posix_acl_default" => self.access_list(value),
                _ => value,
            };
            fsetxattr(target, name, &value, XattrFlags::empty())?;
        }
        Ok(())
    }

    /// An access control list (`posix_acl_xattr_header` and entries of tag, permissions and id) with shifted ids.
    fn access_list(&self, mut value: Vec<u8>) -> Vec<u8> {
        const USER: u16 = 0x02;
        const GROUP: u16 = 0x08;
        for entry in value.get_mut(4..).unwrap_or_default().chunks_exact_mut(8) {
            if matches!(u16::from_le_bytes([entry[0], entry[1]]), USER | GROUP) {
                let id = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]);
                entry[4..].copy_from_slice(&self.owners.inside(id).to_le_bytes());
            }
        }
        value
    }
}

/// Capabilities of a file without the root user they count for (`vfs_ns_cap_data`): in a layer that is each machine's.
fn capability(mut value: Vec<u8>) -> Vec<u8> {
    const REVISION_2: u32 = 0x0200_0000;
    const REVISION_3: u32 = 0x0300_0000;
    const REVISION_2_BYTES: usize = 20;
    if let Some(magic) = value.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes))
        && magic & 0xff00_0000 == REVISION_3
        && value.len() > REVISION_2_BYTES
    {
        value.truncate(REVISION_2_BYTES);
        value[..4].copy_from_slice(&(magic & 0x00ff_ffff | REVISION_2).to_le_bytes());
    }
    value
}

/// Copies what a file holds, and leaves holes where it has some.
fn contents(source: &File, target: &File) -> Result<(), Failure> {
    let mut buffer = vec![0; 1 << 18];
    let mut position = 0;
    loop {
        let start = match seek(source, SeekFrom::Data(position)) {
            Err(Errno::NXIO) => break,
            found => found?,
        };
        let end = seek(source, SeekFrom::Hole(start))?;
        position = start;
        while position < end {
            let wanted = buffer.len().min(usize::try_from(end - position).unwrap_or(usize::MAX));
            let count = source.read_at(&mut buffer[..wanted], position)?;
            if count == 0 {
                break;
            }
            target.write_all_at(&buffer[..count], position)?;
            position += count as u64;
        }
        position = end;
    }
    Ok(ftruncate(target, source.metadata()?.len())?)
}

/// Calls with ever larger buffers until the answer fits.
fn read_growing(mut read: impl FnMut(&mut [u8]) -> rustix::io::Result<usize>) -> rustix::io::Result<Vec<u8>> {
    let mut buffer = vec![0; 1 << 10];
    loop {
        match read(&mut buffer) {
            Err(Errno::RANGE) if buffer.len() < 1 << 20 => buffer.resize(buffer.len() * 4, 0),
            result => {
                buffer.truncate(result?);
                return Ok(buffer);
            }
        }
    }
}

fn next_name(entries: &mut Dir) -> rustix::io::Result<Option<CString>> {
    loop {
        match entries.next().transpose()? {
            None => return Ok(None),
            Some(entry) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
            Some(entry) => return Ok(Some(entry.file_name().to_owned())),
        }
    }
}

fn path_below(above: Option<&str>, levels: usize, name: &CStr) -> Option<String> {
    let name = name.to_str().ok()?;
    match above? {
        _ if levels > DEEPEST_OF_ONE_MACHINE => None,
        "" => Some(name.to_owned()),
        above => Some(format!("{above}/{name}")),
    }
}

fn is_of_one_machine(directory: &str, name: &CStr) -> bool {
    let name = name.to_bytes();
    OF_ONE_MACHINE.iter().any(|(of, pattern)| {
        *of == directory
            && match pattern.strip_suffix('*') {
                Some(start) => name.starts_with(start.as_bytes()),
                None => name == pattern.as_bytes(),
            }
    })
}

fn mode_of(stat: &Stat) -> Mode {
    Mode::from_raw_mode(stat.st_mode & 0o7777)
}

fn times_of(stat: &Stat) -> Timestamps {
    let time = |seconds, nanoseconds| Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec as _),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec as _),
    }
}

fn open(directory: impl AsFd, path: impl rustix::path::Arg) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(directory, path, flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_others_belong_to_nobody() {
        let owners = Owners { base: 1 << 28, count: 65_536 };
        let inside = [1 << 28, (1 << 28) + 1000, 0, (1 << 28) - 1, (1 << 28) + 65_536].map(|id| owners.inside(id));
        assert_eq!(inside, [0, 1000, 65_534, 65_534, 65_534]);
    }

    #[test]
    fn ids_in_access_control_lists_are_shifted() {
        let copy = |value| {
            let links = open(CWD, Path::new("/")).unwrap();
            Copy { owners: Owners { base: 1 << 28, count: 65_536 }, links }.access_list(value)
        };
        let list = |ids: [u32; 3]| {
            let mut value = vec![2, 0, 0, 0];
            for (tag, id) in [0x01_u16, 0x02, 0x08].into_iter().zip(ids) {
                value.extend(tag.to_le_bytes());
                value.extend(6_u16.to_le_bytes());
                value.extend(id.to_le_bytes());
            }
            value
        };
        let none = u32::MAX;
        assert_eq!(copy(list([none, (1 << 28) + 7, (1 << 28) + 4])), list([none, 7, 4]));
        assert_eq!(copy(vec![2]), [2]);
    }

    #[test]
    fn capabilities_count_for_the_root_user_of_any_machine() {
        let rest = [0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let mut third = vec![1, 0, 0, 3];
        third.extend(rest);
        third.extend((1_u32 << 28).to_le_bytes());
        let mut second = vec![1, 0, 0, 2];
        second.extend(rest);
        assert_eq!(capability(third), second);
        assert_eq!(capability(second.clone()), second);
        assert_eq!(capability(vec![1]), [1]);
    }

    #[test]
    fn what_is_one_machines_is_known_by_its_place() {
        for (directory, name, expected) in [
            ("etc", c"machine-id", true),
            ("etc/ssh", c"ssh_host_rsa_key.pub", true),
            ("etc/ssh", c"ssh_config", false),
            ("var/lib/cloud/instances", c"i-1", true),
            ("var/lib/cloud", c"instances", false),
            ("home/etc", c"machine-id", false),
            ("", c"machine-id", false),
        ] {
            assert_eq!(is_of_one_machine(directory, name), expected, "{directory}/{name:?}");
        }
    }
}
