//! What groups and rules do, through their actions.

mod change;
mod describe;
mod model;

use std::collections::BTreeSet;

use ec2_shapes::*;
use types::{MacAddress, NetworkInterfaceId, VpcId};

use super::*;
use crate::context::Context;
use crate::error::ApiError;
use crate::resource::{self, NetworkInterface};
use crate::seed::make_vpc;
use crate::testing::{filter, seeded, shape_tags, specification};

/// A default VPC and another one, each with a group `web`.
struct Cloud {
    context: Context,
    tx: Transaction,
    web: String,
    other_vpc: VpcId,
    other_web: String,
}

impl Cloud {
    fn new() -> Self {
        let (context, state) = seeded();
        let mut tx = Transaction::new(&state, context.region.clone());
        let other = resource::Vpc::new(VpcId::from_number(context.id_number()), "10.0.0.0/16".parse().unwrap());
        make_vpc(&context, &mut tx, other.clone());
        let mut cloud = Self { context, tx, web: String::new(), other_vpc: other.id, other_web: String::new() };
        cloud.web = cloud.create("web", None).unwrap();
        cloud.other_web = cloud.create("web", Some(&other.id.to_string())).unwrap();
        cloud
    }

    fn create(&mut self, name: &str, vpc: Option<&str>) -> Result<String, ApiError> {
        let request = CreateSecurityGroupRequest {
            group_name: name.to_owned(),
            description: "for a test".to_owned(),
            vpc_id: vpc.map(str::to_owned),
            ..Default::default()
        };
        create_security_group(&self.context, &mut self.tx, request).map(|made| made.group_id.unwrap())
    }

    fn delete(&mut self, id: &str) -> Result<DeleteSecurityGroupResult, ApiError> {
        let request = DeleteSecurityGroupRequest { group_id: Some(id.to_owned()), ..Default::default() };
        delete_security_group(&self.context, &mut self.tx, request)
    }

    fn authorize(
        &mut self,
        group: &str,
        permission: IpPermission,
    ) -> Result<Vec<ec2_shapes::SecurityGroupRule>, ApiError> {
        let request = AuthorizeSecurityGroupIngressRequest {
            group_id: Some(group.to_owned()),
            ip_permissions: vec![permission],
            ..Default::default()
        };
        authorize_security_group_ingress(&self.context, &mut self.tx, request).map(|done| done.security_group_rules)
    }

    fn revoke(
        &mut self,
        group: &str,
        permissions: Vec<IpPermission>,
    ) -> Result<RevokeSecurityGroupIngressResult, ApiError> {
        let request = RevokeSecurityGroupIngressRequest {
            group_id: Some(group.to_owned()),
            ip_permissions: permissions,
            ..Default::default()
        };
        revoke_security_group_ingress(&self.context, &mut self.tx, request)
    }

    fn describe(&self, group: &str) -> ec2_shapes::SecurityGroup {
        let request = DescribeSecurityGroupsRequest { group_ids: vec![group.to_owned()], ..Default::default() };
        let mut told = describe_security_groups(&self.context, &self.tx.view(), request).unwrap();
        told.security_groups.remove(0)
    }

    fn rules(&self, group: &str) -> Vec<ec2_shapes::SecurityGroupRule> {
        let request =
            DescribeSecurityGroupRulesRequest { filters: vec![filter("group-id", &[group])], ..Default::default() };
        describe_security_group_rules(&self.context, &self.tx.view(), request).unwrap().security_group_rules
    }
}

fn cidr(protocol: &str, ports: Option<(i32, i32)>, cidr: &str) -> IpPermission {
    IpPermission {
        ip_protocol: Some(protocol.to_owned()),
        from_port: ports.map(|(from, _)| from),
        to_port: ports.map(|(_, to)| to),
        ip_ranges: vec![IpRange { cidr_ip: Some(cidr.to_owned()), description: None }],
        ..IpPermission::default()
    }
}

fn from_group(protocol: &str, ports: Option<(i32, i32)>, id: &str) -> IpPermission {
    let pair = UserIdGroupPair { group_id: Some(id.to_owned()), ..UserIdGroupPair::default() };
    IpPermission { ip_ranges: vec![], user_id_group_pairs: vec![pair], ..cidr(protocol, ports, "") }
}

