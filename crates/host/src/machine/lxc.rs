//! Machines as unprivileged LXC system containers.
//!
//! One directory under the instances directory is one machine. `lxc-start` runs in a mount namespace of its own, in
//! which the machine's root is mounted, and leaves a *monitor* process behind: it lives as long as the machine does,
//! also through the machine's reboots, and independently of us. A machine runs exactly while its monitor lives.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest as _, Sha256};
use types::{Inside, InstanceId};

use super::config::{self, Surroundings};
use super::link::Owner;
use super::output::{console, errors_in};
use super::{
    CallMet, IDS_PER_MACHINE, MachineSpec, MachineStatus, Machines, NicSpec, copy, disk, hook, inside, link, resolver,
};
use crate::cgroup::Cgroups;
use crate::process::{self, ProcessHandle};
use crate::{HostError, Result, mount};

/// Debian's package with `lxc-start`.
const LXC_PACKAGE: &str = "lxc";

/// Empty directories on the host that each machine's mount namespace has a file system of its own on: ours, and the one
/// LXC leaves its lock files in. The machine's root user must be able to walk to the machine's root, which the instances
/// directory need not allow.
const PRIVATE: [&str; 2] = ["/run/daemun-machine", "/run/lxc"];

/// Where a machine's root is mounted, below ours.
pub(super) const ROOT: &str = "/run/daemun-machine/root";

/// How long a killed machine's monitor may take to clean up.
const CLEANUP_TIME: Duration = Duration::from_secs(20);

/// How often a machine that cannot take signals yet is looked at again.
const SIGNAL_RETRY: Duration = Duration::from_millis(10);

/// systemd's signals, above the first real-time signal: power off, and reboot.
const POWER_OFF: i32 = 4;
const REBOOT: i32 = 5;

/// The program that connects a machine's interfaces; it must call [`super::hook_main`] with what follows `args`.
#[derive(Debug, Clone)]
pub struct HookCommand {
    /// The program's absolute path.
    pub program: PathBuf,
    /// Its first arguments.
    pub args: Vec<String>,
}

/// The machines below one directory of this host.
#[derive(Debug)]
pub struct LxcMachines {
    instances: PathBuf,
    /// What LXC takes for the directory of its containers; it exists in the machines' mount namespaces only.
    lxc_path: String,
    hook: HookCommand,
    cgroups: Cgroups,
    apparmor: bool,
    /// Taken while a call changes a machine, so that calls for the same one follow each other.
    locks: Mutex<HashMap<InstanceId, Arc<Mutex<()>>>>,
    /// The monitors whose end [`Machines::next_exits`] waits for.
    watched: Mutex<BTreeMap<InstanceId, Arc<ProcessHandle>>>,
    /// Written to when a monitor is added to `watched`.
    wake: OwnedFd,
}

