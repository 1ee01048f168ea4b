use ec2_shapes::{
    DescribeSpotDatafeedSubscriptionRequest, DescribeSpotInstanceRequestsRequest, DescribeSpotPriceHistoryRequest,
    InstanceLifecycleType, RequestSpotLaunchSpecification, Response, SpotInstanceRequest, StopInstancesRequest,
    TerminateInstancesRequest,
};

use super::*;
use crate::actions::testbed::Bed;
use crate::lifecycle;
use crate::testing::{filter, specification};

fn wanted(bed: &Bed) -> RequestSpotInstancesRequest {
    RequestSpotInstancesRequest {
        spot_price: Some("0.05".to_owned()),
        launch_specification: Some(RequestSpotLaunchSpecification {
            image_id: Some(bed.image.clone()),
            instance_type: Some("t3.micro".to_owned()),
            key_name: Some("key".to_owned()),
            ..Default::default()
        }),
        tag_specifications: vec![specification(RESOURCE_TYPE, &[("Name", "cheap")])],
        ..Default::default()
    }
}

fn request(bed: &mut Bed, request: RequestSpotInstancesRequest) -> Vec<SpotInstanceRequest> {
    bed.write(|context, tx| request_spot_instances(context, tx, request)).unwrap().spot_instance_requests
}

fn told(bed: &Bed, request: DescribeSpotInstanceRequestsRequest) -> Vec<SpotInstanceRequest> {
    bed.read(|context, view| describe_spot_instance_requests(context, view, request)).unwrap().spot_instance_requests
}

fn code_of(request: &SpotInstanceRequest) -> &str {
    request.status.as_ref().unwrap().code.as_deref().unwrap()
}

#[test]
fn a_request_is_open_then_fulfilled_and_closed_with_its_instance() {
    let mut bed = Bed::new();
    let token = Some("once".to_owned());
    let asked = RequestSpotInstancesRequest { instance_count: Some(2), client_token: token, ..wanted(&bed) };
    let made = request(&mut bed, asked.clone());
    assert_eq!(request(&mut bed, asked).len(), 2, "a repeat");
    assert_eq!((made.len(), bed.view().tables().instances.len()), (2, 2));
    assert_eq!((made[0].state.unwrap().as_str(), code_of(&made[0])), ("open", "pending-evaluation"));
    assert_eq!(made[0].instance_id, None);
    bed.settle();
    let ids = vec![made[0].spot_instance_request_id.clone().unwrap()];
    let look = |bed: &Bed| {
        let spot_instance_request_ids = ids.clone();
        told(bed, DescribeSpotInstanceRequestsRequest { spot_instance_request_ids, ..Default::default() }).remove(0)
    };
    let found = look(&bed);
    assert_eq!((found.state.unwrap().as_str(), code_of(&found)), ("active", "fulfilled"));
    assert_eq!((found.spot_price.as_deref(), found.tags.len()), (Some("0.05"), 1));
    let launch = found.launch_specification.as_ref().unwrap();
    assert_eq!((launch.image_id.as_deref(), launch.key_name.as_deref()), (Some(bed.image.as_str()), Some("key")));
    assert_eq!(launch.security_groups.len(), 1);
    let instance = found.instance_id.clone().unwrap();
    let stop = StopInstancesRequest { instance_ids: vec![instance.clone()], ..Default::default() };
    let id: InstanceId = instance.parse().unwrap();
    assert!(bed.report(|tx, now| lifecycle::mark_running(tx, now, id, 1, "boot".to_owned())));
    assert_eq!(bed.error(stop).0, "UnsupportedOperation");
    bed.ask(TerminateInstancesRequest { instance_ids: vec![instance], ..Default::default() }).unwrap();
    assert!(bed.report(|tx, now| lifecycle::mark_terminated(tx, now, id)));
    let found = look(&bed);
    assert_eq!((found.state.unwrap().as_str(), code_of(&found)), ("closed", "instance-terminated-by-user"));
    bed.settle_after_ms(OVER_VISIBLE_MS);
    assert_eq!(told(&bed, DescribeSpotInstanceRequestsRequest::default()).len(), 1, "the other one");
}

