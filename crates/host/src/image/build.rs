//! Making a layer.
//!
//! Everything runs in a mount namespace and a process namespace of its own: when the build is interrupted, its mounts
//! are gone and its programs dead, and what is left is one directory that the next build removes.

use std::collections::VecDeque;
use std::ffi::{CStr, OsStr};
use std::fs::{self, File, Permissions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};
use sha2::{Digest as _, Sha256};

use super::mirror::{KEYRING, KEYRING_PACKAGE, Mirror};
use super::progress::{Follower, Progress, Stage};
use super::recipe::{Base, Recipe};
use crate::process;
use crate::{HostError, Result, mount as mounts};

/// How many of a program's last lines an error shows.
const KEPT_LINES: usize = 25;

/// What a build inside a root finds in its environment.
const INSIDE: [(&str, &str); 6] = [
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("HOME", "/root"),
    ("LC_ALL", "C.UTF-8"),
    ("DEBIAN_FRONTEND", "noninteractive"),
    ("DEBCONF_NONINTERACTIVE_SEEN", "true"),
    ("TMPDIR", "/tmp"),
];

/// What dpkg leaves out: manuals and translations, but never a licence. Machines install later packages whole.
const LEFT_OUT: [&str; 7] = [
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
    "path-include=/usr/share/locale/locale.alias",
    // The whole layer is synced once, at the end.
    "force-unsafe-io",
];

/// Where a build works.
pub(super) struct Site<'a> {
    /// An empty directory on the file system that layers are on.
    pub(super) work: &'a Path,
    /// The layers below, lowest first.
    pub(super) base: &'a [PathBuf],
}

