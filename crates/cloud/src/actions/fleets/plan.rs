//! What a fleet is to have and from what it launches, whichever of the two APIs asked for it.

use ec2_shapes::{
    FleetType, InstanceInterruptionBehavior, InstanceMarketOptionsRequest, MarketType, RunInstancesRequest,
    SpotInstanceType, SpotMarketOptions,
};
use serde_json::Value;
use types::Timestamp;

use crate::access;
use crate::actions::launch_templates;
use crate::context::Context;
use crate::error::ApiError;
use crate::transaction::Transaction;

/// How many parts a unit of capacity has: weights may be fractions.
pub(super) const UNIT: i64 = 1_000;
/// The most units of a fleet.
const MAX_CAPACITY: i32 = 10_000;
/// The most instances of one `instant` fleet, which one call launches.
const MAX_INSTANT: i32 = 1_000;

/// One thing to launch from.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    /// The launch, but for its counts and market.
    pub(super) launch: RunInstancesRequest,
    /// The highest price for an hour, in dollars.
    pub(super) price: Option<String>,
    /// How much capacity one instance is, in thousandths of a unit.
    pub(super) weight: i64,
    /// The lower, the sooner it is used by strategies that look at it.
    pub(super) priority: Option<f64>,
    /// For an EC2 Fleet, the members of the model's `LaunchTemplateAndOverridesResponse`.
    pub(super) source: Value,
}

/// How much is wanted on demand, or on the Spot market, and how it is spread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Market {
    /// Whether it is the Spot market.
    pub(super) is_spot: bool,
    /// How much is wanted, in thousandths of a unit.
    pub(super) target: i64,
    /// Over how many pools.
    pub(super) width: usize,
    /// Whether priorities count. Nothing has a price here, so otherwise pools are taken as they were named.
    pub(super) by_priority: bool,
    /// Whether all must come from one pool, and how much there must be at least, in thousandths of a unit.
    pub(super) single: Option<i64>,
}

impl Market {
    /// So much, from the first pool that works.
    pub(super) fn plain(is_spot: bool, units: i32) -> Self {
        Self { is_spot, target: i64::from(units) * UNIT, width: 1, by_priority: false, single: None }
    }
}

/// What a fleet is to do.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(super) kind: FleetType,
    pub(super) pools: Vec<Pool>,
    pub(super) on_demand: Market,
    pub(super) spot: Market,
    /// What an interruption would do to Spot Instances.
    pub(super) interruption: Option<InstanceInterruptionBehavior>,
    /// Whether instances are terminated where there are more than wanted.
    pub(super) shrinks: bool,
    /// When it is to begin.
    pub(super) from: Option<Timestamp>,
    /// When its time is up.
    pub(super) until: Option<Timestamp>,
    /// Whether its instances are terminated then.
    pub(super) ends_instances: bool,
}

impl Plan {
    /// All that is wanted, in thousandths of a unit.
    pub(super) fn target(&self) -> i64 {
        self.on_demand.target + self.spot.target
    }

    /// The pools in the order in which a market takes them.
    pub(super) fn order(&self, market: &Market) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.pools.len()).collect();
        if market.by_priority {
            // Whoever has no priority comes last.
            let priority = |at: &usize| self.pools[*at].priority.unwrap_or(f64::INFINITY);
            order.sort_by(|one, other| priority(one).total_cmp(&priority(other)));
        }
        order
    }

    /// The launch from a pool.
    pub(super) fn launch(&self, pool: &Pool, market: &Market, min: i32, max: i32) -> RunInstancesRequest {
        // A request that outlives interruptions is what `stop` and `hibernate` mean.
        let outlives = self.interruption.is_some_and(|doing| doing != InstanceInterruptionBehavior::Terminate);
        let options = || SpotMarketOptions {
            instance_interruption_behavior: self.interruption,
            max_price: pool.price.clone(),
            spot_instance_type: outlives.then_some(SpotInstanceType::Persistent),
            ..SpotMarketOptions::default()
        };
        RunInstancesRequest {
            min_count: min,
            max_count: max,
            instance_market_options: market.is_spot.then(|| InstanceMarketOptionsRequest {
                market_type: Some(MarketType::Spot),
                spot_options: Some(options()),
            }),
            ..pool.launch.clone()
        }
    }

    /// Checks what must be right whichever API asked.
    ///
    /// # Errors
    /// `InvalidParameterValue` or `InvalidParameterCombination`, what a template gives that is not there, and
    /// `UnauthorizedOperation` for a role that the caller may not hand to instances.
    pub(super) fn check(&self, context: &Context, tx: &Transaction) -> Result<(), ApiError> {
        let is_instant = self.kind == FleetType::Instant;
        if let Some(until) = self.until {
            if until <= context.now {
                return Err(ApiError::invalid_value("The parameter validUntil must be in the future."));
            }
            if self.from.is_some_and(|from| from >= until) {
                return Err(ApiError::invalid_value("The parameter validFrom must be before validUntil."));
            }
        }
        let outlives = self.interruption.is_some_and(|doing| doing != InstanceInterruptionBehavior::Terminate);
        if outlives && self.kind != FleetType::Maintain {
            return Err(ApiError::invalid_combination(
                "The interruption behaviors 'stop' and 'hibernate' require a fleet of type maintain.",
            ));
        }
        // A fleet that launches at once answers with what went wrong.
        for pool in self.pools.iter().filter(|_| !is_instant) {
            let (launch, _) = launch_templates::resolve(tx, pool.launch.clone())?;
            if launch.iam_instance_profile.is_some() {
                access::check_pass_role(tx.state(), &context.caller)?;
            }
        }
        Ok(())
    }
}

