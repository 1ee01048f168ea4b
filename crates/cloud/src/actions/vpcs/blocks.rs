//! The blocks of addresses of a VPC: what may be one, associating and disassociating them.

use ec2_shapes::{
    AssociateVpcCidrBlockRequest, AssociateVpcCidrBlockResult, CreateVpcRequest, DisassociateVpcCidrBlockRequest,
    DisassociateVpcCidrBlockResult, VpcCidrBlockAssociation, VpcCidrBlockState, VpcCidrBlockStateCode,
    VpcIpv6CidrBlockAssociation,
};
use types::{Cidr, Ipv4Cidr, Ipv6Cidr, Protocol, SecurityGroupRuleId, VpcCidrAssociationId, VpcId};

use super::describe::{ipv4_shape, ipv6_shape};
use crate::connect;
use crate::context::{Config, Context};
use crate::error::ApiError;
use crate::query::{get, parse_id};
use crate::quotas::{self, Quota};
use crate::resource::{
    Ipv6Block, NetworkAcl, NetworkAclEntry, Peer, RouteTable, SecurityGroup, SecurityGroupRule, Vpc,
};
use crate::transaction::Transaction;

/// How long the prefix of a VPC's or subnet's IPv4 block may be.
pub(in crate::actions) const IPV4_LENGTHS: std::ops::RangeInclusive<u8> = 16..=28;
/// How long the prefix of a VPC's IPv6 block is.
const IPV6_LENGTH: u8 = 56;
/// Blocks that no VPC can have: this host, loopback, link-local, multicast and what is beyond.
const NEVER: [&str; 5] = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4"];
/// Blocks of which a VPC has addresses of one at most, as the VPC guide's page on blocks has it.
const FAMILIES: [&str; 4] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "198.19.0.0/16"];

/// What a request says about the blocks it wants.
pub(super) struct Wish<'r> {
    cidr_block: Option<&'r str>,
    amazon_provided_ipv6: bool,
    border_group: Option<&'r str>,
    ipv6_cidr_block: Option<&'r str>,
    ipv6_pool: Option<&'r str>,
    ipam_pools: [Option<&'r str>; 2],
    netmask_lengths: [Option<i32>; 2],
}

impl<'r> Wish<'r> {
    /// What CreateVpc says.
    pub(super) fn of_create(request: &'r CreateVpcRequest) -> Self {
        Self {
            cidr_block: request.cidr_block.as_deref(),
            amazon_provided_ipv6: request.amazon_provided_ipv6_cidr_block == Some(true),
            border_group: request.ipv6_cidr_block_network_border_group.as_deref(),
            ipv6_cidr_block: request.ipv6_cidr_block.as_deref(),
            ipv6_pool: request.ipv6_pool.as_deref(),
            ipam_pools: [request.ipv4_ipam_pool_id.as_deref(), request.ipv6_ipam_pool_id.as_deref()],
            netmask_lengths: [request.ipv4_netmask_length, request.ipv6_netmask_length],
        }
    }

    /// What AssociateVpcCidrBlock says.
    fn of_associate(request: &'r AssociateVpcCidrBlockRequest) -> Self {
        Self {
            cidr_block: request.cidr_block.as_deref(),
            amazon_provided_ipv6: request.amazon_provided_ipv6_cidr_block == Some(true),
            border_group: request.ipv6_cidr_block_network_border_group.as_deref(),
            ipv6_cidr_block: request.ipv6_cidr_block.as_deref(),
            ipv6_pool: request.ipv6_pool.as_deref(),
            ipam_pools: [request.ipv4_ipam_pool_id.as_deref(), request.ipv6_ipam_pool_id.as_deref()],
            netmask_lengths: [request.ipv4_netmask_length, request.ipv6_netmask_length],
        }
    }

    /// Whether an IPv6 block of Amazon's is wanted.
    pub(super) fn wants_ipv6(&self) -> bool {
        self.amazon_provided_ipv6
    }