fn from_ipv6(protocol: &str, ports: Option<(i32, i32)>, block: &str) -> IpPermission {
    let range = Ipv6Range { cidr_ipv6: Some(block.to_owned()), description: None };
    IpPermission { ip_ranges: vec![], ipv6_ranges: vec![range], ..cidr(protocol, ports, "") }
}

fn text(error: ApiError) -> (&'static str, String) {
    (error.code, error.message)
}

const SSH: Option<(i32, i32)> = Some((22, 22));

#[test]
fn a_new_group_lets_everything_out_and_nothing_in() {
    let cloud = Cloud::new();
    let group = cloud.describe(&cloud.web);
    assert!(group.ip_permissions.is_empty());
    assert_eq!(group.ip_permissions_egress, [cidr("-1", None, "0.0.0.0/0")]);
    assert_eq!(group.owner_id.as_deref(), Some("123456789012"));
    let arn = format!("arn:aws:ec2:us-east-1:123456789012:security-group/{}", cloud.web);
    assert_eq!(group.security_group_arn, Some(arn));
    let rules = cloud.rules(&cloud.web);
    assert_eq!(rules.len(), 1);
    assert_eq!((rules[0].from_port, rules[0].to_port, rules[0].is_egress), (Some(-1), Some(-1), Some(true)));
}

#[test]
fn names_and_descriptions_are_checked() {
    let mut cloud = Cloud::new();
    let default_vpc = cloud.tx.default_vpc().unwrap().id;
    let duplicate = format!("The security group 'web' already exists for VPC '{default_vpc}'");
    let sg = "Value (sg-web) for parameter GroupName is invalid. Group names may not be in the format sg-*.";
    let ascii = "Value (wéb) for parameter GroupName is invalid. Character sets beyond ASCII are not supported.";
    for (name, code, message) in [
        ("web", "InvalidGroup.Duplicate", duplicate.as_str()),
        ("WEB", "InvalidGroup.Duplicate", ""),
        ("web  ", "InvalidGroup.Duplicate", duplicate.as_str()),
        ("default", "InvalidGroup.Reserved", ""),
        ("sg-web", "InvalidParameterValue", sg),
        ("wéb", "InvalidParameterValue", ascii),
        ("a\"b", "InvalidParameterValue", ""),
        (&"x".repeat(256), "InvalidParameterValue", ""),
        ("", "MissingParameter", "The request must contain the parameter GroupName"),
    ] {
        let error = cloud.create(name, None).unwrap_err();
        assert_eq!(error.code, code, "{name}");
        assert!(message.is_empty() || error.message == message, "{error}");
    }
    cloud.create("a-zA-Z0-9 ._-:/()#,@[]+=&;{}!$*", None).unwrap();
    for (description, code) in
        [("", "MissingParameter"), ("é", "InvalidParameterValue"), ("a<b", "InvalidParameterValue")]
    {
        let request = CreateSecurityGroupRequest {
            group_name: "new".to_owned(),
            description: description.to_owned(),
            ..Default::default()
        };
        assert_eq!(create_security_group(&cloud.context, &mut cloud.tx, request).unwrap_err().code, code);
    }
    assert_eq!(cloud.create("new", Some("vpc-00000000000000000")).unwrap_err().code, "InvalidVpcID.NotFound");
    assert_eq!(cloud.create("new", Some("vpc-x")).unwrap_err().code, "InvalidVpcID.Malformed");
    let made = cloud.create("packer", Some("")).unwrap();
    assert_eq!(cloud.describe(&made).vpc_id, Some(default_vpc.to_string()), "an empty VPC id is none");
}

