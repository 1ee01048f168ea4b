//! What the two ends of a machine's links hold, as data.
//!
//! The guest's end is what `amazon-ec2-net-utils` makes of an instance's interfaces on EC2: where there are several, a
//! table for each, chosen by the source address, so that an answer leaves by the interface that the question came in by.

use std::collections::BTreeSet;
use std::net::IpAddr;

use policy::ROUTER_IPV6_ADDRESS;
use types::{Cidr, Ipv4Cidr, Ipv6Cidr};

use super::NicSpec;

/// The number of the main table of routes.
pub(super) const MAIN: u32 = libc::RT_TABLE_MAIN as u32;
/// The first interface's table, and the preference of the rules that choose a table: both as ec2-net-utils has them.
const FIRST_TABLE: u32 = 10_000;
/// See [`FIRST_TABLE`].
pub(super) const RULE_PREFERENCE: u32 = 10_000;

/// A route by way of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Route {
    /// The table it is in.
    pub(super) table: u32,
    /// What it is for.
    pub(super) destination: Cidr,
    /// The next hop, on the link whatever its address is; `None`: the destination itself is on the link.
    pub(super) gateway: Option<IpAddr>,
    /// The source of what the machine itself sends, where it has a choice.
    pub(super) source: Option<IpAddr>,
    /// The lowest one of a destination counts.
    pub(super) metric: u32,
}

impl Route {
    fn on_link(table: u32, address: impl Into<IpAddr>) -> Self {
        Self { table, destination: Cidr::host(address.into()), gateway: None, source: None, metric: 0 }
    }

    fn via(table: u32, destination: impl Into<Cidr>, gateway: impl Into<IpAddr>) -> Self {
        Self { table, destination: destination.into(), gateway: Some(gateway.into()), source: None, metric: 0 }
    }
}

/// One end of a link.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct End {
    /// The machine's addresses: its own on its end, the known neighbours on the host's.
    pub(super) addresses: Vec<IpAddr>,
    /// The routes, those that others lean on first.
    pub(super) routes: Vec<Route>,
    /// Which table decides about what is sent from an address.
    pub(super) rules: BTreeSet<(IpAddr, u32)>,
}

/// The end in the VPC's namespace: the machine's addresses, and what it forwards.
pub(super) fn host_end(nic: &NicSpec) -> End {
    let own = nic.all_addresses().map(|address| Route::on_link(MAIN, address));
    let forwards = nic.forwards.iter().filter_map(|forward| {
        let is_ipv6 = forward.destination.ipv6().is_some();
        let gateway = nic.all_addresses().find(|address| address.is_ipv6() == is_ipv6)?;
        Some(Route::via(forward.table, forward.destination, gateway))
    });
    End { addresses: nic.all_addresses().collect(), routes: own.chain(forwards).collect(), rules: BTreeSet::new() }
}

