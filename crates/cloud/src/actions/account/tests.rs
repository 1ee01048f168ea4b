//! Settings of the account, and what it is.

use ec2_shapes::*;

use crate::actions::testbed::{Bed, texts};

fn attributes(bed: &mut Bed, names: Vec<AccountAttributeName>) -> Vec<(String, String)> {
    let request = DescribeAccountAttributesRequest { attribute_names: names, ..Default::default() };
    let Response::DescribeAccountAttributes(answer) = bed.ask(request).unwrap() else { panic!() };
    let pair = |attribute: AccountAttribute| {
        (attribute.attribute_name.unwrap(), attribute.attribute_values[0].attribute_value.clone().unwrap())
    };
    answer.account_attributes.into_iter().map(pair).collect()
}

#[test]
fn the_account_has_attributes() {
    let mut bed = Bed::new();
    let vpc = bed.view().default_vpc().unwrap().id.to_string();
    let all = attributes(&mut bed, vec![]);
    for (name, value) in [
        ("supported-platforms", "VPC"),
        ("default-vpc", vpc.as_str()),
        ("max-instances", "20000"),
        ("vpc-max-security-groups-per-interface", "5"),
        ("max-elastic-ips", "5"),
        ("vpc-max-elastic-ips", "5"),
    ] {
        assert!(all.contains(&(name.to_owned(), value.to_owned())), "{name}: {all:?}");
    }
    let one = attributes(&mut bed, vec![AccountAttributeName::SupportedPlatforms]);
    assert_eq!(one, [("supported-platforms".to_owned(), "VPC".to_owned())]);
}

#[test]
fn the_serial_console_is_opened_and_closed() {
    let mut bed = Bed::new();
    let is_open = |bed: &mut Bed| match bed.ask(GetSerialConsoleAccessStatusRequest::default()).unwrap() {
        Response::GetSerialConsoleAccessStatus(answer) => answer.serial_console_access_enabled.unwrap(),
        other => panic!("{other:?}"),
    };
    assert!(!is_open(&mut bed));
    bed.ask(EnableSerialConsoleAccessRequest::default()).unwrap();
    assert!(is_open(&mut bed));
    bed.ask(DisableSerialConsoleAccessRequest::default()).unwrap();
    bed.ask(DisableSerialConsoleAccessRequest::default()).unwrap();
    assert!(!is_open(&mut bed));
}

#[test]
fn zone_groups_are_opted_in_to() {
    let mut bed = Bed::new();
    let ask = |name: &str, status| ModifyAvailabilityZoneGroupRequest {
        group_name: name.to_owned(),
        opt_in_status: Some(status),
        ..Default::default()
    };
    use ModifyAvailabilityZoneOptInStatus::{NotOptedIn, OptedIn};
    bed.ask(ask("us-east-1-zg-1", OptedIn)).unwrap();
    assert_eq!(bed.error(ask("us-east-1-zg-1", NotOptedIn)).0, "UnsupportedOperation");
    assert_eq!(bed.error(ask("us-west-2-lax-1", OptedIn)).0, "InvalidParameterValue");
}

#[test]
fn all_ids_are_long() {
    let mut bed = Bed::new();
    let ask = |resource: Option<&str>| DescribeIdFormatRequest { resource: resource.map(str::to_owned) };
    let Response::DescribeIdFormat(answer) = bed.ask(ask(None)).unwrap() else { panic!() };
    assert!(answer.statuses.len() > 20 && answer.statuses.iter().all(|status| status.use_long_ids == Some(true)));
    let Response::DescribeIdFormat(answer) = bed.ask(ask(Some("vpc"))).unwrap() else { panic!() };
    assert_eq!(answer.statuses[0].resource.as_deref(), Some("vpc"));
    assert_eq!(bed.error(ask(Some("teapot"))).0, "InvalidParameterValue");
    let aggregate = bed.ask(DescribeAggregateIdFormatRequest::default()).unwrap();
    let Response::DescribeAggregateIdFormat(answer) = aggregate else { panic!() };
    assert_eq!(answer.use_long_ids_aggregated, Some(true));
    let principals =
        |names: &[&str]| DescribePrincipalIdFormatRequest { resources: texts(names), ..Default::default() };
    let Response::DescribePrincipalIdFormat(answer) = bed.ask(principals(&["vpc"])).unwrap() else { panic!() };
    assert_eq!(answer.principals, []);
    assert_eq!(bed.error(principals(&["teapot"])).0, "InvalidParameterValue");
}

#[test]
fn metadata_defaults_are_set_and_taken_away() {
    let mut bed = Bed::new();
    let get = |bed: &mut Bed| match bed.ask(GetInstanceMetadataDefaultsRequest::default()).unwrap() {
        Response::GetInstanceMetadataDefaults(answer) => answer.account_level.unwrap(),
        other => panic!("{other:?}"),
    };
    let nothing = InstanceMetadataDefaultsResponse { managed_by: Some(ManagedBy::Account), ..Default::default() };
    assert_eq!(get(&mut bed), nothing);
    let set = ModifyInstanceMetadataDefaultsRequest {
        http_endpoint: Some(DefaultInstanceMetadataEndpointState::Disabled),
        http_tokens: Some(MetadataDefaultHttpTokensState::Required),
        http_tokens_enforced: Some(DefaultHttpTokensEnforcedState::Disabled),
        http_put_response_hop_limit: Some(64),
        instance_metadata_tags: Some(DefaultInstanceMetadataTagsState::Enabled),
        ..Default::default()
    };
    bed.ask(set).unwrap();
    let expected = InstanceMetadataDefaultsResponse {
        http_endpoint: Some(InstanceMetadataEndpointState::Disabled),
        http_tokens: Some(HttpTokensState::Required),
        http_tokens_enforced: Some(HttpTokensEnforcedState::Disabled),
        http_put_response_hop_limit: Some(64),
        instance_metadata_tags: Some(InstanceMetadataTagsState::Enabled),
        ..nothing.clone()
    };
    assert_eq!(get(&mut bed), expected);
    let take = ModifyInstanceMetadataDefaultsRequest {
        http_endpoint: Some(DefaultInstanceMetadataEndpointState::NoPreference),
        http_tokens: Some(MetadataDefaultHttpTokensState::NoPreference),
        http_tokens_enforced: Some(DefaultHttpTokensEnforcedState::NoPreference),
        http_put_response_hop_limit: Some(-1),
        instance_metadata_tags: Some(DefaultInstanceMetadataTagsState::NoPreference),
        ..Default::default()
    };
    bed.ask(take).unwrap();
    assert_eq!(get(&mut bed), nothing);
    let bad = |limit| ModifyInstanceMetadataDefaultsRequest {
        http_put_response_hop_limit: Some(limit),
        ..Default::default()
    };
    assert_eq!(bed.error(bad(0)).0, "InvalidParameterValue");
    assert_eq!(bed.error(bad(65)).0, "InvalidParameterValue");
    assert_eq!(bed.error(ModifyInstanceMetadataDefaultsRequest::default()).0, "MissingParameter");
}
