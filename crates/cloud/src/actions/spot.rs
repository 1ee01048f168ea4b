//! Spot Instance requests.
//!
//! There is no market: a request is fulfilled at once by launching an instance as RunInstances does, and nothing
//! interrupts the instance. No price is ever paid, so there is no history of prices.

mod describe;
#[cfg(test)]
mod tests;

use ec2_shapes::{
    CancelSpotInstanceRequestState, CancelSpotInstanceRequestsRequest, CancelSpotInstanceRequestsResult,
    CancelledSpotInstanceRequest, InstanceInterruptionBehavior, InstanceMarketOptionsRequest, MarketType,
    RequestSpotInstancesRequest, RequestSpotInstancesResult, RunInstancesRequest, SpotInstanceType, SpotMarketOptions,
    TagSpecification,
};
use serde_json::{Map, Value};
use types::{InstanceId, SpotInstanceRequestId, Timestamp};

pub(super) use self::describe::{
    describe_spot_datafeed_subscription, describe_spot_instance_requests, describe_spot_price_history,
};
use super::{instances, show};
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency;
use crate::query::get;
use crate::resource::{Instance, SpotRequest, SpotState, SpotStatus};
use crate::settle::SETTLE_MS;
use crate::state::Key;
use crate::tagging::NewTags;
use crate::transaction::Transaction;

/// EC2's name of the type of resource.
pub(super) const RESOURCE_TYPE: &str = "spot-instances-request";
/// How long a request that is over is still described, in milliseconds: two days.
const OVER_VISIBLE_MS: i64 = 2 * 86_400_000;
/// How many instances one call may request.
const MAX_PER_CALL: i32 = 1_000;
/// What a launch and a launch specification have in common.
const SHARED: [&str; 11] = [
    "block_device_mappings",
    "ebs_optimized",
    "iam_instance_profile",
    "image_id",
    "instance_type",
    "key_name",
    "monitoring",
    "network_interfaces",
    "placement",
    "subnet_id",
    "user_data",
];

/// The terms of a Spot Instance request.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    price: Option<String>,
    persistent: bool,
    interruption: &'static str,
    valid_until: Option<Timestamp>,
}

/// The terms that a launch sets; `None` for an on-demand launch.
///
/// # Errors
/// `UnsupportedOperation` for another market, `InvalidParameterValue` or `InvalidParameterCombination` for bad terms.
pub(super) fn terms(context: &Context, request: &RunInstancesRequest) -> Result<Option<Terms>, ApiError> {
    let Some(market) = &request.instance_market_options else { return Ok(None) };
    match market.market_type {
        Some(MarketType::Spot) => {}
        Some(MarketType::OnDemand) if market.spot_options.is_none() => return Ok(None),
        None if market.spot_options.is_none() => return Ok(None),
        None => return Err(ApiError::missing("InstanceMarketOptions.MarketType")),
        Some(_) => return Err(unavailable("InstanceMarketOptions.MarketType")),
    }
    let none = SpotMarketOptions::default();
    let options = market.spot_options.as_ref().unwrap_or(&none);
    if options.block_duration_minutes.is_some() {
        return Err(unavailable("BlockDurationMinutes"));
    }
    let price = options.max_price.as_deref().filter(|price| !price.is_empty());
    if let Some(price) = price
        && !price.parse::<f64>().is_ok_and(|value| value.is_finite() && value > 0.0)
    {
        return Err(ApiError::invalid_value(format!(
            "Invalid value '{price}' for SpotPrice. It must be a price above 0."
        )));
    }
    let persistent = options.spot_instance_type == Some(SpotInstanceType::Persistent);
    let interruption = options.instance_interruption_behavior.unwrap_or(InstanceInterruptionBehavior::Terminate);
    if interruption != InstanceInterruptionBehavior::Terminate && !persistent {
        return Err(ApiError::invalid_combination(
            "The interruption behaviors 'stop' and 'hibernate' require a persistent Spot Instance request.",
        ));
    }
    let valid_until = options.valid_until.map(|at| Timestamp::from_unix_ms(at.unix_ms));
    if valid_until.is_some_and(|at| at <= context.now) {
        return Err(ApiError::invalid_value("The parameter validUntil must be in the future."));
    }
    Ok(Some(Terms { price: price.map(str::to_owned), persistent, interruption: interruption.as_str(), valid_until }))
}

fn unavailable(name: &str) -> ApiError {
    ApiError::new("UnsupportedOperation", format!("The parameter {name} asks for something that is not available."))
}

