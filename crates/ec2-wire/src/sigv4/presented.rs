//! The signature as a request presents it: in the `Authorization` header, or in the query string.

use ec2_shapes::Timestamp;

use super::{ALGORITHM, MAX_EXPIRES_SECONDS, Reason, Service, SignatureError, SignedRequest};
use crate::error::echo;
use crate::form::parse_form;

/// Where the signature stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In the `Authorization` header.
    Header,
    /// In the query string, as presigned requests have it.
    Query,
}

/// A signature, its parts well-formed but nothing of it verified.
#[derive(Debug)]
pub struct Presented {
    pub form: Form,
    pub access_key_id: String,
    /// The date of the scope, `20260208`.
    pub scope_date: String,
    pub region: String,
    pub service_name: String,
    /// The service of that name, if it is one of ours.
    pub service: Option<Service>,
    pub signed_headers: Vec<String>,
    pub signature: [u8; 32],
    /// The moment of signing as it was sent, `20260208T070849Z`.
    pub timestamp: String,
    /// The same moment.
    pub date: Timestamp,
    /// How long a presigned request is valid.
    pub expires_seconds: Option<i64>,
    pub session_token: Option<String>,
}

/// The parts of a signature before they are looked into.
struct Parts<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
    timestamp: &'a str,
}

fn incomplete(text: impl Into<String>) -> Reason {
    Reason::Incomplete(text.into())
}

impl Presented {
    /// The signature of this request.
    pub fn find(request: &SignedRequest<'_>) -> Result<Self, SignatureError> {
        let authorization = request.single_header("authorization")?;
        let query = parse_form(request.query.as_bytes()).map_err(|error| incomplete(error.message))?;
        let in_query = query.iter().any(|(name, _)| name == "X-Amz-Algorithm" || name == "X-Amz-Signature");
        match authorization {
            Some(_) if in_query => {
                Err(incomplete("The request is signed both in the Authorization header and in the query string."))?
            }
            Some(header) => Self::from_header(request, header),
            None if in_query => Self::from_query(&query),
            None if is_old_version(request, &query) => Err(Reason::OldVersion)?,
            None => Err(Reason::Missing)?,
        }
    }

    fn from_header(request: &SignedRequest<'_>, header: &str) -> Result<Self, SignatureError> {
        let (algorithm, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if matches!(algorithm, "AWS" | "AWS3" | "AWS3-HTTPS") {
            Err(Reason::OldVersion)?;
        }
        check_algorithm(algorithm)?;
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for part in rest.split(',') {
            let (name, value) = part.trim().split_once('=').unwrap_or((part.trim(), ""));
            let slot = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => Err(incomplete(format!("The Authorization header has an unknown part {:?}.", echo(name))))?,
            };
            if slot.replace(value).is_some() {
                Err(incomplete(format!("The Authorization header has the part {name} twice.")))?;
            }
        }
        let missing = |name: &str| incomplete(format!("The Authorization header must have the part {name}."));
        let timestamp = match request.single_header("x-amz-date")? {
            Some(date) => date,
            None => request.single_header("date")?.ok_or_else(|| incomplete("The header X-Amz-Date is missing."))?,
        };
        let parts = Parts {
            credential: credential.ok_or_else(|| missing("Credential"))?,
            signed_headers: signed_headers.ok_or_else(|| missing("SignedHeaders"))?,
            signature: signature.ok_or_else(|| missing("Signature"))?,
            timestamp: timestamp.trim(),
        };
        let session_token = request.single_header("x-amz-security-token")?.map(str::to_owned);
        Self::new(Form::Header, parts, None, session_token)
    }

