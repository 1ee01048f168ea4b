mod attachments;
mod routes;

use ec2_shapes::*;
use types::VpcId;

use crate::actions::testbed::{Bed, texts};
use crate::resource;
use crate::settle::{DELETED_VISIBLE_MS, SETTLE_MS};
use crate::state::Key;
use crate::testing::{filter, specification};

/// Carries out a request and gives the answer of its own kind.
macro_rules! ask {
    ($bed:expr, $action:ident, $request:expr) => {
        match $bed.ask($request).unwrap() {
            ec2_shapes::Response::$action(answer) => answer,
            other => panic!("{other:?}"),
        }
    };
}
use ask;

fn create(bed: &mut Bed, options: TransitGatewayRequestOptions) -> TransitGateway {
    let request = CreateTransitGatewayRequest { options: Some(options), ..Default::default() };
    ask!(bed, CreateTransitGateway, request).transit_gateway.unwrap()
}

/// A gateway that is available.
fn available(bed: &mut Bed) -> String {
    let id = create(bed, Default::default()).transit_gateway_id.unwrap();
    bed.settle_after_ms(SETTLE_MS);
    id
}

fn describe(bed: &mut Bed, request: DescribeTransitGatewaysRequest) -> Vec<TransitGateway> {
    ask!(bed, DescribeTransitGateways, request).transit_gateways
}