/// Checks how much is wanted in all, on demand and on the Spot market; what the two leave open is the default's.
///
/// # Errors
/// `InvalidParameterValue` for a capacity out of bounds.
pub(super) fn check_capacity(kind: FleetType, total: i32, on_demand: i32, spot: i32) -> Result<(), ApiError> {
    let limits = match kind {
        FleetType::Maintain => 0..=MAX_CAPACITY,
        FleetType::Request => 1..=MAX_CAPACITY,
        _ => 1..=MAX_INSTANT,
    };
    if limits.contains(&total) && on_demand >= 0 && spot >= 0 && on_demand.saturating_add(spot) <= total {
        return Ok(());
    }
    let (min, max) = limits.into_inner();
    Err(ApiError::invalid_value(format!(
        "Value ({total}) for parameter TotalTargetCapacity is invalid. It must be from {min} to {max}, and not below \
         the on-demand and Spot capacity together."
    )))
}

/// The weight of an instance, in thousandths of a unit.
///
/// # Errors
/// `InvalidParameterValue` for one that is not above 0, or above all that a fleet can have.
#[expect(clippy::cast_possible_truncation, reason = "it was checked to be small")]
pub(super) fn weight(units: Option<f64>) -> Result<i64, ApiError> {
    let units = units.unwrap_or(1.0);
    // As small as it may get without becoming nothing.
    if !(0.001..=f64::from(MAX_CAPACITY)).contains(&units) {
        return Err(ApiError::invalid_value(format!("Value ({units}) for parameter WeightedCapacity is invalid.")));
    }
    Ok((units * 1_000.0).round() as i64)
}

/// Thousandths as the units that answers carry.
#[expect(clippy::cast_precision_loss, reason = "there is never that much")]
pub(super) fn units(thousandths: i64) -> f64 {
    thousandths as f64 / 1_000.0
}

/// A launch for each of the subnets, or zones, that a text names with commas between them.
pub(super) fn for_each_place(launch: &RunInstancesRequest) -> Vec<RunInstancesRequest> {
    let parts = |text: &str| -> Vec<String> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    let subnets = launch.subnet_id.as_deref().map(parts).unwrap_or_default();
    if !subnets.is_empty() {
        let at = |subnet| RunInstancesRequest { subnet_id: Some(subnet), ..launch.clone() };
        return subnets.into_iter().map(at).collect();
    }
    let zone = launch.placement.as_ref().and_then(|placement| placement.availability_zone.as_deref());
    let zones = zone.map(parts).unwrap_or_default();
    if zones.is_empty() {
        return vec![launch.clone()];
    }
    let at = |zone| {
        let mut launch = launch.clone();
        launch.placement.get_or_insert_default().availability_zone = Some(zone);
        launch
    };
    zones.into_iter().map(at).collect()
}

/// The refusal of what cannot be had here.
pub(super) fn unavailable(name: &str) -> ApiError {
    ApiError::new("UnsupportedOperation", format!("The parameter {name} asks for something that is not available."))
}

/// A moment of a request.
pub(super) fn moment(at: Option<ec2_shapes::Timestamp>) -> Option<Timestamp> {
    at.map(|at| Timestamp::from_unix_ms(at.unix_ms))
}
