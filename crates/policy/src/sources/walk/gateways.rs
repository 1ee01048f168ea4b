//! Through internet gateways and transit gateways.

use std::net::IpAddr;

use types::{RouteTableId, VpcId};

use super::{Held, Way};
use crate::sources::index::beside;
use crate::sources::range::AddressRange;
use crate::topology::{Direction, Target, TransitLink, Vpc};
use crate::verdict::{ArrivedAt, Link, MOST_GATEWAYS, Next};

impl<'a> Way<'_, 'a> {
    pub(super) fn leave_by_gateway(&mut self, id: VpcId) -> Option<ArrivedAt> {
        let (index, source) = (self.index, self.source);
        let operator = &index.topology.operator;
        let public = index.publics.get(&(id, source.address));
        if source.as_sent {
            self.looked_up(source, beside(&index.publics, id, source.address), public.is_some());
        }
        // The gateway takes an answer out only where the call came in by it.
        if self.is_tracked(id) && self.answers.as_ref().is_some_and(|memory| !memory.entered.contains(&id)) {
            return None;
        }
        let public = IpAddr::V4(*public?);
        if self.is_nowhere(id, self.to) {
            return None;
        }
        self.source = Held { address: public, as_sent: false };
        self.reach_edge(operator.address().into(), types::Cidr::from(operator.pool).into())
    }

    /// Out by a gateway with the address that they have.
    pub(super) fn leave_by_ipv6_gateway(&mut self, id: VpcId) -> Option<ArrivedAt> {
        let operator = &self.index.topology.operator;
        if self.find(self.source, &self.index.ipv6_users) != Some(id) || self.is_nowhere(id, self.to) {
            return None;
        }
        self.reach_edge(operator.ipv6_address().into(), types::Cidr::from(operator.ipv6_pool()).into())
    }

    /// On from the edge: back into the cloud, whose public addresses are the pool's, or out of it.
    fn reach_edge(&mut self, operator: IpAddr, pool: AddressRange) -> Option<ArrivedAt> {
        if self.is(self.to, operator) {
            // It hears answers, and nothing else.
            self.answers.is_some().then_some(ArrivedAt::Outside)
        } else if self.is_in(self.to, pool) {
            self.enter_public()
        } else {
            Some(ArrivedAt::Outside)
        }
    }

    /// From the edge to a public address.
    pub(super) fn enter_public(&mut self) -> Option<ArrivedAt> {
        if self.to.address.is_ipv6() {
            return self.enter_ipv6();
        }
        let (id, private) = self.find(self.to, &self.index.privates)?;
        let vpc = self.index.topology.vpcs.get(&id)?;
        if self.is_nowhere(id, self.source) {
            return None;
        }
        if self.is_same() {
            self.keep_translated()?;
        }
        self.memory.entered.insert(id);
        self.to = Held { address: private.into(), as_sent: false };
        self.come_in(id, vpc)
    }

    /// Whether they are from the address that they are for.
    fn is_same(&mut self) -> bool {
        let (source, to) = (self.source, self.to);
        // Both are asked about, whichever is the sender's.
        self.is(source, to.address) & self.is(to, source.address)
    }

    /// From the edge to an IPv6 address: by the internet gateway, or else as answers by the egress-only one.
    fn enter_ipv6(&mut self) -> Option<ArrivedAt> {
        let id = self.find(self.to, &self.index.ipv6_users)?;
        let vpc = self.index.topology.vpcs.get(&id)?;
        self.leave_out_the_links_own()?;
        if self.is_nowhere(id, self.source) {
            return None;
        }
        if vpc.internet_gateway.is_some() {
            return self.come_in(id, vpc);
        }
        if !self.is_tracked(id) {
            return None;
        }
        let next = self.route(id, None)?;
        self.go_on(id, Link::EgressOnlyGateway, next)
    }

    /// From the internet gateway on into its VPC.
    fn come_in(&mut self, id: VpcId, vpc: &Vpc) -> Option<ArrivedAt> {
        let next = self.route(id, vpc.gateway_table)?;
        if !self.is_tracked(id) {
            self.way_back(&next)?;
        }
        self.go_on(id, Link::Gateway, next)
    }

    /// Whether a gateway of a VPC takes nothing from an address, and forwards nothing to it.
    fn is_nowhere(&mut self, id: VpcId, held: Held) -> bool {
        let index = self.index;
        index.nowhere(id).iter().filter(|range| self.is_in(held, **range)).count() > 0
    }

    /// Whether the subnet that packets from the internet gateway go to sends answers back there.
    fn way_back(&mut self, next: &Next<'a>) -> Option<()> {
        let topology = self.index.topology;
        let table: RouteTableId = topology.subnets.get(&next.subnet()?)?.route_table?;
        let table = topology.route_tables.get(&table)?;
        let (_, target) = self.lookup(self.source, table.lookup(self.source.address), &table.routes)?;
        (target == Target::InternetGateway).then_some(())
    }

    /// Out of a VPC by its attachment, whose subnet's ACL applies; then as the gateway's table says.
    pub(super) fn enter_transit(&mut self, from: Link, by: TransitLink) -> Option<ArrivedAt> {
        let index = self.index;
        if self.subnet_of(by.vpc, from) != Some(by.subnet) {
            self.acl(by.subnet, Direction::Ingress)?;
        }
        self.gateways += 1;
        if self.gateways > MOST_GATEWAYS || self.is_never_routed() {
            return None;
        }
        let routes = index.topology.transit_gateways.get(&by.gateway)?.tables.get(&by.table?)?;
        let (_, attachment) = self.lookup(self.to, routes.lookup(self.to.address), &routes.routes)?;
        let carries = |link: &TransitLink| link.ipv6 || self.to.address.is_ipv4();
        let is_there =
            |link: &&TransitLink| link.gateway == by.gateway && Some(link.attachment) == attachment && carries(link);
        let to = *index.transit.iter().find(is_there)?;
        self.leave_transit(to)
    }

    /// Into a VPC by its attachment, and on as the route table of the attachment's subnet says.
    fn leave_transit(&mut self, by: TransitLink) -> Option<ArrivedAt> {
        let topology = self.index.topology;
        let vpc = topology.vpcs.get(&by.vpc)?;
        if self.is_of_vpc(self.source, vpc) || self.service(by.vpc, vpc).is_some() {
            return None;
        }
        let next = self.route(by.vpc, topology.subnets.get(&by.subnet).and_then(|subnet| subnet.route_table))?;
        if next.subnet() != Some(by.subnet) {
            self.acl(by.subnet, Direction::Egress)?;
        }
        self.go_on(by.vpc, Link::Transit(by.attachment), next)
    }
}
