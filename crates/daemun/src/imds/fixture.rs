//! A small cloud for the tests of what answers inside a VPC: two instances, at addresses that are really there.

use std::net::Ipv4Addr;
use std::sync::Arc;

use cloud::resource::{
    Attachment, BlockDevice, Instance, InstanceOptions, MetadataOptions, NetworkInterface, PublicAddress,
    ShutdownBehavior, TagSet, Vpc,
};
use cloud::{Config, Context, Transaction, seed_region};
use store::{Author, Ledger};
use types::*;

/// The address of the first instance, which a test speaks from when it does nothing special.
pub const FIRST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
/// The address of the second instance.
pub const SECOND: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// The public address of the first instance.
pub const FIRST_PUBLIC: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 11);
/// The block of the VPC: an EC2 VPC could not have it, but the loopback does.
pub const VPC_CIDR: &str = "127.0.0.0/16";

/// The cloud. The store goes with it.
pub struct Fixture {
    pub ledger: Ledger,
    pub config: Arc<Config>,
    pub region: Region,
    pub vpc: VpcId,
    pub first: InstanceId,
    pub second: InstanceId,
    _directory: tempfile::TempDir,
}

impl Fixture {
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&directory.path().join("state.redb")).unwrap();
        let config = Config {
            account: "123456789012".parse().unwrap(),
            public_pool: "198.18.0.0/24".parse().unwrap(),
            max_instances: 100,
            quotas: cloud::quotas::Quotas::default(),
        };
        let (config, region) = (Arc::new(config), "us-east-1".parse::<Region>().unwrap());
        let (first, second) = (InstanceId::from_number(1), InstanceId::from_number(2));
        let mut fixture =
            Self { ledger, config, region, vpc: VpcId::from_number(0), first, second, _directory: directory };
        fixture.vpc = fixture.fill().await;
        fixture
    }

    /// Changes the State, durably.
    pub async fn write<T: Send + 'static>(&self, work: impl FnOnce(&mut Transaction) -> T + Send + 'static) -> T {
        let author = Author::daemon("test", Timestamp::default());
        let result = self.ledger.write(self.region.clone(), author, |tx| Ok::<_, ()>(work(tx))).await;
        result.unwrap_or_else(|_| panic!("the State could not be written"))
    }

    /// Changes the VPC.
    pub async fn change_vpc(&self, change: impl FnOnce(&mut Vpc) + Send + 'static) {
        let vpc = self.vpc;
        self.write(move |tx| {
            let mut record = Vpc::clone(&tx.vpcs[&vpc]);
            change(&mut record);
            tx.put(record);
        })
        .await;
    }

    /// Changes the first instance.
    pub async fn change_first(&self, change: impl FnOnce(&mut Instance) + Send + 'static) {
        let first = self.first;
        self.write(move |tx| {
            let mut record = Instance::clone(&tx.instances[&first]);
            change(&mut record);
            tx.put(record);
        })
        .await;
    }

    async fn fill(&self) -> VpcId {
        let (config, region) = (Arc::clone(&self.config), self.region.clone());
        let (first, second) = (self.first, self.second);
        self.write(move |tx| {
            let context = Context::new(config, region, "test".to_owned(), String::new(), Timestamp::default(), 1);
            seed_region(&context, tx);
            let mut vpc = Vpc::clone(tx.default_vpc().unwrap());
            vpc.cidrs = vec![VPC_CIDR.parse().unwrap()];
            let id = vpc.id;
            tx.put(vpc);
            let mut eni = interface(tx, id, first, FIRST);
            eni.public = Some(PublicAddress { ip: FIRST_PUBLIC, elastic: None });
            tx.put(instance(first, &eni));
            tx.put(eni);
            let eni = interface(tx, id, second, SECOND);
            tx.put(instance(second, &eni));
            tx.put(eni);
            let tags = [("Name", "web server"), ("team:x", "a\nb"), ("not/shown", "x")];
            let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
            tx.put(TagSet { resource: first.to_string().into(), tags });
            id
        })
        .await
    }
}

fn interface(tx: &Transaction, vpc: VpcId, instance: InstanceId, private_ip: Ipv4Addr) -> NetworkInterface {
    let subnet = tx.subnets.values().find(|subnet| subnet.zone.letter == 'a').unwrap();
    let number = instance.number();
    let id = NetworkInterfaceId::from_number(number);
    NetworkInterface {
        auto_public: true,
        groups: tx.security_groups.keys().copied().collect(),
        vpc,
        attachment: Some(Attachment {
            id: NetworkInterfaceAttachmentId::from_number(number),
            instance,
            device_index: 0,
            attach_time: Timestamp::default(),
            delete_on_termination: true,
        }),
        ..NetworkInterface::new(id, subnet, MacAddress::local(number as u64), private_ip)
    }
}

fn instance(id: InstanceId, eni: &NetworkInterface) -> Instance {
    Instance {
        id,
        reservation: ReservationId::from_number(5),
        launch_index: 0,
        image: ImageId::from_number(6),
        layers: Vec::new(),
        instance_type: "t3.micro".into(),
        key_name: Some("my-key".into()),
        public_openssh: Some("ssh-ed25519 AAAAC3Nz comment".to_owned()),
        vpc: eni.vpc,
        subnet: eni.subnet,
        zone: eni.zone.clone(),
        interfaces: vec![eni.id],
        state: InstanceState::Running,
        state_since: Timestamp::default(),
        state_reason: None,
        transition_reason: String::new(),
        launch_time: Timestamp::from_unix_ms(1_651_145_846_123),
        terminated: None,
        starts: 1,
        reboots_wanted: 0,
        reboots_done: 0,
        host_boot: None,
        force_stop: false,
        user_data: Some(b"#!/bin/sh\n\xff\n".to_vec()),
        metadata: MetadataOptions::default(),
        monitoring: false,
        disable_api_termination: false,
        disable_api_stop: false,
        shutdown_behavior: ShutdownBehavior::Stop,
        ebs_optimized: false,
        root_device: "/dev/xvda".to_owned(),
        block_devices: vec![BlockDevice::new("/dev/xvda", VolumeId::from_number(7))],
        client_token: None,
        options: InstanceOptions::default(),
        iam_profile: None,
        placement_group: None,
    }
}
