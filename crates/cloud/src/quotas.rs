//! How much of each thing a region may have: AWS's default quotas, and a way to raise them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::context::Context;
use crate::error::ApiError;

macro_rules! quotas {
    ($($(#[$doc:meta])* $variant:ident $name:literal = $default:literal, $code:literal $message:literal;)*) => {
        /// A limit on how much there may be of something.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Quota { $($(#[$doc])* $variant,)* }

        impl Quota {
            /// Every quota, by name.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// What it is on AWS unless raised.
            pub const fn default_value(self) -> u32 {
                match self { $(Self::$variant => $default),* }
            }

            /// The error of a request that would go over it.
            pub fn exceeded(self) -> ApiError {
                match self { $(Self::$variant => ApiError::new($code, $message)),* }
            }
        }
    };
}

quotas! {
    /// Customer gateways in a region.
    CustomerGateways "customer-gateways" = 50,
        "CustomerGatewayLimitExceeded" "The maximum number of customer gateways has been reached.";
    /// Egress-only internet gateways in a region.
    EgressOnlyInternetGateways "egress-only-internet-gateways" = 5,
        "EgressOnlyInternetGatewayLimitExceeded" "The maximum number of egress-only internet gateways has been reached.";
    /// Elastic IP addresses in a region.
    ElasticIps "elastic-ips" = 5,
        "AddressLimitExceeded" "The maximum number of addresses has been reached.";
    /// Elastic IP addresses of a NAT gateway.
    ElasticIpsPerNatGateway "elastic-ips-per-nat-gateway" = 2,
        "AddressLimitExceeded" "The maximum number of Elastic IP addresses for the NAT gateway has been reached.";
    /// Entries of a network ACL in one direction.
    EntriesPerNetworkAcl "entries-per-network-acl" = 20,
        "NetworkAclEntryLimitExceeded" "The maximum number of network acl entries has been reached.";
    /// Gateway endpoints in a region.
    GatewayVpcEndpoints "gateway-vpc-endpoints" = 20,
        "VpcEndpointLimitExceeded" "The maximum number of VPC endpoints has been reached.";
    /// Internet gateways in a region.
    InternetGateways "internet-gateways" = 5,
        "InternetGatewayLimitExceeded" "The maximum number of internet gateways has been reached.";
    /// IPv4 blocks of a VPC.
    Ipv4CidrsPerVpc "ipv4-cidrs-per-vpc" = 5,
        "CidrLimitExceeded" "The maximum number of CIDR blocks for the VPC has been reached.";
    /// Key pairs in a region.
    KeyPairs "key-pairs" = 5_000,
        "KeyPairLimitExceeded" "The maximum number of key pairs has been reached.";
    /// Launch templates in a region.
    LaunchTemplates "launch-templates" = 5_000,
        "LaunchTemplateLimitExceeded" "The maximum number of launch templates has been reached.";
    /// NAT gateways in a zone.
    NatGatewaysPerZone "nat-gateways-per-zone" = 5,
        "NatGatewayLimitExceeded" "The maximum number of NAT gateways for the Availability Zone has been reached.";
    /// Network ACLs in a VPC.
    NetworkAclsPerVpc "network-acls-per-vpc" = 200,
        "NetworkAclLimitExceeded" "The maximum number of network ACLs has been reached.";
    /// Network interfaces in a region.
    NetworkInterfaces "network-interfaces" = 20_000,
        "NetworkInterfaceLimitExceeded" "The maximum number of network interfaces has been reached.";
    /// Peering connections of a VPC.
    PeeringsPerVpc "peerings-per-vpc" = 50,
        "VpcPeeringConnectionLimitExceeded" "The maximum number of VPC peering connections has been reached.";
    /// Private addresses of a private NAT gateway.
    PrivateIpsPerNatGateway "private-ips-per-nat-gateway" = 8,
        "PrivateIpAddressLimitExceeded" "The maximum number of private IP addresses for the NAT gateway has been reached.";
    /// Route tables in a VPC.
    RouteTablesPerVpc "route-tables-per-vpc" = 200,
        "RouteTableLimitExceeded" "The maximum number of route tables has been reached.";
    /// Routes in a table that were put there by hand.
    RoutesPerTable "routes-per-table" = 500,
        "RouteLimitExceeded" "The maximum number of routes has been reached.";
    /// Rules of a group in one direction, for each family of addresses.
    RulesPerSecurityGroup "rules-per-security-group" = 60,
        "RulesPerSecurityGroupLimitExceeded" "The maximum number of rules per security group has been reached.";
    /// Security groups in a region.
    SecurityGroups "security-groups" = 2_500,
        "SecurityGroupLimitExceeded" "The maximum number of security groups has been reached.";
    /// Security groups of an interface.
    SecurityGroupsPerInterface "security-groups-per-interface" = 5,
        "SecurityGroupsPerInterfaceLimitExceeded"
        "The maximum number of security groups per interface has been reached.";
    /// Snapshots of one volume that are pending.
    PendingSnapshotsPerVolume "pending-snapshots-per-volume" = 5,
        "ConcurrentSnapshotLimitExceeded" "Maximum allowed in-progress snapshots for a single volume exceeded.";
    /// Subnets in a VPC.
    SubnetsPerVpc "subnets-per-vpc" = 200,
        "SubnetLimitExceeded" "The maximum number of subnets has been reached.";
    /// Transit gateways in a region.
    TransitGateways "transit-gateways" = 5,
        "TransitGatewayLimitExceeded" "The maximum number of transit gateways has been reached.";
    /// Attachments of a transit gateway.
    AttachmentsPerTransitGateway "attachments-per-transit-gateway" = 5_000,
        "TransitGatewayAttachmentLimitExceeded"
        "The maximum number of attachments for the transit gateway has been reached.";
    /// Transit gateways that a VPC is attached to.
    TransitGatewaysPerVpc "transit-gateways-per-vpc" = 5,
        "TransitGatewayAttachmentLimitExceeded"
        "The maximum number of transit gateway attachments for the VPC has been reached.";
    /// Route tables of a transit gateway.
    RouteTablesPerTransitGateway "route-tables-per-transit-gateway" = 20,
        "TransitGatewayRouteTableLimitExceeded"
        "The maximum number of route tables for the transit gateway has been reached.";
    /// Static routes of a transit gateway, in all its tables.
    RoutesPerTransitGateway "routes-per-transit-gateway" = 10_000,
        "TransitGatewayRouteLimitExceeded"
        "The maximum number of static routes for the transit gateway has been reached.";
    /// Volumes in a region.
    Volumes "volumes" = 50_000,
        "VolumeLimitExceeded" "The maximum number of volumes has been reached.";
    /// VPCs in a region.
    Vpcs "vpcs" = 5,
        "VpcLimitExceeded" "The maximum number of VPCs has been reached.";
    /// VPN gateways in a region.
    VpnGateways "vpn-gateways" = 5,
        "VpnGatewayLimitExceeded" "The maximum number of virtual private gateways has been reached.";
}

/// The quotas in force: the defaults, but for those that were set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quotas {
    set: BTreeMap<Quota, u32>,
}

impl Quotas {
    /// Sets one.
    pub fn set(&mut self, quota: Quota, value: u32) {
        self.set.insert(quota, value);
    }

    /// Those that were set.
    pub fn all_set(&self) -> impl Iterator<Item = (Quota, u32)> + '_ {
        self.set.iter().map(|(quota, value)| (*quota, *value))
    }

    /// The value in force.
    pub fn get(&self, quota: Quota) -> u32 {
        self.set.get(&quota).copied().unwrap_or_else(|| quota.default_value())
    }
}

