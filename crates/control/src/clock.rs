//! The time of day.

use std::time::{SystemTime, UNIX_EPOCH};

use types::Timestamp;

/// Now, by the host's clock.
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_ms(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
