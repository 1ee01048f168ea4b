//! Layers, copied from the disks of machines that never ran: what is on them was put there through a real overlay.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use common::{run, seed};
use host::HostError;
use host::image::{CapturedLayers, ImageStore, Layers, find_secrets};
use host::machine::{LxcMachines, MachineSpec, Machines};
use types::InstanceId;

const BASE: u32 = 1_900_000_000;

/// A directory with machines and images in it, gone when the test is over.
struct Place {
    root: PathBuf,
    machines: LxcMachines,
    layers: CapturedLayers,
}

impl Place {
    fn new() -> Option<Self> {
        common::is_root().then(|| {
            let root = PathBuf::from(format!("/var/tmp/daemun-capture-{}", common::unique()));
            let machines = LxcMachines::open(&root.join("instances"), common::hook()).unwrap();
            let store = ImageStore::open(&root.join("images")).unwrap();
            Self { layers: CapturedLayers::new(&store, "test"), machines, root }
        })
    }

    fn spec(&self, number: u128, layers: &[&Path]) -> MachineSpec {
        MachineSpec {
            id: InstanceId::from_number((u128::from(common::unique()) << 8) | number),
            layers: layers.iter().map(|layer| layer.to_path_buf()).collect(),
            uid_base: BASE,
            memory_mib: 64,
            vcpus: 1,
            hostname: "captured".to_owned(),
            seed_files: vec![seed("/etc/hostname", 0o644, 0, "captured\n")],
            nics: Vec::new(),
        }
    }

    /// A layer as images have it.
    fn image_layer(&self) -> PathBuf {
        let layer = self.root.join("base");
        for directory in ["etc", "srv/user", "opt/old/deep", "var/log"] {
            fs::create_dir_all(layer.join(directory)).unwrap();
        }
        for file in ["etc/removed", "etc/kept", "etc/machine-id", "opt/old/hidden", "opt/old/deep/hidden"] {
            fs::write(layer.join(file), "").unwrap();
        }
        layer
    }

    /// Runs a script in the root of a machine that has these layers and this own layer.
    fn inside(&self, spec: &MachineSpec, script: &str) {
        let directory = self.root.join("instances").join(spec.id.to_string());
        let lower: Vec<String> = spec.layers.iter().rev().map(|layer| layer.display().to_string()).collect();
        let root = self.root.join("root");
        fs::create_dir_all(&root).unwrap();
        let mount = format!(
            "mount -t overlay overlay -o lowerdir={},upperdir={d}/upper,workdir={d}/work,redirect_dir=off,index=off \
             {root} && cd {root} && {{ {script}\n}}",
            lower.join(":"),
            d = directory.display(),
            root = root.display(),
        );
        run("unshare", &["--mount", "sh", "-euc", &mount]);
    }

    fn capture(&self, spec: &MachineSpec, name: &str) -> host::Result<PathBuf> {
        self.layers.make(name, &mut |target| self.machines.copy_layer(spec.id, target))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.root) {
            eprintln!("{}: {error}", self.root.display());
        }
    }
}

fn attribute(path: &Path, name: &str) -> Option<String> {
    let mut value = [0; 64];
    let length = rustix::fs::lgetxattr(path, name, &mut value).ok()?;
    Some(String::from_utf8_lossy(&value[..length]).into_owned())
}

/// Every path in a tree with what it is.
fn listing(root: &Path) -> BTreeMap<String, (u32, u32, u32, u64)> {
    let mut found = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap().flatten() {
            let metadata = entry.path().symlink_metadata().unwrap();
            let path = entry.path().strip_prefix(root).unwrap().display().to_string();
            found.insert(path, (metadata.mode(), metadata.uid(), metadata.gid(), metadata.nlink()));
            if metadata.is_dir() {
                directories.push(entry.path());
            }
        }
    }
    found
}