/// Makes the request that a launched instance fulfils.
///
/// # Errors
/// `InternalError` where the launch cannot be written down.
pub(super) fn fulfil(
    context: &Context,
    tx: &mut Transaction,
    tags: &NewTags,
    terms: &Terms,
    launch: &RunInstancesRequest,
    id: InstanceId,
) -> Result<(), ApiError> {
    let mut instance = Instance::clone(tx.instances.get(&id).ok_or_else(ApiError::internal)?);
    let request = SpotRequest {
        id: SpotInstanceRequestId::from_number(context.id_number()),
        state: SpotState::Active,
        status: SpotStatus::Fulfilled,
        updated: context.now,
        created: context.now,
        instance: id,
        zone: instance.zone.clone(),
        price: terms.price.clone(),
        persistent: terms.persistent,
        interruption: terms.interruption.to_owned(),
        valid_from: None,
        valid_until: terms.valid_until,
        launch_group: None,
        launch: specification(tx, &instance, launch)?,
        due: None,
    };
    tags.put(tx, RESOURCE_TYPE, request.id);
    instance.options.spot_request = Some(request.id);
    tx.put(instance);
    tx.put(request);
    Ok(())
}

/// What was launched, as the model's `LaunchSpecification` says it.
fn specification(tx: &Transaction, instance: &Instance, launch: &RunInstancesRequest) -> Result<Value, ApiError> {
    let launch = serde_json::to_value(launch).map_err(|_| ApiError::internal())?;
    let mut members = shared(&launch);
    members.insert("instance_type".to_owned(), Value::from(&*instance.instance_type));
    let interface = tx.interfaces_of(instance).next();
    let groups = interface.map(|interface| show::group_identifiers(tx, &interface.groups)).unwrap_or_default();
    let shape = ec2_shapes::LaunchSpecification { security_groups: groups, ..Default::default() };
    let shape = serde_json::to_value(shape).map_err(|_| ApiError::internal())?;
    if let Some(groups) = shape.get("security_groups") {
        members.insert("security_groups".to_owned(), groups.clone());
    }
    Ok(Value::Object(members))
}

/// Those members of a launch specification that a launch has, too.
pub(super) fn shared(data: &Value) -> Map<String, Value> {
    SHARED.iter().filter_map(|name| Some(((*name).to_owned(), data.get(*name)?.clone()))).collect()
}

pub(super) fn request_spot_instances(
    context: &Context,
    tx: &mut Transaction,
    request: RequestSpotInstancesRequest,
) -> Result<RequestSpotInstancesResult, ApiError> {
    let launch = as_launch(context, &request)?;
    let count = request.instance_count.unwrap_or(1);
    if !(1..=MAX_PER_CALL).contains(&count) {
        return Err(ApiError::invalid_value(format!("Value ({count}) for parameter instanceCount is invalid.")));
    }
    NewTags::new(&request.tag_specifications, &[RESOURCE_TYPE])?;
    let asked = RequestSpotInstancesRequest { client_token: None, dry_run: None, ..request.clone() };
    let token = request.client_token.as_deref();
    let ids = idempotency::once(context, tx, "RequestSpotInstances", token, &asked, |tx| {
        let mut ids = Vec::new();
        for _ in 0..count {
            ids.push(open(context, tx, &request, &launch)?.to_string());
        }
        Ok(ids.join(","))
    })?;
    let rows = ids.split(',').map(|id| describe::shown(tx, get::<SpotRequest>(tx, id)?));
    Ok(RequestSpotInstancesResult { spot_instance_requests: rows.collect::<Result<_, _>>()? })
}

/// Launches the instance of one request, which is open for a moment still.
fn open(
    context: &Context,
    tx: &mut Transaction,
    request: &RequestSpotInstancesRequest,
    launch: &RunInstancesRequest,
) -> Result<SpotInstanceRequestId, ApiError> {
    let made = instances::run_instances(context, tx, launch.clone())?;
    let id = made.instances.first().and_then(|instance| instance.spot_instance_request_id.as_deref());
    let mut made = SpotRequest::clone(get::<SpotRequest>(tx, id.ok_or_else(ApiError::internal)?)?);
    made.state = SpotState::Open;
    made.status = SpotStatus::PendingEvaluation;
    made.launch_group = request.launch_group.clone();
    made.valid_from = request.valid_from.map(|at| Timestamp::from_unix_ms(at.unix_ms));
    made.due = Some(context.now.plus_ms(SETTLE_MS));
    let id = made.id;
    tx.put(made);
    Ok(id)
}

