//! The names the resolver knows by itself.
//!
//! Names are computed from the State at each query; there are no zone files and no cache.
//!
//! - `ip-A-B-C-D.DOMAIN` is A.B.C.D, for every address in the VPC's blocks, given out or not.
//! - The names of a VPC that this one is peered with are as its own, where that side of the connection allows it
//!   (`AllowDnsResolutionFromRemoteVpc`) and has both DNS attributes on itself.
//! - `i-ID.DOMAIN` is the primary private address of that instance, and its first IPv6 address, as far as its options
//!   ask for such records.
//! - `ec2-A-B-C-D.PUBLIC-DOMAIN` is the private address behind a public one where the interface is in this VPC, else
//!   the public address itself. Such names outside the cloud's pool are those of AWS, so AWS is asked.
//! - The reverse of an address in the VPC is the first form, of a public address in use the third.
//! - `instance-data.ec2.internal` is the metadata service, in every region.
//! - Reverse names of private, loopback and link-local space, `localhost` and `invalid` never leave the machine
//!   (RFC 6303, RFC 6761).
//!
//! The first two forms, and the private answer to the third, need both DNS attributes of the VPC.
//!
//! Source: VPC guide, "DNS attributes for your VPC"; VPC peering guide, "Enable DNS resolution for a VPC peering connection"; EC2 User Guide, "EC2 instance hostnames and domains"; Route 53
//! Resolver guide, "Automatically defined rules".

use std::net::{Ipv4Addr, Ipv6Addr};

use cloud::names::{internal_domain, private_dns_name, private_host_name, public_dns_name, public_domain};
use cloud::resource::{NetworkInterface, Vpc};
use cloud::{Config, State, Tables};
use hickory_proto::rr::rdata::{A, AAAA, PTR};
use hickory_proto::rr::{Name, RData, RecordType};
use types::{InstanceId, Ipv4Cidr, Region, VpcId};

/// How long answers may be kept, in seconds.
const TTL_S: u32 = 60;
/// The same for what a public name leads to, which changes when an address moves.
const PUBLIC_TTL_S: u32 = 20;

/// The parent of all private names outside us-east-1, and the domain of those in it.
const INTERNAL_DOMAINS: [&str; 2] = ["compute.internal", "ec2.internal"];
/// IPv6 space that is private: unique local and link-local addresses (RFC 6303).
const LOCAL_IPV6: [&str; 6] =
    ["c.f.ip6.arpa", "d.f.ip6.arpa", "8.e.f.ip6.arpa", "9.e.f.ip6.arpa", "a.e.f.ip6.arpa", "b.e.f.ip6.arpa"];
/// IPv4 space whose reverse names nobody outside can know (RFC 6303, RFC 7793): address and length of the prefix.
const LOCAL_IPV4: [([u8; 4], u8); 11] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 2, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([255, 255, 255, 255], 32),
];
/// The metadata service, and its name.
const METADATA: (Ipv4Addr, &str) = (Ipv4Addr::new(169, 254, 169, 254), "instance-data");

/// What the resolver knows about a name.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// The name is there.
    Records {
        /// Those of the wanted type; none if the name has only others.
        records: Vec<RData>,
        /// How long they may be kept, in seconds.
        ttl_s: u32,
        /// The zone the name is in.
        zone: Name,
    },
    /// There is no such name.
    Absent {
        /// The zone it would be in.
        zone: Name,
    },
    /// It is for others to know.
    Foreign,
}

/// The cloud as one VPC's resolver sees it.
#[derive(Clone, Copy)]
pub struct Zones<'a> {
    config: &'a Config,
    region: &'a Region,
    state: &'a State,
    tables: &'a Tables,
    vpc: &'a Vpc,
}

/// What a name stands for, before it is known which type was asked for.
enum Meaning {
    Address(Ipv4Addr),
    /// A name by id, with the records that are asked for and can be.
    Resource(Option<Ipv4Addr>, Option<Ipv6Addr>),
    Loopback,
    Pointer(String),
    /// The name has something below it, and nothing itself.
    Parent,
    Nothing,
}

impl<'a> Zones<'a> {
    /// The view from this VPC; `None` if there is no such VPC.
    pub fn of(config: &'a Config, region: &'a Region, state: &'a State, vpc: VpcId) -> Option<Self> {
        let tables = state.regions.get(region)?;
        Some(Self { config, region, state, tables, vpc: tables.vpcs.get(&vpc)? })
    }

    /// Whether the resolver answers at all.
    pub fn answers(self) -> bool {
        self.vpc.enable_dns_support
    }

