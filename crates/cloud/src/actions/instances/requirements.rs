//! Which instance types are offered where, and which have what a caller needs.

use ec2_shapes::{
    BareMetal, BurstablePerformance, CpuManufacturer, DescribeInstanceTypeOfferingsRequest,
    DescribeInstanceTypeOfferingsResult, GetInstanceTypesFromInstanceRequirementsRequest,
    GetInstanceTypesFromInstanceRequirementsResult, InstanceGeneration, InstanceRequirementsRequest, InstanceTypeInfo,
    InstanceTypeInfoFromInstanceRequirements, InstanceTypeOffering, LocalStorage, LocalStorageType, LocationType,
};
use types::Region;

use crate::catalog::InstanceType;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Filters, Listing, PageLimits, page, rows, wildcard_matches};
use crate::resource::Tags;
use crate::view::View;

/// Every zone offers every type.
pub(in crate::actions) fn describe_instance_type_offerings(
    _: &Context,
    view: &View<'_>,
    request: DescribeInstanceTypeOfferingsRequest,
) -> Result<DescribeInstanceTypeOfferingsResult, ApiError> {
    let filters = Filters::new::<InstanceTypeOffering>(&request.filters)?;
    let location_type = request.location_type.unwrap_or(LocationType::Region);
    let region = view.region();
    let zones = || Region::ZONE_LETTERS.map(|letter| region.zone(letter)).into_iter();
    let locations: Vec<String> = match location_type {
        LocationType::Region => vec![region.to_string()],
        LocationType::AvailabilityZone => zones().map(|zone| zone.to_string()).collect(),
        LocationType::AvailabilityZoneId => zones().map(|zone| zone.zone_id()).collect(),
        LocationType::Outpost => Vec::new(),
    };
    let offerings = InstanceType::all().flat_map(|kind| {
        locations.iter().map(move |location| {
            let offering = InstanceTypeOffering {
                instance_type: Some(kind.name().to_owned()),
                location: Some(location.clone()),
                location_type: Some(location_type),
            };
            (format!("{}/{location}", kind.name()), offering)
        })
    });
    let asked = Listing::paged(&[], &request.filters, request.max_results, request.next_token.as_deref());
    let (instance_type_offerings, next_token) = rows(offerings, &filters, asked)?;
    Ok(DescribeInstanceTypeOfferingsResult { instance_type_offerings, next_token })
}

impl Filterable for InstanceTypeOffering {
    const NAMES: &'static [&'static str] = &["instance-type", "location"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let value = match name {
            "instance-type" => &self.instance_type,
            _ => &self.location,
        };
        value.iter().for_each(|value| found(value));
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }
}

/// The types that have everything that is required. Nothing is said of prices, which nothing has here.
pub(in crate::actions) fn get_instance_types_from_instance_requirements(
    _: &Context,
    _: &View<'_>,
    request: GetInstanceTypesFromInstanceRequirementsRequest,
) -> Result<GetInstanceTypesFromInstanceRequirementsResult, ApiError> {
    if request.architecture_types.is_empty() {
        return Err(ApiError::missing("ArchitectureType"));
    }
    if request.virtualization_types.is_empty() {
        return Err(ApiError::missing("VirtualizationType"));
    }
    let wanted = request.instance_requirements.as_ref().ok_or_else(|| ApiError::missing("InstanceRequirements"))?;
    check_requirements(wanted)?;
    let is_right_machine = |info: &InstanceTypeInfo| {
        let architectures = info.processor_info.iter().flat_map(|processor| &processor.supported_architectures);
        architectures.into_iter().any(|architecture| request.architecture_types.contains(architecture))
            && info.supported_virtualization_types.iter().any(|kind| request.virtualization_types.contains(kind))
    };
    let matching = InstanceType::all().filter(|kind| {
        let info = kind.to_shape();
        is_right_machine(&info) && satisfies(kind, &info, wanted)
    });
    let limits = PageLimits { min: 1, max: 1000 };
    let token = request.next_token.as_deref();
    let (types, next_token) = page(matching, |kind| kind.name().to_owned(), limits, request.max_results, token, None)?;
    let shape =
        |kind: &InstanceType| InstanceTypeInfoFromInstanceRequirements { instance_type: Some(kind.name().to_owned()) };
    let instance_types = types.into_iter().map(shape).collect();
    Ok(GetInstanceTypesFromInstanceRequirementsResult { instance_types, next_token })
}