/// The end inside the machine, which has these interfaces altogether.
pub(super) fn guest_end(nic: &NicSpec, all: &[NicSpec]) -> End {
    let mut end = End { addresses: nic.all_addresses().collect(), ..End::default() };
    let has_ipv6 = |nic: &NicSpec| !nic.ipv6.is_empty();
    let table = FIRST_TABLE.saturating_add(nic.device_index);
    let first = all.first().filter(|first| first.host_ifname != nic.host_ifname);
    match first {
        None => {
            end.routes.push(Route::on_link(MAIN, nic.gateway));
            end.routes.push(Route::via(MAIN, Ipv4Cidr::ANY, nic.gateway));
        }
        // Neighbours in another subnet are reached by the interface in it, as where a subnet is one wire.
        Some(first) => {
            if let Some(subnet) = nic.subnet.filter(|subnet| Some(*subnet) != first.subnet) {
                let route = Route::via(MAIN, subnet, nic.gateway);
                end.routes.push(Route { source: Some(nic.address.into()), metric: table, ..route });
            }
        }
    }
    // The first interface that speaks IPv6 is the way for what has no source yet.
    if has_ipv6(nic) && all.iter().find(|nic| has_ipv6(nic)).is_none_or(|first| first.host_ifname == nic.host_ifname) {
        end.routes.push(Route::via(MAIN, Ipv6Cidr::ANY, ROUTER_IPV6_ADDRESS));
    }
    if all.len() > 1 && has_ipv6(nic) {
        end.routes.push(Route::via(table, Ipv6Cidr::ANY, ROUTER_IPV6_ADDRESS));
    }
    if all.len() > 1 {
        end.routes.push(Route::on_link(table, nic.gateway));
        end.routes.push(Route::via(table, Ipv4Cidr::ANY, nic.gateway));
        end.rules = nic.all_addresses().map(|address| (address, table)).collect();
    }
    end
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use types::MacAddress;

    use super::*;
    use crate::machine::ForwardRoute;

    fn nic(index: u32, address: &str, subnet: &str) -> NicSpec {
        let subnet: Ipv4Cidr = subnet.parse().unwrap();
        NicSpec {
            netns: "/run/netns/x".into(),
            host_ifname: format!("eni{index}"),
            guest_ifname: format!("eth{index}"),
            mac: MacAddress::local(u64::from(index)),
            address: address.parse().unwrap(),
            secondary: Vec::new(),
            ipv6: Vec::new(),
            gateway: subnet.nth(1).unwrap(),
            subnet: Some(subnet),
            device_index: index,
            mtu: 1500,
            source_dest_check: true,
            forwards: BTreeSet::new(),
        }
    }

    fn routes(end: &End) -> Vec<String> {
        let text = |route: &Route| {
            let via = route.gateway.map(|gateway| format!(" via {gateway}")).unwrap_or_default();
            let source = route.source.map(|source| format!(" src {source}")).unwrap_or_default();
            format!("{} {}{via}{source} metric {}", route.table, route.destination, route.metric)
        };
        end.routes.iter().map(text).collect()
    }

    #[test]
    fn one_interface_needs_no_choice() {
        let mut only = nic(0, "10.0.1.5", "10.0.1.0/24");
        only.secondary = vec!["10.0.1.6".parse().unwrap()];
        let end = guest_end(&only, std::slice::from_ref(&only));
        assert_eq!(routes(&end), ["254 10.0.1.1/32 metric 0", "254 0.0.0.0/0 via 10.0.1.1 metric 0"]);
        assert_eq!(end.addresses, only.all_addresses().collect::<Vec<_>>());
        assert!(end.rules.is_empty());
    }

    #[test]
    fn of_several_each_answers_for_itself() {
        let all = [
            nic(0, "10.0.1.5", "10.0.1.0/24"),
            NicSpec { secondary: vec!["10.0.2.6".parse().unwrap()], ..nic(1, "10.0.2.5", "10.0.2.0/24") },
            nic(3, "10.0.1.7", "10.0.1.0/24"),
        ];
        let ends = all.each_ref().map(|nic| guest_end(nic, &all));
        assert_eq!(
            routes(&ends[0]),
            [
                "254 10.0.1.1/32 metric 0",
                "254 0.0.0.0/0 via 10.0.1.1 metric 0",
                "10000 10.0.1.1/32 metric 0",
                "10000 0.0.0.0/0 via 10.0.1.1 metric 0",
            ]
        );
        assert_eq!(
            routes(&ends[1]),
            [
                "254 10.0.2.0/24 via 10.0.2.1 src 10.0.2.5 metric 10001",
                "10001 10.0.2.1/32 metric 0",
                "10001 0.0.0.0/0 via 10.0.2.1 metric 0",
            ]
        );
        // In the first one's subnet the first one is the way.
        assert_eq!(routes(&ends[2]), ["10003 10.0.1.1/32 metric 0", "10003 0.0.0.0/0 via 10.0.1.1 metric 0"]);
        let rules: Vec<String> =
            ends.iter().flat_map(|end| &end.rules).map(|(from, table)| format!("{from} {table}")).collect();
        assert_eq!(rules, ["10.0.1.5 10000", "10.0.2.5 10001", "10.0.2.6 10001", "10.0.1.7 10003"]);
    }

    #[test]
    fn ipv6_goes_by_the_routers_one_address() {
        let own = || vec!["2001:db8:0:100::5".parse().unwrap()];
        let first = NicSpec { ipv6: own(), ..nic(0, "10.0.1.5", "10.0.1.0/24") };
        let end = guest_end(&first, std::slice::from_ref(&first));
        assert_eq!(routes(&end).last().unwrap(), "254 ::/0 via fe80::1 metric 0");
        assert_eq!(end.addresses, first.all_addresses().collect::<Vec<_>>());
        assert!(routes(&host_end(&first)).contains(&"254 2001:db8:0:100::5/128 metric 0".to_owned()));
        let all = [nic(0, "10.0.1.5", "10.0.1.0/24"), NicSpec { ipv6: own(), ..nic(1, "10.0.2.5", "10.0.2.0/24") }];
        let second = guest_end(&all[1], &all);
        for route in ["254 ::/0 via fe80::1 metric 0", "10001 ::/0 via fe80::1 metric 0"] {
            assert!(routes(&second).contains(&route.to_owned()), "{second:?}");
        }
        assert!(second.rules.contains(&(IpAddr::V6(own()[0]), 10_001)));
        assert!(!routes(&guest_end(&all[0], &all)).iter().any(|route| route.contains("::")));
    }

    #[test]
    fn the_host_knows_every_address_and_what_is_forwarded() {
        let mut router = nic(0, "10.0.1.5", "10.0.1.0/24");
        router.secondary = vec!["10.0.1.6".parse().unwrap()];
        router.forwards = BTreeSet::from([ForwardRoute { table: 77, destination: "10.9.0.0/16".parse().unwrap() }]);
        assert_eq!(
            routes(&host_end(&router)),
            ["254 10.0.1.5/32 metric 0", "254 10.0.1.6/32 metric 0", "77 10.9.0.0/16 via 10.0.1.5 metric 0"]
        );
    }
}
