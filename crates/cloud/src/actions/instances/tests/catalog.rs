//! Which types there are, where, and for what; and the answers that all instances have in common.

use ec2_shapes::*;

use crate::actions::testbed::{Bed, texts};
use crate::catalog::InstanceType;
use crate::query::Filterable;
use crate::testing::filter;

fn offerings(bed: &mut Bed, request: DescribeInstanceTypeOfferingsRequest) -> Vec<InstanceTypeOffering> {
    match bed.ask(request).unwrap() {
        Response::DescribeInstanceTypeOfferings(answer) => answer.instance_type_offerings,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_zone_offers_every_type() {
    let mut bed = Bed::new();
    let count = InstanceType::all().count();
    assert_eq!(offerings(&mut bed, Default::default()).len(), count);
    let of = |location_type, filters| DescribeInstanceTypeOfferingsRequest {
        location_type: Some(location_type),
        filters,
        ..Default::default()
    };
    let in_zone = offerings(&mut bed, of(LocationType::AvailabilityZone, vec![filter("location", &["us-east-1b"])]));
    assert_eq!(in_zone.len(), count);
    assert_eq!(in_zone[0].location_type, Some(LocationType::AvailabilityZone));
    let one = offerings(&mut bed, of(LocationType::AvailabilityZoneId, vec![filter("instance-type", &["t3.micro"])]));
    assert!(one.iter().any(|offering| offering.location.as_deref() == Some("use1-az1")));
    assert_eq!(offerings(&mut bed, of(LocationType::Outpost, vec![])), []);
    let bad = of(LocationType::Region, vec![filter("zone", &["x"])]);
    assert_eq!(bed.error(bad).0, "InvalidParameterValue");
    let mut seen = Vec::new();
    let mut next_token = None;
    loop {
        let request = DescribeInstanceTypeOfferingsRequest { max_results: Some(50), next_token, ..Default::default() };
        let Response::DescribeInstanceTypeOfferings(answer) = bed.ask(request).unwrap() else { panic!() };
        seen.extend(answer.instance_type_offerings);
        next_token = answer.next_token;
        if next_token.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), count);
}

fn requirements(
    edit: impl FnOnce(&mut InstanceRequirementsRequest),
) -> GetInstanceTypesFromInstanceRequirementsRequest {
    let mut wanted = InstanceRequirementsRequest {
        vcpu_count: Some(VCpuCountRangeRequest { min: Some(2), max: Some(4) }),
        memory_mib: Some(MemoryMiBRequest { min: Some(4096), max: Some(16_384) }),
        ..Default::default()
    };
    edit(&mut wanted);
    GetInstanceTypesFromInstanceRequirementsRequest {
        architecture_types: vec![ArchitectureType::X86_64],
        virtualization_types: vec![VirtualizationType::Hvm],
        instance_requirements: Some(wanted),
        ..Default::default()
    }
}

fn types(bed: &mut Bed, edit: impl FnOnce(&mut InstanceRequirementsRequest)) -> Vec<String> {
    match bed.ask(requirements(edit)).unwrap() {
        Response::GetInstanceTypesFromInstanceRequirements(answer) => {
            answer.instance_types.into_iter().filter_map(|one| one.instance_type).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn requirements_choose_among_the_types() {
    let mut bed = Bed::new();
    let all = types(&mut bed, |_| ());
    assert!(all.contains(&"m5.large".to_owned()) && all.contains(&"c7i.xlarge".to_owned()), "{all:?}");
    assert!(!all.iter().any(|name| name.starts_with('t') || name.starts_with("m6g")), "{all:?}");
    for name in &all {
        let kind = InstanceType::find(name).unwrap();
        assert!((2..=4).contains(&kind.vcpus()) && (4096..=16_384).contains(&kind.memory_mib()), "{name}");
    }
    let burstable = types(&mut bed, |r| r.burstable_performance = Some(BurstablePerformance::Required));
    assert!(burstable.contains(&"t3.medium".to_owned()) && burstable.iter().all(|name| name.starts_with('t')));
    let amd = types(&mut bed, |r| {
        r.burstable_performance = Some(BurstablePerformance::Included);
        r.cpu_manufacturers = vec![CpuManufacturer::Amd];
    });
    assert!(!amd.is_empty() && amd.iter().all(|name| name.starts_with("t3a.")), "{amd:?}");
    let allowed = types(&mut bed, |r| r.allowed_instance_types = texts(&["c5*"]));
    assert_eq!(allowed, ["c5.large", "c5.xlarge"]);
    let excluded = types(&mut bed, |r| r.excluded_instance_types = texts(&["c5*", "m*"]));
    assert!(!excluded.iter().any(|name| name.starts_with("c5") || name.starts_with('m')), "{excluded:?}");
    let generous = types(&mut bed, |r| {
        r.memory_gib_per_vcpu = Some(MemoryGiBPerVCpuRequest { min: Some(8.0), max: None });
    });
    assert!(!generous.is_empty() && generous.iter().all(|name| name.starts_with('r')), "{generous:?}");
    let current = types(&mut bed, |r| r.instance_generations = vec![InstanceGeneration::Current]);
    assert!(!current.contains(&"m5.large".to_owned()) && current.contains(&"m7i.large".to_owned()));
    let wide = types(&mut bed, |r| {
        r.network_interface_count = Some(NetworkInterfaceCountRequest { min: Some(4), max: None });
    });
    assert!(!wide.contains(&"m5.large".to_owned()) && wide.contains(&"m5.xlarge".to_owned()));
    let fast = types(&mut bed, |r| {
        r.network_bandwidth_gbps = Some(NetworkBandwidthGbpsRequest { min: Some(1.5), max: None });
        r.baseline_ebs_bandwidth_mbps = Some(BaselineEbsBandwidthMbpsRequest { min: Some(1_200), max: None });
    });
    assert!(fast.contains(&"m6i.xlarge".to_owned()) && !fast.contains(&"m5.xlarge".to_owned()), "{fast:?}");
    for none in [
        types(&mut bed, |r| r.bare_metal = Some(BareMetal::Required)),
        types(&mut bed, |r| r.accelerator_count = Some(AcceleratorCountRequest { min: Some(1), max: None })),
        types(&mut bed, |r| r.accelerator_types = vec![AcceleratorType::Gpu]),
        types(&mut bed, |r| r.local_storage = Some(LocalStorage::Required)),
    ] {
        assert_eq!(none, Vec::<String>::new());
    }
    let encrypted = types(&mut bed, |r| r.require_encryption_in_transit = Some(true));
    assert!(!encrypted.contains(&"m5.large".to_owned()) && encrypted.contains(&"m6i.large".to_owned()));
}

#[test]
fn requirements_that_make_no_sense_are_refused() {
    let mut bed = Bed::new();
    for (request, code) in [
        (requirements(|r| r.vcpu_count = None), "MissingParameter"),
        (requirements(|r| r.memory_mib = None), "MissingParameter"),
        (
            requirements(|r| r.vcpu_count = Some(VCpuCountRangeRequest { min: Some(4), max: Some(2) })),
            "InvalidParameterValue",
        ),
        (
            requirements(|r| {
                r.allowed_instance_types = texts(&["c*"]);
                r.excluded_instance_types = texts(&["m*"]);
            }),
            "InvalidParameterCombination",
        ),
        (
            GetInstanceTypesFromInstanceRequirementsRequest { architecture_types: vec![], ..requirements(|_| ()) },
            "MissingParameter",
        ),
        (
            GetInstanceTypesFromInstanceRequirementsRequest { virtualization_types: vec![], ..requirements(|_| ()) },
            "MissingParameter",
        ),
    ] {
        assert_eq!(bed.error(request.clone()).0, code, "{request:?}");
    }
}

/// The data source of Terraform reads these without asking whether they are there.
#[test]
fn a_described_type_has_everything_that_clients_read() {
    for info in InstanceType::all().map(InstanceType::to_shape) {
        let name = info.instance_type.clone().unwrap();
        let (ebs, network) = (info.ebs_info.clone().unwrap(), info.network_info.clone().unwrap());
        assert!(ebs.ebs_optimized_support.is_some() && ebs.encryption_support.is_some(), "{name}");
        assert!(
            ebs.nvme_support.is_some() && network.ena_support.is_some() && network.efa_supported.is_some(),
            "{name}"
        );
        assert!(network.network_performance.is_some() && network.ipv6_supported.is_some(), "{name}");
        assert!(network.encryption_in_transit_supported.is_some() && network.default_network_card_index.is_some());
        assert!(info.memory_info.as_ref().unwrap().size_in_mib.is_some(), "{name}");
        assert!(!info.placement_group_info.as_ref().unwrap().supported_strategies.is_empty(), "{name}");
        for flag in [
            info.auto_recovery_supported,
            info.bare_metal,
            info.burstable_performance_supported,
            info.current_generation,
            info.dedicated_hosts_supported,
            info.free_tier_eligible,
            info.hibernation_supported,
            info.instance_storage_supported,
        ] {
            assert!(flag.is_some(), "{name}");
        }
        assert!(info.hypervisor.is_some() && !info.supported_usage_classes.is_empty(), "{name}");
        let cpu = info.vcpu_info.as_ref().unwrap();
        assert!(cpu.default_cores.is_some() && cpu.default_vcpus.is_some() && cpu.default_threads_per_core.is_some());
        for filter in InstanceTypeInfo::NAMES {
            info.values(filter, &mut |value| assert!(!value.is_empty(), "{name} {filter}"));
        }
    }
}

#[test]
fn what_no_instance_has_is_answered_so() {
    let mut bed = Bed::new();
    let id = bed.running();
    let password = GetPasswordDataRequest { instance_id: id.to_string(), ..Default::default() };
    let Response::GetPasswordData(answer) = bed.ask(password).unwrap() else { panic!() };
    assert_eq!(answer.password_data.as_deref(), Some(""));
    let unknown = "i-00000000000000099".to_owned();
    let password = GetPasswordDataRequest { instance_id: unknown.clone(), ..Default::default() };
    assert_eq!(bed.error(password).0, "InvalidInstanceID.NotFound");
    let topology =
        |instance_ids, filters| DescribeInstanceTopologyRequest { instance_ids, filters, ..Default::default() };
    let request =
        topology(vec![], vec![filter("instance-type", &["t3*"]), filter("availability-zone", &["us-east-1a"])]);
    let Response::DescribeInstanceTopology(answer) = bed.ask(request).unwrap() else { panic!() };
    assert_eq!(answer.instances[0].instance_id, Some(id.to_string()));
    assert!(answer.instances[0].network_nodes.is_empty());
    assert_eq!(bed.error(topology(vec![unknown.clone()], vec![])).0, "InvalidInstanceID.NotFound");
    let windows = DescribeInstanceEventWindowsRequest::default();
    let Response::DescribeInstanceEventWindows(answer) = bed.ask(windows.clone()).unwrap() else { panic!() };
    assert_eq!(answer.instance_event_windows, []);
    let named = DescribeInstanceEventWindowsRequest { instance_event_window_ids: texts(&["iew-1"]), ..windows.clone() };
    assert_eq!(bed.error(named).0, "InvalidInstanceEventWindowId.NotFound");
    let small = DescribeInstanceEventWindowsRequest { max_results: Some(5), ..windows };
    assert_eq!(bed.error(small).0, "InvalidParameterValue");
    let links = |instance_ids| DescribeClassicLinkInstancesRequest { instance_ids, ..Default::default() };
    let Response::DescribeClassicLinkInstances(answer) = bed.ask(links(vec![])).unwrap() else { panic!() };
    assert_eq!(answer.instances, []);
    assert_eq!(bed.error(links(vec![unknown])).0, "InvalidInstanceID.NotFound");
    assert_eq!(bed.error(links(vec![id.to_string()])).0, "InvalidInstanceID.NotLinkable");
}
