//! VPCs and subnets.

use ec2_shapes::{
    BlockPublicAccessMode, BlockPublicAccessStates, DescribeSubnetsRequest, DescribeSubnetsResult, DescribeVpcsRequest,
    DescribeVpcsResult, HostnameType, PrivateDnsNameOptionsOnLaunch, SubnetState, Tenancy, VpcCidrBlockAssociation,
    VpcCidrBlockState, VpcCidrBlockStateCode, VpcState,
};
use types::{Ipv4Cidr, SubnetId, VpcId};

use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Filters, PageLimits, find_all, not_found, page, parse_id};
use crate::resource::{Subnet, Tags, Vpc};
use crate::tagging;
use crate::view::View;

struct VpcRow<'a> {
    vpc: &'a Vpc,
    owner: &'a str,
    tags: &'a Tags,
}

impl VpcRow<'_> {
    /// Each block with the id of its association.
    fn cidrs(&self) -> impl Iterator<Item = (String, Ipv4Cidr)> {
        self.vpc.cidrs.iter().map(|cidr| (self.vpc.association(cidr).to_string(), *cidr))
    }

    /// The id of its DHCP options, `default` for none.
    fn dhcp_options(&self) -> String {
        self.vpc.dhcp_options.map_or_else(|| "default".to_owned(), |id| id.to_string())
    }
}

impl Filterable for VpcRow<'_> {
    const NAMES: &'static [&'static str] = &[
        "cidr",
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
        match name {
            "cidr" => self.vpc.cidrs.iter().take(1).for_each(|cidr| found(&cidr.to_string())),
            "cidr-block-association.association-id" => self.cidrs().for_each(|(id, _)| found(&id)),
            "cidr-block-association.cidr-block" => self.cidrs().for_each(|(_, cidr)| found(&cidr.to_string())),
            "cidr-block-association.state" => found(VpcCidrBlockStateCode::Associated.as_str()),
            "dhcp-options-id" => found(&self.dhcp_options()),
            "is-default" | "isDefault" => found(truth(self.vpc.is_default)),
            "owner-id" => found(self.owner),
            "state" => found(VpcState::Available.as_str()),
            "vpc-id" => found(&self.vpc.id.to_string()),
            // No VPC has IPv6 blocks yet.
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tags)
    }
}

const fn truth(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

/// Nothing is blocked: there is no account-wide switch against public access here.
fn public_access() -> Option<BlockPublicAccessStates> {
    Some(BlockPublicAccessStates { internet_gateway_block_mode: Some(BlockPublicAccessMode::Off) })
}

pub(super) fn describe_vpcs(
    context: &Context,
    view: &View<'_>,
    request: DescribeVpcsRequest,
) -> Result<DescribeVpcsResult, ApiError> {
    let filters = Filters::new::<VpcRow<'_>>(&request.filters)?;
    let vpcs = find_all(
        &view.vpcs,
        &request.vpc_ids,
        |id| parse_id(id, VpcId::PREFIX, "InvalidVpcID.Malformed"),
        |missing| not_found("InvalidVpcID.NotFound", "vpc ID", missing),
    )?;
    let owner = context.account().as_str();
    let rows = vpcs.into_iter().map(|vpc| VpcRow { vpc, owner, tags: view.tags_of(&vpc.id.to_string()) });
    let (rows, next_token) = page(
        rows.filter(|row| filters.matches(row)),
        |row| row.vpc.id.to_string(),
        PageLimits::USUAL,
        request.max_results,
        request.next_token.as_deref(),
        None,
    )?;
    Ok(DescribeVpcsResult { next_token, vpcs: rows.iter().map(vpc_shape).collect() })
}

fn vpc_shape(row: &VpcRow<'_>) -> ec2_shapes::Vpc {
    let association = |(id, cidr): (String, Ipv4Cidr)| VpcCidrBlockAssociation {
        association_id: Some(id),
        cidr_block: Some(cidr.to_string()),
        cidr_block_state: Some(VpcCidrBlockState {
            state: Some(VpcCidrBlockStateCode::Associated),
            status_message: None,
        }),
    };
    ec2_shapes::Vpc {
        block_public_access_states: public_access(),
        cidr_block: row.vpc.cidrs.first().map(ToString::to_string),
        cidr_block_association_set: row.cidrs().map(association).collect(),
        dhcp_options_id: Some(row.dhcp_options()),
        instance_tenancy: Some(Tenancy::Default),
        is_default: Some(row.vpc.is_default),
        owner_id: Some(row.owner.to_owned()),
        state: Some(VpcState::Available),
        tags: tagging::to_shape(row.tags),
        vpc_id: Some(row.vpc.id.to_string()),
        ..ec2_shapes::Vpc::default()
    }
}

struct SubnetRow<'a> {
    subnet: &'a Subnet,
    owner: &'a str,
    tags: &'a Tags,
    free_addresses: u64,
}