/// Checks that requirements make sense by themselves.
pub(in crate::actions) fn check_requirements(wanted: &InstanceRequirementsRequest) -> Result<(), ApiError> {
    let vcpus = wanted.vcpu_count.as_ref().ok_or_else(|| ApiError::missing("InstanceRequirements.VCpuCount"))?;
    let memory = wanted.memory_mib.as_ref().ok_or_else(|| ApiError::missing("InstanceRequirements.MemoryMiB"))?;
    let vcpus_min = vcpus.min.ok_or_else(|| ApiError::missing("InstanceRequirements.VCpuCount.Min"))?;
    let memory_min = memory.min.ok_or_else(|| ApiError::missing("InstanceRequirements.MemoryMiB.Min"))?;
    for (name, min, max) in [("VCpuCount", vcpus_min, vcpus.max), ("MemoryMiB", memory_min, memory.max)] {
        if min < 0 || max.is_some_and(|max| max < min) {
            let message = format!("The range of InstanceRequirements.{name} is invalid: its minimum is {min}.");
            return Err(ApiError::invalid_value(message));
        }
    }
    if !wanted.allowed_instance_types.is_empty() && !wanted.excluded_instance_types.is_empty() {
        return Err(ApiError::invalid_combination(
            "The parameters AllowedInstanceTypes and ExcludedInstanceTypes cannot be used together",
        ));
    }
    Ok(())
}

/// Whether a value lies within bounds, each of which may be missing.
fn within<T: PartialOrd>(value: T, min: Option<T>, max: Option<T>) -> bool {
    min.is_none_or(|min| value >= min) && max.is_none_or(|max| value <= max)
}

/// Whether a type has everything that is required.
pub(in crate::actions) fn satisfies(
    kind: &InstanceType,
    info: &InstanceTypeInfo,
    wanted: &InstanceRequirementsRequest,
) -> bool {
    has_size(kind, wanted) && has_name(kind, wanted) && has_features(kind, info, wanted) && has_traffic(info, wanted)
}

fn has_size(kind: &InstanceType, wanted: &InstanceRequirementsRequest) -> bool {
    let vcpus = i64::from(kind.vcpus());
    let memory = i64::from(kind.memory_mib());
    let range = |min: Option<i32>, max: Option<i32>| (min.map(i64::from), max.map(i64::from));
    let (vcpus_min, vcpus_max) =
        wanted.vcpu_count.as_ref().map_or((None, None), |range_| range(range_.min, range_.max));
    let (memory_min, memory_max) =
        wanted.memory_mib.as_ref().map_or((None, None), |range_| range(range_.min, range_.max));
    let (interfaces_min, interfaces_max) =
        wanted.network_interface_count.as_ref().map_or((None, None), |range_| range(range_.min, range_.max));
    let (per_vcpu_min, per_vcpu_max) =
        wanted.memory_gib_per_vcpu.as_ref().map_or((None, None), |range_| (range_.min, range_.max));
    let per_vcpu = f64::from(kind.memory_mib()) / 1024.0 / f64::from(kind.vcpus());
    within(vcpus, vcpus_min, vcpus_max)
        && within(memory, memory_min, memory_max)
        && within(per_vcpu, per_vcpu_min, per_vcpu_max)
        && within(i64::from(kind.maximum_interfaces()), interfaces_min, interfaces_max)
}

fn has_name(kind: &InstanceType, wanted: &InstanceRequirementsRequest) -> bool {
    // As EC2 has it, `c5*` takes in whole families: a star also stands for the dot.
    let any = |patterns: &[String]| patterns.iter().any(|pattern| wildcard_matches(pattern, kind.name()));
    !any(&wanted.excluded_instance_types)
        && (wanted.allowed_instance_types.is_empty() || any(&wanted.allowed_instance_types))
}

