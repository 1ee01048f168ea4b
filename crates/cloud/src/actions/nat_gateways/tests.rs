use ec2_shapes::{
    AllocateAddressRequest, AssignPrivateNatGatewayAddressRequest, AssociateNatGatewayAddressRequest,
    AvailabilityZoneAddress, CreateNatGatewayRequest, DisassociateNatGatewayAddressRequest, NatGatewayAddressStatus,
    NatGatewayState as State, Response, UnassignPrivateNatGatewayAddressRequest,
};
use types::{AllocationId, NetworkInterfaceId, SubnetId};

use super::*;
use crate::actions::testbed::{Bed, texts};
use crate::resource::{InternetGateway, Subnet};
use crate::settle::{DELETED_VISIBLE_MS, SETTLE_MS};
use crate::testing::{filter, specification};

fn subnet(bed: &Bed) -> Subnet {
    Subnet::clone(bed.view().subnets.values().find(|subnet| subnet.zone.letter == 'a').unwrap())
}

fn allocate(bed: &mut Bed) -> String {
    match bed.ask(AllocateAddressRequest::default()).unwrap() {
        Response::AllocateAddress(answer) => answer.allocation_id.unwrap(),
        other => panic!("{other:?}"),
    }
}

fn public(bed: &Bed, allocation: &str) -> CreateNatGatewayRequest {
    CreateNatGatewayRequest {
        subnet_id: Some(subnet(bed).id.to_string()),
        allocation_id: Some(allocation.to_owned()),
        ..CreateNatGatewayRequest::default()
    }
}

fn private(bed: &Bed) -> CreateNatGatewayRequest {
    CreateNatGatewayRequest {
        subnet_id: Some(subnet(bed).id.to_string()),
        connectivity_type: Some(ConnectivityType::Private),
        ..CreateNatGatewayRequest::default()
    }
}

fn create(bed: &mut Bed, request: CreateNatGatewayRequest) -> ec2_shapes::NatGateway {
    match bed.ask(request).unwrap() {
        Response::CreateNatGateway(answer) => answer.nat_gateway.unwrap(),
        other => panic!("{other:?}"),
    }
}

fn describe(bed: &mut Bed, request: DescribeNatGatewaysRequest) -> Vec<ec2_shapes::NatGateway> {
    match bed.ask(request).unwrap() {
        Response::DescribeNatGateways(answer) => answer.nat_gateways,
        other => panic!("{other:?}"),
    }
}

fn told(bed: &mut Bed, id: &str) -> ec2_shapes::NatGateway {
    describe(bed, DescribeNatGatewaysRequest { nat_gateway_ids: texts(&[id]), ..Default::default() }).remove(0)
}

fn delete(id: &str) -> DeleteNatGatewayRequest {
    DeleteNatGatewayRequest { nat_gateway_id: id.to_owned(), dry_run: None }
}

/// A gateway that works, made by this request.
fn available(bed: &mut Bed, request: CreateNatGatewayRequest) -> String {
    let id = create(bed, request).nat_gateway_id.unwrap();
    bed.settle_after_ms(SETTLE_MS);
    let told = told(bed, &id);
    assert_eq!(told.state, Some(State::Available));
    assert!(told.nat_gateway_addresses.iter().all(|it| it.status == Some(NatGatewayAddressStatus::Succeeded)));
    id
}

