//! The life of a fleet: launching what is missing, giving up what is too much, replacing what went away.
//!
//! A fleet moves on when its moment comes, which [`crate::settle`] brings about. An instance of a fleet has such a
//! moment, too, as soon as it stops or ends, however that came: [`note`] then tells its fleet.

use ec2_shapes::{FleetType, TerminateInstancesRequest};
use serde_json::json;
use types::{InstanceId, InstanceState, Timestamp};

use super::plan::{Market, Plan, Pool};
use crate::access;
use crate::actions::{instances, launch_templates};
use crate::context::Context;
use crate::error::ApiError;
use crate::resource::{
    Fleet, FleetEvent, FleetEventKind, FleetLaunch, FleetMember, FleetOwner, FleetRun, FleetState, FleetTie, Instance,
    SpotFleetRequest, Tags,
};
use crate::settle::SETTLE_MS;
use crate::state::{Key, Record, Tables};
use crate::tagging;
use crate::transaction::Transaction;

/// How long after an instance went away it is replaced, in milliseconds.
const REPLACE_MS: i64 = 1_000;
/// How long after a launch failed the next is tried, in milliseconds.
const RETRY_MS: i64 = 60_000;
/// How long events, and fleets that are deleted, are told of, in milliseconds: two days.
const KEPT_MS: i64 = 2 * 86_400_000;
/// How many instances one launch may have.
const MAX_PER_LAUNCH: i64 = 1_000;

/// A fleet of either API.
pub(crate) trait Kept: Clone + Into<Record> {
    /// The names of the states in which it was deleted: its instances stay, they go, they are gone.
    const DELETED: [&'static str; 3];
    /// The tag that tells of an instance from which fleet it is.
    const TAG: &'static str;

    /// Which it is.
    fn owner(&self) -> FleetOwner;
    /// The key of its record.
    fn key(&self) -> Key;
    /// Its life.
    fn run(&self) -> &FleetRun;
    /// Its life, to change.
    fn run_mut(&mut self) -> &mut FleetRun;
    /// What it is to do.
    fn plan(&self) -> Result<Plan, ApiError>;

    /// EC2's name of its state.
    fn state_name(&self) -> &'static str {
        let [running, terminating, deleted] = Self::DELETED;
        match self.run().state {
            FleetState::Submitted => "submitted",
            FleetState::Active => "active",
            FleetState::Modifying => "modifying",
            FleetState::DeletedRunning => running,
            FleetState::DeletedTerminating => terminating,
            FleetState::Deleted => deleted,
        }
    }
}

/// Whether an instance is there for its fleet.
fn is_present(state: InstanceState) -> bool {
    matches!(state, InstanceState::Pending | InstanceState::Running)
}

fn state_of(tables: &Tables, member: &FleetMember) -> Option<InstanceState> {
    tables.instances.get(&member.instance).map(|instance| instance.state)
}

/// The members of a fleet that are there.
pub(super) fn present<'a>(tables: &'a Tables, run: &'a FleetRun) -> impl Iterator<Item = &'a FleetMember> {
    run.members.iter().filter(|member| state_of(tables, member).is_some_and(is_present))
}

/// How much of its capacity a fleet has, in thousandths of a unit: all, or of one market.
pub(super) fn fulfilled(tables: &Tables, run: &FleetRun, is_spot: Option<bool>) -> i64 {
    let counts = |member: &&FleetMember| is_spot.is_none_or(|is_spot| member.is_spot == is_spot);
    present(tables, run).filter(counts).map(|member| member.weight).sum()
}

/// How a fleet gets on, in EC2's words; `None` for one of which nothing is left.
pub(super) fn activity(tables: &Tables, run: &FleetRun, plan: &Plan) -> Option<&'static str> {
    if plan.kind == FleetType::Instant {
        return Some("fulfilled");
    }
    let is_leaving = |member: &FleetMember| state_of(tables, member) == Some(InstanceState::ShuttingDown);
    match run.state {
        FleetState::Deleted => None,
        FleetState::DeletedTerminating => Some("pending_termination"),
        _ if run.members.iter().any(|member| member.is_excess && is_leaving(member)) => Some("pending_termination"),
        _ if fulfilled(tables, run, None) >= plan.target() => Some("fulfilled"),
        _ if run.is_failing => Some("error"),
        _ => Some("pending_fulfillment"),
    }
}

