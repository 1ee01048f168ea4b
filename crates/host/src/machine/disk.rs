//! A machine's directory: its disk and the files that say what it is.
//!
//! A directory appears under its name only when it is complete, and disappears from its name before it is taken
//! apart; what an interrupted call leaves has a name that begins with a dot.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Component, Path, PathBuf};

use super::{IDS_PER_MACHINE, MachineSpec, SeedFile, resolver};
use crate::tree::remove;
use crate::{HostError, Result, mount};

/// The machine's changes to its image.
pub(super) const UPPER: &str = "upper";
/// The overlay's own working directory.
pub(super) const WORK: &str = "work";
/// Locked while the machine is being started.
pub(super) const LOCK: &str = "lock";
/// Locked while the machine's links are being changed.
const LINKS_LOCK: &str = "links.lock";
/// What the machine wrote to its console.
pub(super) const CONSOLE: &str = "console.log";
/// The machine's specification as of its last start.
pub(super) const SPEC: &str = "machine.json";
/// LXC's configuration.
pub(super) const CONFIG: &str = "config";
/// LXC's own messages.
pub(super) const LOG: &str = "lxc.log";
/// Why the hook failed, if it did.
pub(super) const HOOK_ERROR: &str = "hook.error";
/// The number of the process that watches over the machine.
pub(super) const MONITOR_PID: &str = "monitor.pid";
/// The number of the machine's process 1.
pub(super) const INIT_PID: &str = "init.pid";

/// How much room there must be for a new machine, in bytes: one that finds less would not get through its first boot.
const MIN_FREE_BYTES: u64 = 16 << 20;

/// Where the layer of this number is mounted, in the machine's mount namespace only.
pub(super) fn layer_mount(number: usize) -> String {
    format!("layer{number}")
}

/// Makes the directory of a machine with its seed files; does nothing if it is there.
pub(super) fn create(instances: &Path, spec: &MachineSpec) -> Result<()> {
    let directory = instances.join(spec.id.to_string());
    if directory.is_dir() {
        return Ok(());
    }
    if spec.layers.is_empty() {
        return Err(HostError::Invalid(format!("{} has no image layers", spec.id)));
    }
    let unfinished = instances.join(format!(".creating-{}", spec.id));
    remove(&unfinished)?;
    if free_bytes(instances)? < MIN_FREE_BYTES {
        return Err(HostError::DiskFull { path: directory });
    }
    let made = fill(&unfinished, spec)
        .and_then(|()| fs::rename(&unfinished, &directory).map_err(|e| HostError::io("renaming", &unfinished, e)));
    if made.is_err() {
        // The first error is the one to tell; the next create or prepare tries to remove it again.
        let _ = remove(&unfinished);
    }
    made
}

/// How much room there is on the file system of this directory, in bytes.
fn free_bytes(directory: &Path) -> Result<u64> {
    let found = rustix::fs::statvfs(directory).map_err(|e| HostError::io("measuring", directory, e))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

fn fill(directory: &Path, spec: &MachineSpec) -> Result<()> {
    // Files of the machine's owners and modes are not for the host's users.
    make_directory(directory, 0o700, 0, 0)?;
    for (number, _) in spec.layers.iter().enumerate() {
        make_directory(&directory.join(layer_mount(number)), 0o755, 0, 0)?;
    }
    make_directory(&directory.join(WORK), 0o700, 0, 0)?;
    let upper = directory.join(UPPER);
    make_directory(&upper, 0o755, spec.uid_base, spec.uid_base)?;
    for file in &spec.seed_files {
        seed(&upper, spec, file)?;
        if file.path == Path::new(resolver::PATH) {
            resolver::note(directory, &file.contents)?;
        }
    }
    write_spec(directory, spec)
}

/// Records the specification.
pub(super) fn write_spec(directory: &Path, spec: &MachineSpec) -> Result<()> {
    // Seed files hold what only the machine should know and are of no use after the first boot.
    let kept = MachineSpec { seed_files: Vec::new(), ..spec.clone() };
    let text = serde_json::to_vec_pretty(&kept).map_err(|e| HostError::Other(e.to_string()))?;
    write_replacing(&directory.join(SPEC), &text, 0o600)
}

/// Keeps others from changing the machine's links and its specification for as long as the file is open.
pub(super) fn lock_links(directory: &Path) -> Result<File> {
    let path = directory.join(LINKS_LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|e| HostError::io("opening", &path, e))?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)
        .map_err(|e| HostError::io("locking", &path, e))?;
    Ok(file)
}

/// The specification as recorded.
pub(super) fn read_spec(directory: &Path) -> Result<MachineSpec> {
    let path = directory.join(SPEC);
    let text = fs::read(&path).map_err(|e| HostError::io("reading", &path, e))?;
    serde_json::from_slice(&text).map_err(|e| HostError::Other(format!("{}: {e}", path.display())))
}

/// The number that a file holds, if it is there and holds one.
pub(super) fn read_number(path: &Path) -> Option<u32> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Writes a whole file so that readers see the old or the new one, never half.
pub(super) fn write_replacing(path: &Path, contents: &[u8], mode: u32) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    write_file(&new, contents, mode)?;
    fs::rename(&new, path).map_err(|e| HostError::io("renaming", &new, e))
}

fn write_file(path: &Path, contents: &[u8], mode: u32) -> Result<()> {
    let written = File::create(path).and_then(|mut file| {
        // The umask must not decide.
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(contents)
    });
    written.map_err(|e| HostError::io("writing", path, e))
}

