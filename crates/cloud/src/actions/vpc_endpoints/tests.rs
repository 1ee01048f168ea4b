use ec2_shapes::{
    DescribeVpcEndpointServicesRequest, DescribeVpcEndpointsRequest, DnsOptionsSpecification, Response, State,
};

use super::*;
use crate::actions::testbed::{Bed, texts};
use crate::dependencies::check_unused;
use crate::query::Filterable;
use crate::settle::{DELETED_VISIBLE_MS, SETTLE_MS};
use crate::state::Key;
use crate::testing::{filter, specification};

const S3: &str = "com.amazonaws.us-east-1.s3";

fn vpc_of(bed: &Bed) -> String {
    bed.view().default_vpc().unwrap().id.to_string()
}

fn table_of(bed: &Bed) -> RouteTable {
    RouteTable::clone(bed.view().route_tables.values().next().unwrap())
}

fn request(bed: &Bed) -> CreateVpcEndpointRequest {
    CreateVpcEndpointRequest {
        vpc_id: vpc_of(bed),
        service_name: Some(S3.to_owned()),
        ..CreateVpcEndpointRequest::default()
    }
}

fn create(bed: &mut Bed, request: CreateVpcEndpointRequest) -> ec2_shapes::VpcEndpoint {
    match bed.ask(request).unwrap() {
        Response::CreateVpcEndpoint(answer) => answer.vpc_endpoint.unwrap(),
        other => panic!("{other:?}"),
    }
}

fn describe(bed: &mut Bed, request: DescribeVpcEndpointsRequest) -> Vec<ec2_shapes::VpcEndpoint> {
    match bed.ask(request).unwrap() {
        Response::DescribeVpcEndpoints(answer) => answer.vpc_endpoints,
        other => panic!("{other:?}"),
    }
}

fn told(bed: &mut Bed, id: &str) -> ec2_shapes::VpcEndpoint {
    describe(bed, DescribeVpcEndpointsRequest { vpc_endpoint_ids: texts(&[id]), ..Default::default() }).remove(0)
}

fn delete(bed: &mut Bed, ids: &[&str]) -> Vec<(String, String)> {
    let request = DeleteVpcEndpointsRequest { vpc_endpoint_ids: texts(ids), ..Default::default() };
    let answer = match bed.ask(request).unwrap() {
        Response::DeleteVpcEndpoints(answer) => *answer,
        other => panic!("{other:?}"),
    };
    let pair = |item: UnsuccessfulItem| (item.resource_id.unwrap(), item.error.unwrap().code.unwrap());
    answer.unsuccessful.into_iter().map(pair).collect()
}

/// The endpoints that the default VPC's table routes lists to.
fn routes(bed: &Bed) -> Vec<RouteTarget> {
    let is_list = |route: &&Route| matches!(route.destination, RouteDestination::PrefixList(_));
    table_of(bed).routes.iter().filter(is_list).map(|route| route.target).collect()
}

#[test]
fn an_endpoint_is_a_route_in_its_tables() {
    let mut bed = Bed::new();
    let table = table_of(&bed).id.to_string();
    let new = CreateVpcEndpointRequest {
        route_table_ids: texts(&[&table]),
        tag_specifications: vec![specification("vpc-endpoint", &[("Name", "s3")])],
        client_token: Some("once".to_owned()),
        ..request(&bed)
    };
    let made = create(&mut bed, new.clone());
    assert_eq!(create(&mut bed, new), made, "a repeat makes nothing new");
    let id = made.vpc_endpoint_id.clone().unwrap();
    assert_eq!(told(&mut bed, &id), made);
    assert_eq!(made.policy_document.as_deref(), Some(DEFAULT_POLICY));
    assert_eq!((made.state, made.vpc_endpoint_type), (Some(State::Available), Some(VpcEndpointType::Gateway)));
    assert_eq!((made.service_name.as_deref(), made.vpc_id.clone()), (Some(S3), Some(vpc_of(&bed))));
    assert_eq!((made.route_table_ids, made.tags.len()), (vec![table], 1));
    assert_eq!(State::Available.as_str(), "available", "as EC2 writes it, not as its model does");
    assert_eq!(routes(&bed), [RouteTarget::VpcEndpoint(id.parse().unwrap())]);
    let held = |bed: &Bed| check_unused(bed.view().tables(), &Key::Vpc(vpc_of(bed).parse().unwrap()), "held").is_err();
    assert!(held(&bed));
    assert_eq!(delete(&mut bed, &[&id]), []);
    assert_eq!(delete(&mut bed, &[&id]), []);
    assert_eq!((told(&mut bed, &id).state, routes(&bed).len()), (Some(State::Deleting), 0));
    bed.settle_after_ms(SETTLE_MS);
    assert_eq!(told(&mut bed, &id).state, Some(State::Deleted));
    assert_eq!(delete(&mut bed, &[&id]), [(id.clone(), "InvalidVpcEndpoint.NotFound".to_owned())]);
    bed.settle_after_ms(DELETED_VISIBLE_MS);
    let named = DescribeVpcEndpointsRequest { vpc_endpoint_ids: texts(&[&id]), ..Default::default() };
    assert_eq!(bed.error(named).0, "InvalidVpcEndpointId.NotFound");
    assert!(bed.view().tags.is_empty());
}

