//! What Elastic addresses do, through their actions.

use ec2_shapes::*;
use types::{InstanceId, NetworkInterfaceId};

use crate::actions::testbed::{Bed, texts};
use crate::testing::{filter, specification};
use crate::transaction::Transaction;

fn allocate(bed: &mut Bed) -> String {
    match bed.ask(AllocateAddressRequest::default()).unwrap() {
        Response::AllocateAddress(answer) => answer.allocation_id.unwrap(),
        other => panic!("{other:?}"),
    }
}

fn with_instance(allocation: &str, instance: InstanceId) -> AssociateAddressRequest {
    AssociateAddressRequest {
        allocation_id: Some(allocation.to_owned()),
        instance_id: Some(instance.to_string()),
        ..AssociateAddressRequest::default()
    }
}

fn associate(bed: &mut Bed, request: AssociateAddressRequest) -> String {
    match bed.ask(request).unwrap() {
        Response::AssociateAddress(answer) => answer.association_id.unwrap(),
        other => panic!("{other:?}"),
    }
}

fn disassociate(association: &str) -> DisassociateAddressRequest {
    DisassociateAddressRequest { association_id: Some(association.to_owned()), ..Default::default() }
}

fn release(allocation: &str) -> ReleaseAddressRequest {
    ReleaseAddressRequest { allocation_id: Some(allocation.to_owned()), ..Default::default() }
}

fn describe(bed: &mut Bed, request: DescribeAddressesRequest) -> Vec<Address> {
    match bed.ask(request).unwrap() {
        Response::DescribeAddresses(answer) => answer.addresses,
        other => panic!("{other:?}"),
    }
}

fn only(bed: &mut Bed, allocation: &str) -> Address {
    describe(bed, DescribeAddressesRequest { allocation_ids: texts(&[allocation]), ..Default::default() }).remove(0)
}

#[test]
fn an_address_goes_through_its_life() {
    let mut bed = Bed::new();
    let instance = bed.running();
    let automatic = bed.public_ip(instance).unwrap();
    let allocation = allocate(&mut bed);
    let free = only(&mut bed, &allocation);
    assert_eq!(free.instance_id.as_deref(), Some(""), "clients index it");
    assert_eq!(free.association_id, None);
    assert!(bed.error(release("eipalloc-00000000000000099")).0.ends_with("NotFound"));

    let association = associate(&mut bed, with_instance(&allocation, instance));
    let shown = only(&mut bed, &allocation);
    assert_eq!(shown.instance_id, Some(instance.to_string()));
    assert_eq!(shown.association_id.as_ref(), Some(&association));
    assert_eq!(shown.private_ip_address, Some(bed.interface(instance).private_ip.to_string()));
    assert_eq!(bed.describe(instance).public_ip_address, shown.public_ip);
    assert!(!bed.state.public_addresses.contains_key(&automatic), "the automatic address went back");
    assert_eq!(associate(&mut bed, with_instance(&allocation, instance)), association, "once more changes nothing");
    assert_eq!(bed.error(release(&allocation)).0, "InvalidIPAddress.InUse");

    bed.stop(instance);
    assert_eq!(bed.describe(instance).public_ip_address, shown.public_ip, "it stays on a stopped instance");
    bed.start(instance);
    assert_eq!(bed.describe(instance).public_ip_address, shown.public_ip);
    bed.check();

    bed.ask(disassociate(&association)).unwrap();
    let given = bed.public_ip(instance).expect("an automatic address again");
    assert_ne!(Some(given.to_string()), shown.public_ip);
    assert_eq!(bed.error(disassociate(&association)).0, "InvalidAssociationID.NotFound");
    bed.ask(release(&allocation)).unwrap();
    assert_eq!(bed.state.public_addresses.keys().collect::<Vec<_>>(), [&given]);
    bed.check();
}

