//! The instance controller: brings each instance's machine to what the State asks for.
//!
//! ```text
//! State        machine                              reported back
//! pending      make disk and link, start            running, or on failure shutting-down with the reason
//! running      reboot where one was asked for       reboot done
//!              plug in and out what was attached    (nothing)
//!              and detached; tell other DHCP options
//!              gone by itself                       stopped or shutting-down (as the instance wants it)
//!              gone with the host's earlier boot    pending
//! stopping     shut down                            stopped
//! shutting-    shut down and remove                 terminated
//!  down
//! none,        remove what is left                  (nothing)
//!  terminated
//! ```
//!
//! Before any of this, what is to be kept of an instance's root file system is copied (`capture`).
//!
//! One task at a time owns an instance: while it works, no other is started, and when it ends the State is looked at
//! again. Nothing is queued, so nothing can be lost.

mod capture;
mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use cloud::imaging::{self, Capture};
use cloud::resource::Instance;
use cloud::{State, Tables};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{self, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use types::{InstanceId, InstanceState, Region};

use crate::network::Follower;
use crate::nics::{Connected, Forwards};
use crate::{Parts, chain, now};

/// How often all machines are compared with the State, changed or not.
const COMPARE_EVERY: Duration = Duration::from_secs(15);
/// How long to wait before working again on an instance whose last task failed.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// How many times as long as it takes to look at all instances to wait before doing it again, at least.
const LOOKS_PART: u32 = 4;
/// But never longer than this.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);
/// And not where it is less than this, which is as exact as timers are.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
/// How often the exits of machines are asked for.
const EXITS_TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) fn spawn(parts: Parts, follower: Follower) -> JoinHandle<()> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let worker = step::Worker {
        parts: parts.clone(),
        follower,
        // Booting is work for the processor: more at a time only makes each one slower.
        starts: Arc::new(Semaphore::new(cores * 2)),
    };
    let controller = Controller {
        parts,
        worker,
        busy: BTreeMap::new(),
        exited: BTreeSet::new(),
        connected: BTreeMap::new(),
        tasks: JoinSet::new(),
    };
    tokio::spawn(controller.run())
}

struct Controller {
    parts: Parts,
    worker: step::Worker,
    /// Instances that a task owns, and which.
    busy: BTreeMap<InstanceId, task::Id>,
    /// Machines that are known to be off although the State may say otherwise.
    exited: BTreeSet<InstanceId>,
    /// The interfaces that running machines are known to have. One that is not in here is looked at.
    connected: BTreeMap<InstanceId, Connected>,
    tasks: JoinSet<Done>,
}

/// How a task ended: which instance is free again, and the interfaces that its machine has by now, if it was given any.
type Done = (InstanceId, Option<Connected>);

/// What an instance needs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Capture(Capture),
    Start,
    Reboot,
    Connect,
    NoteExit,
    Stop,
    Terminate,
}

