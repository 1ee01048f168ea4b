//! How long a machine takes to answer; run by hand: `cargo nextest run -p host --run-ignored all boot_time`.

mod common;

use std::time::{Duration, Instant};

use host::machine::Machines as _;

#[test]
#[ignore = "a measurement"]
fn kernel_boot_time() {
    if !common::is_root() {
        return;
    }
    let layers = std::env::var("DAEMUN_TEST_LAYERS").unwrap().split(':').map(Into::into).collect();
    let rounds: u32 = std::env::var("ROUNDS").map_or(5, |text| text.parse().unwrap());
    let bench = common::Bench::new(layers);
    for index in 0..rounds {
        let spec = bench.spec(index);
        let begin = Instant::now();
        bench.machines.create(&spec).unwrap();
        let created = begin.elapsed();
        bench.machines.start(&spec).unwrap();
        let started = begin.elapsed();
        bench.wait_for_banner(spec.nics[0].address, Duration::from_secs(20));
        let greeted = begin.elapsed();
        let busy_at_banner = processor_time(&spec.id.to_string());
        let hello = bench.ssh_ok(spec.nics[0].address, "echo hello");
        let accepted = begin.elapsed();
        let busy = processor_time(&spec.id.to_string());
        println!("created {created:?} started {started:?} banner {greeted:?} accepted {accepted:?} {}", hello.trim());
        println!("processor time inside: {busy_at_banner:?} to the banner, {busy:?} to the login");
        if let Ok(command) = std::env::var("COMMAND") {
            println!("{}", bench.ssh_ok(spec.nics[0].address, &command));
        }
        let begin = Instant::now();
        bench.machines.stop(spec.id, Duration::from_secs(10)).unwrap();
        let stopped = begin.elapsed();
        bench.machines.destroy(spec.id).unwrap();
        println!("stopped {stopped:?} destroyed {:?}", begin.elapsed());
    }
}

/// What the machine's processes have computed so far; independent of how busy the host is otherwise.
fn processor_time(id: &str) -> Duration {
    let version_one = format!("/sys/fs/cgroup/cpuacct/daemun/{id}/machine/cpuacct.usage");
    if let Ok(text) = std::fs::read_to_string(version_one) {
        return Duration::from_nanos(text.trim().parse().unwrap());
    }
    let version_two = format!("/sys/fs/cgroup/daemun/{id}/machine/cpu.stat");
    let text = std::fs::read_to_string(version_two).unwrap();
    let usage = text.lines().find_map(|line| line.strip_prefix("usage_usec ")).unwrap();
    Duration::from_micros(usage.parse().unwrap())
}
