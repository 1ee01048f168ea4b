//! Tags: what may be one, putting them on new resources, and which resource an id names.
//!
//! Rules as the EC2 User Guide's page on tags gives them. Tags are stored apart from what they are on, by its id.

use std::collections::BTreeMap;

use ec2_shapes::{Tag, TagSpecification};
use types::*;

use crate::error::ApiError;
use crate::kind::{KINDS, Kind, Resource};
use crate::resource::{Snapshot, TagSet, Tags};
use crate::state::Key;
use crate::transaction::Transaction;
use crate::view::View;

/// How many tags a resource may have; those that begin with `aws:` do not count.
pub const MAX_TAGS: usize = 50;
/// How many characters a key may have.
pub const MAX_KEY_LEN: usize = 128;
/// How many characters a value may have.
pub const MAX_VALUE_LEN: usize = 256;

/// The prefix of keys that only the cloud itself may set.
pub(crate) const RESERVED_PREFIX: &str = "aws:";

/// The tags as answers carry them, in the order of their keys.
pub fn to_shape(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: Some(key.clone()), value: Some(value.clone()) }).collect()
}

/// Checks the key of a tag that a caller sets or removes.
///
/// # Errors
/// `InvalidParameterValue` for a key that is empty, too long or reserved.
pub fn check_key(key: &str) -> Result<(), ApiError> {
    if key.is_empty() {
        return Err(ApiError::invalid_value("Tag keys must not be empty"));
    }
    if key.starts_with(RESERVED_PREFIX) {
        return Err(ApiError::invalid_value("Tag keys starting with 'aws:' are reserved for internal use"));
    }
    if key.chars().count() > MAX_KEY_LEN {
        return Err(ApiError::invalid_value(format!("Tag key exceeds the maximum length of {MAX_KEY_LEN} characters")));
    }
    Ok(())
}

/// The tags a caller sets, checked; a tag without a value has the empty one.
///
/// # Errors
/// `MissingParameter` for a tag without a key, `InvalidParameterValue` for a bad key or value or one key given twice,
/// `TagLimitExceeded` for more than [`MAX_TAGS`].
pub fn check(tags: &[Tag]) -> Result<Tags, ApiError> {
    let mut checked = Tags::new();
    for tag in tags {
        let key = tag.key.as_deref().ok_or_else(|| ApiError::missing("Tag.Key"))?;
        let value = tag.value.as_deref().unwrap_or_default();
        check_key(key)?;
        if value.chars().count() > MAX_VALUE_LEN {
            let message = format!("Tag value exceeds the maximum length of {MAX_VALUE_LEN} characters");
            return Err(ApiError::invalid_value(message));
        }
        if checked.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(ApiError::invalid_value(format!("Duplicate tag key '{key}' specified.")));
        }
    }
    check_count(&checked)?;
    Ok(checked)
}

fn check_count(tags: &Tags) -> Result<(), ApiError> {
    if tags.keys().filter(|key| !key.starts_with(RESERVED_PREFIX)).count() > MAX_TAGS {
        let message = "The maximum number of Tags for a resource has been reached.";
        return Err(ApiError::new("TagLimitExceeded", message));
    }
    Ok(())
}

/// The tags that a creating request wants on what it makes, by the type of resource; checked.
#[derive(Debug, Clone, Default)]
pub struct NewTags {
    by_type: BTreeMap<String, Tags>,
}

impl NewTags {
    /// Checks a request's `TagSpecification`s; `allowed` are the resource types that the action makes.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a type that is missing, repeated or not allowed, or a specification without tags;
    /// otherwise as [`check`].
    pub fn new(specifications: &[TagSpecification], allowed: &[&str]) -> Result<Self, ApiError> {
        let mut by_type = BTreeMap::new();
        for specification in specifications {
            let resource_type = specification
                .resource_type
                .as_deref()
                .filter(|name| !name.is_empty())
                .ok_or_else(|| ApiError::invalid_value("Tag specification resource type must have a value"))?;
            if !allowed.contains(&resource_type) {
                return Err(ApiError::invalid_value(format!(
                    "'{resource_type}' is not a valid taggable resource type for this operation."
                )));
            }
            if specification.tags.is_empty() {
                return Err(ApiError::invalid_value("Tag specification must have at least one tag"));
            }
            if by_type.insert(resource_type.to_owned(), check(&specification.tags)?).is_some() {
                return Err(ApiError::invalid_value(
                    "The same resource type may not be specified more than once in tag specifications",
                ));
            }
        }
        Ok(Self { by_type })
    }

