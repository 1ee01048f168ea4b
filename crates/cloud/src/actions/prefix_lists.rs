//! Managed prefix lists: customers' own, and those of AWS.
//!
//! Follows the VPC guide's pages on prefix lists, the service model, and the texts that AWS is seen to answer. What is done
//! to a list is done when the call returns, so the states in between are never seen.

mod modify;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use ec2_shapes::{
    AddPrefixListEntry, CreateManagedPrefixListRequest, CreateManagedPrefixListResult, DeleteManagedPrefixListRequest,
    DeleteManagedPrefixListResult, DescribeManagedPrefixListsRequest, DescribeManagedPrefixListsResult,
    DescribePrefixListsRequest, DescribePrefixListsResult, GetManagedPrefixListAssociationsRequest,
    GetManagedPrefixListAssociationsResult, GetManagedPrefixListEntriesRequest, GetManagedPrefixListEntriesResult,
    ManagedPrefixList, PrefixListAssociation,
};
use types::{Cidr, PrefixListId, Region};

use super::show::given;
use crate::context::Context;
use crate::dependencies::{self, check_unused};
use crate::error::ApiError;
use crate::idempotency;
use crate::kind::Resource;
use crate::prefix_lists::{AwsPrefixList, aws_lists, exists};
use crate::query::{Filterable, Filters, Listing, rows};
use crate::resource::{AddressFamily, PrefixList, PrefixListEntry, PrefixListState, Tags};
use crate::state::{Key, Tables};
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;
use crate::view::View;

pub(super) use modify::modify_managed_prefix_list;

const RESOURCE_TYPE: &str = "prefix-list";
/// The owner of AWS's lists, as answers name it.
const AWS: &str = "AWS";
/// What names of customers' lists may not begin with.
const RESERVED_NAME: &str = "com.amazonaws";
/// How many characters a name or a description may have.
const MAX_TEXT_LEN: usize = 255;
/// How many blocks a list may be made for.
const MAX_ENTRIES: i32 = 1_000;
/// How many blocks one call may add.
const MAX_ENTRIES_PER_CALL: usize = 100;

/// The list of this id, a customer's or AWS's.
///
/// # Errors
/// `InvalidPrefixListId.Malformed`, `InvalidPrefixListID.NotFound`.
pub(super) fn read_id(context: &Context, tables: &Tables, text: &str) -> Result<PrefixListId, ApiError> {
    let id = parse(text)?;
    if exists(tables, &context.region, id) { Ok(id) } else { Err(PrefixList::KIND.not_found(&[text])) }
}

fn parse(text: &str) -> Result<PrefixListId, ApiError> {
    text.parse().map_err(|_| PrefixList::KIND.malformed(text))
}

/// A customer's list, to be changed.
fn own(context: &Context, tables: &Tables, text: &str) -> Result<PrefixList, ApiError> {
    let id = read_id(context, tables, text)?;
    tables.prefix_lists.get(&id).map(|list| PrefixList::clone(list)).ok_or_else(|| {
        let message = format!("The prefix list '{id}' is managed by AWS and cannot be changed.");
        ApiError::new("UnsupportedOperation", message)
    })
}

pub(super) fn create_managed_prefix_list(
    context: &Context,
    tx: &mut Transaction,
    request: CreateManagedPrefixListRequest,
) -> Result<CreateManagedPrefixListResult, ApiError> {
    let token = request.client_token.clone();
    let id = idempotency::once(context, tx, "CreateManagedPrefixList", token.as_deref(), &request, |tx| {
        let tags = NewTags::new(&request.tag_specifications, &[RESOURCE_TYPE])?;
        check_name(&request.prefix_list_name)?;
        let family = match request.address_family.as_str() {
            "IPv4" => AddressFamily::Ipv4,
            "IPv6" => AddressFamily::Ipv6,
            other => {
                let message =
                    format!("The specified value for AddressFamily is not valid. '{other}' is neither IPv4 nor IPv6.");
                return Err(ApiError::invalid_value(message));
            }
        };
        let max_entries = read_max_entries(request.max_entries)?;
        let entries = read_entries(family, &request.entries)?;
        check_count(&entries, max_entries)?;
        let id = PrefixListId::from_number(context.id_number());
        tx.put(PrefixList {
            id,
            name: request.prefix_list_name.clone(),
            family,
            max_entries,
            state: PrefixListState::CreateComplete,
            state_message: None,
            version: 1,
            versions: BTreeMap::from([(1, entries)]),
        });
        tags.put(tx, RESOURCE_TYPE, id);
        Ok(id.to_string())
    })?;
    let list = own(context, tx, &id)?;
    Ok(CreateManagedPrefixListResult { prefix_list: Some(customer_shape(context, tx, &list)) })
}