#[test]
fn bad_rules_are_refused_in_aws_words() {
    let mut cloud = Cloud::new();
    let (web, other_web) = (cloud.web.clone(), cloud.other_web.clone());
    let invalid = "InvalidParameterValue";
    let described = |text: &str| IpPermission {
        ip_ranges: vec![IpRange { cidr_ip: Some("0.0.0.0/0".to_owned()), description: Some(text.to_owned()) }],
        ..cidr("tcp", SSH, "")
    };
    let no_peer = IpPermission { ip_ranges: vec![], ..cidr("tcp", SSH, "") };
    let no_protocol = IpPermission { ip_protocol: None, ..cidr("tcp", SSH, "0.0.0.0/0") };
    let list = PrefixListId { prefix_list_id: Some("pl-00000000000000001".to_owned()), description: None };
    let from_list = IpPermission { prefix_list_ids: vec![list], ..no_peer.clone() };
    let mut strangers = from_group("tcp", SSH, &web);
    strangers.user_id_group_pairs[0].user_id = Some("210987654321".to_owned());
    let malformed = "CIDR block 10.0.0.0 is malformed";
    let ports = "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.";
    for (permission, code, message) in [
        (cidr("tcp", SSH, "10.0.0.0"), invalid, malformed),
        (cidr("tcp", SSH, "10.0.0.0/33"), invalid, "CIDR block 10.0.0.0/33 is malformed"),
        (cidr("tcp", SSH, "300.0.0.0/8"), invalid, "CIDR block 300.0.0.0/8 is malformed"),
        (cidr("tcp", SSH, "::/0"), invalid, "CIDR block ::/0 is malformed"),
        (from_ipv6("tcp", SSH, "0.0.0.0/0"), invalid, "CIDR block 0.0.0.0/0 is malformed"),
        (cidr("sctp", None, "0.0.0.0/0"), invalid, "Invalid value 'sctp' for IP protocol. Unknown protocol."),
        (cidr("256", None, "0.0.0.0/0"), invalid, "Invalid value '256' for IP protocol. Unknown protocol."),
        (cidr("tcp", None, "0.0.0.0/0"), invalid, ports),
        (cidr("udp", None, "0.0.0.0/0"), invalid, ports),
        (cidr("tcp", Some((-1, -1)), "0.0.0.0/0"), invalid, "TCP/UDP (from) port (-1) out of range"),
        (cidr("tcp", Some((0, 65_536)), "0.0.0.0/0"), invalid, "TCP/UDP (to) port (65536) out of range"),
        (cidr("tcp", Some((23, 22)), "0.0.0.0/0"), invalid, ""),
        (cidr("icmp", None, "0.0.0.0/0"), invalid, ""),
        (cidr("icmp", Some((0, 65_535)), "0.0.0.0/0"), invalid, "ICMP code (65535) out of range"),
        (cidr("icmp", Some((256, 0)), "0.0.0.0/0"), invalid, "ICMP type (256) out of range"),
        (cidr("icmp", Some((-1, 0)), "0.0.0.0/0"), invalid, ""),
        (described("été"), invalid, ""),
        (described(&"x".repeat(256)), invalid, ""),
        (no_peer, "InvalidPermission.Malformed", ""),
        (no_protocol, "MissingParameter", ""),
        (from_list, "InvalidPrefixListID.NotFound", ""),
        (from_group("tcp", SSH, "sg-x"), "InvalidGroupId.Malformed", "Invalid id: \"sg-x\" (expecting \"sg-...\")"),
        (
            from_group("tcp", SSH, "sg-00000000000000000"),
            "InvalidGroup.NotFound",
            "The security group 'sg-00000000000000000' does not exist",
        ),
        (
            from_group("tcp", SSH, &other_web),
            "InvalidGroup.NotFound",
            "You have specified two resources that belong to different networks.",
        ),
        (strangers, "InvalidGroup.NotFound", ""),
    ] {
        let error = cloud.authorize(&web, permission.clone()).unwrap_err();
        assert_eq!(error.code, code, "{permission:?}: {error}");
        assert!(message.is_empty() || error.message == message, "{permission:?}: {error}");
    }
    assert_eq!(cloud.rules(&web).len(), 1, "nothing was added");
    let nothing = AuthorizeSecurityGroupIngressRequest { group_id: Some(web), ..Default::default() };
    let error = authorize_security_group_ingress(&cloud.context, &mut cloud.tx, nothing).unwrap_err();
    assert_eq!(error.code, "MissingParameter");
    let nowhere = AuthorizeSecurityGroupIngressRequest::default();
    let error = authorize_security_group_ingress(&cloud.context, &mut cloud.tx, nowhere).unwrap_err();
    assert_eq!(error.code, "MissingParameter");
}