#[test]
fn an_endpoint_is_changed() {
    let mut bed = Bed::new();
    let table = table_of(&bed).id.to_string();
    let new = request(&bed);
    let id = create(&mut bed, new).vpc_endpoint_id.unwrap();
    let modify = || ModifyVpcEndpointRequest { vpc_endpoint_id: id.clone(), ..Default::default() };
    bed.ask(ModifyVpcEndpointRequest { add_route_table_ids: texts(&[&table]), ..modify() }).unwrap();
    bed.ask(ModifyVpcEndpointRequest { add_route_table_ids: texts(&[&table]), ..modify() }).unwrap();
    assert_eq!(told(&mut bed, &id).route_table_ids, texts(&[&table]));
    assert_eq!(routes(&bed).len(), 1);
    let policy = r#"{"Statement": []}"#.to_owned();
    bed.ask(ModifyVpcEndpointRequest { policy_document: Some(policy.clone()), ..modify() }).unwrap();
    assert_eq!(told(&mut bed, &id).policy_document, Some(policy.clone()));
    bed.ask(ModifyVpcEndpointRequest { remove_route_table_ids: texts(&[&table]), ..modify() }).unwrap();
    assert_eq!((told(&mut bed, &id).route_table_ids, routes(&bed).len()), (vec![], 0));
    let both = ModifyVpcEndpointRequest { reset_policy: Some(true), policy_document: Some(policy), ..modify() };
    assert_eq!(bed.error(both).0, "InvalidParameterCombination");
    bed.ask(ModifyVpcEndpointRequest { reset_policy: Some(true), ..modify() }).unwrap();
    assert_eq!(told(&mut bed, &id).policy_document.as_deref(), Some(DEFAULT_POLICY));
    for (bad, code) in [
        (ModifyVpcEndpointRequest { add_subnet_ids: texts(&["subnet-1"]), ..modify() }, "InvalidParameter"),
        (ModifyVpcEndpointRequest { private_dns_enabled: Some(true), ..modify() }, "InvalidParameter"),
        (ModifyVpcEndpointRequest { ip_address_type: Some(IpAddressType::Dualstack), ..modify() }, "InvalidParameter"),
        (
            ModifyVpcEndpointRequest { add_route_table_ids: texts(&["rtb-00000000000000009"]), ..modify() },
            "InvalidRouteTableID.NotFound",
        ),
        (
            ModifyVpcEndpointRequest { vpc_endpoint_id: "vpce-00000000000000009".to_owned(), ..modify() },
            "InvalidVpcEndpointId.NotFound",
        ),
        (ModifyVpcEndpointRequest { policy_document: Some("[]".to_owned()), ..modify() }, "InvalidPolicyDocument"),
    ] {
        assert_eq!(bed.error(bad.clone()).0, code, "{bad:?}");
    }
    delete(&mut bed, &[&id]);
    assert_eq!(bed.error(modify()).0, "InvalidVpcEndpointId.NotFound");
}

#[test]
fn bad_requests_are_refused() {
    let mut bed = Bed::new();
    let table = table_of(&bed).id.to_string();
    let good = CreateVpcEndpointRequest { route_table_ids: texts(&[&table]), ..request(&bed) };
    create(&mut bed, good.clone());
    let (code, message) = bed.error(good.clone());
    assert_eq!(code, "RouteAlreadyExists");
    assert!(
        message.starts_with(&format!("route table {table} already has a route with destination-prefix-list-id pl-"))
    );
    bed.report(|tx, _| {
        tx.put(RouteTable::new(RouteTableId::from_number(5), VpcId::from_number(5)));
        true
    });
    let other_table = texts(&[&RouteTableId::from_number(5).to_string()]);
    let good = request(&bed);
    let dns = Some(DnsOptionsSpecification {
        private_dns_only_for_inbound_resolver_endpoint: Some(true),
        ..DnsOptionsSpecification::default()
    });
    let of_type = |kind| CreateVpcEndpointRequest { vpc_endpoint_type: Some(kind), ..good.clone() };
    for (bad, code) in [
        (
            CreateVpcEndpointRequest { vpc_id: "vpc-00000000000000009".to_owned(), ..good.clone() },
            "InvalidVpcID.NotFound",
        ),
        (CreateVpcEndpointRequest { service_name: None, ..good.clone() }, "MissingParameter"),
        (
            CreateVpcEndpointRequest { service_name: Some("com.amazonaws.us-east-1.ec2".to_owned()), ..good.clone() },
            "InvalidServiceName",
        ),
        (of_type(VpcEndpointType::Interface), "UnsupportedOperation"),
        (of_type(VpcEndpointType::GatewayLoadBalancer), "UnsupportedOperation"),
        (CreateVpcEndpointRequest { subnet_ids: texts(&["subnet-1"]), ..good.clone() }, "InvalidParameter"),
        (CreateVpcEndpointRequest { private_dns_enabled: Some(true), ..good.clone() }, "InvalidParameter"),
        (CreateVpcEndpointRequest { ip_address_type: Some(IpAddressType::Ipv6), ..good.clone() }, "InvalidParameter"),
        (CreateVpcEndpointRequest { dns_options: dns, ..good.clone() }, "InvalidParameter"),
        (CreateVpcEndpointRequest { route_table_ids: other_table, ..good.clone() }, "InvalidParameter"),
        (CreateVpcEndpointRequest { policy_document: Some("{".to_owned()), ..good.clone() }, "InvalidPolicyDocument"),
        (CreateVpcEndpointRequest { policy_document: Some("{}".to_owned()), ..good.clone() }, "InvalidPolicyDocument"),
    ] {
        assert_eq!(bed.error(bad.clone()).0, code, "{bad:?}");
    }
    assert_eq!(bed.view().vpc_endpoints.len(), 1);
    for _ in 1..20 {
        create(&mut bed, good.clone());
    }
    assert_eq!(bed.error(good).0, "VpcEndpointLimitExceeded");
    let gone =
        [("vpce-x", "InvalidVpcEndpointId.Malformed"), ("vpce-00000000000000009", "InvalidVpcEndpoint.NotFound")];
    let told = delete(&mut bed, &gone.map(|(id, _)| id));
    assert_eq!(told, gone.map(|(id, code)| (id.to_owned(), code.to_owned())));
    assert_eq!(bed.error(DeleteVpcEndpointsRequest::default()).0, "MissingParameter");
}

