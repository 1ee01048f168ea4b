use super::*;
use crate::testing::specification as tags;

#[test]
fn an_interface_is_made_read_and_deleted() {
    let mut bed = Bed::new();
    let subnet = bed.subnet('a');
    let made = bed.create(|r| {
        r.description = Some("router".to_owned());
        r.private_ip_addresses = vec![specification("172.31.0.20", false), specification("172.31.0.10", true)];
        r.tag_specifications = vec![tags("network-interface", &[("Name", "one")])];
        r.client_token = Some("once".to_owned());
    });
    let id = id_of(&made);
    assert_eq!(ips_of(&made), ["172.31.0.10", "172.31.0.20"]);
    assert_eq!(made.private_ip_addresses[0].primary, Some(true));
    assert_eq!(made.private_ip_addresses[1].primary, Some(false));
    assert_eq!(made.private_ip_addresses[1].private_dns_name.as_deref(), Some("ip-172-31-0-20.ec2.internal"));
    assert_eq!(made.description.as_deref(), Some("router"));
    assert_eq!(made.interface_type, Some(NetworkInterfaceType::Interface));
    assert_eq!((made.source_dest_check, made.requester_managed), (Some(true), Some(false)));
    assert_eq!(made.subnet_id, Some(subnet.id.to_string()));
    assert_eq!(made.groups[0].group_name.as_deref(), Some("default"));
    assert_eq!(made.tag_set[0].value.as_deref(), Some("one"));
    assert_eq!(made.attachment, None);
    assert_eq!(made.status, Some(NetworkInterfaceStatus::Available));
    assert_eq!(bed.eni(&id), made);
    assert_eq!(bed.view().tables().free_addresses(&subnet), subnet.usable() - 2, "both addresses count");
    bed.check();

    let again = bed.create(|r| {
        r.description = Some("router".to_owned());
        r.private_ip_addresses = vec![specification("172.31.0.20", false), specification("172.31.0.10", true)];
        r.tag_specifications = vec![tags("network-interface", &[("Name", "one")])];
        r.client_token = Some("once".to_owned());
    });
    assert_eq!(again, made, "a repeat makes nothing");
    assert_eq!(bed.create_error(|r| r.client_token = Some("once".to_owned())).0, "IdempotentParameterMismatch");

    bed.ask(delete(&id)).unwrap();
    assert_eq!(bed.error(delete(&id)).0, "InvalidNetworkInterfaceID.NotFound");
    assert_eq!(bed.view().tables().free_addresses(&subnet), subnet.usable());
    bed.check();
}

#[test]
fn counted_addresses_are_chosen_from_what_is_free() {
    let mut bed = Bed::new();
    let subnet = bed.with_ipv6('a');
    let made = bed.create(|r| {
        r.secondary_private_ip_address_count = Some(3);
        r.ipv6_address_count = Some(2);
        r.enable_primary_ipv6 = Some(true);
    });
    let mut ips = ips_of(&made);
    assert_eq!(ips.len(), 4);
    ips.sort();
    ips.dedup();
    assert_eq!(ips.len(), 4);
    assert!(ipv6_of(&made).iter().all(|ip| ip.starts_with("2001:db8:1:1:")), "{:?}", made.ipv6_addresses);
    assert_eq!(ipv6_of(&made).len(), 2);
    assert_eq!(made.ipv6_address.as_ref(), Some(&ipv6_of(&made)[0]));
    assert_eq!(made.ipv6_addresses.iter().map(|a| a.is_primary_ipv6).collect::<Vec<_>>(), [Some(true), Some(false)]);

    let named = bed.create(|r| {
        r.ipv6_addresses =
            vec![InstanceIpv6Address { ipv6_address: Some("2001:db8:1:1::10".to_owned()), is_primary_ipv6: None }];
    });
    assert_eq!(ipv6_of(&named), ["2001:db8:1:1::10"]);
    let mut on_creation = resource::Subnet::clone(&bed.view().tables().subnets[&subnet]);
    on_creation.assign_ipv6_address_on_creation = true;
    bed.edit(|_, tx| tx.put(on_creation));
    assert_eq!(ipv6_of(&bed.create(|_| ())).len(), 1, "the subnet says so");
    assert_eq!(ipv6_of(&bed.create(|r| r.ipv6_address_count = Some(0))).len(), 0, "the request says otherwise");
    bed.check();
}

