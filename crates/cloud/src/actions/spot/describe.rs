//! Telling about Spot Instance requests.

use ec2_shapes::{
    DescribeSpotDatafeedSubscriptionRequest, DescribeSpotDatafeedSubscriptionResult,
    DescribeSpotInstanceRequestsRequest, DescribeSpotInstanceRequestsResult, DescribeSpotPriceHistoryRequest,
    DescribeSpotPriceHistoryResult, InstanceInterruptionBehavior, LaunchSpecification, RIProductDescription,
    SpotInstanceRequest, SpotInstanceState, SpotInstanceStatus, SpotInstanceType,
};

use crate::actions::launch_templates::values_at;
use crate::actions::{absent, show};
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Listing, list};
use crate::resource::{SpotRequest, SpotState, Tags};
use crate::state::Tables;
use crate::tagging;
use crate::view::View;

pub(in crate::actions) fn describe_spot_instance_requests(
    _: &Context,
    view: &View<'_>,
    request: DescribeSpotInstanceRequestsRequest,
) -> Result<DescribeSpotInstanceRequestsResult, ApiError> {
    let (max, token) = (request.max_results, request.next_token.as_deref());
    let asked = Listing::paged(&request.spot_instance_request_ids, &request.filters, max, token);
    let tables = view.tables();
    let (rows, next_token) = list::<SpotRequest, _>(tables, asked, |request| row(tables, request))?;
    let spot_instance_requests = rows.iter().map(Row::to_shape).collect::<Result<_, _>>()?;
    Ok(DescribeSpotInstanceRequestsResult { next_token, spot_instance_requests })
}

/// There is no market, and so no price that ever was.
pub(in crate::actions) fn describe_spot_price_history(
    _: &Context,
    _: &View<'_>,
    request: DescribeSpotPriceHistoryRequest,
) -> Result<DescribeSpotPriceHistoryResult, ApiError> {
    let names = [
        "availability-zone",
        "availability-zone-id",
        "instance-type",
        "product-description",
        "spot-price",
        "timestamp",
    ];
    absent::check(&request.filters, &names, 1..=1000, (request.max_results, request.next_token.as_deref()))?;
    Ok(DescribeSpotPriceHistoryResult::default())
}

/// Nobody can subscribe to a data feed.
pub(in crate::actions) fn describe_spot_datafeed_subscription(
    _: &Context,
    _: &View<'_>,
    _: DescribeSpotDatafeedSubscriptionRequest,
) -> Result<DescribeSpotDatafeedSubscriptionResult, ApiError> {
    Err(ApiError::new("InvalidSpotDatafeed.NotFound", "Spot datafeed subscription does not exist."))
}

/// A request as answers show it.
pub(super) fn shown(tables: &Tables, request: &SpotRequest) -> Result<SpotInstanceRequest, ApiError> {
    row(tables, request).to_shape()
}

fn row<'a>(tables: &'a Tables, request: &'a SpotRequest) -> Row<'a> {
    Row { request, tags: tables.tags_of(&request.id.to_string()) }
}

pub(super) struct Row<'a> {
    request: &'a SpotRequest,
    tags: &'a Tags,
}

impl Row<'_> {
    /// Its instance, once it has been looked at.
    fn instance(&self) -> Option<String> {
        (self.request.state != SpotState::Open).then(|| self.request.instance.to_string())
    }

    fn spot_type(&self) -> SpotInstanceType {
        if self.request.persistent { SpotInstanceType::Persistent } else { SpotInstanceType::OneTime }
    }

    fn to_shape(&self) -> Result<SpotInstanceRequest, ApiError> {
        let request = self.request;
        let launch: LaunchSpecification =
            serde_json::from_value(request.launch.clone()).map_err(|_| ApiError::internal())?;
        let instance_id = self.instance();
        let has_instance = instance_id.is_some();
        Ok(SpotInstanceRequest {
            create_time: Some(show::moment(request.created)),
            instance_id,
            instance_interruption_behavior: InstanceInterruptionBehavior::from_wire(&request.interruption),
            launch_group: request.launch_group.clone(),
            launch_specification: Some(launch),
            launched_availability_zone: has_instance.then(|| request.zone.to_string()),
            launched_availability_zone_id: has_instance.then(|| request.zone.zone_id()),
            product_description: Some(RIProductDescription::LinuxUNIX),
            spot_instance_request_id: Some(request.id.to_string()),
            spot_price: request.price.clone(),
            state: SpotInstanceState::from_wire(request.state.name()),
            status: Some(SpotInstanceStatus {
                code: Some(request.status.code().to_owned()),
                message: Some(request.status.message().to_owned()),
                update_time: Some(show::moment(request.updated)),
            }),
            tags: tagging::to_shape(self.tags),
            r#type: Some(self.spot_type()),
            valid_from: request.valid_from.map(show::moment),
            valid_until: request.valid_until.map(show::moment),
            ..SpotInstanceRequest::default()
        })
    }
}

