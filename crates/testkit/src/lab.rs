//! A machine of its own for a test: the operator, a host of the internet, and instances, each a namespace.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use host::netns;
use host::network::{ApplyReport, LinuxNetwork, Network, configure_eni_link, run_ip};
use policy::{
    Acl, AclEntry, Address, CloudTag, Direction, Endpoint, Group, GroupRule, Interface, InterfaceKind, InterfaceLink,
    LinkState, Operator, Outcome, Packet, Place, ROUTER_IPV6_ADDRESS, RouteTable, Subnet, Target, Topology, Traffic,
    Vpc, eni_link_name, verdict,
};
use types::{
    InternetGatewayId, Ipv4Cidr, MacAddress, NetworkAclId, NetworkInterfaceId, Protocol, RouteTableId, SecurityGroupId,
    SecurityGroupRuleId, SubnetId, VpcId,
};

use crate::ipv6;
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

/// Whether a guest has been plugged in.
fn has_link(guest: &Guest) -> bool {
    let there = netns::run_in(&guest.namespace, || Ok(Path::new("/proc/sys/net/ipv4/conf/eth0").exists()));
    there.expect("looking into a guest")
}

/// The words for `ip` that give a machine's end an address.
fn address_line(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("address add {address}/32 dev eth0"),
        IpAddr::V6(address) => format!("address add {address}/128 dev eth0 nodad"),
    }
}

fn ip(namespace: Option<&str>, lines: &[&str]) {
    let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    run_ip(namespace, &lines).unwrap_or_else(|e| panic!("ip {lines:?} in {namespace:?}: {e}"));
}

/// Makes a namespace that takes its own addresses for its own at once, without asking whether others have them.
fn add_namespace(name: &str) {
    ip(None, &[&format!("netns add {name}")]);
    ip(Some(name), &["link set dev lo up"]);
    let ask = |of: &str| std::fs::write(format!("/proc/sys/net/ipv6/conf/{of}/accept_dad"), "0");
    netns::run_in(&netns::path_of(name), || Ok(["all", "default"].map(ask).into_iter().collect::<Result<(), _>>()))
        .expect("entering a namespace")
        .expect("asking nobody");
}

/// The entry that lets everything pass.
pub const ALLOW_ALL: &str = "allow all 0.0.0.0/0";

/// The same for IPv6.
pub const ALLOW_ALL_IPV6: &str = "allow all ::/0";

/// An entry of an ACL from a text like `deny tcp 22 10.0.0.0/8`.
///
/// # Panics
/// If it is not one.
pub fn acl_entry(text: &str, number: u16) -> AclEntry {
    let (word, rest) = text.split_once(' ').expect("allow or deny, and a rule");
    let rule = GroupRule::read(SecurityGroupRuleId::from_number(1), rest).expect("a rule");
    let policy::Peer::Cidr(cidr) = rule.peer else { panic!("{text:?}: an ACL knows blocks alone") };
    let allow = match word {
        "allow" => true,
        "deny" => false,
        _ => panic!("{text:?}: allow or deny"),
    };
    // The rule's own words for protocols are the same.
    let protocol: Protocol = rule.protocol;
    AclEntry { number, allow, protocol, cidr }
}

