use ec2_shapes::{
    CapacityReservationPreference, CapacityReservationSpecification, CapacityReservationTarget, Placement, Response,
    RunInstancesRequest, StartInstancesRequest,
};

use super::*;
use crate::actions::testbed::Bed;
use crate::testing::{filter, specification};

fn request(bed: &Bed, count: i32) -> CreateCapacityReservationRequest {
    CreateCapacityReservationRequest {
        availability_zone: Some(bed.context.region.zone('a').to_string()),
        instance_type: "t3.micro".to_owned(),
        instance_platform: Some(CapacityReservationInstancePlatform::LinuxUNIX),
        instance_count: count,
        ..Default::default()
    }
}

fn create(bed: &mut Bed, request: CreateCapacityReservationRequest) -> ec2_shapes::CapacityReservation {
    match bed.ask(request).unwrap() {
        Response::CreateCapacityReservation(answer) => answer.capacity_reservation.unwrap(),
        other => panic!("{other:?}"),
    }
}

fn told(bed: &Bed, filters: Vec<ec2_shapes::Filter>) -> Vec<ec2_shapes::CapacityReservation> {
    let request = DescribeCapacityReservationsRequest { filters, ..Default::default() };
    bed.read(|context, view| describe_capacity_reservations(context, view, request)).unwrap().capacity_reservations
}

fn available(bed: &Bed, id: &str) -> Option<i32> {
    told(bed, Vec::new())
        .into_iter()
        .find(|it| it.capacity_reservation_id.as_deref() == Some(id))?
        .available_instance_count
}

fn launch(bed: &Bed, preference: Option<CapacityReservationPreference>, target: Option<&str>) -> RunInstancesRequest {
    let placement =
        Placement { availability_zone: Some(bed.context.region.zone('a').to_string()), ..Default::default() };
    RunInstancesRequest {
        placement: Some(placement),
        capacity_reservation_specification: Some(CapacityReservationSpecification {
            capacity_reservation_preference: preference,
            capacity_reservation_target: target.map(|id| CapacityReservationTarget {
                capacity_reservation_id: Some(id.to_owned()),
                ..Default::default()
            }),
        }),
        ..bed.launch(1)
    }
}

fn in_future(bed: &Bed, ms: i64) -> Option<ec2_shapes::Timestamp> {
    Some(show::moment(bed.context.now.plus_ms(ms)))
}

#[test]
fn a_reservation_passes_its_filters_and_expires() {
    let mut bed = Bed::new();
    let asked = CreateCapacityReservationRequest {
        client_token: Some("once".to_owned()),
        end_date_type: Some(EndDateType::Limited),
        end_date: in_future(&bed, 60_000),
        tag_specifications: vec![specification(RESOURCE_TYPE, &[("Name", "a")])],
        ..request(&bed, 2)
    };
    let made = create(&mut bed, asked.clone());
    assert_eq!(create(&mut bed, asked), made);
    assert_eq!((made.total_instance_count, made.available_instance_count), (Some(2), Some(2)));
    let (owner, zone) = (made.owner_id.clone().unwrap(), made.availability_zone.clone().unwrap());
    let (start, end) = (made.start_date.unwrap().to_string(), made.end_date.unwrap().to_string());
    let values =
        ["t3.micro", &owner, "Linux/UNIX", &zone, "default", "none", "active", &start, &end, "limited", "open", "none"];
    for (name, value) in Row::NAMES.iter().zip(values) {
        let found = told(&bed, vec![filter(name, &[value]), filter("tag:Name", &["a"])]);
        assert_eq!(found.len(), usize::from(value != "none"), "{name}");
        assert!(told(&bed, vec![filter(name, &["other"])]).is_empty(), "{name}");
    }
    bed.settle_after_ms(60_000);
    let found = told(&bed, Vec::new()).remove(0);
    assert_eq!((found.state, found.total_instance_count), (Some(CapacityReservationState::Expired), Some(0)));
    bed.settle_after_ms(DELETED_VISIBLE_MS);
    assert!(told(&bed, Vec::new()).is_empty());
}

