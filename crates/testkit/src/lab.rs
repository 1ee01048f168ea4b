//! A machine of its own for a test: the operator, a host of the internet, and instances, each a namespace.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use host::netns;
use host::network::{ApplyReport, LinuxNetwork, Network, configure_eni_link, run_ip};
use policy::{
    CloudTag, Direction, Endpoint, Group, GroupRule, Interface, LinkState, Operator, Outcome, Packet, Subnet, Topology,
    Traffic, Vpc, eni_link_name, verdict,
};
use types::{
    InternetGatewayId, Ipv4Cidr, MacAddress, NetworkInterfaceId, SecurityGroupId, SecurityGroupRuleId, SubnetId, VpcId,
};

use crate::probe::{Reach, ping, tcp_connect, udp_ask};
use crate::{can_test_kernel, leftovers};

/// How long a probe waits before it calls silence silence, where the policy engine expects silence. Everything is on
/// this machine: an answer takes a few milliseconds, and a busy machine gets a hundred times that.
const SILENCE: Duration = Duration::from_millis(700);
/// The same where the engine expects an answer. A link just made may lose a packet until the kernel notices that both
/// its ends are up; the sender repeats itself after a second.
const PATIENCE: Duration = Duration::from_secs(8);

/// A cloud's network on a machine of its own.
///
/// Change [`Lab::topology`], then [`Lab::apply`].
pub struct Lab {
    /// What the network shall be.
    pub topology: Topology,
    /// The network under test.
    pub network: LinuxNetwork,
    tag: CloudTag,
    guests: BTreeMap<NetworkInterfaceId, Guest>,
}

/// An instance, as far as its network goes.
#[derive(Debug, Clone)]
pub struct Guest {
    /// Its interface.
    pub interface: NetworkInterfaceId,
    /// Its namespace.
    pub namespace: PathBuf,
    name: String,
}

fn ip(namespace: Option<&str>, lines: &[&str]) {
    let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    run_ip(namespace, &lines).unwrap_or_else(|e| panic!("ip {lines:?} in {namespace:?}: {e}"));
}

