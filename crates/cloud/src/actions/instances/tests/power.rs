//! Start, stop, reboot, terminate, and what the controllers report in between.

use ec2_shapes::*;
use types::{InstanceId, InstanceState as State};

use crate::actions::testbed::Bed;
use crate::idempotency;
use crate::lifecycle::{self, StopReason};
use crate::resource::{Instance, StateReason};
use crate::testing::specification;

fn start(id: InstanceId) -> StartInstancesRequest {
    StartInstancesRequest { instance_ids: vec![id.to_string()], ..Default::default() }
}

fn stop(id: InstanceId) -> StopInstancesRequest {
    StopInstancesRequest { instance_ids: vec![id.to_string()], ..Default::default() }
}

fn reboot(id: InstanceId) -> RebootInstancesRequest {
    RebootInstancesRequest { instance_ids: vec![id.to_string()], ..Default::default() }
}

fn terminate(id: InstanceId) -> TerminateInstancesRequest {
    TerminateInstancesRequest { instance_ids: vec![id.to_string()], ..Default::default() }
}

/// An instance in this state.
fn instance_in(bed: &mut Bed, state: State) -> InstanceId {
    let launch = bed.launch(1);
    if state == State::Pending {
        return bed.run(launch).instances[0].instance_id.as_deref().unwrap().parse().unwrap();
    }
    let id = bed.running_of(launch);
    match state {
        State::Pending | State::Running => {}
        State::Stopping => drop(bed.ask(stop(id)).unwrap()),
        State::Stopped => bed.stop(id),
        State::ShuttingDown => drop(bed.ask(terminate(id)).unwrap()),
        State::Terminated => bed.terminate(id),
    }
    assert_eq!(bed.instance(id).state, state);
    id
}

const STATES: [State; 6] =
    [State::Pending, State::Running, State::ShuttingDown, State::Terminated, State::Stopping, State::Stopped];

/// For each state in the order of [`STATES`]: the state that a call leads to, or `None` where it is refused.
#[test]
fn every_call_in_every_state() {
    use State::{Pending, Running, ShuttingDown, Stopped, Stopping, Terminated};
    type Call = fn(InstanceId) -> Request;
    let calls: [(Call, [Option<State>; 6], &str); 4] = [
        (
            |id| start(id).into(),
            [Some(Pending), Some(Running), None, None, None, Some(Pending)],
            "The instance 'ID' is not in a state from which it can be started.",
        ),
        (
            |id| stop(id).into(),
            [None, Some(Stopping), None, None, Some(Stopping), Some(Stopped)],
            "This instance 'ID' is not in a state from which it can be stopped.",
        ),
        (
            |id| reboot(id).into(),
            [None, Some(Running), Some(ShuttingDown), Some(Terminated), None, None],
            "This instance 'ID' is not in a state from which it can be rebooted.",
        ),
        (
            |id| terminate(id).into(),
            [ShuttingDown, ShuttingDown, ShuttingDown, Terminated, ShuttingDown, ShuttingDown].map(Some),
            "",
        ),
    ];
    for (call, expected, text) in calls {
        for (state, expected) in STATES.into_iter().zip(expected) {
            let mut bed = Bed::new();
            let id = instance_in(&mut bed, state);
            match expected {
                Some(next) => {
                    bed.ask(call(id)).unwrap();
                    assert_eq!(bed.instance(id).state, next, "{:?} in {state}", call(id).action());
                }
                None => {
                    let error = ("IncorrectInstanceState", text.replace("ID", &id.to_string()));
                    assert_eq!(bed.error(call(id)), error, "{:?} in {state}", call(id).action());
                }
            }
            bed.check();
        }
    }
}

