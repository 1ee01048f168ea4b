//! A cloud for the tests of instances and addresses: one State, changed by requests and by what controllers report.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use ec2_shapes::*;
use types::{ImageId, InstanceId, SnapshotId, Timestamp};

use crate::context::Context;
use crate::error::ApiError;
use crate::lifecycle::{self, StopReason};
use crate::resource::{self, ImageLayer, KeyPair, KeyType};
use crate::settle;
use crate::state::{Change, Operation, Record, State};
use crate::testing::{context_at, seeded};
use crate::transaction::Transaction;
use crate::view::View;

pub(crate) struct Bed {
    pub state: State,
    pub context: Context,
    pub image: String,
    pub arm_image: String,
}

impl Bed {
    /// A freshly set up region with two images and the key pair `key`.
    pub(crate) fn new() -> Self {
        let (context, state) = seeded();
        let mut tx = Transaction::new(&state, context.region.clone());
        let image = image(1, "debian-12", "x86_64", true);
        let arm_image = image_id(2);
        tx.put_shared(image.clone());
        tx.put(self::image(2, "mine", "arm64", false));
        tx.put(KeyPair {
            id: types::KeyPairId::from_number(1),
            name: "key".into(),
            key_type: KeyType::Ed25519,
            fingerprint: "f".to_owned(),
            public_openssh: "ssh-ed25519 AAAA".to_owned(),
            created: context.now,
        });
        let (_, state) = tx.finish();
        Self { state, context, image: image.id.to_string(), arm_image: arm_image.to_string() }
    }

