//! Values of every shape, drawn at random, for tests: whatever the model allows is made here.

use ec2_shapes::{Blob, Timestamp};

/// A sequence of numbers that a seed decides (SplitMix64).
pub struct Draw {
    state: u64,
    depth: u32,
}

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self { state: seed, depth: 0 }
    }

    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit
    }

    /// Whether an optional member is there: ever rarer with depth, or the deepest shapes would never end.
    fn is_there(&mut self) -> bool {
        let depth = u64::from(self.depth);
        self.below(2 + depth * depth) == 0
    }

    /// Fills a structure's members one level deeper.
    pub fn deeper<T>(&mut self, fill: impl FnOnce(&mut Self) -> T) -> T {
        self.depth += 1;
        let value = fill(self);
        self.depth -= 1;
        value
    }

    pub fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len() as u64) as usize]
    }
}

/// What requests hold.
pub struct Asked;

/// What answers hold.
pub struct Told;

/// A value that can be drawn, for one side of the wire: some shapes are on both, with other members' rules.
pub trait Drawn<Side>: Sized {
    fn drawn(draw: &mut Draw) -> Self;

    /// A value that is there.
    fn required(draw: &mut Draw) -> Self {
        Self::drawn(draw)
    }
}

impl<Side> Drawn<Side> for String {
    fn drawn(draw: &mut Draw) -> Self {
        const LETTERS: [char; 16] =
            ['a', 'Z', '0', '-', '.', ' ', '&', '<', '>', '=', '+', '%', '"', '한', 'é', '\u{1f600}'];
        // Never empty: an empty required member counts as missing, as on AWS.
        (0..=draw.below(6)).map(|_| draw.one_of(&LETTERS)).collect()
    }
}

impl<Side> Drawn<Side> for bool {
    fn drawn(draw: &mut Draw) -> Self {
        draw.below(2) == 0
    }
}

impl<Side> Drawn<Side> for i32 {
    fn drawn(draw: &mut Draw) -> Self {
        draw.number() as i32
    }
}

impl<Side> Drawn<Side> for i64 {
    fn drawn(draw: &mut Draw) -> Self {
        draw.number() as i64
    }
}

impl<Side> Drawn<Side> for f64 {
    fn drawn(draw: &mut Draw) -> Self {
        f64::from(draw.number() as i32) / 8.0
    }
}

impl<Side> Drawn<Side> for f32 {
    fn drawn(draw: &mut Draw) -> Self {
        f32::from(draw.number() as i16) / 8.0
    }
}

impl<Side> Drawn<Side> for Timestamp {
    fn drawn(draw: &mut Draw) -> Self {
        // Four digits of a year.
        Self::from_unix_ms((draw.below(250_000_000_000_000)) as i64)
    }
}

impl<Side> Drawn<Side> for Blob {
    fn drawn(draw: &mut Draw) -> Self {
        Self((0..=draw.below(9)).map(|_| draw.number() as u8).collect())
    }
}

impl<Side, T: Drawn<Side>> Drawn<Side> for Option<T> {
    fn drawn(draw: &mut Draw) -> Self {
        draw.is_there().then(|| T::drawn(draw))
    }

    fn required(draw: &mut Draw) -> Self {
        Some(T::required(draw))
    }
}

impl<Side, T: Drawn<Side>> Drawn<Side> for Vec<T> {
    fn drawn(draw: &mut Draw) -> Self {
        if !draw.is_there() {
            return Self::new();
        }
        (0..=draw.below(2)).map(|_| T::drawn(draw)).collect()
    }

    fn required(draw: &mut Draw) -> Self {
        vec![T::required(draw)]
    }
}
