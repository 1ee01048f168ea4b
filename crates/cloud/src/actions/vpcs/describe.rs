//! How VPCs are described.

use ec2_shapes::{
    BlockPublicAccessMode, BlockPublicAccessStates, DescribeVpcsRequest, DescribeVpcsResult, IpSource,
    Ipv6AddressAttribute, Tenancy, VpcCidrBlockAssociation, VpcCidrBlockStateCode, VpcIpv6CidrBlockAssociation,
    VpcState,
};
use types::{Ipv4Cidr, VpcCidrAssociationId, VpcId};

use super::blocks::in_state;
use crate::actions::show::boolean;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Listing, list};
use crate::resource::{Ipv6Block, Tags, Vpc};
use crate::state::Tables;
use crate::tagging;
use crate::view::View;

/// The pool that IPv6 blocks come from, as answers name it.
const IPV6_POOL: &str = "Amazon";

pub(super) struct VpcRow<'a> {
    vpc: &'a Vpc,
    context: &'a Context,
    tags: &'a Tags,
}

impl VpcRow<'_> {
    /// The id of its DHCP options, `default` for none.
    fn dhcp_options(&self) -> String {
        self.vpc.dhcp_options.map_or_else(|| "default".to_owned(), |id| id.to_string())
    }

    fn ipv4_value(&self, name: &str, found: &mut dyn FnMut(&str)) {
        for cidr in &self.vpc.cidrs {
            match name {
                "association-id" => found(&self.vpc.association(cidr).to_string()),
                "cidr-block" => found(&cidr.to_string()),
                _ => found(VpcCidrBlockStateCode::Associated.as_str()),
            }
        }
    }

    fn ipv6_value(&self, name: &str, found: &mut dyn FnMut(&str)) {
        for block in &self.vpc.ipv6_cidrs {
            match name {
                "association-id" => found(&block.association.to_string()),
                "ipv6-cidr-block" => found(&block.cidr.to_string()),
                "ipv6-pool" => found(IPV6_POOL),
                _ => found(VpcCidrBlockStateCode::Associated.as_str()),
            }
        }
    }
}

impl Filterable for VpcRow<'_> {
    const NAMES: &'static [&'static str] = &[
        "cidr",
        // Not documented, but understood, and what Ansible looks a VPC up by.
        "cidr-block",
        "cidr-block-association.association-id",
        "cidr-block-association.cidr-block",
        "cidr-block-association.state",
        "dhcp-options-id",
        "ipv6-cidr-block-association.association-id",
        "ipv6-cidr-block-association.ipv6-cidr-block",
        "ipv6-cidr-block-association.ipv6-pool",
        "ipv6-cidr-block-association.state",
        "is-default",
        "isDefault",
        "owner-id",
        "state",
        "vpc-id",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        if let Some(name) = name.strip_prefix("cidr-block-association.") {
            return self.ipv4_value(name, found);
        }
        if let Some(name) = name.strip_prefix("ipv6-cidr-block-association.") {
            return self.ipv6_value(name, found);
        }
        match name {
            "cidr" | "cidr-block" => self.vpc.cidrs.iter().take(1).for_each(|cidr| found(&cidr.to_string())),
            "dhcp-options-id" => found(&self.dhcp_options()),
            "is-default" | "isDefault" => found(boolean(self.vpc.is_default)),
            "owner-id" => found(self.context.account().as_str()),
            "state" => found(VpcState::Available.as_str()),
            _ => found(&self.vpc.id.to_string()),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tags)
    }
}

pub(in crate::actions) fn describe_vpcs(
    context: &Context,
    view: &View<'_>,
    request: DescribeVpcsRequest,
) -> Result<DescribeVpcsResult, ApiError> {
    let (max_results, token) = (request.max_results, request.next_token.as_deref());
    let asked = Listing::paged(&request.vpc_ids, &request.filters, max_results, token);
    let (rows, next_token) = list(view.tables(), asked, |vpc| row(context, view.tables(), vpc))?;
    Ok(DescribeVpcsResult { next_token, vpcs: rows.iter().map(shape).collect() })
}

fn row<'a>(context: &'a Context, tables: &'a Tables, vpc: &'a Vpc) -> VpcRow<'a> {
    VpcRow { vpc, context, tags: tables.tags_of(&vpc.id.to_string()) }
}

/// The VPC of this id as it is described.
pub(super) fn shape_of(context: &Context, tables: &Tables, id: VpcId) -> Option<ec2_shapes::Vpc> {
    tables.vpcs.get(&id).map(|vpc| shape(&row(context, tables, vpc)))
}

/// Nothing is blocked: there is no account-wide switch against public access here.
pub(in crate::actions) fn public_access() -> Option<BlockPublicAccessStates> {
    Some(BlockPublicAccessStates { internet_gateway_block_mode: Some(BlockPublicAccessMode::Off) })
}

/// One of the VPC's IPv4 blocks.
pub(super) fn ipv4_shape(vpc: &Vpc, cidr: Ipv4Cidr) -> VpcCidrBlockAssociation {
    VpcCidrBlockAssociation {
        association_id: Some(vpc.association(&cidr).to_string()),
        cidr_block: Some(cidr.to_string()),
        cidr_block_state: in_state(VpcCidrBlockStateCode::Associated),
    }
}

/// One of a VPC's IPv6 blocks.
pub(super) fn ipv6_shape(context: &Context, block: &Ipv6Block<VpcCidrAssociationId>) -> VpcIpv6CidrBlockAssociation {
    VpcIpv6CidrBlockAssociation {
        association_id: Some(block.association.to_string()),
        ip_source: Some(IpSource::Amazon),
        ipv6_address_attribute: Some(Ipv6AddressAttribute::Public),
        ipv6_cidr_block: Some(block.cidr.to_string()),
        ipv6_cidr_block_state: in_state(VpcCidrBlockStateCode::Associated),
        ipv6_pool: Some(IPV6_POOL.to_owned()),
        network_border_group: Some(context.region.to_string()),
    }
}

fn shape(row: &VpcRow<'_>) -> ec2_shapes::Vpc {
    let vpc = row.vpc;
    ec2_shapes::Vpc {
        block_public_access_states: public_access(),
        cidr_block: vpc.cidrs.first().map(ToString::to_string),
        cidr_block_association_set: vpc.cidrs.iter().map(|cidr| ipv4_shape(vpc, *cidr)).collect(),
        dhcp_options_id: Some(row.dhcp_options()),
        instance_tenancy: Some(if vpc.is_dedicated { Tenancy::Dedicated } else { Tenancy::Default }),
        ipv6_cidr_block_association_set: vpc.ipv6_cidrs.iter().map(|block| ipv6_shape(row.context, block)).collect(),
        is_default: Some(vpc.is_default),
        owner_id: Some(row.context.account().to_string()),
        state: Some(VpcState::Available),
        tags: tagging::to_shape(row.tags),
        vpc_id: Some(vpc.id.to_string()),
        ..ec2_shapes::Vpc::default()
    }
}
