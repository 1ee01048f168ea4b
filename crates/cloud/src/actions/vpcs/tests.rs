use std::fmt::Debug;

use ec2_shapes::*;
use types::{Ipv4Cidr, Ipv6Cidr, RouteTableId, SecurityGroupId, VpcCidrAssociationId};

use super::describe::VpcRow;
use super::*;
use crate::actions::subnets::create_subnet;
use crate::query::Filterable;
use crate::resource::{Peer, Route, RouteTable, RouteTarget, SecurityGroup};
use crate::testing::{filter, seeded, specification};

/// A region with its default VPC, and how to put more into it.
pub(in crate::actions) struct Net {
    pub context: Context,
    pub tx: Transaction,
}

impl Net {
    pub(in crate::actions) fn new() -> Self {
        let (context, state) = seeded();
        let tx = Transaction::new(&state, context.region.clone());
        Self { context, tx }
    }

    pub(in crate::actions) fn create(&mut self, request: CreateVpcRequest) -> Result<ec2_shapes::Vpc, ApiError> {
        create_vpc(&self.context, &mut self.tx, request).map(|told| told.vpc.unwrap())
    }

    /// A VPC of this block; its id.
    pub(in crate::actions) fn vpc(&mut self, cidr: &str) -> String {
        let request = CreateVpcRequest { cidr_block: Some(cidr.to_owned()), ..Default::default() };
        self.create(request).unwrap().vpc_id.unwrap()
    }

    /// A VPC that has an IPv6 block, too; its id and the first /64 of that block.
    pub(in crate::actions) fn dual_stack(&mut self, cidr: &str) -> (String, String) {
        let amazon_provided_ipv6_cidr_block = Some(true);
        let request = CreateVpcRequest {
            cidr_block: Some(cidr.to_owned()),
            amazon_provided_ipv6_cidr_block,
            ..Default::default()
        };
        let vpc = self.create(request).unwrap();
        let block: Ipv6Cidr = vpc.ipv6_cidr_block_association_set[0].ipv6_cidr_block.clone().unwrap().parse().unwrap();
        (vpc.vpc_id.unwrap(), format!("{}/64", block.first()))
    }

    /// A subnet of this block; its id.
    pub(in crate::actions) fn subnet(&mut self, vpc: &str, cidr: &str) -> String {
        let request =
            CreateSubnetRequest { vpc_id: vpc.to_owned(), cidr_block: Some(cidr.to_owned()), ..Default::default() };
        create_subnet(&self.context, &mut self.tx, request).unwrap().subnet.unwrap().subnet_id.unwrap()
    }

    pub(in crate::actions) fn default_vpc(&self) -> String {
        self.tx.default_vpc().unwrap().id.to_string()
    }

    fn described(&self, id: &str) -> ec2_shapes::Vpc {
        let request = DescribeVpcsRequest { vpc_ids: vec![id.to_owned()], ..Default::default() };
        describe_vpcs(&self.context, &self.tx.view(), request).unwrap().vpcs.remove(0)
    }

    fn associate(&mut self, vpc: &str, cidr: Option<&str>) -> Result<AssociateVpcCidrBlockResult, ApiError> {
        let request = AssociateVpcCidrBlockRequest {
            vpc_id: vpc.to_owned(),
            cidr_block: cidr.map(str::to_owned),
            amazon_provided_ipv6_cidr_block: cidr.is_none().then_some(true),
            ..Default::default()
        };
        associate_vpc_cidr_block(&self.context, &mut self.tx, request)
    }

    fn disassociate(&mut self, id: &str) -> Result<DisassociateVpcCidrBlockResult, ApiError> {
        let request = DisassociateVpcCidrBlockRequest { association_id: id.to_owned() };
        disassociate_vpc_cidr_block(&self.context, &mut self.tx, request)
    }

    fn delete(&mut self, vpc: &str) -> Result<(), ApiError> {
        delete_vpc(&self.context, &mut self.tx, DeleteVpcRequest { vpc_id: vpc.to_owned(), dry_run: None })
    }