#[test]
fn a_public_gateway_lives_and_leaves_its_address_allocated() {
    let mut bed = Bed::new();
    let allocation = allocate(&mut bed);
    let tag_specifications = vec![specification("natgateway", &[("Name", "out")])];
    let request = CreateNatGatewayRequest { tag_specifications, ..public(&bed, &allocation) };
    let made = create(&mut bed, request);
    assert_eq!((made.state, made.connectivity_type), (Some(State::Pending), Some(ConnectivityType::Public)));
    let id = made.nat_gateway_id.unwrap();
    bed.settle_after_ms(SETTLE_MS);
    let now = told(&mut bed, &id);
    assert_eq!((now.state, now.tags.len(), now.delete_time), (Some(State::Available), 1, None));
    let [address] = now.nat_gateway_addresses.as_slice() else { panic!("{now:?}") };
    assert_eq!((address.is_primary, address.allocation_id.as_ref()), (Some(true), Some(&allocation)));
    let interface: NetworkInterfaceId = address.network_interface_id.as_deref().unwrap().parse().unwrap();
    let stored = crate::resource::NetworkInterface::clone(&bed.view().tables().interfaces[&interface]);
    assert_eq!(Some(stored.private_ip.to_string()), address.private_ip);
    assert_eq!(Some(stored.public.unwrap().ip.to_string()), address.public_ip);
    assert_eq!(stored.description, format!("Interface for NAT Gateway {id}"));
    assert_eq!(stored.manager.unwrap().nat_gateway.map(|id| id.to_string()).as_ref(), Some(&id));
    assert!(!stored.source_dest_check && stored.groups.is_empty());
    bed.check();
    bed.ask(delete(&id)).unwrap();
    bed.ask(delete(&id)).unwrap();
    assert_eq!(told(&mut bed, &id).state, Some(State::Deleting));
    bed.settle_after_ms(SETTLE_MS);
    let now = told(&mut bed, &id);
    assert_eq!((now.state, now.nat_gateway_addresses.len()), (Some(State::Deleted), 1));
    assert!(now.delete_time.is_some());
    assert!(!bed.view().interfaces.contains_key(&interface));
    let allocation: AllocationId = allocation.parse().unwrap();
    assert_eq!(bed.view().addresses[&allocation].association, None);
    bed.check();
    assert_eq!(bed.error(delete(&id)).0, "NatGatewayNotFound");
    bed.settle_after_ms(DELETED_VISIBLE_MS);
    let named = DescribeNatGatewaysRequest { nat_gateway_ids: texts(&[&id]), ..Default::default() };
    assert_eq!(bed.error(named).0, "NatGatewayNotFound");
    assert!(bed.view().tags.is_empty() && bed.view().due.is_empty());
}

#[test]
fn what_stands_in_the_way_shows_in_the_gateway() {
    let mut bed = Bed::new();
    let allocation = allocate(&mut bed);
    let vpc = subnet(&bed).vpc;
    let unknown = "eipalloc-00000000000000009";
    let taken = allocate(&mut bed);
    let request = public(&bed, &taken);
    available(&mut bed, request);
    let fails = |bed: &mut Bed, request: CreateNatGatewayRequest, code: &str, message: &str| {
        let interfaces = bed.view().interfaces.len();
        let made = create(bed, request);
        assert_eq!((made.state, made.failure_code), (Some(State::Pending), None));
        bed.settle_after_ms(SETTLE_MS);
        let id = made.nat_gateway_id.unwrap();
        let now = told(bed, &id);
        assert_eq!(now.state, Some(State::Failed));
        assert_eq!((now.failure_code.as_deref(), now.failure_message.as_deref()), (Some(code), Some(message)));
        assert_eq!(bed.view().interfaces.len(), interfaces);
        id
    };
    let request = public(&bed, unknown);
    let message = format!("Elastic IP address {unknown} could not be associated with this NAT gateway");
    let failed = fails(&mut bed, request, "InvalidAllocationID.NotFound", &message);
    let request = public(&bed, &taken);
    let message = format!("Elastic IP address {taken} is already associated");
    fails(&mut bed, request, "Resource.AlreadyAssociated", &message);
    bed.report(|tx, _| {
        let mut full = Subnet::clone(&tx.subnets.values().find(|subnet| subnet.zone.letter == 'c').unwrap().clone());
        full.id = SubnetId::from_number(9);
        full.cidr = "172.31.240.0/28".parse().unwrap();
        tx.put(full);
        true
    });
    // Eleven addresses are free in it.
    let small = || Some(SubnetId::from_number(9).to_string());
    let count = |count| CreateNatGatewayRequest {
        subnet_id: small(),
        secondary_private_ip_address_count: Some(count),
        ..private(&bed)
    };
    let (first, second) = (count(7), count(7));
    available(&mut bed, first);
    let message = "Subnet has insufficient free addresses to create this NAT gateway";
    fails(&mut bed, second, "InsufficientFreeAddressesInSubnet", message);
    bed.report(|tx, _| {
        let gateway = InternetGateway::clone(tx.internet_gateways.values().next().unwrap());
        tx.put(InternetGateway { vpc: None, ..gateway });
        true
    });
    let request = public(&bed, &allocation);
    let message = format!("Network {vpc} has no Internet gateway attached");
    fails(&mut bed, request, "Gateway.NotAttached", &message);
    bed.check();
    bed.ask(delete(&failed)).unwrap();
    assert_eq!(told(&mut bed, &failed).state, Some(State::Deleted));
    bed.settle_after_ms(DELETED_VISIBLE_MS);
    let left = describe(&mut bed, DescribeNatGatewaysRequest::default());
    assert!(left.iter().all(|gateway| gateway.state == Some(State::Available)), "failed ones vanish in an hour");
}

