//! VPCs.
//!
//! Rules as the VPC guide's pages on VPCs, their blocks and their DNS give them.

mod blocks;
mod describe;
#[cfg(test)]
pub(in crate::actions) mod tests;

use ec2_shapes::{
    AttributeBooleanValue, ClassicLinkDnsSupport, CreateDefaultVpcRequest, CreateDefaultVpcResult, CreateVpcRequest,
    CreateVpcResult, DeleteVpcRequest, DescribeVpcAttributeRequest, DescribeVpcAttributeResult,
    DescribeVpcClassicLinkDnsSupportRequest, DescribeVpcClassicLinkDnsSupportResult, DescribeVpcClassicLinkRequest,
    DescribeVpcClassicLinkResult, ModifyVpcAttributeRequest, ModifyVpcTenancyRequest, ModifyVpcTenancyResult, Tenancy,
    VpcAttributeName, VpcClassicLink, VpcState,
};
use types::VpcId;

pub(super) use blocks::{
    IPV4_LENGTHS, associate_vpc_cidr_block, check_pools, disassociate_vpc_cidr_block, not_a_block, parse_ipv4,
};
pub(super) use describe::{describe_vpcs, public_access};

use crate::context::Context;
use crate::dependencies::check_unused;
use crate::error::ApiError;
use crate::query::{Filterable, Listing, get, list};
use crate::quotas::{self, Quota};
use crate::resource::{Tags, Vpc};
use crate::seed::{make_default_vpc, make_vpc};
use crate::state::Key;
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;
use crate::view::View;
use blocks::Wish;

pub(super) fn create_vpc(
    context: &Context,
    tx: &mut Transaction,
    request: CreateVpcRequest,
) -> Result<CreateVpcResult, ApiError> {
    let tags = NewTags::new(&request.tag_specifications, &["vpc"])?;
    if request.vpc_encryption_control.is_some() {
        return Err(ApiError::new("UnsupportedOperation", "VpcEncryptionControl is not available."));
    }
    let is_dedicated = match request.instance_tenancy {
        None | Some(Tenancy::Default) => false,
        Some(Tenancy::Dedicated) => true,
        Some(Tenancy::Host) => {
            return Err(ApiError::new("UnsupportedTenancy", "The tenancy value host is not supported."));
        }
    };
    let wish = Wish::of_create(&request);
    wish.check_origin(context)?;
    let cidr = wish.ipv4()?.ok_or_else(|| ApiError::missing("cidrBlock"))?;
    quotas::check(context, Quota::Vpcs, tx.vpcs.len())?;
    let id = VpcId::from_number(context.id_number());
    make_vpc(context, tx, Vpc { is_dedicated, ..Vpc::new(id, cidr) });
    if wish.wants_ipv6() {
        blocks::add_ipv6(context, tx, id)?;
    }
    tags.put(tx, "vpc", id);
    let mut shape = describe::shape_of(context, tx, id).ok_or_else(ApiError::internal)?;
    shape.state = Some(VpcState::Pending);
    shape.ipv6_cidr_block_association_set.iter_mut().for_each(blocks::is_associating);
    Ok(CreateVpcResult { vpc: Some(shape) })
}

pub(super) fn create_default_vpc(
    context: &Context,
    tx: &mut Transaction,
    _: CreateDefaultVpcRequest,
) -> Result<CreateDefaultVpcResult, ApiError> {
    if tx.default_vpc().is_some() {
        let message = "A Default VPC already exists for this account in this region.";
        return Err(ApiError::new("DefaultVpcAlreadyExists", message));
    }
    quotas::check(context, Quota::Vpcs, tx.vpcs.len())?;
    quotas::check(context, Quota::InternetGateways, tx.internet_gateways.len())?;
    let id = make_default_vpc(context, tx);
    let mut shape = describe::shape_of(context, tx, id).ok_or_else(ApiError::internal)?;
    shape.state = Some(VpcState::Pending);
    Ok(CreateDefaultVpcResult { vpc: Some(shape) })
}

/// Deletes a VPC with the default group, the default ACL and the main table; everything else must be gone.
pub(super) fn delete_vpc(_: &Context, tx: &mut Transaction, request: DeleteVpcRequest) -> Result<(), ApiError> {
    let vpc = get::<Vpc>(tx, &request.vpc_id)?.id;
    check_unused(tx, &Key::Vpc(vpc), format!("The vpc '{vpc}' has dependencies and cannot be deleted."))?;
    let rules: Vec<String> = (tx.security_groups.values().filter(|group| group.vpc == vpc))
        .flat_map(|group| group.rules.iter().map(|rule| rule.id.to_string()))
        .collect();
    for rule in rules {
        tagging::replace(tx, &rule, Tags::new());
    }
    let groups = tx.security_groups.values().filter(|group| group.vpc == vpc).map(|group| Key::SecurityGroup(group.id));
    let acls = tx.network_acls.values().filter(|acl| acl.vpc == vpc).map(|acl| Key::NetworkAcl(acl.id));
    let tables = tx.route_tables.values().filter(|table| table.vpc == vpc).map(|table| Key::RouteTable(table.id));
    let keys: Vec<Key> = groups.chain(acls).chain(tables).chain([Key::Vpc(vpc)]).collect();
    keys.into_iter().for_each(|key| tx.delete(key));
    Ok(())
}