impl Controller {
    async fn run(mut self) {
        let mut changes = self.parts.ledger.watch();
        let mut forwards = self.worker.follower.forwards.clone();
        let (exits_in, mut exits) = mpsc::unbounded_channel();
        watch_exits(self.parts.clone(), exits_in);
        let mut compare_at = Instant::now();
        loop {
            changes.borrow_and_update();
            forwards.borrow_and_update();
            if Instant::now() >= compare_at {
                self.compare().await;
                self.reap().await;
                compare_at = Instant::now() + COMPARE_EVERY;
            }
            let begun = Instant::now();
            self.start_tasks();
            // In a large cloud whose instances all move on, looking at them shall not take what moves them.
            let pause = (begun.elapsed() * LOOKS_PART).min(LONGEST_PAUSE);
            if pause >= SHORTEST_PAUSE {
                tokio::time::sleep(pause).await;
            }
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                changed = forwards.changed() => if changed.is_err() { return },
                Some(id) = exits.recv() => {
                    self.exited.insert(id);
                    while let Ok(id) = exits.try_recv() {
                        self.exited.insert(id);
                    }
                }
                Some(ended) = self.tasks.join_next() => {
                    self.task_ended(ended);
                    // Tasks end together, when what they report is on disk, and each time all instances are looked at.
                    while let Some(ended) = self.tasks.try_join_next() {
                        self.task_ended(ended);
                    }
                }
                () = sleep_until(compare_at) => {}
            }
        }
    }

    fn task_ended(&mut self, ended: Result<Done, task::JoinError>) {
        match ended {
            Ok((id, connected)) => {
                self.busy.remove(&id);
                if let Some(connected) = connected {
                    self.connected.insert(id, connected);
                }
            }
            Err(error) => {
                tracing::error!(%error, "a task of an instance panicked");
                self.busy.retain(|_, task| *task != error.id());
            }
        }
    }

    /// Starts a task for every instance that needs one and has none.
    fn start_tasks(&mut self) {
        let state = self.parts.ledger.state();
        let forwards = Arc::clone(&self.worker.follower.forwards.borrow());
        for (region, tables) in &state.regions {
            let captures: BTreeMap<InstanceId, Capture> =
                imaging::captures(tables).map(|capture| (capture.instance, capture)).collect();
            for instance in tables.instances.values() {
                let is_new = instance.state == InstanceState::Pending && instance.starts <= 1;
                let capture = captures.get(&instance.id).copied().filter(|_| !is_new).map(Need::Capture);
                let Some(need) = capture.or_else(|| self.need(tables, instance, &forwards)) else { continue };
                if self.busy.contains_key(&instance.id) {
                    continue;
                }
                self.exited.remove(&instance.id);
                if need != Need::Reboot {
                    self.connected.remove(&instance.id);
                }
                let (worker, id) = (self.worker.clone(), instance.id);
                let (state, region, instance) = (Arc::clone(&state), region.clone(), Arc::clone(instance));
                let task = self.tasks.spawn(async move {
                    match worker.work(need, &state, &region, &instance).await {
                        Ok(connected) => (id, connected),
                        Err(error) => {
                            tracing::error!(%id, ?need, %error, "an instance cannot be moved on; will try again");
                            tokio::time::sleep(RETRY_AFTER).await;
                            (id, None)
                        }
                    }
                });
                self.busy.insert(id, task.id());
            }
        }
    }

    fn need(&mut self, tables: &Tables, instance: &Instance, forwards: &Forwards) -> Option<Need> {
        match instance.state {
            InstanceState::Pending => Some(Need::Start),
            InstanceState::Running if self.exited.contains(&instance.id) => Some(Need::NoteExit),
            InstanceState::Running if instance.reboots_wanted > instance.reboots_done => Some(Need::Reboot),
            InstanceState::Stopping => Some(Need::Stop),
            InstanceState::ShuttingDown => Some(Need::Terminate),
            InstanceState::Running => {
                let known = self.connected.get_mut(&instance.id);
                let holds = known.is_some_and(|known| known.holds(&self.parts, tables, instance, forwards));
                (!holds).then_some(Need::Connect)
            }
            InstanceState::Stopped | InstanceState::Terminated => None,
        }
    }

    /// Compares the machines there are with the State: notes those that are off, and removes those nobody knows.
    async fn compare(&mut self) {
        let machines = Arc::clone(&self.parts.machines);
        let found = match tokio::task::spawn_blocking(move || machines.list()).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => return tracing::error!(error = chain(&error), "machines cannot be listed"),
            Err(error) => return tracing::error!(%error, "listing machines panicked"),
        };
        // Taken after the list: a machine made in between is then in the State, not an orphan.
        let state = self.parts.ledger.state();
        let running: BTreeSet<InstanceId> = found.iter().filter(|m| m.running).map(|m| m.id).collect();
        for (_, instance) in all_instances(&state) {
            if instance.state == InstanceState::Running
                && !running.contains(&instance.id)
                && !self.busy.contains_key(&instance.id)
            {
                self.exited.insert(instance.id);
            }
        }
        for machine in found {
            let known = all_instances(&state).find(|(_, i)| i.id == machine.id).map(|(_, i)| i.state);
            let (orphan, stray) = match known {
                None | Some(InstanceState::Terminated) => (true, false),
                Some(InstanceState::Stopped) => (false, machine.running),
                Some(_) => (false, false),
            };
            if (orphan || stray) && !self.busy.contains_key(&machine.id) {
                let (worker, id) = (self.worker.clone(), machine.id);
                let task = self.tasks.spawn(async move {
                    tracing::warn!(%id, "a machine runs or exists that should not; putting that right");
                    let done = if orphan { worker.remove(id).await } else { worker.kill(id).await };
                    if let Err(error) = &done {
                        tracing::error!(%id, %error, "it could not be removed");
                    }
                    (id, None)
                });
                self.busy.insert(id, task.id());
            }
        }
        self.release_unused_ranges(&state);
    }

    /// Gives back user ids of machines that are gone, should a daemon have died in between.
    fn release_unused_ranges(&self, state: &State) {
        for owner in self.parts.uid_ranges.owners() {
            let id = owner.parse::<InstanceId>().ok();
            let in_use = id.is_some_and(|id| {
                self.busy.contains_key(&id)
                    || all_instances(state).any(|(_, i)| i.id == id && i.state != InstanceState::Terminated)
            });
            if !in_use && let Err(error) = self.parts.uid_ranges.release(&owner) {
                tracing::error!(owner, error = chain(&error), "a range of user ids could not be given back");
            }
        }
    }

    /// Forgets instances that were terminated long ago, and client tokens nobody will repeat.
    async fn reap(&self) {
        let state = self.parts.ledger.state();
        let at = now();
        for region in state.regions.keys().cloned() {
            let author = store::Author::daemon("ReapTerminated", at);
            let reaped = self.parts.ledger.write::<(), (), _>(region, author, move |tx| {
                cloud::lifecycle::reap_terminated(tx, at);
                Ok(())
            });
            if reaped.await.is_err() {
                tracing::error!("terminated instances could not be forgotten; will try again");
            }
        }
    }
}

fn all_instances(state: &State) -> impl Iterator<Item = (&Region, &Arc<Instance>)> {
    state.regions.iter().flat_map(|(region, tables)| tables.instances.values().map(move |i| (region, i)))
}

/// Passes exits of machines on, from a thread of its own, for as long as somebody listens.
fn watch_exits(parts: Parts, exits: mpsc::UnboundedSender<InstanceId>) {
    let watch = move || {
        while !exits.is_closed() {
            match parts.machines.next_exits(EXITS_TIMEOUT) {
                Ok(ids) => {
                    for id in ids {
                        if exits.send(id).is_err() {
                            return;
                        }
                    }
                }
                Err(error) => {
                    tracing::error!(error = chain(&error), "exits of machines cannot be watched");
                    std::thread::sleep(EXITS_TIMEOUT);
                }
            }
        }
    };
    if let Err(error) = std::thread::Builder::new().name("machine-exits".to_owned()).spawn(watch) {
        tracing::error!(%error, "no thread to watch machines; they are compared every {COMPARE_EVERY:?} instead");
    }
}
