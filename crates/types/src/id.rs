//! Resource ids: a prefix that names the kind and 17 hexadecimal digits.
//!
//! Form as the EC2 User Guide's page on resource ids gives it. The older form with 8 digits is read, too,
//! since clients still send it in tests; it never names a resource of ours.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid id {given:?}, expected \"{prefix}-...\"")]
pub struct ParseIdError {
    /// The text as it was given.
    pub given: String,
    /// The prefix that ids of the wanted kind carry, without the dash.
    pub prefix: &'static str,
}

/// How many bits of a number an id can hold: 17 hexadecimal digits.
pub const ID_BITS: u32 = 68;

fn parse_number(text: &str, prefix: &'static str) -> Result<u128, ParseIdError> {
    let bad = || ParseIdError { given: text.to_owned(), prefix };
    let digits = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-')).ok_or_else(bad)?;
    let well_formed = matches!(digits.len(), 8 | 17) && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !well_formed {
        return Err(bad());
    }
    u128::from_str_radix(digits, 16).map_err(|_| bad())
}

/// Writes an id in one go: long answers hold tens of thousands of them.
fn write_id(f: &mut fmt::Formatter<'_>, prefix: &str, number: u128) -> fmt::Result {
    const DIGITS: usize = ID_BITS as usize / 4;
    let mut text = [0; 64];
    let start = prefix.len() + 1;
    text[..prefix.len()].copy_from_slice(prefix.as_bytes());
    text[prefix.len()] = b'-';
    for (at, byte) in text[start..start + DIGITS].iter_mut().rev().enumerate() {
        *byte = b"0123456789abcdef"[(number >> (4 * at)) as usize & 15];
    }
    f.pad(std::str::from_utf8(&text[..start + DIGITS]).map_err(|_| fmt::Error)?)
}

macro_rules! resource_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// What ids of this kind begin with, without the dash.
            pub const PREFIX: &'static str = $prefix;

            /// The id with this number; bits beyond [`ID_BITS`] are dropped.
            pub const fn from_number(number: u128) -> Self {
                Self(number & ((1 << ID_BITS) - 1))
            }

            /// The number behind the prefix.
            pub const fn number(self) -> u128 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_id(f, $prefix, self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse_number(text, $prefix).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

resource_ids! {
    /// A virtual private cloud.
    VpcId = "vpc",
    /// A subnet.
    SubnetId = "subnet",
    /// An internet gateway.
    InternetGatewayId = "igw",
    /// A route table.
    RouteTableId = "rtb",
    /// The association of a route table with a subnet or a VPC.
    RouteTableAssociationId = "rtbassoc",
    /// A network ACL.
    NetworkAclId = "acl",
    /// The association of a network ACL with a subnet.
    NetworkAclAssociationId = "aclassoc",
    /// A set of DHCP options.
    DhcpOptionsId = "dopt",
    /// A security group.
    SecurityGroupId = "sg",
    /// One rule of a security group.
    SecurityGroupRuleId = "sgr",
    /// A network interface.
    NetworkInterfaceId = "eni",
    /// The attachment of a network interface to an instance.
    NetworkInterfaceAttachmentId = "eni-attach",
    /// An instance.
    InstanceId = "i",
    /// The reservation that one RunInstances call made.
    ReservationId = "r",
    /// A machine image.
    ImageId = "ami",
    /// A snapshot of a volume.
    SnapshotId = "snap",
    /// A volume.
    VolumeId = "vol",
    /// A key pair.
    KeyPairId = "key",
    /// An allocated Elastic IP address.
    AllocationId = "eipalloc",
    /// The association of an Elastic IP address with an interface.
    AddressAssociationId = "eipassoc",
    /// A further block of addresses of a VPC: its association.
    VpcCidrAssociationId = "vpc-cidr-assoc",
    /// An IPv6 block of a subnet: its association.
    SubnetCidrAssociationId = "subnet-cidr-assoc",
    /// A range of a subnet's addresses that is set aside.
    SubnetCidrReservationId = "scr",
    /// An egress-only internet gateway.
    EgressOnlyInternetGatewayId = "eigw",
    /// A NAT gateway.
    NatGatewayId = "nat",
    /// A VPC peering connection.
    VpcPeeringConnectionId = "pcx",
    /// A transit gateway.
    TransitGatewayId = "tgw",
    /// An attachment of something to a transit gateway.
    TransitGatewayAttachmentId = "tgw-attach",
    /// A route table of a transit gateway.
    TransitGatewayRouteTableId = "tgw-rtb",
    /// A virtual private gateway.
    VpnGatewayId = "vgw",
    /// A customer gateway.
    CustomerGatewayId = "cgw",
    /// A VPC endpoint.
    VpcEndpointId = "vpce",
    /// A flow log.
    FlowLogId = "fl",
    /// A prefix list.
    PrefixListId = "pl",
    /// A permission on a network interface.
    NetworkInterfacePermissionId = "eni-perm",
    /// An EC2 Instance Connect Endpoint.
    InstanceConnectEndpointId = "eice",
    /// A launch template.
    LaunchTemplateId = "lt",
    /// A Spot Instance request.
    SpotInstanceRequestId = "sir",
    /// An EC2 Fleet.
    FleetId = "fleet",
    /// A Spot Fleet request.
    SpotFleetRequestId = "sfr",
    /// A placement group.
    PlacementGroupId = "pg",
    /// A Dedicated Host.
    HostId = "h",
    /// A Capacity Reservation.
    CapacityReservationId = "cr",
    /// An instance's association with an IAM instance profile.
    IamInstanceProfileAssociationId = "iip-assoc",
    /// A task that imports an image.
    ImportImageTaskId = "import-ami",
    /// A task that imports a snapshot.
    ImportSnapshotTaskId = "import-snap",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_written() {
        let id = InstanceId::from_number(0xabc);
        assert_eq!(id.to_string(), "i-00000000000000abc");
        assert_eq!(format!("{id:>21}|"), "  i-00000000000000abc|");
        assert_eq!(InstanceId::from_number(u128::MAX).to_string(), "i-fffffffffffffffff");
        assert_eq!("i-00000000000000abc".parse(), Ok(id));
        assert_eq!(serde_json::from_str::<InstanceId>("\"i-00000000000000abc\"").unwrap(), id);
    }

    #[test]
    fn ids_of_another_kind_or_form_are_refused() {
        for text in
            ["", "i-", "i-xyz", "vpc-00000000000000abc", "i-00000000000000ABC", "i-0000000000000abc", "i-é0000000"]
        {
            assert!(text.parse::<InstanceId>().is_err(), "{text:?}");
        }
        assert!("eni-attach-00000000000000abc".parse::<NetworkInterfaceId>().is_err());
        assert!("i-12345678".parse::<InstanceId>().is_ok());
    }
}