/// Makes the recipe's layer and returns its root directory, below the site's.
pub(super) fn build(recipe: &Recipe, site: &Site<'_>, progress: &mut dyn FnMut(Progress)) -> Result<PathBuf> {
    let mut tell = |stage, done, total| progress(Progress { image: recipe.name.clone(), stage, done, total });
    let mirror = Mirror::of_this_host()?;
    let layer = site.work.join("layer");
    tell(Stage::Prepare, 0, 0);
    // The closure leaves this thread, so what it tells comes back through a channel.
    std::thread::scope(|scope| {
        let (sender, receiver) = std::sync::mpsc::channel();
        let worker = scope.spawn(|| {
            let sender = sender;
            mounts::in_own_mount_namespace(|| {
                let mut tell = |stage, done, total| {
                    // Nobody listens any more only when the build is being given up.
                    let _ = sender.send((stage, done, total));
                };
                match &recipe.base {
                    Base::Suite(suite) => {
                        bootstrap(recipe, suite, &mirror, &layer, &mut tell)?;
                        mount_devices(&layer)?;
                        finish(recipe, &layer, &mut tell)
                    }
                    Base::Image(_) => on_top(recipe, site, &mirror, &layer, &mut tell),
                }
            })
        });
        for (stage, done, total) in receiver {
            tell(stage, done, total);
        }
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    Ok(layer)
}

type Tell<'a> = &'a mut dyn FnMut(Stage, u32, u32);

/// A root file system out of packages alone.
fn bootstrap(recipe: &Recipe, suite: &str, mirror: &Mirror, layer: &Path, tell: Tell<'_>) -> Result<()> {
    if !Path::new(KEYRING).exists() {
        return Err(HostError::Missing { program: KEYRING.to_owned(), package: KEYRING_PACKAGE.to_owned() });
    }
    let mut command = caged("mmdebstrap");
    command.args(["--mode=root", "--variant=minbase", "--format=directory", "--verbose"]);
    command.arg(format!("--include={}", recipe.packages.join(",")));
    for setting in &mirror.settings {
        command.arg(format!("--aptopt={}", setting.trim_end_matches(';')));
    }
    command.arg("--aptopt=APT::Install-Recommends \"false\"").arg("--aptopt=Acquire::Languages \"none\"");
    for option in LEFT_OUT {
        command.arg(format!("--dpkgopt={option}"));
    }
    command.arg(suite).arg(layer).args(mirror.sources(suite));
    follow(command, "mmdebstrap", "mmdebstrap", tell)?;
    // These were for the build; apt and dpkg on the machine are to behave as everywhere.
    for path in ["etc/apt/apt.conf.d/99mmdebstrap", "etc/dpkg/dpkg.cfg.d/99mmdebstrap", "etc/apt/sources.list"] {
        remove_file(&layer.join(path))?;
    }
    // A machine brings its own devices.
    let dev = layer.join("dev");
    fs::remove_dir_all(&dev).map_err(|e| HostError::io("removing", &dev, e))?;
    make_directory(&dev, 0o755)?;
    let tmp = layer.join("tmp");
    fs::set_permissions(&tmp, Permissions::from_mode(0o1777)).map_err(|e| HostError::io("changing", &tmp, e))
}

/// More packages on top of other layers.
fn on_top(recipe: &Recipe, site: &Site<'_>, mirror: &Mirror, layer: &Path, tell: Tell<'_>) -> Result<()> {
    let root = site.work.join("root");
    let mut lower = Vec::new();
    for (number, base) in site.base.iter().enumerate() {
        let name = format!("base{number}");
        let target = site.work.join(&name);
        make_directory(&target, 0o755)?;
        mount_bind(base, &target).map_err(|e| HostError::io("mounting on", &target, e))?;
        lower.push(name);
    }
    make_directory(layer, 0o755)?;
    make_directory(&root, 0o755)?;
    make_directory(&site.work.join("work"), 0o700)?;
    rustix::process::chdir(site.work).map_err(|e| HostError::io("entering", site.work, e))?;
    mounts::overlay(&lower, "layer", "work", &root)?;
    // Packages find their settings when they are set up, and do not overwrite them.
    place_files(recipe, &root)?;
    install(recipe, mirror, &root, tell)?;
    finish(recipe, &root, tell)
}

/// Installs the recipe's packages into a root; what the installation itself needs is on mounts that vanish.
fn install(recipe: &Recipe, mirror: &Mirror, root: &Path, tell: Tell<'_>) -> Result<()> {
    for (path, mode) in [
        ("run", c"mode=0755"),
        ("tmp", c"mode=1777"),
        ("var/cache/apt", c"mode=0755"),
        ("var/lib/apt/lists", c"mode=0755"),
    ] {
        mount_tmpfs(&root.join(path), mode)?;
    }
    make_directory(&root.join("var/lib/apt/lists/partial"), 0o700)?;
    make_directory(&root.join("var/cache/apt/archives"), 0o755)?;
    make_directory(&root.join("var/cache/apt/archives/partial"), 0o700)?;
    mount_devices(root)?;
    let resolver = root.join("etc/resolv.conf");
    mount_bind("/etc/resolv.conf", &resolver).map_err(|e| HostError::io("mounting on", &resolver, e))?;

    let suite = release_of(root)?;
    write(&root.join("run/sources.list"), &mirror.sources(&suite).join("\n"), 0o644)?;
    let mut settings = mirror.settings.clone();
    settings.extend(
        [
            "Dir::Etc::SourceList \"/run/sources.list\";",
            "Dir::Etc::SourceParts \"-\";",
            "APT::Install-Recommends \"false\";",
            "APT::Sandbox::User \"root\";",
            "Acquire::Languages \"none\";",
            "Dpkg::Use-Pty \"false\";",
        ]
        .map(str::to_owned),
    );
    settings.extend(LEFT_OUT.map(|option| format!("DPkg::Options:: \"--{option}\";")));
    write(&root.join("run/apt.conf"), &settings.join("\n"), 0o644)?;
    // Nothing starts while an image is made.
    let policy = root.join("usr/sbin/policy-rc.d");
    write(&policy, "#!/bin/sh\nexit 101\n", 0o755)?;

    let mut update = inside(root);
    update.env("APT_CONFIG", "/run/apt.conf").args(["apt-get", "--quiet=1", "update"]);
    follow(update, "apt-get", "apt", tell)?;
    let mut install = inside(root);
    install.env("APT_CONFIG", "/run/apt.conf").args(["apt-get", "--quiet=1", "--yes", "install"]);
    install.args(&recipe.packages);
    follow(install, "apt-get", "apt", tell)?;
    unmount(&resolver, UnmountFlags::DETACH).map_err(|e| HostError::io("unmounting", &resolver, e))?;
    remove_file(&policy)
}

/// Puts the recipe's files in place and runs its script, then removes what building leaves everywhere.
fn finish(recipe: &Recipe, root: &Path, tell: Tell<'_>) -> Result<()> {
    tell(Stage::Customise, 0, 0);
    place_files(recipe, root)?;
    if let Some(script) = &recipe.script {
        let path = root.join("customize.sh");
        write(&path, script, 0o755)?;
        let mut command = inside(root);
        command.args(["/bin/sh", "-eu", "/customize.sh"]);
        let ran = follow(command, "customize.sh", "dash", tell);
        remove_file(&path)?;
        ran?;
    }
    clean(root)
}

fn place_files(recipe: &Recipe, root: &Path) -> Result<()> {
    for (path, contents) in &recipe.files {
        let target = root.join(path);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(|e| HostError::io("making", parent, e))?;
        }
        remove_file(&target)?;
        write_bytes(&target, contents, 0o644)?;
    }
    Ok(())
}

/// Removes logs, caches and identities that packages made while they were installed.
fn clean(root: &Path) -> Result<()> {
    for name in ["etc/hostname", "etc/.pwd.lock", "var/lib/dbus/machine-id", "var/lib/systemd/random-seed"] {
        remove_file(&root.join(name))?;
    }
    for name in ["config.dat-old", "templates.dat-old", "passwords.dat-old"] {
        remove_file(&root.join("var/cache/debconf").join(name))?;
    }
    for directory in ["var/log", "var/cache/ldconfig", "var/cache/apt"] {
        remove_files_below(&root.join(directory))?;
    }
    for entry in fs::read_dir(root.join("etc/ssh")).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with("ssh_host_") {
            remove_file(&entry.path())?;
        }
    }
    for backup in ["passwd-", "group-", "shadow-", "gshadow-", "subuid-", "subgid-"] {
        remove_file(&root.join("etc").join(backup))?;
    }
    for (path, text) in [("etc/machine-id", ""), ("etc/resolv.conf", "")] {
        let path = root.join(path);
        // An overlay copies a file up when it is opened for writing, also when nothing changes.
        if fs::metadata(&path).map_or(true, |found| found.len() > 0) {
            remove_file(&path)?;
            write(&path, text, 0o644)?;
        }
    }
    let dbus = root.join("var/lib/dbus");
    if dbus.is_dir() {
        let link = dbus.join("machine-id");
        symlink("/etc/machine-id", &link).map_err(|e| HostError::io("linking", &link, e))?;
    }
    Ok(())
}