#[test]
fn answers_tell_both_states() {
    let mut bed = Bed::new();
    let id = bed.running();
    let Response::StopInstances(answer) = bed.ask(stop(id)).unwrap() else { panic!() };
    let change = &answer.stopping_instances[0];
    let codes = |state: &Option<InstanceState>| state.as_ref().unwrap().code;
    assert_eq!((codes(&change.previous_state), codes(&change.current_state)), (Some(16), Some(64)));
    assert_eq!(bed.instance(id).transition_reason, "User initiated (2023-11-14 22:13:20 GMT)");
    assert_eq!(bed.instance(id).state_reason.unwrap().code, "Client.UserInitiatedShutdown");
    let mut twice = terminate(id);
    twice.instance_ids.push(id.to_string());
    let Response::TerminateInstances(answer) = bed.ask(twice).unwrap() else { panic!() };
    assert_eq!(answer.terminating_instances.len(), 1);
}

#[test]
fn one_bad_id_fails_the_whole_call() {
    let mut bed = Bed::new();
    let good = bed.running();
    let ask = |ids: &[&str]| TerminateInstancesRequest {
        instance_ids: ids.iter().map(|id| (*id).to_owned()).chain([good.to_string()]).collect(),
        ..Default::default()
    };
    let one = "i-00000000000000001";
    let two = "i-00000000000000002";
    for (ids, code, message) in [
        (vec![one], "InvalidInstanceID.NotFound", format!("The instance ID '{one}' does not exist")),
        (vec![two, one], "InvalidInstanceID.NotFound", format!("The instance IDs '{one}, {two}' do not exist")),
        (vec!["x", one], "InvalidInstanceID.Malformed", "Invalid id: \"x\"".to_owned()),
    ] {
        assert_eq!(bed.error(ask(&ids)), (code, message));
    }
    let protected = RunInstancesRequest { disable_api_termination: Some(true), ..bed.launch(1) };
    let protected = bed.running_of(protected);
    let message = format!(
        "The instance '{protected}' may not be terminated. Modify its 'disableApiTermination' instance attribute and \
         try again."
    );
    assert_eq!(bed.error(ask(&[&protected.to_string()])), ("OperationNotPermitted", message));
    assert_eq!(bed.instance(good).state, State::Running);
    let kept = RunInstancesRequest { disable_api_stop: Some(true), ..bed.launch(1) };
    let kept = bed.running_of(kept);
    assert_eq!(bed.error(stop(kept)).0, "OperationNotPermitted");
    let hibernate = StopInstancesRequest { hibernate: Some(true), ..stop(good) };
    assert_eq!(bed.error(hibernate).0, "UnsupportedOperation");
}

#[test]
fn a_protected_instance_keeps_only_those_of_its_zone_from_termination() {
    let mut bed = Bed::new();
    let in_zone = |bed: &Bed, zone: &str, disable_api_termination: bool| RunInstancesRequest {
        placement: Some(Placement { availability_zone: Some(zone.to_owned()), ..Default::default() }),
        disable_api_termination: Some(disable_api_termination),
        ..bed.launch(1)
    };
    let run = |bed: &mut Bed, zone, is_protected| {
        let request = in_zone(bed, zone, is_protected);
        bed.running_of(request)
    };
    let spared = run(&mut bed, "us-east-1a", false);
    let protected = run(&mut bed, "us-east-1a", true);
    let goes = run(&mut bed, "us-east-1b", false);
    let request = TerminateInstancesRequest {
        instance_ids: [spared, protected, goes].iter().map(ToString::to_string).collect(),
        ..Default::default()
    };
    let (code, message) = bed.error(request.clone());
    assert_eq!(code, "OperationNotPermitted");
    assert!(message.contains(&protected.to_string()), "{message}");
    assert_eq!(bed.instance(spared).state, State::Running);
    assert_eq!(bed.instance(protected).state, State::Running);
    assert_eq!(bed.instance(goes).state, State::ShuttingDown);
    let dry_run = TerminateInstancesRequest { dry_run: Some(true), ..request };
    assert_eq!(bed.error(dry_run).0, "OperationNotPermitted", "also where nothing is to be done");
}

