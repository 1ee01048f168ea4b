use super::*;
use crate::actions::network_interfaces::InterfaceView;
use crate::query::Filterable;
use crate::testing::filter;

/// A permission on an interface.
pub(super) fn permit(id: &str) -> CreateNetworkInterfacePermissionRequest {
    CreateNetworkInterfacePermissionRequest {
        aws_account_id: Some("210987654321".to_owned()),
        network_interface_id: id.to_owned(),
        permission: Some(InterfacePermissionType::InstanceAttach),
        ..Default::default()
    }
}

fn matching(bed: &mut Bed, name: &str, value: &str) -> Vec<String> {
    let request = DescribeNetworkInterfacesRequest { filters: vec![filter(name, &[value])], ..Default::default() };
    match bed.ask(request).unwrap() {
        Response::DescribeNetworkInterfaces(answer) => answer.network_interfaces.iter().map(id_of).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_filter_finds_what_has_the_value_and_nothing_else() {
    let mut bed = Bed::new();
    bed.with_ipv6('a');
    let instance = bed.running();
    let id = id_of(&bed.create(|r| {
        r.description = Some("router".to_owned());
        r.private_ip_address = Some("172.31.0.10".to_owned());
        r.secondary_private_ip_address_count = Some(1);
        r.ipv6_address_count = Some(1);
    }));
    let allocation = bed.allocate();
    bed.ask(AssociateAddressRequest {
        allocation_id: Some(allocation.clone()),
        network_interface_id: Some(id.clone()),
        ..Default::default()
    })
    .unwrap();
    let attachment = bed.attach(&id, instance, 1);
    bed.settle();
    let shown = bed.eni(&id);
    let association = shown.association.clone().unwrap();
    let text = |value: &Option<String>| value.clone().unwrap();
    let attach_time = bed.interface(instance).attachment.unwrap().attach_time.to_string();
    let values: Vec<(&str, String)> = vec![
        ("addresses.association.allocation-id", allocation.clone()),
        ("addresses.association.association-id", text(&association.association_id)),
        ("addresses.association.ip-owner-id", "123456789012".into()),
        ("addresses.association.owner-id", "123456789012".into()),
        ("addresses.association.public-dns-name", text(&association.public_dns_name)),
        ("addresses.association.public-ip", text(&association.public_ip)),
        ("addresses.primary", "false".into()),
        ("addresses.private-dns-name", "ip-172-31-0-10.ec2.internal".into()),
        ("addresses.private-ip-address", ips_of(&shown)[1].clone()),
        ("association.allocation-id", allocation),
        ("association.association-id", text(&association.association_id)),
        ("association.ip-owner-id", "123456789012".into()),
        ("association.public-dns-name", text(&association.public_dns_name)),
        ("association.public-ip", text(&association.public_ip)),
        ("attachment.attach-time", attach_time),
        ("attachment.attachment-id", attachment),
        ("attachment.delete-on-termination", "false".into()),
        ("attachment.device-index", "1".into()),
        ("attachment.instance-id", instance.to_string()),
        ("attachment.instance-owner-id", "123456789012".into()),
        ("attachment.network-card-index", "0".into()),
        ("attachment.status", "attached".into()),
        ("availability-zone", "us-east-1a".into()),
        ("availability-zone-id", "use1-az1".into()),
        ("description", "router".into()),
        ("group-id", text(&shown.groups[0].group_id)),
        ("group-name", "default".into()),
        ("interface-type", "interface".into()),
        ("ipv6-addresses.ipv6-address", ipv6_of(&shown)[0].clone()),
        ("mac-address", text(&shown.mac_address)),
        ("network-interface-id", id.clone()),
        ("operator.managed", "false".into()),
        ("owner-id", "123456789012".into()),
        ("private-dns-name", "ip-172-31-0-10.ec2.internal".into()),
        ("private-ip-address", "172.31.0.10".into()),
        ("requester-managed", "false".into()),
        ("source-dest-check", "true".into()),
        ("status", "in-use".into()),
        ("subnet-id", text(&shown.subnet_id)),
        ("vpc-id", text(&shown.vpc_id)),
    ];
    for (name, value) in &values {
        assert!(matching(&mut bed, name, value).contains(&id), "{name}={value}");
        assert_eq!(matching(&mut bed, name, "no such value"), Vec::<String>::new(), "{name}");
    }
    let of_services = ["attachment.nat-gateway-id", "operator.principal", "requester-id"];
    for name in <InterfaceView<'_> as Filterable>::NAMES {
        assert!(of_services.contains(name) || values.iter().any(|(known, _)| known == name), "{name} is not tested");
    }
    let unknown = DescribeNetworkInterfacesRequest { filters: vec![filter("colour", &["red"])], ..Default::default() };
    assert_eq!(bed.error(unknown).0, "InvalidParameterValue");
}

#[test]
fn what_a_service_made_says_so() {
    let mut bed = Bed::new();
    let mine = id_of(&bed.create(|_| ()));
    let nat = bed.nat_interface();
    let shown = bed.eni(&nat);
    assert_eq!((shown.requester_managed, shown.requester_id.as_deref()), (Some(true), Some("amazon-nat")));
    assert_eq!(shown.interface_type, Some(NetworkInterfaceType::NatGateway));
    assert_eq!(shown.status, Some(NetworkInterfaceStatus::InUse));
    let attachment = shown.attachment.unwrap();
    assert_eq!((attachment.instance_id, attachment.instance_owner_id.as_deref()), (None, Some("amazon-aws")));
    let gateway = NatGatewayId::from_number(7).to_string();
    for (name, value) in [
        ("attachment.nat-gateway-id", gateway.as_str()),
        ("attachment.attachment-id", &attachment.attachment_id.unwrap()),
        ("attachment.instance-owner-id", "amazon-aws"),
        ("requester-id", "amazon-nat"),
        ("requester-managed", "true"),
        ("interface-type", "nat_gateway"),
        ("interface-type", "natGateway"),
    ] {
        assert_eq!(matching(&mut bed, name, value), std::slice::from_ref(&nat), "{name}");
    }
    assert_eq!(matching(&mut bed, "requester-managed", "false"), [mine]);
    let association = shown.association.unwrap().association_id;
    let taken = DisassociateAddressRequest { association_id: association, ..Default::default() };
    assert_eq!(bed.error(taken).0, "AuthFailure");
    let allocation = bed.allocate();
    let given = AssociateAddressRequest {
        allocation_id: Some(allocation),
        network_interface_id: Some(nat),
        ..Default::default()
    };
    assert_eq!(bed.error(given).0, "AuthFailure");
}

#[test]
fn pages_and_ids_are_checked() {
    let mut bed = Bed::new();
    let ids: Vec<String> = (0..6).map(|_| id_of(&bed.create(|_| ()))).collect();
    let page = |token: Option<String>| DescribeNetworkInterfacesRequest {
        max_results: Some(5),
        next_token: token,
        ..Default::default()
    };
    let Response::DescribeNetworkInterfaces(first) = bed.ask(page(None)).unwrap() else { panic!() };
    let Response::DescribeNetworkInterfaces(rest) = bed.ask(page(first.next_token.clone())).unwrap() else { panic!() };
    assert_eq!((first.network_interfaces.len(), rest.network_interfaces.len()), (5, 1));
    assert_eq!(rest.next_token, None);
    let both = DescribeNetworkInterfacesRequest { network_interface_ids: ids, ..page(None) };
    assert_eq!(bed.error(both).0, "InvalidParameterCombination");
    let unknown = |id: &str| DescribeNetworkInterfacesRequest {
        network_interface_ids: vec![id.to_owned()],
        ..Default::default()
    };
    assert_eq!(
        bed.error(unknown("eni-00000000000000099")),
        (
            "InvalidNetworkInterfaceID.NotFound",
            "The networkInterface ID 'eni-00000000000000099' does not exist".to_owned()
        )
    );
    assert_eq!(bed.error(unknown("eni-x")).0, "InvalidNetworkInterfaceId.Malformed");
}

#[test]
fn permissions_are_given_read_and_taken() {
    let mut bed = Bed::new();
    let id = id_of(&bed.create(|_| ()));
    let Response::CreateNetworkInterfacePermission(made) = bed.ask(permit(&id)).unwrap() else { panic!() };
    let made = made.interface_permission.unwrap();
    let permission = made.network_interface_permission_id.clone().unwrap();
    assert_eq!(made.permission_state.as_ref().unwrap().state, Some(NetworkInterfacePermissionStateCode::Granted));
    let Response::CreateNetworkInterfacePermission(again) = bed.ask(permit(&id)).unwrap() else { panic!() };
    assert_eq!(again.interface_permission.as_ref(), Some(&made));
    let describe = |ids: &[&str], filters| DescribeNetworkInterfacePermissionsRequest {
        network_interface_permission_ids: crate::actions::testbed::texts(ids),
        filters,
        ..Default::default()
    };
    let found = |bed: &mut Bed, request: DescribeNetworkInterfacePermissionsRequest| match bed.ask(request).unwrap() {
        Response::DescribeNetworkInterfacePermissions(answer) => answer.network_interface_permissions,
        other => panic!("{other:?}"),
    };
    assert_eq!(found(&mut bed, describe(&[&permission], vec![])), std::slice::from_ref(&made));
    for (name, value, count) in [
        ("network-interface-permission-id", permission.as_str(), 1),
        ("network-interface-id", &id, 1),
        ("aws-account-id", "210987654321", 1),
        ("aws-service", "any", 0),
        ("permission", "INSTANCE-ATTACH", 1),
        ("permission", "EIP-ASSOCIATE", 0),
    ] {
        let name = format!("network-interface-permission.{name}");
        assert_eq!(found(&mut bed, describe(&[], vec![filter(&name, &[value])])).len(), count, "{name}");
    }
    let sized = DescribeNetworkInterfacePermissionsRequest { max_results: Some(256), ..Default::default() };
    assert_eq!(bed.error(sized).0, "InvalidParameterValue");
    let delete = |id: &str| DeleteNetworkInterfacePermissionRequest {
        network_interface_permission_id: id.to_owned(),
        ..Default::default()
    };
    bed.ask(delete(&permission)).unwrap();
    assert_eq!(bed.error(delete(&permission)).0, "InvalidPermissionID.NotFound");
    assert_eq!(bed.error(describe(&[&permission], vec![])).0, "InvalidPermissionID.NotFound");
    assert_eq!(bed.error(delete("x")).0, "InvalidPermissionID.Malformed");
    for (request, code) in [
        (CreateNetworkInterfacePermissionRequest { aws_account_id: None, ..permit(&id) }, "MissingParameter"),
        (CreateNetworkInterfacePermissionRequest { permission: None, ..permit(&id) }, "MissingParameter"),
        (
            CreateNetworkInterfacePermissionRequest { aws_account_id: Some("123456789012".into()), ..permit(&id) },
            "InvalidParameterValue",
        ),
        (
            CreateNetworkInterfacePermissionRequest { aws_service: Some("x".into()), ..permit(&id) },
            "UnsupportedOperation",
        ),
        (permit("eni-00000000000000099"), "InvalidNetworkInterfaceID.NotFound"),
    ] {
        assert_eq!(bed.error(request).0, code);
    }
}
