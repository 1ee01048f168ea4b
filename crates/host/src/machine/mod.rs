//! Machines: real Linux systems that boot an image's own init.
//!
//! All calls block. Each one may be interrupted at any instruction and repeated; repeating a call that already had
//! its effect does nothing. Machines live on when the process that started them ends: [`Machines::list`] finds them
//! again.

mod config;
mod copy;
mod disk;
mod ends;
mod hook;
mod inside;
mod link;
mod lxc;
mod output;
mod resolver;
mod rtnl;
mod simulated;

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use types::{Cidr, Inside, InstanceId, Ipv4Cidr, MacAddress};

use crate::Result;

pub use hook::hook_main;
pub use lxc::{HookCommand, LxcMachines};
pub use simulated::SimulatedMachines;

/// How many user and group ids each machine owns, from its `uid_base` upward.
pub const IDS_PER_MACHINE: u32 = 65_536;

/// How much of the console is kept, in bytes.
pub const CONSOLE_BYTES: usize = 64 * 1024;

/// Everything a machine is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineSpec {
    /// The instance this machine is.
    pub id: InstanceId,
    /// The image's layers as root directories, lowest first. They are never written to.
    pub layers: Vec<PathBuf>,
    /// The host id that is root inside; the machine owns [`IDS_PER_MACHINE`] ids from here. No other machine may
    /// own any of them.
    pub uid_base: u32,
    /// The most memory all processes inside may use together, in MiB. More than that wakes the out-of-memory killer.
    pub memory_mib: u32,
    /// How many processors' worth of time the machine may use.
    pub vcpus: u32,
    /// The host name inside.
    pub hostname: String,
    /// Files written before the first boot.
    pub seed_files: Vec<SeedFile>,
    /// Network interfaces, first one first. The first one's gateway is the default route; where there are more, what is
    /// sent from an address of one leaves by that one.
    pub nics: Vec<NicSpec>,
}

/// A file that is written into a machine's disk before its first boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedFile {
    /// Where, absolute, as seen from inside. Directories above that are missing are made with the file's owner.
    pub path: PathBuf,
    /// Permission bits.
    pub mode: u32,
    /// Owner as seen from inside.
    pub uid: u32,
    /// Group as seen from inside.
    pub gid: u32,
    /// What the file holds.
    pub contents: Vec<u8>,
}

/// A machine's end of a routed point-to-point link into its VPC's network namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NicSpec {
    /// The VPC's network namespace as a path that can be opened, such as `/run/netns/NAME`.
    pub netns: PathBuf,
    /// The interface's name in that namespace; the same at every start.
    pub host_ifname: String,
    /// The interface's name inside the machine, such as `eth0`.
    pub guest_ifname: String,
    /// The hardware address inside the machine.
    pub mac: MacAddress,
    /// The primary private address, routed as a /32.
    pub address: Ipv4Addr,
    /// Its further private addresses, each routed as a /32, too.
    #[serde(default)]
    pub secondary: Vec<Ipv4Addr>,
    /// Its IPv6 addresses. Without one, the link does not speak it.
    #[serde(default)]
    pub ipv6: Vec<Ipv6Addr>,
    /// The first router, reached on the link although it is outside the /32.
    pub gateway: Ipv4Addr,
    /// The subnet it is in; `None` in specifications from before it was said.
    #[serde(default)]
    pub subnet: Option<Ipv4Cidr>,
    /// Its device index, 0 for the primary interface.
    #[serde(default)]
    pub device_index: u32,
    /// The largest packet, in bytes.
    pub mtu: u32,
    /// Whether the machine may only speak for its own addresses.
    #[serde(default = "checked")]
    pub source_dest_check: bool,
    /// The routes of the VPC that lead to the machine, which forwards what comes by them.
    #[serde(default)]
    pub forwards: BTreeSet<ForwardRoute>,
}

impl NicSpec {
    /// Its addresses of both families, the primary one first.
    pub fn all_addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.addresses().map(IpAddr::V4).chain(self.ipv6.iter().copied().map(IpAddr::V6))
    }

    /// Its private addresses, the primary one first.
    pub fn addresses(&self) -> impl Iterator<Item = Ipv4Addr> {
        std::iter::once(self.address).chain(self.secondary.iter().copied())
    }
}

/// A route in the VPC's namespace whose next hop is a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ForwardRoute {
    /// The number of the kernel's table that it is in.
    pub table: u32,
    /// What it is for.
    pub destination: Cidr,
}

/// What holds for machines whose specification was written before it said so.
fn checked() -> bool {
    true
}

/// What is known of a machine by looking at the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineStatus {
    /// Which one.
    pub id: InstanceId,
    /// Whether it runs now. A machine in the middle of a reboot runs.
    pub running: bool,
    /// The process on the host that is the machine's process 1; changes with every boot.
    pub init_pid: Option<u32>,
}

/// What a call met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallMet {
    /// Somebody took it.
    Connected,
    /// The other side said that nobody is there.
    Refused,
    /// Nothing answered in time.
    TimedOut,
    /// There was no way to go.
    NoRoute,
}

