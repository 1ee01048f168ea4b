//! Spot Fleet requests: the older API of the same.

use ec2_shapes::{
    ActivityStatus, AllocationStrategy, BatchState, CancelBatchErrorCode, CancelSpotFleetRequestsError,
    CancelSpotFleetRequestsErrorItem, CancelSpotFleetRequestsRequest, CancelSpotFleetRequestsResponse,
    CancelSpotFleetRequestsSuccessItem, DescribeSpotFleetInstancesRequest, DescribeSpotFleetInstancesResponse,
    DescribeSpotFleetRequestHistoryRequest, DescribeSpotFleetRequestHistoryResponse, DescribeSpotFleetRequestsRequest,
    DescribeSpotFleetRequestsResponse, EventType, ExcessCapacityTerminationPolicy, FleetType, HistoryRecord,
    InstanceInterruptionBehavior, LaunchTemplateConfig, LaunchTemplateOverrides, LaunchTemplateSpecification,
    ModifySpotFleetRequestRequest, ModifySpotFleetRequestResponse, OnDemandAllocationStrategy, Placement,
    RequestSpotFleetRequest, RequestSpotFleetResponse, RunInstancesRequest, SpotFleetLaunchSpecification,
    SpotFleetRequestConfig, SpotFleetRequestConfigData, TagSpecification,
};
use serde_json::Value;
use types::SpotFleetRequestId;

use super::engine::{self, Kept, activity, end, fulfilled, modify, submitted};
use super::history;
use super::plan::{self, Market, Plan, Pool, unavailable, units};
use crate::access;
use crate::actions::show::{self, given};
use crate::actions::spot;
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency;
use crate::query::{Filterable, Listing, get, list};
use crate::resource::{FleetEventKind, FleetOwner, FleetRun, FleetState, SpotFleetRequest, Tags};
use crate::state::{Key, Tables};
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;
use crate::view::View;

/// EC2's name of the type of resource.
const RESOURCE_TYPE: &str = "spot-fleet-request";
/// How many requests one call may cancel.
const MAX_PER_CANCEL: usize = 100;