#[test]
fn addresses_move_and_displace() {
    let mut bed = Bed::new();
    let (one, two) = (bed.running(), bed.running());
    let (first, second) = (allocate(&mut bed), allocate(&mut bed));
    let at_one = associate(&mut bed, with_instance(&first, one));
    associate(&mut bed, with_instance(&second, two));
    let stay = AssociateAddressRequest { allow_reassociation: Some(false), ..with_instance(&first, two) };
    let message = format!("resource {first} is already associated with associate-id {at_one}");
    assert_eq!(bed.error(stay), ("Resource.AlreadyAssociated", message));
    let at_two = associate(&mut bed, with_instance(&first, two));
    assert_ne!(at_two, at_one);
    bed.check();
    assert_eq!(only(&mut bed, &second).association_id, None, "displaced, but still allocated");
    assert_eq!(only(&mut bed, &first).instance_id, Some(two.to_string()));
    assert!(bed.interface(one).public.is_some_and(|public| public.elastic.is_none()), "an automatic one again");
    bed.terminate(two);
    assert_eq!(only(&mut bed, &first).association_id, None, "free again, but still allocated");
    assert_eq!(bed.view().addresses.len(), 2);
    bed.check();
}

#[test]
fn no_automatic_address_for_who_never_had_one_or_does_not_run() {
    let mut bed = Bed::new();
    let allocation = allocate(&mut bed);
    let stopped = bed.running();
    let association = associate(&mut bed, with_instance(&allocation, stopped));
    bed.stop(stopped);
    bed.ask(disassociate(&association)).unwrap();
    assert_eq!(bed.public_ip(stopped), None);
    let without = InstanceNetworkInterfaceSpecification {
        device_index: Some(0),
        associate_public_ip_address: Some(false),
        ..Default::default()
    };
    let private = RunInstancesRequest { network_interfaces: vec![without], ..bed.launch(1) };
    let private = bed.running_of(private);
    associate(&mut bed, with_instance(&allocation, private));
    let ip = only(&mut bed, &allocation).public_ip;
    bed.ask(DisassociateAddressRequest { public_ip: ip.clone(), ..Default::default() }).unwrap();
    assert_eq!(bed.public_ip(private), None);
    bed.ask(DisassociateAddressRequest { public_ip: ip, ..Default::default() }).unwrap();
    bed.check();
}

#[test]
fn an_address_that_is_asked_for_is_given_if_it_is_free() {
    let mut bed = Bed::new();
    let ask = |ip: &str| AllocateAddressRequest { address: Some(ip.to_owned()), ..Default::default() };
    let tagged = AllocateAddressRequest {
        tag_specifications: vec![specification("elastic-ip", &[("Name", "front")])],
        ..ask("198.18.7.7")
    };
    bed.ask(tagged).unwrap();
    let found =
        describe(&mut bed, DescribeAddressesRequest { public_ips: texts(&["198.18.7.7"]), ..Default::default() });
    assert_eq!(found[0].tags[0].value.as_deref(), Some("front"));
    for (ip, code) in [
        ("198.18.7.7", "InvalidIPAddress.InUse"),
        ("198.18.0.9", "InvalidAddress.NotFound"),
        ("198.18.255.255", "InvalidAddress.NotFound"),
        ("10.0.0.1", "InvalidAddress.NotFound"),
        ("front", "InvalidParameterValue"),
    ] {
        assert_eq!(bed.error(ask(ip)).0, code, "{ip}");
    }
    bed.ask(ask("198.18.0.10")).unwrap();
    bed.check();
}

