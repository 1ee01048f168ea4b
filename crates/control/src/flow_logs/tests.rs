//! Windows, records and files, with counters that say what the test wants.

use std::net::{Ipv4Addr, Ipv6Addr};

use cloud::resource::{Attachment, FlowLogResource, LogDestinationType};
use cloud::{Config, Context, Transaction};
use types::MacAddress;

use super::*;

const START: i64 = 1_700_000_040;
const DEFAULT: &str = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} \
    ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}";
const ENI: NetworkInterfaceId = NetworkInterfaceId::from_number(1);
const OTHER: NetworkInterfaceId = NetworkInterfaceId::from_number(2);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms((START + seconds) * 1000)
}

fn region() -> Region {
    "us-east-1".parse().unwrap()
}

/// A region with two interfaces of instances in one subnet.
fn world() -> (Transaction, VpcId) {
    let config = Config {
        account: "123456789012".parse().unwrap(),
        public_pool: "198.18.0.0/16".parse().unwrap(),
        max_instances: Config::DEFAULT_MAX_INSTANCES,
        quotas: cloud::quotas::Quotas::default(),
    };
    let context = Context::new(Arc::new(config), region(), "test".to_owned(), "request".to_owned(), at(0), 7);
    let mut tx = Transaction::new(&State::default(), region());
    cloud::seed_region(&context, &mut tx);
    let subnet = tx.subnets.values().next().unwrap().clone();
    for (id, host) in [(ENI, 10), (OTHER, 11)] {
        let address = subnet.cidr.nth(host).unwrap();
        let mut interface = NetworkInterface::new(id, &subnet, MacAddress::local(u64::from(host)), address);
        interface.attachment = Some(attachment(host.into()));
        tx.put(interface);
    }
    (tx, subnet.vpc)
}

fn attachment(number: u128) -> Attachment {
    Attachment {
        id: types::NetworkInterfaceAttachmentId::from_number(number),
        instance: types::InstanceId::from_number(number),
        device_index: 0,
        attach_time: at(0),
        delete_on_termination: true,
    }
}

fn log(number: u128, resource: FlowLogResource) -> FlowLog {
    FlowLog {
        id: FlowLogId::from_number(number),
        resource,
        traffic: TrafficType::All,
        destination_type: LogDestinationType::S3,
        destination: None,
        log_group: None,
        format: DEFAULT.to_owned(),
        interval_seconds: 60,
        permission_arn: None,
        cross_account_role: None,
        hive_compatible_partitions: false,
        per_hour_partition: false,
        created: at(0),
    }
}

fn flow(interface: NetworkInterfaceId, accepted: bool) -> Flow {
    Flow {
        interface,
        accepted,
        source: Ipv4Addr::new(203, 0, 113, 9).into(),
        destination: Ipv4Addr::new(172, 31, 0, 10).into(),
        protocol: 6,
        source_port: 40_000,
        destination_port: 22,
    }
}

fn counted(flows: &[(Flow, u64)]) -> Counted {
    let flows = flows.iter().map(|(flow, packets)| (*flow, Volume { packets: *packets, bytes: packets * 100 }));
    Counted { flows: flows.collect(), overflowed: BTreeSet::new() }
}

/// The lines of each window that ends.
fn advance(windows: &mut Windows, tx: &Transaction, seconds: i64, counted: Result<Counted, ()>) -> Vec<Vec<String>> {
    let state = tx.state();
    let account = "123456789012".parse().unwrap();
    let ended = windows.advance(state, &account, at(seconds), |_| counted.clone());
    ended.into_iter().map(|ended| ended.lines).collect()
}

fn windows() -> Windows {
    Windows::new(None, at(-1))
}