    /// Refuses blocks from where none can come: there are no pools but Amazon's own.
    pub(super) fn check_origin(&self, context: &Context) -> Result<(), ApiError> {
        check_pools(self.ipam_pools, self.netmask_lengths)?;
        if self.ipv6_pool.is_some() {
            return Err(ApiError::new("UnsupportedOperation", "Ipv6Pool is not available."));
        }
        if self.ipv6_cidr_block.is_some() {
            return Err(ApiError::invalid_combination("The parameter ipv6CidrBlock requires the parameter ipv6Pool"));
        }
        match self.border_group {
            Some(_) if !self.amazon_provided_ipv6 => Err(ApiError::invalid_combination(
                "The parameter ipv6CidrBlockNetworkBorderGroup requires the parameter amazonProvidedIpv6CidrBlock",
            )),
            Some(group) if group != context.region.as_str() => Err(ApiError::invalid_value(format!(
                "Value ({group}) for parameter ipv6CidrBlockNetworkBorderGroup is invalid. Invalid network border group."
            ))),
            _ => Ok(()),
        }
    }

    /// The IPv4 block that is wanted, if one is; checked for all that does not depend on the VPC.
    pub(super) fn ipv4(&self) -> Result<Option<Ipv4Cidr>, ApiError> {
        let Some(text) = self.cidr_block else { return Ok(None) };
        let cidr = parse_ipv4(text)?;
        let is_never = |block: &str| block.parse::<Ipv4Cidr>().is_ok_and(|block| block.overlaps(cidr));
        if !IPV4_LENGTHS.contains(&cidr.prefix_len()) || NEVER.into_iter().any(is_never) {
            return Err(invalid_range(text));
        }
        Ok(Some(cidr))
    }
}

/// Refuses pools of an address manager, of which there are none.
pub(in crate::actions) fn check_pools(pools: [Option<&str>; 2], lengths: [Option<i32>; 2]) -> Result<(), ApiError> {
    if let Some(pool) = pools.into_iter().flatten().next() {
        let message = format!("The ipam-pool ID '{pool}' does not exist");
        return Err(ApiError::new("InvalidIpamPoolId.NotFound", message));
    }
    if lengths.into_iter().flatten().next().is_some() {
        return Err(ApiError::invalid_combination("A netmask length requires an IPAM pool"));
    }
    Ok(())
}

/// An IPv4 block, in canonical form.
pub(in crate::actions) fn parse_ipv4(text: &str) -> Result<Ipv4Cidr, ApiError> {
    text.parse().map_err(|_| not_a_block(text, "cidrBlock"))
}

/// The error for a text that is no block.
pub(in crate::actions) fn not_a_block(text: &str, parameter: &str) -> ApiError {
    ApiError::invalid_value(format!(
        "Value ({text}) for parameter {parameter} is invalid. This is not a valid CIDR block."
    ))
}

fn invalid_range(text: impl std::fmt::Display) -> ApiError {
    ApiError::new("InvalidVpc.Range", format!("The CIDR '{text}' is invalid."))
}

pub(in crate::actions) fn associate_vpc_cidr_block(
    context: &Context,
    tx: &mut Transaction,
    request: AssociateVpcCidrBlockRequest,
) -> Result<AssociateVpcCidrBlockResult, ApiError> {
    let vpc = Vpc::clone(get::<Vpc>(tx, &request.vpc_id)?);
    let wish = Wish::of_associate(&request);
    wish.check_origin(context)?;
    let told = AssociateVpcCidrBlockResult { vpc_id: Some(vpc.id.to_string()), ..Default::default() };
    match (wish.ipv4()?, wish.wants_ipv6()) {
        (Some(cidr), false) => {
            let mut association = add_ipv4(context, tx, vpc, cidr)?;
            association.cidr_block_state = in_state(VpcCidrBlockStateCode::Associating);
            Ok(AssociateVpcCidrBlockResult { cidr_block_association: Some(association), ..told })
        }
        (None, true) => {
            let block = add_ipv6(context, tx, vpc.id)?;
            let mut association = ipv6_shape(context, &block);
            is_associating(&mut association);
            Ok(AssociateVpcCidrBlockResult { ipv6_cidr_block_association: Some(association), ..told })
        }
        (Some(_), true) => Err(ApiError::invalid_combination(
            "The parameter cidrBlock cannot be used with the parameter amazonProvidedIpv6CidrBlock",
        )),
        (None, false) => Err(ApiError::missing("cidrBlock or amazonProvidedIpv6CidrBlock")),
    }
}

