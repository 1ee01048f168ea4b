//! What is attached, associated and propagated.

use super::*;
use crate::dependencies::check_unused;

fn state_of(bed: &mut Bed, id: &str) -> TransitGatewayVpcAttachment {
    let request = DescribeTransitGatewayVpcAttachmentsRequest {
        transit_gateway_attachment_ids: texts(&[id]),
        ..Default::default()
    };
    ask!(bed, DescribeTransitGatewayVpcAttachments, request).transit_gateway_vpc_attachments.remove(0)
}

fn associate(table: &str, attachment: &str) -> AssociateTransitGatewayRouteTableRequest {
    AssociateTransitGatewayRouteTableRequest {
        transit_gateway_route_table_id: table.to_owned(),
        transit_gateway_attachment_id: attachment.to_owned(),
        dry_run: None,
    }
}

fn disassociate(table: &str, attachment: &str) -> DisassociateTransitGatewayRouteTableRequest {
    DisassociateTransitGatewayRouteTableRequest {
        transit_gateway_route_table_id: table.to_owned(),
        transit_gateway_attachment_id: attachment.to_owned(),
        dry_run: None,
    }
}

fn associations(bed: &mut Bed, table: &str, filters: &[Filter]) -> Vec<TransitGatewayRouteTableAssociation> {
    let request = GetTransitGatewayRouteTableAssociationsRequest {
        transit_gateway_route_table_id: table.to_owned(),
        filters: filters.to_vec(),
        ..Default::default()
    };
    ask!(bed, GetTransitGatewayRouteTableAssociations, request).associations
}

fn enable(table: &str, attachment: &str) -> EnableTransitGatewayRouteTablePropagationRequest {
    EnableTransitGatewayRouteTablePropagationRequest {
        transit_gateway_route_table_id: table.to_owned(),
        transit_gateway_attachment_id: Some(attachment.to_owned()),
        ..Default::default()
    }
}

fn disable(table: &str, attachment: &str) -> DisableTransitGatewayRouteTablePropagationRequest {
    DisableTransitGatewayRouteTablePropagationRequest {
        transit_gateway_route_table_id: table.to_owned(),
        transit_gateway_attachment_id: Some(attachment.to_owned()),
        ..Default::default()
    }
}

fn propagations(bed: &mut Bed, table: &str) -> Vec<TransitGatewayRouteTablePropagation> {
    let request = GetTransitGatewayRouteTablePropagationsRequest {
        transit_gateway_route_table_id: table.to_owned(),
        ..Default::default()
    };
    ask!(bed, GetTransitGatewayRouteTablePropagations, request).transit_gateway_route_table_propagations
}

