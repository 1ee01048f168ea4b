//! The command that removes an obstacle: AWS CLI words, ready to be typed.

use cloud::Tables;
use policy::{Component, Direction, Endpoint, Packet, Reason, Stage, Topology, Traffic};
use types::{Cidr, InstanceId, Ipv4Cidr, Ipv6Cidr, NetworkAclId, RouteTableId, SecurityGroupId};

/// What is called, and by whom, as a remedy needs it.
pub(crate) struct Case<'a> {
    pub(crate) tables: &'a Tables,
    pub(crate) topology: &'a Topology,
    /// The packet that meets the obstacle: the call, or the answer to it.
    pub(crate) packet: Packet,
    /// Whether that is the answer.
    pub(crate) is_answer: bool,
    /// The instance that is called.
    pub(crate) instance: Option<InstanceId>,
    /// Whether the caller stands for anyone on the internet, for whom a rule is to be.
    pub(crate) is_from_anyone: bool,
}

impl Case<'_> {
    /// The command for the network's obstacle at this stage; `None` where no single command helps.
    pub(crate) fn command(&self, stage: &Stage) -> Option<String> {
        match &stage.reason {
            Reason::NoRule { direction, groups } => self.rule(*direction, *groups.first()?),
            Reason::AclDenies { direction, acl, number } => self.acl_entry(*direction, (*acl)?, *number),
            Reason::NoRouteBack { table: Some(table) } => self.way_out(*table, Component::Gateway, stage.at),
            Reason::NoRoute { table: Some(table) } => match stage.at {
                Component::Router(vpc) => self.route(*table, vpc),
                _ => None,
            },
            Reason::Detached => Some(format!(
                "aws ec2 start-instances --instance-ids {}",
                self.instance_at(stage.at).or(self.instance)?
            )),
            Reason::NoPublicAddress => Some(associate(self.instance_at(stage.at)?)),
            Reason::SpoofedSource { .. } => match stage.at {
                Component::Interface(id) => Some(format!(
                    "aws ec2 modify-network-interface-attribute --network-interface-id {id} --no-source-dest-check"
                )),
                _ => None,
            },
            _ => None,
        }
    }

    fn instance_at(&self, at: Component) -> Option<InstanceId> {
        let id = match (at, self.packet.from) {
            (Component::Interface(id), _) | (_, Endpoint::Interface(id)) => id,
            _ => return None,
        };
        Some(self.tables.interfaces.get(&id)?.attachment.as_ref()?.instance)
    }

    /// The caller's or the called one's address as a rule names it: everyone's where the caller stands for everyone.
    fn peer(&self, direction: Direction) -> Cidr {
        let address = match direction {
            Direction::Ingress => self.packet.source,
            Direction::Egress => self.packet.to,
        };
        // The caller is the source of the call, and the destination of the answer.
        let is_caller = (direction == Direction::Egress) == self.is_answer;
        match (self.is_from_anyone && is_caller, address.is_ipv4()) {
            (false, _) => Cidr::host(address),
            (true, true) => Ipv4Cidr::ANY.into(),
            (true, false) => Ipv6Cidr::ANY.into(),
        }
    }

    /// `--protocol … --port …`.
    fn traffic(&self) -> String {
        match self.packet.traffic {
            Traffic::Tcp(port) => format!("--protocol tcp --port {port}"),
            Traffic::Udp(port) => format!("--protocol udp --port {port}"),
            Traffic::Icmp { kind, .. } => format!("--protocol icmp --port {kind}"),
            Traffic::Icmpv6 { .. } => "--protocol icmpv6".to_owned(),
            Traffic::Other(number) => format!("--protocol {number}"),
        }
    }

    fn rule(&self, direction: Direction, group: SecurityGroupId) -> Option<String> {
        let peer = self.peer(direction);
        let action = match direction {
            Direction::Ingress => "authorize-security-group-ingress",
            Direction::Egress => "authorize-security-group-egress",
        };
        if peer.ipv6().is_some() || direction == Direction::Egress {
            let (protocol, ports) = match self.packet.traffic {
                Traffic::Tcp(port) => ("tcp".to_owned(), Some((port, port))),
                Traffic::Udp(port) => ("udp".to_owned(), Some((port, port))),
                Traffic::Icmp { kind, code } => ("icmp".to_owned(), Some((kind.into(), code.into()))),
                Traffic::Icmpv6 { kind, code } => ("icmpv6".to_owned(), Some((kind.into(), code.into()))),
                Traffic::Other(number) => (number.to_string(), None),
            };
            let ports = ports.map(|(from, to)| format!("FromPort={from},ToPort={to},")).unwrap_or_default();
            let ranges = match peer {
                Cidr::Ipv4(block) => format!("IpRanges=[{{CidrIp={block}}}]"),
                Cidr::Ipv6(block) => format!("Ipv6Ranges=[{{CidrIpv6={block}}}]"),
            };
            return Some(format!(
                "aws ec2 {action} --group-id {group} --ip-permissions 'IpProtocol={protocol},{ports}{ranges}'"
            ));
        }
        Some(format!("aws ec2 {action} --group-id {group} {} --cidr {peer}", self.traffic()))
    }

    /// An entry before the one that denies.
    fn acl_entry(&self, direction: Direction, acl: NetworkAclId, denies: Option<u16>) -> Option<String> {
        let entries = self.topology.acls.get(&acl)?.entries(direction);
        let taken = |number: &u16| entries.iter().any(|entry| entry.number == *number);
        let limit = denies.unwrap_or(32_767);
        // Some room between, as people number them, where there is some.
        let before = entries.iter().map(|entry| entry.number).filter(|number| *number < limit).max().unwrap_or(0);
        let number = match denies {
            None => before.saturating_add(100).min(32_766),
            Some(limit) => before + (limit - before) / 2,
        };
        let number = (1..limit).contains(&number).then_some(number).filter(|n| !taken(n));
        let number = number.or_else(|| (1..limit).rev().find(|number| !taken(number)))?;
        let peer = self.peer(direction);
        let flag = match direction {
            Direction::Ingress => "--ingress",
            Direction::Egress => "--egress",
        };
        // What answers go to is a port that the caller's system chose.
        let ports = |port: u16| match self.is_answer {
            true => " --port-range From=1024,To=65535".to_owned(),
            false => format!(" --port-range From={port},To={port}"),
        };
        let (protocol, ports) = match self.packet.traffic {
            Traffic::Tcp(port) => ("6".to_owned(), ports(port)),
            Traffic::Udp(port) => ("17".to_owned(), ports(port)),
            Traffic::Icmp { .. } => ("1".to_owned(), " --icmp-type-code Type=-1,Code=-1".to_owned()),
            Traffic::Icmpv6 { .. } => ("58".to_owned(), " --icmp-type-code Type=-1,Code=-1".to_owned()),
            Traffic::Other(number) => (number.to_string(), String::new()),
        };
        let block = if peer.ipv4().is_some() { "--cidr-block" } else { "--ipv6-cidr-block" };
        Some(format!(
            "aws ec2 create-network-acl-entry --network-acl-id {acl} {flag} --rule-number {number} \
             --protocol {protocol}{ports} {block} {peer} --rule-action allow"
        ))
    }

    /// A default route to the internet gateway.
    fn way_out(
        &self,
        table: RouteTableId,
        gateway: impl Fn(types::VpcId) -> Component,
        at: Component,
    ) -> Option<String> {
        let vpc = self.topology.vpcs.iter().find(|(id, _)| gateway(**id) == at).map(|(_, vpc)| vpc);
        let vpc = vpc.or_else(|| self.topology.vpcs.get(&self.tables.route_tables.get(&table)?.vpc))?;
        let gateway = vpc.internet_gateway?;
        let destination = if self.packet.source.is_ipv4() {
            "--destination-cidr-block 0.0.0.0/0"
        } else {
            "--destination-ipv6-cidr-block ::/0"
        };
        Some(format!("aws ec2 create-route --route-table-id {table} {destination} --gateway-id {gateway}"))
    }

    /// A route to where the packet goes: to a peered VPC that has the address, or out.
    fn route(&self, table: RouteTableId, vpc: types::VpcId) -> Option<String> {
        let holds = |other: &types::VpcId| self.topology.vpcs.get(other).is_some_and(|it| it.contains(self.packet.to));
        if let Some((peering, other)) = self.topology.peers(vpc).find(|(_, other)| holds(other)) {
            let block = self.topology.vpcs.get(&other)?.blocks().find(|block| block.contains(self.packet.to))?;
            return Some(format!(
                "aws ec2 create-route --route-table-id {table} --destination-cidr-block {block} \
                 --vpc-peering-connection-id {peering}"
            ));
        }
        if self.topology.vpcs.keys().any(holds) {
            return None;
        }
        self.way_out(table, Component::Router, Component::Router(vpc))
    }
}

/// A public address for an instance that has none.
pub(crate) fn associate(instance: InstanceId) -> String {
    format!(
        "aws ec2 associate-address --instance-id {instance} --allocation-id \
         $(aws ec2 allocate-address --query AllocationId --output text)"
    )
}
