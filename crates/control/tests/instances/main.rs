//! The controllers against machines and a network that pretend: every instance ends where the State asks for.

mod root_volume;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cloud::resource::{Image, ImageDevice, ImageLayer, ImageMapping, ImageState, ImageVolume, Instance};
use cloud::{Config, Context, Transaction};
use control::{Controllers, Parts};
use ec2_shapes::{Request, Response};
use host::image::{Layers, SimulatedLayers};
use host::machine::{Machines, SimulatedMachines};
use host::network::SimulatedNetwork;
use host::uid_ranges::UidRanges;
use policy::CloudTag;
use store::{Author, Ledger};
use types::{ImageId, InstanceId, InstanceState, Region, SnapshotId, Timestamp};

/// How long anything here may take; nothing needs a tenth of it.
const LIMIT: Duration = Duration::from_secs(20);

struct Cloud {
    dir: tempfile::TempDir,
    ledger: Ledger,
    machines: Arc<SimulatedMachines>,
    layers: Arc<SimulatedLayers>,
    uid_ranges: Arc<UidRanges>,
    config: Arc<Config>,
    controllers: Option<Controllers>,
}

impl Cloud {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&dir.path().join("state.redb")).unwrap();
        let config = Arc::new(Config {
            account: "000000000000".parse().unwrap(),
            public_pool: "198.18.0.0/16".parse().unwrap(),
            max_instances: Config::DEFAULT_MAX_INSTANCES,
            quotas: cloud::quotas::Quotas::default(),
        });
        let uid_ranges = Arc::new(UidRanges::open(dir.path().join("ids"), "test").unwrap());
        let mut cloud = Self {
            dir,
            ledger,
            machines: Arc::default(),
            layers: Arc::default(),
            uid_ranges,
            config,
            controllers: None,
        };
        cloud.start_controllers("boot-1");
        let context = cloud.context();
        let seeded = cloud.ledger.write::<(), (), _>(region(), author(), move |tx| {
            cloud::seed_region(&context, tx);
            tx.put_shared(image());
            Ok(())
        });
        seeded.await.unwrap();
        cloud
    }

    fn start_controllers(&mut self, host_boot: &str) {
        self.controllers = Some(Controllers::start(Parts {
            ledger: self.ledger.clone(),
            machines: Arc::clone(&self.machines) as Arc<dyn Machines>,
            layers: Arc::clone(&self.layers) as Arc<dyn Layers>,
            network: Arc::new(SimulatedNetwork::default()),
            uid_ranges: Arc::clone(&self.uid_ranges),
            doors: None,
            tag: CloudTag::from_number(1),
            config: Arc::clone(&self.config),
            host_boot: host_boot.to_owned(),
            state_dir: self.dir.path().to_owned(),
            flow_log_interval: None,
        }));
    }

    fn context(&self) -> Context {
        let seed = self.ledger.state().revision + 1;
        Context::new(Arc::clone(&self.config), region(), "test".into(), "r".into(), control::now(), seed << 32)
    }

    async fn act(&self, request: impl Into<Request>) -> Response {
        let (context, request) = (self.context(), request.into());
        let done = self
            .ledger
            .write(region(), author(), move |tx: &mut Transaction| cloud::actions::write(&context, tx, request));
        done.await.unwrap()
    }

    async fn run(&self, count: i32, change: impl FnOnce(&mut ec2_shapes::RunInstancesRequest)) -> Vec<InstanceId> {
        let mut request = ec2_shapes::RunInstancesRequest {
            image_id: Some(image().id.to_string()),
            min_count: count,
            max_count: count,
            ..Default::default()
        };
        change(&mut request);
        let Response::RunInstances(reservation) = self.act(request).await else { panic!("another answer") };
        reservation.instances.iter().map(|i| i.instance_id.as_deref().unwrap().parse().unwrap()).collect()
    }

    fn instance(&self, id: InstanceId) -> Option<Arc<Instance>> {
        self.ledger.state().regions[&region()].instances.get(&id).cloned()
    }

    async fn wait(&self, id: InstanceId, state: InstanceState) -> Arc<Instance> {
        let reached = async {
            let mut changes = self.ledger.watch();
            loop {
                if let Some(instance) = self.instance(id).filter(|i| i.state == state) {
                    return instance;
                }
                changes.changed().await.unwrap();
            }
        };
        let waited = tokio::time::timeout(LIMIT, reached).await;
        waited.unwrap_or_else(|_| panic!("{id} is not {state} but {:?}", self.instance(id).map(|i| i.state)))
    }

    fn is_running(&self, id: InstanceId) -> Option<bool> {
        self.machines.status(id).unwrap().map(|status| status.running)
    }
}

