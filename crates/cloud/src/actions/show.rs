//! What the answers of several actions have in common.

use ec2_shapes::GroupIdentifier;
use types::{SecurityGroupId, Timestamp};

use crate::reads::Reader;
use crate::state::Tables;

/// A moment as answers carry it.
pub(super) fn moment(at: Timestamp) -> ec2_shapes::Timestamp {
    ec2_shapes::Timestamp::from_unix_ms(at.unix_ms)
}

/// The ids and names of groups.
pub(super) fn group_identifiers(tables: &Tables, groups: &[SecurityGroupId]) -> Vec<GroupIdentifier> {
    read_group_identifiers(tables.into(), groups)
}

/// The same, read as whoever asks wants it read.
pub(super) fn read_group_identifiers(tables: Reader<'_>, groups: &[SecurityGroupId]) -> Vec<GroupIdentifier> {
    let identifier = |id: &SecurityGroupId| GroupIdentifier {
        group_id: Some(id.to_string()),
        group_name: tables.security_groups(id).map(|group| group.name.to_string()),
    };
    groups.iter().map(identifier).collect()
}

/// `true` or `false`, as filters compare them.
pub(super) fn boolean(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

/// A parameter that is there and says something: some clients send an empty text for what they do not set.
pub(super) fn given(parameter: &Option<String>) -> Option<&str> {
    parameter.as_deref().filter(|text| !text.is_empty())
}
