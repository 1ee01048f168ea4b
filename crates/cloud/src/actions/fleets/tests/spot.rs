//! Spot Fleet requests.

use super::*;
use crate::sessions::{Caller, Holder, Session};
use crate::testing::specification;

const ROLE: &str =
    "arn:aws:iam::123456789012:role/aws-service-role/spotfleet.amazonaws.com/AWSServiceRoleForEC2SpotFleet";

fn specified(bed: &Bed, kinds: &[&str]) -> Vec<SpotFleetLaunchSpecification> {
    let one = |kind: &&str| SpotFleetLaunchSpecification {
        image_id: Some(bed.image.clone()),
        instance_type: Some((*kind).to_owned()),
        ..Default::default()
    };
    kinds.iter().map(one).collect()
}

fn wanted(bed: &Bed, capacity: i32) -> SpotFleetRequestConfigData {
    SpotFleetRequestConfigData {
        iam_fleet_role: Some(ROLE.to_owned()),
        launch_specifications: specified(bed, &["t3.micro"]),
        target_capacity: Some(capacity),
        ..Default::default()
    }
}

fn asked(config: SpotFleetRequestConfigData) -> RequestSpotFleetRequest {
    RequestSpotFleetRequest { spot_fleet_request_config: Some(config), ..Default::default() }
}

fn create(bed: &mut Bed, config: SpotFleetRequestConfigData) -> String {
    let made = bed.ask(asked(config)).unwrap();
    let Response::RequestSpotFleet(made) = made else { panic!("an answer") };
    follow(bed);
    report_all(bed);
    made.spot_fleet_request_id.unwrap()
}

fn look(bed: &mut Bed, id: &str) -> SpotFleetRequestConfig {
    let ask = DescribeSpotFleetRequestsRequest { spot_fleet_request_ids: vec![id.to_owned()], ..Default::default() };
    let Ok(Response::DescribeSpotFleetRequests(mut told)) = bed.ask(ask) else { panic!("an answer") };
    told.spot_fleet_request_configs.remove(0)
}

fn state(bed: &mut Bed, id: &str) -> (&'static str, Option<&'static str>) {
    let fleet = look(bed, id);
    (fleet.spot_fleet_request_state.unwrap().as_str(), fleet.activity_status.map(|status| status.as_str()))
}

fn history(bed: &mut Bed, id: &str, event_type: Option<EventType>) -> Vec<String> {
    let spot_fleet_request_id = id.to_owned();
    let ask = DescribeSpotFleetRequestHistoryRequest { spot_fleet_request_id, event_type, ..Default::default() };
    let Ok(Response::DescribeSpotFleetRequestHistory(told)) = bed.ask(ask) else { panic!("an answer") };
    let events = told.history_records.into_iter();
    events.map(|event| event.event_information.unwrap().event_sub_type.unwrap()).collect()
}

fn cancel(bed: &mut Bed, id: &str, terminate_instances: bool) -> CancelSpotFleetRequestsResponse {
    let spot_fleet_request_ids = vec![id.to_owned()];
    let request = CancelSpotFleetRequestsRequest { spot_fleet_request_ids, terminate_instances, ..Default::default() };
    let Ok(Response::CancelSpotFleetRequests(told)) = bed.ask(request) else { panic!("an answer") };
    *told
}

