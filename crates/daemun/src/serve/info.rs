//! `daemon.json`: how other commands find a running daemon.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use policy::CloudTag;
use serde::{Deserialize, Serialize};
use types::{Ipv4Cidr, Timestamp};

use super::ServeOptions;

const FILE: &str = "daemon.json";

/// A running daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonInfo {
    /// Its process.
    pub pid: u32,
    /// When that process started, in clock ticks since the host's boot: tells it from a later one with its number.
    pub started_ticks: u64,
    /// Its API.
    pub endpoint: String,
    /// When it was ready.
    pub started: Timestamp,
    /// Its version.
    pub version: String,
    /// `container` or `simulated`.
    pub engine: String,
    /// Where its images are.
    pub image_dir: PathBuf,
    /// Where its public addresses come from.
    pub public_pool: Ipv4Cidr,
    /// The operator's address as instances see it.
    pub operator_address: Ipv4Addr,
    /// The network namespace it runs in, as the kernel numbers them.
    pub netns: String,
    /// The tag of its kernel objects.
    pub tag: CloudTag,
    /// The quotas that were set, by name.
    #[serde(default)]
    pub quotas: BTreeMap<String, u32>,
}

impl DaemonInfo {
    pub(super) fn new(options: &ServeOptions, address: SocketAddr, tag: CloudTag) -> Self {
        let pid = std::process::id();
        // An address that stands for all is reached through loopback.
        let reachable = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())),
            _ => address,
        };
        let operator = policy::Operator { tag, pool: options.public_pool };
        Self {
            pid,
            started_ticks: started_ticks(pid).unwrap_or_default(),
            endpoint: format!("http://{reachable}"),
            started: control::now(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            engine: options.engine.name().to_owned(),
            image_dir: options.image_dir.clone(),
            public_pool: options.public_pool,
            operator_address: operator.address(),
            netns: netns_of("self").unwrap_or_default(),
            tag,
            quotas: options.quotas.all_set().map(|(quota, value)| (quota.name().to_owned(), value)).collect(),
        }
    }

    pub(super) fn write(&self, state_dir: &Path) -> anyhow::Result<()> {
        let path = state_dir.join(FILE);
        let draft = path.with_extension("new");
        let text = serde_json::to_string_pretty(self).context("cannot write daemon.json")?;
        fs::write(&draft, text + "\n")
            .and_then(|()| fs::rename(&draft, &path))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    pub(super) fn remove(state_dir: &Path) {
        if let Err(error) = fs::remove_file(state_dir.join(FILE)) {
            tracing::warn!(%error, "daemon.json cannot be removed");
        }
    }

    /// What is written about the daemon of this state directory, whether or not it still runs.
    pub fn read(state_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(state_dir.join(FILE)).ok()?).ok()
    }

    /// The daemon of this state directory, if it runs.
    pub fn running(state_dir: &Path) -> Option<Self> {
        Self::read(state_dir).filter(Self::is_alive)
    }

    /// Whether that process still is the daemon.
    pub fn is_alive(&self) -> bool {
        started_ticks(self.pid) == Some(self.started_ticks)
    }

    /// Whether this process is in the daemon's network namespace: from others its cloud cannot be reached.
    pub fn shares_our_network(&self) -> bool {
        netns_of("self").is_some_and(|ours| ours == self.netns)
    }
}

fn netns_of(pid: &str) -> Option<String> {
    fs::read_link(format!("/proc/{pid}/ns/net")).ok().map(|target| target.display().to_string())
}

/// Field 22 of `/proc/PID/stat` (proc_pid_stat(5)); the second field may hold spaces, so count from its end.
fn started_ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// Makes the state directory, unless it is there, and gives its absolute path.
///
/// Only its owner may list it, and what is secret in it has modes of its own. Others may pass through: the processes
/// of an instance run as other users, and their disk is below.
pub(super) fn make_state_dir(dir: &Path) -> anyhow::Result<PathBuf> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(dir)
        .and_then(|()| fs::set_permissions(dir, fs::Permissions::from_mode(0o711)))
        .and_then(|()| dir.canonicalize())
        .with_context(|| format!("cannot make the directory {}", dir.display()))
}

/// Checks that other users may pass through every directory above.
pub(super) fn check_passable(state_dir: &Path) -> anyhow::Result<()> {
    for above in state_dir.ancestors().skip(1) {
        let mode =
            fs::metadata(above).with_context(|| format!("cannot look at {}", above.display()))?.permissions().mode();
        if mode & 0o001 == 0 {
            bail!(
                "instances cannot reach their disks: nobody but its owner may enter {}; \
                 run chmod o+x on it, or choose another directory with --state-dir",
                above.display()
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_from_a_later_one() {
        let ours = started_ticks(std::process::id()).unwrap();
        assert!(ours > 0);
        assert_eq!(started_ticks(u32::MAX), None);
    }
}
