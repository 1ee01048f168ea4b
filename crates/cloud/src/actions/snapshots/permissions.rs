//! Who may make volumes from a snapshot.

use ec2_shapes::{
    CreateVolumePermission, DescribeSnapshotAttributeRequest, DescribeSnapshotAttributeResult,
    DisableSnapshotBlockPublicAccessRequest, DisableSnapshotBlockPublicAccessResult,
    EnableSnapshotBlockPublicAccessRequest, EnableSnapshotBlockPublicAccessResult,
    GetSnapshotBlockPublicAccessStateRequest, GetSnapshotBlockPublicAccessStateResult, ManagedBy,
    ModifySnapshotAttributeRequest, OperationType, PermissionGroup, ResetSnapshotAttributeRequest,
    SnapshotAttributeName, SnapshotBlockPublicAccessState as Block,
};
use types::AccountId;

use super::{find, own};
use crate::context::Context;
use crate::error::ApiError;
use crate::resource::{Setting, Snapshot};
use crate::state::{Key, Tables};
use crate::transaction::Transaction;
use crate::view::View;

/// The name of the setting that says how far snapshots may be public; without it they may.
const BLOCK_PUBLIC_ACCESS: &str = "snapshot-block-public-access";
/// How many changes one call may make.
const MAX_CHANGES: usize = 500;
/// The group of everybody.
const EVERYBODY: &str = "all";

pub(in crate::actions) fn describe_snapshot_attribute(
    context: &Context,
    view: &View<'_>,
    request: DescribeSnapshotAttributeRequest,
) -> Result<DescribeSnapshotAttributeResult, ApiError> {
    let _ = context;
    let snapshot = find(view, &request.snapshot_id)?;
    if snapshot.is_builtin {
        return Err(ApiError::new("AuthFailure", format!("Not authorized for snapshot: {}", snapshot.id)));
    }
    let snapshot_id = Some(snapshot.id.to_string());
    let create_volume_permissions = match request.attribute.ok_or_else(|| ApiError::missing("Attribute"))? {
        SnapshotAttributeName::CreateVolumePermission => permissions(&snapshot),
        // No snapshot here has a product code.
        SnapshotAttributeName::ProductCodes => vec![],
    };
    Ok(DescribeSnapshotAttributeResult { create_volume_permissions, snapshot_id, ..Default::default() })
}

fn permissions(snapshot: &Snapshot) -> Vec<CreateVolumePermission> {
    let everybody = snapshot
        .is_public
        .then_some(CreateVolumePermission { group: Some(PermissionGroup::All), ..CreateVolumePermission::default() });
    let accounts = snapshot.shared_with.iter().map(|account| CreateVolumePermission {
        user_id: Some(account.to_string()),
        ..CreateVolumePermission::default()
    });
    everybody.into_iter().chain(accounts).collect()
}

/// What a request wants to change.
#[derive(Default)]
struct Change {
    everybody: bool,
    accounts: Vec<AccountId>,
}

impl Change {
    fn new(items: &[CreateVolumePermission]) -> Result<Self, ApiError> {
        let mut change = Self::default();
        for item in items {
            match (item.group, item.user_id.as_deref()) {
                (Some(PermissionGroup::All), None) => change.everybody = true,
                (None, Some(user)) => change.accounts.push(account(user)?),
                _ => return Err(ApiError::missing("CreateVolumePermission.UserId or CreateVolumePermission.Group")),
            }
        }
        Ok(change)
    }

    fn of_lists(users: &[String], groups: &[String]) -> Result<Self, ApiError> {
        if let Some(other) = groups.iter().find(|group| *group != EVERYBODY) {
            return Err(ApiError::invalid_value(format!(
                "Invalid user group '{other}'; the only group is '{EVERYBODY}'"
            )));
        }
        let accounts = users.iter().map(|user| account(user)).collect::<Result<_, _>>()?;
        Ok(Self { everybody: !groups.is_empty(), accounts })
    }

    fn is_empty(&self) -> bool {
        !self.everybody && self.accounts.is_empty()
    }
}

fn account(text: &str) -> Result<AccountId, ApiError> {
    text.parse().map_err(|_| ApiError::new("InvalidUserID.Malformed", format!("Invalid user id: \"{text}\"")))
}