#[test]
fn stop_and_start_keep_the_private_address_and_change_the_public_one() {
    let mut bed = Bed::new();
    let id = bed.running();
    let (before, public) = (bed.interface(id), bed.public_ip(id).unwrap());
    bed.ask(stop(id)).unwrap();
    assert_eq!(bed.public_ip(id), Some(public), "until the machine is down");
    assert!(bed.report(|tx, now| lifecycle::mark_stopped(tx, now, id, StopReason::ApiRequest)));
    assert_eq!(bed.public_ip(id), None);
    assert_eq!(bed.describe(id).public_ip_address, None);
    assert!(bed.state.public_addresses.is_empty());
    bed.wait_ms(90_000);
    bed.start(id);
    let instance = bed.instance(id);
    assert_eq!((instance.state, instance.starts, instance.launch_time), (State::Pending, 2, bed.context.now));
    assert_eq!(instance.state_reason, None);
    assert!(bed.public_ip(id).is_some_and(|ip| ip != public));
    assert_eq!(bed.interface(id).private_ip, before.private_ip);
    assert!(!bed.report(|tx, now| lifecycle::mark_running(tx, now, id, 1, String::new())), "a stale boot");
    assert!(bed.report(|tx, now| lifecycle::mark_running(tx, now, id, 2, String::new())));
    bed.check();
}

#[test]
fn a_forced_stop_can_follow_a_gentle_one() {
    let mut bed = Bed::new();
    let id = bed.running();
    bed.ask(stop(id)).unwrap();
    assert!(!bed.instance(id).force_stop);
    bed.ask(StopInstancesRequest { force: Some(true), ..stop(id) }).unwrap();
    assert!(bed.instance(id).force_stop);
    assert!(bed.report(|tx, now| lifecycle::mark_stopped(tx, now, id, StopReason::ApiRequest)));
    assert!(!bed.instance(id).force_stop);
}

#[test]
fn a_shutdown_from_inside_does_what_the_launch_said() {
    let mut bed = Bed::new();
    let stays = bed.running();
    assert!(bed.report(|tx, now| lifecycle::begin_guest_shutdown(tx, now, stays)));
    let instance = bed.instance(stays);
    assert_eq!(instance.state, State::Stopped);
    assert_eq!(instance.state_reason.unwrap().code, "Client.InstanceInitiatedShutdown");
    assert_eq!(bed.public_ip(stays), None);
    assert!(!bed.report(|tx, now| lifecycle::begin_guest_shutdown(tx, now, stays)), "not twice");
    let goes = RunInstancesRequest {
        instance_initiated_shutdown_behavior: Some(ShutdownBehavior::Terminate),
        disable_api_termination: Some(true),
        ..bed.launch(1)
    };
    let goes = bed.running_of(goes);
    assert!(bed.report(|tx, now| lifecycle::begin_guest_shutdown(tx, now, goes)));
    assert_eq!(bed.instance(goes).state, State::ShuttingDown);
    bed.check();
}

#[test]
fn a_start_that_fails_ends_stopped() {
    let mut bed = Bed::new();
    let id = instance_in(&mut bed, State::Stopped);
    bed.start(id);
    let reason = StateReason::new("Server.InternalError", "No space left");
    assert!(bed.report(|tx, now| lifecycle::fail_launch(tx, now, id, 2, reason.clone())));
    assert_eq!(bed.instance(id).state, State::Stopping);
    assert!(bed.report(|tx, now| lifecycle::mark_stopped(tx, now, id, StopReason::ApiRequest)));
    let instance = bed.instance(id);
    assert_eq!((instance.state, instance.state_reason), (State::Stopped, Some(reason)));
    assert_eq!(bed.public_ip(id), None);
}

