//! EC2 Fleets that are kept up, or asked for once.

use super::*;
use crate::lifecycle::fail_launch;
use crate::resource::StateReason;
use crate::sessions::{Caller, Holder, Session};
use crate::testing::{filter, specification};

fn wanted(bed: &mut Bed, total: i32, on_demand: i32) -> CreateFleetRequest {
    template(bed, "web");
    CreateFleetRequest {
        launch_template_configs: vec![config("web", vec![own("t3.micro"), own("t3.small")])],
        target_capacity_specification: target(total, on_demand),
        ..Default::default()
    }
}

/// Makes a fleet, which then has launched.
fn create(bed: &mut Bed, request: CreateFleetRequest) -> String {
    let Ok(Response::CreateFleet(made)) = bed.ask(request) else { panic!("an answer") };
    assert_eq!((made.instances.len(), made.errors.len()), (0, 0), "told of instant fleets alone");
    follow(bed);
    report_all(bed);
    made.fleet_id.unwrap()
}

fn look(bed: &mut Bed, id: &str) -> FleetData {
    let request = DescribeFleetsRequest { fleet_ids: vec![id.to_owned()], ..Default::default() };
    let Ok(Response::DescribeFleets(mut told)) = bed.ask(request) else { panic!("an answer") };
    told.fleets.remove(0)
}

fn state(bed: &mut Bed, id: &str) -> (&'static str, Option<&'static str>) {
    let fleet = look(bed, id);
    (fleet.fleet_state.unwrap().as_str(), fleet.activity_status.map(|status| status.as_str()))
}

fn resize(id: &str, total: i32, on_demand: i32) -> ModifyFleetRequest {
    let fleet_id = id.to_owned();
    ModifyFleetRequest { fleet_id, target_capacity_specification: target(total, on_demand), ..Default::default() }
}

fn delete(bed: &mut Bed, id: &str, terminate_instances: bool) -> DeleteFleetsResult {
    let request = DeleteFleetsRequest { fleet_ids: vec![id.to_owned()], terminate_instances, ..Default::default() };
    let Ok(Response::DeleteFleets(deleted)) = bed.ask(request) else { panic!("an answer") };
    *deleted
}

fn history(bed: &mut Bed, id: &str, event_type: Option<FleetEventType>) -> Vec<String> {
    let ask = DescribeFleetHistoryRequest { fleet_id: id.to_owned(), event_type, ..Default::default() };
    let Ok(Response::DescribeFleetHistory(told)) = bed.ask(ask) else { panic!("an answer") };
    assert!(told.last_evaluated_time.is_some());
    let events = told.history_records.into_iter();
    events.map(|event| event.event_information.unwrap().event_sub_type.unwrap()).collect()
}

fn instances(bed: &mut Bed, id: &str) -> Vec<ActiveInstance> {
    let ask = DescribeFleetInstancesRequest { fleet_id: id.to_owned(), ..Default::default() };
    let Ok(Response::DescribeFleetInstances(told)) = bed.ask(ask) else { panic!("an answer") };
    told.active_instances
}

