//! The resolver over real sockets and, where what must not happen is at stake, at its point of decision. Loopback
//! addresses stand for the instances' and for other resolvers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::{A, TXT};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use proptest::prelude::*;
use tokio::task::JoinHandle;

use super::*;
use crate::imds::fixture::{FIRST, FIRST_PUBLIC, Fixture, SECOND};

mod peering;

const FIRST_SOURCE: SocketAddr = SocketAddr::new(IpAddr::V4(FIRST), 4000);

fn resolver(cloud: &Fixture) -> Resolver {
    Resolver {
        ledger: cloud.ledger.clone(),
        config: Arc::clone(&cloud.config),
        region: cloud.region.clone(),
        vpc: cloud.vpc,
    }
}

fn desk(cloud: &Fixture) -> Arc<Desk> {
    Desk::new(resolver(cloud), Forwarder::to(Vec::new()))
}

fn question(name: &str, kind: RecordType) -> Message {
    let mut message = Message::new(0x1234, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message
}

fn read(bytes: &[u8]) -> Message {
    Message::from_vec(bytes).unwrap()
}

/// What is answered on the spot, or `None`.
fn decided(desk: &Desk, message: &Message) -> Option<Message> {
    match desk.decide(&message.to_vec().unwrap(), FIRST_SOURCE, Transport::Udp) {
        Verdict::Answer(answer) => Some(read(&answer)),
        Verdict::Forward(..) | Verdict::Silence => None,
    }
}

/// The answer in a word: its records, `-` for none, `NXDOMAIN`, or `outside`.
fn summary(desk: &Desk, name: &str, kind: RecordType) -> String {
    let message = question(name, kind);
    match desk.decide(&message.to_vec().unwrap(), FIRST_SOURCE, Transport::Udp) {
        Verdict::Silence => "silence".to_owned(),
        Verdict::Forward(..) => "outside".to_owned(),
        Verdict::Answer(answer) => {
            let answer = read(&answer);
            assert_eq!((answer.id, answer.message_type), (message.id, MessageType::Response));
            assert!(answer.recursion_available && answer.recursion_desired && !answer.truncation);
            assert_eq!(answer.queries, message.queries);
            let has_soa = answer.authorities.iter().any(|record| {
                record.record_type() == RecordType::SOA && record.name.zone_of(message.queries[0].name())
            });
            assert_eq!(has_soa, answer.answers.is_empty(), "{name}: what is not there may be remembered");
            match answer.response_code {
                ResponseCode::NXDomain => "NXDOMAIN".to_owned(),
                ResponseCode::NoError if answer.answers.is_empty() => "-".to_owned(),
                ResponseCode::NoError => {
                    let texts: Vec<_> = answer.answers.iter().map(|record| record.data.to_string()).collect();
                    texts.join(" ")
                }
                other => format!("{other:?}"),
            }
        }
    }
}

fn check(desk: &Desk, table: &[(&str, RecordType, &str)]) {
    for (name, kind, expected) in table {
        assert_eq!(summary(desk, name, *kind), *expected, "{name} {kind}");
    }
}

#[tokio::test]
async fn names_of_the_vpc() {
    use RecordType::{A, AAAA, ANY, PTR, TXT};
    let cloud = Fixture::new().await;
    check(
        &desk(&cloud),
        &[
            ("ip-127-0-0-1.ec2.internal.", A, "127.0.0.1"),
            ("IP-127-0-0-1.EC2.Internal.", A, "127.0.0.1"),
            ("ip-127-0-0-1.ec2.internal.", AAAA, "-"),
            ("ip-127-0-0-1.ec2.internal.", TXT, "-"),
            ("ip-127-0-0-1.ec2.internal.", ANY, "127.0.0.1"),
            // Every address of the VPC has a name, given out or not; no other has.
            ("ip-127-0-200-9.ec2.internal.", A, "127.0.200.9"),
            ("ip-127-1-0-1.ec2.internal.", A, "NXDOMAIN"),
            ("ip-127-0-0-01.ec2.internal.", A, "NXDOMAIN"),
            ("ip-127-0-0-256.ec2.internal.", A, "NXDOMAIN"),
            ("ip-127-0-0-1-1.ec2.internal.", A, "NXDOMAIN"),
            ("x.ip-127-0-0-1.ec2.internal.", A, "NXDOMAIN"),
            ("ip-127-0-0-1.eu-west-1.compute.internal.", A, "NXDOMAIN"),
            ("ec2.internal.", A, "-"),
            ("other.ec2.internal.", AAAA, "NXDOMAIN"),
            ("i-00000000000000002.ec2.internal.", A, "NXDOMAIN"),
            ("i-00000000000000003.ec2.internal.", A, "NXDOMAIN"),
            ("instance-data.ec2.internal.", A, "169.254.169.254"),
            ("1.0.0.127.in-addr.arpa.", PTR, "ip-127-0-0-1.ec2.internal."),
            ("1.0.0.127.in-addr.arpa.", A, "-"),
            ("254.169.254.169.in-addr.arpa.", PTR, "instance-data.ec2.internal."),
        ],
    );
}

#[tokio::test]
async fn an_interface_asks_by_its_ipv6_address_too() {
    use cloud::resource::NetworkInterface;
    let cloud = Fixture::new().await;
    let (first, own) = (cloud.first, Ipv6Addr::new(0x2001, 0xdb8, 0, 0x100, 0, 0, 0, 5));
    let desk = desk(&cloud);
    let message = question("ip-127-0-0-1.ec2.internal.", RecordType::A).to_vec().unwrap();
    let asked = || desk.decide(&message, (own, 4000).into(), Transport::Udp);
    assert!(matches!(asked(), Verdict::Silence), "nobody's address");
    cloud
        .write(move |tx| {
            let eni = tx.interfaces[&tx.instances[&first].interfaces[0]].clone();
            tx.put(NetworkInterface { ipv6: vec![own], ..NetworkInterface::clone(&eni) });
        })
        .await;
    let Verdict::Answer(answer) = asked() else { panic!("no answer") };
    assert_eq!(read(&answer).answers[0].data.to_string(), "127.0.0.1");
}

#[tokio::test]
async fn public_names() {
    use RecordType::{A, AAAA, PTR};
    let cloud = Fixture::new().await;
    let desk = desk(&cloud);
    check(
        &desk,
        &[
            ("ec2-198-18-0-11.compute-1.amazonaws.com.", A, "127.0.0.1"),
            ("ec2-198-18-0-11.compute-1.amazonaws.com.", AAAA, "-"),
            ("ec2-198-18-0-12.compute-1.amazonaws.com.", A, "198.18.0.12"),
            ("ec2-198-18-0-12.eu-west-1.compute.amazonaws.com.", A, "198.18.0.12"),
            ("compute-1.amazonaws.com.", A, "-"),
            ("x.compute-1.amazonaws.com.", A, "NXDOMAIN"),
            ("a.ec2-198-18-0-11.compute-1.amazonaws.com.", A, "NXDOMAIN"),
            // Not of this cloud: a name of AWS.
            ("ec2-54-1-2-3.compute-1.amazonaws.com.", A, "outside"),
            ("ec2-198-18-0-12.s3.amazonaws.com.", A, "outside"),
            ("11.0.18.198.in-addr.arpa.", PTR, "ec2-198-18-0-11.compute-1.amazonaws.com."),
            ("12.0.18.198.in-addr.arpa.", PTR, "NXDOMAIN"),
        ],
    );
    // An address of another VPC is told as the world sees it.
    let first = cloud.first;
    cloud
        .write(move |tx| {
            let id = tx.instances[&first].interfaces[0];
            let mut eni = cloud::resource::NetworkInterface::clone(&tx.interfaces[&id]);
            eni.public = None;
            tx.put(eni.clone());
            eni.id = NetworkInterfaceId::from_number(77);
            eni.vpc = VpcId::from_number(77);
            eni.public = Some(cloud::resource::PublicAddress { ip: FIRST_PUBLIC, elastic: None });
            tx.put(eni);
        })
        .await;
    check(&desk, &[("ec2-198-18-0-11.compute-1.amazonaws.com.", A, "198.18.0.11")]);
}

#[tokio::test]
async fn what_stays_on_the_machine_and_what_does_not() {
    use RecordType::{A, AAAA, PTR};
    let cloud = Fixture::new().await;
    check(
        &desk(&cloud),
        &[
            ("example.com.", A, "outside"),
            ("instance-data.", A, "outside"),
            (".", RecordType::NS, "outside"),
            ("8.8.8.8.in-addr.arpa.", PTR, "outside"),
            ("172.in-addr.arpa.", RecordType::NS, "outside"),
            ("253.169.254.169.in-addr.arpa.", PTR, "NXDOMAIN"),
            ("1.2.3.10.in-addr.arpa.", PTR, "NXDOMAIN"),
            ("9.1.2.3.10.in-addr.arpa.", PTR, "NXDOMAIN"),
            ("5.0.31.172.in-addr.arpa.", PTR, "NXDOMAIN"),
            ("31.172.in-addr.arpa.", RecordType::SOA, "-"),
            ("1.0.d.f.ip6.arpa.", PTR, "NXDOMAIN"),
            ("localhost.", A, "127.0.0.1"),
            ("x.localhost.", AAAA, "::1"),
            ("example.invalid.", A, "NXDOMAIN"),
        ],
    );
}

#[tokio::test]
async fn names_by_id_are_known_as_far_as_the_instance_asks_for_them() {
    use RecordType::{A, AAAA};
    let cloud = Fixture::new().await;
    let desk = desk(&cloud);
    let name = "i-00000000000000001.ec2.internal.";
    check(&desk, &[(name, A, "NXDOMAIN")]);
    cloud.change_first(|instance| instance.options.private_dns.a_record = true).await;
    check(&desk, &[(name, A, "127.0.0.1"), (name, AAAA, "-")]);
    cloud.change_first(|instance| instance.options.private_dns.a_record = false).await;
    cloud.change_first(|instance| instance.options.private_dns.aaaa_record = true).await;
    check(&desk, &[(name, A, "-"), (name, AAAA, "-")]);
}

#[tokio::test]
async fn the_attributes_of_the_vpc_count() {
    use RecordType::{A, PTR};
    let cloud = Fixture::new().await;
    let desk = desk(&cloud);
    cloud.change_vpc(|vpc| vpc.enable_dns_hostnames = false).await;
    check(
        &desk,
        &[
            ("ip-127-0-0-1.ec2.internal.", A, "NXDOMAIN"),
            ("i-00000000000000002.ec2.internal.", A, "NXDOMAIN"),
            ("instance-data.ec2.internal.", A, "169.254.169.254"),
            ("ec2-198-18-0-11.compute-1.amazonaws.com.", A, "198.18.0.11"),
            ("1.0.0.127.in-addr.arpa.", PTR, "NXDOMAIN"),
            ("11.0.18.198.in-addr.arpa.", PTR, "NXDOMAIN"),
            ("example.com.", A, "outside"),
        ],
    );
    cloud.change_vpc(|vpc| vpc.enable_dns_support = false).await;
    check(&desk, &[("ip-127-0-0-1.ec2.internal.", A, "silence"), ("example.com.", A, "silence")]);
}

#[tokio::test]
async fn odd_packets_get_the_right_code_or_none() {
    let cloud = Fixture::new().await;
    let desk = desk(&cloud);
    let name = "ip-127-0-0-1.ec2.internal.";
    let code = |message: &Message| decided(&desk, message).map(|answer| answer.response_code);
    let plain = question(name, RecordType::A);
    assert_eq!(code(&plain), Some(ResponseCode::NoError));

    let mut answer = plain.clone();
    answer.metadata.message_type = MessageType::Response;
    assert_eq!(code(&answer), None);
    let mut update = plain.clone();
    update.metadata.op_code = OpCode::Notify;
    assert_eq!(code(&update), Some(ResponseCode::NotImp));
    let mut two = plain.clone();
    two.add_query(plain.queries[0].clone());
    assert_eq!(code(&two), Some(ResponseCode::FormErr));
    let mut chaos = plain.clone();
    chaos.queries[0].set_query_class(DNSClass::CH);
    assert_eq!(code(&chaos), Some(ResponseCode::Refused));
    assert_eq!(code(&question(name, RecordType::AXFR)), Some(ResponseCode::Refused));
    let mut newer = plain.clone();
    let mut edns = Edns::new();
    edns.set_version(1);
    newer.set_edns(edns);
    // Two codes share the number 16.
    assert_eq!(code(&newer).map(u16::from), Some(u16::from(ResponseCode::BADVERS)));
    let mut iterative = question("example.com.", RecordType::A);
    iterative.metadata.recursion_desired = false;
    assert_eq!(code(&iterative), Some(ResponseCode::Refused));

    let bytes = plain.to_vec().unwrap();
    for length in 0..bytes.len() {
        match desk.decide(&bytes[..length], FIRST_SOURCE, Transport::Udp) {
            Verdict::Answer(answer) => {
                assert!(length >= 12);
                let answer = read(&answer);
                assert_eq!((answer.id, answer.response_code), (plain.id, ResponseCode::FormErr), "{length} bytes");
            }
            Verdict::Silence => assert!(length < 12),
            Verdict::Forward(..) => panic!("forwarded {length} bytes"),
        }
    }
    // Only interfaces of the VPC are answered.
    let stranger = SocketAddr::from(([127, 0, 0, 3], 4000));
    assert!(matches!(desk.decide(&bytes, stranger, Transport::Udp), Verdict::Silence));
}

#[tokio::test]
async fn options_are_answered_with_options() {
    let cloud = Fixture::new().await;
    let mut message = question("ip-127-0-0-1.ec2.internal.", RecordType::A);
    assert!(decided(&desk(&cloud), &message).unwrap().edns.is_none());
    let mut edns = Edns::new();
    edns.set_max_payload(4096).set_dnssec_ok(true);
    message.set_edns(edns);
    let answer = decided(&desk(&cloud), &message).unwrap().edns.unwrap();
    assert!(answer.flags().dnssec_ok);
    assert_eq!((answer.version(), answer.max_payload()), (0, 1232));
}

#[tokio::test]
async fn a_flood_is_dropped() {
    let cloud = Fixture::new().await;
    let desk = desk(&cloud);
    let packet = question("ip-127-0-0-1.ec2.internal.", RecordType::A).to_vec().unwrap();
    let ask = |source| matches!(desk.decide(&packet, source, Transport::Udp), Verdict::Answer(_));
    let dropped = (0..20 * PACKETS.1).find(|_| !ask(FIRST_SOURCE));
    assert!(dropped.is_some_and(|count| count >= PACKETS.1), "{dropped:?}");
    assert!(ask(SocketAddr::from((SECOND, 4000))), "the neighbour is still answered");
}

#[tokio::test]
async fn one_instance_cannot_take_all_questions_outside() {
    let cloud = Fixture::new().await;
    let desk = desk(&cloud);
    let packet = question("example.com.", RecordType::A).to_vec().unwrap();
    let ask = |source| desk.decide(&packet, source, Transport::Udp);
    let held: Vec<_> = (0..FORWARDED.0).map(|_| ask(FIRST_SOURCE)).collect();
    assert!(held.iter().all(|verdict| matches!(verdict, Verdict::Forward(..))));
    let Verdict::Answer(refused) = ask(FIRST_SOURCE) else { panic!("more than its share was forwarded") };
    assert_eq!(read(&refused).response_code, ResponseCode::ServFail);
    assert!(matches!(ask(SocketAddr::from((SECOND, 4000))), Verdict::Forward(..)));
    drop(held);
    assert!(matches!(ask(FIRST_SOURCE), Verdict::Forward(..)));
}

/// A running resolver and another one for it to ask; both end with the test.
struct Running {
    udp: SocketAddr,
    tcp: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
    _cloud: Fixture,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// What the other resolver says to a question, over a stream or not. `None` keeps it silent.
type Oracle = fn(&Message, Transport) -> Option<Vec<u8>>;

impl Running {
    async fn new(oracles: &[Oracle]) -> Self {
        let cloud = Fixture::new().await;
        let (mut servers, mut tasks) = (Vec::new(), Vec::new());
        for oracle in oracles {
            let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let address = udp.local_addr().unwrap();
            let tcp = TcpListener::bind(address).await.unwrap();
            servers.push(address);
            tasks.push(tokio::spawn(speak_udp(udp, *oracle)));
            tasks.push(tokio::spawn(speak_tcp(tcp, *oracle)));
        }
        let udp = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let tcp = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (udp_address, tcp_address) = (udp.local_addr().unwrap(), tcp.local_addr().unwrap());
        tasks.push(tokio::spawn(resolver(&cloud).serve_with(Forwarder::to(servers), vec![udp], vec![tcp])));
        Self { udp: udp_address, tcp: tcp_address, tasks, _cloud: cloud }
    }

    async fn ask_udp(&self, message: &Message) -> Message {
        let socket = UdpSocket::bind((FIRST, 0)).await.unwrap();
        socket.send_to(&message.to_vec().unwrap(), self.udp).await.unwrap();
        let mut buffer = [0; 8192];
        let (length, _) = timeout(Duration::from_secs(8), socket.recv_from(&mut buffer)).await.unwrap().unwrap();
        read(&buffer[..length])
    }

    async fn ask_tcp(&self, messages: &[Message]) -> Vec<Message> {
        let mut stream = TcpStream::connect(self.tcp).await.unwrap();
        let mut answers = Vec::new();
        for message in messages {
            let bytes = message.to_vec().unwrap();
            stream.write_u16(bytes.len() as u16).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
            let mut answer = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut answer).await.unwrap();
            answers.push(read(&answer));
        }
        answers
    }
}

async fn speak_udp(socket: UdpSocket, oracle: Oracle) {
    let mut buffer = [0; 4096];
    while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
        if let Some(answer) = oracle(&read(&buffer[..length]), Transport::Udp) {
            socket.send_to(&answer, peer).await.unwrap();
        }
    }
}