#[test]
fn a_window_tells_of_what_came_in_it() {
    let (mut tx, _) = world();
    tx.put(log(1, FlowLogResource::NetworkInterface(ENI)));
    let mut windows = windows();
    let (yes, no, others) = (flow(ENI, true), flow(ENI, false), flow(OTHER, true));
    assert!(advance(&mut windows, &tx, 10, Ok(counted(&[(yes, 3), (others, 9)]))).is_empty());
    let counters = counted(&[(yes, 5), (no, 1), (others, 9)]);
    let [lines] = &advance(&mut windows, &tx, 60, Ok(counters.clone()))[..] else { panic!("one window") };
    let (start, end) = (START, START + 60);
    let record = |action: &str, packets: u64| {
        format!(
            "2 123456789012 {ENI} 203.0.113.9 172.31.0.10 40000 22 6 {packets} {} {start} {end} {action} OK",
            packets * 100
        )
    };
    let mut sorted = lines.clone();
    sorted.sort();
    assert_eq!(sorted, {
        let mut all = vec![record("ACCEPT", 5), record("REJECT", 1)];
        all.sort();
        all
    });
    // Nothing grew: an empty window.
    let [lines] = &advance(&mut windows, &tx, 120, Ok(counters))[..] else { panic!("one window") };
    assert_eq!(*lines, [format!("2 123456789012 {ENI} - - - - - - - {end} {} - NODATA", end + 60)]);
    // Forgotten by the kernel, and begun again.
    let [lines] = &advance(&mut windows, &tx, 180, Ok(counted(&[(yes, 2)])))[..] else { panic!("one window") };
    assert!(lines.len() == 1 && lines[0].contains(" 6 2 200 "), "{lines:?}");
}

#[test]
fn each_log_has_its_traffic_and_its_length() {
    let (mut tx, vpc) = world();
    tx.put(FlowLog { traffic: TrafficType::Reject, ..log(1, FlowLogResource::Vpc(vpc)) });
    tx.put(FlowLog { traffic: TrafficType::Accept, interval_seconds: 600, ..log(2, FlowLogResource::Vpc(vpc)) });
    let mut windows = windows();
    assert_eq!(windows.step(tx.state()), Some(60));
    let counters = |n| counted(&[(flow(ENI, true), n), (flow(OTHER, false), n)]);
    let [lines] = &advance(&mut windows, &tx, 60, Ok(counters(1)))[..] else { panic!("one window") };
    assert!(lines.len() == 2 && lines[0].contains("REJECT") && lines[1].ends_with("NODATA"), "{lines:?}");
    let ends = (2..=10).flat_map(|minute| {
        let minute_u64 = u64::try_from(minute).unwrap();
        advance(&mut windows, &tx, minute * 60, Ok(counters(minute_u64)))
    });
    let of_accepted: Vec<_> = ends.filter(|lines| lines.iter().any(|line| line.contains("ACCEPT"))).collect();
    let [lines] = &of_accepted[..] else { panic!("{of_accepted:?}") };
    let first_end = (START / 600 + 1) * 600;
    let packets = (first_end - START) / 60;
    assert!(lines[0].contains(&format!(" 6 {packets} {} {START} {first_end} ACCEPT OK", packets * 100)), "{lines:?}");
    tx.delete(cloud::Key::FlowLog(FlowLogId::from_number(1)));
    tx.delete(cloud::Key::FlowLog(FlowLogId::from_number(2)));
    assert_eq!(windows.step(tx.state()), None);
    assert!(advance(&mut windows, &tx, 700, Ok(counters(99))).is_empty());
    assert!(windows.of.is_empty() && windows.seen.is_empty());
}

#[test]
fn what_was_lost_is_said() {
    let (mut tx, _) = world();
    tx.put(log(1, FlowLogResource::NetworkInterface(ENI)));
    let skipped = |start: i64, end: i64| format!("2 123456789012 {ENI} - - - - - - - {start} {end} - SKIPDATA");
    let mut over = counted(&[(flow(ENI, true), 1)]);
    over.overflowed.insert(ENI);
    let mut first = windows();
    let [lines] = &advance(&mut first, &tx, 60, Ok(over))[..] else { panic!("one window") };
    assert!(lines.len() == 2 && lines[1] == skipped(START, START + 60), "{lines:?}");
    let [lines] = &advance(&mut first, &tx, 120, Err(()))[..] else { panic!("one window") };
    assert_eq!(*lines, [skipped(START + 60, START + 120)]);
    // A daemon that starts again does not tell of what another told of.
    let mut second = Windows::new(None, at(130));
    let [lines] = &advance(&mut second, &tx, 180, Ok(counted(&[(flow(ENI, true), 50)])))[..] else { panic!("one") };
    assert_eq!(*lines, [skipped(START + 130, START + 180)]);
    let [lines] = &advance(&mut second, &tx, 240, Ok(counted(&[(flow(ENI, true), 53)])))[..] else { panic!("one") };
    assert!(lines.len() == 1 && lines[0].contains(" 6 3 300 "), "{lines:?}");
}

