//! DescribeInstanceImageMetadata: what images instances were launched from.

use ec2_shapes::{
    DescribeInstanceImageMetadataRequest, DescribeInstanceImageMetadataResult, ImageMetadata, InstanceImageMetadata,
};

use super::allowed::AllowedImages;
use super::describe::{self, ImageView};
use super::find;
use crate::actions::instances::shape;
use crate::actions::show;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{self, Filterable, Listing};
use crate::resource::{Instance, Tags};
use crate::tagging;
use crate::view::View;

pub(in crate::actions) fn describe_instance_image_metadata(
    context: &Context,
    view: &View<'_>,
    request: DescribeInstanceImageMetadataRequest,
) -> Result<DescribeInstanceImageMetadataResult, ApiError> {
    let allowed = AllowedImages::of(view);
    let asked =
        Listing::paged(&request.instance_ids, &request.filters, request.max_results, request.next_token.as_deref());
    let asked = Listing { ids_name: Some("instancesSet"), ..asked.limits(1, 1000) };
    let row = |instance| Row { context, view, allowed: &allowed, instance };
    let (rows, next_token) = query::list::<Instance, _>(view.tables(), asked, row)?;
    Ok(DescribeInstanceImageMetadataResult {
        instance_image_metadata: rows.iter().map(Row::to_shape).collect(),
        next_token,
    })
}

struct Row<'a> {
    context: &'a Context,
    view: &'a View<'a>,
    allowed: &'a AllowedImages,
    instance: &'a Instance,
}

impl<'a> Row<'a> {
    /// Its image, unless that was deregistered.
    fn image(&self) -> Option<ImageView<'a>> {
        let image = find(self.view, self.instance.image)?;
        Some(ImageView { context: self.context, view: self.view, allowed: self.allowed, image })
    }

    fn to_shape(&self) -> InstanceImageMetadata {
        let instance = self.instance;
        InstanceImageMetadata {
            availability_zone: Some(instance.zone.to_string()),
            image_metadata: Some(self.image_shape()),
            instance_id: Some(instance.id.to_string()),
            instance_type: Some(instance.instance_type.to_string()),
            launch_time: Some(show::moment(instance.launch_time)),
            owner_id: Some(self.context.account().to_string()),
            state: Some(shape::state(instance.state)),
            tags: tagging::to_shape(self.view.tables().tags_of(&instance.id.to_string())),
            zone_id: Some(instance.zone.zone_id()),
            ..InstanceImageMetadata::default()
        }
    }

    fn image_shape(&self) -> ImageMetadata {
        let image_id = Some(self.instance.image.to_string());
        let Some(row) = self.image() else {
            let state = Some(ec2_shapes::ImageState::Deregistered);
            return ImageMetadata { image_id, state, ..ImageMetadata::default() };
        };
        ImageMetadata {
            creation_date: Some(row.image.created.to_string()),
            deprecation_time: row.image.deprecation_time.map(describe::whole_seconds),
            image_allowed: self.allowed.verdict(self.context, row.image),
            image_id,
            image_owner_alias: row.owner_alias().map(str::to_owned),
            is_public: Some(row.image.is_public()),
            name: Some(row.image.name.to_string()),
            owner_id: Some(row.owner_id().to_owned()),
            state: Some(describe::state(row.image.state)),
            ..ImageMetadata::default()
        }
    }
}

impl Filterable for Row<'_> {
    const NAMES: &'static [&'static str] = &[
        "availability-zone",
        "instance-id",
        "image-allowed",
        "instance-state-name",
        "instance-type",
        "launch-time",
        "owner-alias",
        "owner-id",
        "zone-id",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let instance = self.instance;
        match name {
            "availability-zone" => found(&instance.zone.to_string()),
            "instance-id" => found(&instance.id.to_string()),
            "image-allowed" => {
                let verdict = |row: ImageView<'_>| self.allowed.verdict(self.context, row.image).unwrap_or(true);
                self.image().into_iter().for_each(|row| found(show::boolean(verdict(row))));
            }
            "instance-state-name" => found(instance.state.name()),
            "instance-type" => found(&instance.instance_type),
            "launch-time" => found(&instance.launch_time.to_string()),
            "owner-alias" => self.image().and_then(|row| row.owner_alias()).into_iter().for_each(found),
            "owner-id" => self.image().into_iter().for_each(|row| found(row.owner_id())),
            "zone-id" => found(&instance.zone.zone_id()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.view.tables().tags_of(&self.instance.id.to_string()))
    }
}
