//! The network in the kernel of this machine.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use policy::{CloudTag, HostChange, HostPlan, Place, diff};
use types::{Ipv4Cidr, VpcId};

use super::execute::Executor;
use super::flows::{Counted, read_flows};
use super::observe::observe;
use super::program::{ip_batch, ip_json, nft_list, nft_transaction};
use super::{ApplyReport, ForwardProblem, Network, SocketSpec, VpcSocket, forward, socket};
use crate::{HostError, Result, netns};

/// The namespaces of one cloud.
#[derive(Debug, Clone)]
pub(super) struct Namespaces {
    pub tag: CloudTag,
    /// The operator's namespace, if it is not the one the process is in.
    pub operator: Option<PathBuf>,
}

impl Namespaces {
    /// The file that stands for the namespace; `None` for the one the process is in.
    pub(super) fn path(&self, place: Place) -> Option<PathBuf> {
        place.namespace_name(self.tag).map(|name| netns::path_of(&name)).or_else(|| self.operator.clone())
    }

    /// Runs `work` in the namespace.
    pub(super) fn run_in<T: Send>(&self, place: Place, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        match self.path(place) {
            Some(path) => netns::run_in(&path, work),
            None => work(),
        }
    }

    /// The names of the cloud's namespaces below `/run/netns`, whatever they stand for.
    fn names(&self) -> Result<Vec<String>> {
        let prefix = self.tag.namespace_prefix();
        let entries = match std::fs::read_dir(netns::NETNS_DIR) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(HostError::io("reading", netns::NETNS_DIR, e)),
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        Ok(names.filter(|name| name.starts_with(&prefix)).collect())
    }

    /// The namespaces that exist: always the operator's.
    pub(super) fn existing(&self) -> Result<BTreeSet<Place>> {
        let prefix = self.tag.namespace_prefix();
        let place = |name: &String| Place::read(name.strip_prefix(&prefix)?);
        let mut places: BTreeSet<Place> = self.names()?.iter().filter_map(place).collect();
        // What `ip netns add` leaves when it dies half-way is a plain file: nothing one could enter.
        places.retain(|place| self.path(*place).is_some_and(|path| netns::is_namespace(&path)));
        places.insert(Place::Operator);
        Ok(places)
    }
}

/// The network of a cloud in this machine's kernel.
///
/// A restart of the daemon finds everything as it was: [`Network::converge`] reads what exists and changes only what
/// is not as planned, so connections and machines do not notice.
pub struct LinuxNetwork {
    namespaces: Namespaces,
    /// The plan the kernel is known to follow. The lock also keeps two changes from interleaving.
    applied: Mutex<Option<HostPlan>>,
}

impl LinuxNetwork {
    /// The network of the cloud with this tag; the operator's namespace is the one the process is in.
    pub fn new(tag: CloudTag) -> Self {
        Self { namespaces: Namespaces { tag, operator: None }, applied: Mutex::new(None) }
    }

    /// The same with another namespace in the operator's place.
    pub fn with_operator_namespace(tag: CloudTag, operator: impl Into<PathBuf>) -> Self {
        Self { namespaces: Namespaces { tag, operator: Some(operator.into()) }, applied: Mutex::new(None) }
    }

    /// The link that addresses of `pool` are routed to already, if it is not this cloud's own; with the block it has.
    ///
    /// A route to more than the pool is no hindrance: the pool's own route is the closer one.
    ///
    /// # Errors
    /// If the routes cannot be read.
    pub fn pool_taken_by(&self, pool: Ipv4Cidr) -> Result<Option<(Ipv4Cidr, String)>> {
        let ours = self.namespaces.tag.operator_link();
        let routes = self.namespaces.run_in(Place::Operator, || ip_json(&["-4", "route", "show"]))?;
        let taken = routes.as_array().into_iter().flatten().filter_map(|route| {
            let text = route["dst"].as_str()?;
            let block = text.parse().ok().or_else(|| text.parse().ok().map(Ipv4Cidr::host))?;
            Some((block, route["dev"].as_str().unwrap_or("nowhere").to_owned()))
        });
        Ok(taken.into_iter().find(|(block, link)| pool.contains_cidr(*block) && *link != ours))
    }

    /// Where it is noted that forwarding was off before the cloud turned it on.
    fn forwarding_note(&self) -> PathBuf {
        Path::new("/run/daemun").join(format!("{}.forwarding-was-off", self.namespaces.tag))
    }

    fn check_tag(&self, plan: &HostPlan) -> Result<()> {
        if plan.tag == self.namespaces.tag {
            return Ok(());
        }
        Err(HostError::Invalid(format!("a plan of cloud {} for cloud {}", plan.tag, self.namespaces.tag)))
    }

