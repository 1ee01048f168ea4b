use ec2_shapes::{
    AssociateVpcCidrBlockRequest, DescribeVpcPeeringConnectionsRequest, MultipathResilienceMode, Response,
    VpcPeeringConnectionStateReasonCode as Code,
};
use types::VpcId;

use super::*;
use crate::actions::testbed::{Bed, texts};
use crate::dependencies::check_unused;
use crate::settle::SETTLE_MS;
use crate::state::Key;
use crate::testing::{filter, specification};

const DAY_MS: i64 = 86_400_000;

/// A further VPC, put there without its action.
fn vpc(bed: &mut Bed, number: u128, cidr: &str) -> String {
    let id = VpcId::from_number(number);
    bed.report(|tx, _| {
        let like = Vpc::clone(tx.default_vpc().unwrap());
        tx.put(Vpc { id, cidrs: vec![cidr.parse().unwrap()], is_default: false, ..like });
        true
    });
    id.to_string()
}

fn between(one: &str, other: &str) -> CreateVpcPeeringConnectionRequest {
    CreateVpcPeeringConnectionRequest {
        vpc_id: one.to_owned(),
        peer_vpc_id: Some(other.to_owned()),
        ..CreateVpcPeeringConnectionRequest::default()
    }
}

fn create(bed: &mut Bed, request: CreateVpcPeeringConnectionRequest) -> ec2_shapes::VpcPeeringConnection {
    match bed.ask(request).unwrap() {
        Response::CreateVpcPeeringConnection(answer) => answer.vpc_peering_connection.unwrap(),
        other => panic!("{other:?}"),
    }
}

/// A bed with two VPCs and a request between them.
fn requested() -> (Bed, String, String, String) {
    let mut bed = Bed::new();
    let (one, other) = (vpc(&mut bed, 1, "10.1.0.0/16"), vpc(&mut bed, 2, "10.2.0.0/16"));
    let made = create(&mut bed, between(&one, &other));
    (bed, one, other, made.vpc_peering_connection_id.unwrap())
}

fn accept(id: &str) -> AcceptVpcPeeringConnectionRequest {
    AcceptVpcPeeringConnectionRequest { vpc_peering_connection_id: id.to_owned(), dry_run: None }
}

fn reject(id: &str) -> RejectVpcPeeringConnectionRequest {
    RejectVpcPeeringConnectionRequest { vpc_peering_connection_id: id.to_owned(), dry_run: None }
}

fn delete(id: &str) -> DeleteVpcPeeringConnectionRequest {
    DeleteVpcPeeringConnectionRequest { vpc_peering_connection_id: id.to_owned(), dry_run: None }
}

fn describe(bed: &mut Bed, request: DescribeVpcPeeringConnectionsRequest) -> Vec<ec2_shapes::VpcPeeringConnection> {
    match bed.ask(request).unwrap() {
        Response::DescribeVpcPeeringConnections(answer) => answer.vpc_peering_connections,
        other => panic!("{other:?}"),
    }
}

fn told(bed: &mut Bed, id: &str) -> ec2_shapes::VpcPeeringConnection {
    let vpc_peering_connection_ids = texts(&[id]);
    describe(bed, DescribeVpcPeeringConnectionsRequest { vpc_peering_connection_ids, ..Default::default() }).remove(0)
}

fn code(bed: &mut Bed, id: &str) -> Code {
    told(bed, id).status.unwrap().code.unwrap()
}

