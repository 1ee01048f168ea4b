//! What describing actions show, and which filters find what.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ec2_shapes::*;
use types::{InstanceId, Timestamp};

use crate::actions::testbed::{Bed, texts};
use crate::context::ConsoleOutput;
use crate::testing::{filter, specification};

fn describe(bed: &mut Bed, request: DescribeInstancesRequest) -> DescribeInstancesResult {
    match bed.ask(request).unwrap() {
        Response::DescribeInstances(answer) => *answer,
        other => panic!("{other:?}"),
    }
}

fn ids(answer: &DescribeInstancesResult) -> Vec<String> {
    let all = answer.reservations.iter().flat_map(|reservation| &reservation.instances);
    let mut ids: Vec<String> = all.map(|instance| instance.instance_id.clone().unwrap()).collect();
    ids.sort();
    ids
}

fn find(bed: &mut Bed, name: &str, values: &[&str]) -> Vec<String> {
    let request = DescribeInstancesRequest { filters: vec![filter(name, values)], ..Default::default() };
    ids(&describe(bed, request))
}

/// A running instance that is tagged, and a stopped one that is not.
fn two(bed: &mut Bed) -> (InstanceId, InstanceId) {
    let request = RunInstancesRequest {
        key_name: Some("key".to_owned()),
        client_token: Some("token".to_owned()),
        tag_specifications: vec![
            specification("instance", &[("Name", "web-1")]),
            specification("network-interface", &[("eth", "front")]),
        ],
        metadata_options: Some(InstanceMetadataOptionsRequest {
            http_tokens: Some(HttpTokensState::Required),
            ..Default::default()
        }),
        monitoring: Some(RunInstancesMonitoringEnabled { enabled: Some(true), ..Default::default() }),
        ..bed.launch(1)
    };
    let running = bed.running_of(request);
    bed.wait_ms(1_000);
    let request = RunInstancesRequest { instance_type: Some("m5.large".to_owned()), ..bed.launch(1) };
    let stopped = bed.running_of(request);
    bed.stop(stopped);
    (running, stopped)
}

