//! The names that instances have in the DNS.

use std::net::Ipv4Addr;

use types::Region;

use crate::resource::Instance;

pub use crate::seed::{internal_domain, public_domain};

fn dashed(prefix: &str, ip: Ipv4Addr) -> String {
    let [a, b, c, d] = ip.octets();
    format!("{prefix}-{a}-{b}-{c}-{d}")
}

/// The host part of an instance's private name: `ip-10-0-0-5`.
pub fn private_host_name(ip: Ipv4Addr) -> String {
    dashed("ip", ip)
}

/// The private DNS name of an instance: `ip-10-0-0-5.ec2.internal`.
pub fn private_dns_name(region: &Region, ip: Ipv4Addr) -> String {
    format!("{}.{}", private_host_name(ip), internal_domain(region))
}

/// The public DNS name of an address: `ec2-1-2-3-4.compute-1.amazonaws.com`.
pub fn public_dns_name(region: &Region, ip: Ipv4Addr) -> String {
    format!("{}.{}", dashed("ec2", ip), public_domain(region))
}

/// The host part of the private name of an instance with this primary address: its id or its address, as it is set.
pub fn instance_host_name(instance: &Instance, ip: Ipv4Addr) -> String {
    if instance.options.private_dns.resource_name { instance.id.to_string() } else { private_host_name(ip) }
}

/// The private DNS name of an instance with this primary address.
pub fn instance_dns_name(region: &Region, instance: &Instance, ip: Ipv4Addr) -> String {
    format!("{}.{}", instance_host_name(instance, ip), internal_domain(region))
}
