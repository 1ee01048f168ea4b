//! Describing groups and rules.

use super::super::describe::GroupRow;
use super::*;
use crate::query::Filterable;

#[test]
fn described_by_every_filter() {
    let mut cloud = Cloud::new();
    let (web, vpc) = (cloud.web.clone(), cloud.tx.default_vpc().unwrap().id.to_string());
    let app = cloud.create("app", None).unwrap();
    cloud.authorize(&web, cidr("tcp", Some((8000, 8080)), "10.1.0.0/16")).unwrap();
    cloud.authorize(&web, from_ipv6("udp", Some((53, 54)), "2001:db8::/32")).unwrap();
    cloud.authorize(&web, from_group("icmp", Some((8, 0)), &app)).unwrap();
    tagging::add(&mut cloud.tx, &web, &Tags::from([("Name".to_owned(), "front".to_owned())])).unwrap();
    let ask = |filters| {
        let request = DescribeSecurityGroupsRequest { filters, ..Default::default() };
        let told = describe_security_groups(&cloud.context, &cloud.tx.view(), request).unwrap();
        told.security_groups.into_iter().filter_map(|group| group.group_id).collect::<Vec<_>>()
    };
    for (name, value) in [
        ("group-id", web.as_str()),
        ("tag:Name", "front"),
        ("tag-key", "Name"),
        ("ip-permission.cidr", "10.1.0.0/16"),
        ("ip-permission.ipv6-cidr", "2001:db8::/32"),
        ("ip-permission.from-port", "8000"),
        ("ip-permission.to-port", "8080"),
        ("ip-permission.group-id", &app),
        ("ip-permission.group-name", "app"),
        ("ip-permission.protocol", "udp"),
        ("ip-permission.protocol", "17"),
    ] {
        assert_eq!(ask(vec![filter(name, &[value])]), std::slice::from_ref(&web), "{name}");
    }
    for (name, value, count) in [
        ("description", "for a test", 3),
        ("group-name", "web", 2),
        ("owner-id", "123456789012", 5),
        ("vpc-id", &vpc, 3),
        ("ip-permission.user-id", "123456789012", 3),
        ("egress.ip-permission.cidr", "0.0.0.0/0", 5),
        ("egress.ip-permission.protocol", "-1", 5),
    ] {
        assert_eq!(ask(vec![filter(name, &[value])]).len(), count, "{name}");
    }
    for name in GroupRow::NAMES {
        assert!(ask(vec![filter(name, &["nothing"])]).is_empty(), "{name}");
    }
    let request = DescribeSecurityGroupsRequest { filters: vec![filter("colour", &["x"])], ..Default::default() };
    let error = describe_security_groups(&cloud.context, &cloud.tx.view(), request).unwrap_err();
    assert_eq!(error.message, "The filter 'colour' is invalid");
}

#[test]
fn described_by_name_id_and_page() {
    let cloud = Cloud::new();
    let base = DescribeSecurityGroupsRequest::default;
    let ask = |request| describe_security_groups(&cloud.context, &cloud.tx.view(), request);
    let by_name = DescribeSecurityGroupsRequest { group_names: vec!["web".to_owned()], ..base() };
    assert_eq!(ask(by_name).unwrap().security_groups[0].group_id, Some(cloud.web.clone()));
    let both = DescribeSecurityGroupsRequest {
        group_names: vec!["web".to_owned()],
        group_ids: vec![cloud.other_web.clone(), cloud.web.clone()],
        ..base()
    };
    let told = ask(both).unwrap().security_groups;
    assert_eq!(told.len(), 2);
    assert!(told.iter().any(|group| group.vpc_id == Some(cloud.other_vpc.to_string())));
    for (ids, names, code) in [
        (vec!["sg-00000000000000000"], vec![], "InvalidGroup.NotFound"),
        (vec!["sg-1"], vec![], "InvalidGroupId.Malformed"),
        (vec![], vec!["none"], "InvalidGroup.NotFound"),
    ] {
        let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect();
        let request = DescribeSecurityGroupsRequest { group_ids: owned(ids), group_names: owned(names), ..base() };
        assert_eq!(ask(request).unwrap_err().code, code);
    }
    let rules = |max_results, next_token| {
        let request = DescribeSecurityGroupRulesRequest { max_results, next_token, ..Default::default() };
        describe_security_group_rules(&cloud.context, &cloud.tx.view(), request).unwrap()
    };
    let all = rules(None, None);
    assert_eq!((all.security_group_rules.len(), all.next_token), (6, None));
    let first = rules(Some(5), None);
    let second = rules(Some(5), first.next_token);
    assert_eq!((first.security_group_rules.len(), second.security_group_rules.len()), (5, 1));
    assert_eq!(second.next_token, None);
}
