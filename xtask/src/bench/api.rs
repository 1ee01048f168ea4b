//! The API side by side with other servers that speak it, in one run on the same work.
//!
//! Machines only pretend here. What asks is wrk, which costs little; Daemun's requests are signed and every signature
//! is checked, the others check none.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use ec2_shapes::{
    DescribeImagesRequest, DescribeInstancesRequest, DescribeRegionsRequest, DescribeSecurityGroupsRequest,
    RunInstancesRequest,
};
use serde_json::json;

use super::client::Client;
use super::rivals::{Running, Server, servers};
use super::{mib, wrk};
use crate::shell;

/// How many instances one call launches.
const BATCH: i32 = 500;
/// How many are there when all of them are described.
const DESCRIBED: i32 = 1_000;
/// How many are there when memory is looked at.
const MANY: i32 = 10_000;
/// How often a server is started to see how long that takes.
const STARTS: usize = 5;
/// How long a rate is measured, in seconds.
const SECONDS: u32 = 8;

/// What one server did; `None` where it could not.
struct Row {
    server: String,
    start_ms: f64,
    one_group_per_s: f64,
    describe_per_s: f64,
    describe_mib: f64,
    run_s: f64,
    many_s: f64,
    memory_mib: f64,
}

/// Measures all servers, prints a table and writes it down.
///
/// # Errors
/// If a server cannot be had, does not start or does not answer.
pub fn run(daemun: &Path) -> Result<()> {
    let mut rows = Vec::new();
    for server in servers(daemun)? {
        println!("measuring {}", server.name());
        rows.push(measure(&server).with_context(|| server.name())?);
    }
    print(&rows);
    let list: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "server": row.server, "start_ms": row.start_ms, "one_group_per_s": row.one_group_per_s,
                "describe_1000_per_s": row.describe_per_s, "describe_1000_mib": row.describe_mib,
                "run_500_s": row.run_s, "run_10000_s": row.many_s, "memory_10000_mib": row.memory_mib,
            })
        })
        .collect();
    let folder = shell::target_dir().join("bench");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("api.json"), serde_json::to_string_pretty(&list)?)?;
    Ok(())
}

fn measure(server: &Server) -> Result<Row> {
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let begun = Instant::now();
        let running = server.start()?;
        until_answered(&running, begun)?;
        starts.push(begun.elapsed().as_secs_f64() * 1e3);
        running.stop()?;
    }
    starts.sort_by(f64::total_cmp);

    let running = server.start()?;
    until_answered(&running, Instant::now())?;
    let client = &running.client;
    let group = first(client, DescribeSecurityGroupsRequest::default(), "groupId")?;
    let one_group = DescribeSecurityGroupsRequest { group_ids: vec![group], ..Default::default() };
    let one_group = wrk::rate(client, one_group, 8, SECONDS)?;

    let image = first(client, DescribeImagesRequest::default(), "imageId")?;
    let launch = RunInstancesRequest {
        image_id: Some(image),
        instance_type: Some("t3.micro".to_owned()),
        min_count: BATCH,
        max_count: BATCH,
        ..Default::default()
    };
    let mut launches = Vec::new();
    let mut present = 0;
    let mut launch_until = |wanted: i32| -> Result<()> {
        while present < wanted {
            let begun = Instant::now();
            let answer = client.send(launch.clone())?;
            launches.push(begun.elapsed().as_secs_f64());
            let made = count(&answer, "<instanceId>");
            ensure!(made >= BATCH as usize, "a launch of {BATCH} made {made}");
            present += BATCH;
        }
        Ok(())
    };
    launch_until(DESCRIBED)?;
    let all = DescribeInstancesRequest::default();
    let answer = client.send(all.clone())?;
    let described = wrk::rate(client, all, 2, SECONDS)?;
    let begun = Instant::now();
    launch_until(MANY)?;
    let many_s = begun.elapsed().as_secs_f64();
    let memory_mib = mib(running.resident()?);
    running.stop()?;
    launches.sort_by(f64::total_cmp);
    Ok(Row {
        server: server.name(),
        start_ms: starts[STARTS / 2],
        one_group_per_s: one_group,
        describe_per_s: described,
        describe_mib: mib(answer.len() as u64),
        run_s: launches[launches.len() / 2],
        many_s,
        memory_mib,
    })
}

/// Asks until somebody answers.
fn until_answered(running: &Running, begun: Instant) -> Result<()> {
    loop {
        match running.client.send(DescribeRegionsRequest::default()) {
            Ok(_) => return Ok(()),
            Err(error) if begun.elapsed().as_secs() > 60 => return Err(error),
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(2)),
        }
    }
}

/// The first text in this element of an answer.
fn first(client: &Client, request: impl Into<ec2_shapes::Request>, element: &str) -> Result<String> {
    let answer = client.send(request)?;
    let text = String::from_utf8_lossy(&answer);
    let (_, rest) = text.split_once(&format!("<{element}>")).with_context(|| format!("an answer without {element}"))?;
    Ok(rest.split('<').next().unwrap_or_default().to_owned())
}

fn count(answer: &[u8], element: &str) -> usize {
    String::from_utf8_lossy(answer).matches(element).count()
}

fn print(rows: &[Row]) {
    println!();
    println!(
        "{:<22} {:>9} {:>13} {:>16} {:>9} {:>10} {:>12} {:>12}",
        "server", "start ms", "one group /s", "all of 1,000 /s", "MiB each", "run 500 s", "to 10,000 s", "memory MiB"
    );
    for row in rows {
        println!(
            "{:<22} {:>9.0} {:>13.0} {:>16.1} {:>9.2} {:>10.3} {:>12.2} {:>12.0}",
            row.server,
            row.start_ms,
            row.one_group_per_s,
            row.describe_per_s,
            row.describe_mib,
            row.run_s,
            row.many_s,
            row.memory_mib
        );
    }
}
