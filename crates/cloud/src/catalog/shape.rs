//! Instance types as DescribeInstanceTypes shows them.

use ec2_shapes::*;

use super::{Ebs, InstanceType, flags};

pub(super) fn info(of: &InstanceType) -> InstanceTypeInfo {
    let (family, is_nitro) = (of.family, of.family.is_nitro);
    let has_disk = of.has_instance_storage();
    let tpm = if is_nitro { NitroTpmSupport::Supported } else { NitroTpmSupport::Unsupported };
    InstanceTypeInfo {
        auto_recovery_supported: Some(!has_disk),
        bare_metal: Some(false),
        burstable_performance_supported: Some(family.is_burstable),
        current_generation: Some(family.is_current),
        dedicated_hosts_supported: Some(of.has(flags::DEDICATED_HOSTS)),
        ebs_info: Some(ebs(of)),
        free_tier_eligible: Some(of.has(flags::FREE_TIER)),
        hibernation_supported: Some(of.has(flags::HIBERNATION)),
        hypervisor: Some(if is_nitro { InstanceTypeHypervisor::Nitro } else { InstanceTypeHypervisor::Xen }),
        instance_storage_info: has_disk.then(instance_storage),
        instance_storage_supported: Some(has_disk),
        instance_type: Some(of.name.clone()),
        memory_info: Some(MemoryInfo { size_in_mib: Some(of.row.memory_mib.into()) }),
        network_info: Some(network(of)),
        nitro_enclaves_support: Some(if of.has(flags::ENCLAVES) {
            NitroEnclavesSupport::Supported
        } else {
            NitroEnclavesSupport::Unsupported
        }),
        nitro_tpm_info: is_nitro.then(|| NitroTpmInfo { supported_versions: vec!["2.0".to_owned()] }),
        nitro_tpm_support: Some(tpm),
        phc_support: Some(PhcSupport::Unsupported),
        placement_group_info: Some(PlacementGroupInfo { supported_strategies: placement_strategies(of) }),
        processor_info: Some(processor(of)),
        reboot_migration_support: Some(if has_disk {
            RebootMigrationSupport::Unsupported
        } else {
            RebootMigrationSupport::Supported
        }),
        supported_boot_modes: match (family.is_arm, is_nitro) {
            (true, _) => vec![BootModeType::Uefi],
            (false, true) => vec![BootModeType::LegacyBios, BootModeType::Uefi],
            (false, false) => vec![BootModeType::LegacyBios],
        },
        supported_in_region: Some(true),
        supported_root_device_types: vec![RootDeviceType::Ebs]
            .into_iter()
            .chain(has_disk.then_some(RootDeviceType::InstanceStore))
            .collect(),
        supported_usage_classes: vec![UsageClassType::OnDemand]
            .into_iter()
            .chain(of.has(flags::SPOT).then_some(UsageClassType::Spot))
            .collect(),
        supported_virtualization_types: vec![VirtualizationType::Hvm]
            .into_iter()
            .chain(has_disk.then_some(VirtualizationType::Paravirtual))
            .collect(),
        vcpu_info: Some(vcpu(of)),
        ..InstanceTypeInfo::default()
    }
}

