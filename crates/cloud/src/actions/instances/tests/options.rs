//! Options of instances: metadata, monitoring, credits, names, processors, placement, profiles.

use ec2_shapes::*;
use types::InstanceId;

use crate::actions::testbed::{Bed, texts};
use crate::resource::{self, InstanceProfile};
use crate::settle;
use crate::testing::{filter, specification};
use crate::transaction::Transaction;

/// Lets everything that takes a moment come about.
fn settle(bed: &mut Bed) {
    bed.wait_ms(settle::SETTLE_MS);
    let mut tx = Transaction::new(&bed.state, bed.context.region.clone());
    settle::settle(&bed.context, &mut tx);
    bed.state = tx.finish().1;
}

fn add_profile(bed: &mut Bed, name: &str, roles: &[&str]) -> InstanceProfile {
    let profile = InstanceProfile {
        name: name.into(),
        id: format!("AIPA{name}"),
        arn: format!("arn:aws:iam::123456789012:instance-profile/{name}"),
        path: "/".to_owned(),
        created: bed.context.now,
        roles: roles.iter().map(|role| (*role).into()).collect(),
        tags: Default::default(),
    };
    let mut tx = Transaction::new(&bed.state, bed.context.region.clone());
    tx.put_shared(profile.clone());
    bed.state = tx.finish().1;
    profile
}

fn by_name(name: &str) -> Option<IamInstanceProfileSpecification> {
    Some(IamInstanceProfileSpecification { name: Some(name.to_owned()), arn: None })
}

fn associations(bed: &mut Bed, filters: Vec<Filter>) -> Vec<IamInstanceProfileAssociation> {
    let request = DescribeIamInstanceProfileAssociationsRequest { filters, ..Default::default() };
    match bed.ask(request).unwrap() {
        Response::DescribeIamInstanceProfileAssociations(answer) => answer.iam_instance_profile_associations,
        other => panic!("{other:?}"),
    }
}

#[test]
fn metadata_options_change_at_once_and_are_applied_a_moment_later() {
    let mut bed = Bed::new();
    let id = bed.running();
    let change = ModifyInstanceMetadataOptionsRequest {
        instance_id: id.to_string(),
        http_tokens: Some(HttpTokensState::Required),
        http_put_response_hop_limit: Some(3),
        ..Default::default()
    };
    let Response::ModifyInstanceMetadataOptions(answer) = bed.ask(change.clone()).unwrap() else { panic!() };
    let shown = answer.instance_metadata_options.unwrap();
    assert_eq!(shown.state, Some(InstanceMetadataOptionsState::Pending));
    let stored = bed.instance(id).metadata;
    assert_eq!((stored.tokens_required, stored.hop_limit, stored.enabled), (true, 3, true));
    assert_eq!(bed.describe(id).metadata_options, Some(shown));
    settle(&mut bed);
    assert_eq!(bed.describe(id).metadata_options.unwrap().state, Some(InstanceMetadataOptionsState::Applied));
    let other = ModifyInstanceMetadataOptionsRequest {
        http_endpoint: Some(InstanceMetadataEndpointState::Disabled),
        http_tokens: None,
        http_put_response_hop_limit: None,
        ..change.clone()
    };
    bed.ask(other).unwrap();
    let stored = bed.instance(id).metadata;
    assert_eq!((stored.tokens_required, stored.hop_limit, stored.enabled), (true, 3, false), "the rest stays");
    let nothing = ModifyInstanceMetadataOptionsRequest { instance_id: id.to_string(), ..Default::default() };
    assert_eq!(bed.error(nothing).0, "MissingParameter");
    let far = ModifyInstanceMetadataOptionsRequest { http_put_response_hop_limit: Some(0), ..change.clone() };
    assert_eq!(bed.error(far).0, "InvalidParameterValue");
    let (on, off) = (Some(InstanceMetadataProtocolState::Enabled), Some(InstanceMetadataProtocolState::Disabled));
    let shown = |bed: &mut Bed| bed.describe(id).metadata_options.unwrap().http_protocol_ipv6;
    assert_eq!(shown(&mut bed), off);
    let by_ipv6 = |bed: &mut Bed, value: &str| {
        let filters = vec![filter("metadata-options.http-protocol-ipv6", &[value])];
        match bed.ask(DescribeInstancesRequest { filters, ..Default::default() }).unwrap() {
            Response::DescribeInstances(found) => found.reservations.len(),
            other => panic!("{other:?}"),
        }
    };
    for wanted in [on, off] {
        bed.ask(ModifyInstanceMetadataOptionsRequest { http_protocol_ipv6: wanted, ..change.clone() }).unwrap();
        assert_eq!((shown(&mut bed), bed.instance(id).metadata.ipv6), (wanted, wanted == on));
        let found = [by_ipv6(&mut bed, "enabled"), by_ipv6(&mut bed, "disabled")];
        assert_eq!(found, if wanted == on { [1, 0] } else { [0, 1] });
    }
}