    fn count(&self, filters: Vec<Filter>) -> usize {
        let request = DescribeVpcsRequest { filters, ..Default::default() };
        describe_vpcs(&self.context, &self.tx.view(), request).unwrap().vpcs.len()
    }

    fn group(&self, vpc: &str) -> SecurityGroup {
        let found = self.tx.security_groups.values().find(|group| group.vpc.to_string() == vpc);
        SecurityGroup::clone(found.unwrap())
    }

    fn acl(&self, vpc: &str) -> crate::resource::NetworkAcl {
        let found = self.tx.network_acls.values().find(|acl| acl.vpc.to_string() == vpc);
        crate::resource::NetworkAcl::clone(found.unwrap())
    }
}

/// The code and text of a request's error.
pub(in crate::actions) fn refused<T: Debug>(result: Result<T, ApiError>) -> (&'static str, String) {
    let error = result.expect_err("a request that should be refused");
    (error.code, error.message)
}

fn code<T: Debug>(result: Result<T, ApiError>) -> &'static str {
    refused(result).0
}

#[test]
fn a_vpc_begins_with_a_table_an_acl_and_a_group_and_ends_with_them() {
    let mut net = Net::new();
    let before = net.tx.records().count();
    let made = net.create(CreateVpcRequest {
        cidr_block: Some("10.1.2.3/16".to_owned()),
        instance_tenancy: Some(Tenancy::Dedicated),
        tag_specifications: vec![specification("vpc", &[("Name", "mine")])],
        ..Default::default()
    });
    let made = made.unwrap();
    let id = made.vpc_id.clone().unwrap();
    assert_eq!((made.cidr_block.as_deref(), made.state), (Some("10.1.0.0/16"), Some(VpcState::Pending)));
    let told = net.described(&id);
    assert_eq!(
        (told.state, told.is_default, told.instance_tenancy),
        (Some(VpcState::Available), Some(false), Some(Tenancy::Dedicated))
    );
    assert_eq!(told.tags[0].value.as_deref(), Some("mine"));
    assert_eq!(told.owner_id.as_deref(), Some("123456789012"));
    assert_eq!(told.dhcp_options_id, net.described(&net.default_vpc()).dhcp_options_id);
    let table = net.tx.route_tables.values().find(|table| table.vpc.to_string() == id).unwrap();
    assert!(table.is_main() && table.routes.is_empty());
    assert_eq!(net.group(&id).rules.len(), 2);
    assert_eq!((net.acl(&id).is_default, net.acl(&id).entries.len()), (true, 2));
    net.delete(&id).unwrap();
    assert_eq!(net.tx.records().count(), before, "nothing is left");
    assert_eq!(refused(net.delete(&id)), ("InvalidVpcID.NotFound", format!("The vpc ID '{id}' does not exist")));
}

