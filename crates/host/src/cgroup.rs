//! Limits on what a machine may use, on both kinds of cgroup hierarchy.
//!
//! A controller is either on a version 1 hierarchy of its own or on the one version 2 hierarchy; hosts with both kinds
//! ("hybrid") are usual. Each controller is used where it is.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{HostError, Result};

/// Below which directory of each hierarchy our machines' groups stand.
const PARENT: &str = "daemun";

/// How many processes and threads a machine may have: enough for any ordinary server, too few for a fork bomb to
/// starve the host.
const MAX_TASKS: u32 = 8_192;

/// The period over which processor time is shared out, in microseconds; the kernel's default.
const CPU_PERIOD_US: u64 = 100_000;

/// The file that holds a group's processes still, on version 1.
const FREEZER_STATE: &str = "freezer.state";

/// How often a group is looked at that is to stand still, and how many times.
const FREEZE_LOOK_EVERY: Duration = Duration::from_millis(5);
const FREEZE_LOOKS: u32 = 2_000;

/// The mounted hierarchies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cgroups {
    /// Version 1: where each controller's hierarchy is mounted; named ones as `name=NAME`.
    pub v1: BTreeMap<String, PathBuf>,
    /// Version 2: where the hierarchy is mounted.
    pub v2: Option<PathBuf>,
    /// The controllers on the version 2 hierarchy.
    pub v2_controllers: Vec<String>,
}

impl Cgroups {
    /// What is mounted now.
    pub fn detect() -> Result<Self> {
        let path = "/proc/self/mounts";
        let mounts = fs::read_to_string(path).map_err(|e| HostError::io("reading", path, e))?;
        let mut found = Self::parse(&mounts);
        if let Some(root) = &found.v2 {
            let path = root.join("cgroup.controllers");
            let controllers = fs::read_to_string(&path).map_err(|e| HostError::io("reading", &path, e))?;
            found.v2_controllers = controllers.split_whitespace().map(str::to_owned).collect();
        }
        Ok(found)
    }

    fn parse(mounts: &str) -> Self {
        const NOT_CONTROLLERS: [&str; 12] = [
            "rw",
            "ro",
            "relatime",
            "nosuid",
            "nodev",
            "noexec",
            "noatime",
            "xattr",
            "clone_children",
            "seclabel",
            "cpuset_v2_mode",
            "noprefix",
        ];
        let mut found = Self::default();
        for line in mounts.lines() {
            let mut fields = line.split(' ');
            let (Some(_), Some(target), Some(kind), Some(options)) =
                (fields.next(), fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            match kind {
                "cgroup2" if found.v2.is_none() => found.v2 = Some(PathBuf::from(target)),
                "cgroup" => {
                    let controllers = options
                        .split(',')
                        .filter(|option| !NOT_CONTROLLERS.contains(option) && !option.starts_with("release_agent="));
                    for controller in controllers {
                        found.v1.entry(controller.to_owned()).or_insert_with(|| PathBuf::from(target));
                    }
                }
                _ => {}
            }
        }
        found
    }

    /// Whether a controller can be used, on either kind of hierarchy.
    pub fn has(&self, controller: &str) -> bool {
        self.v1.contains_key(controller) || self.v2_controllers.iter().any(|c| c == controller)
    }

    /// The limits as lines of an LXC configuration.
    ///
    /// # Errors
    /// [`HostError::Missing`] without a controller for memory, processor time or processes: a machine that cannot
    /// be limited is not started.
    pub(crate) fn lxc_limits(&self, memory_mib: u32, vcpus: u32) -> Result<Vec<(&'static str, String)>> {
        let memory = (u64::from(memory_mib) << 20).to_string();
        let quota_us = u64::from(vcpus) * CPU_PERIOD_US;
        let tasks = MAX_TASKS.to_string();
        let mut lines = Vec::new();
        for controller in ["memory", "cpu", "pids"] {
            let one = self.v1.contains_key(controller);
            if !self.has(controller) {
                return Err(HostError::Missing {
                    program: format!("the {controller} cgroup controller"),
                    package: "a kernel with it, and mount its cgroup hierarchy".to_owned(),
                });
            }
            match (controller, one) {
                ("memory", true) => lines.push(("lxc.cgroup.memory.limit_in_bytes", memory.clone())),
                ("memory", false) => lines.push(("lxc.cgroup2.memory.max", memory.clone())),
                ("cpu", true) => {
                    lines.push(("lxc.cgroup.cpu.cfs_period_us", CPU_PERIOD_US.to_string()));
                    lines.push(("lxc.cgroup.cpu.cfs_quota_us", quota_us.to_string()));
                }
                ("cpu", false) => lines.push(("lxc.cgroup2.cpu.max", format!("{quota_us} {CPU_PERIOD_US}"))),
                (_, true) => lines.push(("lxc.cgroup.pids.max", tasks.clone())),
                (_, false) => lines.push(("lxc.cgroup2.pids.max", tasks.clone())),
            }
        }
        Ok(lines)
    }

    /// The group of a machine, relative to the root of each hierarchy.
    pub(crate) fn group(name: &str) -> String {
        format!("{PARENT}/{name}")
    }

    /// A machine's groups that exist, one for each hierarchy.
    pub fn directories(&self, name: &str) -> Vec<PathBuf> {
        let mut roots: Vec<&PathBuf> = self.v1.values().chain(&self.v2).collect();
        roots.sort();
        roots.dedup();
        roots.into_iter().map(|root| root.join(Self::group(name))).filter(|path| path.is_dir()).collect()
    }

    /// The processes in a machine's groups, or in any of them.
    pub(crate) fn processes(&self, name: &str) -> Vec<u32> {
        let mut pids = Vec::new();
        for directory in self.directories(name) {
            collect_processes(&directory, &mut pids);
        }
        pids.sort_unstable();
        pids.dedup();
        pids
    }

    /// Holds a machine's processes still until what is returned is dropped.
    ///
    /// # Errors
    /// [`HostError::Missing`] where the kernel cannot, [`HostError::TimedOut`] where a process does not stand still.
    pub(crate) fn freeze(&self, name: &str) -> Result<Frozen> {
        let frozen = Frozen { switch: self.freezer(name)? };
        let (path, is_version_1) = (&frozen.switch, frozen.is_version_1());
        let order = if is_version_1 { "FROZEN" } else { "1" };
        fs::write(path, order).map_err(|e| HostError::io("writing", path, e))?;
        for _ in 0..FREEZE_LOOKS {
            let (state, wanted) = if is_version_1 {
                (path.clone(), "FROZEN")
            } else {
                (path.with_file_name("cgroup.events"), "frozen 1")
            };
            let text = fs::read_to_string(&state).map_err(|e| HostError::io("reading", &state, e))?;
            if text.lines().any(|line| line.trim() == wanted) {
                return Ok(frozen);
            }
            std::thread::sleep(FREEZE_LOOK_EVERY);
        }
        let seconds = (FREEZE_LOOK_EVERY * FREEZE_LOOKS).as_secs();
        Err(HostError::TimedOut { what: format!("holding {name} still"), seconds })
    }

    /// Lets a machine's processes go on that somebody held still.
    pub(crate) fn thaw(&self, name: &str) {
        drop(self.freezer(name).map(|switch| Frozen { switch }));
    }

    /// The file that holds the machine's own processes still.
    fn freezer(&self, name: &str) -> Result<PathBuf> {
        let group = format!("{}/machine", Self::group(name));
        let version_1 = self.v1.get("freezer").map(|root| root.join(&group).join(FREEZER_STATE));
        let version_2 = self.v2.as_ref().map(|root| root.join(&group).join("cgroup.freeze"));
        version_1.into_iter().chain(version_2).find(|path| path.exists()).ok_or_else(|| HostError::Missing {
            program: "the freezer of cgroups".to_owned(),
            package: "a kernel with it, and mount its cgroup hierarchy".to_owned(),
        })
    }

    /// Removes a machine's groups. Its processes must be gone.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        for directory in self.directories(name) {
            remove_tree(&directory).map_err(|e| HostError::io("removing", &directory, e))?;
            if let Some(parent) = directory.parent() {
                // The last one out takes the common parent along; others are still in it otherwise.
                let _ = fs::remove_dir(parent);
            }
        }
        Ok(())
    }
}

