//! Through the gateways by IPv6, which translate nothing.

use std::net::{IpAddr, Ipv6Addr};

use types::{NetworkInterfaceId, VpcId};

use super::transit::is_never_routed;
use super::{Link, Way};
use crate::plan::{METADATA_IPV6_ADDRESS, OF_THE_LINK, RESOLVER_IPV6_ADDRESS, ROUTER_IPV6_ADDRESS};
use crate::topology::Vpc;
use crate::verdict::reason::{Component, Reason};
use crate::verdict::{ArrivedAt, Traffic};

impl Way<'_> {
    /// Out by a gateway with the address that it has.
    pub(super) fn leave_by_ipv6_gateway(&mut self, id: VpcId, gateway: Component) -> Option<ArrivedAt> {
        let operator = &self.topology.operator;
        let user = match self.source {
            IpAddr::V6(source) => self.topology.ipv6_gateway_users().remove(&source),
            IpAddr::V4(_) => None,
        };
        if user.is_none_or(|(_, interface)| interface.vpc != id) {
            return self.dropped(gateway, Reason::NoPublicAddress);
        }
        if self.is_nowhere(id, self.to) {
            return self.dropped(gateway, Reason::NotOnTheInternet(self.to));
        }
        self.stage(gateway, Reason::AsItIs)?;
        self.reach_edge(operator.ipv6_address().into(), operator.ipv6_pool().into())
    }

    /// From the edge to an IPv6 address: by the internet gateway, or else as an answer by the egress-only one.
    pub(super) fn enter_ipv6(&mut self, address: Ipv6Addr) -> Option<ArrivedAt> {
        let topology = self.topology;
        let target = topology.ipv6_gateway_users().remove(&address).map(|(_, interface)| interface.vpc);
        let Some((id, vpc)) = target.and_then(|id| Some((id, topology.vpcs.get(&id)?))) else {
            return self.dropped(Component::Edge, Reason::PublicAddressUnused);
        };
        let internet = vpc.internet_gateway.is_some();
        let gateway = if internet { Component::Gateway(id) } else { Component::EgressOnlyGateway(id) };
        if self.is_of_the_link() {
            return self.dropped(gateway, Reason::OfTheLink);
        }
        if self.is_nowhere(id, self.source) {
            return self.dropped(gateway, Reason::NotOnTheInternet(self.source));
        }
        if internet {
            self.stage(gateway, Reason::AsItIs)?;
            return self.come_in(id, vpc);
        }
        let reason = if self.is_tracked(id) { Reason::AsItIs } else { Reason::EgressOnly };
        self.stage(gateway, reason)?;
        let (stages, next) = self.route(id, None);
        self.path.extend(stages);
        self.go_on(id, Link::EgressOnlyGateway, next?)
    }

    /// For an address of the VPC's router or services: whether something answers there.
    pub(super) fn ipv6_service(&self, to: Ipv6Addr, vpc: &Vpc) -> Option<bool> {
        let resolver = matches!(self.traffic, Traffic::Tcp(53) | Traffic::Udp(53));
        match to {
            ROUTER_IPV6_ADDRESS => Some(false),
            METADATA_IPV6_ADDRESS if vpc.has_ipv6() => Some(self.traffic == Traffic::Tcp(80)),
            RESOLVER_IPV6_ADDRESS if vpc.has_ipv6() => Some(vpc.dns_support && resolver),
            _ => None,
        }
    }

    /// Whether it is for the metadata service by IPv6, from an interface whose instance is not answered so.
    pub(super) fn lacks_metadata(&self, from: NetworkInterfaceId) -> bool {
        self.to == METADATA_IPV6_ADDRESS && !self.topology.metadata_by_ipv6.contains(&from)
    }

    /// The address of it, if one is, from or to which the kernel forwards no IPv6 (`ip6_forward`).
    pub(super) fn never_routed_ipv6(&self) -> Option<IpAddr> {
        [self.source, self.to].into_iter().find(|address| address.is_ipv6() && is_never_routed(*address))
    }

    /// Whether it is about one link alone.
    pub(super) fn is_of_the_link(&self) -> bool {
        let Traffic::Icmpv6 { kind, .. } = self.traffic else { return false };
        OF_THE_LINK.iter().any(|(first, last)| (*first..=*last).contains(&u16::from(kind)))
    }
}
