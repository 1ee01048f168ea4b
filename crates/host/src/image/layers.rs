//! Layers that were not built but copied from machines.
//!
//! ```text
//! IMAGES/layers/captured-CLOUD-NAME/     a finished layer
//! IMAGES/tmp/captured-CLOUD-NAME/        one that is being copied
//! ```
//!
//! The directory is shared by every cloud on the host; each sees and removes its own only.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::ImageStore;
use crate::{HostError, Result, tree};

/// What the directories of such layers begin with.
const PREFIX: &str = "captured-";

/// The layers of one cloud that were copied from machines, by a name that the cloud gives each.
///
/// All calls block. Each may be interrupted at any instruction and repeated.
pub trait Layers: Send + Sync + std::fmt::Debug + 'static {
    /// Removes what interrupted calls left. Call once at start.
    fn prepare(&self) -> Result<()>;

    /// The directory of a finished layer, if there is one of this name.
    fn find(&self, name: &str) -> Result<Option<PathBuf>>;

    /// Makes a layer and returns its directory; does nothing if there is one of this name. `fill` makes the directory it
    /// is given, on the file system that layers are on.
    ///
    /// # Errors
    /// Those of `fill`; nothing is left then.
    fn make(&self, name: &str, fill: &mut dyn FnMut(&Path) -> Result<()>) -> Result<PathBuf>;

    /// The names of all finished layers.
    fn list(&self) -> Result<Vec<String>>;

    /// Removes a layer that no machine stands on; one that is not there is fine.
    fn remove(&self, name: &str) -> Result<()>;
}

/// Such layers in the directory of a store.
#[derive(Debug)]
pub struct CapturedLayers {
    root: PathBuf,
    prefix: String,
}

impl CapturedLayers {
    /// The layers of the cloud with this tag.
    pub fn new(store: &ImageStore, cloud: &str) -> Self {
        Self { root: store.root().to_owned(), prefix: format!("{PREFIX}{cloud}-") }
    }

    fn finished(&self, name: &str) -> Result<PathBuf> {
        Ok(self.root.join("layers").join(self.entry(name)?))
    }

    fn unfinished(&self, name: &str) -> Result<PathBuf> {
        Ok(self.root.join("tmp").join(self.entry(name)?))
    }

    fn entry(&self, name: &str) -> Result<String> {
        super::check_name(name)?;
        Ok(format!("{}{name}", self.prefix))
    }

    fn own_entries(&self, part: &str) -> Result<Vec<(String, PathBuf)>> {
        let directory = self.root.join(part);
        let entries = fs::read_dir(&directory).map_err(|e| HostError::io("listing", &directory, e))?;
        let own = entries.flatten().filter_map(|entry| {
            let name = entry.file_name().to_str()?.strip_prefix(&self.prefix)?.to_owned();
            Some((name, entry.path()))
        });
        Ok(own.collect())
    }
}

impl Layers for CapturedLayers {
    fn prepare(&self) -> Result<()> {
        // Only one daemon has a cloud's state, so nobody else is at work on these.
        for (_, path) in self.own_entries("tmp")? {
            tree::remove(&path)?;
        }
        Ok(())
    }

    fn find(&self, name: &str) -> Result<Option<PathBuf>> {
        let path = self.finished(name)?;
        Ok(path.is_dir().then_some(path))
    }

    fn make(&self, name: &str, fill: &mut dyn FnMut(&Path) -> Result<()>) -> Result<PathBuf> {
        let (path, work) = (self.finished(name)?, self.unfinished(name)?);
        if path.is_dir() {
            return Ok(path);
        }
        tree::remove(&work)?;
        fs::create_dir(&work).map_err(|e| HostError::io("making", &work, e))?;
        let layer = work.join("layer");
        let made = fill(&layer).and_then(|()| {
            // What has its name is whole, also after the power failed.
            rustix::fs::sync();
            fs::rename(&layer, &path).map_err(|e| HostError::io("renaming", &layer, e))
        });
        let removed = tree::remove(&work);
        made?;
        removed?;
        Ok(path)
    }

    fn list(&self) -> Result<Vec<String>> {
        Ok(self.own_entries("layers")?.into_iter().map(|(name, _)| name).collect())
    }

    fn remove(&self, name: &str) -> Result<()> {
        let (path, doomed) = (self.finished(name)?, self.unfinished(name)?);
        tree::remove(&doomed)?;
        // It loses its name first: what has one is whole.
        match fs::rename(&path, &doomed) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(HostError::io("renaming", &path, error)),
            Ok(()) => tree::remove(&doomed),
        }
    }
}

/// Layers of machines that only pretend: names, and nothing behind them.
#[derive(Debug, Default)]
pub struct SimulatedLayers {
    names: Mutex<BTreeSet<String>>,
}

impl SimulatedLayers {
    fn path(name: &str) -> PathBuf {
        Path::new("/simulated/layers").join(name)
    }
}

impl Layers for SimulatedLayers {
    fn prepare(&self) -> Result<()> {
        Ok(())
    }

    fn find(&self, name: &str) -> Result<Option<PathBuf>> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(names.contains(name).then(|| Self::path(name)))
    }

    fn make(&self, name: &str, fill: &mut dyn FnMut(&Path) -> Result<()>) -> Result<PathBuf> {
        super::check_name(name)?;
        let path = Self::path(name);
        if self.find(name)?.is_none() {
            fill(&path)?;
        }
        self.names.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        Ok(path)
    }

    fn list(&self) -> Result<Vec<String>> {
        Ok(self.names.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect())
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_is_whole_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let store = ImageStore::open(&folder.path().join("images")).unwrap();
        let (one, two) = (CapturedLayers::new(&store, "one"), CapturedLayers::new(&store, "two"));
        let fill = |path: &Path| {
            fs::create_dir(path).unwrap();
            fs::write(path.join("file"), "x").unwrap();
            Ok(())
        };
        let broken = one.make("snap-1", &mut |path| {
            fill(path)?;
            Err(HostError::Other("broken".to_owned()))
        });
        assert!(broken.is_err() && one.find("snap-1").unwrap().is_none());
        let path = one.make("snap-1", &mut |path| fill(path)).unwrap();
        assert!(path.join("file").exists());
        assert_eq!(one.make("snap-1", &mut |_| panic!("it is there")).unwrap(), path);
        // Each cloud has its own.
        assert_eq!((one.list().unwrap(), two.list().unwrap()), (vec!["snap-1".to_owned()], vec![]));
        two.remove("snap-1").unwrap();
        assert_eq!(one.find("snap-1").unwrap(), Some(path));
        // Left by a daemon that was killed.
        fs::create_dir_all(folder.path().join("images/tmp/captured-one-snap-2/layer/x")).unwrap();
        one.prepare().unwrap();
        assert_eq!(fs::read_dir(folder.path().join("images/tmp")).unwrap().count(), 0);
        one.remove("snap-1").unwrap();
        one.remove("snap-1").unwrap();
        assert_eq!(one.find("snap-1").unwrap(), None);
        assert!(one.make("../snap-1", &mut |_| Ok(())).is_err());
    }
}