/// A machine whose processes stand still for as long as this lives.
#[derive(Debug)]
pub(crate) struct Frozen {
    switch: PathBuf,
}

impl Frozen {
    fn is_version_1(&self) -> bool {
        self.switch.ends_with(FREEZER_STATE)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let order = if self.is_version_1() { "THAWED" } else { "0" };
        if let Err(error) = fs::write(&self.switch, order) {
            tracing::error!(%error, "{} keeps processes still", self.switch.display());
        }
    }
}

/// The processes in a group and the groups in it; one that is just going away has none.
fn collect_processes(directory: &Path, pids: &mut Vec<u32>) {
    let listed = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    // Zero stands for processes that this one cannot see.
    pids.extend(listed.lines().filter_map(|line| line.parse::<u32>().ok()).filter(|pid| *pid != 0));
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect_processes(&entry.path(), pids);
        }
    }
}

/// Removes a group and the groups in it; the files in them go along by themselves.
fn remove_tree(directory: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    // A group stays busy for some microseconds after its last process was reaped.
    for _ in 0..200 {
        match fs::remove_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                std::thread::sleep(Duration::from_millis(5));
            }
            result => return result,
        }
    }
    fs::remove_dir(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_one_hierarchies_are_found_by_controller() {
        let mounts = "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0\n\
                      cgroup /sys/fs/cgroup/systemd cgroup rw,xattr,name=systemd 0 0\n\
                      cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n\
                      /dev/vda / ext4 rw 0 0\n";
        let found = Cgroups::parse(mounts);
        assert_eq!(found.v1["cpu"], Path::new("/sys/fs/cgroup/cpu,cpuacct"));
        assert_eq!(found.v1.keys().collect::<Vec<_>>(), ["cpu", "cpuacct", "name=systemd"]);
        assert_eq!(found.v2.as_deref(), Some(Path::new("/sys/fs/cgroup/unified")));
    }

    #[test]
    fn each_limit_goes_where_its_controller_is() {
        let mut groups = Cgroups::parse("cgroup /c/memory cgroup rw,memory 0 0\n");
        assert!(groups.lxc_limits(512, 2).is_err(), "no cpu controller");
        groups.v2_controllers = ["cpu", "pids", "memory"].map(str::to_owned).to_vec();
        let lines = groups.lxc_limits(512, 2).unwrap();
        assert!(lines.contains(&("lxc.cgroup.memory.limit_in_bytes", "536870912".to_owned())));
        assert!(lines.contains(&("lxc.cgroup2.cpu.max", "200000 100000".to_owned())));
        assert!(!lines.iter().any(|(key, _)| *key == "lxc.cgroup2.memory.max"));
    }
}
