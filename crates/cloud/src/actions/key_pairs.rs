//! Key pairs.

use std::sync::Arc;

use ec2_shapes::{
    CreateKeyPairRequest, DeleteKeyPairRequest, DeleteKeyPairResult, DescribeKeyPairsRequest, DescribeKeyPairsResult,
    ImportKeyPairRequest, ImportKeyPairResult, KeyPairInfo,
};
use types::KeyPairId;

use crate::context::Context;
use crate::error::ApiError;
use crate::keys;
use crate::query::{Filterable, Filters, find_all, parse_id};
use crate::resource::{KeyPair, KeyType, Tags};
use crate::state::{Key, Tables};
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;
use crate::view::View;

/// How many key pairs a region may have.
const MAX_KEY_PAIRS: usize = 5_000;
const MAX_NAME_LEN: usize = 255;
const RESOURCE_TYPE: &str = "key-pair";

/// The key itself comes in [`Context::generated_key`].
pub(super) fn create_key_pair(
    context: &Context,
    tx: &mut Transaction,
    request: CreateKeyPairRequest,
) -> Result<ec2_shapes::KeyPair, ApiError> {
    let tags = NewTags::new(&request.tag_specifications, &[RESOURCE_TYPE])?;
    check_new_name(tx, &request.key_name)?;
    let wanted = match request.key_type {
        None | Some(ec2_shapes::KeyType::Rsa) => KeyType::Rsa,
        Some(ec2_shapes::KeyType::Ed25519) => KeyType::Ed25519,
    };
    let made = context.generated_key.as_ref().filter(|made| made.key_type == wanted).ok_or_else(ApiError::internal)?;
    let pair = store(context, tx, &tags, &request.key_name, wanted, &made.public_openssh, &made.fingerprint);
    Ok(ec2_shapes::KeyPair {
        key_fingerprint: Some(pair.fingerprint),
        key_material: Some(made.private_material.clone()),
        key_name: Some(request.key_name),
        key_pair_id: Some(pair.id.to_string()),
        tags: tagging::to_shape(tags.of(RESOURCE_TYPE)),
    })
}

pub(super) fn import_key_pair(
    context: &Context,
    tx: &mut Transaction,
    request: ImportKeyPairRequest,
) -> Result<ImportKeyPairResult, ApiError> {
    let tags = NewTags::new(&request.tag_specifications, &[RESOURCE_TYPE])?;
    check_new_name(tx, &request.key_name)?;
    let key = keys::parse_public(&request.public_key_material.0)?;
    let pair = store(context, tx, &tags, &request.key_name, key.key_type, &key.openssh, &key.fingerprint);
    Ok(ImportKeyPairResult {
        key_fingerprint: Some(pair.fingerprint),
        key_name: Some(request.key_name),
        key_pair_id: Some(pair.id.to_string()),
        tags: tagging::to_shape(tags.of(RESOURCE_TYPE)),
    })
}

fn store(
    context: &Context,
    tx: &mut Transaction,
    tags: &NewTags,
    name: &str,
    key_type: KeyType,
    openssh: &str,
    fingerprint: &str,
) -> KeyPair {
    let pair = KeyPair {
        id: KeyPairId::from_number(context.id_number()),
        name: name.into(),
        key_type,
        fingerprint: fingerprint.to_owned(),
        // The name as the comment, as on AWS; it was checked to hold nothing that could end the line.
        public_openssh: format!("{openssh} {name}"),
        created: context.now,
    };
    tx.put(pair.clone());
    tags.put(tx, RESOURCE_TYPE, pair.id);
    pair
}

fn check_new_name(tables: &Tables, name: &str) -> Result<(), ApiError> {
    let invalid = |why| Err(ApiError::invalid_value(format!("Value ({name}) for parameter keyName is invalid. {why}")));
    if name.is_empty() {
        return invalid("It should not be blank.");
    }
    if name.len() > MAX_NAME_LEN {
        return invalid("Length exceeds maximum of 255.");
    }
    if name.bytes().any(|byte| !(b' '..=b'~').contains(&byte)) {
        return invalid("Only printable ASCII characters are supported.");
    }
    if name.trim() != name {
        return invalid("Leading and trailing spaces are not supported.");
    }
    if tables.key_pairs.contains_key(name) {
        return Err(ApiError::new("InvalidKeyPair.Duplicate", "The keypair already exists"));
    }
    if tables.key_pairs.len() >= MAX_KEY_PAIRS {
        let message = format!("The maximum of {MAX_KEY_PAIRS} key pairs has been reached.");
        return Err(ApiError::new("KeyPairLimitExceeded", message));
    }
    Ok(())
}