    /// The tags wanted on resources of this type.
    pub fn of(&self, resource_type: &str) -> &Tags {
        static NONE: Tags = Tags::new();
        self.by_type.get(resource_type).unwrap_or(&NONE)
    }

    /// Puts the tags wanted for this type on a resource that was just made.
    pub fn put(&self, tx: &mut Transaction, resource_type: &str, id: impl ToString) {
        let tags = self.of(resource_type);
        if !tags.is_empty() {
            tx.put(TagSet { resource: id.to_string().into(), tags: tags.clone() });
        }
    }
}

/// Adds tags to a resource; those of the same key are overwritten.
///
/// # Errors
/// `TagLimitExceeded` where the resource would have too many.
pub fn add(tx: &mut Transaction, id: &str, new: &Tags) -> Result<(), ApiError> {
    let mut tags = tx.tags_of(id).clone();
    tags.extend(new.iter().map(|(key, value)| (key.clone(), value.clone())));
    check_count(&tags)?;
    replace(tx, id, tags);
    Ok(())
}

/// Gives a resource exactly these tags. Changes nothing where it has them already.
pub fn replace(tx: &mut Transaction, id: &str, tags: Tags) {
    if tx.tags_of(id) == &tags {
        return;
    }
    if tags.is_empty() {
        tx.delete(Key::TagSet(id.into()));
    } else {
        tx.put(TagSet { resource: id.into(), tags });
    }
}

/// Whether a resource is there; `None` for a text that is no id of the kind.
type Exists = fn(&View<'_>, &str) -> Option<bool>;

/// Kinds that can be tagged and do not, or not all, lie in a table of their own by id.
const OTHER_KINDS: &[(Kind, Exists)] = &[
    // Those of images have no records of their own.
    (<Snapshot as Resource>::KIND, |view, id| {
        id.parse().ok().map(|id| images(view).any(|image| image.root_snapshot() == Some(id)))
    }),
    (
        Kind {
            prefix: ImageId::PREFIX,
            resource_type: "image",
            noun: "image id",
            malformed: "InvalidAMIID.Malformed",
            not_found: "InvalidAMIID.NotFound",
        },
        |view, id| id.parse().ok().map(|id| images(view).any(|image| image.id == id)),
    ),
    (
        Kind {
            prefix: KeyPairId::PREFIX,
            resource_type: "key-pair",
            noun: "key pair",
            malformed: "InvalidParameterValue",
            not_found: "InvalidKeyPair.NotFound",
        },
        |view, id| id.parse().ok().map(|id| view.key_pairs.values().any(|pair| pair.id == id)),
    ),
    (
        Kind {
            prefix: SecurityGroupRuleId::PREFIX,
            resource_type: "security-group-rule",
            noun: "security group rule ID",
            malformed: "InvalidSecurityGroupRuleId.Malformed",
            not_found: "InvalidSecurityGroupRuleId.NotFound",
        },
        |view, id| {
            let has = |id| view.security_groups.values().any(|group| group.rules.iter().any(|rule| rule.id == id));
            id.parse().ok().map(has)
        },
    ),
];

fn images<'a>(view: &View<'a>) -> impl Iterator<Item = &'a crate::resource::Image> {
    view.state().shared.images.values().chain(view.tables().images.values()).map(AsRef::as_ref)
}

