//! Machines that only pretend.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use types::{Inside, InstanceId};

use super::{CallMet, MachineSpec, MachineStatus, Machines, NicSpec};
use crate::{HostError, Result};

/// Machines that take no time, no memory and no rights, for API tests and scale runs.
///
/// They follow the same rules as real ones: what is not created cannot start, what is destroyed is gone.
#[derive(Debug, Default)]
pub struct SimulatedMachines {
    state: Mutex<State>,
    exited: Condvar,
}

#[derive(Debug, Default)]
struct State {
    machines: BTreeMap<InstanceId, Pretended>,
    exits: BTreeSet<InstanceId>,
    next_pid: u32,
    fail_next_create_with_disk_full: bool,
    fail_next_copy_with_disk_full: bool,
}

#[derive(Debug, Default)]
struct Pretended {
    init_pid: Option<u32>,
    console: String,
    nics: Vec<NicSpec>,
    resolver: String,
}

impl SimulatedMachines {
    /// No machines yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// These machines, running: pretended ones end with their process, and this brings them back.
    pub fn with_running(ids: impl IntoIterator<Item = InstanceId>) -> Self {
        let machines = Self::default();
        {
            let mut state = machines.lock();
            for id in ids {
                state.next_pid += 1;
                let init_pid = Some(state.next_pid);
                state.machines.insert(id, Pretended { init_pid, ..Pretended::default() });
            }
        }
        machines
    }

    /// Powers a machine off as its own user would from inside.
    pub fn power_off_from_inside(&self, id: InstanceId) {
        let mut state = self.lock();
        if let Some(machine) = state.machines.get_mut(&id)
            && machine.init_pid.take().is_some()
        {
            state.exits.insert(id);
            self.exited.notify_all();
        }
    }

    /// The interfaces of a machine that runs; `None` for any other.
    pub fn nics(&self, id: InstanceId) -> Option<Vec<NicSpec>> {
        let state = self.lock();
        state.machines.get(&id).filter(|machine| machine.init_pid.is_some()).map(|machine| machine.nics.clone())
    }

    /// What a machine looks names up by, as it was told last.
    pub fn resolver(&self, id: InstanceId) -> Option<String> {
        self.lock().machines.get(&id).map(|machine| machine.resolver.clone())
    }

    /// Makes the next [`Machines::create`] find a full disk.
    pub fn fill_disk_for_next_create(&self) {
        self.lock().fail_next_create_with_disk_full = true;
    }

    /// Makes the next [`Machines::copy_layer`] find a full disk.
    pub fn fill_disk_for_next_copy(&self) {
        self.lock().fail_next_copy_with_disk_full = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent between statements, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn boot(&mut self, id: InstanceId) -> Result<()> {
        self.next_pid += 1;
        let pid = self.next_pid;
        let machine = self.machines.get_mut(&id).ok_or(HostError::NoSuchMachine(id))?;
        machine.init_pid = Some(pid);
        machine.console.push_str(&format!("{id}: simulated boot\n"));
        Ok(())
    }
}

impl Machines for SimulatedMachines {
    fn prepare(&self) -> Result<()> {
        Ok(())
    }

    fn list(&self) -> Result<Vec<MachineStatus>> {
        let state = self.lock();
        Ok(state.machines.iter().map(|(id, machine)| status_of(*id, machine)).collect())
    }

    fn status(&self, id: InstanceId) -> Result<Option<MachineStatus>> {
        Ok(self.lock().machines.get(&id).map(|machine| status_of(id, machine)))
    }

    fn create(&self, spec: &MachineSpec) -> Result<()> {
        let mut state = self.lock();
        if std::mem::take(&mut state.fail_next_create_with_disk_full) {
            return Err(HostError::DiskFull { path: format!("/simulated/{}", spec.id).into() });
        }
        state.machines.entry(spec.id).or_default();
        Ok(())
    }

    fn start(&self, spec: &MachineSpec) -> Result<()> {
        let mut state = self.lock();
        let machine = state.machines.get_mut(&spec.id).ok_or(HostError::NoSuchMachine(spec.id))?;
        machine.nics.clone_from(&spec.nics);
        if machine.init_pid.is_some() { Ok(()) } else { state.boot(spec.id) }
    }

    fn connect(&self, id: InstanceId, nics: &[NicSpec]) -> Result<()> {
        let mut state = self.lock();
        let machine = state.machines.get_mut(&id).ok_or(HostError::NoSuchMachine(id))?;
        if machine.init_pid.is_some() {
            machine.nics = nics.to_vec();
        }
        Ok(())
    }

    fn set_resolver(&self, id: InstanceId, text: &str) -> Result<()> {
        let mut state = self.lock();
        let machine = state.machines.get_mut(&id).ok_or(HostError::NoSuchMachine(id))?;
        text.clone_into(&mut machine.resolver);
        Ok(())
    }

    fn stop(&self, id: InstanceId, _grace: Duration) -> Result<()> {
        if !self.lock().machines.contains_key(&id) {
            return Err(HostError::NoSuchMachine(id));
        }
        self.power_off_from_inside(id);
        Ok(())
    }

    fn reboot(&self, id: InstanceId) -> Result<()> {
        let mut state = self.lock();
        match state.machines.get(&id) {
            None => Err(HostError::NoSuchMachine(id)),
            Some(machine) if machine.init_pid.is_none() => Ok(()),
            Some(_) => state.boot(id),
        }
    }

    fn destroy(&self, id: InstanceId) -> Result<()> {
        self.power_off_from_inside(id);
        self.lock().machines.remove(&id);
        Ok(())
    }

    fn copy_layer(&self, id: InstanceId, target: &Path) -> Result<()> {
        let mut state = self.lock();
        if !state.machines.contains_key(&id) {
            return Err(HostError::NoSuchMachine(id));
        }
        if std::mem::take(&mut state.fail_next_copy_with_disk_full) {
            return Err(HostError::DiskFull { path: target.to_owned() });
        }
        Ok(())
    }

    fn look_inside(&self, id: InstanceId, _user: Option<&str>) -> Result<Option<Inside>> {
        self.lock().machines.get(&id).map(|_| None).ok_or(HostError::NoSuchMachine(id))
    }

    /// Nobody takes a call where machines only pretend.
    fn call_from(&self, id: InstanceId, _to: SocketAddr, _patience: Duration) -> Result<CallMet> {
        self.lock().machines.get(&id).map(|_| CallMet::TimedOut).ok_or(HostError::NoSuchMachine(id))
    }

    fn console(&self, id: InstanceId) -> Result<Vec<u8>> {
        let state = self.lock();
        let machine = state.machines.get(&id).ok_or(HostError::NoSuchMachine(id))?;
        Ok(machine.console.as_bytes().to_vec())
    }

    fn next_exits(&self, timeout: Duration) -> Result<Vec<InstanceId>> {
        let state = self.lock();
        let (mut state, _) = self
            .exited
            .wait_timeout_while(state, timeout, |state| state.exits.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::take(&mut state.exits).into_iter().collect())
    }
}

fn status_of(id: InstanceId, machine: &Pretended) -> MachineStatus {
    MachineStatus { id, running: machine.init_pid.is_some(), init_pid: machine.init_pid }
}