fn only(bed: &mut Bed) -> TransitGateway {
    let mut all = describe(bed, Default::default());
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn delete(id: &str) -> DeleteTransitGatewayRequest {
    DeleteTransitGatewayRequest { transit_gateway_id: id.to_owned(), dry_run: None }
}

fn describe_tables(bed: &mut Bed, filters: &[Filter]) -> Vec<TransitGatewayRouteTable> {
    let request = DescribeTransitGatewayRouteTablesRequest { filters: filters.to_vec(), ..Default::default() };
    ask!(bed, DescribeTransitGatewayRouteTables, request).transit_gateway_route_tables
}

fn create_table(bed: &mut Bed, gateway: &str) -> String {
    let request =
        CreateTransitGatewayRouteTableRequest { transit_gateway_id: gateway.to_owned(), ..Default::default() };
    let table = ask!(bed, CreateTransitGatewayRouteTable, request).transit_gateway_route_table.unwrap();
    assert_eq!(table.state, Some(TransitGatewayRouteTableState::Pending));
    bed.settle_after_ms(SETTLE_MS);
    table.transit_gateway_route_table_id.unwrap()
}

fn delete_table(id: &str) -> DeleteTransitGatewayRouteTableRequest {
    DeleteTransitGatewayRouteTableRequest { transit_gateway_route_table_id: id.to_owned(), dry_run: None }
}

/// Makes a VPC with a subnet in each of two zones; gives its id and those of the subnets.
fn vpc(bed: &mut Bed, cidr: &str) -> (String, Vec<String>) {
    let request = CreateVpcRequest { cidr_block: Some(cidr.to_owned()), ..Default::default() };
    let vpc = ask!(bed, CreateVpc, request).vpc.unwrap().vpc_id.unwrap();
    let mut subnets = Vec::new();
    for (third, zone) in [(0, "us-east-1a"), (1, "us-east-1b")] {
        let mut parts = cidr.split('.');
        let block = format!("{}.{}.{third}.0/24", parts.next().unwrap(), parts.next().unwrap());
        let request = CreateSubnetRequest {
            vpc_id: vpc.clone(),
            cidr_block: Some(block),
            availability_zone: Some(zone.to_owned()),
            ..Default::default()
        };
        subnets.push(ask!(bed, CreateSubnet, request).subnet.unwrap().subnet_id.unwrap());
    }
    (vpc, subnets)
}

fn attaching(gateway: &str, vpc: &str, subnets: &[&str]) -> CreateTransitGatewayVpcAttachmentRequest {
    CreateTransitGatewayVpcAttachmentRequest {
        transit_gateway_id: gateway.to_owned(),
        vpc_id: vpc.to_owned(),
        subnet_ids: texts(subnets),
        ..Default::default()
    }
}

/// Attaches a VPC by a subnet and waits until that is done.
fn attach(bed: &mut Bed, gateway: &str, vpc: &str, subnet: &str) -> String {
    let answer = ask!(bed, CreateTransitGatewayVpcAttachment, attaching(gateway, vpc, &[subnet]));
    bed.settle_after_ms(SETTLE_MS);
    answer.transit_gateway_vpc_attachment.unwrap().transit_gateway_attachment_id.unwrap()
}

fn detach(id: &str) -> DeleteTransitGatewayVpcAttachmentRequest {
    DeleteTransitGatewayVpcAttachmentRequest { transit_gateway_attachment_id: id.to_owned(), dry_run: None }
}

#[test]
fn a_gateway_lives_and_goes_with_its_tables() {
    let mut bed = Bed::new();
    let made = create(&mut bed, Default::default());
    let id = made.transit_gateway_id.clone().unwrap();
    assert_eq!(made.state, Some(TransitGatewayState::Pending));
    assert_eq!(made.transit_gateway_arn, Some(format!("arn:aws:ec2:us-east-1:123456789012:transit-gateway/{id}")));
    let options = made.options.unwrap();
    assert_eq!(options.amazon_side_asn, Some(64_512));
    assert_eq!(options.default_route_table_association, Some(DefaultRouteTableAssociationValue::Enable));
    assert_eq!(options.vpn_ecmp_support, Some(VpnEcmpSupportValue::Enable));
    assert_eq!(options.multicast_support, Some(MulticastSupportValue::Disable));
    assert_eq!(options.association_default_route_table_id, options.propagation_default_route_table_id);
    let table = options.association_default_route_table_id.unwrap();
    let request = CreateTransitGatewayRouteTableRequest { transit_gateway_id: id.clone(), ..Default::default() };
    assert_eq!(bed.error(request), ("IncorrectState", format!("{id} is in invalid state")));
    bed.settle_after_ms(SETTLE_MS);
    assert_eq!(only(&mut bed).state, Some(TransitGatewayState::Available));
    let told = describe_tables(&mut bed, &[filter("default-association-route-table", &["true"])]).remove(0);
    assert_eq!(
        (told.transit_gateway_route_table_id, told.state),
        (Some(table.clone()), Some(TransitGatewayRouteTableState::Available))
    );
    assert_eq!(told.default_propagation_route_table, Some(true));
    assert_eq!(bed.error(delete_table(&table)).0, "IncorrectState");
    let second = create_table(&mut bed, &id);

    bed.ask(delete(&id)).unwrap();
    assert_eq!(only(&mut bed).state, Some(TransitGatewayState::Deleting));
    bed.settle_after_ms(SETTLE_MS);
    assert_eq!(only(&mut bed).state, Some(TransitGatewayState::Deleted));
    assert_eq!(describe_tables(&mut bed, &[filter("state", &["deleted"])]).len(), 2);
    let gone = format!("Transit Gateway {id} was deleted or does not exist.");
    assert_eq!(bed.error(delete(&id)), ("InvalidTransitGatewayID.NotFound", gone.clone()));
    assert_eq!(bed.error(delete_table(&second)).0, "InvalidRouteTableID.NotFound");
    bed.settle_after_ms(DELETED_VISIBLE_MS);
    assert!(describe(&mut bed, Default::default()).is_empty());
    assert!(describe_tables(&mut bed, &[]).is_empty());
    let named = DescribeTransitGatewaysRequest { transit_gateway_ids: vec![id], ..Default::default() };
    assert_eq!(bed.error(named), ("InvalidTransitGatewayID.NotFound", gone));
    assert_eq!(bed.view().due.len(), 0);
}

#[test]
fn a_gateway_has_the_options_that_are_asked_for() {
    let mut bed = Bed::new();
    let told = create(
        &mut bed,
        TransitGatewayRequestOptions {
            amazon_side_asn: Some(4_200_000_000),
            default_route_table_association: Some(DefaultRouteTableAssociationValue::Disable),
            default_route_table_propagation: Some(DefaultRouteTablePropagationValue::Disable),
            dns_support: Some(DnsSupportValue::Disable),
            transit_gateway_cidr_blocks: texts(&["10.99.0.0/24", "2001:db8::/64"]),
            ..Default::default()
        },
    );
    let options = told.options.unwrap();
    assert_eq!(options.amazon_side_asn, Some(4_200_000_000));
    assert_eq!((options.association_default_route_table_id, options.propagation_default_route_table_id), (None, None));
    assert_eq!(options.transit_gateway_cidr_blocks, ["10.99.0.0/24", "2001:db8::/64"]);
    assert!(describe_tables(&mut bed, &[]).is_empty(), "nothing needs a default table");
    for (wrong, why) in [
        (TransitGatewayRequestOptions { amazon_side_asn: Some(1), ..Default::default() }, "number"),
        (
            TransitGatewayRequestOptions { transit_gateway_cidr_blocks: texts(&["10.0.0.0/25"]), ..Default::default() },
            "too small",
        ),
        (
            TransitGatewayRequestOptions {
                transit_gateway_cidr_blocks: texts(&["10.0.0.0/16", "10.0.1.0/24"]),
                ..Default::default()
            },
            "overlapping",
        ),
    ] {
        let request = CreateTransitGatewayRequest { options: Some(wrong), ..Default::default() };
        assert_eq!(bed.error(request).0, "InvalidParameterValue", "{why}");
    }
    let dry = CreateTransitGatewayRequest { dry_run: Some(true), ..Default::default() };
    assert_eq!(bed.error(dry).0, "DryRunOperation");
    assert_eq!(bed.view().transit_gateways.len(), 1);
}

#[test]
fn there_are_so_many_gateways_and_tables_and_no_more() {
    let mut bed = Bed::new();
    let first = available(&mut bed);
    for _ in 1..20 {
        create_table(&mut bed, &first);
    }
    let more = CreateTransitGatewayRouteTableRequest { transit_gateway_id: first.clone(), ..Default::default() };
    assert_eq!(bed.error(more).0, "TransitGatewayRouteTableLimitExceeded");
    for _ in 1..5 {
        create(&mut bed, Default::default());
    }
    assert_eq!(bed.error(CreateTransitGatewayRequest::default()).0, "TransitGatewayLimitExceeded");
    let page = |token| DescribeTransitGatewayRouteTablesRequest {
        max_results: Some(20),
        next_token: token,
        ..Default::default()
    };
    let one = ask!(bed, DescribeTransitGatewayRouteTables, page(None));
    let two = ask!(bed, DescribeTransitGatewayRouteTables, page(one.next_token));
    assert_eq!((one.transit_gateway_route_tables.len(), two.transit_gateway_route_tables.len()), (20, 4));
    assert_eq!(two.next_token, None);
}

#[test]
fn a_gateway_is_changed() {
    let mut bed = Bed::new();
    let id = available(&mut bed);
    let modify = |options| ModifyTransitGatewayRequest {
        transit_gateway_id: id.clone(),
        description: Some("hub".to_owned()),
        options: Some(options),
        dry_run: None,
    };
    let first = only(&mut bed).options.unwrap().association_default_route_table_id.unwrap();
    let off = ModifyTransitGatewayOptions {
        default_route_table_association: Some(DefaultRouteTableAssociationValue::Disable),
        default_route_table_propagation: Some(DefaultRouteTablePropagationValue::Disable),
        vpn_ecmp_support: Some(VpnEcmpSupportValue::Disable),
        add_transit_gateway_cidr_blocks: texts(&["10.99.0.0/16"]),
        ..Default::default()
    };
    let told = ask!(bed, ModifyTransitGateway, modify(off)).transit_gateway.unwrap();
    assert_eq!((told.state, told.description.as_deref()), (Some(TransitGatewayState::Modifying), Some("hub")));
    let options = told.options.unwrap();
    assert_eq!(options.default_route_table_association, Some(DefaultRouteTableAssociationValue::Disable));
    assert_eq!(options.vpn_ecmp_support, Some(VpnEcmpSupportValue::Disable));
    bed.settle_after_ms(SETTLE_MS);
    bed.ask(delete_table(&first)).unwrap();

    let on = ModifyTransitGatewayOptions {
        default_route_table_association: Some(DefaultRouteTableAssociationValue::Enable),
        default_route_table_propagation: Some(DefaultRouteTablePropagationValue::Enable),
        remove_transit_gateway_cidr_blocks: texts(&["10.99.0.0/16"]),
        ..Default::default()
    };
    let options = ask!(bed, ModifyTransitGateway, modify(on)).transit_gateway.unwrap().options.unwrap();
    assert_eq!(options.association_default_route_table_id, options.propagation_default_route_table_id);
    assert_ne!(options.association_default_route_table_id, Some(first.clone()), "a new one");
    assert!(options.transit_gateway_cidr_blocks.is_empty());
    bed.settle_after_ms(SETTLE_MS);

    let own = create_table(&mut bed, &id);
    let named =
        ModifyTransitGatewayOptions { association_default_route_table_id: Some(own.clone()), ..Default::default() };
    let options = ask!(bed, ModifyTransitGateway, modify(named)).transit_gateway.unwrap().options.unwrap();
    assert_eq!(options.association_default_route_table_id, Some(own));
    bed.settle_after_ms(SETTLE_MS);
    let gone = ModifyTransitGatewayOptions { association_default_route_table_id: Some(first), ..Default::default() };
    assert_eq!(bed.error(modify(gone)).0, "InvalidRouteTableID.NotFound");
    let unknown = ModifyTransitGatewayOptions {
        remove_transit_gateway_cidr_blocks: texts(&["10.0.0.0/8"]),
        ..Default::default()
    };
    assert_eq!(bed.error(modify(unknown)).0, "InvalidParameterValue");
}

#[test]
fn gateways_are_found_by_filters_and_tags() {
    let mut bed = Bed::new();
    let request = CreateTransitGatewayRequest {
        tag_specifications: vec![specification("transit-gateway", &[("Name", "hub")])],
        ..Default::default()
    };
    let id = ask!(bed, CreateTransitGateway, request).transit_gateway.unwrap().transit_gateway_id.unwrap();
    create(&mut bed, TransitGatewayRequestOptions { amazon_side_asn: Some(64_999), ..Default::default() });
    let table = describe(&mut bed, Default::default());
    let table = table.iter().find(|it| it.transit_gateway_id.as_ref() == Some(&id)).unwrap().options.clone().unwrap();
    let table = table.association_default_route_table_id.unwrap();
    for (name, value) in [
        ("tag:Name", "hub"),
        ("transit-gateway-id", id.as_str()),
        ("options.amazon-side-asn", "64512"),
        ("options.association-default-route-table-id", &table),
        ("options.propagation-default-route-table-id", &table),
    ] {
        let filters = vec![filter(name, &[value])];
        let found = describe(&mut bed, DescribeTransitGatewaysRequest { filters, ..Default::default() });
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0].transit_gateway_id.as_ref(), Some(&id), "{name}");
    }
    for (name, value) in [
        ("options.auto-accept-shared-attachments", "disable"),
        ("options.default-route-table-association", "enable"),
        ("options.default-route-table-propagation", "enable"),
        ("options.dns-support", "enable"),
        ("options.vpn-ecmp-support", "enable"),
        ("owner-id", "123456789012"),
        ("state", "pending"),
    ] {
        let filters = vec![filter(name, &[value])];
        let found = describe(&mut bed, DescribeTransitGatewaysRequest { filters, ..Default::default() });
        assert_eq!(found.len(), 2, "{name}");
    }
    let wrong = DescribeTransitGatewaysRequest { filters: vec![filter("colour", &["red"])], ..Default::default() };
    assert_eq!(bed.error(wrong).0, "InvalidParameterValue");
}