/// What a request adds and removes, in whichever of its two forms.
fn changes(request: &ModifySnapshotAttributeRequest) -> Result<(Change, Change), ApiError> {
    let (add, remove) = match (&request.create_volume_permission, request.operation_type) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid_combination(
                "The parameter createVolumePermission cannot be used with the parameter operationType",
            ));
        }
        (Some(both), None) => (Change::new(&both.add)?, Change::new(&both.remove)?),
        (None, Some(operation)) => {
            let change = Change::of_lists(&request.user_ids, &request.group_names)?;
            match operation {
                OperationType::Add => (change, Change::default()),
                OperationType::Remove => (Change::default(), change),
            }
        }
        (None, None) => return Err(ApiError::missing("CreateVolumePermission")),
    };
    match (add.is_empty(), remove.is_empty()) {
        (true, true) => Err(ApiError::missing("CreateVolumePermission")),
        (false, false) => {
            Err(ApiError::invalid_combination("Permissions cannot be added and removed in one operation."))
        }
        _ if add.accounts.len().max(remove.accounts.len()) > MAX_CHANGES => {
            Err(ApiError::invalid_value(format!("At most {MAX_CHANGES} permissions can be changed in one operation.")))
        }
        _ => Ok((add, remove)),
    }
}

pub(in crate::actions) fn modify_snapshot_attribute(
    _: &Context,
    tx: &mut Transaction,
    request: ModifySnapshotAttributeRequest,
) -> Result<(), ApiError> {
    let mut snapshot = own(tx, &request.snapshot_id)?;
    if request.attribute == Some(SnapshotAttributeName::ProductCodes) {
        return Err(ApiError::invalid_value("The attribute 'productCodes' of a snapshot cannot be modified."));
    }
    let (add, remove) = changes(&request)?;
    if add.everybody && !snapshot.is_public && block(tx).is_some() {
        return Err(ApiError::new(
            "OperationNotPermitted",
            "You can't publicly share this snapshot because block public access for snapshots is enabled for this account.",
        ));
    }
    snapshot.is_public = (snapshot.is_public || add.everybody) && !remove.everybody;
    snapshot.shared_with.extend(add.accounts);
    snapshot.shared_with.retain(|account| !remove.accounts.contains(account));
    tx.put(snapshot);
    Ok(())
}

pub(in crate::actions) fn reset_snapshot_attribute(
    _: &Context,
    tx: &mut Transaction,
    request: ResetSnapshotAttributeRequest,
) -> Result<(), ApiError> {
    let mut snapshot = own(tx, &request.snapshot_id)?;
    if request.attribute.ok_or_else(|| ApiError::missing("Attribute"))? == SnapshotAttributeName::ProductCodes {
        return Err(ApiError::invalid_value("The attribute 'productCodes' of a snapshot cannot be reset."));
    }
    snapshot.is_public = false;
    snapshot.shared_with.clear();
    tx.put(snapshot);
    Ok(())
}

/// How far public snapshots are blocked; `None` where they are not.
fn block(tables: &Tables) -> Option<Block> {
    tables.settings.get(BLOCK_PUBLIC_ACCESS).and_then(|setting| Block::from_wire(&setting.value))
}

/// Whether even snapshots that were made public are not.
pub(super) fn hides_public(tables: &Tables) -> bool {
    block(tables) == Some(Block::BlockAllSharing)
}

pub(in crate::actions) fn enable_snapshot_block_public_access(
    _: &Context,
    tx: &mut Transaction,
    request: EnableSnapshotBlockPublicAccessRequest,
) -> Result<EnableSnapshotBlockPublicAccessResult, ApiError> {
    let state = request.state.ok_or_else(|| ApiError::missing("State"))?;
    if state == Block::Unblocked {
        return Err(ApiError::invalid_value(
            "Value (unblocked) for parameter State is invalid. Use DisableSnapshotBlockPublicAccess.",
        ));
    }
    tx.put(Setting { name: BLOCK_PUBLIC_ACCESS.into(), value: state.as_str().to_owned() });
    Ok(EnableSnapshotBlockPublicAccessResult { state: Some(state) })
}

pub(in crate::actions) fn disable_snapshot_block_public_access(
    _: &Context,
    tx: &mut Transaction,
    _: DisableSnapshotBlockPublicAccessRequest,
) -> Result<DisableSnapshotBlockPublicAccessResult, ApiError> {
    if block(tx).is_some() {
        tx.delete(Key::Setting(BLOCK_PUBLIC_ACCESS.into()));
    }
    Ok(DisableSnapshotBlockPublicAccessResult { state: Some(Block::Unblocked) })
}

pub(in crate::actions) fn get_snapshot_block_public_access_state(
    _: &Context,
    view: &View<'_>,
    _: GetSnapshotBlockPublicAccessStateRequest,
) -> Result<GetSnapshotBlockPublicAccessStateResult, ApiError> {
    let state = Some(block(view).unwrap_or(Block::Unblocked));
    Ok(GetSnapshotBlockPublicAccessStateResult { managed_by: Some(ManagedBy::Account), state })
}