#[test]
fn reboots_are_counted() {
    let mut bed = Bed::new();
    let id = bed.running();
    bed.ask(reboot(id)).unwrap();
    bed.ask(reboot(id)).unwrap();
    for (done, changed) in [(3, false), (1, true), (1, false), (2, true)] {
        assert_eq!(bed.report(|tx, _| lifecycle::mark_rebooted(tx, id, done)), changed, "{done}");
    }
    bed.ask(reboot(id)).unwrap();
    bed.stop(id);
    bed.start(id);
    let instance = bed.instance(id);
    assert_eq!(instance.reboots_done, instance.reboots_wanted, "a stop makes a reboot needless");
}

#[test]
fn instances_come_back_after_the_host_with_their_addresses() {
    let mut bed = Bed::new();
    let id = bed.running();
    let public = bed.public_ip(id);
    bed.wait_ms(1_000);
    assert!(bed.report(|tx, now| lifecycle::restart_after_host_boot(tx, now, id)));
    let instance = bed.instance(id);
    assert_eq!((instance.state, instance.starts, instance.state_since), (State::Pending, 2, bed.context.now));
    assert_eq!(bed.public_ip(id), public);
    assert!(!bed.report(|tx, now| lifecycle::restart_after_host_boot(tx, now, id)), "only what ran");
}

#[test]
fn terminated_instances_are_seen_for_an_hour() {
    let mut bed = Bed::new();
    let request = RunInstancesRequest {
        client_token: Some("once".to_owned()),
        tag_specifications: vec![
            specification("instance", &[("Name", "web")]),
            specification("volume", &[("Name", "web")]),
            specification("network-interface", &[("Name", "web")]),
        ],
        ..bed.launch(1)
    };
    let id = bed.running_of(request);
    assert!(!bed.report(|tx, now| lifecycle::mark_terminated(tx, now, id)), "nobody asked for it");
    bed.terminate(id);
    let shown = bed.describe(id);
    assert!(shown.network_interfaces.is_empty() && shown.block_device_mappings.is_empty());
    assert_eq!((shown.vpc_id, shown.subnet_id, shown.private_ip_address), (None, None, None));
    assert_eq!((shown.private_dns_name.as_deref(), shown.public_dns_name.as_deref()), (Some(""), Some("")));
    assert_eq!(shown.tags.len(), 1, "its tags are still there");
    assert_eq!(bed.view().tags.len(), 1, "those of its disk and interface are not");
    let reap = |bed: &mut Bed| bed.report(|tx, now| lifecycle::reap_terminated(tx, now) > 0);
    bed.wait_ms(Instance::TERMINATED_VISIBLE_MS);
    assert!(!reap(&mut bed));
    bed.wait_ms(1);
    assert!(reap(&mut bed));
    let view = bed.view();
    assert!(view.instances.is_empty() && view.tags.is_empty());
    assert_eq!(view.client_tokens.len(), 1);
    bed.wait_ms(idempotency::LIFETIME_MS);
    assert!(reap(&mut bed));
    assert!(bed.view().client_tokens.is_empty());
}

#[test]
fn a_failed_launch_is_explained_and_cleaned_up() {
    let mut bed = Bed::new();
    let request = bed.launch(1);
    let id = bed.run(request).instances[0].instance_id.as_deref().unwrap().parse().unwrap();
    let reason = StateReason::new("Server.InternalError", "The disk is full");
    assert!(!bed.report(|tx, now| lifecycle::fail_launch(tx, now, id, 2, reason.clone())), "another start");
    assert!(bed.report(|tx, now| lifecycle::fail_launch(tx, now, id, 1, reason.clone())));
    assert!(!bed.report(|tx, now| lifecycle::mark_running(tx, now, id, 1, String::new())), "too late");
    assert!(bed.report(|tx, now| lifecycle::mark_terminated(tx, now, id)));
    let shown = bed.describe(id);
    assert_eq!(shown.state.unwrap().name, Some(InstanceStateName::Terminated));
    assert_eq!(shown.state_reason.unwrap().message.as_deref(), Some("Server.InternalError: The disk is full"));
    assert!(bed.view().interfaces.is_empty() && bed.state.public_addresses.is_empty());
    assert_eq!(bed.instance(id).terminated, Some(bed.context.now));
}