impl Kept for SpotFleetRequest {
    const DELETED: [&'static str; 3] = ["cancelled_running", "cancelled_terminating", "cancelled"];
    const TAG: &'static str = "aws:ec2spot:fleet-request-id";

    fn owner(&self) -> FleetOwner {
        FleetOwner::SpotFleet(self.id)
    }

    fn key(&self) -> Key {
        Key::SpotFleetRequest(self.id)
    }

    fn run(&self) -> &FleetRun {
        &self.run
    }

    fn run_mut(&mut self) -> &mut FleetRun {
        &mut self.run
    }

    fn plan(&self) -> Result<Plan, ApiError> {
        plan_of(&said(self)?)
    }
}

/// What a fleet was asked to be, with what was changed since.
fn said(fleet: &SpotFleetRequest) -> Result<SpotFleetRequestConfigData, ApiError> {
    serde_json::from_value(fleet.config.clone()).map_err(|_| ApiError::internal())
}

pub(in crate::actions) fn request_spot_fleet(
    context: &Context,
    tx: &mut Transaction,
    request: RequestSpotFleetRequest,
) -> Result<RequestSpotFleetResponse, ApiError> {
    let asked = request.spot_fleet_request_config.ok_or_else(|| ApiError::missing("SpotFleetRequestConfig"))?;
    let config = with_defaults(asked.clone());
    check_role(context, tx, &config)?;
    let plan = plan_of(&config)?;
    plan.check(context, tx)?;
    let tags = NewTags::new(&config.tag_specifications, &[RESOURCE_TYPE])?;
    let asked = SpotFleetRequestConfigData { client_token: None, ..asked };
    let token = config.client_token.as_deref();
    let id = idempotency::once(context, tx, "RequestSpotFleet", token, &asked, |tx| {
        let id = SpotFleetRequestId::from_number(context.id_number());
        let config = serde_json::to_value(&config).map_err(|_| ApiError::internal())?;
        tags.put(tx, RESOURCE_TYPE, id);
        let run = submitted(context, tx, &plan);
        tx.put(SpotFleetRequest { id, created: context.now, config, run });
        Ok(id.to_string())
    })?;
    Ok(RequestSpotFleetResponse { spot_fleet_request_id: Some(id) })
}

/// What EC2 takes for what a request leaves open, and tells of a fleet.
fn with_defaults(mut config: SpotFleetRequestConfigData) -> SpotFleetRequestConfigData {
    config.r#type.get_or_insert(FleetType::Maintain);
    let strategy = *config.allocation_strategy.get_or_insert(AllocationStrategy::LowestPrice);
    if strategy == AllocationStrategy::LowestPrice {
        config.instance_pools_to_use_count.get_or_insert(1);
    }
    config.on_demand_allocation_strategy.get_or_insert(OnDemandAllocationStrategy::LowestPrice);
    config.on_demand_target_capacity.get_or_insert(0);
    config.excess_capacity_termination_policy.get_or_insert(ExcessCapacityTerminationPolicy::Default);
    config.instance_interruption_behavior.get_or_insert(InstanceInterruptionBehavior::Terminate);
    config.replace_unhealthy_instances.get_or_insert(false);
    config.terminate_instances_with_expiration.get_or_insert(false);
    config
}

/// Checks that the role is one of the account's, which the caller may hand on. The role that AWS keeps for its service
/// is always there.
fn check_role(context: &Context, tx: &Transaction, config: &SpotFleetRequestConfigData) -> Result<(), ApiError> {
    let arn = given(&config.iam_fleet_role);
    let arn = arn.ok_or_else(|| ApiError::missing("SpotFleetRequestConfig.IamFleetRole"))?;
    let service = format!("arn:aws:iam::{}:role/aws-service-role/spotfleet.amazonaws.com/", context.account());
    let is_known = arn.starts_with(&service) || tx.state().shared.roles.values().any(|role| role.arn == arn);
    if is_known {
        return access::check_pass_role(tx.state(), &context.caller);
    }
    let message = "Parameter: SpotFleetRequestConfig.IamFleetRole is invalid.";
    Err(ApiError::new("InvalidSpotFleetRequestConfig", message))
}

/// What a request asks for.
///
/// # Errors
/// `MissingParameter`, `InvalidParameterValue`, `InvalidParameterCombination`, `InvalidSpotFleetRequestConfig`, and
/// `UnsupportedOperation` for what cannot be had here.
fn plan_of(config: &SpotFleetRequestConfigData) -> Result<Plan, ApiError> {
    let kind = config.r#type.unwrap_or(FleetType::Maintain);
    if kind == FleetType::Instant {
        return Err(invalid("Parameter: SpotFleetRequestConfig.Type is invalid. It must be request or maintain."));
    }
    for (is_asked, name) in [
        (config.context.is_some(), "Context"),
        (config.load_balancers_config.is_some(), "LoadBalancersConfig"),
        (config.target_capacity_unit_type.is_some_and(|unit| unit.as_str() != "units"), "TargetCapacityUnitType"),
    ] {
        if is_asked {
            return Err(unavailable(name));
        }
    }
    let total = config.target_capacity.ok_or_else(|| ApiError::missing("SpotFleetRequestConfig.TargetCapacity"))?;
    let on_demand = config.on_demand_target_capacity.unwrap_or(0);
    plan::check_capacity(kind, total, on_demand, 0)?;
    if on_demand > 0 && !config.launch_specifications.is_empty() {
        return Err(invalid("On-Demand capacity requires LaunchTemplateConfigs."));
    }
    let strategy = config.allocation_strategy;
    let pools_to_use = config.instance_pools_to_use_count.unwrap_or(1);
    if pools_to_use < 1 {
        return Err(invalid("Parameter: SpotFleetRequestConfig.InstancePoolsToUseCount is invalid."));
    }
    let width = match strategy {
        Some(AllocationStrategy::Diversified) => usize::MAX,
        Some(AllocationStrategy::LowestPrice) | None => usize::try_from(pools_to_use).unwrap_or(1),
        Some(_) => 1,
    };
    Ok(Plan {
        kind,
        pools: pools(config)?,
        on_demand: Market {
            by_priority: config.on_demand_allocation_strategy == Some(OnDemandAllocationStrategy::Prioritized),
            ..Market::plain(false, on_demand)
        },
        spot: Market {
            width,
            by_priority: strategy == Some(AllocationStrategy::CapacityOptimizedPrioritized),
            ..Market::plain(true, total - on_demand)
        },
        interruption: config.instance_interruption_behavior,
        shrinks: config.excess_capacity_termination_policy != Some(ExcessCapacityTerminationPolicy::NoTermination),
        from: plan::moment(config.valid_from),
        until: plan::moment(config.valid_until),
        ends_instances: config.terminate_instances_with_expiration == Some(true),
    })
}

fn invalid(message: &str) -> ApiError {
    ApiError::new("InvalidSpotFleetRequestConfig", message)
}

/// What a request lets its fleet launch from, in order.
fn pools(config: &SpotFleetRequestConfigData) -> Result<Vec<Pool>, ApiError> {
    let (specifications, templates) = (&config.launch_specifications, &config.launch_template_configs);
    if specifications.is_empty() == templates.is_empty() {
        return Err(invalid("Exactly one of LaunchSpecifications and LaunchTemplateConfigs must be specified."));
    }
    let mut pools = Vec::new();
    for said in specifications {
        pools.extend(specified(said)?);
    }
    for template in templates {
        let none = [LaunchTemplateOverrides::default()];
        let overrides = if template.overrides.is_empty() { &none[..] } else { &template.overrides };
        for own in overrides {
            pools.extend(overridden(template, own)?);
        }
    }
    for pool in &mut pools {
        pool.price = pool.price.take().or_else(|| config.spot_price.clone());
    }
    Ok(pools)
}

/// The launches of one launch specification.
fn specified(said: &SpotFleetLaunchSpecification) -> Result<Vec<Pool>, ApiError> {
    for (is_asked, name) in [
        (given(&said.addressing_type).is_some(), "LaunchSpecification.AddressingType"),
        (given(&said.kernel_id).is_some(), "LaunchSpecification.KernelId"),
        (given(&said.ramdisk_id).is_some(), "LaunchSpecification.RamdiskId"),
        (said.instance_requirements.is_some(), "InstanceRequirements"),
    ] {
        if is_asked {
            return Err(unavailable(name));
        }
    }
    if given(&said.image_id).is_none() {
        return Err(ApiError::missing("LaunchSpecification.ImageId"));
    }
    let data = serde_json::to_value(said).map_err(|_| ApiError::internal())?;
    let mut launch: RunInstancesRequest =
        serde_json::from_value(Value::Object(spot::shared(&data))).map_err(|_| ApiError::internal())?;
    launch.security_group_ids = said.security_groups.iter().filter_map(|group| group.group_id.clone()).collect();
    let names = said.security_groups.iter().filter(|group| group.group_id.is_none());
    launch.security_groups = names.filter_map(|group| group.group_name.clone()).collect();
    let tags = said.tag_specifications.iter();
    launch.tag_specifications = tags
        .map(|tags| TagSpecification { resource_type: tags.resource_type.clone(), tags: tags.tags.clone() })
        .collect();
    NewTags::new(&launch.tag_specifications, &["instance"])?;
    let pool = Pool {
        launch: RunInstancesRequest::default(),
        price: said.spot_price.clone(),
        weight: plan::weight(said.weighted_capacity)?,
        priority: None,
        source: Value::Null,
    };
    Ok(plan::for_each_place(&launch).into_iter().map(|launch| Pool { launch, ..pool.clone() }).collect())
}

/// The launches of one override of a template.
fn overridden(config: &LaunchTemplateConfig, own: &LaunchTemplateOverrides) -> Result<Vec<Pool>, ApiError> {
    let template = config.launch_template_specification.as_ref();
    let template = template.ok_or_else(|| ApiError::missing("LaunchTemplateSpecification"))?;
    if given(&template.version).is_none() {
        return Err(ApiError::missing("LaunchTemplateSpecification.Version"));
    }
    if own.instance_requirements.is_some() {
        return Err(unavailable("InstanceRequirements"));
    }
    let has_zone = own.availability_zone.is_some() || own.availability_zone_id.is_some();
    let launch = RunInstancesRequest {
        instance_type: own.instance_type.clone(),
        subnet_id: own.subnet_id.clone(),
        placement: has_zone.then(|| Placement {
            availability_zone: own.availability_zone.clone(),
            availability_zone_id: own.availability_zone_id.clone(),
            ..Placement::default()
        }),
        launch_template: Some(LaunchTemplateSpecification {
            launch_template_id: template.launch_template_id.clone(),
            launch_template_name: template.launch_template_name.clone(),
            version: template.version.clone(),
        }),
        ..RunInstancesRequest::default()
    };
    let pool = Pool {
        launch: RunInstancesRequest::default(),
        price: own.spot_price.clone(),
        weight: plan::weight(own.weighted_capacity)?,
        priority: own.priority,
        source: Value::Null,
    };
    Ok(plan::for_each_place(&launch).into_iter().map(|launch| Pool { launch, ..pool.clone() }).collect())
}

/// Changes what a fleet is to have; it follows a moment later.
pub(in crate::actions) fn modify_spot_fleet_request(
    context: &Context,
    tx: &mut Transaction,
    request: ModifySpotFleetRequestRequest,
) -> Result<ModifySpotFleetRequestResponse, ApiError> {
    let mut fleet = SpotFleetRequest::clone(get::<SpotFleetRequest>(tx, &request.spot_fleet_request_id)?);
    engine::check_modifiable(&fleet)?;
    let mut wanted = said(&fleet)?;
    wanted.context = request.context;
    wanted.target_capacity = request.target_capacity.or(wanted.target_capacity);
    wanted.on_demand_target_capacity = request.on_demand_target_capacity.or(wanted.on_demand_target_capacity);
    wanted.excess_capacity_termination_policy =
        request.excess_capacity_termination_policy.or(wanted.excess_capacity_termination_policy);
    if !request.launch_template_configs.is_empty() {
        wanted.launch_template_configs = request.launch_template_configs;
    }
    plan_of(&wanted)?.check(context, tx)?;
    fleet.config = serde_json::to_value(&wanted).map_err(|_| ApiError::internal())?;
    modify(context, tx, &mut fleet.run);
    tx.put(fleet);
    Ok(ModifySpotFleetRequestResponse { r#return: Some(true) })
}

/// Cancels requests, with their instances or without.
pub(in crate::actions) fn cancel_spot_fleet_requests(
    context: &Context,
    tx: &mut Transaction,
    request: CancelSpotFleetRequestsRequest,
) -> Result<CancelSpotFleetRequestsResponse, ApiError> {
    if request.spot_fleet_request_ids.is_empty() {
        return Err(ApiError::missing("SpotFleetRequestId"));
    }
    if request.spot_fleet_request_ids.len() > MAX_PER_CANCEL {
        return Err(ApiError::invalid_value(format!("At most {MAX_PER_CANCEL} requests can be cancelled at once.")));
    }
    let mut result = CancelSpotFleetRequestsResponse::default();
    for id in request.spot_fleet_request_ids {
        let failed = |code, message: String| CancelSpotFleetRequestsErrorItem {
            error: Some(CancelSpotFleetRequestsError { code: Some(code), message: Some(message) }),
            spot_fleet_request_id: Some(id.clone()),
        };
        let mut fleet = match get::<SpotFleetRequest>(tx, &id) {
            Ok(fleet) => SpotFleetRequest::clone(fleet),
            Err(error) => {
                let is_malformed = error.code.ends_with("Malformed");
                let does_not_exist = CancelBatchErrorCode::FleetRequestIdDoesNotExist;
                let code = if is_malformed { CancelBatchErrorCode::FleetRequestIdMalformed } else { does_not_exist };
                result.unsuccessful_fleet_requests.push(failed(code, error.message));
                continue;
            }
        };
        if fleet.run.state.is_over() && !(request.terminate_instances && fleet.run.state == FleetState::DeletedRunning)
        {
            let message = format!("The fleet request '{id}' is cancelled already.");
            let failed = failed(CancelBatchErrorCode::FleetRequestNotInCancellableState, message);
            result.unsuccessful_fleet_requests.push(failed);
            continue;
        }
        let before = BatchState::from_wire(fleet.state_name());
        end(context, tx, &mut fleet, request.terminate_instances);
        result.successful_fleet_requests.push(CancelSpotFleetRequestsSuccessItem {
            current_spot_fleet_request_state: BatchState::from_wire(fleet.state_name()),
            previous_spot_fleet_request_state: before,
            spot_fleet_request_id: Some(id),
        });
        tx.put(fleet);
    }
    Ok(result)
}

pub(in crate::actions) fn describe_spot_fleet_requests(
    _: &Context,
    view: &View<'_>,
    request: DescribeSpotFleetRequestsRequest,
) -> Result<DescribeSpotFleetRequestsResponse, ApiError> {
    let (max, token) = (request.max_results, request.next_token.as_deref());
    let asked = Listing::paged(&request.spot_fleet_request_ids, &[], max, token).limits(1, 1_000);
    let tables = view.tables();
    let (rows, next_token) = list::<SpotFleetRequest, _>(tables, asked, |fleet| Row { tables, fleet })?;
    let spot_fleet_request_configs = rows.iter().map(Row::to_shape).collect::<Result<_, _>>()?;
    Ok(DescribeSpotFleetRequestsResponse { next_token, spot_fleet_request_configs })
}

struct Row<'a> {
    tables: &'a Tables,
    fleet: &'a SpotFleetRequest,
}

impl Row<'_> {
    fn to_shape(&self) -> Result<SpotFleetRequestConfig, ApiError> {
        let (tables, fleet) = (self.tables, self.fleet);
        let has = |is_spot| Some(units(fulfilled(tables, &fleet.run, is_spot)));
        let config = SpotFleetRequestConfigData {
            fulfilled_capacity: has(None),
            on_demand_fulfilled_capacity: has(Some(false)),
            ..said(fleet)?
        };
        Ok(SpotFleetRequestConfig {
            activity_status: activity(tables, &fleet.run, &fleet.plan()?).and_then(ActivityStatus::from_wire),
            create_time: Some(show::moment(fleet.created)),
            spot_fleet_request_config: Some(config),
            spot_fleet_request_id: Some(fleet.id.to_string()),
            spot_fleet_request_state: BatchState::from_wire(fleet.state_name()),
            tags: tagging::to_shape(tables.tags_of(&fleet.id.to_string())),
        })
    }
}

impl Filterable for Row<'_> {
    const NAMES: &'static [&'static str] = &[];

    fn values(&self, _: &str, _: &mut dyn FnMut(&str)) {}

    fn tags(&self) -> Option<&Tags> {
        None
    }
}

