//! A network that only remembers: for the simulated engine and for tests without root.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Mutex;

use policy::{HostPlan, Place, diff};
use types::VpcId;

use super::{ApplyReport, Counted, ForwardProblem, Network, SocketSpec, VpcSocket, socket};
use crate::{Result, netns};

/// The simulated network: remembers the plan, reports the same changes the kernel would get, carries no packet.
#[derive(Debug, Default)]
pub struct SimulatedNetwork {
    applied: Mutex<Option<HostPlan>>,
}

impl SimulatedNetwork {
    /// A network without anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// The plan applied last.
    pub fn applied(&self) -> Option<HostPlan> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<HostPlan>> {
        self.applied.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Network for SimulatedNetwork {
    fn apply(&self, plan: &HostPlan) -> Result<ApplyReport> {
        let mut applied = self.lock();
        let nothing = HostPlan { tag: plan.tag, namespaces: Default::default(), veths: Default::default() };
        let changes = diff(applied.as_ref().unwrap_or(&nothing), plan);
        *applied = Some(plan.clone());
        Ok(ApplyReport { changes: changes.iter().map(ToString::to_string).collect(), repairs: Vec::new() })
    }

    fn converge(&self, plan: &HostPlan) -> Result<ApplyReport> {
        self.apply(plan)
    }

    fn places(&self) -> Result<Vec<Place>> {
        Ok(self.lock().iter().flat_map(|plan| plan.namespaces.keys().copied()).collect())
    }

    fn vpc_namespace(&self, vpc: VpcId) -> PathBuf {
        netns::path_of(&format!("simulated-{vpc}"))
    }

    /// No packet, no flow.
    fn flows(&self, _vpc: VpcId) -> Result<Counted> {
        Ok(Counted::default())
    }

    /// There is no namespace to open it in: the socket is on the loopback, at a port of the system's choice.
    fn open_in_vpc(&self, _vpc: VpcId, spec: SocketSpec) -> Result<VpcSocket> {
        socket::open(SocketSpec { address: (Ipv4Addr::LOCALHOST, 0).into(), ..spec })
    }

    fn forward_filter_check(&self) -> Result<Vec<ForwardProblem>> {
        Ok(Vec::new())
    }

    fn teardown(&self) -> Result<()> {
        *self.lock() = None;
        Ok(())
    }
}
