//! What one guest may take of a service that all guests share.
//!
//! Keys are identities that the State vouches for, such as interfaces, so there are never more of them than there
//! are guests. Still, nothing here grows without bound: what has gone back to its fresh condition is forgotten.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How many buckets are kept before full ones are thrown away.
const MANY_BUCKETS: usize = 1024;

/// A rate per key: a bucket of `burst` tokens that fills again at `per_second`.
pub struct Rate<K> {
    per_second: f64,
    burst: f64,
    buckets: Mutex<HashMap<K, Bucket>>,
}

struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl<K: Eq + Hash> Rate<K> {
    /// A rate that allows `burst` at once and `per_second` in the long run.
    pub fn new(per_second: u32, burst: u32) -> Self {
        Self { per_second: f64::from(per_second), burst: f64::from(burst), buckets: Mutex::default() }
    }

    /// Whether the key may do one more thing now; if so, that is counted.
    pub fn take(&self, key: K, now: Instant) -> bool {
        let mut buckets = locked(&self.buckets);
        if buckets.len() >= MANY_BUCKETS && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| self.level(bucket, now) < self.burst);
        }
        let bucket = buckets.entry(key).or_insert(Bucket { tokens: self.burst, filled: now });
        bucket.tokens = self.level(bucket, now);
        bucket.filled = now;
        let allowed = bucket.tokens >= 1.0;
        if allowed {
            bucket.tokens -= 1.0;
        }
        allowed
    }

    fn level(&self, bucket: &Bucket, now: Instant) -> f64 {
        let gained = now.saturating_duration_since(bucket.filled).as_secs_f64() * self.per_second;
        (bucket.tokens + gained).min(self.burst)
    }
}

/// Places for things that go on at the same time, limited per key and in total.
pub struct Slots<K: Eq + Hash> {
    per_key: usize,
    total: usize,
    taken: Mutex<HashMap<K, usize>>,
}

impl<K: Eq + Hash + Clone> Slots<K> {
    /// Room for `total`, of which one key gets at most `per_key`.
    pub fn new(per_key: usize, total: usize) -> Arc<Self> {
        Arc::new(Self { per_key, total, taken: Mutex::default() })
    }

    /// A place for the key, or `None` where it has its share or all are taken.
    pub fn take(self: &Arc<Self>, key: K) -> Option<Slot<K>> {
        let mut taken = locked(&self.taken);
        if taken.values().sum::<usize>() >= self.total || taken.get(&key).is_some_and(|&n| n >= self.per_key) {
            return None;
        }
        *taken.entry(key.clone()).or_insert(0) += 1;
        Some(Slot { slots: Arc::clone(self), key })
    }
}

/// A place that was taken; dropping it gives it back.
pub struct Slot<K: Eq + Hash> {
    slots: Arc<Slots<K>>,
    key: K,
}

impl<K: Eq + Hash> Drop for Slot<K> {
    fn drop(&mut self) {
        let mut taken = locked(&self.slots.taken);
        if let Some(count) = taken.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.key);
            }
        }
    }
}

/// The counts are right even after a panic elsewhere: every change to them is one step.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_rate_allows_its_burst_and_then_its_pace() {
        let rate = Rate::new(10, 3);
        let start = Instant::now();
        assert_eq!((0..5).filter(|_| rate.take("a", start)).count(), 3);
        assert!(rate.take("b", start), "another key has its own bucket");
        assert!(!rate.take("a", start + Duration::from_millis(90)));
        assert!(rate.take("a", start + Duration::from_millis(210)));
        assert_eq!((0..9).filter(|_| rate.take("a", start + Duration::from_secs(60))).count(), 3);
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let rate = Rate::new(10, 3);
        let start = Instant::now();
        for key in 0..MANY_BUCKETS {
            rate.take(key, start);
        }
        rate.take(usize::MAX, start + Duration::from_secs(1));
        assert_eq!(locked(&rate.buckets).len(), 1);
    }

    #[test]
    fn slots_come_back_when_dropped() {
        let slots = Slots::new(2, 3);
        let (first, _second) = (slots.take("a").unwrap(), slots.take("a").unwrap());
        assert!(slots.take("a").is_none());
        let _third = slots.take("b").unwrap();
        assert!(slots.take("c").is_none(), "all are taken");
        drop(first);
        assert!(slots.take("a").is_some());
        drop(slots.take("c"));
        assert_eq!(locked(&slots.taken).len(), 2);
    }
}
