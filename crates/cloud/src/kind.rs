//! The kinds of resources that requests name by id: one line each, with the words EC2 has for it.
//!
//! Everything that speaks of resources by id goes by this table: looking them up, their errors, their tags.
//! Codes follow the error code page of the API reference, nouns the messages that AWS is seen to send.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use imbl::OrdMap;
use types::*;

use crate::error::ApiError;
use crate::resource::*;
use crate::state::Tables;

/// What EC2 calls a kind of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// What its ids begin with.
    pub prefix: &'static str,
    /// Its type in tag specifications, such as `vpc`.
    pub resource_type: &'static str,
    /// How error messages call its id, such as `vpc ID`.
    pub noun: &'static str,
    /// The code for a text that is no id of the kind.
    pub malformed: &'static str,
    /// The code for an id that names nothing.
    pub not_found: &'static str,
}

impl Kind {
    /// The error for a text that is no id of this kind.
    pub fn malformed(&self, text: &str) -> ApiError {
        ApiError::new(self.malformed, format!("Invalid id: \"{text}\" (expecting \"{}-...\")", self.prefix))
    }

    /// The error for ids that name nothing, in EC2's words.
    pub fn not_found(&self, missing: &[impl AsRef<str>]) -> ApiError {
        let ids = missing.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
        let noun = self.noun;
        // Transit gateways and what belongs to them have words of their own.
        if noun.starts_with("Transit Gateway") {
            return ApiError::new(self.not_found, format!("{noun} {ids} was deleted or does not exist."));
        }
        // Of all kinds, EC2 closes the sentence for these two alone.
        let stop = if matches!(noun, "volume" | "snapshot") { "." } else { "" };
        ApiError::new(
            self.not_found,
            match missing {
                [_, _, ..] => format!("The {noun}s '{ids}' do not exist{stop}"),
                _ => format!("The {noun} '{ids}' does not exist{stop}"),
            },
        )
    }
}

/// A resource that requests name by its id.
pub trait Resource: Sized + Send + Sync + 'static {
    /// The type of its id.
    type Id: FromStr + Display + Ord + Clone;

    /// What EC2 calls it.
    const KIND: Kind;

    /// Where a region keeps resources of this kind.
    fn table(tables: &Tables) -> &OrdMap<Self::Id, Arc<Self>>;
}

/// Whether a region has a resource; `None` for a text that is no id of the kind.
pub(crate) type Exists = fn(&Tables, &str) -> Option<bool>;

macro_rules! kinds {
    ($($record:ident by $id:ident in $table:ident: $type:literal, $noun:literal, $malformed:literal, $not_found:literal;)*) => {
        $(impl Resource for $record {
            type Id = $id;

            const KIND: Kind = Kind {
                prefix: $id::PREFIX,
                resource_type: $type,
                noun: $noun,
                malformed: $malformed,
                not_found: $not_found,
            };

            fn table(tables: &Tables) -> &OrdMap<$id, Arc<Self>> {
                &tables.$table
            }
        })*

        /// Every kind, with how to see whether a resource exists.
        pub(crate) const KINDS: &[(Kind, Exists)] = &[$((
            <$record as Resource>::KIND,
            |tables, id| id.parse::<$id>().ok().map(|id| tables.$table.contains_key(&id)),
        ),)*];
    };
}