/// The state of a block.
pub(super) fn in_state(state: VpcCidrBlockStateCode) -> Option<VpcCidrBlockState> {
    Some(VpcCidrBlockState { state: Some(state), status_message: None })
}

/// Says of a block that it has just been asked for, as the answer to the request does.
pub(super) fn is_associating(association: &mut VpcIpv6CidrBlockAssociation) {
    association.ipv6_cidr_block_state = in_state(VpcCidrBlockStateCode::Associating);
}

fn add_ipv4(
    context: &Context,
    tx: &mut Transaction,
    mut vpc: Vpc,
    cidr: Ipv4Cidr,
) -> Result<VpcCidrBlockAssociation, ApiError> {
    check_secondary(tx, &vpc, cidr)?;
    quotas::check(context, Quota::Ipv4CidrsPerVpc, vpc.cidrs.len())?;
    // The first block may stem from before ids were stored.
    let associated = vpc.cidrs.iter().map(|cidr| (*cidr, vpc.association(cidr))).collect();
    vpc.cidr_associations = associated;
    vpc.cidr_associations.insert(cidr, VpcCidrAssociationId::from_number(context.id_number()));
    vpc.cidrs.push(cidr);
    let shape = ipv4_shape(&vpc, cidr);
    tx.put(vpc);
    Ok(shape)
}

/// Checks a further block against those of the VPC and of the VPCs it is peered with, and against its routes (VPC guide,
/// "VPC CIDR blocks").
fn check_secondary(tx: &Transaction, vpc: &Vpc, cidr: Ipv4Cidr) -> Result<(), ApiError> {
    let range = |message: String| Err(ApiError::new("InvalidVpc.Range", message));
    if vpc.cidrs.iter().any(|block| block.overlaps(cidr)) {
        return range(format!("The CIDR '{cidr}' conflicts with another CIDR block of the VPC."));
    }
    if connect::peer_overlapping(tx, vpc.id, cidr).is_some() {
        return range(format!("The CIDR '{cidr}' conflicts with a CIDR block of a VPC that is peered with the VPC."));
    }
    let families = || FAMILIES.iter().filter_map(|family| family.parse::<Ipv4Cidr>().ok());
    let allowed = vpc.cidrs.first().and_then(|primary| families().find(|family| family.contains_cidr(*primary)));
    if families().any(|family| family.overlaps(cidr) && Some(family) != allowed) {
        return range(format!(
            "The CIDR '{cidr}' is restricted. Use a CIDR from the same private address range as the current VPC CIDR, \
             or use a publicly-routable CIDR. For additional restrictions, see \
             https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html"
        ));
    }
    let tables = tx.route_tables.values().filter(|table| table.vpc == vpc.id);
    let is_inside = |destination: Cidr| Cidr::from(cidr).contains_cidr(destination);
    if tables.flat_map(|table| &table.routes).filter_map(|route| route.destination.cidr()).any(is_inside) {
        return range(format!("The CIDR '{cidr}' contains the destination of a route of the VPC."));
    }
    Ok(())
}

