//! Tags on resources of every kind.

use std::collections::BTreeMap;

use ec2_shapes::{CreateTagsRequest, DeleteTagsRequest, DescribeTagsRequest, DescribeTagsResult, Tag, TagDescription};

use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Filters, PageLimits, page};
use crate::resource::Tags;
use crate::tagging;
use crate::transaction::Transaction;
use crate::view::View;

/// How many resources one call may name.
const MAX_RESOURCES: usize = 1_000;

pub(super) fn create_tags(_: &Context, tx: &mut Transaction, request: CreateTagsRequest) -> Result<(), ApiError> {
    if request.tags.is_empty() {
        return Err(ApiError::missing("tagSet"));
    }
    let tags = tagging::check(&request.tags)?;
    check_resources(tx, &request.resources)?;
    for id in &request.resources {
        tagging::add(tx, id, &tags)?;
    }
    Ok(())
}

/// Without tags all of a resource's are removed, except those that the cloud itself has set.
pub(super) fn delete_tags(_: &Context, tx: &mut Transaction, request: DeleteTagsRequest) -> Result<(), ApiError> {
    let wanted = wanted_gone(&request.tags)?;
    check_resources(tx, &request.resources)?;
    for id in &request.resources {
        let mut tags = tx.tags_of(id).clone();
        tags.retain(|key, value| {
            let gone = match wanted.get(key.as_str()) {
                Some(only) => only.is_none_or(|only| only == value),
                None => wanted.is_empty() && !key.starts_with(tagging::RESERVED_PREFIX),
            };
            !gone
        });
        tagging::replace(tx, id, tags);
    }
    Ok(())
}

/// The keys to remove, each with the value that it must have: none means any, the empty one only the empty one.
fn wanted_gone(tags: &[Tag]) -> Result<BTreeMap<&str, Option<&str>>, ApiError> {
    tags.iter()
        .map(|tag| {
            let key = tag.key.as_deref().ok_or_else(|| ApiError::missing("Tag.Key"))?;
            tagging::check_key(key)?;
            Ok((key, tag.value.as_deref()))
        })
        .collect()
}

fn check_resources(tx: &Transaction, resources: &[String]) -> Result<(), ApiError> {
    if resources.is_empty() {
        return Err(ApiError::missing("resourceIdSet"));
    }
    if resources.len() > MAX_RESOURCES {
        return Err(ApiError::invalid_value(format!("At most {MAX_RESOURCES} resources can be tagged in one call")));
    }
    resources.iter().try_for_each(|id| tagging::check_exists(&tx.view(), id))
}

struct Row<'a> {
    resource: &'a str,
    key: &'a str,
    value: &'a str,
    tags: &'a Tags,
}

impl Row<'_> {
    fn resource_type(&self) -> Option<&'static str> {
        tagging::resource_type(self.resource)
    }
}

impl Filterable for Row<'_> {
    const NAMES: &'static [&'static str] = &["key", "resource-id", "resource-type", "value"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name {
            "key" => found(self.key),
            "resource-id" => found(self.resource),
            "resource-type" => self.resource_type().into_iter().for_each(found),
            "value" => found(self.value),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tags)
    }
}

