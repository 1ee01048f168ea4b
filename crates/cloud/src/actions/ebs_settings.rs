//! What is set for all volumes of a region: encryption by default, and the key it would use.

use ec2_shapes::{
    DisableEbsEncryptionByDefaultRequest, DisableEbsEncryptionByDefaultResult, EnableEbsEncryptionByDefaultRequest,
    EnableEbsEncryptionByDefaultResult, GetEbsDefaultKmsKeyIdRequest, GetEbsDefaultKmsKeyIdResult,
    GetEbsEncryptionByDefaultRequest, GetEbsEncryptionByDefaultResult, ModifyEbsDefaultKmsKeyIdRequest,
    ModifyEbsDefaultKmsKeyIdResult, ResetEbsDefaultKmsKeyIdRequest, ResetEbsDefaultKmsKeyIdResult, SSEType,
};

use crate::context::Context;
use crate::error::ApiError;
use crate::resource::Setting;
use crate::state::{Key, Tables};
use crate::transaction::Transaction;
use crate::view::View;

/// The name of the setting that holds the key.
const DEFAULT_KEY: &str = "ebs-default-kms-key";
/// The key of accounts that set no other.
const AWS_KEY: &str = "alias/aws/ebs";

/// Refused: volumes are not encrypted, and nobody is to believe that they are.
pub(super) fn enable_ebs_encryption_by_default(
    _: &Context,
    _: &mut Transaction,
    _: EnableEbsEncryptionByDefaultRequest,
) -> Result<EnableEbsEncryptionByDefaultResult, ApiError> {
    Err(ApiError::new("UnsupportedOperation", "Encryption by default is not available: volumes are not encrypted."))
}

pub(super) fn disable_ebs_encryption_by_default(
    _: &Context,
    _: &mut Transaction,
    _: DisableEbsEncryptionByDefaultRequest,
) -> Result<DisableEbsEncryptionByDefaultResult, ApiError> {
    Ok(DisableEbsEncryptionByDefaultResult { ebs_encryption_by_default: Some(false) })
}

pub(super) fn get_ebs_encryption_by_default(
    _: &Context,
    _: &View<'_>,
    _: GetEbsEncryptionByDefaultRequest,
) -> Result<GetEbsEncryptionByDefaultResult, ApiError> {
    Ok(GetEbsEncryptionByDefaultResult { ebs_encryption_by_default: Some(false), sse_type: Some(SSEType::None) })
}

fn key(tables: &Tables) -> String {
    tables.settings.get(DEFAULT_KEY).map_or_else(|| AWS_KEY.to_owned(), |setting| setting.value.clone())
}

pub(super) fn get_ebs_default_kms_key_id(
    _: &Context,
    view: &View<'_>,
    _: GetEbsDefaultKmsKeyIdRequest,
) -> Result<GetEbsDefaultKmsKeyIdResult, ApiError> {
    Ok(GetEbsDefaultKmsKeyIdResult { kms_key_id: Some(key(view)) })
}

/// Sets the key that encryption would use. It is kept as its ARN, as EC2 gives it back.
pub(super) fn modify_ebs_default_kms_key_id(
    context: &Context,
    tx: &mut Transaction,
    request: ModifyEbsDefaultKmsKeyIdRequest,
) -> Result<ModifyEbsDefaultKmsKeyIdResult, ApiError> {
    let given = request.kms_key_id.as_str();
    if given.is_empty() {
        return Err(ApiError::missing("KmsKeyId"));
    }
    let arn = format!("arn:aws:kms:{}:{}:", context.region, context.account());
    let value = match given {
        arn if arn.starts_with("arn:") => given.to_owned(),
        alias if alias.starts_with("alias/") => format!("{arn}{given}"),
        _ => format!("{arn}key/{given}"),
    };
    tx.put(Setting { name: DEFAULT_KEY.into(), value: value.clone() });
    Ok(ModifyEbsDefaultKmsKeyIdResult { kms_key_id: Some(value) })
}

pub(super) fn reset_ebs_default_kms_key_id(
    _: &Context,
    tx: &mut Transaction,
    _: ResetEbsDefaultKmsKeyIdRequest,
) -> Result<ResetEbsDefaultKmsKeyIdResult, ApiError> {
    if tx.settings.contains_key(DEFAULT_KEY) {
        tx.delete(Key::Setting(DEFAULT_KEY.into()));
    }
    Ok(ResetEbsDefaultKmsKeyIdResult { kms_key_id: Some(key(tx)) })
}
