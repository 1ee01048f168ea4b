//! From RunInstances to the greeting of sshd.

use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::client::Client;
use super::{Figure, median_and_p95};

/// How many launches, one after another.
const RUNS: usize = 20;
/// How many instances in the one large call.
const AT_ONCE: i32 = 20;
/// How long any launch may take before the measurement is given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// Measures launches one after another, then many in one call.
pub fn measure(client: &Client, image: &str) -> Result<Vec<Figure>> {
    let image = client.image(image)?;
    let group = client.group("bench-launch")?;
    let (mut answered, mut greeted) = (Vec::new(), Vec::new());
    // The first instance brings its VPC's network, which is not what is measured.
    client.terminate(&client.run(&image, &group, 1)?)?;
    for _ in 0..RUNS {
        let start = Instant::now();
        let ids = client.run(&image, &group, 1)?;
        answered.push(start.elapsed().as_secs_f64());
        until_greeted(client, &ids, start)?;
        greeted.push(start.elapsed().as_secs_f64());
        client.terminate(&ids)?;
    }
    let start = Instant::now();
    let ids = client.run(&image, &group, AT_ONCE)?;
    until_greeted(client, &ids, start)?;
    let all = start.elapsed().as_secs_f64();
    client.terminate(&ids)?;
    let (answer, _) = median_and_p95(answered);
    let (median, p95) = median_and_p95(greeted);
    let figure = |name, value, target| Figure { name, value, unit: "s", target };
    Ok(vec![
        figure("RunInstances answered, median of 20", answer, None),
        figure("RunInstances to SSH accepted, median of 20", median, Some(1.0)),
        figure("RunInstances to SSH accepted, p95 of 20", p95, None),
        figure("20 instances in one call, all accepting SSH", all, Some(15.0)),
    ])
}

/// Waits until all of these instances greet.
pub fn until_greeted(client: &Client, ids: &[String], start: Instant) -> Result<()> {
    let waiting: Vec<_> =
        addresses(client, ids, start)?.into_iter().map(|ip| thread::spawn(move || greeting(ip, start))).collect();
    for thread in waiting {
        thread.join().ok().context("the thread that waits for a greeting")??;
    }
    Ok(())
}

fn addresses(client: &Client, ids: &[String], start: Instant) -> Result<Vec<IpAddr>> {
    loop {
        let found: Option<Vec<String>> =
            client.describe(ids)?.into_iter().map(|instance| instance.public_ip_address).collect();
        if let Some(found) = found.filter(|found| found.len() == ids.len()) {
            return found.iter().map(|address| Ok(address.parse()?)).collect();
        }
        ensure!(start.elapsed() < PATIENCE, "no public addresses after {PATIENCE:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn greeting(ip: IpAddr, start: Instant) -> Result<()> {
    let address = SocketAddr::from((ip, 22));
    while start.elapsed() < PATIENCE {
        // A first packet that came too early is sent again by TCP a whole second later: rather a new connection.
        if let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_millis(50)) {
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            let mut banner = [0; 8];
            if stream.read_exact(&mut banner).is_ok() && banner == *b"SSH-2.0-" {
                return Ok(());
            }
        }
        thread::sleep(Duration::from_millis(5));
    }
    anyhow::bail!("{ip} does not greet after {PATIENCE:?}")
}
