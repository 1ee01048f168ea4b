//! Network interfaces.

mod addressing;
mod assign;
mod attach;
mod attributes;
mod create;
mod in_instance;
mod permissions;
#[cfg(test)]
mod tests;
mod view;

use ec2_shapes::{DescribeNetworkInterfacesRequest, DescribeNetworkInterfacesResult};

pub(in crate::actions) use self::addressing::{AddressPlan, AddressWish, check_room_for};
pub(in crate::actions) use self::assign::{
    assign_ipv6_addresses, assign_private_ip_addresses, unassign_ipv6_addresses, unassign_private_ip_addresses,
};
pub(crate) use self::attach::end_transition;
pub(in crate::actions) use self::attach::{
    attach_network_interface, check_free, check_interface_count, check_network_card, detach_network_interface,
};
pub(in crate::actions) use self::attributes::{
    describe_network_interface_attribute, modify_network_interface_attribute, reset_network_interface_attribute,
};
pub(crate) use self::create::delete_interface;
pub(in crate::actions) use self::create::{
    NewInterface, check_description, connection_tracking, create_network_interface, delete_network_interface,
    find_groups, managed_by, new_interface,
};
pub(in crate::actions) use self::permissions::{
    create_network_interface_permission, delete_network_interface_permission, describe_network_interface_permissions,
};
pub(in crate::actions) use self::view::InterfaceView;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Listing, list};
use crate::resource::NetworkInterface;
use crate::view::View;

pub(super) fn describe_network_interfaces(
    context: &Context,
    view: &View<'_>,
    request: DescribeNetworkInterfacesRequest,
) -> Result<DescribeNetworkInterfacesResult, ApiError> {
    let asked = Listing {
        ids_name: Some("networkInterfaceIdsSet"),
        ..Listing::paged(
            &request.network_interface_ids,
            &request.filters,
            request.max_results,
            request.next_token.as_deref(),
        )
    };
    let row = |interface| InterfaceView { account: context.account(), tables: view.tables().into(), interface };
    let (rows, next_token) = list(view.tables(), asked, row)?;
    let network_interfaces = rows.into_iter().map(InterfaceView::to_shape).collect();
    Ok(DescribeNetworkInterfacesResult { network_interfaces, next_token })
}

/// Checks that an interface is the account's own to change, not a service's.
///
/// # Errors
/// `AuthFailure`.
pub(super) fn check_ours(interface: &NetworkInterface) -> Result<(), ApiError> {
    match interface.manager {
        Some(_) => Err(ApiError::new("AuthFailure", "You do not have permission to access the specified resource.")),
        None => Ok(()),
    }
}

fn unavailable(what: &str) -> ApiError {
    ApiError::new("UnsupportedOperation", format!("{what} is not available."))
}