#[test]
fn rules_are_canonical_and_their_answers_complete() {
    let mut cloud = Cloud::new();
    let web = cloud.web.clone();
    let made = cloud.authorize(&web, cidr("6", Some((80, 90)), "100.68.0.18/18")).unwrap().remove(0);
    assert_eq!(made.ip_protocol.as_deref(), Some("tcp"));
    assert_eq!(made.cidr_ipv4.as_deref(), Some("100.68.0.0/18"));
    assert_eq!((made.from_port, made.to_port, made.is_egress), (Some(80), Some(90), Some(false)));
    assert_eq!(made.group_owner_id.as_deref(), Some("123456789012"));
    let id = made.security_group_rule_id.clone().unwrap();
    let arn = format!("arn:aws:ec2:us-east-1:123456789012:security-group-rule/{id}");
    assert_eq!(made.security_group_rule_arn, Some(arn));
    assert!(cloud.rules(&web).contains(&made));

    let all = cloud.authorize(&web, cidr("-1", Some((0, 0)), "10.0.0.0/8")).unwrap().remove(0);
    assert_eq!((all.from_port, all.to_port, all.ip_protocol.as_deref()), (Some(-1), Some(-1), Some("-1")));
    let echo = cloud.authorize(&web, cidr("icmp", Some((8, -1)), "10.0.0.0/8")).unwrap().remove(0);
    assert_eq!((echo.from_port, echo.to_port), (Some(8), Some(-1)));
    let six = cloud.authorize(&web, from_ipv6("icmpv6", None, "2001:DB8:0::1/32")).unwrap().remove(0);
    assert_eq!((six.cidr_ipv6.as_deref(), six.from_port), (Some("2001:db8::/32"), Some(-1)));
    let myself = cloud.authorize(&web, from_group("50", Some((1, 2)), &web)).unwrap().remove(0);
    let info = myself.referenced_group_info.unwrap();
    assert_eq!((info.group_id, info.user_id.as_deref()), (Some(web.clone()), Some("123456789012")));
    assert_eq!((myself.ip_protocol.as_deref(), myself.from_port), (Some("50"), Some(-1)));

    let told = cloud.describe(&web).ip_permissions;
    let of = |protocol: &str| told.iter().find(|p| p.ip_protocol.as_deref() == Some(protocol)).unwrap();
    assert_eq!((of("-1").from_port, of("50").from_port, of("icmp").from_port), (None, None, Some(8)));
    assert_eq!(of("tcp").ip_ranges[0].cidr_ip.as_deref(), Some("100.68.0.0/18"));
    assert_eq!(of("icmpv6").ipv6_ranges.len(), 1);
}

#[test]
fn several_peers_are_several_rules_and_described_together() {
    let mut cloud = Cloud::new();
    let web = cloud.web.clone();
    let mut permission = cidr("tcp", SSH, "10.0.0.0/8");
    permission
        .ip_ranges
        .push(IpRange { cidr_ip: Some("192.168.0.0/16".to_owned()), description: Some("home".to_owned()) });
    permission.user_id_group_pairs = from_group("tcp", SSH, &web).user_id_group_pairs;
    let rules = cloud.authorize(&web, permission).unwrap();
    let ids: BTreeSet<_> = rules.iter().map(|rule| rule.security_group_rule_id.clone()).collect();
    assert_eq!((rules.len(), ids.len()), (3, 3));
    let told = cloud.describe(&web).ip_permissions;
    assert_eq!((told.len(), told[0].ip_ranges.len(), told[0].user_id_group_pairs.len()), (1, 2, 1));
    assert_eq!(told[0].ip_ranges[1].description.as_deref(), Some("home"));
}

#[test]
fn a_duplicate_fails_the_whole_call_in_aws_words() {
    let mut cloud = Cloud::new();
    let web = cloud.web.clone();
    let all_words = format!("the specified rule \"peer: {web}, ALL, ALLOW\" already exists");
    for (permission, message) in [
        (
            cidr("tcp", SSH, "0.0.0.0/0"),
            "the specified rule \"peer: 0.0.0.0/0, TCP, from port: 22, to port: 22, ALLOW\" already exists",
        ),
        (
            cidr("udp", Some((53, 54)), "10.0.0.0/8"),
            "the specified rule \"peer: 10.0.0.0/8, UDP, from port: 53, to port: 54, ALLOW\" already exists",
        ),
        (from_group("-1", None, &web), all_words.as_str()),
        (
            cidr("icmp", Some((8, -1)), "0.0.0.0/0"),
            "the specified rule \"peer: 0.0.0.0/0, ICMP, type: 8, code: ALL, ALLOW\" already exists",
        ),
    ] {
        cloud.authorize(&web, permission.clone()).unwrap();
        let mut again = permission;
        let first = cidr("tcp", SSH, "203.0.113.0/24").ip_ranges;
        again.ip_ranges.splice(0..0, first);
        let before = cloud.describe(&web);
        let mut tx = Transaction::new(cloud.tx.state(), cloud.context.region.clone());
        std::mem::swap(&mut tx, &mut cloud.tx);
        let error = cloud.authorize(&web, again).unwrap_err();
        std::mem::swap(&mut tx, &mut cloud.tx);
        assert_eq!(text(error), ("InvalidPermission.Duplicate", message.to_owned()));
        assert_eq!(cloud.describe(&web), before);
    }
    let mut twice = cidr("tcp", Some((1, 1)), "10.1.0.0/16");
    twice.ip_ranges.push(IpRange { cidr_ip: Some("10.1.2.3/16".to_owned()), description: Some("same".to_owned()) });
    assert_eq!(
        text(cloud.authorize(&web, twice).unwrap_err()),
        ("InvalidParameterValue", "The same permission must not appear multiple times".to_owned())
    );
}

