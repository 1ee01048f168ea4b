use ec2_shapes::{
    Action, Filter, InstanceAttributeName, IpPermission, IpRange, KeyType, Request, RunInstancesRequest, Tag, Tenancy,
};
use proptest::prelude::*;

use super::*;

fn parameters(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn decode_action(action: &str, list: &[(&str, &str)]) -> Result<Request, WireError> {
    let mut parameters = parameters(list);
    parameters.push(("Action".to_owned(), action.to_owned()));
    parameters.push(("Version".to_owned(), VERSION.to_owned()));
    decode(&parameters)
}

fn error(action: &str, list: &[(&str, &str)]) -> String {
    decode_action(action, list).unwrap_err().to_string()
}

#[test]
fn requests_made_by_botocore_decode_and_encode_to_the_same() {
    let rows: Vec<Vec<(String, String)>> = serde_json::from_str(include_str!("../../fixtures/requests.json")).unwrap();
    assert!(rows.len() >= 18);
    for row in rows {
        let request = decode(&row).unwrap_or_else(|error| panic!("{error}: {row:?}"));
        let mut again = encode_request(&request);
        again.sort();
        assert_eq!(again, row);
    }
}

#[test]
fn members_of_every_type_arrive() {
    let request = decode_action(
        "RunInstances",
        &[
            ("MinCount", "1"),
            ("MaxCount", "2"),
            ("DryRun", "TRUE"),
            ("EbsOptimized", "0"),
            ("KeyName", ""),
            ("Placement.Tenancy", "dedicated"),
            ("TagSpecification.1.Tag.1.Key", "k"),
            ("SecurityGroupId.1", "sg-1"),
        ],
    );
    let Ok(Request::RunInstances(request)) = request else { panic!("{request:?}") };
    let RunInstancesRequest { min_count, max_count, dry_run, ebs_optimized, key_name, placement, .. } = &*request;
    assert_eq!((*min_count, *max_count, *dry_run, *ebs_optimized), (1, 2, Some(true), Some(false)));
    assert_eq!(key_name.as_deref(), Some(""));
    assert_eq!(placement.as_ref().and_then(|placement| placement.tenancy), Some(Tenancy::Dedicated));
    assert_eq!(request.tag_specifications[0].tags, [Tag { key: Some("k".to_owned()), value: None }]);
    assert_eq!(request.security_group_ids, ["sg-1"]);
    let request = decode_action("ImportKeyPair", &[("KeyName", "k"), ("PublicKeyMaterial", "c3No\nLXJz\nYQ==")]);
    let Ok(Request::ImportKeyPair(request)) = request else { panic!("{request:?}") };
    assert_eq!(request.public_key_material.0, b"ssh-rsa");
}

#[test]
fn lists_are_ordered_by_index_from_any_start_and_with_gaps() {
    let range = |cidr: &str| IpRange { cidr_ip: Some(cidr.to_owned()), description: None };
    let request = decode_action(
        "AuthorizeSecurityGroupIngress",
        &[
            ("IpPermissions.10.IpProtocol", "udp"),
            ("IpPermissions.2.IpRanges.4294967295.CidrIp", "c"),
            ("IpPermissions.2.IpRanges.0.CidrIp", "a"),
            ("IpPermissions.2.IpRanges.7.CidrIp", "b"),
        ],
    );
    let Ok(Request::AuthorizeSecurityGroupIngress(request)) = request else { panic!("{request:?}") };
    let ranges = IpPermission { ip_ranges: vec![range("a"), range("b"), range("c")], ..IpPermission::default() };
    let udp = IpPermission { ip_protocol: Some("udp".to_owned()), ..IpPermission::default() };
    assert_eq!(request.ip_permissions, [ranges, udp]);
}

#[test]
fn a_list_of_one_text_may_lack_its_index() {
    let request = decode_action("DescribeKeyPairs", &[("KeyName", "mine")]);
    let Ok(Request::DescribeKeyPairs(request)) = request else { panic!("{request:?}") };
    assert_eq!(request.key_names, ["mine"]);
    let request = decode_action("DescribeKeyPairs", &[("KeyName", "")]);
    let Ok(Request::DescribeKeyPairs(request)) = request else { panic!("{request:?}") };
    assert!(request.key_names.is_empty());
}

#[test]
fn what_is_wrong_is_named() {
    for (action, list, expected) in [
        ("Frobnicate", &[][..], "InvalidAction: The action Frobnicate is not valid for this web service."),
        (
            "AcceptAddressTransfer",
            &[],
            "UnsupportedOperation: The action AcceptAddressTransfer is not supported by Daemun yet.",
        ),
        ("CreateKeyPair", &[], "MissingParameter: The request must contain the parameter KeyName"),
        ("CreateKeyPair", &[("KeyName", "")], "MissingParameter: The request must contain the parameter KeyName"),
        ("TerminateInstances", &[], "MissingParameter: The request must contain the parameter InstanceId"),
        (
            "TerminateInstances",
            &[("InstanceId", "")],
            "MissingParameter: The request must contain the parameter InstanceId",
        ),
        (
            "DescribeInstanceAttribute",
            &[("InstanceId", "i")],
            "MissingParameter: The request must contain the parameter Attribute",
        ),
        ("DescribeVpcs", &[("Vpc", "x")], "UnknownParameter: The parameter Vpc is not recognized"),
        ("DescribeVpcs", &[("vpcId.1", "x")], "UnknownParameter: The parameter vpcId.1 is not recognized"),
        ("DescribeVpcs", &[("VpcId.x", "x")], "UnknownParameter: The parameter VpcId.x is not recognized"),
        ("DescribeVpcs", &[("VpcId.-1", "x")], "UnknownParameter: The parameter VpcId.-1 is not recognized"),
        (
            "DescribeVpcs",
            &[("VpcId.99999999999", "x")],
            "UnknownParameter: The parameter VpcId.99999999999 is not recognized",
        ),
        ("DescribeVpcs", &[("VpcId.1.2", "x")], "UnknownParameter: The parameter VpcId.1.2 is not recognized"),
        (
            "DescribeVpcs",
            &[("VpcId", "x"), ("VpcId.1", "y")],
            "UnknownParameter: The parameter VpcId is not recognized",
        ),
        ("DescribeVpcs", &[("Filter", "x")], "UnknownParameter: The parameter Filter is not recognized"),
        (
            "DescribeVpcs",
            &[("VpcId.member.1", "x")],
            "UnknownParameter: The parameter VpcId.member.1 is not recognized",
        ),
        ("DescribeVpcs", &[("Filter.1.Nam", "x")], "UnknownParameter: The parameter Filter.1.Nam is not recognized"),
        ("DescribeVpcs", &[("MaxResults.1", "5")], "UnknownParameter: The parameter MaxResults.1 is not recognized"),
        (
            "DescribeVpcs",
            &[("DryRun", "true"), ("DryRun", "false")],
            "MalformedQueryString: The parameter DryRun is given more than once.",
        ),
        (
            "DescribeVpcs",
            &[("VpcId.1", "a"), ("VpcId.01", "b")],
            "MalformedQueryString: The parameter VpcId.01 is given more than once.",
        ),
    ] {
        assert_eq!(error(action, list), expected);
    }
    for (action, name, value) in [
        ("DescribeVpcs", "MaxResults", "five"),
        ("DescribeVpcs", "MaxResults", "2147483648"),
        ("DescribeVpcs", "MaxResults", ""),
        ("DescribeVpcs", "DryRun", "yes"),
        ("DescribeInstanceAttribute", "Attribute", "userdata"),
        ("ImportKeyPair", "PublicKeyMaterial", "c3No*"),
    ] {
        let start = format!("InvalidParameterValue: Value ({value}) for parameter {name} is invalid. ");
        assert!(error(action, &[(name, value)]).starts_with(&start), "{}", error(action, &[(name, value)]));
    }
}

#[test]
fn actions_and_versions_are_checked_first() {
    let decode = |list: &[(&str, &str)]| decode(&parameters(list)).map(|request| request.action());
    assert_eq!(decode(&[]).unwrap_err().code, "MissingAction");
    assert_eq!(decode(&[("Action", "")]).unwrap_err().code, "MissingAction");
    assert_eq!(decode(&[("Action", "DescribeVpcs")]).unwrap_err().code, "MissingParameter");
    for version in ["2016-11-15", "2014-10-01"] {
        assert_eq!(decode(&[("Action", "DescribeVpcs"), ("Version", version)]), Ok(Action::DescribeVpcs));
    }
    for version in ["2016-11-16", "1999-01-01", "2016-02-30", "latest", "2016-11-1x", "2016-11-15Z"] {
        let error = decode(&[("Action", "DescribeVpcs"), ("Version", version)]).unwrap_err();
        assert_eq!(error.code, "NoSuchVersion", "{version}");
    }
}

#[test]
fn parameters_of_the_protocol_are_passed_over_at_the_top_only() {
    let signed = [("X-Amz-Signature", "x"), ("AWSAccessKeyId", "x"), ("SignatureVersion", "2"), ("Timestamp", "x")];
    assert!(decode_action("DescribeVpcs", &signed).is_ok());
    assert!(error("DescribeVpcs", &[("Filter.1.Signature", "x")]).starts_with("UnknownParameter"));
}

#[test]
fn empty_lists_and_structures_as_some_clients_write_them() {
    let request = decode_action(
        "RunInstances",
        &[("MinCount", "1"), ("MaxCount", "1"), ("SecurityGroupId", ""), ("Placement", "")],
    );
    let Ok(Request::RunInstances(request)) = request else { panic!("{request:?}") };
    assert!(request.security_group_ids.is_empty());
}

#[test]
fn every_action_decodes_or_says_what_it_misses() {
    for action in Action::ALL {
        let empty = action.empty_request();
        match decode(&encode_request(&empty)) {
            Ok(request) => assert_eq!(request, empty),
            Err(error) => assert_eq!(error.code, "MissingParameter", "{action:?}"),
        }
        let unknown = error(action.name(), &[("NoSuch.1.Thing", "x")]);
        assert_eq!(unknown, "UnknownParameter: The parameter NoSuch.1.Thing is not recognized");
    }
}

#[test]
fn huge_requests_stay_cheap() {
    let started = std::time::Instant::now();
    let value = "v".repeat(1_000_000);
    let deep = format!("Filter{}", ".1".repeat(500_000));
    assert!(error("DescribeVpcs", &[(&deep, "x")]).starts_with("UnknownParameter"));
    assert!(error("DescribeVpcs", &[("MaxResults", &value)]).len() < 500);
    let many: Vec<(String, String)> =
        (0..20_000u64).map(|n| (format!("Filter.1.Value.{}", n * 200_000), n.to_string())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let Ok(Request::DescribeVpcs(request)) = decode_action("DescribeVpcs", &many) else { panic!("not decoded") };
    assert_eq!(request.filters[0].values.len(), 20_000);
    // Milliseconds on an idle machine; quadratic work would take minutes.
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn keys_of_all_kinds() {
    let request = decode_action("CreateKeyPair", &[("KeyName", "k"), ("KeyType", "ed25519")]);
    let Ok(Request::CreateKeyPair(request)) = request else { panic!("{request:?}") };
    assert_eq!((request.key_name.as_str(), request.key_type), ("k", Some(KeyType::Ed25519)));
    let request = decode_action("DescribeInstanceAttribute", &[("InstanceId", "i"), ("Attribute", "userData")]);
    let Ok(Request::DescribeInstanceAttribute(request)) = request else { panic!("{request:?}") };
    assert_eq!(request.attribute, Some(InstanceAttributeName::UserData));
    let request = decode_action("DescribeTags", &[("Filter.1.Name", "key"), ("Filter.1.Value.1", "")]);
    let Ok(Request::DescribeTags(request)) = request else { panic!("{request:?}") };
    assert_eq!(request.filters, [Filter { name: Some("key".to_owned()), values: vec![String::new()] }]);
}

/// Names that lead somewhere, mostly: parts of real names in plausible and implausible order.
fn name() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("Filter"),
        Just("Name"),
        Just("Value"),
        Just("IpPermissions"),
        Just("IpRanges"),
        Just("CidrIp"),
        Just("Groups"),
        Just("GroupId"),
        Just("TagSpecification"),
        Just("Tag"),
        Just("Key"),
        Just("ResourceType"),
        Just("Placement"),
        Just("Tenancy"),
        Just("MinCount"),
        Just("MaxCount"),
        Just("DryRun"),
        Just("NetworkInterface"),
        Just("DeviceIndex"),
        Just("1"),
        Just("2"),
        Just("0"),
        Just("4294967296"),
        Just(""),
        Just("é"),
    ];
    prop_oneof![
        prop::collection::vec(part, 1..8).prop_map(|parts| parts.join(".")),
        (1..4u32, 1..4u32).prop_map(|(a, b)| format!("Filter.{a}.Value.{b}")),
        (1..4u32, 1..4u32).prop_map(|(a, b)| format!("IpPermissions.{a}.IpRanges.{b}.CidrIp")),
        (1..4u32, 1..4u32).prop_map(|(a, b)| format!("TagSpecification.{a}.Tag.{b}.Key")),
        (1..4u32).prop_map(|a| format!("NetworkInterface.{a}.DeviceIndex")),
        any::<String>(),
    ]
}

proptest! {
    #[test]
    fn any_parameters_are_survived_and_what_decodes_reads_back(
        action in prop::sample::select(Action::ALL),
        list in prop::collection::vec((name(), prop_oneof!["[0-9]{1,4}", any::<String>()]), 0..6),
    ) {
        let mut parameters: Vec<(String, String)> = list.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        parameters.push(("Action".to_owned(), action.name().to_owned()));
        parameters.push(("Version".to_owned(), VERSION.to_owned()));
        if let Ok(request) = decode(&parameters) {
            prop_assert_eq!(decode(&encode_request(&request)), Ok(request));
        }
    }

    #[test]
    fn filters_of_any_text_read_back(values: Vec<String>, key: String) {
        let filter = Filter { name: Some(key), values };
        let request = Request::from(ec2_shapes::DescribeTagsRequest { filters: vec![filter], ..Default::default() });
        let form = crate::form::write_form(&encode_request(&request));
        prop_assert_eq!(decode(&crate::form::parse_form(form.as_bytes()).unwrap()), Ok(request));
    }
}

/// What the model allows for this action, drawn from a seed.
fn drawn(action: Action, seed: u64) -> Request {
    crate::generated::query::request_drawn(action, &mut crate::draw::Draw::new(seed))
}

/// Names without the indexes of lists, and the values.
fn without_indexes(parameters: &[(String, String)]) -> Vec<(String, &str)> {
    let is_index = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
    let name = |name: &str| name.split('.').filter(|part| !is_index(part)).collect::<Vec<_>>().join(".");
    parameters.iter().map(|(key, value)| (name(key), value.as_str())).collect()
}

#[test]
fn every_shape_of_every_request_reads_back() {
    let mut read_back = 0;
    let cases = 20;
    for action in Action::ALL {
        for seed in 0..cases {
            let sent = encode_request(&drawn(*action, seed));
            let form = crate::form::write_form(&sent);
            let received = crate::form::parse_form(form.as_bytes()).unwrap();
            match decode(&received) {
                // A structure without members leaves no trace, and items after it move up: everything else is there.
                Ok(request) => {
                    let again = encode_request(&request);
                    assert_eq!(without_indexes(&again), without_indexes(&sent), "{action:?}, seed {seed}");
                    assert_eq!(decode(&again), Ok(request), "{action:?}, seed {seed}");
                    read_back += 1;
                }
                // Nor does one that is required: then it is missing.
                Err(error) => assert_eq!(error.code, "MissingParameter", "{action:?}, seed {seed}: {error:?}"),
            }
        }
    }
    let all = Action::ALL.len() as u64 * cases;
    assert!(read_back * 10 > all * 9, "only {read_back} of {all} were read back");
}