impl LxcMachines {
    /// The machines below `instances`, an absolute path; it is made if missing.
    pub fn open(instances: &Path, hook: HookCommand) -> Result<Self> {
        if !instances.is_absolute() || !hook.program.is_absolute() {
            return Err(HostError::Invalid("the instances directory and the hook must be absolute paths".to_owned()));
        }
        for directory in PRIVATE.iter().map(Path::new).chain([instances]) {
            fs::create_dir_all(directory).map_err(|e| HostError::io("making", directory, e))?;
        }
        let instances = instances.canonicalize().map_err(|e| HostError::io("resolving", instances, e))?;
        // LXC names its monitors and their sockets after this path, so it is always the same for the same directory.
        let digest = Sha256::digest(instances.as_os_str().as_encoded_bytes());
        let lxc_path = format!("/run/daemun-machine/{}", hex::encode(&digest[..8]));
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|e| HostError::system("making an eventfd", e))?;
        Ok(Self {
            instances,
            lxc_path,
            hook,
            cgroups: Cgroups::detect()?,
            apparmor: config::apparmor_is_on(),
            locks: Mutex::default(),
            watched: Mutex::default(),
            wake,
        })
    }

    fn directory(&self, id: InstanceId) -> PathBuf {
        self.instances.join(id.to_string())
    }

    fn existing(&self, id: InstanceId) -> Result<PathBuf> {
        let directory = self.directory(id);
        if directory.is_dir() { Ok(directory) } else { Err(HostError::NoSuchMachine(id)) }
    }

    fn lock(&self, id: InstanceId) -> Arc<Mutex<()>> {
        Arc::clone(locked(&self.locks).entry(id).or_default())
    }

    /// Whether a process watches over, or is about to watch over, this machine.
    fn is_monitor(&self, pid: u32, id: InstanceId) -> bool {
        let line = process::command_line(pid);
        let title = format!("[lxc monitor] {} {id}", self.lxc_path);
        if line.starts_with(title.as_bytes()) {
            return true;
        }
        let mut words = line.split(|byte| *byte == 0);
        let is_start = words.next().is_some_and(|word| word.ends_with(b"lxc-start"));
        let lxcpath = format!("--lxcpath={}", self.lxc_path);
        let name = format!("--name={id}");
        let words: Vec<&[u8]> = words.collect();
        is_start && words.contains(&lxcpath.as_bytes()) && words.contains(&name.as_bytes())
    }

    /// The machine's monitor as its directory tells.
    fn monitor(&self, id: InstanceId) -> Result<Option<ProcessHandle>> {
        let Some(pid) = disk::read_number(&self.directory(id).join(disk::MONITOR_PID)) else { return Ok(None) };
        // Opened first and looked at then: what is looked at cannot become another process in between.
        let handle = ProcessHandle::open(pid)?;
        Ok(handle.filter(|handle| self.is_monitor(handle.pid, id)))
    }

    /// Every process that is a monitor of the machine or about to become one, also if an interrupted start never
    /// recorded it.
    fn all_monitors(&self, id: InstanceId) -> Result<Vec<ProcessHandle>> {
        let mut found = Vec::new();
        for pid in process::all()? {
            if self.is_monitor(pid, id)
                && let Some(handle) = ProcessHandle::open(pid)?
                && self.is_monitor(pid, id)
            {
                found.push(handle);
            }
        }
        Ok(found)
    }

    /// The machine's process 1, if the recorded one is still the monitor's child.
    fn init(&self, id: InstanceId, monitor: &ProcessHandle) -> Result<Option<ProcessHandle>> {
        let Some(pid) = disk::read_number(&self.directory(id).join(disk::INIT_PID)) else { return Ok(None) };
        let handle = ProcessHandle::open(pid)?;
        Ok(handle.filter(|handle| process::parent(handle.pid) == Some(monitor.pid)))
    }

    fn status_of(&self, id: InstanceId) -> Result<MachineStatus> {
        let monitor = self.monitor(id)?;
        let init = monitor.as_ref().map(|monitor| self.init(id, monitor)).transpose()?.flatten();
        Ok(MachineStatus { id, running: monitor.is_some(), init_pid: init.map(|handle| handle.pid) })
    }

    fn watch(&self, id: InstanceId, monitor: ProcessHandle) {
        locked(&self.watched).insert(id, Arc::new(monitor));
        // A full counter wakes the waiter just as well.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }

    fn write_config(&self, directory: &Path, spec: &MachineSpec) -> Result<()> {
        let mut words = vec![self.hook.program.display().to_string()];
        words.extend(self.hook.args.iter().cloned());
        words.push(hook::NETWORK.to_owned());
        words.push(directory.display().to_string());
        let hook = config::shell_command(&words);
        let around = Surroundings { cgroups: &self.cgroups, directory, hook: &hook, apparmor: self.apparmor };
        let text = config::render(spec, &around)?;
        disk::write_spec(directory, spec)?;
        disk::write_replacing(&directory.join(disk::CONFIG), text.as_bytes(), 0o600)
    }

    /// Waits until no start of the machine is under way, and keeps others from beginning one.
    ///
    /// `lxc-start` inherits the lock, so it is also held by one whose caller was killed.
    fn lock_starts(&self, directory: &Path) -> Result<Option<File>> {
        let path = directory.join(disk::LOCK);
        let file = match File::options().create(true).truncate(false).write(true).open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(|e| HostError::io("opening", &path, e))?,
        };
        let deadline = Instant::now() + CLEANUP_TIME;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Some(file)),
                Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < deadline => {
                    std::thread::sleep(SIGNAL_RETRY);
                }
                Err(error) => return Err(HostError::io("locking", &path, error)),
            }
        }
    }

    /// Mounts the machine's root in a mount namespace of its own and starts LXC there.
    fn launch(&self, directory: &Path, spec: &MachineSpec, lock: File) -> Result<()> {
        let user_namespace = mount::user_namespace(spec.uid_base, IDS_PER_MACHINE)?;
        mount::in_own_mount_namespace(|| {
            let mut lower = Vec::new();
            for (number, layer) in spec.layers.iter().enumerate() {
                let name = disk::layer_mount(number);
                mount::bind_idmapped(layer, &directory.join(&name), &user_namespace)?;
                lower.push(name);
            }
            rustix::process::chdir(directory).map_err(|e| HostError::io("entering", directory, e))?;
            for directory in PRIVATE {
                mount::small_tmpfs(Path::new(directory))?;
            }
            // LXC keeps a machine's generated AppArmor profile below the last.
            for directory in [ROOT, &format!("{}/{}", self.lxc_path, spec.id)] {
                fs::create_dir_all(directory).map_err(|e| HostError::io("making", directory, e))?;
            }
            mount::overlay(&lower, disk::UPPER, disk::WORK, Path::new(ROOT))?;
            let mut command = Command::new(process::find_program("lxc-start").unwrap_or_else(|| "lxc-start".into()));
            command
                .arg(format!("--name={}", spec.id))
                .arg(format!("--lxcpath={}", self.lxc_path))
                .arg(format!("--rcfile={}", directory.join(disk::CONFIG).display()))
                .arg(format!("--pidfile={}", directory.join(disk::MONITOR_PID).display()))
                .arg(format!("--logfile={}", directory.join(disk::LOG).display()))
                .arg("--logpriority=WARN")
                .arg("--daemon")
                // apparmor_parser is there and newuidmap is not: LXC then writes the id maps itself, as root may,
                // instead of demanding that root's ranges be listed in /etc/subuid.
                .env("PATH", "/usr/sbin:/sbin")
                // What it holds while it starts; the monitor has none.
                .stdin(Stdio::from(lock));
            let output = command.output().map_err(|e| process::not_started("lxc-start", LXC_PACKAGE, e))?;
            if output.status.success() {
                return Ok(());
            }
            if let Ok(error) = fs::read_to_string(directory.join(disk::HOOK_ERROR)) {
                return Err(HostError::Netlink(error));
            }
            let log = fs::read_to_string(directory.join(disk::LOG)).unwrap_or_default();
            let mut said = errors_in(&log);
            if said.is_empty() {
                said = String::from_utf8_lossy(&output.stderr).into_owned();
            }
            Err(process::failed("lxc-start", output.status, &said))
        })
    }

    /// Ends the machine and returns when nothing of it runs.
    fn kill(&self, id: InstanceId) -> Result<()> {
        // A machine that somebody held still and forgot does not die.
        self.cgroups.thaw(&id.to_string());
        self.kill_monitors(id)?;
        // A start that had not become `lxc-start` yet, and that nobody waits for any more, is one by now.
        if self.lock_starts(&self.directory(id))?.is_some() {
            self.kill_monitors(id)?;
        }
        self.kill_unwatched(id)
    }

    fn kill_monitors(&self, id: InstanceId) -> Result<()> {
        for monitor in self.all_monitors(id)? {
            // The machine's processes die with its process 1; the monitor then cleans up and ends.
            if let Some(init) = self.init(id, &monitor)? {
                init.signal(libc::SIGKILL)?;
                if monitor.wait(CLEANUP_TIME)? {
                    continue;
                }
            }
            // Without a known process 1 this is a start that got stuck.
            monitor.signal(libc::SIGKILL)?;
            if !monitor.wait(CLEANUP_TIME)? {
                return Err(timed_out(id, "dying", CLEANUP_TIME));
            }
        }
        Ok(())
    }

    /// Ends what is left of a machine whose monitor was killed from outside.
    fn kill_unwatched(&self, id: InstanceId) -> Result<()> {
        let deadline = Instant::now() + CLEANUP_TIME;
        loop {
            let left = self.cgroups.processes(&id.to_string());
            let handles = left.into_iter().filter_map(|pid| ProcessHandle::open(pid).transpose());
            let handles = handles.collect::<Result<Vec<_>>>()?;
            if handles.is_empty() {
                return Ok(());
            }
            for handle in &handles {
                handle.signal(libc::SIGKILL)?;
            }
            for handle in &handles {
                if !handle.wait(deadline.saturating_duration_since(Instant::now()))? {
                    return Err(timed_out(id, "dying", CLEANUP_TIME));
                }
            }
            // The dead are listed until their parent has taken note.
            std::thread::sleep(SIGNAL_RETRY);
            if Instant::now() > deadline {
                return Err(timed_out(id, "disappearing", CLEANUP_TIME));
            }
        }
    }

    /// Removes what a machine that is off leaves on the host besides its disk.
    fn clean_up(&self, id: InstanceId, directory: &Path) -> Result<()> {
        for name in [disk::MONITOR_PID, disk::INIT_PID] {
            let _ = fs::remove_file(directory.join(name));
        }
        if let Ok(spec) = disk::read_spec(directory) {
            for nic in &spec.nics {
                // The kernel removes the link, too, only later.
                if let Err(error) = link::remove(nic, id) {
                    tracing::warn!(machine = %id, %error, "removing a link");
                }
            }
        }
        self.cgroups.remove(&id.to_string())
    }

    /// Brings the interfaces of a machine that runs to these; one that is between two boots gets them from the hook.
    fn connect_running(
        &self,
        directory: &Path,
        id: InstanceId,
        monitor: &ProcessHandle,
        nics: &[NicSpec],
    ) -> Result<()> {
        let _links = disk::lock_links(directory)?;
        let mut spec = disk::read_spec(directory)?;
        let init = self.init(id, monitor)?;
        let guest = init.as_ref().and_then(|init| File::open(format!("/proc/{}/ns/net", init.pid)).ok());
        // Looked at again: what was opened is process 1's only if that still is the machine's.
        let init_pid = self.init(id, monitor)?.filter(|_| guest.is_some()).map(|init| init.pid);
        let guest = guest.filter(|_| init_pid.is_some()).map(OwnedFd::from);
        let owner = Owner { machine: id, init_pid: init_pid.unwrap_or_default() };
        link::reconnect(&spec.nics, nics, guest.as_ref(), owner)?;
        if spec.nics == nics {
            return Ok(());
        }
        spec.nics = nics.to_vec();
        disk::write_spec(directory, &spec)
    }

    /// Sends process 1 of a running machine one of systemd's signals, as soon as it listens.
    fn signal_init(&self, id: InstanceId, monitor: &ProcessHandle, offset: i32, patience: Duration) -> Result<bool> {
        let signal = libc::SIGRTMIN() + offset;
        let deadline = Instant::now() + patience;
        loop {
            if let Some(init) = self.init(id, monitor)?
                && process::takes_signal(init.pid, signal)
            {
                init.signal(signal)?;
                return Ok(true);
            }
            if Instant::now() >= deadline || monitor.wait(SIGNAL_RETRY)? {
                return Ok(false);
            }
        }
    }
}

