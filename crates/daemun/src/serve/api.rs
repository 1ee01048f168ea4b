//! The API's front door: who asks, what for, and the answer on the wire.

mod ec2;
mod explain;
mod refusal;
mod services;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cloud::sessions::{self, SessionKey};
use cloud::{ApiError, Config, Context, Transaction};
use ec2_wire::WireError;
use ec2_wire::sigv4::{self, Reason, SecretKey, Service, SignatureError, SignedRequest};
use host::machine::Machines;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::{Method, StatusCode, header};
use store::{Author, Ledger, WriteError};
use tokio::sync::Semaphore;
use types::{Region, Timestamp};

use self::refusal::{Refusal, content_type};
use super::body::Body;
use super::engine::{ListImages, Parts};
use super::shown::Shown;
use crate::credentials::AccessKey;

/// The largest body of a request, in bytes. User data, the largest thing a request may hold, is under 22 KiB.
const MAX_BODY_BYTES: usize = 1 << 20;
/// How long the body of a request may take.
const BODY_LIMIT: Duration = Duration::from_secs(20);

/// How many keys are made at a time. An RSA key takes a processor for a second, on threads that the machines' work
/// needs, too; whoever asks for many waits their turn.
const MAX_KEYS_AT_A_TIME: usize = 2;

/// What answers requests.
pub(super) struct Api {
    keys: Semaphore,
    ledger: Ledger,
    config: Arc<Config>,
    key: AccessKey,
    session_key: SessionKey,
    machines: Arc<dyn Machines>,
    /// Whose cloud it is, as its network knows it.
    operator: policy::Operator,
    list_images: ListImages,
    /// Instances as they were last shown.
    shown: Arc<Shown>,
}

/// Who asks, and where.
struct Caller {
    /// The access key that signed the request.
    access_key_id: String,
    /// Whose it is.
    who: sessions::Caller,
    region: Region,
    service: Service,
}

/// A request whose signature was good.
#[derive(Clone, Copy)]
struct Asked<'a> {
    head: &'a hyper::http::request::Parts,
    body: &'a Bytes,
    request_id: &'a str,
}

impl Asked<'_> {
    /// The parameters of the query string, and those of the body where it has one.
    fn parameters(&self) -> Result<Vec<(String, String)>, WireError> {
        let query = self.head.uri.query().unwrap_or_default();
        let mut parameters = ec2_wire::form::parse_form(query.as_bytes())?;
        if self.head.method == Method::POST {
            parameters.extend(ec2_wire::form::parse_form(self.body)?);
        }
        Ok(parameters)
    }

    /// A header, if it is there once and is text.
    fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.head.headers.get_all(name).iter();
        let value = values.next()?;
        values.next().is_none().then(|| value.to_str().ok()).flatten()
    }
}

impl Api {
    pub(super) fn new(
        ledger: Ledger,
        config: Arc<Config>,
        key: AccessKey,
        session_key: SessionKey,
        operator: policy::Operator,
        engine: &Parts,
    ) -> Self {
        let shown = Arc::<Shown>::default();
        tokio::spawn(Arc::clone(&shown).keep_small());
        Self {
            keys: Semaphore::new(MAX_KEYS_AT_A_TIME),
            ledger,
            config,
            key,
            session_key,
            machines: Arc::clone(&engine.machines),
            operator,
            list_images: Arc::clone(&engine.list_images),
            shown,
        }
    }