impl Filterable for Row<'_> {
    const NAMES: &'static [&'static str] = &[
        "availability-zone-group",
        "create-time",
        "fault-code",
        "fault-message",
        "instance-id",
        "launch-group",
        "launch.block-device-mapping.delete-on-termination",
        "launch.block-device-mapping.device-name",
        "launch.block-device-mapping.snapshot-id",
        "launch.block-device-mapping.volume-size",
        "launch.block-device-mapping.volume-type",
        "launch.group-id",
        "launch.group-name",
        "launch.image-id",
        "launch.instance-type",
        "launch.kernel-id",
        "launch.key-name",
        "launch.monitoring-enabled",
        "launch.ramdisk-id",
        "launched-availability-zone",
        "launched-availability-zone-id",
        "network-interface.addresses.primary",
        "network-interface.delete-on-termination",
        "network-interface.description",
        "network-interface.device-index",
        "network-interface.group-id",
        "network-interface.network-interface-id",
        "network-interface.private-ip-address",
        "network-interface.subnet-id",
        "product-description",
        "spot-instance-request-id",
        "spot-price",
        "state",
        "status-code",
        "status-message",
        "type",
        "valid-from",
        "valid-until",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let request = self.request;
        let path: &[&str] = match name {
            "launch.block-device-mapping.delete-on-termination" => {
                &["block_device_mappings", "ebs", "delete_on_termination"]
            }
            "launch.block-device-mapping.device-name" => &["block_device_mappings", "device_name"],
            "launch.block-device-mapping.snapshot-id" => &["block_device_mappings", "ebs", "snapshot_id"],
            "launch.block-device-mapping.volume-size" => &["block_device_mappings", "ebs", "volume_size"],
            "launch.block-device-mapping.volume-type" => &["block_device_mappings", "ebs", "volume_type"],
            "launch.group-id" => &["security_groups", "group_id"],
            "launch.group-name" => &["security_groups", "group_name"],
            "launch.image-id" => &["image_id"],
            "launch.instance-type" => &["instance_type"],
            "launch.key-name" => &["key_name"],
            "launch.monitoring-enabled" => &["monitoring", "enabled"],
            "network-interface.addresses.primary" => &["network_interfaces", "private_ip_addresses", "primary"],
            "network-interface.delete-on-termination" => &["network_interfaces", "delete_on_termination"],
            "network-interface.description" => &["network_interfaces", "description"],
            "network-interface.device-index" => &["network_interfaces", "device_index"],
            "network-interface.group-id" => &["network_interfaces", "groups"],
            "network-interface.network-interface-id" => &["network_interfaces", "network_interface_id"],
            "network-interface.private-ip-address" => &["network_interfaces", "private_ip_address"],
            "network-interface.subnet-id" => &["network_interfaces", "subnet_id"],
            "create-time" => return found(&request.created.to_string()),
            "instance-id" => return self.instance().iter().for_each(|id| found(id)),
            "launch-group" => return request.launch_group.iter().for_each(|group| found(group)),
            "launched-availability-zone" => return found(&request.zone.to_string()),
            "launched-availability-zone-id" => return found(&request.zone.zone_id()),
            "product-description" => return found(RIProductDescription::LinuxUNIX.as_str()),
            "spot-instance-request-id" => return found(&request.id.to_string()),
            "spot-price" => return request.price.iter().for_each(|price| found(price)),
            "state" => return found(request.state.name()),
            "status-code" => return found(request.status.code()),
            "status-message" => return found(request.status.message()),
            "type" => return found(self.spot_type().as_str()),
            "valid-from" => return request.valid_from.iter().for_each(|at| found(&at.to_string())),
            "valid-until" => return request.valid_until.iter().for_each(|at| found(&at.to_string())),
            // Nothing has a kernel of its own, a fault, or a group of zones.
            _ => return,
        };
        values_at(&request.launch, path, found);
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tags)
    }
}
