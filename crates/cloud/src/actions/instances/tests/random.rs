//! Whatever is asked in whatever order, addresses are never used twice and what is derived is right.

use ec2_shapes::*;
use proptest::prelude::*;
use types::{InstanceId, InstanceState};

use crate::actions::testbed::Bed;
use crate::context::Config;
use crate::lifecycle::{self, StopReason};
use crate::resource::StateReason;

/// One step. Numbers choose among what is there at the time.
#[derive(Debug, Clone)]
enum Step {
    Run { count: i32, public: Option<bool>, keep_interface: bool },
    Start(usize),
    Stop(usize),
    Terminate(usize),
    Reboot(usize),
    Allocate,
    Associate { address: usize, instance: usize, reassociate: bool },
    Disassociate(usize),
    Release(usize),
    Running(usize),
    Stopped(usize),
    Terminated(usize),
    Failed(usize),
    GuestShutdown(usize),
    HostBoot(usize),
    Reap,
}

fn step() -> impl Strategy<Value = Step> {
    let which = || 0_usize..64;
    prop_oneof![
        3 => (1..4, prop::option::of(any::<bool>()), any::<bool>())
            .prop_map(|(count, public, keep_interface)| Step::Run { count, public, keep_interface }),
        2 => which().prop_map(Step::Start),
        2 => which().prop_map(Step::Stop),
        2 => which().prop_map(Step::Terminate),
        1 => which().prop_map(Step::Reboot),
        2 => Just(Step::Allocate),
        4 => (which(), which(), any::<bool>())
            .prop_map(|(address, instance, reassociate)| Step::Associate { address, instance, reassociate }),
        2 => which().prop_map(Step::Disassociate),
        1 => which().prop_map(Step::Release),
        4 => which().prop_map(Step::Running),
        2 => which().prop_map(Step::Stopped),
        2 => which().prop_map(Step::Terminated),
        1 => which().prop_map(Step::Failed),
        1 => which().prop_map(Step::GuestShutdown),
        1 => which().prop_map(Step::HostBoot),
        1 => Just(Step::Reap),
    ]
}

/// The instance of this number: now and then any, else one that is not terminated, so that steps meet.
fn choose(bed: &Bed, n: usize) -> Option<InstanceId> {
    let is_wanted = |state: InstanceState| n.is_multiple_of(8) || state != InstanceState::Terminated;
    let view = bed.view();
    let among: Vec<InstanceId> =
        view.instances.values().filter(|instance| is_wanted(instance.state)).map(|instance| instance.id).collect();
    among.get(n % among.len().max(1)).copied()
}

/// Asks, and takes an answer as well as an error: both must leave the State whole.
fn take(bed: &mut Bed, step: &Step) {
    let addresses: Vec<crate::resource::Address> =
        bed.view().addresses.values().map(|address| crate::resource::Address::clone(address)).collect();
    let instance = |n: &usize| choose(bed, *n).map(|id| id.to_string());
    let ids = |n: &usize| instance(n).into_iter().collect::<Vec<_>>();
    let address = |n: &usize| addresses.get(n % addresses.len().max(1));
    let request: Request = match step {
        Step::Run { count, public, keep_interface } => {
            let interface = InstanceNetworkInterfaceSpecification {
                device_index: Some(0),
                associate_public_ip_address: *public,
                delete_on_termination: Some(!keep_interface),
                ..Default::default()
            };
            RunInstancesRequest { network_interfaces: vec![interface], ..bed.launch(*count) }.into()
        }
        Step::Start(n) => StartInstancesRequest { instance_ids: ids(n), ..Default::default() }.into(),
        Step::Stop(n) => StopInstancesRequest { instance_ids: ids(n), ..Default::default() }.into(),
        Step::Terminate(n) => TerminateInstancesRequest { instance_ids: ids(n), ..Default::default() }.into(),
        Step::Reboot(n) => RebootInstancesRequest { instance_ids: ids(n), ..Default::default() }.into(),
        Step::Allocate => AllocateAddressRequest::default().into(),
        Step::Associate { address: a, instance: i, reassociate } => AssociateAddressRequest {
            allocation_id: address(a).map(|address| address.allocation.to_string()),
            instance_id: instance(i),
            allow_reassociation: Some(*reassociate),
            ..Default::default()
        }
        .into(),
        Step::Disassociate(n) => {
            let public_ip = address(n).map(|address| address.ip.to_string());
            DisassociateAddressRequest { public_ip, ..Default::default() }.into()
        }
        Step::Release(n) => {
            let allocation_id = address(n).map(|address| address.allocation.to_string());
            ReleaseAddressRequest { allocation_id, ..Default::default() }.into()
        }
        report => return take_report(bed, report),
    };
    let _ = bed.ask(request);
}

fn take_report(bed: &mut Bed, step: &Step) {
    if matches!(step, Step::Reap) {
        bed.wait_ms(crate::resource::Instance::TERMINATED_VISIBLE_MS / 2);
        bed.report(|tx, now| lifecycle::reap_terminated(tx, now) > 0);
        return;
    }
    let (Step::Running(n)
    | Step::Stopped(n)
    | Step::Terminated(n)
    | Step::Failed(n)
    | Step::GuestShutdown(n)
    | Step::HostBoot(n)) = step
    else {
        unreachable!("{step:?} is a request");
    };
    let Some(id) = choose(bed, *n) else { return };
    let starts = bed.instance(id).starts;
    bed.report(|tx, now| match step {
        Step::Running(_) => lifecycle::mark_running(tx, now, id, starts, "boot".to_owned()),
        Step::Stopped(_) => lifecycle::mark_stopped(tx, now, id, StopReason::ApiRequest),
        Step::Terminated(_) => lifecycle::mark_terminated(tx, now, id),
        Step::Failed(_) => lifecycle::fail_launch(tx, now, id, starts, StateReason::new("Server.InternalError", "x")),
        Step::GuestShutdown(_) => lifecycle::begin_guest_shutdown(tx, now, id),
        _ => lifecycle::restart_after_host_boot(tx, now, id),
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// The pool has 21 addresses to give, so that sequences run it dry, too.
    #[test]
    fn addresses_are_never_used_twice(steps in prop::collection::vec(step(), 1..60)) {
        let mut bed = Bed::new();
        let config = Config { public_pool: "198.18.0.0/27".parse().unwrap(), ..Config::clone(&bed.context.config) };
        bed.context.config = std::sync::Arc::new(config);
        for step in &steps {
            bed.wait_ms(1_000);
            take(&mut bed, step);
            bed.check();
        }
    }
}
