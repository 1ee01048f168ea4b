//! Which of several addresses takes the place of a source: the kernel's choice, to be told beforehand.
//!
//! `nft` calls it `jhash`: Bob Jenkins' hash as in `linux/jhash.h`, of the source and the destination. So the connections
//! of one machine with one server keep their address, as those of one that is asked by its caller's address must.

use std::net::Ipv4Addr;

/// What the hash begins with. Any number would do; one that is not told the kernel makes up.
pub const SEED: u32 = 1;

/// The one of several addresses that takes the place of a source on the way to a destination.
pub(crate) fn spread(addresses: &[Ipv4Addr], source: Ipv4Addr, destination: Ipv4Addr) -> Option<Ipv4Addr> {
    let hash = jhash(u32::from_le_bytes(source.octets()), u32::from_le_bytes(destination.octets()));
    // `reciprocal_scale`: as far along the addresses as the hash is along all numbers.
    let at = (u64::from(hash) * u64::try_from(addresses.len()).ok()?) >> 32;
    addresses.get(usize::try_from(at).ok()?).copied()
}

/// `jhash` of two words.
fn jhash(first: u32, second: u32) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(8).wrapping_add(SEED);
    let (mut a, mut b, mut c) = (start.wrapping_add(first), start.wrapping_add(second), start);
    // `__jhash_final`.
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}