#[test]
fn a_connection_goes_its_way_and_is_described_for_two_hours_after() {
    let (mut bed, one, other, id) = requested();
    let now = told(&mut bed, &id);
    assert_eq!(now.status.as_ref().unwrap().code, Some(Code::InitiatingRequest));
    assert_eq!(now.status.unwrap().message.as_deref(), Some("Initiating Request to 123456789012"));
    bed.settle_after_ms(SETTLE_MS);
    let now = told(&mut bed, &id);
    assert_eq!(now.status.as_ref().unwrap().message.as_deref(), Some("Pending Acceptance by 123456789012"));
    assert!(now.expiration_time.is_some());
    let (requester, accepter) = (now.requester_vpc_info.unwrap(), now.accepter_vpc_info.unwrap());
    assert_eq!((requester.cidr_block.as_deref(), accepter.cidr_block), (Some("10.1.0.0/16"), None));
    match bed.ask(accept(&id)).unwrap() {
        Response::AcceptVpcPeeringConnection(answer) => {
            let status = answer.vpc_peering_connection.unwrap().status.unwrap();
            assert_eq!(status.code, Some(Code::Provisioning));
        }
        other => panic!("{other:?}"),
    }
    bed.settle_after_ms(SETTLE_MS);
    let now = told(&mut bed, &id);
    assert_eq!(now.status.unwrap().code, Some(Code::Active));
    assert_eq!(now.expiration_time, None);
    for (side, vpc, cidr) in [
        (now.requester_vpc_info.unwrap(), &one, "10.1.0.0/16"),
        (now.accepter_vpc_info.unwrap(), &other, "10.2.0.0/16"),
    ] {
        assert_eq!((side.vpc_id.as_ref(), side.cidr_block.as_deref()), (Some(vpc), Some(cidr)));
        assert_eq!((side.owner_id.as_deref(), side.region.as_deref()), (Some("123456789012"), Some("us-east-1")));
        assert_eq!(side.cidr_block_set[0].cidr_block.as_deref(), Some(cidr));
        assert_eq!(side.peering_options.unwrap().allow_dns_resolution_from_remote_vpc, Some(false));
    }
    bed.ask(delete(&id)).unwrap();
    assert_eq!(code(&mut bed, &id), Code::Deleted);
    bed.settle_after_ms(7_199_000);
    assert_eq!(told(&mut bed, &id).status.unwrap().message.as_deref(), Some("Deleted by 123456789012"));
    bed.settle_after_ms(1_000);
    let ids = DescribeVpcPeeringConnectionsRequest { vpc_peering_connection_ids: texts(&[&id]), ..Default::default() };
    assert_eq!(bed.error(ids).0, "InvalidVpcPeeringConnectionID.NotFound");
}

#[test]
fn whoever_accepts_at_once_need_not_wait() {
    let (mut bed, .., id) = requested();
    bed.ask(accept(&id)).unwrap();
    bed.settle_after_ms(SETTLE_MS);
    assert_eq!(code(&mut bed, &id), Code::Active);
}

#[test]
fn a_request_can_be_rejected_or_runs_out() {
    let (mut bed, one, other, id) = requested();
    bed.ask(reject(&id)).unwrap();
    assert_eq!(code(&mut bed, &id), Code::Rejected);
    for wrong in [bed.error(accept(&id)), bed.error(reject(&id)), bed.error(delete(&id))] {
        assert_eq!(wrong.0, "InvalidStateTransition");
        assert!(
            wrong
                .1
                .starts_with(&format!("Invalid state transition for {id}, attempted to transition from rejected to"))
        );
    }
    let again = create(&mut bed, between(&one, &other)).vpc_peering_connection_id.unwrap();
    assert_ne!(again, id);
    bed.settle_after_ms(SETTLE_MS);
    bed.settle_after_ms(7 * DAY_MS);
    assert_eq!(code(&mut bed, &again), Code::Expired);
    assert_eq!(bed.error(accept(&again)).0, "InvalidStateTransition");
    bed.settle_after_ms(2 * DAY_MS);
    assert!(describe(&mut bed, DescribeVpcPeeringConnectionsRequest::default()).is_empty());
}

