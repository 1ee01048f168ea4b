//! Which machine owns which range of user and group ids.
//!
//! Ranges are shared by every cloud on the host, so that no two machines ever own the same id: a directory holds one
//! symbolic link for each range in use, named by its first id and pointing to its owner. Making a link either
//! succeeds or finds it taken; no lock is needed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::machine::IDS_PER_MACHINE;
use crate::{HostError, Result};

/// The first id that is given out; ids of people's own containers are usually below.
const FIRST: u32 = 0x1000_0000;
/// How many ranges there are; the last ends where systemd's own range for containers does.
const COUNT: u32 = (0x6fff_0000 - FIRST) / IDS_PER_MACHINE;

/// The ranges of this host, as one cloud sees them.
#[derive(Debug)]
pub struct UidRanges {
    /// Absent where machines only pretend: their ranges are nobody's.
    directory: Option<PathBuf>,
    cloud: String,
    own: Mutex<Own>,
}

#[derive(Debug, Default)]
struct Own {
    by_owner: BTreeMap<String, u32>,
    taken: BTreeSet<u32>,
}

impl Own {
    fn insert(&mut self, owner: &str, base: u32) {
        self.by_owner.insert(owner.to_owned(), base);
        self.taken.insert(base);
    }
}

impl UidRanges {
    /// Opens the directory, making it if needed, and finds what this cloud owns already.
    ///
    /// # Errors
    /// If the directory cannot be made or read.
    pub fn open(directory: PathBuf, cloud: &str) -> Result<Self> {
        fs::create_dir_all(&directory).map_err(|e| HostError::io("making", &directory, e))?;
        let mut own = Own::default();
        let entries = fs::read_dir(&directory).map_err(|e| HostError::io("reading", &directory, e))?;
        for entry in entries.flatten() {
            let base = entry.file_name().to_str().and_then(|name| name.parse().ok());
            let owner = fs::read_link(entry.path()).ok().and_then(|target| target.to_str().map(str::to_owned));
            if let (Some(base), Some(owner)) = (base, owner)
                && let Some(name) = owner.strip_prefix(cloud).and_then(|rest| rest.strip_prefix(':'))
            {
                own.insert(name, base);
            }
        }
        Ok(Self { directory: Some(directory), cloud: cloud.to_owned(), own: Mutex::new(own) })
    }

    /// The ranges of machines that only pretend, known to this process alone.
    pub fn simulated() -> Self {
        Self { directory: None, cloud: "simulated".to_owned(), own: Mutex::default() }
    }

    /// The first id of the owner's range; the range is taken if the owner has none.
    ///
    /// # Errors
    /// If the directory cannot be written, or every range is taken.
    pub fn allocate(&self, owner: &str) -> Result<u32> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(base) = own.by_owner.get(owner) {
            return Ok(*base);
        }
        let label = format!("{}:{owner}", self.cloud);
        let mut hasher = DefaultHasher::new();
        label.hash(&mut hasher);
        let start = (hasher.finish() % u64::from(COUNT)) as u32;
        for step in 0..COUNT {
            let base = FIRST + (start + step) % COUNT * IDS_PER_MACHINE;
            if self.take(&own, base, &label)? {
                own.insert(owner, base);
                return Ok(base);
            }
        }
        Err(HostError::Other("every range of user ids is taken".to_owned()))
    }

    /// Takes a range; says whether it was free.
    fn take(&self, own: &Own, base: u32, label: &str) -> Result<bool> {
        let Some(directory) = &self.directory else { return Ok(!own.taken.contains(&base)) };
        let path = directory.join(base.to_string());
        match symlink(label, &path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(HostError::io("writing", &path, error)),
        }
    }

    /// Gives the owner's range back; an owner that has none is fine.
    ///
    /// # Errors
    /// If the directory cannot be written.
    pub fn release(&self, owner: &str) -> Result<()> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(&base) = own.by_owner.get(owner) else { return Ok(()) };
        if let Some(directory) = &self.directory {
            let path = directory.join(base.to_string());
            match fs::remove_file(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(HostError::io("removing", &path, error)),
            }
        }
        own.by_owner.remove(owner);
        own.taken.remove(&base);
        Ok(())
    }

    /// Who of this cloud owns a range.
    pub fn owners(&self) -> Vec<String> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).by_owner.keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_kept_and_never_shared() {
        let dir = std::env::temp_dir().join(format!("daemun-uid-{}", std::process::id()));
        let one = UidRanges::open(dir.clone(), "one").unwrap();
        let two = UidRanges::open(dir.clone(), "two").unwrap();
        let a = one.allocate("i-1").unwrap();
        assert_eq!(one.allocate("i-1").unwrap(), a);
        let b = two.allocate("i-1").unwrap();
        assert_ne!(a, b);
        assert_eq!((a - FIRST) % IDS_PER_MACHINE, 0);
        let again = UidRanges::open(dir.clone(), "one").unwrap();
        assert_eq!((again.owners(), again.allocate("i-1").unwrap()), (vec!["i-1".to_owned()], a));
        again.release("i-1").unwrap();
        again.release("i-1").unwrap();
        two.release("i-1").unwrap();
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
        fs::remove_dir(&dir).unwrap();
    }

    #[test]
    fn pretended_ranges_are_no_less_apart() {
        let ranges = UidRanges::simulated();
        let bases: BTreeSet<u32> = (0..COUNT).map(|n| ranges.allocate(&n.to_string()).unwrap()).collect();
        assert_eq!(bases.len(), COUNT as usize);
        assert!(ranges.allocate("one more").is_err());
        let base = ranges.allocate("7").unwrap();
        ranges.release("7").unwrap();
        assert_eq!(ranges.allocate("one more").unwrap(), base);
    }
}