/// Succeeds for a key pair that does not exist, as on AWS.
pub(super) fn delete_key_pair(
    _: &Context,
    tx: &mut Transaction,
    request: DeleteKeyPairRequest,
) -> Result<DeleteKeyPairResult, ApiError> {
    let found = match (&request.key_pair_id, &request.key_name) {
        (Some(id), _) => by_id(tx, id)?,
        (None, Some(name)) => tx.key_pairs.get(name.as_str()),
        (None, None) => return Err(ApiError::missing("KeyName")),
    };
    let Some(pair) = found.cloned() else {
        return Ok(DeleteKeyPairResult { r#return: Some(true), key_pair_id: None });
    };
    if request.key_name.as_ref().is_some_and(|name| **name != *pair.name) {
        return Err(ApiError::invalid_combination("The parameters KeyName and KeyPairId name different key pairs"));
    }
    tagging::replace(tx, &pair.id.to_string(), Tags::new());
    tx.delete(Key::KeyPair(pair.name.clone()));
    Ok(DeleteKeyPairResult { r#return: Some(true), key_pair_id: Some(pair.id.to_string()) })
}

fn by_id<'a>(tables: &'a Tables, id: &str) -> Result<Option<&'a Arc<KeyPair>>, ApiError> {
    let id: KeyPairId = parse_id(id, KeyPairId::PREFIX, "InvalidParameterValue")?;
    Ok(tables.key_pairs.values().find(|pair| pair.id == id))
}

struct Row<'a> {
    pair: &'a KeyPair,
    tags: &'a Tags,
}

impl Filterable for Row<'_> {
    const NAMES: &'static [&'static str] = &["fingerprint", "key-name", "key-pair-id"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name {
            "fingerprint" => found(&self.pair.fingerprint),
            "key-name" => found(&self.pair.name),
            "key-pair-id" => found(&self.pair.id.to_string()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tags)
    }
}

pub(super) fn describe_key_pairs(
    _: &Context,
    view: &View<'_>,
    request: DescribeKeyPairsRequest,
) -> Result<DescribeKeyPairsResult, ApiError> {
    let filters = Filters::new::<Row<'_>>(&request.filters)?;
    let not_found = |noun: &str, name: &str| {
        ApiError::new("InvalidKeyPair.NotFound", format!("The {noun} '{name}' does not exist"))
    };
    let mut named = find_all(
        &view.key_pairs,
        &request.key_names,
        |name| Ok(Arc::from(name)),
        |missing| not_found("key pair", missing.first().map_or("", String::as_str)),
    )?;
    if !request.key_pair_ids.is_empty() {
        let mut ids = std::collections::BTreeSet::new();
        for id in &request.key_pair_ids {
            ids.insert(by_id(view, id)?.ok_or_else(|| not_found("key pair ID", id))?.id);
        }
        named.retain(|pair| ids.contains(&pair.id));
    }
    let key_pairs = named
        .into_iter()
        .map(|pair| Row { pair, tags: view.tags_of(&pair.id.to_string()) })
        .filter(|row| filters.matches(row))
        .map(|row| describe(&row, request.include_public_key == Some(true)))
        .collect();
    Ok(DescribeKeyPairsResult { key_pairs })
}

