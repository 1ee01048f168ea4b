//! What every region begins with: a default VPC, as on AWS.

use std::collections::BTreeMap;

use types::*;

use crate::context::Context;
use crate::resource::*;
use crate::transaction::Transaction;
use crate::view::View;

/// The block of every default VPC.
pub const DEFAULT_VPC: &str = "172.31.0.0/16";

/// The setting that says when a region was set up.
const SEEDED: &str = "seeded";

/// Whether the region has been given its default VPC, even if that was deleted since.
pub fn is_seeded(region: &View<'_>) -> bool {
    region.settings.contains_key(SEEDED)
}

/// Gives the context's region its default VPC with one /20 subnet in each zone, internet gateway, main route table,
/// default security group and default network ACL, unless the region has been set up before.
///
/// Follows the VPC guide's page on default VPCs.
pub fn seed_region(context: &Context, tx: &mut Transaction) {
    if is_seeded(&tx.view()) {
        return;
    }
    tx.put(Setting { name: SEEDED.into(), value: context.now.to_string() });
    let region = &context.region;
    let cidr: Ipv4Cidr = DEFAULT_VPC.parse().expect("a constant CIDR");
    let dhcp = DhcpOptions {
        id: DhcpOptionsId::from_number(context.id_number()),
        configurations: BTreeMap::from([
            ("domain-name".to_owned(), vec![internal_domain(region)]),
            ("domain-name-servers".to_owned(), vec!["AmazonProvidedDNS".to_owned()]),
        ]),
    };
    let vpc = Vpc {
        id: VpcId::from_number(context.id_number()),
        cidrs: vec![cidr],
        is_default: true,
        dhcp_options: dhcp.id,
        enable_dns_support: true,
        enable_dns_hostnames: true,
    };
    let gateway = InternetGateway { id: InternetGatewayId::from_number(context.id_number()), vpc: Some(vpc.id) };
    let mut acl = NetworkAcl {
        id: NetworkAclId::from_number(context.id_number()),
        vpc: vpc.id,
        is_default: true,
        entries: [false, true].map(allow_all).to_vec(),
        associations: BTreeMap::new(),
    };
    for (index, letter) in (0..).zip(Region::ZONE_LETTERS) {
        let base = cidr.nth(index * 4096).expect("three /20 blocks fit into a /16");
        let subnet = Subnet {
            id: SubnetId::from_number(context.id_number()),
            vpc: vpc.id,
            cidr: Ipv4Cidr::new(base, 20).expect("20 is a prefix length"),
            zone: region.zone(letter),
            default_for_az: true,
            map_public_ip_on_launch: true,
        };
        acl.associations.insert(subnet.id, NetworkAclAssociationId::from_number(context.id_number()));
        tx.put(subnet);
    }
    let main = RouteTableAssociation::main(RouteTableAssociationId::from_number(context.id_number()));
    let out = Route { destination: Ipv4Cidr::ANY.into(), target: RouteTarget::InternetGateway(gateway.id) };
    tx.put(RouteTable {
        routes: vec![out],
        associations: vec![main],
        ..RouteTable::new(RouteTableId::from_number(context.id_number()), vpc.id)
    });
    tx.put(default_group(context, vpc.id));
    tx.put(dhcp);
    tx.put(vpc);
    tx.put(gateway);
    tx.put(acl);
}

/// The group every VPC begins with: members reach each other, and everything outside.
pub(crate) fn default_group(context: &Context, vpc: VpcId) -> SecurityGroup {
    let id = SecurityGroupId::from_number(context.id_number());
    let rule = |is_egress, peer| SecurityGroupRule {
        id: SecurityGroupRuleId::from_number(context.id_number()),
        is_egress,
        protocol: Protocol::All,
        peer,
        description: None,
    };
    SecurityGroup {
        id,
        name: "default".into(),
        description: "default VPC security group".to_owned(),
        vpc,
        rules: vec![rule(false, Peer::Group(id)), rule(true, Peer::Ipv4(Ipv4Cidr::ANY))],
        vpc_associations: BTreeMap::new(),
    }
}

fn allow_all(is_egress: bool) -> NetworkAclEntry {
    NetworkAclEntry { number: 100, is_egress, allow: true, protocol: Protocol::All, cidr: Ipv4Cidr::ANY.into() }
}

/// The domain of private names: `ec2.internal` in us-east-1, `REGION.compute.internal` elsewhere.
pub fn internal_domain(region: &Region) -> String {
    match region.as_str() {
        "us-east-1" => "ec2.internal".to_owned(),
        other => format!("{other}.compute.internal"),
    }
}

/// The domain of public names: `compute-1.amazonaws.com` in us-east-1, `REGION.compute.amazonaws.com` elsewhere.
pub fn public_domain(region: &Region) -> String {
    match region.as_str() {
        "us-east-1" => "compute-1.amazonaws.com".to_owned(),
        other => format!("{other}.compute.amazonaws.com"),
    }
}