#[test]
fn what_cannot_be_a_vpc_is_refused() {
    let mut net = Net::new();
    let with = |cidr: &str| CreateVpcRequest { cidr_block: Some(cidr.to_owned()), ..Default::default() };
    for cidr in ["10.0.0.0/15", "10.0.0.0/29", "127.0.0.0/16", "169.254.0.0/16", "224.0.0.0/16", "0.0.0.0/16"] {
        let message = format!("The CIDR '{cidr}' is invalid.");
        assert_eq!(refused(net.create(with(cidr))), ("InvalidVpc.Range", message));
    }
    let message = "Value (10.0.0.0) for parameter cidrBlock is invalid. This is not a valid CIDR block.";
    assert_eq!(refused(net.create(with("10.0.0.0"))), ("InvalidParameterValue", message.to_owned()));
    let some = || Some("x".to_owned());
    let good = || with("10.0.0.0/16");
    for (request, expected) in [
        (CreateVpcRequest::default(), "MissingParameter"),
        (CreateVpcRequest { instance_tenancy: Some(Tenancy::Host), ..good() }, "UnsupportedTenancy"),
        (CreateVpcRequest { ipv4_ipam_pool_id: some(), ..good() }, "InvalidIpamPoolId.NotFound"),
        (CreateVpcRequest { ipv6_ipam_pool_id: some(), ..good() }, "InvalidIpamPoolId.NotFound"),
        (CreateVpcRequest { ipv4_netmask_length: Some(24), ..good() }, "InvalidParameterCombination"),
        (CreateVpcRequest { ipv6_pool: some(), ..good() }, "UnsupportedOperation"),
        (CreateVpcRequest { ipv6_cidr_block: some(), ..good() }, "InvalidParameterCombination"),
        (CreateVpcRequest { ipv6_cidr_block_network_border_group: some(), ..good() }, "InvalidParameterCombination"),
        (CreateVpcRequest { vpc_encryption_control: Some(Default::default()), ..good() }, "UnsupportedOperation"),
        (
            CreateVpcRequest { tag_specifications: vec![specification("subnet", &[("a", "b")])], ..good() },
            "InvalidParameterValue",
        ),
        (
            CreateVpcRequest {
                ipv6_cidr_block_network_border_group: some(),
                amazon_provided_ipv6_cidr_block: Some(true),
                ..good()
            },
            "InvalidParameterValue",
        ),
    ] {
        assert_eq!(code(net.create(request.clone())), expected, "{request:?}");
    }
    for _ in 0..4 {
        net.vpc("10.0.0.0/28");
    }
    assert_eq!(
        refused(net.create(good())),
        ("VpcLimitExceeded", "The maximum number of VPCs has been reached.".to_owned())
    );
}

#[test]
fn an_ipv6_block_opens_what_was_open() {
    let mut net = Net::new();
    let id = net.vpc("10.0.0.0/16");
    let made = net.associate(&id, None).unwrap().ipv6_cidr_block_association.unwrap();
    let state = |association: &VpcIpv6CidrBlockAssociation| association.ipv6_cidr_block_state.clone().unwrap().state;
    assert_eq!(state(&made), Some(VpcCidrBlockStateCode::Associating));
    let [told] = net.described(&id).ipv6_cidr_block_association_set.try_into().unwrap();
    assert_eq!(state(&told), Some(VpcCidrBlockStateCode::Associated));
    assert_eq!(
        (told.association_id.clone(), told.ipv6_cidr_block.clone()),
        (made.association_id, made.ipv6_cidr_block)
    );
    assert_eq!((told.ipv6_pool.as_deref(), told.network_border_group.as_deref()), (Some("Amazon"), Some("us-east-1")));
    let block: Ipv6Cidr = told.ipv6_cidr_block.unwrap().parse().unwrap();
    let pool: Ipv6Cidr = crate::context::Config::IPV6_POOL.parse().unwrap();
    assert!(block.prefix_len() == 56 && pool.contains_cidr(block));
    let egress: Vec<Peer> = net.group(&id).rules.iter().filter(|rule| rule.is_egress).map(|rule| rule.peer).collect();
    assert_eq!(egress, [Peer::Ipv4(Ipv4Cidr::ANY), Peer::Ipv6(Ipv6Cidr::ANY)]);
    let entries = net.acl(&id).entries;
    let opened: Vec<bool> = entries.iter().filter(|e| e.number == 101 && e.allow).map(|e| e.is_egress).collect();
    assert_eq!((entries.len(), opened), (4, vec![false, true]));
    assert_eq!(
        refused(net.associate(&id, None)),
        ("CidrLimitExceeded", format!("This network '{id}' has met its maximum number of allowed CIDRs: 1"))
    );
    let association = told.association_id.unwrap();
    let gone = net.disassociate(&association).unwrap().ipv6_cidr_block_association.unwrap();
    assert_eq!(state(&gone), Some(VpcCidrBlockStateCode::Disassociating));
    assert!(net.described(&id).ipv6_cidr_block_association_set.is_empty());
    assert_eq!(
        refused(net.disassociate(&association)),
        (
            "InvalidVpcCidrBlockAssociationID.NotFound",
            format!("The vpc CIDR block association ID '{association}' does not exist")
        )
    );
    net.associate(&id, None).unwrap();
    assert_eq!(net.acl(&id).entries.len(), 4, "what is there already is not added again");
    let (other, _) = net.dual_stack("10.2.0.0/16");
    let blocks = |id: &str| net.described(id).ipv6_cidr_block_association_set[0].ipv6_cidr_block.clone();
    assert_ne!(blocks(&id), blocks(&other));
}

