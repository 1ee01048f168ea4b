//! The service over real connections. Loopback addresses stand for the instances'.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use cloud::resource::{AssociationState, IamProfileAssociation, InstanceProfile, PushedKey, PushedKeys, Role};

use super::fixture::{FIRST, FIRST_PUBLIC, Fixture, SECOND};
use super::*;

/// A running service; aborted when the test is over.
struct Running {
    cloud: Fixture,
    address: SocketAddr,
    /// Where it answers by IPv6.
    ipv6: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

fn listen_ipv6() -> TcpListener {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap()
}

async fn start() -> Running {
    let cloud = Fixture::new().await;
    let listeners = vec![TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(), listen_ipv6()];
    let [address, ipv6] = [0, 1].map(|at: usize| listeners[at].local_addr().unwrap());
    let (ledger, config, region) = (cloud.ledger.clone(), Arc::clone(&cloud.config), cloud.region.clone());
    let imds = Imds { ledger, config, region, vpc: cloud.vpc, token_secret: [3; 32] };
    Running { address, ipv6, task: tokio::spawn(imds.serve(listeners)), cloud }
}

impl Running {
    async fn connect(&self, source: impl Into<IpAddr>) -> TcpStream {
        let source = source.into();
        let (socket, address) = match source {
            IpAddr::V4(_) => (TcpSocket::new_v4(), self.address),
            IpAddr::V6(_) => (TcpSocket::new_v6(), self.ipv6),
        };
        let socket = socket.unwrap();
        socket.bind((source, 0).into()).unwrap();
        socket.connect(address).await.unwrap()
    }

    /// Sends this and reads until the end; `None` if the service hung up without a word.
    async fn send(&self, source: impl Into<IpAddr>, request: &[u8]) -> Option<Reply> {
        let mut stream = self.connect(source).await;
        let mut received = Vec::new();
        if stream.write_all(request).await.is_ok() {
            // A reset after the answer is as good as an end.
            let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut received)).await.unwrap();
        }
        let end = received.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8(received[..end].to_vec()).unwrap().to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Some(Reply { status, head, body: received[end + 4..].to_vec() })
    }

    async fn ask(&self, source: impl Into<IpAddr>, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: 169.254.169.254\r\n{headers}\r\n");
        self.send(source, request.as_bytes()).await.unwrap()
    }

    async fn get(&self, path: &str) -> Reply {
        self.ask(FIRST, "GET", path, &[]).await
    }

    async fn token(&self, source: impl Into<IpAddr>) -> String {
        let headers = [("X-aws-ec2-metadata-token-ttl-seconds", "60"), ("Content-Length", "0")];
        let reply = self.ask(source, "PUT", "/latest/api/token", &headers).await;
        assert_eq!(reply.status, 200);
        reply.text().to_owned()
    }
}