#[test]
fn a_private_gateway_needs_no_way_out() {
    let mut bed = Bed::new();
    let wanted = subnet(&bed).cidr.nth(77).unwrap().to_string();
    let request = CreateNatGatewayRequest {
        private_ip_address: Some(wanted.clone()),
        secondary_private_ip_addresses: vec![subnet(&bed).cidr.nth(78).unwrap().to_string()],
        ..private(&bed)
    };
    let id = available(&mut bed, request);
    let now = told(&mut bed, &id);
    assert_eq!(now.connectivity_type, Some(ConnectivityType::Private));
    let shown: Vec<_> = now.nat_gateway_addresses.iter().map(|it| (it.is_primary, it.private_ip.clone())).collect();
    assert_eq!(shown[0], (Some(true), Some(wanted)));
    assert_eq!(shown[1].0, Some(false));
    assert!(now.nat_gateway_addresses.iter().all(|it| it.allocation_id.is_none() && it.public_ip.is_none()));
    bed.check();
}

#[test]
fn bad_requests_are_refused() {
    let mut bed = Bed::new();
    let allocation = allocate(&mut bed);
    let good = public(&bed, &allocation);
    let quiet = private(&bed);
    let outside = || Some("10.9.9.9".to_owned());
    let first = subnet(&bed).cidr.nth(1).unwrap().to_string();
    let used = subnet(&bed).cidr.nth(50).unwrap().to_string();
    let request = CreateNatGatewayRequest { private_ip_address: Some(used.clone()), ..private(&bed) };
    available(&mut bed, request);
    let one = texts(&["172.31.0.60"]);
    for (bad, code) in [
        (CreateNatGatewayRequest { subnet_id: None, ..good.clone() }, "MissingParameter"),
        (CreateNatGatewayRequest { allocation_id: None, ..good.clone() }, "MissingParameter"),
        (
            CreateNatGatewayRequest { subnet_id: Some("subnet-00000000000000009".to_owned()), ..good.clone() },
            "InvalidSubnetID.NotFound",
        ),
        (CreateNatGatewayRequest { subnet_id: Some("x".to_owned()), ..good.clone() }, "InvalidSubnetID.Malformed"),
        (
            CreateNatGatewayRequest { allocation_id: Some("x".to_owned()), ..good.clone() },
            "InvalidAllocationID.Malformed",
        ),
        (
            CreateNatGatewayRequest { availability_mode: Some(AvailabilityMode::Regional), ..good.clone() },
            "UnsupportedOperation",
        ),
        (CreateNatGatewayRequest { vpc_id: Some("vpc-1".to_owned()), ..good.clone() }, "InvalidParameterCombination"),
        (
            CreateNatGatewayRequest {
                availability_zone_addresses: vec![AvailabilityZoneAddress::default()],
                ..good.clone()
            },
            "InvalidParameterCombination",
        ),
        (CreateNatGatewayRequest { private_ip_address: outside(), ..good.clone() }, "InvalidParameterValue"),
        (CreateNatGatewayRequest { private_ip_address: Some(first), ..good.clone() }, "InvalidParameterValue"),
        (CreateNatGatewayRequest { private_ip_address: Some("x".to_owned()), ..good.clone() }, "InvalidParameterValue"),
        (CreateNatGatewayRequest { private_ip_address: Some(used), ..good.clone() }, "InvalidIPAddress.InUse"),
        (
            CreateNatGatewayRequest { secondary_private_ip_address_count: Some(1), ..good.clone() },
            "InvalidParameterCombination",
        ),
        (
            CreateNatGatewayRequest { secondary_private_ip_addresses: one.clone(), ..good.clone() },
            "InvalidParameterCombination",
        ),
        (
            CreateNatGatewayRequest { secondary_allocation_ids: texts(&[&allocation]), ..good.clone() },
            "InvalidParameterValue",
        ),
        (
            CreateNatGatewayRequest {
                secondary_allocation_ids: texts(&["eipalloc-00000000000000001", "eipalloc-00000000000000002"]),
                ..good.clone()
            },
            "AddressLimitExceeded",
        ),
        (
            CreateNatGatewayRequest { connectivity_type: Some(ConnectivityType::Private), ..good.clone() },
            "InvalidParameterCombination",
        ),
        (
            CreateNatGatewayRequest { secondary_private_ip_address_count: Some(0), ..quiet.clone() },
            "InvalidParameterValue",
        ),
        (
            CreateNatGatewayRequest { secondary_private_ip_address_count: Some(8), ..quiet.clone() },
            "PrivateIpAddressLimitExceeded",
        ),
        (
            CreateNatGatewayRequest {
                secondary_private_ip_address_count: Some(1),
                secondary_private_ip_addresses: one.clone(),
                ..quiet.clone()
            },
            "InvalidParameterCombination",
        ),
        (
            CreateNatGatewayRequest {
                private_ip_address: one.first().cloned(),
                secondary_private_ip_addresses: one,
                ..quiet
            },
            "InvalidParameterValue",
        ),
    ] {
        let before = bed.view().nat_gateways.len();
        assert_eq!(bed.error(bad.clone()).0, code, "{bad:?}");
        assert_eq!(bed.view().nat_gateways.len(), before);
    }
    assert_eq!(bed.error(delete("nat-00000000000000009")).0, "NatGatewayNotFound");
    assert_eq!(bed.error(delete("nat-x")).0, "NatGatewayMalformed");
}

