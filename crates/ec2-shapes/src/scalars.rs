//! The scalars of the model that are more than a Rust primitive.

use std::fmt;
use std::str::FromStr;

/// Bytes; base64 on the wire.
#[derive(Clone, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Blob(pub Vec<u8>);

/// Only the length, since blobs are often keys and other secrets.
impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

/// A moment in milliseconds since 1970-01-01T00:00:00Z; ISO 8601 in UTC on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct Timestamp {
    /// Milliseconds since the epoch.
    pub unix_ms: i64,
}

impl Timestamp {
    /// The moment this many milliseconds after the epoch.
    pub const fn from_unix_ms(unix_ms: i64) -> Self {
        Self { unix_ms }
    }
}

const DAY_MS: i64 = 86_400_000;

/// As EC2 writes it: `2022-04-28T11:37:26.000Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.unix_ms.div_euclid(DAY_MS));
        let ms = self.unix_ms.rem_euclid(DAY_MS);
        let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
        let ms = ms % 1_000;
        // Long answers hold thousands of moments: digits are set, not formatted, where the year has four of them.
        let Ok(century @ 0..=99) = u8::try_from(year.div_euclid(100)) else {
            return write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z");
        };
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let pairs =
            [(0, i64::from(century)), (2, year % 100), (5, month), (8, day), (11, hour), (14, minute), (17, second)];
        for (at, value) in pairs.into_iter().chain([(21, ms % 100)]) {
            text[at] += (value / 10) as u8;
            text[at + 1] += (value % 10) as u8;
        }
        text[20] += (ms / 100) as u8;
        f.pad(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// A text that is not a moment in ISO 8601.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseTimestampError;

impl fmt::Display for ParseTimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a date and time in ISO 8601")
    }
}

impl std::error::Error for ParseTimestampError {}

/// Reads `2022-04-28`, `2022-04-28T11:37:26Z`, fractions of a second and offsets such as `+09:00`; what is finer than a
/// millisecond is cut off, and a time without an offset is in UTC.
impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, ParseTimestampError> {
        parse(text).map(Self::from_unix_ms).ok_or(ParseTimestampError)
    }
}

fn parse(text: &str) -> Option<i64> {
    let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
    let mut parts = date.split('-');
    let (year, month, day) = (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let days = days_from_civil(year, month, day);
    if parts.next().is_some() || civil_from_days(days) != (year, month, day) {
        return None;
    }
    let Some(time) = time else { return Some(days * DAY_MS) };
    let (clock, offset_ms) = split_offset(time)?;
    let (clock, fraction) = clock.split_once('.').map_or((clock, None), |(clock, fraction)| (clock, Some(fraction)));
    let mut parts = clock.split(':');
    let (hour, minute, second) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let ms = match fraction {
        None => 0,
        Some(fraction) if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) => return None,
        Some(fraction) => (fraction.bytes().chain(*b"00").take(3)).fold(0, |ms, b| ms * 10 + i64::from(b - b'0')),
    };
    Some(days * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1_000 + ms - offset_ms)
}

/// Splits `11:37:26+09:00` into the time and how far its clock runs ahead of UTC, in milliseconds.
fn split_offset(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let Some(at) = time.find(['+', '-']) else { return Some((time, 0)) };
    let (clock, offset) = time.split_at(at);
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = offset[1..].split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    (hours < 24 && minutes < 60).then_some((clock, sign * (hours * 60 + minutes) * 60_000))
}

fn digits(text: &str, count: usize) -> Option<i64> {
    let well_formed = text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    well_formed.then(|| text.bytes().fold(0, |n, b| n * 10 + i64::from(b - b'0')))
}

/// Year, month and day in the proleptic Gregorian calendar, `days` after 1970-01-01; years are counted from March.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let (era, day_of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The inverse of [`civil_from_days`]; a date that no calendar has gives another day than it names.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_back() {
        for text in ["1970-01-01T00:00:00.000Z", "2022-04-28T11:37:26.123Z", "2000-02-29T23:59:59.999Z"] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
        assert_eq!(Timestamp::from_unix_ms(-1).to_string(), "1969-12-31T23:59:59.999Z");
        assert_eq!(Timestamp::from_unix_ms(253_402_300_800_000).to_string(), "10000-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_unix_ms(-62_167_219_200_001).to_string(), "-001-12-31T23:59:59.999Z");
    }

    #[test]
    fn forms_of_iso_8601() {
        for (text, canonical) in [
            ("2022-04-28", "2022-04-28T00:00:00.000Z"),
            ("2022-04-28T11:37:26Z", "2022-04-28T11:37:26.000Z"),
            ("2022-04-28T11:37:26", "2022-04-28T11:37:26.000Z"),
            ("2022-04-28T11:37:26.5+09:00", "2022-04-28T02:37:26.500Z"),
            ("2022-04-28T23:30:00.123456-01:00", "2022-04-29T00:30:00.123Z"),
        ] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), canonical, "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "x",
            "2022-02-30",
            "2022-13-01",
            "2022-00-10",
            "2022-04-28T24:00:00Z",
            "2022-04-28T11:37Z",
            "2022-4-28",
            "2022-04-28T11:37:26.Z",
            "2022-04-28T11:37:26+9",
            "2022-04-28T11:37:26+é:00",
            "2022-04-28T11:37:26Z+01:00",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(ParseTimestampError), "{text:?}");
        }
    }

    #[test]
    fn blobs_do_not_show_their_bytes() {
        assert_eq!(format!("{:?}", Blob(vec![1, 2])), "Blob(2 bytes)");
    }
}
