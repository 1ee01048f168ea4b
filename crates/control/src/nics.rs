//! The interfaces of an instance's machine and what it looks names up by, and whether it has them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cloud::Tables;
use cloud::resource::{Instance, NetworkInterface, TransitionKind, Vpc};
use host::machine::{ForwardRoute, NicSpec};
use policy::HostPlan;
use types::NetworkInterfaceId;

use crate::Parts;
use crate::machine_spec::resolv_conf;

/// The largest packet on a link inside a VPC, in bytes.
const MTU_BYTES: u32 = 1500;

/// The routes that the kernel follows and that lead to a machine's interface.
pub(crate) type Forwards = BTreeMap<NetworkInterfaceId, BTreeSet<ForwardRoute>>;

/// What a plan says of routes to machines.
pub(crate) fn forwards(plan: &HostPlan) -> Forwards {
    let links = plan.namespaces.values().flat_map(|namespace| namespace.interfaces.values());
    let forwarding = links.filter(|link| !link.forwards.is_empty());
    let route = |key: &policy::RouteKey| ForwardRoute { table: key.table.0, destination: key.destination };
    forwarding.map(|link| (link.interface, link.forwards.iter().map(route).collect())).collect()
}

/// The interfaces of an instance's machine, the primary one first: those attached to it, but for what is being detached.
///
/// # Errors
/// What the State lacks.
pub(crate) fn nics(
    parts: &Parts,
    tables: &Tables,
    instance: &Instance,
    forwards: &Forwards,
) -> Result<Vec<NicSpec>, &'static str> {
    let nic = |interface: &Arc<NetworkInterface>| {
        let subnet = tables.subnets.get(&interface.subnet).ok_or("the subnet of an interface is gone")?;
        let device_index = interface.attachment.as_ref().map_or(0, |attachment| attachment.device_index);
        Ok(NicSpec {
            netns: parts.network.vpc_namespace(interface.vpc),
            host_ifname: policy::eni_link_name(interface.id),
            guest_ifname: format!("eth{device_index}"),
            mac: interface.mac,
            address: interface.private_ip,
            secondary: interface.private_ips().skip(1).collect(),
            ipv6: interface.ipv6.clone(),
            gateway: subnet.gateway().ok_or("a subnet has no address for its router")?,
            subnet: Some(subnet.cidr),
            device_index,
            mtu: MTU_BYTES,
            source_dest_check: interface.source_dest_check,
            forwards: forwards.get(&interface.id).cloned().unwrap_or_default(),
        })
    };
    let attached = tables.interfaces_of(instance).filter(|interface| !interface.is_in(TransitionKind::Detaching));
    let mut nics = attached.map(nic).collect::<Result<Vec<_>, &str>>()?;
    nics.sort_by_key(|nic| nic.device_index);
    Ok(nics)
}

/// What a machine was last given.
#[derive(Debug, Clone)]
pub(crate) struct Connected {
    /// The records that it was made from.
    pub interfaces: Vec<Arc<NetworkInterface>>,
    /// The interfaces.
    pub nics: Vec<NicSpec>,
    /// The VPC whose DHCP options it was told of. The options themselves never change.
    vpc: Option<Arc<Vpc>>,
    /// What it looks names up by.
    pub resolver: Option<String>,
}

impl Connected {
    /// What a machine has that was given these.
    pub(crate) fn new(tables: &Tables, instance: &Instance, nics: Vec<NicSpec>) -> Self {
        Self {
            interfaces: tables.interfaces_of(instance).cloned().collect(),
            nics,
            vpc: tables.vpcs.get(&instance.vpc).cloned(),
            resolver: resolv_conf(tables, instance),
        }
    }

    /// Whether nothing can have changed since: the records are the same ones, and no route leads to any of them. Quick,
    /// since this is asked of every instance at every change.
    fn is_untouched(&self, tables: &Tables, instance: &Instance) -> bool {
        let mut now = tables.interfaces_of(instance);
        let same = self.interfaces.iter().all(|known| now.next().is_some_and(|now| Arc::ptr_eq(known, now)));
        let same_vpc = match (&self.vpc, tables.vpcs.get(&instance.vpc)) {
            (Some(known), Some(now)) => Arc::ptr_eq(known, now),
            (known, now) => known.is_none() && now.is_none(),
        };
        same_vpc && same && now.next().is_none() && self.interfaces.iter().all(|interface| interface.source_dest_check)
    }

    /// Whether the machine has what it shall have; takes note of records that differ in nothing that matters here.
    pub(crate) fn holds(&mut self, parts: &Parts, tables: &Tables, instance: &Instance, forwards: &Forwards) -> bool {
        if self.is_untouched(tables, instance) {
            return true;
        }
        // Without a subnet there is nothing to be given; the error is told where a machine is started.
        let same = nics(parts, tables, instance, forwards).is_ok_and(|nics| nics == self.nics)
            && resolv_conf(tables, instance) == self.resolver;
        if same {
            self.interfaces = tables.interfaces_of(instance).cloned().collect();
            self.vpc = tables.vpcs.get(&instance.vpc).cloned();
        }
        same
    }
}
