//! Connections and throughput between two machines, by the path between them.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use host::netns;
use host::network::run_ip;
use policy::{Direction, GroupRule};
use testkit::{Guest, Lab};
use types::SecurityGroupRuleId;

use crate::load::{connections, throughput};
use crate::{Report, percentile};

const A: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 10);
const B: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 11);
/// The name of the way that all are compared to.
const UNFILTERED: &str = "routed, unfiltered";
const COUNTS: [u32; 3] = [10, 1_000, 10_000];
/// How often everything is measured, in turn and each time another one first, so that what else the machine does meets
/// all alike. The round before the first warms everything up and does not count.
const ROUNDS: usize = 12;

/// Rules that let nobody of these machines in, but the last, which does.
fn rules(count: u32) -> Vec<String> {
    let others = (0..count - 1).map(|n| format!("tcp {} 10.{}.{}.0/24", 1 + n % 60_000, n / 250, n % 250));
    others.chain(["tcp 7000-7001 172.31.0.0/24".to_owned()]).collect()
}

/// Two namespaces and what is between them, by hand.
struct Bare {
    names: Vec<String>,
    from: PathBuf,
    to: PathBuf,
}

impl Bare {
    fn namespaces(what: &str) -> Vec<String> {
        let names: Vec<String> =
            ["a", "b", "m"].iter().map(|end| format!("bench{}{what}-{end}", std::process::id())).collect();
        for name in &names {
            ip(None, &[format!("netns add {name}")]);
            ip(Some(name), &["link set dev lo up".to_owned()]);
        }
        for (name, end) in [(&names[0], "enia"), (&names[1], "enib")] {
            ip(Some(name), &[format!("link add name eth0 type veth peer name {end} netns {}", names[2])]);
            ip(Some(&names[2]), &[format!("link set dev {end} up")]);
        }
        names
    }

    /// A bridge.
    fn bridge() -> Self {
        let names = Self::namespaces("bridge");
        let lines = [
            "link add name br0 type bridge",
            "link set dev br0 up",
            "link set dev enia master br0",
            "link set dev enib master br0",
        ];
        ip(Some(&names[2]), &lines.map(str::to_owned));
        for (name, own) in [(&names[0], B), (&names[1], A)] {
            ip(Some(name), &[format!("address add {own}/20 dev eth0"), "link set dev eth0 up".to_owned()]);
        }
        Self::of(names)
    }

    /// A router; nftables of these lines.
    fn router(what: &str, table: Option<String>) -> Self {
        let names = Self::namespaces(what);
        let set = |path: &str, value: &str| {
            let path = format!("/proc/sys/net/ipv4/{path}");
            let done = netns::run_in(&netns::path_of(&names[2]), || Ok(std::fs::write(&path, value)));
            done.expect("entering").expect("a setting");
        };
        set("ip_forward", "1");
        ip(Some(&names[2]), &["address add 172.31.0.1/32 dev lo".to_owned()]);
        for (name, own, end) in [(&names[0], B, "enia"), (&names[1], A, "enib")] {
            set(&format!("conf/{end}/proxy_arp"), "1");
            ip(Some(&names[2]), &[format!("route add {own}/32 dev {end}")]);
            let lines = [
                format!("address add {own}/32 dev eth0"),
                "link set dev eth0 up".to_owned(),
                "route add default via 172.31.0.1 dev eth0 onlink".to_owned(),
            ];
            ip(Some(name), &lines);
        }
        if let Some(table) = table {
            host::network::run_nft(&names[2], &table).expect("a table");
        }
        Self::of(names)
    }

    fn of(names: Vec<String>) -> Self {
        let (from, to) = (netns::path_of(&names[0]), netns::path_of(&names[1]));
        Self { names, from, to }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = netns::delete(name);
        }
    }
}

fn ip(namespace: Option<&str>, lines: &[String]) {
    run_ip(namespace, lines).unwrap_or_else(|e| panic!("ip {lines:?} in {namespace:?}: {e}"));
}

