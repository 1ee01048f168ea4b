//! STS: who asks, and temporary credentials.

use serde::{Deserialize, Serialize};
use types::Timestamp;

use super::iam::{Named, trusts};
use super::read;
use crate::context::Context;
use crate::error::ApiError;
use crate::resource::Role;
use crate::sessions::{Caller, Credentials, Holder, Session, unique_id};
use crate::state::State;

super::actions! {
    Sts:
    "AssumeRole" 1 Read assume_role,
    "GetAccessKeyInfo" 1 Read get_access_key_info,
    "GetCallerIdentity" 1 Read get_caller_identity,
    "GetSessionToken" 1 Read get_session_token,
}

/// The shortest session, in seconds.
const MIN_SECONDS: i64 = 900;
/// The longest session of a role, in seconds; also what a role itself may allow at most.
const MAX_SECONDS: i64 = 43_200;
/// How long a session is unless asked otherwise, and the longest where a role assumes another or the root user asks
/// for a session of its own.
const HOUR: i64 = 3_600;
/// The longest session of GetSessionToken that may be asked for.
const MAX_TOKEN_SECONDS: i64 = 129_600;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoParameters {}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CallerIdentity {
    user_id: String,
    account: String,
    arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AssumeRoleRequest {
    role_arn: Option<String>,
    role_session_name: Option<String>,
    #[serde(default, deserialize_with = "read::number")]
    duration_seconds: Option<i64>,
    external_id: Option<String>,
    source_identity: Option<String>,
    policy: Option<String>,
    serial_number: Option<String>,
    token_code: Option<String>,
    #[serde(default, deserialize_with = "read::list")]
    policy_arns: Vec<serde_json::Value>,
    #[serde(default, deserialize_with = "read::list")]
    tags: Vec<serde_json::Value>,
    #[serde(default, deserialize_with = "read::list")]
    transitive_tag_keys: Vec<serde_json::Value>,
    #[serde(default, deserialize_with = "read::list")]
    provided_contexts: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetSessionTokenRequest {
    #[serde(default, deserialize_with = "read::number")]
    duration_seconds: Option<i64>,
    serial_number: Option<String>,
    token_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetAccessKeyInfoRequest {
    access_key_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AccessKeyInfo {
    account: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CredentialsShape {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AssumedRoleUser {
    assumed_role_id: String,
    arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AssumeRoleResult {
    credentials: CredentialsShape,
    assumed_role_user: AssumedRoleUser,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetSessionTokenResult {
    credentials: CredentialsShape,
}

impl From<Credentials> for CredentialsShape {
    fn from(made: Credentials) -> Self {
        Self {
            access_key_id: made.access_key_id,
            secret_access_key: made.secret_access_key,
            session_token: made.session_token,
            expiration: made.expires.to_string().replace(".000Z", "Z"),
        }
    }
}

fn validation(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", message)
}

fn get_caller_identity(context: &Context, _: &State, _: NoParameters) -> Result<CallerIdentity, ApiError> {
    let account = context.account();
    Ok(CallerIdentity {
        user_id: context.caller.user_id(account),
        account: account.to_string(),
        arn: context.caller.arn(account),
    })
}

/// GetAccessKeyInfo. There is one account; a key that is not of its making cannot be told from one that is.
fn get_access_key_info(
    context: &Context,
    _: &State,
    request: GetAccessKeyInfoRequest,
) -> Result<AccessKeyInfo, ApiError> {
    let id = request.access_key_id.unwrap_or_default();
    let is_key = (16..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !is_key {
        return Err(validation(
            "1 validation error detected: Value at 'accessKeyId' failed to satisfy constraint: Member must be an access \
             key id",
        ));
    }
    Ok(AccessKeyInfo { account: context.account().to_string() })
}

fn assume_role(context: &Context, state: &State, request: AssumeRoleRequest) -> Result<AssumeRoleResult, ApiError> {
    let arn = request.role_arn.as_deref().filter(|arn| arn.len() >= 20).ok_or_else(|| {
        validation(
            "1 validation error detected: Value at 'roleArn' failed to satisfy constraint: Member must have length greater \
             than or equal to 20",
        )
    })?;
    let name = session_name(request.role_session_name.as_deref())?;
    refuse_unavailable(&request)?;
    let seconds = length(request.duration_seconds, HOUR, MAX_SECONDS)?;
    let role = find_trusting_role(context, state, arn)?;
    if context.caller.role().is_some() && seconds > HOUR {
        return Err(validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        ));
    }
    if seconds > i64::from(role.max_session_seconds) {
        return Err(validation("The requested DurationSeconds exceeds the MaxSessionDuration set for this role."));
    }
    let holder = Holder::Role { name: role.name.clone(), id: role.id.clone() };
    let session = new_session(context, holder, name, seconds);
    let credentials = make(context, &session)?.into();
    let (caller, account) = (Caller::Session(session), context.account());
    let assumed_role_user = AssumedRoleUser { assumed_role_id: caller.user_id(account), arn: caller.arn(account) };
    Ok(AssumeRoleResult { credentials, assumed_role_user })
}

/// GetSessionToken: a session of the root user's own.
fn get_session_token(
    context: &Context,
    _: &State,
    request: GetSessionTokenRequest,
) -> Result<GetSessionTokenResult, ApiError> {
    if request.serial_number.is_some() || request.token_code.is_some() {
        return Err(no_mfa());
    }
    if matches!(context.caller, Caller::Session(_)) {
        return Err(ApiError::new("AccessDenied", "Cannot call GetSessionToken with session credentials"));
    }
    // AWS gives the root user an hour at most, and cuts a longer wish to that.
    let seconds = length(request.duration_seconds, HOUR, MAX_TOKEN_SECONDS)?.min(HOUR);
    let session = new_session(context, Holder::Root, String::new(), seconds);
    Ok(GetSessionTokenResult { credentials: make(context, &session)?.into() })
}

fn session_name(name: Option<&str>) -> Result<String, ApiError> {
    let name = name.unwrap_or_default();
    let is_name =
        (2..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b));
    if is_name {
        return Ok(name.to_owned());
    }
    Err(validation(
        "1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint: Member must have 2 to 64 \
         characters and satisfy regular expression pattern: [\\w+=,.@-]*",
    ))
}

/// Refuses what would narrow the session down or mark it, since nothing here would keep to it.
fn refuse_unavailable(request: &AssumeRoleRequest) -> Result<(), ApiError> {
    if request.serial_number.is_some() || request.token_code.is_some() {
        return Err(no_mfa());
    }
    // An external id is for the trust policy to ask for, under a condition; the role's other principals need none.
    let _ = &request.external_id;
    let refused = [
        (request.policy.is_some(), "Policy"),
        (!request.policy_arns.is_empty(), "PolicyArns"),
        (request.source_identity.is_some(), "SourceIdentity"),
        (!request.tags.is_empty(), "Tags"),
        (!request.transitive_tag_keys.is_empty(), "TransitiveTagKeys"),
        (!request.provided_contexts.is_empty(), "ProvidedContexts"),
    ];
    match refused.into_iter().find(|(is_asked, _)| *is_asked) {
        Some((_, name)) => Err(validation(format!("The parameter {name} asks for something that is not available."))),
        None => Ok(()),
    }
}

fn no_mfa() -> ApiError {
    ApiError::new("AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.")
}

fn length(seconds: Option<i64>, default: i64, max: i64) -> Result<i64, ApiError> {
    let seconds = seconds.unwrap_or(default);
    let bound = match seconds {
        _ if seconds < MIN_SECONDS => format!("greater than or equal to {MIN_SECONDS}"),
        _ if seconds > max => format!("less than or equal to {max}"),
        _ => return Ok(seconds),
    };
    Err(validation(format!(
        "1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to satisfy constraint: Member must have \
         value {bound}"
    )))
}

/// The role of this ARN, if the caller may assume it. That there is no such role is not told, as on AWS.
///
/// The owner of the account may assume every role: there is no user whom the owner could assume it as. A role may
/// assume another that trusts it.
fn find_trusting_role<'a>(context: &Context, state: &'a State, arn: &str) -> Result<&'a Role, ApiError> {
    let account = context.account();
    let role = state.shared.roles.values().find(|role| role.arn == arn);
    let is_trusted = |role: &Role| match context.caller.role() {
        None => true,
        Some((own, _, _)) => state.shared.roles.get(own).is_some_and(|own| {
            let who = Named::Role { role: &own.arn, session: &context.caller.arn(account) };
            trusts(&role.trust_policy, account, who)
        }),
    };
    role.map(AsRef::as_ref).filter(|role| is_trusted(role)).ok_or_else(|| {
        let who = context.caller.arn(account);
        ApiError::new(
            "AccessDenied",
            format!("User: {who} is not authorized to perform: sts:AssumeRole on resource: {arn}"),
        )
    })
}

fn new_session(context: &Context, holder: Holder, name: String, seconds: i64) -> Session {
    let issued = Timestamp::from_unix_ms(context.now.unix_seconds() * 1000);
    let access_key_id = unique_id("ASIA", 16, || context.random());
    Session { access_key_id, holder, name, issued, expires: issued.plus_ms(seconds * 1000) }
}

fn make(context: &Context, session: &Session) -> Result<Credentials, ApiError> {
    Ok(context.session_key.as_ref().ok_or_else(ApiError::internal)?.credentials(session))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::services::Service::{Iam, Sts};
    use crate::services::testing::{Bed, TRUST};
    use crate::sessions::is_current;

    use super::*;

    const ROLE: &str = "arn:aws:iam::123456789012:role/web";

    #[test]
    fn everybody_is_told_who_they_are() {
        let mut bed = Bed::new();
        let answer = bed.ask(Sts, "GetCallerIdentity", json!({})).unwrap();
        let root =
            json!({"UserId": "123456789012", "Account": "123456789012", "Arn": "arn:aws:iam::123456789012:root"});
        assert_eq!(answer, root);
        bed.context.caller = bed.role_session("web", None);
        let answer = bed.ask(Sts, "GetCallerIdentity", json!({})).unwrap();
        assert_eq!(answer["Arn"], "arn:aws:sts::123456789012:assumed-role/web/tester");
        assert_eq!(answer["UserId"], format!("{}:tester", bed.state.shared.roles["web"].id));
        assert_eq!(bed.error(Sts, "GetCallerIdentity", json!({"Who": "x"})), "ValidationError");
        let info = bed.ask(Sts, "GetAccessKeyInfo", json!({"AccessKeyId": "AKIAIOSFODNN7EXAMPLE"})).unwrap();
        assert_eq!(info, json!({"Account": "123456789012"}));
        assert_eq!(bed.error(Sts, "GetAccessKeyInfo", json!({"AccessKeyId": "short"})), "ValidationError");
        assert_eq!(bed.error(Sts, "GetAccessKeyInfo", json!({})), "ValidationError");
    }

    #[test]
    fn a_role_is_assumed_for_as_long_as_it_allows() {
        let mut bed = Bed::new();
        bed.role_session("web", None);
        let ask = json!({"RoleArn": ROLE, "RoleSessionName": "alice", "DurationSeconds": "900"});
        let answer = bed.ask(Sts, "AssumeRole", ask).unwrap();
        let text = |name: &str| answer["Credentials"][name].as_str().unwrap().to_owned();
        let key = bed.context.session_key.clone().unwrap();
        let (session, secret) = key.read(&text("AccessKeyId"), &text("SessionToken")).unwrap();
        assert_eq!(secret, text("SecretAccessKey"));
        assert_eq!(session.expires.unix_ms - session.issued.unix_ms, 900_000);
        assert!(is_current(&bed.state, &session) && session.name == "alice");
        let arn = "arn:aws:sts::123456789012:assumed-role/web/alice";
        assert_eq!(answer["AssumedRoleUser"]["Arn"], arn);
        bed.ask(Iam, "DeleteRole", json!({"RoleName": "web"})).unwrap();
        assert!(!is_current(&bed.state, &session), "a role that is gone has no sessions");
    }

    #[test]
    fn bad_wishes_are_refused() {
        let mut bed = Bed::new();
        bed.role_session("web", None);
        let base = json!({"RoleArn": ROLE, "RoleSessionName": "alice"});
        for (member, value, code) in [
            ("RoleArn", json!("arn:aws:iam::123456789012:role/other"), "AccessDenied"),
            ("RoleArn", json!("web"), "ValidationError"),
            ("RoleArn", json!(null), "ValidationError"),
            ("RoleSessionName", json!("a"), "ValidationError"),
            ("RoleSessionName", json!("a b"), "ValidationError"),
            ("RoleSessionName", json!("a".repeat(65)), "ValidationError"),
            ("DurationSeconds", json!("899"), "ValidationError"),
            ("DurationSeconds", json!("43201"), "ValidationError"),
            ("DurationSeconds", json!("3601"), "ValidationError"),
            ("DurationSeconds", json!("long"), "ValidationError"),
            ("Policy", json!("{}"), "ValidationError"),
            ("PolicyArns", json!([{"arn": "x"}]), "ValidationError"),
            ("Tags", json!([{"Key": "a", "Value": "b"}]), "ValidationError"),
            ("SourceIdentity", json!("me"), "ValidationError"),
            ("SerialNumber", json!("mfa"), "AccessDenied"),
            ("Nonsense", json!("x"), "ValidationError"),
        ] {
            let mut ask = base.clone();
            ask[member] = value;
            assert_eq!(bed.error(Sts, "AssumeRole", ask.clone()), code, "{ask}");
        }
    }

    #[test]
    fn a_role_assumes_another_only_if_that_trusts_it() {
        let mut bed = Bed::new();
        let caller = bed.role_session("web", Some("AdministratorAccess"));
        let trust = |principal: serde_json::Value, effect: &str, condition: Option<serde_json::Value>| {
            let mut statement = json!({"Effect": effect, "Principal": principal, "Action": "sts:AssumeRole"});
            if let Some(condition) = condition {
                statement["Condition"] = condition;
            }
            json!({"Version": "2012-10-17", "Statement": [statement]})
        };
        let session = "arn:aws:sts::123456789012:assumed-role/web/tester";
        let condition = Some(json!({"StringEquals": {"sts:ExternalId": "x"}}));
        for (document, trusted) in [
            (serde_json::from_str(TRUST).unwrap(), false),
            (trust(json!({"AWS": "123456789012"}), "Allow", None), true),
            (trust(json!({"AWS": ["arn:aws:iam::123456789012:root", "x"]}), "Allow", None), true),
            (trust(json!({"AWS": ROLE}), "Allow", None), true),
            (trust(json!({"AWS": session}), "Allow", None), true),
            (trust(json!("*"), "Allow", None), true),
            (trust(json!({"AWS": "arn:aws:iam::123456789012:role/other"}), "Allow", None), false),
            (trust(json!({"AWS": "999999999999"}), "Allow", None), false),
            (trust(json!({"AWS": ROLE}), "Allow", condition), false),
            (trust(json!({"AWS": ROLE}), "Deny", None), false),
        ] {
            bed.context.caller = Caller::Root;
            let name = "target";
            let policy = document.to_string();
            bed.ask(Iam, "CreateRole", json!({"RoleName": name, "AssumeRolePolicyDocument": policy})).unwrap();
            let ask = json!({"RoleArn": "arn:aws:iam::123456789012:role/target", "RoleSessionName": "chained"});
            assert!(bed.ask(Sts, "AssumeRole", ask.clone()).is_ok(), "the owner may: {policy}");
            bed.context.caller = caller.clone();
            assert_eq!(bed.ask(Sts, "AssumeRole", ask).is_ok(), trusted, "{policy}");
            bed.context.caller = Caller::Root;
            bed.ask(Iam, "DeleteRole", json!({"RoleName": name})).unwrap();
        }
    }

    #[test]
    fn the_root_user_has_sessions_of_an_hour() {
        let mut bed = Bed::new();
        let answer = bed.ask(Sts, "GetSessionToken", json!({"DurationSeconds": "129600"})).unwrap();
        let text = |name: &str| answer["Credentials"][name].as_str().unwrap().to_owned();
        let key = bed.context.session_key.clone().unwrap();
        let (session, _) = key.read(&text("AccessKeyId"), &text("SessionToken")).unwrap();
        assert_eq!((session.expires.unix_ms - session.issued.unix_ms, &session.holder), (3_600_000, &Holder::Root));
        assert_eq!(bed.error(Sts, "GetSessionToken", json!({"DurationSeconds": "1"})), "ValidationError");
        assert_eq!(bed.error(Sts, "GetSessionToken", json!({"TokenCode": "123456"})), "AccessDenied");
        bed.context.caller = Caller::Session(session);
        assert_eq!(bed.error(Sts, "GetSessionToken", json!({})), "AccessDenied");
    }
}
