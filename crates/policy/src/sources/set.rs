//! Sets of packets.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::IpAddr;

use super::range::{self, AddressRange, TrafficRange, number_of, place_of, ranges_in};
use super::spans::Spans;
use crate::verdict::{Endpoint, Packet};

/// By traffic and source address: people ask who may call a port.
pub(super) type Region<L> = Spans<u32, Spans<u128, L>>;

/// A set of packets that begin connections, with something said of each.
///
/// It is kept in one form whatever it was made of, so two that hold the same packets and say the same are equal. Source and
/// destination are of one family; ICMP is of IPv4 and ICMPv6 of IPv6, and elsewhere just numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PacketSet<L = ()> {
    /// By sender and destination; none is empty.
    lanes: BTreeMap<(Endpoint, IpAddr), Region<L>>,
}

/// Packets of one sender to one destination: all of the traffic from every source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PacketBox<L = ()> {
    /// Who sends them.
    pub from: Endpoint,
    /// The destination in them.
    pub to: IpAddr,
    /// The sources in them.
    pub sources: AddressRange,
    /// What they carry.
    pub traffic: TrafficRange,
    /// What is said of them.
    pub label: L,
}

impl<L> Default for PacketSet<L> {
    fn default() -> Self {
        Self { lanes: BTreeMap::new() }
    }
}

impl<L: Clone + PartialEq> PacketSet<L> {
    /// No packets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Whether it holds a packet.
    pub fn contains(&self, packet: &Packet) -> bool {
        self.get(packet).is_some()
    }

    /// What is said of a packet, if it is in the set.
    pub fn get(&self, packet: &Packet) -> Option<&L> {
        if packet.source.is_ipv4() != packet.to.is_ipv4() {
            return None;
        }
        let region = self.lanes.get(&(packet.from, packet.to))?;
        region.get(place_of(packet.traffic.within(packet.to)))?.get(number_of(packet.source))
    }

    /// Who sends, and to which destinations.
    pub fn lanes(&self) -> impl Iterator<Item = (Endpoint, IpAddr)> {
        self.lanes.keys().copied()
    }

    /// What is in one of both. Of what is in both this one says what is said.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.combine(other, |ours, theirs| ours.or(theirs).cloned())
    }

    /// What is in both, as this one says of it.
    #[must_use]
    pub fn intersection<M: Clone + PartialEq>(&self, other: &PacketSet<M>) -> Self {
        self.combine(other, |ours, theirs| theirs.and(ours).cloned())
    }

    /// What is not in the other one, as this one says of it.
    #[must_use]
    pub fn difference<M: Clone + PartialEq>(&self, other: &PacketSet<M>) -> Self {
        self.combine(other, |ours, theirs| if theirs.is_none() { ours.cloned() } else { None })
    }

    /// What a function says of all that is in one of both; `None` leaves it out.
    #[must_use]
    pub fn combine<M: Clone + PartialEq, N: Clone + PartialEq>(
        &self,
        other: &PacketSet<M>,
        mut say: impl FnMut(Option<&L>, Option<&M>) -> Option<N>,
    ) -> PacketSet<N> {
        let mut lanes = BTreeMap::new();
        let (none, nothing) = (Spans::default(), Spans::default());
        let more = other.lanes.keys().filter(|lane| !self.lanes.contains_key(lane));
        for lane in self.lanes.keys().chain(more) {
            let ours = self.lanes.get(lane).unwrap_or(&none);
            let region = combined(ours, other.lanes.get(lane).unwrap_or(&nothing), &mut say);
            if !region.is_empty() {
                lanes.insert(*lane, region);
            }
        }
        PacketSet { lanes }
    }

    /// The same packets with something else said of them; `None` leaves them out.
    #[must_use]
    pub fn map<M: Clone + PartialEq>(&self, mut say: impl FnMut(&L) -> Option<M>) -> PacketSet<M> {
        let mut lanes = BTreeMap::new();
        for (lane, region) in &self.lanes {
            let region = region.map(|sources| Some(sources.map(&mut say)).filter(|sources| !sources.is_empty()));
            if !region.is_empty() {
                lanes.insert(*lane, region);
            }
        }
        PacketSet { lanes }
    }

    /// The packets alone.
    #[must_use]
    pub fn plain(&self) -> PacketSet {
        self.map(|_| Some(()))
    }

    /// The same set as boxes, of which no two overlap, in order of sender, destination, traffic and source.
    pub fn boxes(&self) -> impl Iterator<Item = PacketBox<L>> {
        self.lanes.iter().flat_map(|((from, to), region)| {
            region.iter().flat_map(move |span| {
                let ranges = ranges_in(span.first, span.last).into_iter();
                ranges.flat_map(move |traffic| {
                    span.value.iter().map(move |it| {
                        let sources = AddressRange::of_numbers((it.first, it.last), to.is_ipv4());
                        PacketBox { from: *from, to: *to, sources, traffic, label: it.value.clone() }
                    })
                })
            })
        })
    }

    /// Adds the packets of one sender to one destination, of which there are none so far.
    pub(super) fn insert(&mut self, from: Endpoint, to: IpAddr, region: Region<L>) {
        if !region.is_empty() {
            self.lanes.insert((from, to), region);
        }
    }
}