#[test]
fn what_cannot_be_peered_fails() {
    let mut bed = Bed::new();
    let (one, inside) = (vpc(&mut bed, 1, "10.1.0.0/16"), vpc(&mut bed, 2, "10.1.128.0/17"));
    let elsewhere = CreateVpcPeeringConnectionRequest {
        peer_owner_id: Some("210987654321".to_owned()),
        ..between(&one, "vpc-00000000000000777")
    };
    for request in [between(&one, &inside), between(&one, &one), elsewhere] {
        let id = create(&mut bed, request.clone()).vpc_peering_connection_id.unwrap();
        bed.settle_after_ms(SETTLE_MS);
        let status = told(&mut bed, &id).status.unwrap();
        assert_eq!(status.code, Some(Code::Failed), "{request:?}");
        assert!(status.message.unwrap().contains("overlapping CIDR range"));
        for wrong in [bed.error(accept(&id)), bed.error(delete(&id))] {
            assert_eq!(wrong.0, "InvalidStateTransition");
        }
    }
}

#[test]
fn no_block_is_added_that_a_peered_vpc_has() {
    let (mut bed, one, other, id) = requested();
    let add = |vpc: &str, cidr: &str| AssociateVpcCidrBlockRequest {
        vpc_id: vpc.to_owned(),
        cidr_block: Some(cidr.to_owned()),
        ..AssociateVpcCidrBlockRequest::default()
    };
    bed.ask(accept(&id)).unwrap();
    for _ in 0..2 {
        for (vpc, cidr) in [(&one, "10.2.0.0/16"), (&one, "10.2.7.0/24"), (&other, "10.1.0.0/17")] {
            let (code, message) = bed.error(add(vpc, cidr));
            assert_eq!(code, "InvalidVpc.Range");
            assert!(message.contains(cidr) && message.contains("peered"), "{message}");
        }
        // Provisioning at first, then active.
        bed.settle_after_ms(SETTLE_MS);
    }
    assert_eq!(code(&mut bed, &id), Code::Active);
    bed.ask(add(&one, "10.3.0.0/16")).unwrap();
    assert_eq!(bed.error(add(&other, "10.3.1.0/24")).0, "InvalidVpc.Range", "what was added counts, too");
    bed.ask(delete(&id)).unwrap();
    bed.ask(add(&other, "10.3.1.0/24")).unwrap();
}

#[test]
fn there_is_one_connection_between_two_vpcs() {
    let (mut bed, one, other, id) = requested();
    assert_eq!(create(&mut bed, between(&one, &other)).vpc_peering_connection_id.as_deref(), Some(id.as_str()));
    // The other way round it is a request of its own, which cannot be accepted beside the first.
    let back = create(&mut bed, between(&other, &one)).vpc_peering_connection_id.unwrap();
    assert_ne!(back, id);
    bed.ask(accept(&id)).unwrap();
    let (code, message) = bed.error(accept(&back));
    assert_eq!(code, "VpcPeeringConnectionAlreadyExists");
    assert_eq!(message, format!("The vpc peering connection identified by {back} already exists."));
    bed.ask(delete(&id)).unwrap();
    bed.ask(accept(&back)).unwrap();
}

#[test]
fn bad_requests_are_refused() {
    let (mut bed, one, other, id) = requested();
    let good = between(&one, &other);
    let unknown = "vpc-00000000000000777";
    let options = |allow, mode| {
        Some(CreatePeeringConnectionOptionsRequest {
            allow_multipath_resilience: allow,
            multipath_resilience_mode: mode,
        })
    };
    for (bad, code) in [
        (between(unknown, &other), "InvalidVpcID.NotFound"),
        (between(&one, unknown), "InvalidVpcID.NotFound"),
        (between("vpc-x", &other), "InvalidVpcID.Malformed"),
        (between(&one, "vpc-x"), "InvalidVpcID.Malformed"),
        (CreateVpcPeeringConnectionRequest { peer_vpc_id: None, ..good.clone() }, "MissingParameter"),
        (
            CreateVpcPeeringConnectionRequest { peer_owner_id: Some("me".to_owned()), ..good.clone() },
            "InvalidParameterValue",
        ),
        (
            CreateVpcPeeringConnectionRequest { peer_region: Some("eu-west-1".to_owned()), ..good.clone() },
            "UnsupportedOperation",
        ),
        (
            CreateVpcPeeringConnectionRequest {
                requester_peering_connection_options: options(Some(true), None),
                ..good.clone()
            },
            "UnsupportedOperation",
        ),
        (
            CreateVpcPeeringConnectionRequest {
                requester_peering_connection_options: options(None, Some(MultipathResilienceMode::AlwaysOn)),
                ..good.clone()
            },
            "InvalidParameterCombination",
        ),
        (
            CreateVpcPeeringConnectionRequest {
                tag_specifications: vec![specification("vpc", &[("a", "b")])],
                ..good.clone()
            },
            "InvalidParameterValue",
        ),
    ] {
        assert_eq!(bed.error(bad.clone()).0, code, "{bad:?}");
    }
    let same_region = CreateVpcPeeringConnectionRequest {
        peer_region: Some("us-east-1".to_owned()),
        peer_owner_id: Some("123456789012".to_owned()),
        ..good
    };
    assert_eq!(create(&mut bed, same_region).vpc_peering_connection_id, Some(id));
    for (id, code) in [
        ("pcx-00000000000000777", "InvalidVpcPeeringConnectionID.NotFound"),
        ("pcx-x", "InvalidVpcPeeringConnectionId.Malformed"),
    ] {
        assert_eq!(bed.error(accept(id)).0, code);
        assert_eq!(bed.error(reject(id)).0, code);
        assert_eq!(bed.error(delete(id)).0, code);
    }
}

