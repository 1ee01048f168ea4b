//! The names that instances have in the DNS.

use std::net::Ipv4Addr;

use types::Region;

use crate::resource::Instance;

pub use crate::seed::{internal_domain, public_domain};

/// A prefix, the four numbers of an address after dashes, and an end. Every answer about an instance has several such
/// names, so their digits are set and not formatted.
fn dashed(prefix: &str, ip: Ipv4Addr, end: &[&str]) -> String {
    let mut name = String::with_capacity(prefix.len() + 16 + end.iter().map(|part| part.len()).sum::<usize>());
    name.push_str(prefix);
    for number in ip.octets() {
        name.push('-');
        let digit = |value: u8| char::from(b'0' + value % 10);
        if number >= 100 {
            name.push(digit(number / 100));
        }
        if number >= 10 {
            name.push(digit(number / 10));
        }
        name.push(digit(number));
    }
    end.iter().for_each(|part| name.push_str(part));
    name
}

/// The host part of an instance's private name: `ip-10-0-0-5`.
pub fn private_host_name(ip: Ipv4Addr) -> String {
    dashed("ip", ip, &[])
}

/// The private DNS name of an instance: `ip-10-0-0-5.ec2.internal`.
pub fn private_dns_name(region: &Region, ip: Ipv4Addr) -> String {
    dashed("ip", ip, &[".", &internal_domain(region)])
}

/// The public DNS name of an address: `ec2-1-2-3-4.compute-1.amazonaws.com`.
pub fn public_dns_name(region: &Region, ip: Ipv4Addr) -> String {
    dashed("ec2", ip, &[".", &public_domain(region)])
}

/// The host part of the private name of an instance with this primary address: its id or its address, as it is set.
pub fn instance_host_name(instance: &Instance, ip: Ipv4Addr) -> String {
    if instance.options.private_dns.resource_name { instance.id.to_string() } else { private_host_name(ip) }
}

/// The private DNS name of an instance with this primary address.
pub fn instance_dns_name(region: &Region, instance: &Instance, ip: Ipv4Addr) -> String {
    format!("{}.{}", instance_host_name(instance, ip), internal_domain(region))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_length() {
        let region: Region = "eu-west-1".parse().unwrap();
        for (ip, name) in [([10, 0, 0, 5], "ip-10-0-0-5"), ([255, 9, 99, 100], "ip-255-9-99-100")] {
            assert_eq!(private_host_name(ip.into()), name);
            assert_eq!(private_dns_name(&region, ip.into()), format!("{name}.eu-west-1.compute.internal"));
        }
        let first: Region = "us-east-1".parse().unwrap();
        assert_eq!(public_dns_name(&first, [1, 2, 3, 4].into()), "ec2-1-2-3-4.compute-1.amazonaws.com");
    }
}
