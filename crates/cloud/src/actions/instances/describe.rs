//! DescribeInstances and its filters.

use ec2_shapes::{
    BootModeValues, DescribeInstancesRequest, DescribeInstancesResult, DeviceType, HypervisorType,
    InstanceBandwidthWeighting, VirtualizationType,
};

use super::listing::InstanceListing;
use super::options::preference;
use super::shape::{
    InstanceView, PLATFORM, USAGE_OPERATION, http_endpoint, http_ipv6, http_tokens, maintenance_options,
    metadata_state, metadata_tags,
};
use crate::actions::show;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::Filterable;
use crate::resource::{CapacityChoice, InstanceTenancy, Tags};
use crate::view::View;

pub(in crate::actions) fn describe_instances(
    context: &Context,
    view: &View<'_>,
    request: DescribeInstancesRequest,
) -> Result<DescribeInstancesResult, ApiError> {
    let mut listing = InstanceListing::find(context, view, &request)?;
    let next_token = listing.next_token.take();
    Ok(DescribeInstancesResult { next_token, reservations: listing.collect(context, view.tables()) })
}

impl InstanceView<'_> {
    fn block_device_value(&self, name: &str, found: &mut dyn FnMut(&str)) {
        for (device, attachment) in self.disks() {
            match (name, attachment) {
                ("attach-time", Some(attachment)) => found(&attachment.attach_time.to_string()),
                ("delete-on-termination", Some(attachment)) => found(show::boolean(attachment.delete_on_termination)),
                ("device-name", _) => found(&device.device_name),
                ("status", Some(attachment)) => found(attachment.state.name()),
                ("volume-id", _) => found(&device.volume.to_string()),
                _ => {}
            }
        }
    }

    fn interface_value(&self, name: &str, found: &mut dyn FnMut(&str)) {
        for interface in self.interfaces() {
            match name {
                "deny-all-igw-traffic" | "ipv6-native" => found("false"),
                "public-dns-name" => interface.public_dns_name().iter().for_each(|name| found(name)),
                "tag-key" => interface.tags().iter().flat_map(|tags| tags.keys()).for_each(|key| found(key)),
                "tag-value" => interface.tags().iter().flat_map(|tags| tags.values()).for_each(|value| found(value)),
                name => interface.values(name, found),
            }
        }
    }

    fn metadata_value(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let options = self.instance.metadata;
        match name {
            "http-endpoint" => found(http_endpoint(options).as_str()),
            "http-protocol-ipv4" => found(http_endpoint(options).as_str()),
            "http-protocol-ipv6" => found(http_ipv6(options).as_str()),
            "http-put-response-hop-limit" => found(&options.hop_limit.to_string()),
            "http-tokens" => found(http_tokens(options).as_str()),
            "instance-metadata-tags" => found(metadata_tags(options).as_str()),
            "state" => found(metadata_state(self.instance).as_str()),
            _ => {}
        }
    }

    /// What is in the instance's own record or follows from its type.
    fn own_value(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let instance = self.instance;
        match name {
            "architecture" => found(self.architecture()),
            "availability-zone" => found(&instance.zone.to_string()),
            "availability-zone-id" => found(&instance.zone.zone_id()),
            "client-token" => instance.client_token.iter().for_each(|token| found(token)),
            "current-instance-boot-mode" => found(self.current_boot_mode().as_str()),
            "ebs-optimized" => found(show::boolean(self.is_ebs_optimized())),
            "image-id" => found(&instance.image.to_string()),
            "instance-id" => found(&instance.id.to_string()),
            "instance-state-code" => found(&instance.state.code().to_string()),
            "instance-state-name" => found(instance.state.name()),
            "instance-type" => found(&instance.instance_type),
            "key-name" => instance.key_name.iter().for_each(|name| found(name)),
            "launch-index" => found(&instance.launch_index.to_string()),
            "launch-time" => found(&instance.launch_time.to_string()),
            "monitoring-state" => found(self.monitoring().as_str()),
            "owner-id" => found(self.account.as_str()),
            "reason" => found(&instance.transition_reason),
            "reservation-id" => found(&instance.reservation.to_string()),
            "root-device-name" => found(&instance.root_device),
            "state-reason-code" => instance.state_reason.iter().for_each(|reason| found(&reason.code)),
            "state-reason-message" => instance.state_reason.iter().for_each(|reason| found(&reason.message)),
            _ => self.setting_value(name, found),
        }
    }

    /// What the instance is set to.
    fn setting_value(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let (instance, options) = (self.instance, &self.instance.options);
        let placement = &options.placement;
        let profile = instance.iam_profile.as_ref();
        match name {
            "affinity" if placement.tenancy == InstanceTenancy::Host => {
                found(if placement.host_affinity { "host" } else { "default" });
            }
            "capacity-reservation-id"
            | "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-id" => {
                if let CapacityChoice::Reservation(id) = options.capacity {
                    found(&id.to_string());
                }
            }
            "capacity-reservation-specification.capacity-reservation-preference" => {
                preference(&options.capacity).iter().for_each(|preference| found(preference.as_str()));
            }
            "host-id" => placement.host.iter().for_each(|host| found(&host.to_string())),
            "iam-instance-profile.arn" => profile.iter().for_each(|profile| found(&profile.profile_arn)),
            "iam-instance-profile.id" => profile.iter().for_each(|profile| found(&profile.profile_id)),
            "iam-instance-profile.name" => profile.iter().for_each(|profile| found(&profile.profile_name)),
            "maintenance-options.auto-recovery" => {
                maintenance_options(instance).auto_recovery.iter().for_each(|state| found(state.as_str()));
            }
            "placement-group-name" => instance.placement_group.iter().for_each(|name| found(name)),
            "placement-partition-number" => placement.partition.iter().for_each(|number| found(&number.to_string())),
            "private-dns-name-options.enable-resource-name-dns-a-record" => {
                found(show::boolean(options.private_dns.a_record));
            }
            "private-dns-name-options.enable-resource-name-dns-aaaa-record" => {
                found(show::boolean(options.private_dns.aaaa_record));
            }
            "private-dns-name-options.hostname-type" => found(self.hostname_type().as_str()),
            "instance-lifecycle" if options.spot_request.is_some() => found("spot"),
            "spot-instance-request-id" => options.spot_request.iter().for_each(|id| found(&id.to_string())),
            "tenancy" => found(placement.tenancy.name()),
            _ => self.constant_value(name, found),
        }
    }

    /// What is the same for every instance here, and what none has.
    fn constant_value(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name {
            "boot-mode" => found(BootModeValues::UefiPreferred.as_str()),
            "ena-support" => found("true"),
            "enclave-options.enabled" | "hibernation-options.configured" | "operator.managed" => found("false"),
            "hypervisor" => found(HypervisorType::Xen.as_str()),
            "network-performance-options.bandwidth-weighting" => found(InstanceBandwidthWeighting::Default.as_str()),
            "platform-details" => found(PLATFORM),
            "root-device-type" => found(DeviceType::Ebs.as_str()),
            "usage-operation" => found(USAGE_OPERATION),
            "virtualization-type" => found(VirtualizationType::Hvm.as_str()),
            _ => {}
        }
    }
}