pub(in crate::actions) fn describe_spot_fleet_instances(
    _: &Context,
    view: &View<'_>,
    request: DescribeSpotFleetInstancesRequest,
) -> Result<DescribeSpotFleetInstancesResponse, ApiError> {
    let fleet = get::<SpotFleetRequest>(view.tables(), &request.spot_fleet_request_id)?;
    let (max, token) = (request.max_results, request.next_token.as_deref());
    let (active_instances, next_token) = history::instances(view.tables(), &fleet.run, &[], max, token)?;
    let spot_fleet_request_id = Some(request.spot_fleet_request_id);
    Ok(DescribeSpotFleetInstancesResponse { active_instances, next_token, spot_fleet_request_id })
}

pub(in crate::actions) fn describe_spot_fleet_request_history(
    context: &Context,
    view: &View<'_>,
    request: DescribeSpotFleetRequestHistoryRequest,
) -> Result<DescribeSpotFleetRequestHistoryResponse, ApiError> {
    let fleet = get::<SpotFleetRequest>(view.tables(), &request.spot_fleet_request_id)?;
    let kind = |kind| match kind {
        FleetEventKind::Instance => EventType::InstanceChange,
        FleetEventKind::Fleet => EventType::FleetRequestChange,
        FleetEventKind::Error => EventType::Error,
        FleetEventKind::Information => EventType::Information,
    };
    let is_wanted = |found| request.event_type.is_none_or(|wanted| wanted == kind(found));
    let (max, token) = (request.max_results, request.next_token.as_deref());
    let (events, next_token) = history::events(&fleet.run, is_wanted, request.start_time, max, token)?;
    let entry = |event| HistoryRecord {
        event_information: Some(history::information(event)),
        event_type: Some(kind(event.kind)),
        timestamp: Some(show::moment(event.at)),
    };
    Ok(DescribeSpotFleetRequestHistoryResponse {
        history_records: events.into_iter().map(entry).collect(),
        last_evaluated_time: next_token.is_none().then(|| show::moment(context.now)),
        next_token,
        spot_fleet_request_id: Some(request.spot_fleet_request_id),
        start_time: Some(request.start_time),
    })
}
