//! Network interfaces.

mod attach;
mod create;
mod view;

use ec2_shapes::{DescribeNetworkInterfacesRequest, DescribeNetworkInterfacesResult};
use types::NetworkInterfaceId;

pub(crate) use self::attach::end_transition;
pub(crate) use self::create::delete_interface;
pub(in crate::actions) use self::create::{NewInterface, managed_by, new_interface};
pub(in crate::actions) use self::view::InterfaceView;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Listing, list, parse_id};
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
    let row = |interface| InterfaceView { context, tables: view.tables(), interface };
    let (rows, next_token) = list(view.tables(), asked, row)?;
    let network_interfaces = rows.into_iter().map(InterfaceView::to_shape).collect();
    Ok(DescribeNetworkInterfacesResult { network_interfaces, next_token })
}

/// The id of an interface.
pub(super) fn parse_interface_id(text: &str) -> Result<NetworkInterfaceId, ApiError> {
    parse_id(text, NetworkInterfaceId::PREFIX, "InvalidNetworkInterfaceId.Malformed")
}

/// The error for an interface that does not exist.
pub(super) fn not_found(id: &str) -> ApiError {
    let message = format!("The networkInterface ID '{id}' does not exist");
    ApiError::new("InvalidNetworkInterfaceID.NotFound", message)
}
