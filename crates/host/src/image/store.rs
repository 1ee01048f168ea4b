//! The images of one directory.
//!
//! ```text
//! IMAGES/images/NAME.json     what is known of an image
//! IMAGES/layers/NAME-DIGEST/  a layer's root file system
//! IMAGES/tmp/                 layers in the making
//! IMAGES/lock                 held while an image is made
//! ```
//!
//! A layer never changes once it has its name, and stays when a newer build of the image takes its place, since
//! machines stand on it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{FlockOperation, flock};
use types::Timestamp;

use super::build::{self, Site};
use super::progress::{Progress, Stage};
use super::recipe::{Base, Recipe};
use super::{DEFAULT_USER, Image, check_name, secrets};
use crate::{HostError, Result};

/// The images of one directory, shared by every cloud on the host.
#[derive(Debug, Clone)]
pub struct ImageStore {
    root: PathBuf,
}

impl ImageStore {
    /// The store in this directory, which must be an absolute path; it is made if missing.
    pub fn open(root: &Path) -> Result<Self> {
        if !root.is_absolute() {
            return Err(HostError::Invalid(format!("{} is not an absolute path", root.display())));
        }
        for part in ["images", "layers", "tmp"] {
            let path = root.join(part);
            // Layers hold files of all owners and modes, set-uid programs among them: not for the host's users.
            let mode = if part == "images" { 0o755 } else { 0o700 };
            let made = fs::DirBuilder::new().recursive(true).mode(mode).create(&path);
            made.map_err(|e| HostError::io("making", &path, e))?;
        }
        Ok(Self { root: root.to_owned() })
    }

