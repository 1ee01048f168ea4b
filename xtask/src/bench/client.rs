//! A client that costs next to nothing, so that what is measured is the cloud.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use ec2_shapes::{
    AuthorizeSecurityGroupIngressRequest, CreateSecurityGroupRequest, DescribeImagesRequest, DescribeInstancesRequest,
    Filter, Instance, InstanceStateName, Request, Response, RunInstancesRequest, TerminateInstancesRequest, Timestamp,
};
use ec2_wire::form::write_form;
use ec2_wire::sigv4::{SecretKey, Service, SignedRequest, sign_headers};
use ec2_wire::{decode_response, encode_request};

const REGION: &str = "us-east-1";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
/// How long any one call may take.
const CALL: Duration = Duration::from_secs(120);

/// A client of one cloud, with its root access key.
pub struct Client {
    host: String,
    key: String,
    secret: SecretKey,
}

impl Client {
    /// A client of the cloud at `http://HOST:PORT` with the key in its state directory.
    ///
    /// # Errors
    /// If there is no key.
    pub fn new(address: &str, state_dir: &Path) -> Result<Self> {
        let host = address.strip_prefix("http://").context("an address begins with http://")?.trim_end_matches('/');
        let text = fs::read_to_string(state_dir.join("credentials")).context("the root access key")?;
        let value = |name: &str| {
            (text.lines().filter_map(|line| line.split_once('=')))
                .find_map(|(key, value)| (key.trim() == name).then(|| value.trim().to_owned()))
                .with_context(|| format!("no {name} in the credentials file"))
        };
        let secret = SecretKey::new(value("aws_secret_access_key")?);
        Ok(Self { host: host.to_owned(), key: value("aws_access_key_id")?, secret })
    }

    /// A client of the server at `HOST:PORT` with this key.
    pub fn with_key(host: &str, key: &str, secret: &str) -> Self {
        Self { host: host.to_owned(), key: key.to_owned(), secret: SecretKey::new(secret) }
    }

    /// Where the server is: `HOST:PORT`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The body of a request and the headers that sign it, good for the next five minutes.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn signed(&self, request: &Request) -> Result<(String, Vec<(String, String)>)> {
        let body = write_form(&encode_request(request));
        let headers = [("host", self.host.as_bytes()), ("content-type", FORM.as_bytes())];
        let unsigned = SignedRequest { method: "POST", path: "/", query: "", headers: &headers, body: body.as_bytes() };
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let now = Timestamp::from_unix_ms(i64::try_from(now.as_millis())?);
        let signature = sign_headers(&unsigned, &self.key, &self.secret, REGION, Service::Ec2.name(), now)?;
        let own = [("Host".to_owned(), self.host.clone()), ("Content-Type".to_owned(), FORM.to_owned())];
        let headers = own.into_iter().chain(signature.into_iter().map(|(name, value)| (name.to_string(), value)));
        Ok((body, headers.collect()))
    }

    /// Calls an action.
    ///
    /// # Errors
    /// If it is refused or nobody answers.
    pub fn call(&self, request: impl Into<Request>) -> Result<Response> {
        let request = request.into();
        let action = request.action();
        decode_response(action, &self.exchange(&request)?.1).map_err(|error| anyhow::anyhow!("{error:?}"))
    }

    /// Calls an action; gives the document that came back.
    ///
    /// # Errors
    /// If it is refused or nobody answers.
    pub fn send(&self, request: impl Into<Request>) -> Result<Vec<u8>> {
        let (head, document) = self.exchange(&request.into())?;
        let status = head.lines().next().unwrap_or_default();
        ensure!(status.contains(" 200"), "{status}: {}", String::from_utf8_lossy(&document));
        Ok(document)
    }

    /// One request on a connection of its own: the head of the answer, and its body.
    fn exchange(&self, request: &Request) -> Result<(String, Vec<u8>)> {
        let (body, headers) = self.signed(request)?;
        // HTTP/1.0: the answer comes in one piece, up to the end of the connection.
        let mut text = format!("POST / HTTP/1.0\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut stream = TcpStream::connect(&self.host)?;
        stream.set_read_timeout(Some(CALL))?;
        stream.write_all(format!("{text}\r\n{body}").as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let split = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").context("an answer without a body")?;
        let document = answer.split_off(split + 4);
        Ok((String::from_utf8_lossy(&answer).into_owned(), document))
    }

    /// The id of the image of this name.
    pub fn image(&self, name: &str) -> Result<String> {
        let filter = Filter { name: Some("name".to_owned()), values: vec![name.to_owned()] };
        let Response::DescribeImages(answer) =
            self.call(DescribeImagesRequest { filters: vec![filter], ..Default::default() })?
        else {
            bail!("another answer")
        };
        answer.images.into_iter().find_map(|image| image.image_id).with_context(|| format!("there is no image {name}"))
    }

    /// A new group that lets SSH in from everywhere.
    pub fn group(&self, name: &str) -> Result<String> {
        let request = CreateSecurityGroupRequest {
            description: name.to_owned(),
            group_name: name.to_owned(),
            ..Default::default()
        };
        let Response::CreateSecurityGroup(answer) = self.call(request)? else { bail!("another answer") };
        let group = answer.group_id.context("a group without an id")?;
        self.call(AuthorizeSecurityGroupIngressRequest {
            group_id: Some(group.clone()),
            ip_protocol: Some("tcp".to_owned()),
            from_port: Some(22),
            to_port: Some(22),
            cidr_ip: Some("0.0.0.0/0".to_owned()),
            ..Default::default()
        })?;
        Ok(group)
    }

    /// Asks for so many instances; gives their ids.
    pub fn run(&self, image: &str, group: &str, count: i32) -> Result<Vec<String>> {
        let Response::RunInstances(answer) = self.call(RunInstancesRequest {
            image_id: Some(image.to_owned()),
            instance_type: Some("t3.micro".to_owned()),
            security_group_ids: vec![group.to_owned()],
            min_count: count,
            max_count: count,
            ..Default::default()
        })?
        else {
            bail!("another answer")
        };
        Ok(answer.instances.into_iter().filter_map(|instance| instance.instance_id).collect())
    }

    /// These instances.
    pub fn describe(&self, ids: &[String]) -> Result<Vec<Instance>> {
        let request = DescribeInstancesRequest { instance_ids: ids.to_vec(), ..Default::default() };
        let Response::DescribeInstances(answer) = self.call(request)? else { bail!("another answer") };
        Ok(answer.reservations.into_iter().flat_map(|reservation| reservation.instances).collect())
    }

    /// Ends these instances and waits until they are gone.
    pub fn terminate(&self, ids: &[String]) -> Result<()> {
        self.call(TerminateInstancesRequest { instance_ids: ids.to_vec(), ..Default::default() })?;
        let deadline = std::time::Instant::now() + CALL;
        let gone = |instance: &Instance| {
            instance.state.as_ref().and_then(|state| state.name.as_ref()) == Some(&InstanceStateName::Terminated)
        };
        while !self.describe(ids)?.iter().all(gone) {
            ensure!(std::time::Instant::now() < deadline, "instances are not terminated after {CALL:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}
