//! Network ACLs.
//!
//! Follows the VPC guide's page on network ACLs, the service model, and the texts that AWS is seen to answer.

mod entries;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use ec2_shapes::{
    CreateNetworkAclRequest, CreateNetworkAclResult, DeleteNetworkAclRequest, DescribeNetworkAclsRequest,
    DescribeNetworkAclsResult, NetworkAclAssociation, ReplaceNetworkAclAssociationRequest,
    ReplaceNetworkAclAssociationResult,
};
use types::{NetworkAclAssociationId, NetworkAclId, SubnetId};

use super::show::boolean;
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency;
use crate::query::{Filterable, Listing, get, list};
use crate::quotas::{self, Quota};
use crate::resource::{NetworkAcl, Tags, Vpc};
use crate::state::{Key, Tables};
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;
use crate::view::View;

pub(super) use entries::{create_network_acl_entry, delete_network_acl_entry, replace_network_acl_entry};

const RESOURCE_TYPE: &str = "network-acl";

pub(super) fn create_network_acl(
    context: &Context,
    tx: &mut Transaction,
    request: CreateNetworkAclRequest,
) -> Result<CreateNetworkAclResult, ApiError> {
    let token = request.client_token.clone();
    let id = idempotency::once(context, tx, "CreateNetworkAcl", token.as_deref(), &request, |tx| {
        let tags = NewTags::new(&request.tag_specifications, &[RESOURCE_TYPE])?;
        let vpc = get::<Vpc>(tx, &request.vpc_id)?.id;
        let present = tx.network_acls.values().filter(|acl| acl.vpc == vpc).count();
        quotas::check(context, Quota::NetworkAclsPerVpc, present)?;
        let id = NetworkAclId::from_number(context.id_number());
        tx.put(NetworkAcl { id, vpc, is_default: false, entries: Vec::new(), associations: BTreeMap::new() });
        tags.put(tx, RESOURCE_TYPE, id);
        Ok(id.to_string())
    })?;
    let acl = get::<NetworkAcl>(tx, &id)?;
    let shape = Row { context, tables: tx, acl }.shape();
    Ok(CreateNetworkAclResult { client_token: token, network_acl: Some(shape) })
}

pub(super) fn delete_network_acl(
    _: &Context,
    tx: &mut Transaction,
    request: DeleteNetworkAclRequest,
) -> Result<(), ApiError> {
    let acl = get::<NetworkAcl>(tx, &request.network_acl_id)?;
    let id = acl.id;
    if acl.is_default {
        return Err(ApiError::invalid_value(format!("cannot delete default network ACL {id}")));
    }
    if !acl.associations.is_empty() {
        return Err(ApiError::dependency(format!("The networkAcl '{id}' has dependencies and cannot be deleted.")));
    }
    tx.delete(Key::NetworkAcl(id));
    Ok(())
}

pub(super) fn replace_network_acl_association(
    context: &Context,
    tx: &mut Transaction,
    request: ReplaceNetworkAclAssociationRequest,
) -> Result<ReplaceNetworkAclAssociationResult, ApiError> {
    let (mut old, subnet) = find_association(tx, &request.association_id)?;
    let new = get::<NetworkAcl>(tx, &request.network_acl_id)?;
    if new.vpc != old.vpc {
        let message = format!("network acl {} and subnet {subnet} belong to different networks", new.id);
        return Err(ApiError::invalid_value(message));
    }
    old.associations.remove(&subnet);
    tx.put(old);
    let id = NetworkAclAssociationId::from_number(context.id_number());
    let mut new = NetworkAcl::clone(get::<NetworkAcl>(tx, &request.network_acl_id)?);
    new.associations.insert(subnet, id);
    tx.put(new);
    Ok(ReplaceNetworkAclAssociationResult { new_association_id: Some(id.to_string()) })
}

/// The list with an association, and the subnet that is associated.
fn find_association(tables: &Tables, text: &str) -> Result<(NetworkAcl, SubnetId), ApiError> {
    let id: NetworkAclAssociationId = text.parse().map_err(|_| {
        let message = format!("Invalid id: \"{text}\" (expecting \"aclassoc-...\")");
        ApiError::new("InvalidNetworkAclAssociationId.Malformed", message)
    })?;
    let subnet = |acl: &NetworkAcl| acl.associations.iter().find(|(_, it)| **it == id).map(|(subnet, _)| *subnet);
    tables.network_acls.values().find_map(|acl| Some((NetworkAcl::clone(acl), subnet(acl)?))).ok_or_else(|| {
        ApiError::new("InvalidAssociationID.NotFound", format!("The association ID '{id}' does not exist"))
    })
}

