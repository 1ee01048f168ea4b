//! Telling about EC2 Fleets.

use ec2_shapes::{
    DescribeFleetError, DescribeFleetHistoryRequest, DescribeFleetHistoryResult, DescribeFleetInstancesRequest,
    DescribeFleetInstancesResult, DescribeFleetsInstances, DescribeFleetsRequest, DescribeFleetsResult,
    FleetActivityStatus, FleetData, FleetEventType, FleetExcessCapacityTerminationPolicy, FleetStateCode, FleetType,
    HistoryRecordEntry, TargetCapacitySpecification,
};

use super::engine::Kept;
use super::plan::{Plan, UNIT};
use super::{activity, error_shape, fulfilled, history, made_shape, said, units};
use crate::actions::show;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Filters, Listing, find, get, rows};
use crate::resource::{Fleet, FleetEventKind, Tags};
use crate::state::Tables;
use crate::tagging;
use crate::view::View;

/// Fleets of the type `instant` are told about only where they are named.
pub(in crate::actions) fn describe_fleets(
    _: &Context,
    view: &View<'_>,
    request: DescribeFleetsRequest,
) -> Result<DescribeFleetsResult, ApiError> {
    let (max, token) = (request.max_results, request.next_token.as_deref());
    let asked = Listing::paged(&request.fleet_ids, &request.filters, max, token).limits(1, 1_000);
    let filters = Filters::new::<Row<'_>>(&request.filters)?;
    let tables = view.tables();
    let found = find::<Fleet>(tables, &request.fleet_ids)?;
    let all = found.into_iter().map(|(_, fleet)| Ok(Row { tables, fleet, plan: fleet.plan()? }));
    let mut all = all.collect::<Result<Vec<_>, ApiError>>()?;
    all.retain(|row| !request.fleet_ids.is_empty() || row.plan.kind != FleetType::Instant);
    let (page, next_token) = rows(all.into_iter().map(|row| (row.fleet.id.to_string(), row)), &filters, asked)?;
    let fleets = page.iter().map(Row::to_shape).collect::<Result<_, _>>()?;
    Ok(DescribeFleetsResult { fleets, next_token })
}

struct Row<'a> {
    tables: &'a Tables,
    fleet: &'a Fleet,
    plan: Plan,
}

impl Row<'_> {
    fn activity(&self) -> Option<&'static str> {
        activity(self.tables, &self.fleet.run, &self.plan)
    }

    /// The capacity with what the request left open.
    #[expect(clippy::cast_possible_truncation, reason = "these were 32 bits wide")]
    fn capacity(&self, said: Option<TargetCapacitySpecification>) -> TargetCapacitySpecification {
        let units = |thousandths: i64| Some((thousandths / UNIT) as i32);
        TargetCapacitySpecification {
            on_demand_target_capacity: units(self.plan.on_demand.target),
            spot_target_capacity: units(self.plan.spot.target),
            total_target_capacity: units(self.plan.target()),
            ..said.unwrap_or_default()
        }
    }

    fn to_shape(&self) -> Result<FleetData, ApiError> {
        let fleet = self.fleet;
        let said: FleetData = serde_json::from_value(fleet.request.clone()).map_err(|_| ApiError::internal())?;
        let (failed, made): (Vec<_>, Vec<_>) = fleet.launches.iter().partition(|launch| launch.error.is_some());
        let errors = failed.into_iter().map(|launch| {
            let told = error_shape(launch)?;
            Ok(DescribeFleetError {
                error_code: told.error_code,
                error_message: told.error_message,
                launch_template_and_overrides: told.launch_template_and_overrides,
                lifecycle: told.lifecycle,
            })
        });
        let made = made.into_iter().map(|launch| {
            let told = made_shape(self.tables, launch)?;
            Ok(DescribeFleetsInstances {
                instance_ids: told.instance_ids,
                instance_type: told.instance_type,
                launch_template_and_overrides: told.launch_template_and_overrides,
                lifecycle: told.lifecycle,
                platform: None,
            })
        });
        let has = |is_spot| Some(units(fulfilled(self.tables, &fleet.run, is_spot)));
        Ok(FleetData {
            activity_status: self.activity().and_then(FleetActivityStatus::from_wire),
            create_time: Some(show::moment(fleet.created)),
            errors: errors.collect::<Result<_, ApiError>>()?,
            fleet_id: Some(fleet.id.to_string()),
            fleet_state: FleetStateCode::from_wire(fleet.state_name()),
            fulfilled_capacity: has(None),
            fulfilled_on_demand_capacity: has(Some(false)),
            instances: made.collect::<Result<_, ApiError>>()?,
            tags: tagging::to_shape(self.tables.tags_of(&fleet.id.to_string())),
            target_capacity_specification: Some(self.capacity(said.target_capacity_specification.clone())),
            ..said
        })
    }
}