async fn speak_tcp(listener: TcpListener, oracle: Oracle) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let Some(packet) = read_query(&mut stream).await else { continue };
        let Some(answer) = oracle(&read(&packet), Transport::Tcp) else { continue };
        stream.write_u16(answer.len() as u16).await.unwrap();
        stream.write_all(&answer).await.unwrap();
    }
}

fn reply(message: &Message, data: Vec<RData>) -> Message {
    let mut answer = message.clone().into_response();
    let name = message.queries[0].name().clone();
    answer.add_answers(data.into_iter().map(|data| Record::from_rdata(name.clone(), 5, data)));
    answer
}

const ANSWER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 80);

fn knows(message: &Message, _: Transport) -> Option<Vec<u8>> {
    reply(message, vec![RData::A(A(ANSWER))]).to_vec().ok()
}

fn refuses(message: &Message, _: Transport) -> Option<Vec<u8>> {
    Message::error_msg(message.id, OpCode::Query, ResponseCode::Refused)
        .add_query(message.queries[0].clone())
        .to_vec()
        .ok()
}

/// Cuts its answers in datagrams; whole, they are large.
fn talks_at_length(message: &Message, transport: Transport) -> Option<Vec<u8>> {
    let texts = (0..15).map(|n| RData::TXT(TXT::new(vec![format!("{n:0200}")]))).collect();
    let whole = reply(message, texts);
    let message = if transport == Transport::Tcp { whole } else { whole.truncate() };
    message.to_vec().ok()
}