/// Writes down what happened, and forgets what is too long ago.
fn record(
    context: &Context,
    run: &mut FleetRun,
    kind: FleetEventKind,
    sub_type: &str,
    description: Option<String>,
    instance: Option<InstanceId>,
) {
    let limit = context.now.plus_ms(-KEPT_MS);
    let number = run.events.last().map_or(0, |event| event.number + 1);
    run.events.retain(|event| event.at >= limit);
    let sub_type = sub_type.to_owned();
    run.events.push(FleetEvent { number, at: context.now, kind, sub_type, description, instance });
}

fn record_change(context: &Context, run: &mut FleetRun, sub_type: &str) {
    record(context, run, FleetEventKind::Fleet, sub_type, None, None);
}

/// The life of a fleet that was just asked for: it launches a moment later, or when it is to begin.
pub(super) fn submitted(context: &Context, tx: &Transaction, plan: &Plan) -> FleetRun {
    let soon = context.now.plus_ms(SETTLE_MS);
    let due = Some(plan.from.map_or(soon, |from| from.max(soon)));
    let may_pass_roles = access::check_pass_role(tx.state(), &context.caller).is_ok();
    let mut run = FleetRun { state: FleetState::Submitted, due, may_pass_roles, ..FleetRun::default() };
    record_change(context, &mut run, "submitted");
    run
}

/// Checks that a fleet may be changed.
///
/// # Errors
/// `UnsupportedOperation` for a fleet that is not kept up, `FleetNotInModifiableState` for one that is not active.
pub(super) fn check_modifiable(fleet: &impl Kept) -> Result<(), ApiError> {
    if fleet.plan()?.kind != FleetType::Maintain {
        return Err(ApiError::new("UnsupportedOperation", "Only a fleet of type maintain can be modified."));
    }
    if fleet.run().state != FleetState::Active {
        let message = format!("The fleet request must be in the active state, and is {}.", fleet.state_name());
        return Err(ApiError::new("FleetNotInModifiableState", message));
    }
    Ok(())
}

/// A fleet was changed, and follows a moment later.
pub(super) fn modify(context: &Context, tx: &Transaction, run: &mut FleetRun) {
    run.may_pass_roles &= access::check_pass_role(tx.state(), &context.caller).is_ok();
    run.state = FleetState::Modifying;
    run.due = Some(context.now.plus_ms(SETTLE_MS));
    record_change(context, run, "modify_in_progress");
}

/// A fleet is deleted or cancelled, or its time is up: it launches nothing more.
pub(super) fn end<F: Kept>(context: &Context, tx: &mut Transaction, fleet: &mut F, terminates: bool) {
    let run = fleet.run_mut();
    run.state = if terminates { FleetState::DeletedTerminating } else { FleetState::DeletedRunning };
    run.due = Some(context.now);
    if terminates {
        let ids: Vec<InstanceId> = run.members.iter().map(|member| member.instance).collect();
        terminate(context, tx, &ids);
    }
    let name = fleet.state_name();
    record_change(context, fleet.run_mut(), name);
}

/// Terminates instances, but for those that are protected from it.
fn terminate(context: &Context, tx: &mut Transaction, ids: &[InstanceId]) {
    let may = |id: &&InstanceId| {
        let instance = tx.instances.get(*id);
        instance.is_some_and(|instance| !instance.disable_api_termination && !instance.state.is_ending())
    };
    let instance_ids: Vec<String> = ids.iter().filter(may).map(ToString::to_string).collect();
    if instance_ids.is_empty() {
        return;
    }
    let request = TerminateInstancesRequest { instance_ids, ..TerminateInstancesRequest::default() };
    // Those that are there and not protected can be terminated; if not, they stay members.
    let _ = instances::terminate_instances(context, tx, request);
}

/// Launches what is missing. Tells of every attempt.
pub(super) fn fill<F: Kept>(context: &Context, tx: &mut Transaction, fleet: &mut F, plan: &Plan) -> Vec<FleetLaunch> {
    let mut launches = Vec::new();
    for market in [&plan.on_demand, &plan.spot] {
        fill_market(context, tx, fleet, plan, market, &mut launches);
    }
    let run = fleet.run_mut();
    let was_failing = run.is_failing;
    let is_short = |market: &Market| fulfilled(tx, run, Some(market.is_spot)) < market.target;
    run.is_failing = is_short(&plan.on_demand) || is_short(&plan.spot);
    if run.is_failing && !was_failing {
        let all = "allLaunchSpecsTemporarilyBlacklisted";
        let why = "Several attempts to launch instances have failed.".to_owned();
        record(context, run, FleetEventKind::Error, all, Some(why), None);
    }
    launches
}

