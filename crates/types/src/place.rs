//! Accounts, regions and zones.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A text that names no account, region or zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not {wanted}")]
pub struct ParsePlaceError {
    /// The text as it was given.
    pub given: String,
    /// What it should have been.
    pub wanted: &'static str,
}

/// A region by name. Any well-formed name is a region of Daemun: lower-case letters, digits and dashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(Arc<str>);

impl Region {
    /// The longest accepted name, in bytes.
    pub const MAX_LEN: usize = 40;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The zone of this region with this letter.
    pub fn zone(&self, letter: char) -> AvailabilityZone {
        AvailabilityZone { region: self.clone(), letter }
    }

    /// The letters of the zones that every region has.
    pub const ZONE_LETTERS: [char; 3] = ['a', 'b', 'c'];
}

impl FromStr for Region {
    type Err = ParsePlaceError;
    fn from_str(text: &str) -> Result<Self, ParsePlaceError> {
        let well_formed = (1..=Self::MAX_LEN).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-');
        if well_formed {
            Ok(Self(text.into()))
        } else {
            Err(ParsePlaceError { given: text.to_owned(), wanted: "a region name" })
        }
    }
}

impl TryFrom<String> for Region {
    type Error = ParsePlaceError;
    fn try_from(text: String) -> Result<Self, ParsePlaceError> {
        text.parse()
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.0.as_ref().to_owned()
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An availability zone: a region and a letter, written `us-east-1a`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AvailabilityZone {
    /// The region the zone is in.
    pub region: Region,
    /// Which zone of it.
    pub letter: char,
}

impl AvailabilityZone {
    /// The zone id, the same for every account: `use1-az1` for `us-east-1a`.
    pub fn zone_id(&self) -> String {
        let number = u32::from(self.letter).saturating_sub(u32::from('a')) + 1;
        format!("{}-az{number}", short_region(self.region.as_str()))
    }
}

/// AWS's short form of a region in zone ids: `use1` for `us-east-1`, `apne2` for `ap-northeast-2`.
fn short_region(region: &str) -> String {
    region
        .split('-')
        .map(|word| match word {
            "northeast" => "ne",
            "northwest" => "nw",
            "southeast" => "se",
            "southwest" => "sw",
            "north" => "n",
            "south" => "s",
            "east" => "e",
            "west" => "w",
            "central" => "c",
            other => other,
        })
        .collect()
}

impl FromStr for AvailabilityZone {
    type Err = ParsePlaceError;
    fn from_str(text: &str) -> Result<Self, ParsePlaceError> {
        let bad = || ParsePlaceError { given: text.to_owned(), wanted: "an availability zone" };
        let letter = text.chars().next_back().filter(char::is_ascii_lowercase).ok_or_else(bad)?;
        let region = text[..text.len() - 1].parse().map_err(|_| bad())?;
        Ok(Self { region, letter })
    }
}

impl TryFrom<String> for AvailabilityZone {
    type Error = ParsePlaceError;
    fn try_from(text: String) -> Result<Self, ParsePlaceError> {
        text.parse()
    }
}

impl From<AvailabilityZone> for String {
    fn from(zone: AvailabilityZone) -> Self {
        zone.to_string()
    }
}

impl fmt::Display for AvailabilityZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.region, self.letter)
    }
}

/// A twelve-digit account number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(Arc<str>);

impl AccountId {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountId {
    type Err = ParsePlaceError;
    fn from_str(text: &str) -> Result<Self, ParsePlaceError> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.into()))
        } else {
            Err(ParsePlaceError { given: text.to_owned(), wanted: "an account number of twelve digits" })
        }
    }
}

impl TryFrom<String> for AccountId {
    type Error = ParsePlaceError;
    fn try_from(text: String) -> Result<Self, ParsePlaceError> {
        text.parse()
    }
}

impl From<AccountId> for String {
    fn from(account: AccountId) -> Self {
        account.0.as_ref().to_owned()
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_have_ids() {
        let zone: AvailabilityZone = "ap-northeast-2b".parse().unwrap();
        assert_eq!(zone.region.as_str(), "ap-northeast-2");
        assert_eq!(zone.zone_id(), "apne2-az2");
        assert_eq!("us-east-1".parse::<Region>().unwrap().zone('a').zone_id(), "use1-az1");
        assert!("us-east-1é".parse::<AvailabilityZone>().is_err());
    }

    #[test]
    fn accounts_are_twelve_digits() {
        assert!("000000000000".parse::<AccountId>().is_ok());
        assert!("00000000000".parse::<AccountId>().is_err());
    }
}
