//! Blocks of addresses that no internet gateway forwards.

use std::net::{Ipv4Addr, Ipv6Addr};

use types::{Ipv4Cidr, Ipv6Cidr};

/// Private (RFC 1918) and shared (RFC 6598) addresses, which AWS's internet gateways drop by their documentation, and
/// this-network, loopback, link-local and multicast ones, which no router forwards.
const BLOCKS: [([u8; 4], u8); 9] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 168, 0, 0], 16),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// Those blocks, without the cloud's own public addresses: the operator may have chosen them from a private range.
pub(crate) fn unroutable(pool: Ipv4Cidr) -> Vec<Ipv4Cidr> {
    let blocks = BLOCKS.iter().filter_map(|(address, length)| Ipv4Cidr::new(Ipv4Addr::from(*address), *length));
    blocks.flat_map(|block| without(block, pool)).collect()
}

/// What an internet gateway takes no packet from, and forwards none to: those blocks and the VPC's own, which may be
/// public ones. No two overlap.
pub(crate) fn from_nowhere(pool: Ipv4Cidr, vpc: &[Ipv4Cidr]) -> Vec<Ipv4Cidr> {
    let mut blocks = unroutable(pool);
    blocks.extend(vpc.iter().filter(|cidr| !cidr.overlaps(pool)));
    without_contained(blocks)
}

/// Those blocks that are in no other one.
fn without_contained(mut blocks: Vec<Ipv4Cidr>) -> Vec<Ipv4Cidr> {
    blocks.sort_unstable();
    blocks.dedup();
    let all = blocks.clone();
    blocks.retain(|block| !all.iter().any(|other| other != block && other.contains_cidr(*block)));
    blocks
}

/// This-network, loopback, link-local and multicast addresses, which no router forwards from or to.
pub(crate) fn never_routed() -> Vec<Ipv4Cidr> {
    const NEVER: [([u8; 4], u8); 5] =
        [([0, 0, 0, 0], 8), ([127, 0, 0, 0], 8), ([169, 254, 0, 0], 16), ([224, 0, 0, 0], 4), ([240, 0, 0, 0], 4)];
    NEVER.iter().filter_map(|(address, length)| Ipv4Cidr::new(Ipv4Addr::from(*address), *length)).collect()
}

/// What a VPC takes no packet from that comes from a transit gateway: those, and its own blocks. No two overlap.
pub(crate) fn not_from_transit(vpc: &[Ipv4Cidr]) -> Vec<Ipv4Cidr> {
    let mut blocks = never_routed();
    blocks.extend(vpc);
    without_contained(blocks)
}

/// What an internet gateway takes no IPv6 packet from, and forwards none to: what is no address of a host or of the
/// internet's (loopback, mapped IPv4 and the rest of `::/8`; unique local, RFC 4193; link- and site-local; multicast),
/// and the VPC's own.
pub(crate) fn ipv6_from_nowhere(vpc: &[Ipv6Cidr]) -> Vec<Ipv6Cidr> {
    const BLOCKS: [(u16, u8); 5] = [(0, 8), (0xfc00, 7), (0xfe80, 10), (0xfec0, 10), (0xff00, 8)];
    ipv6_blocks(&BLOCKS).chain(vpc.iter().copied()).collect()
}

/// What no router forwards from or to: no address at all, loopback, mapped IPv4, link-local and multicast addresses.
pub(crate) fn ipv6_never_routed() -> Vec<Ipv6Cidr> {
    let none_and_loopback = Ipv6Cidr::new(Ipv6Addr::UNSPECIFIED, 127);
    let mapped = Ipv6Cidr::new(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped(), 96);
    let others = ipv6_blocks(&[(0xfe80, 10), (0xff00, 8)]);
    none_and_loopback.into_iter().chain(mapped).chain(others).collect()
}

/// What a VPC takes no IPv6 packet from that comes from a transit gateway: those, and its own blocks.
pub(crate) fn ipv6_not_from_transit(vpc: &[Ipv6Cidr]) -> Vec<Ipv6Cidr> {
    let mut blocks = ipv6_never_routed();
    blocks.extend(vpc);
    blocks
}

/// Blocks by the first two bytes and the length of each.
fn ipv6_blocks(blocks: &[(u16, u8)]) -> impl Iterator<Item = Ipv6Cidr> {
    let block = |(first, length): &(u16, u8)| Ipv6Cidr::new(Ipv6Addr::new(*first, 0, 0, 0, 0, 0, 0, 0), *length);
    blocks.iter().filter_map(block)
}

/// A block without another one, as blocks.
fn without(block: Ipv4Cidr, hole: Ipv4Cidr) -> Vec<Ipv4Cidr> {
    if hole.contains_cidr(block) {
        return Vec::new();
    }
    if !block.contains_cidr(hole) {
        return vec![block];
    }
    let length = block.prefix_len() + 1;
    let upper_half = u32::from(block.first()) | (1u32 << (32 - u32::from(length)));
    let halves = [Ipv4Cidr::new(block.first(), length), Ipv4Cidr::new(Ipv4Addr::from(upper_half), length)];
    halves.into_iter().flatten().flat_map(|half| without(half, hole)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_in_a_private_range_is_left_out_of_it() {
        let pool: Ipv4Cidr = "10.128.0.0/10".parse().unwrap();
        let blocks = unroutable(pool);
        let holds = |address: [u8; 4]| blocks.iter().any(|block| block.contains(Ipv4Addr::from(address)));
        assert!(!holds([10, 128, 0, 1]) && holds([10, 0, 0, 1]) && holds([10, 192, 0, 0]));
        assert!(blocks.contains(&"10.0.0.0/9".parse().unwrap()) && blocks.contains(&"10.192.0.0/10".parse().unwrap()));
        let elsewhere = unroutable("198.18.0.0/16".parse().unwrap());
        assert_eq!(elsewhere.len(), BLOCKS.len());
    }

    #[test]
    fn a_vpc_of_public_addresses_is_from_nowhere_too() {
        let pool = "198.18.0.0/16".parse().unwrap();
        let vpc = ["8.8.0.0/16", "172.31.0.0/16"].map(|cidr| cidr.parse().unwrap());
        let blocks = from_nowhere(pool, &vpc);
        assert_eq!(blocks.len(), BLOCKS.len() + 1);
        assert!(blocks.contains(&vpc[0]) && !blocks.contains(&vpc[1]));
    }
}