fn fill_market<F: Kept>(
    context: &Context,
    tx: &mut Transaction,
    fleet: &mut F,
    plan: &Plan,
    market: &Market,
    launches: &mut Vec<FleetLaunch>,
) {
    let mut usable = plan.order(market);
    while !usable.is_empty() {
        let missing = market.target - fulfilled(tx, fleet.run(), Some(market.is_spot));
        if missing <= 0 {
            return;
        }
        let chosen: Vec<usize> = usable.iter().copied().take(market.width).collect();
        for (at, count) in shares(tx, fleet.run(), plan, market, &chosen, missing) {
            let pool = &plan.pools[at];
            let (made, error) = launch_from(context, tx, fleet, plan, market, pool, count);
            let launch = FleetLaunch {
                is_spot: market.is_spot,
                source: pool.source.clone(),
                instances: made.clone(),
                error: None,
            };
            for instance in &made {
                let member = FleetMember {
                    instance: *instance,
                    is_spot: market.is_spot,
                    weight: pool.weight,
                    pool: at,
                    is_excess: false,
                };
                join(context, tx, fleet.run_mut(), member);
            }
            let is_done = market.single.is_some() && !made.is_empty();
            if !made.is_empty() {
                launches.push(launch.clone());
            }
            if let Some(error) = error {
                record_failure(context, fleet.run_mut(), &error);
                let error = Some((error.code.to_owned(), error.message));
                launches.push(FleetLaunch { instances: vec![], error, ..launch });
                usable.retain(|other| *other != at);
            }
            if is_done {
                return;
            }
        }
    }
}

/// How many instances of each of the chosen pools make up what is missing: always one more where there is least.
fn shares(
    tables: &Tables,
    run: &FleetRun,
    plan: &Plan,
    market: &Market,
    chosen: &[usize],
    mut missing: i64,
) -> Vec<(usize, i64)> {
    let held = |at: usize| -> i64 {
        let members = present(tables, run).filter(|member| member.is_spot == market.is_spot && member.pool == at);
        members.map(|member| member.weight).sum()
    };
    let mut shares: Vec<(usize, i64, i64)> = chosen.iter().map(|at| (*at, held(*at), 0)).collect();
    while missing > 0
        && let Some((at, held, count)) = shares.iter_mut().min_by_key(|(_, held, _)| *held)
    {
        let weight = plan.pools[*at].weight;
        *held += weight;
        *count += 1;
        missing -= weight;
    }
    shares.into_iter().map(|(at, _, count)| (at, count)).filter(|(_, count)| *count > 0).collect()
}

/// Launches up to `count` instances from a pool, and tells what stood in the way of more.
fn launch_from<F: Kept>(
    context: &Context,
    tx: &mut Transaction,
    fleet: &F,
    plan: &Plan,
    market: &Market,
    pool: &Pool,
    count: i64,
) -> (Vec<InstanceId>, Option<ApiError>) {
    let mut made = Vec::new();
    let mut left = count;
    let least = market.single.map_or(1, |least| (least + pool.weight - 1) / pool.weight);
    while left > 0 {
        let max = left.min(MAX_PER_LAUNCH);
        let min = least.clamp(1, max);
        match launch_once(context, tx, fleet, plan, market, pool, (min, max)) {
            Ok(ids) => {
                left -= ids.len() as i64;
                made.extend(ids);
            }
            Err(error) => return (made, Some(error)),
        }
    }
    (made, None)
}