#[test]
fn tags_that_cannot_stand_in_a_path_are_not_shown_as_metadata() {
    let mut bed = Bed::new();
    let launch = |bed: &Bed, key: &str| RunInstancesRequest {
        metadata_options: Some(InstanceMetadataOptionsRequest {
            instance_metadata_tags: Some(InstanceMetadataTagsState::Enabled),
            ..Default::default()
        }),
        tag_specifications: vec![specification("instance", &[(key, "x")])],
        ..bed.launch(1)
    };
    let bad = launch(&bed, "a key");
    assert_eq!(bed.error(bad).0, "InvalidParameterValue");
    let good = launch(&bed, "a-key");
    bed.running_of(good);
}

#[test]
fn monitoring_is_switched_on_and_off() {
    let mut bed = Bed::new();
    let id = bed.running();
    let state = |bed: &mut Bed| bed.describe(id).monitoring.unwrap().state.unwrap();
    assert_eq!(state(&mut bed), MonitoringState::Disabled);
    let on = MonitorInstancesRequest { instance_ids: vec![id.to_string()], ..Default::default() };
    let Response::MonitorInstances(answer) = bed.ask(on.clone()).unwrap() else { panic!() };
    assert_eq!(answer.instance_monitorings[0].monitoring.as_ref().unwrap().state, Some(MonitoringState::Pending));
    assert_eq!(state(&mut bed), MonitoringState::Pending);
    settle(&mut bed);
    assert_eq!(state(&mut bed), MonitoringState::Enabled);
    bed.ask(on).unwrap();
    assert_eq!(state(&mut bed), MonitoringState::Enabled, "it was on");
    let off = UnmonitorInstancesRequest { instance_ids: vec![id.to_string()], ..Default::default() };
    bed.ask(off).unwrap();
    assert_eq!(state(&mut bed), MonitoringState::Disabling);
    settle(&mut bed);
    assert_eq!(state(&mut bed), MonitoringState::Disabled);
    assert_eq!(bed.error(MonitorInstancesRequest::default()).0, "MissingParameter");
    let categories = MonitorInstancesRequest {
        instance_ids: vec![id.to_string()],
        metric_category_ids: texts(&["x"]),
        ..Default::default()
    };
    assert_eq!(bed.error(categories).0, "UnsupportedOperation");
}

#[test]
fn a_word_about_a_running_instance_is_taken() {
    let mut bed = Bed::new();
    let id = bed.running();
    let report = ReportInstanceStatusRequest {
        instances: vec![id.to_string()],
        status: Some(ReportStatusType::Impaired),
        reason_codes: vec![ReportInstanceReasonCodes::Unresponsive],
        ..Default::default()
    };
    bed.ask(report.clone()).unwrap();
    let silent = ReportInstanceStatusRequest { reason_codes: vec![], ..report.clone() };
    assert_eq!(bed.error(silent).0, "MissingParameter");
    let backwards = ReportInstanceStatusRequest {
        start_time: Some(Timestamp::from_unix_ms(2)),
        end_time: Some(Timestamp::from_unix_ms(1)),
        ..report.clone()
    };
    assert_eq!(bed.error(backwards).0, "InvalidParameterValue");
    bed.stop(id);
    assert_eq!(bed.error(report).0, "IncorrectInstanceState");
}