fn check_name(name: &str) -> Result<(), ApiError> {
    if name.is_empty() {
        return Err(ApiError::missing("PrefixListName"));
    }
    if name.chars().count() > MAX_TEXT_LEN {
        let message = "The specified value for PrefixListName is not valid. It may have up to 255 characters.";
        return Err(ApiError::invalid_value(message));
    }
    if name.starts_with(RESERVED_NAME) {
        return Err(ApiError::invalid_value(format!(
            "The specified value for PrefixListName is not valid. The name cannot start with {RESERVED_NAME}."
        )));
    }
    Ok(())
}

fn read_max_entries(number: i32) -> Result<u32, ApiError> {
    let allowed = u32::try_from(number).ok().filter(|_| (1..=MAX_ENTRIES).contains(&number));
    allowed.ok_or_else(|| {
        ApiError::invalid_value(format!(
            "The specified value for MaxEntries is not valid. The value must be between 1 and {MAX_ENTRIES}."
        ))
    })
}

/// The blocks that a request adds: of the list's family, and each once.
fn read_entries(family: AddressFamily, entries: &[AddPrefixListEntry]) -> Result<Vec<PrefixListEntry>, ApiError> {
    if entries.len() > MAX_ENTRIES_PER_CALL {
        let message = format!("The request may contain at most {MAX_ENTRIES_PER_CALL} entries.");
        return Err(ApiError::invalid_value(message));
    }
    let mut seen = BTreeSet::new();
    let mut read = Vec::new();
    for entry in entries {
        let cidr = read_cidr(family, entry.cidr.as_deref())?;
        let description = given(&entry.description).map(str::to_owned);
        if description.as_ref().is_some_and(|text| text.chars().count() > MAX_TEXT_LEN) {
            let message = "The specified value for Description is not valid. It may have up to 255 characters.";
            return Err(ApiError::invalid_value(message));
        }
        if !seen.insert(cidr) {
            let message = format!("Request cannot contain duplicate Cidr {cidr} in PrefixListEntries.");
            return Err(ApiError::invalid_value(message));
        }
        read.push(PrefixListEntry { cidr, description });
    }
    Ok(read)
}

fn read_cidr(family: AddressFamily, text: Option<&str>) -> Result<Cidr, ApiError> {
    let text = text.ok_or_else(|| ApiError::missing("Cidr"))?;
    let is_of_family = |cidr: &Cidr| cidr.ipv4().is_some() == (family == AddressFamily::Ipv4);
    text.parse().ok().filter(is_of_family).ok_or_else(|| {
        ApiError::invalid_value(format!(
            "The CIDR block {text} is not valid for a prefix list of address family {}.",
            family_name(family)
        ))
    })
}

fn check_count(entries: &[PrefixListEntry], max_entries: u32) -> Result<(), ApiError> {
    if u32::try_from(entries.len()).is_ok_and(|count| count <= max_entries) {
        return Ok(());
    }
    let message = "You've reached the maximum number of entries for the prefix list.";
    Err(ApiError::new("PrefixListMaxEntriesExceeded", message))
}

pub(super) fn delete_managed_prefix_list(
    context: &Context,
    tx: &mut Transaction,
    request: DeleteManagedPrefixListRequest,
) -> Result<DeleteManagedPrefixListResult, ApiError> {
    let list = own(context, tx, &request.prefix_list_id)?;
    let key = Key::PrefixList(list.id);
    check_unused(tx, &key, format!("The prefix list '{}' has dependencies and cannot be deleted.", list.id))?;
    let mut shape = customer_shape(context, tx, &list);
    shape.state = Some(ec2_shapes::PrefixListState::DeleteComplete);
    tx.delete(key);
    Ok(DeleteManagedPrefixListResult { prefix_list: Some(shape) })
}

const fn family_name(family: AddressFamily) -> &'static str {
    match family {
        AddressFamily::Ipv4 => "IPv4",
        AddressFamily::Ipv6 => "IPv6",
    }
}