#[test]
fn an_attachment_lives_with_the_default_table_and_holds_vpc_and_subnet() {
    let mut bed = Bed::new();
    let gateway = available(&mut bed);
    let table = only(&mut bed).options.unwrap().association_default_route_table_id.unwrap();
    let (vpc, subnets) = vpc(&mut bed, "10.1.0.0/16");
    let request = CreateTransitGatewayVpcAttachmentRequest {
        tag_specifications: vec![specification("transit-gateway-attachment", &[("Name", "spoke")])],
        ..attaching(&gateway, &vpc, &[&subnets[0]])
    };
    let made = ask!(bed, CreateTransitGatewayVpcAttachment, request).transit_gateway_vpc_attachment.unwrap();
    let id = made.transit_gateway_attachment_id.clone().unwrap();
    assert!(id.starts_with("tgw-attach-"));
    assert_eq!(made.state, Some(TransitGatewayAttachmentState::Pending));
    let options = made.options.unwrap();
    assert_eq!(options.dns_support, Some(DnsSupportValue::Enable));
    assert_eq!(options.ipv6_support, Some(Ipv6SupportValue::Disable));
    assert_eq!(associations(&mut bed, &table, &[])[0].state, Some(TransitGatewayAssociationState::Associating));
    bed.settle_after_ms(SETTLE_MS);
    assert_eq!(state_of(&mut bed, &id).state, Some(TransitGatewayAttachmentState::Available));
    let found = associations(&mut bed, &table, &[filter("resource-id", &[&vpc]), filter("resource-type", &["vpc"])]);
    assert_eq!(found[0].state, Some(TransitGatewayAssociationState::Associated));
    assert_eq!(propagations(&mut bed, &table)[0].state, Some(TransitGatewayPropagationState::Enabled));

    for (name, value) in [
        ("association.state", "associated"),
        ("association.transit-gateway-route-table-id", table.as_str()),
        ("resource-id", &vpc),
        ("resource-owner-id", "123456789012"),
        ("resource-type", "vpc"),
        ("state", "available"),
        ("tag:Name", "spoke"),
        ("transit-gateway-attachment-id", &id),
        ("transit-gateway-id", &gateway),
        ("transit-gateway-owner-id", "123456789012"),
    ] {
        for (value, count) in [(value, 1), ("other", 0)] {
            let request = DescribeTransitGatewayAttachmentsRequest {
                filters: vec![filter(name, &[value])],
                ..Default::default()
            };
            let found = ask!(bed, DescribeTransitGatewayAttachments, request).transit_gateway_attachments;
            assert_eq!(found.len(), count, "{name} {value}");
        }
    }
    let by_vpc =
        DescribeTransitGatewayVpcAttachmentsRequest { filters: vec![filter("vpc-id", &[&vpc])], ..Default::default() };
    assert_eq!(ask!(bed, DescribeTransitGatewayVpcAttachments, by_vpc).transit_gateway_vpc_attachments.len(), 1);

    for held in [Key::Vpc(vpc.parse().unwrap()), Key::Subnet(subnets[0].parse().unwrap())] {
        assert_eq!(check_unused(bed.view().tables(), &held, "held").unwrap_err().code, "DependencyViolation");
    }
    let message = format!("{gateway} has non-deleted VPC Attachments: {id}.");
    assert_eq!(bed.error(delete(&gateway)), ("IncorrectState", message));
    bed.ask(detach(&id)).unwrap();
    assert_eq!(state_of(&mut bed, &id).state, Some(TransitGatewayAttachmentState::Deleting));
    assert_eq!(bed.error(delete(&gateway)).0, "IncorrectState");
    assert!(associations(&mut bed, &table, &[]).is_empty() && propagations(&mut bed, &table).is_empty());
    bed.settle_after_ms(SETTLE_MS);
    assert_eq!(state_of(&mut bed, &id).state, Some(TransitGatewayAttachmentState::Deleted));
    assert_eq!(bed.error(detach(&id)).0, "InvalidTransitGatewayAttachmentID.NotFound");
    check_unused(bed.view().tables(), &Key::Vpc(vpc.parse().unwrap()), "held").unwrap_err();
    check_unused(bed.view().tables(), &Key::Subnet(subnets[0].parse().unwrap()), "held").unwrap();
    bed.ask(delete(&gateway)).unwrap();
    bed.settle_after_ms(DELETED_VISIBLE_MS);
    bed.settle_after_ms(DELETED_VISIBLE_MS);
    assert!(bed.view().transit_gateway_attachments.is_empty() && bed.view().transit_gateways.is_empty());
}