impl Lab {
    /// The operator machine's address on its link to the internet.
    pub const MACHINE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
    /// A host of the internet.
    pub const INTERNET: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 2);

    /// The operator machine's IPv6 address there, once [`Lab::let_ipv6_out`] was called.
    pub const IPV6_MACHINE: Ipv6Addr = Ipv6Addr::new(0x2620, 0, 0, 0, 0, 0, 0, 1);
    /// The IPv6 address of a host of the internet.
    pub const IPV6_INTERNET: Ipv6Addr = Ipv6Addr::new(0x2620, 0, 0, 0, 0, 0, 0, 2);

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
            add_namespace(name);
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

    /// Adds a VPC with an internet gateway and one public subnet, route table and open ACL of the same number; the subnet
    /// has the VPC's block.
    ///
    /// # Panics
    /// If the block is malformed.
    pub fn add_vpc(&mut self, number: u128, cidr: &str) -> VpcId {
        let id = VpcId::from_number(number);
        let block: Ipv4Cidr = cidr.parse().expect("a block");
        let internet_gateway = Some(InternetGatewayId::from_number(number));
        self.topology.vpcs.insert(id, Vpc { internet_gateway, ..Vpc::new(vec![block]) });
        let table = self.add_table(number, id, &[("0.0.0.0/0", Target::InternetGateway)]);
        self.set_acl(number, &[ALLOW_ALL], &[ALLOW_ALL]);
        self.add_subnet(number, id, cidr, table, NetworkAclId::from_number(number));
        id
    }

    /// Adds a subnet with a route table and an ACL.
    ///
    /// # Panics
    /// If the block is malformed.
    pub fn add_subnet(
        &mut self,
        number: u128,
        vpc: VpcId,
        cidr: &str,
        table: RouteTableId,
        acl: NetworkAclId,
    ) -> SubnetId {
        let id = SubnetId::from_number(number);
        let cidr = cidr.parse().expect("a block");
        self.topology.subnets.insert(id, Subnet { vpc, cidr, route_table: Some(table), acl: Some(acl) });
        id
    }

    /// Adds a route table, or gives it other routes; those to the VPC's own blocks are local.
    ///
    /// # Panics
    /// If a block is malformed.
    pub fn add_table(&mut self, number: u128, vpc: VpcId, routes: &[(&str, Target)]) -> RouteTableId {
        let id = RouteTableId::from_number(number);
        let local = self.topology.vpcs[&vpc].blocks().map(|block| (block, Target::Local));
        let routes = routes.iter().map(|(block, target)| (block.parse().expect("a block"), *target));
        self.topology.route_tables.insert(id, RouteTable { routes: local.chain(routes).collect() });
        id
    }

    /// Adds an ACL, or gives it other entries, in order. Each is a text like `allow tcp 22 10.0.0.0/8`.
    ///
    /// # Panics
    /// If a text is not an entry.
    pub fn set_acl(&mut self, number: u128, ingress: &[&str], egress: &[&str]) -> NetworkAclId {
        let id = NetworkAclId::from_number(number);
        let read = |texts: &[&str]| texts.iter().zip(1..).map(|(text, number)| acl_entry(text, number * 10)).collect();
        self.topology.acls.insert(id, Acl { ingress: read(ingress), egress: read(egress) });
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
        self.add_instance_in(number, SubnetId::from_number(vpc.number()), address, public, groups)
    }

    /// Adds a running instance in a subnet, and its namespace.
    ///
    /// # Panics
    /// If an address is malformed, or the kernel refuses the namespace.
    pub fn add_instance_in(
        &mut self,
        number: u128,
        subnet: SubnetId,
        address: &str,
        public: Option<&str>,
        groups: &[SecurityGroupId],
    ) -> Guest {
        let id = NetworkInterfaceId::from_number(number);
        let address = Address {
            private: address.parse().expect("an address"),
            public: public.map(|text| text.parse().expect("an address")),
        };
        let interface = Interface {
            vpc: self.topology.subnets[&subnet].vpc,
            subnet,
            addresses: vec![address],
            ipv6: Vec::new(),
            mac: MacAddress::local(u64::try_from(number).expect("a small number")),
            groups: groups.iter().copied().collect::<BTreeSet<_>>(),
            source_dest_check: true,
            link: LinkState::Attached,
            kind: InterfaceKind::Machine,
        };
        self.topology.interfaces.insert(id, interface);
        self.adopt(id)
    }

    /// Makes the namespace of an interface's machine, which forwards nothing. Its link is made by [`Lab::apply`].
    ///
    /// # Panics
    /// If the kernel refuses the namespace.
    pub fn adopt(&mut self, id: NetworkInterfaceId) -> Guest {
        let name = self.name(&id.to_string());
        add_namespace(&name);
        let guest = Guest { interface: id, namespace: netns::path_of(&name), name };
        let forward = || Ok(std::fs::write("/proc/sys/net/ipv4/ip_forward", "0"));
        netns::run_in(&guest.namespace, forward).expect("entering a guest").expect("turning forwarding off");
        self.guests.insert(id, guest.clone());
        guest
    }

    /// Gives the operator's machine a way to every address of the internet, which all end at its one host.
    ///
    /// # Panics
    /// If the kernel refuses the route.
    pub fn let_everything_out(&self) {
        ip(Some(&self.name("machine")), &[&format!("route add default via {}", Self::INTERNET)]);
    }

    /// Gives a guest an IPv6 address and a way to others, if it has its link; whether it has.
    ///
    /// # Panics
    /// If the kernel refuses the address.
    pub fn give_ipv6(&self, guest: &Guest, address: Ipv6Addr) -> bool {
        if !has_link(guest) {
            return false;
        }
        let way = format!("route replace ::/0 via {ROUTER_IPV6_ADDRESS} dev eth0");
        run_ip(Some(&guest.name), &[address_line(address.into()).replacen("address add", "address replace", 1), way])
            .expect("an IPv6 address for a guest");
        true
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
        let plan = policy::plan(&self.topology);
        let report = self.network.apply(&plan).expect("applying the plan");
        for guest in self.guests.values() {
            let place = self.topology.interfaces.get(&guest.interface).map(|interface| Place::Vpc(interface.vpc));
            let namespace = place.and_then(|place| plan.namespaces.get(&place));
            let link = namespace.and_then(|namespace| namespace.interfaces.get(&eni_link_name(guest.interface)));
            link.into_iter().for_each(|link| self.plug_in(guest, link));
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
    fn plug_in(&self, guest: &Guest, planned: &InterfaceLink) {
        let interface = &self.topology.interfaces[&guest.interface];
        let vpc = self.tag.vpc_namespace(interface.vpc);
        let link = eni_link_name(guest.interface);
        if has_link(guest) {
            return;
        }
        let router = self.topology.subnets[&interface.subnet].router().expect("a router");
        ip(
            Some(&guest.name),
            &[&format!("link add name eth0 address {} type veth peer name {link} netns {vpc}", interface.mac)],
        );
        configure_eni_link(&vpc, &link, planned).expect("setting up the host's end");
        let mut lines: Vec<String> = planned.addresses.iter().map(|address| address_line(*address)).collect();
        lines.push("link set dev eth0 up".to_owned());
        let own = planned.addresses[0];
        lines.push(format!("route add default via {router} dev eth0 onlink src {own}"));
        if planned.has_ipv6() {
            lines.push(format!("route add ::/0 via {ROUTER_IPV6_ADDRESS} dev eth0"));
        }
        run_ip(Some(&guest.name), &lines).unwrap_or_else(|e| panic!("ip {lines:?} in {}: {e}", guest.name));
    }

    /// Gives a VPC an IPv6 block, and its open ACL of the same number the same openness for it.
    ///
    /// # Panics
    /// If the block is malformed.
    pub fn add_ipv6_block(&mut self, vpc: VpcId, block: &str) {
        let known = self.topology.vpcs.get_mut(&vpc).expect("a VPC of this lab");
        known.ipv6_cidrs.push(block.parse().expect("a block"));
        self.set_acl(vpc.number(), &[ALLOW_ALL, ALLOW_ALL_IPV6], &[ALLOW_ALL, ALLOW_ALL_IPV6]);
    }

    /// Gives the operator's machine and the internet's host addresses of IPv6 on the link between them, and lets the
    /// operator's machine forward.
    ///
    /// # Panics
    /// If the kernel refuses.
    pub fn let_ipv6_out(&self) {
        let (machine, internet) = (self.name("machine"), self.name("internet"));
        ip(Some(&machine), &[&format!("address add {}/64 dev uplink nodad", Self::IPV6_MACHINE)]);
        let pool = self.topology.operator.ipv6_pool();
        let lines = [
            format!("address add {}/64 dev uplink nodad", Self::IPV6_INTERNET),
            format!("route add {pool} via {}", Self::IPV6_MACHINE),
        ];
        run_ip(Some(&internet), &lines).expect("addresses for the internet");
        let forward = || Ok(std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1"));
        netns::run_in(&self.machine(), forward).expect("entering the machine").expect("turning forwarding on");
    }

    /// Gives the operator's machine a way to a block of the IPv6 internet, which ends at its one host.
    ///
    /// # Panics
    /// If the kernel refuses the route.
    pub fn let_ipv6_out_to(&self, block: &str) {
        ip(Some(&self.name("machine")), &[&format!("route add {block} via {}", Self::IPV6_INTERNET)]);
    }

    /// Where an IPv6 packet comes from, as the policy engine names it.
    fn ipv6_endpoint(&self, from: &Path) -> (Endpoint, Ipv6Addr) {
        if let Some(guest) = self.guests.values().find(|guest| guest.namespace == from) {
            let own = self.topology.interfaces[&guest.interface].ipv6.first();
            return (Endpoint::Interface(guest.interface), own.copied().unwrap_or(Ipv6Addr::UNSPECIFIED));
        }
        let internet = from == self.internet();
        (Endpoint::Outside, if internet { Self::IPV6_INTERNET } else { self.topology.operator.ipv6_address() })
    }

    /// Calls a TCP port over IPv6; the policy engine must agree with the outcome.
    ///
    /// # Panics
    /// If it does not.
    pub fn ipv6_tcp(&self, from: &Path, to: Ipv6Addr, port: u16) -> Reach {
        let (endpoint, source) = self.ipv6_endpoint(from);
        let packet = Packet { from: endpoint, source: source.into(), to: to.into(), traffic: Traffic::Tcp(port) };
        self.hold(from, packet, |timeout| ipv6::tcp(from, to, port, timeout))
    }

    /// Pings over IPv6; the policy engine must agree with the outcome.
    ///
    /// # Panics
    /// If it does not.
    pub fn ipv6_ping(&self, from: &Path, to: Ipv6Addr) -> bool {
        let (endpoint, source) = self.ipv6_endpoint(from);
        let packet = Packet { from: endpoint, source: source.into(), to: to.into(), traffic: Traffic::IPV6_PING };
        self.hold(from, packet, |timeout| ipv6::ping(from, to, timeout)).arrived()
    }

    /// Where a packet comes from, as the policy engine names it.
    fn endpoint(&self, from: &Path) -> (Endpoint, Ipv4Addr) {
        if let Some(guest) = self.guests.values().find(|guest| guest.namespace == from) {
            let interface = &self.topology.interfaces[&guest.interface];
            return (Endpoint::Interface(guest.interface), interface.addresses[0].private);
        }
        let internet = from == self.internet();
        (Endpoint::Outside, if internet { Self::INTERNET } else { self.topology.operator.address() })
    }

    /// Sends a probe that waits as long as it is given, and holds what becomes of it against what the policy engine
    /// says.
    fn check(&self, from: &Path, to: Ipv4Addr, traffic: Traffic, probe: impl FnOnce(Duration) -> Reach) -> Reach {
        let (endpoint, source) = self.endpoint(from);
        let packet = Packet { from: endpoint, source: source.into(), to: to.into(), traffic };
        self.hold(from, packet, probe)
    }

    /// The same for a packet in full.
    fn hold(&self, from: &Path, packet: Packet, probe: impl FnOnce(Duration) -> Reach) -> Reach {
        let said = verdict(&self.topology, &packet);
        let Packet { to, traffic, .. } = packet;
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
