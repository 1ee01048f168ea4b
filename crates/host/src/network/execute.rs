//! Carries out changes, gathering those for `ip` into batches.

use std::net::IpAddr;

use policy::{
    Family, HostChange, InTable, InterfaceLink, NftCommand, Place, RouteKey, RoutePlan, TABLE_PREFERENCE, TableNumber,
    VethPlan,
};

use super::ApplyReport;
use super::conntrack;
use super::link::{configure_here, exists, prepare_here, write_sysctl};
use super::linux::Namespaces;
use super::observe::has_ipv6;
use super::program::{ip_batch, ipv6_command, nft_transaction};
use crate::{HostError, Result, netns};

/// Carries out changes in order.
pub(super) struct Executor<'a> {
    namespaces: &'a Namespaces,
    report: ApplyReport,
    /// Lines for `ip` in one namespace, not yet run.
    batch: Option<(Place, Vec<String>)>,
}

impl<'a> Executor<'a> {
    pub(super) fn new(namespaces: &'a Namespaces) -> Self {
        Self { namespaces, report: ApplyReport::default(), batch: None }
    }

    /// Carries out changes in order; many interfaces in a row are set up together.
    pub(super) fn add_all(&mut self, changes: &[HostChange]) -> Result<()> {
        let place_of = |change: &HostChange| match change {
            HostChange::ConfigureInterface { place, .. } => Some(*place),
            _ => None,
        };
        for run in changes.chunk_by(|a, b| place_of(a).is_some() && place_of(a) == place_of(b)) {
            match (run.first().and_then(place_of), run.len()) {
                (Some(place), 2..) => self.configure_together(place, run)?,
                _ => run.iter().try_for_each(|change| self.add(change))?,
            }
        }
        Ok(())
    }

    /// Sets up many interfaces of one namespace at once; one by one where that fails, so that a link which goes away
    /// meanwhile keeps none of the others from its settings.
    fn configure_together(&mut self, place: Place, changes: &[HostChange]) -> Result<()> {
        self.flush()?;
        let links = |change: &HostChange| match change {
            HostChange::ConfigureInterface { link, interface, .. } => Some((link.clone(), interface.clone())),
            _ => None,
        };
        let all: Vec<_> = changes.iter().filter_map(|change| Some((change, links(change)?))).collect();
        let done = self.namespaces.run_in(place, || {
            let there: Vec<_> = all.iter().filter(|(_, (link, _))| exists(link)).collect();
            let mut commands = Vec::new();
            let prepared = there.iter().try_for_each(|(_, (link, interface))| {
                commands.extend(prepare_here(link, interface)?);
                Ok::<_, HostError>(())
            });
            if prepared.and_then(|()| ip_batch(&commands)).is_ok() {
                return Ok(there.iter().map(|(change, _)| change.to_string()).collect());
            }
            let mut done = Vec::new();
            for (change, (link, interface)) in &all {
                if configure_interface(link, interface)? {
                    done.push(change.to_string());
                }
            }
            Ok::<Vec<String>, HostError>(done)
        })?;
        self.report.changes.extend(done);
        Ok(())
    }

    /// Carries out one change, or puts it into the batch.
    fn add(&mut self, change: &HostChange) -> Result<()> {
        // A kernel without IPv6 carries none.
        if is_of_ipv6(change) && !has_ipv6() {
            return Ok(());
        }
        let done = match change {
            HostChange::CreateNamespace(place) => self.create_namespace(*place)?,
            HostChange::DeleteNamespace(place) => self.delete_namespace(*place)?,
            HostChange::SetSysctl { place, path, value } => self.alone(*place, || set_sysctl(path, value))?,
            HostChange::ChangeTable { place, table, commands } => {
                let script = script(table, commands);
                self.alone(*place, || nft_transaction(&script).map(|()| true))?
            }
            HostChange::DeleteLink(end) => self.alone(end.place, || delete_link(&end.name))?,
            HostChange::CreateLink(veth) => self.create_link(veth)?,
            HostChange::RaiseLink(end) => self.ip(end.place, format!("link set dev {} up", end.name))?,
            HostChange::RemoveAddress { place, link, address } => {
                let line = format!("address delete {address}/{} dev {link}", host_length(address));
                // Those of IPv6 go when a link stops speaking it.
                if address.is_ipv6() { self.alone(*place, || forget(line))? } else { self.ip(*place, line)? }
            }
            HostChange::AddAddress { place, link, address } => self.ip(
                *place,
                format!("address replace {address}/{} dev {link}{}", host_length(address), no_dad(address)),
            )?,
            HostChange::AddTable { place, family, table } => {
                self.rule(*place, *family, format!("rule add {}", choice(*table)))?
            }
            HostChange::RemoveTable { place, family, table } => {
                self.rule(*place, *family, format!("rule delete {}", choice(*table)))?
            }
            HostChange::RemoveRoute { place, key, route } => {
                let route = route_words(*key, route);
                self.alone(*place, || forget(format!("route delete {route}")))?
            }
            HostChange::SetRoute { place, key, route } => {
                self.ip(*place, format!("route replace {} proto static", route_words(*key, route)))?
            }
            HostChange::AddBlackhole { place, key } => {
                self.ip(*place, format!("route replace {} proto static", blackhole_words(*key)))?
            }
            HostChange::RemoveBlackhole { place, key } => {
                let line = format!("route delete {}", blackhole_words(*key));
                if key.family() == Family::Ipv6 { self.alone(*place, || forget(line))? } else { self.ip(*place, line)? }
            }
            HostChange::ForgetInterface { place, link, routes } => {
                self.alone(*place, || forget_interface(link, routes))?
            }
            HostChange::PrepareForwards { place, link, routes } => {
                self.alone(*place, || prepare_forwards(link, routes))?
            }
            HostChange::ConfigureInterface { place, link, interface } => {
                self.alone(*place, || configure_interface(link, interface))?
            }
            HostChange::ForgetConnections { place, public, now } => {
                self.alone(*place, || conntrack::forget(*public, *now).map(|()| true))?
            }
            HostChange::ForgetUntracked { place, flows } => {
                self.alone(*place, || conntrack::forget_untracked(flows))?
            }
        };
        if done {
            self.report.changes.push(change.to_string());
        }
        Ok(())
    }