pub(super) fn describe_tags(
    _: &Context,
    view: &View<'_>,
    request: DescribeTagsRequest,
) -> Result<DescribeTagsResult, ApiError> {
    let filters = Filters::new::<Row<'_>>(&request.filters)?;
    let rows = view.tables().tags.values().flat_map(|set| {
        let row = |(key, value)| Row { resource: &set.resource, key, value, tags: &set.tags };
        set.tags.iter().map(move |(key, value): (&String, &String)| row((key.as_str(), value.as_str())))
    });
    // NUL sorts before everything that an id may hold, so this is the order of the rows.
    let (rows, next_token) = page(
        rows.filter(|row| filters.matches(row)),
        |row| format!("{}\0{}", row.resource, row.key),
        PageLimits::USUAL,
        request.max_results,
        request.next_token.as_deref(),
        None,
    )?;
    let tags = rows.iter().map(|row| TagDescription {
        key: Some(row.key.to_owned()),
        resource_id: Some(row.resource.to_owned()),
        resource_type: row.resource_type().map(str::to_owned),
        value: Some(row.value.to_owned()),
    });
    Ok(DescribeTagsResult { next_token, tags: tags.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{filter, seeded, shape_tags};

    fn create(tx: &mut Transaction, resources: &[&str], tags: &[(&str, &str)]) -> Result<(), ApiError> {
        let (context, _) = seeded();
        let resources = resources.iter().map(|id| (*id).to_owned()).collect();
        create_tags(&context, tx, CreateTagsRequest { resources, tags: shape_tags(tags), dry_run: None })
    }

    fn delete(tx: &mut Transaction, id: &str, tags: Vec<Tag>) -> Result<(), ApiError> {
        let (context, _) = seeded();
        delete_tags(&context, tx, DeleteTagsRequest { resources: vec![id.to_owned()], tags, dry_run: None })
    }

    fn start() -> (Transaction, String, String) {
        let (context, state) = seeded();
        let tx = Transaction::new(&state, context.region.clone());
        let vpc = tx.vpcs.keys().next().unwrap().to_string();
        let group = tx.security_groups.keys().next().unwrap().to_string();
        (tx, vpc, group)
    }

    #[test]
    fn tags_are_set_overwritten_and_removed() {
        let (mut tx, vpc, group) = start();
        create(&mut tx, &[&vpc, &group], &[("Name", "main"), ("empty", "")]).unwrap();
        create(&mut tx, &[&vpc], &[("Name", "other")]).unwrap();
        assert_eq!(tx.tags_of(&vpc)["Name"], "other");
        assert_eq!(tx.tags_of(&group)["Name"], "main");

        let tag =
            |key: &str, value: Option<&str>| vec![Tag { key: Some(key.to_owned()), value: value.map(str::to_owned) }];
        delete(&mut tx, &vpc, tag("Name", Some("main"))).unwrap();
        assert_eq!(tx.tags_of(&vpc).len(), 2, "another value stays");
        delete(&mut tx, &vpc, tag("Name", Some(""))).unwrap();
        assert_eq!(tx.tags_of(&vpc).len(), 2, "the empty value is a value");
        delete(&mut tx, &vpc, tag("empty", Some(""))).unwrap();
        delete(&mut tx, &vpc, tag("Name", None)).unwrap();
        assert!(!tx.tags.contains_key(vpc.as_str()));
        delete(&mut tx, &group, Vec::new()).unwrap();
        assert!(tx.tags.is_empty());
    }

    #[test]
    fn what_the_cloud_has_set_stays() {
        let (mut tx, vpc, _) = start();
        tagging::add(&mut tx, &vpc, &Tags::from([("aws:x".to_owned(), "1".to_owned())])).unwrap();
        create(&mut tx, &[&vpc], &[("mine", "1")]).unwrap();
        delete(&mut tx, &vpc, Vec::new()).unwrap();
        assert_eq!(tx.tags_of(&vpc).keys().collect::<Vec<_>>(), ["aws:x"]);
        let reserved = delete(&mut tx, &vpc, shape_tags(&[("aws:x", "1")])).unwrap_err();
        assert_eq!(reserved.message, "Tag keys starting with 'aws:' are reserved for internal use");
    }

    #[test]
    fn too_many_tags_and_unknown_resources_are_refused() {
        let (mut tx, vpc, _) = start();
        let many: Vec<(String, &str)> = (0..50).map(|i| (format!("k{i}"), "")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(key, value)| (key.as_str(), *value)).collect();
        create(&mut tx, &[&vpc], &many).unwrap();
        create(&mut tx, &[&vpc], &[("k7", "changed")]).unwrap();
        assert_eq!(create(&mut tx, &[&vpc], &[("k50", "")]).unwrap_err().code, "TagLimitExceeded");
        for (id, code, message) in [
            (
                "i-00000000000000000",
                "InvalidInstanceID.NotFound",
                "The instance ID 'i-00000000000000000' does not exist",
            ),
            ("vpc-00000000000000000", "InvalidVpcID.NotFound", "The vpc ID 'vpc-00000000000000000' does not exist"),
            (
                "sg-00000000000000000",
                "InvalidGroup.NotFound",
                "The security group 'sg-00000000000000000' does not exist",
            ),
            ("sgr-00000000000000000", "InvalidSecurityGroupRuleId.NotFound", ""),
            ("eni-00000000000000000", "InvalidNetworkInterfaceID.NotFound", ""),
            ("ami-00000000000000000", "InvalidAMIID.NotFound", ""),
            ("vol-00000000000000000", "InvalidVolume.NotFound", ""),
            ("snap-00000000000000000", "InvalidSnapshot.NotFound", ""),
            ("key-00000000000000000", "InvalidKeyPair.NotFound", ""),
            ("eipalloc-00000000000000000", "InvalidAllocationID.NotFound", ""),
            ("i-xyz", "InvalidID", "The ID 'i-xyz' is not valid"),
            ("what", "InvalidID", "The ID 'what' is not valid"),
        ] {
            let error = create(&mut tx, &[&vpc, id], &[("k1", "")]).unwrap_err();
            assert_eq!(error.code, code, "{id}");
            assert!(message.is_empty() || error.message == message, "{error}");
        }
        assert_eq!(create(&mut tx, &[], &[("a", "")]).unwrap_err().code, "MissingParameter");
        assert_eq!(create(&mut tx, &[&vpc], &[]).unwrap_err().code, "MissingParameter");
    }

    #[test]
    fn rules_of_groups_can_be_tagged() {
        let (mut tx, _, _) = start();
        let rule = tx.security_groups.values().next().unwrap().rules[0].id.to_string();
        create(&mut tx, &[&rule], &[("Name", "self")]).unwrap();
        assert_eq!(tx.tags_of(&rule)["Name"], "self");
    }

    #[test]
    fn described_by_filter_and_page() {
        let (mut tx, vpc, group) = start();
        create(&mut tx, &[&vpc, &group], &[("Name", "a"), ("b", "1"), ("c", "1"), ("d", "2")]).unwrap();
        let (context, _) = seeded();
        let count = |filters| {
            let request = DescribeTagsRequest { filters, ..DescribeTagsRequest::default() };
            describe_tags(&context, &tx.view(), request).map(|told| told.tags.len()).map_err(|e| e.code)
        };
        assert_eq!(count(vec![]), Ok(8));
        assert_eq!(count(vec![filter("resource-type", &["vpc"])]), Ok(4));
        assert_eq!(count(vec![filter("resource-id", &[&group]), filter("key", &["Name", "b"])]), Ok(2));
        assert_eq!(count(vec![filter("value", &["1"])]), Ok(4));
        assert_eq!(count(vec![filter("tag:d", &["2"]), filter("key", &["d"])]), Ok(2));
        assert_eq!(count(vec![filter("colour", &["x"])]), Err("InvalidParameterValue"));

        let mut seen = Vec::new();
        let mut next_token = None;
        loop {
            let request = DescribeTagsRequest { max_results: Some(5), next_token, ..DescribeTagsRequest::default() };
            let told = describe_tags(&context, &tx.view(), request).unwrap();
            seen.extend(told.tags.into_iter().map(|tag| (tag.resource_id, tag.key)));
            next_token = told.next_token;
            if next_token.is_none() {
                break;
            }
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 8);
    }
}
