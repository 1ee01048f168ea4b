//! What other accounts may do with network interfaces.

use ec2_shapes::{
    CreateNetworkInterfacePermissionRequest, CreateNetworkInterfacePermissionResult,
    DeleteNetworkInterfacePermissionRequest, DeleteNetworkInterfacePermissionResult,
    DescribeNetworkInterfacePermissionsRequest, DescribeNetworkInterfacePermissionsResult, InterfacePermissionType,
    NetworkInterfacePermissionState, NetworkInterfacePermissionStateCode,
};
use types::{AccountId, NetworkInterfacePermissionId};

use super::{check_ours, unavailable};
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Filters, Listing, find_all, get, parse_id, rows};
use crate::resource::{InterfacePermission, NetworkInterface, NetworkInterfacePermission, Tags};
use crate::state::Key;
use crate::transaction::Transaction;
use crate::view::View;

pub(in crate::actions) fn create_network_interface_permission(
    context: &Context,
    tx: &mut Transaction,
    request: CreateNetworkInterfacePermissionRequest,
) -> Result<CreateNetworkInterfacePermissionResult, ApiError> {
    let interface = get::<NetworkInterface>(tx, &request.network_interface_id)?.id;
    check_ours(&tx.interfaces[&interface])?;
    if request.aws_service.is_some() {
        return Err(unavailable("AwsService"));
    }
    let account = request.aws_account_id.ok_or_else(|| ApiError::missing("AwsAccountId"))?;
    if account.parse::<AccountId>().is_err() || account == context.account().as_str() {
        return Err(ApiError::invalid_value(format!(
            "Value ({account}) for parameter awsAccountId is invalid. It must be the ID of another account."
        )));
    }
    let permission = match request.permission.ok_or_else(|| ApiError::missing("Permission"))? {
        InterfacePermissionType::InstanceAttach => InterfacePermission::InstanceAttach,
        InterfacePermissionType::EipAssociate => InterfacePermission::EipAssociate,
    };
    let is_same = |held: &&std::sync::Arc<NetworkInterfacePermission>| {
        held.interface == interface && held.account == account && held.permission == permission
    };
    // Granted once more, it stays the one it is.
    let held = tx.interface_permissions.values().find(is_same).map(|held| NetworkInterfacePermission::clone(held));
    let permission = held.unwrap_or_else(|| NetworkInterfacePermission {
        id: NetworkInterfacePermissionId::from_number(context.id_number()),
        interface,
        account,
        permission,
    });
    tx.put(permission.clone());
    Ok(CreateNetworkInterfacePermissionResult { interface_permission: Some(to_shape(&permission)) })
}

pub(in crate::actions) fn delete_network_interface_permission(
    _: &Context,
    tx: &mut Transaction,
    request: DeleteNetworkInterfacePermissionRequest,
) -> Result<DeleteNetworkInterfacePermissionResult, ApiError> {
    let text = request.network_interface_permission_id;
    let id = parse_permission_id(&text)?;
    if !tx.interface_permissions.contains_key(&id) {
        return Err(not_found(&[text]));
    }
    tx.delete(Key::NetworkInterfacePermission(id));
    Ok(DeleteNetworkInterfacePermissionResult { r#return: Some(true) })
}

pub(in crate::actions) fn describe_network_interface_permissions(
    _: &Context,
    view: &View<'_>,
    request: DescribeNetworkInterfacePermissionsRequest,
) -> Result<DescribeNetworkInterfacePermissionsResult, ApiError> {
    let ids = &request.network_interface_permission_ids;
    let filters = Filters::new::<PermissionView<'_>>(&request.filters)?;
    let found = find_all(&view.interface_permissions, ids, parse_permission_id, not_found)?;
    let token = request.next_token.as_deref();
    let asked = Listing::paged(ids, &request.filters, request.max_results, token).limits(5, 255);
    let all = found.into_iter().map(|permission| (permission.id.to_string(), PermissionView(permission)));
    let (permissions, next_token) = rows(all, &filters, asked)?;
    Ok(DescribeNetworkInterfacePermissionsResult {
        network_interface_permissions: permissions.into_iter().map(|view| to_shape(view.0)).collect(),
        next_token,
    })
}

fn parse_permission_id(text: &str) -> Result<NetworkInterfacePermissionId, ApiError> {
    parse_id(text, NetworkInterfacePermissionId::PREFIX, "InvalidPermissionID.Malformed")
}

fn not_found(missing: &[String]) -> ApiError {
    crate::query::not_found("InvalidPermissionID.NotFound", "networkInterfacePermission ID", missing)
}

fn permission_type(permission: InterfacePermission) -> InterfacePermissionType {
    match permission {
        InterfacePermission::InstanceAttach => InterfacePermissionType::InstanceAttach,
        InterfacePermission::EipAssociate => InterfacePermissionType::EipAssociate,
    }
}

fn to_shape(permission: &NetworkInterfacePermission) -> ec2_shapes::NetworkInterfacePermission {
    ec2_shapes::NetworkInterfacePermission {
        aws_account_id: Some(permission.account.clone()),
        aws_service: None,
        network_interface_id: Some(permission.interface.to_string()),
        network_interface_permission_id: Some(permission.id.to_string()),
        permission: Some(permission_type(permission.permission)),
        permission_state: Some(NetworkInterfacePermissionState {
            state: Some(NetworkInterfacePermissionStateCode::Granted),
            status_message: None,
        }),
    }
}

struct PermissionView<'a>(&'a NetworkInterfacePermission);

impl Filterable for PermissionView<'_> {
    const NAMES: &'static [&'static str] = &[
        "network-interface-permission.aws-account-id",
        "network-interface-permission.aws-service",
        "network-interface-permission.network-interface-id",
        "network-interface-permission.network-interface-permission-id",
        "network-interface-permission.permission",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name.strip_prefix("network-interface-permission.") {
            Some("aws-account-id") => found(&self.0.account),
            Some("network-interface-id") => found(&self.0.interface.to_string()),
            Some("network-interface-permission-id") => found(&self.0.id.to_string()),
            Some("permission") => found(permission_type(self.0.permission).as_str()),
            // No permission is given to a service.
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }
}
