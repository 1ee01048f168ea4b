use ec2_shapes::{DestinationOptionsRequest, LogDestinationType, Response, TagFieldSpecificationRequest, TrafficType};

use super::*;
use crate::actions::testbed::{Bed, texts};
use crate::testing::{filter, specification};

const ROLE: &str = "arn:aws:iam::123456789012:role/flow-logs";

fn vpc_of(bed: &Bed) -> String {
    bed.view().default_vpc().unwrap().id.to_string()
}

fn to_group(bed: &Bed) -> CreateFlowLogsRequest {
    CreateFlowLogsRequest {
        resource_ids: vec![vpc_of(bed)],
        resource_type: Some(FlowLogsResourceType::Vpc),
        traffic_type: Some(TrafficType::All),
        log_group_name: Some("flows".to_owned()),
        deliver_logs_permission_arn: Some(ROLE.to_owned()),
        ..CreateFlowLogsRequest::default()
    }
}

fn to_bucket(bed: &Bed, arn: &str) -> CreateFlowLogsRequest {
    CreateFlowLogsRequest {
        log_destination_type: Some(LogDestinationType::S3),
        log_destination: Some(arn.to_owned()),
        log_group_name: None,
        deliver_logs_permission_arn: None,
        ..to_group(bed)
    }
}

fn create(bed: &mut Bed, request: CreateFlowLogsRequest) -> CreateFlowLogsResult {
    match bed.ask(request).unwrap() {
        Response::CreateFlowLogs(answer) => *answer,
        other => panic!("{other:?}"),
    }
}

