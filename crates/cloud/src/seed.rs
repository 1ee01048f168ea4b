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

/// Gives the context's region its default VPC, unless the region has been set up before.
pub fn seed_region(context: &Context, tx: &mut Transaction) {
    if is_seeded(&tx.view()) {
        return;
    }
    tx.put(Setting { name: SEEDED.into(), value: context.now.to_string() });
    make_default_vpc(context, tx);
}

/// Makes a default VPC with one /20 subnet in each zone, internet gateway and a route to it.
///
/// Follows the VPC guide's page on default VPCs.
pub(crate) fn make_default_vpc(context: &Context, tx: &mut Transaction) -> VpcId {
    let cidr: Ipv4Cidr = DEFAULT_VPC.parse().expect("a constant CIDR");
    let gateway = InternetGatewayId::from_number(context.id_number());
    let mut vpc = Vpc::new(VpcId::from_number(context.id_number()), cidr);
    let id = vpc.id;
    (vpc.is_default, vpc.enable_dns_hostnames) = (true, true);
    make_vpc(context, tx, vpc);
    for (index, letter) in (0..).zip(Region::ZONE_LETTERS) {
        let base = cidr.nth(index * 4096).expect("three /20 blocks fit into a /16");
        let block = Ipv4Cidr::new(base, 20).expect("20 is a prefix length");
        make_default_subnet(context, tx, id, block, context.region.zone(letter));
    }
    tx.put(InternetGateway { id: gateway, vpc: Some(id) });
    if let Some(main) = tx.route_tables.values().find(|table| table.vpc == id && table.is_main()).cloned() {
        let mut main = RouteTable::clone(&main);
        main.routes.push(Route { destination: Ipv4Cidr::ANY.into(), target: RouteTarget::InternetGateway(gateway) });
        tx.put(main);
    }
    id
}

/// Makes a VPC with what every VPC begins with: the region's DHCP options, a main route table, a default network ACL
/// and a default security group. Its IPv4 blocks are given ids.
pub(crate) fn make_vpc(context: &Context, tx: &mut Transaction, mut vpc: Vpc) {
    vpc.dhcp_options = Some(default_dhcp_options(context, tx));
    let association = |cidr: &Ipv4Cidr| (*cidr, VpcCidrAssociationId::from_number(context.id_number()));
    vpc.cidr_associations = vpc.cidrs.iter().map(association).collect();
    let main = RouteTableAssociation::main(RouteTableAssociationId::from_number(context.id_number()));
    tx.put(RouteTable {
        associations: vec![main],
        ..RouteTable::new(RouteTableId::from_number(context.id_number()), vpc.id)
    });
    tx.put(NetworkAcl {
        id: NetworkAclId::from_number(context.id_number()),
        vpc: vpc.id,
        is_default: true,
        entries: [false, true].map(allow_all).to_vec(),
        associations: BTreeMap::new(),
    });
    tx.put(default_group(context, vpc.id));
    tx.put(vpc);
}

/// Makes the default subnet of a zone.
pub(crate) fn make_default_subnet(
    context: &Context,
    tx: &mut Transaction,
    vpc: VpcId,
    cidr: Ipv4Cidr,
    zone: AvailabilityZone,
) -> SubnetId {
    let id = SubnetId::from_number(context.id_number());
    let settings = Subnet { default_for_az: true, map_public_ip_on_launch: true, ..Subnet::new(id, vpc, cidr, zone) };
    make_subnet(context, tx, settings);
    id
}

/// Makes a subnet, which the VPC's default network ACL guards from then on.
pub(crate) fn make_subnet(context: &Context, tx: &mut Transaction, subnet: Subnet) {
    if let Some(acl) = tx.network_acls.values().find(|acl| acl.vpc == subnet.vpc && acl.is_default).cloned() {
        let mut acl = NetworkAcl::clone(&acl);
        acl.associations.insert(subnet.id, NetworkAclAssociationId::from_number(context.id_number()));
        tx.put(acl);
    }
    tx.put(subnet);
}

/// The set of DHCP options that new VPCs of the region get; made where there is none.
fn default_dhcp_options(context: &Context, tx: &mut Transaction) -> DhcpOptionsId {
    let configurations = BTreeMap::from([
        ("domain-name".to_owned(), vec![internal_domain(&context.region)]),
        ("domain-name-servers".to_owned(), vec!["AmazonProvidedDNS".to_owned()]),
    ]);
    // Regions that were set up before the set was marked as the default one are told by what it says.
    let found = tx.dhcp_options.values().find(|options| options.is_default);
    let found = found.or_else(|| tx.dhcp_options.values().find(|options| options.configurations == configurations));
    if let Some(found) = found {
        return found.id;
    }
    let id = DhcpOptionsId::from_number(context.id_number());
    tx.put(DhcpOptions { id, configurations, is_default: true });
    id
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
