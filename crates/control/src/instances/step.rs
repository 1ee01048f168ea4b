//! One step of one instance.

use std::sync::Arc;
use std::time::Duration;

use cloud::imaging;
use cloud::lifecycle::{self, StopReason};
use cloud::resource::{Instance, StateReason};
use cloud::{State, Transaction};
use host::HostError;
use host::machine::{MachineSpec, Machines};
use store::{Author, WriteError};
use tokio::sync::Semaphore;
use types::{InstanceId, Region};

use super::Need;
use crate::machine_spec::machine_spec;
use crate::network::{Follower, wait_applied};
use crate::nics::{Connected, nics};
use crate::{Parts, chain, now};

/// How long the network may take before a launch is given up.
const NETWORK_LIMIT: Duration = Duration::from_secs(60);
/// How long a machine may take to shut down when it is stopped; EC2 gives it minutes, then pulls the plug, too.
pub(super) const STOP_GRACE: Duration = Duration::from_secs(60);
/// How long it may take when it is terminated.
const TERMINATE_GRACE: Duration = Duration::from_secs(10);

/// What is needed to move an instance along.
#[derive(Clone)]
pub(super) struct Worker {
    pub(super) parts: Parts,
    pub(super) follower: Follower,
    pub(super) starts: Arc<Semaphore>,
}

/// Why a step did not get done. All of it goes to the log.
#[derive(Debug)]
pub(super) enum StepError {
    Host(HostError),
    NotDurable,
    Panicked,
}

impl std::fmt::Display for StepError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Host(error) => f.write_str(&chain(error)),
            Self::NotDurable => f.write_str("what happened could not be written down"),
            Self::Panicked => f.write_str("the host's work panicked"),
        }
    }
}

impl From<HostError> for StepError {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

impl Worker {
    pub(super) async fn work(
        &self,
        need: Need,
        state: &State,
        region: &Region,
        instance: &Instance,
    ) -> Result<Option<Connected>, StepError> {
        match need {
            Need::Start => return self.start(state, region, instance).await,
            Need::Connect => return self.connect(state, region, instance).await.map(Some),
            Need::Capture(capture) => self.capture(capture, state, region, instance).await,
            Need::Reboot => self.reboot(region, instance).await,
            Need::NoteExit => self.note_exit(region, instance).await,
            Need::Stop => self.stop(region, instance).await,
            Need::Terminate => self.terminate(state, region, instance).await,
        }?;
        Ok(None)
    }

    async fn start(&self, state: &State, region: &Region, instance: &Instance) -> Result<Option<Connected>, StepError> {
        let (id, starts) = (instance.id, instance.starts);
        match self.start_machine(state, region, instance).await {
            Ok(connected) => {
                let boot = self.parts.host_boot.clone();
                let at = now();
                self.report(region, "InstanceRunning", move |tx| lifecycle::mark_running(tx, at, id, starts, boot))
                    .await?;
                Ok(Some(connected))
            }
            Err(error) => {
                tracing::error!(%id, %error, "an instance could not be started");
                // A disk that never ran goes at once; one that was stopped stays as it was.
                if starts <= 1 {
                    self.remove(id).await?;
                } else {
                    self.kill(id).await?;
                }
                let (at, reason) = (now(), launch_failure(&error));
                self.report(region, "InstanceFailed", move |tx| lifecycle::fail_launch(tx, at, id, starts, reason))
                    .await?;
                Ok(None)
            }
        }
    }

    /// Gives a machine that runs the interfaces of its instance, once the kernel has rules and routes for them, and what
    /// it looks names up by.
    async fn connect(&self, state: &State, region: &Region, instance: &Instance) -> Result<Connected, StepError> {
        let _turn = self.starts.acquire().await.map_err(|_| StepError::Panicked)?;
        let connected = self.wanted(state, region, instance).await?;
        let Connected { nics, resolver, .. } = connected.clone();
        let connect = move |m: &dyn Machines, id| {
            m.connect(id, &nics)?;
            resolver.map_or(Ok(()), |text| m.set_resolver(id, &text))
        };
        self.on(instance.id, connect).await?;
        Ok(connected)
    }

    /// What the machine of an instance shall have, with the routes that the kernel follows by now.
    pub(super) async fn wanted(
        &self,
        state: &State,
        region: &Region,
        instance: &Instance,
    ) -> Result<Connected, StepError> {
        let mut applied = self.follower.applied.clone();
        let waited = wait_applied(&mut applied, state.revision, NETWORK_LIMIT).await;
        waited.map_err(|reason| HostError::Other(reason.to_owned()))?;
        let forwards = Arc::clone(&self.follower.forwards.borrow());
        let tables = state.regions.get(region).ok_or(StepError::Panicked)?;
        let nics =
            nics(&self.parts, tables, instance, &forwards).map_err(|reason| HostError::Other(reason.to_owned()))?;
        Ok(Connected::new(tables, instance, nics))
    }

    async fn start_machine(&self, state: &State, region: &Region, instance: &Instance) -> Result<Connected, StepError> {
        let uid_base = self.parts.uid_ranges.allocate(&instance.id.to_string())?;
        let spec = machine_spec(state, region, instance, uid_base, Vec::new())
            .map_err(|reason| HostError::Other(format!("there can be no machine: {reason}")))?;
        let mut spec = Arc::new(spec);
        let _turn = self.starts.acquire().await.map_err(|_| StepError::Panicked)?;
        let (made, wanted) =
            tokio::join!(self.on_spec(&spec, |m, spec| m.create(spec)), self.wanted(state, region, instance));
        made?;
        let wanted = wanted?;
        Arc::make_mut(&mut spec).nics.clone_from(&wanted.nics);
        let resolver = wanted.resolver.clone();
        let start = move |m: &dyn Machines, spec: &MachineSpec| {
            resolver.map_or(Ok(()), |text| m.set_resolver(spec.id, &text))?;
            m.start(spec)
        };
        self.on_spec(&spec, start).await?;
        Ok(wanted)
    }

