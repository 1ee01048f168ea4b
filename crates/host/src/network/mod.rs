//! The VPC network in the kernel: namespaces, links, routes and nftables, kept as a [`HostPlan`] says.
//!
//! Everything blocks: callers on an async runtime use a blocking thread. Nothing here decides who may talk to whom;
//! that is in the plan.

mod conntrack;
mod execute;
mod flows;
mod forward;
mod link;
mod linux;
mod nft_read;
mod observe;
pub(crate) mod program;
mod simulated;
mod socket;

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;

use policy::{HostPlan, Place};
use types::VpcId;

use crate::{Result, netns};

pub use conntrack::{Tracked, tracked_connections};
pub use flows::{Counted, Flow, Volume};
pub use link::configure_eni_link;
pub use linux::LinuxNetwork;
pub use program::commands_run;
pub use simulated::SimulatedNetwork;
pub use socket::limit_hops;

/// The network of one cloud. Implemented for Linux, and simulated.
pub trait Network: Send + Sync {
    /// Brings the host from the plan applied last to this one, touching only what differs. The first call of a
    /// process, and one after a failure, is a [`Network::converge`].
    fn apply(&self, plan: &HostPlan) -> Result<ApplyReport>;

    /// Reads everything that exists, and makes it as the plan says: what was removed by hand comes back, what was
    /// added goes. Issues no changing command where all is well.
    fn converge(&self, plan: &HostPlan) -> Result<ApplyReport>;

    /// The namespaces that exist now.
    fn places(&self) -> Result<Vec<Place>>;

    /// The file that stands for a VPC's namespace, for `setns` and for moving a link into it.
    fn vpc_namespace(&self, vpc: VpcId) -> PathBuf;

    /// What the kernel has counted for the flow logs of a VPC; nothing where the plan counts nothing.
    fn flows(&self, vpc: VpcId) -> Result<Counted>;

    /// Opens a listening socket inside the VPC's namespace, in blocking mode. It works from any thread; the
    /// address must be one that the plan puts there (metadata, resolver); one of IPv6 may be put there later.
    fn open_in_vpc(&self, vpc: VpcId, spec: SocketSpec) -> Result<VpcSocket>;

    /// Foreign firewall rules on this host that keep machines from reaching the internet; empty when all is well.
    fn forward_filter_check(&self) -> Result<Vec<ForwardProblem>>;

    /// Removes everything the cloud has in the kernel. Machines must be stopped before.
    fn teardown(&self) -> Result<()>;
}

/// What an [`Network::apply`] or [`Network::converge`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApplyReport {
    /// Each change made, in words an operator understands, in order. Empty: nothing had to be done.
    pub changes: Vec<String>,
    /// Those of the changes that undid somebody else's: things that had been as planned and no longer were.
    pub repairs: Vec<String>,
}

/// Which socket to open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketSpec {
    /// TCP or UDP.
    pub transport: Transport,
    /// The local address and port.
    pub address: SocketAddr,
}

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// A socket inside a VPC.
#[derive(Debug)]
pub enum VpcSocket {
    /// Listening.
    Tcp(TcpListener),
    /// Bound.
    Udp(UdpSocket),
}

/// A foreign rule that keeps forwarded packets from passing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardProblem {
    /// What is in the way: family, table and chain.
    pub what: String,
    /// The command that lets machines through.
    pub remedy: String,
}

/// Runs lines of `ip -batch` in the named namespace, or where the calling thread is. For set-ups of tests, which have
/// no plan.
pub fn run_ip(namespace: Option<&str>, lines: &[String]) -> Result<()> {
    match namespace {
        Some(name) => netns::run_in(&netns::path_of(name), || program::ip_batch(lines)),
        None => program::ip_batch(lines),
    }
}

/// Runs lines as one nftables transaction in the named namespace. For set-ups of tests, which have no plan.
pub fn run_nft(namespace: &str, lines: &str) -> Result<()> {
    netns::run_in(&netns::path_of(namespace), || program::nft_transaction(lines))
}

/// The nftables tables of the calling thread's namespace, one to a line: family and name.
pub fn nft_tables() -> Result<String> {
    let answer = program::nft_list(&["tables"])?.unwrap_or_default();
    let tables = answer["nftables"].as_array().into_iter().flatten().filter_map(|item| item.get("table"));
    Ok(tables.map(|t| format!("{} {}\n", t["family"], t["name"]).replace('"', "")).collect())
}