#[test]
fn blocks_that_came_later_keep_a_request_from_being_accepted() {
    let (mut bed, one, _, id) = requested();
    bed.settle_after_ms(SETTLE_MS);
    bed.report(|tx, _| {
        let mut vpc = Vpc::clone(&tx.vpcs[&one.parse::<VpcId>().unwrap()]);
        vpc.cidrs.push("10.2.128.0/24".parse().unwrap());
        tx.put(vpc);
        true
    });
    assert_eq!(bed.error(accept(&id)).0, "OperationNotPermitted");
}

#[test]
fn options_are_kept_for_each_side_once_the_connection_is_active() {
    let (mut bed, .., id) = requested();
    let allow = |allow| {
        Some(PeeringConnectionOptionsRequest {
            allow_dns_resolution_from_remote_vpc: Some(allow),
            ..Default::default()
        })
    };
    let modify = |accepter, requester| ModifyVpcPeeringConnectionOptionsRequest {
        vpc_peering_connection_id: id.clone(),
        accepter_peering_connection_options: accepter,
        requester_peering_connection_options: requester,
        dry_run: None,
    };
    let (code, message) = bed.error(modify(allow(true), None));
    assert_eq!(code, "OperationNotPermitted");
    assert_eq!(message, format!("Peering {id} is not active. Peering options can be added only to active peerings."));
    bed.ask(accept(&id)).unwrap();
    bed.settle_after_ms(SETTLE_MS);
    match bed.ask(modify(allow(true), None)).unwrap() {
        Response::ModifyVpcPeeringConnectionOptions(answer) => {
            assert_eq!(answer.requester_peering_connection_options, None);
            let accepter = answer.accepter_peering_connection_options.unwrap();
            assert_eq!(accepter.allow_dns_resolution_from_remote_vpc, Some(true));
        }
        other => panic!("{other:?}"),
    }
    let dns = |bed: &mut Bed| {
        let told = told(bed, &id);
        [told.accepter_vpc_info, told.requester_vpc_info]
            .map(|side| side.unwrap().peering_options.unwrap().allow_dns_resolution_from_remote_vpc.unwrap())
    };
    assert_eq!(dns(&mut bed), [true, false]);
    bed.ask(modify(allow(false), allow(true))).unwrap();
    assert_eq!(dns(&mut bed), [false, true]);
    assert_eq!(bed.error(modify(None, None)).0, "MissingParameter");
    let classic = PeeringConnectionOptionsRequest {
        allow_egress_from_local_classic_link_to_remote_vpc: Some(true),
        ..Default::default()
    };
    assert_eq!(bed.error(modify(Some(classic), None)).0, "UnsupportedOperation");
    let multipath = PeeringConnectionOptionsRequest { allow_multipath_resilience: Some(true), ..Default::default() };
    assert_eq!(bed.error(modify(None, Some(multipath))).0, "UnsupportedOperation");
}

