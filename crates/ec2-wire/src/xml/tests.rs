use ec2_shapes::{
    AttributeValue, CreateKeyPairRequest, DescribeInstanceTypesResult, DescribeInstancesResult, DescribeTagsResult,
    GroupIdentifier, InferenceAcceleratorInfo, InferenceDeviceInfo, Instance, InstanceAttribute, InstanceState,
    InstanceStateName, InstanceTypeInfo, KeyPair, Request, Reservation, Tag, TagDescription, Timestamp,
};
use proptest::prelude::*;

use super::*;

fn text(response: &Response) -> String {
    let bytes = encode(response, "59dbff89-35bd-4eac-99ed-be587EXAMPLE");
    let text = String::from_utf8(bytes).unwrap();
    let start = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    text.strip_prefix(start).unwrap().replace("<requestId>59dbff89-35bd-4eac-99ed-be587EXAMPLE</requestId>", "")
}

#[test]
fn answers_look_like_ec2s() {
    let key = KeyPair { key_name: Some("k".to_owned()), key_material: Some("a<b".to_owned()), ..KeyPair::default() };
    assert_eq!(
        text(&Response::CreateKeyPair(Box::new(key))),
        "<CreateKeyPairResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><keyMaterial>a&lt;b</keyMaterial>\
         <keyName>k</keyName><tagSet/></CreateKeyPairResponse>"
    );
    assert_eq!(
        text(&Response::CreateTags),
        "<CreateTagsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><return>true</return></CreateTagsResponse>"
    );
    let state = InstanceState { code: Some(16), name: Some(InstanceStateName::Running) };
    let instance = Instance {
        state: Some(state),
        launch_time: Some(Timestamp::from_unix_ms(0)),
        ebs_optimized: Some(false),
        ..Instance::default()
    };
    let reservation = Reservation { instances: vec![instance], ..Reservation::default() };
    let answer = text(&Response::RunInstances(Box::new(reservation)));
    for part in [
        "<instancesSet><item>",
        "<instanceState><code>16</code><name>running</name></instanceState>",
        "<launchTime>1970-01-01T00:00:00.000Z</launchTime>",
        "<ebsOptimized>false</ebsOptimized>",
        "<groupSet/>",
    ] {
        assert!(answer.contains(part), "{part} in {answer}");
    }
}

#[test]
fn corrections_of_the_model_arrive() {
    let value = AttributeValue { value: Some("t3.micro".to_owned()) };
    let answer = InstanceAttribute { instance_type: Some(value), ..InstanceAttribute::default() };
    assert_eq!(
        text(&Response::DescribeInstanceAttribute(Box::new(answer))),
        "<DescribeInstanceAttributeResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><instanceType>\
         <value>t3.micro</value></instanceType></DescribeInstanceAttributeResponse>"
    );
    let accelerators = InferenceAcceleratorInfo {
        accelerators: vec![InferenceDeviceInfo { count: Some(1), ..InferenceDeviceInfo::default() }],
        ..InferenceAcceleratorInfo::default()
    };
    let info = InstanceTypeInfo { inference_accelerator_info: Some(accelerators), ..InstanceTypeInfo::default() };
    let answer = DescribeInstanceTypesResult { instance_types: vec![info], ..DescribeInstanceTypesResult::default() };
    let answer = text(&Response::DescribeInstanceTypes(Box::new(answer)));
    assert!(answer.contains("<accelerators><item><count>1</count></item></accelerators>"), "{answer}");
}

#[test]
fn refusals_look_like_ec2s() {
    let refusal = encode_error("InvalidGroup.NotFound", "no group \"<x>\"", "id");
    assert_eq!(
        String::from_utf8(refusal.clone()).unwrap(),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>InvalidGroup.NotFound</Code>\
         <Message>no group \"&lt;x&gt;\"</Message></Error></Errors><RequestID>id</RequestID></Response>"
    );
    let expected = ResponseError::Service {
        code: "InvalidGroup.NotFound".to_owned(),
        message: "no group \"<x>\"".to_owned(),
        request_id: "id".to_owned(),
    };
    assert_eq!(decode_response(Action::DescribeVpcs, &refusal), Err(expected));
}

