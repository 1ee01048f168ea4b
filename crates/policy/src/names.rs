//! The names of what a cloud makes in the kernel.
//!
//! Link names hold at most 15 bytes. They are made from the id alone, so that a program that knows the id finds the
//! link without asking anyone.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use types::{
    NatGatewayId, NetworkInterfaceId, TransitGatewayAttachmentId, TransitGatewayId, VpcId, VpcPeeringConnectionId,
};

/// A text that is not a cloud tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a cloud tag: eight lower-case hexadecimal digits")]
pub struct ParseTagError(pub String);

/// What tells the kernel objects of one cloud from those of another on the same machine: eight hexadecimal digits,
/// stable for a state directory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CloudTag(u32);

impl CloudTag {
    /// The tag with this number.
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The name of the link that leads from the operator's namespace to the edge, in the operator's namespace.
    pub fn operator_link(self) -> String {
        format!("dmn{self}")
    }

    /// The name of the nftables table in the operator's namespace, which other programs share.
    pub fn operator_table(self) -> String {
        format!("daemun_{self}")
    }

    /// What the names of all the cloud's namespaces begin with.
    pub fn namespace_prefix(self) -> String {
        format!("{self}-")
    }

    /// The name of the edge namespace below `/run/netns`.
    pub fn edge_namespace(self) -> String {
        format!("{self}-edge")
    }

    /// The name of a VPC's namespace below `/run/netns`.
    pub fn vpc_namespace(self, vpc: VpcId) -> String {
        format!("{self}-{vpc}")
    }

    /// The name of a NAT gateway's namespace below `/run/netns`.
    pub fn nat_namespace(self, gateway: NatGatewayId) -> String {
        format!("{self}-{gateway}")
    }

    /// The name of a transit gateway's namespace below `/run/netns`.
    pub fn transit_namespace(self, gateway: TransitGatewayId) -> String {
        format!("{self}-{gateway}")
    }
}

impl fmt::Display for CloudTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl fmt::Debug for CloudTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for CloudTag {
    type Err = ParseTagError;
    fn from_str(text: &str) -> Result<Self, ParseTagError> {
        let well_formed = text.len() == 8 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let number = well_formed.then(|| u32::from_str_radix(text, 16).ok()).flatten();
        number.map(Self).ok_or_else(|| ParseTagError(text.to_owned()))
    }
}

impl TryFrom<String> for CloudTag {
    type Error = ParseTagError;
    fn try_from(text: String) -> Result<Self, ParseTagError> {
        text.parse()
    }
}

impl From<CloudTag> for String {
    fn from(tag: CloudTag) -> Self {
        tag.to_string()
    }
}

/// The last eleven hexadecimal digits of an id's number: what fits into a link name behind three letters.
fn short(number: u128) -> String {
    format!("{:011x}", number & ((1 << 44) - 1))
}

/// The name of the host's end of a network interface, inside its VPC's namespace: `eni` and the last eleven digits of
/// the id. Two random ids share them once in 10^13; [`crate::plan()`] then leaves the second one out, shut.
pub fn eni_link_name(interface: NetworkInterfaceId) -> String {
    format!("eni{}", short(interface.number()))
}

/// The name of the edge's end of a VPC's internet gateway: `igw` and the last eleven digits of the VPC's id.
pub fn gateway_link_name(vpc: VpcId) -> String {
    format!("igw{}", short(vpc.number()))
}

/// The name of the edge's end of a VPC's egress-only internet gateway: `eig` and the last eleven digits of the VPC's id.
pub fn egress_only_link_name(vpc: VpcId) -> String {
    format!("eig{}", short(vpc.number()))
}

/// The name of both ends of a peering connection's link: `pcx` and the last eleven digits of its id.
pub fn peering_link_name(peering: VpcPeeringConnectionId) -> String {
    format!("pcx{}", short(peering.number()))
}

/// The name of both ends of the link of an attachment to a transit gateway: `tga` and the last eleven digits of its id.
pub fn transit_link_name(attachment: TransitGatewayAttachmentId) -> String {
    format!("tga{}", short(attachment.number()))
}

/// The number of the kernel's table for routes that read like this, which is also the mark of packets that it decides
/// about: beyond every number that the kernel or a program gives a meaning. It is made from the routes, so that other
/// routes are another table: it is made ready first, and chosen in the one transaction that changes the rules.
///
/// FNV-1a, folded to thirty bits. Of two tables of a VPC that shared a number by chance, [`crate::plan()`] leaves the
/// second one out, and its subnets reach their VPC alone.
pub(crate) fn route_table_number(routes: &str) -> u32 {
    let hash = routes
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    // Thirty bits always fit.
    0x4000_0000 | u32::try_from((hash ^ (hash >> 30)) & 0x3fff_ffff).unwrap_or_default()
}

/// Where among the kernel's routing rules those stand that choose a table by mark: behind the one for the machine's own
/// addresses, before the one for the main table.
pub const TABLE_PREFERENCE: u32 = 1000;

/// The name of a NAT gateway's own end of its interface.
pub const NAT_LINK: &str = "vpc";

/// The name of the VPC's end of its internet gateway.
pub const VPC_GATEWAY_LINK: &str = "igw";

/// The name of the VPC's end of its egress-only internet gateway.
pub const VPC_EGRESS_ONLY_LINK: &str = "eigw";

/// The name of the edge's end of the link to the operator.
pub const EDGE_OPERATOR_LINK: &str = "operator";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_names_fit_the_kernel() {
        let all = u128::MAX;
        for name in [
            eni_link_name(NetworkInterfaceId::from_number(all)),
            gateway_link_name(VpcId::from_number(all)),
            peering_link_name(VpcPeeringConnectionId::from_number(all)),
            transit_link_name(TransitGatewayAttachmentId::from_number(all)),
            CloudTag::from_number(u32::MAX).operator_link(),
        ] {
            assert!(name.len() <= 15, "{name}");
        }
        assert_eq!(eni_link_name(NetworkInterfaceId::from_number(0xabc)), "eni00000000abc");
    }

    #[test]
    fn tags_read_back() {
        let tag = CloudTag::from_number(0x1a2b);
        assert_eq!(tag.to_string().parse(), Ok(tag));
        assert_eq!(tag.vpc_namespace(VpcId::from_number(1)), "00001a2b-vpc-00000000000000001");
        for bad in ["", "1a2b", "00001A2B", "00001a2b0", "+0001a2b"] {
            assert!(bad.parse::<CloudTag>().is_err(), "{bad:?}");
        }
    }
}