fn is_answer(message: &Message) -> bool {
    matches!(&message.answers[..], [Record { data: RData::A(A(ANSWER)), .. }])
}

#[tokio::test]
async fn both_transports_answer() {
    let running = Running::new(&[]).await;
    let own = question("ip-127-0-0-1.ec2.internal.", RecordType::A);
    assert_eq!(running.ask_udp(&own).await.answers.len(), 1);
    let other = question("ip-127-0-0-9.ec2.internal.", RecordType::A);
    let answers = running.ask_tcp(&[own, other]).await;
    assert!(answers.iter().all(|answer| answer.answers.len() == 1));
}

#[tokio::test]
async fn what_others_know_is_passed_on() {
    let running = Running::new(&[knows]).await;
    let message = question("www.example.com.", RecordType::A);
    let answer = running.ask_udp(&message).await;
    assert!(is_answer(&answer) && answer.id == message.id, "{answer}");
    assert!(is_answer(&running.ask_tcp(&[message]).await[0]));
}

#[tokio::test]
async fn only_an_answer_to_the_question_counts() {
    fn lies(message: &Message, _: Transport) -> Option<Vec<u8>> {
        let mut wrong_id = reply(message, vec![RData::A(A(Ipv4Addr::new(6, 6, 6, 6)))]);
        match message.queries[0].name().to_ascii().as_str() {
            "wrong-id.example.com." => wrong_id.metadata.id ^= 1,
            "wrong-name.example.com." => {
                wrong_id.queries[0].set_name(Name::from_ascii("other.example.com.").unwrap());
            }
            _ => wrong_id.queries.clear(),
        }
        wrong_id.to_vec().ok()
    }
    // Told apart from silence by the second resolver, which is asked when the first has said nothing that counts.
    let running = Running::new(&[lies, knows]).await;
    let ask = async |name| running.ask_udp(&question(name, RecordType::A)).await;
    let answers =
        tokio::join!(ask("wrong-id.example.com."), ask("wrong-name.example.com."), ask("no-question.example.com."));
    assert!(is_answer(&answers.0) && is_answer(&answers.1) && is_answer(&answers.2), "{answers:?}");
}