impl Machines for LxcMachines {
    fn prepare(&self) -> Result<()> {
        crate::limits::raise()?;
        disk::remove_leftovers(&self.instances)?;
        // Somebody may have died while a machine was held still.
        for machine in self.list()?.into_iter().filter(|machine| machine.running) {
            self.cgroups.thaw(&machine.id.to_string());
        }
        Ok(())
    }

    fn list(&self) -> Result<Vec<MachineStatus>> {
        let entries = fs::read_dir(&self.instances).map_err(|e| HostError::io("listing", &self.instances, e))?;
        let mut ids: Vec<InstanceId> =
            entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        ids.sort();
        ids.into_iter().map(|id| self.status_of(id)).collect()
    }

    fn status(&self, id: InstanceId) -> Result<Option<MachineStatus>> {
        if self.directory(id).is_dir() { self.status_of(id).map(Some) } else { Ok(None) }
    }

    fn create(&self, spec: &MachineSpec) -> Result<()> {
        let lock = self.lock(spec.id);
        let _held = locked(&lock);
        disk::create(&self.instances, spec)
    }

    fn start(&self, spec: &MachineSpec) -> Result<()> {
        let lock = self.lock(spec.id);
        let _held = locked(&lock);
        let directory = self.existing(spec.id)?;
        let start_lock = self.lock_starts(&directory)?.ok_or(HostError::NoSuchMachine(spec.id))?;
        if let Some(monitor) = self.monitor(spec.id)? {
            self.connect_running(&directory, spec.id, &monitor, &spec.nics)?;
            self.watch(spec.id, monitor);
            return Ok(());
        }
        if !self.cgroups.directories(&spec.id.to_string()).is_empty() {
            // Left by a machine that nobody was there to clean up after.
            self.kill_monitors(spec.id)?;
            self.kill_unwatched(spec.id)?;
            self.clean_up(spec.id, &directory)?;
        }
        self.write_config(&directory, spec)?;
        for name in [disk::LOG, disk::HOOK_ERROR] {
            let _ = fs::remove_file(directory.join(name));
        }
        if let Err(error) = self.launch(&directory, spec, start_lock) {
            // Whatever came up halfway, or was left by an interrupted start, must not stand in the next one's way.
            let cleaned = self.kill(spec.id).and_then(|()| self.clean_up(spec.id, &directory));
            if let Err(second) = cleaned {
                tracing::warn!(machine = %spec.id, error = %second, "cleaning up after a failed start");
            }
            return Err(error);
        }
        match self.monitor(spec.id)? {
            Some(monitor) => self.watch(spec.id, monitor),
            None => tracing::warn!(machine = %spec.id, "was off again at once"),
        }
        Ok(())
    }