fn region() -> Region {
    "us-east-1".parse().unwrap()
}

fn author() -> Author {
    Author::daemon("Test", Timestamp::from_unix_ms(0))
}

fn image() -> Image {
    let root = ImageMapping {
        device_name: "/dev/xvda".to_owned(),
        device: ImageDevice::Volume(ImageVolume::new(SnapshotId::from_number(1), 8)),
    };
    let layers = vec![ImageLayer("/layer".into())];
    let new = Image::new(ImageId::from_number(1), "debian-12", Timestamp::from_unix_ms(0), layers, root);
    Image { is_builtin: true, ..new }
}

fn ids(id: InstanceId) -> Vec<String> {
    vec![id.to_string()]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_lives_and_dies() {
    let cloud = Cloud::new().await;
    let id = cloud.run(1, |_| {}).await[0];
    let running = cloud.wait(id, InstanceState::Running).await;
    assert_eq!((cloud.is_running(id), running.host_boot.as_deref()), (Some(true), Some("boot-1")));
    assert_eq!(cloud.uid_ranges.owners(), ids(id));

    cloud.act(ec2_shapes::StopInstancesRequest { instance_ids: ids(id), ..Default::default() }).await;
    cloud.wait(id, InstanceState::Stopped).await;
    assert_eq!(cloud.is_running(id), Some(false), "its disk is kept");
    let state = cloud.ledger.state();
    let interface = &state.regions[&region()].interfaces[&running.interfaces[0]];
    assert_eq!(interface.public, None, "its public address is gone");

    cloud.act(ec2_shapes::StartInstancesRequest { instance_ids: ids(id), ..Default::default() }).await;
    cloud.wait(id, InstanceState::Running).await;
    cloud.act(ec2_shapes::TerminateInstancesRequest { instance_ids: ids(id), ..Default::default() }).await;
    let ended = cloud.wait(id, InstanceState::Terminated).await;
    assert!(ended.interfaces.is_empty() && ended.terminated.is_some());
    assert_eq!(cloud.is_running(id), None);
    assert!(cloud.uid_ranges.owners().is_empty());
    assert!(cloud.ledger.state().regions[&region()].interfaces.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_the_launch_with_a_reason() {
    let cloud = Cloud::new().await;
    cloud.machines.fill_disk_for_next_create();
    let id = cloud.run(1, |_| {}).await[0];
    let ended = cloud.wait(id, InstanceState::Terminated).await;
    let reason = ended.state_reason.clone().unwrap();
    assert_eq!(reason.code, "Server.InsufficientInstanceCapacity");
    assert!(reason.message.contains("disk space"), "{}", reason.message);
    assert_eq!(cloud.is_running(id), None);
    assert!(cloud.uid_ranges.owners().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_powers_itself_off_stops_or_terminates_its_instance() {
    let cloud = Cloud::new().await;
    let stops = cloud.run(1, |_| {}).await[0];
    let ends = cloud
        .run(1, |r| r.instance_initiated_shutdown_behavior = Some(ec2_shapes::ShutdownBehavior::Terminate))
        .await[0];
    for id in [stops, ends] {
        cloud.wait(id, InstanceState::Running).await;
        cloud.machines.power_off_from_inside(id);
    }
    let stopped = cloud.wait(stops, InstanceState::Stopped).await;
    assert_eq!(stopped.state_reason.as_ref().unwrap().code, "Client.InstanceInitiatedShutdown");
    cloud.wait(ends, InstanceState::Terminated).await;
    assert_eq!((cloud.is_running(stops), cloud.is_running(ends)), (Some(false), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn controllers_that_died_are_followed_by_others() {
    let mut cloud = Cloud::new().await;
    let before = cloud.run(1, |_| {}).await[0];
    cloud.wait(before, InstanceState::Running).await;
    cloud.controllers = None;
    // While nobody looks: one more is asked for, and a machine appears that nobody asked for.
    let meanwhile = cloud.run(1, |_| {}).await[0];
    let stray = InstanceId::from_number(0xdead);
    cloud.machines.create(&spec(stray)).unwrap();
    cloud.start_controllers("boot-1");
    cloud.wait(meanwhile, InstanceState::Running).await;
    assert_eq!((cloud.is_running(before), cloud.instance(before).unwrap().starts), (Some(true), 1));
    let gone = async {
        while cloud.is_running(stray).is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, gone).await.expect("the stray machine is removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ran_when_the_host_went_down_runs_again() {
    let mut cloud = Cloud::new().await;
    let id = cloud.run(1, |_| {}).await[0];
    cloud.wait(id, InstanceState::Running).await;
    cloud.controllers = None;
    cloud.machines.stop(id, Duration::ZERO).unwrap();
    cloud.start_controllers("boot-2");
    let started = async {
        while cloud.instance(id).unwrap().host_boot.as_deref() != Some("boot-2") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, started).await.expect("it is started again");
    assert_eq!((cloud.is_running(id), cloud.instance(id).unwrap().state), (Some(true), InstanceState::Running));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_and_a_reboot() {
    let cloud = Cloud::new().await;
    let all = cloud.run(200, |_| {}).await;
    for id in &all {
        cloud.wait(*id, InstanceState::Running).await;
    }
    assert_eq!(cloud.uid_ranges.owners().len(), 200);
    let pid = cloud.machines.status(all[0]).unwrap().unwrap().init_pid;
    cloud.act(ec2_shapes::RebootInstancesRequest { instance_ids: ids(all[0]), ..Default::default() }).await;
    let rebooted = async {
        while cloud.instance(all[0]).unwrap().reboots_done == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, rebooted).await.expect("it is rebooted");
    assert_ne!(cloud.machines.status(all[0]).unwrap().unwrap().init_pid, pid);
    assert!(cloud.dir.path().exists());
}

/// Waits until no image of the region is pending, and gives the one of this name.
async fn made(cloud: &Cloud, name: &str) -> Image {
    let done = async {
        loop {
            let state = cloud.ledger.state();
            let found = state.regions[&region()].images.values().find(|image| &*image.name == name).cloned();
            match found {
                Some(image) if image.state != ImageState::Pending => return Image::clone(&image),
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    tokio::time::timeout(LIMIT, done).await.unwrap_or_else(|_| panic!("{name} stays pending"))
}

fn create_image(id: InstanceId, name: &str, no_reboot: bool) -> ec2_shapes::CreateImageRequest {
    ec2_shapes::CreateImageRequest {
        instance_id: id.to_string(),
        name: name.to_owned(),
        no_reboot: Some(no_reboot),
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_of_an_instance_has_its_layers_and_one_more() {
    let cloud = Cloud::new().await;
    let id = cloud.run(1, |_| {}).await[0];
    cloud.wait(id, InstanceState::Running).await;
    let boot = |id| cloud.machines.status(id).unwrap().unwrap().init_pid;
    let first = boot(id);

    cloud.act(create_image(id, "still", true)).await;
    let still = made(&cloud, "still").await;
    assert_eq!((still.state, still.layers.len()), (ImageState::Available, 2));
    assert_eq!(still.layers[0], ImageLayer("/layer".into()));
    assert_eq!(boot(id), first, "it was not rebooted");

    cloud.act(create_image(id, "rebooted", false)).await;
    let rebooted = made(&cloud, "rebooted").await;
    assert_eq!(rebooted.state, ImageState::Available);
    assert!(boot(id).is_some_and(|pid| Some(pid) != first), "it was shut down and started again");
    assert_eq!(cloud.instance(id).unwrap().state, InstanceState::Running);
    assert_ne!(still.layers[1], rebooted.layers[1], "each image has its own copy");

    cloud.act(ec2_shapes::StopInstancesRequest { instance_ids: ids(id), ..Default::default() }).await;
    cloud.wait(id, InstanceState::Stopped).await;
    cloud.act(create_image(id, "stopped", false)).await;
    assert_eq!(made(&cloud, "stopped").await.state, ImageState::Available);
    assert_eq!((cloud.is_running(id), cloud.instance(id).unwrap().state), (Some(false), InstanceState::Stopped));

    // What is made of it starts, and outlives the image.
    let second = cloud.run(1, |request| request.image_id = Some(still.id.to_string())).await[0];
    let second = cloud.wait(second, InstanceState::Running).await;
    assert_eq!(second.layers, still.layers);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_comes_before_whatever_else_the_instance_is_to_do() {
    let cloud = Cloud::new().await;
    let id = cloud.run(1, |_| {}).await[0];
    cloud.wait(id, InstanceState::Running).await;
    cloud.act(create_image(id, "last-words", false)).await;
    cloud.act(ec2_shapes::TerminateInstancesRequest { instance_ids: ids(id), ..Default::default() }).await;
    cloud.wait(id, InstanceState::Terminated).await;
    let image = made(&cloud, "last-words").await;
    assert_eq!((image.state, image.layers.len()), (ImageState::Available, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_fails_says_why_and_the_instance_runs_on() {
    let cloud = Cloud::new().await;
    let id = cloud.run(1, |_| {}).await[0];
    cloud.wait(id, InstanceState::Running).await;
    cloud.machines.fill_disk_for_next_copy();
    cloud.act(create_image(id, "too-large", false)).await;
    let image = made(&cloud, "too-large").await;
    assert_eq!(image.state, ImageState::Failed);
    assert!(image.state_reason.unwrap().message.contains("disk space"));
    assert_eq!((cloud.is_running(id), cloud.instance(id).unwrap().state), (Some(true), InstanceState::Running));
    assert!(cloud.layers.list().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_goes_on_where_a_daemon_died() {
    let mut cloud = Cloud::new().await;
    let id = cloud.run(1, |_| {}).await[0];
    cloud.wait(id, InstanceState::Running).await;
    cloud.controllers = None;
    cloud.act(create_image(id, "mine", false)).await;
    // The machine is down and its copy there; neither was written down.
    let state = cloud.ledger.state();
    let snapshot = *state.regions[&region()].snapshots.keys().next().unwrap();
    cloud.machines.stop(id, Duration::ZERO).unwrap();
    let layer = cloud.layers.make(&snapshot.to_string(), &mut |_| Ok(())).unwrap();
    let unused = cloud.layers.make("snap-unused", &mut |_| Ok(())).unwrap();
    cloud.start_controllers("boot-1");
    let image = made(&cloud, "mine").await;
    assert_eq!(image.layers[1], ImageLayer(layer.display().to_string().into()));
    assert_eq!((cloud.is_running(id), cloud.instance(id).unwrap().state), (Some(true), InstanceState::Running));
    let removed = async {
        while cloud.layers.find("snap-unused").unwrap() == Some(unused.clone()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, removed).await.expect("what nothing stands on is removed");
    assert!(cloud.layers.find(&snapshot.to_string()).unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn other_dhcp_options_reach_machines() {
    let cloud = Cloud::new().await;
    let [runs, stands] = cloud.run(2, |_| {}).await[..] else { panic!("two") };
    for id in [runs, stands] {
        cloud.wait(id, InstanceState::Running).await;
        assert_eq!(cloud.machines.resolver(id).unwrap(), "search ec2.internal\nnameserver 172.31.0.2\n");
    }
    cloud.act(ec2_shapes::StopInstancesRequest { instance_ids: ids(stands), ..Default::default() }).await;
    cloud.wait(stands, InstanceState::Stopped).await;
    let domain = ec2_shapes::NewDhcpConfiguration {
        key: Some("domain-name".to_owned()),
        values: vec!["corp.example".to_owned()],
    };
    let request = ec2_shapes::CreateDhcpOptionsRequest { dhcp_configurations: vec![domain], ..Default::default() };
    let Response::CreateDhcpOptions(made) = cloud.act(request).await else { panic!("another answer") };
    let options = made.dhcp_options.unwrap().dhcp_options_id.unwrap();
    let vpc_id = cloud.instance(runs).unwrap().vpc.to_string();
    let associate = |dhcp_options_id: &str| ec2_shapes::AssociateDhcpOptionsRequest {
        dhcp_options_id: dhcp_options_id.to_owned(),
        vpc_id: vpc_id.clone(),
        dry_run: None,
    };
    let told = async |id, text: &str| {
        let told = async {
            while cloud.machines.resolver(id).unwrap() != text {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LIMIT, told).await.unwrap_or_else(|_| panic!("{:?}", cloud.machines.resolver(id)));
    };
    cloud.act(associate(&options)).await;
    told(runs, "search corp.example\n").await;
    // What is off is told when it starts.
    cloud.act(ec2_shapes::StartInstancesRequest { instance_ids: ids(stands), ..Default::default() }).await;
    cloud.wait(stands, InstanceState::Running).await;
    assert_eq!(cloud.machines.resolver(stands).unwrap(), "search corp.example\n");
    cloud.act(associate("default")).await;
    told(runs, "").await;
    told(stands, "").await;
}

/// Waits until a running machine's interfaces are these, as `NAME ADDRESS,ADDRESS… checked|unchecked`.
async fn has_nics(cloud: &Cloud, id: InstanceId, expected: &[String]) {
    let text = |nic: host::machine::NicSpec| {
        let addresses: Vec<String> = nic.addresses().map(|address| address.to_string()).collect();
        let check = if nic.source_dest_check { "checked" } else { "unchecked" };
        format!("{} {} {check}", nic.guest_ifname, addresses.join(","))
    };
    let now = || cloud.machines.nics(id).map(|nics| nics.into_iter().map(text).collect::<Vec<_>>());
    let reached = async {
        while now().as_deref() != Some(expected) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(LIMIT, reached).await;
    waited.unwrap_or_else(|_| panic!("{id} has {:?}, not {expected:?}", now()));
}

/// A new interface in the subnet of an instance, and its address.
async fn new_interface(cloud: &Cloud, id: InstanceId) -> (String, String) {
    let subnet_id = cloud.instance(id).unwrap().subnet.to_string();
    let request = ec2_shapes::CreateNetworkInterfaceRequest { subnet_id, ..Default::default() };
    let Response::CreateNetworkInterface(made) = cloud.act(request).await else { panic!("another answer") };
    let made = made.network_interface.unwrap();
    (made.network_interface_id.unwrap(), made.private_ip_address.unwrap())
}

async fn attach(cloud: &Cloud, id: InstanceId, interface: &str, device_index: i32) -> String {
    let request = ec2_shapes::AttachNetworkInterfaceRequest {
        instance_id: id.to_string(),
        network_interface_id: interface.to_owned(),
        device_index,
        ..Default::default()
    };
    let Response::AttachNetworkInterface(made) = cloud.act(request).await else { panic!("another answer") };
    made.attachment_id.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn interfaces_come_and_go_while_the_machine_runs() {
    let mut cloud = Cloud::new().await;
    let id = cloud.run(1, |_| {}).await[0];
    let instance = cloud.wait(id, InstanceState::Running).await;
    let primary = cloud.ledger.state().regions[&region()].interfaces[&instance.interfaces[0]].private_ip;
    let first = |check: &str| format!("eth0 {primary} {check}");
    has_nics(&cloud, id, &[first("checked")]).await;

    let (interface, address) = new_interface(&cloud, id).await;
    let attachment = attach(&cloud, id, &interface, 2).await;
    let second = format!("eth2 {address} checked");
    has_nics(&cloud, id, &[first("checked"), second.clone()]).await;

    // Further addresses come and go, too, and so does the check.
    let request = ec2_shapes::AssignPrivateIpAddressesRequest {
        network_interface_id: interface.clone(),
        secondary_private_ip_address_count: Some(1),
        ..Default::default()
    };
    let Response::AssignPrivateIpAddresses(assigned) = cloud.act(request).await else { panic!("another answer") };
    let more = assigned.assigned_private_ip_addresses[0].private_ip_address.clone().unwrap();
    has_nics(&cloud, id, &[first("checked"), format!("eth2 {address},{more} checked")]).await;
    let request = ec2_shapes::UnassignPrivateIpAddressesRequest {
        network_interface_id: interface.clone(),
        private_ip_addresses: vec![more],
        ..Default::default()
    };
    cloud.act(request).await;
    has_nics(&cloud, id, &[first("checked"), second.clone()]).await;
    let request = ec2_shapes::ModifyNetworkInterfaceAttributeRequest {
        network_interface_id: instance.interfaces[0].to_string(),
        source_dest_check: Some(ec2_shapes::AttributeBooleanValue { value: Some(false) }),
        ..Default::default()
    };
    cloud.act(request).await;
    has_nics(&cloud, id, &[first("unchecked"), second.clone()]).await;

    // What is detached while nobody looks is gone when somebody does.
    cloud.controllers = None;
    cloud.act(ec2_shapes::DetachNetworkInterfaceRequest { attachment_id: attachment, ..Default::default() }).await;
    has_nics(&cloud, id, &[first("unchecked"), second]).await;
    cloud.start_controllers("boot-1");
    has_nics(&cloud, id, &[first("unchecked")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_forwards_has_the_routes_to_it() {
    let cloud = Cloud::new().await;
    let id = cloud.run(1, |_| {}).await[0];
    let instance = cloud.wait(id, InstanceState::Running).await;
    let interface = instance.interfaces[0].to_string();
    let table = {
        let state = cloud.ledger.state();
        state.regions[&region()].route_tables.values().find(|table| table.vpc == instance.vpc).unwrap().id
    };
    let route = ec2_shapes::CreateRouteRequest {
        route_table_id: table.to_string(),
        destination_cidr_block: Some("192.168.0.0/16".to_owned()),
        network_interface_id: Some(interface.clone()),
        ..Default::default()
    };
    cloud.act(route).await;
    let check = |value| ec2_shapes::ModifyNetworkInterfaceAttributeRequest {
        network_interface_id: interface.clone(),
        source_dest_check: Some(ec2_shapes::AttributeBooleanValue { value: Some(value) }),
        ..Default::default()
    };
    let forwards = |expected: usize| {
        let cloud = &cloud;
        async move {
            let reached = async {
                while cloud.machines.nics(id).unwrap()[0].forwards.len() != expected {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::time::timeout(LIMIT, reached).await.unwrap_or_else(|_| panic!("not {expected} routes"));
        }
    };
    forwards(0).await;
    cloud.act(check(false)).await;
    forwards(1).await;
    let nic = &cloud.machines.nics(id).unwrap()[0];
    let found = nic.forwards.first().unwrap();
    assert_eq!(found.destination, "192.168.0.0/16".parse().unwrap());
    assert_ne!(found.table, policy::TableNumber::MAIN.0, "only what the subnet's table decides about goes there");
    cloud.act(check(true)).await;
    forwards(0).await;
}

fn spec(id: InstanceId) -> host::machine::MachineSpec {
    host::machine::MachineSpec {
        id,
        layers: vec![PathBuf::from("/layer")],
        uid_base: 1 << 28,
        memory_mib: 512,
        vcpus: 1,
        hostname: "stray".to_owned(),
        seed_files: Vec::new(),
        nics: Vec::new(),
    }
}
