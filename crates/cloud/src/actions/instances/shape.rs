//! An instance as answers show it.

use ec2_shapes::{
    ArchitectureValues, AttachmentStatus, BootModeValues, CapacityReservationSpecificationResponse,
    CapacityReservationTargetResponse, CpuOptions, DeviceType, EbsInstanceBlockDevice, EnclaveOptions,
    HibernationOptions, HostnameType, HttpTokensState, HypervisorType, InstanceAutoRecoveryState,
    InstanceBandwidthWeighting, InstanceBlockDeviceMapping, InstanceBootModeValues, InstanceMaintenanceOptions,
    InstanceMetadataEndpointState, InstanceMetadataOptionsResponse, InstanceMetadataOptionsState,
    InstanceMetadataProtocolState, InstanceMetadataTagsState, InstanceNetworkPerformanceOptions,
    InstanceRebootMigrationState, InstanceStateName, Monitoring, MonitoringState, OperatorResponse, Placement,
    PrivateDnsNameOptionsResponse, Tenancy, VirtualizationType,
};
use types::{AccountId, InstanceState};

use super::monitoring;
use super::options::preference;
use super::profiles::profile_shape;
use crate::actions::network_interfaces::InterfaceView;
use crate::actions::show;
use crate::catalog::InstanceType;
use crate::context::Context;
use crate::names::instance_dns_name;
use crate::reads::Reader;
use crate::resource::{
    self, BlockDevice, CapacityChoice, Instance, InstanceTenancy, MetadataOptions, VolumeAttachment,
};
use crate::state::Tables;
use crate::tagging;

/// The platform of all images, as answers name it.
pub(super) const PLATFORM: &str = "Linux/UNIX";
/// The operation that usage is counted under on that platform.
pub(super) const USAGE_OPERATION: &str = "RunInstances";

/// A state with its number.
pub(in crate::actions) fn state(state: InstanceState) -> ec2_shapes::InstanceState {
    ec2_shapes::InstanceState { code: Some(state.code()), name: InstanceStateName::from_wire(state.name()) }
}

/// An instance with what answers and filters say about it.
#[derive(Clone, Copy)]
pub(super) struct InstanceView<'a> {
    pub account: &'a AccountId,
    pub tables: Reader<'a>,
    pub instance: &'a Instance,
}

impl<'a> InstanceView<'a> {
    /// An instance in these tables.
    pub(super) fn new(context: &'a Context, tables: &'a Tables, instance: &'a Instance) -> Self {
        Self { account: context.account(), tables: tables.into(), instance }
    }

    /// Its interfaces, the primary one first.
    pub(super) fn interfaces(&self) -> impl Iterator<Item = InterfaceView<'a>> + use<'a> {
        let Self { account, tables, instance } = *self;
        let interfaces = instance.interfaces.iter().filter_map(move |id| tables.interfaces(id));
        interfaces.map(move |interface| InterfaceView { account, tables, interface })
    }