    /// Reads, compares, repairs. `last` is the plan that was applied before, if any.
    fn converge_from(&self, last: Option<&HostPlan>, plan: &HostPlan) -> Result<ApplyReport> {
        let seen = observe(&self.namespaces, plan)?;
        let mut wanted = plan.clone();
        for (place, namespace) in &mut wanted.namespaces {
            let links = seen.links.get(place);
            namespace.interfaces.retain(|link, _| links.is_some_and(|links| links.contains(link)));
        }
        let mut changes = diff(&seen.plan, &wanted);
        // Where a change failed half-way, what was to be forgotten cannot be told from what is there.
        let missed = last.map(|last| diff(last, plan)).unwrap_or_default().into_iter();
        let missed: Vec<_> =
            missed.filter(|change| is_about_connections(change) && !changes.contains(change)).collect();
        changes.extend(missed);
        let mut report = self.execute(&changes)?;
        if last == Some(plan) {
            report.repairs = report.changes.clone();
        }
        let ours = self.namespaces.tag.operator_link();
        report.changes.extend(self.namespaces.run_in(Place::Operator, || forward::let_through_docker(&ours))?);
        Ok(report)
    }

    fn execute(&self, changes: &[HostChange]) -> Result<ApplyReport> {
        let turns_forwarding_on = changes.iter().any(|change| {
            matches!(change, HostChange::SetSysctl { place: Place::Operator, path, .. } if path == "net/ipv4/ip_forward")
        });
        if turns_forwarding_on {
            let note = self.forwarding_note();
            let directory = note.parent().unwrap_or(Path::new("/run"));
            std::fs::create_dir_all(directory).map_err(|e| HostError::io("making", directory, e))?;
            std::fs::write(&note, "").map_err(|e| HostError::io("writing", &note, e))?;
        }
        let mut executor = Executor::new(&self.namespaces);
        executor.add_all(changes)?;
        executor.finish()
    }

    /// Turns forwarding off again if the cloud turned it on, and nobody else seems to rely on it.
    fn restore_forwarding(&self) -> Result<()> {
        let note = self.forwarding_note();
        if !note.exists() {
            return Ok(());
        }
        self.namespaces.run_in(Place::Operator, || {
            if forward::base_chains()?.is_empty() {
                super::link::write_sysctl("net/ipv4/ip_forward", "0")?;
            }
            Ok(())
        })?;
        std::fs::remove_file(&note).map_err(|e| HostError::io("removing", &note, e))?;
        // Fails where another cloud has its notes there; then it stays.
        let _ = note.parent().map(std::fs::remove_dir);
        Ok(())
    }
}

/// Whether a change is about tracked connections, which no plan holds.
fn is_about_connections(change: &HostChange) -> bool {
    matches!(change, HostChange::ForgetConnections { .. } | HostChange::ForgetUntracked { .. })
}

impl Network for LinuxNetwork {
    fn apply(&self, plan: &HostPlan) -> Result<ApplyReport> {
        self.check_tag(plan)?;
        let mut applied = self.applied.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let last = applied.take();
        if let Some(last) = &last {
            match self.execute(&diff(last, plan)) {
                Ok(report) => {
                    *applied = Some(plan.clone());
                    return Ok(report);
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "network change failed; reading all anew");
                }
            }
        }
        let report = self.converge_from(last.as_ref(), plan)?;
        *applied = Some(plan.clone());
        Ok(report)
    }

    fn converge(&self, plan: &HostPlan) -> Result<ApplyReport> {
        self.check_tag(plan)?;
        let mut applied = self.applied.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let last = applied.take();
        let report = self.converge_from(last.as_ref(), plan)?;
        *applied = Some(plan.clone());
        Ok(report)
    }

    fn places(&self) -> Result<Vec<Place>> {
        Ok(self.namespaces.existing()?.into_iter().collect())
    }

    fn vpc_namespace(&self, vpc: VpcId) -> PathBuf {
        netns::path_of(&self.namespaces.tag.vpc_namespace(vpc))
    }

    fn flows(&self, vpc: VpcId) -> Result<Counted> {
        let table = self.namespaces.run_in(Place::Vpc(vpc), || nft_list(&["table", "inet", "daemun"]))?;
        Ok(table.as_ref().map(read_flows).unwrap_or_default())
    }

    fn open_in_vpc(&self, vpc: VpcId, spec: SocketSpec) -> Result<VpcSocket> {
        self.namespaces.run_in(Place::Vpc(vpc), || socket::open(spec))
    }

    fn forward_filter_check(&self) -> Result<Vec<ForwardProblem>> {
        let ours = self.namespaces.tag.operator_link();
        self.namespaces.run_in(Place::Operator, || forward::problems(&ours))
    }

    fn teardown(&self) -> Result<()> {
        let mut applied = self.applied.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *applied = None;
        let tag = self.namespaces.tag;
        self.namespaces.run_in(Place::Operator, || {
            let link = tag.operator_link();
            if super::link::exists(&link) {
                ip_batch(&[format!("link delete dev {link}")])?;
            }
            let table = tag.operator_table();
            if nft_list(&["table", "inet", &table])?.is_some() {
                nft_transaction(&format!("delete table inet {table}\n"))?;
            }
            forward::forget_docker(&link)
        })?;
        for name in self.namespaces.names()? {
            netns::delete(&name)?;
        }
        self.restore_forwarding()
    }
}