#[test]
fn a_spot_fleet_launches_from_specifications_and_is_kept_up() {
    let mut bed = Bed::new();
    let subnet = bed.view().tables().subnets.values().next_back().unwrap().clone();
    let mut config = wanted(&bed, 3);
    config.launch_specifications = specified(&bed, &["t3.none", "t3.small"]);
    let group = bed.view().tables().security_groups.keys().next().unwrap().to_string();
    config.launch_specifications[1].security_groups =
        vec![GroupIdentifier { group_id: Some(group.clone()), group_name: None }];
    config.launch_specifications[1].subnet_id = Some(format!("{}", subnet.id));
    config.launch_specifications[1].weighted_capacity = Some(1.5);
    config.launch_specifications[1].key_name = Some("key".to_owned());
    config.launch_specifications[1].tag_specifications = vec![SpotFleetTagSpecification {
        resource_type: Some("instance".to_owned()),
        tags: vec![Tag { key: Some("Name".to_owned()), value: Some("cheap".to_owned()) }],
    }];
    config.spot_price = Some("0.05".to_owned());
    config.tag_specifications = vec![specification("spot-fleet-request", &[("Name", "fleet")])];
    let id = create(&mut bed, config);
    assert_eq!(state(&mut bed, &id), ("active", Some("fulfilled")));
    let made = present(&bed);
    assert_eq!(made.len(), 2, "1.5 each");
    for instance in &made {
        assert_eq!((&*instance.instance_type, instance.subnet), ("t3.small", subnet.id));
        assert_eq!(instance.key_name.as_deref(), Some("key"));
        assert_eq!(bed.interface(instance.id).groups[0].to_string(), group);
        let request = &bed.view().tables().spot_requests[&instance.options.spot_request.unwrap()].clone();
        assert_eq!(request.price.as_deref(), Some("0.05"));
        let tags = bed.view().tables().tags_of(&instance.id.to_string()).clone();
        assert_eq!((tags["Name"].as_str(), &tags["aws:ec2spot:fleet-request-id"]), ("cheap", &id));
    }
    let fleet = look(&mut bed, &id);
    assert_eq!(fleet.tags[0].value.as_deref(), Some("fleet"));
    let told = fleet.spot_fleet_request_config.unwrap();
    assert_eq!((told.fulfilled_capacity, told.on_demand_fulfilled_capacity), (Some(3.0), Some(0.0)));
    assert_eq!(told.allocation_strategy, Some(AllocationStrategy::LowestPrice));
    assert_eq!((told.r#type, told.launch_specifications.len()), (Some(FleetType::Maintain), 2));
    assert_eq!(history(&mut bed, &id, Some(EventType::FleetRequestChange)), ["submitted", "active"]);
    assert_eq!(history(&mut bed, &id, Some(EventType::Information)), ["launchSpecTemporarilyBlacklisted"]);
    assert_eq!(history(&mut bed, &id, Some(EventType::InstanceChange)), ["launched"; 2]);
    assert!(history(&mut bed, &id, Some(EventType::Error)).is_empty());

    bed.terminate(made[0].id);
    follow(&mut bed);
    assert_eq!(present(&bed).len(), 2);
    let ask = DescribeSpotFleetInstancesRequest {
        spot_fleet_request_id: id.clone(),
        max_results: Some(1),
        ..Default::default()
    };
    let Ok(Response::DescribeSpotFleetInstances(one)) = bed.ask(ask) else { panic!("an answer") };
    assert_eq!((one.active_instances.len(), one.next_token.is_some()), (1, true));
}

#[test]
fn a_spot_fleet_from_a_template_grows_shrinks_and_is_cancelled() {
    let mut bed = Bed::new();
    template(&mut bed, "web");
    let zones = "us-east-1c, us-east-1a".to_owned();
    let config = SpotFleetRequestConfigData {
        launch_specifications: vec![],
        launch_template_configs: vec![LaunchTemplateConfig {
            launch_template_specification: Some(FleetLaunchTemplateSpecification {
                launch_template_name: Some("web".to_owned()),
                version: Some("$Latest".to_owned()),
                ..Default::default()
            }),
            overrides: vec![LaunchTemplateOverrides { availability_zone: Some(zones), ..Default::default() }],
        }],
        on_demand_target_capacity: Some(1),
        allocation_strategy: Some(AllocationStrategy::Diversified),
        ..wanted(&bed, 3)
    };
    let id = create(&mut bed, config);
    let zones: Vec<String> = present(&bed).iter().map(|instance| instance.zone.to_string()).collect();
    let count = |zone: &str| zones.iter().filter(|other| *other == zone).count();
    assert_eq!((count("us-east-1c"), count("us-east-1a")), (2, 1));
    let resize = |total, on_demand| ModifySpotFleetRequestRequest {
        spot_fleet_request_id: id.clone(),
        target_capacity: total,
        on_demand_target_capacity: on_demand,
        ..Default::default()
    };
    bed.ask(resize(Some(5), None)).unwrap();
    assert_eq!(state(&mut bed, &id), ("modifying", Some("pending_fulfillment")));
    assert_eq!(bed.error(resize(Some(6), None)).0, "FleetNotInModifiableState");
    follow(&mut bed);
    report_all(&mut bed);
    assert_eq!((present(&bed).len(), state(&mut bed, &id)), (5, ("active", Some("fulfilled"))));
    assert_eq!(bed.error(resize(Some(1), Some(2))).0, "InvalidParameterValue");
    bed.ask(resize(Some(1), Some(0))).unwrap();
    follow(&mut bed);
    assert_eq!((present(&bed).len(), state(&mut bed, &id)), (1, ("active", Some("pending_termination"))));
    report_all(&mut bed);
    follow(&mut bed);

    let told = cancel(&mut bed, &id, false).successful_fleet_requests.remove(0);
    assert_eq!(told.previous_spot_fleet_request_state, Some(BatchState::Active));
    assert_eq!(told.current_spot_fleet_request_state, Some(BatchState::CancelledRunning));
    follow(&mut bed);
    assert_eq!((present(&bed).len(), state(&mut bed, &id).0), (1, "cancelled_running"));
    let again = cancel(&mut bed, &id, false).unsuccessful_fleet_requests.remove(0);
    assert_eq!(again.error.unwrap().code, Some(CancelBatchErrorCode::FleetRequestNotInCancellableState));
    let told = cancel(&mut bed, &id, true).successful_fleet_requests.remove(0);
    assert_eq!(told.current_spot_fleet_request_state, Some(BatchState::CancelledTerminating));
    report_all(&mut bed);
    follow(&mut bed);
    assert_eq!(state(&mut bed, &id), ("cancelled", None));
    bed.settle_after_ms(2 * 86_400_000);
    let ask = DescribeSpotFleetInstancesRequest { spot_fleet_request_id: id, ..Default::default() };
    assert_eq!(bed.error(ask).0, "InvalidSpotFleetRequestId.NotFound");
    bed.check();
}

#[test]
fn what_a_spot_fleet_cannot_be_is_refused() {
    let mut bed = Bed::new();
    let good = wanted(&bed, 1);
    let first = |change: fn(&mut SpotFleetLaunchSpecification)| {
        let mut config = good.clone();
        change(&mut config.launch_specifications[0]);
        config
    };
    let role = |arn: &str| SpotFleetRequestConfigData { iam_fleet_role: Some(arn.to_owned()), ..good.clone() };
    let unsupported = "UnsupportedOperation";
    let invalid = "InvalidSpotFleetRequestConfig";
    let value = "InvalidParameterValue";
    let past = Some(Timestamp::from_unix_ms(1));
    for (at, (config, code)) in [
        (SpotFleetRequestConfigData { iam_fleet_role: None, ..good.clone() }, "MissingParameter"),
        (role("arn:aws:iam::123456789012:role/absent"), invalid),
        (SpotFleetRequestConfigData { target_capacity: None, ..good.clone() }, "MissingParameter"),
        (SpotFleetRequestConfigData { target_capacity: Some(-1), ..good.clone() }, value),
        (SpotFleetRequestConfigData { target_capacity: Some(10_001), ..good.clone() }, value),
        (SpotFleetRequestConfigData { launch_specifications: vec![], ..good.clone() }, invalid),
        (SpotFleetRequestConfigData { on_demand_target_capacity: Some(1), ..good.clone() }, invalid),
        (SpotFleetRequestConfigData { instance_pools_to_use_count: Some(0), ..good.clone() }, invalid),
        (SpotFleetRequestConfigData { r#type: Some(FleetType::Instant), ..good.clone() }, invalid),
        (SpotFleetRequestConfigData { valid_until: past, ..good.clone() }, value),
        (
            SpotFleetRequestConfigData { load_balancers_config: Some(LoadBalancersConfig::default()), ..good.clone() },
            unsupported,
        ),
        (
            SpotFleetRequestConfigData {
                tag_specifications: vec![specification("instance", &[("a", "b")])],
                ..good.clone()
            },
            value,
        ),
        (first(|said| said.image_id = None), "MissingParameter"),
        (first(|said| said.kernel_id = Some("aki-1".to_owned())), unsupported),
        (first(|said| said.instance_requirements = Some(InstanceRequirements::default())), unsupported),
        (first(|said| said.weighted_capacity = Some(-1.0)), value),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(bed.error(asked(config)).0, code, "case {at}");
    }
    assert_eq!(bed.error(RequestSpotFleetRequest::default()).0, "MissingParameter");
    assert!(bed.view().tables().spot_fleet_requests.is_empty());
    let absent = || "sfr-0123456789abcdef0".to_owned();
    let error = "InvalidSpotFleetRequestId.NotFound";
    let ask = DescribeSpotFleetRequestsRequest { spot_fleet_request_ids: vec![absent()], ..Default::default() };
    assert_eq!(bed.error(ask).0, error);
    let ask = DescribeSpotFleetRequestHistoryRequest { spot_fleet_request_id: absent(), ..Default::default() };
    assert_eq!(bed.error(ask).0, error);
    let ask = ModifySpotFleetRequestRequest { spot_fleet_request_id: absent(), ..Default::default() };
    assert_eq!(bed.error(ask).0, error);
    assert_eq!(bed.error(CancelSpotFleetRequestsRequest::default()).0, "MissingParameter");
    for (id, code) in [
        (absent(), CancelBatchErrorCode::FleetRequestIdDoesNotExist),
        ("sfr-x".to_owned(), CancelBatchErrorCode::FleetRequestIdMalformed),
    ] {
        let told = cancel(&mut bed, &id, true).unsuccessful_fleet_requests.remove(0);
        assert_eq!(told.error.unwrap().code, Some(code));
    }
}

#[test]
fn the_role_may_be_one_of_the_account() {
    let mut bed = Bed::new();
    let arn = "arn:aws:iam::123456789012:role/fleet".to_owned();
    let role = resource::Role {
        name: "fleet".into(),
        id: "AROAFLEET".to_owned(),
        arn: arn.clone(),
        path: "/".to_owned(),
        created: bed.context.now,
        trust_policy: "{}".to_owned(),
        description: None,
        max_session_seconds: 3_600,
        policies: Default::default(),
        tags: Default::default(),
    };
    bed.write(|_, tx| {
        tx.put_shared(role);
        Ok(())
    })
    .unwrap();
    let config = SpotFleetRequestConfigData {
        iam_fleet_role: Some(arn),
        client_token: Some("once".to_owned()),
        instance_interruption_behavior: Some(InstanceInterruptionBehavior::Stop),
        ..wanted(&bed, 1)
    };
    bed.context.caller = Caller::Session(Session {
        access_key_id: "ASIA".to_owned(),
        holder: Holder::Role { name: "fleet".into(), id: "AROAFLEET".to_owned() },
        name: "me".to_owned(),
        issued: bed.context.now,
        expires: bed.context.now.plus_ms(3_600_000),
    });
    assert_eq!(bed.error(asked(config.clone())).0, "UnauthorizedOperation", "it may not hand the role on");
    bed.context.caller = Caller::Root;
    let id = create(&mut bed, config.clone());
    assert_eq!(create(&mut bed, config), id, "the token makes one fleet");
    let request = bed.view().tables().spot_requests.values().next().unwrap().clone();
    assert_eq!((request.interruption.as_str(), request.persistent), ("stop", true));
}