/// A change to a request, and the code and part of the message of the error it gets.
type Case = (Box<dyn FnOnce(&mut CreateNetworkInterfaceRequest)>, &'static str, &'static str);

#[test]
fn bad_interfaces_get_precise_errors() {
    let mut bed = Bed::new();
    let taken = bed.create(|r| r.private_ip_address = Some("172.31.0.9".to_owned()));
    let some = |text: &str| Some(text.to_owned());
    let ipv6 = |text: &str| vec![InstanceIpv6Address { ipv6_address: Some(text.to_owned()), is_primary_ipv6: None }];
    let cases: Vec<Case> = vec![
        (Box::new(|r| r.subnet_id = "x".into()), "InvalidSubnetID.Malformed", "Invalid id: \"x\""),
        (
            Box::new(|r| r.subnet_id = "subnet-00000000000000099".into()),
            "InvalidSubnetID.NotFound",
            "The subnet ID 'subnet-00000000000000099' does not exist",
        ),
        (
            Box::new(move |r| r.private_ip_address = some("172.31.0.9")),
            "InvalidIPAddress.InUse",
            "172.31.0.9 is in use",
        ),
        (Box::new(move |r| r.private_ip_address = some("10.0.0.9")), "InvalidParameterValue", "does not fall within"),
        (
            Box::new(move |r| r.private_ip_address = some("172.31.0.3")),
            "InvalidParameterValue",
            "reserved address range",
        ),
        (Box::new(move |r| r.private_ip_address = some("x")), "InvalidParameterValue", "privateIpAddress"),
        (
            Box::new(|r| {
                r.private_ip_addresses = vec![specification("172.31.0.20", true), specification("172.31.0.21", true)]
            }),
            "InvalidParameterCombination",
            "Only one private IP address can be designated as primary.",
        ),
        (
            Box::new(|r| {
                r.private_ip_addresses = vec![specification("172.31.0.20", true), specification("172.31.0.20", false)]
            }),
            "InvalidParameterValue",
            "specified more than once",
        ),
        (
            Box::new(|r| {
                r.private_ip_addresses = vec![specification("172.31.0.20", true)];
                r.secondary_private_ip_address_count = Some(1);
            }),
            "InvalidParameterCombination",
            "secondaryPrivateIpAddressCount",
        ),
        (
            Box::new(|r| r.private_ip_addresses = vec![PrivateIpAddressSpecification::default()]),
            "MissingParameter",
            "PrivateIpAddresses.PrivateIpAddress",
        ),
        (Box::new(|r| r.secondary_private_ip_address_count = Some(-1)), "InvalidParameterValue", "(-1)"),
        (Box::new(|r| r.groups = vec!["sg-00000000000000099".into()]), "InvalidGroup.NotFound", "does not exist"),
        (Box::new(|r| r.ipv6_address_count = Some(1)), "InvalidParameterValue", "does not have IPv6 CIDR blocks"),
        (Box::new(move |r| r.ipv6_addresses = ipv6("2001:db8::1")), "InvalidParameterValue", "IPv6 CIDR blocks"),
        (Box::new(|r| r.enable_primary_ipv6 = Some(true)), "InvalidParameterCombination", "primary IPv6"),
        (Box::new(|r| r.description = Some("x".repeat(256))), "InvalidParameterValue", "Length exceeds maximum of 255"),
        (Box::new(|r| r.client_token = Some("x".repeat(65))), "InvalidParameterValue", "Length exceeds maximum of 64"),
        (
            Box::new(|r| r.interface_type = Some(NetworkInterfaceCreationType::Efa)),
            "UnsupportedOperation",
            "InterfaceType is not available",
        ),
        (Box::new(|r| r.ipv4_prefix_count = Some(1)), "UnsupportedOperation", "Ipv4Prefix is not available"),
        (Box::new(|r| r.ipv6_prefix_count = Some(1)), "UnsupportedOperation", "Ipv6Prefix is not available"),
        (
            Box::new(|r| r.tag_specifications = vec![tags("instance", &[("a", "b")])]),
            "InvalidParameterValue",
            "'instance' is not a valid taggable resource type",
        ),
    ];
    for (edit, code, message) in cases {
        let error = bed.create_error(edit);
        assert!(error.0 == code && error.1.contains(message), "{error:?}, expected {code}: {message}");
    }
    let mut groups = Vec::new();
    for name in 0..6 {
        let request = CreateSecurityGroupRequest {
            group_name: format!("group {name}"),
            description: "d".to_owned(),
            ..Default::default()
        };
        match bed.ask(request).unwrap() {
            Response::CreateSecurityGroup(answer) => groups.push(answer.group_id.unwrap()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(bed.create_error(|r| r.groups = groups.clone()).0, "SecurityGroupsPerInterfaceLimitExceeded");
    assert_eq!(bed.create(|r| r.groups = groups[..5].to_vec()).groups.len(), 5);
    assert_eq!(bed.create_error(|r| r.dry_run = Some(true)).0, "DryRunOperation");
    assert_eq!(bed.eni(&id_of(&taken)).private_ip_address.as_deref(), Some("172.31.0.9"));
    bed.check();
}

#[test]
fn idle_connections_are_tracked_as_long_as_asked() {
    let mut bed = Bed::new();
    let tracking = |tcp, udp| {
        let wanted = ConnectionTrackingSpecificationRequest {
            tcp_established_timeout: tcp,
            udp_timeout: udp,
            udp_stream_timeout: None,
        };
        move |r: &mut CreateNetworkInterfaceRequest| r.connection_tracking_specification = Some(wanted.clone())
    };
    let made = bed.create(tracking(Some(432_000), Some(30)));
    let shown = made.connection_tracking_configuration.unwrap();
    assert_eq!((shown.tcp_established_timeout, shown.udp_timeout), (Some(432_000), Some(30)));
    let made = bed.create(tracking(Some(600), Some(60))).connection_tracking_configuration.unwrap();
    assert_eq!((made.tcp_established_timeout, made.udp_timeout, made.udp_stream_timeout), (Some(600), Some(60), None));
    assert_eq!(bed.create_error(tracking(Some(59), None)).0, "InvalidParameterValue");
    assert_eq!(bed.create_error(tracking(None, Some(61))).0, "InvalidParameterValue");
}

#[test]
fn a_deleted_interface_frees_its_address_and_permissions() {
    let mut bed = Bed::new();
    let id = id_of(&bed.create(|_| ()));
    let allocation = bed.allocate();
    let request = AssociateAddressRequest {
        allocation_id: Some(allocation.clone()),
        network_interface_id: Some(id.clone()),
        ..Default::default()
    };
    bed.ask(request).unwrap();
    bed.ask(super::describe::permit(&id)).unwrap();
    assert!(bed.eni(&id).association.is_some());
    bed.ask(delete(&id)).unwrap();
    assert!(bed.view().tables().interface_permissions.is_empty());
    assert!(bed.view().tables().addresses.values().all(|address| address.association.is_none()));
    bed.check();

    let nat = bed.nat_interface();
    let message = format!("Network interface '{nat}' is currently in use.");
    assert_eq!(bed.error(delete(&nat)), ("InvalidParameterValue", message));
}