#[test]
fn an_ipv6_block_opens_nothing_that_was_edited() {
    let mut net = Net::new();
    let id = net.vpc("10.0.0.0/16");
    let mut group = net.group(&id);
    group.rules.retain(|rule| !rule.is_egress);
    net.tx.put(group);
    let mut acl = net.acl(&id);
    acl.entries.iter_mut().filter(|entry| !entry.is_egress).for_each(|entry| entry.allow = false);
    net.tx.put(acl);
    net.associate(&id, None).unwrap();
    assert!(net.group(&id).rules.iter().all(|rule| !rule.is_egress));
    let added: Vec<bool> = net.acl(&id).entries.iter().filter(|e| e.number == 101).map(|e| e.is_egress).collect();
    assert_eq!(added, [true]);
}

#[test]
fn further_blocks_come_and_go_and_keep_their_ids() {
    let mut net = Net::new();
    let id = net.vpc("10.0.0.0/24");
    let ids = |net: &Net| -> Vec<(String, String)> {
        let told = net.described(&id).cidr_block_association_set.into_iter();
        told.map(|it| (it.cidr_block.unwrap(), it.association_id.unwrap())).collect()
    };
    let first = ids(&net);
    let made = net.associate(&id, Some("10.1.0.0/16")).unwrap().cidr_block_association.unwrap();
    assert_eq!(made.cidr_block_state.unwrap().state, Some(VpcCidrBlockStateCode::Associating));
    net.associate(&id, Some("100.64.0.0/16")).unwrap();
    let all = ids(&net);
    assert_eq!((&all[..1], all.len(), all[1].1.clone()), (&first[..], 3, made.association_id.clone().unwrap()));
    let id_filter = |id: &str| vec![filter("cidr-block-association.association-id", &[id])];
    assert_eq!(net.count(id_filter(&all[2].1)), 1);
    assert_eq!(net.count(vec![filter("cidr-block-association.cidr-block", &["10.1.0.0/16"])]), 1);
    net.subnet(&id, "10.1.5.0/24");
    assert_eq!(code(net.disassociate(&all[1].1)), "DependencyViolation");
    let gone = net.disassociate(&all[2].1).unwrap();
    assert_eq!(gone.vpc_id.as_deref(), Some(id.as_str()));
    let state = gone.cidr_block_association.unwrap().cidr_block_state.unwrap().state;
    assert_eq!(state, Some(VpcCidrBlockStateCode::Disassociating));
    assert_eq!(ids(&net), all[..2]);
    assert_eq!(
        refused(net.disassociate(&first[0].1)),
        (
            "OperationNotPermitted",
            format!(
                "The vpc CIDR block with association ID {} may not be disassociated. It is the primary IPv4 CIDR block of \
             the VPC",
                first[0].1
            )
        )
    );
    assert_eq!(code(net.disassociate("vpc-1")), "InvalidVpcCidrBlockAssociationID.Malformed");
    for cidr in ["10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16"] {
        net.associate(&id, Some(cidr)).unwrap();
    }
    assert_eq!(code(net.associate(&id, Some("10.5.0.0/16"))), "CidrLimitExceeded");
}

