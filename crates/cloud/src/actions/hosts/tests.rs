use ec2_shapes::{
    ModifyInstancePlacementRequest, Placement, Request, Response, RunInstancesRequest, StartInstancesRequest, Tenancy,
};

use super::*;
use crate::actions::testbed::Bed;
use crate::testing::{filter, specification};

fn zone(bed: &Bed) -> String {
    bed.context.region.zone('a').to_string()
}

fn request(bed: &Bed, count: i32) -> AllocateHostsRequest {
    AllocateHostsRequest {
        availability_zone: Some(zone(bed)),
        instance_type: Some("t3.micro".to_owned()),
        quantity: Some(count),
        ..Default::default()
    }
}

fn allocate(bed: &mut Bed, request: AllocateHostsRequest) -> Vec<String> {
    match bed.ask(request).unwrap() {
        Response::AllocateHosts(answer) => answer.host_ids,
        other => panic!("{other:?}"),
    }
}

fn told(bed: &Bed, filters: Vec<ec2_shapes::Filter>) -> Vec<ec2_shapes::Host> {
    let request = DescribeHostsRequest { filter: filters, ..Default::default() };
    bed.read(|context, view| describe_hosts(context, view, request)).unwrap().hosts
}

fn on_host(bed: &Bed, count: i32, host: Option<&str>) -> RunInstancesRequest {
    let placement = Placement {
        availability_zone: Some(zone(bed)),
        tenancy: Some(Tenancy::Host),
        host_id: host.map(str::to_owned),
        ..Default::default()
    };
    RunInstancesRequest { placement: Some(placement), ..bed.launch(count) }
}

/// The codes of what went wrong with single hosts.
fn item_codes(bed: &mut Bed, request: impl Into<Request>) -> Vec<String> {
    let items = match bed.ask(request).unwrap() {
        Response::ModifyHosts(answer) => answer.unsuccessful,
        Response::ReleaseHosts(answer) => answer.unsuccessful,
        other => panic!("{other:?}"),
    };
    items.into_iter().map(|item| item.error.unwrap().code.unwrap()).collect()
}

#[test]
fn hosts_are_allocated_once_and_pass_their_filters() {
    let mut bed = Bed::new();
    let asked = AllocateHostsRequest {
        client_token: Some("once".to_owned()),
        auto_placement: Some(AutoPlacement::On),
        host_recovery: Some(HostRecovery::On),
        host_maintenance: Some(HostMaintenance::On),
        tag_specifications: vec![specification(RESOURCE_TYPE, &[("Name", "a")])],
        ..request(&bed, 2)
    };
    let ids = allocate(&mut bed, asked.clone());
    assert_eq!(ids.len(), 2);
    assert_eq!(allocate(&mut bed, asked), ids);
    let family = AllocateHostsRequest {
        instance_type: None,
        instance_family: Some("m5".to_owned()),
        availability_zone: Some(bed.context.region.zone('b').to_string()),
        ..request(&bed, 1)
    };
    let other = allocate(&mut bed, family).remove(0);
    let zone = zone(&bed);
    let values = ["on", zone.as_str(), "once", "none", "t3.micro", "available"];
    for (name, value) in HostRow::NAMES.iter().zip(values) {
        let filters = vec![filter(name, &[value]), filter("tag:Name", &["a"])];
        let expected = if *name == "host-reservation-id" { 0 } else { 2 };
        assert_eq!(told(&bed, filters).len(), expected, "{name}");
        assert!(told(&bed, vec![filter(name, &["other"])]).is_empty(), "{name}");
    }
    let host = told(&bed, vec![filter("tag:Name", &["a"])]).remove(0);
    assert_eq!(host.host_recovery, Some(HostRecovery::On));
    assert_eq!(host.host_maintenance, Some(HostMaintenance::On));
    assert_eq!(host.allows_multiple_instance_types, Some(AllowsMultipleInstanceTypes::Off));
    assert_eq!(host.available_capacity.unwrap().available_instance_capacity.len(), 1);
    let host = told(&bed, vec![filter("auto-placement", &["off"])]).remove(0);
    assert_eq!(host.host_id, Some(other));
    let properties = host.host_properties.unwrap();
    assert_eq!((properties.cores, properties.sockets, properties.total_vcpus), (Some(48), Some(2), Some(96)));
    let capacity = host.available_capacity.unwrap();
    assert_eq!(capacity.available_vcpus, Some(96));
    let large = &capacity.available_instance_capacity[0];
    assert_eq!((large.instance_type.as_deref(), large.total_capacity), (Some("m5.large"), Some(48)));
}