pub(super) fn describe_vpc_attribute(
    _: &Context,
    view: &View<'_>,
    request: DescribeVpcAttributeRequest,
) -> Result<DescribeVpcAttributeResult, ApiError> {
    let attribute = request.attribute.ok_or_else(|| ApiError::missing("attribute"))?;
    let vpc = get::<Vpc>(view, &request.vpc_id)?;
    let is = |value| Some(AttributeBooleanValue { value: Some(value) });
    let mut told = DescribeVpcAttributeResult { vpc_id: Some(vpc.id.to_string()), ..Default::default() };
    match attribute {
        VpcAttributeName::EnableDnsSupport => told.enable_dns_support = is(vpc.enable_dns_support),
        VpcAttributeName::EnableDnsHostnames => told.enable_dns_hostnames = is(vpc.enable_dns_hostnames),
        VpcAttributeName::EnableNetworkAddressUsageMetrics => {
            told.enable_network_address_usage_metrics = is(vpc.enable_network_address_usage_metrics);
        }
    }
    Ok(told)
}

/// Sets one attribute, as one call may.
pub(super) fn modify_vpc_attribute(
    _: &Context,
    tx: &mut Transaction,
    request: ModifyVpcAttributeRequest,
) -> Result<(), ApiError> {
    let mut vpc = Vpc::clone(get::<Vpc>(tx, &request.vpc_id)?);
    let attributes = [
        ("enableDnsSupport", &request.enable_dns_support),
        ("enableDnsHostnames", &request.enable_dns_hostnames),
        ("enableNetworkAddressUsageMetrics", &request.enable_network_address_usage_metrics),
    ];
    let given = attributes.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?.value?)));
    let (name, value) = only_attribute(given)?;
    match name {
        "enableDnsSupport" => vpc.enable_dns_support = value,
        "enableDnsHostnames" if value && !vpc.enable_dns_support => {
            let message = "DNS hostnames cannot be enabled where DNS support is disabled.";
            return Err(ApiError::invalid_combination(message));
        }
        "enableDnsHostnames" => vpc.enable_dns_hostnames = value,
        _ => vpc.enable_network_address_usage_metrics = value,
    }
    tx.put(vpc);
    Ok(())
}

/// The one attribute that a call sets.
///
/// # Errors
/// `InvalidParameterCombination` for none or several.
pub(super) fn only_attribute<T>(given: impl Iterator<Item = (&'static str, T)>) -> Result<(&'static str, T), ApiError> {
    let mut given: Vec<(&'static str, T)> = given.collect();
    let names: Vec<&str> = given.iter().map(|(name, _)| *name).collect();
    let several = format!("Fields for multiple attribute types specified: {}", names.join(", "));
    match (given.pop(), given.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => Err(ApiError::invalid_combination(several)),
        (None, _) => Err(ApiError::invalid_combination("No attributes specified.")),
    }
}

/// Makes the tenancy `default` again: no other change is possible.
pub(super) fn modify_vpc_tenancy(
    _: &Context,
    tx: &mut Transaction,
    request: ModifyVpcTenancyRequest,
) -> Result<ModifyVpcTenancyResult, ApiError> {
    // The enum has no other value than `default`.
    request.instance_tenancy.ok_or_else(|| ApiError::missing("instanceTenancy"))?;
    let vpc = Vpc::clone(get::<Vpc>(tx, &request.vpc_id)?);
    tx.put(Vpc { is_dedicated: false, ..vpc });
    Ok(ModifyVpcTenancyResult { return_value: Some(true) })
}

/// A VPC as ClassicLink sees it: EC2-Classic is no more, so that nothing can be linked.
struct ClassicLinkRow<'a> {
    vpc: VpcId,
    tags: &'a Tags,
}

impl Filterable for ClassicLinkRow<'_> {
    const NAMES: &'static [&'static str] = &["is-classic-link-enabled"];

    fn values(&self, _: &str, found: &mut dyn FnMut(&str)) {
        found("false");
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tags)
    }
}

pub(super) fn describe_vpc_classic_link(
    _: &Context,
    view: &View<'_>,
    request: DescribeVpcClassicLinkRequest,
) -> Result<DescribeVpcClassicLinkResult, ApiError> {
    let asked = Listing::whole(&request.vpc_ids, &request.filters);
    let row = |vpc: &Vpc| ClassicLinkRow { vpc: vpc.id, tags: view.tables().tags_of(&vpc.id.to_string()) };
    let (rows, _) = list::<Vpc, _>(view.tables(), asked, row)?;
    let shape = |row: ClassicLinkRow<'_>| VpcClassicLink {
        classic_link_enabled: Some(false),
        tags: tagging::to_shape(row.tags),
        vpc_id: Some(row.vpc.to_string()),
    };
    Ok(DescribeVpcClassicLinkResult { vpcs: rows.into_iter().map(shape).collect() })
}

pub(super) fn describe_vpc_classic_link_dns_support(
    _: &Context,
    view: &View<'_>,
    request: DescribeVpcClassicLinkDnsSupportRequest,
) -> Result<DescribeVpcClassicLinkDnsSupportResult, ApiError> {
    let asked = Listing::paged(&request.vpc_ids, &[], request.max_results, request.next_token.as_deref());
    let row = |vpc: &Vpc| ClassicLinkRow { vpc: vpc.id, tags: view.tables().tags_of(&vpc.id.to_string()) };
    let (rows, next_token) = list::<Vpc, _>(view.tables(), asked.limits(5, 255), row)?;
    let shape = |row: ClassicLinkRow<'_>| ClassicLinkDnsSupport {
        classic_link_dns_supported: Some(false),
        vpc_id: Some(row.vpc.to_string()),
    };
    Ok(DescribeVpcClassicLinkDnsSupportResult { next_token, vpcs: rows.into_iter().map(shape).collect() })
}
