//! RunInstances.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ec2_shapes::*;
use types::InstanceState;

use crate::actions::testbed::{Bed, texts};
use crate::context::Config;
use crate::resource;
use crate::seed::{make_subnet, make_vpc};
use crate::testing::specification;
use crate::transaction::Transaction;

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn interface(edit: impl FnOnce(&mut InstanceNetworkInterfaceSpecification)) -> InstanceNetworkInterfaceSpecification {
    let mut interface = InstanceNetworkInterfaceSpecification {
        device_index: Some(0),
        ..InstanceNetworkInterfaceSpecification::default()
    };
    edit(&mut interface);
    interface
}

fn root_mapping(edit: impl FnOnce(&mut EbsBlockDevice)) -> BlockDeviceMapping {
    let mut ebs = EbsBlockDevice::default();
    edit(&mut ebs);
    BlockDeviceMapping { device_name: some("/dev/xvda"), ebs: Some(ebs), ..BlockDeviceMapping::default() }
}

/// A second VPC with a subnet and its default group; their ids.
fn other_vpc(bed: &mut Bed) -> (String, String) {
    let context = &bed.context;
    let mut tx = Transaction::new(&bed.state, context.region.clone());
    let vpc = resource::Vpc::new(types::VpcId::from_number(7), "10.0.0.0/16".parse().unwrap());
    let (id, block, zone) = (types::SubnetId::from_number(7), "10.0.0.0/28".parse().unwrap(), context.region.zone('b'));
    let subnet = resource::Subnet::new(id, vpc.id, block, zone);
    make_vpc(context, &mut tx, vpc.clone());
    make_subnet(context, &mut tx, subnet);
    let group = tx.security_groups.values().find(|group| group.vpc == vpc.id).unwrap().id;
    let ids = (id.to_string(), group.to_string());
    bed.state = tx.finish().1;
    ids
}