#[test]
fn answers_read_back_and_strange_ones_are_refused() {
    let tag = |n: usize| Tag { key: Some(format!("k{n}")), value: Some(String::new()) };
    let group = GroupIdentifier { group_id: Some("sg-1".to_owned()), group_name: None };
    let instance = Instance { tags: (0..3).map(tag).collect(), security_groups: vec![group], ..Instance::default() };
    let reservation = Reservation { instances: vec![instance.clone(), instance], ..Reservation::default() };
    let answer = DescribeInstancesResult { reservations: vec![reservation], next_token: Some("n".to_owned()) };
    let answer = Response::DescribeInstances(Box::new(answer));
    assert_eq!(decode_response(Action::DescribeInstances, &encode(&answer, "id")), Ok(answer));
    for action in Action::ALL {
        let _: &Action = action;
        for bad in ["", "x", "<a>", "<a></b>", "<a/>", "<Response/>", "<a>&unknown;</a>", "</a>", "<?xml?>"] {
            let result = decode_response(*action, bad.as_bytes());
            assert!(matches!(result, Err(ResponseError::Malformed(_))), "{action:?} {bad:?} {result:?}");
        }
    }
    let deep = "<a>".repeat(100_000);
    assert!(decode_response(Action::DescribeVpcs, deep.as_bytes()).is_err());
}

#[test]
fn secrets_in_blobs_stay_out_of_debug_texts() {
    let request = Request::from(CreateKeyPairRequest { key_name: "k".to_owned(), ..CreateKeyPairRequest::default() });
    assert!(format!("{request:?}").contains("CreateKeyPair"));
}

/// What XML can carry of a text.
fn carried(text: &str) -> String {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'));
    text.chars().map(|c| if allowed(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

proptest! {
    #[test]
    fn any_text_arrives(keys in prop::collection::vec(prop_oneof![
        any::<String>(),
        "[<>&'\"\u{0}-\u{20}\\]\u{7f}-\u{9f}\u{fffd}-\u{ffff}]{0,12}",
        "(\\]\\]>|&amp;|<!--|<!\\[CDATA\\[|\r\n|\r|\n| |\t){0,4}",
    ], 0..4)) {
        let tags = |keys: &[String]| keys.iter()
            .map(|key| TagDescription { key: Some(key.clone()), value: Some(key.clone()), ..TagDescription::default() })
            .collect();
        let answer = DescribeTagsResult { tags: tags(&keys), next_token: None };
        let document = encode(&Response::DescribeTags(Box::new(answer)), "id");
        let keys: Vec<String> = keys.iter().map(|key| carried(key)).collect();
        let expected = DescribeTagsResult { tags: tags(&keys), next_token: None };
        prop_assert_eq!(
            decode_response(Action::DescribeTags, &document),
            Ok(Response::DescribeTags(Box::new(expected)))
        );
    }

    #[test]
    fn any_document_is_survived(document: String, element in "(<[ab/!?>&; ]{0,4}){0,6}") {
        for text in [&document, &element] {
            prop_assert!(decode_response(Action::DescribeTags, text.as_bytes()).is_err());
        }
    }
}

#[test]
fn every_shape_of_every_answer_reads_back() {
    for action in Action::ALL {
        for seed in 0..10 {
            let answer = crate::generated::xml::response_drawn(*action, &mut crate::draw::Draw::new(seed));
            let document = encode(&answer, "id");
            let read =
                decode_response(*action, &document).unwrap_or_else(|error| panic!("{action:?}, {seed}: {error}"));
            assert_eq!(read, answer, "{action:?}, seed {seed}");
        }
    }
}