fn remove_files_below(directory: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(directory) else { return Ok(()) };
    for entry in entries {
        let entry = entry.map_err(|e| HostError::io("listing", directory, e))?;
        let kind = entry.file_type().map_err(|e| HostError::io("looking at", entry.path(), e))?;
        if kind.is_dir() {
            remove_files_below(&entry.path())?;
        } else {
            remove_file(&entry.path())?;
        }
    }
    Ok(())
}

/// The release that a root's apt sources name.
fn release_of(root: &Path) -> Result<String> {
    let path = root.join("etc/os-release");
    let text = fs::read_to_string(&path).map_err(|e| HostError::io("reading", &path, e))?;
    let name = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    name.map(|name| name.trim_matches('"').to_owned())
        .ok_or_else(|| HostError::Invalid(format!("{} names no release", path.display())))
}

/// A program that dies with us, in a process namespace of its own, so that all it starts dies, too.
fn caged(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "--"]);
    command.arg(program);
    command
}

/// A program inside a root that sees no process but its own; to be given the program and its arguments.
fn inside(root: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child", "--uts", "--ipc"]);
    command.arg(format!("--mount-proc={}", root.join("proc").display()));
    command.args(["--", "chroot"]).arg(root).env_clear().envs(INSIDE);
    for name in ["http_proxy", "https_proxy", "no_proxy", "ftp_proxy"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// Runs a program to its end and tells how far it is by what it writes.
fn follow(mut command: Command, name: &str, package: &str, tell: Tell<'_>) -> Result<()> {
    if process::find_program(name).is_none() && name == package {
        return Err(HostError::Missing { program: name.to_owned(), package: package.to_owned() });
    }
    let (reader, writer) = std::io::pipe().map_err(|e| HostError::system("making a pipe", e))?;
    let second = writer.try_clone().map_err(|e| HostError::system("making a pipe", e))?;
    command.stdin(Stdio::null()).stdout(writer).stderr(second);
    let mut child = command.spawn().map_err(|e| process::not_started("setpriv", "util-linux", e))?;
    // The command holds the pipe's writing end open; without it the pipe ends with the program.
    drop(command);
    let mut follower = Follower::default();
    let mut last = VecDeque::new();
    for line in BufReader::new(reader).split(b'\n') {
        let line = line.map_err(|e| HostError::system(format!("reading what {name} says"), e))?;
        let line = String::from_utf8_lossy(&line).into_owned();
        if let Some((stage, done, total)) = follower.line(&line) {
            tell(stage, done, total);
        }
        tracing::trace!(program = name, "{line}");
        last.push_back(line);
        if last.len() > KEPT_LINES {
            last.pop_front();
        }
    }
    let status = child.wait().map_err(|e| HostError::system(format!("waiting for {name}"), e))?;
    if status.success() {
        return Ok(());
    }
    Err(process::failed(name, status, &Vec::from(last).join("\n")))
}

fn mount_tmpfs(target: &Path, options: &CStr) -> Result<()> {
    fs::create_dir_all(target).map_err(|e| HostError::io("making", target, e))?;
    mount("tmpfs", target, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, options)
        .map_err(|e| HostError::io("mounting on", target, e))
}

/// A `/dev` with what package scripts use.
fn mount_devices(root: &Path) -> Result<()> {
    let dev = root.join("dev");
    mount("tmpfs", &dev, "tmpfs", MountFlags::NOSUID, c"mode=0755")
        .map_err(|e| HostError::io("mounting on", &dev, e))?;
    for name in ["null", "zero", "full", "random", "urandom", "tty"] {
        let target = dev.join(name);
        write(&target, "", 0o644)?;
        let source = Path::new("/dev").join(name);
        mount_bind(&source, &target).map_err(|e| HostError::io("mounting on", &target, e))?;
    }
    for (name, target) in [("fd", "/proc/self/fd"), ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2")] {
        let link = dev.join(name);
        symlink(target, &link).map_err(|e| HostError::io("linking", &link, e))?;
    }
    make_directory(&dev.join("shm"), 0o1777)
}

fn make_directory(path: &Path, mode: u32) -> Result<()> {
    fs::create_dir(path)
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(mode)))
        .map_err(|e| HostError::io("making", path, e))
}

fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    write_bytes(path, text.as_bytes(), mode)
}

fn write_bytes(path: &Path, contents: &[u8], mode: u32) -> Result<()> {
    File::create(path)
        .and_then(|mut file| {
            file.set_permissions(Permissions::from_mode(mode))?;
            file.write_all(contents)
        })
        .map_err(|e| HostError::io("writing", path, e))
}

fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        result => result.map_err(|e| HostError::io("removing", path, e)),
    }
}

/// Unpacks a root file system from a tar archive and returns its directory, below `work`.
pub(super) fn unpack(archive: &Path, work: &Path) -> Result<PathBuf> {
    let root = work.join("layer");
    make_directory(&root, 0o755)?;
    let mut command = caged("tar");
    command.args(["--extract", "--numeric-owner", "--preserve-permissions", "--xattrs", "--xattrs-include=*"]);
    // Devices are the container's own business, and would be the host's.
    command.args(["--exclude=./dev/*", "--exclude=dev/*"]);
    command.arg("--file").arg(archive).arg("--directory").arg(&root);
    follow(command, "tar", "tar", &mut |_, _, _| {})?;
    Ok(root)
}

/// The SHA-256 of a file, in hexadecimal.
pub(super) fn digest_of(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(|e| HostError::io("opening", path, e))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(|e| HostError::io("reading", path, e))? {
            0 => return Ok(hex::encode(hash.finalize())),
            count => hash.update(&buffer[..count]),
        }
    }
}