#[tokio::test]
async fn the_source_address_says_who_asks() {
    let imds = start().await;
    assert_eq!(imds.get("/latest/meta-data/instance-id").await.text(), imds.cloud.first.to_string());
    let second = imds.ask(SECOND, "GET", "/latest/meta-data/instance-id", &[]).await;
    assert_eq!(second.text(), imds.cloud.second.to_string());
    let stranger = Ipv4Addr::new(127, 0, 0, 3);
    assert!(imds.send(stranger, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.is_none(), "strangers are hung up on");
}

#[tokio::test]
async fn by_ipv6_those_are_answered_who_asked_for_it() {
    use cloud::resource::NetworkInterface;
    let imds = start().await;
    let (own, path) = (Ipv6Addr::LOCALHOST, "/latest/meta-data/instance-id");
    let request = format!("GET {path} HTTP/1.1\r\nHost: [fd00:ec2::254]\r\n\r\n");
    assert!(imds.send(own, request.as_bytes()).await.is_none(), "a stranger");
    let first = imds.cloud.first;
    imds.cloud
        .write(move |tx| {
            let eni = tx.interfaces[&tx.instances[&first].interfaces[0]].clone();
            tx.put(NetworkInterface { ipv6: vec![own], ..NetworkInterface::clone(&eni) });
        })
        .await;
    assert!(imds.send(own, request.as_bytes()).await.is_none(), "off, as it is by default");
    imds.cloud.change_first(|instance| instance.metadata.ipv6 = true).await;
    assert_eq!(imds.send(own, request.as_bytes()).await.unwrap().text(), first.to_string());
    let token = imds.token(own).await;
    let headers = [("X-aws-ec2-metadata-token", &*token)];
    assert_eq!(imds.ask(FIRST, "GET", path, &headers).await.status, 200, "the token is the instance's");
    assert_eq!(imds.ask(SECOND, "GET", path, &headers).await.status, 401);
    imds.cloud.change_first(|instance| instance.metadata.enabled = false).await;
    assert_eq!(imds.ask(own, "GET", path, &headers).await.status, 403);
}

#[tokio::test]
async fn every_address_of_an_instance_may_ask_and_every_interface_is_told() {
    use cloud::resource::{Attachment, Instance, NetworkInterface, SecondaryAddress};
    let imds = start().await;
    let (first, further, second_eni) = (imds.cloud.first, Ipv4Addr::new(127, 0, 0, 7), Ipv4Addr::new(127, 0, 0, 8));
    imds.cloud
        .write(move |tx| {
            let mut instance = Instance::clone(&tx.instances[&first]);
            let mut eni = NetworkInterface::clone(&tx.interfaces[&instance.interfaces[0]]);
            eni.secondary.push(SecondaryAddress { ip: further, public: None });
            tx.put(eni.clone());
            eni.id = NetworkInterfaceId::from_number(99);
            (eni.private_ip, eni.public, eni.secondary) = (second_eni, None, Vec::new());
            eni.mac = types::MacAddress::local(99);
            eni.attachment = eni.attachment.map(|attachment| Attachment { device_index: 1, ..attachment });
            instance.interfaces.push(eni.id);
            tx.put(eni);
            tx.put(instance);
        })
        .await;
    for source in [FIRST, further, second_eni] {
        let reply = imds.ask(source, "GET", "/latest/meta-data/instance-id", &[]).await;
        assert_eq!(reply.text(), first.to_string(), "{source}");
        // Whichever asks, these are about the primary interface.
        let reply = imds.ask(source, "GET", "/latest/meta-data/local-ipv4", &[]).await;
        assert_eq!(reply.text(), FIRST.to_string());
    }
    let macs = "/latest/meta-data/network/interfaces/macs/";
    let (one, two) = (types::MacAddress::local(1), types::MacAddress::local(99));
    assert_eq!(imds.get(macs).await.text(), format!("{one}/\n{two}/"));
    assert_eq!(imds.get(&format!("{macs}{one}/local-ipv4s")).await.text(), format!("{FIRST}\n{further}"));
    assert_eq!(imds.get(&format!("{macs}{two}/local-ipv4s")).await.text(), second_eni.to_string());
    assert_eq!(imds.get(&format!("{macs}{two}/device-number")).await.text(), "1");
    assert_eq!(imds.get(&format!("{macs}{two}/public-ipv4s")).await.status, 404);
}

#[tokio::test]
async fn token_rules() {
    let imds = start().await;
    let (first, second) = (imds.token(FIRST).await, imds.token(SECOND).await);
    let path = "/latest/meta-data/instance-id";
    for required in [false, true] {
        imds.cloud.change_first(move |instance| instance.metadata.tokens_required = required).await;
        let without = if required { 401 } else { 200 };
        for (token, status) in
            [(None, without), (Some(&*first), 200), (Some(&*second), 401), (Some("x"), 401), (Some(""), 401)]
        {
            let headers: Vec<_> = token.map(|token| ("x-aws-ec2-metadata-token", token)).into_iter().collect();
            // A token is asked for before it is looked whether there is anything.
            let not_found = if status == 200 { 404 } else { status };
            for (path, expected) in [(path, status), ("/", status), ("/latest/nothing", not_found)] {
                let reply = imds.ask(FIRST, "GET", path, &headers).await;
                assert_eq!(reply.status, expected, "{path} required={required} token={token:?}");
            }
        }
    }
    let reply = imds.ask(FIRST, "GET", path, &[("X-AWS-EC2-Metadata-Token", &first)]).await;
    assert!(reply.head.contains("\r\nx-aws-ec2-metadata-token-ttl-seconds: "), "{}", reply.head);
    assert!(reply.head.contains("\r\ncontent-type: text/plain"), "{}", reply.head);
}

#[tokio::test]
async fn tokens_are_made_only_on_a_proper_request() {
    let imds = start().await;
    let ttl = "X-aws-ec2-metadata-token-ttl-seconds";
    for (headers, status) in [
        (&[(ttl, "1")][..], 200),
        (&[(ttl, "21600")], 200),
        (&[], 400),
        (&[(ttl, "0")], 400),
        (&[(ttl, "21601")], 400),
        (&[(ttl, "-1")], 400),
        (&[(ttl, "99999999999999999999")], 400),
        (&[(ttl, "soon")], 400),
        (&[(ttl, "60"), ("X-Forwarded-For", "10.0.0.9")], 403),
    ] {
        assert_eq!(imds.ask(FIRST, "PUT", "/latest/api/token", headers).await.status, status, "{headers:?}");
    }
    for (method, path, status) in [
        ("PUT", "/2021-03-23/api/token", 403),
        ("GET", "/2021-03-23/api/token", 403),
        ("GET", "/latest/api/token", 405),
        ("PUT", "/latest/meta-data/instance-id", 405),
        ("POST", "/latest/api/token", 405),
        ("DELETE", "/latest/user-data", 405),
        ("OPTIONS", "/", 405),
    ] {
        assert_eq!(imds.ask(FIRST, method, path, &[(ttl, "60")]).await.status, status, "{method} {path}");
    }
    imds.cloud.change_first(|instance| instance.metadata.enabled = false).await;
    for (method, path) in [("GET", "/"), ("GET", "/latest/meta-data/"), ("PUT", "/latest/api/token")] {
        assert_eq!(imds.ask(FIRST, method, path, &[(ttl, "60")]).await.status, 403, "{method} {path}");
    }
}

#[tokio::test]
async fn a_token_outlives_the_service() {
    let imds = start().await;
    let token = imds.token(FIRST).await;
    imds.task.abort();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let Fixture { ledger, config, region, vpc, .. } = &imds.cloud;
    let again = |token_secret| Imds {
        ledger: ledger.clone(),
        config: Arc::clone(config),
        region: region.clone(),
        vpc: *vpc,
        token_secret,
    };
    for (secret, status) in [([3; 32], StatusCode::OK), ([4; 32], StatusCode::UNAUTHORIZED)] {
        let service = Service::new(again(secret));
        let headers = HeaderMap::from_iter([(
            hyper::header::HeaderName::from_static("x-aws-ec2-metadata-token"),
            token.parse().unwrap(),
        )]);
        assert_eq!(service.answer(FIRST.into(), &Method::GET, "/", &headers).status, status);
    }
    drop(listener);
}

#[tokio::test]
async fn only_an_answer_with_a_token_has_a_hop_limit() {
    let imds = start().await;
    imds.cloud.change_first(|instance| instance.metadata.hop_limit = 3).await;
    let Fixture { ledger, config, region, vpc, .. } = &imds.cloud;
    let (ledger, config, region) = (ledger.clone(), Arc::clone(config), region.clone());
    let service = Service::new(Imds { ledger, config, region, vpc: *vpc, token_secret: [3; 32] });
    let mut headers = HeaderMap::new();
    assert_eq!(service.answer(FIRST.into(), &Method::PUT, "/latest/api/token", &headers).hop_limit, None);
    headers.insert("x-aws-ec2-metadata-token-ttl-seconds", "60".parse().unwrap());
    assert_eq!(service.answer(FIRST.into(), &Method::PUT, "/latest/api/token", &headers).hop_limit, Some(3));
    assert_eq!(service.answer(FIRST.into(), &Method::GET, "/latest/meta-data/", &headers).hop_limit, None);
    // It reaches the socket: one that no socket can have is an error there, and then no token leaves.
    imds.cloud.change_first(|instance| instance.metadata.hop_limit = 0).await;
    let reply = imds.ask(FIRST, "PUT", "/latest/api/token", &[("X-aws-ec2-metadata-token-ttl-seconds", "60")]).await;
    assert_eq!(reply.status, 500);
}

#[tokio::test]
async fn the_whole_tree() {
    let imds = start().await;
    imds.cloud.change_first(|instance| instance.metadata.instance_tags = true).await;
    for (path, expected) in [
        ("/latest", "dynamic\nmeta-data\nuser-data"),
        ("/latest/dynamic/", "fws/\ninstance-identity/"),
        ("/latest/dynamic/fws/instance-monitoring", "disabled"),
        (
            "/latest/meta-data/",
            "ami-id\nami-launch-index\nami-manifest-path\nblock-device-mapping/\nevents/\nhostname\ninstance-action\n\
             instance-id\ninstance-life-cycle\ninstance-type\nlocal-hostname\nlocal-ipv4\nmac\nnetwork/\nplacement/\n\
             profile\npublic-hostname\npublic-ipv4\npublic-keys/\nreservation-id\nsecurity-groups\nservices/\n\
             system\ntags/",
        ),
        ("/latest/meta-data/ami-id", "ami-00000000000000006"),
        ("/latest/meta-data/block-device-mapping", "ami\nroot"),
        ("/latest/meta-data/block-device-mapping/root", "/dev/xvda"),
        ("/latest/meta-data/events/maintenance/scheduled", "[]"),
        ("/latest/meta-data/hostname", "ip-127-0-0-1.ec2.internal"),
        ("/latest/meta-data/instance-type", "t3.micro"),
        ("/latest/meta-data/mac", "02:00:00:00:00:01"),
        ("/latest/meta-data/placement/availability-zone", "us-east-1a"),
        ("/latest/meta-data/placement/availability-zone-id", "use1-az1"),
        ("/latest/meta-data/placement/region", "us-east-1"),
        ("/latest/meta-data/public-hostname", "ec2-198-18-0-11.compute-1.amazonaws.com"),
        ("/latest/meta-data/public-ipv4", "198.18.0.11"),
        ("/latest/meta-data/public-keys/", "0=my-key"),
        ("/latest/meta-data/public-keys/0", "openssh-key"),
        ("/latest/meta-data/public-keys/0/openssh-key", "ssh-ed25519 AAAAC3Nz my-key"),
        ("/latest/meta-data/security-groups", "default"),
        ("/latest/meta-data/services/partition", "aws"),
        ("/latest/meta-data/system", "nitro"),
        ("/latest/meta-data/tags/instance/", "Name\nteam:x"),
        ("/latest/meta-data/tags/instance/Name", "web server"),
        ("/latest/meta-data/tags/instance/team%3Ax", "a\nb"),
        (
            "/latest/meta-data/network/interfaces/macs/02:00:00:00:00:01/",
            "device-number\ninterface-id\nipv4-associations/\nlocal-hostname\nlocal-ipv4s\nmac\nnetwork-card-index\n\
             owner-id\npublic-hostname\npublic-ipv4s\nsecurity-group-ids\nsecurity-groups\nsubnet-id\n\
             subnet-ipv4-cidr-block\nvpc-id\nvpc-ipv4-cidr-block\nvpc-ipv4-cidr-blocks",
        ),
        ("/latest/meta-data/network/interfaces/macs/02:00:00:00:00:01/ipv4-associations/198.18.0.11", "127.0.0.1"),
        ("/latest/meta-data/network/interfaces/macs/02:00:00:00:00:01/owner-id", "123456789012"),
        ("/latest/meta-data/network/interfaces/macs/02:00:00:00:00:01/vpc-ipv4-cidr-blocks", "127.0.0.0/16"),
    ] {
        let reply = imds.get(path).await;
        assert_eq!((reply.status, reply.text()), (200, expected), "{path}");
        // One slash more or less makes no difference.
        let other = path.strip_suffix('/').map_or_else(|| format!("{path}/"), str::to_owned);
        assert_eq!(imds.get(&other).await.text(), expected, "{other}");
    }
}

#[tokio::test]
async fn what_an_instance_does_not_have_is_absent() {
    let imds = start().await;
    for path in [
        "/latest/meta-data/tags/instance/Name",
        "/latest/meta-data/spot/instance-action",
        "/latest/meta-data/events/recommendations/rebalance",
        "/latest/meta-data/ipv6",
        "/latest/meta-data/instance-id/more",
        "/latest/dynamic/instance-identity/signature",
        "/latest/dynamic/instance-identity/pkcs7",
        "/1999-01-01/meta-data/",
        "/latest/meta-data/../user-data",
    ] {
        assert_eq!(imds.get(path).await.status, 404, "{path}");
    }
    for path in ["public-hostname", "public-ipv4"] {
        let reply = imds.ask(SECOND, "GET", &format!("/latest/meta-data/{path}"), &[]).await;
        assert_eq!(reply.status, 404, "{path}");
    }
    imds.cloud.change_vpc(|vpc| vpc.enable_dns_hostnames = false).await;
    assert_eq!(imds.get("/latest/meta-data/public-hostname").await.status, 404);
    assert_eq!(imds.get("/latest/meta-data/public-ipv4").await.text(), FIRST_PUBLIC.to_string());
    imds.cloud
        .change_first(|instance| {
            instance.user_data = None;
            (instance.public_openssh, instance.key_name) = (None, None);
        })
        .await;
    assert_eq!(imds.get("/latest/user-data").await.status, 404);
    assert_eq!(imds.get("/latest").await.text(), "dynamic\nmeta-data");
    assert_eq!(imds.get("/latest/meta-data/public-keys/").await.status, 404);
    assert_eq!(imds.get("/latest/%ff").await.status, 400);
}

#[tokio::test]
async fn user_data_is_handed_out_as_it_is() {
    let imds = start().await;
    let reply = imds.get("/latest/user-data").await;
    assert_eq!(reply.body, b"#!/bin/sh\n\xff\n");
    assert!(reply.head.contains("\r\ncontent-type: application/octet-stream"), "{}", reply.head);
    let head = imds.ask(FIRST, "HEAD", "/latest/user-data", &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert!(head.head.contains("\r\ncontent-length: 12"), "{}", head.head);
}

#[tokio::test]
async fn the_identity_document_is_json_with_ec2s_names() {
    let imds = start().await;
    let reply = imds.get("/latest/dynamic/instance-identity/document").await;
    let document: serde_json::Value = serde_json::from_str(reply.text()).unwrap();
    let expected = serde_json::json!({
        "accountId": "123456789012",
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { std::env::consts::ARCH },
        "availabilityZone": "us-east-1a",
        "billingProducts": null,
        "devpayProductCodes": null,
        "marketplaceProductCodes": null,
        "imageId": "ami-00000000000000006",
        "instanceId": "i-00000000000000001",
        "instanceType": "t3.micro",
        "kernelId": null,
        "pendingTime": "2022-04-28T11:37:26Z",
        "privateIp": "127.0.0.1",
        "ramdiskId": null,
        "region": "us-east-1",
        "version": "2017-09-30",
    });
    assert_eq!(document, expected);
}

/// The order of cloud-init 22.4.2's Ec2 source: token, newest version it knows, then every item of two trees.
#[tokio::test]
async fn cloud_init_finds_all_it_looks_for() {
    let imds = start().await;
    let token = imds.token(FIRST).await;
    let headers = [("X-aws-ec2-metadata-token", &*token)];
    assert_eq!(imds.ask(FIRST, "GET", "/2021-03-23/meta-data/instance-id", &headers).await.status, 200);
    assert_eq!(imds.get("/2009-04-04/meta-data/instance-id").await.status, 200);
    assert_eq!(imds.ask(FIRST, "GET", "/2021-03-23/user-data", &headers).await.status, 200);
    let mut items = Vec::new();
    let mut ahead = vec!["/2021-03-23/meta-data/".to_owned(), "/2021-03-23/dynamic/instance-identity".to_owned()];
    while let Some(directory) = ahead.pop() {
        let listing = imds.ask(FIRST, "GET", &directory, &headers).await;
        assert_eq!(listing.status, 200, "{directory}");
        for line in listing.text().lines() {
            let directory = directory.trim_end_matches('/');
            if let Some(name) = line.strip_suffix('/') {
                ahead.push(format!("{directory}/{name}/"));
            } else if let Some((number, _)) = line.split_once('=') {
                items.push(format!("{directory}/{number}/openssh-key"));
            } else {
                items.push(format!("{directory}/{line}"));
            }
        }
    }
    assert!(items.len() > 40, "{items:?}");
    for item in items {
        let reply = imds.ask(FIRST, "GET", &item, &headers).await;
        assert_eq!(reply.status, 200, "{item}");
        assert!(!reply.body.is_empty(), "{item}");
    }
}

#[tokio::test]
async fn credential_probes_of_the_sdks_find_no_role() {
    let imds = start().await;
    for path in [
        "/latest/meta-data/iam/info",
        "/latest/meta-data/iam/security-credentials/",
        "/latest/meta-data/iam/security-credentials-extended/",
        "/latest/meta-data/identity-credentials/ec2/security-credentials/ec2-instance",
    ] {
        assert_eq!(imds.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_role_has_its_credentials_there() {
    let imds = start().await;
    let since = control::now();
    imds.cloud
        .write(move |tx| {
            let (account, trust) = ("arn:aws:iam::123456789012", r#"{"Service":"ec2.amazonaws.com"}"#);
            tx.put_shared(Role {
                name: "web".into(),
                id: "AROAAAAAAAAAAAAAAAAAA".to_owned(),
                arn: format!("{account}:role/web"),
                path: "/".to_owned(),
                created: since,
                trust_policy: format!(
                    r#"{{"Statement":[{{"Effect":"Allow","Principal":{trust},"Action":"sts:AssumeRole"}}]}}"#
                ),
                description: None,
                max_session_seconds: 3_600,
                policies: Default::default(),
                tags: Default::default(),
            });
            tx.put_shared(InstanceProfile {
                name: "profile".into(),
                id: "AIPAAAAAAAAAAAAAAAAAA".to_owned(),
                arn: format!("{account}:instance-profile/profile"),
                path: "/".to_owned(),
                created: since,
                roles: vec!["web".into()],
                tags: Default::default(),
            });
        })
        .await;
    imds.cloud
        .change_first(move |instance| {
            instance.iam_profile = Some(IamProfileAssociation {
                id: types::IamInstanceProfileAssociationId::from_number(1),
                profile_arn: "arn:aws:iam::123456789012:instance-profile/profile".to_owned(),
                profile_id: "AIPAAAAAAAAAAAAAAAAAA".to_owned(),
                profile_name: "profile".into(),
                state: AssociationState::Associated,
                since,
            });
        })
        .await;
    let read = async |path: &str| imds.get(&format!("/latest/meta-data/iam/{path}")).await;
    assert_eq!(read("").await.text(), "info\nsecurity-credentials/");
    let info: serde_json::Value = serde_json::from_slice(&read("info").await.body).unwrap();
    assert_eq!(info["Code"], "Success");
    assert_eq!(info["InstanceProfileArn"], "arn:aws:iam::123456789012:instance-profile/profile");
    assert_eq!(info["InstanceProfileId"], "AIPAAAAAAAAAAAAAAAAAA");
    assert_eq!(read("security-credentials/").await.text(), "web");
    let given: serde_json::Value = serde_json::from_slice(&read("security-credentials/web").await.body).unwrap();
    assert_eq!((&given["Code"], &given["Type"]), (&"Success".into(), &"AWS-HMAC".into()));
    let key = SessionKey::derive(&[3; 32]);
    let text = |name: &str| given[name].as_str().unwrap();
    let (session, secret) = key.read(text("AccessKeyId"), text("Token")).unwrap();
    assert_eq!((secret.as_str(), session.name), (text("SecretAccessKey"), imds.cloud.first.to_string()));
    assert_eq!(text("Expiration"), session.expires.to_string().replace(".000Z", "Z"));
    for absent in ["security-credentials/other", "security-credentials-extended/", "security-credentials-extended/web"]
    {
        assert_eq!(read(absent).await.status, 404, "{absent}");
    }
    let other = imds.ask(SECOND, "GET", "/latest/meta-data/iam/info", &[]).await;
    assert_eq!(other.status, 404, "another instance has no role");
}

#[tokio::test]
async fn pushed_keys_are_there_for_their_user_and_their_minute() {
    let imds = start().await;
    let (first, now) = (imds.cloud.first, control::now());
    let key = |name: &str, ms: i64| PushedKey { openssh: format!("ssh-ed25519 {name}"), expires: now.plus_ms(ms) };
    let keys = |user: &str, keys: Vec<PushedKey>| PushedKeys {
        target: PushedKeys::target(first, user),
        instance: first,
        user: user.to_owned(),
        keys,
    };
    let pushed =
        [keys("admin", vec![key("old", -1), key("one", 60_000), key("two", 60_000)]), keys("bob", vec![key("x", -1)])];
    imds.cloud.write(move |tx| pushed.into_iter().for_each(|pushed| tx.put(pushed))).await;
    let read = async |user: &str| imds.get(&format!("/latest/meta-data/managed-ssh-keys/active-keys/{user}")).await;
    assert_eq!(read("").await.text(), "admin");
    assert_eq!(read("admin").await.text(), "ssh-ed25519 one\nssh-ed25519 two");
    assert_eq!((read("bob").await.status, read("root").await.status), (404, 404));
    let other = imds.ask(SECOND, "GET", "/latest/meta-data/managed-ssh-keys/active-keys/admin", &[]).await;
    assert_eq!(other.status, 404, "another instance has no keys");
}

#[tokio::test]
async fn hostile_requests_are_survived() {
    let imds = start().await;
    let long_path = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(60_000));
    let many_headers = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(5_000));
    let endless_body = "PUT /latest/api/token HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n".to_owned();
    for request in [long_path, many_headers, endless_body, "\0\0\0\r\n\r\n".to_owned()] {
        let reply = imds.send(FIRST, request.as_bytes()).await;
        assert!(reply.is_none_or(|reply| reply.status >= 400), "{request:.40}");
    }
    assert_eq!(imds.get("/latest/meta-data/instance-id").await.status, 200);
}

#[tokio::test]
async fn one_instance_cannot_take_all_connections() {
    let imds = start().await;
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS.0 {
        held.push(imds.connect(FIRST).await);
    }
    // The next one is hung up on, its neighbour is served.
    let mut refused = imds.connect(FIRST).await;
    let mut byte = [0];
    let ended = tokio::time::timeout(Duration::from_secs(2), refused.read(&mut byte)).await;
    assert!(matches!(ended, Ok(Ok(0) | Err(_))), "{ended:?}");
    assert_eq!(imds.ask(SECOND, "GET", "/", &[]).await.status, 200);
    // Who says nothing is hung up on, too, and makes room.
    let mut silent = held.pop().unwrap();
    let ended = tokio::time::timeout(HEAD_TIMEOUT + Duration::from_secs(5), silent.read_to_end(&mut Vec::new())).await;
    assert!(ended.is_ok(), "a silent connection was kept");
}

#[tokio::test]
async fn a_flood_is_throttled() {
    let imds = start().await;
    let Fixture { ledger, config, region, vpc, .. } = &imds.cloud;
    let (ledger, config, region) = (ledger.clone(), Arc::clone(config), region.clone());
    let service = Service::new(Imds { ledger, config, region, vpc: *vpc, token_secret: [3; 32] });
    let ask = |source: Ipv4Addr| service.answer(source.into(), &Method::GET, "/", &HeaderMap::new()).status;
    let refused = (0..20 * REQUESTS.1).find(|_| ask(FIRST) == StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.is_some_and(|count| count >= REQUESTS.1), "{refused:?}");
    assert_eq!(ask(SECOND), StatusCode::OK);
}
