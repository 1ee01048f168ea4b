//! VPC peering.
//!
//! Follows the VPC peering guide's page on the life of a peering connection. Both VPCs are of this account and region:
//! a request to another account finds nobody there and fails, as one with a wrong account id does on AWS.

mod describe;
#[cfg(test)]
mod tests;

use ec2_shapes::{
    AcceptVpcPeeringConnectionRequest, AcceptVpcPeeringConnectionResult, CreatePeeringConnectionOptionsRequest,
    CreateVpcPeeringConnectionRequest, CreateVpcPeeringConnectionResult, DeleteVpcPeeringConnectionRequest,
    DeleteVpcPeeringConnectionResult, ModifyVpcPeeringConnectionOptionsRequest,
    ModifyVpcPeeringConnectionOptionsResult, PeeringConnectionOptions, PeeringConnectionOptionsRequest,
    RejectVpcPeeringConnectionRequest, RejectVpcPeeringConnectionResult,
};
use types::{AccountId, VpcId, VpcPeeringConnectionId};

pub(super) use self::describe::describe_vpc_peering_connections;
use crate::connect;
use crate::context::Context;
use crate::error::ApiError;
use crate::kind::Resource;
use crate::query::get;
use crate::quotas::{self, Quota};
use crate::resource::{PeeringState, PeeringVpc, Vpc, VpcPeeringConnection};
use crate::state::Tables;
use crate::tagging::NewTags;
use crate::transaction::Transaction;

/// How long a request waits to be accepted, in milliseconds: seven days.
const ACCEPTANCE_MS: i64 = 7 * 86_400_000;

pub(super) fn create_vpc_peering_connection(
    context: &Context,
    tx: &mut Transaction,
    request: CreateVpcPeeringConnectionRequest,
) -> Result<CreateVpcPeeringConnectionResult, ApiError> {
    let tags = NewTags::new(&request.tag_specifications, &["vpc-peering-connection"])?;
    check_creation_options(request.requester_peering_connection_options.as_ref())?;
    let requester = get::<Vpc>(tx, &request.vpc_id)?.id;
    let accepter_text = request.peer_vpc_id.as_deref().ok_or_else(|| ApiError::missing("PeerVpcId"))?;
    let accepter: VpcId = accepter_text.parse().map_err(|_| Vpc::KIND.malformed(accepter_text))?;
    let owner = peer_owner(context, request.peer_owner_id.as_deref())?;
    check_region(context, request.peer_region.as_deref())?;
    if owner == *context.account() && !tx.vpcs.contains_key(&accepter) {
        return Err(Vpc::KIND.not_found(&[accepter_text]));
    }
    let same = |it: &VpcPeeringConnection| it.requester.vpc == requester && it.accepter.vpc == accepter && it.is_open();
    if let Some(existing) = tx.peerings.values().find(|it| same(it)).cloned() {
        let connection = describe::to_shape(tx, &existing);
        return Ok(CreateVpcPeeringConnectionResult { vpc_peering_connection: Some(connection) });
    }
    for vpc in [requester, accepter] {
        let present = tx.peerings.values().filter(|it| it.is_open() && it.peer_of(vpc).is_some()).count();
        quotas::check(context, Quota::PeeringsPerVpc, present)?;
    }
    let side = |vpc, owner| PeeringVpc { vpc, owner, region: context.region.clone(), allow_dns_resolution: false };
    let id = VpcPeeringConnectionId::from_number(context.id_number());
    let peering = VpcPeeringConnection {
        id,
        requester: side(requester, context.account().clone()),
        message: format!("Initiating Request to {owner}"),
        accepter: side(accepter, owner),
        state: PeeringState::InitiatingRequest,
        since: context.now,
        expires: context.now.plus_ms(ACCEPTANCE_MS),
    };
    tx.put(peering.clone());
    tags.put(tx, "vpc-peering-connection", id);
    Ok(CreateVpcPeeringConnectionResult { vpc_peering_connection: Some(describe::to_shape(tx, &peering)) })
}

