//! DescribeInstanceStatus.
//!
//! An instance is `running` from the moment its init runs, so its checks pass as soon as it is.

use ec2_shapes::{
    DescribeInstanceStatusRequest, DescribeInstanceStatusResult, EbsStatusDetails, EbsStatusSummary, InstanceStatus,
    InstanceStatusDetails, InstanceStatusSummary, OperatorResponse, StatusName, StatusType, SummaryStatus,
};
use types::InstanceState;

use super::{select, shape};
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Filters, PageLimits, page};
use crate::resource::{Instance, Tags};
use crate::state::Tables;
use crate::view::View;

pub(in crate::actions) fn describe_instance_status(
    _: &Context,
    view: &View<'_>,
    request: DescribeInstanceStatusRequest,
) -> Result<DescribeInstanceStatusResult, ApiError> {
    let filters = Filters::new::<StatusView<'_>>(&request.filters)?;
    let tables = view.tables();
    let wants_all = request.include_all_instances == Some(true);
    let matching = select(tables, &request.instance_ids)?
        .into_iter()
        .filter(|instance| wants_all || instance.state == InstanceState::Running)
        .map(|instance| StatusView { tables, instance })
        .filter(|status| filters.matches(status));
    let ids_name = (!request.instance_ids.is_empty()).then_some("instancesSet");
    let token = request.next_token.as_deref();
    let key = |view: &StatusView<'_>| view.instance.id.to_string();
    let (statuses, next_token) = page(matching, key, PageLimits::USUAL, request.max_results, token, ids_name)?;
    let instance_statuses = statuses.iter().map(StatusView::to_shape).collect();
    Ok(DescribeInstanceStatusResult { instance_statuses, next_token })
}

struct StatusView<'a> {
    tables: &'a Tables,
    instance: &'a Instance,
}

impl StatusView<'_> {
    fn summary(&self) -> SummaryStatus {
        match self.instance.state {
            InstanceState::Running => SummaryStatus::Ok,
            _ => SummaryStatus::NotApplicable,
        }
    }

    /// `None` where nothing is checked.
    fn reachability(&self) -> Option<StatusType> {
        (self.instance.state == InstanceState::Running).then_some(StatusType::Passed)
    }

    fn to_shape(&self) -> InstanceStatus {
        let instance = self.instance;
        let details = || {
            let name = Some(StatusName::Reachability);
            self.reachability().map(|status| InstanceStatusDetails { name, status: Some(status), impaired_since: None })
        };
        let check =
            || Some(InstanceStatusSummary { details: details().into_iter().collect(), status: Some(self.summary()) });
        let ebs_details = self.reachability().map(|status| EbsStatusDetails {
            name: Some(StatusName::Reachability),
            status: Some(status),
            impaired_since: None,
        });
        InstanceStatus {
            attached_ebs_status: Some(EbsStatusSummary {
                details: ebs_details.into_iter().collect(),
                status: Some(self.summary()),
            }),
            availability_zone: Some(instance.zone.to_string()),
            availability_zone_id: Some(instance.zone.zone_id()),
            instance_id: Some(instance.id.to_string()),
            instance_state: Some(shape::state(instance.state)),
            instance_status: check(),
            operator: Some(OperatorResponse { managed: Some(false), ..OperatorResponse::default() }),
            system_status: check(),
            ..InstanceStatus::default()
        }
    }
}

impl Filterable for StatusView<'_> {
    const NAMES: &'static [&'static str] = &[
        "attached-ebs-status.reachability",
        "attached-ebs-status.status",
        "availability-zone",
        "availability-zone-id",
        "event.code",
        "event.description",
        "event.instance-event-id",
        "event.not-after",
        "event.not-before",
        "event.not-before-deadline",
        "instance-state-code",
        "instance-state-name",
        "instance-status.reachability",
        "instance-status.status",
        "operator.managed",
        "operator.principal",
        "system-status.reachability",
        "system-status.status",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let instance = self.instance;
        match name {
            "availability-zone" => found(&instance.zone.to_string()),
            "availability-zone-id" => found(&instance.zone.zone_id()),
            "instance-state-code" => found(&instance.state.code().to_string()),
            "instance-state-name" => found(instance.state.name()),
            "attached-ebs-status.status" | "instance-status.status" | "system-status.status" => {
                found(self.summary().as_str());
            }
            "attached-ebs-status.reachability" | "instance-status.reachability" | "system-status.reachability" => {
                self.reachability().iter().for_each(|status| found(status.as_str()));
            }
            "operator.managed" => found("false"),
            // Nothing here is ever scheduled for maintenance.
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tables.tags_of(&self.instance.id.to_string()))
    }
}
