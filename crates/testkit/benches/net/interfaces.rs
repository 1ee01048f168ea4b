//! What a thousand interfaces take, and one more. Their links are real; nothing is behind them.

use std::time::Instant;

use host::netns;
use host::network::{Network as _, run_ip};
use policy::eni_link_name;
use testkit::Lab;
use types::NetworkInterfaceId;

use crate::Report;
use crate::rule::member;

const MANY: u32 = 1_000;

/// Measures.
pub fn measure(report: &mut Report<'_>) {
    println!("many interfaces");
    let mut lab = Lab::start().expect("a kernel to measure");
    let vpc = lab.add_vpc(1, "172.31.0.0/16");
    let group = lab.set_group(1, vpc, &["tcp 22 0.0.0.0/0", "all sg-00000000000000001"], &["all 0.0.0.0/0"]);
    let guests = format!("lab{}-guests", lab.tag());
    run_ip(None, &[format!("netns add {guests}")]).expect("a namespace");
    // The namespace is there before its machines are.
    lab.apply();
    let namespace = lab.vpc_namespace_name(1);
    let links: Vec<String> = (0..=MANY)
        .map(|n| format!("link add name {} type veth peer name g{n} netns {guests}", eni_link_name(id(n))))
        .collect();
    run_ip(Some(&namespace), &links).expect("links");
    for number in 0..=MANY {
        let interface = member(vpc, number, group);
        lab.topology.interfaces.insert(id(number), interface);
    }
    let last = lab.topology.interfaces.remove(&id(MANY)).expect("the last one");
    let before = host::network::commands_run();
    let start = Instant::now();
    lab.apply();
    report("1,000 interfaces from nothing", start.elapsed().as_secs_f64() * 1e3, "ms", None);
    report("  programs started for that", f64::from(host::network::commands_run() - before), "", None);
    let mut times = Vec::new();
    let mut commands = 0;
    for _ in 0..20 {
        lab.topology.interfaces.insert(id(MANY), last.clone());
        let (before, start) = (host::network::commands_run(), Instant::now());
        lab.apply();
        times.push(start.elapsed().as_secs_f64() * 1e3);
        commands = host::network::commands_run() - before;
        lab.topology.interfaces.remove(&id(MANY));
        lab.apply();
    }
    report("the 1,001st interface, p50", crate::percentile(&mut times, 50), "ms", Some("under 30"));
    report("  programs started for that", f64::from(commands), "", None);
    let start = Instant::now();
    let converged = lab.network.converge(&policy::plan(&lab.topology)).expect("reading everything");
    report("everything read and compared", start.elapsed().as_secs_f64() * 1e3, "ms", None);
    report("  changes made by that", converged.changes.len() as f64, "", Some("0"));
    netns::delete(&guests).expect("removing a namespace");
}

fn id(number: u32) -> NetworkInterfaceId {
    NetworkInterfaceId::from_number(0x1_0000 + u128::from(number))
}