    /// Looks a name up.
    pub fn find(self, name: &Name, wanted: RecordType) -> Found {
        // A label that is not text turns into one that no name of ours has.
        let labels: Vec<String> =
            name.iter().map(|label| String::from_utf8_lossy(label).to_ascii_lowercase()).collect();
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        let Some((zone, meaning, ttl_s)) = self.meaning(&labels) else { return Found::Foreign };
        // The zone is made of labels of the name, so it is a name.
        let zone = name.trim_to(zone);
        let is = |this| wanted == this || wanted == RecordType::ANY;
        let records = match meaning {
            Meaning::Nothing => return Found::Absent { zone },
            Meaning::Address(ip) if is(RecordType::A) => vec![RData::A(A(ip))],
            Meaning::Resource(ip, ipv6) => {
                let ip = ip.filter(|_| is(RecordType::A)).map(|ip| RData::A(A(ip)));
                let ipv6 = ipv6.filter(|_| is(RecordType::AAAA)).map(|ipv6| RData::AAAA(AAAA(ipv6)));
                ip.into_iter().chain(ipv6).collect()
            }
            Meaning::Loopback if is(RecordType::A) => vec![RData::A(A(Ipv4Addr::LOCALHOST))],
            Meaning::Loopback if is(RecordType::AAAA) => vec![RData::AAAA(AAAA(Ipv6Addr::LOCALHOST))],
            Meaning::Pointer(target) if is(RecordType::PTR) => match Name::from_ascii(format!("{target}.")) {
                Ok(target) => vec![RData::PTR(PTR(target))],
                Err(_) => return Found::Absent { zone },
            },
            _ => Vec::new(),
        };
        Found::Records { ttl_s, records, zone }
    }

    /// What a name stands for, with the number of labels of its zone and how long that may be kept; `None` if it is
    /// not ours to say.
    fn meaning(self, labels: &[&str]) -> Option<(usize, Meaning, u32)> {
        let depth = |domain: &str| domain.split('.').count();
        if below(labels, "localhost").is_some() {
            return Some((1, Meaning::Loopback, TTL_S));
        }
        if below(labels, "invalid").is_some() {
            return Some((1, Meaning::Nothing, TTL_S));
        }
        if let Some(reversed) = below(labels, "in-addr.arpa") {
            return self.reverse(reversed).map(|meaning| (labels.len().min(3), meaning, TTL_S));
        }
        if let Some(domain) = LOCAL_IPV6.iter().find(|domain| below(labels, domain).is_some()) {
            return Some((depth(domain), Meaning::Nothing, TTL_S));
        }
        if let Some(domain) = INTERNAL_DOMAINS.iter().find(|domain| below(labels, domain).is_some()) {
            return Some((depth(domain), self.private(labels), TTL_S));
        }
        let own_public = public_domain(self.region);
        match below(labels, &own_public) {
            Some([]) => Some((depth(&own_public), Meaning::Parent, PUBLIC_TTL_S)),
            Some([host]) if public_host(host).is_none() => Some((depth(&own_public), Meaning::Nothing, PUBLIC_TTL_S)),
            Some([_, .., _]) => Some((depth(&own_public), Meaning::Nothing, PUBLIC_TTL_S)),
            _ => self.public(labels).map(|ip| (labels.len() - 1, Meaning::Address(ip), PUBLIC_TTL_S)),
        }
    }

    fn private(self, labels: &[&str]) -> Meaning {
        if below(labels, "ec2.internal") == Some(&[METADATA.1]) {
            return Meaning::Address(METADATA.0);
        }
        if labels.len() == 2 {
            return Meaning::Parent;
        }
        match below(labels, &internal_domain(self.region)) {
            Some([]) => Meaning::Parent,
            Some([host]) if self.has_names() => self.host(host).unwrap_or(Meaning::Nothing),
            _ => Meaning::Nothing,
        }
    }

    /// What the first label of a private name stands for.
    fn host(self, host: &str) -> Option<Meaning> {
        if let Ok(id) = host.parse::<InstanceId>() {
            let instance = self.tables.instances.get(&id).filter(|instance| self.knows(instance.vpc))?;
            let primary = self.tables.interfaces_of(instance).next()?;
            let options = instance.options.private_dns;
            let ip = options.a_record.then_some(primary.private_ip);
            let ipv6 = primary.ipv6.first().copied().filter(|_| options.aaaa_record);
            return (options.a_record || options.aaaa_record).then_some(Meaning::Resource(ip, ipv6));
        }
        let ip = dashed(host, "ip-")?;
        (private_host_name(ip) == host && self.in_known_vpc(ip)).then_some(Meaning::Address(ip))
    }

    /// What a public name leads to from here, if it is one of the cloud's.
    fn public(self, labels: &[&str]) -> Option<Ipv4Addr> {
        let (host, domain) = labels.split_first()?;
        let ip = public_host(host).filter(|ip| self.config.public_pool.contains(*ip))?;
        let region = match below(domain, "compute.amazonaws.com") {
            Some([region]) => region.parse::<Region>().ok()?,
            _ => "us-east-1".parse().ok()?,
        };
        below(domain, &public_domain(&region)).filter(|rest| rest.is_empty())?;
        let inside = self.has_names().then(|| self.holder(ip)).flatten().filter(|eni| self.knows(eni.vpc));
        Some(inside.and_then(|eni| eni.private_behind(ip)).unwrap_or(ip))
    }