#[test]
fn kernel_a_machines_layer_becomes_a_layer_of_others() {
    let Some(place) = Place::new() else { return };
    let base = place.image_layer();
    let spec = place.spec(1, &[&base]);
    place.machines.create(&spec).unwrap();
    place.inside(
        &spec,
        &format!(
            "rm etc/removed
             rm -r opt/old; mkdir opt/old; echo new > opt/old/new
             echo mine > srv/user/file
             ln srv/user/file srv/user/other; ln -s /etc/passwd srv/user/link
             mkfifo srv/user/pipe; mkdir -m 1777 srv/user/shared
             mkdir -p var/lib/systemd etc/ssh var/lib/cloud/instances/i-1
             echo secret > etc/ssh/ssh_host_ed25519_key; echo id > etc/machine-id
             echo seed > var/lib/systemd/random-seed; echo data > var/lib/cloud/instances/i-1/user-data.txt
             echo conf > etc/ssh/sshd_config
             truncate -s 1G srv/user/sparse; echo end >> srv/user/sparse
             chown -R -h {root}:{root} opt srv etc/ssh; chown -h {user}:{user} srv/user srv/user/*
             chmod 4750 srv/user/file; touch -d 2020-02-02T02:02:02Z srv/user/file",
            root = BASE,
            user = BASE + 1000,
        ),
    );
    let file = place.root.join("instances").join(spec.id.to_string()).join("upper/srv/user/file");
    rustix::fs::setxattr(&file, "user.note", b"kept", rustix::fs::XattrFlags::empty()).unwrap();
    let layer = place.capture(&spec, "snap-1").unwrap();

    let found = listing(&layer);
    let owned = |path: &str| found.get(path).map(|(_, uid, gid, _)| (*uid, *gid));
    assert_eq!(owned("opt/old/new"), Some((0, 0)));
    for path in ["srv/user", "srv/user/file", "srv/user/link", "srv/user/pipe", "srv/user/shared"] {
        assert_eq!(owned(path), Some((1000, 1000)), "{path}");
    }
    assert_eq!(layer.metadata().unwrap().uid(), 0);
    assert_eq!(found["srv/user/file"].0 & 0o7777, 0o4750);
    assert_eq!(found["srv/user/shared"].0 & 0o7777, 0o1777);
    let inode = |path: &str| layer.join(path).symlink_metadata().unwrap().ino();
    assert_eq!((inode("srv/user/file"), found["srv/user/file"].3), (inode("srv/user/other"), 2), "one file, two names");
    assert_eq!(fs::read_link(layer.join("srv/user/link")).unwrap(), Path::new("/etc/passwd"));
    assert_eq!(layer.join("srv/user/file").metadata().unwrap().mtime(), 1_580_608_922);
    assert_eq!(attribute(&layer.join("srv/user/file"), "user.note").as_deref(), Some("kept"));
    let sparse = layer.join("srv/user/sparse").metadata().unwrap();
    assert!(sparse.len() > 1 << 30 && sparse.blocks() * 512 < 1 << 20, "{} blocks", sparse.blocks());

    // What was removed stays removed, what was made anew hides what was there.
    let removed = layer.join("etc/removed").symlink_metadata().unwrap();
    assert!(removed.file_type().is_char_device() && removed.rdev() == 0);
    assert_eq!(attribute(&layer.join("opt/old"), "trusted.overlay.opaque").as_deref(), Some("y"));
    assert_eq!(attribute(&layer.join("srv/user"), "trusted.overlay.origin"), None);

    // What is its own stays its own.
    assert_eq!(find_secrets(&layer), [""; 0]);
    for own in ["etc/hostname", "etc/machine-id", "etc/ssh/ssh_host_ed25519_key", "var/lib/systemd/random-seed"] {
        assert!(!found.contains_key(own), "{own}");
    }
    assert!(found.contains_key("etc/ssh/sshd_config"));
    assert!(fs::read_dir(place.root.join("images/tmp")).unwrap().next().is_none());

    // Another machine sees the same.
    let second = place.spec(2, &[&base, &layer]);
    place.machines.create(&second).unwrap();
    place.inside(
        &second,
        "test ! -e etc/removed; test -e etc/kept
         test \"$(ls opt/old)\" = new
         test \"$(cat srv/user/other)\" = mine
         test \"$(cat etc/hostname)\" = captured",
    );
    // And its own changes stand on both.
    place.inside(&second, "rm srv/user/file; echo more > etc/more");
    let third = place.capture(&second, "snap-2").unwrap();
    let last = place.spec(3, &[&base, &layer, &third]);
    place.machines.create(&last).unwrap();
    place.inside(&last, "test ! -e srv/user/file; test -e srv/user/other; test -e etc/more");
    for spec in [&spec, &second, &last] {
        place.machines.destroy(spec.id).unwrap();
    }
}

#[test]
fn kernel_a_machine_may_have_removed_where_its_seed_files_lie() {
    let Some(place) = Place::new() else { return };
    let base = place.image_layer();
    let spec = place.spec(1, &[&base]);
    place.machines.create(&spec).unwrap();
    place.inside(&spec, "rm -r srv/user");
    let layer = place.capture(&spec, "snap-1").unwrap();
    let mut second = place.spec(2, &[&base, &layer]);
    second.seed_files.push(seed("/srv/user/.ssh/authorized_keys", 0o600, 1000, "key\n"));
    place.machines.create(&second).unwrap();
    let made = place.root.join("instances").join(second.id.to_string()).join("upper/srv/user/.ssh/authorized_keys");
    assert_eq!(made.metadata().unwrap().uid(), BASE + 1000);
    for spec in [&spec, &second] {
        place.machines.destroy(spec.id).unwrap();
    }
}

#[test]
fn kernel_what_cannot_be_a_layer_leaves_nothing() {
    let Some(place) = Place::new() else { return };
    let base = place.image_layer();
    let spec = place.spec(1, &[&base]);
    assert!(matches!(place.capture(&spec, "snap-1"), Err(HostError::NoSuchMachine(_))));
    place.machines.create(&spec).unwrap();
    place.inside(&spec, "i=0; while [ $i -lt 300 ]; do mkdir d; cd d; i=$((i+1)); done");
    let refused = place.capture(&spec, "snap-1");
    assert!(matches!(refused, Err(HostError::Invalid(_))), "{refused:?}");
    assert_eq!(place.layers.find("snap-1").unwrap(), None);
    assert!(fs::read_dir(place.root.join("images/tmp")).unwrap().next().is_none());
    place.machines.destroy(spec.id).unwrap();
}
