//! How subnets are described.

use ec2_shapes::{
    DescribeSubnetsRequest, DescribeSubnetsResult, HostnameType, IpSource, Ipv6AddressAttribute,
    PrivateDnsNameOptionsOnLaunch, SubnetCidrBlockState, SubnetCidrBlockStateCode, SubnetIpv6CidrBlockAssociation,
    SubnetState,
};
use types::{SubnetCidrAssociationId, SubnetId};

use crate::actions::show::boolean;
use crate::actions::vpcs::public_access;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Listing, list};
use crate::resource::{self, Ipv6Block, Subnet, Tags};
use crate::state::Tables;
use crate::tagging;
use crate::view::View;

pub(super) struct SubnetRow<'a> {
    subnet: &'a Subnet,
    owner: &'a str,
    tags: &'a Tags,
    free_addresses: u64,
}

impl SubnetRow<'_> {
    fn arn(&self) -> String {
        format!("arn:aws:ec2:{}:{}:subnet/{}", self.subnet.zone.region, self.owner, self.subnet.id)
    }

    fn hostname_type(&self) -> HostnameType {
        match self.subnet.hostname_type {
            resource::HostnameType::IpName => HostnameType::IpName,
            resource::HostnameType::ResourceName => HostnameType::ResourceName,
        }
    }

    fn ipv6_value(&self, name: &str, found: &mut dyn FnMut(&str)) {
        for block in &self.subnet.ipv6_cidrs {
            match name {
                "association-id" => found(&block.association.to_string()),
                "ipv6-cidr-block" => found(&block.cidr.to_string()),
                _ => found(SubnetCidrBlockStateCode::Associated.as_str()),
            }
        }
    }
}

impl Filterable for SubnetRow<'_> {
    const NAMES: &'static [&'static str] = &[
        "availability-zone",
        "availability-zone-id",
        "availabilityZone",
        "availabilityZoneId",
        "available-ip-address-count",
        "cidr",
        "cidr-block",
        "cidrBlock",
        "customer-owned-ipv4-pool",
        "default-for-az",
        "defaultForAz",
        "enable-dns64",
        "enable-lni-at-device-index",
        "ipv6-cidr-block-association.association-id",
        "ipv6-cidr-block-association.ipv6-cidr-block",
        "ipv6-cidr-block-association.state",
        "ipv6-native",
        "map-customer-owned-ip-on-launch",
        "map-public-ip-on-launch",
        "outpost-arn",
        "owner-id",
        "private-dns-name-options-on-launch.enable-resource-name-dns-a-record",
        "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record",
        "private-dns-name-options-on-launch.hostname-type",
        "state",
        "subnet-arn",
        "subnet-id",
        "vpc-id",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        if let Some(name) = name.strip_prefix("ipv6-cidr-block-association.") {
            return self.ipv6_value(name, found);
        }
        let subnet = self.subnet;
        match name {
            "availability-zone" | "availabilityZone" => found(&subnet.zone.to_string()),
            "availability-zone-id" | "availabilityZoneId" => found(&subnet.zone.zone_id()),
            "available-ip-address-count" => found(&self.free_addresses.to_string()),
            "cidr" | "cidr-block" | "cidrBlock" => found(&subnet.cidr.to_string()),
            "default-for-az" | "defaultForAz" => found(boolean(subnet.default_for_az)),
            "enable-dns64" => found(boolean(subnet.enable_dns64)),
            "map-public-ip-on-launch" => found(boolean(subnet.map_public_ip_on_launch)),
            "ipv6-native" | "map-customer-owned-ip-on-launch" => found(boolean(false)),
            "private-dns-name-options-on-launch.enable-resource-name-dns-a-record" => {
                found(boolean(subnet.resource_name_dns_a_record));
            }
            "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record" => {
                found(boolean(subnet.resource_name_dns_aaaa_record));
            }
            "private-dns-name-options-on-launch.hostname-type" => found(self.hostname_type().as_str()),
            "owner-id" => found(self.owner),
            "state" => found(SubnetState::Available.as_str()),
            "subnet-arn" => found(&self.arn()),
            "subnet-id" => found(&subnet.id.to_string()),
            "vpc-id" => found(&subnet.vpc.to_string()),
            // No subnet is on an Outpost.
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tags)
    }
}