#[tokio::test]
async fn the_next_resolver_is_asked_when_one_refuses() {
    let message = question("www.example.com.", RecordType::A);
    assert!(is_answer(&Running::new(&[refuses, knows]).await.ask_udp(&message).await));
    let refused = Running::new(&[refuses]).await.ask_udp(&message).await;
    assert_eq!(refused.response_code, ResponseCode::Refused);
}

#[tokio::test]
async fn answers_too_long_for_a_datagram_come_over_a_stream() {
    let running = Running::new(&[talks_at_length]).await;
    let message = question("long.example.com.", RecordType::TXT);
    let cut = running.ask_udp(&message).await;
    assert!(cut.truncation && cut.answers.is_empty());
    let whole = &running.ask_tcp(&[message]).await[0];
    assert!(!whole.truncation && whole.answers.len() == 15);
    // To a guest that takes large datagrams, what fits is sent whole.
    let mut large = question("long.example.com.", RecordType::TXT);
    let mut edns = Edns::new();
    edns.set_max_payload(65_000);
    large.set_edns(edns);
    let answer = running.ask_udp(&large).await;
    assert!(!answer.truncation && answer.answers.len() == 15, "{answer}");
}

#[tokio::test]
async fn without_a_way_out_failure_is_fast() {
    let message = question("www.example.com.", RecordType::A);
    let nobody = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let closed = nobody.local_addr().unwrap();
    drop(nobody);
    for servers in [vec![], vec![closed]] {
        let cloud = Fixture::new().await;
        let desk = Desk::new(resolver(&cloud), Forwarder::to(servers));
        let Verdict::Forward(request, slot) = desk.decide(&message.to_vec().unwrap(), FIRST_SOURCE, Transport::Udp)
        else {
            panic!("not forwarded")
        };
        let answer = timeout(Duration::from_secs(1), desk.forward(request, slot)).await.unwrap();
        assert_eq!(read(&answer).response_code, ResponseCode::ServFail);
    }
}

