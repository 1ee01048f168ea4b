//! What tables are in force for.

use super::*;

#[test]
fn a_subnet_has_one_table_and_the_main_one_moves() {
    let mut world = World::new();
    let id = world.associate();
    assert_eq!(world.associate(), id, "a repeated call finds the association");
    let shown = world.described().associations.remove(0);
    assert_eq!((shown.main, shown.subnet_id), (Some(false), Some(world.subnet.to_string())));
    assert_eq!(shown.association_state.unwrap().state, Some(RouteTableAssociationStateCode::Associated));
    let other = world.create_table();
    let request = AssociateRouteTableRequest {
        route_table_id: other.clone(),
        subnet_id: Some(world.subnet.to_string()),
        ..Default::default()
    };
    let message = format!("the specified association for route table {other} conflicts with an existing association");
    assert_eq!(world.bed.error(request.clone()), ("Resource.AlreadyAssociated", message));
    let replace = ReplaceRouteTableAssociationRequest {
        association_id: id.clone(),
        route_table_id: other.clone(),
        ..Default::default()
    };
    let new = ask!(world.bed, ReplaceRouteTableAssociation, replace.clone()).new_association_id.unwrap();
    assert_ne!(new, id);
    assert_eq!(world.bed.error(replace).0, "InvalidAssociationID.NotFound", "the old one is gone");
    assert!(world.described().associations.is_empty());

    let main = world.main();
    let association = main.associations[0].id.to_string();
    let disassociate = |id: &str| DisassociateRouteTableRequest { association_id: id.to_owned(), ..Default::default() };
    let message = format!("cannot disassociate the main route table association {association}");
    assert_eq!(world.bed.error(disassociate(&association)), ("InvalidParameterValue", message));
    let replace = ReplaceRouteTableAssociationRequest {
        association_id: association,
        route_table_id: world.table.clone(),
        ..Default::default()
    };
    ask!(world.bed, ReplaceRouteTableAssociation, replace);
    assert_eq!(world.main().id.to_string(), world.table);
    let drop = |id: &str| DeleteRouteTableRequest { route_table_id: id.to_owned(), ..Default::default() };
    world.bed.ask(drop(&main.id.to_string())).unwrap();
    for id in [&world.table, &other] {
        let message = format!("The routeTable '{id}' has dependencies and cannot be deleted.");
        assert_eq!(world.bed.error(drop(id)), ("DependencyViolation", message));
    }
    world.bed.ask(disassociate(&new)).unwrap();
    world.bed.ask(drop(&other)).unwrap();
    assert_eq!(world.bed.error(drop(&other)).0, "InvalidRouteTableID.NotFound");
    assert_eq!(world.bed.error(disassociate("rtbassoc-x")).0, "InvalidRouteTableAssociationId.Malformed");
    let elsewhere = world.bed.view().subnets.values().find(|it| it.vpc != world.vpc).unwrap().id;
    let request = AssociateRouteTableRequest {
        route_table_id: world.table.clone(),
        subnet_id: Some(elsewhere.to_string()),
        ..Default::default()
    };
    let message = format!("route table {} and subnet {elsewhere} belong to different networks", world.table);
    assert_eq!(world.bed.error(request), ("InvalidParameterValue", message));
}

#[test]
fn a_table_for_a_gateway_leads_only_into_the_vpc() {
    let mut world = World::new();
    let (_, interface) = world.machine();
    let request = AssociateRouteTableRequest {
        route_table_id: world.table.clone(),
        gateway_id: Some(world.igw.clone()),
        ..Default::default()
    };
    world.bed.ask(world.by_gateway("0.0.0.0/0", &world.igw)).unwrap();
    assert_eq!(world.bed.error(request.clone()).0, "InvalidParameterValue");
    world.bed.ask(delete(world.to("0.0.0.0/0"))).unwrap();
    let id = ask!(world.bed, AssociateRouteTable, request.clone()).association_id.unwrap();
    let shown = world.described().associations.remove(0);
    assert_eq!((shown.gateway_id, shown.main, shown.subnet_id), (Some(world.igw.clone()), Some(false), None));
    assert!(!world.main().id.to_string().eq(&world.table));
    assert_eq!(world.bed.error(world.by_gateway("0.0.0.0/0", &world.igw)).0, "InvalidParameterValue");
    let inside = CreateRouteRequest { network_interface_id: Some(interface), ..world.to("10.0.1.0/24") };
    world.bed.ask(inside).unwrap();
    let both = AssociateRouteTableRequest { subnet_id: Some(world.subnet.to_string()), ..request.clone() };
    assert_eq!(world.bed.error(both).0, "InvalidParameterCombination");
    let neither = AssociateRouteTableRequest { gateway_id: None, ..request.clone() };
    assert_eq!(world.bed.error(neither).0, "MissingParameter");
    let unknown = AssociateRouteTableRequest { gateway_id: Some("igw-00000000000000099".to_owned()), ..request };
    assert_eq!(world.bed.error(unknown).0, "InvalidGatewayID.NotFound");
    let disassociate = DisassociateRouteTableRequest { association_id: id, ..Default::default() };
    world.bed.ask(disassociate).unwrap();
    assert!(world.described().associations.is_empty());
}
