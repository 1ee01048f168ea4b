//! A function of one number, as the spans of numbers on which it has one value.

use std::iter::Peekable;
use std::slice::Iter;

/// A number that spans are of.
pub(super) trait Point: Copy + Ord {
    /// The last one.
    const LAST: Self;

    /// The next one; `None` after the last.
    fn next(self) -> Option<Self>;
    /// The one before; `None` before the first.
    fn previous(self) -> Option<Self>;
}

impl Point for u32 {
    const LAST: Self = u32::MAX;

    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn previous(self) -> Option<Self> {
        self.checked_sub(1)
    }
}

impl Point for u128 {
    const LAST: Self = u128::MAX;

    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn previous(self) -> Option<Self> {
        self.checked_sub(1)
    }
}

/// The numbers from the first to the last, and what is said of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span<K, V> {
    pub(super) first: K,
    pub(super) last: K,
    pub(super) value: V,
}

/// Spans in order, of which no two overlap, and no two that touch have the same value: two functions are the same
/// exactly if their spans are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spans<K, V>(Vec<Span<K, V>>);

impl<K, V> Default for Spans<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Point, V: PartialEq> Spans<K, V> {
    /// One span.
    pub(super) fn one(first: K, last: K, value: V) -> Self {
        Self(vec![Span { first, last, value }])
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> Iter<'_, Span<K, V>> {
        self.0.iter()
    }

    /// What is said of a number.
    pub(super) fn get(&self, number: K) -> Option<&V> {
        let after = self.0.partition_point(|span| span.first <= number);
        let span = self.0.get(after.checked_sub(1)?)?;
        (number <= span.last).then_some(&span.value)
    }

    /// The spans that hold one of these numbers.
    pub(super) fn within(&self, first: K, last: K) -> impl Iterator<Item = &Span<K, V>> {
        let from = self.0.partition_point(|span| span.last < first);
        self.0[from..].iter().take_while(move |span| span.first <= last)
    }

    /// Adds a span behind all others.
    pub(super) fn push(&mut self, first: K, last: K, value: V) {
        debug_assert!(first <= last && self.0.last().is_none_or(|span| span.last < first));
        match self.0.last_mut() {
            Some(span) if span.last.next() == Some(first) && span.value == value => span.last = last,
            _ => self.0.push(Span { first, last, value }),
        }
    }

    /// What a function makes of the values of both, where at least one has a value.
    pub(super) fn combine<W: PartialEq, X: PartialEq>(
        &self,
        other: &Spans<K, W>,
        mut make: impl FnMut(Option<&V>, Option<&W>) -> Option<X>,
    ) -> Spans<K, X> {
        let (mut ours, mut others) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut made = Spans::default();
        let mut at = [ours.peek().map(|span| span.first), others.peek().map(|span| span.first)];
        while let Some(first) = at.into_iter().flatten().min() {
            let (mine, my_end) = found(&mut ours, first);
            let (theirs, their_end) = found(&mut others, first);
            // One of them begins or ends somewhere: a start was peeked at.
            let Some(last) = my_end.into_iter().chain(their_end).min() else { break };
            if let Some(value) = make(mine, theirs) {
                made.push(first, last, value);
            }
            let Some(next) = last.next() else { break };
            at = [start(&mut ours, next), start(&mut others, next)];
        }
        made
    }

    /// Other values for the same numbers; `None` takes them out.
    pub(super) fn map<X: PartialEq>(&self, mut make: impl FnMut(&V) -> Option<X>) -> Spans<K, X> {
        let mut made = Spans::default();
        for span in &self.0 {
            if let Some(value) = make(&span.value) {
                made.push(span.first, span.last, value);
            }
        }
        made
    }
}

/// The value at a number, and the last number for which that holds; `None` where nothing follows.
fn found<'a, K: Point, V>(spans: &mut Peekable<Iter<'a, Span<K, V>>>, at: K) -> (Option<&'a V>, Option<K>) {
    match spans.peek() {
        Some(span) if span.first <= at => (Some(&span.value), Some(span.last)),
        Some(span) => (None, span.first.previous()),
        None => (None, None),
    }
}

/// Where the next value from a number on begins.
fn start<K: Point, V>(spans: &mut Peekable<Iter<'_, Span<K, V>>>, from: K) -> Option<K> {
    while spans.next_if(|span| span.last < from).is_some() {}
    spans.peek().map(|span| span.first.max(from))
}

/// A set of numbers.
pub(super) type Numbers<K> = Spans<K, ()>;

impl<K: Point> Numbers<K> {
    /// A set of ranges, which may overlap.
    pub(super) fn of_ranges(mut ranges: Vec<(K, K)>) -> Self {
        ranges.sort_unstable();
        let mut made: Vec<Span<K, ()>> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match made.last_mut() {
                Some(span) if span.last.next().is_none_or(|next| first <= next) => span.last = span.last.max(last),
                _ => made.push(Span { first, last, value: () }),
            }
        }
        Self(made)
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a.and(b).copied())
    }

    pub(super) fn or(&self, other: &Self) -> Self {
        self.combine(other, |_, _| Some(()))
    }

    pub(super) fn without(&self, other: &Self) -> Self {
        self.combine(other, |a, b| if b.is_none() { a.copied() } else { None })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The sets of numbers up to 15 as bits.
    fn spans(bits: u16) -> Numbers<u32> {
        Numbers::of_ranges((0..16).filter(|bit| bits & (1 << bit) != 0).map(|bit| (bit, bit)).collect())
    }

    proptest! {
        #[test]
        fn sets_are_what_bits_are(a: u16, b: u16) {
            let (one, other) = (spans(a), spans(b));
            prop_assert_eq!(one.and(&other), spans(a & b));
            prop_assert_eq!(one.or(&other), spans(a | b));
            prop_assert_eq!(one.without(&other), spans(a & !b));
            prop_assert_eq!(one == other, a == b);
            for bit in 0..16 {
                prop_assert_eq!(one.get(bit).is_some(), a & (1 << bit) != 0);
            }
        }

        #[test]
        fn values_are_made_of_both_sides(a in prop::collection::vec(0u8..3, 12), b in prop::collection::vec(0u8..3, 12)) {
            // The last numbers, behind which nothing is.
            let at = |bit: usize| u32::MAX - 11 + u32::try_from(bit).unwrap();
            let of = |values: &[u8]| {
                let mut spans = Spans::default();
                for (bit, value) in values.iter().enumerate().filter(|(_, value)| **value != 0) {
                    spans.push(at(bit), at(bit), *value);
                }
                spans
            };
            let sum = |a: Option<&u8>, b: Option<&u8>| Some(a.unwrap_or(&0) + b.unwrap_or(&0)).filter(|sum| *sum != 3);
            let made = of(&a).combine(&of(&b), sum);
            let bits: Vec<u8> = a.iter().zip(&b).map(|(a, b)| if a + b == 3 { 0 } else { a + b }).collect();
            prop_assert_eq!(made, of(&bits));
        }
    }
}