fn launch_once<F: Kept>(
    context: &Context,
    tx: &mut Transaction,
    fleet: &F,
    plan: &Plan,
    market: &Market,
    pool: &Pool,
    (min, max): (i64, i64),
) -> Result<Vec<InstanceId>, ApiError> {
    let count = |count: i64| i32::try_from(count).map_err(|_| ApiError::internal());
    let request = plan.launch(pool, market, count(min)?, count(max)?);
    // The daemon launches long after whoever wanted the fleet asked, and may do more than they.
    let has_role = launch_templates::resolve(tx, request.clone())?.0.iam_instance_profile.is_some();
    if has_role && !fleet.run().may_pass_roles {
        return Err(access::unauthorized());
    }
    // On a copy, so that nothing stays of a launch that fails.
    let mut attempt = tx.clone();
    let made = instances::run_instances(context, &mut attempt, request)?;
    let ids = made.instances.iter().filter_map(|instance| instance.instance_id.as_deref()?.parse().ok());
    let ids: Vec<InstanceId> = ids.collect();
    let owner = fleet.owner();
    let name = match owner {
        FleetOwner::Fleet(id) => id.to_string(),
        FleetOwner::SpotFleet(id) => id.to_string(),
    };
    let tag = Tags::from([(F::TAG.to_owned(), name)]);
    for id in &ids {
        tagging::add(&mut attempt, &id.to_string(), &tag)?;
        let mut instance = Instance::clone(attempt.instances.get(id).ok_or_else(ApiError::internal)?);
        instance.options.fleet = Some(FleetTie { owner, is_away: false });
        attempt.put(instance);
    }
    *tx = attempt;
    Ok(ids)
}

fn join(context: &Context, tables: &Tables, run: &mut FleetRun, member: FleetMember) {
    let id = member.instance;
    run.members.push(member);
    let description = tables.instances.get(&id).map(|instance| {
        json!({
            "instanceType": &*instance.instance_type,
            "image": instance.image.to_string(),
            "productDescription": "Linux/UNIX",
            "availabilityZone": instance.zone.to_string(),
        })
        .to_string()
    });
    record(context, run, FleetEventKind::Instance, "launched", description, Some(id));
}

/// Writes down why a launch failed, unless the history says it already of the attempts before.
fn record_failure(context: &Context, run: &mut FleetRun, error: &ApiError) {
    let (kind, sub_type) = match error.code {
        "InstanceLimitExceeded" => (FleetEventKind::Error, "spotInstanceCountLimitExceeded"),
        _ => (FleetEventKind::Information, "launchSpecTemporarilyBlacklisted"),
    };
    let description = Some(error.to_string());
    if !(run.is_failing && run.events.iter().any(|event| event.description == description)) {
        record(context, run, kind, sub_type, description, None);
    }
}

/// Terminates what is too much, the newest first; where it is spread, from the pool that has most.
fn shrink(context: &Context, tx: &mut Transaction, run: &mut FleetRun, plan: &Plan) {
    if !plan.shrinks {
        return;
    }
    for market in [&plan.on_demand, &plan.spot] {
        let mut rest: Vec<FleetMember> =
            present(tx, run).filter(|member| member.is_spot == market.is_spot).cloned().collect();
        let mut excess = rest.iter().map(|member| member.weight).sum::<i64>() - market.target;
        let mut ids = Vec::new();
        while let Some(at) = dispensable(&rest, excess, market.width > 1) {
            let member = rest.remove(at);
            excess -= member.weight;
            ids.push(member.instance);
        }
        for id in &ids {
            record(context, run, FleetEventKind::Instance, "termination_notified", None, Some(*id));
        }
        run.members.iter_mut().filter(|member| ids.contains(&member.instance)).for_each(|member| {
            member.is_excess = true;
        });
        terminate(context, tx, &ids);
    }
}

/// Which of these goes next, without which there is still enough.
fn dispensable(members: &[FleetMember], excess: i64, is_spread: bool) -> Option<usize> {
    let held = |pool: usize| members.iter().filter(|other| other.pool == pool).map(|other| other.weight).sum::<i64>();
    let fitting = members.iter().enumerate().filter(|(_, member)| member.weight <= excess);
    // Of equals the last.
    fitting.max_by_key(|(_, member)| if is_spread { held(member.pool) } else { 0 }).map(|(at, _)| at)
}

/// When an instance has something to tell its fleet: that it stopped, came back or ended.
pub(crate) fn instance_due(instance: &Instance) -> Option<Timestamp> {
    let tie = instance.options.fleet?;
    let has_news = instance.state == InstanceState::Terminated || tie.is_away == is_present(instance.state);
    has_news.then_some(instance.state_since)
}

/// Tells its fleet what became of an instance.
pub(crate) fn note(context: &Context, tx: &mut Transaction, id: InstanceId) {
    let Some(instance) = tx.instances.get(&id).cloned().filter(|instance| instance_due(instance).is_some()) else {
        return;
    };
    let Some(tie) = instance.options.fleet else { return };
    match tie.owner {
        FleetOwner::Fleet(id) => tell(context, tx, tx.fleets.get(&id).map(|fleet| Fleet::clone(fleet)), &instance),
        FleetOwner::SpotFleet(id) => {
            let fleet = tx.spot_fleet_requests.get(&id).map(|fleet| SpotFleetRequest::clone(fleet));
            tell(context, tx, fleet, &instance);
        }
    }
    let mut instance = Instance::clone(&instance);
    let is_away = !is_present(instance.state);
    instance.options.fleet = (instance.state != InstanceState::Terminated).then_some(FleetTie { is_away, ..tie });
    tx.put(instance);
}