impl Lab {
    /// The operator machine's address on its link to the internet.
    pub const MACHINE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
    /// A host of the internet.
    pub const INTERNET: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 2);

    /// A machine with an uplink and an empty cloud, not yet applied; `None` where kernel tests cannot run.
    ///
    /// # Panics
    /// If the kernel refuses a namespace or a link.
    pub fn start() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        if !can_test_kernel() {
            return None;
        }
        // Processes of one test run differ in their ids, tests of one process in the counter.
        let tag = CloudTag::from_number(
            std::process::id().wrapping_mul(0x0100_0193) ^ (NEXT.fetch_add(1, Ordering::Relaxed) << 24),
        );
        let pool: Ipv4Cidr = "198.18.0.0/16".parse().expect("a block");
        let lab = Self {
            topology: Topology::new(Operator { tag, pool }),
            network: LinuxNetwork::with_operator_namespace(tag, netns::path_of(&format!("lab{tag}-machine"))),
            tag,
            guests: BTreeMap::new(),
        };
        let (machine, internet) = (lab.name("machine"), lab.name("internet"));
        for name in [&machine, &internet] {
            ip(None, &[&format!("netns add {name}")]);
            ip(Some(name), &["link set dev lo up"]);
        }
        ip(
            Some(&machine),
            &[
                &format!("link add name uplink type veth peer name uplink netns {internet}"),
                &format!("address add {}/24 dev uplink", Self::MACHINE),
                "link set dev uplink up",
            ],
        );
        ip(
            Some(&internet),
            &[
                &format!("address add {}/24 dev uplink", Self::INTERNET),
                "link set dev uplink up",
                &format!("route add {pool} via {}", Self::MACHINE),
            ],
        );
        Some(lab)
    }

    fn name(&self, what: &str) -> String {
        format!("lab{}-{what}", self.tag)
    }

    /// The cloud's tag.
    pub fn tag(&self) -> CloudTag {
        self.tag
    }

    /// The operator's namespace.
    pub fn machine(&self) -> PathBuf {
        netns::path_of(&self.name("machine"))
    }

    /// The namespace of the host on the internet.
    pub fn internet(&self) -> PathBuf {
        netns::path_of(&self.name("internet"))
    }

    /// The name of a VPC's namespace.
    pub fn vpc_namespace_name(&self, number: u128) -> String {
        self.tag.vpc_namespace(VpcId::from_number(number))
    }

    /// Adds a VPC with an internet gateway and one public subnet of the same number and block.
    ///
    /// # Panics
    /// If the block is malformed.
    pub fn add_vpc(&mut self, number: u128, cidr: &str) -> VpcId {
        let id = VpcId::from_number(number);
        let cidr: Ipv4Cidr = cidr.parse().expect("a block");
        let internet_gateway = Some(InternetGatewayId::from_number(number));
        self.topology.vpcs.insert(id, Vpc { cidrs: vec![cidr], dns_support: true, internet_gateway });
        let subnet = Subnet { vpc: id, cidr, internet_route: true };
        self.topology.subnets.insert(SubnetId::from_number(number), subnet);
        id
    }

    /// Adds a group, or gives it other rules. Each rule is a text like `tcp 22 10.0.0.0/8`.
    ///
    /// # Panics
    /// If a text is not a rule.
    pub fn set_group(&mut self, number: u128, vpc: VpcId, ingress: &[&str], egress: &[&str]) -> SecurityGroupId {
        let id = SecurityGroupId::from_number(number);
        let read = |texts: &[&str], first: u128| -> Vec<GroupRule> {
            let ids = (first..).map(SecurityGroupRuleId::from_number);
            texts.iter().zip(ids).map(|(text, id)| GroupRule::read(id, text).expect("a rule")).collect()
        };
        let (ingress, egress) = (read(ingress, number * 1000), read(egress, number * 1000 + 500));
        let group = Group { vpcs: [vpc].into(), ingress, egress };
        self.topology.groups.insert(id, group);
        id
    }

    /// Adds a running instance in the subnet with the VPC's number, and its namespace. Its link is made by
    /// [`Lab::apply`].
    ///
    /// # Panics
    /// If an address is malformed, or the kernel refuses the namespace.
    pub fn add_instance(
        &mut self,
        number: u128,
        vpc: VpcId,
        address: &str,
        public: Option<&str>,
        groups: &[SecurityGroupId],
    ) -> Guest {
        let id = NetworkInterfaceId::from_number(number);
        let interface = Interface {
            vpc,
            subnet: SubnetId::from_number(vpc.number()),
            address: address.parse().expect("an address"),
            mac: MacAddress::local(u64::try_from(number).expect("a small number")),
            public_address: public.map(|text| text.parse().expect("an address")),
            groups: groups.iter().copied().collect::<BTreeSet<_>>(),
            source_dest_check: true,
            link: LinkState::Attached,
        };
        self.topology.interfaces.insert(id, interface);
        let name = self.name(&id.to_string());
        ip(None, &[&format!("netns add {name}")]);
        ip(Some(&name), &["link set dev lo up"]);
        let guest = Guest { interface: id, namespace: netns::path_of(&name), name };
        self.guests.insert(id, guest.clone());
        guest
    }

    /// The interface of a guest, to change it.
    ///
    /// # Panics
    /// If it is not in the topology.
    pub fn interface(&mut self, guest: &Guest) -> &mut Interface {
        self.topology.interfaces.get_mut(&guest.interface).expect("an interface of this lab")
    }

    /// Brings the kernel to the topology, and plugs in guests that are not yet.
    ///
    /// # Panics
    /// If the network refuses.
    pub fn apply(&mut self) -> ApplyReport {
        let report = self.network.apply(&policy::plan(&self.topology)).expect("applying the plan");
        for guest in self.guests.values() {
            self.plug_in(guest);
        }
        report
    }

    /// Reads everything and repairs it.
    ///
    /// # Panics
    /// If the network refuses.
    pub fn converge(&self) -> ApplyReport {
        self.network.converge(&policy::plan(&self.topology)).expect("converging")
    }

    /// Makes the link of a guest, as whoever starts a machine does: an empty namespace gets its end as `eth0`, with
    /// the address as /32 and the router on the link.
    fn plug_in(&self, guest: &Guest) {
        let Some(interface) = self.topology.interfaces.get(&guest.interface) else { return };
        let vpc = self.tag.vpc_namespace(interface.vpc);
        let link = eni_link_name(guest.interface);
        let there =
            netns::run_in(&guest.namespace, || Ok(std::path::Path::new("/proc/sys/net/ipv4/conf/eth0").exists()));
        if interface.link == LinkState::Detached || there.expect("looking into a guest") {
            return;
        }
        let router = self.topology.subnets[&interface.subnet].router().expect("a router");
        ip(
            Some(&guest.name),
            &[&format!("link add name eth0 address {} type veth peer name {link} netns {vpc}", interface.mac)],
        );
        configure_eni_link(&vpc, &link, interface.address, interface.source_dest_check)
            .expect("setting up the host's end");
        ip(
            Some(&guest.name),
            &[
                &format!("address add {}/32 dev eth0", interface.address),
                "link set dev eth0 up",
                &format!("route add default via {router} dev eth0 onlink src {}", interface.address),
            ],
        );
    }

    /// Where a packet comes from, as the policy engine names it.
    fn endpoint(&self, from: &Path) -> (Endpoint, Ipv4Addr) {
        if let Some(guest) = self.guests.values().find(|guest| guest.namespace == from) {
            let interface = &self.topology.interfaces[&guest.interface];
            return (Endpoint::Interface(guest.interface), interface.address);
        }
        let internet = from == self.internet();
        (Endpoint::Outside, if internet { Self::INTERNET } else { self.topology.operator.address() })
    }

    /// Sends a probe that waits as long as it is given, and holds what becomes of it against what the policy engine
    /// says.
    fn check(&self, from: &Path, to: Ipv4Addr, traffic: Traffic, probe: impl FnOnce(Duration) -> Reach) -> Reach {
        let (endpoint, source) = self.endpoint(from);
        let said = verdict(&self.topology, &Packet { from: endpoint, source, to, traffic });
        let accepted = said.outcome == Outcome::Accept;
        let reach = probe(if accepted { PATIENCE } else { SILENCE });
        assert_eq!(
            accepted,
            reach.arrived(),
            "the engine says {said:#?}\nbut {traffic:?} from {} to {to} met {reach:?}",
            from.display()
        );
        reach
    }

    /// Calls a TCP port; the policy engine must agree with the outcome.
    ///
    /// # Panics
    /// If it does not.
    pub fn tcp(&self, from: &Path, to: Ipv4Addr, port: u16) -> Reach {
        self.check(from, to, Traffic::Tcp(port), |timeout| {
            match tcp_connect(from, SocketAddrV4::new(to, port), timeout) {
                Ok((_, seen)) => Reach::Answered(seen),
                Err(reach) => reach,
            }
        })
    }

    /// Calls a UDP port; the policy engine must agree with the outcome.
    ///
    /// # Panics
    /// If it does not.
    pub fn udp(&self, from: &Path, to: Ipv4Addr, port: u16) -> Reach {
        let to_port = SocketAddrV4::new(to, port);
        self.check(from, to, Traffic::Udp(port), |timeout| udp_ask(from, to_port, timeout))
    }

    /// Pings; the policy engine must agree with the outcome.
    ///
    /// # Panics
    /// If it does not.
    pub fn ping(&self, from: &Path, to: Ipv4Addr) -> bool {
        self.check(from, to, Traffic::PING, |timeout| ping(from, to, timeout)).arrived()
    }

    /// The rules of a group in one direction, to change them.
    ///
    /// # Panics
    /// If there is no such group.
    pub fn rules(&mut self, group: SecurityGroupId, direction: Direction) -> &mut Vec<GroupRule> {
        let group = self.topology.groups.get_mut(&group).expect("a group of this lab");
        match direction {
            Direction::Ingress => &mut group.ingress,
            Direction::Egress => &mut group.egress,
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let torn_down = self.network.teardown();
        let guests: Vec<String> = self.guests.values().map(|guest| guest.name.clone()).collect();
        for name in guests.into_iter().chain([self.name("machine"), self.name("internet")]) {
            let _ = netns::delete(&name);
        }
        if !std::thread::panicking() {
            torn_down.expect("teardown");
            let left = leftovers(self.tag);
            assert!(left.is_empty(), "left behind: {left:#?}");
        }
    }
}