    fn connect(&self, id: InstanceId, nics: &[NicSpec]) -> Result<()> {
        let lock = self.lock(id);
        let _held = locked(&lock);
        let directory = self.existing(id)?;
        match self.monitor(id)? {
            Some(monitor) => self.connect_running(&directory, id, &monitor, nics),
            // The next start says anew which ones it has.
            None => Ok(()),
        }
    }

    fn stop(&self, id: InstanceId, grace: Duration) -> Result<()> {
        let lock = self.lock(id);
        let _held = locked(&lock);
        let directory = self.existing(id)?;
        let start = Instant::now();
        if let Some(monitor) = self.monitor(id)?
            && !grace.is_zero()
            && self.signal_init(id, &monitor, POWER_OFF, grace)?
            && !monitor.wait(grace.saturating_sub(start.elapsed()))?
        {
            tracing::warn!(machine = %id, ?grace, "did not shut down in time and is killed");
        }
        self.kill(id)?;
        self.clean_up(id, &directory)
    }

    fn reboot(&self, id: InstanceId) -> Result<()> {
        let lock = self.lock(id);
        let _held = locked(&lock);
        self.existing(id)?;
        let Some(monitor) = self.monitor(id)? else { return Ok(()) };
        let patience = Duration::from_secs(10);
        if self.signal_init(id, &monitor, REBOOT, patience)? || monitor.wait(Duration::ZERO)? {
            return Ok(());
        }
        Err(timed_out(id, "listening to signals", patience))
    }

