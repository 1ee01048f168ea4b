//! One attribute at a time: what can be changed, when, and what is said of what cannot.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ec2_shapes::*;
use types::InstanceId;

use crate::actions::testbed::{Bed, texts};

fn modify(id: InstanceId) -> ModifyInstanceAttributeRequest {
    ModifyInstanceAttributeRequest { instance_id: id.to_string(), ..Default::default() }
}

fn text(value: &str) -> Option<AttributeValue> {
    Some(AttributeValue { value: Some(value.to_owned()) })
}

fn flag(value: bool) -> Option<AttributeBooleanValue> {
    Some(AttributeBooleanValue { value: Some(value) })
}

/// The long form: the name of an attribute, and a value.
fn by_name(id: InstanceId, attribute: InstanceAttributeName, value: &str) -> ModifyInstanceAttributeRequest {
    ModifyInstanceAttributeRequest { attribute: Some(attribute), value: Some(value.to_owned()), ..modify(id) }
}

fn attribute(bed: &mut Bed, id: InstanceId, attribute: InstanceAttributeName) -> InstanceAttribute {
    let request = DescribeInstanceAttributeRequest {
        instance_id: id.to_string(),
        attribute: Some(attribute),
        ..Default::default()
    };
    match bed.ask(request).unwrap() {
        Response::DescribeInstanceAttribute(answer) => *answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_changed_is_read_back_in_both_forms() {
    use InstanceAttributeName as Name;
    let mut bed = Bed::new();
    let id = bed.running();
    bed.stop(id);
    let behavior = |answer: InstanceAttribute| answer.instance_initiated_shutdown_behavior.unwrap().value.unwrap();
    for (request, expected) in [
        (
            ModifyInstanceAttributeRequest { instance_initiated_shutdown_behavior: text("terminate"), ..modify(id) },
            "terminate",
        ),
        (by_name(id, Name::InstanceInitiatedShutdownBehavior, "stop"), "stop"),
    ] {
        bed.ask(request).unwrap();
        assert_eq!(behavior(attribute(&mut bed, id, Name::InstanceInitiatedShutdownBehavior)), expected);
    }
    bed.ask(ModifyInstanceAttributeRequest { disable_api_termination: flag(true), ..modify(id) }).unwrap();
    assert_eq!(attribute(&mut bed, id, Name::DisableApiTermination).disable_api_termination, flag(true));
    bed.ask(by_name(id, Name::DisableApiTermination, "false")).unwrap();
    assert_eq!(attribute(&mut bed, id, Name::DisableApiTermination).disable_api_termination, flag(false));
    bed.ask(by_name(id, Name::DisableApiStop, "true")).unwrap();
    assert_eq!(attribute(&mut bed, id, Name::DisableApiStop).disable_api_stop, flag(true));
    bed.ask(ModifyInstanceAttributeRequest { ebs_optimized: flag(true), ..modify(id) }).unwrap();
    assert_eq!(attribute(&mut bed, id, Name::EbsOptimized).ebs_optimized, flag(true));
    bed.ask(ModifyInstanceAttributeRequest { ena_support: flag(true), ..modify(id) }).unwrap();
    bed.ask(ModifyInstanceAttributeRequest { sriov_net_support: text("simple"), ..modify(id) }).unwrap();
    assert_eq!(attribute(&mut bed, id, Name::SriovNetSupport).sriov_net_support, text("simple"));
    assert_eq!(bed.describe(id).sriov_net_support.as_deref(), Some("simple"));
    let data = SecureBlobAttributeValue { value: Some(Blob(b"#!/bin/sh".to_vec())) };
    bed.ask(ModifyInstanceAttributeRequest { user_data: Some(data), ..modify(id) }).unwrap();
    assert_eq!(attribute(&mut bed, id, Name::UserData).user_data, text(&STANDARD.encode("#!/bin/sh")));
    bed.ask(by_name(id, Name::UserData, &STANDARD.encode("other"))).unwrap();
    assert_eq!(bed.instance(id).user_data.as_deref(), Some(b"other".as_slice()));
    bed.ask(by_name(id, Name::Kernel, "")).unwrap();
    let enclave_options = Some(EnclaveOptionsRequest { enabled: Some(false) });
    bed.ask(ModifyInstanceAttributeRequest { enclave_options, ..modify(id) }).unwrap();
    bed.check();
}

#[test]
fn a_stopped_instance_becomes_one_of_another_type() {
    let mut bed = Bed::new();
    let request = RunInstancesRequest {
        instance_type: Some("m5.4xlarge".to_owned()),
        cpu_options: Some(CpuOptionsRequest {
            core_count: Some(4),
            threads_per_core: Some(1),
            ..CpuOptionsRequest::default()
        }),
        ..bed.launch(1)
    };
    let id = bed.running_of(request);
    let cpu = bed.describe(id).cpu_options.unwrap();
    assert_eq!((cpu.core_count, cpu.threads_per_core), (Some(4), Some(1)));
    let change = |name: &str| ModifyInstanceAttributeRequest { instance_type: text(name), ..modify(id) };
    assert_eq!(
        bed.error(change("t3.small")),
        ("IncorrectInstanceState", format!("The instance '{id}' is not in the 'stopped' state."))
    );
    bed.stop(id);
    assert_eq!(bed.error(change("t3.huge")).0, "InvalidInstanceAttributeValue");
    assert_eq!(bed.error(change("t4g.small")).0, "InvalidParameterValue", "another architecture");
    bed.ask(change("t3.small")).unwrap();
    let shown = bed.describe(id);
    assert_eq!(shown.instance_type.as_deref(), Some("t3.small"));
    let cpu = shown.cpu_options.unwrap();
    assert_eq!((cpu.core_count, cpu.threads_per_core), (Some(1), Some(2)), "those of the new type");
    bed.ask(by_name(id, InstanceAttributeName::InstanceType, "m5.large")).unwrap();
    assert_eq!(&*bed.instance(id).instance_type, "m5.large");
    bed.ask(ModifyInstanceAttributeRequest { ebs_optimized: flag(true), ..modify(id) }).unwrap();
    assert_eq!(bed.error(change("t2.micro")).0, "Unsupported", "it is EBS-optimised");
}

#[test]
fn groups_and_the_check_are_those_of_the_only_interface() {
    let mut bed = Bed::new();
    let id = bed.running();
    let vpc = bed.interface(id).vpc.to_string();
    let create = CreateSecurityGroupRequest {
        group_name: "web".to_owned(),
        description: "web".to_owned(),
        vpc_id: Some(vpc),
        ..Default::default()
    };
    let Response::CreateSecurityGroup(created) = bed.ask(create).unwrap() else { panic!() };
    let group = created.group_id.unwrap();
    let groups = |ids: &[&str]| ModifyInstanceAttributeRequest { groups: texts(ids), ..modify(id) };
    bed.ask(groups(&[&group, &group])).unwrap();
    assert_eq!(bed.describe(id).security_groups[0].group_id, Some(group.clone()));
    assert_eq!(bed.describe(id).security_groups.len(), 1);
    assert_eq!(bed.error(groups(&["sg-00000000000000099"])).0, "InvalidGroup.NotFound");
    assert_eq!(bed.error(groups(&["web"])).0, "InvalidGroupId.Malformed");
    bed.ask(ModifyInstanceAttributeRequest { source_dest_check: flag(false), ..modify(id) }).unwrap();
    assert_eq!(bed.describe(id).source_dest_check, Some(false));
    let reset = |attribute| ResetInstanceAttributeRequest {
        instance_id: id.to_string(),
        attribute: Some(attribute),
        ..Default::default()
    };
    bed.ask(reset(InstanceAttributeName::SourceDestCheck)).unwrap();
    assert_eq!(bed.describe(id).source_dest_check, Some(true));
    assert_eq!(bed.error(reset(InstanceAttributeName::Kernel)).0, "IncorrectInstanceState");
    assert_eq!(bed.error(reset(InstanceAttributeName::UserData)).0, "InvalidParameterValue");
    bed.stop(id);
    bed.ask(reset(InstanceAttributeName::Ramdisk)).unwrap();
    bed.check();
}

#[test]
fn disks_are_told_whether_to_go_with_the_instance() {
    let mut bed = Bed::new();
    let id = bed.running();
    let kept = |bed: &mut Bed| {
        let shown = bed.describe(id);
        shown.block_device_mappings[0].ebs.as_ref().unwrap().delete_on_termination
    };
    let mapping = |name: &str, delete_on_termination| InstanceBlockDeviceMappingSpecification {
        device_name: Some(name.to_owned()),
        ebs: Some(EbsInstanceBlockDeviceSpecification { delete_on_termination, volume_id: None }),
        ..Default::default()
    };
    let change = |mapping| ModifyInstanceAttributeRequest { block_device_mappings: vec![mapping], ..modify(id) };
    bed.ask(change(mapping("/dev/xvda", Some(false)))).unwrap();
    assert_eq!(kept(&mut bed), Some(false));
    bed.ask(change(mapping("/dev/xvda", None))).unwrap();
    assert_eq!(kept(&mut bed), Some(true));
    assert_eq!(
        bed.error(change(mapping("/dev/sdz", Some(true)))),
        ("InvalidInstanceAttributeValue", "No device is currently mapped at /dev/sdz".to_owned())
    );
    let no_device =
        InstanceBlockDeviceMappingSpecification { no_device: Some(String::new()), ..mapping("/dev/xvda", None) };
    assert_eq!(bed.error(change(no_device)).0, "UnsupportedOperation");
}

#[test]
fn bad_changes_get_precise_errors_and_change_nothing() {
    use InstanceAttributeName as Name;
    let mut bed = Bed::new();
    let id = bed.running();
    let data = |value: Vec<u8>| Some(SecureBlobAttributeValue { value: Some(Blob(value)) });
    let running = bed.instance(id);
    for (request, code) in [
        (modify(id), "InvalidParameterCombination"),
        (
            ModifyInstanceAttributeRequest {
                disable_api_stop: flag(true),
                disable_api_termination: flag(true),
                ..modify(id)
            },
            "InvalidParameterCombination",
        ),
        (ModifyInstanceAttributeRequest { value: Some("true".to_owned()), ..modify(id) }, "MissingParameter"),
        (by_name(id, Name::RootDeviceName, "/dev/sda1"), "InvalidParameterCombination"),
        (by_name(id, Name::DisableApiStop, "yes"), "InvalidParameterValue"),
        (by_name(id, Name::InstanceInitiatedShutdownBehavior, "sleep"), "InvalidParameterValue"),
        (by_name(id, Name::UserData, "not base64!"), "InvalidUserData.Malformed"),
        (ModifyInstanceAttributeRequest { user_data: data(vec![b'x'; 16_385]), ..modify(id) }, "InvalidParameterValue"),
        (ModifyInstanceAttributeRequest { user_data: data(vec![b'x']), ..modify(id) }, "IncorrectInstanceState"),
        (ModifyInstanceAttributeRequest { kernel: text("aki-1"), ..modify(id) }, "IncorrectInstanceState"),
        (ModifyInstanceAttributeRequest { instance_id: "i-x".to_owned(), ..modify(id) }, "InvalidInstanceID.Malformed"),
        (
            ModifyInstanceAttributeRequest {
                instance_id: "i-00000000000000099".to_owned(),
                disable_api_stop: flag(true),
                ..modify(id)
            },
            "InvalidInstanceID.NotFound",
        ),
    ] {
        assert_eq!(bed.error(request.clone()).0, code, "{request:?}");
    }
    assert_eq!(bed.instance(id), running);
    bed.stop(id);
    for (request, code) in [
        (ModifyInstanceAttributeRequest { kernel: text("aki-1"), ..modify(id) }, "InvalidAMIID.NotFound"),
        (ModifyInstanceAttributeRequest { ena_support: flag(false), ..modify(id) }, "InvalidParameterCombination"),
        (
            ModifyInstanceAttributeRequest { sriov_net_support: text("both"), ..modify(id) },
            "InvalidInstanceAttributeValue",
        ),
        (
            ModifyInstanceAttributeRequest {
                enclave_options: Some(EnclaveOptionsRequest { enabled: Some(true) }),
                ..modify(id)
            },
            "UnsupportedOperation",
        ),
    ] {
        assert_eq!(bed.error(request.clone()).0, code, "{request:?}");
    }
    bed.terminate(id);
    let late = ModifyInstanceAttributeRequest { disable_api_stop: flag(true), ..modify(id) };
    assert_eq!(bed.error(late).0, "IncorrectInstanceState");
}
