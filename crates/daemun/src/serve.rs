//! `daemun serve`: the daemon.
//!
//! It holds the State, answers the API, and lets the controllers keep machines and network as the State says. When it
//! ends, machines, connections and rules stay; when it starts again, it goes on from what it finds.

mod api;
mod body;
mod connection;
mod doors;
mod down;
mod engine;
mod identity;
mod images;
mod info;
mod shown;

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use cloud::Config;
use cloud::quotas::Quotas;
use cloud::sessions::SessionKey;
use control::{Controllers, Parts};
use store::{Ledger, StoreError};
use tokio::net::TcpListener;
use types::{AccountId, Ipv4Cidr};

pub use down::down;
pub use info::DaemonInfo;

use crate::credentials;

/// The account that owns everything, as no account of AWS can be called.
const ACCOUNT: &str = "000000000000";
/// The file with the State below the state directory.
const STATE_FILE: &str = "state.redb";
/// How long requests under way may take when the daemon ends.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);
/// Threads that answer requests; what blocks has threads of its own.
const WORKER_THREADS: usize = 2;

/// What stands behind the instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Linux system containers on this host; needs root.
    Container,
    /// Machines that only pretend; needs nothing.
    Simulated,
}

impl Engine {
    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Simulated => "simulated",
        }
    }
}

/// How to serve.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Where the State, the access key and the machines' disks are.
    pub state_dir: PathBuf,
    /// Where image layers are.
    pub image_dir: PathBuf,
    /// Where the API answers; port 0 takes any free one.
    pub listen: SocketAddr,
    /// What stands behind the instances.
    pub engine: Engine,
    /// Where public addresses come from.
    pub public_pool: Ipv4Cidr,
    /// How much of each thing a region may have.
    pub quotas: Quotas,
    /// The longest time that a record of a flow log speaks of, where that is to be shorter than was asked for.
    pub flow_log_interval: Option<Duration>,
}

/// Serves until a signal ends it.
///
/// # Errors
/// If it cannot start: the port or the state directory is taken, something is missing, or the pool is unfit.
pub fn run(options: &ServeOptions) -> anyhow::Result<()> {
    start_log();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let result = runtime.block_on(serve(options));
    // Work that blocks on a machine may take long and is repeated at the next start anyway.
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

async fn serve(options: &ServeOptions) -> anyhow::Result<()> {
    check_pool(options.public_pool)?;
    engine::check_host(options.engine)?;
    if let Some(other) = DaemonInfo::running(&options.state_dir) {
        return Err(in_use(&options.state_dir, Some(other.pid)));
    }
    let listener = bind(options.listen).await?;
    let state_dir = info::make_state_dir(&options.state_dir)?;
    let ledger = open_ledger(&state_dir)?;
    let key = credentials::read_or_create(&state_dir)?;
    let identity = identity::read_or_create(&state_dir)?;
    let engine = engine::start(options, &state_dir, identity.tag, &ledger.state())?;
    let account: AccountId = ACCOUNT.parse().context("the account number")?;
    let config = Arc::new(Config {
        account,
        public_pool: options.public_pool,
        max_instances: Config::DEFAULT_MAX_INSTANCES,
        quotas: options.quotas.clone(),
    });

    images::synchronize(&ledger, &engine, control::now()).await?;
    let image_watch = tokio::spawn(images::keep_synchronized(ledger.clone(), engine.clone()));
    let doors =
        doors::Doors { ledger: ledger.clone(), config: Arc::clone(&config), token_secret: identity.token_secret };
    let controllers = Controllers::start(Parts {
        ledger: ledger.clone(),
        machines: Arc::clone(&engine.machines),
        layers: Arc::clone(&engine.layers),
        network: Arc::clone(&engine.network),
        uid_ranges: Arc::clone(&engine.uid_ranges),
        doors: (options.engine == Engine::Container).then(|| Arc::new(doors) as Arc<dyn control::VpcDoors>),
        tag: identity.tag,
        config: Arc::clone(&config),
        host_boot: engine.host_boot.clone(),
        state_dir: state_dir.clone(),
        flow_log_interval: options.flow_log_interval,
    });
    let address = listener.local_addr().context("cannot read the address listened on")?;
    let session_key = SessionKey::derive(&identity.token_secret);
    let operator = policy::Operator { tag: identity.tag, pool: options.public_pool };
    let api = Arc::new(api::Api::new(ledger.clone(), config, key, session_key, operator, &engine));
    let running = DaemonInfo::new(options, address, identity.tag);
    running.write(&state_dir)?;
    // Before the announcement: whoever waits for it may end the daemon at once.
    let stop = stop_signal()?;
    announce(address);

    connection::serve(listener, api, stop, DRAIN_LIMIT).await;
    tracing::info!("ending; instances go on running");
    image_watch.abort();
    drop(controllers);
    ledger.close();
    DaemonInfo::remove(&state_dir);
    Ok(())
}

/// Logs to standard error: what `RUST_LOG` asks for, else what an operator should know.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if log.with_ansi(std::io::stderr().is_terminal()).try_init().is_err() {
        tracing::debug!("a log was started before");
    }
}

