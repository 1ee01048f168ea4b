//! CreateVolume and DeleteVolume.

use ec2_shapes::{CreateVolumeRequest, DeleteVolumeRequest};
use types::VolumeId;

use super::{VolumeRow, spec, unavailable};
use crate::actions::{places, snapshots};
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency;
use crate::kind::Resource;
use crate::query;
use crate::quotas::{self, Quota};
use crate::resource::{Volume, VolumeLife};
use crate::tagging::NewTags;
use crate::transaction::Transaction;

/// The action's name among client tokens.
const ACTION: &str = "CreateVolume";

pub(in crate::actions) fn create_volume(
    context: &Context,
    tx: &mut Transaction,
    request: CreateVolumeRequest,
) -> Result<ec2_shapes::Volume, ApiError> {
    let zone = places::named_zone(
        &context.region,
        request.availability_zone.as_deref(),
        request.availability_zone_id.as_deref(),
    )?;
    refuse_unavailable(&request)?;
    let tags = NewTags::new(&request.tag_specifications, &["volume"])?;
    let token = request.client_token.as_deref().unwrap_or_default();
    let parameters = idempotency::digest(&CreateVolumeRequest { dry_run: None, ..request.clone() });
    if let Some(made) = idempotency::check(context, tx, ACTION, "", token, &parameters)? {
        let volume = query::get::<Volume>(tx, &made)?;
        return Ok(VolumeRow { context, tables: tx, volume }.to_shape());
    }
    let snapshot = request.snapshot_id.as_deref().filter(|id| !id.is_empty());
    let snapshot = snapshot.map(|id| snapshots::usable(&tx.view(), id)).transpose()?;
    let asked = spec::Asked {
        size: request.size,
        volume_type: request.volume_type,
        iops: request.iops,
        throughput: request.throughput,
        multi_attach: request.multi_attach_enabled,
    };
    let spec = spec::new(&asked, snapshot.as_deref())?;
    quotas::check(context, Quota::Volumes, tx.volumes.len())?;
    let id = VolumeId::from_number(context.id_number());
    tx.put(Volume {
        id,
        zone,
        spec,
        snapshot: snapshot.as_ref().map(|snapshot| snapshot.id),
        life: VolumeLife::Creating,
        life_since: context.now,
        created: context.now,
        attachments: vec![],
        modifications: vec![],
        auto_enable_io: false,
        root_of: None,
        layers: snapshot.map(|snapshot| snapshot.layers().to_vec()).unwrap_or_default(),
    });
    tags.put(tx, "volume", id);
    idempotency::remember(context, tx, ACTION, "", token, parameters, id.to_string());
    let volume = tx.volumes.get(&id).ok_or_else(ApiError::internal)?;
    Ok(VolumeRow { context, tables: tx, volume }.to_shape())
}

fn refuse_unavailable(request: &CreateVolumeRequest) -> Result<(), ApiError> {
    if request.kms_key_id.is_some() && request.encrypted != Some(true) {
        let message = "The parameter [KmsKeyId] requires the parameter Encrypted to be set.";
        return Err(ApiError::new("InvalidParameterDependency", message));
    }
    let asked = [
        (request.encrypted == Some(true), "Encrypted"),
        (request.outpost_arn.is_some(), "OutpostArn"),
        (request.volume_initialization_rate.is_some(), "VolumeInitializationRate"),
        (request.operator.is_some(), "Operator"),
    ];
    match asked.into_iter().find(|(is_asked, _)| *is_asked) {
        Some((_, name)) => Err(unavailable(name)),
        None => Ok(()),
    }
}

pub(in crate::actions) fn delete_volume(
    context: &Context,
    tx: &mut Transaction,
    request: DeleteVolumeRequest,
) -> Result<(), ApiError> {
    let mut volume = Volume::clone(query::get::<Volume>(tx, &request.volume_id)?);
    if let Some(attachment) = volume.attachments.first() {
        let message = format!("Volume {} is currently attached to {}", volume.id, attachment.instance);
        return Err(ApiError::new("VolumeInUse", message));
    }
    match volume.life {
        VolumeLife::Deleting => return Err(Volume::KIND.not_found(&[&request.volume_id])),
        VolumeLife::Creating => {
            let message = format!("Volume '{}' is in the 'creating' state.", volume.id);
            return Err(ApiError::new("IncorrectState", message));
        }
        VolumeLife::Ready => {}
    }
    (volume.life, volume.life_since) = (VolumeLife::Deleting, context.now);
    tx.put(volume);
    Ok(())
}
