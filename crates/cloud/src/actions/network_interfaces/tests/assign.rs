use super::*;
use crate::actions::testbed::texts;

fn assign(id: &str, ips: &[&str], count: Option<i32>) -> AssignPrivateIpAddressesRequest {
    AssignPrivateIpAddressesRequest {
        network_interface_id: id.to_owned(),
        private_ip_addresses: texts(ips),
        secondary_private_ip_address_count: count,
        ..Default::default()
    }
}

fn unassign(id: &str, ips: &[&str]) -> UnassignPrivateIpAddressesRequest {
    UnassignPrivateIpAddressesRequest {
        network_interface_id: id.to_owned(),
        private_ip_addresses: texts(ips),
        ..Default::default()
    }
}

fn assign_ipv6(id: &str, ips: &[&str], count: Option<i32>) -> AssignIpv6AddressesRequest {
    AssignIpv6AddressesRequest {
        network_interface_id: id.to_owned(),
        ipv6_addresses: texts(ips),
        ipv6_address_count: count,
        ..Default::default()
    }
}

fn unassign_ipv6(id: &str, ips: &[&str]) -> UnassignIpv6AddressesRequest {
    UnassignIpv6AddressesRequest {
        network_interface_id: id.to_owned(),
        ipv6_addresses: texts(ips),
        ..Default::default()
    }
}

impl Bed {
    fn associate_with(&mut self, allocation: &str, id: &str, ip: &str) -> Result<Response, crate::ApiError> {
        self.ask(AssociateAddressRequest {
            allocation_id: Some(allocation.to_owned()),
            network_interface_id: Some(id.to_owned()),
            private_ip_address: Some(ip.to_owned()),
            ..Default::default()
        })
    }
}

#[test]
fn secondary_addresses_come_and_go() {
    let mut bed = Bed::new();
    let id = id_of(&bed.create(|_| ()));
    let assigned = |response| match response {
        Response::AssignPrivateIpAddresses(answer) => answer.assigned_private_ip_addresses,
        other => panic!("{other:?}"),
    };
    let named = assigned(bed.ask(assign(&id, &["172.31.0.40", "172.31.0.41"], None)).unwrap());
    assert_eq!(named.len(), 2);
    let chosen = assigned(bed.ask(assign(&id, &[], Some(2))).unwrap());
    assert_eq!(
        ips_of(&bed.eni(&id))[3..],
        chosen.iter().map(|a| a.private_ip_address.clone().unwrap()).collect::<Vec<_>>()
    );
    let none = assigned(bed.ask(assign(&id, &["172.31.0.40"], None)).unwrap());
    assert_eq!(none, [], "it has it already");
    bed.check();

    let allocation = bed.allocate();
    bed.associate_with(&allocation, &id, "172.31.0.41").unwrap();
    let shown = bed.eni(&id);
    assert_eq!(shown.association, None, "the primary address has none");
    assert_eq!(shown.private_ip_addresses[2].association.as_ref().unwrap().allocation_id.as_ref(), Some(&allocation));
    bed.check();
    bed.ask(unassign(&id, &["172.31.0.41", "172.31.0.40"])).unwrap();
    assert_eq!(ips_of(&bed.eni(&id)).len(), 3);
    assert!(bed.view().tables().addresses.values().all(|address| address.association.is_none()));
    bed.check();
}

#[test]
fn an_address_moves_where_that_is_allowed() {
    let mut bed = Bed::new();
    let one = id_of(&bed.create(|_| ()));
    let other = id_of(&bed.create(|_| ()));
    bed.ask(assign(&one, &["172.31.0.50"], None)).unwrap();
    let allocation = bed.allocate();
    bed.associate_with(&allocation, &one, "172.31.0.50").unwrap();
    assert_eq!(bed.error(assign(&other, &["172.31.0.50"], None)).0, "InvalidIPAddress.InUse");
    let moving =
        AssignPrivateIpAddressesRequest { allow_reassignment: Some(true), ..assign(&other, &["172.31.0.50"], None) };
    bed.ask(moving).unwrap();
    assert_eq!(ips_of(&bed.eni(&one)).len(), 1);
    let shown = bed.eni(&other);
    assert_eq!(shown.private_ip_addresses[1].association.as_ref().unwrap().allocation_id, Some(allocation));
    bed.check();
    let primary = bed.eni(&one).private_ip_address.unwrap();
    let taking =
        AssignPrivateIpAddressesRequest { allow_reassignment: Some(true), ..assign(&other, &[&primary], None) };
    assert_eq!(bed.error(taking).0, "InvalidIPAddress.InUse", "a primary address stays");
}

