//! Single attributes of images: looking at them, changing them, taking them back.

use std::collections::BTreeSet;

use ec2_shapes::{
    AttributeValue, DescribeImageAttributeRequest, ImageAttribute, ImageAttributeName, ImdsSupportValues,
    ModifyImageAttributeRequest, OperationType, PermissionGroup, ResetImageAttributeRequest, TpmSupportValues,
};

use super::describe::protection;
use super::{care, check_description, get, get_own, unavailable};
use crate::context::Context;
use crate::error::ApiError;
use crate::resource::{Image, ImageState, LaunchPermission};
use crate::transaction::Transaction;
use crate::view::View;

const LAUNCH_PERMISSION: &str = "launchPermission";
const DESCRIPTION: &str = "description";
const IMDS_SUPPORT: &str = "imdsSupport";

pub(in crate::actions) fn describe_image_attribute(
    context: &Context,
    view: &View<'_>,
    request: DescribeImageAttributeRequest,
) -> Result<ImageAttribute, ApiError> {
    let image = get(view, &request.image_id)?;
    let value = |value: Option<String>| Some(AttributeValue { value });
    let mut answer = ImageAttribute { image_id: Some(image.id.to_string()), ..ImageAttribute::default() };
    match request.attribute.ok_or_else(|| ApiError::missing("Attribute"))? {
        ImageAttributeName::Description => answer.description = value(Some(image.description.clone())),
        ImageAttributeName::LaunchPermission => {
            get_own(view, &request.image_id)?;
            answer.launch_permissions = image.launch_permissions.iter().map(permission_shape).collect();
        }
        // As EC2 answers: who asks is told to look at DescribeImages instead.
        ImageAttributeName::BlockDeviceMapping => {
            return Err(ApiError::new("AuthFailure", "Unauthorized attempt to access restricted resource"));
        }
        ImageAttributeName::SriovNetSupport => {
            answer.sriov_net_support = value(image.sriov_net_support.then(|| "simple".to_owned()));
        }
        ImageAttributeName::BootMode => answer.boot_mode = value(image.boot_mode.clone()),
        ImageAttributeName::TpmSupport => {
            answer.tpm_support = value(image.tpm_support.then(|| TpmSupportValues::V2_0.to_string()));
        }
        ImageAttributeName::UefiData => answer.uefi_data = value(image.uefi_data.clone()),
        ImageAttributeName::ImdsSupport => {
            answer.imds_support = value(image.requires_imds_v2.then(|| ImdsSupportValues::V2_0.to_string()));
        }
        ImageAttributeName::DeregistrationProtection => {
            answer.deregistration_protection = value(Some(protection(image.deregistration_protection, context.now)));
        }
        // Launches are told of a day later, and no image here has a kernel, a RAM disk or product codes.
        ImageAttributeName::LastLaunchedTime => answer.last_launched_time = value(None),
        ImageAttributeName::Kernel => answer.kernel_id = value(None),
        ImageAttributeName::Ramdisk => answer.ramdisk_id = value(None),
        ImageAttributeName::ProductCodes => {}
    }
    Ok(answer)
}

/// What a request wants of one attribute.
enum Modification {
    Description(String),
    RequireImdsV2,
    LaunchPermission { add: Vec<LaunchPermission>, remove: Vec<LaunchPermission> },
}

pub(in crate::actions) fn modify_image_attribute(
    context: &Context,
    tx: &mut Transaction,
    request: ModifyImageAttributeRequest,
) -> Result<(), ApiError> {
    let mut image = get_own(&tx.view(), &request.image_id)?.clone();
    let modification = Modification::new(&request)?;
    if !matches!(image.state, ImageState::Available | ImageState::Disabled) {
        return Err(unavailable(&image));
    }
    match modification {
        Modification::Description(text) => image.description = text,
        Modification::RequireImdsV2 => image.requires_imds_v2 = true,
        Modification::LaunchPermission { add, remove } => share(context, tx, &mut image, add, &remove)?,
    }
    tx.put(image);
    Ok(())
}

/// Changes who may launch an image.
fn share(
    context: &Context,
    tx: &Transaction,
    image: &mut Image,
    add: Vec<LaunchPermission>,
    remove: &[LaunchPermission],
) -> Result<(), ApiError> {
    if image.state == ImageState::Disabled && !add.is_empty() {
        return Err(unavailable(image));
    }
    let was_public = image.is_public();
    if add.contains(&LaunchPermission::Everybody) && !was_public && care::blocks_public_access(tx) {
        let message = "You cannot publicly share this AMI: block public access for AMIs is enabled for your account in \
                       this Region.";
        return Err(ApiError::new("OperationNotPermitted", message));
    }
    image.launch_permissions.extend(add);
    for permission in remove {
        image.launch_permissions.remove(permission);
    }
    if image.is_public() && !was_public {
        care::limit_public_life(image, context.now);
    }
    Ok(())
}