impl SubnetRow<'_> {
    fn arn(&self) -> String {
        format!("arn:aws:ec2:{}:{}:subnet/{}", self.subnet.zone.region, self.owner, self.subnet.id)
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
        match name {
            "availability-zone" | "availabilityZone" => found(&self.subnet.zone.to_string()),
            "availability-zone-id" | "availabilityZoneId" => found(&self.subnet.zone.zone_id()),
            "available-ip-address-count" => found(&self.free_addresses.to_string()),
            "cidr" | "cidr-block" | "cidrBlock" => found(&self.subnet.cidr.to_string()),
            "default-for-az" | "defaultForAz" => found(truth(self.subnet.default_for_az)),
            "map-public-ip-on-launch" => found(truth(self.subnet.map_public_ip_on_launch)),
            "enable-dns64"
            | "ipv6-native"
            | "map-customer-owned-ip-on-launch"
            | "private-dns-name-options-on-launch.enable-resource-name-dns-a-record"
            | "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record" => found(truth(false)),
            "private-dns-name-options-on-launch.hostname-type" => found(HostnameType::IpName.as_str()),
            "owner-id" => found(self.owner),
            "state" => found(SubnetState::Available.as_str()),
            "subnet-arn" => found(&self.arn()),
            "subnet-id" => found(&self.subnet.id.to_string()),
            "vpc-id" => found(&self.subnet.vpc.to_string()),
            // No subnet has IPv6 blocks or is on an Outpost.
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tags)
    }
}

pub(super) fn describe_subnets(
    context: &Context,
    view: &View<'_>,
    request: DescribeSubnetsRequest,
) -> Result<DescribeSubnetsResult, ApiError> {
    let filters = Filters::new::<SubnetRow<'_>>(&request.filters)?;
    let subnets = find_all(
        &view.subnets,
        &request.subnet_ids,
        |id| parse_id(id, SubnetId::PREFIX, "InvalidSubnetID.Malformed"),
        |missing| not_found("InvalidSubnetID.NotFound", "subnet ID", missing),
    )?;
    let rows = subnets.into_iter().map(|subnet| SubnetRow {
        subnet,
        owner: context.account().as_str(),
        tags: view.tags_of(&subnet.id.to_string()),
        free_addresses: view.free_addresses(subnet),
    });
    let (rows, next_token) = page(
        rows.filter(|row| filters.matches(row)),
        |row| row.subnet.id.to_string(),
        PageLimits::USUAL,
        request.max_results,
        request.next_token.as_deref(),
        None,
    )?;
    Ok(DescribeSubnetsResult { next_token, subnets: rows.iter().map(subnet_shape).collect() })
}