#[test]
fn bad_assignments_get_precise_errors() {
    let mut bed = Bed::new();
    let instance = bed.running();
    let used = bed.interface(instance).id.to_string();
    let id = id_of(&bed.create(|_| ()));
    let primary = bed.eni(&id).private_ip_address.unwrap();
    let nat = bed.nat_interface();
    let prefixes = AssignPrivateIpAddressesRequest { ipv4_prefix_count: Some(1), ..assign(&id, &[], None) };
    let cases: Vec<(Request, &str)> = vec![
        (assign(&id, &[], None).into(), "MissingParameter"),
        (assign(&id, &["172.31.0.60"], Some(1)).into(), "InvalidParameterCombination"),
        (assign(&id, &["10.0.0.1"], None).into(), "InvalidParameterValue"),
        (assign(&id, &[], Some(-1)).into(), "InvalidParameterValue"),
        (assign("eni-00000000000000099", &[], Some(1)).into(), "InvalidNetworkInterfaceID.NotFound"),
        (assign(&used, &[], Some(2)).into(), "PrivateIpAddressLimitExceeded"),
        (assign(&nat, &[], Some(1)).into(), "AuthFailure"),
        (prefixes.into(), "UnsupportedOperation"),
        (unassign(&id, &[]).into(), "MissingParameter"),
        (unassign(&id, &[&primary]).into(), "InvalidParameterValue"),
        (unassign(&id, &["172.31.0.61"]).into(), "InvalidParameterValue"),
        (unassign(&id, &["x"]).into(), "InvalidParameterValue"),
        (assign_ipv6(&id, &[], Some(1)).into(), "InvalidParameterValue"),
        (assign_ipv6(&id, &[], None).into(), "MissingParameter"),
        (unassign_ipv6(&id, &["2001:db8::1"]).into(), "InvalidParameterValue"),
        (unassign_ipv6(&id, &[]).into(), "MissingParameter"),
    ];
    for (request, code) in cases {
        let shown = format!("{request:?}");
        assert_eq!(bed.error(request).0, code, "{shown}");
    }
    let message = format!("Some of [172.31.0.61] are not assigned to interface {id}");
    assert_eq!(bed.error(unassign(&id, &["172.31.0.61"])).1, message);
    bed.check();
}

#[test]
fn ipv6_addresses_come_and_go() {
    let mut bed = Bed::new();
    bed.with_ipv6('a');
    let id = id_of(&bed.create(|_| ()));
    let other = id_of(&bed.create(|_| ()));
    let assigned = |response| match response {
        Response::AssignIpv6Addresses(answer) => answer.assigned_ipv6_addresses,
        other => panic!("{other:?}"),
    };
    assert_eq!(assigned(bed.ask(assign_ipv6(&id, &["2001:db8:1:1::aa"], None)).unwrap()), ["2001:db8:1:1::aa"]);
    let chosen = assigned(bed.ask(assign_ipv6(&id, &[], Some(2))).unwrap());
    assert_eq!(ipv6_of(&bed.eni(&id))[1..], chosen);
    for (ip, code) in [
        ("2001:db8:1:1::aa", "InvalidIPAddress.InUse"),
        ("2001:db8:1:2::1", "InvalidParameterValue"),
        ("2001:db8:1:1::3", "InvalidParameterValue"),
        ("x", "InvalidParameterValue"),
    ] {
        assert_eq!(bed.error(assign_ipv6(&other, &[ip], None)).0, code, "{ip}");
    }
    let make_primary = ModifyNetworkInterfaceAttributeRequest {
        network_interface_id: id.clone(),
        enable_primary_ipv6: Some(true),
        ..Default::default()
    };
    bed.ask(make_primary.clone()).unwrap();
    assert_eq!(bed.error(unassign_ipv6(&id, &["2001:db8:1:1::aa"])).0, "InvalidParameterValue");
    let undo = ModifyNetworkInterfaceAttributeRequest { enable_primary_ipv6: Some(false), ..make_primary };
    assert_eq!(bed.error(undo).0, "InvalidParameterValue");
    match bed.ask(unassign_ipv6(&id, &[&chosen[0]])).unwrap() {
        Response::UnassignIpv6Addresses(answer) => assert_eq!(answer.unassigned_ipv6_addresses, [chosen[0].clone()]),
        other => panic!("{other:?}"),
    }
    assert_eq!(ipv6_of(&bed.eni(&id)).len(), 2);
    assert!(!bed.view().tables().ipv6_addresses.keys().any(|(_, ip)| ip.to_string() == chosen[0]));
    assert_eq!(bed.error(assign_ipv6(&id, &["2001:db8:1:1::bb"], Some(1))).0, "InvalidParameterCombination");
    let prefixes = AssignIpv6AddressesRequest { ipv6_prefix_count: Some(1), ..assign_ipv6(&id, &[], None) };
    assert_eq!(bed.error(prefixes).0, "UnsupportedOperation");
}
