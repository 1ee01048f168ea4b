//! DescribeImages, and how an image is shown.

use ec2_shapes::{
    ArchitectureValues, BlockDeviceMapping, BootModeValues, DescribeImagesRequest, DescribeImagesResult, DeviceType,
    EbsBlockDevice, HypervisorType, ImageTypeValues, ImdsSupportValues, TpmSupportValues, VirtualizationType,
    VolumeType,
};
use types::Timestamp;

use super::allowed::AllowedImages;
use super::{AMAZON, AMAZON_ACCOUNT, all, find, not_found, parse_image_id};
use crate::actions::show;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Filters, PageLimits, page};
use crate::resource::{
    DeregistrationProtection, Image, ImageDevice, ImageMapping, ImageState, ImageVolume, LaunchPermission, Tags,
};
use crate::tagging;
use crate::view::View;

const PLATFORM: &str = "Linux/UNIX";
const OPERATION: &str = "RunInstances";
const SRIOV: &str = "simple";

/// Images of one page may be as few as one.
const LIMITS: PageLimits = PageLimits { min: 1, max: 1000 };

pub(in crate::actions) fn describe_images(
    context: &Context,
    view: &View<'_>,
    request: DescribeImagesRequest,
) -> Result<DescribeImagesResult, ApiError> {
    let filters = Filters::new::<ImageView<'_>>(&request.filters)?;
    let wanted = request.image_ids.iter().map(|id| parse_image_id(id)).collect::<Result<Vec<_>, _>>()?;
    let missing: Vec<&str> = wanted
        .iter()
        .zip(&request.image_ids)
        .filter(|(id, _)| find(view, **id).is_none())
        .map(|(_, text)| text.as_str())
        .collect();
    if !missing.is_empty() {
        return Err(not_found(&missing));
    }
    let allowed = AllowedImages::of(view);
    let row = |image| ImageView { context, view, allowed: &allowed, image };
    let matching = all(view)
        .map(row)
        .filter(|row| wanted.is_empty() || wanted.contains(&row.image.id))
        .filter(|row| row.image.state != ImageState::Disabled || request.include_disabled == Some(true))
        .filter(|row| allowed.lets_see(context, row.image))
        .filter(|row| request.owners.is_empty() || request.owners.iter().any(|owner| row.is_owned_by(owner)))
        .filter(|row| {
            let users = &request.executable_users;
            users.is_empty() || users.iter().any(|user| row.may_be_run_by(user))
        })
        .filter(|row| filters.matches(row));
    let ids_name = (!wanted.is_empty()).then_some("imagesSet");
    let token = request.next_token.as_deref();
    let (images, next_token) =
        page(matching, |row| row.image.id.to_string(), LIMITS, request.max_results, token, ids_name)?;
    Ok(DescribeImagesResult { images: images.iter().map(ImageView::to_shape).collect(), next_token })
}

/// The state as EC2 names it.
pub(super) fn state(state: ImageState) -> ec2_shapes::ImageState {
    match state {
        ImageState::Pending => ec2_shapes::ImageState::Pending,
        ImageState::Available => ec2_shapes::ImageState::Available,
        ImageState::Failed => ec2_shapes::ImageState::Failed,
        ImageState::Disabled => ec2_shapes::ImageState::Disabled,
    }
}

/// A moment without fractions of a second, as deprecation times are shown.
pub(super) fn whole_seconds(at: Timestamp) -> String {
    Timestamp::from_unix_ms(at.unix_seconds() * 1000).to_string()
}

/// How EC2 speaks of the protection at this moment.
pub(super) fn protection(protection: DeregistrationProtection, now: Timestamp) -> String {
    match protection {
        DeregistrationProtection::On => "enabled-without-cooldown".to_owned(),
        DeregistrationProtection::OnWithCooldown => "enabled-with-cooldown".to_owned(),
        DeregistrationProtection::OffAfter(at) if now < at => format!("disabled-after-{at}"),
        DeregistrationProtection::Off | DeregistrationProtection::OffAfter(_) => "disabled".to_owned(),
    }
}

/// A device as answers carry it.
pub(super) fn mapping(mapping: &ImageMapping) -> BlockDeviceMapping {
    let device_name = Some(mapping.device_name.clone());
    match &mapping.device {
        ImageDevice::Volume(volume) => {
            BlockDeviceMapping { device_name, ebs: Some(ebs(volume)), ..BlockDeviceMapping::default() }
        }
        ImageDevice::InstanceStore(name) => {
            BlockDeviceMapping { device_name, virtual_name: Some(name.clone()), ..BlockDeviceMapping::default() }
        }
    }
}