/// The set of all that is in one of some boxes. Where they overlap the first says what is said; one whose sources and
/// destination are of two families holds nothing.
impl<L: Clone + PartialEq> FromIterator<PacketBox<L>> for PacketSet<L> {
    fn from_iter<I: IntoIterator<Item = PacketBox<L>>>(boxes: I) -> Self {
        let mut set = Self::new();
        for it in boxes.into_iter().filter(|it| it.sources.first().is_ipv4() == it.to.is_ipv4()) {
            let (first, last) = it.sources.numbers();
            let traffic = it.traffic.line().and(&range::line_of_family(it.to.is_ipv4()));
            let region = traffic.map(|()| Some(Spans::one(first, last, it.label.clone())));
            if region.is_empty() {
                continue;
            }
            match set.lanes.entry((it.from, it.to)) {
                Entry::Vacant(lane) => {
                    lane.insert(region);
                }
                Entry::Occupied(mut lane) => {
                    let both = combined(lane.get(), &region, &mut |ours, new| ours.or(new).cloned());
                    lane.insert(both);
                }
            }
        }
        set
    }
}

/// What a function says of all that is in one of two regions.
pub(super) fn combined<L: PartialEq, M: PartialEq, N: PartialEq>(
    ours: &Region<L>,
    others: &Region<M>,
    say: &mut impl FnMut(Option<&L>, Option<&M>) -> Option<N>,
) -> Region<N> {
    let (none, nothing) = (Spans::default(), Spans::default());
    ours.combine(others, |ours, others| {
        let sources = ours.unwrap_or(&none).combine(others.unwrap_or(&nothing), &mut *say);
        Some(sources).filter(|sources| !sources.is_empty())
    })
}

/// All of some traffic from all of some sources, and what is said of it.
type Product<L> = ((u32, u32), (u128, u128), L);

/// Some products of traffic and sources, of which no two overlap, as a region. They come in order of sources, and those
/// of the same in order of traffic.
pub(super) fn region<L: Clone + PartialEq>(products: Vec<Product<L>>) -> Region<L> {
    let mut made = Region::default();
    let one = products.first().map(|(_, sources, _)| *sources);
    if products.iter().all(|(_, sources, _)| Some(*sources) == one) {
        for ((first, last), (from, to), label) in products {
            made.push(first, last, Spans::one(from, to, label));
        }
        return made;
    }
    let mut starts: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (at, ((first, last), ..)) in products.iter().enumerate() {
        starts.entry(*first).or_default().push(at);
        starts.entry(last + 1).or_default();
    }
    let mut open: Vec<usize> = Vec::new();
    let ends: Vec<u32> = starts.keys().skip(1).map(|next| next - 1).collect();
    for ((first, begin), last) in starts.iter().zip(ends) {
        open.retain(|at| products[*at].0.1 >= *first);
        open.extend(begin);
        open.sort_unstable();
        let mut sources = Spans::default();
        for (_, (from, to), label) in open.iter().map(|at| &products[*at]) {
            sources.push(*from, *to, label.clone());
        }
        if !sources.is_empty() {
            made.push(*first, last, sources);
        }
    }
    made
}

impl<L> PacketBox<L> {
    /// The packets in its corners: those of the first and the last source and traffic.
    pub fn corners(&self) -> impl Iterator<Item = Packet> {
        let (from, to) = (self.from, self.to);
        let sources = [self.sources.first(), self.sources.last()];
        let ends = self.traffic.ends().into_iter();
        ends.flat_map(move |traffic| sources.map(|source| Packet { from, source, to, traffic }))
    }
}