/// A customer's list as answers show it.
fn customer_shape(context: &Context, tables: &Tables, list: &PrefixList) -> ManagedPrefixList {
    let (id, owner) = (list.id, context.account());
    ManagedPrefixList {
        address_family: Some(family_name(list.family).to_owned()),
        max_entries: i32::try_from(list.max_entries).ok(),
        owner_id: Some(owner.to_string()),
        prefix_list_arn: Some(format!("arn:aws:ec2:{}:{owner}:prefix-list/{id}", context.region)),
        prefix_list_id: Some(id.to_string()),
        prefix_list_name: Some(list.name.clone()),
        state: Some(match list.state {
            PrefixListState::CreateComplete => ec2_shapes::PrefixListState::CreateComplete,
            PrefixListState::ModifyComplete => ec2_shapes::PrefixListState::ModifyComplete,
            PrefixListState::ModifyFailed => ec2_shapes::PrefixListState::ModifyFailed,
        }),
        state_message: list.state_message.clone(),
        tags: tagging::to_shape(tables.tags_of(&id.to_string())),
        version: Some(list.version),
        ..ManagedPrefixList::default()
    }
}

/// One of AWS's lists as answers show it; it has no versions, and no limit of its own.
fn aws_shape(region: &Region, list: &AwsPrefixList) -> ManagedPrefixList {
    ManagedPrefixList {
        address_family: Some(family_name(AddressFamily::Ipv4).to_owned()),
        owner_id: Some(AWS.to_owned()),
        prefix_list_arn: Some(format!("arn:aws:ec2:{region}:aws:prefix-list/{}", list.id)),
        prefix_list_id: Some(list.id.to_string()),
        prefix_list_name: Some(list.name.clone()),
        state: Some(ec2_shapes::PrefixListState::CreateComplete),
        ..ManagedPrefixList::default()
    }
}

struct ManagedRow<'a> {
    shape: ManagedPrefixList,
    tags: &'a Tags,
}

impl Filterable for ManagedRow<'_> {
    const NAMES: &'static [&'static str] = &["owner-id", "prefix-list-id", "prefix-list-name"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let value = match name {
            "owner-id" => &self.shape.owner_id,
            "prefix-list-id" => &self.shape.prefix_list_id,
            "prefix-list-name" => &self.shape.prefix_list_name,
            _ => &None,
        };
        value.iter().for_each(|value| found(value));
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tags)
    }
}

/// The ids that a request names, each of which must be among `present`.
fn wanted(texts: &[String], present: impl Fn(PrefixListId) -> bool) -> Result<BTreeSet<PrefixListId>, ApiError> {
    let ids = texts.iter().map(|text| parse(text)).collect::<Result<BTreeSet<_>, _>>()?;
    let missing: Vec<_> = ids.iter().filter(|id| !present(**id)).map(ToString::to_string).collect();
    if missing.is_empty() { Ok(ids) } else { Err(PrefixList::KIND.not_found(&missing)) }
}

pub(super) fn describe_managed_prefix_lists(
    context: &Context,
    view: &View<'_>,
    request: DescribeManagedPrefixListsRequest,
) -> Result<DescribeManagedPrefixListsResult, ApiError> {
    let filters = Filters::new::<ManagedRow<'_>>(&request.filters)?;
    let tables = view.tables();
    let ids = wanted(&request.prefix_list_ids, |id| exists(tables, view.region(), id))?;
    let customers = tables.prefix_lists.values().map(|list| (list.id, customer_shape(context, tables, list)));
    let aws = aws_lists(view.region()).into_iter().map(|list| (list.id, aws_shape(view.region(), &list)));
    let all: BTreeMap<_, _> = customers.chain(aws).filter(|(id, _)| ids.is_empty() || ids.contains(id)).collect();
    let found = all.into_iter().map(|(id, shape)| {
        let id = id.to_string();
        let tags = tables.tags_of(&id);
        (id, ManagedRow { shape, tags })
    });
    let asked =
        Listing::paged(&request.prefix_list_ids, &request.filters, request.max_results, request.next_token.as_deref())
            .limits(1, 100);
    let (rows, next_token) = rows(found, &filters, asked)?;
    Ok(DescribeManagedPrefixListsResult { next_token, prefix_lists: rows.into_iter().map(|row| row.shape).collect() })
}

struct ServiceRow(AwsPrefixList);