kinds! {
    Vpc by VpcId in vpcs:
        "vpc", "vpc ID", "InvalidVpcID.Malformed", "InvalidVpcID.NotFound";
    Subnet by SubnetId in subnets:
        "subnet", "subnet ID", "InvalidSubnetID.Malformed", "InvalidSubnetID.NotFound";
    InternetGateway by InternetGatewayId in internet_gateways:
        "internet-gateway", "internetGateway ID",
        "InvalidInternetGatewayId.Malformed", "InvalidInternetGatewayID.NotFound";
    EgressOnlyInternetGateway by EgressOnlyInternetGatewayId in egress_only_internet_gateways:
        "egress-only-internet-gateway", "eigw ID",
        "InvalidEgressOnlyInternetGatewayId.Malformed", "InvalidGatewayID.NotFound";
    SubnetCidrReservation by SubnetCidrReservationId in subnet_cidr_reservations:
        "subnet-cidr-reservation", "subnet CIDR reservation ID",
        "InvalidSubnetCidrReservationId.Malformed", "InvalidSubnetCidrReservationID.NotFound";
    RouteTable by RouteTableId in route_tables:
        "route-table", "routeTable ID", "InvalidRouteTableId.Malformed", "InvalidRouteTableID.NotFound";
    NetworkAcl by NetworkAclId in network_acls:
        "network-acl", "networkAcl ID", "InvalidNetworkAclId.Malformed", "InvalidNetworkAclID.NotFound";
    PrefixList by PrefixListId in prefix_lists:
        "prefix-list", "prefix list ID", "InvalidPrefixListId.Malformed", "InvalidPrefixListID.NotFound";
    DhcpOptions by DhcpOptionsId in dhcp_options:
        "dhcp-options", "dhcpOption ID", "InvalidDhcpOptionsId.Malformed", "InvalidDhcpOptionID.NotFound";
    SecurityGroup by SecurityGroupId in security_groups:
        "security-group", "security group", "InvalidGroupId.Malformed", "InvalidGroup.NotFound";
    NetworkInterface by NetworkInterfaceId in interfaces:
        "network-interface", "networkInterface ID",
        "InvalidNetworkInterfaceId.Malformed", "InvalidNetworkInterfaceID.NotFound";
    Address by AllocationId in addresses:
        "elastic-ip", "allocation ID", "InvalidAllocationID.Malformed", "InvalidAllocationID.NotFound";
    NatGateway by NatGatewayId in nat_gateways:
        "natgateway", "NatGateway", "NatGatewayMalformed", "NatGatewayNotFound";
    VpcPeeringConnection by VpcPeeringConnectionId in peerings:
        "vpc-peering-connection", "vpcPeeringConnection ID",
        "InvalidVpcPeeringConnectionId.Malformed", "InvalidVpcPeeringConnectionID.NotFound";
    VpnGateway by VpnGatewayId in vpn_gateways:
        "vpn-gateway", "vpnGateway ID", "InvalidVpnGatewayId.Malformed", "InvalidVpnGatewayID.NotFound";
    CustomerGateway by CustomerGatewayId in customer_gateways:
        "customer-gateway", "customerGateway ID",
        "InvalidCustomerGatewayId.Malformed", "InvalidCustomerGatewayID.NotFound";
    VpcEndpoint by VpcEndpointId in vpc_endpoints:
        "vpc-endpoint", "Vpc Endpoint Id", "InvalidVpcEndpointId.Malformed", "InvalidVpcEndpointId.NotFound";
    TransitGateway by TransitGatewayId in transit_gateways:
        "transit-gateway", "Transit Gateway", "InvalidTransitGatewayID.Malformed", "InvalidTransitGatewayID.NotFound";
    TransitGatewayAttachment by TransitGatewayAttachmentId in transit_gateway_attachments:
        "transit-gateway-attachment", "Transit Gateway Attachment",
        "InvalidTransitGatewayAttachmentID.Malformed", "InvalidTransitGatewayAttachmentID.NotFound";
    TransitGatewayRouteTable by TransitGatewayRouteTableId in transit_gateway_route_tables:
        "transit-gateway-route-table", "Transit Gateway Route Table",
        "InvalidRouteTableId.Malformed", "InvalidRouteTableID.NotFound";
    FlowLog by FlowLogId in flow_logs:
        "vpc-flow-log", "flow log ID", "InvalidFlowLogId.Malformed", "InvalidFlowLogId.NotFound";
    Instance by InstanceId in instances:
        "instance", "instance ID", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound";
    Volume by VolumeId in volumes:
        "volume", "volume", "InvalidVolumeID.Malformed", "InvalidVolume.NotFound";
    Snapshot by SnapshotId in snapshots:
        "snapshot", "snapshot", "InvalidSnapshotID.Malformed", "InvalidSnapshot.NotFound";
    LaunchTemplate by LaunchTemplateId in launch_templates:
        "launch-template", "launch template ID",
        "InvalidLaunchTemplateId.Malformed", "InvalidLaunchTemplateId.NotFound";
    PlacementGroup by PlacementGroupId in placement_groups:
        "placement-group", "placement group",
        "InvalidPlacementGroupId.Malformed", "InvalidPlacementGroup.Unknown";
    Host by HostId in hosts:
        "dedicated-host", "host ID", "InvalidHostID.Malformed", "InvalidHostID.NotFound";
    CapacityReservation by CapacityReservationId in capacity_reservations:
        "capacity-reservation", "capacity reservation",
        "InvalidCapacityReservationId.Malformed", "InvalidCapacityReservationId.NotFound";
    Fleet by FleetId in fleets:
        "fleet", "fleet ID", "InvalidFleetId.Malformed", "InvalidFleetId.NotFound";
    SpotFleetRequest by SpotFleetRequestId in spot_fleet_requests:
        "spot-fleet-request", "spot fleet request ID",
        "InvalidSpotFleetRequestId.Malformed", "InvalidSpotFleetRequestId.NotFound";
    SpotRequest by SpotInstanceRequestId in spot_requests:
        "spot-instances-request", "spot instance request ID",
        "InvalidSpotInstanceRequestID.Malformed", "InvalidSpotInstanceRequestID.NotFound";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_kinds_share_a_prefix_or_a_type() {
        for (at, (kind, _)) in KINDS.iter().enumerate() {
            for (other, _) in &KINDS[..at] {
                assert_ne!(kind.prefix, other.prefix);
                assert_ne!(kind.resource_type, other.resource_type);
            }
        }
    }
}