/// Checks that one more than `present` is allowed.
///
/// # Errors
/// The quota's own.
pub fn check(context: &Context, quota: Quota, present: usize) -> Result<(), ApiError> {
    let allowed = usize::try_from(context.config.quotas.get(quota)).unwrap_or(usize::MAX);
    if present < allowed { Ok(()) } else { Err(quota.exceeded()) }
}

/// A quota and the value it is set to: `vpcs=50`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaSetting {
    /// Which.
    pub quota: Quota,
    /// To what.
    pub value: u32,
}

/// A text that is not `NAME=VALUE` with the name of a quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseQuotaError(String);

impl fmt::Display for ParseQuotaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Quota::ALL.iter().map(|quota| quota.name()).collect();
        write!(f, "{:?} is not NAME=VALUE with one of these names: {}", self.0, names.join(", "))
    }
}

impl std::error::Error for ParseQuotaError {}

impl FromStr for QuotaSetting {
    type Err = ParseQuotaError;

    fn from_str(text: &str) -> Result<Self, ParseQuotaError> {
        let read = || {
            let (name, value) = text.split_once('=')?;
            let quota = Quota::ALL.iter().copied().find(|quota| quota.name() == name)?;
            Some(Self { quota, value: value.parse().ok()? })
        };
        read().ok_or_else(|| ParseQuotaError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_the_default_until_it_is_set() {
        let mut quotas = Quotas::default();
        assert_eq!(quotas.get(Quota::Vpcs), 5);
        let setting: QuotaSetting = "vpcs=50".parse().unwrap();
        quotas.set(setting.quota, setting.value);
        assert_eq!((quotas.get(Quota::Vpcs), quotas.get(Quota::Volumes)), (50, 50_000));
        for bad in ["vpcs", "vpcs=", "vpcs=-1", "vpc=5", "=5", ""] {
            assert!(bad.parse::<QuotaSetting>().is_err(), "{bad}");
        }
    }
}