fn make_directory(path: &Path, mode: u32, uid: u32, gid: u32) -> Result<()> {
    fs::DirBuilder::new()
        .mode(mode)
        .create(path)
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(mode)))
        .and_then(|()| chown(path, Some(uid), Some(gid)))
        .map_err(|e| HostError::io("making", path, e))
}

/// Writes one seed file into the machine's own layer.
///
/// The directories above it hide the image's directories of the same name as far as owner and mode go, so they get
/// the image's.
fn seed(upper: &Path, spec: &MachineSpec, file: &SeedFile) -> Result<()> {
    if file.uid >= IDS_PER_MACHINE || file.gid >= IDS_PER_MACHINE {
        return Err(HostError::Invalid(format!("{}: no such owner inside a machine", file.path.display())));
    }
    let names = names_of(&file.path)?;
    let (name, parents) =
        names.split_last().ok_or_else(|| HostError::Invalid("a seed file with no name".to_owned()))?;
    let mut relative = PathBuf::new();
    for parent in parents {
        relative.push(parent);
        let path = upper.join(&relative);
        if path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            continue;
        }
        let (mode, uid, gid) = match in_layers(&spec.layers, &relative) {
            Some(found) if found.is_dir() => (found.mode() & 0o7777, found.uid(), found.gid()),
            Some(_) => {
                return Err(HostError::Invalid(format!(
                    "{}: /{} is not a directory in the image",
                    file.path.display(),
                    relative.display()
                )));
            }
            None => (0o755, file.uid, file.gid),
        };
        make_directory(&path, mode, spec.uid_base + uid, spec.uid_base + gid)?;
    }
    relative.push(name);
    let path = upper.join(&relative);
    write_file(&path, &file.contents, file.mode & 0o7777)?;
    chown(&path, Some(spec.uid_base + file.uid), Some(spec.uid_base + file.gid))
        .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(file.mode & 0o7777)))
        .map_err(|e| HostError::io("changing the owner of", &path, e))
}

fn names_of(path: &Path) -> Result<Vec<&std::ffi::OsStr>> {
    let bad = || HostError::Invalid(format!("{} is not a plain absolute path", path.display()));
    let mut components = path.components();
    if components.next() != Some(Component::RootDir) {
        return Err(bad());
    }
    components
        .map(|component| match component {
            Component::Normal(name) => Ok(name),
            _ => Err(bad()),
        })
        .collect()
}

/// What the uppermost layer that has this path says of it; nothing where that layer says that it was removed.
fn in_layers(layers: &[PathBuf], relative: &Path) -> Option<fs::Metadata> {
    let found = layers.iter().rev().find_map(|layer| layer.join(relative).symlink_metadata().ok())?;
    let is_removed = found.file_type().is_char_device() && found.rdev() == 0;
    (!is_removed).then_some(found)
}

/// Removes a machine's directory; one that is not there is fine.
pub(super) fn destroy(instances: &Path, name: &str) -> Result<()> {
    let directory = instances.join(name);
    let doomed = instances.join(format!(".destroying-{name}"));
    remove(&doomed)?;
    match fs::rename(&directory, &doomed) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        result => result.map_err(|e| HostError::io("renaming", &directory, e))?,
    }
    remove(&doomed)?;
    remove(&instances.join(format!(".creating-{name}")))
}

/// Makes and mounts a disk in a directory of its own, and removes it.
pub(super) fn attempt(parent: &Path) -> Result<()> {
    const SOME_IDS: u32 = 1 << 30;
    let directory = parent.join(format!(".creating-attempt-{}", std::process::id()));
    remove(&directory)?;
    let tried = (|| {
        make_directory(&directory, 0o700, 0, 0)?;
        for name in ["layer", "mapped", WORK, "root"] {
            make_directory(&directory.join(name), 0o755, 0, 0)?;
        }
        make_directory(&directory.join(UPPER), 0o755, SOME_IDS, SOME_IDS)?;
        let user_namespace = mount::user_namespace(SOME_IDS, IDS_PER_MACHINE)?;
        mount::in_own_mount_namespace(|| {
            rustix::process::chdir(&directory).map_err(|e| HostError::io("entering", &directory, e))?;
            mount::bind_idmapped(&directory.join("layer"), &directory.join("mapped"), &user_namespace)?;
            mount::overlay(&["mapped".to_owned()], UPPER, WORK, &directory.join("root"))?;
            // An overlay that cannot write its working directory mounts all the same, read-only.
            write_file(&directory.join("root/file"), b"x", 0o644)
        })
    })();
    tried.and(remove(&directory))
}

/// Removes what interrupted calls left: beginnings at once, disks of machines in the background, since these may be
/// as large as their owners made them.
pub(super) fn remove_leftovers(instances: &Path) -> Result<()> {
    let mut doomed = Vec::new();
    for entry in fs::read_dir(instances).map_err(|e| HostError::io("listing", instances, e))?.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(".creating-") {
            remove(&entry.path())?;
        } else if name.starts_with(".destroying-") {
            doomed.push(entry.path());
        }
    }
    if doomed.is_empty() {
        return Ok(());
    }
    let work = move || {
        for path in doomed {
            if let Err(error) = remove(&path) {
                tracing::error!(error = &error as &dyn std::error::Error, "what is left of a machine stays for now");
            }
        }
    };
    std::thread::Builder::new()
        .name("leftovers".to_owned())
        .spawn(work)
        .map(drop)
        .map_err(|e| HostError::system("starting a thread", e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_absolute_paths_are_seeded() {
        for bad in ["etc/passwd", "/etc/../../passwd", ""] {
            assert!(names_of(Path::new(bad)).is_err(), "{bad:?}");
        }
        assert_eq!(names_of(Path::new("/etc/hostname")).unwrap(), ["etc", "hostname"]);
    }
}