#[test]
fn endpoints_by_every_filter() {
    let mut bed = Bed::new();
    let tag_specifications = vec![specification("vpc-endpoint", &[("Name", "s3")])];
    let new = CreateVpcEndpointRequest { tag_specifications, ..request(&bed) };
    let id = create(&mut bed, new).vpc_endpoint_id.unwrap();
    let vpc = vpc_of(&bed);
    let cases = [
        ("ip-address-type", "ipv4"),
        ("service-name", S3),
        ("service-region", "us-east-1"),
        ("vpc-endpoint-id", &id),
        ("vpc-endpoint-state", "available"),
        ("vpc-endpoint-type", "Gateway"),
        ("vpc-id", &vpc),
    ];
    assert_eq!(cases.map(|(name, _)| name), describe::Row::NAMES);
    for (name, value) in cases.into_iter().chain([("tag:Name", "s3"), ("tag-key", "Name")]) {
        for (value, count) in [(value, 1), ("nothing", 0)] {
            let request = DescribeVpcEndpointsRequest { filters: vec![filter(name, &[value])], ..Default::default() };
            assert_eq!(describe(&mut bed, request).len(), count, "{name}={value}");
        }
    }
}

#[test]
fn the_services_are_those_with_a_list_of_blocks() {
    let mut bed = Bed::new();
    let ask = |bed: &mut Bed, request: DescribeVpcEndpointServicesRequest| match bed.ask(request).unwrap() {
        Response::DescribeVpcEndpointServices(answer) => *answer,
        other => panic!("{other:?}"),
    };
    let all = ask(&mut bed, DescribeVpcEndpointServicesRequest::default());
    assert_eq!(all.service_names, ["com.amazonaws.us-east-1.dynamodb", S3]);
    assert_eq!(all.service_details[1].base_endpoint_dns_names, ["s3.us-east-1.amazonaws.com"]);
    let named = DescribeVpcEndpointServicesRequest { service_names: texts(&[S3]), ..Default::default() };
    assert_eq!(ask(&mut bed, named).service_names, [S3]);
    let elsewhere = DescribeVpcEndpointServicesRequest { service_regions: texts(&["eu-west-1"]), ..Default::default() };
    assert!(ask(&mut bed, elsewhere).service_names.is_empty());
    let unknown = DescribeVpcEndpointServicesRequest { service_names: texts(&["x"]), ..Default::default() };
    assert_eq!(bed.error(unknown), ("InvalidServiceName", "The Vpc Endpoint Service 'x' does not exist".to_owned()));
    let cases = [
        ("owner", "amazon", 2),
        ("service-name", S3, 1),
        ("service-region", "us-east-1", 2),
        ("service-type", "Gateway", 2),
        ("supported-ip-address-types", "ipv4", 2),
    ];
    assert_eq!(cases.map(|(name, ..)| name), services::Row::NAMES);
    for (name, value, count) in cases {
        for (value, count) in [(value, count), ("nothing", 0)] {
            let filters = vec![filter(name, &[value])];
            let request = DescribeVpcEndpointServicesRequest { filters, ..Default::default() };
            assert_eq!(ask(&mut bed, request).service_names.len(), count, "{name}={value}");
        }
    }
    let paged = DescribeVpcEndpointServicesRequest { max_results: Some(1), ..Default::default() };
    let first = ask(&mut bed, paged.clone());
    let second = ask(&mut bed, DescribeVpcEndpointServicesRequest { next_token: first.next_token, ..paged });
    assert_eq!((second.service_names, second.next_token), (texts(&[S3]), None));
}