    fn destroy(&self, id: InstanceId) -> Result<()> {
        let lock = self.lock(id);
        {
            let _held = locked(&lock);
            self.kill(id)?;
            self.clean_up(id, &self.directory(id))?;
            disk::destroy(&self.instances, &id.to_string())?;
        }
        locked(&self.locks).remove(&id);
        Ok(())
    }

    fn copy_layer(&self, id: InstanceId, target: &Path) -> Result<()> {
        let lock = self.lock(id);
        let _held = locked(&lock);
        let directory = self.existing(id)?;
        let owners = copy::Owners { base: disk::read_spec(&directory)?.uid_base, count: IDS_PER_MACHINE };
        let group = id.to_string();
        let _still = if self.monitor(id)?.is_some() { Some(self.cgroups.freeze(&group)?) } else { None };
        copy::layer(&directory.join(disk::UPPER), target, owners)
    }

    fn set_resolver(&self, id: InstanceId, text: &str) -> Result<()> {
        let lock = self.lock(id);
        let _held = locked(&lock);
        let directory = self.existing(id)?;
        if resolver::is_given(&directory, text) {
            return Ok(());
        }
        let Some(monitor) = self.monitor(id)? else {
            return resolver::replace(&directory, &resolver::root(&directory.join(disk::UPPER))?, text);
        };
        // Between two boots there is nothing to write to; the next call does.
        let Some(init) = self.init(id, &monitor)? else { return Ok(()) };
        let root = resolver::root(Path::new(&format!("/proc/{}/root", init.pid)));
        // Looked at again: what was opened is process 1's only if that still is the machine's.
        match self.init(id, &monitor)?.filter(|again| again.pid == init.pid) {
            Some(_) => resolver::replace(&directory, &root?, text),
            None => Ok(()),
        }
    }