#[test]
fn a_fleet_is_submitted_then_active_and_tells_what_it_is() {
    let mut bed = Bed::new();
    let request = CreateFleetRequest {
        tag_specifications: vec![specification("fleet", &[("Name", "web")])],
        client_token: Some("once".to_owned()),
        ..wanted(&mut bed, 3, 1)
    };
    let Ok(Response::CreateFleet(made)) = bed.ask(request.clone()) else { panic!("an answer") };
    let id = made.fleet_id.unwrap();
    assert_eq!(state(&mut bed, &id), ("submitted", Some("pending_fulfillment")));
    let Ok(Response::CreateFleet(again)) = bed.ask(request) else { panic!("an answer") };
    assert_eq!(again.fleet_id.as_ref(), Some(&id), "the token makes one fleet");
    assert!(present(&bed).is_empty());
    assert_eq!(bed.error(resize(&id, 1, 0)).0, "FleetNotInModifiableState");
    follow(&mut bed);
    assert_eq!(state(&mut bed, &id), ("active", Some("fulfilled")));
    let spot = present(&bed).iter().filter(|instance| instance.options.spot_request.is_some()).count();
    assert_eq!((present(&bed).len(), spot), (3, 2));
    let fleet = look(&mut bed, &id);
    assert_eq!((fleet.fulfilled_capacity, fleet.fulfilled_on_demand_capacity), (Some(3.0), Some(1.0)));
    assert_eq!(fleet.tags[0].value.as_deref(), Some("web"));
    assert_eq!(fleet.r#type, Some(FleetType::Maintain), "the default");
    let termination = FleetExcessCapacityTerminationPolicy::Termination;
    assert_eq!(fleet.excess_capacity_termination_policy, Some(termination));
    assert_eq!(fleet.client_token.as_deref(), Some("once"));
    let capacity = fleet.target_capacity_specification.unwrap();
    let parts = (capacity.on_demand_target_capacity, capacity.spot_target_capacity, capacity.total_target_capacity);
    assert_eq!(parts, (Some(1), Some(2), Some(3)));
    let listed = |bed: &mut Bed, name: &str, value: &str| {
        let ask = DescribeFleetsRequest { filters: vec![filter(name, &[value])], ..Default::default() };
        let Ok(Response::DescribeFleets(told)) = bed.ask(ask) else { panic!("an answer") };
        told.fleets.len()
    };
    for (name, value, other) in [
        ("activity-status", "fulfilled", "pending-fulfillment"),
        ("excess-capacity-termination-policy", "true", "false"),
        ("fleet-state", "active", "deleted-running"),
        ("replace-unhealthy-instances", "false", "true"),
        ("type", "maintain", "request"),
        ("tag:Name", "web", "db"),
    ] {
        assert_eq!((listed(&mut bed, name, value), listed(&mut bed, name, other)), (1, 0), "{name}");
    }
    let shown = instances(&mut bed, &id);
    let with_spot = shown.iter().filter(|instance| instance.spot_instance_request_id.is_some()).count();
    assert_eq!((shown.len(), with_spot), (3, 2));
    assert!(shown.iter().all(|instance| instance.instance_health == Some(InstanceHealthStatus::Healthy)));
    assert_eq!(history(&mut bed, &id, Some(FleetEventType::FleetChange)), ["submitted", "active"]);
    assert_eq!(history(&mut bed, &id, Some(FleetEventType::InstanceChange)), ["launched"; 3]);
    assert_eq!(history(&mut bed, &id, None).len(), 5);
}

#[test]
fn what_went_away_is_replaced_and_the_fleet_grows_and_shrinks() {
    let mut bed = Bed::new();
    let request = wanted(&mut bed, 2, 1);
    let id = create(&mut bed, request);
    let before = ids(&present(&bed));
    bed.terminate(before[0]);
    follow(&mut bed);
    let after = ids(&present(&bed));
    assert_eq!(after.len(), 2);
    assert!(!after.contains(&before[0]) && after.contains(&before[1]));
    assert_eq!(state(&mut bed, &id), ("active", Some("fulfilled")));

    bed.ask(resize(&id, 4, 1)).unwrap();
    assert_eq!(state(&mut bed, &id), ("modifying", Some("pending_fulfillment")));
    follow(&mut bed);
    assert_eq!((state(&mut bed, &id), present(&bed).len()), (("active", Some("fulfilled")), 4));
    assert!(after.iter().all(|id| ids(&present(&bed)).contains(id)), "those that were there stay");
    report_all(&mut bed);

    bed.ask(resize(&id, 1, 1)).unwrap();
    follow(&mut bed);
    assert_eq!((state(&mut bed, &id), present(&bed).len()), (("active", Some("pending_termination")), 1));
    assert!(present(&bed)[0].options.spot_request.is_none(), "the on-demand one is still wanted");
    report_all(&mut bed);
    follow(&mut bed);
    assert_eq!(state(&mut bed, &id), ("active", Some("fulfilled")));
    assert_eq!(instances(&mut bed, &id).len(), 1);
    let told = history(&mut bed, &id, Some(FleetEventType::InstanceChange));
    let count = |name: &str| told.iter().filter(|event| *event == name).count();
    assert_eq!((count("launched"), count("terminated"), count("termination_notified")), (5, 4, 3));
    let changes = history(&mut bed, &id, Some(FleetEventType::FleetChange));
    assert_eq!(changes[2..4], ["modify_in_progress", "modify_succeeded"]);

    bed.ask(resize(&id, 0, 0)).unwrap();
    follow(&mut bed);
    assert!(present(&bed).is_empty(), "a fleet may rest");
    bed.check();
}

#[test]
fn excess_stays_where_the_policy_says_so() {
    let mut bed = Bed::new();
    let request = CreateFleetRequest {
        excess_capacity_termination_policy: Some(FleetExcessCapacityTerminationPolicy::NoTermination),
        ..wanted(&mut bed, 3, 0)
    };
    let id = create(&mut bed, request);
    bed.ask(resize(&id, 1, 0)).unwrap();
    follow(&mut bed);
    assert_eq!((present(&bed).len(), state(&mut bed, &id)), (3, ("active", Some("fulfilled"))));
    let first = present(&bed)[0].id;
    bed.terminate(first);
    follow(&mut bed);
    assert_eq!(present(&bed).len(), 2, "not replaced");
    let policy = Some(FleetExcessCapacityTerminationPolicy::Termination);
    let modify = ModifyFleetRequest { fleet_id: id, excess_capacity_termination_policy: policy, ..Default::default() };
    bed.ask(modify).unwrap();
    follow(&mut bed);
    assert_eq!(present(&bed).len(), 1);
}

#[test]
fn a_stopped_instance_does_not_count_but_still_goes_with_its_fleet() {
    let mut bed = Bed::new();
    let request = wanted(&mut bed, 1, 1);
    let id = create(&mut bed, request);
    let stopped = present(&bed)[0].id;
    bed.stop(stopped);
    follow(&mut bed);
    assert_eq!((present(&bed).len(), instances(&mut bed, &id).len()), (2, 1));
    assert_eq!(history(&mut bed, &id, Some(FleetEventType::InstanceChange)), ["launched"; 2]);
    report_all(&mut bed);
    bed.start(stopped);
    follow(&mut bed);
    assert_eq!((present(&bed).len(), instances(&mut bed, &id).len()), (2, 2));
    delete(&mut bed, &id, true);
    assert!(present(&bed).is_empty());
}

#[test]
fn capacity_is_spread_where_the_strategy_says_so() {
    let mut bed = Bed::new();
    let request = CreateFleetRequest {
        spot_options: Some(SpotOptionsRequest {
            allocation_strategy: Some(SpotAllocationStrategy::Diversified),
            ..Default::default()
        }),
        ..wanted(&mut bed, 4, 0)
    };
    let id = create(&mut bed, request);
    let of = |bed: &Bed, kind: &str| present(bed).iter().filter(|instance| &*instance.instance_type == kind).count();
    assert_eq!((of(&bed, "t3.micro"), of(&bed, "t3.small")), (2, 2));
    let micro = present(&bed).into_iter().find(|instance| &*instance.instance_type == "t3.micro").unwrap();
    bed.terminate(micro.id);
    follow(&mut bed);
    assert_eq!((of(&bed, "t3.micro"), of(&bed, "t3.small")), (2, 2), "replaced where there is least");
    bed.ask(resize(&id, 2, 0)).unwrap();
    follow(&mut bed);
    assert_eq!((of(&bed, "t3.micro"), of(&bed, "t3.small")), (1, 1));
    let ask = DescribeFleetInstancesRequest {
        fleet_id: id,
        filters: vec![filter("instance-type", &["t3.small"])],
        ..Default::default()
    };
    let Ok(Response::DescribeFleetInstances(told)) = bed.ask(ask) else { panic!("an answer") };
    assert_eq!(told.active_instances.len(), 1);
}

#[test]
fn priorities_and_subnets_say_what_comes_first() {
    let mut bed = Bed::new();
    let mut request = wanted(&mut bed, 1, 1);
    let subnets: Vec<String> = bed.view().tables().subnets.keys().map(ToString::to_string).collect();
    let first = |priority| FleetLaunchTemplateOverridesRequest { priority: Some(priority), ..own("t3.small") };
    request.launch_template_configs[0].overrides = vec![own("t3.micro"), first(2.0), first(1.0)];
    request.launch_template_configs[0].overrides[2].subnet_id = Some(format!("{}, {}", subnets[1], subnets[0]));
    request.on_demand_options = Some(OnDemandOptionsRequest {
        allocation_strategy: Some(FleetOnDemandAllocationStrategy::Prioritized),
        ..Default::default()
    });
    create(&mut bed, request);
    let made = &present(&bed)[0];
    assert_eq!((&*made.instance_type, made.subnet.to_string()), ("t3.small", subnets[1].clone()));
}

#[test]
fn what_fails_is_told_and_tried_again() {
    let mut bed = Bed::new();
    let mut request = wanted(&mut bed, 2, 0);
    request.launch_template_configs[0].overrides = vec![own("t3.none")];
    let id = create(&mut bed, request.clone());
    assert_eq!(state(&mut bed, &id), ("active", Some("error")));
    let told = ["launchSpecTemporarilyBlacklisted", "allLaunchSpecsTemporarilyBlacklisted"];
    assert_eq!(history(&mut bed, &id, Some(FleetEventType::ServiceError)), told);
    for _ in 0..3 {
        bed.settle_after_ms(60_000);
    }
    assert_eq!(history(&mut bed, &id, Some(FleetEventType::ServiceError)), told, "said once");
    let configs = vec![config("web", vec![own("t3.micro")])];
    let modify = ModifyFleetRequest { fleet_id: id.clone(), launch_template_configs: configs, ..Default::default() };
    bed.ask(modify).unwrap();
    follow(&mut bed);
    assert_eq!((state(&mut bed, &id), present(&bed).len()), (("active", Some("fulfilled")), 2));

    // A host that cannot start them is not asked again at once.
    for instance in present(&bed) {
        let reason = StateReason::new("Server.InternalError", "No room");
        assert!(bed.report(|tx, now| fail_launch(tx, now, instance.id, 1, reason)));
    }
    follow(&mut bed);
    assert!(present(&bed).is_empty());
    bed.settle_after_ms(60_000);
    assert_eq!(present(&bed).len(), 2);
}

#[test]
fn a_fleet_has_as_many_as_there_is_room_for() {
    let mut bed = Bed::new();
    let config = bed.context.config.as_ref().clone();
    bed.context.config = std::sync::Arc::new(crate::context::Config { max_instances: 3, ..config });
    let request = wanted(&mut bed, 5, 0);
    let id = create(&mut bed, request);
    assert_eq!((present(&bed).len(), state(&mut bed, &id)), (3, ("active", Some("error"))));
    let told = history(&mut bed, &id, Some(FleetEventType::ServiceError));
    assert!(told.contains(&"spotInstanceCountLimitExceeded".to_owned()), "{told:?}");
    let config = bed.context.config.as_ref().clone();
    bed.context.config = std::sync::Arc::new(crate::context::Config { max_instances: 9, ..config });
    bed.settle_after_ms(60_000);
    assert_eq!((present(&bed).len(), state(&mut bed, &id)), (5, ("active", Some("fulfilled"))));
}

#[test]
fn a_request_is_not_kept_up_and_cannot_be_changed() {
    let mut bed = Bed::new();
    let request = CreateFleetRequest { r#type: Some(FleetType::Request), ..wanted(&mut bed, 2, 0) };
    let id = create(&mut bed, request);
    let first = present(&bed)[0].id;
    bed.terminate(first);
    follow(&mut bed);
    assert_eq!((present(&bed).len(), state(&mut bed, &id)), (1, ("active", Some("pending_fulfillment"))));
    assert_eq!(bed.error(resize(&id, 3, 0)).0, "UnsupportedOperation");
}

#[test]
fn a_fleet_is_deleted_with_its_instances_or_without() {
    let mut bed = Bed::new();
    let request = wanted(&mut bed, 2, 0);
    let id = create(&mut bed, request.clone());
    let deleted = delete(&mut bed, &id, false);
    let told = &deleted.successful_fleet_deletions[0];
    assert_eq!(told.previous_fleet_state, Some(FleetStateCode::Active));
    assert_eq!(told.current_fleet_state, Some(FleetStateCode::DeletedRunning));
    follow(&mut bed);
    assert_eq!((present(&bed).len(), state(&mut bed, &id).0), (2, "deleted_running"));
    assert_eq!(bed.error(resize(&id, 3, 0)).0, "FleetNotInModifiableState");
    let again = delete(&mut bed, &id, false).unsuccessful_fleet_deletions.remove(0);
    assert_eq!(again.error.unwrap().code, Some(DeleteFleetErrorCode::FleetNotInDeletableState));
    let left = ids(&present(&bed));
    bed.terminate(left[0]);
    follow(&mut bed);
    assert_eq!((present(&bed).len(), state(&mut bed, &id).0), (1, "deleted_running"), "nothing is replaced");
    bed.terminate(left[1]);
    follow(&mut bed);
    assert_eq!(state(&mut bed, &id), ("deleted", None));

    let configs = request.launch_template_configs;
    let target_capacity_specification = target(1, 0);
    let id = create(
        &mut bed,
        CreateFleetRequest { launch_template_configs: configs, target_capacity_specification, ..Default::default() },
    );
    let kept = present(&bed)[0].id;
    bed.ask(ModifyInstanceAttributeRequest {
        instance_id: kept.to_string(),
        disable_api_termination: Some(AttributeBooleanValue { value: Some(true) }),
        ..Default::default()
    })
    .unwrap();
    delete(&mut bed, &id, true);
    follow(&mut bed);
    assert_eq!(present(&bed).len(), 1, "it is protected");
    assert_eq!(state(&mut bed, &id), ("deleted_terminating", Some("pending_termination")));
}

#[test]
fn a_fleet_begins_and_expires_when_it_is_to() {
    let mut bed = Bed::new();
    let after = |bed: &Bed, ms| Some(Timestamp::from_unix_ms(bed.context.now.unix_ms + ms));
    let request = CreateFleetRequest {
        valid_from: after(&bed, 100_000),
        valid_until: after(&bed, 200_000),
        terminate_instances_with_expiration: Some(true),
        ..wanted(&mut bed, 1, 0)
    };
    let id = create(&mut bed, request);
    assert_eq!((present(&bed).len(), state(&mut bed, &id).0), (0, "submitted"));
    bed.settle_after_ms(100_000);
    assert_eq!((present(&bed).len(), state(&mut bed, &id).0), (1, "active"));
    report_all(&mut bed);
    bed.settle_after_ms(100_000);
    assert_eq!((present(&bed).len(), state(&mut bed, &id).0), (0, "deleted_terminating"));
    let told = history(&mut bed, &id, Some(FleetEventType::FleetChange));
    assert_eq!(told, ["submitted", "active", "expired", "deleted_terminating"]);
}

#[test]
fn history_comes_in_pages_and_since_a_moment() {
    let mut bed = Bed::new();
    let request = wanted(&mut bed, 2, 0);
    let id = create(&mut bed, request);
    let ask = |max_results, next_token, start_time| DescribeFleetHistoryRequest {
        fleet_id: id.clone(),
        max_results,
        next_token,
        start_time,
        ..Default::default()
    };
    let start = Timestamp::default();
    let Ok(Response::DescribeFleetHistory(one)) = bed.ask(ask(Some(3), None, start)) else { panic!("an answer") };
    assert_eq!((one.history_records.len(), one.last_evaluated_time), (3, None));
    let Ok(Response::DescribeFleetHistory(two)) = bed.ask(ask(Some(3), one.next_token, start)) else {
        panic!("an answer")
    };
    assert_eq!((two.history_records.len(), two.next_token.is_none()), (1, true));
    let late = Timestamp::from_unix_ms(bed.context.now.unix_ms + 1);
    let Ok(Response::DescribeFleetHistory(none)) = bed.ask(ask(None, None, late)) else { panic!("an answer") };
    assert_eq!((none.history_records.len(), none.start_time), (0, Some(late)));
    assert_eq!(bed.error(ask(Some(1_001), None, start)).0, "InvalidParameterValue");
}

#[test]
fn a_fleet_gives_instances_no_role_that_its_maker_may_not() {
    let mut bed = Bed::new();
    let wanted = wanted(&mut bed, 1, 1);
    let role = resource::Role {
        name: "ops".into(),
        id: "AROAOPS".to_owned(),
        arn: "arn:aws:iam::123456789012:role/ops".to_owned(),
        path: "/".to_owned(),
        created: bed.context.now,
        trust_policy: "{}".to_owned(),
        description: None,
        max_session_seconds: 3_600,
        policies: ["arn:aws:iam::aws:policy/AmazonEC2FullAccess".to_owned()].into(),
        tags: Default::default(),
    };
    let profile = resource::InstanceProfile {
        name: "admin".into(),
        id: "AIPAADMIN".to_owned(),
        arn: "arn:aws:iam::123456789012:instance-profile/admin".to_owned(),
        path: "/".to_owned(),
        created: bed.context.now,
        roles: vec!["ops".into()],
        tags: Default::default(),
    };
    let session = Caller::Session(Session {
        access_key_id: "ASIA".to_owned(),
        holder: Holder::Role { name: "ops".into(), id: "AROAOPS".to_owned() },
        name: "me".to_owned(),
        issued: bed.context.now,
        expires: bed.context.now.plus_ms(3_600_000),
    });
    bed.write(|_, tx| {
        tx.put_shared(role);
        tx.put_shared(profile);
        Ok(())
    })
    .unwrap();
    let version = |bed: &Bed| CreateLaunchTemplateVersionRequest {
        launch_template_name: Some("web".to_owned()),
        launch_template_data: Some(RequestLaunchTemplateData {
            image_id: Some(bed.image.clone()),
            instance_type: Some("t3.micro".to_owned()),
            iam_instance_profile: Some(LaunchTemplateIamInstanceProfileSpecificationRequest {
                name: Some("admin".to_owned()),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let mut latest = config("web", vec![]);
    latest.launch_template_specification.as_mut().unwrap().version = Some("$Latest".to_owned());
    let latest = CreateFleetRequest { launch_template_configs: vec![latest], ..wanted };

    bed.context.caller = session.clone();
    let fleet = create(&mut bed, latest.clone());
    assert_eq!(present(&bed).len(), 1);
    bed.ask(version(&bed)).unwrap();
    bed.context.caller = session;
    assert_eq!(bed.error(latest.clone()).0, "UnauthorizedOperation");
    let first = present(&bed)[0].id;
    bed.terminate(first);
    follow(&mut bed);
    assert!(present(&bed).is_empty(), "the template was changed behind the fleet");
    let told = history(&mut bed, &fleet, Some(FleetEventType::ServiceError));
    assert_eq!(told[0], "launchSpecTemporarilyBlacklisted");

    bed.context.caller = Caller::Root;
    create(&mut bed, latest);
    assert!(present(&bed)[0].iam_profile.is_some(), "the owner may");
}