/// Gives a VPC an IPv6 block, and opens to IPv6 what is still as open to IPv4 as it was at first: the default group's
/// egress and each direction of the default ACL.
pub(super) fn add_ipv6(
    context: &Context,
    tx: &mut Transaction,
    id: VpcId,
) -> Result<Ipv6Block<VpcCidrAssociationId>, ApiError> {
    let mut vpc = Vpc::clone(tx.vpcs.get(&id).ok_or_else(ApiError::internal)?);
    if !vpc.ipv6_cidrs.is_empty() {
        let message = format!("This network '{id}' has met its maximum number of allowed CIDRs: 1");
        return Err(ApiError::new("CidrLimitExceeded", message));
    }
    let cidr = free_ipv6_block(context, tx)?;
    let block = Ipv6Block { association: VpcCidrAssociationId::from_number(context.id_number()), cidr };
    vpc.ipv6_cidrs.push(block);
    tx.put(vpc);
    let default_group = tx.security_groups.values().find(|group| group.vpc == id && &*group.name == "default");
    if let Some(group) = default_group.filter(|group| has_first_egress(group)).cloned() {
        let mut group = SecurityGroup::clone(&group);
        group.rules.push(SecurityGroupRule {
            id: SecurityGroupRuleId::from_number(context.id_number()),
            is_egress: true,
            protocol: Protocol::All,
            peer: Peer::Ipv6(Ipv6Cidr::ANY),
            description: None,
        });
        tx.put(group);
    }
    if let Some(acl) = tx.network_acls.values().find(|acl| acl.vpc == id && acl.is_default).cloned() {
        let opened = [false, true].into_iter().filter(|is_egress| has_first_entry(&acl, *is_egress)).map(|is_egress| {
            let cidr = Cidr::Ipv6(Ipv6Cidr::ANY);
            NetworkAclEntry { number: 101, is_egress, allow: true, protocol: Protocol::All, cidr }
        });
        let entries = acl.entries.iter().cloned().chain(opened).collect();
        tx.put(NetworkAcl { entries, ..NetworkAcl::clone(&acl) });
    }
    Ok(block)
}

/// Whether a group lets everything out to IPv4 and does nothing else, as it did at first.
fn has_first_egress(group: &SecurityGroup) -> bool {
    let mut egress = group.rules.iter().filter(|rule| rule.is_egress);
    let first = egress.next().is_some_and(|rule| {
        rule.protocol == Protocol::All && rule.peer == Peer::Ipv4(Ipv4Cidr::ANY) && rule.description.is_none()
    });
    first && egress.next().is_none()
}

/// Whether a direction of an ACL has the one entry it had at first.
fn has_first_entry(acl: &NetworkAcl, is_egress: bool) -> bool {
    let mut entries = acl.entries.iter().filter(|entry| entry.is_egress == is_egress);
    let first = entries.next().is_some_and(|entry| {
        (entry.number, entry.allow, entry.protocol, entry.cidr) == (100, true, Protocol::All, Cidr::Ipv4(Ipv4Cidr::ANY))
    });
    first && entries.next().is_none()
}

/// A /56 that no VPC of any region has: a random one, but not the first, which has the operator's own address.
fn free_ipv6_block(context: &Context, tx: &Transaction) -> Result<Ipv6Cidr, ApiError> {
    let pool: Ipv6Cidr = Config::IPV6_POOL.parse().map_err(|_| ApiError::internal())?;
    let count = 1_u128 << (IPV6_LENGTH - pool.prefix_len());
    let taken = || tx.state().regions.values().flat_map(|tables| tables.vpcs.values()).flat_map(|vpc| &vpc.ipv6_cidrs);
    let start = u128::from(context.random()) % count;
    (0..count)
        .filter_map(|step| pool.nth(((start + step) % count) << (128 - IPV6_LENGTH)))
        .filter_map(|base| Ipv6Cidr::new(base, IPV6_LENGTH))
        .filter(|block| block.first() != pool.first())
        .find(|block| !taken().any(|other| other.cidr.overlaps(*block)))
        .ok_or_else(|| ApiError::new("InsufficientAddressCapacity", "No IPv6 block is left in the pool."))
}

