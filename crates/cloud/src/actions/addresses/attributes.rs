//! Attributes of Elastic IP addresses: the name that a reverse look-up gives; and their moves, of which there are none.

use std::sync::Arc;

use ec2_shapes::{
    AddressAttribute, DescribeAddressTransfersRequest, DescribeAddressTransfersResult,
    DescribeAddressesAttributeRequest, DescribeAddressesAttributeResult, DescribeMovingAddressesRequest,
    DescribeMovingAddressesResult, ModifyAddressAttributeRequest, ModifyAddressAttributeResult,
    ResetAddressAttributeRequest, ResetAddressAttributeResult,
};

use super::{AddressView, find_by_ip};
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Filters, Listing, PageLimits, get, list, page};
use crate::resource::{Address, Tags};
use crate::transaction::Transaction;
use crate::view::View;

/// The longest name in the DNS, in characters, without the dot at its end.
const MAX_NAME_LEN: usize = 253;

/// The longest part of a name.
const MAX_LABEL_LEN: usize = 63;

pub(in crate::actions) fn describe_addresses_attribute(
    context: &Context,
    view: &View<'_>,
    request: DescribeAddressesAttributeRequest,
) -> Result<DescribeAddressesAttributeResult, ApiError> {
    let asked = Listing::paged(&request.allocation_ids, &[], request.max_results, request.next_token.as_deref());
    let row = |address| AddressView { context, tables: view.tables(), address };
    let (rows, next_token) = list(view.tables(), asked.limits(1, 1000), row)?;
    Ok(DescribeAddressesAttributeResult {
        addresses: rows.into_iter().map(|row| to_shape(row.address)).collect(),
        next_token,
    })
}

fn to_shape(address: &Address) -> AddressAttribute {
    AddressAttribute {
        allocation_id: Some(address.allocation.to_string()),
        ptr_record: address.ptr_record.clone(),
        ptr_record_update: None,
        public_ip: Some(address.ip.to_string()),
    }
}

pub(in crate::actions) fn modify_address_attribute(
    _: &Context,
    tx: &mut Transaction,
    request: ModifyAddressAttributeRequest,
) -> Result<ModifyAddressAttributeResult, ApiError> {
    let old = Arc::clone(get::<Address>(tx, &request.allocation_id)?);
    let name = request.domain_name.as_deref().ok_or_else(|| ApiError::missing("DomainName"))?;
    let new = Address { ptr_record: Some(pointer(name)?), ..Address::clone(&old) };
    let address = Some(to_shape(&new));
    tx.put(new);
    Ok(ModifyAddressAttributeResult { address })
}

/// A host name as a reverse look-up gives it: with a dot at the end.
fn pointer(text: &str) -> Result<String, ApiError> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        (1..=MAX_LABEL_LEN).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_name = name.len() <= MAX_NAME_LEN && name.contains('.') && name.split('.').all(is_label);
    if !is_name {
        return Err(ApiError::invalid_value(format!("Value ({text}) for parameter domainName is invalid.")));
    }
    Ok(format!("{}.", name.to_ascii_lowercase()))
}

pub(in crate::actions) fn reset_address_attribute(
    _: &Context,
    tx: &mut Transaction,
    request: ResetAddressAttributeRequest,
) -> Result<ResetAddressAttributeResult, ApiError> {
    let old = Arc::clone(get::<Address>(tx, &request.allocation_id)?);
    request.attribute.ok_or_else(|| ApiError::missing("Attribute"))?;
    let new = Address { ptr_record: None, ..Address::clone(&old) };
    let address = Some(to_shape(&new));
    tx.put(new);
    Ok(ResetAddressAttributeResult { address })
}

/// There is one account, so no address is on its way to another.
pub(in crate::actions) fn describe_address_transfers(
    _: &Context,
    view: &View<'_>,
    request: DescribeAddressTransfersRequest,
) -> Result<DescribeAddressTransfersResult, ApiError> {
    crate::query::find::<Address>(view.tables(), &request.allocation_ids)?;
    empty_page(request.max_results, request.next_token.as_deref())?;
    Ok(DescribeAddressTransfersResult::default())
}

/// There is no EC2-Classic, so no address is on its way from it or back.
pub(in crate::actions) fn describe_moving_addresses(
    _: &Context,
    view: &View<'_>,
    request: DescribeMovingAddressesRequest,
) -> Result<DescribeMovingAddressesResult, ApiError> {
    Filters::new::<Move>(&request.filters)?;
    for ip in &request.public_ips {
        find_by_ip(view, ip)?;
    }
    empty_page(request.max_results, request.next_token.as_deref())?;
    Ok(DescribeMovingAddressesResult::default())
}

/// Checks what a request says about a page of nothing.
fn empty_page(max_results: Option<i32>, next_token: Option<&str>) -> Result<(), ApiError> {
    page(std::iter::empty::<String>(), Clone::clone, PageLimits::USUAL, max_results, next_token, None).map(|_| ())
}

/// An address that moves between platforms.
enum Move {}

impl Filterable for Move {
    const NAMES: &'static [&'static str] = &["moving-status"];

    fn values(&self, _: &str, _: &mut dyn FnMut(&str)) {
        match *self {}
    }

    fn tags(&self) -> Option<&Tags> {
        match *self {}
    }
}
