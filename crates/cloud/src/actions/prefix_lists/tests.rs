//! What prefix lists do, through their actions.

use ec2_shapes::*;

use crate::actions::testbed::{Bed, texts};
use crate::query::Filterable;
use crate::quotas::Quota;
use crate::testing::{filter, shape_tags, specification};

macro_rules! ask {
    ($bed:expr, $action:ident, $request:expr) => {
        match $bed.ask($request).unwrap() {
            Response::$action(answer) => *answer,
            other => panic!("{other:?}"),
        }
    };
}

fn entries(cidrs: &[&str]) -> Vec<AddPrefixListEntry> {
    let entry = |cidr: &&str| AddPrefixListEntry { cidr: Some((*cidr).to_owned()), description: None };
    cidrs.iter().map(entry).collect()
}

fn wanted(max_entries: i32, cidrs: &[&str]) -> CreateManagedPrefixListRequest {
    CreateManagedPrefixListRequest {
        prefix_list_name: "offices".to_owned(),
        address_family: "IPv4".to_owned(),
        max_entries,
        entries: entries(cidrs),
        ..Default::default()
    }
}

fn create(bed: &mut Bed, max_entries: i32, cidrs: &[&str]) -> String {
    ask!(bed, CreateManagedPrefixList, wanted(max_entries, cidrs)).prefix_list.unwrap().prefix_list_id.unwrap()
}

fn describe(bed: &mut Bed, id: &str) -> ManagedPrefixList {
    let request = DescribeManagedPrefixListsRequest { prefix_list_ids: texts(&[id]), ..Default::default() };
    ask!(bed, DescribeManagedPrefixLists, request).prefix_lists.remove(0)
}

fn blocks(bed: &mut Bed, id: &str, target_version: Option<i64>) -> Vec<String> {
    let request =
        GetManagedPrefixListEntriesRequest { prefix_list_id: id.to_owned(), target_version, ..Default::default() };
    ask!(bed, GetManagedPrefixListEntries, request).entries.into_iter().filter_map(|entry| entry.cidr).collect()
}

fn modify(id: &str, version: i64, add: &[&str], remove: &[&str]) -> ModifyManagedPrefixListRequest {
    let gone = |cidr: &&str| RemovePrefixListEntry { cidr: Some((*cidr).to_owned()) };
    ModifyManagedPrefixListRequest {
        prefix_list_id: id.to_owned(),
        current_version: Some(version),
        add_entries: entries(add),
        remove_entries: remove.iter().map(gone).collect(),
        ..Default::default()
    }
}

fn aws_id(bed: &Bed) -> String {
    crate::prefix_lists::of_service(&bed.context.region, "com.amazonaws.us-east-1.s3").unwrap().id.to_string()
}

/// A rule of the default group that names the list.
fn authorize(bed: &mut Bed, list: &str, port: i32) -> Result<Response, crate::ApiError> {
    let group = bed.view().security_groups.values().next().unwrap().id.to_string();
    let named = PrefixListId { prefix_list_id: Some(list.to_owned()), description: Some("offices".to_owned()) };
    bed.ask(AuthorizeSecurityGroupIngressRequest {
        group_id: Some(group),
        ip_permissions: vec![IpPermission {
            ip_protocol: Some("tcp".to_owned()),
            from_port: Some(port),
            to_port: Some(port),
            prefix_list_ids: vec![named],
            ..Default::default()
        }],
        ..Default::default()
    })
}

fn route(bed: &mut Bed, list: &str) -> (CreateRouteRequest, Result<Response, crate::ApiError>) {
    let table = bed.view().route_tables.values().next().unwrap().id.to_string();
    let gateway = bed.view().internet_gateways.values().next().unwrap().id.to_string();
    let request = CreateRouteRequest {
        route_table_id: table,
        destination_prefix_list_id: Some(list.to_owned()),
        gateway_id: Some(gateway),
        ..Default::default()
    };
    let answer = bed.ask(request.clone());
    (request, answer)
}