#[test]
fn what_is_wrong_with_a_reservation_is_said() {
    let mut bed = Bed::new();
    let good = request(&bed, 1);
    let soon = in_future(&bed, 1_000);
    type Wanted = CreateCapacityReservationRequest;
    for (request, code) in [
        (Wanted { instance_platform: None, ..good.clone() }, "MissingParameter"),
        (Wanted { availability_zone: None, ..good.clone() }, "MissingParameter"),
        (Wanted { end_date_type: Some(EndDateType::Limited), ..good.clone() }, "MissingParameter"),
        (Wanted { end_date: soon, ..good.clone() }, "InvalidParameterCombination"),
        (
            Wanted { end_date_type: Some(EndDateType::Limited), end_date: in_future(&bed, 0), ..good.clone() },
            "InvalidParameterValue",
        ),
        (Wanted { instance_count: 0, ..good.clone() }, "InvalidParameterValue"),
        (Wanted { instance_type: "z0.big".to_owned(), ..good.clone() }, "InvalidParameterValue"),
        (Wanted { availability_zone: Some("mars-1a".to_owned()), ..good.clone() }, "InvalidZone.NotFound"),
        (Wanted { start_date: soon, ..good.clone() }, "UnsupportedOperation"),
        (
            Wanted { instance_platform: Some(CapacityReservationInstancePlatform::Windows), ..good },
            "UnsupportedOperation",
        ),
    ] {
        assert_eq!(bed.error(request).0, code);
    }
    let absent =
        |id: &str| CancelCapacityReservationRequest { capacity_reservation_id: id.to_owned(), ..Default::default() };
    assert_eq!(bed.error(absent("cr-00000000000000099")).0, "InvalidCapacityReservationId.NotFound");
    assert_eq!(bed.error(absent("x")).0, "InvalidCapacityReservationId.Malformed");
}

#[test]
fn instances_use_what_is_open_unless_they_object() {
    let mut bed = Bed::new();
    let two = request(&bed, 2);
    let id = create(&mut bed, two).capacity_reservation_id.unwrap();
    let none = launch(&bed, Some(CapacityReservationPreference::None), None);
    bed.running_of(none);
    assert_eq!(available(&bed, &id), Some(2));
    let open = launch(&bed, None, None);
    let first = bed.running_of(open);
    assert_eq!(available(&bed, &id), Some(1));
    let only = launch(&bed, Some(CapacityReservationPreference::CapacityReservationsOnly), None);
    bed.running_of(only.clone());
    assert_eq!(available(&bed, &id), Some(0));
    assert_eq!(bed.error(only).0, "ReservationCapacityExceeded");
    let modify = |count, criteria| ModifyCapacityReservationRequest {
        capacity_reservation_id: id.clone(),
        instance_count: count,
        instance_match_criteria: criteria,
        ..Default::default()
    };
    assert_eq!(bed.error(modify(Some(1), None)).0, "InvalidParameterValue");
    let targeted = modify(None, Some(InstanceMatchCriteria::Targeted));
    assert_eq!(bed.error(targeted).0, "InvalidCapacityReservationState");
    bed.ask(modify(Some(5), None)).unwrap();
    assert_eq!(available(&bed, &id), Some(3));
    bed.stop(first);
    assert_eq!(available(&bed, &id), Some(4));
    let cancel = CancelCapacityReservationRequest { capacity_reservation_id: id.clone(), ..Default::default() };
    bed.ask(cancel.clone()).unwrap();
    assert_eq!(bed.error(cancel).0, "InvalidCapacityReservationState");
    assert_eq!(told(&bed, Vec::new())[0].state, Some(CapacityReservationState::Cancelled));
}

#[test]
fn a_targeted_reservation_takes_only_who_names_it() {
    let mut bed = Bed::new();
    let targeted = CreateCapacityReservationRequest {
        instance_match_criteria: Some(InstanceMatchCriteria::Targeted),
        ..request(&bed, 1)
    };
    let id = create(&mut bed, targeted).capacity_reservation_id.unwrap();
    let open = launch(&bed, None, None);
    bed.running_of(open);
    assert_eq!(available(&bed, &id), Some(1));
    let named = launch(&bed, None, Some(&id));
    let first = bed.running_of(named.clone());
    assert_eq!(available(&bed, &id), Some(0));
    assert_eq!(bed.error(named.clone()).0, "ReservationCapacityExceeded");
    bed.stop(first);
    bed.running_of(named);
    let start = StartInstancesRequest { instance_ids: vec![first.to_string()], ..Default::default() };
    assert_eq!(bed.error(start).0, "ReservationCapacityExceeded");
    let other = RunInstancesRequest { instance_type: Some("t3.small".to_owned()), ..launch(&bed, None, Some(&id)) };
    assert_eq!(bed.error(other).0, "ReservationCapacityExceeded", "it is of another type");
}