    pub(crate) fn view(&self) -> View<'_> {
        View::new(&self.state, &self.context.region).unwrap()
    }

    /// Lets time pass; later ids and choices are others than before.
    pub(crate) fn wait_ms(&mut self, ms: i64) {
        let config = self.context.config.clone();
        let ids = self.context.random();
        let now = self.context.now.plus_ms(ms);
        let fresh = context_at(now);
        self.context = Context::new(config, self.context.region.clone(), fresh.principal, fresh.request_id, now, ids);
    }

    /// Lets pass what takes a moment only.
    pub(crate) fn settle(&mut self) {
        self.settle_after_ms(settle::SETTLE_MS);
    }

    /// Lets time pass, and what it brings come.
    pub(crate) fn settle_after_ms(&mut self, ms: i64) {
        self.wait_ms(ms);
        let mut tx = Transaction::new(&self.state, self.context.region.clone());
        settle::settle(&self.context, &mut tx);
        self.state = tx.finish().1;
    }

    /// Carries out a request of any kind; on error the State stays.
    pub(crate) fn ask(&mut self, request: impl Into<Request>) -> Result<Response, ApiError> {
        let request = request.into();
        match request.action().kind() {
            ActionKind::Read => super::read(&self.context, &self.view(), request),
            ActionKind::Write => {
                let mut tx = Transaction::new(&self.state, self.context.region.clone());
                let response = super::write(&self.context, &mut tx, request)?;
                let complaint = tx.take_complaint();
                self.state = tx.finish().1;
                complaint.map_or(Ok(response), Err)
            }
        }
    }

    /// Carries out a writing function; on error the State stays.
    pub(crate) fn write<T>(
        &mut self,
        work: impl FnOnce(&Context, &mut Transaction) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let mut tx = Transaction::new(&self.state, self.context.region.clone());
        let told = work(&self.context, &mut tx)?;
        self.state = tx.finish().1;
        Ok(told)
    }

    /// Asks a reading function.
    pub(crate) fn read<T>(&self, ask: impl FnOnce(&Context, &View<'_>) -> Result<T, ApiError>) -> Result<T, ApiError> {
        ask(&self.context, &self.view())
    }

    /// The code and message of the error that a request gets.
    pub(crate) fn error(&mut self, request: impl Into<Request>) -> (&'static str, String) {
        let error = self.ask(request).expect_err("a request that should fail");
        (error.code, error.message)
    }

    /// A launch of `count` instances and nothing else said.
    pub(crate) fn launch(&self, count: i32) -> RunInstancesRequest {
        RunInstancesRequest {
            image_id: Some(self.image.clone()),
            instance_type: Some("t3.micro".to_owned()),
            min_count: count,
            max_count: count,
            ..RunInstancesRequest::default()
        }
    }

    pub(crate) fn run(&mut self, request: RunInstancesRequest) -> Reservation {
        match self.ask(request).unwrap() {
            Response::RunInstances(reservation) => *reservation,
            other => panic!("{other:?}"),
        }
    }

    /// Launches an instance that then runs, and gives its id.
    pub(crate) fn running(&mut self) -> InstanceId {
        let request = self.launch(1);
        self.running_of(request)
    }

    pub(crate) fn running_of(&mut self, request: RunInstancesRequest) -> InstanceId {
        let reservation = self.run(request);
        let id = reservation.instances[0].instance_id.as_deref().unwrap().parse().unwrap();
        assert!(self.report(|tx, now| lifecycle::mark_running(tx, now, id, 1, "boot".to_owned())));
        id
    }

    /// What the controllers report; tells whether it changed anything.
    pub(crate) fn report(&mut self, report: impl FnOnce(&mut Transaction, Timestamp) -> bool) -> bool {
        let mut tx = Transaction::new(&self.state, self.context.region.clone());
        let changed = report(&mut tx, self.context.now);
        let (changes, state) = tx.finish();
        assert_eq!(changed, !changes.is_empty());
        self.state = state;
        changed
    }

    /// Stops a running instance to the end.
    pub(crate) fn stop(&mut self, id: InstanceId) {
        let instance_ids = vec![id.to_string()];
        self.ask(StopInstancesRequest { instance_ids, ..StopInstancesRequest::default() }).unwrap();
        assert!(self.report(|tx, now| lifecycle::mark_stopped(tx, now, id, StopReason::ApiRequest)));
    }

    /// Terminates an instance to the end.
    pub(crate) fn terminate(&mut self, id: InstanceId) {
        let instance_ids = vec![id.to_string()];
        self.ask(TerminateInstancesRequest { instance_ids, ..TerminateInstancesRequest::default() }).unwrap();
        assert!(self.report(|tx, now| lifecycle::mark_terminated(tx, now, id)));
    }

    pub(crate) fn start(&mut self, id: InstanceId) {
        let instance_ids = vec![id.to_string()];
        self.ask(StartInstancesRequest { instance_ids, ..StartInstancesRequest::default() }).unwrap();
    }

    pub(crate) fn instance(&self, id: InstanceId) -> resource::Instance {
        resource::Instance::clone(&self.view().tables().instances[&id])
    }

    /// The primary interface of an instance that is not terminated.
    pub(crate) fn interface(&self, id: InstanceId) -> resource::NetworkInterface {
        let view = self.view();
        let tables = view.tables();
        resource::NetworkInterface::clone(&tables.interfaces[&tables.instances[&id].interfaces[0]])
    }

    /// The public address of an instance.
    pub(crate) fn public_ip(&self, id: InstanceId) -> Option<Ipv4Addr> {
        self.interface(id).public.map(|public| public.ip)
    }

    /// The only instance as DescribeInstances shows it.
    pub(crate) fn describe(&mut self, id: InstanceId) -> Instance {
        let instance_ids = vec![id.to_string()];
        let request = DescribeInstancesRequest { instance_ids, ..DescribeInstancesRequest::default() };
        match self.ask(request).unwrap() {
            Response::DescribeInstances(mut answer) => answer.reservations.remove(0).instances.remove(0),
            other => panic!("{other:?}"),
        }
    }

    /// Holds all that is derived against the records, and the records against each other.
    pub(crate) fn check(&self) {
        let mut rebuilt = State::default();
        self.state.snapshot().for_each(|change| rebuilt.apply(change));
        assert_eq!(self.state.public_addresses, rebuilt.public_addresses, "public addresses in use");
        let mut public = BTreeMap::new();
        let mut private = BTreeSet::new();
        let mut usage = BTreeMap::new();
        let tables = self.view().tables();
        for Change { operation, .. } in self.state.snapshot() {
            let Operation::Put(record) = operation else { panic!("a snapshot deletes") };
            match record {
                Record::NetworkInterface(interface) => {
                    for ip in interface.private_ips() {
                        assert!(private.insert((interface.vpc, ip)), "{interface:?}");
                        *usage.entry(interface.subnet).or_insert(0) += 1;
                    }
                    for held in interface.public_addresses() {
                        let holder = held.elastic.map(|(allocation, _)| allocation);
                        if let Some(other) = public.insert(held.ip, holder) {
                            assert!(holder.is_some() && other == holder, "{interface:?}");
                        }
                        if let Some((allocation, association)) = held.elastic {
                            assert_eq!(tables.addresses[&allocation].ip, held.ip);
                            assert_eq!(tables.addresses[&allocation].association, Some((association, interface.id)));
                        }
                    }
                    if let Some(attachment) = &interface.attachment {
                        assert!(tables.instances[&attachment.instance].interfaces.contains(&interface.id));
                    }
                }
                Record::Address(address) => {
                    let holder = Some(address.allocation);
                    assert_eq!(public.insert(address.ip, holder).unwrap_or(holder), holder, "{address:?}");
                    if let Some((association, interface)) = address.association {
                        let mut held = tables.interfaces[&interface].public_addresses();
                        let elastic = held.find(|held| held.ip == address.ip).and_then(|held| held.elastic);
                        assert_eq!(elastic, Some((address.allocation, association)));
                    }
                }
                Record::Instance(instance) => {
                    let is_gone = instance.state == types::InstanceState::Terminated;
                    assert_eq!(instance.interfaces.is_empty(), is_gone);
                    assert!(instance.interfaces.iter().all(|id| tables.interfaces.contains_key(id)));
                    for device in &instance.block_devices {
                        let volume = &tables.volumes[&device.volume];
                        let attachment = volume.attachment_to(instance.id).unwrap();
                        assert_eq!(attachment.device, device.device_name);
                        assert_eq!(volume.zone, instance.zone);
                    }
                }
                Record::Volume(volume) => {
                    assert!(volume.attachments.len() <= 1 || volume.spec.multi_attach);
                    for attachment in &volume.attachments {
                        let devices = &tables.instances[&attachment.instance].block_devices;
                        let is_root_leaving = attachment.state == resource::VolumeAttachmentState::Detaching;
                        assert!(is_root_leaving || devices.iter().any(|device| device.volume == volume.id));
                    }
                }
                _ => {}
            }
        }
        let in_use: Vec<Ipv4Addr> = self.state.public_addresses.keys().copied().collect();
        assert_eq!(in_use, public.into_keys().collect::<Vec<_>>());
        assert_eq!(tables.private_addresses.len(), private.len());
        assert!(private.iter().all(|held| tables.private_addresses.contains_key(held)));
        for subnet in tables.subnets.values() {
            let used = usage.get(&subnet.id).copied().unwrap_or(0);
            assert_eq!(tables.free_addresses(subnet), subnet.usable() - used, "{}", subnet.id);
        }
    }
}

fn image_id(number: u128) -> ImageId {
    ImageId::from_number(number)
}

fn image(number: u128, name: &str, architecture: &str, is_builtin: bool) -> resource::Image {
    let root = resource::ImageMapping {
        device_name: "/dev/xvda".to_owned(),
        device: resource::ImageDevice::Volume(resource::ImageVolume::new(SnapshotId::from_number(number), 8)),
    };
    let created = Timestamp::from_unix_ms(1_600_000_000_000);
    resource::Image {
        description: format!("The image {name}"),
        architecture: architecture.to_owned(),
        is_builtin,
        ..resource::Image::new(image_id(number), name, created, vec![ImageLayer("base".into())], root)
    }
}

/// Texts of a request.
pub(crate) fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}
