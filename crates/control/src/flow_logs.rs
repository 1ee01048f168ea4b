//! The flow log controller: what the kernel counts becomes records in files.
//!
//! The kernel counts on and on, and forgets flows that are idle. Here the counters are read at least once a minute, the
//! growth since the last reading is added to the window of each log, and when a window ends its records are written.

mod files;
mod record;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use cloud::State;
use cloud::resource::{FlowLog, NetworkInterface, TrafficType};
use host::network::{Counted, Flow, Volume};
use tokio::task::JoinHandle;
use types::{AccountId, FlowLogId, NetworkInterfaceId, Region, Timestamp, VpcId};

use self::record::{Content, Recorder};
use crate::{Parts, chain, now};

/// How often counters are read at least, in seconds: well before the kernel forgets a flow.
const READ_EVERY: i64 = 60;
/// How many flows a log keeps for one window; of an interface with more, the record `SKIPDATA` tells.
const MAX_FLOWS: usize = 65_536;
/// The directory of the files below the state directory.
const DIRECTORY: &str = "flow-logs";

pub(crate) fn spawn(parts: Parts) -> JoinHandle<()> {
    tokio::spawn(run(parts))
}

async fn run(parts: Parts) {
    let mut changes = parts.ledger.watch();
    let mut windows = Windows::new(parts.flow_log_interval, now());
    loop {
        changes.borrow_and_update();
        let state = parts.ledger.state();
        let Some(step) = windows.step(&state) else {
            // Without a flow log there is nothing to do until there is one.
            match changes.changed().await {
                Ok(()) => continue,
                Err(_) => return,
            }
        };
        let ahead = step * 1000 - now().unix_ms.rem_euclid(step * 1000);
        tokio::time::sleep(Duration::from_millis(u64::try_from(ahead).unwrap_or(1000))).await;
        let own = parts.clone();
        let work = move || {
            record(&own, &mut windows);
            windows
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => windows = done,
            Err(error) => {
                tracing::error!(%error, "writing flow logs panicked; their windows begin anew");
                windows = Windows::new(parts.flow_log_interval, now());
            }
        }
    }
}

/// Reads what was counted, and writes the records of the windows that have ended.
fn record(parts: &Parts, windows: &mut Windows) {
    let (state, at) = (parts.ledger.state(), now());
    let read = |vpc| {
        parts.network.flows(vpc).map_err(|error| {
            tracing::error!(error = chain(&error), %vpc, "the flows of a VPC cannot be read");
        })
    };
    let root = parts.state_dir.join(DIRECTORY);
    for ended in windows.advance(&state, &parts.config.account, at, read) {
        match files::append(&root, &ended.region, ended.log, at, &ended.lines) {
            Ok(0) => {}
            Ok(left_out) => tracing::warn!(log = %ended.log, left_out, "the day's file of a flow log is full"),
            Err(error) => tracing::error!(%error, log = %ended.log, "a flow log cannot be written"),
        }
    }
}

/// The records of a window that has ended.
#[derive(Debug, PartialEq, Eq)]
struct Ended {
    region: Region,
    log: FlowLogId,
    lines: Vec<String>,
}

/// What one log has gathered since its window began.
struct Window {
    /// Unix seconds.
    start: i64,
    flows: BTreeMap<Flow, Volume>,
    /// The interfaces of which something went uncounted.
    lost: BTreeSet<NetworkInterfaceId>,
}

/// The windows of all logs, and what the counters said last.
struct Windows {
    /// An upper bound for the length of every window, in seconds.
    limit: Option<i64>,
    /// Since when this one watches; the kernel may have counted before.
    since: Timestamp,
    /// Whether counters were read before.
    began: bool,
    seen: BTreeMap<VpcId, BTreeMap<Flow, Volume>>,
    of: BTreeMap<FlowLogId, Window>,
}

/// The end of the window that a moment is in: windows end at whole multiples of their length.
fn end_of(start: i64, seconds: i64) -> i64 {
    (start.div_euclid(seconds) + 1) * seconds
}

impl Windows {
    fn new(limit: Option<Duration>, since: Timestamp) -> Self {
        let limit = limit.and_then(|limit| i64::try_from(limit.as_secs()).ok()).map(|limit| limit.max(1));
        Self { limit, since, began: false, seen: BTreeMap::new(), of: BTreeMap::new() }
    }

    /// The length of a log's windows, in seconds.
    fn seconds(&self, log: &FlowLog) -> i64 {
        let wanted = i64::from(log.interval_seconds).max(1);
        self.limit.map_or(wanted, |limit| wanted.min(limit))
    }

    /// How many seconds lie between two readings; `None` where there is no flow log.
    fn step(&self, state: &State) -> Option<i64> {
        let logs = state.regions.values().flat_map(|tables| tables.flow_logs.values());
        logs.map(|log| self.seconds(log)).min().map(|seconds| seconds.min(READ_EVERY))
    }

