use super::*;
use serde_json::Value;

use crate::WireError;

const KEY_ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// A request that owns its parts, so that tests can spoil them.
#[derive(Clone)]
struct Sample {
    name: String,
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: String,
    service: String,
    region: String,
    token: Option<String>,
}

impl Sample {
    fn all() -> Vec<Self> {
        let rows: Vec<Value> = serde_json::from_str(include_str!("../../fixtures/sigv4.json")).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        rows.iter()
            .map(|row| Self {
                name: text(&row["name"]),
                method: text(&row["method"]),
                path: text(&row["path"]),
                query: text(&row["query"]),
                headers: row["headers"].as_array().unwrap().iter().map(|h| (text(&h[0]), text(&h[1]))).collect(),
                body: text(&row["body"]),
                service: text(&row["service"]),
                region: text(&row["region"]),
                token: row["token"].as_str().map(str::to_owned),
            })
            .collect()
    }

    fn named(name: &str) -> Self {
        Self::all().into_iter().find(|sample| sample.name == name).unwrap()
    }

    fn verify_at(&self, now: Timestamp) -> Result<Verified, SignatureError> {
        let headers: Vec<(&str, &[u8])> = self.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
        let request = SignedRequest {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &headers,
            body: self.body.as_bytes(),
        };
        verify(&request, now, |id, token| {
            (id == KEY_ID && token == self.token.as_deref()).then(|| SecretKey::new(SECRET))
        })
    }

    fn refusal(&self) -> (&'static str, u16) {
        let error = self.verify_at(now()).unwrap_err().to_wire();
        (error.code, error.http_status())
    }

    fn header(&mut self, name: &str) -> &mut String {
        let found = self.headers.iter_mut().find(|(given, _)| given.eq_ignore_ascii_case(name));
        &mut found.unwrap_or_else(|| panic!("no header {name}")).1
    }

    fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(given, _)| !given.eq_ignore_ascii_case(name));
        self
    }

    fn replacing(mut self, header: &str, from: &str, to: &str) -> Self {
        let value = self.header(header);
        assert!(value.contains(from), "{value}");
        *value = value.replace(from, to);
        self
    }
}

/// The moment at which the samples were signed.
fn now() -> Timestamp {
    "2026-02-08T07:08:49Z".parse().unwrap()
}

fn later(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(now().unix_ms + ms)
}

#[test]
fn signatures_made_by_botocore_are_accepted() {
    let samples = Sample::all();
    assert!(samples.len() >= 9);
    for sample in samples {
        let verified = sample.verify_at(now()).unwrap_or_else(|error| panic!("{}: {error}", sample.name));
        assert_eq!(verified.access_key_id, KEY_ID);
        assert_eq!(
            (verified.region.as_str(), verified.service.name()),
            (sample.region.as_str(), sample.service.as_str())
        );
        assert_eq!(verified.date, now());
    }
}

#[test]
fn whatever_is_changed_breaks_the_signature() {
    for sample in Sample::all() {
        let mut changed = vec![
            Sample { method: "PUT".to_owned(), ..sample.clone() },
            Sample { path: format!("{}x", sample.path), ..sample.clone() },
            Sample { query: format!("{}&x=1", sample.query), ..sample.clone() },
            Sample { body: format!("{} ", sample.body), ..sample.clone() },
            sample.clone().replacing("host", "", "x"),
        ];
        let mut other = sample.clone();
        other.query = other.query.replace("Expires=900", "Expires=901").replace("us-east-1", "us-east-2");
        changed.extend((other.query != sample.query).then_some(other));
        for sample in changed {
            let error = sample.verify_at(now()).unwrap_err();
            assert_eq!(error.reason, Reason::Mismatch, "{}", sample.name);
        }
    }
}

#[test]
fn each_service_has_its_own_code() {
    let (ec2, sts) = (Sample::named("post"), Sample::named("sts"));
    let spoil = |sample: &Sample, from: &str, to: &str| sample.clone().replacing("authorization", from, to).refusal();
    assert_eq!(spoil(&ec2, "AKIDEXAMPLE", "AKIDOTHER"), ("AuthFailure", 401));
    assert_eq!(spoil(&sts, "AKIDEXAMPLE", "AKIDOTHER"), ("InvalidClientTokenId", 403));
    assert_eq!(spoil(&ec2, "us-east-1", "eu-west-1"), ("AuthFailure", 401));
    assert_eq!(spoil(&sts, "us-east-1", "eu-west-1"), ("SignatureDoesNotMatch", 403));
    assert_eq!(spoil(&ec2, "/ec2/", "/s3/"), ("AuthFailure", 401));
    let stale = |sample: &Sample| sample.verify_at(later(MAX_SKEW_MS + 1)).unwrap_err().to_wire();
    assert_eq!(stale(&ec2), WireError::new("RequestExpired", "Request has expired."));
    assert_eq!(stale(&sts).code, "SignatureDoesNotMatch");
    assert!(stale(&sts).message.starts_with("Signature expired:"));
    for (service, reason, code, status) in [
        (Service::Ec2, Reason::ExpiredToken, "RequestExpired", 400),
        (Service::Sts, Reason::ExpiredToken, "ExpiredToken", 403),
        (Service::Iam, Reason::UnknownKey, "InvalidClientTokenId", 403),
        (Service::Iam, Reason::Mismatch, "SignatureDoesNotMatch", 403),
        (Service::Ssm, Reason::UnknownKey, "UnrecognizedClientException", 400),
        (Service::Ssm, Reason::Mismatch, "InvalidSignatureException", 400),
        (Service::Ssm, Reason::ExpiredToken, "ExpiredTokenException", 400),
        (Service::InstanceConnect, Reason::Missing, "MissingAuthenticationTokenException", 400),
        (Service::InstanceConnect, Reason::Incomplete("x".to_owned()), "IncompleteSignatureException", 400),
    ] {
        let error = SignatureError { reason, service }.to_wire();
        assert_eq!((error.code, error.http_status()), (code, status), "{service:?}");
    }
}