#[test]
fn what_is_wrong_with_an_allocation_is_said() {
    let mut bed = Bed::new();
    let good = request(&bed, 1);
    let text = |text: &str| Some(text.to_owned());
    for (request, code) in [
        (AllocateHostsRequest { quantity: None, ..good.clone() }, "MissingParameter"),
        (AllocateHostsRequest { instance_type: None, ..good.clone() }, "MissingParameter"),
        (AllocateHostsRequest { availability_zone: None, ..good.clone() }, "MissingParameter"),
        (AllocateHostsRequest { quantity: Some(0), ..good.clone() }, "InvalidParameterValue"),
        (AllocateHostsRequest { quantity: Some(101), ..good.clone() }, "HostLimitExceeded"),
        (AllocateHostsRequest { instance_type: text("t4g.micro"), ..good.clone() }, "InvalidParameterValue"),
        (
            AllocateHostsRequest { instance_type: None, instance_family: text("z0"), ..good.clone() },
            "InvalidParameterValue",
        ),
        (AllocateHostsRequest { instance_family: text("t3"), ..good.clone() }, "InvalidParameterCombination"),
        (AllocateHostsRequest { availability_zone: text("mars-1a"), ..good.clone() }, "InvalidZone.NotFound"),
        (AllocateHostsRequest { outpost_arn: text("arn"), ..good }, "UnsupportedOperation"),
    ] {
        assert_eq!(bed.error(request).0, code);
    }
    let absent = |id: &str| DescribeHostsRequest { host_ids: vec![id.to_owned()], ..Default::default() };
    assert_eq!(bed.error(absent("h-00000000000000099")).0, "InvalidHostID.NotFound");
    assert_eq!(bed.error(absent("x")).0, "InvalidHostID.Malformed");
    assert_eq!(bed.error(ReleaseHostsRequest::default()).0, "MissingParameter");
    let idle = ModifyHostsRequest { host_ids: vec!["h-1".to_owned()], ..Default::default() };
    assert_eq!(bed.error(idle).0, "MissingParameter");
}

#[test]
fn instances_fill_a_host_and_keep_it_from_being_released() {
    let mut bed = Bed::new();
    let one = request(&bed, 1);
    let host = allocate(&mut bed, one).remove(0);
    let untargeted = on_host(&bed, 1, None);
    assert_eq!(bed.error(untargeted.clone()).0, "InsufficientHostCapacity", "it takes only those that name it");
    let five = on_host(&bed, 5, Some(&host));
    assert_eq!(bed.error(five.clone()).0, "InsufficientHostCapacity");
    let some = RunInstancesRequest { min_count: 1, ..five };
    assert_eq!(bed.run(some).instances.len(), 4, "as many as there is room for");
    let shown = told(&bed, Vec::new()).remove(0);
    assert_eq!(shown.instances.len(), 4);
    assert_eq!(shown.available_capacity.unwrap().available_vcpus, Some(0));
    let release = ReleaseHostsRequest { host_ids: vec![host.clone(), "h-00000000000000099".to_owned()] };
    let codes = ["Client.InvalidHost.Occupied", "Client.InvalidHostID.NotFound"];
    assert_eq!(item_codes(&mut bed, release.clone()), codes);
    let ids: Vec<InstanceId> = bed.view().tables().instances.keys().copied().collect();
    ids.iter().for_each(|id| bed.terminate(*id));
    let modify = |auto| ModifyHostsRequest {
        host_ids: vec![host.clone()],
        auto_placement: Some(auto),
        instance_family: Some("t3".to_owned()),
        ..Default::default()
    };
    assert!(item_codes(&mut bed, modify(AutoPlacement::On)).is_empty());
    let other = ModifyHostsRequest { instance_family: Some("m5".to_owned()), ..modify(AutoPlacement::On) };
    assert_eq!(item_codes(&mut bed, other), ["Client.InvalidParameterValue"]);
    let placed = bed.running_of(untargeted);
    assert_eq!(bed.describe(placed).placement.unwrap().host_id, Some(host.clone()));
    let only = ModifyHostsRequest {
        instance_family: None,
        instance_type: Some("t3.small".to_owned()),
        ..modify(AutoPlacement::On)
    };
    assert_eq!(item_codes(&mut bed, only), ["Client.InvalidHost.Occupied"]);
    bed.terminate(placed);
    assert_eq!(item_codes(&mut bed, release)[..], codes[1..]);
    assert_eq!(told(&bed, Vec::new())[0].state, Some(AllocationState::Released));
    let gone = on_host(&bed, 1, Some(&host));
    assert_eq!(bed.error(gone).0, "InvalidHostID.NotFound");
    bed.settle_after_ms(DELETED_VISIBLE_MS);
    assert!(told(&bed, Vec::new()).is_empty());
}

#[test]
fn a_started_instance_finds_room_again() {
    let mut bed = Bed::new();
    let two = AllocateHostsRequest { auto_placement: Some(AutoPlacement::On), ..request(&bed, 2) };
    let hosts = allocate(&mut bed, two);
    let first = on_host(&bed, 1, Some(&hosts[0]));
    let id = bed.running_of(first);
    bed.stop(id);
    let others = on_host(&bed, 4, Some(&hosts[0]));
    bed.run(others);
    bed.start(id);
    assert_eq!(bed.describe(id).placement.unwrap().host_id.as_ref(), Some(&hosts[1]), "it moves");
    assert!(bed.report(|tx, now| crate::lifecycle::mark_running(tx, now, id, 2, "boot".to_owned())));
    bed.stop(id);
    let stay = ModifyInstancePlacementRequest {
        instance_id: id.to_string(),
        affinity: Some(ec2_shapes::Affinity::Host),
        host_id: Some(hosts[0].clone()),
        ..Default::default()
    };
    bed.ask(stay).unwrap();
    let start = StartInstancesRequest { instance_ids: vec![id.to_string()], ..Default::default() };
    assert_eq!(bed.error(start).0, "InsufficientHostCapacity", "its host is full");
}
