use super::*;

fn modify(id: &str) -> ModifyNetworkInterfaceAttributeRequest {
    ModifyNetworkInterfaceAttributeRequest { network_interface_id: id.to_owned(), ..Default::default() }
}

fn attribute(bed: &mut Bed, id: &str, attribute: NetworkInterfaceAttribute) -> DescribeNetworkInterfaceAttributeResult {
    let request = DescribeNetworkInterfaceAttributeRequest {
        attribute: Some(attribute),
        network_interface_id: id.to_owned(),
        ..Default::default()
    };
    match bed.ask(request).unwrap() {
        Response::DescribeNetworkInterfaceAttribute(answer) => *answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_attribute_is_set_and_read_back() {
    let mut bed = Bed::new();
    let id = id_of(&bed.create(|_| ()));
    let group =
        CreateSecurityGroupRequest { group_name: "web".to_owned(), description: "d".to_owned(), ..Default::default() };
    let group = match bed.ask(group).unwrap() {
        Response::CreateSecurityGroup(answer) => answer.group_id.unwrap(),
        other => panic!("{other:?}"),
    };
    let text = |value: &str| Some(AttributeValue { value: Some(value.to_owned()) });
    let off = Some(AttributeBooleanValue { value: Some(false) });
    bed.ask(ModifyNetworkInterfaceAttributeRequest { description: text("new"), ..modify(&id) }).unwrap();
    bed.ask(ModifyNetworkInterfaceAttributeRequest { groups: vec![group.clone()], ..modify(&id) }).unwrap();
    bed.ask(ModifyNetworkInterfaceAttributeRequest { source_dest_check: off.clone(), ..modify(&id) }).unwrap();
    assert_eq!(attribute(&mut bed, &id, NetworkInterfaceAttribute::Description).description, text("new"));
    let groups = attribute(&mut bed, &id, NetworkInterfaceAttribute::GroupSet).groups;
    assert_eq!(groups[0].group_id.as_ref(), Some(&group));
    assert_eq!(attribute(&mut bed, &id, NetworkInterfaceAttribute::SourceDestCheck).source_dest_check, off);
    assert_eq!(attribute(&mut bed, &id, NetworkInterfaceAttribute::Attachment).attachment, None);
    let reset = ResetNetworkInterfaceAttributeRequest {
        network_interface_id: id.clone(),
        source_dest_check: Some("true".to_owned()),
        ..Default::default()
    };
    bed.ask(reset).unwrap();
    assert_eq!(bed.eni(&id).source_dest_check, Some(true));
    let none = ResetNetworkInterfaceAttributeRequest { network_interface_id: id.clone(), ..Default::default() };
    assert_eq!(bed.error(none).0, "InvalidParameterCombination");

    let instance = bed.running();
    let attachment = bed.attach(&id, instance, 1);
    let changes = |attachment: &str, delete| ModifyNetworkInterfaceAttributeRequest {
        attachment: Some(NetworkInterfaceAttachmentChanges {
            attachment_id: Some(attachment.to_owned()),
            delete_on_termination: delete,
            ..Default::default()
        }),
        ..modify(&id)
    };
    bed.ask(changes(&attachment, Some(true))).unwrap();
    let shown = attribute(&mut bed, &id, NetworkInterfaceAttribute::Attachment).attachment.unwrap();
    assert_eq!((shown.delete_on_termination, shown.instance_id), (Some(true), Some(instance.to_string())));
    assert_eq!(bed.error(changes(&attachment, None)).0, "MissingParameter");
    assert_eq!(bed.error(changes("eni-attach-00000000000000099", Some(true))).0, "InvalidAttachmentID.NotFound");
    bed.terminate(instance);
    assert_eq!(bed.error(delete(&id)).0, "InvalidNetworkInterfaceID.NotFound", "it went with the instance");
    bed.check();
}

#[test]
fn a_public_address_can_be_asked_for_later() {
    let mut bed = Bed::new();
    let instance = bed.running();
    let id = bed.interface(instance).id.to_string();
    let public =
        |wanted| ModifyNetworkInterfaceAttributeRequest { associate_public_ip_address: Some(wanted), ..modify(&id) };
    let is_on = |bed: &mut Bed| {
        attribute(bed, &id, NetworkInterfaceAttribute::AssociatePublicIpAddress).associate_public_ip_address
    };
    assert_eq!(is_on(&mut bed), Some(true));
    bed.ask(public(false)).unwrap();
    assert_eq!((bed.public_ip(instance), is_on(&mut bed)), (None, Some(false)));
    bed.check();
    bed.ask(public(true)).unwrap();
    assert!(bed.public_ip(instance).is_some());
    bed.check();
}

#[test]
fn bad_changes_get_precise_errors() {
    let mut bed = Bed::new();
    let id = id_of(&bed.create(|_| ()));
    let nat = bed.nat_interface();
    let check = Some(AttributeBooleanValue { value: Some(false) });
    let description = Some(AttributeValue { value: Some("d".to_owned()) });
    let both = ModifyNetworkInterfaceAttributeRequest {
        source_dest_check: check.clone(),
        description: description.clone(),
        ..modify(&id)
    };
    assert_eq!(
        bed.error(both),
        (
            "InvalidParameterCombination",
            "Fields for multiple attribute types specified: description, sourceDestCheck".to_owned()
        )
    );
    assert_eq!(bed.error(modify(&id)), ("InvalidParameterCombination", "No attributes specified.".to_owned()));
    let of_nat = ModifyNetworkInterfaceAttributeRequest { description, ..modify(&nat) };
    assert_eq!(bed.error(of_nat).0, "AuthFailure");
    let unknown = ModifyNetworkInterfaceAttributeRequest { groups: vec!["sg-00000000000000099".into()], ..modify(&id) };
    assert_eq!(bed.error(unknown).0, "InvalidGroup.NotFound");
    let empty = ModifyNetworkInterfaceAttributeRequest {
        source_dest_check: Some(AttributeBooleanValue { value: None }),
        ..modify(&id)
    };
    assert_eq!(bed.error(empty).0, "MissingParameter");
    let primary = ModifyNetworkInterfaceAttributeRequest { enable_primary_ipv6: Some(true), ..modify(&id) };
    assert_eq!(bed.error(primary).0, "InvalidParameterValue");
    let subnets = ModifyNetworkInterfaceAttributeRequest { associated_subnet_ids: vec!["x".into()], ..modify(&id) };
    assert_eq!(bed.error(subnets).0, "UnsupportedOperation");
    let gone = ModifyNetworkInterfaceAttributeRequest { source_dest_check: check, ..modify("eni-00000000000000099") };
    assert_eq!(bed.error(gone).0, "InvalidNetworkInterfaceID.NotFound");
    let nothing = DescribeNetworkInterfaceAttributeRequest { network_interface_id: id, ..Default::default() };
    assert_eq!(bed.error(nothing).0, "InvalidParameterCombination");
}