#[test]
fn filters_find_what_they_name() {
    let mut bed = Bed::new();
    let (running, stopped) = two(&mut bed);
    let (instance, interface) = (bed.instance(running), bed.interface(running));
    let public = interface.public.as_ref().unwrap().ip;
    let dashed = public.to_string().replace('.', "-");
    let group = interface.groups[0].to_string();
    let attachment = interface.attachment.as_ref().unwrap().id.to_string();
    let only_running = [running.to_string()];
    for (name, value) in [
        ("block-device-mapping.volume-id", instance.block_devices[0].volume.to_string()),
        ("client-token", "token".to_owned()),
        ("current-instance-boot-mode", "uefi".to_owned()),
        ("dns-name", format!("ec2-{dashed}.compute-1.amazonaws.com")),
        ("instance-id", running.to_string()),
        ("instance-state-code", "16".to_owned()),
        ("instance-state-name", "r*".to_owned()),
        ("instance-type", "t3.*".to_owned()),
        ("ip-address", public.to_string()),
        ("key-name", "key".to_owned()),
        ("launch-time", instance.launch_time.to_string()),
        ("metadata-options.http-tokens", "required".to_owned()),
        ("monitoring-state", "enabled".to_owned()),
        ("network-interface.addresses.association.public-ip", public.to_string()),
        ("network-interface.association.ip-owner-id", "amazon".to_owned()),
        ("network-interface.attachment.attachment-id", attachment),
        ("network-interface.mac-address", interface.mac.to_string()),
        ("network-interface.network-interface-id", interface.id.to_string()),
        ("network-interface.tag-value", "front".to_owned()),
        ("private-dns-name", format!("{}.ec2.internal", crate::names::private_host_name(interface.private_ip))),
        ("private-ip-address", interface.private_ip.to_string()),
        ("reservation-id", instance.reservation.to_string()),
        ("tag:Name", "web-?".to_owned()),
        ("tag-key", "Name".to_owned()),
    ] {
        if name == "current-instance-boot-mode" {
            assert_eq!(find(&mut bed, name, &[&value]).len(), 2);
            continue;
        }
        assert_eq!(find(&mut bed, name, &[&value]), only_running, "{name}={value}");
    }
    assert_eq!(find(&mut bed, "state-reason-code", &["Client.*"]), [stopped.to_string()]);
    assert_eq!(find(&mut bed, "reason", &["User initiated*"]), [stopped.to_string()]);
    for (name, value) in [
        ("architecture", "x86_64"),
        ("availability-zone", "us-east-1a"),
        ("availability-zone-id", "use1-az1"),
        ("block-device-mapping.status", "attached"),
        ("group-name", "default"),
        ("hypervisor", "xen"),
        ("instance.group-id", &group),
        ("instance.group-name", "default"),
        ("maintenance-options.auto-recovery", "default"),
        ("metadata-options.state", "applied"),
        ("network-interface.addresses.primary", "true"),
        ("network-interface.attachment.device-index", "0"),
        ("network-interface.group-id", &group),
        ("network-interface.status", "in-use"),
        ("owner-id", "123456789012"),
        ("root-device-name", "/dev/xvda"),
        ("source-dest-check", "true"),
        ("subnet-id", &interface.subnet.to_string()),
        ("tenancy", "default"),
        ("virtualization-type", "hvm"),
        ("vpc-id", &interface.vpc.to_string()),
    ] {
        assert_eq!(find(&mut bed, name, &[value]).len(), 2, "{name}={value}");
        assert!(find(&mut bed, name, &["something else"]).is_empty(), "{name}");
    }
    for name in ["kernel-id", "platform", "spot-instance-request-id", "iam-instance-profile.arn", "outpost-arn"] {
        assert!(find(&mut bed, name, &["*"]).is_empty(), "no instance has a {name}");
    }
    let unknown = DescribeInstancesRequest { filters: vec![filter("colour", &["red"])], ..Default::default() };
    assert_eq!(bed.error(unknown), ("InvalidParameterValue", "The filter 'colour' is invalid".to_owned()));
}

#[test]
fn every_documented_filter_is_answered() {
    let mut bed = Bed::new();
    two(&mut bed);
    for name in <super::super::shape::InstanceView<'_> as crate::query::Filterable>::NAMES {
        find(&mut bed, name, &["*"]);
    }
}

#[test]
fn pages_cover_all_instances_and_reservations_hold_their_own() {
    let mut bed = Bed::new();
    for count in [1, 4, 7] {
        let request = bed.launch(count);
        bed.run(request);
        bed.wait_ms(1_000);
    }
    let all = describe(&mut bed, DescribeInstancesRequest::default());
    assert_eq!(
        all.reservations.iter().map(|r| r.instances.len()).collect::<std::collections::BTreeSet<_>>(),
        [1, 4, 7].into()
    );
    let mut seen = Vec::new();
    let mut next_token = None;
    loop {
        let request = DescribeInstancesRequest { max_results: Some(5), next_token, ..Default::default() };
        let page = describe(&mut bed, request);
        seen.extend(ids(&page));
        next_token = page.next_token;
        if next_token.is_none() {
            break;
        }
    }
    assert_eq!(seen, ids(&all));
    let both =
        DescribeInstancesRequest { max_results: Some(5), instance_ids: vec![seen[0].clone()], ..Default::default() };
    let message = "The parameter instancesSet cannot be used with the parameter maxResults".to_owned();
    assert_eq!(bed.error(both), ("InvalidParameterCombination", message));
    let missing = DescribeInstancesRequest { instance_ids: texts(&["i-00000000000000001"]), ..Default::default() };
    assert_eq!(bed.error(missing).0, "InvalidInstanceID.NotFound");
}