/// Calls an address from where this runs, and hangs up.
pub fn call(to: SocketAddr, patience: Duration) -> CallMet {
    match std::net::TcpStream::connect_timeout(&to, patience) {
        Ok(_) => CallMet::Connected,
        Err(error) => match error.kind() {
            ErrorKind::ConnectionRefused => CallMet::Refused,
            ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => CallMet::NoRoute,
            _ => CallMet::TimedOut,
        },
    }
}

/// Tries whether machines can have their disks in this directory, by mounting one as they do: an overlay over a layer
/// whose owners are shifted. Leaves nothing; needs root.
///
/// # Errors
/// What the kernel said; for instance, where the directory is itself on an overlay, as inside most containers.
pub fn try_disk(directory: &Path) -> Result<()> {
    disk::attempt(directory)
}

/// The machines of one host.
pub trait Machines: Send + Sync + std::fmt::Debug + 'static {
    /// Makes the host ready: kernel limits raised, left-overs of interrupted calls removed. Call once at start.
    fn prepare(&self) -> Result<()>;

    /// Every machine that has a disk, running or not.
    fn list(&self) -> Result<Vec<MachineStatus>>;

    /// One machine, or `None` if it has no disk.
    fn status(&self, id: InstanceId) -> Result<Option<MachineStatus>>;

    /// Makes the machine's disk with its seed files; it does not start. Nothing is left behind on failure.
    ///
    /// # Errors
    /// [`crate::HostError::DiskFull`] if there is no room.
    fn create(&self, spec: &MachineSpec) -> Result<()>;

    /// Starts the machine with these limits and interfaces; returns when its init runs. One that runs already gets the
    /// interfaces, as by [`Machines::connect`].
    ///
    /// # Errors
    /// [`crate::HostError::NoSuchMachine`] before [`Machines::create`], [`crate::HostError::DiskFull`] if there is
    /// no room.
    fn start(&self, spec: &MachineSpec) -> Result<()>;

    /// Gives the machine these interfaces in place of those it has, now if it runs: what is new is plugged in and set up
    /// inside, what is not named is taken away, what stays keeps its connections. What is known of the machine's
    /// interfaces is compared with what is there, so a repeated call puts right what somebody else changed. A reboot
    /// brings the same ones.
    ///
    /// # Errors
    /// [`crate::HostError::NoSuchMachine`] before [`Machines::create`].
    fn connect(&self, id: InstanceId, nics: &[NicSpec]) -> Result<()>;

    /// Gives the machine this `/etc/resolv.conf` in place of the one that it was given last, at once if it runs. One that
    /// was changed inside stays as it is.
    ///
    /// # Errors
    /// [`crate::HostError::NoSuchMachine`] before [`Machines::create`].
    fn set_resolver(&self, id: InstanceId, text: &str) -> Result<()>;

    /// Asks the machine to shut down and waits up to `grace` for it; then kills it. Returns when it is off.
    fn stop(&self, id: InstanceId, grace: Duration) -> Result<()>;

    /// Asks the machine to shut down and boot again; returns at once.
    fn reboot(&self, id: InstanceId) -> Result<()>;

    /// Kills the machine if it runs and removes all that belongs to it. A machine that is not there is fine.
    fn destroy(&self, id: InstanceId) -> Result<()>;

    /// Copies what the machine changed on its disk to the new directory `target`, as a layer that other machines can
    /// stand on: owned by ids from 0, and without what only this machine may have, such as its host keys. A machine that
    /// runs is held still meanwhile.
    ///
    /// # Errors
    /// [`crate::HostError::NoSuchMachine`] before [`Machines::create`], [`crate::HostError::DiskFull`] if there is no
    /// room; what was copied so far stays then.
    fn copy_layer(&self, id: InstanceId, target: &Path) -> Result<()>;

    /// What is inside the machine now: sockets that wait for callers, its own packet filter and, for a user, what decides
    /// about a login. `None` if it does not run, or only pretends to.
    ///
    /// # Errors
    /// [`crate::HostError::NoSuchMachine`] before [`Machines::create`].
    fn look_inside(&self, id: InstanceId, user: Option<&str>) -> Result<Option<Inside>>;

    /// Opens a TCP connection from the machine to an address, and closes it: what its own programs would meet there.
    ///
    /// # Errors
    /// [`crate::HostError::NoSuchMachine`] if it does not run; what a call meets is no error.
    fn call_from(&self, id: InstanceId, to: SocketAddr, patience: Duration) -> Result<CallMet>;

    /// The last [`CONSOLE_BYTES`] the machine wrote to its console, also after it stopped.
    fn console(&self, id: InstanceId) -> Result<Vec<u8>>;

    /// Waits until a machine that ran is off, for whatever reason, and says which ones; empty after `timeout`.
    ///
    /// Meant for one thread that calls it over and over. Each exit is told at least once, also those that
    /// [`Machines::stop`] caused. After one that nobody asked for, [`Machines::stop`] tidies up: the machine's groups
    /// and links stay until then.
    fn next_exits(&self, timeout: Duration) -> Result<Vec<InstanceId>>;
}