    /// Its directory.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Every image, by name.
    pub fn list(&self) -> Result<Vec<Image>> {
        let directory = self.root.join("images");
        let entries = fs::read_dir(&directory).map_err(|e| HostError::io("listing", &directory, e))?;
        let mut images = Vec::new();
        for entry in entries.flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                images.extend(self.read(&path)?);
            }
        }
        images.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(images)
    }

    /// The image of this name, if there is one.
    pub fn get(&self, name: &str) -> Result<Option<Image>> {
        check_name(name)?;
        self.read(&self.record_path(name))
    }

    /// Makes the image of a built-in recipe, and before it the one it stands on; does nothing where they are up to
    /// date.
    ///
    /// # Errors
    /// [`HostError::NoSuchImage`] without such a recipe, [`HostError::Missing`] without mmdebstrap or Debian's keys,
    /// [`HostError::DiskFull`], [`HostError::Command`] with the last lines of the program that failed.
    pub fn build(&self, name: &str, progress: &mut dyn FnMut(Progress)) -> Result<Image> {
        let recipe = Recipe::named(name)?;
        progress(Progress { image: name.to_owned(), stage: Stage::Prepare, done: 0, total: 0 });
        let _lock = self.lock()?;
        self.build_locked(&recipe, progress)
    }

    /// Whether an image is as its built-in recipe has it, so that [`ImageStore::build`] would do nothing.
    pub fn is_up_to_date(&self, name: &str) -> Result<bool> {
        let recipe = Recipe::named(name)?;
        let base = match &recipe.base {
            Base::Suite(_) => None,
            Base::Image(base) if self.is_up_to_date(base)? => self.get(base)?,
            Base::Image(_) => return Ok(false),
        };
        let digest = recipe.digest(base.as_ref().map(|image| image.digest.as_str()));
        Ok(self.get(name)?.is_some_and(|image| image.digest == digest))
    }

    /// Makes an image of a tar archive of a root file system, compressed or not, under a name that is free or was
    /// imported before.
    pub fn import(&self, name: &str, archive: &Path) -> Result<Image> {
        check_name(name)?;
        if Recipe::built_in()?.iter().any(|recipe| recipe.name == name) {
            return Err(HostError::Invalid(format!("{name} is the name of a recipe; import under another name")));
        }
        let archive = archive.canonicalize().map_err(|e| HostError::io("resolving", archive, e))?;
        let _lock = self.lock()?;
        let digest = build::digest_of(&archive)?;
        if let Some(image) = self.get(name)?
            && image.digest == digest
        {
            return Ok(image);
        }
        let work = self.fresh_work_directory()?;
        let made = build::unpack(&archive, &work).and_then(|root| {
            if !root.join("sbin/init").exists() && !root.join("usr/sbin/init").is_symlink() {
                return Err(HostError::Invalid(format!("{} holds no /sbin/init", archive.display())));
            }
            let description = format!("Imported from {}", archive.file_name().unwrap_or_default().to_string_lossy());
            self.record(name, &description, DEFAULT_USER, &digest, Vec::new(), &root)
        });
        self.empty_work_directory()?;
        made
    }

    fn build_locked(&self, recipe: &Recipe, progress: &mut dyn FnMut(Progress)) -> Result<Image> {
        let base = match &recipe.base {
            Base::Suite(_) => None,
            Base::Image(name) => Some(self.build_locked(&Recipe::named(name)?, progress)?),
        };
        let digest = recipe.digest(base.as_ref().map(|image| image.digest.as_str()));
        if let Some(image) = self.get(&recipe.name)?
            && image.digest == digest
        {
            return Ok(image);
        }
        let user = recipe.user.clone().or_else(|| base.as_ref().map(|image| image.user.clone()));
        let user = user.unwrap_or_else(|| "root".to_owned());
        let below = base.map(|image| image.layers).unwrap_or_default();
        let layer = self.layer_path(&recipe.name, &digest);
        if layer.is_dir() {
            // A recipe that is what it was once before, or a build that was interrupted just before it was recorded.
            return self.record(&recipe.name, &recipe.description, &user, &digest, below, &layer);
        }
        let work = self.fresh_work_directory()?;
        let site = Site { work: &work, base: &below };
        let made = build::build(recipe, &site, progress).and_then(|root| {
            progress(Progress { image: recipe.name.clone(), stage: Stage::Finish, done: 0, total: 0 });
            secrets::refuse(&root)?;
            self.record(&recipe.name, &recipe.description, &user, &digest, below.clone(), &root)
        });
        self.empty_work_directory()?;
        made
    }

    fn layer_path(&self, name: &str, digest: &str) -> PathBuf {
        self.root.join("layers").join(format!("{name}-{}", &digest[..16]))
    }

    /// Gives a finished layer its name, unless it has it, and writes the image down.
    fn record(
        &self,
        name: &str,
        description: &str,
        user: &str,
        digest: &str,
        mut layers: Vec<PathBuf>,
        root: &Path,
    ) -> Result<Image> {
        let layer = self.layer_path(name, digest);
        // A layer that has its name is whole, and machines may stand on it.
        if !layer.is_dir() {
            rustix::fs::sync();
            fs::rename(root, &layer).map_err(|e| HostError::io("renaming", root, e))?;
        }
        layers.push(layer);
        let mut size_bytes = 0;
        for layer in &layers {
            size_bytes += size_of_tree(layer)?;
        }
        let image = Image {
            name: name.to_owned(),
            description: description.to_owned(),
            created: now(),
            architecture: architecture().to_owned(),
            layers,
            digest: digest.to_owned(),
            size_bytes,
            user: user.to_owned(),
        };
        self.write(&image)?;
        Ok(image)
    }

    fn record_path(&self, name: &str) -> PathBuf {
        self.root.join("images").join(format!("{name}.json"))
    }

    fn write(&self, image: &Image) -> Result<()> {
        let layers = image.layers.iter().map(|layer| layer.strip_prefix(&self.root).unwrap_or(layer).to_owned());
        // Relative to the store, so that it can be moved.
        let record = Image { layers: layers.collect(), ..image.clone() };
        let text = serde_json::to_vec_pretty(&record).map_err(|e| HostError::Other(e.to_string()))?;
        let path = self.record_path(&image.name);
        let new = path.with_extension("new");
        let written = File::create(&new)
            .and_then(|mut file| io::Write::write_all(&mut file, &text).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&new, &path));
        written.map_err(|e| HostError::io("writing", &path, e))
    }

    /// An image by its record; `None` if there is none or a layer of it is gone.
    fn read(&self, path: &Path) -> Result<Option<Image>> {
        let text = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|e| HostError::io("reading", path, e))?,
        };
        let mut image: Image = serde_json::from_slice(&text)
            .map_err(|e| HostError::Other(format!("{} is damaged: {e}", path.display())))?;
        for layer in &mut image.layers {
            *layer = self.root.join(&*layer);
        }
        Ok(image.layers.iter().all(|layer| layer.is_dir()).then_some(image))
    }

    fn lock(&self) -> Result<File> {
        let path = self.root.join("lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|e| HostError::io("opening", &path, e))?;
        flock(&file, FlockOperation::LockExclusive).map_err(|e| HostError::io("locking", &path, e))?;
        Ok(file)
    }

    fn fresh_work_directory(&self) -> Result<PathBuf> {
        self.empty_work_directory()?;
        let path = self.root.join("tmp/work");
        fs::create_dir(&path).map_err(|e| HostError::io("making", &path, e))?;
        Ok(path)
    }

    fn empty_work_directory(&self) -> Result<()> {
        crate::tree::remove(&self.root.join("tmp/work"))
    }
}

/// What the files below a directory take, in bytes; a file with several names counts once for each.
fn size_of_tree(directory: &Path) -> Result<u64> {
    let mut sum = 0;
    let entries = fs::read_dir(directory).map_err(|e| HostError::io("listing", directory, e))?;
    for entry in entries {
        let entry = entry.map_err(|e| HostError::io("listing", directory, e))?;
        let found = entry.metadata().map_err(|e| HostError::io("looking at", entry.path(), e))?;
        sum += found.blocks() * 512;
        if found.is_dir() {
            sum += size_of_tree(&entry.path())?;
        }
    }
    Ok(sum)
}

fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_ms(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// This host's processor in EC2's words.
pub(super) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_forgets_images_whose_layers_are_gone() {
        let directory = std::env::temp_dir().join(format!("daemun-store-{}", std::process::id()));
        let store = ImageStore::open(&directory).unwrap();
        let root = directory.join("tmp/root");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("file"), vec![1; 10_000]).unwrap();
        let digest = "0123456789abcdef0123";
        let image = store.record("mine", "A test", "admin", digest, Vec::new(), &root).unwrap();
        assert!(image.size_bytes >= 10_000);
        assert_eq!(store.list().unwrap(), std::slice::from_ref(&image));
        assert_eq!(store.get("mine").unwrap().as_ref(), Some(&image));
        fs::remove_dir_all(&image.layers[0]).unwrap();
        assert_eq!(store.get("mine").unwrap(), None);
        assert!(store.get("../mine").is_err());
        fs::remove_dir_all(&directory).unwrap();
    }
}