#[tokio::test]
async fn silent_resolvers_are_given_up_in_time() {
    let running = Running::new(&[|_, _| None]).await;
    let start = Instant::now();
    let answer = running.ask_udp(&question("www.example.com.", RecordType::A)).await;
    assert_eq!(answer.response_code, ResponseCode::ServFail);
    assert!(start.elapsed() < Duration::from_secs(5), "guests ask again after five seconds");
}

#[tokio::test]
async fn streams_end_when_a_guest_misbehaves() {
    let running = Running::new(&[]).await;
    let mut stream = TcpStream::connect(running.tcp).await.unwrap();
    stream.write_all(&[0xff; 64]).await.unwrap();
    let ended = timeout(Duration::from_secs(2), stream.read_to_end(&mut Vec::new())).await;
    assert!(ended.is_ok(), "a stream that promises a huge query is kept");
    let mut held = Vec::new();
    for _ in 0..STREAMS.0 {
        held.push(TcpStream::connect(running.tcp).await.unwrap());
    }
    let mut refused = TcpStream::connect(running.tcp).await.unwrap();
    let ended = timeout(Duration::from_secs(2), refused.read_to_end(&mut Vec::new())).await;
    assert!(ended.is_ok(), "an instance has more streams than its share");
}

/// Random bytes, and queries with random bytes changed, which get further.
fn packets() -> impl Strategy<Value = Vec<u8>> {
    let names = prop_oneof![
        Just("ip-127-0-0-1.ec2.internal.".to_owned()),
        Just("1.0.0.127.in-addr.arpa.".to_owned()),
        "[a-z0-9-]{1,20}(\\.[a-z0-9-]{1,20}){0,6}\\.",
    ];
    let changed = (names, any::<u16>(), any::<bool>(), prop::collection::vec((any::<usize>(), any::<u8>()), 0..4))
        .prop_filter_map("not a name", |(name, kind, with_edns, changes)| {
            let mut message = Message::new(7, MessageType::Query, OpCode::Query);
            message.add_query(Query::query(Name::from_ascii(name).ok()?, RecordType::from(kind)));
            if with_edns {
                message.set_edns(Edns::new());
            }
            let mut bytes = message.to_vec().ok()?;
            for (index, byte) in changes {
                let length = bytes.len();
                bytes[index % length] = byte;
            }
            Some(bytes)
        });
    prop_oneof![prop::collection::vec(any::<u8>(), 0..600), changed]
}