    /// Its primary interface, unless it was terminated.
    pub(super) fn primary(&self) -> Option<InterfaceView<'a>> {
        self.interfaces().next()
    }

    pub(super) fn instance_type(&self) -> Option<&'static InstanceType> {
        InstanceType::find(&self.instance.instance_type)
    }

    /// EC2's name of its architecture: the one of its type that images are made for.
    pub(super) fn architecture(&self) -> &'static str {
        self.instance_type().and_then(|t| t.architectures().last().copied()).unwrap_or("x86_64")
    }

    /// How a machine of its type would have booted.
    pub(super) fn current_boot_mode(&self) -> InstanceBootModeValues {
        if self.has_ena() { InstanceBootModeValues::Uefi } else { InstanceBootModeValues::LegacyBios }
    }

    pub(super) fn has_ena(&self) -> bool {
        self.instance_type().is_some_and(InstanceType::has_ena)
    }

    pub(super) fn is_ebs_optimized(&self) -> bool {
        self.instance.ebs_optimized
    }

    pub(super) fn private_dns_name(&self) -> Option<String> {
        let primary = self.primary()?;
        Some(instance_dns_name(&primary.interface.zone.region, self.instance, primary.interface.private_ip))
    }

    pub(super) fn monitoring(&self) -> MonitoringState {
        monitoring::state(self.instance)
    }

    pub(super) fn to_shape(self) -> ec2_shapes::Instance {
        let instance = self.instance;
        let primary = self.primary();
        let public = primary.as_ref().and_then(|view| view.interface.public.as_ref());
        let has_network = primary.is_some();
        ec2_shapes::Instance {
            ami_launch_index: i32::try_from(instance.launch_index).ok(),
            block_device_mappings: self.block_devices(),
            client_token: Some(instance.client_token.as_deref().unwrap_or_default().to_owned()),
            ebs_optimized: Some(self.is_ebs_optimized()),
            iam_instance_profile: instance.iam_profile.as_ref().map(profile_shape),
            image_id: Some(instance.image.to_string()),
            instance_id: Some(instance.id.to_string()),
            instance_type: Some(instance.instance_type.to_string()),
            ipv6_address: primary.and_then(|view| view.interface.ipv6.first()).map(ToString::to_string),
            instance_lifecycle: instance.options.spot_request.map(|_| ec2_shapes::InstanceLifecycleType::Spot),
            key_name: instance.key_name.as_deref().map(str::to_owned),
            launch_time: Some(show::moment(instance.launch_time)),
            metadata_options: Some(metadata_options(instance)),
            monitoring: Some(Monitoring { state: Some(self.monitoring()), ..Monitoring::default() }),
            network_interfaces: self.interfaces().map(|view| view.in_instance()).collect(),
            placement: Some(self.placement()),
            private_dns_name: Some(self.private_dns_name().unwrap_or_default()),
            private_ip_address: primary.map(|view| view.interface.private_ip.to_string()),
            public_dns_name: Some(primary.and_then(|view| view.public_dns_name()).unwrap_or_default()),
            public_ip_address: public.map(|public| public.ip.to_string()),
            root_device_name: Some(instance.root_device.clone()),
            security_groups: primary
                .map(|view| show::read_group_identifiers(self.tables, &view.interface.groups))
                .unwrap_or_default(),
            source_dest_check: primary.map(|view| view.interface.source_dest_check),
            spot_instance_request_id: instance.options.spot_request.map(|id| id.to_string()),
            sriov_net_support: instance.options.sriov_simple.then(|| "simple".to_owned()),
            state: Some(state(instance.state)),
            state_reason: instance.state_reason.as_ref().map(|reason| ec2_shapes::StateReason {
                code: Some(reason.code.clone()),
                message: Some(reason.message.clone()),
            }),
            state_transition_reason: Some(instance.transition_reason.clone()),
            subnet_id: has_network.then(|| instance.subnet.to_string()),
            tags: tagging::to_shape(self.tables.tags_of(&instance.id.to_string())),
            vpc_id: has_network.then(|| instance.vpc.to_string()),
            ..self.settings()
        }
    }

    /// What it is set to.
    fn settings(&self) -> ec2_shapes::Instance {
        let whole = |number: u32| i32::try_from(number).ok();
        let options = &self.instance.options;
        let target = match options.capacity {
            CapacityChoice::Reservation(id) => Some(CapacityReservationTargetResponse {
                capacity_reservation_id: Some(id.to_string()),
                ..CapacityReservationTargetResponse::default()
            }),
            _ => None,
        };
        ec2_shapes::Instance {
            capacity_reservation_specification: Some(CapacityReservationSpecificationResponse {
                capacity_reservation_preference: preference(&options.capacity),
                capacity_reservation_target: target,
            }),
            cpu_options: self.instance_type().map(|kind| processors(self.instance, kind)).map(|own| CpuOptions {
                core_count: whole(own.cores),
                threads_per_core: whole(own.threads_per_core),
                ..CpuOptions::default()
            }),
            maintenance_options: Some(maintenance_options(self.instance)),
            private_dns_name_options: Some(PrivateDnsNameOptionsResponse {
                enable_resource_name_dns_aaaa_record: Some(options.private_dns.aaaa_record),
                enable_resource_name_dns_a_record: Some(options.private_dns.a_record),
                hostname_type: Some(self.hostname_type()),
            }),
            ..self.constants()
        }
    }

    pub(super) fn hostname_type(&self) -> HostnameType {
        if self.instance.options.private_dns.resource_name { HostnameType::ResourceName } else { HostnameType::IpName }
    }

    /// What all instances have in common, or all of one type.
    fn constants(&self) -> ec2_shapes::Instance {
        ec2_shapes::Instance {
            architecture: ArchitectureValues::from_wire(self.architecture()),
            boot_mode: Some(BootModeValues::UefiPreferred),
            current_instance_boot_mode: Some(self.current_boot_mode()),
            ena_support: Some(true),
            enclave_options: Some(EnclaveOptions { enabled: Some(false) }),
            hibernation_options: Some(HibernationOptions { configured: Some(false) }),
            hypervisor: Some(HypervisorType::Xen),
            network_performance_options: Some(InstanceNetworkPerformanceOptions {
                bandwidth_weighting: Some(InstanceBandwidthWeighting::Default),
            }),
            operator: Some(OperatorResponse { managed: Some(false), ..OperatorResponse::default() }),
            platform_details: Some(PLATFORM.to_owned()),
            root_device_type: Some(DeviceType::Ebs),
            usage_operation: Some(USAGE_OPERATION.to_owned()),
            virtualization_type: Some(VirtualizationType::Hvm),
            ..ec2_shapes::Instance::default()
        }
    }

    /// Its disks, each with what its volume says about it.
    pub(super) fn disks(&self) -> impl Iterator<Item = (&'a BlockDevice, Option<&'a VolumeAttachment>)> + use<'a> {
        let (tables, instance) = (self.tables, self.instance);
        instance.block_devices.iter().map(move |device| {
            let volume = tables.volumes(&device.volume);
            (device, volume.and_then(|volume| volume.attachment_to(instance.id)))
        })
    }

    /// Its disks as answers show them.
    pub(super) fn block_devices(&self) -> Vec<InstanceBlockDeviceMapping> {
        let mapping = |(device, attachment): (&BlockDevice, Option<&VolumeAttachment>)| InstanceBlockDeviceMapping {
            device_name: Some(device.device_name.clone()),
            ebs: Some(EbsInstanceBlockDevice {
                attach_time: attachment.map(|attachment| show::moment(attachment.attach_time)),
                delete_on_termination: attachment.map(|attachment| attachment.delete_on_termination),
                status: attachment.and_then(|attachment| AttachmentStatus::from_wire(attachment.state.name())),
                volume_id: Some(device.volume.to_string()),
                ..EbsInstanceBlockDevice::default()
            }),
        };
        self.disks().map(mapping).collect()
    }

    fn placement(&self) -> Placement {
        let placement = &self.instance.options.placement;
        let is_host = placement.tenancy == InstanceTenancy::Host;
        Placement {
            affinity: is_host.then(|| if placement.host_affinity { "host" } else { "default" }.to_owned()),
            availability_zone: Some(self.instance.zone.to_string()),
            availability_zone_id: Some(self.instance.zone.zone_id()),
            group_name: Some(self.instance.placement_group.as_deref().unwrap_or_default().to_owned()),
            host_id: placement.host.map(|host| host.to_string()),
            partition_number: placement.partition.and_then(|number| i32::try_from(number).ok()),
            tenancy: Tenancy::from_wire(placement.tenancy.name()),
            ..Placement::default()
        }
    }
}

