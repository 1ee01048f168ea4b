//! Random calls against the simplest thing that could be right: a set.

use proptest::prelude::*;

use super::*;

/// A rule of the property test, chosen from few so that repeats are common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Choice {
    is_egress: bool,
    protocol: u8,
    peer: u8,
}

impl Choice {
    /// Written in one of several ways that mean the same.
    fn permission(self, spelling: u8, group: &str) -> IpPermission {
        let (name, ports) = match (self.protocol, spelling % 2) {
            (0, 0) => ("tcp", SSH),
            (0, _) => ("6", SSH),
            (1, 0) => ("-1", None),
            (1, _) => ("-1", Some((0, 0))),
            (_, 0) => ("icmpv6", None),
            (_, _) => ("58", Some((-1, -1))),
        };
        match (self.peer, spelling % 3) {
            (0, 0) => cidr(name, ports, "10.0.0.0/8"),
            (0, _) => cidr(name, ports, "10.1.2.3/8"),
            (1, 0) => from_ipv6(name, ports, "2001:db8::/32"),
            (1, _) => from_ipv6(name, ports, "2001:0DB8:0:0:0:0:0:7/32"),
            (_, _) => from_group(name, ports, group),
        }
    }
}

fn choice() -> impl Strategy<Value = Choice> {
    (any::<bool>(), 0u8..3, 0u8..3).prop_map(|(is_egress, protocol, peer)| Choice { is_egress, protocol, peer })
}

/// What a rule of an answer is in terms of [`Choice`]; `None` for the rule every group begins with.
fn choice_of(rule: &ec2_shapes::SecurityGroupRule) -> Option<Choice> {
    let protocol = match rule.ip_protocol.as_deref()? {
        "tcp" => 0,
        "-1" => 1,
        _ => 2,
    };
    let peer = match (rule.cidr_ipv4.as_deref(), &rule.cidr_ipv6) {
        (Some("0.0.0.0/0"), _) => return None,
        (Some(_), _) => 0,
        (None, Some(_)) => 1,
        (None, None) => 2,
    };
    Some(Choice { is_egress: rule.is_egress?, protocol, peer })
}

fn carry_out(cloud: &mut Cloud, add: bool, is_egress: bool, permissions: Vec<IpPermission>) -> Result<(), ApiError> {
    // A call that fails is dropped, as the writer drops it.
    let mut tx = Transaction::new(cloud.tx.state(), cloud.context.region.clone());
    let (context, ip_permissions, group_id) = (&cloud.context, permissions, cloud.other_web.clone());
    match (add, is_egress) {
        (true, true) => {
            let request = AuthorizeSecurityGroupEgressRequest { group_id, ip_permissions, ..Default::default() };
            authorize_security_group_egress(context, &mut tx, request).map(drop)
        }
        (true, false) => {
            let group_id = Some(group_id);
            let request = AuthorizeSecurityGroupIngressRequest { group_id, ip_permissions, ..Default::default() };
            authorize_security_group_ingress(context, &mut tx, request).map(drop)
        }
        (false, true) => {
            let request = RevokeSecurityGroupEgressRequest { group_id, ip_permissions, ..Default::default() };
            revoke_security_group_egress(context, &mut tx, request).map(drop)
        }
        (false, false) => {
            let group_id = Some(group_id);
            let request = RevokeSecurityGroupIngressRequest { group_id, ip_permissions, ..Default::default() };
            revoke_security_group_ingress(context, &mut tx, request).map(drop)
        }
    }?;
    cloud.tx = tx;
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rules_behave_as_a_set(
        calls in proptest::collection::vec(
            (any::<bool>(), any::<bool>(), proptest::collection::vec((choice(), any::<u8>()), 1..4)),
            1..25,
        )
    ) {
        let mut cloud = Cloud::new();
        let group = cloud.other_web.clone();
        let mut model: BTreeSet<Choice> = BTreeSet::new();
        for (add, is_egress, choices) in calls {
            let choices: Vec<_> =
                choices.into_iter().map(|(choice, spelling)| (Choice { is_egress, ..choice }, spelling)).collect();
            let named: BTreeSet<Choice> = choices.iter().map(|(choice, _)| *choice).collect();
            let permissions = choices.iter().map(|(choice, spelling)| choice.permission(*spelling, &group)).collect();
            let may = match add {
                true => named.is_disjoint(&model) && named.len() == choices.len(),
                false => named.is_subset(&model),
            };
            prop_assert_eq!(carry_out(&mut cloud, add, is_egress, permissions).is_ok(), may);
            if may && add {
                model.extend(named);
            } else if may {
                model.retain(|choice| !named.contains(choice));
            }
            let rules = cloud.rules(&group);
            let told: BTreeSet<Choice> = rules.iter().filter_map(choice_of).collect();
            prop_assert_eq!(&told, &model);
            prop_assert_eq!(rules.len(), model.len() + 1, "no rule is there twice");
        }
    }
}