fn ebs(volume: &ImageVolume) -> EbsBlockDevice {
    let spec = &volume.spec;
    let number = |value: Option<u32>| value.and_then(|value| i32::try_from(value).ok());
    EbsBlockDevice {
        delete_on_termination: Some(volume.delete_on_termination),
        encrypted: Some(false),
        iops: number(spec.iops),
        snapshot_id: volume.snapshot.map(|id| id.to_string()),
        throughput: number(spec.throughput),
        volume_size: i32::try_from(spec.size_gib).ok(),
        volume_type: VolumeType::from_wire(spec.volume_type.name()),
        ..EbsBlockDevice::default()
    }
}

/// An image as filters and answers see it.
pub(super) struct ImageView<'a> {
    pub(super) context: &'a Context,
    pub(super) view: &'a View<'a>,
    pub(super) allowed: &'a AllowedImages,
    pub(super) image: &'a Image,
}

impl ImageView<'_> {
    pub(super) fn owner_alias(&self) -> Option<&'static str> {
        self.image.is_builtin.then_some(AMAZON)
    }

    pub(super) fn owner_id(&self) -> &str {
        if self.image.is_builtin { AMAZON_ACCOUNT } else { self.context.account().as_str() }
    }

    /// Whether `Owners` with this value finds it: `self`, an alias or an account.
    fn is_owned_by(&self, owner: &str) -> bool {
        let is_own = !self.image.is_builtin;
        (owner == "self" && is_own) || self.owner_alias() == Some(owner) || self.owner_id() == owner
    }

    /// Whether `ExecutableUsers` with this value finds it: `all` for public images; `self` and accounts for those
    /// that were shared with them explicitly.
    fn may_be_run_by(&self, user: &str) -> bool {
        if user == "all" {
            return self.image.is_public();
        }
        let account = if user == "self" { self.context.account().as_str() } else { user };
        let shared_with = |permission: &LaunchPermission| match permission {
            LaunchPermission::Account(shared) => shared.as_str() == account,
            _ => false,
        };
        self.image.launch_permissions.iter().any(shared_with)
    }

    fn virtualization(&self) -> VirtualizationType {
        if self.image.is_paravirtual { VirtualizationType::Paravirtual } else { VirtualizationType::Hvm }
    }

    fn location(&self) -> String {
        format!("{}/{}", self.owner_alias().unwrap_or(self.owner_id()), self.image.name)
    }

    fn tag_set(&self) -> &Tags {
        self.view.tables().tags_of(&self.image.id.to_string())
    }

    fn to_shape(&self) -> ec2_shapes::Image {
        let image = self.image;
        ec2_shapes::Image {
            architecture: ArchitectureValues::from_wire(&image.architecture),
            block_device_mappings: image.mappings.iter().map(mapping).collect(),
            boot_mode: image.boot_mode.as_deref().and_then(BootModeValues::from_wire),
            creation_date: Some(image.created.to_string()),
            deprecation_time: image.deprecation_time.map(whole_seconds),
            deregistration_protection: Some(protection(image.deregistration_protection, self.context.now)),
            description: (!image.description.is_empty()).then(|| image.description.clone()),
            ena_support: Some(image.ena_support),
            hypervisor: Some(HypervisorType::Xen),
            image_allowed: self.allowed.verdict(self.context, image),
            image_id: Some(image.id.to_string()),
            image_location: Some(self.location()),
            image_owner_alias: self.owner_alias().map(str::to_owned),
            image_type: Some(ImageTypeValues::Machine),
            imds_support: image.requires_imds_v2.then_some(ImdsSupportValues::V2_0),
            name: Some(image.name.to_string()),
            owner_id: Some(self.owner_id().to_owned()),
            platform_details: Some(PLATFORM.to_owned()),
            public: Some(image.is_public()),
            root_device_name: Some(image.root_device.clone()),
            root_device_type: Some(DeviceType::Ebs),
            source_image_id: image.source_image.as_ref().map(|(id, _)| id.to_string()),
            source_image_region: image.source_image.as_ref().map(|(_, region)| region.to_string()),
            source_instance_id: image.source_instance.map(|id| id.to_string()),
            sriov_net_support: image.sriov_net_support.then(|| SRIOV.to_owned()),
            state: Some(state(image.state)),
            state_reason: image.state_reason.as_ref().map(|reason| ec2_shapes::StateReason {
                code: Some(reason.code.clone()),
                message: Some(reason.message.clone()),
            }),
            tags: tagging::to_shape(self.tag_set()),
            tpm_support: image.tpm_support.then_some(TpmSupportValues::V2_0),
            usage_operation: Some(OPERATION.to_owned()),
            virtualization_type: Some(self.virtualization()),
            ..ec2_shapes::Image::default()
        }
    }
}