    /// The answer to any request whatever.
    pub(super) async fn answer(&self, request: hyper::Request<Incoming>) -> hyper::Response<Body> {
        let request_id = new_request_id();
        let (head, body) = request.into_parts();
        let outcome = match read_body(body).await {
            Ok(body) => self.answer_body(&head, &body, &request_id).await,
            Err(refusal) => Err(refusal),
        };
        let (status, service, document) = match outcome {
            Ok((service, document)) => (StatusCode::OK, service, document),
            Err(refusal) => {
                tracing::debug!(request_id, code = refusal.code, message = refusal.message, "refused");
                (refusal.status(), refusal.service, refusal.document(&request_id).into())
            }
        };
        let mut response = hyper::Response::new(document);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type(service)));
        headers.insert(header::SERVER, header::HeaderValue::from_static("Daemun"));
        if let Ok(value) = header::HeaderValue::from_str(&request_id) {
            headers.insert("x-amzn-requestid", value);
        }
        if matches!(status, StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT) {
            // What is left of the body is not waited for.
            headers.insert(header::CONNECTION, header::HeaderValue::from_static("close"));
        }
        response
    }

    async fn answer_body(
        &self,
        head: &hyper::http::request::Parts,
        body: &Bytes,
        request_id: &str,
    ) -> Result<(Service, Body), Refusal> {
        let caller = self.authenticate(head, body)?;
        let (service, asked) = (caller.service, Asked { head, body, request_id });
        let document = match service {
            Service::Ec2 => self.answer_ec2(caller, asked).await?,
            Service::Daemun => self.answer_daemun(caller, asked).await?.into(),
            _ => self.answer_service(caller, asked).await?.into(),
        };
        Ok((service, document))
    }

    /// Who signed the request. Nothing is accepted unsigned.
    fn authenticate(&self, head: &hyper::http::request::Parts, body: &Bytes) -> Result<Caller, Refusal> {
        if !matches!(head.method, Method::GET | Method::POST) {
            let message = format!("The method {} is not allowed; use GET or POST.", head.method);
            return Err(Refusal::http(StatusCode::METHOD_NOT_ALLOWED, "InvalidMethod", message));
        }
        let headers: Vec<(&str, &[u8])> =
            head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let signed = SignedRequest {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &headers,
            body,
        };
        let now = control::now();
        let mut who = None;
        let lookup = |id: &str, token: Option<&str>| {
            let (caller, secret) = self.holder(id, token)?;
            who = Some(caller);
            Some(SecretKey::new(secret))
        };
        let refused = |error: SignatureError| Refusal::wire(error.service, error.to_wire());
        let verified =
            sigv4::verify(&signed, ec2_shapes::Timestamp { unix_ms: now.unix_ms }, lookup).map_err(refused)?;
        let service = verified.service;
        let who = who.ok_or_else(|| refused(SignatureError { reason: Reason::UnknownKey, service }))?;
        if let sessions::Caller::Session(session) = &who
            && session.expires <= now
        {
            return Err(refused(SignatureError { reason: Reason::ExpiredToken, service }));
        }
        let region = verified.region.parse().map_err(|_| {
            let message = format!("The region '{}' of the signature is not a region name.", verified.region);
            Refusal::wire(service, WireError::new("InvalidParameterValue", message))
        })?;
        Ok(Caller { access_key_id: verified.access_key_id, who, region, service })
    }

    /// Whose access key this is, and its secret. The root key goes with no session token, temporary ones only with
    /// their own. Whether these have expired is not looked at: only who knows the secret is told.
    fn holder(&self, id: &str, token: Option<&str>) -> Option<(sessions::Caller, String)> {
        let Some(token) = token else {
            return (id == self.key.id).then(|| (sessions::Caller::Root, self.key.secret.clone()));
        };
        let (session, secret) = self.session_key.read(id, token)?;
        sessions::is_current(&self.ledger.state(), &session).then_some((sessions::Caller::Session(session), secret))
    }

    /// Who asks, for the log: a role is named, since its access keys change.
    fn principal(&self, caller: &Caller) -> String {
        match &caller.who {
            sessions::Caller::Root => caller.access_key_id.clone(),
            session => session.arn(&self.config.account),
        }
    }

    fn context(&self, caller: &Caller, request_id: &str) -> Context {
        let mut context = Context::new(
            Arc::clone(&self.config),
            caller.region.clone(),
            self.principal(caller),
            request_id.to_owned(),
            control::now(),
            rand::random(),
        );
        context.caller = caller.who.clone();
        context
    }

    async fn write<T: Send + 'static>(
        &self,
        caller: &Caller,
        action: &str,
        request_id: &str,
        at: Timestamp,
        work: impl FnOnce(&mut Transaction) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let author = Author {
            principal: self.principal(caller),
            action: action.to_owned(),
            request_id: request_id.to_owned(),
            at,
        };
        self.ledger.write(caller.region.clone(), author, work).await.map_err(|error| match error {
            WriteError::Refused(refusal) => refusal,
            WriteError::NotDurable => ApiError::internal(),
        })
    }
}

async fn read_body(body: Incoming) -> Result<Bytes, Refusal> {
    let collected = tokio::time::timeout(BODY_LIMIT, Limited::new(body, MAX_BODY_BYTES).collect()).await;
    match collected {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let message = format!("The request is larger than {MAX_BODY_BYTES} bytes.");
            Err(Refusal::http(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", message))
        }
        Ok(Err(_)) => {
            Err(Refusal::http(StatusCode::BAD_REQUEST, "MalformedHttpRequest", "The request broke off.".to_owned()))
        }
        Err(_) => {
            let message = "The request was not complete in time.".to_owned();
            Err(Refusal::http(StatusCode::REQUEST_TIMEOUT, "RequestTimeout", message))
        }
    }
}

/// A random UUID (version 4).
fn new_request_id() -> String {
    let mut bytes: [u8; 16] = rand::random();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex::encode(bytes);
    format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
}

#[cfg(test)]
mod tests {
    #[test]
    fn request_ids_are_uuids() {
        let id = super::new_request_id();
        assert_eq!((id.len(), &id[14..15]), (36, "4"));
        assert_ne!(id, super::new_request_id());
    }
}