fn subnet_shape(row: &SubnetRow<'_>) -> ec2_shapes::Subnet {
    let subnet = row.subnet;
    ec2_shapes::Subnet {
        assign_ipv6_address_on_creation: Some(false),
        availability_zone: Some(subnet.zone.to_string()),
        availability_zone_id: Some(subnet.zone.zone_id()),
        available_ip_address_count: Some(i32::try_from(row.free_addresses).unwrap_or(i32::MAX)),
        block_public_access_states: public_access(),
        cidr_block: Some(subnet.cidr.to_string()),
        default_for_az: Some(subnet.default_for_az),
        enable_dns64: Some(false),
        ipv6_native: Some(false),
        map_customer_owned_ip_on_launch: Some(false),
        map_public_ip_on_launch: Some(subnet.map_public_ip_on_launch),
        owner_id: Some(row.owner.to_owned()),
        private_dns_name_options_on_launch: Some(PrivateDnsNameOptionsOnLaunch {
            enable_resource_name_dns_aaaa_record: Some(false),
            enable_resource_name_dns_a_record: Some(false),
            hostname_type: Some(HostnameType::IpName),
        }),
        state: Some(SubnetState::Available),
        subnet_arn: Some(row.arn()),
        subnet_id: Some(subnet.id.to_string()),
        tags: tagging::to_shape(row.tags),
        vpc_id: Some(subnet.vpc.to_string()),
        ..ec2_shapes::Subnet::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{filter, seeded};
    use crate::transaction::Transaction;

    #[test]
    fn the_default_vpc_by_every_filter_that_names_it() {
        let (context, state) = seeded();
        let mut tx = Transaction::new(&state, context.region.clone());
        let vpc = tx.default_vpc().unwrap().as_ref().clone();
        tagging::add(&mut tx, &vpc.id.to_string(), &Tags::from([("Name".to_owned(), "main".to_owned())])).unwrap();
        let count = |filters| {
            let request = DescribeVpcsRequest { filters, ..DescribeVpcsRequest::default() };
            describe_vpcs(&context, &tx.view(), request).map(|told| told.vpcs.len()).map_err(|error| error.code)
        };
        let told = describe_vpcs(&context, &tx.view(), DescribeVpcsRequest::default()).unwrap().vpcs.remove(0);
        let association = told.cidr_block_association_set[0].association_id.clone().unwrap();
        for (name, value) in [
            ("cidr", "172.31.0.0/16"),
            ("cidr-block-association.association-id", &association),
            ("cidr-block-association.cidr-block", "172.31.*"),
            ("cidr-block-association.state", "associated"),
            ("dhcp-options-id", &vpc.dhcp_options.unwrap().to_string()),
            ("is-default", "true"),
            ("isDefault", "true"),
            ("owner-id", "123456789012"),
            ("state", "available"),
            ("vpc-id", &vpc.id.to_string()),
            ("tag:Name", "main"),
            ("tag-key", "Name"),
        ] {
            assert_eq!(count(vec![filter(name, &[value])]), Ok(1), "{name}");
            assert_eq!(count(vec![filter(name, &["something else"])]), Ok(0), "{name}");
        }
        for name in VpcRow::NAMES {
            assert!(count(vec![filter(name, &["nothing"])]) == Ok(0), "{name}");
        }
        assert_eq!(count(vec![filter("colour", &["x"])]), Err("InvalidParameterValue"));
        assert_eq!((told.cidr_block.as_deref(), told.is_default), (Some("172.31.0.0/16"), Some(true)));
        assert_eq!(told.tags.len(), 1);
    }

    #[test]
    fn unknown_and_malformed_ids() {
        let (context, state) = seeded();
        let tx = Transaction::new(&state, context.region.clone());
        let (none, also_none) = ("vpc-00000000000000000", "vpc-00000000000000001");
        for (ids, code, message) in [
            (vec![none], "InvalidVpcID.NotFound", "The vpc ID 'vpc-00000000000000000' does not exist"),
            (
                vec![none, also_none],
                "InvalidVpcID.NotFound",
                "The vpc IDs 'vpc-00000000000000000, vpc-00000000000000001' do not exist",
            ),
            (vec!["vpc-x"], "InvalidVpcID.Malformed", "Invalid id: \"vpc-x\" (expecting \"vpc-...\")"),
        ] {
            let vpc_ids = ids.into_iter().map(str::to_owned).collect();
            let error =
                describe_vpcs(&context, &tx.view(), DescribeVpcsRequest { vpc_ids, ..Default::default() }).unwrap_err();
            assert_eq!((error.code, error.message.as_str()), (code, message));
        }
    }

    #[test]
    fn subnets_by_every_filter() {
        let (context, state) = seeded();
        let tx = Transaction::new(&state, context.region.clone());
        let ask = |filters| {
            let request = DescribeSubnetsRequest { filters, ..DescribeSubnetsRequest::default() };
            describe_subnets(&context, &tx.view(), request).unwrap().subnets
        };
        let all = ask(vec![]);
        assert_eq!(all.len(), 3);
        let b = all.iter().find(|subnet| subnet.availability_zone.as_deref() == Some("us-east-1b")).unwrap().clone();
        assert_eq!((b.cidr_block.as_deref(), b.available_ip_address_count), (Some("172.31.16.0/20"), Some(4091)));
        let (id, arn) = (b.subnet_id.clone().unwrap(), b.subnet_arn.clone().unwrap());
        assert_eq!(arn, format!("arn:aws:ec2:us-east-1:123456789012:subnet/{id}"));
        for (name, value, count) in [
            ("availability-zone", "us-east-1b", 1),
            ("availabilityZone", "us-east-1b", 1),
            ("availability-zone-id", "use1-az2", 1),
            ("availabilityZoneId", "use1-az2", 1),
            ("available-ip-address-count", "4091", 3),
            ("cidr", "172.31.16.0/20", 1),
            ("cidr-block", "172.31.16.0/20", 1),
            ("cidrBlock", "172.31.16.0/20", 1),
            ("default-for-az", "true", 3),
            ("defaultForAz", "true", 3),
            ("enable-dns64", "false", 3),
            ("ipv6-native", "false", 3),
            ("map-customer-owned-ip-on-launch", "false", 3),
            ("map-public-ip-on-launch", "true", 3),
            ("owner-id", "123456789012", 3),
            ("private-dns-name-options-on-launch.hostname-type", "ip-name", 3),
            ("state", "available", 3),
            ("subnet-arn", &arn, 1),
            ("subnet-id", &id, 1),
            ("vpc-id", b.vpc_id.as_deref().unwrap(), 3),
        ] {
            assert_eq!(ask(vec![filter(name, &[value])]).len(), count, "{name}");
        }
        for name in SubnetRow::NAMES {
            assert!(ask(vec![filter(name, &["nothing"])]).is_empty(), "{name}");
        }
        let unknown = DescribeSubnetsRequest {
            subnet_ids: vec!["subnet-00000000000000000".to_owned()],
            ..DescribeSubnetsRequest::default()
        };
        let error = describe_subnets(&context, &tx.view(), unknown).unwrap_err();
        assert_eq!(error.message, "The subnet ID 'subnet-00000000000000000' does not exist");
    }
}