fn tell<F: Kept>(context: &Context, tx: &mut Transaction, fleet: Option<F>, instance: &Instance) {
    let Some(mut fleet) = fleet else { return };
    let run = fleet.run_mut();
    let is_known = |event: &FleetEvent| event.sub_type == "terminated" && event.instance == Some(instance.id);
    if instance.state.is_ending() && !run.events.iter().any(is_known) {
        let reason = instance.state_reason.as_ref().map(|reason| reason.message.clone());
        record(context, run, FleetEventKind::Instance, "terminated", reason, Some(instance.id));
    }
    if instance.state == InstanceState::Terminated {
        run.members.retain(|member| member.instance != instance.id);
    }
    // An instance that this host could not start would not start at once either.
    let has_failed = instance.state_reason.as_ref().is_some_and(|reason| reason.code.starts_with("Server."));
    let wait = match run.state {
        FleetState::Active if has_failed => Some(RETRY_MS),
        FleetState::Active => Some(REPLACE_MS),
        state if state.is_over() && state != FleetState::Deleted => Some(0),
        _ => None,
    };
    if let Some(at) = wait.map(|ms| context.now.plus_ms(ms)) {
        let sooner = run.due.filter(|due| *due < at && !has_failed);
        run.due = Some(sooner.unwrap_or(at));
    }
    tx.put(fleet);
}

/// Does what the moment of a fleet brings.
pub(crate) fn advance<F: Kept>(context: &Context, tx: &mut Transaction, fleet: &F) {
    if fleet.run().state == FleetState::Deleted {
        return tx.delete(fleet.key());
    }
    let mut fleet = fleet.clone();
    fleet.run_mut().due = None;
    // What is stored was read before it was stored, so that this always succeeds.
    if let Ok(plan) = fleet.plan() {
        let is_up = plan.until.is_some_and(|until| until <= context.now);
        if is_up && !fleet.run().state.is_over() {
            record_change(context, fleet.run_mut(), "expired");
            end(context, tx, &mut fleet, plan.ends_instances);
        }
        step(context, tx, &mut fleet, &plan);
        if let Some(until) = plan.until
            && !fleet.run().state.is_over()
        {
            let due = fleet.run().due;
            fleet.run_mut().due = Some(due.map_or(until, |due| due.min(until)));
        }
    }
    tx.put(fleet);
}

fn step<F: Kept>(context: &Context, tx: &mut Transaction, fleet: &mut F, plan: &Plan) {
    let state = fleet.run().state;
    match state {
        FleetState::Submitted | FleetState::Modifying => {
            fleet.run_mut().state = FleetState::Active;
            let event = if state == FleetState::Submitted { "active" } else { "modify_succeeded" };
            record_change(context, fleet.run_mut(), event);
            fleet.run_mut().is_failing = false;
            shrink(context, tx, fleet.run_mut(), plan);
            keep_up(context, tx, fleet, plan);
        }
        FleetState::Active if plan.kind == FleetType::Maintain => keep_up(context, tx, fleet, plan),
        FleetState::Active | FleetState::Deleted => {}
        FleetState::DeletedRunning | FleetState::DeletedTerminating => {
            let run = fleet.run_mut();
            run.due = None;
            run.members.retain(|member| state_of(tx, member).is_some_and(|state| state != InstanceState::Terminated));
            if run.members.is_empty() {
                run.state = FleetState::Deleted;
                run.due = Some(context.now.plus_ms(KEPT_MS));
                let name = fleet.state_name();
                record_change(context, fleet.run_mut(), name);
            }
        }
    }
}

/// Launches what is missing; a fleet that is kept up tries again where that failed.
fn keep_up<F: Kept>(context: &Context, tx: &mut Transaction, fleet: &mut F, plan: &Plan) {
    fill(context, tx, fleet, plan);
    if fleet.run().is_failing && plan.kind == FleetType::Maintain {
        fleet.run_mut().due = Some(context.now.plus_ms(RETRY_MS));
    }
}
