//! What network ACLs do, through their actions.

use ec2_shapes::*;
use types::{VpcCidrAssociationId, VpcId};

use crate::actions::testbed::{Bed, texts};
use crate::query::Filterable;
use crate::quotas::Quota;
use crate::resource;
use crate::seed;
use crate::testing::{filter, shape_tags, specification};
use crate::transaction::Transaction;

macro_rules! ask {
    ($bed:expr, $action:ident, $request:expr) => {
        match $bed.ask($request).unwrap() {
            Response::$action(answer) => *answer,
            other => panic!("{other:?}"),
        }
    };
}

fn change(bed: &mut Bed, change: impl FnOnce(&mut Transaction, &crate::context::Context)) {
    let mut tx = Transaction::new(&bed.state, bed.context.region.clone());
    change(&mut tx, &bed.context);
    bed.state = tx.finish().1;
}

fn create(bed: &mut Bed) -> String {
    let vpc_id = bed.view().default_vpc().unwrap().id.to_string();
    let request = CreateNetworkAclRequest { vpc_id, ..Default::default() };
    ask!(bed, CreateNetworkAcl, request).network_acl.unwrap().network_acl_id.unwrap()
}

fn describe(bed: &mut Bed, id: &str) -> NetworkAcl {
    let request = DescribeNetworkAclsRequest { network_acl_ids: texts(&[id]), ..Default::default() };
    ask!(bed, DescribeNetworkAcls, request).network_acls.remove(0)
}

fn default_acl(bed: &mut Bed) -> NetworkAcl {
    let request = DescribeNetworkAclsRequest { filters: vec![filter("default", &["true"])], ..Default::default() };
    ask!(bed, DescribeNetworkAcls, request).network_acls.remove(0)
}

/// An entry that lets TCP to port 22 in.
fn entry(acl: &str, number: i32) -> CreateNetworkAclEntryRequest {
    CreateNetworkAclEntryRequest {
        network_acl_id: acl.to_owned(),
        rule_number: number,
        protocol: "6".to_owned(),
        rule_action: Some(RuleAction::Allow),
        egress: false,
        cidr_block: Some("100.68.0.18/18".to_owned()),
        port_range: Some(PortRange { from: Some(22), to: Some(23) }),
        ..Default::default()
    }
}

fn replace(request: CreateNetworkAclEntryRequest) -> ReplaceNetworkAclEntryRequest {
    ReplaceNetworkAclEntryRequest {
        network_acl_id: request.network_acl_id,
        rule_number: request.rule_number,
        protocol: request.protocol,
        rule_action: request.rule_action,
        egress: request.egress,
        cidr_block: request.cidr_block,
        port_range: request.port_range,
        ..Default::default()
    }
}

fn numbers(acl: &NetworkAcl) -> Vec<(bool, i32)> {
    acl.entries.iter().map(|entry| (entry.egress.unwrap(), entry.rule_number.unwrap())).collect()
}

#[test]
fn the_default_list_allows_and_a_new_one_only_denies() {
    let mut bed = Bed::new();
    let default = default_acl(&mut bed);
    assert_eq!(numbers(&default), [(true, 100), (true, 32_767), (false, 100), (false, 32_767)]);
    let (allow, deny) = (&default.entries[0], &default.entries[1]);
    assert_eq!((allow.rule_action, allow.protocol.as_deref()), (Some(RuleAction::Allow), Some("-1")));
    assert_eq!((deny.rule_action, deny.cidr_block.as_deref()), (Some(RuleAction::Deny), Some("0.0.0.0/0")));
    assert_eq!((deny.port_range.as_ref(), deny.icmp_type_code.as_ref()), (None, None));
    assert_eq!((default.is_default, default.associations.len()), (Some(true), bed.view().subnets.len()));

    let request = CreateNetworkAclRequest {
        vpc_id: default.vpc_id.clone().unwrap(),
        client_token: Some("once".to_owned()),
        tag_specifications: vec![specification("network-acl", &[("Name", "mine")])],
        ..Default::default()
    };
    let made = ask!(bed, CreateNetworkAcl, request.clone());
    let (token, acl) = (made.client_token, made.network_acl.unwrap());
    assert_eq!((token.as_deref(), numbers(&acl)), (Some("once"), vec![(true, 32_767), (false, 32_767)]));
    assert_eq!((acl.is_default, acl.owner_id.as_deref()), (Some(false), Some("123456789012")));
    assert_eq!(acl.tags, shape_tags(&[("Name", "mine")]));
    assert_eq!(ask!(bed, CreateNetworkAcl, request).network_acl.unwrap().network_acl_id, acl.network_acl_id);
    let unknown = CreateNetworkAclRequest { vpc_id: "vpc-00000000000000099".to_owned(), ..Default::default() };
    assert_eq!(bed.error(unknown).0, "InvalidVpcID.NotFound");
}