fn describe(bed: &mut Bed, request: DescribeFlowLogsRequest) -> Vec<ec2_shapes::FlowLog> {
    match bed.ask(request).unwrap() {
        Response::DescribeFlowLogs(answer) => answer.flow_logs,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_log_reads_back_as_asked_for() {
    let mut bed = Bed::new();
    let tag_specifications = vec![specification("vpc-flow-log", &[("Name", "all")])];
    let request = CreateFlowLogsRequest { tag_specifications, ..to_group(&bed) };
    let answer = create(&mut bed, request);
    assert!(answer.unsuccessful.is_empty());
    let [log] = describe(&mut bed, DescribeFlowLogsRequest::default()).try_into().unwrap();
    assert_eq!(log.flow_log_id, answer.flow_log_ids.first().cloned());
    assert_eq!(log.resource_id, Some(vpc_of(&bed)));
    assert_eq!(log.log_format.as_deref(), Some(wanted::DEFAULT_FORMAT));
    assert_eq!(log.max_aggregation_interval, Some(600));
    assert_eq!((log.log_group_name.as_deref(), log.log_destination), (Some("flows"), None));
    assert_eq!(log.deliver_logs_permission_arn.as_deref(), Some(ROLE));
    assert_eq!((log.flow_log_status.as_deref(), log.deliver_logs_status.as_deref()), (Some("ACTIVE"), Some("SUCCESS")));
    assert!(log.deliver_logs_error_message.is_none() && log.creation_time.is_some());
    assert_eq!((log.destination_options, log.tags.len()), (None, 1));
}

#[test]
fn a_log_for_a_bucket_keeps_its_options() {
    let mut bed = Bed::new();
    let subnet = bed.view().subnets.keys().next().unwrap().to_string();
    let request = CreateFlowLogsRequest {
        resource_ids: vec![subnet.clone()],
        resource_type: Some(FlowLogsResourceType::Subnet),
        traffic_type: Some(TrafficType::Reject),
        log_format: Some("${version} ${vpc-id} ${flow-direction}".to_owned()),
        max_aggregation_interval: Some(60),
        destination_options: Some(DestinationOptionsRequest {
            file_format: Some(DestinationFileFormat::PlainText),
            hive_compatible_partitions: Some(true),
            per_hour_partition: Some(true),
        }),
        ..to_bucket(&bed, "arn:aws:s3:::bucket/folder/")
    };
    create(&mut bed, request);
    let [log] = describe(&mut bed, DescribeFlowLogsRequest::default()).try_into().unwrap();
    assert_eq!(log.resource_id, Some(subnet));
    assert_eq!(log.log_destination.as_deref(), Some("arn:aws:s3:::bucket/folder/"));
    assert_eq!(log.log_destination_type, Some(LogDestinationType::S3));
    assert_eq!(log.log_format.as_deref(), Some("${version} ${vpc-id} ${flow-direction}"));
    assert_eq!((log.max_aggregation_interval, log.traffic_type), (Some(60), Some(TrafficType::Reject)));
    let options = log.destination_options.unwrap();
    assert_eq!((options.hive_compatible_partitions, options.per_hour_partition), (Some(true), Some(true)));
}

#[test]
fn a_log_groups_arn_names_the_group() {
    let mut bed = Bed::new();
    let arn = "arn:aws:logs:us-east-1:123456789012:log-group:/vpc/flows:*";
    let request =
        CreateFlowLogsRequest { log_group_name: None, log_destination: Some(arn.to_owned()), ..to_group(&bed) };
    create(&mut bed, request);
    let [log] = describe(&mut bed, DescribeFlowLogsRequest::default()).try_into().unwrap();
    assert_eq!((log.log_destination.as_deref(), log.log_group_name.as_deref()), (Some(arn), Some("/vpc/flows")));
}

#[test]
fn what_fails_for_one_resource_is_told_beside_the_others() {
    let mut bed = Bed::new();
    let unknown = "vpc-00000000000000009".to_owned();
    let request = CreateFlowLogsRequest {
        resource_ids: vec![unknown.clone(), vpc_of(&bed), vpc_of(&bed), "vpc-x".to_owned()],
        ..to_group(&bed)
    };
    let answer = create(&mut bed, request);
    assert_eq!(answer.flow_log_ids.len(), 1);
    let told: Vec<_> = answer.unsuccessful.iter().map(|it| it.error.clone().unwrap().code.unwrap()).collect();
    assert_eq!(told, ["InvalidVpcID.NotFound", "FlowLogAlreadyExists", "InvalidVpcID.Malformed"]);
    assert_eq!(answer.unsuccessful[0].resource_id, Some(unknown));
    // Another destination or other traffic is another log.
    let group = to_group(&bed);
    let other = CreateFlowLogsRequest { traffic_type: Some(TrafficType::Accept), ..group.clone() };
    assert!(create(&mut bed, other).unsuccessful.is_empty());
    let other = CreateFlowLogsRequest { log_group_name: Some("more".to_owned()), ..group };
    assert!(create(&mut bed, other).unsuccessful.is_empty());
}

#[test]
fn a_repeat_with_its_token_makes_nothing_new() {
    let mut bed = Bed::new();
    let request = CreateFlowLogsRequest { client_token: Some("once".to_owned()), ..to_group(&bed) };
    let first = create(&mut bed, request.clone());
    assert_eq!(first.client_token.as_deref(), Some("once"));
    assert_eq!(create(&mut bed, request.clone()), first);
    let other = CreateFlowLogsRequest { max_aggregation_interval: Some(60), ..request };
    assert_eq!(bed.error(other).0, "IdempotentParameterMismatch");
}

#[test]
fn bad_requests_are_refused() {
    let mut bed = Bed::new();
    let group = to_group(&bed);
    let bucket = to_bucket(&bed, "arn:aws:s3:::bucket");
    let none = CreateFlowLogsRequest::default;
    let role_arn = || Some(ROLE.to_owned());
    for (bad, code) in [
        (CreateFlowLogsRequest { resource_type: None, ..group.clone() }, "MissingParameter"),
        (CreateFlowLogsRequest { traffic_type: None, ..group.clone() }, "MissingParameter"),
        (CreateFlowLogsRequest { resource_ids: none().resource_ids, ..group.clone() }, "MissingParameter"),
        (CreateFlowLogsRequest { resource_ids: vec![String::new(); 301], ..group.clone() }, "InvalidParameterValue"),
        (
            CreateFlowLogsRequest { resource_type: Some(FlowLogsResourceType::TransitGateway), ..group.clone() },
            "UnsupportedOperation",
        ),
        (CreateFlowLogsRequest { log_group_name: None, ..group.clone() }, "InvalidParameter"),
        (CreateFlowLogsRequest { deliver_logs_permission_arn: None, ..group.clone() }, "InvalidParameter"),
        (CreateFlowLogsRequest { log_destination: Some("arn:x".to_owned()), ..group.clone() }, "InvalidParameter"),
        (
            CreateFlowLogsRequest { log_group_name: None, log_destination: role_arn(), ..group.clone() },
            "InvalidParameterValue",
        ),
        (CreateFlowLogsRequest { max_aggregation_interval: Some(61), ..group.clone() }, "InvalidParameter"),
        (CreateFlowLogsRequest { log_format: Some("${colour}".to_owned()), ..group.clone() }, "InvalidParameter"),
        (CreateFlowLogsRequest { log_format: Some("version".to_owned()), ..group.clone() }, "InvalidParameter"),
        (CreateFlowLogsRequest { log_format: Some(" ".to_owned()), ..group.clone() }, "InvalidParameter"),
        (CreateFlowLogsRequest { destination_options: Some(Default::default()), ..group.clone() }, "InvalidParameter"),
        (
            CreateFlowLogsRequest {
                tag_field_specifications: vec![TagFieldSpecificationRequest::default()],
                ..group.clone()
            },
            "UnsupportedOperation",
        ),
        (
            CreateFlowLogsRequest {
                log_destination_type: Some(LogDestinationType::KinesisDataFirehose),
                ..group.clone()
            },
            "UnsupportedOperation",
        ),
        (CreateFlowLogsRequest { log_destination: None, ..bucket.clone() }, "InvalidParameter"),
        (CreateFlowLogsRequest { log_group_name: Some("g".to_owned()), ..bucket.clone() }, "InvalidParameter"),
        (CreateFlowLogsRequest { deliver_logs_permission_arn: role_arn(), ..bucket.clone() }, "InvalidParameter"),
        (to_bucket(&bed, "bucket"), "InvalidParameterValue"),
        (to_bucket(&bed, "arn:aws:s3:::bucket/AWSLogs/"), "InvalidParameterValue"),
        (
            CreateFlowLogsRequest {
                destination_options: Some(DestinationOptionsRequest {
                    file_format: Some(DestinationFileFormat::Parquet),
                    ..Default::default()
                }),
                ..bucket.clone()
            },
            "UnsupportedOperation",
        ),
    ] {
        assert_eq!(bed.error(bad.clone()).0, code, "{bad:?}");
    }
    assert!(bed.view().flow_logs.is_empty());
}

#[test]
fn logs_are_deleted_together_or_not_at_all() {
    let mut bed = Bed::new();
    let request = to_group(&bed);
    let id = create(&mut bed, request).flow_log_ids.remove(0);
    let unknown = "fl-00000000000000009";
    let delete = |ids: &[&str]| DeleteFlowLogsRequest { flow_log_ids: texts(ids), ..Default::default() };
    let (code, message) = bed.error(delete(&[&id, unknown]));
    assert_eq!(code, "InvalidFlowLogId.NotFound");
    let expected = format!("These flow log ids in the input list are not found: [TotalCount: 1] {unknown}");
    assert_eq!(message, expected);
    assert_eq!(bed.error(delete(&["fl-x"])).0, "InvalidFlowLogId.Malformed");
    assert_eq!(bed.error(delete(&[])).0, "MissingParameter");
    assert_eq!(describe(&mut bed, DescribeFlowLogsRequest::default()).len(), 1);
    bed.ask(delete(&[&id])).unwrap();
    let named = DescribeFlowLogsRequest { flow_log_ids: texts(&[&id]), ..DescribeFlowLogsRequest::default() };
    assert_eq!(bed.error(named).0, "InvalidFlowLogId.NotFound");
}

#[test]
fn logs_by_every_filter() {
    let mut bed = Bed::new();
    let tag_specifications = vec![specification("vpc-flow-log", &[("Name", "all")])];
    let request = CreateFlowLogsRequest { tag_specifications, ..to_group(&bed) };
    let id = create(&mut bed, request).flow_log_ids.remove(0);
    let cases = [
        ("deliver-log-status", "SUCCESS".to_owned()),
        ("flow-log-id", id),
        ("log-destination-type", "cloud-watch-logs".to_owned()),
        ("log-group-name", "flows".to_owned()),
        ("resource-id", vpc_of(&bed)),
        ("traffic-type", "ALL".to_owned()),
    ];
    assert!(Row::NAMES.iter().all(|name| cases.iter().any(|(case, _)| case == name)));
    let tags = [("tag:Name", "all".to_owned()), ("tag-key", "Name".to_owned())];
    for (name, value) in cases.into_iter().chain(tags) {
        for (value, count) in [(value.as_str(), 1), ("nothing", 0)] {
            let request = DescribeFlowLogsRequest { filter: vec![filter(name, &[value])], ..Default::default() };
            assert_eq!(describe(&mut bed, request).len(), count, "{name}={value}");
        }
    }
}