#[test]
fn connections_by_every_filter() {
    let (mut bed, one, other, id) = requested();
    tag(&mut bed, &id);
    let expires = "2023-11-21T22:13:20.000Z".to_owned();
    assert_filter(&mut bed, "expiration-time", &expires);
    bed.ask(accept(&id)).unwrap();
    let owner = "123456789012".to_owned();
    let cases = [
        ("accepter-vpc-info.cidr-block", "10.2.0.0/16".to_owned()),
        ("accepter-vpc-info.owner-id", owner.clone()),
        ("accepter-vpc-info.vpc-id", other),
        ("requester-vpc-info.cidr-block", "10.1.0.0/16".to_owned()),
        ("requester-vpc-info.owner-id", owner),
        ("requester-vpc-info.vpc-id", one),
        ("status-code", "provisioning".to_owned()),
        ("status-message", "Provisioning".to_owned()),
        ("vpc-peering-connection-id", id),
        ("tag:Name", "both".to_owned()),
        ("tag-key", "Name".to_owned()),
    ];
    for (name, value) in &cases {
        assert_filter(&mut bed, name, value);
    }
}

fn tag(bed: &mut Bed, id: &str) {
    let tags = std::collections::BTreeMap::from([("Name".to_owned(), "both".to_owned())]);
    bed.report(|tx, _| {
        crate::tagging::add(tx, id, &tags).unwrap();
        true
    });
}

fn assert_filter(bed: &mut Bed, name: &str, value: &str) {
    for (value, count) in [(value, 1), ("nothing", 0)] {
        let filters = vec![filter(name, &[value])];
        let request = DescribeVpcPeeringConnectionsRequest { filters, ..Default::default() };
        assert_eq!(describe(bed, request).len(), count, "{name}={value}");
    }
}

#[test]
fn a_vpc_has_fifty_connections_at_most_and_is_held_by_them() {
    let (mut bed, one, ..) = requested();
    for number in 3..=51 {
        let other = vpc(&mut bed, number, &format!("10.{number}.0.0/16"));
        create(&mut bed, between(&one, &other));
    }
    let other = vpc(&mut bed, 60, "10.60.0.0/16");
    assert_eq!(bed.error(between(&one, &other)).0, "VpcPeeringConnectionLimitExceeded");
    let held = |id: &str| check_unused(bed.view().tables(), &Key::Vpc(id.parse().unwrap()), "held");
    assert!(held(&one).is_err());
    assert!(held(&other).is_ok());
}

#[test]
fn ipv6_blocks_are_told_and_must_not_be_shared_either() {
    let (mut bed, one, other, id) = requested();
    let put = |bed: &mut Bed, vpc: &str, cidr: &str| {
        let vpc: VpcId = vpc.parse().unwrap();
        bed.report(|tx, _| {
            let mut changed = Vpc::clone(&tx.vpcs[&vpc]);
            let association = types::VpcCidrAssociationId::from_number(vpc.number());
            changed.ipv6_cidrs = vec![crate::resource::Ipv6Block { association, cidr: cidr.parse().unwrap() }];
            tx.put(changed);
            true
        });
    };
    put(&mut bed, &one, "2001:db8:0:100::/56");
    put(&mut bed, &other, "2001:db8:0:100::/56");
    bed.settle_after_ms(SETTLE_MS);
    assert_eq!(code(&mut bed, &id), Code::Failed);
    put(&mut bed, &other, "2001:db8:0:200::/56");
    let id = create(&mut bed, between(&one, &other)).vpc_peering_connection_id.unwrap();
    bed.ask(accept(&id)).unwrap();
    let now = told(&mut bed, &id);
    let blocks = [now.requester_vpc_info, now.accepter_vpc_info]
        .map(|side| side.unwrap().ipv6_cidr_block_set[0].ipv6_cidr_block.clone().unwrap());
    assert_eq!(blocks, ["2001:db8:0:100::/56", "2001:db8:0:200::/56"]);
}