fn check_creation_options(options: Option<&CreatePeeringConnectionOptionsRequest>) -> Result<(), ApiError> {
    let Some(options) = options else { return Ok(()) };
    check_multipath(options.allow_multipath_resilience, options.multipath_resilience_mode.is_some())
}

/// Refuses multipath resilience, which connections inside a region do not have.
fn check_multipath(allow: Option<bool>, has_mode: bool) -> Result<(), ApiError> {
    if allow == Some(true) {
        let message = "Multipath resilience is available only for VPC peering connections between Regions.";
        return Err(ApiError::new("UnsupportedOperation", message));
    }
    if has_mode {
        return Err(ApiError::invalid_combination(
            "The parameter MultipathResilienceMode can be used only if AllowMultipathResilience is true",
        ));
    }
    Ok(())
}

fn peer_owner(context: &Context, owner: Option<&str>) -> Result<AccountId, ApiError> {
    match owner.filter(|owner| !owner.is_empty()) {
        None => Ok(context.account().clone()),
        Some(owner) => owner.parse().map_err(|_| {
            ApiError::invalid_value(format!(
                "Value ({owner}) for parameter peerOwnerId is invalid. Invalid account id."
            ))
        }),
    }
}

fn check_region(context: &Context, region: Option<&str>) -> Result<(), ApiError> {
    match region.filter(|region| !region.is_empty()) {
        Some(region) if region != context.region.as_str() => Err(ApiError::new(
            "UnsupportedOperation",
            format!("VPC peering with a VPC in another Region ('{region}') is not available."),
        )),
        _ => Ok(()),
    }
}

/// The connection with this id; one whose request is still being looked at, as it will be when that is done.
fn settled(tables: &Tables, text: &str) -> Result<VpcPeeringConnection, ApiError> {
    let peering = VpcPeeringConnection::clone(get::<VpcPeeringConnection>(tables, text)?);
    Ok(match peering.state {
        PeeringState::InitiatingRequest => connect::decide_request(tables, peering.since, peering),
        _ => peering,
    })
}

fn wrong_state(peering: &VpcPeeringConnection, to: &str) -> ApiError {
    let message = format!(
        "Invalid state transition for {}, attempted to transition from {} to {to}",
        peering.id,
        peering.state.as_str()
    );
    ApiError::new("InvalidStateTransition", message)
}

pub(super) fn accept_vpc_peering_connection(
    context: &Context,
    tx: &mut Transaction,
    request: AcceptVpcPeeringConnectionRequest,
) -> Result<AcceptVpcPeeringConnectionResult, ApiError> {
    let mut peering = settled(tx, &request.vpc_peering_connection_id)?;
    if peering.state != PeeringState::PendingAcceptance {
        return Err(wrong_state(&peering, "provisioning"));
    }
    let (one, other) = (peering.requester.vpc, peering.accepter.vpc);
    let stands = |it: &VpcPeeringConnection| matches!(it.state, PeeringState::Provisioning | PeeringState::Active);
    if tx.peerings.values().any(|it| it.peer_of(one) == Some(other) && stands(it)) {
        let message = format!("The vpc peering connection identified by {} already exists.", peering.id);
        return Err(ApiError::new("VpcPeeringConnectionAlreadyExists", message));
    }
    // Blocks may have been added to either VPC since the request was made.
    if connect::peers_overlap(tx, &peering) {
        let message = format!("The VPCs of {} have overlapping CIDR blocks.", peering.id);
        return Err(ApiError::new("OperationNotPermitted", message));
    }
    peering.state = PeeringState::Provisioning;
    peering.message = "Provisioning".to_owned();
    peering.since = context.now;
    tx.put(peering.clone());
    Ok(AcceptVpcPeeringConnectionResult { vpc_peering_connection: Some(describe::to_shape(tx, &peering)) })
}

