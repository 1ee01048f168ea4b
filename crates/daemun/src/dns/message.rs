//! Queries as they arrive, answers as they leave.

use hickory_proto::op::{Edns, Header, Message, MessageType, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

use super::zone::Found;

/// The size of a header in bytes.
const HEADER_BYTES: usize = 12;
/// What fits into a datagram where nobody said otherwise (RFC 1035).
const PLAIN_BYTES: usize = 512;
/// The largest datagram sent however large a guest says it can take.
const LARGEST_BYTES: usize = 4096;
/// How large a datagram may be that we ask for: one that passes every link whole (DNS flag day 2020).
pub const OUR_BYTES: u16 = 1232;
/// How many additional records a query may have.
const MAX_ADDITIONAL: u8 = 4;
/// How long it may be remembered that a name is not there, in seconds.
const NEGATIVE_TTL_S: u32 = 60;

/// How a query came, and so how its answer leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram.
    Udp,
    /// On a stream.
    Tcp,
}

/// A query that makes sense.
#[derive(Debug, Clone)]
pub struct Request {
    head: Metadata,
    /// What is asked.
    pub query: Query,
    /// For one with EDNS, whether DNSSEC records are wanted.
    edns: Option<bool>,
    /// How many bytes the answer may have.
    limit: usize,
}

/// What came of a packet.
#[derive(Debug)]
pub enum Parsed {
    /// A query.
    Query(Request),
    /// Something to be answered at once: nothing can be looked up for it.
    Refused(Vec<u8>),
    /// Nothing that may be answered, such as an answer.
    Nothing,
}

/// Reads a packet. Never more than one question, and only of the kind that everybody asks.
pub fn parse(packet: &[u8], transport: Transport) -> Parsed {
    let Some(head) = packet.first_chunk::<HEADER_BYTES>() else { return Parsed::Nothing };
    if head[2] & 0x80 != 0 {
        return Parsed::Nothing;
    }
    let refused = |code: ResponseCode| Parsed::Refused(bare_answer(head, code));
    if head[2] & 0x78 != 0 {
        return refused(ResponseCode::NotImp);
    }
    // Looked at before anything is read: room is made for as much as is said to follow. That is one question and
    // nothing else but options and a signature.
    if head[4..11] != [0, 1, 0, 0, 0, 0, 0] || head[11] > MAX_ADDITIONAL {
        return refused(ResponseCode::FormErr);
    }
    let Ok(mut message) = Message::from_vec(packet) else { return refused(ResponseCode::FormErr) };
    let Some(query) = message.queries.pop() else { return refused(ResponseCode::FormErr) };
    let edns = message.edns.as_ref().map(|edns| edns.flags().dnssec_ok);
    let limit = match (transport, &message.edns) {
        (Transport::Tcp, _) => usize::from(u16::MAX),
        (Transport::Udp, None) => PLAIN_BYTES,
        (Transport::Udp, Some(edns)) => usize::from(edns.max_payload()).clamp(PLAIN_BYTES, LARGEST_BYTES),
    };
    let request = Request { head: message.metadata, query, edns, limit };
    if message.edns.as_ref().is_some_and(|edns| edns.version() > 0) {
        return Parsed::Refused(request.failure(ResponseCode::BADVERS));
    }
    let is_transfer = matches!(request.query.query_type(), RecordType::AXFR | RecordType::IXFR);
    if is_transfer || request.query.query_class() != DNSClass::IN {
        return Parsed::Refused(request.failure(ResponseCode::Refused));
    }
    Parsed::Query(request)
}

impl Request {
    /// Whether an answer may be looked for elsewhere.
    pub fn wants_recursion(&self) -> bool {
        self.head.recursion_desired
    }

    /// The answer that has only a code.
    pub fn failure(&self, code: ResponseCode) -> Vec<u8> {
        let mut message = self.empty_answer();
        message.metadata.response_code = code;
        self.written(&message)
    }