#[test]
fn a_list_reads_back() {
    let mut bed = Bed::new();
    let mut request = CreateManagedPrefixListRequest {
        tag_specifications: vec![specification("prefix-list", &[("Name", "offices")])],
        client_token: Some("once".to_owned()),
        ..wanted(5, &["10.1.2.3/16", "192.0.2.0/24"])
    };
    request.entries[0].description = Some("Seoul".to_owned());
    let made = ask!(bed, CreateManagedPrefixList, request.clone()).prefix_list.unwrap();
    let id = made.prefix_list_id.clone().unwrap();
    assert!(id.starts_with("pl-"));
    assert_eq!(made.prefix_list_arn, Some(format!("arn:aws:ec2:us-east-1:123456789012:prefix-list/{id}")));
    assert_eq!((made.version, made.max_entries, made.state), (Some(1), Some(5), Some(PrefixListState::CreateComplete)));
    assert_eq!((made.address_family.as_deref(), made.owner_id.as_deref()), (Some("IPv4"), Some("123456789012")));
    assert_eq!(made.tags, shape_tags(&[("Name", "offices")]));
    assert_eq!(describe(&mut bed, &id), made);
    assert_eq!(ask!(bed, CreateManagedPrefixList, request).prefix_list.unwrap(), made, "a token makes one");
    let get = GetManagedPrefixListEntriesRequest { prefix_list_id: id, ..Default::default() };
    let told = ask!(bed, GetManagedPrefixListEntries, get.clone()).entries;
    let told: Vec<_> = told.iter().map(|it| (it.cidr.as_deref().unwrap(), it.description.as_deref())).collect();
    assert_eq!(told, [("10.1.0.0/16", Some("Seoul")), ("192.0.2.0/24", None)]);
    let page = GetManagedPrefixListEntriesRequest { max_results: Some(1), ..get };
    let first = ask!(bed, GetManagedPrefixListEntries, page.clone());
    let rest = GetManagedPrefixListEntriesRequest { next_token: first.next_token, ..page };
    let second = ask!(bed, GetManagedPrefixListEntries, rest);
    assert_eq!((second.entries[0].cidr.as_deref(), second.next_token), (Some("192.0.2.0/24"), None));

    let six = CreateManagedPrefixListRequest { address_family: "IPv6".to_owned(), ..wanted(1, &["2001:DB8::1/32"]) };
    let six = ask!(bed, CreateManagedPrefixList, six).prefix_list.unwrap().prefix_list_id.unwrap();
    assert_eq!(blocks(&mut bed, &six, None), ["2001:db8::/32"]);
}

