//! DescribeInstanceTypes.

use ec2_shapes::{DescribeInstanceTypesRequest, DescribeInstanceTypesResult, InstanceTypeInfo};

use crate::actions::show;
use crate::catalog::InstanceType;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Filters, PageLimits, page};
use crate::resource::Tags;
use crate::view::View;

/// The page sizes of this action.
const LIMITS: PageLimits = PageLimits { min: 5, max: 100 };

pub(in crate::actions) fn describe_instance_types(
    _: &Context,
    _: &View<'_>,
    request: DescribeInstanceTypesRequest,
) -> Result<DescribeInstanceTypesResult, ApiError> {
    let filters = Filters::new::<InstanceTypeInfo>(&request.filters)?;
    let names = &request.instance_types;
    let unknown: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| InstanceType::find(name).is_none()).collect();
    if !unknown.is_empty() {
        let message = format!("The following supplied instance types do not exist: [{}]", unknown.join(", "));
        return Err(ApiError::new("InvalidInstanceType", message));
    }
    let matching = InstanceType::all()
        .filter(|found| names.is_empty() || names.iter().any(|name| name == found.name()))
        .map(InstanceType::to_shape)
        .filter(|info| filters.matches(info));
    let ids_name = (!names.is_empty()).then_some("instanceTypesSet");
    let key = |info: &InstanceTypeInfo| info.instance_type.clone().unwrap_or_default();
    let token = request.next_token.as_deref();
    let (instance_types, next_token) = page(matching, key, LIMITS, request.max_results, token, ids_name)?;
    Ok(DescribeInstanceTypesResult { instance_types, next_token })
}

/// Hands a value that is there to `found`, as text.
fn give(value: Option<impl ToString>, found: &mut dyn FnMut(&str)) {
    if let Some(value) = value {
        found(&value.to_string());
    }
}

fn give_flag(value: Option<bool>, found: &mut dyn FnMut(&str)) {
    give(value.map(show::boolean), found);
}

fn give_all<T: ToString>(values: &[T], found: &mut dyn FnMut(&str)) {
    values.iter().for_each(|value| found(&value.to_string()));
}

fn ebs_value(info: &InstanceTypeInfo, name: &str, found: &mut dyn FnMut(&str)) {
    let Some(ebs) = &info.ebs_info else { return };
    match name {
        "attachment-limit-type" => give(ebs.attachment_limit_type, found),
        "ebs-optimized-support" => give(ebs.ebs_optimized_support, found),
        "encryption-support" => give(ebs.encryption_support, found),
        "maximum-ebs-attachments" => give(ebs.maximum_ebs_attachments, found),
        "nvme-support" => give(ebs.nvme_support, found),
        _ => {
            let Some(optimized) = &ebs.ebs_optimized_info else { return };
            match name {
                "ebs-optimized-info.baseline-bandwidth-in-mbps" => give(optimized.baseline_bandwidth_in_mbps, found),
                "ebs-optimized-info.baseline-iops" => give(optimized.baseline_iops, found),
                "ebs-optimized-info.baseline-throughput-in-mbps" => give(optimized.baseline_throughput_in_mbps, found),
                "ebs-optimized-info.maximum-bandwidth-in-mbps" => give(optimized.maximum_bandwidth_in_mbps, found),
                "ebs-optimized-info.maximum-iops" => give(optimized.maximum_iops, found),
                "ebs-optimized-info.maximum-throughput-in-mbps" => give(optimized.maximum_throughput_in_mbps, found),
                _ => {}
            }
        }
    }
}

