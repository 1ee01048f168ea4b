use ec2_shapes::Response;

use super::*;
use crate::actions::testbed::{Bed, texts};
use crate::dependencies::check_unused;
use crate::settle::{DELETED_VISIBLE_MS, SETTLE_MS};
use crate::state::Key;
use crate::testing::{filter, specification};

fn request() -> CreateVpnGatewayRequest {
    CreateVpnGatewayRequest { r#type: Some(GatewayType::Ipsec1), ..CreateVpnGatewayRequest::default() }
}

fn create(bed: &mut Bed, request: CreateVpnGatewayRequest) -> ec2_shapes::VpnGateway {
    match bed.ask(request).unwrap() {
        Response::CreateVpnGateway(answer) => answer.vpn_gateway.unwrap(),
        other => panic!("{other:?}"),
    }
}

fn describe(bed: &mut Bed, request: DescribeVpnGatewaysRequest) -> Vec<ec2_shapes::VpnGateway> {
    match bed.ask(request).unwrap() {
        Response::DescribeVpnGateways(answer) => answer.vpn_gateways,
        other => panic!("{other:?}"),
    }
}

/// A bed with a gateway, and the default VPC.
fn made() -> (Bed, String, String) {
    let mut bed = Bed::new();
    let gateway = create(&mut bed, request()).vpn_gateway_id.unwrap();
    let vpc = bed.view().default_vpc().unwrap().id.to_string();
    (bed, gateway, vpc)
}

fn attach(gateway: &str, vpc: &str) -> AttachVpnGatewayRequest {
    AttachVpnGatewayRequest { vpn_gateway_id: gateway.to_owned(), vpc_id: vpc.to_owned(), dry_run: None }
}

fn detach(gateway: &str, vpc: &str) -> DetachVpnGatewayRequest {
    DetachVpnGatewayRequest { vpn_gateway_id: gateway.to_owned(), vpc_id: vpc.to_owned(), dry_run: None }
}

fn delete(gateway: &str) -> DeleteVpnGatewayRequest {
    DeleteVpnGatewayRequest { vpn_gateway_id: gateway.to_owned(), dry_run: None }
}

fn enable(gateway: &str, table: &str) -> EnableVgwRoutePropagationRequest {
    EnableVgwRoutePropagationRequest { gateway_id: gateway.to_owned(), route_table_id: table.to_owned(), dry_run: None }
}

fn disable(gateway: &str, table: &str) -> DisableVgwRoutePropagationRequest {
    DisableVgwRoutePropagationRequest {
        gateway_id: gateway.to_owned(),
        route_table_id: table.to_owned(),
        dry_run: None,
    }
}

fn attachment(bed: &mut Bed) -> Option<AttachmentStatus> {
    describe(bed, DescribeVpnGatewaysRequest::default())[0].vpc_attachments.first().and_then(|it| it.state)
}

#[test]
fn a_gateway_is_attached_detached_and_deleted() {
    let (mut bed, gateway, vpc) = made();
    match bed.ask(attach(&gateway, &vpc)).unwrap() {
        Response::AttachVpnGateway(answer) => {
            let attachment = answer.vpc_attachment.unwrap();
            assert_eq!((attachment.state, attachment.vpc_id), (Some(AttachmentStatus::Attaching), Some(vpc.clone())));
        }
        other => panic!("{other:?}"),
    }
    bed.settle_after_ms(SETTLE_MS);
    assert_eq!(attachment(&mut bed), Some(AttachmentStatus::Attached));
    bed.ask(attach(&gateway, &vpc)).unwrap();
    assert_eq!(attachment(&mut bed), Some(AttachmentStatus::Attached), "attaching again changes nothing");
    let held = check_unused(bed.view().tables(), &Key::Vpc(vpc.parse().unwrap()), "held");
    assert!(held.is_err());
    assert_eq!(bed.error(delete(&gateway)).0, "IncorrectState");
    bed.ask(detach(&gateway, &vpc)).unwrap();
    bed.ask(detach(&gateway, &vpc)).unwrap();
    assert_eq!(attachment(&mut bed), Some(AttachmentStatus::Detaching));
    assert_eq!(bed.error(delete(&gateway)).0, "IncorrectState");
    bed.settle_after_ms(SETTLE_MS);
    assert_eq!(attachment(&mut bed), Some(AttachmentStatus::Detached));
    assert_eq!(bed.error(detach(&gateway, &vpc)).0, "InvalidVpnGatewayAttachment.NotFound");
    bed.ask(delete(&gateway)).unwrap();
    let told = describe(&mut bed, DescribeVpnGatewaysRequest::default()).remove(0);
    assert_eq!((told.state, told.vpc_attachments.len()), (Some(VpnState::Deleted), 0));
    assert_eq!(bed.error(delete(&gateway)).0, "InvalidVpnGatewayID.NotFound");
    assert_eq!(bed.error(attach(&gateway, &vpc)).0, "InvalidVpnGatewayID.NotFound");
    bed.settle_after_ms(DELETED_VISIBLE_MS);
    let named = DescribeVpnGatewaysRequest { vpn_gateway_ids: texts(&[&gateway]), ..Default::default() };
    assert_eq!(bed.error(named).0, "InvalidVpnGatewayID.NotFound");
}

#[test]
fn that_it_was_detached_is_forgotten_in_time() {
    let (mut bed, gateway, vpc) = made();
    bed.ask(attach(&gateway, &vpc)).unwrap();
    bed.ask(detach(&gateway, &vpc)).unwrap();
    bed.settle_after_ms(SETTLE_MS);
    bed.settle_after_ms(DELETED_VISIBLE_MS);
    assert_eq!(attachment(&mut bed), None);
    assert_eq!(bed.view().due.len(), 0);
}

#[test]
fn a_vpc_has_one_gateway_and_a_gateway_one_vpc() {
    let (mut bed, gateway, vpc) = made();
    let second = create(&mut bed, request()).vpn_gateway_id.unwrap();
    bed.ask(attach(&gateway, &vpc)).unwrap();
    assert_eq!(bed.error(attach(&second, &vpc)).0, "InvalidVpcState");
    let other = VpcId::from_number(5);
    bed.report(|tx, _| {
        let like = Vpc::clone(tx.default_vpc().unwrap());
        tx.put(Vpc { id: other, is_default: false, ..like });
        true
    });
    assert_eq!(bed.error(attach(&gateway, &other.to_string())).0, "VpnGatewayAttachmentLimitExceeded");
    bed.ask(attach(&second, &other.to_string())).unwrap();
    for (request, code) in [
        (attach("vgw-00000000000000009", &vpc), "InvalidVpnGatewayID.NotFound"),
        (attach("vgw-x", &vpc), "InvalidVpnGatewayId.Malformed"),
        (attach(&gateway, "vpc-00000000000000009"), "InvalidVpcID.NotFound"),
    ] {
        assert_eq!(bed.error(request.clone()).0, code, "{request:?}");
        assert_eq!(bed.error(detach(&request.vpn_gateway_id, &request.vpc_id)).0, code);
    }
}

#[test]
fn tables_take_over_routes_of_the_gateway_of_their_vpc() {
    let (mut bed, gateway, vpc) = made();
    let table = bed.view().route_tables.keys().next().unwrap().to_string();
    let is_on = |bed: &Bed| bed.view().route_tables.values().any(|table| !table.propagating_vgws.is_empty());
    let (code, message) = bed.error(enable(&gateway, &table));
    assert_eq!(code, "Gateway.NotAttached");
    assert_eq!(message, format!("resource {gateway} is not attached to network {vpc}"));
    bed.ask(attach(&gateway, &vpc)).unwrap();
    bed.settle_after_ms(SETTLE_MS);
    bed.ask(enable(&gateway, &table)).unwrap();
    bed.ask(enable(&gateway, &table)).unwrap();
    assert!(is_on(&bed));
    bed.ask(disable(&gateway, &table)).unwrap();
    bed.ask(disable(&gateway, &table)).unwrap();
    assert!(!is_on(&bed));
    bed.ask(enable(&gateway, &table)).unwrap();
    bed.ask(detach(&gateway, &vpc)).unwrap();
    assert!(!is_on(&bed), "a gateway that left takes its routes along");
    assert_eq!(bed.error(enable(&gateway, &table)).0, "Gateway.NotAttached");
    for (gateway, table, code) in [
        ("vgw-00000000000000009", table.as_str(), "InvalidGatewayID.NotFound"),
        ("vgw-x", &table, "InvalidVpnGatewayId.Malformed"),
        (&gateway, "rtb-00000000000000009", "InvalidRouteTableID.NotFound"),
        (&gateway, "rtb-x", "InvalidRouteTableId.Malformed"),
    ] {
        assert_eq!(bed.error(enable(gateway, table)).0, code);
        assert_eq!(bed.error(disable(gateway, table)).0, code);
    }
}

#[test]
fn bad_requests_are_refused() {
    let mut bed = Bed::new();
    let zone = |text: &str| CreateVpnGatewayRequest { availability_zone: Some(text.to_owned()), ..request() };
    let asn = |asn| CreateVpnGatewayRequest { amazon_side_asn: Some(asn), ..request() };
    for (bad, code) in [
        (CreateVpnGatewayRequest::default(), "MissingParameter"),
        (asn(1), "InvalidParameterValue"),
        (asn(65_535), "InvalidParameterValue"),
        (zone("us-east-1z"), "InvalidParameterValue"),
        (zone("eu-west-1a"), "InvalidParameterValue"),
        (zone("here"), "InvalidParameterValue"),
    ] {
        assert_eq!(bed.error(bad.clone()).0, code, "{bad:?}");
    }
    let made = create(&mut bed, CreateVpnGatewayRequest { amazon_side_asn: Some(4_200_000_000), ..zone("us-east-1b") });
    assert_eq!(made.amazon_side_asn, Some(4_200_000_000));
    assert_eq!(made.availability_zone.as_deref(), Some("us-east-1b"));
    for _ in 0..4 {
        create(&mut bed, request());
    }
    assert_eq!(bed.error(request()).0, "VpnGatewayLimitExceeded");
}

#[test]
fn gateways_by_every_filter() {
    let mut bed = Bed::new();
    let made = create(
        &mut bed,
        CreateVpnGatewayRequest {
            availability_zone: Some("us-east-1a".to_owned()),
            tag_specifications: vec![specification("vpn-gateway", &[("Name", "office")])],
            ..request()
        },
    );
    let vpc = bed.view().default_vpc().unwrap().id.to_string();
    let gateway = made.vpn_gateway_id.unwrap();
    bed.ask(attach(&gateway, &vpc)).unwrap();
    let cases = [
        ("amazon-side-asn", "64512"),
        ("attachment.state", "attaching"),
        ("attachment.vpc-id", &vpc),
        ("availability-zone", "us-east-1a"),
        ("state", "available"),
        ("type", "ipsec.1"),
        ("vpn-gateway-id", &gateway),
    ];
    assert_eq!(cases.map(|(name, _)| name), Row::NAMES);
    for (name, value) in cases.into_iter().chain([("tag:Name", "office"), ("tag-key", "Name")]) {
        for (value, count) in [(value, 1), ("nothing", 0)] {
            let request = DescribeVpnGatewaysRequest { filters: vec![filter(name, &[value])], ..Default::default() };
            assert_eq!(describe(&mut bed, request).len(), count, "{name}={value}");
        }
    }
}