#[test]
fn further_blocks_must_suit_the_vpc() {
    let mut net = Net::new();
    let id = net.vpc("10.0.0.0/16");
    let mut table = net.tx.route_tables.values().find(|table| table.vpc.to_string() == id).unwrap().as_ref().clone();
    let gateway = types::InternetGatewayId::from_number(1);
    let target = RouteTarget::InternetGateway(gateway);
    table.routes.push(Route { destination: "10.9.1.0/24".parse::<Ipv4Cidr>().unwrap().into(), target });
    net.tx.put(table);
    for (cidr, text) in [
        ("10.0.3.0/24", "conflicts"),
        ("192.168.0.0/16", "is restricted. Use a CIDR from the same private address range"),
        ("172.16.0.0/16", "is restricted"),
        ("198.19.0.0/16", "is restricted"),
        ("10.9.0.0/16", "route"),
        ("10.1.0.0/15", "is invalid."),
        ("169.254.0.0/16", "is invalid."),
    ] {
        let (code, message) = refused(net.associate(&id, Some(cidr)));
        assert!(code == "InvalidVpc.Range" && message.contains(text), "{cidr}: {code} {message}");
    }
    net.associate(&id, Some("10.9.1.128/25")).unwrap();
    net.associate(&id, Some("100.64.0.0/16")).unwrap();
    let both = AssociateVpcCidrBlockRequest {
        vpc_id: id.clone(),
        cidr_block: Some("10.3.0.0/16".to_owned()),
        amazon_provided_ipv6_cidr_block: Some(true),
        ..Default::default()
    };
    let neither = AssociateVpcCidrBlockRequest { vpc_id: id, ..Default::default() };
    let mut ask = |request| code(associate_vpc_cidr_block(&net.context, &mut net.tx, request));
    assert_eq!((ask(both), ask(neither)), ("InvalidParameterCombination", "MissingParameter"));
    assert_eq!(code(net.associate("vpc-00000000", Some("10.3.0.0/16"))), "InvalidVpcID.NotFound");
}

#[test]
fn a_retargeted_local_route_goes_with_its_block() {
    let mut net = Net::new();
    let id = net.vpc("10.0.0.0/16");
    let association = net.associate(&id, Some("10.1.0.0/16")).unwrap().cidr_block_association.unwrap().association_id;
    let mut table = RouteTable::new(RouteTableId::from_number(9), id.parse().unwrap());
    let target = RouteTarget::NetworkInterface(types::NetworkInterfaceId::from_number(1));
    table.routes.push(Route { destination: "10.1.0.0/16".parse::<Ipv4Cidr>().unwrap().into(), target });
    let table_id = table.id;
    net.tx.put(table);
    net.disassociate(&association.unwrap()).unwrap();
    assert!(net.tx.route_tables[&table_id].routes.is_empty());
}

#[test]
fn a_vpc_of_an_older_cloud_keeps_the_id_it_showed() {
    let text = r#"{"id":"vpc-0000000000000000a","cidrs":["172.31.0.0/16"],"is_default":true,
        "dhcp_options":"dopt-00000000000000001","enable_dns_support":true,"enable_dns_hostnames":true}"#;
    let vpc: crate::resource::Vpc = serde_json::from_str(text).unwrap();
    assert!(vpc.dhcp_options.is_some() && vpc.ipv6_cidrs.is_empty());
    let mut net = Net::new();
    let id = vpc.id.to_string();
    net.tx.put(vpc);
    let first = |net: &Net| net.described(&id).cidr_block_association_set[0].association_id.clone().unwrap();
    let before = first(&net);
    assert_eq!(before, VpcCidrAssociationId::from_number(10).to_string());
    net.associate(&id, Some("172.30.0.0/16")).unwrap();
    assert_eq!(first(&net), before);
}