/// The kind of resource that an id with this prefix names, and how to see whether it exists.
fn kind_of(id: &str) -> Option<(Kind, impl Fn(&View<'_>) -> Option<bool>)> {
    // What stands before the last dash is compared as a whole: `eni-attach` is not `eni`.
    let (prefix, _) = id.rsplit_once('-')?;
    let own = KINDS.iter().find(|(kind, _)| kind.prefix == prefix);
    let other = OTHER_KINDS.iter().find(|(kind, _)| kind.prefix == prefix);
    let kind = own.map(|(kind, _)| *kind).or_else(|| other.map(|(kind, _)| *kind))?;
    Some((kind, move |view: &View<'_>| {
        let own = own.and_then(|(_, exists)| exists(view.tables(), id));
        let other = other.and_then(|(_, exists)| exists(view, id));
        own.max(other)
    }))
}

/// EC2's name for the type of resource with this id, such as `instance`; `None` for ids of no taggable kind.
pub fn resource_type(id: &str) -> Option<&'static str> {
    kind_of(id).map(|(kind, _)| kind.resource_type)
}

/// Checks that a resource that tags are to be put on or taken off is there.
///
/// # Errors
/// `InvalidID` for a text that is no id of a taggable kind, the kind's own `NotFound` where it does not exist.
pub fn check_exists(view: &View<'_>, id: &str) -> Result<(), ApiError> {
    let invalid = || ApiError::new("InvalidID", format!("The ID '{id}' is not valid"));
    let (kind, exists) = kind_of(id).ok_or_else(invalid)?;
    if exists(view).ok_or_else(invalid)? { Ok(()) } else { Err(kind.not_found(&[id])) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str, value: &str) -> Tag {
        Tag { key: Some(key.to_owned()), value: Some(value.to_owned()) }
    }

    fn specification(resource_type: Option<&str>, tags: Vec<Tag>) -> TagSpecification {
        TagSpecification { resource_type: resource_type.map(str::to_owned), tags }
    }

    #[test]
    fn bad_tags_are_refused() {
        let many = |count: usize| (0..count).map(|i| tag(&format!("k{i}"), "")).collect::<Vec<_>>();
        let cases: [(Vec<Tag>, Option<&str>); 10] = [
            (vec![tag("Name", "web"), tag("name", "")], None),
            (vec![tag(&"é".repeat(128), &"é".repeat(256))], None),
            (vec![tag("AWS:x", "only lower case is reserved")], None),
            (many(50), None),
            (many(51), Some("TagLimitExceeded")),
            (vec![tag("", "x")], Some("InvalidParameterValue")),
            (vec![tag("aws:x", "x")], Some("InvalidParameterValue")),
            (vec![tag(&"k".repeat(129), "")], Some("InvalidParameterValue")),
            (vec![tag("k", &"v".repeat(257))], Some("InvalidParameterValue")),
            (vec![tag("k", "1"), tag("k", "2")], Some("InvalidParameterValue")),
        ];
        for (tags, code) in cases {
            assert_eq!(check(&tags).err().map(|e| e.code), code, "{tags:?}");
        }
        assert_eq!(check(&[Tag::default()]).unwrap_err().code, "MissingParameter");
        let no_value = Tag { key: Some("k".to_owned()), value: None };
        assert_eq!(check(&[no_value]).unwrap()["k"], "");
    }

    #[test]
    fn specifications_speak_of_what_is_made() {
        let web = || vec![tag("Name", "web")];
        let allowed = ["instance", "volume"];
        let tags = NewTags::new(&[specification(Some("volume"), web())], &allowed).unwrap();
        assert_eq!(tags.of("volume")["Name"], "web");
        assert!(tags.of("instance").is_empty());
        for bad in [
            vec![specification(None, web())],
            vec![specification(Some("vpc"), web())],
            vec![specification(Some("volume"), vec![])],
            vec![specification(Some("volume"), web()), specification(Some("volume"), web())],
        ] {
            assert_eq!(NewTags::new(&bad, &allowed).unwrap_err().code, "InvalidParameterValue", "{bad:?}");
        }
    }

    #[test]
    fn ids_tell_their_kind() {
        for (id, expected) in [
            ("i-00000000000000001", Some("instance")),
            ("eni-00000000000000001", Some("network-interface")),
            ("eni-attach-00000000000000001", None),
            ("sgr-1", Some("security-group-rule")),
            ("r-00000000000000001", None),
            ("nonsense", None),
        ] {
            assert_eq!(resource_type(id), expected, "{id}");
        }
    }
}
