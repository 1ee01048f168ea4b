//! The API's front door: who asks, what for, and the answer on the wire.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cloud::{ApiError, Config, ConsoleOutput, Context, Transaction, View};
use ec2_shapes::{ActionKind, Request, Response};
use ec2_wire::sigv4::{self, SecretKey, Service, SignedRequest};
use ec2_wire::{WireError, http_status, sts};
use host::machine::Machines;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::{Method, StatusCode, header};
use ssh_key::rand_core::OsRng;
use store::{Author, Ledger, WriteError};
use tokio::sync::Semaphore;
use types::{InstanceId, Region, Timestamp};

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
    machines: Arc<dyn Machines>,
}

/// A refusal on its way to the wire.
struct Refusal {
    service: Service,
    code: String,
    message: String,
    status: Option<StatusCode>,
}

impl Refusal {
    fn ec2(error: WireError) -> Self {
        Self::of(Service::Ec2, error)
    }

    fn of(service: Service, error: WireError) -> Self {
        Self { service, code: error.code.to_owned(), message: error.message, status: None }
    }

    fn api(error: ApiError) -> Self {
        Self { service: Service::Ec2, code: error.code.to_owned(), message: error.message, status: None }
    }

    fn http(status: StatusCode, code: &str, message: String) -> Self {
        Self { service: Service::Ec2, code: code.to_owned(), message, status: Some(status) }
    }
}

/// Who asks, and where.
struct Caller {
    access_key_id: String,
    region: Region,
    service: Service,
}

impl Api {
    pub(super) fn new(ledger: Ledger, config: Arc<Config>, key: AccessKey, machines: Arc<dyn Machines>) -> Self {
        Self { keys: Semaphore::new(MAX_KEYS_AT_A_TIME), ledger, config, key, machines }
    }