/// Says on standard output that requests are answered: tools wait for this line.
#[allow(clippy::print_stdout)]
fn announce(address: SocketAddr) {
    println!("ready http://{address}");
    tracing::info!(%address, "ready");
}

fn check_pool(pool: Ipv4Cidr) -> anyhow::Result<()> {
    if !(8..=27).contains(&pool.prefix_len()) {
        bail!("the public pool {pool} must have a prefix of 8 to 27 bits");
    }
    let first = pool.first();
    if first.is_loopback() || first.is_multicast() || first.is_link_local() || first.is_unspecified() {
        bail!("the public pool {pool} cannot be routed; choose another, such as 198.18.0.0/16");
    }
    let private: Ipv4Cidr = cloud::DEFAULT_VPC.parse().context("the default VPC's block")?;
    if pool.overlaps(private) {
        bail!("the public pool {pool} holds private addresses of instances ({private}); choose another");
    }
    Ok(())
}

async fn bind(listen: SocketAddr) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(listen).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            bail!("{listen} is taken by another program; choose another address with --listen, or end that program")
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on {listen}")),
    }
}

fn in_use(state_dir: &Path, pid: Option<u32>) -> anyhow::Error {
    let who = pid.map(|pid| format!(" (process {pid})")).unwrap_or_default();
    let dir = state_dir.display();
    anyhow::anyhow!("another daemun{who} is using {dir}; end it, or choose another directory with --state-dir")
}

fn open_ledger(state_dir: &Path) -> anyhow::Result<Ledger> {
    let file = state_dir.join(STATE_FILE);
    // The identity is made after the first State was written: one without the other is a file that lost its content.
    let is_empty = std::fs::metadata(&file).is_ok_and(|metadata| metadata.len() == 0);
    if is_empty && identity::read(state_dir)?.is_some() {
        bail!(
            "{} is empty though a cloud was here; put a sound copy in its place, or delete the directory",
            file.display()
        );
    }
    match Ledger::open(&file) {
        Ok(ledger) => Ok(ledger),
        Err(StoreError::InUse) => Err(in_use(state_dir, DaemonInfo::read(state_dir).map(|info| info.pid))),
        Err(error) => Err(error).with_context(|| {
            format!(
                "cannot read the state; put a sound copy in place of {} or choose another --state-dir",
                file.display()
            )
        }),
    }
}

/// Resolves when the daemon is asked to end.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_must_be_routable_and_nobody_elses() {
        for (pool, fits) in [
            ("198.18.0.0/16", true),
            ("10.0.0.0/8", true),
            ("198.18.0.0/28", false),
            ("127.0.0.0/8", false),
            ("172.31.0.0/16", false),
            ("172.31.240.0/24", false),
            ("172.0.0.0/8", false),
        ] {
            assert_eq!(check_pool(pool.parse().unwrap()).is_ok(), fits, "{pool}");
        }
    }
}