#[test]
fn status_shows_what_runs_unless_asked_for_all() {
    let mut bed = Bed::new();
    let (running, stopped) = two(&mut bed);
    let mut ask = |request: DescribeInstanceStatusRequest| match bed.ask(request).unwrap() {
        Response::DescribeInstanceStatus(answer) => answer.instance_statuses,
        other => panic!("{other:?}"),
    };
    let shown = ask(DescribeInstanceStatusRequest::default());
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0].instance_id, Some(running.to_string()));
    for check in [&shown[0].instance_status, &shown[0].system_status] {
        let check = check.as_ref().unwrap();
        assert_eq!((check.status, check.details[0].status), (Some(SummaryStatus::Ok), Some(StatusType::Passed)));
    }
    let all = DescribeInstanceStatusRequest { include_all_instances: Some(true), ..Default::default() };
    assert_eq!(ask(all.clone()).len(), 2);
    let filters = vec![filter("instance-status.status", &["not-applicable"])];
    let shown = ask(DescribeInstanceStatusRequest { filters, ..all.clone() });
    assert_eq!(shown[0].instance_id, Some(stopped.to_string()));
    assert!(shown[0].instance_status.as_ref().unwrap().details.is_empty());
    let filters = vec![filter("system-status.reachability", &["passed"])];
    assert_eq!(ask(DescribeInstanceStatusRequest { filters, ..all }).len(), 1);
}

#[test]
fn every_attribute_has_an_element() {
    let mut bed = Bed::new();
    let request = RunInstancesRequest {
        user_data: Some(STANDARD.encode("hello")),
        disable_api_stop: Some(true),
        ..bed.launch(1)
    };
    let id = bed.running_of(request);
    for attribute in InstanceAttributeName::ALL {
        let request = DescribeInstanceAttributeRequest {
            attribute: Some(*attribute),
            instance_id: id.to_string(),
            ..Default::default()
        };
        let Response::DescribeInstanceAttribute(answer) = bed.ask(request).unwrap() else { panic!() };
        let empty = InstanceAttribute { instance_id: Some(id.to_string()), ..Default::default() };
        let is_list = matches!(attribute, InstanceAttributeName::ProductCodes);
        assert_eq!(*answer == empty, is_list, "{attribute}");
        match attribute {
            InstanceAttributeName::UserData => {
                assert_eq!(answer.user_data.unwrap().value, Some(STANDARD.encode("hello")));
            }
            InstanceAttributeName::DisableApiStop => assert_eq!(answer.disable_api_stop.unwrap().value, Some(true)),
            InstanceAttributeName::GroupSet => assert_eq!(answer.groups.len(), 1),
            InstanceAttributeName::BlockDeviceMapping => assert_eq!(answer.block_device_mappings.len(), 1),
            InstanceAttributeName::InstanceInitiatedShutdownBehavior => {
                let value = answer.instance_initiated_shutdown_behavior.unwrap().value;
                assert_eq!(value.as_deref(), Some("stop"));
            }
            _ => {}
        }
    }
}