    fn look_inside(&self, id: InstanceId, user: Option<&str>) -> Result<Option<Inside>> {
        let directory = self.existing(id)?;
        let Some(init_pid) = self.status_of(id)?.init_pid else { return Ok(None) };
        inside::look(init_pid, disk::read_spec(&directory)?.uid_base, user).map(Some)
    }

    fn call_from(&self, id: InstanceId, to: SocketAddr, patience: Duration) -> Result<CallMet> {
        let init_pid = self.status_of(id)?.init_pid.ok_or(HostError::NoSuchMachine(id))?;
        let namespace = Path::new("/proc").join(init_pid.to_string()).join("ns/net");
        crate::netns::run_in(&namespace, || Ok(super::call(to, patience)))
    }

    fn console(&self, id: InstanceId) -> Result<Vec<u8>> {
        console(&self.existing(id)?)
    }

    fn next_exits(&self, timeout: Duration) -> Result<Vec<InstanceId>> {
        let deadline = Instant::now() + timeout;
        loop {
            self.watch_unknown()?;
            let watched: Vec<(InstanceId, Arc<ProcessHandle>)> =
                locked(&self.watched).iter().map(|(id, monitor)| (*id, Arc::clone(monitor))).collect();
            let mut fds: Vec<PollFd<'_>> =
                watched.iter().map(|(_, monitor)| PollFd::from_borrowed_fd(monitor.as_fd(), PollFlags::IN)).collect();
            fds.push(PollFd::new(&self.wake, PollFlags::IN));
            let left = deadline.saturating_duration_since(Instant::now());
            match poll(&mut fds, Some(&process::timespec(left))) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(HostError::system("waiting for machines", error)),
            }
            let dead: Vec<(InstanceId, u32)> = watched
                .iter()
                .zip(&fds)
                .filter(|(_, fd)| !fd.revents().is_empty())
                .map(|((id, monitor), _)| (*id, monitor.pid))
                .collect();
            let mut counter = [0; 8];
            // Nothing to read only means nobody woke us.
            let _ = rustix::io::read(&self.wake, &mut counter);
            let mut now = locked(&self.watched);
            // One that was started again meanwhile is watched by its new monitor, and stays so.
            for (id, pid) in &dead {
                if now.get(id).is_some_and(|monitor| monitor.pid == *pid) {
                    now.remove(id);
                }
            }
            if !dead.is_empty() || Instant::now() >= deadline {
                return Ok(dead.into_iter().map(|(id, _)| id).collect());
            }
        }
    }
}

impl LxcMachines {
    /// Watches running machines that were started before this process was.
    fn watch_unknown(&self) -> Result<()> {
        for status in self.list()?.into_iter().filter(|status| status.running) {
            if !locked(&self.watched).contains_key(&status.id)
                && let Some(monitor) = self.monitor(status.id)?
            {
                locked(&self.watched).entry(status.id).or_insert_with(|| Arc::new(monitor));
            }
        }
        Ok(())
    }
}

/// What these locks guard is consistent between statements, so a panic elsewhere does not spoil it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn timed_out(id: InstanceId, what: &str, patience: Duration) -> HostError {
    HostError::TimedOut { what: format!("machine {id} {what}"), seconds: patience.as_secs() }
}
