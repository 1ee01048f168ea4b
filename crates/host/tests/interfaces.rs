//! The interfaces of machines, for real: plugged in and out while Debian runs.

mod common;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use common::{Bench, eventually, run};
use host::HostError;
use host::machine::{ForwardRoute, MachineSpec, Machines, NicSpec};

const PATIENCE: Duration = Duration::from_secs(60);

fn started(bench: &Bench, index: u32) -> MachineSpec {
    let spec = bench.spec(index);
    bench.machines.create(&spec).unwrap();
    bench.machines.start(&spec).unwrap();
    bench.wait_for_banner(spec.nics[0].address, PATIENCE);
    spec
}

/// Whether the SSH server of a machine answers the VPC's router at an address.
fn answers(bench: &Bench, address: Ipv4Addr) -> bool {
    bench.inside(|| TcpStream::connect_timeout(&(address, 22).into(), Duration::from_secs(1)).is_ok())
}

/// What is in the VPC's namespace: links with what is written on them, and routes.
fn host_end(bench: &Bench) -> String {
    run("ip", &["-n", &bench.netns, "link", "show"])
        + &run("ip", &["-n", &bench.netns, "route", "show", "table", "all"])
}

/// What a machine has beside its first interface, the loopback and what the kernel makes by itself.
fn guest_end(bench: &Bench, spec: &MachineSpec) -> String {
    let command = "ip -4 -br addr | grep -v ^lo | awk '{print $1, $3, $4}'; ip rule | grep 10000:; ip route; ip route show table 10001; true";
    bench.ssh_ok(spec.nics[0].address, command)
}

#[test]
fn kernel_an_interface_is_plugged_in_and_out_of_a_running_machine() {
    let Some(bench) = Bench::of_image("debian-12") else { return };
    let spec = started(&bench, 0);
    let [first, second] = [spec.nics[0].clone(), bench.nic(1, 100)];
    let before = guest_end(&bench, &spec);
    assert!(matches!(bench.machines.connect(bench.spec(7).id, &[]), Err(HostError::NoSuchMachine(_))));

    let both = [first.clone(), NicSpec { secondary: vec!["172.31.1.77".parse().unwrap()], ..second.clone() }];
    bench.machines.connect(spec.id, &both).unwrap();
    assert!(answers(&bench, second.address) && answers(&bench, "172.31.1.77".parse().unwrap()));
    let inside = guest_end(&bench, &spec);
    for expected in [
        "eth1",
        "172.31.1.77/32",
        "from 172.31.1.77 lookup 10001",
        "from 172.31.0.10 lookup 10000",
        "172.31.1.0/24 via 172.31.1.1 dev eth1",
        "default via 172.31.1.1 dev eth1",
    ] {
        assert!(inside.contains(expected), "{expected} is not in\n{inside}");
    }
    // Answers leave by the interface that was asked, even where the machine insists on it.
    bench.ssh_ok(first.address, "sudo sysctl -qw net.ipv4.conf.all.rp_filter=1");
    assert!(answers(&bench, second.address) && answers(&bench, first.address));
    let sent = |link: &str| -> u64 {
        let path = format!("/sys/class/net/{link}/statistics/rx_packets");
        run("ip", &["netns", "exec", &bench.netns, "cat", &path]).trim().parse().unwrap()
    };
    // What the machine sends by itself, or still sends of an older connection, may leave by either.
    eventually("the answer comes by the second interface, and only by it", PATIENCE, || {
        let [from_first, from_second] = [sent("eni0"), sent("eni100")];
        assert!(answers(&bench, second.address));
        sent("eni100") > from_second && sent("eni0") == from_first
    });
    // Repeated, it changes nothing; another process that knows nothing says the same.
    let link = run("ip", &["-n", &bench.netns, "link", "show"]);
    bench.reopened().connect(spec.id, &both).unwrap();
    assert_eq!(run("ip", &["-n", &bench.netns, "link", "show"]), link);
    // One address less; then the whole interface.
    bench.machines.connect(spec.id, &[first.clone(), second.clone()]).unwrap();
    assert!(!answers(&bench, "172.31.1.77".parse().unwrap()) && answers(&bench, second.address));
    assert!(!host_end(&bench).contains("172.31.1.77"));
    bench.machines.connect(spec.id, std::slice::from_ref(&first)).unwrap();
    assert!(!answers(&bench, second.address));
    assert_eq!(guest_end(&bench, &spec), before);
    assert!(!host_end(&bench).contains("eni100"));
}