pub(in crate::actions) fn disassociate_vpc_cidr_block(
    context: &Context,
    tx: &mut Transaction,
    request: DisassociateVpcCidrBlockRequest,
) -> Result<DisassociateVpcCidrBlockResult, ApiError> {
    let text = &request.association_id;
    let malformed = "InvalidVpcCidrBlockAssociationID.Malformed";
    let id: VpcCidrAssociationId = parse_id(text, VpcCidrAssociationId::PREFIX, malformed)?;
    let ipv4_of = |vpc: &Vpc| vpc.cidrs.iter().copied().find(|cidr| vpc.association(cidr) == id);
    let ipv6_of = |vpc: &Vpc| vpc.ipv6_cidrs.iter().copied().find(|block| block.association == id);
    let holder = tx.vpcs.values().find(|vpc| ipv4_of(vpc).is_some() || ipv6_of(vpc).is_some());
    let mut vpc = Vpc::clone(holder.ok_or_else(|| {
        let message = format!("The vpc CIDR block association ID '{text}' does not exist");
        ApiError::new("InvalidVpcCidrBlockAssociationID.NotFound", message)
    })?);
    let told = DisassociateVpcCidrBlockResult { vpc_id: Some(vpc.id.to_string()), ..Default::default() };
    let told = if let Some(cidr) = ipv4_of(&vpc) {
        if vpc.cidrs.first() == Some(&cidr) {
            let message = format!(
                "The vpc CIDR block with association ID {id} may not be disassociated. It is the primary IPv4 CIDR \
                 block of the VPC"
            );
            return Err(ApiError::new("OperationNotPermitted", message));
        }
        check_no_subnet(tx, &vpc, cidr.into(), id)?;
        let shape = ipv4_shape(&vpc, cidr);
        vpc.cidrs.retain(|block| *block != cidr);
        vpc.cidr_associations.remove(&cidr);
        forget_local_routes(tx, vpc.id, cidr.into());
        let cidr_block_state = in_state(VpcCidrBlockStateCode::Disassociating);
        let association = VpcCidrBlockAssociation { cidr_block_state, ..shape };
        DisassociateVpcCidrBlockResult { cidr_block_association: Some(association), ..told }
    } else {
        let block = ipv6_of(&vpc).ok_or_else(ApiError::internal)?;
        check_no_subnet(tx, &vpc, block.cidr.into(), id)?;
        vpc.ipv6_cidrs.retain(|other| other.association != id);
        forget_local_routes(tx, vpc.id, block.cidr.into());
        let ipv6_cidr_block_state = in_state(VpcCidrBlockStateCode::Disassociating);
        let association = VpcIpv6CidrBlockAssociation { ipv6_cidr_block_state, ..ipv6_shape(context, &block) };
        DisassociateVpcCidrBlockResult { ipv6_cidr_block_association: Some(association), ..told }
    };
    tx.put(vpc);
    Ok(told)
}

/// Checks that no subnet has addresses of the block.
fn check_no_subnet(tx: &Transaction, vpc: &Vpc, block: Cidr, id: VpcCidrAssociationId) -> Result<(), ApiError> {
    let uses = |cidr: Cidr| block.contains_cidr(cidr);
    let mut subnets = tx.subnets.values().filter(|subnet| subnet.vpc == vpc.id);
    if subnets.any(|subnet| uses(subnet.cidr.into()) || subnet.ipv6_cidrs.iter().any(|b| uses(b.cidr.into()))) {
        return Err(ApiError::dependency(format!(
            "The vpc CIDR block with association ID {id} may not be disassociated. Subnets of the VPC use it"
        )));
    }
    Ok(())
}

/// Takes the routes to exactly this block out of the VPC's tables: those local routes that had been given a target.
fn forget_local_routes(tx: &mut Transaction, vpc: VpcId, block: Cidr) {
    let is_it = |route: &crate::resource::Route| route.destination.cidr() == Some(block);
    let tables = tx.route_tables.values().filter(|table| table.vpc == vpc && table.routes.iter().any(is_it));
    for table in tables.cloned().collect::<Vec<_>>() {
        let mut table = RouteTable::clone(&table);
        table.routes.retain(|route| !is_it(route));
        tx.put(table);
    }
}