    async fn reboot(&self, region: &Region, instance: &Instance) -> Result<(), StepError> {
        let (id, wanted) = (instance.id, instance.reboots_wanted);
        self.on(id, |m, id| m.reboot(id)).await?;
        self.report(region, "InstanceRebooted", move |tx| lifecycle::mark_rebooted(tx, id, wanted)).await
    }

    /// A running instance's machine is said to be off. If so, either it shut itself down or the host did.
    async fn note_exit(&self, region: &Region, instance: &Instance) -> Result<(), StepError> {
        let id = instance.id;
        if self.on(id, |m, id| m.status(id)).await?.is_some_and(|status| status.running) {
            return Ok(());
        }
        let at = now();
        if instance.host_boot.as_deref() == Some(self.parts.host_boot.as_str()) {
            self.report(region, "InstanceShutDown", move |tx| lifecycle::begin_guest_shutdown(tx, at, id)).await
        } else {
            self.report(region, "InstanceLostWithHost", move |tx| lifecycle::restart_after_host_boot(tx, at, id)).await
        }
    }

    async fn stop(&self, region: &Region, instance: &Instance) -> Result<(), StepError> {
        let id = instance.id;
        let grace = if instance.force_stop { Duration::ZERO } else { STOP_GRACE };
        self.shut_down(id, grace).await?;
        let at = now();
        self.report(region, "InstanceStopped", move |tx| lifecycle::mark_stopped(tx, at, id, StopReason::ApiRequest))
            .await
    }

    async fn terminate(&self, state: &State, region: &Region, instance: &Instance) -> Result<(), StepError> {
        let id = instance.id;
        self.shut_down(id, TERMINATE_GRACE).await?;
        let root = state.regions.get(region).and_then(|tables| imaging::root_that_stays(tables, id));
        let kept = match root {
            Some(volume) => self.keep_root(volume, id).await?.map(|layer| (volume, layer)),
            None => None,
        };
        self.remove(id).await?;
        let at = now();
        let end = move |tx: &mut Transaction| {
            if let Some((volume, layer)) = kept {
                imaging::keep_root(tx, volume, layer);
            }
            lifecycle::mark_terminated(tx, at, id)
        };
        self.report(region, "InstanceTerminated", end).await
    }

    /// Removes a machine and gives its user ids back.
    pub(super) async fn remove(&self, id: InstanceId) -> Result<(), StepError> {
        self.on(id, |m, id| m.destroy(id)).await?;
        Ok(self.parts.uid_ranges.release(&id.to_string())?)
    }

    /// Turns a machine off without asking it.
    pub(super) async fn kill(&self, id: InstanceId) -> Result<(), StepError> {
        self.shut_down(id, Duration::ZERO).await
    }

    /// Turns a machine off; one that is not there is off.
    pub(super) async fn shut_down(&self, id: InstanceId, grace: Duration) -> Result<(), StepError> {
        let stop = move |machines: &dyn Machines, id| match machines.stop(id, grace) {
            Err(HostError::NoSuchMachine(_)) => Ok(()),
            other => other,
        };
        self.on(id, stop).await
    }

    pub(super) async fn report(
        &self,
        region: &Region,
        action: &str,
        change: impl FnOnce(&mut Transaction) -> bool + Send + 'static,
    ) -> Result<(), StepError> {
        let author = Author::daemon(action, now());
        let written = self.parts.ledger.write::<(), (), _>(region.clone(), author, move |tx| {
            // A late report changes nothing, and need not.
            change(tx);
            Ok(())
        });
        written.await.map_err(|error: WriteError<()>| match error {
            WriteError::Refused(()) | WriteError::NotDurable => StepError::NotDurable,
        })
    }

    pub(super) async fn on<T: Send + 'static>(
        &self,
        id: InstanceId,
        work: impl FnOnce(&dyn Machines, InstanceId) -> host::Result<T> + Send + 'static,
    ) -> Result<T, StepError> {
        let machines = Arc::clone(&self.parts.machines);
        let done = tokio::task::spawn_blocking(move || work(machines.as_ref(), id)).await;
        done.map_err(|_| StepError::Panicked)?.map_err(StepError::Host)
    }

    pub(super) async fn on_spec(
        &self,
        spec: &Arc<MachineSpec>,
        work: impl FnOnce(&dyn Machines, &MachineSpec) -> host::Result<()> + Send + 'static,
    ) -> Result<(), StepError> {
        let spec = Arc::clone(spec);
        self.on(spec.id, move |machines, _| work(machines, &spec)).await
    }
}

/// What the caller is told of a launch that failed; the cause itself is in the log.
fn launch_failure(error: &StepError) -> StateReason {
    match error {
        StepError::Host(HostError::DiskFull { .. }) => StateReason::new(
            "Server.InsufficientInstanceCapacity",
            "There is not enough disk space on the host to make the instance",
        ),
        _ => StateReason::new("Server.InternalError", "Internal error on launch"),
    }
}
