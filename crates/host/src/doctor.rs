//! What a host needs for machines, and whether it has it. Looks only; changes nothing.

use std::fs;
use std::path::PathBuf;

use crate::{Cgroups, system};

/// The oldest kernel whose overlay file system takes idmapped layers (Linux 5.19), as major and minor number.
pub const OLDEST_KERNEL: (u32, u32) = (5, 19);

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Whether this process may do everything.
    Root {
        /// It may.
        ok: bool,
    },
    /// A program that is run by its name.
    Program {
        /// Its name.
        name: &'static str,
        /// The Debian package that brings it.
        package: &'static str,
        /// What is done with it.
        role: Role,
        /// Where it is; `None` if it is in no directory of `PATH`.
        path: Option<PathBuf>,
    },
    /// A file that a package brings.
    File {
        /// Where it should be.
        path: &'static str,
        /// The Debian package that brings it.
        package: &'static str,
        /// What is done with it.
        role: Role,
        /// It is there.
        ok: bool,
    },
    /// The kernel's release.
    Kernel {
        /// As `uname -r` says it.
        release: String,
        /// It is not older than [`OLDEST_KERNEL`].
        ok: bool,
    },
    /// The overlay file system.
    Overlay {
        /// The kernel has it, or a module of it.
        ok: bool,
    },
    /// User namespaces.
    UserNamespaces {
        /// They are allowed.
        ok: bool,
    },
    /// The control groups that limit machines.
    ControlGroups {
        /// The controllers that are not there.
        missing: Vec<&'static str>,
    },
}

/// What something is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Machines themselves.
    Machines,
    /// Their network.
    Network,
    /// Making images.
    Images,
    /// Logging in, and the demo.
    Demo,
}

impl Finding {
    /// Whether nothing is missing here.
    pub fn is_ok(&self) -> bool {
        match self {
            Self::Root { ok }
            | Self::File { ok, .. }
            | Self::Kernel { ok, .. }
            | Self::Overlay { ok }
            | Self::UserNamespaces { ok } => *ok,
            Self::Program { path, .. } => path.is_some(),
            Self::ControlGroups { missing } => missing.is_empty(),
        }
    }
}

/// Every program with its package.
const PROGRAMS: [(&str, &str, Role); 8] = [
    ("lxc-start", "lxc", Role::Machines),
    ("newuidmap", "uidmap", Role::Machines),
    ("ip", "iproute2", Role::Network),
    ("nft", "nftables", Role::Network),
    ("mmdebstrap", "mmdebstrap", Role::Images),
    ("ssh", "openssh-client", Role::Demo),
    ("git", "git", Role::Demo),
    ("curl", "curl", Role::Demo),
];

/// The programs without which no machine runs that are missing here, each with the Debian package that brings it.
///
/// `newuidmap` is none of them: root maps user ids without it.
pub fn missing_for_machines() -> Vec<(&'static str, &'static str)> {
    let needed =
        |(name, _, role): &(&str, &str, Role)| matches!(role, Role::Machines | Role::Network) && *name != "newuidmap";
    let missing = PROGRAMS.into_iter().filter(needed).filter(|(name, ..)| in_path(name).is_none());
    missing.map(|(name, package, _)| (name, package)).collect()
}

/// Looks at everything.
pub fn look() -> Vec<Finding> {
    let mut findings = vec![Finding::Root { ok: system::is_root() }, kernel()];
    findings.push(Finding::Overlay { ok: has_overlay() });
    findings.push(Finding::UserNamespaces { ok: allows_user_namespaces() });
    findings.push(Finding::ControlGroups { missing: missing_controllers() });
    findings.extend(PROGRAMS.map(|(name, package, role)| Finding::Program {
        name,
        package,
        role,
        path: in_path(name),
    }));
    let path = "/usr/share/keyrings/debian-archive-keyring.gpg";
    let ok = fs::metadata(path).is_ok();
    findings.push(Finding::File { path, package: "debian-archive-keyring", role: Role::Images, ok });
    findings
}

fn kernel() -> Finding {
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy().into_owned();
    let ok = version(&release).is_some_and(|version| version >= OLDEST_KERNEL);
    Finding::Kernel { release, ok }
}

/// The first two numbers of a release such as `6.1.0-18-amd64`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Whether overlayfs is there; a module that is not loaded yet is loaded with the first mount.
fn has_overlay() -> bool {
    let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    if known.lines().any(|line| line.split_whitespace().next_back() == Some("overlay")) {
        return true;
    }
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let modules = fs::read_to_string(format!("/lib/modules/{release}/modules.dep")).unwrap_or_default();
    modules.lines().any(|line| line.contains("/overlay.ko"))
}

fn allows_user_namespaces() -> bool {
    let most = fs::read_to_string("/proc/sys/user/max_user_namespaces").unwrap_or_default();
    most.trim().parse::<u64>().is_ok_and(|most| most > 0)
}

fn missing_controllers() -> Vec<&'static str> {
    let wanted = ["memory", "cpu", "pids"];
    match Cgroups::detect() {
        Ok(groups) => wanted.into_iter().filter(|controller| !groups.has(controller)).collect(),
        Err(_) => wanted.to_vec(),
    }
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(version("6.1.0-18-amd64"), Some((6, 1)));
        assert_eq!(version("5.19-rc1"), Some((5, 19)));
        assert_eq!(version("weird"), None);
        assert!(version("5.4.0").unwrap() < OLDEST_KERNEL && version("6.0.1").unwrap() > OLDEST_KERNEL);
    }

    #[test]
    fn what_is_missing_is_not_ok() {
        let program = |path| Finding::Program { name: "nft", package: "nftables", role: Role::Network, path };
        assert!(program(Some("/usr/sbin/nft".into())).is_ok());
        assert!(!program(None).is_ok());
        assert!(!Finding::ControlGroups { missing: vec!["pids"] }.is_ok());
    }

    #[test]
    fn everything_is_looked_at_once() {
        let findings = look();
        let names: Vec<_> = findings
            .iter()
            .filter_map(|f| if let Finding::Program { name, .. } = f { Some(*name) } else { None })
            .collect();
        assert_eq!(names.len(), PROGRAMS.len());
        assert!(findings.iter().any(|f| matches!(f, Finding::Kernel { release, .. } if !release.is_empty())));
    }
}