#[test]
fn a_vpc_with_ipv6_has_a_second_denial() {
    let mut bed = Bed::new();
    let id = create(&mut bed);
    change(&mut bed, |tx, _| {
        let mut vpc = resource::Vpc::clone(tx.default_vpc().unwrap());
        let association = VpcCidrAssociationId::from_number(1);
        vpc.ipv6_cidrs.push(resource::Ipv6Block { association, cidr: "2001:db8::/56".parse().unwrap() });
        tx.put(vpc);
    });
    let acl = describe(&mut bed, &id);
    assert_eq!(numbers(&acl), [(true, 32_767), (true, 32_768), (false, 32_767), (false, 32_768)]);
    assert_eq!((acl.entries[1].ipv6_cidr_block.as_deref(), acl.entries[1].cidr_block.as_ref()), (Some("::/0"), None));
}

#[test]
fn entries_read_back_with_numbers_of_protocols() {
    let mut bed = Bed::new();
    let id = create(&mut bed);
    bed.ask(entry(&id, 100)).unwrap();
    let icmp = |kind, code| Some(IcmpTypeCode { r#type: Some(kind), code: Some(code) });
    let ping = CreateNetworkAclEntryRequest {
        protocol: "icmp".to_owned(),
        icmp_type_code: icmp(8, -1),
        egress: true,
        rule_action: Some(RuleAction::Deny),
        ..entry(&id, 100)
    };
    bed.ask(ping).unwrap();
    let six = CreateNetworkAclEntryRequest {
        protocol: "58".to_owned(),
        cidr_block: None,
        ipv6_cidr_block: Some("2001:DB8::1/32".to_owned()),
        icmp_type_code: icmp(128, 0),
        ..entry(&id, 110)
    };
    bed.ask(six).unwrap();
    // Ports say nothing of protocols that have none, as clients send them nevertheless.
    for (number, protocol) in [(120, "-1"), (130, "50"), (140, "58")] {
        bed.ask(CreateNetworkAclEntryRequest { protocol: protocol.to_owned(), ..entry(&id, number) }).unwrap();
    }
    bed.ask(CreateNetworkAclEntryRequest { protocol: "udp".to_owned(), ..entry(&id, 150) }).unwrap();
    let acl = describe(&mut bed, &id);
    let of = |number, egress| {
        let is_it = |entry: &&NetworkAclEntry| entry.rule_number == Some(number) && entry.egress == Some(egress);
        acl.entries.iter().find(is_it).unwrap().clone()
    };
    let ssh = of(100, false);
    assert_eq!((ssh.protocol.as_deref(), ssh.cidr_block.as_deref()), (Some("6"), Some("100.68.0.0/18")));
    assert_eq!(ssh.port_range, Some(PortRange { from: Some(22), to: Some(23) }));
    let ping = of(100, true);
    assert_eq!((ping.protocol.as_deref(), ping.icmp_type_code), (Some("1"), icmp(8, -1)));
    assert_eq!((ping.rule_action, ping.port_range), (Some(RuleAction::Deny), None));
    let six = of(110, false);
    assert_eq!((six.ipv6_cidr_block.as_deref(), six.icmp_type_code), (Some("2001:db8::/32"), icmp(128, 0)));
    for (number, protocol) in [(120, "-1"), (130, "50"), (140, "58")] {
        let entry = of(number, false);
        assert_eq!((entry.protocol.as_deref(), entry.port_range, entry.icmp_type_code), (Some(protocol), None, None));
    }
    assert_eq!(of(150, false).protocol.as_deref(), Some("17"));
}

#[test]
fn entries_are_replaced_and_deleted_by_number_and_direction() {
    let mut bed = Bed::new();
    let id = create(&mut bed);
    bed.ask(entry(&id, 100)).unwrap();
    let message = "The network acl entry identified by 100 already exists.".to_owned();
    assert_eq!(bed.error(entry(&id, 100)), ("NetworkAclEntryAlreadyExists", message));
    bed.ask(CreateNetworkAclEntryRequest { egress: true, ..entry(&id, 100) }).unwrap();
    let wider = CreateNetworkAclEntryRequest { cidr_block: Some("10.0.0.0/8".to_owned()), ..entry(&id, 100) };
    bed.ask(replace(wider.clone())).unwrap();
    let acl = describe(&mut bed, &id);
    let blocks: Vec<_> = acl.entries.iter().filter_map(|entry| entry.cidr_block.as_deref()).collect();
    assert_eq!(blocks, ["100.68.0.0/18", "0.0.0.0/0", "10.0.0.0/8", "0.0.0.0/0"]);
    let unknown = replace(CreateNetworkAclEntryRequest { rule_number: 101, ..wider });
    assert_eq!(bed.error(unknown).0, "InvalidNetworkAclEntry.NotFound");
    let delete = |number| DeleteNetworkAclEntryRequest {
        network_acl_id: id.clone(),
        rule_number: number,
        egress: false,
        ..Default::default()
    };
    bed.ask(delete(100)).unwrap();
    assert_eq!(numbers(&describe(&mut bed, &id)), [(true, 100), (true, 32_767), (false, 32_767)]);
    assert_eq!(bed.error(delete(100)).0, "InvalidNetworkAclEntry.NotFound");
    for fixed in [32_767, 32_768, 0] {
        assert_eq!(bed.error(delete(fixed)).0, "InvalidParameterValue", "{fixed}");
    }
}

#[test]
fn bad_entries_are_refused_and_change_nothing() {
    let mut bed = Bed::new();
    let id = create(&mut bed);
    let good = || entry(&id, 100);
    let ports = |from, to| Some(PortRange { from, to });
    let both = CreateNetworkAclEntryRequest { ipv6_cidr_block: Some("::/0".to_owned()), ..good() };
    let cases = [
        (CreateNetworkAclEntryRequest { rule_number: 32_767, ..good() }, "InvalidParameterValue"),
        (CreateNetworkAclEntryRequest { rule_number: 0, ..good() }, "InvalidParameterValue"),
        (CreateNetworkAclEntryRequest { rule_number: -5, ..good() }, "InvalidParameterValue"),
        (CreateNetworkAclEntryRequest { rule_action: None, ..good() }, "MissingParameter"),
        (CreateNetworkAclEntryRequest { cidr_block: None, ..good() }, "MissingParameter"),
        (both, "InvalidParameterCombination"),
        (CreateNetworkAclEntryRequest { cidr_block: Some("10.0.0.0".to_owned()), ..good() }, "InvalidParameterValue"),
        (CreateNetworkAclEntryRequest { protocol: "256".to_owned(), ..good() }, "InvalidParameterValue"),
        (CreateNetworkAclEntryRequest { protocol: "sctp?".to_owned(), ..good() }, "InvalidParameterValue"),
        (CreateNetworkAclEntryRequest { protocol: String::new(), ..good() }, "MissingParameter"),
        (CreateNetworkAclEntryRequest { port_range: None, ..good() }, "InvalidParameterValue"),
        (CreateNetworkAclEntryRequest { port_range: ports(Some(1), None), ..good() }, "InvalidParameterValue"),
        (CreateNetworkAclEntryRequest { port_range: ports(Some(2), Some(1)), ..good() }, "InvalidParameterValue"),
        (CreateNetworkAclEntryRequest { port_range: ports(Some(0), Some(65_536)), ..good() }, "InvalidParameterValue"),
        (CreateNetworkAclEntryRequest { protocol: "1".to_owned(), ..good() }, "InvalidParameterValue"),
        (
            CreateNetworkAclEntryRequest { network_acl_id: "acl-x".to_owned(), ..good() },
            "InvalidNetworkAclId.Malformed",
        ),
        (
            CreateNetworkAclEntryRequest { network_acl_id: "acl-00000000000000099".to_owned(), ..good() },
            "InvalidNetworkAclID.NotFound",
        ),
    ];
    let before = bed.view().network_acls.clone();
    for (request, code) in cases {
        assert_eq!(bed.error(request.clone()).0, code, "{request:?}");
    }
    assert_eq!(bed.view().network_acls, before);
}

#[test]
fn a_subnet_moves_to_another_list() {
    let mut bed = Bed::new();
    let (default, id) = (default_acl(&mut bed), create(&mut bed));
    let association = default.associations[0].clone();
    let old = association.network_acl_association_id.unwrap();
    let request = |association: &str, acl: &str| ReplaceNetworkAclAssociationRequest {
        association_id: association.to_owned(),
        network_acl_id: acl.to_owned(),
        ..Default::default()
    };
    let new = ask!(bed, ReplaceNetworkAclAssociation, request(&old, &id)).new_association_id.unwrap();
    assert_ne!(new, old);
    let shown = describe(&mut bed, &id).associations.remove(0);
    assert_eq!((shown.network_acl_association_id.as_ref(), shown.subnet_id), (Some(&new), association.subnet_id));
    assert_eq!(default_acl(&mut bed).associations.len(), default.associations.len() - 1);
    let message = format!("The association ID '{old}' does not exist");
    assert_eq!(bed.error(request(&old, &id)), ("InvalidAssociationID.NotFound", message));

    let delete = |id: &str| DeleteNetworkAclRequest { network_acl_id: id.to_owned(), ..Default::default() };
    let message = format!("The networkAcl '{id}' has dependencies and cannot be deleted.");
    assert_eq!(bed.error(delete(&id)), ("DependencyViolation", message));
    let default_id = default.network_acl_id.unwrap();
    let message = format!("cannot delete default network ACL {default_id}");
    assert_eq!(bed.error(delete(&default_id)), ("InvalidParameterValue", message));
    ask!(bed, ReplaceNetworkAclAssociation, request(&new, &default_id));
    bed.ask(delete(&id)).unwrap();
    assert_eq!(bed.error(delete(&id)).0, "InvalidNetworkAclID.NotFound");

    let other = VpcId::from_number(9);
    change(&mut bed, |tx, context| {
        seed::make_vpc(context, tx, resource::Vpc::new(other, "10.0.0.0/16".parse().unwrap()));
    });
    let elsewhere = bed.view().network_acls.values().find(|acl| acl.vpc == other).unwrap().id.to_string();
    let last = default_acl(&mut bed);
    let associations = if last.vpc_id == Some(other.to_string()) { default.associations } else { last.associations };
    let association = associations[1].network_acl_association_id.clone().unwrap();
    assert_eq!(bed.error(request(&association, &elsewhere)).0, "InvalidParameterValue");
    assert_eq!(bed.error(request("aclassoc-x", &elsewhere)).0, "InvalidNetworkAclAssociationId.Malformed");
}

#[test]
fn every_filter_finds_its_list() {
    let mut bed = Bed::new();
    let (default, id) = (default_acl(&mut bed), create(&mut bed));
    let association = default.associations[0].network_acl_association_id.clone().unwrap();
    let request = ReplaceNetworkAclAssociationRequest {
        association_id: association,
        network_acl_id: id.clone(),
        ..Default::default()
    };
    let association = ask!(bed, ReplaceNetworkAclAssociation, request).new_association_id.unwrap();
    bed.ask(entry(&id, 77)).unwrap();
    let six = CreateNetworkAclEntryRequest {
        cidr_block: None,
        ipv6_cidr_block: Some("2001:db8::/32".to_owned()),
        protocol: "58".to_owned(),
        icmp_type_code: Some(IcmpTypeCode { r#type: Some(128), code: Some(3) }),
        ..entry(&id, 78)
    };
    bed.ask(six).unwrap();
    let shown = describe(&mut bed, &id);
    let (subnet, vpc) = (shown.associations[0].subnet_id.clone().unwrap(), shown.vpc_id.unwrap());
    for name in <super::Row<'_> as Filterable>::NAMES {
        let value = match *name {
            "association.association-id" => &association,
            "association.network-acl-id" | "network-acl-id" => &id,
            "association.subnet-id" => &subnet,
            "default" => "false",
            "entry.cidr" => "100.68.0.0/18",
            "entry.egress" => "true",
            "entry.icmp.code" => "3",
            "entry.icmp.type" => "128",
            "entry.ipv6-cidr" => "2001:db8::/32",
            "entry.port-range.from" => "22",
            "entry.port-range.to" => "23",
            "entry.protocol" => "tcp",
            "entry.rule-action" => "deny",
            "entry.rule-number" => "77",
            "owner-id" => "123456789012",
            "vpc-id" => &vpc,
            other => panic!("{other}"),
        };
        let mut find = |value: &str| {
            let filters = vec![filter(name, &[value]), filter("network-acl-id", &[&id])];
            let request = DescribeNetworkAclsRequest { filters, ..Default::default() };
            ask!(bed, DescribeNetworkAcls, request).network_acls.len()
        };
        assert_eq!((find(value), find("no-such-value")), (1, 0), "{name}");
    }
    let by_number = filter("entry.protocol", &["6"]);
    let request = DescribeNetworkAclsRequest { filters: vec![by_number], ..Default::default() };
    assert_eq!(ask!(bed, DescribeNetworkAcls, request).network_acls[0].network_acl_id, Some(id));
}

#[test]
fn lists_and_entries_are_counted() {
    let mut bed = Bed::new();
    let mut config = crate::context::Config::clone(&bed.context.config);
    config.quotas.set(Quota::NetworkAclsPerVpc, 2);
    bed.context.config = std::sync::Arc::new(config);
    let id = create(&mut bed);
    let vpc_id = bed.view().default_vpc().unwrap().id.to_string();
    let request = CreateNetworkAclRequest { vpc_id, ..Default::default() };
    assert_eq!(bed.error(request).0, "NetworkAclLimitExceeded");
    for number in 1..=20 {
        bed.ask(entry(&id, number)).unwrap();
    }
    assert_eq!(bed.error(entry(&id, 21)).0, "NetworkAclEntryLimitExceeded");
    bed.ask(CreateNetworkAclEntryRequest { egress: true, ..entry(&id, 21) }).unwrap();
}