#[test]
fn what_cannot_be_attached() {
    let mut bed = Bed::new();
    let pending = create(&mut bed, Default::default()).transit_gateway_id.unwrap();
    let (one, subnets) = vpc(&mut bed, "10.1.0.0/16");
    assert_eq!(bed.error(attaching(&pending, &one, &[&subnets[0]])).0, "IncorrectState");
    bed.settle_after_ms(SETTLE_MS);
    let (_, others) = vpc(&mut bed, "10.2.0.0/16");
    let request = CreateSubnetRequest {
        vpc_id: one.clone(),
        cidr_block: Some("10.1.9.0/24".to_owned()),
        availability_zone: Some("us-east-1a".to_owned()),
        ..Default::default()
    };
    let same_zone = ask!(bed, CreateSubnet, request).subnet.unwrap().subnet_id.unwrap();
    for (request, code) in [
        (attaching("tgw-1", &one, &[&subnets[0]]), "InvalidTransitGatewayID.Malformed"),
        (attaching("tgw-00000000000000001", &one, &[&subnets[0]]), "InvalidTransitGatewayID.NotFound"),
        (attaching(&pending, "vpc-00000000000000009", &[&subnets[0]]), "InvalidVpcID.NotFound"),
        (attaching(&pending, &one, &["subnet-00000000000000009"]), "InvalidSubnetID.NotFound"),
        (attaching(&pending, &one, &[&others[0]]), "InvalidSubnet"),
        (attaching(&pending, &one, &[&subnets[0], &same_zone]), "DuplicateSubnetsInSameZone"),
        (attaching(&pending, &one, &[]), "MissingParameter"),
        (
            CreateTransitGatewayVpcAttachmentRequest {
                options: Some(CreateTransitGatewayVpcAttachmentRequestOptions {
                    ipv6_support: Some(Ipv6SupportValue::Enable),
                    ..Default::default()
                }),
                ..attaching(&pending, &one, &[&subnets[0]])
            },
            "InvalidParameterValue",
        ),
    ] {
        assert_eq!(bed.error(request).0, code);
    }
    let id = attach(&mut bed, &pending, &one, &subnets[0]);
    let again = bed.error(attaching(&pending, &one, &[&subnets[1]]));
    let message = format!("{pending} has non-deleted Transit Gateway Attachments with same VPC ID.");
    assert_eq!(again, ("DuplicateTransitGatewayAttachment", message));
    let accept = AcceptTransitGatewayVpcAttachmentRequest { transit_gateway_attachment_id: id.clone(), dry_run: None };
    let reject = RejectTransitGatewayVpcAttachmentRequest { transit_gateway_attachment_id: id, dry_run: None };
    assert_eq!((bed.error(accept).0, bed.error(reject).0), ("IncorrectState", "IncorrectState"));
}

#[test]
fn an_attachment_is_changed() {
    let mut bed = Bed::new();
    let gateway = available(&mut bed);
    let (vpc, subnets) = vpc(&mut bed, "10.1.0.0/16");
    let id = attach(&mut bed, &gateway, &vpc, &subnets[0]);
    let modify = |add: &[&str], remove: &[&str]| ModifyTransitGatewayVpcAttachmentRequest {
        transit_gateway_attachment_id: id.clone(),
        add_subnet_ids: texts(add),
        remove_subnet_ids: texts(remove),
        ..Default::default()
    };
    assert_eq!(bed.error(modify(&[], &[&subnets[0]])).0, "InsufficientSubnetsException");
    assert_eq!(bed.error(modify(&[], &[&subnets[1]])).0, "InvalidSubnetID.NotFound");
    let request = ModifyTransitGatewayVpcAttachmentRequest {
        options: Some(ModifyTransitGatewayVpcAttachmentRequestOptions {
            appliance_mode_support: Some(ApplianceModeSupportValue::Enable),
            ..Default::default()
        }),
        ..modify(&[&subnets[1]], &[&subnets[0]])
    };
    let told = ask!(bed, ModifyTransitGatewayVpcAttachment, request).transit_gateway_vpc_attachment.unwrap();
    assert_eq!(told.state, Some(TransitGatewayAttachmentState::Modifying));
    assert_eq!(told.subnet_ids, [subnets[1].clone()]);
    let options = told.options.unwrap();
    assert_eq!(options.appliance_mode_support, Some(ApplianceModeSupportValue::Enable));
    assert_eq!(options.dns_support, Some(DnsSupportValue::Enable));
    bed.settle_after_ms(SETTLE_MS);
    assert_eq!(state_of(&mut bed, &id).state, Some(TransitGatewayAttachmentState::Available));
}

