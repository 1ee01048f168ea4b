//! What stands behind the instances: the host, or a pretence of it.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use cloud::State;
use host::image::{CapturedLayers, Image, Layers, SimulatedLayers};
use host::machine::{HookCommand, LxcMachines, Machines, SimulatedMachines};
use host::network::{LinuxNetwork, Network, SimulatedNetwork};
use host::uid_ranges::UidRanges;
use policy::CloudTag;
use types::{InstanceState, Ipv4Cidr};

use super::{Engine, ServeOptions};

/// Who owns which user ids, for every cloud of the host.
const UID_RANGES_DIR: &str = "/var/lib/daemun/ids";

pub(super) type ListImages = Arc<dyn Fn() -> host::Result<Vec<Image>> + Send + Sync>;

/// The parts of an engine.
#[derive(Clone)]
pub(super) struct Parts {
    pub machines: Arc<dyn Machines>,
    pub layers: Arc<dyn Layers>,
    pub network: Arc<dyn Network>,
    pub uid_ranges: Arc<UidRanges>,
    pub list_images: ListImages,
    /// The id of the host's present boot.
    pub host_boot: String,
}

/// Makes the engine ready.
///
/// # Errors
/// If the host lacks something that machines need; `daemun doctor` says what.
pub(super) fn start(options: &ServeOptions, state_dir: &Path, tag: CloudTag, state: &State) -> anyhow::Result<Parts> {
    if options.engine == Engine::Container {
        check_pool_is_free(&LinuxNetwork::new(tag), options.public_pool)?;
    }
    let parts = match options.engine {
        Engine::Container => container(options, state_dir, tag)?,
        Engine::Simulated => simulated(state),
    };
    parts.machines.prepare().context("the host is not ready for machines; `daemun doctor` says what is missing")?;
    parts.layers.prepare().context("what an interrupted copy of a machine left cannot be removed")?;
    Ok(parts)
}

/// Refuses public addresses that are somebody else's already: two clouds would take the route from each other for ever.
fn check_pool_is_free(network: &LinuxNetwork, pool: Ipv4Cidr) -> anyhow::Result<()> {
    match network.pool_taken_by(pool) {
        Ok(Some((block, link))) => bail!(
            "the public pool {pool} is in use on this machine: {block} is routed to {link}; choose other addresses with \
             --public-pool, or take down the cloud that has them"
        ),
        Ok(None) => Ok(()),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "cannot see whether the public pool is free");
            Ok(())
        }
    }
}

/// Refuses what this user or this host cannot do, before anything is changed.
pub(super) fn check_host(engine: Engine) -> anyhow::Result<()> {
    if engine == Engine::Simulated {
        return Ok(());
    }
    if !host::system::is_root() {
        bail!("instances need root: run this with sudo, or use --engine simulated");
    }
    let missing = host::doctor::missing_for_machines();
    if missing.is_empty() {
        return Ok(());
    }
    let (programs, packages): (Vec<&str>, Vec<&str>) = missing.into_iter().unzip();
    bail!(
        "instances need {}, missing here: apt-get install {} (`daemun doctor` looks at everything)",
        programs.join(", "),
        packages.join(" ")
    )
}

/// The machines and the network of a state directory on this host.
pub(super) fn container(options: &ServeOptions, state_dir: &Path, tag: CloudTag) -> anyhow::Result<Parts> {
    check_host(options.engine)?;
    super::info::check_passable(state_dir)?;
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let hook = HookCommand { program, args: vec!["machine-hook".to_owned()] };
    let machines = LxcMachines::open(&state_dir.join("instances"), hook)
        .context("cannot look after machines here; `daemun doctor` says what is missing")?;
    let store = host::image::ImageStore::open(&options.image_dir)
        .with_context(|| format!("cannot use the image directory {}", options.image_dir.display()))?;
    Ok(Parts {
        machines: Arc::new(machines),
        layers: Arc::new(CapturedLayers::new(&store, &tag.to_string())),
        network: Arc::new(LinuxNetwork::new(tag)),
        uid_ranges: Arc::new(UidRanges::open(UID_RANGES_DIR.into(), &tag.to_string())?),
        list_images: Arc::new(move || store.list()),
        host_boot: host::system::boot_id()?,
    })
}

/// Pretended machines end with the daemon; those that ran when it ended run on when it is back.
fn simulated(state: &State) -> Parts {
    let instances = state.regions.values().flat_map(|tables| tables.instances.values());
    let running = instances.filter(|i| i.state == InstanceState::Running).map(|i| i.id);
    Parts {
        machines: Arc::new(SimulatedMachines::with_running(running)),
        layers: Arc::new(SimulatedLayers::default()),
        network: Arc::new(SimulatedNetwork::default()),
        uid_ranges: Arc::new(UidRanges::simulated()),
        list_images: Arc::new(|| Ok(host::image::simulated_images())),
        host_boot: "simulated".to_owned(),
    }
}