pub(in crate::actions) fn describe_subnets(
    context: &Context,
    view: &View<'_>,
    request: DescribeSubnetsRequest,
) -> Result<DescribeSubnetsResult, ApiError> {
    let (max_results, token) = (request.max_results, request.next_token.as_deref());
    let asked = Listing::paged(&request.subnet_ids, &request.filters, max_results, token);
    let (rows, next_token) = list(view.tables(), asked, |subnet| row(context, view.tables(), subnet))?;
    Ok(DescribeSubnetsResult { next_token, subnets: rows.iter().map(shape).collect() })
}

fn row<'a>(context: &'a Context, tables: &'a Tables, subnet: &'a Subnet) -> SubnetRow<'a> {
    SubnetRow {
        subnet,
        owner: context.account().as_str(),
        tags: tables.tags_of(&subnet.id.to_string()),
        free_addresses: tables.free_addresses(subnet),
    }
}

/// The subnet of this id as it is described.
pub(super) fn shape_of(context: &Context, tables: &Tables, id: SubnetId) -> Option<ec2_shapes::Subnet> {
    tables.subnets.get(&id).map(|subnet| shape(&row(context, tables, subnet)))
}

/// The state of a block.
pub(super) fn in_state(state: SubnetCidrBlockStateCode) -> Option<SubnetCidrBlockState> {
    Some(SubnetCidrBlockState { state: Some(state), status_message: None })
}

/// One of a subnet's IPv6 blocks.
pub(super) fn ipv6_shape(
    block: &Ipv6Block<SubnetCidrAssociationId>,
    state: SubnetCidrBlockStateCode,
) -> SubnetIpv6CidrBlockAssociation {
    SubnetIpv6CidrBlockAssociation {
        association_id: Some(block.association.to_string()),
        ip_source: Some(IpSource::Amazon),
        ipv6_address_attribute: Some(Ipv6AddressAttribute::Public),
        ipv6_cidr_block: Some(block.cidr.to_string()),
        ipv6_cidr_block_state: in_state(state),
    }
}

fn shape(row: &SubnetRow<'_>) -> ec2_shapes::Subnet {
    let subnet = row.subnet;
    let ipv6 = subnet.ipv6_cidrs.iter().map(|block| ipv6_shape(block, SubnetCidrBlockStateCode::Associated));
    ec2_shapes::Subnet {
        assign_ipv6_address_on_creation: Some(subnet.assign_ipv6_address_on_creation),
        availability_zone: Some(subnet.zone.to_string()),
        availability_zone_id: Some(subnet.zone.zone_id()),
        available_ip_address_count: Some(i32::try_from(row.free_addresses).unwrap_or(i32::MAX)),
        block_public_access_states: public_access(),
        cidr_block: Some(subnet.cidr.to_string()),
        default_for_az: Some(subnet.default_for_az),
        enable_dns64: Some(subnet.enable_dns64),
        ipv6_cidr_block_association_set: ipv6.collect(),
        ipv6_native: Some(false),
        map_customer_owned_ip_on_launch: Some(false),
        map_public_ip_on_launch: Some(subnet.map_public_ip_on_launch),
        owner_id: Some(row.owner.to_owned()),
        private_dns_name_options_on_launch: Some(PrivateDnsNameOptionsOnLaunch {
            enable_resource_name_dns_aaaa_record: Some(subnet.resource_name_dns_aaaa_record),
            enable_resource_name_dns_a_record: Some(subnet.resource_name_dns_a_record),
            hostname_type: Some(row.hostname_type()),
        }),
        state: Some(SubnetState::Available),
        subnet_arn: Some(row.arn()),
        subnet_id: Some(subnet.id.to_string()),
        tags: tagging::to_shape(row.tags),
        vpc_id: Some(subnet.vpc.to_string()),
        ..ec2_shapes::Subnet::default()
    }
}
