//! Names of VPCs that are peered.

use RecordType::{A, PTR};
use cloud::resource::{NetworkInterface, PeeringState, PeeringVpc, PublicAddress, Vpc, VpcPeeringConnection};

use super::*;

#[tokio::test]
async fn a_peered_vpc_that_allows_it_has_its_names_here() {
    let cloud = Fixture::new().await;
    let desk = desk(&cloud);
    let (own, other, first) = (cloud.vpc, VpcId::from_number(77), cloud.first);
    let side = |vpc, allow| PeeringVpc {
        vpc,
        owner: "123456789012".parse().unwrap(),
        region: "us-east-1".parse().unwrap(),
        allow_dns_resolution: allow,
    };
    // The public address of the first instance belongs to an interface of the other VPC from now on.
    cloud
        .write(move |tx| {
            let mut eni = NetworkInterface::clone(&tx.interfaces[&tx.instances[&first].interfaces[0]]);
            eni.public = None;
            tx.put(eni.clone());
            (eni.id, eni.vpc, eni.private_ip) = (NetworkInterfaceId::from_number(77), other, [10, 7, 0, 5].into());
            eni.public = Some(PublicAddress { ip: FIRST_PUBLIC, elastic: None });
            tx.put(eni);
            let mut vpc = Vpc::clone(&tx.vpcs[&own]);
            (vpc.id, vpc.cidrs, vpc.is_default) = (other, vec!["10.7.0.0/16".parse().unwrap()], false);
            tx.put(vpc);
        })
        .await;
    let peer = |accepter_allows, state| {
        cloud.write(move |tx| {
            tx.put(VpcPeeringConnection {
                id: types::VpcPeeringConnectionId::from_number(1),
                // What this side allows the other one is nothing to it.
                requester: side(own, true),
                accepter: side(other, accepter_allows),
                state,
                message: String::new(),
                since: types::Timestamp::default(),
                expires: types::Timestamp::default(),
            })
        })
    };
    let names = [
        ("ec2-198-18-0-11.compute-1.amazonaws.com.", A),
        ("ip-10-7-0-5.ec2.internal.", A),
        ("5.0.7.10.in-addr.arpa.", PTR),
    ];
    let told = || names.map(|(name, kind)| summary(&desk, name, kind));
    let kept_apart = ["198.18.0.11", "NXDOMAIN", "NXDOMAIN"];
    assert_eq!(told(), kept_apart);
    peer(false, PeeringState::Active).await;
    assert_eq!(told(), kept_apart);
    peer(true, PeeringState::Active).await;
    assert_eq!(told(), ["10.7.0.5", "10.7.0.5", "ip-10-7-0-5.ec2.internal."]);
    peer(true, PeeringState::Deleted).await;
    assert_eq!(told(), kept_apart);
}
