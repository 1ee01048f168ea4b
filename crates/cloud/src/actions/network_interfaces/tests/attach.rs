use super::*;

#[test]
fn an_interface_is_attached_and_detached() {
    let mut bed = Bed::new();
    let instance = bed.running();
    let id = id_of(&bed.create(|_| ()));
    let attachment = bed.attach(&id, instance, 1);
    let shown = bed.eni(&id);
    assert_eq!(shown.status, Some(NetworkInterfaceStatus::InUse));
    let at = shown.attachment.unwrap();
    assert_eq!(at.attachment_id.as_ref(), Some(&attachment));
    assert_eq!((at.status, at.device_index), (Some(AttachmentStatus::Attaching), Some(1)));
    assert_eq!((at.delete_on_termination, at.instance_id), (Some(false), Some(instance.to_string())));
    bed.settle();
    assert_eq!(bed.eni(&id).attachment.unwrap().status, Some(AttachmentStatus::Attached));
    let described = bed.describe(instance);
    let devices = described.network_interfaces.iter().map(|i| i.attachment.as_ref().unwrap().device_index.unwrap());
    assert_eq!(devices.collect::<Vec<_>>(), [0, 1], "each has its attachment, the primary one first");
    assert_eq!(described.private_ip_address, Some(bed.interface(instance).private_ip.to_string()));
    bed.check();
    assert_eq!(bed.error(delete(&id)).1, format!("Network interface '{id}' is currently in use."));

    bed.ask(detach(&attachment)).unwrap();
    assert_eq!(bed.eni(&id).attachment.unwrap().status, Some(AttachmentStatus::Detaching));
    assert_eq!(bed.error(detach(&attachment)).0, "IncorrectState");
    bed.ask(DetachNetworkInterfaceRequest { force: Some(true), ..detach(&attachment) }).unwrap();
    bed.settle();
    let free = bed.eni(&id);
    assert_eq!((free.status, free.attachment), (Some(NetworkInterfaceStatus::Available), None));
    assert_eq!(bed.describe(instance).network_interfaces.len(), 1);
    bed.check();
    assert_eq!(bed.error(detach(&attachment)).0, "InvalidAttachmentID.NotFound");
    bed.ask(delete(&id)).unwrap();
}

#[test]
fn what_cannot_be_attached_or_detached_is_told_why() {
    let mut bed = Bed::new();
    let instance = bed.running();
    let text = instance.to_string();
    let id = id_of(&bed.create(|_| ()));
    let other_zone = bed.subnet('b').id.to_string();
    let elsewhere = id_of(&bed.create(|r| r.subnet_id = other_zone));
    let crowded = id_of(&bed.create(|r| r.secondary_private_ip_address_count = Some(2)));
    let nat = bed.nat_interface();
    let primary = bed.interface(instance);
    for (request, code, message) in [
        (attach("x", &text, 1), "InvalidNetworkInterfaceId.Malformed", "Invalid id"),
        (attach("eni-00000000000000099", &text, 1), "InvalidNetworkInterfaceID.NotFound", "does not exist"),
        (attach(&id, "i-00000000000000099", 1), "InvalidInstanceID.NotFound", "does not exist"),
        (attach(&id, &text, 0), "InvalidParameterValue", "already has an interface attached at device index '0'."),
        (attach(&id, &text, -1), "InvalidParameterValue", "deviceIndex"),
        (attach(&elsewhere, &text, 1), "InvalidParameterCombination", "not in the same availability zone"),
        (attach(&primary.id.to_string(), &text, 1), "InvalidNetworkInterface.InUse", "in use."),
        (attach(&nat, &text, 1), "InvalidNetworkInterface.InUse", "in use."),
        (attach(&crowded, &text, 1), "PrivateIpAddressLimitExceeded", "limit: 2 for t3.micro"),
        (
            AttachNetworkInterfaceRequest { network_card_index: Some(1), ..attach(&id, &text, 1) },
            "InvalidParameterValue",
            "Network card index 1",
        ),
        (
            AttachNetworkInterfaceRequest { ena_queue_count: Some(2), ..attach(&id, &text, 1) },
            "UnsupportedOperation",
            "EnaQueueCount",
        ),
    ] {
        let error = bed.error(request);
        assert!(error.0 == code && error.1.contains(message), "{error:?}, expected {code}: {message}");
    }
    bed.attach(&id, instance, 1);
    let third = id_of(&bed.create(|_| ()));
    let error = bed.error(attach(&third, &text, 2));
    assert_eq!(error, ("AttachmentLimitExceeded", "Interface count 3 exceeds the limit for t3.micro".to_owned()));

    let of_primary = primary.attachment.unwrap().id.to_string();
    let message = "The network interface at device index 0 cannot be detached.".to_owned();
    assert_eq!(bed.error(detach(&of_primary)), ("OperationNotPermitted", message));
    assert_eq!(bed.error(detach("eni-attach-00000000000000099")).0, "InvalidAttachmentID.NotFound");
    assert_eq!(bed.error(detach("x")).0, "InvalidAttachmentID.Malformed");
    let of_nat = bed.eni(&nat).attachment.unwrap().attachment_id.unwrap();
    assert_eq!(bed.error(detach(&of_nat)).0, "OperationNotPermitted");

    let launched = bed.launch(1);
    let pending = bed.run(launched).instances[0].instance_id.clone().unwrap();
    assert_eq!(bed.error(attach(&third, &pending, 1)).0, "IncorrectState");
    bed.check();
}