/// The launch that a request asks for.
fn as_launch(context: &Context, request: &RequestSpotInstancesRequest) -> Result<RunInstancesRequest, ApiError> {
    let said = request.launch_specification.as_ref().ok_or_else(|| ApiError::missing("LaunchSpecification"))?;
    let is_some = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    for (is_asked, name) in [
        (request.availability_zone_group.is_some(), "AvailabilityZoneGroup"),
        (request.block_duration_minutes.is_some(), "BlockDurationMinutes"),
        (request.valid_from.is_some_and(|at| at.unix_ms > context.now.unix_ms), "ValidFrom"),
        (is_some(&said.addressing_type), "LaunchSpecification.AddressingType"),
        (is_some(&said.kernel_id), "LaunchSpecification.KernelId"),
        (is_some(&said.ramdisk_id), "LaunchSpecification.RamdiskId"),
    ] {
        if is_asked {
            return Err(unavailable(name));
        }
    }
    let data = serde_json::to_value(said).map_err(|_| ApiError::internal())?;
    let launch: RunInstancesRequest =
        serde_json::from_value(Value::Object(shared(&data))).map_err(|_| ApiError::internal())?;
    let tag_specifications: Vec<TagSpecification> = request.tag_specifications.clone();
    Ok(RunInstancesRequest {
        min_count: 1,
        max_count: 1,
        security_group_ids: said.security_group_ids.clone(),
        security_groups: said.security_groups.clone(),
        tag_specifications,
        instance_market_options: Some(InstanceMarketOptionsRequest {
            market_type: Some(MarketType::Spot),
            spot_options: Some(SpotMarketOptions {
                instance_interruption_behavior: request.instance_interruption_behavior,
                max_price: request.spot_price.clone(),
                spot_instance_type: request.r#type,
                valid_until: request.valid_until,
                ..SpotMarketOptions::default()
            }),
        }),
        ..launch
    })
}

/// Cancels requests; their instances stay.
pub(super) fn cancel_spot_instance_requests(
    context: &Context,
    tx: &mut Transaction,
    request: CancelSpotInstanceRequestsRequest,
) -> Result<CancelSpotInstanceRequestsResult, ApiError> {
    if request.spot_instance_request_ids.is_empty() {
        return Err(ApiError::missing("SpotInstanceRequestId"));
    }
    let mut cancelled = Vec::new();
    for id in &request.spot_instance_request_ids {
        let mut found = SpotRequest::clone(get::<SpotRequest>(tx, id)?);
        if !found.state.is_over() {
            found.state = SpotState::Cancelled;
            found.status = SpotStatus::CanceledInstanceRunning;
            found.updated = context.now;
            found.due = None;
        }
        cancelled.push(CancelledSpotInstanceRequest {
            spot_instance_request_id: Some(id.clone()),
            state: CancelSpotInstanceRequestState::from_wire(found.state.name()),
        });
        tx.put(found);
    }
    Ok(CancelSpotInstanceRequestsResult { cancelled_spot_instance_requests: cancelled })
}

/// The instance of a request is gone, and with it the request. One that was cancelled stays so.
pub(crate) fn end(tx: &mut Transaction, now: Timestamp, id: SpotInstanceRequestId) {
    let Some(found) = tx.spot_requests.get(&id) else { return };
    let mut request = SpotRequest::clone(found);
    if request.state != SpotState::Cancelled {
        request.state = SpotState::Closed;
    }
    request.status = SpotStatus::TerminatedByUser;
    request.updated = now;
    request.due = Some(now.plus_ms(OVER_VISIBLE_MS));
    tx.put(request);
}

/// What the moment brings: an open request is fulfilled, one that is over is forgotten.
pub(crate) fn advance(tx: &mut Transaction, now: Timestamp, request: &SpotRequest) {
    if request.state.is_over() {
        return tx.delete(Key::SpotRequest(request.id));
    }
    tx.put(SpotRequest {
        state: SpotState::Active,
        status: SpotStatus::Fulfilled,
        updated: now,
        due: None,
        ..request.clone()
    });
}

/// Checks that an instance may be stopped: one of a one-time request may not.
///
/// # Errors
/// `UnsupportedOperation`.
pub(super) fn check_stoppable(tx: &Transaction, instance: &Instance) -> Result<(), ApiError> {
    let request = instance.options.spot_request.and_then(|id| tx.spot_requests.get(&id));
    match request {
        Some(request) if !request.persistent => Err(ApiError::new(
            "UnsupportedOperation",
            format!(
                "You can't stop the Spot Instance '{}' because it is associated with a one-time Spot Instance \
                 request. You can only stop Spot Instances associated with persistent Spot Instance requests.",
                instance.id
            ),
        )),
        _ => Ok(()),
    }
}
