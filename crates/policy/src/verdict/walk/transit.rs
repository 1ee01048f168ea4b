//! Through a transit gateway.

use std::net::IpAddr;

use super::{Link, MOST_GATEWAYS, Way};
use crate::ranges::{ipv6_never_routed, never_routed};
use crate::topology::{Direction, TransitLink};
use crate::verdict::ArrivedAt;
use crate::verdict::reason::{Component, Reason};

impl Way<'_> {
    /// Out of a VPC by its attachment, whose subnet's ACL applies; then as the gateway's table says.
    pub(super) fn enter_transit(&mut self, from: Link, by: TransitLink) -> Option<ArrivedAt> {
        if self.subnet_of(by.vpc, from) != Some(by.subnet) {
            self.acl(by.subnet, Direction::Ingress)?;
        }
        let at = Component::TransitGateway(by.gateway);
        self.gateways += 1;
        if self.gateways > MOST_GATEWAYS {
            return self.dropped(at, Reason::Loop);
        }
        if let Some(address) = [self.source, self.to].into_iter().find(|it| is_never_routed(*it)) {
            return self.dropped(at, Reason::NeverRouted(address));
        }
        let tables = self.topology.transit_gateways.get(&by.gateway).map(|gateway| &gateway.tables);
        let table = by.table.and_then(|id| Some((id, tables?.get(&id)?)));
        let Some((table, routes)) = table else {
            return self.dropped(at, Reason::NotAssociated(by.attachment));
        };
        let Some((destination, attachment)) = routes.lookup(self.to) else {
            return self.dropped(at, Reason::NoTransitRoute { table });
        };
        let carries = |link: &TransitLink| link.ipv6 || self.to.is_ipv4();
        let is_there =
            |link: &TransitLink| link.gateway == by.gateway && Some(link.attachment) == attachment && carries(link);
        let Some(to) = self.topology.transit_links().find(is_there) else {
            return self.dropped(at, Reason::TransitBlackhole { table, destination, attachment });
        };
        self.stage(at, Reason::TransitRoute { table, destination, attachment: to.attachment })?;
        self.leave_transit(to)
    }

    /// Into a VPC by its attachment, and on as the route table of the attachment's subnet says.
    fn leave_transit(&mut self, by: TransitLink) -> Option<ArrivedAt> {
        let router = Component::Router(by.vpc);
        let vpc = self.topology.vpcs.get(&by.vpc)?;
        if vpc.contains(self.source) {
            return self.dropped(router, Reason::SourceOfThisVpc);
        }
        if self.local_service(by.vpc, vpc).is_some() {
            return self.dropped(router, Reason::RouterAddress);
        }
        let table = self.topology.subnets.get(&by.subnet).and_then(|subnet| subnet.route_table);
        let (stages, next) = self.route(by.vpc, table);
        if next.as_ref().and_then(super::Next::subnet) != Some(by.subnet) {
            self.acl(by.subnet, Direction::Egress)?;
        }
        self.path.extend(stages);
        self.go_on(by.vpc, Link::Transit(by.attachment), next?)
    }
}

/// Whether no router forwards from or to an address.
pub(super) fn is_never_routed(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => never_routed().iter().any(|block| block.contains(address)),
        IpAddr::V6(address) => ipv6_never_routed().iter().any(|block| block.contains(address)),
    }
}
