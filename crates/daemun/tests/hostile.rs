//! A hundred thousand requests that mean harm, through the front door: each is refused, and the daemon stays small.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ec2_shapes::{Action, Timestamp};
use ec2_wire::sigv4::{SecretKey, SignedRequest, sign_headers};

const KEY: &str = "AKIATESTTESTTESTTEST";
const SECRET: &str = "a-secret-that-only-the-tests-know";
const FORM: &str = "application/x-www-form-urlencoded";

/// How many requests there are, over how many connections.
const REQUESTS: usize = 100_000;
const CONNECTIONS: usize = 4;
/// How many more have a body of ten megabytes, on a connection of their own each.
const HUGE: usize = 16;
/// How large the daemon may ever have been, in KiB: what it is anyway and a few bodies of the largest size that is
/// taken, far below a hundred thousand of anything.
const LARGEST_KIB: u64 = 300 * 1024;

struct Daemon {
    process: Child,
    host: String,
    _folder: tempfile::TempDir,
}

impl Daemon {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_daemun"))
            .args(["serve", "--engine", "simulated", "--listen", "127.0.0.1:0", "--state-dir"])
            .arg(folder.path().join("state"))
            .env("DAEMUN_ACCESS_KEY_ID", KEY)
            .env("DAEMUN_SECRET_ACCESS_KEY", SECRET)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let host = line.trim().strip_prefix("ready http://").unwrap().to_owned();
        Self { process, host, _folder: folder }
    }

    /// The most memory it ever held, in KiB.
    fn largest(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches("kB").trim().parse().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn connect(host: &str) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(host).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    BufReader::new(stream)
}

/// The head of a request with this body, signed.
fn head(host: &str, body: &[u8]) -> String {
    let headers = [("host", host.as_bytes()), ("content-type", FORM.as_bytes())];
    let unsigned = SignedRequest { method: "POST", path: "/", query: "", headers: &headers, body };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let now = Timestamp::from_unix_ms(i64::try_from(now).unwrap());
    let signature = sign_headers(&unsigned, KEY, &SecretKey::new(SECRET), "us-east-1", "ec2", now).unwrap();
    let length = body.len();
    let mut head = format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: {FORM}\r\nContent-Length: {length}\r\n");
    for (name, value) in signature {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head + "\r\n"
}

/// Sends a request and reads the answer; gives its status.
fn ask(connection: &mut BufReader<TcpStream>, host: &str, body: &[u8]) -> u16 {
    let mut request = head(host, body).into_bytes();
    request.extend_from_slice(body);
    connection.get_mut().write_all(&request).unwrap();
    let (mut status, mut length) = (0, 0);
    loop {
        let mut line = String::new();
        assert_ne!(connection.read_line(&mut line).unwrap(), 0, "the connection ended in the head of an answer");
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(rest) = line.strip_prefix("http/1.1 ") {
            status = rest.split(' ').next().unwrap().parse().unwrap();
        } else if let Some(rest) = line.strip_prefix("content-length:") {
            length = rest.trim().parse().unwrap();
        } else if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).unwrap();
    status
}

fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// A form that no client sends; whatever the action, it is wrong.
fn hostile(draw: &mut u64) -> Vec<u8> {
    let action = Action::ALL[next(draw) as usize % Action::ALL.len()].name();
    let number = next(draw);
    let up_to = |limit: usize| number as usize % limit + 1;
    let rest = match number % 16 {
        0 => format!("Filter{}=x", ".1".repeat(1 + up_to(400))),
        1 => format!("Filter.{number}{number}.Name=x&Filter.-1.Value.1=x"),
        2 => format!("NoSuchThing.{}=x", "9".repeat(up_to(900))),
        3 => "MaxResults=99999999999999999999999999999999&NoSuchThing=1".to_owned(),
        4 => "%ff=%c3".to_owned(),
        5 => format!("x={}%ff", "%80%bf".repeat(up_to(2_000))),
        6 => "x=%&y=%2&z=%zz".to_owned(),
        7 => format!("DryRun=maybe&{}=1", "A".repeat(up_to(5_000))),
        8 => "NoSuchThing=1&NoSuchThing=2&NoSuchThing=3".to_owned(),
        9 => format!("{}=1", ".".repeat(up_to(100))),
        10 => (0..200).map(|at| format!("NoSuch.{at}.Thing.{at}={}&", "v".repeat(at))).collect(),
        11 => format!("NoSuchThing={}", "%00".repeat(up_to(2_000))),
        12 => "Action=RunInstances&Action=TerminateInstances".to_owned(),
        13 => format!("TagSpecification.1.Tag.1.Key.1.2.3={number}"),
        14 => format!("%F0%9F%98%80.{number}=<script>"),
        _ => format!("NoSuchThing={}", "x".repeat(up_to(20_000))),
    };
    format!("Action={action}&Version=2016-11-15&{rest}").into_bytes()
}

#[test]
fn a_hundred_thousand_hostile_requests_are_refused_one_by_one() {
    let daemon = Daemon::start();
    let host = daemon.host.as_str();
    thread::scope(|scope| {
        for number in 0..CONNECTIONS {
            scope.spawn(move || {
                let (mut connection, mut draw) = (connect(host), number as u64);
                for at in 0..REQUESTS / CONNECTIONS {
                    let form = hostile(&mut draw);
                    let status = ask(&mut connection, host, &form);
                    let shown = String::from_utf8_lossy(&form[..form.len().min(300)]).into_owned();
                    assert!((400..500).contains(&status), "{number}/{at}: {status} for {shown}");
                }
            });
        }
    });
    for _ in 0..HUGE {
        let body = format!("Action=DescribeVpcs&Version=2016-11-15&VpcId.1={}", "v".repeat(10 << 20));
        let mut connection = connect(host);
        let head = head(host, b"").replace("Content-Length: 0", &format!("Content-Length: {}", body.len()));
        connection.get_mut().write_all(head.as_bytes()).unwrap();
        // The daemon answers and hangs up before it has read all of it, so writing may fail half-way.
        let _ = connection.get_mut().write_all(body.as_bytes());
        let mut line = String::new();
        if connection.read_line(&mut line).is_ok() && !line.is_empty() {
            assert!(line.starts_with("HTTP/1.1 4"), "{line}");
        }
    }
    let status = ask(&mut connect(host), host, b"Action=DescribeRegions&Version=2016-11-15");
    assert_eq!(status, 200, "it goes on answering");
    let largest = daemon.largest();
    assert!(largest < LARGEST_KIB, "it held {largest} KiB");
}
