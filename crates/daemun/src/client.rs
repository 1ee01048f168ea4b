//! A small client of the EC2 API, for Daemun's own commands.
//!
//! It speaks plain HTTP to one address of this machine, signs like any AWS client, and blocks until the answer is there.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use ec2_shapes::{Request, Response, Timestamp};
use ec2_wire::sigv4::{SecretKey, Service, SignedRequest, sign_headers};
use ec2_wire::{ResponseError, aws_json, decode_response, encode_request, form::write_form};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::credentials::AccessKey;

/// How long one call may take from connecting to the last byte.
const CALL: Duration = Duration::from_secs(60);
/// The longest answer that is read, in bytes: a description of some ten thousand instances.
const MAX_ANSWER: usize = 64 * 1024 * 1024;
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// EC2's refusal.
    #[error("{code}: {message}")]
    Refused {
        /// EC2's code, such as `InvalidGroup.NotFound`.
        code: String,
        /// What it says about it.
        message: String,
    },
    /// Nobody answers.
    #[error("no answer from http://{address}: {reason}")]
    Unreachable {
        /// Where the call went.
        address: SocketAddr,
        /// What happened to it.
        reason: String,
    },
    /// An answer that makes no sense.
    #[error("an answer that makes no sense: {0}")]
    Malformed(String),
}

impl CallError {
    /// The complaint that this answers something else than what was asked.
    pub fn unexpected(answer: &Response) -> Self {
        Self::Malformed(format!("it answers {}", answer.action().name()))
    }
}

/// How a request is written.
struct Form {
    service: Service,
    content_type: &'static str,
    /// The header that names the action, where it does.
    target: Option<String>,
}

/// A client for one region of one cloud.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    id: String,
    secret: SecretKey,
    region: String,
    runtime: Runtime,
}

impl Client {
    /// A client for the API at this address.
    ///
    /// # Errors
    /// If the system is out of file descriptors.
    pub fn new(address: SocketAddr, key: AccessKey, region: &str) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { address, id: key.id, secret: SecretKey::new(key.secret), region: region.to_owned(), runtime })
    }

    /// Calls an action and waits for its answer.
    ///
    /// # Errors
    /// [`CallError::Refused`] with EC2's code, or that nothing sensible answers.
    pub fn call(&self, request: impl Into<Request>) -> Result<Response, CallError> {
        let request = request.into();
        let body = write_form(&encode_request(&request));
        let answer = self.exchange(Form { service: Service::Ec2, content_type: FORM, target: None }, body)?;
        decode_response(request.action(), &answer).map_err(|error| match error {
            ResponseError::Service { code, message, .. } => CallError::Refused { code, message },
            ResponseError::Malformed(what) => CallError::Malformed(what),
        })
    }

    /// Asks one of Daemun's own questions and waits for its answer.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub fn ask<T: serde::de::DeserializeOwned>(
        &self,
        what: &str,
        input: &impl serde::Serialize,
    ) -> Result<T, CallError> {
        let malformed = |error: serde_json::Error| CallError::Malformed(error.to_string());
        let body = serde_json::to_string(input).map_err(malformed)?;
        let target = format!("{}.{what}", aws_json::DAEMUN);
        let form = Form { service: Service::Daemun, content_type: aws_json::CONTENT_TYPE, target: Some(target) };
        let answer: serde_json::Value = serde_json::from_slice(&self.exchange(form, body)?).map_err(malformed)?;
        if let Some(code) = answer["__type"].as_str() {
            let message = answer["message"].as_str().unwrap_or_default().to_owned();
            return Err(CallError::Refused { code: code.to_owned(), message });
        }
        serde_json::from_value(answer).map_err(malformed)
    }

    fn exchange(&self, form: Form, body: String) -> Result<Bytes, CallError> {
        let unreachable = |reason: String| CallError::Unreachable { address: self.address, reason };
        let answer = self.runtime.block_on(async { timeout(CALL, self.post(form, body)).await });
        answer.map_err(|_| unreachable(format!("none within {} s", CALL.as_secs())))?.map_err(unreachable)
    }

    async fn post(&self, form: Form, body: String) -> Result<Bytes, String> {
        let request = self.signed(&form, body)?;
        let stream = TcpStream::connect(self.address).await.map_err(|e| e.to_string())?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
        // Ends by itself when the answer has been read; what goes wrong with it the answer tells.
        tokio::spawn(connection);
        let answer = sender.send_request(request).await.map_err(|e| e.to_string())?;
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.map_err(|e| e.to_string())?;
        Ok(body.to_bytes())
    }

    fn signed(&self, form: &Form, body: String) -> Result<hyper::Request<Full<Bytes>>, String> {
        let host = self.address.to_string();
        let mut headers = vec![("host", host.as_bytes()), ("content-type", form.content_type.as_bytes())];
        headers.extend(form.target.as_ref().map(|target| ("x-amz-target", target.as_bytes())));
        let unsigned = SignedRequest { method: "POST", path: "/", query: "", headers: &headers, body: body.as_bytes() };
        let signature = sign_headers(&unsigned, &self.id, &self.secret, &self.region, form.service.name(), now())
            .map_err(|e| e.to_string())?;
        let mut request = hyper::Request::post("/").header("host", &host).header("content-type", form.content_type);
        if let Some(target) = &form.target {
            request = request.header("x-amz-target", target);
        }
        for (name, value) in signature {
            request = request.header(name, value);
        }
        request.body(Full::new(Bytes::from(body))).map_err(|e| e.to_string())
    }
}

fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_ms(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ec2_shapes::{Action, DescribeRegionsRequest};
    use std::io::{Read, Write};
    use std::net::TcpListener;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn client(address: SocketAddr) -> Client {
        let key = AccessKey { id: "AKIAIOSFODNN7EXAMPLE".to_owned(), secret: SECRET.to_owned() };
        Client::new(address, key, "us-east-1").unwrap()
    }

    /// Answers one connection with this body and gives back what was sent.
    fn server(status: &str, body: &'static str) -> (SocketAddr, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut seen = Vec::new();
            let mut buffer = [0; 4096];
            while !seen.ends_with(b"Version=2016-11-15") {
                let count = stream.read(&mut buffer).unwrap();
                assert!(count > 0, "the request ended early");
                seen.extend_from_slice(&buffer[..count]);
            }
            stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
            String::from_utf8(seen).unwrap()
        });
        (address, thread)
    }

    #[test]
    fn a_call_is_signed_and_its_answer_read() {
        let (address, thread) = server(
            "200 OK",
            "<DescribeRegionsResponse><regionInfo><item><regionName>here-1</regionName></item></regionInfo></DescribeRegionsResponse>",
        );
        let Response::DescribeRegions(answer) = client(address).call(DescribeRegionsRequest::default()).unwrap() else {
            panic!("another answer");
        };
        assert_eq!(answer.regions[0].region_name.as_deref(), Some("here-1"));

        let seen = thread.join().unwrap();
        let (head, body) = seen.split_once("\r\n\r\n").unwrap();
        let headers: Vec<(&str, &[u8])> =
            head.lines().skip(1).filter_map(|line| line.split_once(": ")).map(|(n, v)| (n, v.as_bytes())).collect();
        let request = SignedRequest { method: "POST", path: "/", query: "", headers: &headers, body: body.as_bytes() };
        let verified = ec2_wire::sigv4::verify(&request, now(), |_, _| Some(SecretKey::new(SECRET))).unwrap();
        assert_eq!((verified.access_key_id.as_str(), verified.region.as_str()), ("AKIAIOSFODNN7EXAMPLE", "us-east-1"));
    }

    #[test]
    fn a_refusal_has_its_code() {
        let (address, thread) = server(
            "400 Bad Request",
            "<Response><Errors><Error><Code>No.Such</Code><Message>because</Message></Error></Errors><RequestID>1</RequestID></Response>",
        );
        let error = client(address).call(Action::DescribeRegions.empty_request()).unwrap_err();
        assert!(matches!(&error, CallError::Refused { code, message } if code == "No.Such" && message == "because"));
        thread.join().unwrap();
    }

    #[test]
    fn nobody_there_is_said_with_the_address() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let error = client(address).call(DescribeRegionsRequest::default()).unwrap_err();
        assert!(matches!(error, CallError::Unreachable { .. }) && error.to_string().contains(&address.to_string()));
    }
}