#[test]
fn clocks_may_be_five_minutes_apart() {
    let sample = Sample::named("post");
    for ms in [-MAX_SKEW_MS, 0, MAX_SKEW_MS] {
        assert!(sample.verify_at(later(ms)).is_ok(), "{ms}");
    }
    for ms in [-MAX_SKEW_MS - 1, MAX_SKEW_MS + 1, i64::MAX - now().unix_ms] {
        assert!(matches!(sample.verify_at(later(ms)).unwrap_err().reason, Reason::Expired { .. }), "{ms}");
    }
}

#[test]
fn presigned_requests_expire_when_they_say() {
    let sample = Sample::named("presigned");
    assert!(sample.verify_at(later(900_000)).is_ok());
    assert!(matches!(sample.verify_at(later(900_001)).unwrap_err().reason, Reason::Expired { .. }));
    assert!(matches!(sample.verify_at(later(-MAX_SKEW_MS - 1)).unwrap_err().reason, Reason::Expired { .. }));
    for expires in ["0", "604801", "-1", "x", ""] {
        let query = sample.query.replace("Expires=900", &format!("Expires={expires}"));
        assert_eq!(Sample { query, ..sample.clone() }.refusal(), ("IncompleteSignature", 400), "{expires}");
    }
    for part in ["X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Algorithm", "X-Amz-Expires"] {
        let query = sample.query.replace(part, "X-Amz-Other");
        assert_eq!(Sample { query, ..sample.clone() }.refusal(), ("IncompleteSignature", 400), "{part}");
    }
    let query = format!("{}&X-Amz-Expires=900", sample.query);
    assert_eq!(Sample { query, ..sample }.refusal(), ("IncompleteSignature", 400));
}

#[test]
fn unsigned_and_old_requests_are_refused() {
    let bare = Sample::named("post").without_header("authorization");
    assert_eq!(bare.refusal(), ("MissingAuthenticationToken", 403));
    let old_query = Sample { query: "AWSAccessKeyId=a&SignatureVersion=2&Signature=x".to_owned(), ..bare.clone() };
    let old_form = Sample { body: "Action=X&SignatureVersion=2".to_owned(), ..bare.clone() };
    let mut old_header = Sample::named("post");
    *old_header.header("authorization") = "AWS AKIDEXAMPLE:c2lnbmF0dXJl".to_owned();
    for sample in [old_query, old_form, old_header] {
        assert_eq!(sample.verify_at(now()).unwrap_err().reason, Reason::OldVersion);
        assert_eq!(sample.refusal(), ("AuthFailure", 401));
    }
}

#[test]
fn malformed_authorizations_are_incomplete() {
    let sample = Sample::named("post");
    for (from, to) in [
        ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
        ("Signature=", "Sig="),
        ("Signature=", "Signature=x"),
        ("Credential=", "Credential=a/"),
        ("/aws4_request", "/aws3_request"),
        ("20260208", "20260207"),
        ("20260208/", "2026020/"),
        ("host;", "Host;"),
        ("content-type;host", "host;content-type"),
        ("x-amz-date", "x-amz-date;"),
        ("SignedHeaders=", "Signature=1, SignedHeaders="),
    ] {
        let spoilt = sample.clone().replacing("authorization", from, to);
        assert_eq!(spoilt.refusal(), ("IncompleteSignature", 400), "{from} -> {to}");
    }
    for date in ["2026-02-08T07:08:49Z", "20260208T070849", "20261308T070849Z", "20260208 070849Z", "2026020éT70849Z"]
    {
        let mut spoilt = sample.clone();
        *spoilt.header("x-amz-date") = date.to_owned();
        assert_eq!(spoilt.refusal(), ("IncompleteSignature", 400), "{date}");
    }
    assert_eq!(sample.clone().without_header("x-amz-date").refusal(), ("IncompleteSignature", 400));
    assert_eq!(sample.clone().without_header("content-type").refusal(), ("IncompleteSignature", 400));
    let mut twice = sample.clone();
    twice.headers.push(("authorization".to_owned(), "AWS4-HMAC-SHA256 x".to_owned()));
    assert_eq!(twice.refusal(), ("IncompleteSignature", 400));
    let both = Sample { query: "X-Amz-Signature=1".to_owned(), ..sample };
    assert_eq!(both.refusal(), ("IncompleteSignature", 400));
}