#[test]
fn kernel_a_reboot_from_inside_brings_what_was_plugged_in() {
    let Some(bench) = Bench::of_image("debian-12") else { return };
    let spec = started(&bench, 0);
    let second = bench.nic(1, 100);
    bench.machines.connect(spec.id, &[spec.nics[0].clone(), second.clone()]).unwrap();
    let boot = || bench.machines.status(spec.id).unwrap().unwrap().init_pid;
    let before = boot();
    // The connection breaks, which ssh calls a failure.
    let _ = bench.ssh(spec.nics[0].address, "sudo systemctl reboot");
    eventually("another boot", PATIENCE, || boot().is_some_and(|pid| Some(pid) != before));
    bench.wait_for_banner(second.address, PATIENCE);
    assert!(guest_end(&bench, &spec).contains("from 172.31.1.110 lookup 10001"));
    // What is known of the boot before says nothing of this one.
    bench.machines.connect(spec.id, std::slice::from_ref(&spec.nics[0])).unwrap();
    assert!(!answers(&bench, second.address) && answers(&bench, spec.nics[0].address));
    bench.machines.stop(spec.id, Duration::ZERO).unwrap();
    assert!(!host_end(&bench).contains("eni"));
}

#[test]
fn kernel_an_interface_belongs_to_the_machine_that_got_it_last() {
    let Some(bench) = Bench::of_image("debian-12") else { return };
    let [one, other] = [started(&bench, 0), started(&bench, 1)];
    let shared = bench.nic(1, 100);
    bench.machines.connect(one.id, &[one.nics[0].clone(), shared.clone()]).unwrap();
    // It goes to the other before the first one was told.
    bench.machines.connect(other.id, &[other.nics[0].clone(), shared.clone()]).unwrap();
    let is_with = |spec: &MachineSpec| bench.ssh_ok(spec.nics[0].address, "ip -br addr").contains("172.31.1.110");
    assert!(!is_with(&one) && is_with(&other));
    bench.machines.connect(one.id, std::slice::from_ref(&one.nics[0])).unwrap();
    assert!(is_with(&other) && answers(&bench, shared.address));
    // Nor does the end of the first one take it along.
    bench.machines.connect(one.id, &[one.nics[0].clone(), shared.clone()]).unwrap();
    bench.machines.connect(other.id, &[other.nics[0].clone(), shared.clone()]).unwrap();
    bench.machines.destroy(one.id).unwrap();
    assert!(is_with(&other) && answers(&bench, shared.address));
}

#[test]
fn kernel_a_machine_forwards_by_the_routes_that_lead_to_it() {
    let Some(bench) = Bench::of_image("debian-12") else { return };
    let mut spec = bench.spec(0);
    let route = ForwardRoute { table: 77, destination: "192.0.2.0/24".parse().unwrap() };
    spec.nics[0].forwards = BTreeSet::from([route]);
    spec.nics[0].source_dest_check = false;
    bench.machines.create(&spec).unwrap();
    bench.machines.start(&spec).unwrap();
    let routes = || run("ip", &["-n", &bench.netns, "route", "show", "table", "all"]);
    let words = "192.0.2.0/24 via 172.31.0.10 dev eni0 table 77 proto static onlink";
    assert!(routes().contains(words), "{}", routes());
    let check = || run("ip", &["netns", "exec", &bench.netns, "cat", "/proc/sys/net/ipv4/conf/eni0/rp_filter"]);
    assert_eq!(check().trim(), "0");
    let nic = NicSpec { forwards: BTreeSet::new(), source_dest_check: true, ..spec.nics[0].clone() };
    bench.machines.connect(spec.id, &[nic]).unwrap();
    assert!(!routes().contains("192.0.2.0/24"));
    assert_eq!(check().trim(), "1");
}

#[test]
fn kernel_a_name_that_the_machine_took_for_itself_is_no_obstacle() {
    let Some(bench) = Bench::of_image("debian-12") else { return };
    let spec = started(&bench, 0);
    bench.ssh_ok(spec.nics[0].address, "sudo ip link add eth1 type veth peer name mine");
    let second = bench.nic(1, 100);
    bench.machines.connect(spec.id, &[spec.nics[0].clone(), second.clone()]).unwrap();
    assert!(answers(&bench, second.address));
    // A link that is renamed inside is still the same one.
    bench.ssh_ok(
        spec.nics[0].address,
        "sudo ip link set eni100 down; sudo ip link set eni100 name lan; sudo ip link set lan up",
    );
    bench.machines.connect(spec.id, &[spec.nics[0].clone(), second.clone()]).unwrap();
    assert!(answers(&bench, second.address));
    assert!(bench.ssh_ok(spec.nics[0].address, "ip -br addr show lan").contains("172.31.1.110/32"));
}

#[test]
fn an_older_specification_can_be_read() {
    let old = r#"{"netns":"/run/netns/x","host_ifname":"eni1","guest_ifname":"eth0","mac":"02:00:00:00:00:01",
        "address":"10.0.0.5","gateway":"10.0.0.1","mtu":1500}"#;
    let nic: NicSpec = serde_json::from_str(old).unwrap();
    assert_eq!(nic.addresses().collect::<Vec<_>>(), ["10.0.0.5".parse::<Ipv4Addr>().unwrap()]);
    assert!(nic.source_dest_check && nic.forwards.is_empty() && nic.device_index == 0 && nic.subnet.is_none());
}
