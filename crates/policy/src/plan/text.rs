//! A plan as text to read: what tests compare and what an operator is shown.

use std::fmt;

use super::nft::{Joined, TablePlan};
use super::{Family, HostPlan, NamespacePlan, RouteKey, RoutePlan, TableNumber};

impl fmt::Display for RoutePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Via { gateway, link, source } => {
                write!(f, "via {gateway} on {link}")?;
                source.iter().try_for_each(|source| write!(f, " from {source}"))
            }
            Self::Link { link } => write!(f, "on {link}"),
            Self::Main => f.write_str("as main says"),
        }
    }
}

impl fmt::Display for RouteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.destination)?;
        if self.table == TableNumber::MAIN { Ok(()) } else { write!(f, " in {}", self.table) }
    }
}

impl fmt::Display for TablePlan {
    /// Sets with their elements, then chains with their rules.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  table inet {}", self.name)?;
        for (name, set) in &self.sets {
            let kind = if set.data.is_some() { "map" } else { "set" };
            writeln!(f, "    {kind} {name} {set}")?;
            for (element, data) in &set.elements {
                write!(f, "      {}", Joined(element, " . "))?;
                data.iter().try_for_each(|data| write!(f, " : {data}"))?;
                writeln!(f)?;
            }
        }
        for (name, family) in &self.flows {
            let of = if *family == Family::Ipv6 { " of IPv6" } else { "" };
            writeln!(f, "    flows {name}{of}")?;
        }
        for timeout in &self.timeouts {
            writeln!(f, "    ct timeout {timeout} {}", timeout.declaration())?;
        }
        for (name, chain) in &self.chains {
            write!(f, "    chain {name}")?;
            chain.base.iter().try_for_each(|base| write!(f, " {base}"))?;
            writeln!(f)?;
            for rule in &chain.rules {
                writeln!(f, "      {rule}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for NamespacePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (path, value) in &self.sysctls {
            writeln!(f, "  sysctl {path} = {value}")?;
        }
        for link in &self.up {
            writeln!(f, "  up {link}")?;
        }
        for (link, address) in &self.addresses {
            writeln!(f, "  address {address} on {link}")?;
        }
        for (family, table) in &self.tables {
            let of = if *family == Family::Ipv6 { " of IPv6" } else { "" };
            writeln!(f, "  mark {table}: table {table}{of}")?;
        }
        for key in &self.blackholes {
            writeln!(f, "  route {key} to nowhere")?;
        }
        for (key, route) in &self.routes {
            writeln!(f, "  route {key} {route}")?;
        }
        for (link, interface) in &self.interfaces {
            writeln!(f, "  interface {link} of {} for {}", interface.interface, Joined(&interface.addresses, ", "))?;
            for key in &interface.forwards {
                writeln!(f, "  route {key} by {link}")?;
            }
        }
        fmt::Display::fmt(&self.table, f)
    }
}

impl fmt::Display for HostPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for veth in &self.veths {
            let (near, far) = (&veth.near, &veth.far);
            writeln!(f, "link {} in {} to {} in {}", near.name, near.place, far.name, far.place)?;
        }
        for (place, namespace) in &self.namespaces {
            writeln!(f, "namespace {place}")?;
            fmt::Display::fmt(namespace, f)?;
        }
        Ok(())
    }
}