#[test]
fn no_packet_does_harm() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cloud = runtime.block_on(Fixture::new());
    let mut desk = Arc::into_inner(desk(&cloud)).unwrap();
    desk.packets = Rate::new(u32::MAX, u32::MAX);
    proptest!(ProptestConfig::with_cases(3_000), |(packet in packets(), upstream in packets())| {
        for transport in [Transport::Udp, Transport::Tcp] {
            match desk.decide(&packet, FIRST_SOURCE, transport) {
                Verdict::Silence => prop_assert!(packet.len() < 12 || packet[2] & 0x80 != 0),
                Verdict::Answer(answer) => {
                    prop_assert_eq!(&answer[..2], &packet[..2]);
                    prop_assert!(answer[2] & 0x80 != 0 && answer.len() >= 12);
                    prop_assert!(transport == Transport::Tcp || answer.len() <= 4096);
                }
                Verdict::Forward(request, _) => {
                    let question = request.forwarded(9).unwrap();
                    prop_assert!(!request.is_answered_by(9, &question), "a question is not an answer");
                    request.is_answered_by(9, &upstream);
                    let mut answer = question;
                    answer[2] |= 0x80;
                    prop_assert!(request.is_answered_by(9, &answer));
                    let relayed = request.relayed(answer);
                    prop_assert_eq!(&relayed[..2], &packet[..2]);
                }
            }
        }
    });
}