impl Filterable for ImageView<'_> {
    const NAMES: &'static [&'static str] = &[
        "architecture",
        "block-device-mapping.delete-on-termination",
        "block-device-mapping.device-name",
        "block-device-mapping.encrypted",
        "block-device-mapping.snapshot-id",
        "block-device-mapping.volume-size",
        "block-device-mapping.volume-type",
        "boot-mode",
        "creation-date",
        "description",
        "ena-support",
        "free-tier-eligible",
        "hypervisor",
        "image-allowed",
        "image-id",
        "image-type",
        "image-watermark.source-image-creation-time",
        "image-watermark.source-image-id",
        "image-watermark.source-image-region",
        "image-watermark.watermark-creation-time",
        "image-watermark.watermark-key",
        "imds-support",
        "instance-type-specification.supported-instance-type",
        "instance-type-specification.unsupported-instance-type",
        "is-public",
        "kernel-id",
        "manifest-location",
        "name",
        "owner-alias",
        "owner-id",
        "platform",
        "platform-details",
        "product-code",
        "product-code.type",
        "public-ssm-parameter-name",
        "ramdisk-id",
        "root-device-name",
        "root-device-type",
        "scan-result.critical-fix-available-since",
        "scan-result.finding-scan-date",
        "scan-result.high-fix-available-since",
        "scan-result.highest-finding-severity-label",
        "scan-result.informational-fix-available-since",
        "scan-result.low-fix-available-since",
        "scan-result.medium-fix-available-since",
        "source-image-id",
        "source-image-region",
        "source-instance-id",
        "sriov-net-support",
        "state",
        "state-reason-code",
        "state-reason-message",
        "tpm-support",
        "usage-operation",
        "virtualization-type",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let image = self.image;
        match name {
            _ if name.starts_with("block-device-mapping.") => {
                image.mappings.iter().for_each(|mapping| mapping_values(mapping, name, found));
            }
            "architecture" => found(&image.architecture),
            "boot-mode" => image.boot_mode.as_deref().into_iter().for_each(found),
            "creation-date" => found(&image.created.to_string()),
            "description" => found(&image.description),
            "ena-support" => found(show::boolean(image.ena_support)),
            "hypervisor" => found(HypervisorType::Xen.as_str()),
            "image-allowed" => found(show::boolean(self.allowed.verdict(self.context, image).unwrap_or(true))),
            "image-id" => found(&image.id.to_string()),
            "image-type" => found(ImageTypeValues::Machine.as_str()),
            "imds-support" if image.requires_imds_v2 => found(ImdsSupportValues::V2_0.as_str()),
            "is-public" => found(show::boolean(image.is_public())),
            "manifest-location" => found(&self.location()),
            "name" => found(&image.name),
            "owner-alias" => self.owner_alias().into_iter().for_each(found),
            "owner-id" => found(self.owner_id()),
            "platform-details" => found(PLATFORM),
            "root-device-name" => found(&image.root_device),
            "root-device-type" => found(DeviceType::Ebs.as_str()),
            "source-image-id" => image.source_image.iter().for_each(|(id, _)| found(&id.to_string())),
            "source-image-region" => image.source_image.iter().for_each(|(_, region)| found(region.as_str())),
            "source-instance-id" => image.source_instance.iter().for_each(|id| found(&id.to_string())),
            "sriov-net-support" if image.sriov_net_support => found(SRIOV),
            "state" => found(state(image.state).as_str()),
            "state-reason-code" => image.state_reason.iter().for_each(|reason| found(&reason.code)),
            "state-reason-message" => image.state_reason.iter().for_each(|reason| found(&reason.message)),
            "tpm-support" if image.tpm_support => found(TpmSupportValues::V2_0.as_str()),
            "usage-operation" => found(OPERATION),
            "virtualization-type" => found(self.virtualization().as_str()),
            // What no image here has: kernels, product codes, watermarks, results of scans.
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tag_set())
    }
}

/// What a device has under a filter that begins with `block-device-mapping.`.
fn mapping_values(mapping: &ImageMapping, name: &str, found: &mut dyn FnMut(&str)) {
    if name == "block-device-mapping.device-name" {
        return found(&mapping.device_name);
    }
    let Some(volume) = mapping.volume() else { return };
    match name {
        "block-device-mapping.delete-on-termination" => found(show::boolean(volume.delete_on_termination)),
        "block-device-mapping.encrypted" => found(show::boolean(false)),
        "block-device-mapping.snapshot-id" => volume.snapshot.iter().for_each(|id| found(&id.to_string())),
        "block-device-mapping.volume-size" => found(&volume.spec.size_gib.to_string()),
        "block-device-mapping.volume-type" => found(volume.spec.volume_type.name()),
        _ => {}
    }
}