#[test]
fn a_repeat_with_its_token_makes_nothing_new() {
    let mut bed = Bed::new();
    let request = CreateNatGatewayRequest { client_token: Some("once".to_owned()), ..private(&bed) };
    let first = create(&mut bed, request.clone());
    bed.settle_after_ms(SETTLE_MS);
    let again = create(&mut bed, request.clone());
    assert_eq!(again.nat_gateway_id, first.nat_gateway_id);
    assert_eq!(again.state, Some(State::Available), "a repeat tells of the gateway as it is");
    let other = CreateNatGatewayRequest { secondary_private_ip_address_count: Some(1), ..request };
    assert_eq!(bed.error(other).0, "IdempotentParameterMismatch");
}

#[test]
fn a_zone_has_five_gateways() {
    let mut bed = Bed::new();
    for _ in 0..5 {
        let request = private(&bed);
        create(&mut bed, request);
    }
    let request = private(&bed);
    assert_eq!(bed.error(request).0, "NatGatewayLimitExceeded");
    let elsewhere = bed.view().subnets.values().find(|subnet| subnet.zone.letter == 'b').unwrap().id.to_string();
    let request = CreateNatGatewayRequest { subnet_id: Some(elsewhere), ..private(&bed) };
    create(&mut bed, request);
}