/// The processors that an instance of this type has.
pub(super) fn processors(instance: &Instance, kind: &InstanceType) -> resource::CpuOptions {
    let own = resource::CpuOptions { cores: kind.cores(), threads_per_core: kind.threads_per_core() };
    instance.options.cpu.unwrap_or(own)
}

pub(super) fn maintenance_options(instance: &Instance) -> InstanceMaintenanceOptions {
    let options = instance.options.maintenance;
    InstanceMaintenanceOptions {
        auto_recovery: Some(match options.no_auto_recovery {
            true => InstanceAutoRecoveryState::Disabled,
            false => InstanceAutoRecoveryState::Default,
        }),
        reboot_migration: Some(match options.no_reboot_migration {
            true => InstanceRebootMigrationState::Disabled,
            false => InstanceRebootMigrationState::Default,
        }),
    }
}

pub(super) fn http_endpoint(options: MetadataOptions) -> InstanceMetadataEndpointState {
    if options.enabled { InstanceMetadataEndpointState::Enabled } else { InstanceMetadataEndpointState::Disabled }
}

pub(super) fn http_ipv6(options: MetadataOptions) -> InstanceMetadataProtocolState {
    if options.ipv6 { InstanceMetadataProtocolState::Enabled } else { InstanceMetadataProtocolState::Disabled }
}

pub(super) fn http_tokens(options: MetadataOptions) -> HttpTokensState {
    if options.tokens_required { HttpTokensState::Required } else { HttpTokensState::Optional }
}

pub(super) fn metadata_tags(options: MetadataOptions) -> InstanceMetadataTagsState {
    if options.instance_tags { InstanceMetadataTagsState::Enabled } else { InstanceMetadataTagsState::Disabled }
}

pub(super) fn metadata_state(instance: &Instance) -> InstanceMetadataOptionsState {
    if instance.options.metadata_changes {
        InstanceMetadataOptionsState::Pending
    } else {
        InstanceMetadataOptionsState::Applied
    }
}

pub(super) fn metadata_options(instance: &Instance) -> InstanceMetadataOptionsResponse {
    let options = instance.metadata;
    InstanceMetadataOptionsResponse {
        http_endpoint: Some(http_endpoint(options)),
        http_protocol_ipv6: Some(http_ipv6(options)),
        http_put_response_hop_limit: Some(options.hop_limit.into()),
        http_tokens: Some(http_tokens(options)),
        instance_metadata_tags: Some(metadata_tags(options)),
        state: Some(metadata_state(instance)),
    }
}