    /// The answer with what was found; `None` if that is for others to say.
    pub fn answer(&self, found: Found) -> Option<Vec<u8>> {
        let mut message = self.empty_answer();
        match found {
            Found::Foreign => return None,
            Found::Absent { zone } => {
                message.metadata.response_code = ResponseCode::NXDomain;
                message.add_authority(start_of_authority(zone));
            }
            Found::Records { records, zone, .. } if records.is_empty() => {
                message.add_authority(start_of_authority(zone));
            }
            Found::Records { records, ttl_s, .. } => {
                let record = |data| Record::from_rdata(self.query.name().clone(), ttl_s, data);
                message.add_answers(records.into_iter().map(record));
            }
        }
        Some(self.written(&message))
    }

    /// The same question in our own words, for another resolver: with this id, and none of the guest's options.
    pub fn forwarded(&self, id: u16) -> Option<Vec<u8>> {
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.metadata.checking_disabled = self.head.checking_disabled;
        message.metadata.authentic_data = self.head.authentic_data;
        message.add_query(self.query.clone());
        self.add_edns(&mut message);
        message.to_vec().ok()
    }

    /// Whether these bytes answer the question that was sent with this id.
    pub fn is_answered_by(&self, id: u16, bytes: &[u8]) -> bool {
        let mut decoder = BinDecoder::new(bytes);
        let Ok(header) = Header::read(&mut decoder) else { return false };
        let head = &header.metadata;
        let is_fitting = head.id == id && head.message_type == MessageType::Response && head.op_code == OpCode::Query;
        is_fitting && header.counts.queries == 1 && Query::read(&mut decoder).is_ok_and(|query| query == self.query)
    }

    /// Turns another resolver's answer, already checked, into the one for the guest.
    pub fn relayed(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        if bytes.len() > self.limit {
            let mut message = self.empty_answer();
            message.metadata.truncation = true;
            return self.written(&message);
        }
        if let Some(id) = bytes.first_chunk_mut::<2>() {
            *id = self.head.id.to_be_bytes();
        }
        bytes
    }

    fn empty_answer(&self) -> Message {
        let mut message = Message::new(self.head.id, MessageType::Response, OpCode::Query);
        message.metadata = Metadata::response_from_request(&self.head);
        message.metadata.recursion_available = true;
        message.add_query(self.query.clone());
        self.add_edns(&mut message);
        message
    }

    fn add_edns(&self, message: &mut Message) {
        if let Some(dnssec_ok) = self.edns {
            let mut edns = Edns::new();
            edns.set_max_payload(OUR_BYTES).set_dnssec_ok(dnssec_ok);
            message.set_edns(edns);
        }
    }

    /// The message as bytes, cut short if it is longer than the guest can take.
    fn written(&self, message: &Message) -> Vec<u8> {
        let fits = |bytes: &Vec<u8>| bytes.len() <= self.limit;
        message.to_vec().ok().filter(fits).or_else(|| message.truncate().to_vec().ok()).unwrap_or_default()
    }
}

/// Whether another resolver says that its answer is cut short.
pub fn is_truncated(bytes: &[u8]) -> bool {
    bytes.get(2).is_some_and(|flags| flags & 0x02 != 0)
}

/// Whether another resolver says that it could not or would not find out.
pub fn is_refusal(bytes: &[u8]) -> bool {
    let code = bytes.get(3).map_or(0, |flags| flags & 0x0f);
    [ResponseCode::ServFail, ResponseCode::NotImp, ResponseCode::Refused].iter().any(|refusal| refusal.low() == code)
}

/// The answer to a packet that cannot be read: its id, its opcode and whether it wanted recursion, and a code.
fn bare_answer(head: &[u8; HEADER_BYTES], code: ResponseCode) -> Vec<u8> {
    let mut answer = vec![0; HEADER_BYTES];
    answer[..2].copy_from_slice(&head[..2]);
    answer[2] = 0x80 | (head[2] & 0x79);
    answer[3] = 0x80 | code.low();
    answer
}

/// What tells a guest how long it may remember that there is nothing (RFC 2308).
fn start_of_authority(zone: Name) -> Record {
    let of_zone = |host: &str| zone.prepend_label(host).unwrap_or_else(|_| zone.clone());
    let data = SOA::new(of_zone("ns0"), of_zone("hostmaster"), 1, 3600, 900, 604_800, NEGATIVE_TTL_S);
    Record::from_rdata(zone.clone(), NEGATIVE_TTL_S, RData::SOA(data))
}