/// A list as filters see it and answers show it.
struct Row<'a> {
    context: &'a Context,
    tables: &'a Tables,
    acl: &'a NetworkAcl,
}

impl Row<'_> {
    fn shape(&self) -> ec2_shapes::NetworkAcl {
        let id = self.acl.id.to_string();
        ec2_shapes::NetworkAcl {
            associations: self.associations(),
            entries: self.entries(),
            is_default: Some(self.acl.is_default),
            owner_id: Some(self.context.account().to_string()),
            tags: tagging::to_shape(self.tables.tags_of(&id)),
            network_acl_id: Some(id),
            vpc_id: Some(self.acl.vpc.to_string()),
        }
    }

    fn associations(&self) -> Vec<NetworkAclAssociation> {
        let shape = |(subnet, id): (&SubnetId, &NetworkAclAssociationId)| NetworkAclAssociation {
            network_acl_association_id: Some(id.to_string()),
            network_acl_id: Some(self.acl.id.to_string()),
            subnet_id: Some(subnet.to_string()),
        };
        self.acl.associations.iter().map(shape).collect()
    }

    fn entries(&self) -> Vec<ec2_shapes::NetworkAclEntry> {
        let has_ipv6 = self.tables.vpcs.get(&self.acl.vpc).is_some_and(|vpc| !vpc.ipv6_cidrs.is_empty());
        entries::shapes(self.acl, has_ipv6)
    }

    fn entry_values(&self, field: &str, found: &mut dyn FnMut(&str)) {
        for entry in self.entries() {
            let icmp = entry.icmp_type_code.unwrap_or_default();
            let ports = entry.port_range.unwrap_or_default();
            let number = |value: Option<i32>| value.map(|value| value.to_string());
            let value = match field {
                "cidr" => entry.cidr_block,
                "egress" => entry.egress.map(|egress| boolean(egress).to_owned()),
                "icmp.code" => number(icmp.code),
                "icmp.type" => number(icmp.r#type),
                "ipv6-cidr" => entry.ipv6_cidr_block,
                "port-range.from" => number(ports.from),
                "port-range.to" => number(ports.to),
                "protocol" => {
                    // By number or by name.
                    entry.protocol.as_deref().and_then(entries::protocol_name).iter().for_each(|name| found(name));
                    entry.protocol
                }
                "rule-action" => entry.rule_action.map(|action| action.as_str().to_owned()),
                "rule-number" => number(entry.rule_number),
                _ => None,
            };
            value.iter().for_each(|value| found(value));
        }
    }
}

impl Filterable for Row<'_> {
    const NAMES: &'static [&'static str] = &[
        "association.association-id",
        "association.network-acl-id",
        "association.subnet-id",
        "default",
        "entry.cidr",
        "entry.egress",
        "entry.icmp.code",
        "entry.icmp.type",
        "entry.ipv6-cidr",
        "entry.port-range.from",
        "entry.port-range.to",
        "entry.protocol",
        "entry.rule-action",
        "entry.rule-number",
        "network-acl-id",
        "owner-id",
        "vpc-id",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        if let Some(field) = name.strip_prefix("entry.") {
            return self.entry_values(field, found);
        }
        for association in self.associations() {
            let value = match name {
                "association.association-id" => association.network_acl_association_id,
                "association.network-acl-id" => association.network_acl_id,
                "association.subnet-id" => association.subnet_id,
                _ => None,
            };
            value.iter().for_each(|value| found(value));
        }
        match name {
            "default" => found(boolean(self.acl.is_default)),
            "network-acl-id" => found(&self.acl.id.to_string()),
            "owner-id" => found(self.context.account().as_str()),
            "vpc-id" => found(&self.acl.vpc.to_string()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tables.tags_of(&self.acl.id.to_string()))
    }
}

pub(super) fn describe_network_acls(
    context: &Context,
    view: &View<'_>,
    request: DescribeNetworkAclsRequest,
) -> Result<DescribeNetworkAclsResult, ApiError> {
    let asked =
        Listing::paged(&request.network_acl_ids, &request.filters, request.max_results, request.next_token.as_deref());
    let tables = view.tables();
    let (rows, next_token) = list::<NetworkAcl, _>(tables, asked, |acl| Row { context, tables, acl })?;
    Ok(DescribeNetworkAclsResult { next_token, network_acls: rows.iter().map(Row::shape).collect() })
}