impl Filterable for Row<'_> {
    const NAMES: &'static [&'static str] = &[
        "activity-status",
        "excess-capacity-termination-policy",
        "fleet-state",
        "replace-unhealthy-instances",
        "type",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        // The documentation of filters writes dashes where answers have underscores.
        let mut both = |value: &str| {
            found(value);
            found(&value.replace('_', "-"));
        };
        let Ok(said) = said(self.fleet) else { return };
        match name {
            "activity-status" => self.activity().into_iter().for_each(both),
            "fleet-state" => both(self.fleet.state_name()),
            "excess-capacity-termination-policy" => {
                let policy = said.excess_capacity_termination_policy;
                policy.into_iter().for_each(|policy| {
                    found(show::boolean(policy == FleetExcessCapacityTerminationPolicy::Termination));
                });
            }
            "replace-unhealthy-instances" => found(show::boolean(said.replace_unhealthy_instances == Some(true))),
            "type" => found(self.plan.kind.as_str()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tables.tags_of(&self.fleet.id.to_string())).filter(|tags| !tags.is_empty())
    }
}

/// The running instances of a fleet that is not `instant`.
pub(in crate::actions) fn describe_fleet_instances(
    _: &Context,
    view: &View<'_>,
    request: DescribeFleetInstancesRequest,
) -> Result<DescribeFleetInstancesResult, ApiError> {
    let tables = view.tables();
    let fleet = get::<Fleet>(tables, &request.fleet_id)?;
    if fleet.plan()?.kind == FleetType::Instant {
        let message = "Fleets of type instant are not supported; use DescribeFleets with the fleet ID.";
        return Err(ApiError::new("UnsupportedOperation", message));
    }
    let (max, token) = (request.max_results, request.next_token.as_deref());
    let (active_instances, next_token) = history::instances(tables, &fleet.run, &request.filters, max, token)?;
    Ok(DescribeFleetInstancesResult { active_instances, fleet_id: Some(request.fleet_id), next_token })
}

pub(in crate::actions) fn describe_fleet_history(
    context: &Context,
    view: &View<'_>,
    request: DescribeFleetHistoryRequest,
) -> Result<DescribeFleetHistoryResult, ApiError> {
    let fleet = get::<Fleet>(view.tables(), &request.fleet_id)?;
    let kind = |kind| match kind {
        FleetEventKind::Instance => FleetEventType::InstanceChange,
        FleetEventKind::Fleet => FleetEventType::FleetChange,
        FleetEventKind::Error | FleetEventKind::Information => FleetEventType::ServiceError,
    };
    let is_wanted = |found| request.event_type.is_none_or(|wanted| wanted == kind(found));
    let (max, token) = (request.max_results, request.next_token.as_deref());
    let (events, next_token) = history::events(&fleet.run, is_wanted, request.start_time, max, token)?;
    let entry = |event| HistoryRecordEntry {
        event_information: Some(history::information(event)),
        event_type: Some(kind(event.kind)),
        timestamp: Some(show::moment(event.at)),
    };
    Ok(DescribeFleetHistoryResult {
        fleet_id: Some(request.fleet_id),
        history_records: events.into_iter().map(entry).collect(),
        last_evaluated_time: next_token.is_none().then(|| show::moment(context.now)),
        next_token,
        start_time: Some(request.start_time),
    })
}