#[test]
fn a_cancelled_request_leaves_its_instance() {
    let mut bed = Bed::new();
    let asked = RequestSpotInstancesRequest { r#type: Some(SpotInstanceType::Persistent), ..wanted(&bed) };
    let id = request(&mut bed, asked).remove(0).spot_instance_request_id.unwrap();
    let cancel =
        |ids: Vec<String>| CancelSpotInstanceRequestsRequest { spot_instance_request_ids: ids, ..Default::default() };
    bed.ask(cancel(vec![id])).unwrap();
    bed.settle();
    let found = told(&bed, DescribeSpotInstanceRequestsRequest::default()).remove(0);
    assert_eq!(
        (found.state.unwrap().as_str(), code_of(&found)),
        ("cancelled", "request-canceled-and-instance-running")
    );
    assert!(bed.view().tables().instances.values().all(|instance| !instance.state.is_ending()));
    let absent = "sir-0123456789abcdef0".to_owned();
    assert_eq!(bed.error(cancel(vec![absent])).0, "InvalidSpotInstanceRequestID.NotFound");
    assert_eq!(bed.error(cancel(vec!["x".to_owned()])).0, "InvalidSpotInstanceRequestID.Malformed");
    assert_eq!(bed.error(cancel(vec![])).0, "MissingParameter");
}

#[test]
fn a_launch_on_the_spot_market_makes_a_request() {
    let mut bed = Bed::new();
    let market =
        |market_type, spot_options| Some(InstanceMarketOptionsRequest { market_type: Some(market_type), spot_options });
    let launch = RunInstancesRequest { instance_market_options: market(MarketType::Spot, None), ..bed.launch(1) };
    let instance = bed.run(launch).instances.remove(0);
    assert_eq!(instance.instance_lifecycle, Some(InstanceLifecycleType::Spot));
    let found = told(&bed, DescribeSpotInstanceRequestsRequest::default()).remove(0);
    assert_eq!(found.spot_instance_request_id, instance.spot_instance_request_id);
    assert_eq!((found.instance_id, found.state.unwrap().as_str()), (instance.instance_id, "active"));
    let options = |options: SpotMarketOptions| Some(options);
    for (market_type, spot, code) in [
        (MarketType::CapacityBlock, None, "UnsupportedOperation"),
        (
            MarketType::Spot,
            options(SpotMarketOptions { max_price: Some("no".to_owned()), ..Default::default() }),
            "InvalidParameterValue",
        ),
        (
            MarketType::Spot,
            options(SpotMarketOptions { block_duration_minutes: Some(60), ..Default::default() }),
            "UnsupportedOperation",
        ),
        (
            MarketType::Spot,
            options(SpotMarketOptions {
                instance_interruption_behavior: Some(InstanceInterruptionBehavior::Stop),
                ..Default::default()
            }),
            "InvalidParameterCombination",
        ),
        (
            MarketType::Spot,
            options(SpotMarketOptions {
                valid_until: Some(ec2_shapes::Timestamp::from_unix_ms(0)),
                ..Default::default()
            }),
            "InvalidParameterValue",
        ),
    ] {
        let launch = RunInstancesRequest { instance_market_options: market(market_type, spot), ..bed.launch(1) };
        assert_eq!(bed.error(launch).0, code, "{market_type:?}");
    }
    assert_eq!(bed.view().tables().instances.len(), 1);
}

#[test]
fn every_filter_is_looked_at() {
    let mut bed = Bed::new();
    let asked = wanted(&bed);
    request(&mut bed, asked);
    bed.settle();
    for (name, value, count) in [
        ("state", "active", 1),
        ("state", "open", 0),
        ("status-code", "fulfilled", 1),
        ("type", "one-time", 1),
        ("spot-price", "0.05", 1),
        ("launch.instance-type", "t3.micro", 1),
        ("launch.key-name", "key", 1),
        ("launch.group-name", "default", 1),
        ("launch.image-id", "ami-none", 0),
        ("product-description", "Linux/UNIX", 1),
        ("tag:Name", "cheap", 1),
        ("fault-code", "*", 0),
        ("valid-until", "*", 0),
    ] {
        let filters = vec![filter(name, &[value])];
        let found = told(&bed, DescribeSpotInstanceRequestsRequest { filters, ..Default::default() });
        assert_eq!(found.len(), count, "{name}={value}");
    }
}

#[test]
fn bad_requests_and_what_there_is_none_of() {
    let mut bed = Bed::new();
    let good = wanted(&bed);
    for (request, code) in [
        (RequestSpotInstancesRequest { launch_specification: None, ..good.clone() }, "MissingParameter"),
        (RequestSpotInstancesRequest { instance_count: Some(0), ..good.clone() }, "InvalidParameterValue"),
        (RequestSpotInstancesRequest { block_duration_minutes: Some(60), ..good.clone() }, "UnsupportedOperation"),
        (
            RequestSpotInstancesRequest { valid_from: Some(ec2_shapes::Timestamp::from_unix_ms(i64::MAX)), ..good },
            "UnsupportedOperation",
        ),
    ] {
        assert_eq!(bed.error(request).0, code);
    }
    assert_eq!(bed.error(DescribeSpotDatafeedSubscriptionRequest::default()).0, "InvalidSpotDatafeed.NotFound");
    let Ok(Response::DescribeSpotPriceHistory(history)) = bed.ask(DescribeSpotPriceHistoryRequest::default()) else {
        panic!("an answer");
    };
    assert!(history.spot_price_history.is_empty());
    let filters = vec![filter("no", &["x"])];
    let odd = DescribeSpotPriceHistoryRequest { filters, ..Default::default() };
    assert_eq!(bed.error(odd).0, "InvalidParameterValue");
}