#[test]
fn a_format_of_ones_own() {
    let (mut tx, vpc) = world();
    let format = "${vpc-id} ${instance-id} ${flow-direction} ${az-id} ${tcp-flags} ${pkt-dstaddr} ${version} ${region}";
    tx.put(FlowLog { format: format.to_owned(), ..log(1, FlowLogResource::Vpc(vpc)) });
    let own = tx.interfaces[&ENI].private_ip;
    let inward = Flow { destination: own.into(), ..flow(ENI, true) };
    let counters = counted(&[(inward, 1)]);
    let [lines] = &advance(&mut windows(), &tx, 60, Ok(counters))[..] else { panic!("one window") };
    let instance = types::InstanceId::from_number(10);
    let zone = tx.interfaces[&ENI].zone.zone_id();
    assert_eq!(lines[0], format!("{vpc} {instance} ingress {zone} - {own} 5 us-east-1"));
    assert_eq!(lines[1], "- - - - - - 5 -");
}

#[test]
fn ipv6_is_told_as_what_it_is() {
    let (mut tx, _) = world();
    let (own, other) = (Ipv6Addr::new(0x2001, 0xdb8, 0, 0x100, 0, 0, 0, 5), Ipv6Addr::new(0x2620, 0, 0, 0, 0, 0, 0, 9));
    let eni = tx.interfaces[&ENI].clone();
    tx.put(NetworkInterface { ipv6: vec![own], ..NetworkInterface::clone(&eni) });
    let format = "${type} ${srcaddr} ${dstaddr} ${pkt-srcaddr} ${srcport} ${protocol} ${flow-direction} ${packets}";
    tx.put(FlowLog { format: format.to_owned(), ..log(1, FlowLogResource::NetworkInterface(ENI)) });
    let ping = Flow { protocol: 58, source_port: 0, destination_port: 0, ..flow(ENI, true) };
    let out = Flow { source: own.into(), destination: other.into(), ..ping };
    let back = Flow { source: other.into(), destination: own.into(), ..ping };
    let counters = counted(&[(flow(ENI, true), 1), (out, 2), (back, 3)]);
    let [lines] = &advance(&mut windows(), &tx, 60, Ok(counters))[..] else { panic!("one window") };
    assert_eq!(
        lines[..],
        [
            "IPv4 203.0.113.9 172.31.0.10 203.0.113.9 40000 6 ingress 1".to_owned(),
            format!("IPv6 {own} {other} {own} 0 58 egress 2"),
            format!("IPv6 {other} {own} {other} 0 58 ingress 3"),
        ]
    );
}

#[test]
fn files_are_of_days_and_of_some_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let id = FlowLogId::from_number(1);
    for day in 0..9 {
        let now = at(day * 86_400);
        assert_eq!(files::append(dir.path(), &region(), id, now, &["one".to_owned()]).unwrap(), 0);
        assert_eq!(files::append(dir.path(), &region(), id, now, &["two".to_owned()]).unwrap(), 0);
    }
    let directory = dir.path().join("us-east-1").join(id.to_string());
    let mut names: Vec<_> =
        std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!((names.len(), &*names[0], &*names[6]), (7, "2023-11-16.log", "2023-11-22.log"));
    assert_eq!(std::fs::read_to_string(directory.join(&names[6])).unwrap(), "one\ntwo\n");
    let today = std::fs::OpenOptions::new().write(true).open(directory.join(&names[6])).unwrap();
    today.set_len((64 << 20) - 4).unwrap();
    let left_out = files::append(dir.path(), &region(), id, at(8 * 86_400), &["abc".to_owned(), "d".to_owned()]);
    assert_eq!(left_out.unwrap(), 1, "a full file grows no more");
}