#[test]
fn termination_takes_what_goes_with_the_instance() {
    let mut bed = Bed::new();
    let instance = bed.running();
    let id = id_of(&bed.create(|_| ()));
    bed.attach(&id, instance, 1);
    bed.terminate(instance);
    let free = bed.eni(&id);
    assert_eq!((free.status, free.attachment), (Some(NetworkInterfaceStatus::Available), None));
    bed.settle();
    bed.check();

    let mut request = bed.launch(1);
    let interface = |index, delete| InstanceNetworkInterfaceSpecification {
        device_index: Some(index),
        delete_on_termination: Some(delete),
        ..Default::default()
    };
    request.network_interfaces = vec![
        interface(0, true),
        InstanceNetworkInterfaceSpecification { network_interface_id: Some(id.clone()), ..interface(1, true) },
    ];
    let instance = bed.running_of(request);
    let described = bed.describe(instance);
    assert_eq!(described.network_interfaces[1].network_interface_id.as_ref(), Some(&id));
    assert_eq!(described.public_ip_address, None, "with several interfaces none has an automatic address");
    bed.terminate(instance);
    assert_eq!(bed.error(delete(&id)).0, "InvalidNetworkInterfaceID.NotFound");
    bed.check();
}

#[test]
fn a_launch_may_say_all_about_several_interfaces() {
    let mut bed = Bed::new();
    let subnet = bed.with_ipv6('a').to_string();
    let mut request = bed.launch(1);
    request.instance_type = Some("m5.large".to_owned());
    request.network_interfaces = vec![
        InstanceNetworkInterfaceSpecification {
            device_index: Some(1),
            description: Some("second".to_owned()),
            subnet_id: Some(subnet.clone()),
            private_ip_addresses: vec![specification("172.31.0.30", true), specification("172.31.0.31", false)],
            ..Default::default()
        },
        InstanceNetworkInterfaceSpecification {
            device_index: Some(0),
            subnet_id: Some(subnet.clone()),
            secondary_private_ip_address_count: Some(2),
            ipv6_address_count: Some(1),
            ..Default::default()
        },
    ];
    let id = bed.running_of(request);
    let shown = bed.describe(id);
    let [first, second] = shown.network_interfaces.as_slice() else { panic!("{shown:?}") };
    assert_eq!((first.private_ip_addresses.len(), first.ipv6_addresses.len()), (3, 1));
    assert_eq!(shown.ipv6_address, first.ipv6_addresses[0].ipv6_address);
    assert_eq!(second.description.as_deref(), Some("second"));
    assert_eq!(second.private_ip_address.as_deref(), Some("172.31.0.30"));
    assert_eq!(second.private_ip_addresses[1].private_ip_address.as_deref(), Some("172.31.0.31"));
    let at_top = RunInstancesRequest { subnet_id: Some(subnet), ipv6_address_count: Some(2), ..bed.launch(1) };
    let id = bed.running_of(at_top);
    assert_eq!(bed.describe(id).network_interfaces[0].ipv6_addresses.len(), 2);
    bed.check();

    let mut clash = bed.launch(1);
    clash.network_interfaces = (0..2)
        .map(|index| InstanceNetworkInterfaceSpecification {
            device_index: Some(index),
            private_ip_address: Some("172.31.0.77".to_owned()),
            subnet_id: Some(bed.subnet('a').id.to_string()),
            ..Default::default()
        })
        .collect();
    assert_eq!(bed.error(clash).0, "InvalidIPAddress.InUse");
}

#[test]
fn launches_with_bad_interfaces_get_precise_errors() {
    let mut bed = Bed::new();
    let device = |index| InstanceNetworkInterfaceSpecification { device_index: Some(index), ..Default::default() };
    let public = InstanceNetworkInterfaceSpecification { associate_public_ip_address: Some(true), ..device(0) };
    let crowded = InstanceNetworkInterfaceSpecification { secondary_private_ip_address_count: Some(2), ..device(0) };
    for (interfaces, code, message) in [
        (vec![device(0), device(0)], "InvalidParameterValue", "Each network interface requires a unique device index."),
        (
            vec![device(0), device(1), device(2)],
            "AttachmentLimitExceeded",
            "Interface count 3 exceeds the limit for t3.micro",
        ),
        (
            vec![public, device(1)],
            "InvalidParameterCombination",
            "The associatePublicIPAddress parameter cannot be specified when launching with multiple",
        ),
        (vec![crowded], "PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit: 2"),
    ] {
        let error = bed.error(RunInstancesRequest { network_interfaces: interfaces, ..bed.launch(1) });
        assert!(error.0 == code && error.1.contains(message), "{error:?}, expected {code}: {message}");
    }
    let ipv6 = RunInstancesRequest { ipv6_address_count: Some(1), ..bed.launch(1) };
    let error = bed.error(ipv6);
    assert!(error.0 == "InvalidParameterValue" && error.1.contains("does not have IPv6 CIDR blocks"), "{error:?}");
    bed.check();
}
