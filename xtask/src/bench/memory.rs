//! What idle instances and the daemon hold in memory.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::client::Client;
use super::launch::until_greeted;
use super::{Figure, mib};

/// How many instances the mean is taken of.
const INSTANCES: i32 = 10;
/// How long what they do after boot (cloud-init) may take.
const SETTLED: Duration = Duration::from_secs(120);

/// Measures idle instances and the daemon that looks after them.
pub fn measure(client: &Client, image: &str, daemon: u32) -> Result<Vec<Figure>> {
    let alone = resident(daemon)?;
    let ids = client.run(&client.image(image)?, &client.group("bench-memory")?, INSTANCES)?;
    until_greeted(client, &ids, Instant::now())?;
    until_idle(&ids)?;
    let processes: Vec<Vec<u32>> = ids.iter().map(|id| processes(id)).collect();
    ensure!(processes.iter().all(|list| !list.is_empty()), "an instance without processes");
    let share: u64 = processes.iter().flatten().map(|pid| proportional_share(*pid)).sum();
    let groups: Option<u64> = ids.iter().map(|id| working_set(id)).sum();
    let with_them = resident(daemon)?;
    client.terminate(&ids)?;
    let each = |sum: u64| mib(sum) / f64::from(INSTANCES);
    let figure = |name, value, target| Figure { name, value, unit: "MiB", target };
    let mut figures = vec![figure("idle instance: its processes' proportional share", each(share), Some(15.0))];
    figures.extend(groups.map(|sum| figure("idle instance: its control group, less idle cache", each(sum), None)));
    figures.push(figure("daemon, no instances", mib(alone), Some(40.0)));
    figures.push(figure("daemon, 10 instances", mib(with_them), Some(40.0)));
    Ok(figures)
}

/// Waits until the same processes are there for some seconds: nothing of the boot runs any more.
pub fn until_idle(ids: &[String]) -> Result<()> {
    let start = Instant::now();
    let now = || ids.iter().flat_map(|id| processes(id)).collect::<BTreeSet<u32>>();
    let (mut last, mut since) = (now(), Instant::now());
    while since.elapsed() < Duration::from_secs(5) {
        ensure!(start.elapsed() < SETTLED, "the instances are not idle after {SETTLED:?}");
        thread::sleep(Duration::from_millis(200));
        let current = now();
        if current != last {
            (last, since) = (current, Instant::now());
        }
    }
    Ok(())
}

/// The processes whose control group names this instance.
fn processes(id: &str) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|groups| groups.contains(id)))
        .collect()
}

fn proportional_share(pid: u32) -> u64 {
    // A process that ended meanwhile holds nothing.
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    field(&text, "Pss:").unwrap_or(0) * 1024
}

/// What a process holds in memory, in bytes.
///
/// # Errors
/// If it is gone.
pub fn resident(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(field(&text, "VmRSS:").context("a process without VmRSS")? * 1024)
}

fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// What the control group of this instance holds that could not be dropped at once.
fn working_set(id: &str) -> Option<u64> {
    let group = find(Path::new("/sys/fs/cgroup"), id, 0)?;
    let read = |name: &str| fs::read_to_string(group.join(name)).ok();
    let used: u64 = read("memory.usage_in_bytes").or_else(|| read("memory.current"))?.trim().parse().ok()?;
    let stat = read("memory.stat")?;
    let idle = field(&stat, "total_inactive_file").or_else(|| field(&stat, "inactive_file")).unwrap_or(0);
    Some(used.saturating_sub(idle))
}

fn find(folder: &Path, id: &str, depth: u32) -> Option<PathBuf> {
    let folders: Vec<PathBuf> = (fs::read_dir(folder).ok()?.flatten())
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    let counts = |path: &Path| path.join("memory.usage_in_bytes").exists() || path.join("memory.current").exists();
    let own = folders.iter().find(|path| path.to_string_lossy().contains(id) && counts(path));
    own.cloned().or_else(|| folders.iter().filter(|_| depth < 5).find_map(|path| find(path, id, depth + 1)))
}