pub(super) fn reject_vpc_peering_connection(
    context: &Context,
    tx: &mut Transaction,
    request: RejectVpcPeeringConnectionRequest,
) -> Result<RejectVpcPeeringConnectionResult, ApiError> {
    let peering = settled(tx, &request.vpc_peering_connection_id)?;
    if peering.state != PeeringState::PendingAcceptance {
        return Err(wrong_state(&peering, "rejected"));
    }
    end(context, tx, peering, PeeringState::Rejected, "Rejected by");
    Ok(RejectVpcPeeringConnectionResult { r#return: Some(true) })
}

pub(super) fn delete_vpc_peering_connection(
    context: &Context,
    tx: &mut Transaction,
    request: DeleteVpcPeeringConnectionRequest,
) -> Result<DeleteVpcPeeringConnectionResult, ApiError> {
    let peering = settled(tx, &request.vpc_peering_connection_id)?;
    if !peering.is_open() {
        return Err(wrong_state(&peering, "deleting"));
    }
    end(context, tx, peering, PeeringState::Deleted, "Deleted by");
    Ok(DeleteVpcPeeringConnectionResult { r#return: Some(true) })
}

fn end(context: &Context, tx: &mut Transaction, peering: VpcPeeringConnection, state: PeeringState, what: &str) {
    let message = format!("{what} {}", context.account());
    tx.put(VpcPeeringConnection { state, message, since: context.now, ..peering });
}

pub(super) fn modify_vpc_peering_connection_options(
    _: &Context,
    tx: &mut Transaction,
    request: ModifyVpcPeeringConnectionOptionsRequest,
) -> Result<ModifyVpcPeeringConnectionOptionsResult, ApiError> {
    let mut peering = settled(tx, &request.vpc_peering_connection_id)?;
    let (accepter, requester) =
        (request.accepter_peering_connection_options.as_ref(), request.requester_peering_connection_options.as_ref());
    if accepter.is_none() && requester.is_none() {
        return Err(ApiError::missing("AccepterPeeringConnectionOptions or RequesterPeeringConnectionOptions"));
    }
    for options in accepter.into_iter().chain(requester) {
        check_options(options)?;
    }
    if !peering.is_alive() {
        return Err(ApiError::new(
            "OperationNotPermitted",
            format!("Peering {} is not active. Peering options can be added only to active peerings.", peering.id),
        ));
    }
    let result = ModifyVpcPeeringConnectionOptionsResult {
        accepter_peering_connection_options: accepter.map(|options| set_options(&mut peering.accepter, options)),
        requester_peering_connection_options: requester.map(|options| set_options(&mut peering.requester, options)),
    };
    tx.put(peering);
    Ok(result)
}

fn check_options(options: &PeeringConnectionOptionsRequest) -> Result<(), ApiError> {
    if options.allow_egress_from_local_classic_link_to_remote_vpc == Some(true)
        || options.allow_egress_from_local_vpc_to_remote_classic_link == Some(true)
    {
        return Err(ApiError::new("UnsupportedOperation", "ClassicLink is not available."));
    }
    check_multipath(options.allow_multipath_resilience, options.multipath_resilience_mode.is_some())
}

fn set_options(side: &mut PeeringVpc, options: &PeeringConnectionOptionsRequest) -> PeeringConnectionOptions {
    if let Some(allow) = options.allow_dns_resolution_from_remote_vpc {
        side.allow_dns_resolution = allow;
    }
    PeeringConnectionOptions {
        allow_dns_resolution_from_remote_vpc: Some(side.allow_dns_resolution),
        allow_egress_from_local_classic_link_to_remote_vpc: Some(false),
        allow_egress_from_local_vpc_to_remote_classic_link: Some(false),
        allow_multipath_resilience: Some(false),
        multipath_resilience_mode: None,
    }
}
