//! The network controller: one loop that keeps the kernel as the State says.

use std::sync::Arc;
use std::time::Duration;

use policy::{Operator, Topology};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::doors::OpenDoors;
use crate::nics::{Forwards, forwards};
use crate::{Parts, chain, topology};

/// How often everything in the kernel is read again, changed or not.
const REREAD_EVERY: Duration = Duration::from_secs(30);
/// How long to wait after a failure before trying again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The newest revision of the ledger that the kernel is known to follow.
pub(crate) type Applied = watch::Receiver<Option<u64>>;

/// What the instance controller needs to know of the network.
#[derive(Clone)]
pub(crate) struct Follower {
    /// How far the kernel follows the State.
    pub applied: Applied,
    /// The routes to machines, as the kernel follows them.
    pub forwards: watch::Receiver<Arc<Forwards>>,
}

/// Waits until the kernel follows `revision`.
///
/// # Errors
/// After `limit`, or when the network controller is gone.
pub(crate) async fn wait_applied(applied: &mut Applied, revision: u64, limit: Duration) -> Result<(), &'static str> {
    let reached = applied.wait_for(|applied| applied.is_some_and(|applied| applied >= revision));
    match timeout(limit, reached).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) => Err("the network controller has ended"),
        Err(_) => Err("the network was not ready in time"),
    }
}

pub(crate) fn spawn(parts: Parts) -> (JoinHandle<()>, Follower) {
    let (publish, applied) = watch::channel(None);
    let (tell, forwards) = watch::channel(Arc::default());
    (tokio::spawn(run(parts, publish, tell)), Follower { applied, forwards })
}

async fn run(parts: Parts, publish: watch::Sender<Option<u64>>, tell: watch::Sender<Arc<Forwards>>) {
    let operator = Operator { tag: parts.tag, pool: parts.config.public_pool };
    let mut changes = parts.ledger.watch();
    let mut doors = OpenDoors::default();
    let mut last: Option<Topology> = None;
    let mut reread_at = Instant::now();
    loop {
        changes.borrow_and_update();
        let state = parts.ledger.state();
        let wanted = topology(&state, operator.clone());
        let reread = last.is_none() || Instant::now() >= reread_at;
        let done = if reread || last.as_ref() != Some(&wanted) {
            let done = bring_about(&parts, &wanted, reread, &tell).await;
            if reread {
                reread_at = Instant::now() + REREAD_EVERY;
            }
            done
        } else {
            true
        };
        if done {
            if let Some(opener) = &parts.doors {
                doors.follow(&wanted, &state, &parts.network, opener).await;
            }
            last = Some(wanted);
            publish.send_replace(Some(state.revision));
        } else {
            last = None;
        }
        let wake_at = if done { reread_at } else { Instant::now() + RETRY_AFTER };
        tokio::select! {
            changed = changes.changed(), if done => if changed.is_err() { return },
            () = sleep_until(wake_at) => {}
        }
    }
}

/// Makes the kernel follow the topology; says whether that worked. What could not be done is shut, not open: a link
/// that no plan names lets nothing through.
async fn bring_about(parts: &Parts, wanted: &Topology, reread: bool, tell: &watch::Sender<Arc<Forwards>>) -> bool {
    let plan = policy::plan(wanted);
    let routed = forwards(&plan);
    let network = Arc::clone(&parts.network);
    let work = move || if reread { network.converge(&plan) } else { network.apply(&plan) };
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(report)) => {
            for change in &report.changes {
                tracing::debug!(change, "network");
            }
            for repair in &report.repairs {
                tracing::warn!(repair, "put back what somebody else had changed in the network");
            }
            tell.send_if_modified(|known| {
                let is_new = **known != routed;
                if is_new {
                    *known = Arc::new(routed);
                }
                is_new
            });
            true
        }
        Ok(Err(error)) => {
            tracing::error!(error = chain(&error), "the network cannot be brought to the plan; will try again");
            false
        }
        Err(error) => {
            tracing::error!(%error, "planning the network panicked; will try again");
            false
        }
    }
}