    /// The answer to any request whatever.
    pub(super) async fn answer(&self, request: hyper::Request<Incoming>) -> hyper::Response<Full<Bytes>> {
        let request_id = new_request_id();
        let (head, body) = request.into_parts();
        let outcome = match read_body(body).await {
            Ok(body) => self.answer_body(&head, &body, &request_id).await,
            Err(refusal) => Err(refusal),
        };
        let (status, document) = match outcome {
            Ok(document) => (StatusCode::OK, document),
            Err(refusal) => {
                tracing::debug!(request_id, code = refusal.code, message = refusal.message, "refused");
                let document = match refusal.service {
                    Service::Ec2 => ec2_wire::encode_error(&refusal.code, &refusal.message, &request_id),
                    Service::Sts => sts::encode_error(&refusal.code, &refusal.message, &request_id),
                };
                let by_code = || StatusCode::from_u16(http_status(&refusal.code)).unwrap_or(StatusCode::BAD_REQUEST);
                (refusal.status.unwrap_or_else(by_code), document)
            }
        };
        let mut response = hyper::Response::new(Full::new(Bytes::from(document)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/xml;charset=UTF-8"));
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
    ) -> Result<Vec<u8>, Refusal> {
        let caller = self.authenticate(head, body)?;
        let mut parameters =
            ec2_wire::form::parse_form(head.uri.query().unwrap_or_default().as_bytes()).map_err(Refusal::ec2)?;
        if head.method == Method::POST {
            parameters.extend(ec2_wire::form::parse_form(body).map_err(Refusal::ec2)?);
        }
        match caller.service {
            Service::Sts => {
                let sts::Request::GetCallerIdentity =
                    sts::decode(&parameters).map_err(|error| Refusal::of(Service::Sts, error))?;
                Ok(sts::encode(&self.caller_identity(), request_id))
            }
            Service::Ec2 => {
                let request = ec2_wire::decode(&parameters).map_err(Refusal::ec2)?;
                let response = self.perform(caller, request, request_id).await.map_err(Refusal::api)?;
                Ok(ec2_wire::encode(&response, request_id))
            }
        }
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
        let now = ec2_shapes::Timestamp { unix_ms: control::now().unix_ms };
        // Root keys are long-lived: none of them goes with a session token.
        let lookup = |id: &str, token: Option<&str>| {
            (id == self.key.id && token.is_none()).then(|| SecretKey::new(self.key.secret.clone()))
        };
        let verified =
            sigv4::verify(&signed, now, lookup).map_err(|error| Refusal::of(error.service, error.to_wire()))?;
        let service = verified.service;
        let region = verified.region.parse().map_err(|_| {
            let message = format!("The region '{}' of the signature is not a region name.", verified.region);
            Refusal::of(service, WireError::new("InvalidParameterValue", message))
        })?;
        Ok(Caller { access_key_id: verified.access_key_id, region, service })
    }

    fn caller_identity(&self) -> sts::CallerIdentity {
        let account = self.config.account.to_string();
        sts::CallerIdentity { arn: format!("arn:aws:iam::{account}:root"), user_id: account.clone(), account }
    }

    async fn perform(&self, caller: Caller, request: Request, request_id: &str) -> Result<Response, ApiError> {
        self.set_up(&caller, request_id).await?;
        let mut context = self.context(&caller, request_id);
        match request.action().kind() {
            ActionKind::Read => {
                if let Request::GetConsoleOutput(wanted) = &request {
                    context.console_output = self.console_output(&caller.region, &wanted.instance_id).await;
                }
                let state = self.ledger.state();
                let view = View::new(&state, &caller.region).ok_or_else(ApiError::internal)?;
                cloud::actions::read(&context, &view, request)
            }
            ActionKind::Write => {
                if let Request::CreateKeyPair(wanted) = &request {
                    let _turn = self.keys.acquire().await.map_err(|_| ApiError::internal())?;
                    context.generated_key = Some(generate_key(wanted.key_type, wanted.key_format).await?);
                }
                let action = request.action().name();
                self.write(&caller, action, request_id, context.now, move |tx| {
                    cloud::actions::write(&context, tx, request)
                })
                .await
            }
        }
    }

    fn context(&self, caller: &Caller, request_id: &str) -> Context {
        Context::new(
            Arc::clone(&self.config),
            caller.region.clone(),
            caller.access_key_id.clone(),
            request_id.to_owned(),
            control::now(),
            rand::random(),
        )
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
            principal: caller.access_key_id.clone(),
            action: action.to_owned(),
            request_id: request_id.to_owned(),
            at,
        };
        self.ledger.write(caller.region.clone(), author, work).await.map_err(|error| match error {
            WriteError::Refused(refusal) => refusal,
            WriteError::NotDurable => ApiError::internal(),
        })
    }

    /// Gives a region its default VPC the first time somebody asks for anything in it.
    async fn set_up(&self, caller: &Caller, request_id: &str) -> Result<(), ApiError> {
        let state = self.ledger.state();
        if View::new(&state, &caller.region).is_some_and(|view| cloud::is_seeded(&view)) {
            return Ok(());
        }
        let context = self.context(caller, request_id);
        self.write(caller, "SetUpRegion", request_id, context.now, move |tx| {
            cloud::seed_region(&context, tx);
            Ok(())
        })
        .await
    }

    /// What an instance of the region printed; `None` if there is no such instance.
    async fn console_output(&self, region: &Region, id: &str) -> Option<ConsoleOutput> {
        let id: InstanceId = id.parse().ok()?;
        let state = self.ledger.state();
        state.regions.get(region)?.instances.get(&id)?;
        let machines = Arc::clone(&self.machines);
        match tokio::task::spawn_blocking(move || machines.console(id)).await {
            Ok(Ok(bytes)) => Some(ConsoleOutput { bytes, at: control::now() }),
            Ok(Err(host::HostError::NoSuchMachine(_))) => Some(ConsoleOutput { bytes: Vec::new(), at: control::now() }),
            Ok(Err(error)) => {
                tracing::error!(%id, error = &error as &dyn std::error::Error, "a console cannot be read");
                None
            }
            Err(error) => {
                tracing::error!(%id, %error, "reading a console panicked");
                None
            }
        }
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

/// Makes a key on a thread where that may take its time.
async fn generate_key(
    key_type: Option<ec2_shapes::KeyType>,
    format: Option<ec2_shapes::KeyFormat>,
) -> Result<cloud::resource::GeneratedKey, ApiError> {
    use cloud::resource::{KeyFormat, KeyType};
    let key_type = match key_type {
        Some(ec2_shapes::KeyType::Ed25519) => KeyType::Ed25519,
        Some(ec2_shapes::KeyType::Rsa) | None => KeyType::Rsa,
    };
    let format = match format {
        Some(ec2_shapes::KeyFormat::Ppk) => KeyFormat::Ppk,
        Some(ec2_shapes::KeyFormat::Pem) | None => KeyFormat::Pem,
    };
    match tokio::task::spawn_blocking(move || cloud::keys::generate(key_type, format, &mut OsRng)).await {
        Ok(Ok(key)) => Ok(key),
        Ok(Err(error)) => {
            tracing::error!(error = &error as &dyn std::error::Error, "no key could be made");
            Err(ApiError::internal())
        }
        Err(error) => {
            tracing::error!(%error, "making a key panicked");
            Err(ApiError::internal())
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