#[test]
fn vpcs_by_every_filter() {
    let mut net = Net::new();
    let (id, _) = net.dual_stack("10.0.0.0/16");
    tagging::add(&mut net.tx, &id, &Tags::from([("Name".to_owned(), "main".to_owned())])).unwrap();
    let told = net.described(&id);
    let ipv4 = told.cidr_block_association_set[0].association_id.clone().unwrap();
    let ipv6 = told.ipv6_cidr_block_association_set[0].clone();
    let (ipv6_id, ipv6_block) = (ipv6.association_id.unwrap(), ipv6.ipv6_cidr_block.unwrap());
    for (name, value, count) in [
        ("cidr", "10.0.0.0/16", 1),
        ("cidr-block", "10.0.0.0/16", 1),
        ("cidr-block-association.association-id", ipv4.as_str(), 1),
        ("cidr-block-association.cidr-block", "10.0.*", 1),
        ("cidr-block-association.state", "associated", 2),
        ("dhcp-options-id", told.dhcp_options_id.as_deref().unwrap(), 2),
        ("ipv6-cidr-block-association.association-id", &ipv6_id, 1),
        ("ipv6-cidr-block-association.ipv6-cidr-block", &ipv6_block, 1),
        ("ipv6-cidr-block-association.ipv6-pool", "Amazon", 1),
        ("ipv6-cidr-block-association.state", "associated", 1),
        ("is-default", "true", 1),
        ("isDefault", "false", 1),
        ("owner-id", "123456789012", 2),
        ("state", "available", 2),
        ("vpc-id", &id, 1),
        ("tag:Name", "main", 1),
        ("tag-key", "Name", 1),
    ] {
        assert_eq!(net.count(vec![filter(name, &[value])]), count, "{name}");
    }
    for name in VpcRow::NAMES {
        assert_eq!(net.count(vec![filter(name, &["nothing"])]), 0, "{name}");
    }
    let ask = |request| describe_vpcs(&net.context, &net.tx.view(), request);
    let unknown = DescribeVpcsRequest { filters: vec![filter("colour", &["x"])], ..Default::default() };
    assert_eq!(code(ask(unknown)), "InvalidParameterValue");
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
        assert_eq!(refused(ask(DescribeVpcsRequest { vpc_ids, ..Default::default() })), (code, message.to_owned()));
    }
}

#[test]
fn attributes_are_set_one_at_a_time_and_read_back() {
    let mut net = Net::new();
    let vpc_id = net.vpc("10.0.0.0/16");
    let read = |net: &Net, id: &str, attribute| {
        let request = DescribeVpcAttributeRequest { attribute: Some(attribute), dry_run: None, vpc_id: id.to_owned() };
        let told = describe_vpc_attribute(&net.context, &net.tx.view(), request).unwrap();
        assert_eq!(told.vpc_id.as_deref(), Some(id));
        let all = [told.enable_dns_support, told.enable_dns_hostnames, told.enable_network_address_usage_metrics];
        all.map(|value| value.and_then(|value| value.value))
    };
    let (support, hostnames, metrics) = (
        VpcAttributeName::EnableDnsSupport,
        VpcAttributeName::EnableDnsHostnames,
        VpcAttributeName::EnableNetworkAddressUsageMetrics,
    );
    assert_eq!(read(&net, &vpc_id, support), [Some(true), None, None]);
    assert_eq!(read(&net, &vpc_id, hostnames), [None, Some(false), None]);
    assert_eq!(read(&net, &vpc_id, metrics), [None, None, Some(false)]);
    let default_vpc = net.default_vpc();
    assert_eq!(read(&net, &default_vpc, hostnames), [None, Some(true), None]);
    let value = |value| Some(AttributeBooleanValue { value: Some(value) });
    let none = || ModifyVpcAttributeRequest { vpc_id: vpc_id.clone(), ..Default::default() };
    let mut set = |request| modify_vpc_attribute(&net.context, &mut net.tx, request);
    set(ModifyVpcAttributeRequest { enable_dns_hostnames: value(true), ..none() }).unwrap();
    set(ModifyVpcAttributeRequest { enable_network_address_usage_metrics: value(true), ..none() }).unwrap();
    set(ModifyVpcAttributeRequest { enable_dns_support: value(false), ..none() }).unwrap();
    let message = "Fields for multiple attribute types specified: enableDnsSupport, enableDnsHostnames".to_owned();
    let two =
        ModifyVpcAttributeRequest { enable_dns_support: value(true), enable_dns_hostnames: value(true), ..none() };
    assert_eq!(refused(set(two)), ("InvalidParameterCombination", message));
    assert_eq!(code(set(none())), "InvalidParameterCombination");
    let without_support = ModifyVpcAttributeRequest { enable_dns_hostnames: value(true), ..none() };
    assert_eq!(code(set(without_support)), "InvalidParameterCombination");
    assert_eq!(read(&net, &vpc_id, support)[0], Some(false));
    assert_eq!(read(&net, &vpc_id, hostnames)[1], Some(true));
    assert_eq!(read(&net, &vpc_id, metrics)[2], Some(true));
    let request = DescribeVpcAttributeRequest { vpc_id, ..Default::default() };
    assert_eq!(code(describe_vpc_attribute(&net.context, &net.tx.view(), request)), "MissingParameter");
}