    fn from_query(query: &[(String, String)]) -> Result<Self, SignatureError> {
        let find = |name: &str| {
            let mut values = query.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str());
            match (values.next(), values.next()) {
                (_, Some(_)) => Err(incomplete(format!("The parameter {name} is given more than once."))),
                (value, None) => Ok(value),
            }
        };
        let wanted = |name: &str| find(name)?.ok_or_else(|| incomplete(format!("The parameter {name} is missing.")));
        check_algorithm(wanted("X-Amz-Algorithm")?)?;
        let expires = wanted("X-Amz-Expires")?;
        let seconds = expires.parse().ok().filter(|seconds| (1..=MAX_EXPIRES_SECONDS).contains(seconds));
        let seconds = seconds.ok_or_else(|| {
            incomplete(format!(
                "X-Amz-Expires must be between 1 and {MAX_EXPIRES_SECONDS} seconds, not {}.",
                echo(expires)
            ))
        })?;
        let parts = Parts {
            credential: wanted("X-Amz-Credential")?,
            signed_headers: wanted("X-Amz-SignedHeaders")?,
            signature: wanted("X-Amz-Signature")?,
            timestamp: wanted("X-Amz-Date")?,
        };
        let session_token = find("X-Amz-Security-Token")?.map(str::to_owned);
        Self::new(Form::Query, parts, Some(seconds), session_token)
    }

    fn new(
        form: Form,
        parts: Parts<'_>,
        expires_seconds: Option<i64>,
        session_token: Option<String>,
    ) -> Result<Self, SignatureError> {
        let scope: Vec<&str> = parts.credential.split('/').collect();
        let [access_key_id, scope_date, region, service_name, "aws4_request"] = scope[..] else {
            let form = "KEY/DATE/REGION/SERVICE/aws4_request";
            return Err(incomplete(format!("The credential {:?} is not of the form {form}.", echo(parts.credential))))?;
        };
        let service = Service::from_name(service_name);
        let fail = |reason| SignatureError { reason, service: service.unwrap_or(Service::Ec2) };
        let date = basic_timestamp(parts.timestamp).ok_or_else(|| {
            fail(incomplete(format!("The date {:?} is not of the form 20260208T070849Z.", echo(parts.timestamp))))
        })?;
        if !parts.timestamp.starts_with(scope_date) || scope_date.len() != 8 {
            return Err(fail(incomplete(format!(
                "The credential is for {:?}, the date is {}.",
                echo(scope_date),
                parts.timestamp
            ))));
        }
        let mut signature = [0; 32];
        hex::decode_to_slice(parts.signature, &mut signature)
            .map_err(|_| fail(incomplete("The signature is not of 64 hexadecimal digits.")))?;
        Ok(Self {
            form,
            access_key_id: access_key_id.to_owned(),
            scope_date: scope_date.to_owned(),
            region: region.to_owned(),
            service_name: service_name.to_owned(),
            service,
            signed_headers: signed_headers(parts.signed_headers).map_err(fail)?,
            signature,
            timestamp: parts.timestamp.to_owned(),
            date,
            expires_seconds,
            session_token,
        })
    }

    /// The scope of the signature, without the access key.
    pub fn scope(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.scope_date, self.region, self.service_name)
    }
}

fn check_algorithm(algorithm: &str) -> Result<(), Reason> {
    if algorithm == ALGORITHM {
        return Ok(());
    }
    Err(incomplete(format!("The signature must be of the algorithm {ALGORITHM}, not {:?}.", echo(algorithm))))
}

/// The names of the signed headers: lower-case, sorted, each once, `host` among them.
fn signed_headers(list: &str) -> Result<Vec<String>, Reason> {
    let names: Vec<String> = list.split(';').map(str::to_owned).collect();
    let well_formed = |name: &String| !name.is_empty() && !name.bytes().any(|b| b.is_ascii_uppercase() || b <= b' ');
    if !names.iter().all(well_formed) || !names.is_sorted_by(|a, b| a < b) {
        return Err(incomplete("SignedHeaders must be lower-case names, sorted, separated by semicolons."));
    }
    if !names.iter().any(|name| name == "host") {
        return Err(Reason::UnsignedHeader("host".to_owned()));
    }
    Ok(names)
}

/// Whether the request is signed as version 2 has it, in the query string or in a form.
fn is_old_version(request: &SignedRequest<'_>, query: &[(String, String)]) -> bool {
    let old = |(name, _): &(String, String)| name == "SignatureVersion" || name == "AWSAccessKeyId";
    query.iter().any(old) || parse_form(request.body).is_ok_and(|form| form.iter().any(old))
}

/// The moment that `20260208T070849Z` names.
fn basic_timestamp(text: &str) -> Option<Timestamp> {
    if text.len() != 16 || !text.is_ascii() {
        return None;
    }
    let part = |from: usize, to: usize| &text[from..to];
    let extended =
        format!("{}-{}-{}T{}:{}:{}Z", part(0, 4), part(4, 6), part(6, 8), part(9, 11), part(11, 13), part(13, 15));
    (part(8, 9) == "T" && part(15, 16) == "Z").then_some(())?;
    extended.parse().ok()
}