impl Modification {
    fn new(request: &ModifyImageAttributeRequest) -> Result<Self, ApiError> {
        if !request.product_codes.is_empty() {
            return Err(ApiError::new("UnsupportedOperation", "Product codes are not available."));
        }
        // Ansible sends the name with a blank behind it, which EC2 does not mind.
        let attribute = request.attribute.as_deref().map(str::trim);
        let permissions = permissions_of(request)?;
        let given: Vec<&str> = [
            (request.description.is_some(), DESCRIPTION),
            (request.imds_support.is_some(), IMDS_SUPPORT),
            (permissions.is_some(), LAUNCH_PERMISSION),
        ]
        .into_iter()
        .filter_map(|(is_given, name)| is_given.then_some(name))
        .collect();
        let chosen = match (attribute, given.as_slice()) {
            (None, []) => return Err(ApiError::invalid_combination("No attributes specified.")),
            (Some(name), [] | [_]) => name,
            (None, [name]) => name,
            _ => return Err(ApiError::invalid_combination("Only one attribute can be modified at a time.")),
        };
        if given.first().is_some_and(|name| *name != chosen) {
            return Err(ApiError::invalid_combination("Only one attribute can be modified at a time."));
        }
        let value = |inner: &Option<AttributeValue>| {
            let named = inner.as_ref().and_then(|attribute| attribute.value.clone());
            named.or_else(|| request.value.clone())
        };
        match chosen {
            DESCRIPTION => {
                let text = value(&request.description).unwrap_or_default();
                check_description(Some(&text))?;
                Ok(Self::Description(text))
            }
            IMDS_SUPPORT => match value(&request.imds_support).as_deref() {
                Some("v2.0") => Ok(Self::RequireImdsV2),
                Some(other) => {
                    Err(ApiError::invalid_value(format!("Invalid value '{other}' for imdsSupport. Valid values: v2.0")))
                }
                None => Err(ApiError::missing("ImdsSupport.Value")),
            },
            LAUNCH_PERMISSION => match permissions {
                Some((add, remove)) => Ok(Self::LaunchPermission { add, remove }),
                None => Err(ApiError::missing("launchPermission")),
            },
            "productCodes" | "kernel" | "ramdisk" | "blockDeviceMapping" | "sriovNetSupport" | "bootMode" => {
                Err(ApiError::new("UnsupportedOperation", format!("The attribute '{chosen}' cannot be modified.")))
            }
            other => Err(ApiError::invalid_value(format!("Invalid value '{other}' for attribute."))),
        }
    }
}

type Permissions = Vec<LaunchPermission>;

/// The permissions to add and to remove: as a structure, as lists with an operation, or both, as Packer sends them.
fn permissions_of(request: &ModifyImageAttributeRequest) -> Result<Option<(Permissions, Permissions)>, ApiError> {
    let mut listed = Vec::new();
    for id in &request.user_ids {
        listed.push(account(id)?);
    }
    for group in &request.user_groups {
        if group != PermissionGroup::All.as_str() {
            return Err(invalid_item(group, "group"));
        }
        listed.push(LaunchPermission::Everybody);
    }
    listed.extend(request.organization_arns.iter().cloned().map(LaunchPermission::Organization));
    listed.extend(request.organizational_unit_arns.iter().cloned().map(LaunchPermission::OrganizationalUnit));
    let structure = request.launch_permission.as_ref();
    if structure.is_none() && listed.is_empty() {
        return Ok(None);
    }
    let read = |items: Option<&Vec<ec2_shapes::LaunchPermission>>| {
        items.into_iter().flatten().map(permission).collect::<Result<Vec<_>, _>>()
    };
    let mut add = read(structure.map(|structure| &structure.add))?;
    let mut remove = read(structure.map(|structure| &structure.remove))?;
    match request.operation_type {
        Some(OperationType::Remove) => remove.extend(listed),
        Some(OperationType::Add) => add.extend(listed),
        None if structure.is_some() => add.extend(listed),
        None if listed.is_empty() => {}
        None => return Err(ApiError::missing("OperationType")),
    }
    Ok(Some((add, remove)))
}

fn permission(item: &ec2_shapes::LaunchPermission) -> Result<LaunchPermission, ApiError> {
    let kinds = [
        item.group.map(|_| LaunchPermission::Everybody),
        item.user_id.as_deref().map(account).transpose()?,
        item.organization_arn.clone().map(LaunchPermission::Organization),
        item.organizational_unit_arn.clone().map(LaunchPermission::OrganizationalUnit),
    ];
    let given: Vec<LaunchPermission> = kinds.into_iter().flatten().collect();
    match <[LaunchPermission; 1]>::try_from(given) {
        Ok([one]) => Ok(one),
        Err(none) if none.is_empty() => Err(ApiError::missing("LaunchPermission.UserId")),
        Err(_) => Err(ApiError::invalid_combination("A launch permission must have exactly one item.")),
    }
}

fn account(text: &str) -> Result<LaunchPermission, ApiError> {
    text.parse().map(LaunchPermission::Account).map_err(|_| invalid_item(text, "userId"))
}

fn invalid_item(value: &str, kind: &str) -> ApiError {
    let message = format!("Invalid attribute item value \"{value}\" for {kind} item type.");
    ApiError::new("InvalidAMIAttributeItemValue", message)
}

fn permission_shape(permission: &LaunchPermission) -> ec2_shapes::LaunchPermission {
    let mut shape = ec2_shapes::LaunchPermission::default();
    match permission {
        LaunchPermission::Everybody => shape.group = Some(PermissionGroup::All),
        LaunchPermission::Account(account) => shape.user_id = Some(account.to_string()),
        LaunchPermission::Organization(arn) => shape.organization_arn = Some(arn.clone()),
        LaunchPermission::OrganizationalUnit(arn) => shape.organizational_unit_arn = Some(arn.clone()),
    }
    shape
}

/// Takes back who may launch an image; nothing else can be reset.
pub(in crate::actions) fn reset_image_attribute(
    _: &Context,
    tx: &mut Transaction,
    request: ResetImageAttributeRequest,
) -> Result<(), ApiError> {
    let image = get_own(&tx.view(), &request.image_id)?.clone();
    tx.put(Image { launch_permissions: BTreeSet::new(), ..image });
    Ok(())
}