/// The rules one after another, as a simple program writes them.
fn linear(count: u32) -> String {
    let mut text =
        String::from("table inet linear {\n chain forward {\n  type filter hook forward priority 0; policy drop;\n");
    text.push_str("  ct state established,related accept\n");
    for rule in rules(count) {
        let mut words = rule.split(' ').skip(1);
        let (ports, block) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        text.push_str(&format!("  ip saddr {block} tcp dport {ports} accept\n"));
    }
    text + " }\n}\n"
}

/// Daemun's network, with so many rules on the machine that is called.
fn daemun(count: u32) -> (Lab, [Guest; 2]) {
    let mut lab = Lab::start().expect("a kernel to measure");
    let vpc = lab.add_vpc(1, "172.31.0.0/16");
    let servers = lab.set_group(1, vpc, &[], &[]);
    let clients = lab.set_group(2, vpc, &[], &["all 0.0.0.0/0"]);
    let numbered = rules(count).into_iter().zip(1..);
    *lab.rules(servers, Direction::Ingress) = numbered
        .map(|(text, n)| GroupRule::read(SecurityGroupRuleId::from_number(n), &text).expect("a rule"))
        .collect();
    let a = lab.add_instance(0xa, vpc, &A.to_string(), None, &[servers]);
    let b = lab.add_instance(0xb, vpc, &B.to_string(), None, &[clients]);
    lab.apply();
    (lab, [a, b])
}

/// Measures every path, or those with one of these words in their names.
pub fn measure(report: &mut Report<'_>, words: &[String]) {
    println!("paths between two machines");
    let mut ways: Vec<(String, PathBuf, PathBuf)> = Vec::new();
    let mut bare = vec![("a plain bridge".to_owned(), Bare::bridge())];
    bare.push((UNFILTERED.to_owned(), Bare::router("plain", None)));
    bare.extend(
        COUNTS.map(|n| (format!("{n} rules one after another"), Bare::router(&format!("l{n}"), Some(linear(n))))),
    );
    ways.extend(bare.iter().map(|(name, way)| (name.clone(), way.from.clone(), way.to.clone())));
    let labs = COUNTS.map(|count| (count, daemun(count)));
    for (count, (_, [a, b])) in &labs {
        ways.push((format!("Daemun, {count} rules"), b.namespace.clone(), a.namespace.clone()));
    }
    ways.retain(|(name, ..)| {
        words.is_empty() || name == UNFILTERED || words.iter().any(|word| name.contains(word.as_str()))
    });
    let plain = ways.iter().position(|(name, ..)| name == UNFILTERED).expect("the one that all are compared to");
    // For each way, what each round found: connections, bits.
    let mut found: Vec<[Vec<f64>; 2]> = vec![Default::default(); ways.len()];
    for round in 0..=ROUNDS {
        for turn in 0..ways.len() {
            let at = (turn + round) % ways.len();
            let (_, from, to) = &ways[at];
            let measured = [connections(from, to, A), throughput(from, to, A)];
            if round > 0 {
                found[at].iter_mut().zip(measured).for_each(|(all, one)| all.push(one));
            }
        }
    }
    let middle = |mut values: Vec<f64>| percentile(&mut values, 50);
    let over = |at: usize, what: usize| {
        let pairs = found[at][what].iter().zip(&found[plain][what]);
        middle(pairs.map(|(one, plain)| one / plain).collect())
    };
    for (at, (name, ..)) in ways.iter().enumerate() {
        let last = at + 1 == ways.len();
        for (what, (noun, unit)) in [("new connections", "/s"), ("one stream", "Gbit/s")].into_iter().enumerate() {
            report(&format!("{name}: {noun}"), middle(found[at][what].clone()), unit, None);
            report("  over unfiltered", over(at, what), "", last.then_some("0.9"));
        }
    }
}
