//! Rules that name groups of other VPCs: when they may, when they are stale, and who has them.

use std::collections::BTreeSet;
use std::sync::Arc;

use ec2_shapes::{
    DescribeSecurityGroupReferencesRequest, DescribeSecurityGroupReferencesResult, DescribeStaleSecurityGroupsRequest,
    DescribeStaleSecurityGroupsResult, IpPermission, ReferencedSecurityGroup, SecurityGroupReference,
    StaleIpPermission, StaleSecurityGroup, UserIdGroupPair,
};
use types::{SecurityGroupId, VpcId};

use super::by_id;
use super::describe::permissions_shape;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Filters, Listing, get, rows};
use crate::resource::{Peer, SecurityGroup, Tags, Vpc, VpcPeeringConnection};
use crate::state::Tables;
use crate::view::View;

/// The peering connection between two VPCs: the one that works, or else the last that did not.
fn peering(tables: &Tables, one: VpcId, other: VpcId) -> Option<&Arc<VpcPeeringConnection>> {
    let between = tables.peerings.values().filter(|peering| peering.peer_of(one) == Some(other));
    between.max_by_key(|peering| (peering.is_alive(), peering.since))
}

/// Whether a rule of `group` may name `source`: they share a VPC, or a peering connection works between theirs.
pub(super) fn may_name(tables: &Tables, group: &SecurityGroup, source: &SecurityGroup) -> bool {
    group.serves(source.vpc)
        || source.serves(group.vpc)
        || peering(tables, group.vpc, source.vpc).is_some_and(|peering| peering.is_alive())
}

/// Whether a rule of `group` names a group that is gone, or cannot be reached any more.
fn is_stale(tables: &Tables, group: &SecurityGroup, peer: &Peer) -> bool {
    match peer {
        Peer::Group(id) => tables.security_groups.get(id).is_none_or(|source| !may_name(tables, group, source)),
        _ => false,
    }
}

/// A group that a rule of a group in `vpc` names, as `IpPermissions` show it. Of one in another VPC more is told.
pub(super) fn pair_shape(
    context: &Context,
    tables: &Tables,
    vpc: VpcId,
    id: SecurityGroupId,
    description: Option<String>,
) -> UserIdGroupPair {
    let source = tables.security_groups.get(&id);
    let elsewhere = source.filter(|source| source.vpc != vpc);
    let peering = elsewhere.and_then(|source| peering(tables, vpc, source.vpc));
    UserIdGroupPair {
        description,
        group_id: Some(id.to_string()),
        peering_status: peering.map(|peering| peering.state.as_str().to_owned()),
        user_id: source.map(|_| context.account().to_string()),
        vpc_id: elsewhere.map(|source| source.vpc.to_string()),
        vpc_peering_connection_id: peering.map(|peering| peering.id.to_string()),
        ..UserIdGroupPair::default()
    }
}

/// The same as a rule by itself shows it.
pub(super) fn referenced_shape(
    context: &Context,
    tables: &Tables,
    vpc: VpcId,
    id: SecurityGroupId,
) -> ReferencedSecurityGroup {
    let pair = pair_shape(context, tables, vpc, id, None);
    ReferencedSecurityGroup {
        group_id: pair.group_id,
        peering_status: pair.peering_status,
        user_id: pair.user_id,
        vpc_id: tables.security_groups.get(&id).map(|source| source.vpc.to_string()),
        vpc_peering_connection_id: pair.vpc_peering_connection_id,
    }
}

/// Something that is listed without filters.
struct Plain<T>(T);

impl<T> Filterable for Plain<T> {
    const NAMES: &'static [&'static str] = &[];

    fn values(&self, _: &str, _: &mut dyn FnMut(&str)) {}

    fn tags(&self) -> Option<&Tags> {
        None
    }
}

pub(in crate::actions) fn describe_stale_security_groups(
    context: &Context,
    view: &View<'_>,
    request: DescribeStaleSecurityGroupsRequest,
) -> Result<DescribeStaleSecurityGroupsResult, ApiError> {
    let vpc = get::<Vpc>(view, &request.vpc_id)?.id;
    let tables = view.tables();
    let groups = tables.security_groups.values().filter(|group| group.vpc == vpc);
    let stale = groups.filter(|group| group.rules.iter().any(|rule| is_stale(tables, group, &rule.peer)));
    let found = stale.map(|group| (group.id.to_string(), Plain(group)));
    let asked = Listing::paged(&[], &[], request.max_results, request.next_token.as_deref()).limits(5, 255);
    let (rows, next_token) = rows(found, &Filters::new::<Plain<()>>(&[])?, asked)?;
    let shape = |Plain(group): &Plain<&Arc<SecurityGroup>>| StaleSecurityGroup {
        description: Some(group.description.clone()),
        group_id: Some(group.id.to_string()),
        group_name: Some(group.name.to_string()),
        stale_ip_permissions: stale_permissions(context, tables, group, false),
        stale_ip_permissions_egress: stale_permissions(context, tables, group, true),
        vpc_id: Some(vpc.to_string()),
    };
    Ok(DescribeStaleSecurityGroupsResult { next_token, stale_security_group_set: rows.iter().map(shape).collect() })
}

fn stale_permissions(
    context: &Context,
    tables: &Tables,
    group: &SecurityGroup,
    is_egress: bool,
) -> Vec<StaleIpPermission> {
    let rules = group.rules.iter().filter(|rule| rule.is_egress == is_egress && is_stale(tables, group, &rule.peer));
    let rules = rules.map(|rule| (rule.protocol, &rule.peer, rule.description.as_deref()));
    let shape = |permission: IpPermission| StaleIpPermission {
        from_port: permission.from_port,
        ip_protocol: permission.ip_protocol,
        to_port: permission.to_port,
        user_id_group_pairs: permission.user_id_group_pairs,
        ..StaleIpPermission::default()
    };
    permissions_shape(context, tables, group.vpc, rules).into_iter().map(shape).collect()
}

pub(in crate::actions) fn describe_security_group_references(
    _: &Context,
    view: &View<'_>,
    request: DescribeSecurityGroupReferencesRequest,
) -> Result<DescribeSecurityGroupReferencesResult, ApiError> {
    if request.group_id.is_empty() {
        return Err(ApiError::missing("GroupId"));
    }
    let tables = view.tables();
    let mut found = BTreeSet::new();
    for text in &request.group_id {
        let group = by_id(tables, text)?;
        let names_it = |other: &&Arc<SecurityGroup>| {
            other.vpc != group.vpc && other.rules.iter().any(|rule| rule.peer == Peer::Group(group.id))
        };
        found.extend(tables.security_groups.values().filter(names_it).map(|other| (group.id, group.vpc, other.vpc)));
    }
    let shape = |(group, vpc, other): (SecurityGroupId, VpcId, VpcId)| SecurityGroupReference {
        group_id: Some(group.to_string()),
        referencing_vpc_id: Some(other.to_string()),
        vpc_peering_connection_id: peering(tables, vpc, other).map(|peering| peering.id.to_string()),
        ..SecurityGroupReference::default()
    };
    Ok(DescribeSecurityGroupReferencesResult { security_group_reference_set: found.into_iter().map(shape).collect() })
}
