//! What a cloud leaves on a machine: nothing. Held against what was there before.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::shell;

/// How long what is being taken down may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What there is on this machine of the kinds that Daemun makes.
pub struct Traces(BTreeSet<String>);

impl Traces {
    /// What there is now.
    pub fn now() -> Self {
        let mut found = BTreeSet::new();
        let mut add =
            |kind: &str, names: Vec<String>| found.extend(names.into_iter().map(|name| format!("{kind} {name}")));
        add("network namespace", entries(Path::new("/run/netns")));
        add("network interface", entries(Path::new("/sys/class/net")));
        add("mount", mounts());
        add("control group", control_groups(Path::new("/sys/fs/cgroup"), 0));
        add("process", processes());
        for file in ["/etc/subuid", "/etc/subgid"] {
            add(file, lines(&fs::read_to_string(file).unwrap_or_default()));
        }
        // Only root may ask; without root no layer makes any.
        if shell::is_root() {
            add("nftables", lines(&shell::read(Command::new("nft").args(["list", "tables"])).unwrap_or_default()));
            add("route", lines(&shell::read(Command::new("ip").args(["-4", "route"])).unwrap_or_default()));
        }
        Self(found)
    }

    /// What there is now and was not then, once it does not get less any more.
    pub fn left_behind(&self) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left: Vec<String> = Self::now().0.difference(&self.0).cloned().collect();
            if left.is_empty() || Instant::now() > deadline {
                return left;
            }
            thread::sleep(Duration::from_millis(200));
        }
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| line.trim().to_owned()).collect()
}

fn entries(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// But for the folder of names that `ip netns` mounts with the first one and leaves, as it does on any machine.
fn mounts() -> Vec<String> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points = text.lines().filter_map(|line| line.split(' ').nth(4));
    points.filter(|point| *point != "/run/netns").map(str::to_owned).collect()
}

/// Only those with a name of ours: the others come and go with the machine's own services.
fn is_ours(name: &str) -> bool {
    ["daemun", "lxc"].iter().any(|part| name.contains(part))
}

fn control_groups(folder: &Path, depth: u32) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        let path = entry.path();
        if is_ours(&path.to_string_lossy()) {
            found.push(path.display().to_string());
        }
        if depth < 5 {
            found.extend(control_groups(&path, depth + 1));
        }
    }
    found
}

fn processes() -> Vec<String> {
    let mut found = Vec::new();
    for pid in entries(Path::new("/proc")).into_iter().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())) {
        let file = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let name = file("comm").trim().to_owned();
        if is_ours(&name) || is_ours(&file("cgroup")) {
            found.push(format!("{pid} {name}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_since_is_named() {
        let mut before = Traces::now();
        let mount = before.0.iter().find(|trace| trace.starts_with("mount ")).cloned().expect("a machine has mounts");
        assert!(Traces::now().0.contains(&mount));
        before.0.remove(&mount);
        let now = Traces::now();
        assert!(now.0.difference(&before.0).any(|trace| *trace == mount));
    }

    #[test]
    fn names_of_others_are_not_ours() {
        assert!(is_ours("lxc.payload.i-0123") && is_ours("/daemun/i-0123"));
        assert!(!is_ours("system.slice"));
    }
}
