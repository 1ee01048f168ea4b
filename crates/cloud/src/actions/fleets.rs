//! EC2 Fleets, and beside them Spot Fleets.
//!
//! Both are translated into one [`plan::Plan`], which [`engine`] carries out. There is no market: nothing has a price
//! and nothing is interrupted, so that a fleet launches from the first pool that works, or from several evenly where it
//! is to be spread.

mod describe;
mod engine;
mod history;
mod plan;
mod spot;
#[cfg(test)]
mod tests;

use ec2_shapes::{
    CreateFleetError, CreateFleetInstance, CreateFleetRequest, CreateFleetResult, DefaultTargetCapacityType,
    DeleteFleetError, DeleteFleetErrorCode, DeleteFleetErrorItem, DeleteFleetSuccessItem, DeleteFleetsRequest,
    DeleteFleetsResult, FleetExcessCapacityTerminationPolicy, FleetLaunchTemplateConfigRequest,
    FleetLaunchTemplateOverridesRequest, FleetOnDemandAllocationStrategy, FleetStateCode, FleetType,
    InstanceInterruptionBehavior, InstanceLifecycle, LaunchTemplateAndOverridesResponse, LaunchTemplateSpecification,
    ModifyFleetRequest, ModifyFleetResult, RunInstancesRequest, SpotAllocationStrategy,
    SpotInstanceInterruptionBehavior, TagSpecification, TargetCapacitySpecificationRequest,
};
use serde_json::{Map, Value, json};
use types::FleetId;

pub(super) use self::describe::{describe_fleet_history, describe_fleet_instances, describe_fleets};
use self::engine::{Kept, activity, end, fill, fulfilled, modify, submitted};
pub(crate) use self::engine::{advance, instance_due, note};
use self::plan::{Market, Plan, Pool, UNIT, unavailable, units};
pub(super) use self::spot::{
    cancel_spot_fleet_requests, describe_spot_fleet_instances, describe_spot_fleet_request_history,
    describe_spot_fleet_requests, modify_spot_fleet_request, request_spot_fleet,
};
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency;
use crate::query::get;
use crate::resource::{Fleet, FleetLaunch, FleetOwner, FleetRun, FleetState};
use crate::state::{Key, Tables};
use crate::tagging::NewTags;
use crate::transaction::Transaction;

/// How many fleets one call may delete.
const MAX_PER_DELETE: usize = 100;
/// What an override and a launch have in common.
const SHARED: [&str; 8] = [
    "block_device_mappings",
    "iam_instance_profile",
    "image_id",
    "instance_type",
    "key_name",
    "metadata_options",
    "placement",
    "subnet_id",
];