    /// Adds what was counted since the last time to the windows, and ends those whose time has come.
    fn advance(
        &mut self,
        state: &State,
        account: &AccountId,
        at: Timestamp,
        mut read: impl FnMut(VpcId) -> Result<Counted, ()>,
    ) -> Vec<Ended> {
        let mut ended = Vec::new();
        let mut known = BTreeSet::new();
        let mut vpcs = BTreeSet::new();
        for (region, tables) in state.regions.iter().filter(|(_, tables)| !tables.flow_logs.is_empty()) {
            let is_watched = |it: &&Arc<NetworkInterface>| tables.flow_logs.values().any(|log| log.resource.covers(it));
            let here: BTreeSet<VpcId> = tables.interfaces.values().filter(is_watched).map(|it| it.vpc).collect();
            let grown: BTreeMap<VpcId, Option<Growth>> =
                here.iter().map(|vpc| (*vpc, read(*vpc).ok().map(|counted| self.growth(*vpc, counted)))).collect();
            vpcs.extend(here);
            for log in tables.flow_logs.values() {
                known.insert(log.id);
                let watched: BTreeMap<NetworkInterfaceId, &NetworkInterface> = tables
                    .interfaces
                    .values()
                    .filter(|it| log.resource.covers(it))
                    .map(|it| (it.id, it.as_ref()))
                    .collect();
                self.gather(log, &watched, &grown);
                let length = self.seconds(log);
                let Some(window) = self.of.get_mut(&log.id) else { continue };
                let end = end_of(window.start, length);
                if at.unix_seconds() < end {
                    continue;
                }
                // After a long pause the window is as long as the pause was.
                let end = at.unix_seconds().div_euclid(length) * length;
                let full =
                    std::mem::replace(window, Window { start: end, flows: BTreeMap::new(), lost: BTreeSet::new() });
                let recorder = Recorder { account, region, tables, log, window: (full.start, end) };
                ended.push(Ended { region: region.clone(), log: log.id, lines: full.lines(&recorder, &watched) });
            }
        }
        self.began = true;
        self.of.retain(|id, _| known.contains(id));
        self.seen.retain(|vpc, _| vpcs.contains(vpc));
        ended
    }

    /// What came since the last reading. What a restarted daemon finds at first is not news, and something went by
    /// meanwhile.
    fn growth(&mut self, vpc: VpcId, counted: Counted) -> Growth {
        let growth = match self.seen.get(&vpc) {
            Some(seen) => {
                let more = |(flow, now): (&Flow, &Volume)| {
                    // A smaller number is that of a flow which was forgotten in between and began again.
                    let before = seen.get(flow).filter(|it| it.packets <= now.packets && it.bytes <= now.bytes);
                    let before = before.copied().unwrap_or_default();
                    let packets = now.packets - before.packets;
                    (packets > 0).then(|| (*flow, Volume { packets, bytes: now.bytes - before.bytes }))
                };
                Growth { flows: counted.flows.iter().filter_map(more).collect(), ..Growth::default() }
            }
            None => Growth { flows: counted.flows.clone(), is_first: !self.began, ..Growth::default() },
        };
        self.seen.insert(vpc, counted.flows);
        Growth { overflowed: counted.overflowed, ..growth }
    }

    /// Adds to the window of a log, which begins with the log or with the daemon.
    fn gather(
        &mut self,
        log: &FlowLog,
        watched: &BTreeMap<NetworkInterfaceId, &NetworkInterface>,
        grown: &BTreeMap<VpcId, Option<Growth>>,
    ) {
        let start = log.created.max(self.since).unix_seconds();
        let was_before = log.created < self.since;
        let new = || Window { start, flows: BTreeMap::new(), lost: BTreeSet::new() };
        let window = self.of.entry(log.id).or_insert_with(new);
        for (vpc, growth) in grown {
            let of_vpc = |id: &&NetworkInterfaceId| watched.get(*id).is_some_and(|it| it.vpc == *vpc);
            let Some(growth) = growth else {
                window.lost.extend(watched.keys().filter(of_vpc));
                continue;
            };
            window.lost.extend(growth.overflowed.iter().filter(of_vpc));
            if growth.is_first && was_before {
                window.lost.extend(growth.flows.keys().map(|flow| &flow.interface).filter(of_vpc));
                continue;
            }
            for (flow, volume) in &growth.flows {
                let wanted = match log.traffic {
                    TrafficType::All => true,
                    TrafficType::Accept => flow.accepted,
                    TrafficType::Reject => !flow.accepted,
                };
                if !wanted || !watched.contains_key(&flow.interface) {
                    continue;
                }
                if window.flows.len() >= MAX_FLOWS && !window.flows.contains_key(flow) {
                    window.lost.insert(flow.interface);
                    continue;
                }
                let sum = window.flows.entry(*flow).or_default();
                sum.packets = sum.packets.saturating_add(volume.packets);
                sum.bytes = sum.bytes.saturating_add(volume.bytes);
            }
        }
    }
}

/// What the counters of one VPC grew by.
#[derive(Default)]
struct Growth {
    flows: BTreeMap<Flow, Volume>,
    overflowed: BTreeSet<NetworkInterfaceId>,
    /// Whether these are the very first numbers, of which some are older than this daemon.
    is_first: bool,
}

impl Window {
    /// The records: of each flow, and of each interface in use that has none or lost some.
    fn lines(&self, recorder: &Recorder<'_>, watched: &BTreeMap<NetworkInterfaceId, &NetworkInterface>) -> Vec<String> {
        let mut lines: Vec<String> = self
            .flows
            .iter()
            .map(|(flow, volume)| recorder.line(flow.interface, &Content::Flow(flow, *volume)))
            .collect();
        let busy: BTreeSet<NetworkInterfaceId> = self.flows.keys().map(|flow| flow.interface).collect();
        for (id, interface) in watched {
            let in_use = interface.attachment.is_some() || interface.manager.is_some();
            if self.lost.contains(id) {
                lines.push(recorder.line(*id, &Content::SkipData));
            } else if in_use && !busy.contains(id) {
                lines.push(recorder.line(*id, &Content::NoData));
            }
        }
        lines
    }
}
