//! Routes of transit gateways, and routes of VPCs to them.

use super::*;

/// A gateway with two VPCs, attached with the default table.
struct Hub {
    bed: Bed,
    gateway: String,
    table: String,
    vpcs: [String; 2],
    attachments: [String; 2],
}

impl Hub {
    fn new(second: &str) -> Self {
        let mut bed = Bed::new();
        let gateway = available(&mut bed);
        let table = only(&mut bed).options.unwrap().association_default_route_table_id.unwrap();
        let mut made = ["10.1.0.0/16", second].map(|cidr| {
            let (vpc, subnets) = vpc(&mut bed, cidr);
            let attachment = attach(&mut bed, &gateway, &vpc, &subnets[0]);
            (vpc, attachment)
        });
        let attachments = [std::mem::take(&mut made[0].1), std::mem::take(&mut made[1].1)];
        Self { bed, gateway, table, vpcs: made.map(|(vpc, _)| vpc), attachments }
    }

    fn search(&mut self, filters: &[Filter]) -> Vec<TransitGatewayRoute> {
        let request = SearchTransitGatewayRoutesRequest {
            transit_gateway_route_table_id: self.table.clone(),
            filters: filters.to_vec(),
            ..Default::default()
        };
        ask!(self.bed, SearchTransitGatewayRoutes, request).routes
    }

    /// Destination, type and state of each route that is found.
    fn found(&mut self, filters: &[Filter]) -> Vec<(String, String, String)> {
        let text = |route: TransitGatewayRoute| {
            let kind = route.r#type.unwrap().as_str().to_owned();
            (route.destination_cidr_block.unwrap(), kind, route.state.unwrap().as_str().to_owned())
        };
        self.search(filters).into_iter().map(text).collect()
    }

    fn route(&self, block: &str, attachment: Option<&str>) -> CreateTransitGatewayRouteRequest {
        CreateTransitGatewayRouteRequest {
            transit_gateway_route_table_id: self.table.clone(),
            destination_cidr_block: block.to_owned(),
            transit_gateway_attachment_id: attachment.map(str::to_owned),
            blackhole: attachment.is_none().then_some(true),
            dry_run: None,
        }
    }

    fn remove(&self, block: &str) -> DeleteTransitGatewayRouteRequest {
        DeleteTransitGatewayRouteRequest {
            transit_gateway_route_table_id: self.table.clone(),
            destination_cidr_block: block.to_owned(),
            dry_run: None,
        }
    }
}

fn all() -> Vec<Filter> {
    vec![filter("state", &["active", "blackhole"])]
}

fn row(block: &str, kind: &str, state: &str) -> (String, String, String) {
    (block.to_owned(), kind.to_owned(), state.to_owned())
}