impl Filterable for ServiceRow {
    const NAMES: &'static [&'static str] = &["prefix-list-id", "prefix-list-name"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name {
            "prefix-list-id" => found(&self.0.id.to_string()),
            "prefix-list-name" => found(&self.0.name),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }
}

pub(super) fn describe_prefix_lists(
    _: &Context,
    view: &View<'_>,
    request: DescribePrefixListsRequest,
) -> Result<DescribePrefixListsResult, ApiError> {
    let filters = Filters::new::<ServiceRow>(&request.filters)?;
    let lists = aws_lists(view.region());
    let ids = wanted(&request.prefix_list_ids, |id| lists.iter().any(|list| list.id == id))?;
    let chosen = lists.into_iter().filter(|list| ids.is_empty() || ids.contains(&list.id));
    let found = chosen.map(|list| (list.id.to_string(), ServiceRow(list)));
    let asked =
        Listing::paged(&request.prefix_list_ids, &request.filters, request.max_results, request.next_token.as_deref());
    let (rows, next_token) = rows(found, &filters, asked)?;
    let shape = |ServiceRow(list): &ServiceRow| ec2_shapes::PrefixList {
        cidrs: list.cidrs.iter().map(ToString::to_string).collect(),
        prefix_list_id: Some(list.id.to_string()),
        prefix_list_name: Some(list.name.clone()),
    };
    Ok(DescribePrefixListsResult { next_token, prefix_lists: rows.iter().map(shape).collect() })
}

/// Something that is listed without filters.
struct Plain<T>(T);

impl<T> Filterable for Plain<T> {
    const NAMES: &'static [&'static str] = &[];

    fn values(&self, _: &str, _: &mut dyn FnMut(&str)) {}

    fn tags(&self) -> Option<&Tags> {
        None
    }
}

pub(super) fn get_managed_prefix_list_entries(
    context: &Context,
    view: &View<'_>,
    request: GetManagedPrefixListEntriesRequest,
) -> Result<GetManagedPrefixListEntriesResult, ApiError> {
    let id = read_id(context, view, &request.prefix_list_id)?;
    let entries = match view.prefix_lists.get(&id) {
        Some(list) => {
            let version = request.target_version.unwrap_or(list.version);
            list.versions.get(&version).cloned().ok_or_else(|| {
                ApiError::invalid_value(format!(
                    "The specified value for version is not valid. The prefix list '{id}' has no version {version}."
                ))
            })?
        }
        None => {
            let list = aws_lists(view.region()).into_iter().find(|list| list.id == id);
            let entry = |cidr| PrefixListEntry { cidr, description: None };
            list.map(|list| list.cidrs.into_iter().map(entry).collect()).unwrap_or_default()
        }
    };
    let found = entries.into_iter().enumerate().map(|(at, entry)| (format!("{at:08}"), Plain(entry)));
    let asked = Listing::paged(&[], &[], request.max_results, request.next_token.as_deref()).limits(1, 100);
    let (rows, next_token) = rows(found, &Filters::new::<Plain<PrefixListEntry>>(&[])?, asked)?;
    let shape = |Plain(entry): Plain<PrefixListEntry>| ec2_shapes::PrefixListEntry {
        cidr: Some(entry.cidr.to_string()),
        description: entry.description,
    };
    Ok(GetManagedPrefixListEntriesResult { next_token, entries: rows.into_iter().map(shape).collect() })
}

pub(super) fn get_managed_prefix_list_associations(
    context: &Context,
    view: &View<'_>,
    request: GetManagedPrefixListAssociationsRequest,
) -> Result<GetManagedPrefixListAssociationsResult, ApiError> {
    let id = read_id(context, view, &request.prefix_list_id)?;
    let users: BTreeSet<String> =
        dependencies::dependents(view.tables(), &Key::PrefixList(id)).filter_map(|key| key.resource_id()).collect();
    let found = users.into_iter().map(|id| (id.clone(), Plain(id)));
    let asked = Listing::paged(&[], &[], request.max_results, request.next_token.as_deref()).limits(5, 255);
    let (rows, next_token) = rows(found, &Filters::new::<Plain<String>>(&[])?, asked)?;
    let shape = |Plain(id): Plain<String>| PrefixListAssociation {
        resource_id: Some(id),
        resource_owner: Some(context.account().to_string()),
    };
    Ok(GetManagedPrefixListAssociationsResult {
        next_token,
        prefix_list_associations: rows.into_iter().map(shape).collect(),
    })
}
