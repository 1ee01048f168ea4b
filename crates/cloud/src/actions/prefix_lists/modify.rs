//! Changing prefix lists.

use std::collections::BTreeSet;

use ec2_shapes::{ModifyManagedPrefixListRequest, ModifyManagedPrefixListResult};
use types::Cidr;

use super::super::{route_tables, security_groups};
use super::{check_count, check_name, customer_shape, own, read_cidr, read_entries, read_max_entries};
use crate::context::Context;
use crate::dependencies;
use crate::error::ApiError;
use crate::resource::{PrefixList, PrefixListEntry, PrefixListState};
use crate::state::Key;
use crate::transaction::Transaction;

/// How many of the resources that are in the way a message names.
const NAMED_IN_MESSAGE: usize = 10;

pub(in crate::actions) fn modify_managed_prefix_list(
    context: &Context,
    tx: &mut Transaction,
    request: ModifyManagedPrefixListRequest,
) -> Result<ModifyManagedPrefixListResult, ApiError> {
    let mut list = own(context, tx, &request.prefix_list_id)?;
    if request.ipam_prefix_list_resolver_sync_enabled == Some(true) {
        let message = format!("The prefix list '{}' is not managed by an IPAM prefix list resolver.", list.id);
        return Err(ApiError::invalid_value(message));
    }
    if request.current_version.is_some_and(|version| version != list.version) {
        let message = "The prefix list has the incorrect version number.";
        return Err(ApiError::new("PrefixListVersionMismatch", message));
    }
    let changes_entries = !request.add_entries.is_empty() || !request.remove_entries.is_empty();
    if changes_entries && request.max_entries.is_some() {
        return Err(ApiError::invalid_combination(
            "You cannot modify the entries and the maximum entries for the prefix list in the same request.",
        ));
    }
    (list.state, list.state_message) = (PrefixListState::ModifyComplete, None);
    if let Some(name) = &request.prefix_list_name {
        check_name(name)?;
        list.name.clone_from(name);
    }
    if changes_entries {
        let entries = changed(&list, &request)?;
        check_count(&entries, list.max_entries)?;
        list.add_version(entries);
    }
    tx.put(list.clone());
    if let Some(number) = request.max_entries {
        list = resized(context, tx, list, read_max_entries(number)?)?;
        tx.put(list.clone());
    }
    Ok(ModifyManagedPrefixListResult { prefix_list: Some(customer_shape(context, tx, &list)) })
}

/// The blocks after what the request adds and removes.
fn changed(list: &PrefixList, request: &ModifyManagedPrefixListRequest) -> Result<Vec<PrefixListEntry>, ApiError> {
    let added = read_entries(list.family, &request.add_entries)?;
    let removed = request
        .remove_entries
        .iter()
        .map(|entry| read_cidr(list.family, entry.cidr.as_deref()))
        .collect::<Result<BTreeSet<Cidr>, _>>()?;
    let has = |cidr: Cidr| list.entries().iter().any(|entry| entry.cidr == cidr);
    for PrefixListEntry { cidr, .. } in &added {
        if removed.contains(cidr) {
            return Err(ApiError::invalid_value(format!(
                "Request cannot contain Cidr {cidr} in both AddPrefixListEntries and RemovePrefixListEntries."
            )));
        }
        if has(*cidr) {
            return Err(ApiError::new("InvalidRequest", "The request received was invalid."));
        }
    }
    if let Some(cidr) = removed.iter().find(|cidr| !has(**cidr)) {
        return Err(ApiError::invalid_value(format!("The prefix list '{}' has no entry with Cidr {cidr}.", list.id)));
    }
    let kept = list.entries().iter().filter(|entry| !removed.contains(&entry.cidr)).cloned();
    Ok(kept.chain(added).collect())
}

/// The list for another number of blocks, unless a resource that uses it could not hold that many: then it stays as it
/// was, and its state says why.
fn resized(
    context: &Context,
    tx: &mut Transaction,
    list: PrefixList,
    max_entries: u32,
) -> Result<PrefixList, ApiError> {
    check_count(list.entries(), max_entries)?;
    let wanted = PrefixList { max_entries, ..list.clone() };
    tx.put(wanted.clone());
    let too_small = |key: &Key| match key {
        Key::SecurityGroup(id) => tx.security_groups.get(id).is_some_and(|group| {
            [false, true].into_iter().any(|egress| security_groups::check_quota(context, tx, group, egress).is_err())
        }),
        Key::RouteTable(id) => {
            tx.route_tables.get(id).is_some_and(|table| route_tables::check_quota(context, tx, table).is_err())
        }
        _ => false,
    };
    let in_the_way: Vec<String> = dependencies::dependents(tx, &Key::PrefixList(list.id))
        .filter(too_small)
        .filter_map(|key| key.resource_id())
        .take(NAMED_IN_MESSAGE)
        .collect();
    if in_the_way.is_empty() {
        return Ok(wanted);
    }
    let state_message = Some(format!(
        "The following resources do not support the new maximum size of the prefix list: {}",
        in_the_way.join(", ")
    ));
    Ok(PrefixList { state: PrefixListState::ModifyFailed, state_message, ..list })
}