#[test]
fn the_console_shows_its_newest_part() {
    let mut bed = Bed::new();
    let id = bed.running();
    let request = GetConsoleOutputRequest { instance_id: id.to_string(), ..Default::default() };
    let mut ask = |bytes: Option<Vec<u8>>| {
        bed.context.console_output = bytes.map(|bytes| ConsoleOutput { bytes, at: Timestamp::from_unix_ms(7) });
        match bed.ask(request.clone()).unwrap() {
            Response::GetConsoleOutput(answer) => *answer,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(ask(None).output, None);
    let answer = ask(Some(b"login:".to_vec()));
    assert_eq!(answer.output, Some(STANDARD.encode("login:")));
    assert_eq!(answer.timestamp.unwrap().unix_ms, 7);
    let mut long = vec![b'a'; 70_000];
    long.extend(b"end");
    let shown = STANDARD.decode(ask(Some(long)).output.unwrap()).unwrap();
    assert_eq!(shown.len(), 65_536);
    assert!(shown.ends_with(b"aend"));
}

#[test]
fn types_can_be_named_filtered_and_paged() {
    let mut bed = Bed::new();
    let mut ask = |request: DescribeInstanceTypesRequest| match bed.ask(request).unwrap() {
        Response::DescribeInstanceTypes(answer) => {
            let names = answer.instance_types.iter().map(|info| info.instance_type.clone().unwrap());
            (names.collect::<Vec<_>>(), answer.next_token)
        }
        other => panic!("{other:?}"),
    };
    let named = DescribeInstanceTypesRequest { instance_types: texts(&["t3.micro", "c5.large"]), ..Default::default() };
    assert_eq!(ask(named).0, ["c5.large", "t3.micro"]);
    let with = |filters| DescribeInstanceTypesRequest { filters, ..Default::default() };
    for (filters, expected) in [
        (
            vec![
                filter("memory-info.size-in-mib", &["1024"]),
                filter("hypervisor", &["nitro"]),
                filter("processor-info.supported-architecture", &["x86_64"]),
            ],
            vec!["t3.micro", "t3a.micro"],
        ),
        (vec![filter("instance-storage-supported", &["true"])], vec!["m1.small"]),
        (
            vec![filter("vcpu-info.default-vcpus", &["2"]), filter("instance-type", &["t2.*"])],
            vec!["t2.large", "t2.medium"],
        ),
        (
            vec![
                filter("network-info.ipv4-addresses-per-interface", &["12"]),
                filter("free-tier-eligible", &["false"]),
                filter("current-generation", &["true"]),
                filter("network-info.ena-support", &["required"]),
            ],
            vec!["t3.large", "t3a.large", "t4g.large"],
        ),
        (
            vec![
                filter("ebs-info.ebs-optimized-info.baseline-bandwidth-in-mbps", &["43"]),
                filter("processor-info.manufacturer", &["Intel"]),
            ],
            vec!["t3.nano"],
        ),
    ] {
        assert_eq!(ask(with(filters.clone())).0, expected, "{filters:?}");
    }
    let (page, token) = ask(DescribeInstanceTypesRequest { max_results: Some(5), ..Default::default() });
    assert_eq!(page.len(), 5);
    let (next, _) =
        ask(DescribeInstanceTypesRequest { max_results: Some(100), next_token: token, ..Default::default() });
    assert!(next[0] > page[4]);
    let unknown = DescribeInstanceTypesRequest { instance_types: texts(&["x.y", "t3.micro"]), ..Default::default() };
    let message = "The following supplied instance types do not exist: [x.y]".to_owned();
    assert_eq!(bed.error(unknown), ("InvalidInstanceType", message));
}

#[test]
fn images_are_found_by_owner_and_filter() {
    let mut bed = Bed::new();
    let (builtin, own) = (bed.image.clone(), bed.arm_image.clone());
    let mut ask = |request: DescribeImagesRequest| match bed.ask(request).unwrap() {
        Response::DescribeImages(answer) => answer.images,
        other => panic!("{other:?}"),
    };
    let with = |filters| DescribeImagesRequest { filters, ..Default::default() };
    let owned = |owners: &[&str]| DescribeImagesRequest { owners: texts(owners), ..Default::default() };
    let mut found = |request| ask(request).into_iter().map(|image| image.image_id.unwrap()).collect::<Vec<_>>();
    let both = [builtin.clone(), own.clone()];
    let (only_builtin, only_own) = ([builtin.clone()], [own]);
    assert_eq!(found(DescribeImagesRequest::default()), both);
    assert_eq!(found(owned(&["amazon"])), only_builtin);
    assert_eq!(found(owned(&["self"])), only_own);
    assert_eq!(found(owned(&["123456789012", "amazon"])), both);
    assert!(found(owned(&["aws-marketplace"])).is_empty());
    let executable = DescribeImagesRequest { executable_users: texts(&["all"]), ..Default::default() };
    assert_eq!(found(executable), only_builtin);
    for (name, value) in [
        ("name", "debian-1*"),
        ("architecture", "x86_64"),
        ("owner-alias", "amazon"),
        ("is-public", "true"),
        ("image-id", &builtin),
        ("description", "*debian*"),
        ("block-device-mapping.snapshot-id", "snap-00000000000000001"),
    ] {
        assert_eq!(found(with(vec![filter(name, &[value])])), only_builtin, "{name}");
    }
    for (name, value) in [
        ("state", "available"),
        ("root-device-type", "ebs"),
        ("virtualization-type", "hvm"),
        ("creation-date", "2020-*"),
        ("block-device-mapping.volume-size", "8"),
    ] {
        assert_eq!(found(with(vec![filter(name, &[value])])), both, "{name}");
    }
    let image = ask(owned(&["amazon"])).remove(0);
    assert_eq!(image.creation_date.as_deref(), Some("2020-09-13T12:26:40.000Z"));
    let root = &image.block_device_mappings[0];
    assert_eq!(root.device_name, image.root_device_name);
    assert_eq!(root.ebs.as_ref().unwrap().snapshot_id.as_deref(), Some("snap-00000000000000001"));
    let missing = |ids: &[&str]| DescribeImagesRequest { image_ids: texts(ids), ..Default::default() };
    let message = "The image id '[ami-00000000000000099]' does not exist".to_owned();
    assert_eq!(bed.error(missing(&["ami-00000000000000099"])), ("InvalidAMIID.NotFound", message));
    assert_eq!(bed.error(missing(&["debian"])).0, "InvalidAMIID.Malformed");
}

#[test]
fn interfaces_are_described_with_what_they_carry() {
    let mut bed = Bed::new();
    let (running, stopped) = two(&mut bed);
    let (up, down) = (bed.interface(running), bed.interface(stopped));
    let mut ask = |request: DescribeNetworkInterfacesRequest| match bed.ask(request).unwrap() {
        Response::DescribeNetworkInterfaces(answer) => answer.network_interfaces,
        other => panic!("{other:?}"),
    };
    let ids = vec![up.id.to_string()];
    let shown = ask(DescribeNetworkInterfacesRequest { network_interface_ids: ids, ..Default::default() }).remove(0);
    assert_eq!(shown.association.as_ref().unwrap().public_ip, up.public.as_ref().map(|p| p.ip.to_string()));
    assert_eq!(shown.attachment.as_ref().unwrap().instance_id, Some(running.to_string()));
    assert_eq!(shown.private_ip_addresses[0].private_ip_address, Some(up.private_ip.to_string()));
    assert_eq!(shown.groups[0].group_name.as_deref(), Some("default"));
    assert_eq!(shown.tag_set.len(), 1);
    let mut found = |name: &str, value: &str| {
        let filters = vec![filter(name, &[value])];
        let shown = ask(DescribeNetworkInterfacesRequest { filters, ..Default::default() });
        shown.into_iter().map(|interface| interface.network_interface_id.unwrap()).collect::<Vec<_>>()
    };
    for (name, value) in [
        ("attachment.instance-id", stopped.to_string()),
        ("private-ip-address", down.private_ip.to_string()),
        ("addresses.private-ip-address", down.private_ip.to_string()),
        ("mac-address", down.mac.to_string()),
    ] {
        assert_eq!(found(name, &value), [down.id.to_string()], "{name}");
    }
    for (name, value) in [
        ("group-id", up.groups[0].to_string()),
        ("subnet-id", up.subnet.to_string()),
        ("vpc-id", up.vpc.to_string()),
        ("status", "in-use".to_owned()),
    ] {
        assert_eq!(found(name, &value).len(), 2, "{name}");
    }
    assert_eq!(found("association.public-ip", "*"), [up.id.to_string()]);
    let missing = texts(&["eni-00000000000000099"]);
    let request = DescribeNetworkInterfacesRequest { network_interface_ids: missing, ..Default::default() };
    let message = "The networkInterface ID 'eni-00000000000000099' does not exist".to_owned();
    assert_eq!(bed.error(request), ("InvalidNetworkInterfaceID.NotFound", message));
}