#[test]
fn an_attachment_is_associated_with_one_table() {
    let mut bed = Bed::new();
    let gateway = available(&mut bed);
    let first = only(&mut bed).options.unwrap().association_default_route_table_id.unwrap();
    let (vpc, subnets) = vpc(&mut bed, "10.1.0.0/16");
    let id = attach(&mut bed, &gateway, &vpc, &subnets[0]);
    let second = create_table(&mut bed, &gateway);
    assert_eq!(bed.error(associate(&second, &id)).0, "Resource.AlreadyAssociated");
    assert_eq!(bed.error(disassociate(&second, &id)).0, "InvalidAssociation.NotFound");
    let told = ask!(bed, DisassociateTransitGatewayRouteTable, disassociate(&first, &id)).association.unwrap();
    assert_eq!(told.state, Some(TransitGatewayAssociationState::Disassociating));
    let stored = |bed: &Bed| {
        bed.view().transit_gateway_attachments[&id.parse::<types::TransitGatewayAttachmentId>().unwrap()].table()
    };
    assert_eq!(stored(&bed), None, "nothing is routed from the moment that it is asked for");
    assert_eq!(bed.error(associate(&second, &id)).0, "Resource.AlreadyAssociated");
    bed.settle_after_ms(SETTLE_MS);
    let told = ask!(bed, AssociateTransitGatewayRouteTable, associate(&second, &id)).association.unwrap();
    assert_eq!(told.resource_id, Some(vpc));
    assert_eq!(stored(&bed), None);
    bed.settle_after_ms(SETTLE_MS);
    assert_eq!(stored(&bed), Some(second.parse().unwrap()));
    assert_eq!(bed.error(delete_table(&second)).0, "IncorrectState");
    bed.ask(disassociate(&second, &id)).unwrap();
    bed.settle_after_ms(SETTLE_MS);
    bed.ask(delete_table(&second)).unwrap();
    let other = available(&mut bed);
    let table = create_table(&mut bed, &other);
    assert_eq!(bed.error(associate(&table, &id)).0, "InvalidParameterValue", "another gateway's");
}

#[test]
fn routes_are_propagated_to_any_number_of_tables() {
    let mut bed = Bed::new();
    let gateway = available(&mut bed);
    let first = only(&mut bed).options.unwrap().propagation_default_route_table_id.unwrap();
    let (vpc, subnets) = vpc(&mut bed, "10.1.0.0/16");
    let id = attach(&mut bed, &gateway, &vpc, &subnets[0]);
    let second = create_table(&mut bed, &gateway);
    assert_eq!(bed.error(enable(&first, &id)).0, "TransitGatewayRouteTablePropagation.Duplicate");
    assert_eq!(bed.error(disable(&second, &id)).0, "TransitGatewayRouteTablePropagation.NotFound");
    let told = ask!(bed, EnableTransitGatewayRouteTablePropagation, enable(&second, &id)).propagation.unwrap();
    assert_eq!(told.state, Some(TransitGatewayPropagationState::Enabling));
    bed.settle_after_ms(SETTLE_MS);
    let request = |filters: &[Filter]| GetTransitGatewayAttachmentPropagationsRequest {
        transit_gateway_attachment_id: id.clone(),
        filters: filters.to_vec(),
        ..Default::default()
    };
    let all = ask!(bed, GetTransitGatewayAttachmentPropagations, request(&[])).transit_gateway_attachment_propagations;
    assert_eq!(all.len(), 2);
    let named = request(&[filter("transit-gateway-route-table-id", &[&second])]);
    let found = ask!(bed, GetTransitGatewayAttachmentPropagations, named).transit_gateway_attachment_propagations;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].state, Some(TransitGatewayPropagationState::Enabled));
    let told = ask!(bed, DisableTransitGatewayRouteTablePropagation, disable(&first, &id)).propagation.unwrap();
    assert_eq!(told.state, Some(TransitGatewayPropagationState::Disabling));
    bed.settle_after_ms(SETTLE_MS);
    assert!(propagations(&mut bed, &first).is_empty());
    bed.ask(delete_table(&second)).unwrap();
    assert!(
        ask!(bed, GetTransitGatewayAttachmentPropagations, request(&[]))
            .transit_gateway_attachment_propagations
            .is_empty()
    );
    let none =
        EnableTransitGatewayRouteTablePropagationRequest { transit_gateway_attachment_id: None, ..enable(&first, &id) };
    assert_eq!(bed.error(none).0, "MissingParameter");
}

#[test]
fn attachments_of_older_clouds_are_read() {
    let mut bed = Bed::new();
    let gateway = available(&mut bed);
    let (vpc, subnets) = vpc(&mut bed, "10.1.0.0/16");
    let id = attach(&mut bed, &gateway, &vpc, &subnets[0]);
    let stored =
        bed.view().transit_gateway_attachments[&id.parse::<types::TransitGatewayAttachmentId>().unwrap()].clone();
    let text = serde_json::to_string(&*stored).unwrap();
    let again: resource::TransitGatewayAttachment = serde_json::from_str(&text).unwrap();
    assert_eq!(again, *stored);
    let vpc: VpcId = vpc.parse().unwrap();
    assert_eq!(again.vpc, vpc);
}