#[test]
fn elastic_addresses_come_and_go() {
    let mut bed = Bed::new();
    let [first, second] = [allocate(&mut bed), allocate(&mut bed)];
    let request = public(&bed, &first);
    let id = available(&mut bed, request);
    let wanted = subnet(&bed).cidr.nth(90).unwrap().to_string();
    let associate = |allocations: &[&str]| AssociateNatGatewayAddressRequest {
        nat_gateway_id: id.clone(),
        allocation_ids: texts(allocations),
        private_ip_addresses: vec![wanted.clone()],
        ..Default::default()
    };
    let answer = match bed.ask(associate(&[&second])).unwrap() {
        Response::AssociateNatGatewayAddress(answer) => answer.nat_gateway_addresses,
        other => panic!("{other:?}"),
    };
    let [address] = answer.as_slice() else { panic!("{answer:?}") };
    assert_eq!(address.status, Some(NatGatewayAddressStatus::Associating));
    assert_eq!((address.is_primary, address.private_ip.as_ref()), (Some(false), Some(&wanted)));
    assert_eq!(address.allocation_id.as_ref(), Some(&second));
    bed.check();
    bed.settle_after_ms(SETTLE_MS);
    let now = told(&mut bed, &id);
    assert_eq!(now.nat_gateway_addresses[1].status, Some(NatGatewayAddressStatus::Succeeded));
    let primary = now.nat_gateway_addresses[0].association_id.clone().unwrap();
    let association = now.nat_gateway_addresses[1].association_id.clone().unwrap();
    let leave = |associations: &[&str], drain| DisassociateNatGatewayAddressRequest {
        nat_gateway_id: id.clone(),
        association_ids: texts(associations),
        max_drain_duration_seconds: drain,
        dry_run: None,
    };
    for (bad, code) in [
        (leave(&[&primary], None), "InvalidParameterValue"),
        (leave(&[], None), "MissingParameter"),
        (leave(&["eipassoc-00000000000000009"], None), "InvalidAssociationID.NotFound"),
        (leave(&["x"], None), "InvalidAssociationID.Malformed"),
        (leave(&[&association], Some(0)), "InvalidParameterValue"),
        (leave(&[&association], Some(4001)), "InvalidParameterValue"),
    ] {
        assert_eq!(bed.error(bad.clone()).0, code, "{bad:?}");
    }
    match bed.ask(leave(&[&association], Some(60))).unwrap() {
        Response::DisassociateNatGatewayAddress(answer) => {
            assert_eq!(answer.nat_gateway_addresses[0].status, Some(NatGatewayAddressStatus::Disassociating));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(bed.error(associate(&[&second])).0, "IncorrectState", "one at a time");
    bed.settle_after_ms(SETTLE_MS);
    assert_eq!(told(&mut bed, &id).nat_gateway_addresses.len(), 1);
    let allocation: AllocationId = second.parse().unwrap();
    assert_eq!(bed.view().addresses[&allocation].association, None);
    bed.check();
    bed.ask(associate(&[&second])).unwrap();
}

#[test]
fn elastic_addresses_that_cannot_be_added() {
    let mut bed = Bed::new();
    let all: Vec<String> = (0..4).map(|_| allocate(&mut bed)).collect();
    let (request, quiet) = (public(&bed, &all[0]), private(&bed));
    let (id, quiet) = (available(&mut bed, request), available(&mut bed, quiet));
    let base = |allocations: &[&String]| AssociateNatGatewayAddressRequest {
        nat_gateway_id: id.clone(),
        allocation_ids: allocations.iter().map(|it| (*it).clone()).collect(),
        ..Default::default()
    };
    let unknown = "eipalloc-00000000000000009".to_owned();
    for (bad, code) in [
        (base(&[]), "MissingParameter"),
        (base(&[&unknown]), "InvalidAllocationID.NotFound"),
        (base(&[&"x".to_owned()]), "InvalidAllocationID.Malformed"),
        (base(&[&all[0]]), "Resource.AlreadyAssociated"),
        (base(&[&all[1], &all[1]]), "InvalidParameterValue"),
        (base(&[&all[1], &all[2]]), "AddressLimitExceeded"),
        (
            AssociateNatGatewayAddressRequest { private_ip_addresses: texts(&["10.9.9.9"]), ..base(&[&all[1]]) },
            "InvalidParameterValue",
        ),
        (
            AssociateNatGatewayAddressRequest {
                private_ip_addresses: texts(&["172.31.0.60", "172.31.0.61"]),
                ..base(&[&all[1]])
            },
            "InvalidParameterCombination",
        ),
        (
            AssociateNatGatewayAddressRequest { availability_zone: Some("us-east-1a".to_owned()), ..base(&[&all[1]]) },
            "InvalidParameterCombination",
        ),
        (AssociateNatGatewayAddressRequest { nat_gateway_id: quiet.clone(), ..base(&[&all[1]]) }, "InvalidParameter"),
        (
            AssociateNatGatewayAddressRequest {
                nat_gateway_id: "nat-00000000000000009".to_owned(),
                ..base(&[&all[1]])
            },
            "NatGatewayNotFound",
        ),
    ] {
        assert_eq!(bed.error(bad.clone()).0, code, "{bad:?}");
    }
    bed.ask(delete(&id)).unwrap();
    assert_eq!(bed.error(base(&[&all[1]])).0, "IncorrectState");
    bed.settle_after_ms(SETTLE_MS);
    assert_eq!(bed.error(base(&[&all[1]])).0, "NatGatewayNotFound");
}

#[test]
fn private_addresses_come_and_go() {
    let mut bed = Bed::new();
    let request = private(&bed);
    let id = available(&mut bed, request);
    let named = subnet(&bed).cidr.nth(91).unwrap().to_string();
    let assign = |ips: &[&str], count| AssignPrivateNatGatewayAddressRequest {
        nat_gateway_id: id.clone(),
        private_ip_addresses: texts(ips),
        private_ip_address_count: count,
        dry_run: None,
    };
    for (bad, code) in [
        (assign(&[], None), "MissingParameter"),
        (assign(&[&named], Some(1)), "InvalidParameterCombination"),
        (assign(&["10.9.9.9"], None), "InvalidParameterValue"),
        (assign(&[], Some(8)), "PrivateIpAddressLimitExceeded"),
        (assign(&[], Some(32)), "InvalidParameterValue"),
    ] {
        assert_eq!(bed.error(bad.clone()).0, code, "{bad:?}");
    }
    match bed.ask(assign(&[&named], None)).unwrap() {
        Response::AssignPrivateNatGatewayAddress(answer) => {
            let [address] = answer.nat_gateway_addresses.as_slice() else { panic!("{answer:?}") };
            assert_eq!(address.private_ip.as_ref(), Some(&named));
            assert_eq!(address.status, Some(NatGatewayAddressStatus::Assigning));
        }
        other => panic!("{other:?}"),
    }
    bed.ask(assign(&[], Some(2))).unwrap();
    bed.settle_after_ms(SETTLE_MS);
    bed.check();
    let all = told(&mut bed, &id).nat_gateway_addresses;
    assert_eq!(all.len(), 4);
    let unassign = |ips: &[&str]| UnassignPrivateNatGatewayAddressRequest {
        nat_gateway_id: id.clone(),
        private_ip_addresses: texts(ips),
        max_drain_duration_seconds: None,
        dry_run: None,
    };
    let primary = all[0].private_ip.clone().unwrap();
    for (bad, code) in [
        (unassign(&[]), "MissingParameter"),
        (unassign(&[&primary]), "InvalidParameterValue"),
        (unassign(&["10.9.9.9"]), "InvalidParameterValue"),
    ] {
        assert_eq!(bed.error(bad.clone()).0, code, "{bad:?}");
    }
    match bed.ask(unassign(&[&named])).unwrap() {
        Response::UnassignPrivateNatGatewayAddress(answer) => {
            assert_eq!(answer.nat_gateway_addresses[0].status, Some(NatGatewayAddressStatus::Unassigning));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(bed.error(assign(&[], Some(1))).0, "IncorrectState");
    bed.settle_after_ms(SETTLE_MS);
    let left = told(&mut bed, &id).nat_gateway_addresses;
    assert_eq!(left.len(), 3);
    assert!(left.iter().all(|it| it.private_ip.as_ref() != Some(&named)));
    bed.check();
    bed.ask(assign(&[&named], None)).unwrap();
    let disassociate = DisassociateNatGatewayAddressRequest {
        nat_gateway_id: id.clone(),
        association_ids: texts(&["eipassoc-00000000000000009"]),
        ..Default::default()
    };
    assert_eq!(bed.error(disassociate).0, "InvalidParameter", "it is a private gateway");
}

#[test]
fn gateways_by_every_filter_and_in_pages() {
    let mut bed = Bed::new();
    let tag_specifications = vec![specification("natgateway", &[("Name", "out")])];
    let request = CreateNatGatewayRequest { tag_specifications, ..private(&bed) };
    let id = create(&mut bed, request).nat_gateway_id.unwrap();
    let subnet = subnet(&bed);
    let (subnet, vpc) = (subnet.id.to_string(), subnet.vpc.to_string());
    let cases = [("nat-gateway-id", &*id), ("state", "pending"), ("subnet-id", &subnet), ("vpc-id", &vpc)];
    assert_eq!(cases.map(|(name, _)| name), Row::NAMES);
    for (name, value) in cases.into_iter().chain([("tag:Name", "out"), ("tag-key", "Name")]) {
        for (value, count) in [(value, 1), ("nothing", 0)] {
            let request = DescribeNatGatewaysRequest { filter: vec![filter(name, &[value])], ..Default::default() };
            assert_eq!(describe(&mut bed, request).len(), count, "{name}={value}");
        }
    }
    let small = DescribeNatGatewaysRequest { max_results: Some(4), ..Default::default() };
    assert_eq!(bed.error(small).0, "InvalidParameterValue");
}