fn storage_value(info: &InstanceTypeInfo, name: &str, found: &mut dyn FnMut(&str)) {
    let Some(storage) = &info.instance_storage_info else { return };
    match name {
        "disk.count" => storage.disks.iter().for_each(|disk| give(disk.count, found)),
        "disk.size-in-gb" => storage.disks.iter().for_each(|disk| give(disk.size_in_gb, found)),
        "disk.type" => storage.disks.iter().for_each(|disk| give(disk.r#type, found)),
        "encryption-support" => give(storage.encryption_support, found),
        "nvme-support" => give(storage.nvme_support, found),
        "total-size-in-gb" => give(storage.total_size_in_gb, found),
        _ => {}
    }
}

fn network_value(info: &InstanceTypeInfo, name: &str, found: &mut dyn FnMut(&str)) {
    let Some(network) = &info.network_info else { return };
    match name {
        "bandwidth-weightings" => give_all(&network.bandwidth_weightings, found),
        "efa-info.maximum-efa-interfaces" => {
            give(network.efa_info.as_ref().and_then(|efa| efa.maximum_efa_interfaces), found);
        }
        "efa-supported" => give_flag(network.efa_supported, found),
        "ena-support" => give(network.ena_support, found),
        "encryption-in-transit-supported" => give_flag(network.encryption_in_transit_supported, found),
        "flexible-ena-queues-support" => give(network.flexible_ena_queues_support, found),
        "ipv4-addresses-per-interface" => give(network.ipv4_addresses_per_interface, found),
        "ipv6-addresses-per-interface" => give(network.ipv6_addresses_per_interface, found),
        "ipv6-supported" => give_flag(network.ipv6_supported, found),
        "maximum-network-cards" => give(network.maximum_network_cards, found),
        "maximum-network-interfaces" => give(network.maximum_network_interfaces, found),
        "network-performance" => give(network.network_performance.as_ref(), found),
        _ => {}
    }
}

fn processor_value(info: &InstanceTypeInfo, name: &str, found: &mut dyn FnMut(&str)) {
    let Some(processor) = &info.processor_info else { return };
    match name {
        "manufacturer" => give(processor.manufacturer.as_ref(), found),
        "supported-architecture" => give_all(&processor.supported_architectures, found),
        "supported-features" => give_all(&processor.supported_features, found),
        "sustained-clock-speed-in-ghz" => give(processor.sustained_clock_speed_in_ghz, found),
        _ => {}
    }
}

fn vcpu_value(info: &InstanceTypeInfo, name: &str, found: &mut dyn FnMut(&str)) {
    let Some(vcpu) = &info.vcpu_info else { return };
    match name {
        "default-cores" => give(vcpu.default_cores, found),
        "default-threads-per-core" => give(vcpu.default_threads_per_core, found),
        "default-vcpus" => give(vcpu.default_vcpus, found),
        "valid-cores" => give_all(&vcpu.valid_cores, found),
        "valid-threads-per-core" => give_all(&vcpu.valid_threads_per_core, found),
        _ => {}
    }
}

impl Filterable for InstanceTypeInfo {
    const NAMES: &'static [&'static str] = &[
        "auto-recovery-supported",
        "bare-metal",
        "burstable-performance-supported",
        "current-generation",
        "dedicated-hosts-supported",
        "ebs-info.attachment-limit-type",
        "ebs-info.ebs-optimized-info.baseline-bandwidth-in-mbps",
        "ebs-info.ebs-optimized-info.baseline-iops",
        "ebs-info.ebs-optimized-info.baseline-throughput-in-mbps",
        "ebs-info.ebs-optimized-info.maximum-bandwidth-in-mbps",
        "ebs-info.ebs-optimized-info.maximum-iops",
        "ebs-info.ebs-optimized-info.maximum-throughput-in-mbps",
        "ebs-info.ebs-optimized-support",
        "ebs-info.encryption-support",
        "ebs-info.maximum-ebs-attachments",
        "ebs-info.nvme-support",
        "free-tier-eligible",
        "hibernation-supported",
        "hypervisor",
        "instance-storage-info.disk.count",
        "instance-storage-info.disk.size-in-gb",
        "instance-storage-info.disk.type",
        "instance-storage-info.encryption-support",
        "instance-storage-info.nvme-support",
        "instance-storage-info.total-size-in-gb",
        "instance-storage-supported",
        "instance-type",
        "memory-info.size-in-mib",
        "network-info.bandwidth-weightings",
        "network-info.efa-info.maximum-efa-interfaces",
        "network-info.efa-supported",
        "network-info.ena-support",
        "network-info.encryption-in-transit-supported",
        "network-info.flexible-ena-queues-support",
        "network-info.ipv4-addresses-per-interface",
        "network-info.ipv6-addresses-per-interface",
        "network-info.ipv6-supported",
        "network-info.maximum-network-cards",
        "network-info.maximum-network-interfaces",
        "network-info.network-performance",
        "nitro-enclaves-support",
        "nitro-tpm-info.supported-versions",
        "nitro-tpm-support",
        "processor-info.manufacturer",
        "processor-info.supported-architecture",
        "processor-info.supported-features",
        "processor-info.sustained-clock-speed-in-ghz",
        "reboot-migration-support",
        "supported-boot-mode",
        "supported-root-device-type",
        "supported-usage-class",
        "supported-virtualization-type",
        "vcpu-info.default-cores",
        "vcpu-info.default-threads-per-core",
        "vcpu-info.default-vcpus",
        "vcpu-info.valid-cores",
        "vcpu-info.valid-threads-per-core",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name.split_once('.') {
            Some(("ebs-info", name)) => return ebs_value(self, name, found),
            Some(("instance-storage-info", name)) => return storage_value(self, name, found),
            Some(("network-info", name)) => return network_value(self, name, found),
            Some(("processor-info", name)) => return processor_value(self, name, found),
            Some(("vcpu-info", name)) => return vcpu_value(self, name, found),
            _ => {}
        }
        match name {
            "auto-recovery-supported" => give_flag(self.auto_recovery_supported, found),
            "bare-metal" => give_flag(self.bare_metal, found),
            "burstable-performance-supported" => give_flag(self.burstable_performance_supported, found),
            "current-generation" => give_flag(self.current_generation, found),
            "dedicated-hosts-supported" => give_flag(self.dedicated_hosts_supported, found),
            "free-tier-eligible" => give_flag(self.free_tier_eligible, found),
            "hibernation-supported" => give_flag(self.hibernation_supported, found),
            "hypervisor" => give(self.hypervisor, found),
            "instance-storage-supported" => give_flag(self.instance_storage_supported, found),
            "instance-type" => give(self.instance_type.as_ref(), found),
            "memory-info.size-in-mib" => give(self.memory_info.as_ref().and_then(|memory| memory.size_in_mib), found),
            "nitro-enclaves-support" => give(self.nitro_enclaves_support, found),
            "nitro-tpm-info.supported-versions" => {
                self.nitro_tpm_info.iter().for_each(|info| give_all(&info.supported_versions, found));
            }
            "nitro-tpm-support" => give(self.nitro_tpm_support, found),
            "reboot-migration-support" => give(self.reboot_migration_support, found),
            "supported-boot-mode" => give_all(&self.supported_boot_modes, found),
            "supported-root-device-type" => give_all(&self.supported_root_device_types, found),
            "supported-usage-class" => give_all(&self.supported_usage_classes, found),
            "supported-virtualization-type" => give_all(&self.supported_virtualization_types, found),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }
}