    /// Runs what is left of the batch.
    pub(super) fn finish(mut self) -> Result<ApplyReport> {
        self.flush()?;
        Ok(self.report)
    }

    fn flush(&mut self) -> Result<()> {
        match self.batch.take() {
            Some((place, lines)) => self.namespaces.run_in(place, || ip_batch(&lines)),
            None => Ok(()),
        }
    }

    fn ip(&mut self, place: Place, line: String) -> Result<bool> {
        if self.batch.as_ref().is_some_and(|(other, _)| *other != place) {
            self.flush()?;
        }
        self.batch.get_or_insert_with(|| (place, Vec::new())).1.push(line);
        Ok(true)
    }

    /// A rule of routing. Unlike routes and addresses, its words do not say of which family it is.
    fn rule(&mut self, place: Place, family: Family, line: String) -> Result<bool> {
        match family {
            Family::Ipv4 => self.ip(place, line),
            Family::Ipv6 => self.alone(place, || ipv6_command(&line).map(|()| true)),
        }
    }

    /// Does something that is not for `ip`, after what was gathered before it.
    fn alone(&mut self, place: Place, work: impl FnOnce() -> Result<bool> + Send) -> Result<bool> {
        self.flush()?;
        self.namespaces.run_in(place, work)
    }

    fn create_namespace(&mut self, place: Place) -> Result<bool> {
        self.flush()?;
        match place.namespace_name(self.namespaces.tag) {
            Some(name) => netns::create(&name).map(|()| true),
            None => Ok(false),
        }
    }

    fn delete_namespace(&mut self, place: Place) -> Result<bool> {
        self.flush()?;
        match place.namespace_name(self.namespaces.tag) {
            Some(name) => netns::delete(&name).map(|()| true),
            None => Ok(false),
        }
    }

    /// Makes a pair of links; one that lost its other half goes first.
    fn create_link(&mut self, veth: &VethPlan) -> Result<bool> {
        self.flush()?;
        for end in [&veth.near, &veth.far] {
            self.namespaces.run_in(end.place, || delete_link(&end.name))?;
        }
        let far = veth.far.place.namespace_name(self.namespaces.tag);
        let far = far.ok_or_else(|| HostError::Invalid("a link cannot lead to the operator".to_owned()))?;
        let (near, there) = (&veth.near.name, &veth.far.name);
        let Some(mac) = veth.shared_mac else {
            let line = format!("link add name {near} type veth peer name {there} netns {far}");
            return self.namespaces.run_in(veth.near.place, || ip_batch(&[line])).map(|()| true);
        };
        // Neither end asks for the other's hardware address: it is its own.
        let made = format!("link add name {near} address {mac} type veth peer name {there} address {mac} netns {far}");
        let quiet = |name: &str| format!("link set dev {name} arp off");
        self.namespaces.run_in(veth.near.place, || ip_batch(&[made, quiet(near)]))?;
        self.namespaces.run_in(veth.far.place, || ip_batch(&[quiet(there)])).map(|()| true)
    }
}

/// The commands as one transaction for `nft`.
fn script(table: &str, commands: &[NftCommand]) -> String {
    let lines = commands.iter().map(|command| InTable { table, command }.to_string() + "\n");
    lines.collect()
}