#[test]
fn bad_requests_get_precise_errors() {
    let mut bed = Bed::new();
    let instance = bed.running();
    let allocation = allocate(&mut bed);
    let good = with_instance(&allocation, instance);
    let interface = bed.interface(instance);
    let missing = NetworkInterfaceId::from_number(99).to_string();
    let cases: Vec<(Request, &str, &str)> = vec![
        (
            AssociateAddressRequest { allocation_id: Some("eipalloc-00000000000000099".to_owned()), ..good.clone() }
                .into(),
            "InvalidAllocationID.NotFound",
            "The allocation ID 'eipalloc-00000000000000099' does not exist",
        ),
        (
            AssociateAddressRequest { instance_id: Some("i-00000000000000099".to_owned()), ..good.clone() }.into(),
            "InvalidInstanceID.NotFound",
            "The instance ID 'i-00000000000000099' does not exist",
        ),
        (
            AssociateAddressRequest { instance_id: None, network_interface_id: Some(missing), ..good.clone() }.into(),
            "InvalidNetworkInterfaceID.NotFound",
            "does not exist",
        ),
        (AssociateAddressRequest { instance_id: None, ..good.clone() }.into(), "MissingParameter", "InstanceId"),
        (AssociateAddressRequest { allocation_id: None, ..good.clone() }.into(), "MissingParameter", "AllocationId"),
        (
            AssociateAddressRequest { network_interface_id: Some(interface.id.to_string()), ..good.clone() }.into(),
            "InvalidParameterCombination",
            "networkInterfaceId",
        ),
        (
            AssociateAddressRequest { public_ip: Some("198.18.0.77".to_owned()), ..good.clone() }.into(),
            "InvalidParameterCombination",
            "not both",
        ),
        (
            AssociateAddressRequest { private_ip_address: Some("172.31.0.250".to_owned()), ..good.clone() }.into(),
            "InvalidParameterValue",
            "172.31.0.250 is not assigned to the network interface",
        ),
        (DisassociateAddressRequest::default().into(), "MissingParameter", "AssociationId"),
        (disassociate("x").into(), "InvalidAssociationID.Malformed", "eipassoc-"),
        (disassociate("eipassoc-00000000000000099").into(), "InvalidAssociationID.NotFound", "does not exist"),
        (ReleaseAddressRequest::default().into(), "MissingParameter", "AllocationId"),
        (
            ReleaseAddressRequest { public_ip: Some("198.18.0.77".to_owned()), ..Default::default() }.into(),
            "InvalidAddress.NotFound",
            "Address '198.18.0.77' not found.",
        ),
        (
            AllocateAddressRequest { ipam_pool_id: Some("x".to_owned()), ..Default::default() }.into(),
            "UnsupportedOperation",
            "IpamPoolId is not available",
        ),
        (
            AllocateAddressRequest { network_border_group: Some("mars".to_owned()), ..Default::default() }.into(),
            "InvalidParameterValue",
            "Value (mars)",
        ),
    ];
    for (request, code, text) in cases {
        let (got, message) = bed.error(request);
        assert_eq!(got, code, "{message}");
        assert!(message.contains(text), "{message:?} does not say {text:?}");
    }
    bed.terminate(instance);
    assert_eq!(bed.error(good).0, "IncorrectInstanceState");
    for _ in 0..4 {
        allocate(&mut bed);
    }
    let message = "The maximum number of addresses has been reached.".to_owned();
    assert_eq!(bed.error(AllocateAddressRequest::default()), ("AddressLimitExceeded", message));
}

#[test]
fn without_an_internet_gateway_there_is_nothing_to_associate() {
    let mut bed = Bed::new();
    let instance = bed.running();
    let allocation = allocate(&mut bed);
    let mut tx = Transaction::new(&bed.state, bed.context.region.clone());
    let gateway = *tx.internet_gateways.keys().next().unwrap();
    tx.delete(crate::Key::InternetGateway(gateway));
    bed.state = tx.finish().1;
    let (code, message) = bed.error(with_instance(&allocation, instance));
    assert_eq!(code, "Gateway.NotAttached");
    assert!(message.ends_with("is not attached to any internet gateway"), "{message}");
}

#[test]
fn filters_find_addresses() {
    let mut bed = Bed::new();
    let instance = bed.running();
    let (used, free) = (allocate(&mut bed), allocate(&mut bed));
    let association = associate(&mut bed, with_instance(&used, instance));
    let interface = bed.interface(instance);
    let only_used = [used.clone()];
    let mut find = |name: &str, value: &str| {
        let request = DescribeAddressesRequest { filters: vec![filter(name, &[value])], ..Default::default() };
        describe(&mut bed, request).into_iter().map(|address| address.allocation_id.unwrap()).collect::<Vec<_>>()
    };
    for (name, value) in [
        ("allocation-id", used.clone()),
        ("association-id", association),
        ("instance-id", instance.to_string()),
        ("network-interface-id", interface.id.to_string()),
        ("network-interface-owner-id", "123456789012".to_owned()),
        ("private-ip-address", interface.private_ip.to_string()),
        ("public-ip", interface.public.unwrap().ip.to_string()),
    ] {
        assert_eq!(find(name, &value), only_used, "{name}");
    }
    let mut both = [used, free];
    both.sort();
    assert_eq!(find("domain", "vpc"), both);
    assert_eq!(find("network-border-group", "us-east-1"), both);
}