#[test]
fn a_launch_makes_everything_an_instance_has() {
    let mut bed = Bed::new();
    let mut request = bed.launch(3);
    request.key_name = some("key");
    request.user_data = Some(STANDARD.encode("#!/bin/sh"));
    request.tag_specifications = vec![
        specification("instance", &[("Name", "web")]),
        specification("volume", &[("of", "web")]),
        specification("network-interface", &[("eth", "0")]),
    ];
    let reservation = bed.run(request);
    assert_eq!(reservation.instances.iter().map(|i| i.ami_launch_index.unwrap()).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(reservation.owner_id.as_deref(), Some("123456789012"));
    let shown = &reservation.instances[0];
    assert_eq!(shown.state.as_ref().unwrap().name, Some(InstanceStateName::Pending));
    assert_eq!(shown.tags, vec![Tag { key: some("Name"), value: some("web") }]);
    assert_eq!(shown.key_name.as_deref(), Some("key"));
    assert_eq!(shown.security_groups[0].group_name.as_deref(), Some("default"));
    assert_eq!(shown.placement.as_ref().unwrap().availability_zone.as_deref(), Some("us-east-1a"));
    assert_eq!(shown.cpu_options.as_ref().unwrap().threads_per_core, Some(2));
    assert_eq!(shown.block_device_mappings[0].device_name.as_deref(), Some("/dev/xvda"));
    let of_interface = &shown.network_interfaces[0];
    assert_eq!(of_interface.attachment.as_ref().unwrap().device_index, Some(0));
    assert_eq!(of_interface.association.as_ref().unwrap().public_ip, shown.public_ip_address);
    assert_eq!(of_interface.association.as_ref().unwrap().ip_owner_id.as_deref(), Some("amazon"));
    let id = shown.instance_id.as_deref().unwrap().parse().unwrap();
    let stored = bed.instance(id);
    assert_eq!((stored.starts, stored.state), (1, InstanceState::Pending));
    assert_eq!(stored.user_data.as_deref(), Some(b"#!/bin/sh".as_slice()));
    assert_eq!(stored.public_openssh.as_deref(), Some("ssh-ed25519 AAAA"));
    let view = bed.view();
    assert_eq!(view.tags_of(&stored.block_devices[0].volume.to_string())["of"], "web");
    assert_eq!(view.tags_of(&stored.interfaces[0].to_string())["eth"], "0");
    assert_eq!(view.instances.len(), 3);
    bed.check();
}

#[test]
fn what_a_launch_says_is_what_the_instance_gets() {
    let mut bed = Bed::new();
    let (subnet, group) = other_vpc(&mut bed);
    let request = RunInstancesRequest {
        network_interfaces: vec![interface(|i| {
            i.subnet_id = Some(subnet.clone());
            i.groups = vec![group.clone(), group.clone()];
            i.private_ip_address = some("10.0.0.9");
            i.associate_public_ip_address = Some(true);
            i.delete_on_termination = Some(false);
            i.description = some("front");
        })],
        block_device_mappings: vec![
            root_mapping(|ebs| {
                ebs.volume_size = Some(20);
                ebs.volume_type = Some(VolumeType::Gp3);
                ebs.delete_on_termination = Some(false);
            }),
            BlockDeviceMapping { device_name: some("/dev/sdb"), no_device: some(""), ..Default::default() },
            BlockDeviceMapping {
                device_name: some("/dev/sdc"),
                virtual_name: some("ephemeral0"),
                ..Default::default()
            },
        ],
        disable_api_stop: Some(true),
        disable_api_termination: Some(true),
        ebs_optimized: Some(true),
        instance_initiated_shutdown_behavior: Some(ShutdownBehavior::Terminate),
        monitoring: Some(RunInstancesMonitoringEnabled { enabled: Some(true), ..Default::default() }),
        metadata_options: Some(InstanceMetadataOptionsRequest {
            http_tokens: Some(HttpTokensState::Required),
            http_put_response_hop_limit: Some(64),
            instance_metadata_tags: Some(InstanceMetadataTagsState::Enabled),
            http_protocol_ipv6: Some(InstanceMetadataProtocolState::Enabled),
            ..Default::default()
        }),
        placement: Some(Placement { availability_zone: some("us-east-1b"), ..Default::default() }),
        ..bed.launch(1)
    };
    let id = bed.running_of(request);
    let (shown, stored, of_interface) = (bed.describe(id), bed.instance(id), bed.interface(id));
    assert_eq!(of_interface.private_ip.to_string(), "10.0.0.9");
    assert_eq!(of_interface.groups.len(), 1);
    assert_eq!(of_interface.description, "front");
    assert!(!of_interface.attachment.as_ref().unwrap().delete_on_termination);
    assert!(of_interface.auto_public && of_interface.public.is_some());
    let root = bed.view().volumes[&stored.block_devices[0].volume].clone();
    assert_eq!((root.spec.size_gib, root.spec.volume_type), (20, resource::VolumeType::Gp3));
    assert!(!root.attachments[0].delete_on_termination);
    let options = shown.metadata_options.unwrap();
    assert_eq!(options.http_tokens, Some(HttpTokensState::Required));
    assert_eq!(options.http_put_response_hop_limit, Some(64));
    assert_eq!(options.instance_metadata_tags, Some(InstanceMetadataTagsState::Enabled));
    assert_eq!(options.http_protocol_ipv6, Some(InstanceMetadataProtocolState::Enabled));
    assert_eq!(shown.monitoring.unwrap().state, Some(MonitoringState::Enabled));
    assert_eq!(shown.public_dns_name.as_deref(), Some(""), "this VPC gives no names");
    assert_eq!(shown.private_dns_name.as_deref(), Some("ip-10-0-0-9.ec2.internal"));
    assert!(stored.disable_api_stop && stored.disable_api_termination && stored.ebs_optimized);
    assert_eq!(stored.shutdown_behavior, resource::ShutdownBehavior::Terminate);
}

#[test]
fn a_subnet_decides_about_public_addresses_unless_the_launch_does() {
    let mut bed = Bed::new();
    let (subnet, _) = other_vpc(&mut bed);
    let in_subnet = RunInstancesRequest { subnet_id: Some(subnet), ..bed.launch(1) };
    let without = bed.running_of(in_subnet);
    assert_eq!(bed.public_ip(without), None);
    let refused = RunInstancesRequest {
        network_interfaces: vec![interface(|i| i.associate_public_ip_address = Some(false))],
        ..bed.launch(1)
    };
    let refused = bed.running_of(refused);
    assert_eq!((bed.public_ip(refused), bed.interface(refused).auto_public), (None, false));
}

/// Each with the code and a part of the text that its caller gets.
#[test]
fn bad_launches_get_precise_errors() {
    let mut bed = Bed::new();
    let (subnet, group) = other_vpc(&mut bed);
    let vpc = bed.view().default_vpc().unwrap().id;
    let used = bed.running();
    let used = bed.interface(used);
    type Edit<'a> = Box<dyn Fn(&mut RunInstancesRequest) + 'a>;
    let cases: Vec<(Edit<'_>, &str, String)> = vec![
        (
            Box::new(|r| (r.min_count, r.max_count) = (0, 0)),
            "InvalidParameterValue",
            "Value (0) for parameter minCount".into(),
        ),
        (Box::new(|r| r.max_count = -1), "InvalidParameterValue", "Value (-1) for parameter maxCount".into()),
        (Box::new(|r| (r.min_count, r.max_count) = (3, 2)), "InvalidParameterCombination", "must not be below".into()),
        (
            Box::new(|r| (r.min_count, r.max_count) = (10_000, 10_000)),
            "InstanceLimitExceeded",
            "You have requested more instances (10000) than one call may launch (1000).".into(),
        ),
        (Box::new(|r| r.image_id = None), "MissingParameter", "The request must contain the parameter ImageId".into()),
        (
            Box::new(|r| r.image_id = some("ami-00000000000000099")),
            "InvalidAMIID.NotFound",
            "The image id '[ami-00000000000000099]' does not exist".into(),
        ),
        (Box::new(|r| r.image_id = some("ami-x")), "InvalidAMIID.Malformed", "Invalid id: \"ami-x\"".into()),
        (
            Box::new(|r| r.instance_type = some("t9.mega")),
            "InvalidParameterValue",
            "Invalid value 't9.mega' for InstanceType.".into(),
        ),
        (
            Box::new(|r| r.instance_type = some("t4g.micro")),
            "InvalidParameterValue",
            "does not match the architecture 'x86_64'".into(),
        ),
        (Box::new(|r| r.key_name = some("no")), "InvalidKeyPair.NotFound", "The key pair 'no' does not exist".into()),
        (
            Box::new(|r| r.security_group_ids = texts(&["sg-00000000000000099"])),
            "InvalidGroup.NotFound",
            "The security group 'sg-00000000000000099' does not exist".into(),
        ),
        (
            Box::new(|r| r.security_group_ids = texts(&["web"])),
            "InvalidGroupId.Malformed",
            "Invalid id: \"web\" (expecting \"sg-...\")".into(),
        ),
        (
            Box::new(|r| r.security_groups = texts(&["web"])),
            "InvalidGroup.NotFound",
            format!("The security group 'web' does not exist in default VPC '{vpc}'"),
        ),
        (
            Box::new(|r| r.security_group_ids = vec![group.clone()]),
            "InvalidParameter",
            format!("Security group {group} and subnet "),
        ),
        (
            Box::new(|r| {
                r.security_groups = texts(&["default"]);
                r.subnet_id = Some(subnet.clone());
            }),
            "InvalidParameterCombination",
            "The parameter groupName cannot be used with the parameter subnet".into(),
        ),
        (
            Box::new(|r| r.subnet_id = some("subnet-00000000000000099")),
            "InvalidSubnetID.NotFound",
            "The subnet ID 'subnet-00000000000000099' does not exist".into(),
        ),
        (
            Box::new(|r| {
                r.subnet_id = Some(subnet.clone());
                (r.min_count, r.max_count) = (12, 20);
            }),
            "InsufficientFreeAddressesInSubnet",
            "There are not enough free addresses in subnet".into(),
        ),
        (
            Box::new(|r| {
                r.subnet_id = Some(subnet.clone());
                r.placement = Some(Placement { availability_zone: some("us-east-1a"), ..Default::default() });
            }),
            "InvalidParameterValue",
            "is in the availability zone us-east-1b, not in us-east-1a".into(),
        ),
        (
            Box::new(|r| r.placement = Some(Placement { availability_zone: some("us-east-1z"), ..Default::default() })),
            "InvalidParameterValue",
            "Invalid availability zone: [us-east-1z]".into(),
        ),
        (
            Box::new(|r| r.private_ip_address = some("10.0.0.5")),
            "InvalidParameterValue",
            "Address 10.0.0.5 does not fall within the subnet's address range".into(),
        ),
        (
            Box::new(|r| r.private_ip_address = some("172.31.0.3")),
            "InvalidParameterValue",
            "Address 172.31.0.3 is in subnet's reserved address range".into(),
        ),
        (
            Box::new(|r| r.private_ip_address = Some(used.private_ip.to_string())),
            "InvalidIPAddress.InUse",
            format!("Address {} is in use", used.private_ip),
        ),
        (
            Box::new(|r| {
                r.private_ip_address = some("172.31.0.9");
                r.max_count = 2;
            }),
            "InvalidParameterCombination",
            "privateIpAddress cannot be used when launching more than one instance".into(),
        ),
        (
            Box::new(|r| {
                r.network_interfaces = vec![interface(|_| ())];
                r.subnet_id = Some(subnet.clone());
            }),
            "InvalidParameterCombination",
            "Network interfaces and an instance-level subnet ID may not be specified on the same request".into(),
        ),
        (
            Box::new(|r| {
                r.network_interfaces = vec![interface(|_| ())];
                r.security_group_ids = vec![group.clone()];
            }),
            "InvalidParameterCombination",
            "instance-level security groups may not be".into(),
        ),
        (
            Box::new(|r| r.network_interfaces = vec![interface(|i| i.device_index = Some(1))]),
            "InvalidParameterValue",
            "device index 0".into(),
        ),
        (
            Box::new(|r| {
                r.network_interfaces = vec![interface(|i| i.network_interface_id = some("eni-00000000000000099"))]
            }),
            "InvalidNetworkInterfaceID.NotFound",
            "The networkInterface ID 'eni-00000000000000099' does not exist".into(),
        ),
        (
            Box::new(|r| {
                r.network_interfaces = vec![interface(|i| i.network_interface_id = Some(used.id.to_string()))]
            }),
            "InvalidNetworkInterface.InUse",
            format!("Interface: [{}] in use.", used.id),
        ),
        (
            Box::new(|r| r.user_data = Some(STANDARD.encode([b'x'; 16_385]))),
            "InvalidParameterValue",
            "User data is limited to 16384 bytes".into(),
        ),
        (
            Box::new(|r| r.user_data = some("#!/bin/sh")),
            "InvalidUserData.Malformed",
            "Invalid BASE64 encoding of user data.".into(),
        ),
        (
            Box::new(|r| {
                r.metadata_options = Some(InstanceMetadataOptionsRequest {
                    http_put_response_hop_limit: Some(65),
                    ..Default::default()
                });
            }),
            "InvalidParameterValue",
            "Value (65) for parameter HttpPutResponseHopLimit".into(),
        ),
        (
            Box::new(|r| r.block_device_mappings = vec![root_mapping(|ebs| ebs.volume_size = Some(7))]),
            "InvalidBlockDeviceMapping",
            "Volume of size 7GB is smaller than snapshot 'snap-00000000000000001', expect size >= 8GB".into(),
        ),
        (
            Box::new(|r| r.block_device_mappings = vec![root_mapping(|ebs| ebs.encrypted = Some(true))]),
            "UnsupportedOperation",
            "BlockDeviceMapping.Ebs.Encrypted".into(),
        ),
        (
            Box::new(|r| {
                let data = BlockDeviceMapping { device_name: some("/dev/sdf"), ..root_mapping(|_| ()) };
                r.block_device_mappings = vec![data];
            }),
            "MissingParameter",
            "The request must contain the parameter size/snapshot".into(),
        ),
        (
            Box::new(|r| r.block_device_mappings = vec![root_mapping(|_| ()), root_mapping(|_| ())]),
            "InvalidBlockDeviceMapping",
            "'/dev/xvda' is used in more than one".into(),
        ),
        (
            Box::new(|r| {
                r.iam_instance_profile =
                    Some(IamInstanceProfileSpecification { name: some("nobody"), ..Default::default() });
            }),
            "InvalidParameterValue",
            "Value (nobody) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name".into(),
        ),
        (
            Box::new(|r| r.launch_template = Some(LaunchTemplateSpecification::default())),
            "MissingParameter",
            "The request must contain the parameter LaunchTemplateId or LaunchTemplateName".into(),
        ),
        (
            Box::new(|r| r.placement = Some(Placement { affinity: some("host"), ..Default::default() })),
            "InvalidParameterCombination",
            "Host affinity requires".into(),
        ),
        (
            Box::new(|r| r.credit_specification = Some(CreditSpecificationRequest { cpu_credits: some("many") })),
            "InvalidParameterValue",
            "Value (many) for parameter CpuCredits is invalid.".into(),
        ),
        (
            Box::new(|r| {
                r.instance_type = some("m5.large");
                r.credit_specification = Some(CreditSpecificationRequest { cpu_credits: some("standard") });
            }),
            "InvalidParameterCombination",
            "not for m5.large".into(),
        ),
        (
            Box::new(|r| {
                r.cpu_options =
                    Some(CpuOptionsRequest { core_count: Some(7), threads_per_core: Some(1), ..Default::default() });
            }),
            "InvalidParameterCombination",
            "are not supported for the instance type 't3.micro'".into(),
        ),
        (
            Box::new(|r| r.cpu_options = Some(CpuOptionsRequest { core_count: Some(1), ..Default::default() })),
            "InvalidParameterCombination",
            "both CoreCount and ThreadsPerCore".into(),
        ),
        (
            Box::new(|r| {
                r.instance_type = some("t2.micro");
                r.ebs_optimized = Some(true);
            }),
            "Unsupported",
            "EBS-optimized instances are not supported".into(),
        ),
        (
            Box::new(|r| r.tag_specifications = vec![specification("vpc", &[("a", "b")])]),
            "InvalidParameterValue",
            "'vpc' is not a valid taggable resource type".into(),
        ),
        (Box::new(|r| r.dry_run = Some(true)), "DryRunOperation", "Request would have succeeded".into()),
    ];
    for (edit, code, text) in cases {
        let mut request = bed.launch(1);
        edit(&mut request);
        let (got, message) = bed.error(request.clone());
        assert_eq!(got, code, "{message}");
        assert!(message.contains(&text), "{message:?} does not say {text:?}");
    }
    assert_eq!(bed.view().instances.len(), 1, "nothing was launched");
}

#[test]
fn defaults_that_are_said_aloud_are_taken() {
    let mut bed = Bed::new();
    let request = RunInstancesRequest {
        capacity_reservation_specification: Some(CapacityReservationSpecification {
            capacity_reservation_preference: Some(CapacityReservationPreference::Open),
            ..Default::default()
        }),
        cpu_options: Some(CpuOptionsRequest { core_count: Some(1), threads_per_core: Some(2), ..Default::default() }),
        credit_specification: Some(CreditSpecificationRequest { cpu_credits: some("unlimited") }),
        enclave_options: Some(EnclaveOptionsRequest { enabled: Some(false) }),
        hibernation_options: Some(HibernationOptionsRequest { configured: Some(false) }),
        // As Packer says that it wants none.
        iam_instance_profile: Some(IamInstanceProfileSpecification { name: some(""), ..Default::default() }),
        maintenance_options: Some(InstanceMaintenanceOptionsRequest {
            auto_recovery: Some(InstanceAutoRecoveryState::Default),
        }),
        placement: Some(Placement { tenancy: Some(Tenancy::Default), group_name: some(""), ..Default::default() }),
        private_dns_name_options: Some(PrivateDnsNameOptionsRequest {
            hostname_type: Some(HostnameType::IpName),
            enable_resource_name_dns_a_record: Some(false),
            ..Default::default()
        }),
        security_groups: texts(&["default"]),
        user_data: some("IyEv\nYmlu"),
        ..bed.launch(1)
    };
    let id = bed.running_of(request);
    assert_eq!(bed.instance(id).user_data.as_deref(), Some(b"#!/bin".as_slice()));
    assert_eq!(bed.instance(id).iam_profile, None);
    let bare = RunInstancesRequest { instance_type: None, user_data: some(""), ..bed.launch(1) };
    let id = bed.running_of(bare);
    assert_eq!(&*bed.instance(id).instance_type, "m1.small");
    assert_eq!(bed.instance(id).user_data, None);
    let arm =
        RunInstancesRequest { image_id: Some(bed.arm_image.clone()), instance_type: some("t4g.nano"), ..bed.launch(1) };
    let id = bed.running_of(arm);
    assert_eq!(bed.describe(id).architecture, Some(ArchitectureValues::Arm64));
}

#[test]
fn as_many_as_fit_are_launched() {
    let mut bed = Bed::new();
    let (subnet, _) = other_vpc(&mut bed);
    let request = RunInstancesRequest { subnet_id: Some(subnet), max_count: 20, ..bed.launch(1) };
    assert_eq!(bed.run(request).instances.len(), 11, "a /28 has eleven addresses to give");
    bed.check();
}

#[test]
fn a_region_holds_a_limited_number_that_are_not_terminated() {
    let mut bed = Bed::new();
    let config = Config { max_instances: 3, ..Config::clone(&bed.context.config) };
    bed.context.config = std::sync::Arc::new(config);
    let first = bed.running();
    let request = bed.launch(1);
    bed.run(RunInstancesRequest { max_count: 9, ..request.clone() });
    assert_eq!(bed.view().instances.len(), 3);
    let (code, message) = bed.error(request.clone());
    assert_eq!(code, "InstanceLimitExceeded");
    assert!(message.contains("instance limit of 3 allows: 3 are in use"), "{message}");
    bed.terminate(first);
    bed.run(request);
}

#[test]
fn a_full_zone_is_passed_over() {
    let mut bed = Bed::new();
    for _ in 0..4 {
        let request = bed.launch(1_000);
        bed.run(request);
    }
    let reservation = bed.run(RunInstancesRequest { min_count: 1, ..bed.launch(1_000) });
    assert_eq!(reservation.instances.len(), 1_000);
    let zone = &reservation.instances[0].placement.as_ref().unwrap().availability_zone;
    assert_eq!(zone.as_deref(), Some("us-east-1b"), "91 addresses were left in the first");
    bed.check();
}

#[test]
fn without_a_default_vpc_a_subnet_must_be_named() {
    let mut bed = Bed::new();
    let mut tx = Transaction::new(&bed.state, bed.context.region.clone());
    let vpc = tx.default_vpc().unwrap().clone();
    let subnets: Vec<_> = tx.subnets.keys().copied().collect();
    tx.delete(crate::Key::Subnet(subnets[0]));
    tx.delete(crate::Key::Subnet(subnets[1]));
    tx.delete(crate::Key::Subnet(subnets[2]));
    bed.state = tx.finish().1;
    let request = bed.launch(1);
    assert_eq!(bed.error(request.clone()).0, "MissingInput");
    let mut tx = Transaction::new(&bed.state, bed.context.region.clone());
    tx.delete(crate::Key::Vpc(vpc.id));
    bed.state = tx.finish().1;
    assert_eq!(bed.error(request).0, "VPCIdNotSpecified");
}

#[test]
fn a_repeated_token_launches_nothing() {
    let mut bed = Bed::new();
    let request =
        RunInstancesRequest { client_token: some("once"), private_ip_address: some("172.31.0.9"), ..bed.launch(1) };
    let first = bed.run(request.clone());
    bed.wait_ms(60_000);
    let again = bed.run(request.clone());
    assert_eq!(again.reservation_id, first.reservation_id);
    assert_eq!(again.instances[0].instance_id, first.instances[0].instance_id);
    assert_eq!(bed.view().instances.len(), 1);
    let other = RunInstancesRequest { instance_type: some("t3.small"), ..request.clone() };
    assert_eq!(bed.error(other).0, "IdempotentParameterMismatch");
    let dry = RunInstancesRequest { dry_run: Some(true), ..request.clone() };
    assert_eq!(bed.error(dry).0, "DryRunOperation");
    let elsewhere = RunInstancesRequest {
        private_ip_address: None,
        placement: Some(Placement { availability_zone: some("us-east-1c"), ..Default::default() }),
        ..request.clone()
    };
    assert_ne!(bed.run(elsewhere).reservation_id, first.reservation_id, "a zone has tokens of its own");
    let id = first.instances[0].instance_id.as_deref().unwrap().parse().unwrap();
    bed.terminate(id);
    assert_eq!(bed.error(request).0, "IdempotentInstanceTerminated");
}

#[test]
fn an_interface_that_stayed_can_be_used_again() {
    let mut bed = Bed::new();
    let keep = RunInstancesRequest {
        network_interfaces: vec![interface(|i| i.delete_on_termination = Some(false))],
        ..bed.launch(1)
    };
    let first = bed.running_of(keep);
    let kept = bed.interface(first);
    bed.terminate(first);
    let request = RunInstancesRequest {
        network_interfaces: vec![interface(|i| i.network_interface_id = Some(kept.id.to_string()))],
        ..bed.launch(1)
    };
    let (code, _) = bed.error(RunInstancesRequest { max_count: 2, ..request.clone() });
    assert_eq!(code, "InvalidParameterCombination");
    let second = bed.running_of(request);
    let again = bed.interface(second);
    assert_eq!((again.id, again.private_ip, again.mac), (kept.id, kept.private_ip, kept.mac));
    bed.check();
    bed.terminate(second);
    assert!(bed.view().interfaces.contains_key(&kept.id), "it came before the instance and outlives it");
}