#[test]
fn revoking_what_is_not_there_depends_on_the_vpc() {
    let mut cloud = Cloud::new();
    let (web, other) = (cloud.web.clone(), cloud.other_web.clone());
    let there = cidr("tcp", SSH, "10.0.0.0/8");
    let not_there = cidr("tcp", Some((22, 23)), "10.0.0.0/8");
    for group in [&web, &other] {
        cloud.authorize(group, there.clone()).unwrap();
    }
    let error = cloud.revoke(&other, vec![there.clone(), not_there.clone()]).unwrap_err();
    let message = "The specified rule does not exist in this security group.";
    assert_eq!(text(error), ("InvalidPermission.NotFound", message.to_owned()));
    assert_eq!(cloud.rules(&other).len(), 2);

    let done = cloud.revoke(&web, vec![there, not_there.clone()]).unwrap();
    assert_eq!(done.r#return, Some(true));
    assert_eq!(done.unknown_ip_permissions, [not_there]);
    assert_eq!(done.revoked_security_group_rules.len(), 1);
    assert_eq!(done.revoked_security_group_rules[0].cidr_ipv4.as_deref(), Some("10.0.0.0/8"));
    assert_eq!(cloud.rules(&web).len(), 1);
}

#[test]
fn the_first_egress_rule_is_revoked_as_terraform_does_it() {
    let mut cloud = Cloud::new();
    let request = RevokeSecurityGroupEgressRequest {
        group_id: cloud.other_web.clone(),
        ip_permissions: vec![cidr("-1", Some((0, 0)), "0.0.0.0/0")],
        ..Default::default()
    };
    revoke_security_group_egress(&cloud.context, &mut cloud.tx, request.clone()).unwrap();
    assert!(cloud.rules(&cloud.other_web).is_empty());
    let ipv6 =
        RevokeSecurityGroupEgressRequest { ip_permissions: vec![from_ipv6("-1", Some((0, 0)), "::/0")], ..request };
    let error = revoke_security_group_egress(&cloud.context, &mut cloud.tx, ipv6).unwrap_err();
    assert_eq!(error.code, "InvalidPermission.NotFound");
}

#[test]
fn rules_are_revoked_by_their_ids_and_lose_their_tags() {
    let mut cloud = Cloud::new();
    let web = cloud.web.clone();
    let request = AuthorizeSecurityGroupIngressRequest {
        group_id: Some(web.clone()),
        ip_permissions: vec![cidr("tcp", SSH, "10.0.0.0/8")],
        tag_specifications: vec![specification("security-group-rule", &[("Name", "ssh")])],
        ..Default::default()
    };
    let made = authorize_security_group_ingress(&cloud.context, &mut cloud.tx, request).unwrap();
    assert_eq!(made.security_group_rules[0].tags, shape_tags(&[("Name", "ssh")]));
    let id = made.security_group_rules[0].security_group_rule_id.clone().unwrap();
    let find = |cloud: &Cloud, filters| {
        let request = DescribeSecurityGroupRulesRequest { filters, ..Default::default() };
        let told = describe_security_group_rules(&cloud.context, &cloud.tx.view(), request).unwrap();
        told.security_group_rules.into_iter().filter_map(|rule| rule.security_group_rule_id).collect::<Vec<_>>()
    };
    assert_eq!(find(&cloud, vec![filter("tag:Name", &["ssh"])]), std::slice::from_ref(&id));
    assert_eq!(find(&cloud, vec![filter("security-group-rule-id", &[&id])]), std::slice::from_ref(&id));

    let revoke = |ids: &[&str]| RevokeSecurityGroupIngressRequest {
        group_id: Some(web.clone()),
        security_group_rule_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        ..Default::default()
    };
    let egress_rule = cloud.rules(&web).into_iter().find(|rule| rule.is_egress == Some(true)).unwrap();
    for (id, code) in [
        ("sgr-00000000000000000", "InvalidSecurityGroupRuleId.NotFound"),
        (egress_rule.security_group_rule_id.as_deref().unwrap(), "InvalidSecurityGroupRuleId.NotFound"),
        ("sgr-x", "InvalidSecurityGroupRuleId.Malformed"),
    ] {
        let error = revoke_security_group_ingress(&cloud.context, &mut cloud.tx, revoke(&[id])).unwrap_err();
        assert_eq!(error.code, code, "{id}");
    }
    let mut both = revoke(&[&id]);
    both.ip_permissions = vec![cidr("tcp", SSH, "10.0.0.0/8")];
    let error = revoke_security_group_ingress(&cloud.context, &mut cloud.tx, both).unwrap_err();
    assert_eq!(error.code, "InvalidParameterCombination");
    let done = revoke_security_group_ingress(&cloud.context, &mut cloud.tx, revoke(&[&id])).unwrap();
    assert_eq!(done.revoked_security_group_rules[0].security_group_rule_id.as_deref(), Some(id.as_str()));
    assert!(cloud.tx.tags_of(&id).is_empty());
}

#[test]
fn older_clients_state_rules_without_permissions() {
    let mut cloud = Cloud::new();
    let simple = AuthorizeSecurityGroupIngressRequest {
        group_name: Some("web".to_owned()),
        ip_protocol: Some("tcp".to_owned()),
        from_port: Some(22),
        to_port: Some(22),
        cidr_ip: Some("0.0.0.0/0".to_owned()),
        ..Default::default()
    };
    authorize_security_group_ingress(&cloud.context, &mut cloud.tx, simple.clone()).unwrap();
    let source = AuthorizeSecurityGroupIngressRequest {
        group_name: Some("web".to_owned()),
        source_security_group_name: Some("default".to_owned()),
        ..Default::default()
    };
    authorize_security_group_ingress(&cloud.context, &mut cloud.tx, source.clone()).unwrap();
    let told = cloud.describe(&cloud.web).ip_permissions;
    let seen: Vec<_> = told.iter().map(|p| (p.ip_protocol.as_deref().unwrap(), p.from_port, p.to_port)).collect();
    assert_eq!(
        seen,
        [
            ("tcp", Some(22), Some(22)),
            ("tcp", Some(0), Some(65_535)),
            ("udp", Some(0), Some(65_535)),
            ("icmp", Some(-1), Some(-1))
        ]
    );
    let mixed = AuthorizeSecurityGroupIngressRequest { ip_protocol: Some("tcp".to_owned()), ..source };
    let permissions =
        AuthorizeSecurityGroupIngressRequest { ip_permissions: vec![cidr("tcp", SSH, "10.0.0.0/8")], ..simple };
    for request in [mixed, permissions] {
        let error = authorize_security_group_ingress(&cloud.context, &mut cloud.tx, request).unwrap_err();
        assert_eq!(error.code, "InvalidParameterCombination");
    }
    let egress = AuthorizeSecurityGroupEgressRequest {
        group_id: cloud.web.clone(),
        ip_protocol: Some("tcp".to_owned()),
        ..Default::default()
    };
    let error = authorize_security_group_egress(&cloud.context, &mut cloud.tx, egress).unwrap_err();
    assert_eq!(error.code, "InvalidParameterValue");
    let revoke = RevokeSecurityGroupIngressRequest {
        group_name: Some("web".to_owned()),
        ip_protocol: Some("tcp".to_owned()),
        from_port: Some(22),
        to_port: Some(22),
        cidr_ip: Some("0.0.0.0/0".to_owned()),
        ..Default::default()
    };
    revoke_security_group_ingress(&cloud.context, &mut cloud.tx, revoke).unwrap();
    assert_eq!(cloud.rules(&cloud.web).len(), 4);
}

#[test]
fn sixty_rules_of_each_family_and_direction() {
    let mut cloud = Cloud::new();
    let web = cloud.web.clone();
    for i in 0..60 {
        cloud.authorize(&web, cidr("tcp", Some((i, i)), "10.0.0.0/8")).unwrap();
    }
    let code = |result: Result<Vec<ec2_shapes::SecurityGroupRule>, ApiError>| result.err().map(|error| error.code);
    let full = Some("RulesPerSecurityGroupLimitExceeded");
    assert_eq!(code(cloud.authorize(&web, cidr("tcp", Some((60, 60)), "10.0.0.0/8"))), full);
    assert_eq!(code(cloud.authorize(&web, from_group("tcp", SSH, &web))), full, "a group counts as both");
    for i in 0..60 {
        cloud.authorize(&web, from_ipv6("tcp", Some((i, i)), "::/0")).unwrap();
    }
    assert_eq!(code(cloud.authorize(&web, from_ipv6("tcp", Some((60, 60)), "::/0"))), full);
    let egress = AuthorizeSecurityGroupEgressRequest {
        group_id: web,
        ip_permissions: vec![cidr("tcp", SSH, "10.0.0.0/8")],
        ..Default::default()
    };
    authorize_security_group_egress(&cloud.context, &mut cloud.tx, egress).unwrap();
}

#[test]
fn groups_in_use_are_not_deleted() {
    let mut cloud = Cloud::new();
    let (web, other_web) = (cloud.web.clone(), cloud.other_web.clone());
    let app = cloud.create("app", None).unwrap();
    let dependent = |id: &str| ("DependencyViolation", format!("resource {id} has a dependent object"));
    // Its own rule about itself does not hold it, another group's does.
    cloud.authorize(&web, from_group("tcp", SSH, &web)).unwrap();
    cloud.authorize(&app, from_group("tcp", SSH, &web)).unwrap();
    assert_eq!(text(cloud.delete(&web).unwrap_err()), dependent(&web));
    cloud.revoke(&app, vec![from_group("tcp", SSH, &web)]).unwrap();

    let group: SecurityGroupId = web.parse().unwrap();
    let subnet = cloud.tx.subnets.values().next().unwrap().clone();
    let id = NetworkInterfaceId::from_number(1);
    cloud.tx.put(NetworkInterface {
        groups: vec![group],
        ..NetworkInterface::new(id, &subnet, MacAddress::local(1), subnet.cidr.nth(10).unwrap())
    });
    assert_eq!(text(cloud.delete(&web).unwrap_err()), dependent(&web));
    cloud.tx.delete(Key::NetworkInterface(id));

    let rule = cloud.rules(&web)[0].security_group_rule_id.clone().unwrap();
    for id in [&web, &rule] {
        tagging::add(&mut cloud.tx, id, &Tags::from([("a".to_owned(), "b".to_owned())])).unwrap();
    }
    let done = cloud.delete(&web).unwrap();
    assert_eq!((done.r#return, done.group_id), (Some(true), Some(web.clone())));
    assert!(cloud.tx.tags.is_empty());
    assert_eq!(cloud.delete(&web).unwrap_err().code, "InvalidGroup.NotFound");
    assert!(cloud.delete(&other_web).is_ok());
    let by_name = DeleteSecurityGroupRequest { group_name: Some("app".to_owned()), ..Default::default() };
    assert_eq!(delete_security_group(&cloud.context, &mut cloud.tx, by_name).unwrap().group_id, Some(app));
}

#[test]
fn default_and_unknown_groups_are_not_deleted() {
    let mut cloud = Cloud::new();
    let default = cloud.tx.security_groups.values().find(|group| &*group.name == "default").unwrap().id.to_string();
    let message = format!("the specified group: \"{default}\" name: \"default\" cannot be deleted by a user");
    assert_eq!(text(cloud.delete(&default).unwrap_err()), ("CannotDelete", message));
    let message = "The security-group ID 'nonsense' is malformed".to_owned();
    assert_eq!(text(cloud.delete("nonsense").unwrap_err()), ("InvalidGroupId.Malformed", message));
    let vpc = cloud.tx.default_vpc().unwrap().id;
    let by_name = DeleteSecurityGroupRequest { group_name: Some("none".to_owned()), ..Default::default() };
    let error = delete_security_group(&cloud.context, &mut cloud.tx, by_name).unwrap_err();
    let message = format!("The security group 'none' does not exist in default VPC '{vpc}'");
    assert_eq!(text(error), ("InvalidGroup.NotFound", message));
    let none = delete_security_group(&cloud.context, &mut cloud.tx, DeleteSecurityGroupRequest::default());
    assert_eq!(none.unwrap_err().code, "MissingParameter");
}
