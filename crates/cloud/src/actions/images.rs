//! Machine images.

use ec2_shapes::{
    ArchitectureValues, BlockDeviceMapping, BootModeValues, DescribeImagesRequest, DescribeImagesResult, DeviceType,
    EbsBlockDevice, HypervisorType, ImageState, ImageTypeValues, VirtualizationType, VolumeType,
};
use types::ImageId;

use super::show;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Filters, PageLimits, page, parse_id};
use crate::resource::{Image, Tags};
use crate::state::Tables;
use crate::tagging;
use crate::view::View;

/// The alias of the account that the images that come with Daemun belong to in filters.
const AMAZON: &str = "amazon";
/// The account behind that alias in public regions.
const AMAZON_ACCOUNT: &str = "137112412989";

const PLATFORM: &str = "Linux/UNIX";
const OPERATION: &str = "RunInstances";

pub(super) fn describe_images(
    context: &Context,
    view: &View<'_>,
    request: DescribeImagesRequest,
) -> Result<DescribeImagesResult, ApiError> {
    let filters = Filters::new::<ImageView<'_>>(&request.filters)?;
    let wanted = request.image_ids.iter().map(|id| parse_image_id(id)).collect::<Result<Vec<_>, _>>()?;
    let missing: Vec<&String> = wanted
        .iter()
        .zip(&request.image_ids)
        .filter(|(id, _)| find(view, **id).is_none())
        .map(|(_, text)| text)
        .collect();
    if !missing.is_empty() {
        return Err(not_found(&missing.into_iter().map(String::as_str).collect::<Vec<_>>()));
    }
    let matching = all(view)
        .map(|image| ImageView { context, tables: view.tables(), image })
        .filter(|image| wanted.is_empty() || wanted.contains(&image.image.id))
        .filter(|image| request.owners.is_empty() || request.owners.iter().any(|owner| image.is_owned_by(owner)))
        .filter(|image| {
            let users = &request.executable_users;
            users.is_empty() || users.iter().any(|user| image.may_be_run_by(user))
        })
        .filter(|image| filters.matches(image));
    let ids_name = (!wanted.is_empty()).then_some("imagesSet");
    let limits = PageLimits { min: 1, max: 1000 };
    let token = request.next_token.as_deref();
    let (images, next_token) =
        page(matching, |image| image.image.id.to_string(), limits, request.max_results, token, ids_name)?;
    Ok(DescribeImagesResult { images: images.iter().map(ImageView::to_shape).collect(), next_token })
}

/// The id of an image.
pub(super) fn parse_image_id(text: &str) -> Result<ImageId, ApiError> {
    parse_id(text, ImageId::PREFIX, "InvalidAMIID.Malformed")
}

/// The error for images that do not exist.
pub(super) fn not_found(ids: &[&str]) -> ApiError {
    let message = match ids {
        [one] => format!("The image id '[{one}]' does not exist"),
        many => format!("The image ids '[{}]' do not exist", many.join(", ")),
    };
    ApiError::new("InvalidAMIID.NotFound", message)
}

/// The image of this id: one of the region, or one that all regions share.
pub(super) fn find<'a>(view: &View<'a>, id: ImageId) -> Option<&'a Image> {
    view.tables().images.get(&id).or_else(|| view.state().shared.images.get(&id)).map(AsRef::as_ref)
}

/// Every image of the region and those that all regions share, in the order of ids.
fn all<'a>(view: &View<'a>) -> impl Iterator<Item = &'a Image> {
    let mut images: Vec<&Image> =
        view.tables().images.values().chain(view.state().shared.images.values()).map(AsRef::as_ref).collect();
    images.sort_by_key(|image| image.id);
    images.dedup_by_key(|image| image.id);
    images.into_iter()
}

struct ImageView<'a> {
    context: &'a Context,
    tables: &'a Tables,
    image: &'a Image,
}