fn instance_storage() -> InstanceStorageInfo {
    InstanceStorageInfo {
        disks: vec![DiskInfo { count: Some(1), size_in_gb: Some(160), r#type: Some(DiskType::Hdd) }],
        encryption_support: Some(InstanceStorageEncryptionSupport::Unsupported),
        nvme_support: Some(EphemeralNvmeSupport::Unsupported),
        total_size_in_gb: Some(160),
    }
}

fn placement_strategies(of: &InstanceType) -> Vec<PlacementGroupStrategy> {
    use PlacementGroupStrategy::{Cluster, Partition, Spread};
    if of.family.is_burstable || !of.family.is_nitro {
        vec![Partition, Spread]
    } else {
        vec![Cluster, Partition, Spread]
    }
}

fn ebs(of: &InstanceType) -> EbsInfo {
    let optimized = |Ebs(baseline, baseline_iops, maximum, maximum_iops): Ebs| EbsOptimizedInfo {
        baseline_bandwidth_in_mbps: Some(baseline),
        baseline_iops: Some(baseline_iops),
        baseline_throughput_in_mbps: Some(f64::from(baseline) / 8.0),
        maximum_bandwidth_in_mbps: Some(maximum),
        maximum_iops: Some(maximum_iops),
        maximum_throughput_in_mbps: Some(f64::from(maximum) / 8.0),
    };
    EbsInfo {
        attachment_limit_type: Some(AttachmentLimitType::Shared),
        ebs_optimized_info: of.row.ebs.map(optimized),
        ebs_optimized_support: Some(match of.row.ebs {
            Some(_) => EbsOptimizedSupport::Default,
            None => EbsOptimizedSupport::Unsupported,
        }),
        encryption_support: Some(EbsEncryptionSupport::Supported),
        maximum_ebs_attachments: Some(of.family.maximum_volumes),
        nvme_support: Some(if of.family.is_nitro { EbsNvmeSupport::Required } else { EbsNvmeSupport::Unsupported }),
        ..EbsInfo::default()
    }
}

fn network(of: &InstanceType) -> NetworkInfo {
    let (family, row) = (of.family, of.row);
    let has_ipv6 = family.name != "m1";
    let addresses = i32::try_from(row.addresses).ok();
    let interfaces = i32::try_from(row.interfaces).ok();
    let (baseline, peak) = row.gbps;
    NetworkInfo {
        connection_tracking_configuration: Some(DefaultConnectionTrackingConfiguration {
            default_tcp_established_timeout: Some(432_000),
            default_udp_stream_timeout: Some(180),
            default_udp_timeout: Some(30),
        }),
        default_network_card_index: Some(0),
        efa_info: of.has(flags::FABRIC).then_some(EfaInfo { maximum_efa_interfaces: Some(1) }),
        efa_supported: Some(of.has(flags::FABRIC)),
        ena_srd_supported: Some(of.has(flags::ENA_EXPRESS)),
        ena_support: Some(if family.is_nitro { EnaSupport::Required } else { EnaSupport::Unsupported }),
        encryption_in_transit_supported: Some(family.has_flexible_network),
        flexible_ena_queues_support: Some(if family.has_flexible_network {
            FlexibleEnaQueuesSupport::Supported
        } else {
            FlexibleEnaQueuesSupport::Unsupported
        }),
        ipv4_addresses_per_interface: addresses,
        ipv6_addresses_per_interface: if has_ipv6 { addresses } else { Some(0) },
        ipv6_supported: Some(has_ipv6),
        maximum_network_cards: Some(1),
        maximum_network_interfaces: interfaces,
        network_cards: vec![NetworkCardInfo {
            baseline_bandwidth_in_gbps: Some(baseline),
            interface_types: vec![NetworkCardInterfaceType::Interface],
            maximum_network_interfaces: interfaces,
            network_card_index: Some(0),
            network_performance: Some(row.network.to_owned()),
            peak_bandwidth_in_gbps: Some(peak),
            ..NetworkCardInfo::default()
        }],
        network_performance: Some(row.network.to_owned()),
        secondary_network_supported: Some(false),
        ..NetworkInfo::default()
    }
}

fn processor(of: &InstanceType) -> ProcessorInfo {
    let clock = of.row.clock_ghz;
    ProcessorInfo {
        manufacturer: Some(of.family.manufacturer.to_owned()),
        supported_architectures: of
            .architectures()
            .iter()
            .filter_map(|name| ArchitectureType::from_wire(name))
            .collect(),
        supported_features: Vec::new(),
        sustained_clock_speed_in_ghz: (clock > 0.0).then_some(clock),
    }
}

fn vcpu(of: &InstanceType) -> VCpuInfo {
    let row = of.row;
    let whole = |number: u32| i32::try_from(number).ok();
    let threads = of.family.threads_per_core;
    VCpuInfo {
        default_cores: whole(row.cores),
        default_threads_per_core: whole(threads),
        default_vcpus: whole(of.vcpus()),
        valid_cores: of.valid_cores().filter_map(whole).collect(),
        valid_threads_per_core: of.valid_threads().filter_map(whole).collect(),
    }
}
