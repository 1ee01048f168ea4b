//! Whom a name means: an instance by its id or `Name` tag, an address, a DNS name of the cloud.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cloud::resource::{Instance, NetworkInterface};
use cloud::{Tables, names};
use policy::{Endpoint, Topology};
use types::{InstanceId, InstanceState, NetworkInterfaceId, Region};

use crate::message::{Message, say};
use crate::why::Complaint;

/// Addresses that stand for anyone on the internet, one of each family: no rule means them in particular.
const ANYONE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
/// See [`ANYONE`].
pub(crate) const ANYONE_BY_IPV6: Ipv6Addr = Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 1);
/// What asks for that.
const INTERNET: &str = "internet";

/// The cloud, as far as names are looked up in it.
pub(crate) struct Names<'a> {
    pub(crate) tables: &'a Tables,
    pub(crate) region: &'a Region,
    pub(crate) topology: &'a Topology,
}

/// Who calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    /// The sender of its packets.
    pub(crate) endpoint: Endpoint,
    /// Their source address, where it is not the interface's own.
    pub(crate) address: IpAddr,
    /// The machine it is, if it is one.
    pub(crate) instance: Option<InstanceId>,
    /// Whether it stands for anyone on the internet.
    pub(crate) is_anyone: bool,
}

/// What a word for a target means.
#[derive(Debug, Clone)]
pub(crate) enum Named {
    /// An instance.
    Instance(InstanceId),
    /// An address.
    Address(IpAddr),
    /// A DNS name of an address of the cloud: the address it means outside, and the one inside the VPC.
    Name {
        /// The public address, where the name is of one.
        public: Option<Ipv4Addr>,
        /// The interface whose address it is.
        interface: NetworkInterfaceId,
        /// The private address.
        private: Ipv4Addr,
    },
}

impl<'a> Names<'a> {
    /// Who `word` is as a caller; the operator where nothing is said.
    pub(crate) fn caller(&self, word: Option<&str>) -> Result<Caller, Complaint> {
        let outside =
            |address: IpAddr| Caller { endpoint: Endpoint::Outside, address, instance: None, is_anyone: false };
        let Some(word) = word else { return Ok(outside(self.topology.operator.address().into())) };
        if word == INTERNET {
            return Ok(Caller { is_anyone: true, ..outside(ANYONE.into()) });
        }
        match self.named(word)? {
            Named::Address(address) => {
                let own = self.topology.gateway_users();
                let by_public = own.iter().find(|(public, _)| IpAddr::V4(**public) == address);
                let interface = by_public.map(|(_, (id, ..))| *id).or_else(|| self.holder(address));
                interface.map_or(Ok(outside(address)), |id| self.caller_at(id, word))
            }
            Named::Instance(id) => {
                let instance = self.instance(id).ok_or_else(|| Complaint::unknown(word, self.region))?;
                let primary = instance.interfaces.first().ok_or_else(|| Complaint::ended(word, id))?;
                self.caller_at(*primary, word)
            }
            Named::Name { interface, .. } => self.caller_at(interface, word),
        }
    }

    fn caller_at(&self, id: NetworkInterfaceId, word: &str) -> Result<Caller, Complaint> {
        let interface = self.tables.interfaces.get(&id).ok_or_else(|| Complaint::unknown(word, self.region))?;
        let instance = interface.attachment.as_ref().map(|attachment| attachment.instance);
        let address = interface.private_ip.into();
        Ok(Caller { endpoint: Endpoint::Interface(id), address, instance, is_anyone: false })
    }

    /// The one interface that has this private address; `None` if several VPCs have one.
    pub(crate) fn holder(&self, address: IpAddr) -> Option<NetworkInterfaceId> {
        let mut holders = self.topology.interfaces.iter().filter(|(_, interface)| interface.has(address));
        let (id, _) = holders.next()?;
        holders.next().is_none().then_some(*id)
    }

    /// What a word means.
    pub(crate) fn named(&self, word: &str) -> Result<Named, Complaint> {
        if let Ok(address) = word.parse() {
            return Ok(Named::Address(address));
        }
        if let Ok(id) = word.parse::<InstanceId>() {
            return self.instance(id).map(|_| Named::Instance(id)).ok_or_else(|| Complaint::unknown(word, self.region));
        }
        if let Some(found) = self.dns_name(word) {
            return Ok(found);
        }
        let is_named = |id: &InstanceId| self.tables.tags_of(&id.to_string()).get("Name").is_some_and(|n| **n == *word);
        let mut found: Vec<&Instance> =
            self.tables.instances.values().map(|instance| &**instance).filter(|i| is_named(&i.id)).collect();
        // A name often outlives its machine; among several the ones that are still there are meant.
        let is_there = |i: &&Instance| !matches!(i.state, InstanceState::Terminated | InstanceState::ShuttingDown);
        if found.iter().any(is_there) {
            found.retain(is_there);
        }
        match found.as_slice() {
            [] => Err(Complaint::unknown(word, self.region)),
            [one] => Ok(Named::Instance(one.id)),
            several => Err(Complaint::ambiguous(word, several.iter().map(|instance| instance.id))),
        }
    }

    pub(crate) fn instance(&self, id: InstanceId) -> Option<&'a Instance> {
        self.tables.instances.get(&id).map(|instance| &**instance)
    }

    pub(crate) fn interface(&self, id: NetworkInterfaceId) -> Option<&'a NetworkInterface> {
        self.tables.interfaces.get(&id).map(|interface| &**interface)
    }

    fn dns_name(&self, word: &str) -> Option<Named> {
        let word = word.trim_end_matches('.').to_ascii_lowercase();
        self.tables.interfaces.values().find_map(|interface| {
            let public = interface.addresses().find_map(|(private, public)| {
                let public = public?.ip;
                (names::public_dns_name(self.region, public) == word).then_some((private, Some(public)))
            });
            let instance = interface.attachment.as_ref().and_then(|it| self.instance(it.instance));
            let is_private = || {
                let by_id = instance.map(|it| names::instance_dns_name(self.region, it, interface.private_ip));
                names::private_dns_name(self.region, interface.private_ip) == word || by_id.as_deref() == Some(&*word)
            };
            let (private, public) = public.or_else(|| is_private().then_some((interface.private_ip, None)))?;
            Some(Named::Name { public, interface: interface.id, private })
        })
    }
}

/// Why a name leads to no address for this caller; as the stage of name resolution has it.
pub(crate) fn resolution(word: &str, address: IpAddr) -> Message {
    say!("why-resolves", name = word, address = address)
}
