//! What is said about peering connections.

use ec2_shapes::{
    CidrBlock, DescribeVpcPeeringConnectionsRequest, DescribeVpcPeeringConnectionsResult, Ipv6CidrBlock,
    MultipathResilienceStatus, VpcPeeringConnectionOptionsDescription, VpcPeeringConnectionStateReason,
    VpcPeeringConnectionStateReasonCode, VpcPeeringConnectionVpcInfo,
};
use types::{Ipv4Cidr, Timestamp};

use crate::actions::show;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Listing, list};
use crate::resource::{Ipv6Block, PeeringState, PeeringVpc, Tags, VpcPeeringConnection};
use crate::state::Tables;
use crate::tagging;
use crate::view::View;

pub(in crate::actions) fn describe_vpc_peering_connections(
    _: &Context,
    view: &View<'_>,
    request: DescribeVpcPeeringConnectionsRequest,
) -> Result<DescribeVpcPeeringConnectionsResult, ApiError> {
    let asked = Listing::paged(
        &request.vpc_peering_connection_ids,
        &request.filters,
        request.max_results,
        request.next_token.as_deref(),
    );
    let row = |peering| PeeringRow { tables: view.tables(), peering };
    let (rows, next_token) = list::<VpcPeeringConnection, _>(view.tables(), asked, row)?;
    let vpc_peering_connections = rows.iter().map(|row| to_shape(row.tables, row.peering)).collect();
    Ok(DescribeVpcPeeringConnectionsResult { next_token, vpc_peering_connections })
}

struct PeeringRow<'a> {
    tables: &'a Tables,
    peering: &'a VpcPeeringConnection,
}

impl PeeringRow<'_> {
    /// Whether the connection stands, and the options of both sides with it.
    fn is_up(&self) -> bool {
        matches!(self.peering.state, PeeringState::Provisioning | PeeringState::Active)
    }

    /// The blocks of the requester's VPC, as long as the connection is open.
    fn requester_cidrs(&self) -> &[Ipv4Cidr] {
        self.cidrs(&self.peering.requester, self.peering.is_open())
    }

    /// The blocks of the accepter's VPC, which the requester sees once it was accepted.
    fn accepter_cidrs(&self) -> &[Ipv4Cidr] {
        self.cidrs(&self.peering.accepter, self.is_up())
    }

    fn cidrs(&self, side: &PeeringVpc, shown: bool) -> &[Ipv4Cidr] {
        self.tables.vpcs.get(&side.vpc).filter(|_| shown).map_or(&[], |vpc| vpc.cidrs.as_slice())
    }

    /// When the request ends, as long as nobody decided about it.
    fn expires(&self) -> Option<Timestamp> {
        let waits = matches!(self.peering.state, PeeringState::InitiatingRequest | PeeringState::PendingAcceptance);
        Some(self.peering.expires).filter(|_| waits)
    }

    /// The IPv6 blocks of a VPC, told with its IPv4 blocks or not at all.
    fn ipv6_cidrs(&self, side: &PeeringVpc, cidrs: &[Ipv4Cidr]) -> Vec<Ipv6CidrBlock> {
        let blocks = self.tables.vpcs.get(&side.vpc).filter(|_| !cidrs.is_empty()).map(|vpc| &vpc.ipv6_cidrs);
        let shown = |block: &Ipv6Block<_>| Ipv6CidrBlock { ipv6_cidr_block: Some(block.cidr.to_string()) };
        blocks.into_iter().flatten().map(shown).collect()
    }

    fn side(&self, side: &PeeringVpc, cidrs: &[Ipv4Cidr]) -> VpcPeeringConnectionVpcInfo {
        let options = VpcPeeringConnectionOptionsDescription {
            allow_dns_resolution_from_remote_vpc: Some(side.allow_dns_resolution),
            allow_egress_from_local_classic_link_to_remote_vpc: Some(false),
            allow_egress_from_local_vpc_to_remote_classic_link: Some(false),
            allow_multipath_resilience: Some(false),
            multipath_resilience_mode: None,
        };
        VpcPeeringConnectionVpcInfo {
            cidr_block: cidrs.first().map(ToString::to_string),
            cidr_block_set: cidrs.iter().map(|cidr| CidrBlock { cidr_block: Some(cidr.to_string()) }).collect(),
            ipv6_cidr_block_set: self.ipv6_cidrs(side, cidrs),
            owner_id: Some(side.owner.to_string()),
            peering_options: Some(options).filter(|_| self.is_up()),
            region: Some(side.region.to_string()),
            vpc_id: Some(side.vpc.to_string()),
        }
    }
}

/// The connection as answers show it.
pub(super) fn to_shape(tables: &Tables, peering: &VpcPeeringConnection) -> ec2_shapes::VpcPeeringConnection {
    let row = PeeringRow { tables, peering };
    ec2_shapes::VpcPeeringConnection {
        accepter_vpc_info: Some(row.side(&peering.accepter, row.accepter_cidrs())),
        expiration_time: row.expires().map(show::moment),
        multipath_resilience_status: Some(MultipathResilienceStatus::Disabled),
        requester_vpc_info: Some(row.side(&peering.requester, row.requester_cidrs())),
        status: Some(VpcPeeringConnectionStateReason {
            code: VpcPeeringConnectionStateReasonCode::from_wire(peering.state.as_str()),
            message: Some(peering.message.clone()),
        }),
        tags: tagging::to_shape(tables.tags_of(&peering.id.to_string())),
        vpc_peering_connection_id: Some(peering.id.to_string()),
    }
}

impl Filterable for PeeringRow<'_> {
    const NAMES: &'static [&'static str] = &[
        "accepter-vpc-info.cidr-block",
        "accepter-vpc-info.owner-id",
        "accepter-vpc-info.vpc-id",
        "expiration-time",
        "requester-vpc-info.cidr-block",
        "requester-vpc-info.owner-id",
        "requester-vpc-info.vpc-id",
        "status-code",
        "status-message",
        "vpc-peering-connection-id",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let peering = self.peering;
        match name {
            "accepter-vpc-info.cidr-block" => self.accepter_cidrs().iter().for_each(|cidr| found(&cidr.to_string())),
            "accepter-vpc-info.owner-id" => found(peering.accepter.owner.as_str()),
            "accepter-vpc-info.vpc-id" => found(&peering.accepter.vpc.to_string()),
            "expiration-time" => self.expires().iter().for_each(|at| found(&at.to_string())),
            "requester-vpc-info.cidr-block" => self.requester_cidrs().iter().for_each(|cidr| found(&cidr.to_string())),
            "requester-vpc-info.owner-id" => found(peering.requester.owner.as_str()),
            "requester-vpc-info.vpc-id" => found(&peering.requester.vpc.to_string()),
            "status-code" => found(peering.state.as_str()),
            "status-message" => found(&peering.message),
            "vpc-peering-connection-id" => found(&peering.id.to_string()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tables.tags_of(&self.peering.id.to_string()))
    }
}