#[test]
fn tenancy_becomes_default_and_nothing_else() {
    let mut net = Net::new();
    let request = CreateVpcRequest {
        cidr_block: Some("10.0.0.0/16".to_owned()),
        instance_tenancy: Some(Tenancy::Dedicated),
        ..Default::default()
    };
    let vpc_id = net.create(request).unwrap().vpc_id.unwrap();
    let instance_tenancy = Some(VpcTenancy::Default);
    let request = ModifyVpcTenancyRequest { vpc_id: vpc_id.clone(), instance_tenancy, dry_run: None };
    assert_eq!(modify_vpc_tenancy(&net.context, &mut net.tx, request).unwrap().return_value, Some(true));
    assert_eq!(net.described(&vpc_id).instance_tenancy, Some(Tenancy::Default));
    let request = ModifyVpcTenancyRequest { vpc_id, ..Default::default() };
    assert_eq!(code(modify_vpc_tenancy(&net.context, &mut net.tx, request)), "MissingParameter");
}

#[test]
fn instances_of_a_dedicated_vpc_are_dedicated() {
    let mut bed = crate::actions::testbed::Bed::new();
    let (cidr_block, instance_tenancy) = (Some("10.0.0.0/16".to_owned()), Some(Tenancy::Dedicated));
    let Response::CreateVpc(made) =
        bed.ask(CreateVpcRequest { cidr_block: cidr_block.clone(), instance_tenancy, ..Default::default() }).unwrap()
    else {
        panic!("another answer")
    };
    let vpc_id = made.vpc.unwrap().vpc_id.unwrap();
    let request = CreateSubnetRequest { vpc_id: vpc_id.clone(), cidr_block, ..Default::default() };
    let Response::CreateSubnet(made) = bed.ask(request).unwrap() else { panic!("another answer") };
    let mut launch = bed.launch(1);
    launch.subnet_id = made.subnet.unwrap().subnet_id;
    let tenancy = |told: Reservation| told.instances[0].placement.clone().unwrap().tenancy;
    assert_eq!(tenancy(bed.run(launch.clone())), Some(Tenancy::Dedicated));
    let instance_tenancy = Some(VpcTenancy::Default);
    bed.ask(ModifyVpcTenancyRequest { vpc_id, instance_tenancy, dry_run: None }).unwrap();
    assert_eq!(tenancy(bed.run(launch)), Some(Tenancy::Default));
}