#[test]
fn static_routes_go_before_propagated_ones() {
    let mut hub = Hub::new("10.2.0.0/16");
    assert_eq!(
        hub.found(&all()),
        [row("10.1.0.0/16", "propagated", "active"), row("10.2.0.0/16", "propagated", "active")]
    );
    let second = hub.attachments[1].clone();
    let request = hub.route("10.1.0.0/16", Some(&second));
    let told = ask!(hub.bed, CreateTransitGatewayRoute, request.clone()).route.unwrap();
    assert_eq!(
        (told.r#type, told.state),
        (Some(TransitGatewayRouteType::Static), Some(TransitGatewayRouteState::Active))
    );
    assert_eq!(told.transit_gateway_attachments[0].resource_id.as_ref(), Some(&hub.vpcs[1]));
    assert_eq!(hub.bed.error(request).0, "RouteAlreadyExists");
    assert_eq!(hub.found(&[filter("type", &["static"])]), [row("10.1.0.0/16", "static", "active")]);
    assert_eq!(hub.found(&all()).len(), 2, "the propagated one is displaced");
    let replace = |hub: &Hub, block: &str| ReplaceTransitGatewayRouteRequest {
        transit_gateway_route_table_id: hub.table.clone(),
        destination_cidr_block: block.to_owned(),
        blackhole: Some(true),
        ..Default::default()
    };
    let request = replace(&hub, "10.1.0.0/16");
    let told = ask!(hub.bed, ReplaceTransitGatewayRoute, request).route.unwrap();
    assert_eq!((told.state, told.transit_gateway_attachments.len()), (Some(TransitGatewayRouteState::Blackhole), 0));
    let request = replace(&hub, "10.2.0.0/16");
    assert_eq!(hub.bed.error(request).0, "InvalidRoute.NotFound", "a propagated one");
    let request = hub.remove("10.1.0.0/16");
    let told = ask!(hub.bed, DeleteTransitGatewayRoute, request.clone()).route.unwrap();
    assert_eq!(told.state, Some(TransitGatewayRouteState::Deleted));
    assert_eq!(hub.bed.error(request).0, "InvalidRoute.NotFound");
    assert_eq!(hub.found(&all())[0], row("10.1.0.0/16", "propagated", "active"));
}

#[test]
fn what_cannot_be_a_route() {
    let mut hub = Hub::new("10.2.0.0/16");
    let first = hub.attachments[0].clone();
    let both = CreateTransitGatewayRouteRequest { blackhole: Some(true), ..hub.route("10.9.0.0/16", Some(&first)) };
    let neither = CreateTransitGatewayRouteRequest { blackhole: None, ..hub.route("10.9.0.0/16", None) };
    let unknown = "tgw-attach-00000000000000001";
    for (request, code) in [
        (both, "InvalidParameterCombination"),
        (neither, "MissingParameter"),
        (hub.route("10.9.0.0", None), "InvalidParameterValue"),
        (hub.route("10.9.0.0/16", Some(unknown)), "InvalidTransitGatewayAttachmentID.NotFound"),
    ] {
        assert_eq!(hub.bed.error(request).0, code);
    }
    let none =
        SearchTransitGatewayRoutesRequest { transit_gateway_route_table_id: hub.table.clone(), ..Default::default() };
    assert_eq!(hub.bed.error(none).0, "MissingParameter", "a search without a filter");
}

#[test]
fn routes_are_searched_by_blocks() {
    let mut hub = Hub::new("10.2.0.0/16");
    let first = hub.attachments[0].clone();
    for block in ["10.0.0.0/8", "10.1.2.0/24", "0.0.0.0/0"] {
        let request = hub.route(block, Some(&first));
        hub.bed.ask(request).unwrap();
    }
    let mut blocks = |name: &str, value: &str| -> Vec<String> {
        hub.search(&[filter(name, &[value])]).into_iter().filter_map(|route| route.destination_cidr_block).collect()
    };
    assert_eq!(blocks("route-search.exact-match", "10.0.0.0/8"), ["10.0.0.0/8"]);
    assert!(blocks("route-search.exact-match", "10.3.0.0/16").is_empty());
    assert_eq!(blocks("route-search.longest-prefix-match", "10.1.2.3"), ["10.1.2.0/24"]);
    assert_eq!(blocks("route-search.longest-prefix-match", "10.1.3.0/24"), ["10.1.0.0/16"]);
    assert_eq!(blocks("route-search.longest-prefix-match", "192.0.2.1/32"), ["0.0.0.0/0"]);
    assert_eq!(blocks("route-search.subnet-of-match", "10.1.0.0/16"), ["10.1.0.0/16", "10.1.2.0/24"]);
    assert_eq!(blocks("route-search.supernet-of-match", "10.1.0.0/16"), ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16"]);
    assert_eq!(blocks("attachment.transit-gateway-attachment-id", &first).len(), 4);
    let (vpc, second) = (hub.vpcs[1].clone(), hub.attachments[1].clone());
    assert_eq!(hub.search(&[filter("attachment.resource-id", &[&vpc])]).len(), 1);
    assert_eq!(hub.search(&[filter("attachment.resource-type", &["vpc"])]).len(), 5);
    assert!(hub.search(&[filter("prefix-list-id", &["pl-1"])]).is_empty());
    let table = hub.table.clone();
    let page = |token| SearchTransitGatewayRoutesRequest {
        transit_gateway_route_table_id: table.clone(),
        filters: all(),
        max_results: Some(5),
        next_token: token,
        dry_run: None,
    };
    let request = hub.route("10.7.0.0/16", Some(&second));
    hub.bed.ask(request).unwrap();
    let one = ask!(hub.bed, SearchTransitGatewayRoutes, page(None));
    assert_eq!((one.routes.len(), one.additional_routes_available), (5, Some(true)));
    let two = ask!(hub.bed, SearchTransitGatewayRoutes, page(one.next_token));
    assert_eq!((two.routes.len(), two.additional_routes_available), (1, Some(false)));
}

#[test]
fn a_block_that_overlaps_is_propagated_by_the_older_attachment_alone() {
    let mut hub = Hub::new("10.1.0.0/17");
    let found = hub.search(&all());
    assert_eq!(found.len(), 1);
    let attachment = found[0].transit_gateway_attachments[0].transit_gateway_attachment_id.clone().unwrap();
    assert_eq!(attachment, hub.attachments[0]);
    hub.bed.ask(detach(&attachment)).unwrap();
    assert_eq!(hub.found(&all()), [row("10.1.0.0/17", "propagated", "active")]);
}

#[test]
fn static_routes_lead_nowhere_when_their_attachment_goes() {
    let mut hub = Hub::new("10.2.0.0/16");
    let second = hub.attachments[1].clone();
    let request = hub.route("0.0.0.0/0", Some(&second));
    hub.bed.ask(request).unwrap();
    hub.bed.ask(detach(&second)).unwrap();
    assert_eq!(
        hub.found(&all()),
        [row("0.0.0.0/0", "static", "blackhole"), row("10.1.0.0/16", "propagated", "active")]
    );
}

#[test]
fn routes_of_a_vpc_lead_to_a_gateway_that_it_is_attached_to() {
    let mut hub = Hub::new("10.2.0.0/16");
    let (third, _) = vpc(&mut hub.bed, "10.3.0.0/16");
    let main = |hub: &mut Hub, vpc: &str| {
        let request = DescribeRouteTablesRequest { filters: vec![filter("vpc-id", &[vpc])], ..Default::default() };
        ask!(hub.bed, DescribeRouteTables, request).route_tables.remove(0)
    };
    let first = hub.vpcs[0].clone();
    let table = main(&mut hub, &first).route_table_id.unwrap();
    let alone = main(&mut hub, &third).route_table_id.unwrap();
    let gateway = hub.gateway.clone();
    let route = |table: &str, block: &str| CreateRouteRequest {
        route_table_id: table.to_owned(),
        destination_cidr_block: Some(block.to_owned()),
        transit_gateway_id: Some(gateway.clone()),
        ..Default::default()
    };
    let message = format!("The transitGateway ID '{gateway}' does not exist");
    assert_eq!(hub.bed.error(route(&alone, "10.0.0.0/8")), ("InvalidTransitGatewayID.NotFound", message));
    assert_eq!(hub.bed.error(route(&table, "10.1.0.0/24")).0, "InvalidParameterValue", "inside the VPC");
    hub.bed.ask(route(&table, "10.0.0.0/8")).unwrap();
    let shown = |hub: &mut Hub| {
        let table = main(hub, &first);
        let route =
            table.routes.into_iter().find(|route| route.destination_cidr_block.as_deref() == Some("10.0.0.0/8"));
        let route = route.unwrap();
        assert_eq!(route.transit_gateway_id.as_ref(), Some(&hub.gateway));
        route.state.unwrap()
    };
    assert_eq!(shown(&mut hub), RouteState::Active);
    let request = DescribeRouteTablesRequest {
        filters: vec![filter("route.transit-gateway-id", &[&gateway])],
        ..Default::default()
    };
    assert_eq!(ask!(hub.bed, DescribeRouteTables, request).route_tables.len(), 1);
    let attachment = hub.attachments[0].clone();
    hub.bed.ask(detach(&attachment)).unwrap();
    assert_eq!(shown(&mut hub), RouteState::Blackhole);
}