impl Filterable for InstanceView<'_> {
    const NAMES: &'static [&'static str] = FILTERS;

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        if let Some(name) = name.strip_prefix("block-device-mapping.") {
            return self.block_device_value(name, found);
        }
        if let Some(name) = name.strip_prefix("network-interface.") {
            return self.interface_value(name, found);
        }
        if let Some(name) = name.strip_prefix("metadata-options.") {
            return self.metadata_value(name, found);
        }
        let Some(primary) = self.primary() else { return self.own_value(name, found) };
        match name {
            "dns-name" => primary.public_dns_name().iter().for_each(|name| found(name)),
            "instance.group-id" | "group-id" => primary.values("group-id", found),
            "instance.group-name" | "group-name" => primary.values("group-name", found),
            "ip-address" => primary.values("association.public-ip", found),
            "private-dns-name" => self.private_dns_name().iter().for_each(|name| found(name)),
            "private-ip-address" => self.interfaces().for_each(|view| view.values("private-ip-address", found)),
            "source-dest-check" | "subnet-id" | "vpc-id" => primary.values(name, found),
            _ => self.own_value(name, found),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tables.tags_of(&self.instance.id.to_string()))
    }
}

/// The names that the model documents.
const FILTERS: &[&str] = &[
    "affinity",
    "architecture",
    "availability-zone",
    "availability-zone-id",
    "block-device-mapping.attach-time",
    "block-device-mapping.delete-on-termination",
    "block-device-mapping.device-name",
    "block-device-mapping.status",
    "block-device-mapping.volume-id",
    "boot-mode",
    "capacity-reservation-id",
    "capacity-reservation-specification.capacity-reservation-preference",
    "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-id",
    "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-resource-group-arn",
    "client-token",
    "current-instance-boot-mode",
    "dns-name",
    "ebs-optimized",
    "ena-support",
    "enclave-options.enabled",
    "group-id",
    "group-name",
    "hibernation-options.configured",
    "host-id",
    "hypervisor",
    "iam-instance-profile.arn",
    "iam-instance-profile.id",
    "iam-instance-profile.name",
    "image-id",
    "instance-id",
    "instance-lifecycle",
    "instance-state-code",
    "instance-state-name",
    "instance-type",
    "instance.group-id",
    "instance.group-name",
    "ip-address",
    "ipv6-address",
    "kernel-id",
    "key-name",
    "launch-index",
    "launch-time",
    "maintenance-options.auto-recovery",
    "metadata-options.http-endpoint",
    "metadata-options.http-protocol-ipv4",
    "metadata-options.http-protocol-ipv6",
    "metadata-options.http-put-response-hop-limit",
    "metadata-options.http-tokens",
    "metadata-options.instance-metadata-tags",
    "metadata-options.state",
    "monitoring-state",
    "network-interface.addresses.association.allocation-id",
    "network-interface.addresses.association.association-id",
    "network-interface.addresses.association.carrier-ip",
    "network-interface.addresses.association.customer-owned-ip",
    "network-interface.addresses.association.ip-owner-id",
    "network-interface.addresses.association.public-dns-name",
    "network-interface.addresses.association.public-ip",
    "network-interface.addresses.primary",
    "network-interface.addresses.private-dns-name",
    "network-interface.addresses.private-ip-address",
    "network-interface.association.allocation-id",
    "network-interface.association.association-id",
    "network-interface.association.carrier-ip",
    "network-interface.association.customer-owned-ip",
    "network-interface.association.ip-owner-id",
    "network-interface.association.public-dns-name",
    "network-interface.association.public-ip",
    "network-interface.attachment.attach-time",
    "network-interface.attachment.attachment-id",
    "network-interface.attachment.delete-on-termination",
    "network-interface.attachment.device-index",
    "network-interface.attachment.instance-id",
    "network-interface.attachment.instance-owner-id",
    "network-interface.attachment.network-card-index",
    "network-interface.attachment.status",
    "network-interface.availability-zone",
    "network-interface.deny-all-igw-traffic",
    "network-interface.description",
    "network-interface.group-id",
    "network-interface.group-name",
    "network-interface.ipv4-prefixes.ipv4-prefix",
    "network-interface.ipv6-address",
    "network-interface.ipv6-addresses.ipv6-address",
    "network-interface.ipv6-addresses.is-primary-ipv6",
    "network-interface.ipv6-native",
    "network-interface.ipv6-prefixes.ipv6-prefix",
    "network-interface.mac-address",
    "network-interface.network-interface-id",
    "network-interface.operator.managed",
    "network-interface.operator.principal",
    "network-interface.outpost-arn",
    "network-interface.owner-id",
    "network-interface.private-dns-name",
    "network-interface.private-ip-address",
    "network-interface.public-dns-name",
    "network-interface.requester-id",
    "network-interface.requester-managed",
    "network-interface.source-dest-check",
    "network-interface.status",
    "network-interface.subnet-id",
    "network-interface.tag-key",
    "network-interface.tag-value",
    "network-interface.vpc-id",
    "network-performance-options.bandwidth-weighting",
    "operator.managed",
    "operator.principal",
    "outpost-arn",
    "owner-id",
    "placement-group-name",
    "placement-partition-number",
    "platform",
    "platform-details",
    "private-dns-name",
    "private-dns-name-options.enable-resource-name-dns-a-record",
    "private-dns-name-options.enable-resource-name-dns-aaaa-record",
    "private-dns-name-options.hostname-type",
    "private-ip-address",
    "product-code",
    "product-code.type",
    "ramdisk-id",
    "reason",
    "requester-id",
    "reservation-id",
    "root-device-name",
    "root-device-type",
    "source-dest-check",
    "spot-instance-request-id",
    "state-reason-code",
    "state-reason-message",
    "subnet-id",
    "tenancy",
    "tpm-support",
    "usage-operation",
    "usage-operation-update-time",
    "virtualization-type",
    "vpc-id",
];