#[test]
fn headers_that_matter_must_be_signed() {
    let sample = Sample::named("post");
    let no_host = sample.clone().replacing("authorization", "host;", "");
    assert_eq!(no_host.verify_at(now()).unwrap_err().reason, Reason::UnsignedHeader("host".to_owned()));
    let mut extra = sample.clone();
    extra.headers.push(("X-Amz-Target".to_owned(), "y".to_owned()));
    assert_eq!(extra.verify_at(now()).unwrap_err().reason, Reason::UnsignedHeader("x-amz-target".to_owned()));
    let mut harmless = sample;
    harmless.headers.push(("Via".to_owned(), "1.1 proxy".to_owned()));
    assert!(harmless.verify_at(now()).is_ok());
}

#[test]
fn the_hash_of_the_body_is_always_looked_at() {
    let mut sample = Sample::named("post");
    sample.headers.push(("X-Amz-Content-Sha256".to_owned(), "UNSIGNED-PAYLOAD".to_owned()));
    assert_eq!(sample.verify_at(now()).unwrap_err().reason, Reason::UnsignedPayload);
    *sample.header("x-amz-content-sha256") = hex::encode(Sha256::digest(b"another body"));
    assert_eq!(sample.verify_at(now()).unwrap_err().reason, Reason::PayloadMismatch);
}

#[test]
fn a_key_does_not_go_with_another_session() {
    let mut sample = Sample::named("session token");
    sample.token = Some("ANOTHER".to_owned());
    assert_eq!(sample.verify_at(now()).unwrap_err().reason, Reason::UnknownKey);
}

#[test]
fn paths_are_canonical() {
    for (path, expected) in [
        ("", "/"),
        ("/", "/"),
        ("//a/./b/../c//", "/a/c/"),
        ("/../..", "/"),
        ("/a%20b~", "/a%2520b~"),
        ("/é", "/%C3%A9"),
    ] {
        assert_eq!(canonical::canonical_path(path), expected, "{path:?}");
    }
}

#[test]
fn what_is_signed_here_is_accepted_here() {
    let body = b"Action=DescribeRegions&Version=2016-11-15";
    let headers: &[(&str, &[u8])] = &[("Host", b"localhost:4566"), ("Content-Type", b" a  b "), ("Accept", b"*/*")];
    let request = SignedRequest { method: "POST", path: "/", query: "b=2&a=1&a=0", headers, body };
    let secret = SecretKey::new(SECRET);
    let lookup = |id: &str, _: Option<&str>| (id == KEY_ID).then(|| SecretKey::new(SECRET));

    let added = sign_headers(&request, KEY_ID, &secret, "eu-north-1", "ec2", now()).unwrap();
    let mut sent = headers.to_vec();
    sent.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
    let verified = verify(&SignedRequest { headers: &sent, ..request }, now(), lookup).unwrap();
    assert_eq!((verified.region.as_str(), verified.service), ("eu-north-1", Service::Ec2));

    let query = presign(&request, KEY_ID, &secret, "eu-north-1", "sts", now(), 60).unwrap();
    let presigned = SignedRequest { query: &query, ..request };
    assert_eq!(verify(&presigned, later(60_000), lookup).unwrap().service, Service::Sts);
    assert!(verify(&presigned, later(60_001), lookup).is_err());
    let hostless = SignedRequest { headers: &[], ..request };
    assert!(sign_headers(&hostless, KEY_ID, &secret, "eu-north-1", "ec2", now()).is_err());
}

#[test]
fn secrets_are_not_shown() {
    assert_eq!(format!("{:?}", SecretKey::new(SECRET)), "SecretKey(..)");
}

proptest::proptest! {
    #[test]
    fn no_header_or_query_is_a_surprise(authorization: String, date: String, query: String, path: String) {
        let headers: &[(&str, &[u8])] =
            &[("authorization", authorization.as_bytes()), ("x-amz-date", date.as_bytes()), ("host", b"h")];
        for headers in [headers, &headers[1..]] {
            let request = SignedRequest { method: "GET", path: &path, query: &query, headers, body: b"" };
            proptest::prop_assert!(verify(&request, now(), |_, _| Some(SecretKey::new(SECRET))).is_err());
        }
    }

    #[test]
    fn almost_well_formed_signatures_are_no_surprise(
        credential in "[A-Z]{0,3}(/[0-9a-z_é]{0,9}){0,6}",
        headers in "(host|[a-z;]{0,6})(;[a-z]{0,3}){0,3}",
        signature in "[0-9a-fé]{62,66}",
        date in "[0-9T:éZ]{14,18}",
    ) {
        let authorization = format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={headers}, Signature={signature}");
        let sent: &[(&str, &[u8])] =
            &[("authorization", authorization.as_bytes()), ("x-amz-date", date.as_bytes()), ("host", b"h")];
        let request = SignedRequest { method: "GET", path: "/", query: "", headers: sent, body: b"" };
        proptest::prop_assert!(verify(&request, now(), |_, _| Some(SecretKey::new(SECRET))).is_err());
    }
}
