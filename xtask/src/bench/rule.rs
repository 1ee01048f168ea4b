//! From AuthorizeSecurityGroupIngress answered to the first packet that the new rule lets in.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ec2_shapes::{AuthorizeSecurityGroupIngressRequest, RevokeSecurityGroupIngressRequest};

use super::Figure;
use super::client::Client;
use super::launch::until_greeted;
use super::memory::until_idle;

/// How many rules, one after another.
const SAMPLES: usize = 100;
/// How many machines carry the group at last, and how many are asked for in one call.
const MEMBERS: i32 = 100;
const AT_ONCE: i32 = 11;
/// How long a rule may take before the measurement is given up.
const PATIENCE: Duration = Duration::from_secs(10);
/// A port that nothing listens on: a packet that comes in is refused, and one that does not is silence.
const PORT: u16 = 4_000;

/// Measures a group of one machine, then of many.
pub fn measure(client: &Client, image: &str) -> Result<Vec<Figure>> {
    let (image, group) = (client.image(image)?, client.group("bench-rule")?);
    let mut ids = client.run(&image, &group, 1)?;
    until_greeted(client, &ids, Instant::now())?;
    // What machines do after their boot is not what is measured.
    until_idle(&ids)?;
    let address = client.describe(&ids)?.into_iter().find_map(|instance| instance.public_ip_address);
    let target = SocketAddr::from((address.context("a machine without an address")?.parse::<IpAddr>()?, PORT));
    let [one, one_p99] = sample(client, &group, target)?;
    while ids.len() < MEMBERS as usize {
        let more = client.run(&image, &group, AT_ONCE.min(MEMBERS - ids.len() as i32))?;
        until_greeted(client, &more, Instant::now())?;
        ids.extend(more);
    }
    until_idle(&ids)?;
    let [many, many_p99] = sample(client, &group, target)?;
    client.terminate(&ids)?;
    let figure = |name, value, target| Figure { name, value, unit: "ms", target };
    Ok(vec![
        figure("rule answered to first packet, 1 member, p50", one, None),
        figure("rule answered to first packet, 1 member, p99", one_p99, None),
        figure("rule answered to first packet, 100 members, p50", many, None),
        figure("rule answered to first packet, 100 members, p99", many_p99, Some(50.0)),
    ])
}

/// The median and the 99th percentile, in milliseconds.
fn sample(client: &Client, group: &str, target: SocketAddr) -> Result<[f64; 2]> {
    let mut times = (0..SAMPLES).map(|_| once(client, group, target)).collect::<Result<Vec<f64>>>()?;
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times[(times.len() * share).div_ceil(100) - 1];
    Ok([at(50), at(99)])
}

/// One rule: from its answer until a call is refused, which is what comes of a packet that arrives; 0 if the packet was
/// quicker than the answer. The rule is gone again afterwards.
fn once(client: &Client, group: &str, target: SocketAddr) -> Result<f64> {
    let stop = AtomicBool::new(false);
    let (answered, arrived) = thread::scope(|scope| -> Result<_> {
        let asker = scope.spawn(|| {
            let start = Instant::now();
            while !stop.load(Ordering::Relaxed) && start.elapsed() < PATIENCE {
                if arrives(target, Duration::from_millis(1)) {
                    return Some(Instant::now());
                }
            }
            None
        });
        thread::sleep(Duration::from_millis(5));
        let answered = client.call(AuthorizeSecurityGroupIngressRequest {
            group_id: Some(group.to_owned()),
            ip_protocol: Some("tcp".to_owned()),
            from_port: Some(PORT.into()),
            to_port: Some(PORT.into()),
            cidr_ip: Some("0.0.0.0/0".to_owned()),
            ..Default::default()
        });
        let time = Instant::now();
        if answered.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        let arrived = asker.join().ok().flatten();
        answered?;
        Ok((time, arrived.context("nothing was let in by a new rule")?))
    })?;
    client.call(RevokeSecurityGroupIngressRequest {
        group_id: Some(group.to_owned()),
        ip_protocol: Some("tcp".to_owned()),
        from_port: Some(PORT.into()),
        to_port: Some(PORT.into()),
        cidr_ip: Some("0.0.0.0/0".to_owned()),
        ..Default::default()
    })?;
    let revoked = Instant::now();
    while arrives(target, Duration::from_millis(20)) {
        ensure!(revoked.elapsed() < PATIENCE, "a rule that is gone still lets packets in");
    }
    Ok(arrived.saturating_duration_since(answered).as_secs_f64() * 1e3)
}

/// Whether a packet of a new connection arrives.
fn arrives(target: SocketAddr, patience: Duration) -> bool {
    let refused = |error: std::io::Error| error.kind() == ErrorKind::ConnectionRefused;
    TcpStream::connect_timeout(&target, patience).is_err_and(refused)
}
