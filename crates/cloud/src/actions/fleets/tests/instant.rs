//! EC2 Fleets of the type `instant`, and what no EC2 Fleet can be.

use super::*;
use crate::testing::{filter, specification};

fn wanted(bed: &mut Bed) -> CreateFleetRequest {
    template(bed, "build");
    CreateFleetRequest {
        launch_template_configs: vec![config("build", vec![own("t3.none"), own("t3.micro")])],
        target_capacity_specification: target(2, 0),
        r#type: Some(FleetType::Instant),
        tag_specifications: vec![
            specification("fleet", &[("Name", "builders")]),
            specification("instance", &[("Name", "builder")]),
        ],
        ..Default::default()
    }
}

fn create(bed: &mut Bed, request: CreateFleetRequest) -> CreateFleetResult {
    let Ok(Response::CreateFleet(made)) = bed.ask(request) else { panic!("an answer") };
    *made
}

fn look(bed: &mut Bed, fleet_ids: Vec<String>, filters: Vec<Filter>) -> Vec<FleetData> {
    let request = DescribeFleetsRequest { fleet_ids, filters, ..Default::default() };
    let Ok(Response::DescribeFleets(told)) = bed.ask(request) else { panic!("an answer") };
    told.fleets
}

#[test]
fn an_instant_fleet_launches_from_the_first_override_that_works() {
    let mut bed = Bed::new();
    let request = wanted(&mut bed);
    let made = create(&mut bed, request);
    assert_eq!(made.errors[0].error_code.as_deref(), Some("InvalidParameterValue"));
    assert_eq!((made.instances.len(), made.instances[0].instance_ids.len()), (1, 2));
    assert_eq!(made.instances[0].lifecycle, Some(InstanceLifecycle::Spot));
    assert_eq!(made.instances[0].instance_type.as_deref(), Some("t3.micro"));
    assert_eq!(bed.view().tables().instances.len(), 2);
    let id = made.fleet_id.unwrap();
    let tags = bed.view().tables().tags_of(&made.instances[0].instance_ids[0]).clone();
    assert_eq!((tags["Name"].as_str(), &tags["aws:ec2:fleet-id"]), ("builder", &id));
    assert!(look(&mut bed, vec![], vec![]).is_empty(), "it must be named");
    for (name, value) in [
        ("activity-status", "fulfilled"),
        ("excess-capacity-termination-policy", ""),
        ("fleet-state", "active"),
        ("replace-unhealthy-instances", "false"),
        ("type", "instant"),
    ] {
        let found = look(&mut bed, vec![id.clone()], vec![filter(name, &[value])]).len();
        assert_eq!(found, usize::from(!value.is_empty()), "{name}");
        assert!(look(&mut bed, vec![id.clone()], vec![filter(name, &["other"])]).is_empty(), "{name}");
    }
    let fleet = look(&mut bed, vec![id.clone()], vec![]).remove(0);
    assert_eq!((fleet.r#type, fleet.fulfilled_capacity), (Some(FleetType::Instant), Some(2.0)));
    assert_eq!(fleet.launch_template_configs[0].overrides.len(), 2);
    let ask = DescribeFleetInstancesRequest { fleet_id: id.clone(), ..Default::default() };
    assert_eq!(bed.error(ask).0, "UnsupportedOperation");
    let ask = ModifyFleetRequest { fleet_id: id.clone(), ..Default::default() };
    assert_eq!(bed.error(ask).0, "UnsupportedOperation");
    let delete = |terminate_instances| DeleteFleetsRequest {
        fleet_ids: vec![id.clone(), "fleet-x".to_owned()],
        terminate_instances,
        ..Default::default()
    };
    assert_eq!(bed.error(delete(false)).0, "InvalidParameterValue");
    let Ok(Response::DeleteFleets(deleted)) = bed.ask(delete(true)) else { panic!("an answer") };
    assert_eq!((deleted.successful_fleet_deletions.len(), deleted.unsuccessful_fleet_deletions.len()), (1, 1));
    assert!(bed.view().tables().instances.values().all(|instance| instance.state.is_ending()));
    assert_eq!(look(&mut bed, vec![id.clone()], vec![])[0].fleet_state, Some(FleetStateCode::DeletedTerminating));
    follow(&mut bed);
    report_all(&mut bed);
    follow(&mut bed);
    assert_eq!(look(&mut bed, vec![id.clone()], vec![])[0].fleet_state, Some(FleetStateCode::Deleted));
    bed.settle_after_ms(2 * 86_400_000);
    let gone = DescribeFleetsRequest { fleet_ids: vec![id], ..Default::default() };
    assert_eq!(bed.error(gone).0, "InvalidFleetId.NotFound");
}

#[test]
fn nobody_replaces_an_instance_of_an_instant_fleet() {
    let mut bed = Bed::new();
    let request = wanted(&mut bed);
    let made = create(&mut bed, request);
    report_all(&mut bed);
    let first = present(&bed)[0].id;
    bed.terminate(first);
    follow(&mut bed);
    assert_eq!(present(&bed).len(), 1);
    let fleet = look(&mut bed, vec![made.fleet_id.unwrap()], vec![]).remove(0);
    assert_eq!(fleet.fulfilled_capacity, Some(1.0));
    assert_eq!(fleet.activity_status, Some(FleetActivityStatus::Fulfilled));
}

#[test]
fn weights_count_and_a_single_pool_must_have_enough() {
    let mut bed = Bed::new();
    let request = wanted(&mut bed);
    let weighted = FleetLaunchTemplateOverridesRequest { weighted_capacity: Some(2.5), ..own("t3.micro") };
    let made = create(
        &mut bed,
        CreateFleetRequest {
            launch_template_configs: vec![config("build", vec![weighted])],
            target_capacity_specification: target(6, 0),
            ..request.clone()
        },
    );
    assert_eq!(made.instances[0].instance_ids.len(), 3, "2.5 each, 6 at least");
    let fleet = look(&mut bed, vec![made.fleet_id.unwrap()], vec![]).remove(0);
    assert_eq!((fleet.fulfilled_capacity, fleet.fulfilled_on_demand_capacity), (Some(7.5), Some(0.0)));

    let config_ = bed.context.config.as_ref().clone();
    bed.context.config = std::sync::Arc::new(crate::context::Config { max_instances: 5, ..config_ });
    let single = |least| CreateFleetRequest {
        launch_template_configs: vec![config("build", vec![own("t3.micro")])],
        target_capacity_specification: target(4, 0),
        spot_options: Some(SpotOptionsRequest {
            single_instance_type: Some(true),
            min_target_capacity: Some(least),
            ..Default::default()
        }),
        ..request.clone()
    };
    let made = create(&mut bed, single(3));
    assert_eq!(made.instances, []);
    assert_eq!(made.errors[0].error_code.as_deref(), Some("InstanceLimitExceeded"));
    let made = create(&mut bed, single(2));
    assert_eq!(made.instances[0].instance_ids.len(), 2, "as many as there is room for");
}

#[test]
fn what_a_fleet_cannot_be_is_refused() {
    let mut bed = Bed::new();
    let good = wanted(&mut bed);
    let with = |change: fn(&mut FleetLaunchTemplateOverridesRequest)| {
        let mut request = good.clone();
        change(&mut request.launch_template_configs[0].overrides[0]);
        request
    };
    let of = |kind: FleetType, tag: &str| CreateFleetRequest {
        r#type: Some(kind),
        tag_specifications: vec![specification(tag, &[("Name", "x")])],
        ..good.clone()
    };
    let least = |single_instance_type, min_target_capacity| {
        Some(SpotOptionsRequest { single_instance_type, min_target_capacity, ..Default::default() })
    };
    let stop = Some(SpotOptionsRequest {
        instance_interruption_behavior: Some(SpotInstanceInterruptionBehavior::Stop),
        ..Default::default()
    });
    let past = Some(Timestamp::from_unix_ms(1));
    let unversioned = FleetLaunchTemplateConfigRequest {
        launch_template_specification: Some(FleetLaunchTemplateSpecificationRequest::default()),
        overrides: vec![],
    };
    let unsupported = "UnsupportedOperation";
    let (value, combination) = ("InvalidParameterValue", "InvalidParameterCombination");
    for (at, (request, code)) in [
        (CreateFleetRequest { launch_template_configs: vec![], ..good.clone() }, "MissingParameter"),
        (CreateFleetRequest { launch_template_configs: vec![unversioned], ..good.clone() }, "MissingParameter"),
        (CreateFleetRequest { target_capacity_specification: None, ..good.clone() }, "MissingParameter"),
        (CreateFleetRequest { target_capacity_specification: target(0, 0), ..good.clone() }, value),
        (CreateFleetRequest { target_capacity_specification: target(1_001, 0), ..good.clone() }, value),
        (CreateFleetRequest { target_capacity_specification: target(1, 2), ..good.clone() }, value),
        (CreateFleetRequest { context: Some("x".to_owned()), ..good.clone() }, unsupported),
        (CreateFleetRequest { valid_from: past, ..good.clone() }, unsupported),
        (CreateFleetRequest { valid_until: past, ..good.clone() }, unsupported),
        (CreateFleetRequest { spot_options: least(None, Some(1)), ..good.clone() }, combination),
        (CreateFleetRequest { spot_options: least(Some(true), Some(1_001)), ..good.clone() }, value),
        (CreateFleetRequest { spot_options: stop, ..good.clone() }, combination),
        (with(|own| own.weighted_capacity = Some(0.0)), value),
        (with(|own| own.weighted_capacity = Some(f64::NAN)), value),
        (with(|own| own.subnet_id = Some("subnet-1, subnet-2".to_owned())), value),
        (with(|own| own.instance_requirements = Some(InstanceRequirementsRequest::default())), unsupported),
        (of(FleetType::Maintain, "instance"), value),
        (of(FleetType::Request, "volume"), value),
        (CreateFleetRequest { valid_until: past, ..of(FleetType::Maintain, "fleet") }, value),
        (CreateFleetRequest { target_capacity_specification: target(0, 0), ..of(FleetType::Request, "fleet") }, value),
        (CreateFleetRequest { spot_options: least(Some(true), None), ..of(FleetType::Maintain, "fleet") }, combination),
        (
            CreateFleetRequest {
                launch_template_configs: vec![config("absent", vec![])],
                ..of(FleetType::Maintain, "fleet")
            },
            "InvalidLaunchTemplateName.NotFoundException",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(bed.error(request).0, code, "case {at}");
    }
    let absent = || "fleet-0123456789abcdef0".to_owned();
    let error = "InvalidFleetId.NotFound";
    assert_eq!(bed.error(DescribeFleetsRequest { fleet_ids: vec![absent()], ..Default::default() }).0, error);
    assert_eq!(bed.error(DescribeFleetInstancesRequest { fleet_id: absent(), ..Default::default() }).0, error);
    assert_eq!(bed.error(DescribeFleetHistoryRequest { fleet_id: absent(), ..Default::default() }).0, error);
    assert_eq!(bed.error(ModifyFleetRequest { fleet_id: absent(), ..Default::default() }).0, error);
    assert_eq!(bed.error(DeleteFleetsRequest::default()).0, "MissingParameter");
    assert!(bed.view().tables().instances.is_empty() && bed.view().tables().fleets.is_empty());
}