#[test]
fn bad_lists_are_refused() {
    let mut bed = Bed::new();
    let many: Vec<String> = (0..101).map(|i| format!("10.0.{i}.0/24")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (request, code) in [
        (CreateManagedPrefixListRequest { prefix_list_name: String::new(), ..wanted(1, &[]) }, "MissingParameter"),
        (
            CreateManagedPrefixListRequest { prefix_list_name: "com.amazonaws.x".to_owned(), ..wanted(1, &[]) },
            "InvalidParameterValue",
        ),
        (
            CreateManagedPrefixListRequest { prefix_list_name: "x".repeat(256), ..wanted(1, &[]) },
            "InvalidParameterValue",
        ),
        (
            CreateManagedPrefixListRequest { address_family: "ipv5".to_owned(), ..wanted(1, &[]) },
            "InvalidParameterValue",
        ),
        (wanted(0, &[]), "InvalidParameterValue"),
        (wanted(1_001, &[]), "InvalidParameterValue"),
        (wanted(1, &["::/0"]), "InvalidParameterValue"),
        (wanted(1, &["10.0.0.0"]), "InvalidParameterValue"),
        (wanted(2, &["10.0.0.0/8", "10.9.0.0/8"]), "InvalidParameterValue"),
        (wanted(200, &many), "InvalidParameterValue"),
        (wanted(1, &["10.0.0.0/8", "11.0.0.0/8"]), "PrefixListMaxEntriesExceeded"),
    ] {
        assert_eq!(bed.error(request.clone()).0, code, "{request:?}");
    }
    let mut long = wanted(1, &["10.0.0.0/8"]);
    long.entries[0].description = Some("x".repeat(256));
    assert_eq!(bed.error(long).0, "InvalidParameterValue");
    assert!(bed.view().prefix_lists.is_empty());
}

#[test]
fn changes_of_entries_are_versions() {
    let mut bed = Bed::new();
    let id = create(&mut bed, 3, &["10.0.0.0/8", "192.0.2.0/24"]);
    let changed = ask!(bed, ModifyManagedPrefixList, modify(&id, 1, &["172.16.0.0/12"], &["10.0.0.0/8"]));
    let changed = changed.prefix_list.unwrap();
    assert_eq!((changed.version, changed.state), (Some(2), Some(PrefixListState::ModifyComplete)));
    assert_eq!(blocks(&mut bed, &id, None), ["192.0.2.0/24", "172.16.0.0/12"]);
    assert_eq!(blocks(&mut bed, &id, Some(1)), ["10.0.0.0/8", "192.0.2.0/24"]);
    let unknown = GetManagedPrefixListEntriesRequest {
        prefix_list_id: id.clone(),
        target_version: Some(3),
        ..Default::default()
    };
    assert_eq!(bed.error(unknown).0, "InvalidParameterValue");

    let rename =
        ModifyManagedPrefixListRequest { prefix_list_name: Some("homes".to_owned()), ..modify(&id, 2, &[], &[]) };
    let renamed = ask!(bed, ModifyManagedPrefixList, rename).prefix_list.unwrap();
    assert_eq!((renamed.version, renamed.prefix_list_name.as_deref()), (Some(2), Some("homes")));
    let mismatch = "The prefix list has the incorrect version number.".to_owned();
    assert_eq!(bed.error(modify(&id, 1, &["10.0.0.0/8"], &[])), ("PrefixListVersionMismatch", mismatch));
    let both = "Request cannot contain Cidr 9.0.0.0/8 in both AddPrefixListEntries and RemovePrefixListEntries.";
    let error = bed.error(modify(&id, 2, &["9.0.0.0/8"], &["9.0.0.0/8"]));
    assert_eq!(error, ("InvalidParameterValue", both.to_owned()));
    let message = "You cannot modify the entries and the maximum entries for the prefix list in the same request.";
    let request = ModifyManagedPrefixListRequest { max_entries: Some(9), ..modify(&id, 2, &["9.0.0.0/8"], &[]) };
    assert_eq!(bed.error(request), ("InvalidParameterCombination", message.to_owned()));
    assert_eq!(bed.error(modify(&id, 2, &["192.0.2.0/24"], &[])).0, "InvalidRequest", "it is there already");
    assert_eq!(bed.error(modify(&id, 2, &[], &["9.0.0.0/8"])).0, "InvalidParameterValue");
    let error = bed.error(modify(&id, 2, &["9.0.0.0/8", "11.0.0.0/8"], &[]));
    assert_eq!(error.0, "PrefixListMaxEntriesExceeded");
    let sync = ModifyManagedPrefixListRequest {
        ipam_prefix_list_resolver_sync_enabled: Some(true),
        ..modify(&id, 2, &[], &[])
    };
    assert_eq!(bed.error(sync).0, "InvalidParameterValue");
    assert_eq!(blocks(&mut bed, &id, None).len(), 2);
    for version in 2..=150 {
        let block: &[&str] = &["8.0.0.0/8"];
        let (add, remove) = if version % 2 == 0 { (block, &[][..]) } else { (&[][..], block) };
        bed.ask(modify(&id, version, add, remove)).unwrap();
    }
    let list = bed.view().prefix_lists.values().next().unwrap().clone();
    assert_eq!((list.version, list.versions.len()), (151, crate::resource::PrefixList::KEPT_VERSIONS));
}

#[test]
fn a_list_that_is_named_stays_and_tells_by_whom() {
    let mut bed = Bed::new();
    let id = create(&mut bed, 2, &["10.0.0.0/8"]);
    authorize(&mut bed, &id, 22).unwrap();
    let (request, made) = route(&mut bed, &id);
    made.unwrap();
    let associations = GetManagedPrefixListAssociationsRequest { prefix_list_id: id.clone(), ..Default::default() };
    let told = ask!(bed, GetManagedPrefixListAssociations, associations.clone()).prefix_list_associations;
    let mut ids: Vec<_> = told.iter().filter_map(|it| it.resource_id.as_deref()).map(|id| &id[..3]).collect();
    ids.sort_unstable();
    assert_eq!((ids, told[0].resource_owner.as_deref()), (vec!["rtb", "sg-"], Some("123456789012")));
    let delete = DeleteManagedPrefixListRequest { prefix_list_id: id.clone(), ..Default::default() };
    assert_eq!(bed.error(delete.clone()).0, "DependencyViolation");

    let group = bed.view().security_groups.values().next().unwrap().clone();
    let rules = DescribeSecurityGroupRulesRequest {
        filters: vec![filter("group-id", &[&group.id.to_string()])],
        ..Default::default()
    };
    let rules = ask!(bed, DescribeSecurityGroupRules, rules).security_group_rules;
    let rule = rules.iter().find(|rule| rule.prefix_list_id.as_ref() == Some(&id)).unwrap();
    assert_eq!((rule.description.as_deref(), rule.from_port), (Some("offices"), Some(22)));
    let revoke = RevokeSecurityGroupIngressRequest {
        group_id: Some(group.id.to_string()),
        security_group_rule_ids: rule.security_group_rule_id.clone().into_iter().collect(),
        ..Default::default()
    };
    bed.ask(revoke).unwrap();
    assert_eq!(bed.error(delete.clone()).0, "DependencyViolation", "the route is there yet");
    let drop = DeleteRouteRequest {
        route_table_id: request.route_table_id,
        destination_prefix_list_id: request.destination_prefix_list_id,
        ..Default::default()
    };
    bed.ask(drop).unwrap();
    assert!(ask!(bed, GetManagedPrefixListAssociations, associations).prefix_list_associations.is_empty());
    let gone = ask!(bed, DeleteManagedPrefixList, delete.clone()).prefix_list.unwrap();
    assert_eq!((gone.prefix_list_id, gone.state), (Some(id.clone()), Some(PrefixListState::DeleteComplete)));
    assert_eq!(
        bed.error(delete),
        ("InvalidPrefixListID.NotFound", format!("The prefix list ID '{id}' does not exist"))
    );
    assert_eq!(authorize(&mut bed, &id, 22).unwrap_err().code, "InvalidPrefixListID.NotFound");
}

#[test]
fn a_list_counts_as_many_rules_and_routes_as_it_may_have_blocks() {
    let mut bed = Bed::new();
    let mut config = crate::context::Config::clone(&bed.context.config);
    config.quotas.set(Quota::RoutesPerTable, 60);
    bed.context.config = std::sync::Arc::new(config);
    // The default group has a rule already, and its table a route.
    let (large, small) = (create(&mut bed, 59, &[]), create(&mut bed, 1, &[]));
    let huge = create(&mut bed, 60, &[]);
    assert_eq!(authorize(&mut bed, &huge, 22).unwrap_err().code, "RulesPerSecurityGroupLimitExceeded");
    assert_eq!(route(&mut bed, &huge).1.unwrap_err().code, "RouteLimitExceeded");
    authorize(&mut bed, &large, 22).unwrap();
    route(&mut bed, &large).1.unwrap();
    assert_eq!(authorize(&mut bed, &small, 23).unwrap_err().code, "RulesPerSecurityGroupLimitExceeded");
    assert_eq!(route(&mut bed, &small).1.unwrap_err().code, "RouteLimitExceeded");

    let resize = |size| ModifyManagedPrefixListRequest { max_entries: Some(size), ..modify(&large, 1, &[], &[]) };
    let failed = ask!(bed, ModifyManagedPrefixList, resize(60)).prefix_list.unwrap();
    assert_eq!((failed.state, failed.max_entries), (Some(PrefixListState::ModifyFailed), Some(59)));
    let message = failed.state_message.unwrap();
    assert!(message.contains("sg-") && message.contains("rtb-"), "{message}");
    let done = ask!(bed, ModifyManagedPrefixList, resize(58)).prefix_list.unwrap();
    assert_eq!((done.state, done.state_message), (Some(PrefixListState::ModifyComplete), None));
    assert_eq!((done.max_entries, done.version), (Some(58), Some(1)));
    authorize(&mut bed, &small, 23).unwrap();
    let too_small = ModifyManagedPrefixListRequest { max_entries: Some(0), ..resize(1) };
    assert_eq!(bed.error(too_small).0, "InvalidParameterValue");
    bed.ask(modify(&large, 1, &["10.0.0.0/8", "11.0.0.0/8"], &[])).unwrap();
    let fewer = ModifyManagedPrefixListRequest { current_version: None, ..resize(1) };
    assert_eq!(bed.error(fewer).0, "PrefixListMaxEntriesExceeded");
}

#[test]
fn the_lists_of_aws_are_there_and_stay_as_they_are() {
    let mut bed = Bed::new();
    let mine = create(&mut bed, 1, &[]);
    let s3 = aws_id(&bed);
    let all = ask!(bed, DescribePrefixLists, DescribePrefixListsRequest::default()).prefix_lists;
    let mut names: Vec<_> = all.iter().filter_map(|list| list.prefix_list_name.as_deref()).collect();
    names.sort_unstable();
    assert_eq!(names, ["com.amazonaws.us-east-1.dynamodb", "com.amazonaws.us-east-1.s3"]);
    assert!(all.iter().all(|list| !list.cidrs.is_empty()));
    let by_name = filter("prefix-list-name", &["com.amazonaws.us-east-1.s3"]);
    let request = DescribePrefixListsRequest { filters: vec![by_name], ..Default::default() };
    let found = ask!(bed, DescribePrefixLists, request).prefix_lists;
    assert_eq!((found.len(), found[0].prefix_list_id.as_ref()), (1, Some(&s3)));
    let by_id = filter("prefix-list-id", &[&s3]);
    let request = DescribePrefixListsRequest { filters: vec![by_id], ..Default::default() };
    assert_eq!(ask!(bed, DescribePrefixLists, request).prefix_lists, found);
    let unknown = DescribePrefixListsRequest { prefix_list_ids: vec![mine.clone()], ..Default::default() };
    assert_eq!(bed.error(unknown).0, "InvalidPrefixListID.NotFound");

    let told = describe(&mut bed, &s3);
    assert_eq!((told.owner_id.as_deref(), told.version, told.max_entries), (Some("AWS"), None, None));
    assert_eq!(told.prefix_list_arn, Some(format!("arn:aws:ec2:us-east-1:aws:prefix-list/{s3}")));
    assert_eq!(blocks(&mut bed, &s3, None), found[0].cidrs);
    authorize(&mut bed, &s3, 443).unwrap();
    let delete = DeleteManagedPrefixListRequest { prefix_list_id: s3.clone(), ..Default::default() };
    assert_eq!(bed.error(delete).0, "UnsupportedOperation");
    assert_eq!(bed.error(modify(&s3, 1, &["10.0.0.0/8"], &[])).0, "UnsupportedOperation");
}

#[test]
fn every_filter_finds_its_list() {
    let mut bed = Bed::new();
    let id = create(&mut bed, 1, &[]);
    for name in <super::ManagedRow<'_> as Filterable>::NAMES {
        let value = match *name {
            "owner-id" => "123456789012",
            "prefix-list-id" => &id,
            "prefix-list-name" => "offices",
            other => panic!("{other}"),
        };
        let mut find = |value: &str| {
            let request =
                DescribeManagedPrefixListsRequest { filters: vec![filter(name, &[value])], ..Default::default() };
            let found = ask!(bed, DescribeManagedPrefixLists, request).prefix_lists;
            found.into_iter().filter_map(|list| list.prefix_list_id).collect::<Vec<_>>()
        };
        assert_eq!((find(value), find("no-such-value").len()), (vec![id.clone()], 0), "{name}");
    }
    let page =
        |max_results, next_token| DescribeManagedPrefixListsRequest { max_results, next_token, ..Default::default() };
    let first = ask!(bed, DescribeManagedPrefixLists, page(Some(1), None));
    let rest = ask!(bed, DescribeManagedPrefixLists, page(Some(100), first.next_token.clone()));
    assert_eq!((first.prefix_lists.len(), rest.prefix_lists.len()), (1, 2));
    assert_eq!(bed.error(page(Some(101), None)).0, "InvalidParameterValue");
    for (text, code) in
        [("pl-x", "InvalidPrefixListId.Malformed"), ("pl-00000000000000099", "InvalidPrefixListID.NotFound")]
    {
        let request = DescribeManagedPrefixListsRequest { prefix_list_ids: texts(&[text]), ..Default::default() };
        assert_eq!(bed.error(request).0, code, "{text}");
        let request = GetManagedPrefixListEntriesRequest { prefix_list_id: text.to_owned(), ..Default::default() };
        assert_eq!(bed.error(request).0, code, "{text}");
        let request = GetManagedPrefixListAssociationsRequest { prefix_list_id: text.to_owned(), ..Default::default() };
        assert_eq!(bed.error(request).0, code, "{text}");
    }
}
