//! `daemun down`: everything of a cloud off this host.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use cloud::resource::Instance;
use store::{Author, Ledger};
use types::InstanceState;

use super::{DaemonInfo, Engine, STATE_FILE, ServeOptions, engine, identity};

/// How long a daemon may take to end.
const DAEMON_LIMIT: Duration = Duration::from_secs(20);
/// How long each machine may take to shut down.
const MACHINE_GRACE: Duration = Duration::from_secs(20);

/// What `down` did.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct DownReport {
    /// The process of the daemon that was ended.
    pub daemon: Option<u32>,
    /// How many machines were shut down.
    pub machines: usize,
    /// Whether the state directory was deleted.
    pub purged: bool,
}

/// Ends the daemon of this state directory, shuts its machines down and takes its network off the host.
///
/// The State stays, and `daemun serve` starts the instances again that were running; with `purge` the whole state
/// directory is deleted.
///
/// # Errors
/// If the daemon runs in another network namespace or does not end, or something cannot be removed. It may be
/// called again.
pub fn down(state_dir: &Path, purge: bool) -> anyhow::Result<DownReport> {
    let mut report = DownReport::default();
    if !state_dir.exists() {
        return Ok(report);
    }
    let state_dir = state_dir.canonicalize().with_context(|| format!("cannot enter {}", state_dir.display()))?;
    let info = DaemonInfo::read(&state_dir);
    if let Some(info) = info.as_ref().filter(|info| info.is_alive()) {
        if info.engine == Engine::Container.name() && !info.shares_our_network() {
            bail!(
                "the daemon (process {}) runs in another network namespace; run this there: nsenter --net=/proc/{}/ns/net",
                info.pid,
                info.pid
            );
        }
        host::system::terminate(info.pid, DAEMON_LIMIT).context("the daemon does not end")?;
        report.daemon = Some(info.pid);
    }
    if let Some(identity) = identity::read(&state_dir)? {
        let was_simulated = info.as_ref().is_some_and(|info| info.engine == Engine::Simulated.name());
        if !was_simulated && state_dir.join("instances").exists() {
            report.machines = take_off_host(&state_dir, info.as_ref(), identity.tag, purge)?;
        }
    }
    if purge {
        host::tree::remove(&state_dir).with_context(|| format!("cannot delete {}", state_dir.display()))?;
        report.purged = true;
    }
    Ok(report)
}

fn take_off_host(
    state_dir: &Path,
    info: Option<&DaemonInfo>,
    tag: policy::CloudTag,
    purge: bool,
) -> anyhow::Result<usize> {
    let options = ServeOptions {
        state_dir: state_dir.to_owned(),
        image_dir: info.map_or_else(|| "/var/lib/daemun/images".into(), |info| info.image_dir.clone()),
        listen: ([127, 0, 0, 1], 0).into(),
        engine: Engine::Container,
        quotas: cloud::quotas::Quotas::default(),
        public_pool: info.map_or(types::Ipv4Cidr::ANY, |info| info.public_pool),
        flow_log_interval: None,
    };
    let parts = engine::container(&options, state_dir, tag)?;
    if !purge {
        start_again_later(state_dir)?;
    }
    let machines = parts.machines.list().context("cannot list the machines")?;
    let running = machines.iter().filter(|machine| machine.running).count();
    std::thread::scope(|scope| {
        let work: Vec<_> = machines
            .iter()
            .map(|machine| {
                let host = parts.machines.as_ref();
                scope.spawn(move || match purge {
                    true => host.destroy(machine.id),
                    false => host.stop(machine.id, MACHINE_GRACE),
                })
            })
            .collect();
        for thread in work {
            match thread.join() {
                Ok(done) => done.context("a machine cannot be shut down")?,
                Err(_) => bail!("shutting a machine down panicked"),
            }
        }
        Ok(())
    })?;
    if purge {
        for owner in parts.uid_ranges.owners() {
            parts.uid_ranges.release(&owner).context("cannot give user ids back")?;
        }
        // Images of this cloud's machines go with it; nobody else stands on them.
        for layer in parts.layers.list().context("cannot list the layers of images")? {
            parts.layers.remove(&layer).context("cannot remove a layer of an image")?;
        }
    }
    parts.network.teardown().context("cannot take the network off the host")?;
    Ok(running)
}

/// Notes that running machines were lost with the host, which makes the next daemon start them again.
fn start_again_later(state_dir: &Path) -> anyhow::Result<()> {
    let path = state_dir.join(STATE_FILE);
    if !path.exists() {
        return Ok(());
    }
    let ledger = Ledger::open(&path).context("cannot open the state")?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().context("cannot start the runtime")?;
    let regions: Vec<_> = ledger.state().regions.keys().cloned().collect();
    for region in regions {
        let author = Author::daemon("Down", control::now());
        let noted = ledger.write::<(), (), _>(region, author, |tx| {
            let running: Vec<_> =
                tx.instances.values().filter(|i| i.state == InstanceState::Running).cloned().collect();
            for instance in running {
                tx.put(Instance { host_boot: None, ..Instance::clone(&instance) });
            }
            Ok(())
        });
        if runtime.block_on(noted).is_err() {
            bail!("the state cannot be written");
        }
    }
    ledger.close();
    Ok(())
}