fn has_features(kind: &InstanceType, info: &InstanceTypeInfo, wanted: &InstanceRequirementsRequest) -> bool {
    let manufacturer = match kind.manufacturer() {
        "AMD" => CpuManufacturer::Amd,
        "AWS" => CpuManufacturer::AmazonWebServices,
        _ => CpuManufacturer::Intel,
    };
    let is_current = info.current_generation == Some(true);
    let generation = if is_current { InstanceGeneration::Current } else { InstanceGeneration::Previous };
    let burstable = match wanted.burstable_performance.unwrap_or(BurstablePerformance::Excluded) {
        BurstablePerformance::Included => true,
        BurstablePerformance::Required => kind.is_burstable(),
        BurstablePerformance::Excluded => !kind.is_burstable(),
    };
    let is_wanted = |flag: Option<bool>, has: Option<bool>| flag != Some(true) || has == Some(true);
    let encrypted = info.network_info.as_ref().and_then(|network| network.encryption_in_transit_supported);
    (wanted.cpu_manufacturers.is_empty() || wanted.cpu_manufacturers.contains(&manufacturer))
        && (wanted.instance_generations.is_empty() || wanted.instance_generations.contains(&generation))
        && burstable
        // No type here is bare metal, and none has an accelerator.
        && wanted.bare_metal != Some(BareMetal::Required)
        && !wants_accelerator(wanted)
        && is_wanted(wanted.require_hibernate_support, info.hibernation_supported)
        && is_wanted(wanted.require_encryption_in_transit, encrypted)
}

fn wants_accelerator(wanted: &InstanceRequirementsRequest) -> bool {
    let count = wanted.accelerator_count.as_ref();
    let memory = wanted.accelerator_total_memory_mib.as_ref();
    count.and_then(|count| count.min).is_some_and(|min| min > 0)
        || memory.and_then(|memory| memory.min).is_some_and(|min| min > 0)
        || !wanted.accelerator_manufacturers.is_empty()
        || !wanted.accelerator_names.is_empty()
        || !wanted.accelerator_types.is_empty()
}

fn has_traffic(info: &InstanceTypeInfo, wanted: &InstanceRequirementsRequest) -> bool {
    let bandwidth = info.ebs_info.as_ref().and_then(|ebs| ebs.ebs_optimized_info.as_ref());
    let baseline = bandwidth.and_then(|optimized| optimized.baseline_bandwidth_in_mbps).unwrap_or(0);
    let (ebs_min, ebs_max) =
        wanted.baseline_ebs_bandwidth_mbps.as_ref().map_or((None, None), |range| (range.min, range.max));
    let cards = info.network_info.iter().flat_map(|network| &network.network_cards);
    let gbps: f64 = cards.filter_map(|card| card.baseline_bandwidth_in_gbps).sum();
    let (gbps_min, gbps_max) =
        wanted.network_bandwidth_gbps.as_ref().map_or((None, None), |range| (range.min, range.max));
    within(baseline, ebs_min, ebs_max) && within(gbps, gbps_min, gbps_max) && has_storage(info, wanted)
}

fn has_storage(info: &InstanceTypeInfo, wanted: &InstanceRequirementsRequest) -> bool {
    let storage = info.instance_storage_info.as_ref();
    let (min, max) = wanted.total_local_storage_gb.as_ref().map_or((None, None), |range| (range.min, range.max));
    let is_of_kind = storage.is_none_or(|storage| {
        wanted.local_storage_types.is_empty()
            || storage.disks.iter().filter_map(|disk| disk.r#type).any(|disk| {
                let wire = disk.as_str();
                wanted.local_storage_types.iter().map(|kind: &LocalStorageType| kind.as_str()).any(|kind| kind == wire)
            })
    });
    let total = storage.and_then(|storage| storage.total_size_in_gb).map_or(0.0, |total| total as f64);
    is_of_kind
        && within(total, min, max)
        && match wanted.local_storage.unwrap_or(LocalStorage::Included) {
            LocalStorage::Included => true,
            LocalStorage::Required => storage.is_some(),
            LocalStorage::Excluded => storage.is_none(),
        }
}