impl Kept for Fleet {
    const DELETED: [&'static str; 3] = ["deleted_running", "deleted_terminating", "deleted"];
    const TAG: &'static str = "aws:ec2:fleet-id";

    fn owner(&self) -> FleetOwner {
        FleetOwner::Fleet(self.id)
    }

    fn key(&self) -> Key {
        Key::Fleet(self.id)
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
fn said(fleet: &Fleet) -> Result<CreateFleetRequest, ApiError> {
    serde_json::from_value(fleet.request.clone()).map_err(|_| ApiError::internal())
}

pub(super) fn create_fleet(
    context: &Context,
    tx: &mut Transaction,
    request: CreateFleetRequest,
) -> Result<CreateFleetResult, ApiError> {
    let asked = CreateFleetRequest { client_token: None, dry_run: None, ..request.clone() };
    let request = with_defaults(request);
    let plan = plan_of(&request)?;
    plan.check(context, tx)?;
    let is_instant = plan.kind == FleetType::Instant;
    let taggable: &[&str] = if is_instant { &["fleet", "instance", "volume", "network-interface"] } else { &["fleet"] };
    let tags = NewTags::new(&request.tag_specifications, taggable)?;
    let token = request.client_token.clone();
    let id = idempotency::once(context, tx, "CreateFleet", token.as_deref(), &asked, |tx| {
        let mut fleet = Fleet {
            id: FleetId::from_number(context.id_number()),
            created: context.now,
            request: serde_json::to_value(&request).map_err(|_| ApiError::internal())?,
            launches: vec![],
            run: submitted(context, tx, &plan),
        };
        if is_instant {
            fleet.run = FleetRun { state: FleetState::Active, due: None, events: vec![], ..fleet.run };
            fleet.launches = fill(context, tx, &mut fleet, &plan);
        }
        let id = fleet.id;
        tags.put(tx, "fleet", id);
        tx.put(fleet);
        Ok(id.to_string())
    })?;
    let fleet = get::<Fleet>(tx, &id)?;
    let errors = fleet.launches.iter().filter(|launch| launch.error.is_some());
    let made = fleet.launches.iter().filter(|launch| launch.error.is_none());
    Ok(CreateFleetResult {
        errors: errors.map(error_shape).collect::<Result<_, _>>()?,
        fleet_id: Some(id),
        instances: made.map(|launch| made_shape(tx, launch)).collect::<Result<_, _>>()?,
    })
}

/// What EC2 takes for what a request leaves open, and tells of a fleet.
fn with_defaults(mut request: CreateFleetRequest) -> CreateFleetRequest {
    request.dry_run = None;
    let kind = *request.r#type.get_or_insert(FleetType::Maintain);
    if kind == FleetType::Maintain {
        request.excess_capacity_termination_policy.get_or_insert(FleetExcessCapacityTerminationPolicy::Termination);
    }
    request.replace_unhealthy_instances.get_or_insert(false);
    request.terminate_instances_with_expiration.get_or_insert(false);
    let spot = request.spot_options.get_or_insert_default();
    let strategy = *spot.allocation_strategy.get_or_insert(SpotAllocationStrategy::LowestPrice);
    spot.instance_interruption_behavior.get_or_insert(SpotInstanceInterruptionBehavior::Terminate);
    if strategy == SpotAllocationStrategy::LowestPrice {
        spot.instance_pools_to_use_count.get_or_insert(1);
    }
    let on_demand = request.on_demand_options.get_or_insert_default();
    on_demand.allocation_strategy.get_or_insert(FleetOnDemandAllocationStrategy::LowestPrice);
    request
}

/// What a request asks for.
///
/// # Errors
/// `MissingParameter`, `InvalidParameterValue`, `InvalidParameterCombination`, and `UnsupportedOperation` for what
/// cannot be had here.
fn plan_of(request: &CreateFleetRequest) -> Result<Plan, ApiError> {
    let kind = request.r#type.unwrap_or(FleetType::Maintain);
    for (is_asked, name) in [
        (request.context.is_some(), "Context"),
        (request.reserved_capacity_options.is_some(), "ReservedCapacityOptions"),
        // Such a fleet does all it ever does in the call that makes it.
        (kind == FleetType::Instant && request.valid_from.is_some(), "ValidFrom"),
        (kind == FleetType::Instant && request.valid_until.is_some(), "ValidUntil"),
    ] {
        if is_asked {
            return Err(unavailable(name));
        }
    }
    let target = request.target_capacity_specification.as_ref();
    let target = target.ok_or_else(|| ApiError::missing("TargetCapacitySpecification"))?;
    let (on_demand, spot) = capacity(kind, target)?;
    let options = request.spot_options.clone().unwrap_or_default();
    let on_demand_options = request.on_demand_options.clone().unwrap_or_default();
    let strategy = options.allocation_strategy;
    let pools_to_use = options.instance_pools_to_use_count.unwrap_or(1);
    if pools_to_use < 1 {
        let message = format!("Value ({pools_to_use}) for parameter InstancePoolsToUseCount is invalid.");
        return Err(ApiError::invalid_value(message));
    }
    let width = match strategy {
        Some(SpotAllocationStrategy::Diversified) => usize::MAX,
        Some(SpotAllocationStrategy::LowestPrice) | None => usize::try_from(pools_to_use).unwrap_or(1),
        Some(_) => 1,
    };
    let single = |of_type: Option<bool>, in_zone: Option<bool>, least: Option<i32>| {
        single(kind, of_type == Some(true) || in_zone == Some(true), least)
    };
    let doing = options.instance_interruption_behavior;
    let on_demand_single = (on_demand_options.single_instance_type, on_demand_options.single_availability_zone);
    Ok(Plan {
        kind,
        pools: pools(request, kind)?,
        on_demand: Market {
            by_priority: on_demand_options.allocation_strategy == Some(FleetOnDemandAllocationStrategy::Prioritized),
            single: single(on_demand_single.0, on_demand_single.1, on_demand_options.min_target_capacity)?,
            ..Market::plain(false, on_demand)
        },
        spot: Market {
            width,
            by_priority: strategy == Some(SpotAllocationStrategy::CapacityOptimizedPrioritized),
            single: single(
                options.single_instance_type,
                options.single_availability_zone,
                options.min_target_capacity,
            )?,
            ..Market::plain(true, spot)
        },
        interruption: doing.and_then(|doing| InstanceInterruptionBehavior::from_wire(doing.as_str())),
        shrinks: request.excess_capacity_termination_policy
            != Some(FleetExcessCapacityTerminationPolicy::NoTermination),
        from: plan::moment(request.valid_from),
        until: plan::moment(request.valid_until),
        ends_instances: request.terminate_instances_with_expiration == Some(true),
    })
}

/// What a market's `SingleInstanceType`, `SingleAvailabilityZone` and `MinTargetCapacity` come to.
fn single(kind: FleetType, is_single: bool, least: Option<i32>) -> Result<Option<i64>, ApiError> {
    if (is_single || least.is_some()) && kind != FleetType::Instant {
        return Err(ApiError::invalid_combination(
            "SingleInstanceType, SingleAvailabilityZone and MinTargetCapacity require a fleet of type instant.",
        ));
    }
    if least.is_some() && !is_single {
        let message = "MinTargetCapacity requires SingleInstanceType or SingleAvailabilityZone.";
        return Err(ApiError::invalid_combination(message));
    }
    let least = least.unwrap_or(0);
    if !(0..=1_000).contains(&least) {
        return Err(ApiError::invalid_value(format!("Value ({least}) for parameter MinTargetCapacity is invalid.")));
    }
    Ok(is_single.then_some(i64::from(least) * UNIT))
}

/// How much is wanted on demand and on the Spot market.
fn capacity(kind: FleetType, target: &TargetCapacitySpecificationRequest) -> Result<(i32, i32), ApiError> {
    let total = target.total_target_capacity.ok_or_else(|| ApiError::missing("TotalTargetCapacity"))?;
    let (on_demand, spot) = (target.on_demand_target_capacity.unwrap_or(0), target.spot_target_capacity.unwrap_or(0));
    plan::check_capacity(kind, total, on_demand, spot)?;
    if target.target_capacity_unit_type.is_some_and(|unit| unit.as_str() != "units") {
        return Err(unavailable("TargetCapacityUnitType"));
    }
    let rest = total - on_demand - spot;
    match target.default_target_capacity_type {
        Some(DefaultTargetCapacityType::OnDemand) => Ok((on_demand + rest, spot)),
        Some(DefaultTargetCapacityType::Spot) | None => Ok((on_demand, spot + rest)),
        Some(_) => Err(unavailable("DefaultTargetCapacityType")),
    }
}

/// What a request lets its fleet launch from, in order.
fn pools(request: &CreateFleetRequest, kind: FleetType) -> Result<Vec<Pool>, ApiError> {
    if request.launch_template_configs.is_empty() {
        return Err(ApiError::missing("LaunchTemplateConfigs"));
    }
    // What is left of a fleet's tags is for what it launches.
    let of_fleet = |tags: &&TagSpecification| tags.resource_type.as_deref() == Some("fleet");
    let tags: Vec<TagSpecification> =
        request.tag_specifications.iter().filter(|tags| !of_fleet(tags)).cloned().collect();
    let mut pools = Vec::new();
    for config in &request.launch_template_configs {
        let none = [FleetLaunchTemplateOverridesRequest::default()];
        let overrides = if config.overrides.is_empty() { &none[..] } else { &config.overrides };
        for own in overrides {
            pools.extend(pools_of(config, own, kind, &tags)?);
        }
    }
    Ok(pools)
}

fn pools_of(
    config: &FleetLaunchTemplateConfigRequest,
    own: &FleetLaunchTemplateOverridesRequest,
    kind: FleetType,
    tags: &[TagSpecification],
) -> Result<Vec<Pool>, ApiError> {
    let template = config.launch_template_specification.as_ref();
    let template = template.ok_or_else(|| ApiError::missing("LaunchTemplateSpecification"))?;
    if template.version.as_deref().is_none_or(str::is_empty) {
        return Err(ApiError::missing("LaunchTemplateSpecification.Version"));
    }
    if template.launch_template_specification_user_data.is_some() {
        return Err(unavailable("LaunchTemplateSpecificationUserData"));
    }
    if own.instance_requirements.is_some() {
        return Err(unavailable("InstanceRequirements"));
    }
    if kind == FleetType::Instant && own.subnet_id.as_deref().is_some_and(|subnet| subnet.contains(',')) {
        return Err(ApiError::invalid_value("A fleet of type instant can have only one subnet ID in an override."));
    }
    let mut launch = shared(own)?;
    if own.availability_zone.is_some() || own.availability_zone_id.is_some() {
        let placement = launch.placement.get_or_insert_default();
        placement.availability_zone.clone_from(&own.availability_zone);
        placement.availability_zone_id.clone_from(&own.availability_zone_id);
    }
    launch.launch_template = Some(LaunchTemplateSpecification {
        launch_template_id: template.launch_template_id.clone(),
        launch_template_name: template.launch_template_name.clone(),
        version: template.version.clone(),
    });
    launch.tag_specifications = tags.to_vec();
    let pool = Pool {
        launch: RunInstancesRequest::default(),
        price: own.max_price.clone(),
        weight: plan::weight(own.weighted_capacity)?,
        priority: own.priority,
        source: json!({
            "launch_template_specification": config.launch_template_specification,
            "overrides": (!config.overrides.is_empty()).then_some(own),
        }),
    };
    Ok(plan::for_each_place(&launch).into_iter().map(|launch| Pool { launch, ..pool.clone() }).collect())
}

/// The launch with what an override says; these have the same members in both.
fn shared(own: &FleetLaunchTemplateOverridesRequest) -> Result<RunInstancesRequest, ApiError> {
    let data = serde_json::to_value(own).map_err(|_| ApiError::internal())?;
    let members: Map<String, Value> =
        SHARED.iter().filter_map(|name| Some(((*name).to_owned(), data.get(*name)?.clone()))).collect();
    serde_json::from_value(Value::Object(members)).map_err(|_| ApiError::internal())
}

fn source(launch: &FleetLaunch) -> Result<LaunchTemplateAndOverridesResponse, ApiError> {
    serde_json::from_value(launch.source.clone()).map_err(|_| ApiError::internal())
}

fn lifecycle(launch: &FleetLaunch) -> InstanceLifecycle {
    if launch.is_spot { InstanceLifecycle::Spot } else { InstanceLifecycle::OnDemand }
}

fn error_shape(launch: &FleetLaunch) -> Result<CreateFleetError, ApiError> {
    let (code, message) = launch.error.clone().unwrap_or_default();
    Ok(CreateFleetError {
        error_code: Some(code),
        error_message: Some(message),
        launch_template_and_overrides: Some(source(launch)?),
        lifecycle: Some(lifecycle(launch)),
    })
}

fn made_shape(tables: &Tables, launch: &FleetLaunch) -> Result<CreateFleetInstance, ApiError> {
    let first = launch.instances.first().and_then(|id| tables.instances.get(id));
    Ok(CreateFleetInstance {
        availability_zone: first.map(|instance| instance.zone.to_string()),
        availability_zone_id: first.map(|instance| instance.zone.zone_id()),
        instance_ids: launch.instances.iter().map(ToString::to_string).collect(),
        instance_type: first.map(|instance| instance.instance_type.to_string()),
        launch_template_and_overrides: Some(source(launch)?),
        lifecycle: Some(lifecycle(launch)),
        platform: None,
        subnet_id: first.map(|instance| instance.subnet.to_string()),
    })
}

/// Changes what a fleet is to have; it follows a moment later.
pub(super) fn modify_fleet(
    context: &Context,
    tx: &mut Transaction,
    request: ModifyFleetRequest,
) -> Result<ModifyFleetResult, ApiError> {
    let mut fleet = Fleet::clone(get::<Fleet>(tx, &request.fleet_id)?);
    engine::check_modifiable(&fleet)?;
    let mut wanted = said(&fleet)?;
    wanted.context = request.context;
    if let Some(policy) = request.excess_capacity_termination_policy {
        wanted.excess_capacity_termination_policy = Some(policy);
    }
    if !request.launch_template_configs.is_empty() {
        wanted.launch_template_configs = request.launch_template_configs;
    }
    if let Some(mut target) = request.target_capacity_specification {
        let before = wanted.target_capacity_specification.take().unwrap_or_default();
        target.default_target_capacity_type =
            target.default_target_capacity_type.or(before.default_target_capacity_type);
        wanted.target_capacity_specification = Some(target);
    }
    plan_of(&wanted)?.check(context, tx)?;
    fleet.request = serde_json::to_value(&wanted).map_err(|_| ApiError::internal())?;
    modify(context, tx, &mut fleet.run);
    tx.put(fleet);
    Ok(ModifyFleetResult { r#return: Some(true) })
}

/// Deletes fleets, with their instances or without; those of an `instant` fleet go with it.
pub(super) fn delete_fleets(
    context: &Context,
    tx: &mut Transaction,
    request: DeleteFleetsRequest,
) -> Result<DeleteFleetsResult, ApiError> {
    if request.fleet_ids.is_empty() {
        return Err(ApiError::missing("FleetId"));
    }
    if request.fleet_ids.len() > MAX_PER_DELETE {
        return Err(ApiError::invalid_value(format!("At most {MAX_PER_DELETE} fleets can be deleted at once.")));
    }
    let mut result = DeleteFleetsResult::default();
    for id in request.fleet_ids {
        let failed = |code, message: String| DeleteFleetErrorItem {
            error: Some(DeleteFleetError { code: Some(code), message: Some(message) }),
            fleet_id: Some(id.clone()),
        };
        let mut fleet = match get::<Fleet>(tx, &id) {
            Ok(fleet) => Fleet::clone(fleet),
            Err(error) => {
                let is_malformed = error.code.ends_with("Malformed");
                let does_not_exist = DeleteFleetErrorCode::FleetIdDoesNotExist;
                let code = if is_malformed { DeleteFleetErrorCode::FleetIdMalformed } else { does_not_exist };
                result.unsuccessful_fleet_deletions.push(failed(code, error.message));
                continue;
            }
        };
        if fleet.run.state.is_over() && !(request.terminate_instances && fleet.run.state == FleetState::DeletedRunning)
        {
            let message = format!("The fleet '{id}' is deleted already.");
            let failed = failed(DeleteFleetErrorCode::FleetNotInDeletableState, message);
            result.unsuccessful_fleet_deletions.push(failed);
            continue;
        }
        if !request.terminate_instances && fleet.plan()?.kind == FleetType::Instant {
            let message = "A fleet of type instant can only be deleted with its instances.";
            return Err(ApiError::invalid_value(message));
        }
        let before = FleetStateCode::from_wire(fleet.state_name());
        end(context, tx, &mut fleet, request.terminate_instances);
        result.successful_fleet_deletions.push(DeleteFleetSuccessItem {
            current_fleet_state: FleetStateCode::from_wire(fleet.state_name()),
            fleet_id: Some(id),
            previous_fleet_state: before,
        });
        tx.put(fleet);
    }
    Ok(result)
}
