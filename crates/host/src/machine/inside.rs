//! A look into a running machine, from outside: its sockets, its packet filter, and what decides about a login.
//!
//! Nothing inside is asked: the machine's own programs might be anything. Its files are read below its root and never
//! followed out of it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use types::{Inside, ListeningSocket, Login};

use crate::{Result, netns, process};

/// The most that is read of one file, in bytes.
const FILE_BYTES: u64 = 1 << 20;
/// The first user id of people, as `useradd` has it.
const FIRST_PERSON: u32 = 1_000;
/// The last one.
const LAST_PERSON: u32 = 60_000;

/// Looks into the machine whose process 1 this is, and whose root user is this user of the host. `user` is whose login
/// to look at.
pub(super) fn look(init_pid: u32, uid_base: u32, user: Option<&str>) -> Result<Inside> {
    let process = Path::new("/proc").join(init_pid.to_string());
    let (sockets, ruleset) = netns::run_in(&process.join("ns/net"), || {
        // `-p` names processes of the host, among which the machine's are.
        let sockets = process::run(Command::new("ss").args(["-H", "-l", "-n", "-t", "-u", "-p"]), "iproute2")?;
        let ruleset = process::run(Command::new("nft").args(["-j", "-n", "list", "ruleset"]), "nftables")?;
        Ok((sockets, ruleset))
    })?;
    let root = process.join("root");
    Ok(Inside {
        sockets: String::from_utf8_lossy(&sockets).lines().filter_map(socket).collect(),
        ruleset: String::from_utf8_lossy(&ruleset).into_owned(),
        login: user.map(|user| login(&Files { root: &root, uid_base }, user)),
    })
}

/// A line of `ss`: the protocol, the state, two queues, the socket's own address, the peer's, the processes.
fn socket(line: &str) -> Option<ListeningSocket> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let protocol = match *fields.first()? {
        "tcp" => 6,
        "udp" => 17,
        _ => return None,
    };
    let (address, port) = fields.get(4)?.rsplit_once(':')?;
    // A link may follow the address.
    let address = address.split('%').next()?.trim_start_matches('[').trim_end_matches(']');
    let address = match address {
        "*" => None,
        text => Some(text.parse::<IpAddr>().ok()?),
    };
    let users = fields.get(6).and_then(|text| text.strip_prefix("users:((\"")).unwrap_or_default();
    let program = users.split('"').next().filter(|name| !name.is_empty()).map(str::to_owned);
    let pid = users.split("pid=").nth(1).and_then(|rest| rest.split([',', ')']).next()?.parse().ok());
    Some(ListeningSocket { protocol, address, port: port.parse().ok()?, program, pid: pid.and_then(inner_pid) })
}

/// The number that a process has in the innermost namespace it is in.
fn inner_pid(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    numbers.split_whitespace().last()?.parse().ok()
}

/// The files of a machine.
struct Files<'a> {
    root: &'a Path,
    uid_base: u32,
}

/// What a file says, and of whom.
struct Found {
    text: String,
    access: Access,
}

/// Who may do what with a file.
#[derive(Clone, Copy)]
struct Access {
    /// The owner as seen from inside.
    owner: u32,
    /// The group, likewise.
    group: u32,
    /// The permission bits.
    mode: u32,
}

impl Files<'_> {
    /// Opens what is at a path inside. Links lead to where they would lead inside.
    fn open(&self, path: &str) -> Option<File> {
        let root =
            rustix::fs::open(self.root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        // Not blocking: what is there may be a pipe that nobody writes to.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        openat2(&root, path, flags, Mode::empty(), resolve).ok().map(File::from)
    }

    fn read(&self, path: &str) -> Option<Found> {
        let file = self.open(path)?;
        let about = file.metadata().ok().filter(|about| about.is_file())?;
        let mut bytes = Vec::new();
        file.take(FILE_BYTES).read_to_end(&mut bytes).ok()?;
        Some(Found { text: String::from_utf8_lossy(&bytes).into_owned(), access: self.access(&about) })
    }

    fn access(&self, about: &std::fs::Metadata) -> Access {
        use std::os::unix::fs::MetadataExt as _;
        let inner = |id: u32| id.wrapping_sub(self.uid_base);
        Access { owner: inner(about.uid()), group: inner(about.gid()), mode: about.mode() & 0o7777 }
    }
}

/// A user of the machine.
struct User<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

fn users(passwd: &str) -> Vec<User<'_>> {
    let user = |line| {
        let fields: Vec<&str> = str::split(line, ':').collect();
        Some(User {
            name: fields.first()?,
            uid: fields.get(2)?.parse().ok()?,
            gid: fields.get(3)?.parse().ok()?,
            home: fields.get(5)?,
        })
    };
    passwd.lines().filter_map(user).collect()
}

fn login(files: &Files<'_>, wanted: &str) -> Login {
    let passwd = files.read("etc/passwd").map(|found| found.text).unwrap_or_default();
    let users = users(&passwd);
    let keys_of = |user: &User<'_>| files.read(&format!("{}/.ssh/authorized_keys", user.home));
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim);
        lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
    };
    let is_person = |user: &&User<'_>| user.uid == 0 || (FIRST_PERSON..LAST_PERSON).contains(&user.uid);
    let others: BTreeSet<String> = (users.iter().filter(is_person))
        .filter(|user| keys_of(user).is_some_and(|found| !lines(&found.text).is_empty()))
        .map(|user| user.name.to_owned())
        .collect();
    let mut login = Login { user: wanted.to_owned(), others: others.into_iter().collect(), ..Login::default() };
    if let Some(user) = users.iter().find(|user| user.name == wanted) {
        login.exists = true;
        if let Some(found) = keys_of(user) {
            login.keys = lines(&found.text);
            login.untrusted = untrusted(files, user, &users, &found);
        }
    }
    login
}

