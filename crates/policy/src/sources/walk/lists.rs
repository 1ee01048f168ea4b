//! What network ACLs and groups let pass.

use types::{SecurityGroupId, SubnetId};

use super::{Held, Way};
use crate::sources::range::{Line, line_of};
use crate::topology::{Direction, Interface, InterfaceKind, Peer};
use crate::verdict::Link;

impl Way<'_, '_> {
    /// What the network ACL at the boundary of a subnet lets pass.
    pub(super) fn acl(&mut self, subnet: SubnetId, direction: Direction) -> Option<()> {
        let topology = self.index.topology;
        let acl = topology.acls.get(&topology.subnets.get(&subnet)?.acl?)?;
        let other = match direction {
            Direction::Ingress => self.source,
            Direction::Egress => self.to,
        };
        // What no entry decided so far.
        let mut open = std::mem::take(&mut self.traffic);
        for entry in acl.entries(direction) {
            if open.is_empty() {
                break;
            }
            if !self.is_in(other, entry.cidr) {
                continue;
            }
            let met = line_of(entry.protocol);
            if entry.allow {
                self.traffic = self.traffic.or(&open.and(&met));
            }
            open = open.without(&met);
        }
        (!self.traffic.is_empty()).then_some(())
    }

    /// What the groups of an interface let pass from or to the other side, which is behind the link.
    pub(super) fn groups(&mut self, interface: &Interface, direction: Direction, link: Link) -> Option<()> {
        if interface.kind != InterfaceKind::Machine || self.is_tracked(interface.vpc) {
            return Some(());
        }
        let topology = self.index.topology;
        let other = match direction {
            Direction::Ingress => self.source,
            Direction::Egress => self.to,
        };
        let groups = interface.groups.iter().filter_map(|id| topology.groups.get(id));
        let mut allowed = Vec::new();
        for rule in groups.filter(|group| group.vpcs.contains(&interface.vpc)).flat_map(|group| group.rules(direction))
        {
            let is_peer = match rule.peer {
                Peer::Cidr(block) => self.is_in(other, block),
                Peer::Group(group) => self.is_member(group, link, other),
            };
            if is_peer {
                allowed.extend(line_of(rule.protocol).iter().map(|span| (span.first, span.last)));
            }
        }
        self.keep(&Line::of_ranges(allowed))
    }

    /// Whether an address behind a link is that of a group's member.
    fn is_member(&mut self, group: SecurityGroupId, link: Link, held: Held) -> bool {
        let (index, topology) = (self.index, self.index.topology);
        match link {
            Link::Interface(id) => {
                let Some(member) = topology.interfaces.get(&id) else { return false };
                let has = member.all_addresses().filter(|own| self.is(held, *own)).count() > 0;
                has && topology.carries(member, group)
            }
            Link::Peering(peering) => {
                let Some(peering) = topology.peerings.get(&peering) else { return false };
                let sides = [peering.requester, peering.accepter];
                let having = |vpc| index.having(vpc, held.address);
                if held.as_sent {
                    for vpc in sides {
                        self.looked_up(held, index.beside(vpc, held.address), !having(vpc).is_empty());
                    }
                }
                sides.into_iter().flat_map(having).any(|(_, member)| topology.carries(member, group))
            }
            Link::Gateway | Link::EgressOnlyGateway | Link::Transit(_) => false,
        }
    }
}
