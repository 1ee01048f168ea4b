//! What stands in the way of deleting a resource: everything that uses it.
//!
//! Which resource holds on to which is said here, once, in [`uses`]; the actions that delete ask
//! [`first_dependent`] or [`check_unused`].

use crate::error::ApiError;
use crate::resource::*;
use crate::state::{Key, Record, Tables};

/// The resources that cannot be deleted while `record` is there.
fn uses(record: &Record) -> Vec<Key> {
    match record {
        Record::Subnet(subnet) => vec![Key::Vpc(subnet.vpc)],
        Record::InternetGateway(gateway) => gateway.vpc.map(Key::Vpc).into_iter().collect(),
        Record::EgressOnlyInternetGateway(gateway) => vec![Key::Vpc(gateway.vpc)],
        // The main table, the default ACL and the default group go with their VPC.
        Record::RouteTable(table) => {
            let lists = table.routes.iter().filter_map(|route| match route.destination {
                RouteDestination::PrefixList(id) => Some(Key::PrefixList(id)),
                _ => None,
            });
            lists.chain((!table.is_main()).then_some(Key::Vpc(table.vpc))).collect()
        }
        Record::NetworkAcl(acl) if !acl.is_default => vec![Key::Vpc(acl.vpc)],
        Record::SecurityGroup(group) => {
            let peers = group.rules.iter().filter_map(|rule| match rule.peer {
                Peer::Group(peer) if peer != group.id => Some(Key::SecurityGroup(peer)),
                Peer::PrefixList(id) => Some(Key::PrefixList(id)),
                _ => None,
            });
            let vpc = (&*group.name != "default").then_some(Key::Vpc(group.vpc));
            let further = group.vpc_associations.keys().copied().map(Key::Vpc);
            peers.chain(vpc).chain(further).collect()
        }
        Record::NetworkInterface(interface) => {
            let groups = interface.groups.iter().copied().map(Key::SecurityGroup);
            groups.chain([Key::Subnet(interface.subnet), Key::Vpc(interface.vpc)]).collect()
        }
        Record::Image(image) => image.snapshots().map(Key::Snapshot).collect(),
        Record::Vpc(vpc) => vpc.dhcp_options.map(Key::DhcpOptions).into_iter().collect(),
        Record::VpcPeeringConnection(peering) if peering.is_open() => {
            vec![Key::Vpc(peering.requester.vpc), Key::Vpc(peering.accepter.vpc)]
        }
        Record::VpnGateway(gateway) => gateway.vpc().map(Key::Vpc).into_iter().collect(),
        Record::VpcEndpoint(endpoint) if endpoint.state != VpcEndpointState::Deleted => vec![Key::Vpc(endpoint.vpc)],
        Record::TransitGatewayAttachment(attachment) if attachment.state != TransitAttachmentState::Deleted => {
            let subnets = attachment.subnets.iter().copied().map(Key::Subnet);
            subnets.chain([Key::Vpc(attachment.vpc)]).collect()
        }
        _ => vec![],
    }
}

/// The resources of the region that use `target`.
pub fn dependents<'a>(tables: &'a Tables, target: &'a Key) -> impl Iterator<Item = Key> + 'a {
    tables.records().filter(move |record| uses(record).contains(target)).map(|record| record.key())
}

/// A resource of the region that uses `target`, if there is one.
pub fn first_dependent(tables: &Tables, target: &Key) -> Option<Key> {
    dependents(tables, target).next()
}

/// Checks that nothing in the region uses `target`.
///
/// # Errors
/// `DependencyViolation` with this message.
pub fn check_unused(tables: &Tables, target: &Key, message: impl Into<String>) -> Result<(), ApiError> {
    match first_dependent(tables, target) {
        Some(_) => Err(ApiError::dependency(message)),
        None => Ok(()),
    }
}
