//! What is asked of instances and has the same answer for all: there is no password, no topology to speak of, no
//! window for events and no link to EC2-Classic.

use ec2_shapes::{
    DescribeClassicLinkInstancesRequest, DescribeClassicLinkInstancesResult, DescribeInstanceEventWindowsRequest,
    DescribeInstanceEventWindowsResult, DescribeInstanceTopologyRequest, DescribeInstanceTopologyResult,
    GetPasswordDataRequest, GetPasswordDataResult, InstanceTopology,
};

use super::{find_instance, find_instances, parse_instance_id, select};
use crate::actions::show;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Filters, Listing, rows};
use crate::resource::{Instance, Tags};
use crate::view::View;

/// Only Windows instances have a password.
pub(in crate::actions) fn get_password_data(
    context: &Context,
    view: &View<'_>,
    request: GetPasswordDataRequest,
) -> Result<GetPasswordDataResult, ApiError> {
    let instance = find_instance(view, parse_instance_id(&request.instance_id)?)?;
    Ok(GetPasswordDataResult {
        instance_id: Some(instance.id.to_string()),
        password_data: Some(String::new()),
        timestamp: Some(show::moment(context.now)),
    })
}

/// Instances of types whose place in the network is not told, as are all types here, are listed without nodes.
pub(in crate::actions) fn describe_instance_topology(
    _: &Context,
    view: &View<'_>,
    request: DescribeInstanceTopologyRequest,
) -> Result<DescribeInstanceTopologyResult, ApiError> {
    let filters = Filters::new::<TopologyRow<'_>>(&request.filters)?;
    let groups = &request.group_names;
    let in_group = |instance: &Instance| {
        groups.is_empty() || instance.placement_group.as_deref().is_some_and(|name| groups.iter().any(|g| g == name))
    };
    let instances = select(view.tables(), &request.instance_ids)?
        .into_iter()
        .filter(|instance| !instance.state.is_ending() && in_group(instance))
        .map(|instance| (instance.id.to_string(), TopologyRow(instance)));
    let token = request.next_token.as_deref();
    let asked = Listing::paged(&request.instance_ids, &request.filters, request.max_results, token).limits(1, 100);
    let (found, next_token) = rows(instances, &filters, Listing { ids_name: Some("instancesSet"), ..asked })?;
    let shape = |TopologyRow(instance): TopologyRow<'_>| InstanceTopology {
        availability_zone: Some(instance.zone.to_string()),
        group_name: instance.placement_group.as_deref().map(str::to_owned),
        instance_id: Some(instance.id.to_string()),
        instance_type: Some(instance.instance_type.to_string()),
        zone_id: Some(instance.zone.zone_id()),
        ..InstanceTopology::default()
    };
    Ok(DescribeInstanceTopologyResult { instances: found.into_iter().map(shape).collect(), next_token })
}

struct TopologyRow<'a>(&'a Instance);

impl Filterable for TopologyRow<'_> {
    const NAMES: &'static [&'static str] = &["availability-zone", "instance-type", "zone-id"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name {
            "availability-zone" => found(&self.0.zone.to_string()),
            "instance-type" => found(&self.0.instance_type),
            "zone-id" => found(&self.0.zone.zone_id()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }
}

/// A row of a listing in which nothing can be.
enum NoWindow {}

impl Filterable for NoWindow {
    const NAMES: &'static [&'static str] = &[
        "dedicated-host-id",
        "event-window-name",
        "instance-id",
        "instance-tag",
        "instance-tag-key",
        "instance-tag-value",
        "tag",
        "tag-value",
    ];

    fn values(&self, _: &str, _: &mut dyn FnMut(&str)) {}

    fn tags(&self) -> Option<&Tags> {
        None
    }
}

/// Nothing is ever scheduled for an instance here, so there are no windows for it.
pub(in crate::actions) fn describe_instance_event_windows(
    _: &Context,
    _: &View<'_>,
    request: DescribeInstanceEventWindowsRequest,
) -> Result<DescribeInstanceEventWindowsResult, ApiError> {
    if let Some(id) = request.instance_event_window_ids.first() {
        let message = format!("The specified event window ID {id} does not exist");
        return Err(ApiError::new("InvalidInstanceEventWindowId.NotFound", message));
    }
    let filters = Filters::new::<NoWindow>(&request.filters)?;
    let asked = Listing::paged(&[], &request.filters, request.max_results, request.next_token.as_deref());
    let (_, next_token) = rows(std::iter::empty::<(String, NoWindow)>(), &filters, asked.limits(20, 500))?;
    Ok(DescribeInstanceEventWindowsResult { instance_event_windows: Vec::new(), next_token })
}

enum NoLink {}

impl Filterable for NoLink {
    const NAMES: &'static [&'static str] = &["group-id", "instance-id", "tag", "vpc-id"];

    fn values(&self, _: &str, _: &mut dyn FnMut(&str)) {}

    fn tags(&self) -> Option<&Tags> {
        None
    }
}

/// EC2-Classic is no more; an instance that is there is one of a VPC and cannot be linked.
pub(in crate::actions) fn describe_classic_link_instances(
    _: &Context,
    view: &View<'_>,
    request: DescribeClassicLinkInstancesRequest,
) -> Result<DescribeClassicLinkInstancesResult, ApiError> {
    if let Some(instance) = find_instances(view.tables(), &request.instance_ids)?.first() {
        let message = format!("The instance '{}' is not linked to a VPC through ClassicLink", instance.id);
        return Err(ApiError::new("InvalidInstanceID.NotLinkable", message));
    }
    let filters = Filters::new::<NoLink>(&request.filters)?;
    let asked = Listing::paged(&[], &request.filters, request.max_results, request.next_token.as_deref());
    let (_, next_token) = rows(std::iter::empty::<(String, NoLink)>(), &filters, asked)?;
    Ok(DescribeClassicLinkInstancesResult { instances: Vec::new(), next_token })
}