/// What others may write to on the way to a user's keys (`StrictModes` of sshd_config(5)). Debian's sshd, and those made
/// of it, let a group write that nobody but the user is in.
fn untrusted(files: &Files<'_>, user: &User<'_>, users: &[User<'_>], keys: &Found) -> Option<String> {
    let is_debian = files
        .read("etc/os-release")
        .is_some_and(|found| found.text.lines().any(|line| line.starts_with("ID") && line.contains("debian")));
    let groups = files.read("etc/group").map(|found| found.text).unwrap_or_default();
    let has_others = |group: u32| {
        let listed = groups.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let mut listed = listed.filter(|fields| fields.get(2).and_then(|id| id.parse().ok()) == Some(group));
        listed
            .any(|fields| fields.get(3).is_some_and(|names| names.split(',').any(|n| !n.is_empty() && n != user.name)))
            || users.iter().any(|other| other.gid == group && other.uid != user.uid)
    };
    let is_bad = |it: Access| {
        let by_group = it.mode & 0o020 != 0 && !(is_debian && it.group == user.gid && !has_others(it.group));
        (it.owner != user.uid && it.owner != 0) || it.mode & 0o002 != 0 || by_group
    };
    let directory = |path: String| {
        let about = files.open(&path)?.metadata().ok()?;
        is_bad(files.access(&about)).then_some(path)
    };
    let file = || is_bad(keys.access).then(|| format!("{}/.ssh/authorized_keys", user.home));
    directory(user.home.to_owned()).or_else(|| directory(format!("{}/.ssh", user.home))).or_else(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_read_in_every_form() {
        let read = |line| socket(line).map(|s| (s.protocol, s.address, s.port, s.program));
        let any = "0.0.0.0".parse().ok();
        assert_eq!(
            read("tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:((\"sshd\",pid=7,fd=3))"),
            Some((6, any, 22, Some("sshd".to_owned())))
        );
        assert_eq!(read("tcp LISTEN 0 511 *:3005 *:*"), Some((6, None, 3005, None)));
        assert_eq!(read("tcp LISTEN 0 511 [::1]:80 [::]:*"), Some((6, "::1".parse().ok(), 80, None)));
        assert_eq!(read("udp UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:*"), Some((17, "127.0.0.53".parse().ok(), 53, None)));
        assert_eq!(read("icmp6 UNCONN 0 0 *:58 *:*"), None);
        assert_eq!(read(""), None);
    }

    #[test]
    fn a_machines_files_are_never_looked_for_outside() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir_all(root.join("etc")).unwrap();
        std::fs::write(folder.path().join("secret"), "x").unwrap();
        std::os::unix::fs::symlink("../../secret", root.join("etc/up")).unwrap();
        std::os::unix::fs::symlink("/etc/own", root.join("etc/passwd")).unwrap();
        std::fs::write(root.join("etc/own"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
        let files = Files { root: &root, uid_base: 0 };
        assert!(files.read("etc/up").is_none() && files.read("../secret").is_none());
        assert_eq!(users(&files.read("etc/passwd").unwrap().text)[0].home, "/root");
    }

    #[test]
    fn keys_that_others_can_write_are_not_trusted() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (root, uid) = (folder.path(), rustix::process::getuid().as_raw());
        std::fs::create_dir_all(root.join("etc")).unwrap();
        std::fs::create_dir_all(root.join("home/admin/.ssh")).unwrap();
        std::fs::write(root.join("etc/passwd"), "admin:x:0:0::/home/admin:/bin/sh\nsys:x:7:7::/:/bin/false\n").unwrap();
        std::fs::write(root.join("home/admin/.ssh/authorized_keys"), "# mine\n\nssh-ed25519 AAAA a\n").unwrap();
        let mode = |path: &str, mode| {
            std::fs::set_permissions(root.join(path), std::fs::Permissions::from_mode(mode)).unwrap();
        };
        for path in ["home/admin", "home/admin/.ssh"] {
            mode(path, 0o755);
        }
        mode("home/admin/.ssh/authorized_keys", 0o600);
        let files = Files { root, uid_base: uid };
        let found = login(&files, "admin");
        assert_eq!((found.exists, found.keys.len(), found.untrusted), (true, 1, None));
        assert_eq!(found.others, ["admin"]);
        mode("home/admin/.ssh", 0o775);
        assert_eq!(login(&files, "admin").untrusted.as_deref(), Some("/home/admin/.ssh"));
        // Debian trusts a group of the user's own.
        std::fs::write(root.join("etc/os-release"), "ID=debian\n").unwrap();
        assert_eq!(login(&files, "admin").untrusted, None);
        std::fs::write(root.join("etc/group"), "admin:x:0:sys\n").unwrap();
        assert_eq!(login(&files, "admin").untrusted.as_deref(), Some("/home/admin/.ssh"));
        std::fs::write(root.join("etc/group"), "admin:x:0:\n").unwrap();
        mode("home/admin/.ssh", 0o757);
        assert_eq!(login(&files, "admin").untrusted.as_deref(), Some("/home/admin/.ssh"));
        assert!(!login(&files, "ubuntu").exists);
    }
}