    /// The interface of this region that a public address is translated to.
    fn holder(self, public: Ipv4Addr) -> Option<&'a NetworkInterface> {
        // The index tells most misses without a search.
        self.state.public_addresses.get(&public).filter(|region| *region == self.region)?;
        let mut interfaces = self.tables.interfaces.values().map(AsRef::as_ref);
        interfaces.find(|eni: &&NetworkInterface| eni.private_behind(public).is_some())
    }

    /// What the labels before `in-addr.arpa`, last octet first, stand for; `None` if it is for others to say.
    fn reverse(self, labels: &[&str]) -> Option<Meaning> {
        let mut octets = [0; 4];
        let known = labels.len().min(4);
        for (octet, label) in octets.iter_mut().zip(labels.iter().rev()) {
            *octet = canonical_octet(label)?;
        }
        let ip = Ipv4Addr::from(octets);
        let block = Ipv4Cidr::new(ip, 8 * u8::try_from(known).ok()?)?;
        let is_local = LOCAL_IPV4
            .iter()
            .filter_map(|(address, length)| Ipv4Cidr::new(Ipv4Addr::from(*address), *length))
            .chain([self.config.public_pool])
            .chain(self.vpc.cidrs.iter().copied())
            .any(|local| local.contains_cidr(block));
        let pointer = match labels.len() {
            4 if self.in_known_vpc(ip) => self.has_names().then(|| private_dns_name(self.region, ip)),
            4 if ip == METADATA.0 => Some(format!("{}.ec2.internal", METADATA.1)),
            4 => self.public_pointer(ip),
            0..4 if is_local => return Some(Meaning::Parent),
            _ => None,
        };
        match pointer {
            Some(name) => Some(Meaning::Pointer(name)),
            None => is_local.then_some(Meaning::Nothing),
        }
    }

    /// The name of a public address that an interface of this region has: for an Elastic IP address, the one that was
    /// set for it.
    fn public_pointer(self, ip: Ipv4Addr) -> Option<String> {
        let elastic = self.tables.addresses.values().find(|address| address.ip == ip);
        if let Some(name) = elastic.and_then(|address| address.ptr_record.as_deref()) {
            return Some(name.trim_end_matches('.').to_owned());
        }
        let eni = self.holder(ip)?;
        let vpc = self.tables.vpcs.get(&eni.vpc)?;
        has_names(vpc).then(|| public_dns_name(self.region, ip))
    }

    /// The VPCs whose private addresses are told here: this one, and those peered with it that let it know.
    fn known_vpcs(self) -> impl Iterator<Item = &'a Vpc> {
        let own = self.vpc.id;
        let peers = self.tables.peerings.values().filter(|peering| peering.is_alive()).filter_map(move |peering| {
            let sides = [(&peering.requester, &peering.accepter), (&peering.accepter, &peering.requester)];
            let (_, other) = sides.into_iter().find(|(one, other)| one.vpc == own && other.vpc != own)?;
            other.allow_dns_resolution.then_some(other.vpc)
        });
        let peers = peers.filter_map(move |id| self.tables.vpcs.get(&id)).map(AsRef::as_ref);
        std::iter::once(self.vpc).chain(peers.filter(|vpc: &&Vpc| has_names(vpc)))
    }

    fn knows(self, vpc: VpcId) -> bool {
        self.known_vpcs().any(|known| known.id == vpc)
    }

    fn in_known_vpc(self, ip: Ipv4Addr) -> bool {
        self.known_vpcs().any(|vpc| vpc.cidrs.iter().any(|cidr| cidr.contains(ip)))
    }

    fn has_names(self) -> bool {
        has_names(self.vpc)
    }
}

fn has_names(vpc: &Vpc) -> bool {
    vpc.enable_dns_support && vpc.enable_dns_hostnames
}

/// The labels before this domain; `None` if the name is not in it.
fn below<'l, 'n>(labels: &'l [&'n str], domain: &str) -> Option<&'l [&'n str]> {
    let depth = domain.split('.').count();
    let (rest, end) = labels.split_at(labels.len().checked_sub(depth)?);
    end.iter().copied().eq(domain.split('.')).then_some(rest)
}

/// The address in `PREFIXa-b-c-d`, written the one way it can be.
fn dashed(host: &str, prefix: &str) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    let mut parts = host.strip_prefix(prefix)?.split('-');
    for octet in &mut octets {
        *octet = canonical_octet(parts.next()?)?;
    }
    parts.next().is_none().then(|| octets.into())
}

fn public_host(host: &str) -> Option<Ipv4Addr> {
    dashed(host, "ec2-")
}

/// An octet without leading zeros or signs.
fn canonical_octet(text: &str) -> Option<u8> {
    let is_canonical = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_canonical)
}