fn set_sysctl(path: &str, value: &str) -> Result<bool> {
    match write_sysctl(path, value) {
        // A kernel without IPv6 has no such setting, and needs none.
        Err(HostError::Io { source, .. })
            if path.starts_with("net/ipv6/") && source.kind() == std::io::ErrorKind::NotFound =>
        {
            Ok(false)
        }
        result => result.map(|()| true),
    }
}

fn delete_link(name: &str) -> Result<bool> {
    if !exists(name) {
        return Ok(false);
    }
    ip_batch(&[format!("link delete dev {name}")]).map(|()| true)
}

fn forget_interface(link: &str, routes: &[RouteKey]) -> Result<bool> {
    let mut done = false;
    for key in routes {
        if !exists(link) {
            return Ok(done);
        }
        done |= forget(format!("route delete {}", route_words(*key, &RoutePlan::Link { link: link.to_owned() })))?;
    }
    Ok(done)
}

/// Removes a route or an address; whether it was there. It goes with its link.
fn forget(line: String) -> Result<bool> {
    const GONE: [&str; 3] = ["No such process", "Cannot find device", "Cannot assign requested address"];
    match ip_batch(&[line]) {
        Err(HostError::Command { stderr, .. }) if GONE.iter().any(|words| stderr.contains(words)) => Ok(false),
        result => result.map(|()| true),
    }
}

/// Routes to the machine behind an interface, if its link is there; whoever makes it later adds them.
fn prepare_forwards(link: &str, routes: &[(RouteKey, RoutePlan)]) -> Result<bool> {
    let routes = routes.iter().filter(|(key, _)| key.family() == Family::Ipv4 || speaks_ipv6(link));
    let lines: Vec<String> =
        routes.map(|(key, route)| format!("route replace {} proto static", route_words(*key, route))).collect();
    match exists(link) {
        false => Ok(false),
        true => match ip_batch(&lines) {
            Err(_) if !exists(link) => Ok(false),
            result => result.map(|()| true),
        },
    }
}

/// Whether a link takes routes of IPv6.
fn speaks_ipv6(link: &str) -> bool {
    let path = format!("/proc/sys/net/ipv6/conf/{link}/disable_ipv6");
    std::fs::read_to_string(path).is_ok_and(|off| off.trim() == "0")
}

/// The length of the prefix of one address.
fn host_length(address: &IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Nobody else can have it: it is in use at once.
fn no_dad(address: &IpAddr) -> &'static str {
    if address.is_ipv6() { " nodad" } else { "" }
}

/// Whether a change is about addresses or routes of IPv6.
fn is_of_ipv6(change: &HostChange) -> bool {
    match change {
        HostChange::AddAddress { address, .. } | HostChange::RemoveAddress { address, .. } => address.is_ipv6(),
        HostChange::AddTable { family, .. } | HostChange::RemoveTable { family, .. } => *family == Family::Ipv6,
        HostChange::SetRoute { key, .. }
        | HostChange::RemoveRoute { key, .. }
        | HostChange::AddBlackhole { key, .. }
        | HostChange::RemoveBlackhole { key, .. } => key.family() == Family::Ipv6,
        _ => false,
    }
}

/// Sets up the host's end of an interface if it is there; whoever makes it later does the same.
fn configure_interface(link: &str, interface: &InterfaceLink) -> Result<bool> {
    if !exists(link) {
        return Ok(false);
    }
    match configure_here(link, interface) {
        Err(_) if !exists(link) => Ok(false),
        result => result.map(|()| true),
    }
}

/// What `ip rule` calls "packets with this table's mark are routed by it".
fn choice(table: TableNumber) -> String {
    format!("priority {TABLE_PREFERENCE} fwmark {} lookup {}", table.0, table.0)
}

/// A route as `ip route` writes it.
pub(super) fn route_words(key: RouteKey, route: &RoutePlan) -> String {
    let RouteKey { table, destination } = key;
    let way = match route {
        RoutePlan::Via { gateway, link, source } => {
            let source = source.map(|source| format!(" src {source}")).unwrap_or_default();
            format!("{destination} via {gateway} dev {link} onlink{source}")
        }
        // The scope tells from a way by a gateway only where there is a choice.
        RoutePlan::Link { link } => format!("{destination} dev {link}"),
        RoutePlan::Main => format!("throw {destination}"),
    };
    format!("{way} table {}", table.0)
}

/// Nothing, as `ip route` writes it: what comes after every other route for the destination.
fn blackhole_words(key: RouteKey) -> String {
    format!("blackhole {} metric {BLACKHOLE_METRIC} table {}", key.destination, key.table.0)
}

/// Routes that lead somewhere have metric 0 and come first.
pub(super) const BLACKHOLE_METRIC: u32 = 4096;