fn describe(row: &Row<'_>, with_public_key: bool) -> KeyPairInfo {
    KeyPairInfo {
        create_time: Some(ec2_shapes::Timestamp::from_unix_ms(row.pair.created.unix_ms)),
        key_fingerprint: Some(row.pair.fingerprint.clone()),
        key_name: Some(row.pair.name.to_string()),
        key_pair_id: Some(row.pair.id.to_string()),
        key_type: Some(match row.pair.key_type {
            KeyType::Rsa => ec2_shapes::KeyType::Rsa,
            KeyType::Ed25519 => ec2_shapes::KeyType::Ed25519,
        }),
        public_key: with_public_key.then(|| row.pair.public_openssh.clone()),
        tags: tagging::to_shape(row.tags),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::GeneratedKey;
    use crate::testing::{filter, seeded, specification};
    use ec2_shapes::Blob;

    const LINE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKud0C0XVIlzBcqH6I22AFnBlHyWysOpBbLl8zoAV5up";

    fn import(context: &Context, tx: &mut Transaction, name: &str) -> Result<ImportKeyPairResult, ApiError> {
        let request = ImportKeyPairRequest {
            key_name: name.to_owned(),
            public_key_material: Blob(format!("{LINE} me@home").into_bytes()),
            tag_specifications: vec![specification("key-pair", &[("team", "net")])],
            ..ImportKeyPairRequest::default()
        };
        import_key_pair(context, tx, request)
    }

    #[test]
    fn created_then_described_then_deleted() {
        let (mut context, state) = seeded();
        let mut tx = Transaction::new(&state, context.region.clone());
        let request = CreateKeyPairRequest { key_name: "web".to_owned(), ..CreateKeyPairRequest::default() };
        let without_key = create_key_pair(&context, &mut tx, request.clone());
        assert_eq!(without_key.unwrap_err().code, "InternalError");
        context.generated_key = Some(GeneratedKey {
            key_type: KeyType::Rsa,
            private_material: "secret".to_owned(),
            public_openssh: "ssh-rsa AAAA".to_owned(),
            fingerprint: "aa:bb".to_owned(),
        });
        let other_type = CreateKeyPairRequest { key_type: Some(ec2_shapes::KeyType::Ed25519), ..request.clone() };
        assert_eq!(create_key_pair(&context, &mut tx, other_type).unwrap_err().code, "InternalError");
        let made = create_key_pair(&context, &mut tx, request.clone()).unwrap();
        assert_eq!(made.key_material.as_deref(), Some("secret"));
        let again = create_key_pair(&context, &mut tx, request).unwrap_err();
        assert_eq!((again.code, again.message.as_str()), ("InvalidKeyPair.Duplicate", "The keypair already exists"));

        let ask = DescribeKeyPairsRequest { include_public_key: Some(true), ..DescribeKeyPairsRequest::default() };
        let told = describe_key_pairs(&context, &tx.view(), ask).unwrap().key_pairs;
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].public_key.as_deref(), Some("ssh-rsa AAAA web"));
        assert_eq!(told[0].key_pair_id, made.key_pair_id);

        let gone = DeleteKeyPairRequest { key_pair_id: made.key_pair_id.clone(), ..DeleteKeyPairRequest::default() };
        assert_eq!(delete_key_pair(&context, &mut tx, gone.clone()).unwrap().key_pair_id, made.key_pair_id);
        assert_eq!(delete_key_pair(&context, &mut tx, gone).unwrap().key_pair_id, None);
        assert!(tx.key_pairs.is_empty());
    }

    #[test]
    fn imported_with_tags_that_go_with_it() {
        let (context, state) = seeded();
        let mut tx = Transaction::new(&state, context.region.clone());
        let made = import(&context, &mut tx, "mine").unwrap();
        assert_eq!(made.key_fingerprint.as_deref(), Some("51vYYKUrTQlTwlKZyyIrBYZwEOc3A0+uMJxzHCPADB8="));
        import(&context, &mut tx, "other").unwrap();
        let find = |tx: &Transaction, request| {
            describe_key_pairs(&context, &tx.view(), request)
                .map(|told| told.key_pairs.into_iter().filter_map(|pair| pair.key_name).collect::<Vec<_>>())
                .map_err(|error| (error.code, error.message))
        };
        let base = DescribeKeyPairsRequest::default;
        let by = |name: &str, value: &str| DescribeKeyPairsRequest { filters: vec![filter(name, &[value])], ..base() };
        let id = made.key_pair_id.clone().unwrap();
        assert_eq!(find(&tx, by("tag:team", "net")).unwrap(), ["mine", "other"]);
        assert_eq!(find(&tx, by("key-name", "m*")).unwrap(), ["mine"]);
        assert_eq!(find(&tx, by("key-pair-id", &id)).unwrap(), ["mine"]);
        assert_eq!(find(&tx, DescribeKeyPairsRequest { key_pair_ids: vec![id.clone()], ..base() }).unwrap(), ["mine"]);
        assert_eq!(
            find(&tx, DescribeKeyPairsRequest { key_names: vec!["none".to_owned()], ..base() }).unwrap_err(),
            ("InvalidKeyPair.NotFound", "The key pair 'none' does not exist".to_owned())
        );
        let unknown = DescribeKeyPairsRequest { key_pair_ids: vec!["key-00000000000000000".to_owned()], ..base() };
        assert_eq!(find(&tx, unknown).unwrap_err().0, "InvalidKeyPair.NotFound");
        assert_eq!(find(&tx, by("colour", "x")).unwrap_err().1, "The filter 'colour' is invalid");

        let by_name = DeleteKeyPairRequest { key_name: Some("mine".to_owned()), ..DeleteKeyPairRequest::default() };
        delete_key_pair(&context, &mut tx, by_name).unwrap();
        assert!(tx.tags_of(&id).is_empty());
        let nothing = delete_key_pair(&context, &mut tx, DeleteKeyPairRequest::default());
        assert_eq!(nothing.unwrap_err().code, "MissingParameter");
    }

    #[test]
    fn bad_names_and_keys_are_refused() {
        let (context, state) = seeded();
        for name in ["", " x", "x ", "é", "a\nssh-rsa AAAA", &"x".repeat(256)] {
            let mut tx = Transaction::new(&state, context.region.clone());
            assert_eq!(import(&context, &mut tx, name).unwrap_err().code, "InvalidParameterValue", "{name:?}");
        }
        let mut tx = Transaction::new(&state, context.region.clone());
        let request = ImportKeyPairRequest { key_name: "x".to_owned(), ..ImportKeyPairRequest::default() };
        assert_eq!(import_key_pair(&context, &mut tx, request).unwrap_err().code, "InvalidKey.Format");
    }
}
