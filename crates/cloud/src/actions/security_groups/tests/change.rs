//! Changing rules, and what groups have to do with other VPCs.

use types::{Timestamp, VpcPeeringConnectionId};

use super::*;
use crate::query::Filterable;
use crate::settle::settle;
use crate::testing::context_at;

fn update(id: &str, rule: SecurityGroupRuleRequest) -> SecurityGroupRuleUpdate {
    SecurityGroupRuleUpdate { security_group_rule_id: Some(id.to_owned()), security_group_rule: Some(rule) }
}

fn ssh_from(cidr: &str) -> SecurityGroupRuleRequest {
    SecurityGroupRuleRequest {
        ip_protocol: Some("tcp".to_owned()),
        from_port: Some(22),
        to_port: Some(22),
        cidr_ipv4: Some(cidr.to_owned()),
        ..Default::default()
    }
}

fn modify(cloud: &mut Cloud, group: &str, updates: Vec<SecurityGroupRuleUpdate>) -> Result<(), ApiError> {
    let request = ModifySecurityGroupRulesRequest {
        group_id: group.to_owned(),
        security_group_rules: updates,
        ..Default::default()
    };
    modify_security_group_rules(&cloud.context, &mut cloud.tx, request)
        .map(|done| assert_eq!(done.r#return, Some(true)))
}

fn id_of(rule: &ec2_shapes::SecurityGroupRule) -> String {
    rule.security_group_rule_id.clone().unwrap()
}

#[test]
fn a_rule_is_replaced_whole_and_keeps_its_id() {
    let mut cloud = Cloud::new();
    let web = cloud.web.clone();
    let rule = cloud.authorize(&web, cidr("tcp", SSH, "10.0.0.0/8")).unwrap().remove(0);
    let other = cloud.authorize(&web, cidr("tcp", SSH, "192.168.0.0/16")).unwrap().remove(0);
    let (id, other) = (id_of(&rule), id_of(&other));
    let described = SecurityGroupRuleRequest { description: Some("home".to_owned()), ..ssh_from("100.68.0.18/18") };
    modify(&mut cloud, &web, vec![update(&id, described)]).unwrap();
    let find = |cloud: &Cloud| cloud.rules(&web).into_iter().find(|rule| id_of(rule) == id).unwrap();
    let told = find(&cloud);
    assert_eq!((told.cidr_ipv4.as_deref(), told.description.as_deref()), (Some("100.68.0.0/18"), Some("home")));
    let to_group = SecurityGroupRuleRequest {
        ip_protocol: Some("-1".to_owned()),
        referenced_group_id: Some(web.clone()),
        ..Default::default()
    };
    modify(&mut cloud, &web, vec![update(&id, to_group)]).unwrap();
    let told = find(&cloud);
    assert_eq!((told.cidr_ipv4, told.description, told.from_port), (None, None, Some(-1)));
    assert_eq!(told.referenced_group_info.unwrap().group_id.as_ref(), Some(&web));

    // Two rules may change places, but no rule may be there twice.
    modify(&mut cloud, &web, vec![update(&id, ssh_from("192.168.0.0/16")), update(&other, ssh_from("10.0.0.0/8"))])
        .unwrap();
    let message = "the specified rule \"peer: 10.0.0.0/8, TCP, from port: 22, to port: 22, ALLOW\" already exists";
    let error = modify(&mut cloud, &web, vec![update(&id, ssh_from("10.0.0.0/8"))]).unwrap_err();
    assert_eq!(text(error), ("InvalidPermission.Duplicate", message.to_owned()));
}

#[test]
fn bad_changes_of_rules_are_refused() {
    let mut cloud = Cloud::new();
    let web = cloud.web.clone();
    let id = id_of(&cloud.authorize(&web, cidr("tcp", SSH, "10.0.0.0/8")).unwrap()[0]);
    let nobody = SecurityGroupRuleRequest { cidr_ipv4: None, ..ssh_from("") };
    let two = SecurityGroupRuleRequest { cidr_ipv6: Some("::/0".to_owned()), ..ssh_from("10.0.0.0/8") };
    let list =
        |id: &str| SecurityGroupRuleRequest { cidr_ipv4: None, prefix_list_id: Some(id.to_owned()), ..ssh_from("") };
    let before = cloud.describe(&web);
    for (updates, code) in [
        (vec![], "MissingParameter"),
        (vec![update("sgr-x", ssh_from("10.0.0.0/8"))], "InvalidSecurityGroupRuleId.Malformed"),
        (vec![update("sgr-00000000000000099", ssh_from("10.0.0.0/8"))], "InvalidSecurityGroupRuleId.NotFound"),
        (vec![update(&id, ssh_from("1.0.0.0/8")), update(&id, ssh_from("2.0.0.0/8"))], "InvalidParameterValue"),
        (vec![update(&id, nobody)], "MissingParameter"),
        (vec![update(&id, two)], "InvalidParameterCombination"),
        (vec![update(&id, ssh_from("::/0"))], "InvalidParameterValue"),
        (vec![update(&id, list("pl-00000000000000099"))], "InvalidPrefixListID.NotFound"),
        (vec![SecurityGroupRuleUpdate { security_group_rule: None, ..update(&id, ssh_from("")) }], "MissingParameter"),
        (
            vec![SecurityGroupRuleUpdate { security_group_rule_id: None, ..update(&id, ssh_from("")) }],
            "MissingParameter",
        ),
    ] {
        assert_eq!(modify(&mut cloud, &web, updates.clone()).unwrap_err().code, code, "{updates:?}");
    }
    let unknown = modify(&mut cloud, "sg-00000000000000099", vec![update(&id, ssh_from("10.0.0.0/8"))]);
    assert_eq!(unknown.unwrap_err().code, "InvalidGroup.NotFound");
    assert_eq!(cloud.describe(&web), before);
}

#[test]
fn descriptions_are_given_changed_and_taken() {
    let mut cloud = Cloud::new();
    let web = cloud.web.clone();
    let id = id_of(&cloud.authorize(&web, cidr("tcp", SSH, "10.0.0.0/8")).unwrap()[0]);
    let described = |text: Option<&str>| {
        let mut permission = cidr("tcp", SSH, "10.0.0.0/8");
        permission.ip_ranges[0].description = text.map(str::to_owned);
        vec![permission]
    };
    let ingress = |permissions: Vec<IpPermission>, by_rule: Vec<SecurityGroupRuleDescription>| {
        UpdateSecurityGroupRuleDescriptionsIngressRequest {
            group_id: Some(web.clone()),
            ip_permissions: permissions,
            security_group_rule_descriptions: by_rule,
            ..Default::default()
        }
    };
    let by_rule = |id: &str, text: Option<&str>| {
        let (security_group_rule_id, description) = (Some(id.to_owned()), text.map(str::to_owned));
        vec![SecurityGroupRuleDescription { security_group_rule_id, description }]
    };
    let mut give = |request| update_security_group_rule_descriptions_ingress(&cloud.context, &mut cloud.tx, request);
    assert_eq!(give(ingress(described(Some("home")), vec![])).unwrap().r#return, Some(true));
    for (request, code) in [
        (ingress(vec![cidr("tcp", SSH, "11.0.0.0/8")], vec![]), "InvalidPermission.NotFound"),
        (ingress(described(Some("ü")), vec![]), "InvalidParameterValue"),
        (ingress(vec![], vec![]), "MissingParameter"),
        (ingress(described(None), by_rule(&id, None)), "InvalidParameterCombination"),
        (ingress(vec![], by_rule("sgr-x", None)), "InvalidSecurityGroupRuleId.Malformed"),
        (ingress(vec![], by_rule("sgr-00000000000000099", None)), "InvalidSecurityGroupRuleId.NotFound"),
    ] {
        assert_eq!(give(request.clone()).unwrap_err().code, code, "{request:?}");
    }
    let description = |cloud: &Cloud, is_egress| {
        let rule = cloud.rules(&web).into_iter().find(|rule| rule.is_egress == Some(is_egress)).unwrap();
        let id = id_of(&rule);
        (rule.description, id)
    };
    assert_eq!(description(&cloud, false), (Some("home".to_owned()), id.clone()));
    let mut give = |request| update_security_group_rule_descriptions_ingress(&cloud.context, &mut cloud.tx, request);
    give(ingress(vec![], by_rule(&id, Some("work")))).unwrap();
    assert_eq!(description(&cloud, false).0.as_deref(), Some("work"));
    let mut give = |request| update_security_group_rule_descriptions_ingress(&cloud.context, &mut cloud.tx, request);
    give(ingress(described(None), vec![])).unwrap();
    assert_eq!(description(&cloud, false).0, None);

    let first = description(&cloud, true).1;
    let egress = UpdateSecurityGroupRuleDescriptionsEgressRequest {
        group_id: Some(web.clone()),
        security_group_rule_descriptions: by_rule(&first, Some("all")),
        ..Default::default()
    };
    update_security_group_rule_descriptions_egress(&cloud.context, &mut cloud.tx, egress.clone()).unwrap();
    assert_eq!(description(&cloud, true).0.as_deref(), Some("all"));
    let wrong_way = UpdateSecurityGroupRuleDescriptionsEgressRequest {
        security_group_rule_descriptions: by_rule(&id, None),
        ..egress
    };
    let error = update_security_group_rule_descriptions_egress(&cloud.context, &mut cloud.tx, wrong_way).unwrap_err();
    assert_eq!(error.code, "InvalidSecurityGroupRuleId.NotFound");
}

impl Cloud {
    fn another_vpc(&mut self, number: u128) -> VpcId {
        let id = VpcId::from_number(number);
        self.tx.put(resource::Vpc::new(id, "10.9.0.0/16".parse().unwrap()));
        id
    }

    fn associations(&self, filters: Vec<Filter>) -> Vec<SecurityGroupVpcAssociation> {
        let request = DescribeSecurityGroupVpcAssociationsRequest { filters, ..Default::default() };
        let told = describe_security_group_vpc_associations(&self.context, &self.tx.view(), request).unwrap();
        told.security_group_vpc_associations
    }

    fn for_vpc(&self, vpc: VpcId, filters: Vec<Filter>) -> Vec<String> {
        let request = GetSecurityGroupsForVpcRequest { vpc_id: vpc.to_string(), filters, ..Default::default() };
        let told = get_security_groups_for_vpc(&self.context, &self.tx.view(), request).unwrap();
        told.security_group_for_vpcs.into_iter().filter_map(|group| group.group_id).collect()
    }

    fn associate(&mut self, group: &str, vpc: &str) -> Result<Option<SecurityGroupVpcAssociationState>, ApiError> {
        let (group_id, vpc_id) = (group.to_owned(), vpc.to_owned());
        let request = AssociateSecurityGroupVpcRequest { group_id, vpc_id, ..Default::default() };
        associate_security_group_vpc(&self.context, &mut self.tx, request).map(|done| done.state)
    }

    fn disassociate(&mut self, group: &str, vpc: &str) -> Result<Option<SecurityGroupVpcAssociationState>, ApiError> {
        let (group_id, vpc_id) = (group.to_owned(), vpc.to_owned());
        let request = DisassociateSecurityGroupVpcRequest { group_id, vpc_id, ..Default::default() };
        disassociate_security_group_vpc(&self.context, &mut self.tx, request).map(|done| done.state)
    }

    fn later(&mut self) {
        settle(&context_at(self.context.now.plus_ms(1_000)), &mut self.tx);
    }

    fn peer(&mut self, one: VpcId, other: VpcId, state: resource::PeeringState) {
        let side = |vpc| resource::PeeringVpc {
            vpc,
            owner: self.context.account().clone(),
            region: self.context.region.clone(),
            allow_dns_resolution: false,
        };
        let peering = resource::VpcPeeringConnection {
            id: VpcPeeringConnectionId::from_number(1),
            requester: side(one),
            accepter: side(other),
            state,
            message: String::new(),
            since: Timestamp::default(),
            expires: Timestamp::default(),
        };
        self.tx.put(peering);
    }

    fn stale(&self, vpc: VpcId) -> Vec<StaleSecurityGroup> {
        let request = DescribeStaleSecurityGroupsRequest { vpc_id: vpc.to_string(), ..Default::default() };
        let told = describe_stale_security_groups(&self.context, &self.tx.view(), request).unwrap();
        told.stale_security_group_set
    }

    fn references(&self, group: &str) -> Vec<SecurityGroupReference> {
        let request = DescribeSecurityGroupReferencesRequest { group_id: vec![group.to_owned()], ..Default::default() };
        describe_security_group_references(&self.context, &self.tx.view(), request)
            .unwrap()
            .security_group_reference_set
    }
}

#[test]
fn a_group_is_used_in_another_vpc_for_a_while() {
    let mut cloud = Cloud::new();
    let (web, third) = (cloud.other_web.clone(), cloud.another_vpc(77));
    let vpc = third.to_string();
    use SecurityGroupVpcAssociationState::{Associated, Associating, Disassociating};
    assert_eq!(cloud.associate(&web, &vpc).unwrap(), Some(Associating));
    assert_eq!(cloud.associations(vec![])[0].state, Some(Associating));
    assert!(cloud.for_vpc(third, vec![]).is_empty(), "not yet");
    cloud.later();
    assert_eq!(cloud.associate(&web, &vpc).unwrap(), Some(Associated), "a repeated call finds it");
    assert_eq!(cloud.for_vpc(third, vec![]), std::slice::from_ref(&web));
    let told = cloud.associations(vec![]).remove(0);
    assert_eq!((told.group_id.as_ref(), told.vpc_id.as_ref(), told.state), (Some(&web), Some(&vpc), Some(Associated)));
    assert_eq!(told.vpc_owner_id.as_deref(), Some("123456789012"));

    let subnet = cloud.tx.subnets.values().next().unwrap().clone();
    let mut interface = NetworkInterface::new(
        NetworkInterfaceId::from_number(5),
        &subnet,
        MacAddress::local(5),
        subnet.cidr.nth(9).unwrap(),
    );
    (interface.vpc, interface.groups) = (third, vec![web.parse().unwrap()]);
    cloud.tx.put(interface.clone());
    assert_eq!(cloud.disassociate(&web, &vpc).unwrap_err().code, "DependencyViolation");
    cloud.tx.delete(Key::NetworkInterface(interface.id));
    assert_eq!(cloud.disassociate(&web, &vpc).unwrap(), Some(Disassociating));
    assert_eq!(cloud.associations(vec![])[0].state, Some(Disassociating));
    cloud.later();
    assert!(cloud.associations(vec![]).is_empty());
    assert_eq!(cloud.disassociate(&web, &vpc).unwrap_err().code, "InvalidParameterValue");
}

#[test]
fn default_groups_and_default_vpcs_are_not_associated() {
    let mut cloud = Cloud::new();
    let third = cloud.another_vpc(77).to_string();
    let (web, other_web) = (cloud.web.clone(), cloud.other_web.clone());
    let default_vpc = cloud.tx.default_vpc().unwrap().id.to_string();
    let is_default = |group: &&Arc<resource::SecurityGroup>| group.vpc == cloud.other_vpc && &*group.name == "default";
    let default_group = cloud.tx.security_groups.values().find(is_default).unwrap().id.to_string();
    let own_vpc = cloud.other_vpc.to_string();
    for (group, vpc, code) in [
        (&web, &third, "UnsupportedOperation"),
        (&other_web, &default_vpc, "UnsupportedOperation"),
        (&default_group, &third, "UnsupportedOperation"),
        (&other_web, &own_vpc, "InvalidParameterValue"),
        (&other_web, &"vpc-00000000000000099".to_owned(), "InvalidVpcID.NotFound"),
        (&"sg-00000000000000099".to_owned(), &third, "InvalidGroup.NotFound"),
    ] {
        assert_eq!(cloud.associate(group, vpc).unwrap_err().code, code, "{group} {vpc}");
    }
}

#[test]
fn every_filter_of_associations_and_of_groups_for_a_vpc() {
    let mut cloud = Cloud::new();
    let (web, third) = (cloud.other_web.clone(), cloud.another_vpc(77));
    cloud.associate(&web, &third.to_string()).unwrap();
    cloud.later();
    let (vpc, own) = (third.to_string(), cloud.other_vpc.to_string());
    for name in <vpc_associations::AssociationRow<'_> as Filterable>::NAMES {
        let value = match *name {
            "group-id" => &web,
            "group-owner-id" | "vpc-owner-id" => "123456789012",
            "state" => "associated",
            "vpc-id" => &vpc,
            other => panic!("{other}"),
        };
        assert_eq!(cloud.associations(vec![filter(name, &[value])]).len(), 1, "{name}");
        assert!(cloud.associations(vec![filter(name, &["none"])]).is_empty(), "{name}");
    }
    for name in <vpc_associations::GroupForVpc<'_> as Filterable>::NAMES {
        let value = match *name {
            "description" => "for a test",
            "group-id" => &web,
            "group-name" => "web",
            "owner-id" => "123456789012",
            "primary-vpc-id" => &own,
            other => panic!("{other}"),
        };
        assert_eq!(cloud.for_vpc(third, vec![filter(name, &[value])]), std::slice::from_ref(&web), "{name}");
        assert!(cloud.for_vpc(third, vec![filter(name, &["none"])]).is_empty(), "{name}");
    }
    assert_eq!(cloud.for_vpc(cloud.other_vpc, vec![]).len(), 2, "its own groups");
}

#[test]
fn rules_about_groups_of_peers_are_told_and_become_stale() {
    let mut cloud = Cloud::new();
    let (web, other, default_vpc) = (cloud.web.clone(), cloud.other_web.clone(), cloud.tx.default_vpc().unwrap().id);
    let from_other = from_group("tcp", SSH, &other);
    let refused = cloud.authorize(&web, from_other.clone()).unwrap_err();
    assert_eq!(refused.code, "InvalidGroup.NotFound");
    cloud.peer(default_vpc, cloud.other_vpc, resource::PeeringState::Active);
    let rule = cloud.authorize(&web, from_other.clone()).unwrap().remove(0);
    let info = rule.referenced_group_info.unwrap();
    assert_eq!(info.vpc_peering_connection_id.as_deref(), Some("pcx-00000000000000001"));
    assert_eq!((info.peering_status.as_deref(), info.vpc_id), (Some("active"), Some(cloud.other_vpc.to_string())));
    let pair = cloud.describe(&web).ip_permissions.remove(0).user_id_group_pairs.remove(0);
    assert_eq!((pair.group_id.as_ref(), pair.vpc_id), (Some(&other), Some(cloud.other_vpc.to_string())));
    let told = cloud.references(&other).remove(0);
    assert_eq!(told.referencing_vpc_id, Some(default_vpc.to_string()));
    assert_eq!(told.vpc_peering_connection_id.as_deref(), Some("pcx-00000000000000001"));
    assert!(cloud.references(&web).is_empty() && cloud.stale(default_vpc).is_empty());

    cloud.peer(default_vpc, cloud.other_vpc, resource::PeeringState::Deleted);
    let stale = cloud.stale(default_vpc).remove(0);
    assert_eq!((stale.group_id.as_ref(), stale.group_name.as_deref()), (Some(&web), Some("web")));
    let permission = &stale.stale_ip_permissions[0];
    assert_eq!((permission.ip_protocol.as_deref(), permission.from_port), (Some("tcp"), Some(22)));
    assert_eq!(permission.user_id_group_pairs[0].peering_status.as_deref(), Some("deleted"));
    assert!(stale.stale_ip_permissions_egress.is_empty());
    cloud.peer(default_vpc, cloud.other_vpc, resource::PeeringState::Active);
    assert!(cloud.stale(default_vpc).is_empty(), "peered again");

    cloud.delete(&other).unwrap();
    let pair = cloud.stale(default_vpc).remove(0).stale_ip_permissions.remove(0).user_id_group_pairs.remove(0);
    assert_eq!((pair.group_id, pair.user_id), (Some(other), None));
    cloud.revoke(&web, vec![from_other]).unwrap();
    assert!(cloud.stale(default_vpc).is_empty() && cloud.describe(&web).ip_permissions.is_empty());
}

#[test]
fn prefix_lists_are_peers_like_others() {
    let mut cloud = Cloud::new();
    let web = cloud.web.clone();
    let list = crate::prefix_lists::of_service(&cloud.context.region, "com.amazonaws.us-east-1.s3").unwrap().id;
    let named = |id: &str| IpPermission {
        ip_ranges: vec![],
        prefix_list_ids: vec![PrefixListId { prefix_list_id: Some(id.to_owned()), description: None }],
        ..cidr("tcp", SSH, "")
    };
    let list = list.to_string();
    cloud.authorize(&web, named(&list)).unwrap();
    let words = format!("the specified rule \"peer: {list}, TCP, from port: 22, to port: 22, ALLOW\" already exists");
    let error = cloud.authorize(&web, named(&list)).unwrap_err();
    assert_eq!(text(error), ("InvalidPermission.Duplicate", words));
    assert_eq!(cloud.describe(&web).ip_permissions[0].prefix_list_ids[0].prefix_list_id.as_ref(), Some(&list));
    cloud.revoke(&web, vec![named(&list)]).unwrap();
    assert!(cloud.describe(&web).ip_permissions.is_empty());
    assert_eq!(cloud.authorize(&web, named("pl-00000000000000099")).unwrap_err().code, "InvalidPrefixListID.NotFound");
}
