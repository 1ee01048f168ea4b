//! Rules of a group as elements that do not overlap.
//!
//! The rules of a group may overlap as they like; the elements of one interval set may not. A block's ranges are
//! merged where they overlap, and lose what a wider block of the same group already allows: blocks either contain one
//! another or have nothing in common, so that is all it takes. Ranges that merely touch stay apart: one more rule is
//! then one more element. The result depends on which rules there are, never on their order.

use std::collections::BTreeMap;

use types::{Cidr, Ipv4Cidr, Ipv6Cidr};

/// An inclusive range of numbers.
pub(crate) type Range = (u16, u16);

/// What is allowed from or to each block.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Cover(BTreeMap<Cidr, Vec<Range>>);

impl Cover {
    /// Allows the range for the block.
    pub(super) fn allow(&mut self, block: Cidr, range: Range) {
        self.0.entry(block).or_default().push(range);
    }

    /// The same traffic as blocks and ranges without overlap, in order.
    pub(super) fn disjoint(mut self) -> Vec<(Cidr, Range)> {
        for ranges in self.0.values_mut() {
            merge(ranges);
        }
        let mut result = Vec::with_capacity(self.0.len());
        for (&block, ranges) in &self.0 {
            let mut wider: Vec<Range> =
                wider(block).filter_map(|wider| self.0.get(&wider)).flatten().copied().collect();
            merge(&mut wider);
            result.extend(ranges.iter().flat_map(|range| without(*range, &wider)).map(|range| (block, range)));
        }
        result
    }
}

/// The blocks that hold all of this one and more.
fn wider(block: Cidr) -> Box<dyn Iterator<Item = Cidr>> {
    match block {
        Cidr::Ipv4(block) => {
            let lengths = 0..block.prefix_len();
            Box::new(lengths.filter_map(move |length| Ipv4Cidr::new(block.first(), length).map(Cidr::from)))
        }
        Cidr::Ipv6(block) => {
            let lengths = 0..block.prefix_len();
            Box::new(lengths.filter_map(move |length| Ipv6Cidr::new(block.first(), length).map(Cidr::from)))
        }
    }
}

/// Sorts ranges and joins those that overlap.
pub(crate) fn merge(ranges: &mut Vec<Range>) {
    ranges.sort_unstable();
    ranges.dedup_by(|next, previous| {
        let overlaps = next.0 <= previous.1;
        if overlaps {
            previous.1 = previous.1.max(next.1);
        }
        overlaps
    });
}

/// What is left of a range without the others, which are sorted and do not overlap.
pub(crate) fn without(range: Range, others: &[Range]) -> Vec<Range> {
    let (mut from, to) = range;
    let mut left = Vec::new();
    for &(first, last) in others {
        if last < from {
            continue;
        }
        if first > to {
            break;
        }
        if first > from {
            left.push((from, first - 1));
        }
        if last >= to {
            return left;
        }
        from = last + 1;
    }
    left.push((from, to));
    left
}

/// A range of ICMP types and codes, each pair as `type * 256 + code`, as boxes of a range of types and a range of codes.
pub(super) fn icmp_boxes((first, last): Range) -> Vec<(Range, Range)> {
    let [mut first_type, first_code] = first.to_be_bytes().map(u16::from);
    let [last_type, last_code] = last.to_be_bytes().map(u16::from);
    if first_type == last_type {
        return vec![((first_type, first_type), (first_code, last_code))];
    }
    let mut boxes = Vec::new();
    if first_code > 0 {
        boxes.push(((first_type, first_type), (first_code, 255)));
        first_type += 1;
    }
    let full_to = if last_code < 255 { last_type - 1 } else { last_type };
    if first_type <= full_to {
        boxes.push(((first_type, full_to), (0, 255)));
    }
    if last_code < 255 {
        boxes.push(((last_type, last_type), (0, last_code)));
    }
    boxes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cover(rules: &[(&str, Range)]) -> Vec<String> {
        let mut cover = Cover::default();
        for (block, range) in rules {
            cover.allow(block.parse().unwrap(), *range);
        }
        cover.disjoint().iter().map(|(block, (from, to))| format!("{block} {from}-{to}")).collect()
    }

    #[test]
    fn touching_ranges_stay_apart_and_overlapping_ones_join() {
        assert_eq!(
            cover(&[("10.0.0.0/8", (22, 22)), ("10.0.0.0/8", (23, 23))]),
            ["10.0.0.0/8 22-22", "10.0.0.0/8 23-23"]
        );
        assert_eq!(cover(&[("10.0.0.0/8", (20, 30)), ("10.0.0.0/8", (25, 40))]), ["10.0.0.0/8 20-40"]);
    }

    #[test]
    fn a_narrow_block_loses_what_a_wider_one_allows() {
        assert_eq!(
            cover(&[
                ("0.0.0.0/0", (80, 90)),
                ("10.0.0.0/8", (0, 65535)),
                ("10.1.0.0/16", (22, 22)),
                ("10.0.0.0/8", (85, 86))
            ]),
            ["0.0.0.0/0 80-90", "10.0.0.0/8 0-79", "10.0.0.0/8 91-65535"]
        );
        assert_eq!(cover(&[("0.0.0.0/0", (0, 65535)), ("1.1.1.1/32", (7, 9))]), ["0.0.0.0/0 0-65535"]);
    }

    #[test]
    fn every_pair_is_in_exactly_one_icmp_box() {
        for range in [(0, 65535), (0x0800, 0x08ff), (0x0304, 0x0304), (0x0305, 0xffff), (0, 0x0303), (0x0105, 0x0203)] {
            let boxes = icmp_boxes(range);
            for pair in 0..=u16::MAX {
                let [kind, code] = pair.to_be_bytes().map(u16::from);
                let inside = |r: Range, n: u16| (r.0..=r.1).contains(&n);
                let hits = boxes.iter().filter(|(types, codes)| inside(*types, kind) && inside(*codes, code)).count();
                assert_eq!(hits, usize::from(inside(range, pair)), "{range:?} {pair:#x}");
            }
        }
    }
}