fn credits(bed: &mut Bed, ids: &[InstanceId]) -> Vec<(String, String)> {
    let instance_ids = ids.iter().map(ToString::to_string).collect();
    let request = DescribeInstanceCreditSpecificationsRequest { instance_ids, ..Default::default() };
    match bed.ask(request).unwrap() {
        Response::DescribeInstanceCreditSpecifications(answer) => answer
            .instance_credit_specifications
            .into_iter()
            .map(|one| (one.instance_id.unwrap(), one.cpu_credits.unwrap()))
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn credits_follow_launch_family_and_type() {
    let mut bed = Bed::new();
    let of_type = |bed: &mut Bed, name: &str, mode: Option<&str>| {
        let credit_specification = mode.map(|mode| CreditSpecificationRequest { cpu_credits: Some(mode.to_owned()) });
        let request =
            RunInstancesRequest { instance_type: Some(name.to_owned()), credit_specification, ..bed.launch(1) };
        bed.running_of(request)
    };
    let t3 = of_type(&mut bed, "t3.micro", None);
    let t2 = of_type(&mut bed, "t2.micro", None);
    let said = of_type(&mut bed, "t3.micro", Some("standard"));
    let m5 = of_type(&mut bed, "m5.large", None);
    let pair = |id: InstanceId, mode: &str| (id.to_string(), mode.to_owned());
    assert_eq!(credits(&mut bed, &[t3]), [pair(t3, "unlimited")]);
    assert_eq!(credits(&mut bed, &[t2]), [pair(t2, "standard")]);
    assert_eq!(credits(&mut bed, &[said]), [pair(said, "standard")]);
    assert_eq!(credits(&mut bed, &[]), [pair(t3, "unlimited")], "unnamed, only the unlimited ones");
    let of_m5 =
        DescribeInstanceCreditSpecificationsRequest { instance_ids: vec![m5.to_string()], ..Default::default() };
    assert_eq!(bed.error(of_m5).0, "InstanceCreditSpecification.NotSupported");
    let one = |id: &str, mode: &str| InstanceCreditSpecificationRequest {
        instance_id: Some(id.to_owned()),
        cpu_credits: Some(mode.to_owned()),
    };
    let unknown = "i-00000000000000099";
    let request = ModifyInstanceCreditSpecificationRequest {
        instance_credit_specifications: vec![
            one(&t3.to_string(), "standard"),
            one(&m5.to_string(), "standard"),
            one(unknown, "standard"),
            one("x", "standard"),
        ],
        ..Default::default()
    };
    let Response::ModifyInstanceCreditSpecification(answer) = bed.ask(request).unwrap() else { panic!() };
    assert_eq!(answer.successful_instance_credit_specifications[0].instance_id, Some(t3.to_string()));
    let codes: Vec<_> = answer
        .unsuccessful_instance_credit_specifications
        .iter()
        .map(|item| item.error.as_ref().unwrap().code.unwrap().as_str())
        .collect();
    assert_eq!(
        codes,
        ["InstanceCreditSpecification.NotSupported", "InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"]
    );
    assert_eq!(credits(&mut bed, &[t3]), [pair(t3, "standard")]);
    let request = ModifyInstanceCreditSpecificationRequest {
        instance_credit_specifications: vec![one(&t3.to_string(), "many")],
        ..Default::default()
    };
    assert_eq!(bed.error(request).0, "InvalidParameterValue");
}

#[test]
fn the_default_of_a_family_is_for_new_instances() {
    let mut bed = Bed::new();
    let old = bed.running();
    let family = Some(UnlimitedSupportedInstanceFamily::T3);
    let get = GetDefaultCreditSpecificationRequest { instance_family: family, ..Default::default() };
    let default = |bed: &mut Bed| match bed.ask(get.clone()).unwrap() {
        Response::GetDefaultCreditSpecification(answer) => {
            answer.instance_family_credit_specification.unwrap().cpu_credits.unwrap()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(default(&mut bed), "unlimited");
    let set = |mode: &str| ModifyDefaultCreditSpecificationRequest {
        instance_family: family,
        cpu_credits: mode.to_owned(),
        ..Default::default()
    };
    bed.ask(set("standard")).unwrap();
    assert_eq!(default(&mut bed), "standard");
    let new = bed.running();
    assert_eq!(credits(&mut bed, &[old])[0].1, "unlimited");
    assert_eq!(credits(&mut bed, &[new])[0].1, "standard");
    assert_eq!(bed.error(set("none")).0, "InvalidParameterValue");
}

#[test]
fn an_instance_can_be_called_by_its_id() {
    let mut bed = Bed::new();
    let id = bed.running();
    let change = ModifyPrivateDnsNameOptionsRequest {
        instance_id: id.to_string(),
        private_dns_hostname_type: Some(HostnameType::ResourceName),
        enable_resource_name_dns_a_record: Some(true),
        ..Default::default()
    };
    assert_eq!(bed.error(change.clone()).0, "IncorrectInstanceState", "a machine that runs has its name");
    let record = ModifyPrivateDnsNameOptionsRequest { private_dns_hostname_type: None, ..change.clone() };
    bed.ask(record).unwrap();
    bed.stop(id);
    bed.ask(change).unwrap();
    let shown = bed.describe(id);
    assert_eq!(shown.private_dns_name, Some(format!("{id}.ec2.internal")));
    let options = shown.private_dns_name_options.unwrap();
    assert_eq!(options.hostname_type, Some(HostnameType::ResourceName));
    assert_eq!(options.enable_resource_name_dns_a_record, Some(true));
    assert_eq!(options.enable_resource_name_dns_aaaa_record, Some(false));
    let request = DescribeInstancesRequest {
        filters: vec![
            filter("private-dns-name", &[&format!("{id}.*")]),
            filter("private-dns-name-options.hostname-type", &["resource-name"]),
        ],
        ..Default::default()
    };
    let Response::DescribeInstances(answer) = bed.ask(request).unwrap() else { panic!() };
    assert_eq!(answer.reservations.len(), 1);
}

#[test]
fn processors_maintenance_capacity_and_placement_change() {
    let mut bed = Bed::new();
    let request = RunInstancesRequest { instance_type: Some("m5.2xlarge".to_owned()), ..bed.launch(1) };
    let id = bed.running_of(request);
    let instance_id = id.to_string();
    let cpu = |core_count, threads_per_core| ModifyInstanceCpuOptionsRequest {
        instance_id: id.to_string(),
        core_count,
        threads_per_core,
        ..Default::default()
    };
    assert_eq!(bed.error(cpu(Some(2), Some(1))).0, "IncorrectInstanceState");
    let recovery = ModifyInstanceMaintenanceOptionsRequest {
        instance_id: instance_id.clone(),
        auto_recovery: Some(InstanceAutoRecoveryState::Disabled),
        ..Default::default()
    };
    bed.ask(recovery).unwrap();
    let shown = bed.describe(id).maintenance_options.unwrap();
    assert_eq!(shown.auto_recovery, Some(InstanceAutoRecoveryState::Disabled));
    assert_eq!(shown.reboot_migration, Some(InstanceRebootMigrationState::Default));
    bed.stop(id);
    bed.ask(cpu(Some(2), Some(1))).unwrap();
    let shown = bed.describe(id).cpu_options.unwrap();
    assert_eq!((shown.core_count, shown.threads_per_core), (Some(2), Some(1)));
    bed.ask(cpu(Some(4), Some(2))).unwrap();
    assert_eq!(bed.instance(id).options.cpu, None, "that is the type's own");
    assert_eq!(bed.error(cpu(Some(3), Some(2))).0, "InvalidParameterCombination");
    assert_eq!(bed.error(cpu(None, None)).0, "MissingParameter");
    let capacity = |preference, target| ModifyInstanceCapacityReservationAttributesRequest {
        instance_id: id.to_string(),
        capacity_reservation_specification: Some(CapacityReservationSpecification {
            capacity_reservation_preference: preference,
            capacity_reservation_target: target,
        }),
        ..Default::default()
    };
    bed.ask(capacity(Some(CapacityReservationPreference::None), None)).unwrap();
    let shown = bed.describe(id).capacity_reservation_specification.unwrap();
    assert_eq!(shown.capacity_reservation_preference, Some(CapacityReservationPreference::None));
    assert_eq!(bed.error(capacity(None, None)).0, "MissingParameter");
    let target = |id: &str| {
        Some(CapacityReservationTarget { capacity_reservation_id: Some(id.to_owned()), ..Default::default() })
    };
    let unknown = capacity(None, target("cr-00000000000000099"));
    assert_eq!(bed.error(unknown).0, "InvalidCapacityReservationId.NotFound");
    assert_eq!(bed.error(capacity(None, target("x"))).0, "InvalidCapacityReservationId.Malformed");
    let place = ModifyInstancePlacementRequest { instance_id, ..Default::default() };
    assert_eq!(bed.error(place.clone()).0, "MissingParameter");
    let leave = ModifyInstancePlacementRequest { group_name: Some(String::new()), ..place.clone() };
    bed.ask(leave).unwrap();
    let tenancy = ModifyInstancePlacementRequest { tenancy: Some(HostTenancy::Dedicated), ..place.clone() };
    assert_eq!(bed.error(tenancy).0, "InvalidRequest");
    let group = ModifyInstancePlacementRequest { group_name: Some("nobody".to_owned()), ..place };
    assert_eq!(bed.error(group).0, "InvalidPlacementGroup.Unknown");
}

#[test]
fn a_launch_says_all_of_it_and_the_instance_shows_it() {
    let mut bed = Bed::new();
    let profile = add_profile(&mut bed, "web", &["web-role"]);
    let request = RunInstancesRequest {
        iam_instance_profile: by_name("web"),
        capacity_reservation_specification: Some(CapacityReservationSpecification {
            capacity_reservation_preference: Some(CapacityReservationPreference::None),
            ..Default::default()
        }),
        maintenance_options: Some(InstanceMaintenanceOptionsRequest {
            auto_recovery: Some(InstanceAutoRecoveryState::Disabled),
        }),
        placement: Some(Placement { tenancy: Some(Tenancy::Dedicated), ..Default::default() }),
        private_dns_name_options: Some(PrivateDnsNameOptionsRequest {
            hostname_type: Some(HostnameType::ResourceName),
            enable_resource_name_dns_a_record: Some(true),
            ..Default::default()
        }),
        monitoring: Some(RunInstancesMonitoringEnabled { enabled: Some(true), ..Default::default() }),
        ..bed.launch(1)
    };
    let reservation = bed.run(request);
    let launched = &reservation.instances[0];
    assert_eq!(launched.monitoring.as_ref().unwrap().state, Some(MonitoringState::Pending));
    let id: InstanceId = launched.instance_id.as_deref().unwrap().parse().unwrap();
    assert!(bed.report(|tx, now| crate::lifecycle::mark_running(tx, now, id, 1, "boot".to_owned())));
    let shown = bed.describe(id);
    let own = IamInstanceProfile { arn: Some(profile.arn.clone()), id: Some(profile.id) };
    assert_eq!(shown.iam_instance_profile, Some(own));
    assert_eq!(shown.monitoring.unwrap().state, Some(MonitoringState::Enabled));
    assert_eq!(shown.placement.unwrap().tenancy, Some(Tenancy::Dedicated));
    assert_eq!(shown.private_dns_name, Some(format!("{id}.ec2.internal")));
    for (name, value) in [
        ("iam-instance-profile.arn", profile.arn.as_str()),
        ("iam-instance-profile.name", "web"),
        ("iam-instance-profile.id", "AIPAweb"),
        ("maintenance-options.auto-recovery", "disabled"),
        ("tenancy", "dedicated"),
        ("capacity-reservation-specification.capacity-reservation-preference", "none"),
        ("private-dns-name-options.enable-resource-name-dns-a-record", "true"),
    ] {
        let ids = |value: &str| {
            let filters = vec![filter(name, &[value])];
            DescribeInstancesRequest { filters, ..Default::default() }
        };
        let Response::DescribeInstances(answer) = bed.ask(ids(value)).unwrap() else { panic!() };
        assert_eq!(answer.reservations.len(), 1, "{name}={value}");
        let Response::DescribeInstances(answer) = bed.ask(ids("other")).unwrap() else { panic!() };
        assert_eq!(answer.reservations.len(), 0, "{name}=other");
    }
    bed.terminate(id);
    assert_eq!(bed.instance(id).iam_profile, None);
}

#[test]
fn profiles_are_associated_replaced_and_taken_away() {
    let mut bed = Bed::new();
    let one = add_profile(&mut bed, "one", &["role"]);
    let two = add_profile(&mut bed, "two", &["role"]);
    add_profile(&mut bed, "empty", &[]);
    let id = bed.running();
    let associate =
        |iam_instance_profile| AssociateIamInstanceProfileRequest { instance_id: id.to_string(), iam_instance_profile };
    let arn = |arn: &str| Some(IamInstanceProfileSpecification { name: None, arn: Some(arn.to_owned()) });
    for (wanted, code, text) in [
        (by_name("nobody"), "InvalidParameterValue", "Invalid IAM Instance Profile name"),
        (arn("arn:x"), "InvalidParameterValue", "Invalid IAM Instance Profile ARN"),
        (by_name("empty"), "InvalidParameterValue", "has no associated IAM Roles"),
        (Some(IamInstanceProfileSpecification::default()), "MissingParameter", "iamInstanceProfile.name"),
        (
            Some(IamInstanceProfileSpecification { name: Some("one".to_owned()), arn: Some(one.arn.clone()) }),
            "InvalidParameterCombination",
            "may not be used in combination",
        ),
    ] {
        let (got, message) = bed.error(associate(wanted));
        assert_eq!(got, code, "{message}");
        assert!(message.contains(text), "{message}");
    }
    let Response::AssociateIamInstanceProfile(answer) = bed.ask(associate(by_name("one"))).unwrap() else { panic!() };
    let first = answer.iam_instance_profile_association.unwrap();
    assert_eq!(first.state, Some(IamInstanceProfileAssociationState::Associating));
    assert!(first.association_id.as_deref().unwrap().starts_with("iip-assoc-"));
    settle(&mut bed);
    let filters = vec![filter("instance-id", &[&id.to_string()]), filter("state", &["associated"])];
    let found = associations(&mut bed, filters);
    assert_eq!(found[0].association_id, first.association_id);
    assert_eq!(found[0].state, Some(IamInstanceProfileAssociationState::Associated));
    assert_eq!(bed.error(associate(by_name("two"))).0, "IncorrectState");
    let replace = ReplaceIamInstanceProfileAssociationRequest {
        association_id: first.association_id.clone().unwrap(),
        iam_instance_profile: arn(&two.arn),
    };
    bed.ask(replace.clone()).unwrap();
    assert_eq!(bed.describe(id).iam_instance_profile.unwrap().arn, Some(two.arn));
    assert_eq!(bed.error(replace).0, "InvalidAssociationID.NotFound", "the first is gone");
    let second = associations(&mut bed, vec![])[0].association_id.clone().unwrap();
    let take = DisassociateIamInstanceProfileRequest { association_id: second.clone() };
    let Response::DisassociateIamInstanceProfile(answer) = bed.ask(take.clone()).unwrap() else { panic!() };
    let state = answer.iam_instance_profile_association.unwrap().state;
    assert_eq!(state, Some(IamInstanceProfileAssociationState::Disassociating));
    assert_eq!(bed.describe(id).iam_instance_profile, None);
    assert_eq!(associations(&mut bed, vec![]), []);
    assert_eq!(bed.error(take).0, "InvalidAssociationID.NotFound");
    let named = DescribeIamInstanceProfileAssociationsRequest { association_ids: vec![second], ..Default::default() };
    assert_eq!(bed.error(named).0, "InvalidAssociationID.NotFound");
    bed.stop(id);
    bed.ask(associate(by_name("one"))).unwrap();
}

#[test]
fn the_metadata_defaults_of_the_account_come_between_launch_and_image() {
    let mut bed = Bed::new();
    let image = bed.state.shared.images.values().next().unwrap().clone();
    let mut tx = Transaction::new(&bed.state, bed.context.region.clone());
    tx.put_shared(resource::Image { requires_imds_v2: true, ..resource::Image::clone(&image) });
    bed.state = tx.finish().1;
    let stored = |bed: &mut Bed, tokens: Option<HttpTokensState>| {
        let wanted = InstanceMetadataOptionsRequest { http_tokens: tokens, ..Default::default() };
        let request = RunInstancesRequest { metadata_options: tokens.map(|_| wanted), ..bed.launch(1) };
        let id = bed.running_of(request);
        let options = bed.instance(id).metadata;
        (options.tokens_required, options.hop_limit)
    };
    assert_eq!(stored(&mut bed, None), (true, 2), "as the image says");
    let set = ModifyInstanceMetadataDefaultsRequest {
        http_tokens: Some(MetadataDefaultHttpTokensState::Optional),
        http_put_response_hop_limit: Some(5),
        ..Default::default()
    };
    bed.ask(set).unwrap();
    assert_eq!(stored(&mut bed, None), (false, 5), "as the account says");
    assert_eq!(stored(&mut bed, Some(HttpTokensState::Required)), (true, 5), "as the launch says");
    let enforce = ModifyInstanceMetadataDefaultsRequest {
        http_tokens_enforced: Some(DefaultHttpTokensEnforcedState::Enabled),
        ..Default::default()
    };
    bed.ask(enforce).unwrap();
    let lax = bed.launch(1);
    let (code, message) = bed.error(lax);
    assert_eq!(code, "UnsupportedOperation");
    assert!(message.contains("httpTokensEnforced is enabled for this account"), "{message}");
    assert_eq!(stored(&mut bed, Some(HttpTokensState::Required)), (true, 5));
}

#[test]
fn subnet_and_vpc_decide_about_names_and_tenancy_unless_the_launch_does() {
    let mut bed = Bed::new();
    let mut tx = Transaction::new(&bed.state, bed.context.region.clone());
    let vpc = tx.default_vpc().unwrap().clone();
    for subnet in tx.subnets.values().cloned().collect::<Vec<_>>() {
        tx.put(resource::Subnet {
            hostname_type: resource::HostnameType::ResourceName,
            resource_name_dns_a_record: true,
            ..resource::Subnet::clone(&subnet)
        });
    }
    tx.put(resource::Vpc { is_dedicated: true, ..resource::Vpc::clone(&vpc) });
    bed.state = tx.finish().1;
    let id = bed.running();
    let shown = bed.describe(id);
    assert_eq!(shown.private_dns_name, Some(format!("{id}.ec2.internal")));
    assert_eq!(shown.private_dns_name_options.unwrap().enable_resource_name_dns_a_record, Some(true));
    assert_eq!(shown.placement.unwrap().tenancy, Some(Tenancy::Dedicated));
    let request = RunInstancesRequest {
        private_dns_name_options: Some(PrivateDnsNameOptionsRequest {
            hostname_type: Some(HostnameType::IpName),
            enable_resource_name_dns_a_record: Some(false),
            ..Default::default()
        }),
        ..bed.launch(1)
    };
    let id = bed.running_of(request);
    let shown = bed.describe(id);
    assert_eq!(shown.private_dns_name_options.unwrap().enable_resource_name_dns_a_record, Some(false));
    assert!(shown.private_dns_name.unwrap().starts_with("ip-"));
}