#[test]
fn the_default_vpc_can_be_deleted_and_made_again() {
    let mut net = Net::new();
    let again = |net: &mut Net| create_default_vpc(&net.context, &mut net.tx, CreateDefaultVpcRequest::default());
    assert_eq!(
        refused(again(&mut net)),
        ("DefaultVpcAlreadyExists", "A Default VPC already exists for this account in this region.".to_owned())
    );
    let old = net.default_vpc();
    let message = format!("The vpc '{old}' has dependencies and cannot be deleted.");
    assert_eq!(refused(net.delete(&old)), ("DependencyViolation", message));
    let subnets: Vec<Key> = net.tx.subnets.keys().map(|id| Key::Subnet(*id)).collect();
    let gateways: Vec<Key> = net.tx.internet_gateways.keys().map(|id| Key::InternetGateway(*id)).collect();
    subnets.into_iter().chain(gateways).for_each(|key| net.tx.delete(key));
    net.delete(&old).unwrap();
    assert!(net.tx.default_vpc().is_none());
    let made = again(&mut net).unwrap().vpc.unwrap();
    assert_eq!((made.is_default, made.cidr_block.as_deref()), (Some(true), Some("172.31.0.0/16")));
    assert_eq!((net.tx.subnets.len(), net.tx.internet_gateways.len(), net.tx.dhcp_options.len()), (3, 1, 1));
    let table = net.tx.route_tables.values().find(|table| table.vpc.to_string() == net.default_vpc()).unwrap();
    assert_eq!(table.routes[0].destination, Ipv4Cidr::ANY.into());
}

#[test]
fn whatever_is_in_a_vpc_holds_it() {
    let mut net = Net::new();
    let id = net.vpc("10.0.0.0/16");
    let vpc: VpcId = id.parse().unwrap();
    let subnet = net.subnet(&id, "10.0.0.0/24");
    assert_eq!(code(net.delete(&id)), "DependencyViolation");
    net.tx.delete(Key::Subnet(subnet.parse().unwrap()));
    let table = RouteTable::new(RouteTableId::from_number(77), vpc);
    net.tx.put(table.clone());
    assert_eq!(code(net.delete(&id)), "DependencyViolation");
    net.tx.delete(Key::RouteTable(table.id));
    let group = SecurityGroup { id: SecurityGroupId::from_number(77), name: "own".into(), ..net.group(&id) };
    net.tx.put(group.clone());
    assert_eq!(code(net.delete(&id)), "DependencyViolation");
    net.tx.delete(Key::SecurityGroup(group.id));
    net.delete(&id).unwrap();
}

#[test]
fn nothing_is_linked_to_ec2_classic() {
    let mut net = Net::new();
    let id = net.vpc("10.0.0.0/16");
    let view = net.tx.view();
    let ask = |vpc_ids: &[&str], filters| {
        let vpc_ids = vpc_ids.iter().map(|id| (*id).to_owned()).collect();
        let request = DescribeVpcClassicLinkRequest { vpc_ids, filters, dry_run: None };
        describe_vpc_classic_link(&net.context, &view, request).map(|told| told.vpcs)
    };
    let [only] = ask(&[&id], vec![]).unwrap().try_into().unwrap();
    assert_eq!((only.vpc_id.as_deref(), only.classic_link_enabled), (Some(id.as_str()), Some(false)));
    for (value, count) in [("false", 2), ("true", 0)] {
        assert_eq!(ask(&[], vec![filter("is-classic-link-enabled", &[value])]).unwrap().len(), count);
    }
    assert_eq!(code(ask(&["vpc-00000000"], vec![])), "InvalidVpcID.NotFound");
    let ask = |vpc_ids: Vec<String>, max_results| {
        let request = DescribeVpcClassicLinkDnsSupportRequest { vpc_ids, max_results, next_token: None };
        describe_vpc_classic_link_dns_support(&net.context, &view, request).map(|told| told.vpcs)
    };
    let told = ask(vec![], None).unwrap();
    assert!(told.len() == 2 && told.iter().all(|vpc| vpc.classic_link_dns_supported == Some(false)));
    assert_eq!(code(ask(vec![], Some(256))), "InvalidParameterValue");
    assert_eq!(code(ask(vec!["vpc-00000000".to_owned()], None)), "InvalidVpcID.NotFound");
}