impl ImageView<'_> {
    fn owner_alias(&self) -> Option<&'static str> {
        self.image.is_builtin.then_some(AMAZON)
    }

    fn owner_id(&self) -> &str {
        if self.image.is_builtin { AMAZON_ACCOUNT } else { self.context.account().as_str() }
    }

    /// Whether `Owners` with this value finds it: `self`, an alias or an account.
    fn is_owned_by(&self, owner: &str) -> bool {
        let is_own = !self.image.is_builtin;
        (owner == "self" && is_own) || self.owner_alias() == Some(owner) || self.owner_id() == owner
    }

    /// Whether `ExecutableUsers` with this value finds it: `all` for public images; `self` and accounts for those
    /// that were shared explicitly, which none is.
    fn may_be_run_by(&self, user: &str) -> bool {
        user == "all" && self.image.is_builtin
    }

    fn location(&self) -> String {
        format!("{}/{}", self.owner_alias().unwrap_or(self.owner_id()), self.image.name)
    }

    fn root_mapping(&self) -> BlockDeviceMapping {
        BlockDeviceMapping {
            device_name: Some(self.image.root_device.clone()),
            ebs: Some(EbsBlockDevice {
                delete_on_termination: Some(true),
                encrypted: Some(false),
                snapshot_id: Some(self.image.root_snapshot.to_string()),
                volume_size: i32::try_from(self.image.root_volume_gib).ok(),
                volume_type: Some(VolumeType::Gp2),
                ..EbsBlockDevice::default()
            }),
            ..BlockDeviceMapping::default()
        }
    }

    fn to_shape(&self) -> ec2_shapes::Image {
        let image = self.image;
        ec2_shapes::Image {
            architecture: ArchitectureValues::from_wire(&image.architecture),
            block_device_mappings: vec![self.root_mapping()],
            boot_mode: Some(BootModeValues::UefiPreferred),
            creation_date: Some(image.created.to_string()),
            deregistration_protection: Some("disabled".to_owned()),
            description: Some(image.description.clone()),
            ena_support: Some(true),
            hypervisor: Some(HypervisorType::Xen),
            image_id: Some(image.id.to_string()),
            image_location: Some(self.location()),
            image_owner_alias: self.owner_alias().map(str::to_owned),
            image_type: Some(ImageTypeValues::Machine),
            name: Some(image.name.to_string()),
            owner_id: Some(self.owner_id().to_owned()),
            platform_details: Some(PLATFORM.to_owned()),
            public: Some(image.is_builtin),
            root_device_name: Some(image.root_device.clone()),
            root_device_type: Some(DeviceType::Ebs),
            sriov_net_support: Some("simple".to_owned()),
            state: Some(ImageState::Available),
            tags: tagging::to_shape(self.tables.tags_of(&image.id.to_string())),
            usage_operation: Some(OPERATION.to_owned()),
            virtualization_type: Some(VirtualizationType::Hvm),
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
        "imds-support",
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
            "architecture" => found(&image.architecture),
            "block-device-mapping.delete-on-termination" => found("true"),
            "block-device-mapping.device-name" | "root-device-name" => found(&image.root_device),
            "block-device-mapping.encrypted" => found("false"),
            "block-device-mapping.snapshot-id" => found(&image.root_snapshot.to_string()),
            "block-device-mapping.volume-size" => found(&image.root_volume_gib.to_string()),
            "block-device-mapping.volume-type" => found(VolumeType::Gp2.as_str()),
            "boot-mode" => found(BootModeValues::UefiPreferred.as_str()),
            "creation-date" => found(&image.created.to_string()),
            "description" => found(&image.description),
            "ena-support" => found("true"),
            "hypervisor" => found(HypervisorType::Xen.as_str()),
            "image-id" => found(&image.id.to_string()),
            "image-type" => found(ImageTypeValues::Machine.as_str()),
            "is-public" => found(show::boolean(image.is_builtin)),
            "manifest-location" => found(&self.location()),
            "name" => found(&image.name),
            "owner-alias" => self.owner_alias().into_iter().for_each(found),
            "owner-id" => found(self.owner_id()),
            "platform-details" => found(PLATFORM),
            "root-device-type" => found(DeviceType::Ebs.as_str()),
            "sriov-net-support" => found("simple"),
            "state" => found(ImageState::Available.as_str()),
            "usage-operation" => found(OPERATION),
            "virtualization-type" => found(VirtualizationType::Hvm.as_str()),
            // What no image here has: kernels, product codes, reasons of failure.
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tables.tags_of(&self.image.id.to_string()))
    }
}
