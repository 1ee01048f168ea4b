//! Machines, for real: each test boots Debian in a namespace of its own.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Bench, eventually, run};
use host::machine::{CONSOLE_BYTES, LxcMachines, MachineSpec, Machines};
use host::{Cgroups, HostError};

const PATIENCE: Duration = Duration::from_secs(60);

fn address(spec: &MachineSpec) -> Ipv4Addr {
    spec.nics[0].address
}

/// What is on the host because of the machines of a bench.
fn traces(bench: &Bench, ids: &[String]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let place = bench.directory.display().to_string();
    for line in fs::read_to_string("/proc/self/mountinfo").unwrap().lines() {
        if line.contains(&place) {
            found.insert(format!("mount: {line}"));
        }
    }
    for id in ids {
        let groups = Cgroups::detect().unwrap().directories(id);
        found.extend(groups.iter().map(|group| format!("cgroup: {}", group.display())));
    }
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.starts_with("[lxc monitor]") && ids.iter().any(|id| line.contains(id)) {
            found.insert(format!("process: {line}"));
        }
    }
    for link in run("ip", &["-n", &bench.netns, "-o", "link"]).lines() {
        if link.contains("eni") {
            found.insert(format!("link: {link}"));
        }
    }
    for entry in fs::read_dir(bench.directory.join("instances")).unwrap().flatten() {
        found.insert(format!("file: {}", entry.path().display()));
    }
    found
}

#[test]
fn kernel_a_machine_boots_lets_its_key_in_and_is_limited() {
    let Some(bench) = Bench::of_image("debian-12") else { return };
    let spec = bench.spec(0);
    assert!(matches!(bench.machines.start(&spec), Err(HostError::NoSuchMachine(id)) if id == spec.id));
    bench.machines.create(&spec).unwrap();
    bench.machines.create(&spec).unwrap();
    assert!(!bench.machines.status(spec.id).unwrap().unwrap().running);
    bench.machines.start(&spec).unwrap();
    bench.machines.start(&spec).unwrap();
    let greeting = bench.wait_for_banner(address(&spec), PATIENCE);
    assert!(greeting.starts_with("SSH-2.0-OpenSSH"), "{greeting}");

    let said =
        bench.ssh_ok(address(&spec), "hostname; id -un; sudo id -u; cat /etc/resolv.conf; ip -br addr show eth0");
    assert!(said.starts_with(&format!("{}\nadmin\n0\nnameserver 172.31.0.2\n", spec.hostname)), "{said}");
    assert!(said.contains("172.31.0.10/32"), "{said}");
    // The directories above a seed file are as the image has them.
    let modes = bench.ssh_ok(address(&spec), "stat -c %U:%a / /etc /home /home/admin /home/admin/.ssh");
    assert_eq!(modes, "root:755\nroot:755\nroot:755\nadmin:755\nadmin:700\n");
    assert!(bench.ssh(address(&spec), "ping -c1 -W2 172.31.0.1").is_ok(), "file capabilities survive");

    let status = bench.machines.status(spec.id).unwrap().unwrap();
    assert!(status.running);
    let init = status.init_pid.expect("the hook recorded it");
    let owner = fs::read_to_string(format!("/proc/{init}/status")).unwrap();
    let owner = owner.lines().find_map(|line| line.strip_prefix("Uid:\t")).unwrap().to_owned();
    assert!(owner.starts_with(&spec.uid_base.to_string()), "root inside is nobody outside: {owner}");
    let groups = Cgroups::detect().unwrap();
    let group = |controller: &str| {
        let root = groups.v1.get(controller).or(groups.v2.as_ref()).unwrap();
        root.join("daemun").join(spec.id.to_string()).join("machine")
    };
    let read = |path: PathBuf| fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let first = |controller: &str, one: &str, two: &str| {
        let name = if groups.v1.contains_key(controller) { one } else { two };
        read(group(controller).join(name)).trim().to_owned()
    };
    assert_eq!(first("memory", "memory.limit_in_bytes", "memory.max"), (512u64 << 20).to_string());
    assert!(first("cpu", "cpu.cfs_quota_us", "cpu.max").starts_with("200000"));
    assert_eq!(first("pids", "pids.max", "pids.max"), "8192");

    // What the machine must not reach.
    for forbidden in ["sudo sh -c 'echo 1 > /proc/sysrq-trigger'", "sudo mknod /root/disk b 8 0", "sudo dmesg -C"] {
        assert!(bench.ssh(address(&spec), forbidden).is_err(), "{forbidden}");
    }
    let console = String::from_utf8_lossy(&bench.machines.console(spec.id).unwrap()).into_owned();
    assert!(console.contains("Debian GNU/Linux 12"), "{console}");
}

#[test]
fn kernel_stop_and_start_keep_the_disk_and_the_host_key() {
    let Some(bench) = Bench::of_image("debian-12") else { return };
    let mut spec = bench.spec(0);
    bench.machines.create(&spec).unwrap();
    bench.machines.start(&spec).unwrap();
    bench.ssh_ok(address(&spec), "echo kept > note; sudo touch /etc/kept");
    let key = bench.ssh_ok(address(&spec), "cat /etc/ssh/ssh_host_ed25519_key.pub");
    let begin = Instant::now();
    bench.machines.stop(spec.id, Duration::from_secs(10)).unwrap();
    assert!(begin.elapsed() < Duration::from_secs(8), "it shut down by itself: {:?}", begin.elapsed());
    bench.machines.stop(spec.id, Duration::from_secs(10)).unwrap();
    let status = bench.machines.status(spec.id).unwrap().unwrap();
    assert!(!status.running && status.init_pid.is_none());
    assert!(!bench.machines.console(spec.id).unwrap().is_empty(), "the console outlives the machine");

    // Another instance type takes effect at the next start.
    spec.memory_mib = 256;
    bench.machines.start(&spec).unwrap();
    assert_eq!(bench.ssh_ok(address(&spec), "cat note; ls /etc/kept"), "kept\n/etc/kept\n");
    assert_eq!(bench.ssh_ok(address(&spec), "cat /etc/ssh/ssh_host_ed25519_key.pub"), key);
    let groups = Cgroups::detect().unwrap().directories(&spec.id.to_string());
    let limits: Vec<String> = groups
        .iter()
        .flat_map(|group| ["machine/memory.limit_in_bytes", "machine/memory.max"].map(|name| group.join(name)))
        .filter_map(|path| fs::read_to_string(path).ok())
        .collect();
    assert_eq!(limits, ["268435456\n"]);
}

#[test]
fn kernel_two_machines_share_nothing_but_the_image() {
    let Some(bench) = Bench::of_image("debian-12") else { return };
    let specs = [bench.spec(0), bench.spec(1)];
    for spec in &specs {
        bench.machines.create(spec).unwrap();
        bench.machines.start(spec).unwrap();
    }
    let keys = specs.each_ref().map(|spec| bench.ssh_ok(address(spec), "cat /etc/ssh/ssh_host_ed25519_key.pub"));
    assert_ne!(keys[0], keys[1]);
    let ids = specs.each_ref().map(|spec| bench.ssh_ok(address(spec), "cat /etc/machine-id"));
    assert_ne!(ids[0], ids[1]);
    assert_eq!(ids[0].len(), 33);
    // They reach each other through the namespace that stands for the VPC.
    bench.ssh_ok(address(&specs[0]), &format!("ping -c1 -W2 {}", address(&specs[1])));
    for layer in &bench.layers {
        assert_eq!(host::image::find_secrets(layer), [""; 0]);
    }
}

#[test]
fn kernel_a_machine_that_reboots_by_itself_is_reachable_again() {
    let Some(bench) = Bench::of_image("debian-12") else { return };
    let spec = bench.spec(0);
    bench.machines.create(&spec).unwrap();
    bench.machines.start(&spec).unwrap();
    bench.ssh_ok(address(&spec), "touch before");
    for from_inside in [true, false] {
        let before = bench.machines.status(spec.id).unwrap().unwrap().init_pid.unwrap();
        if from_inside {
            // The connection breaks, which ssh calls a failure.
            let _ = bench.ssh(address(&spec), "sudo systemctl reboot");
        } else {
            bench.machines.reboot(spec.id).unwrap();
        }
        eventually("another boot", PATIENCE, || {
            let status = bench.machines.status(spec.id).unwrap().unwrap();
            assert!(status.running, "a machine that reboots runs");
            status.init_pid.is_some_and(|pid| pid != before)
        });
        bench.wait_for_banner(address(&spec), PATIENCE);
        bench.ssh_ok(address(&spec), "ls before");
    }
    assert_eq!(bench.machines.next_exits(Duration::ZERO).unwrap(), []);
}

#[test]
fn kernel_a_machine_that_powers_off_by_itself_is_noticed() {
    let Some(bench) = Bench::of_image("debian-12") else { return };
    let specs = [bench.spec(0), bench.spec(1)];
    for spec in &specs {
        bench.machines.create(spec).unwrap();
    }
    std::thread::scope(|scope| {
        // Waiting from before any machine runs: starts wake the waiter.
        let waiter = scope.spawn(|| bench.machines.next_exits(PATIENCE).unwrap());
        for spec in &specs {
            bench.machines.start(spec).unwrap();
        }
        for spec in &specs {
            bench.wait_for_banner(address(spec), PATIENCE);
        }
        let _ = bench.ssh(address(&specs[1]), "sudo poweroff");
        assert_eq!(waiter.join().unwrap(), [specs[1].id]);
    });
    let running = bench.machines.list().unwrap().into_iter().map(|status| status.running).collect::<Vec<_>>();
    assert_eq!(running, [true, false]);

    // Somebody else, such as the daemon after its restart, sees the same, and exits that follow.
    let other = bench.reopened();
    assert_eq!(other.next_exits(Duration::ZERO).unwrap(), []);
    bench.machines.stop(specs[0].id, Duration::ZERO).unwrap();
    assert_eq!(other.next_exits(PATIENCE).unwrap(), [specs[0].id]);
    bench.machines.start(&specs[1]).unwrap();
    bench.wait_for_banner(address(&specs[1]), PATIENCE);
}

#[test]
fn kernel_thirty_cycles_leave_nothing() {
    let Some(bench) = Bench::of_image("debian-12") else { return };
    let spec = bench.spec(0);
    let ids = [spec.id.to_string()];
    let mounts_before = fs::read_to_string("/proc/self/mountinfo").unwrap().lines().count();
    for cycle in 0..30 {
        bench.machines.create(&spec).unwrap();
        bench.machines.start(&spec).unwrap();
        if cycle % 10 == 0 {
            bench.wait_for_banner(address(&spec), PATIENCE);
            assert!(traces(&bench, &ids).len() > 3, "the search for traces finds a running machine");
        }
        if cycle % 2 == 0 {
            bench.machines.stop(spec.id, Duration::from_secs(5)).unwrap();
        }
        bench.machines.destroy(spec.id).unwrap();
        bench.machines.destroy(spec.id).unwrap();
        assert_eq!(traces(&bench, &ids), BTreeSet::new(), "after cycle {cycle}");
    }
    assert_eq!(bench.machines.list().unwrap(), []);
    let mounts_after = fs::read_to_string("/proc/self/mountinfo").unwrap().lines().count();
    assert!(mounts_after <= mounts_before + 20, "{mounts_before} mounts became {mounts_after}");
}

#[test]
fn kernel_a_machine_whose_monitor_was_killed_can_be_destroyed() {
    let Some(bench) = Bench::of_image("debian-12") else { return };
    let spec = bench.spec(0);
    bench.machines.create(&spec).unwrap();
    bench.machines.start(&spec).unwrap();
    bench.wait_for_banner(address(&spec), PATIENCE);
    let monitor = fs::read_to_string(bench.directory.join(format!("instances/{}/monitor.pid", spec.id))).unwrap();
    run("kill", &["-KILL", monitor.trim()]);
    assert_eq!(bench.machines.next_exits(PATIENCE).unwrap(), [spec.id]);
    bench.machines.destroy(spec.id).unwrap();
    assert_eq!(traces(&bench, &[spec.id.to_string()]), BTreeSet::new());
}

/// The process that the next test kills; does nothing unless it is told what to start.
#[test]
fn child_that_starts_a_machine() {
    let Some(directory) = std::env::var_os("DAEMUN_TEST_START_IN").map(PathBuf::from) else { return };
    let spec: MachineSpec = serde_json::from_slice(&fs::read(directory.join("spec.json")).unwrap()).unwrap();
    let machines = LxcMachines::open(&directory.join("instances"), common::hook()).unwrap();
    machines.create(&spec).unwrap();
    machines.start(&spec).unwrap();
}

#[test]
fn kernel_a_start_killed_at_any_moment_can_be_repeated_or_undone() {
    let Some(bench) = Bench::of_image("debian-12") else { return };
    let spec = bench.spec(0);
    fs::write(bench.directory.join("spec.json"), serde_json::to_vec(&spec).unwrap()).unwrap();
    for round in 0..16 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_starts_a_machine"])
            .env("DAEMUN_TEST_START_IN", &bench.directory)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Not a wait for anything: the moment of death is what is being varied.
        std::thread::sleep(Duration::from_millis(4 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let machines = bench.reopened();
        machines.prepare().unwrap();
        if round % 2 == 0 {
            machines.create(&spec).unwrap();
            machines.start(&spec).unwrap();
            bench.wait_for_banner(address(&spec), PATIENCE);
            assert!(machines.status(spec.id).unwrap().unwrap().init_pid.is_some(), "round {round}");
        }
        machines.destroy(spec.id).unwrap();
        assert_eq!(traces(&bench, &[spec.id.to_string()]), BTreeSet::new(), "round {round}");
    }
}

/// A small file system that goes with the test.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn new(size: &str) -> Self {
        let path = PathBuf::from(format!("/var/tmp/daemun-small-{}", common::unique()));
        fs::create_dir(&path).unwrap();
        run("mount", &["-t", "tmpfs", "-o", &format!("size={size},mode=0755"), "tmpfs", path.to_str().unwrap()]);
        Self(path)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn kernel_a_full_disk_is_told_and_leaves_nothing() {
    let Some(layers) = common::layers_of("debian-12") else { return };
    let disk = SmallDisk::new("20m");
    let bench = Bench::below(layers, &disk.0);
    let mut spec = bench.spec(0);
    spec.seed_files.push(common::seed("/var/big", 0o644, 0, &"x".repeat(21 << 20)));
    let error = bench.machines.create(&spec).unwrap_err();
    assert!(error.is_disk_full(), "{error:?}");
    assert_eq!(traces(&bench, &[spec.id.to_string()]), BTreeSet::new());

    // Room for the disk but none for the start.
    spec.seed_files.pop();
    bench.machines.create(&spec).unwrap();
    let filler = bench.directory.join("filler");
    let mut size = 1 << 20;
    let mut filled = Vec::new();
    while size >= 1 {
        match fs::write(&filler, vec![1; filled.len() + size]) {
            Ok(()) => filled.resize(filled.len() + size, 1),
            Err(_) => size /= 2,
        }
    }
    let error = bench.machines.start(&spec).unwrap_err();
    assert!(error.is_disk_full(), "{error:?}");
    assert!(!bench.machines.status(spec.id).unwrap().unwrap().running);
    fs::remove_file(&filler).unwrap();
    bench.machines.start(&spec).unwrap();
    bench.wait_for_banner(address(&spec), PATIENCE);
    bench.machines.destroy(spec.id).unwrap();
    assert_eq!(traces(&bench, &[spec.id.to_string()]), BTreeSet::new());
}

#[test]
fn kernel_a_seed_file_stays_inside() {
    let Some(bench) = Bench::of_image("debian-12") else { return };
    for (path, owner) in [("etc/relative", 0), ("/etc/../../escape", 0), ("/bin/through-a-link", 0), ("/etc/x", 65_536)]
    {
        let mut spec = bench.spec(0);
        spec.seed_files.push(common::seed(path, 0o644, owner, "x"));
        let error = bench.machines.create(&spec).unwrap_err();
        assert!(matches!(error, HostError::Invalid(_)), "{path}: {error:?}");
    }
    assert_eq!(traces(&bench, &[]), BTreeSet::new());
}

#[test]
fn kernel_a_machine_without_its_namespace_does_not_start() {
    let Some(bench) = Bench::of_image("debian-12") else { return };
    let mut spec = bench.spec(0);
    bench.machines.create(&spec).unwrap();
    let good = spec.nics[0].netns.clone();
    spec.nics[0].netns = "/run/netns/there-is-none".into();
    let error = bench.machines.start(&spec).unwrap_err();
    assert!(error.to_string().contains("there-is-none"), "{error}");
    assert!(!bench.machines.status(spec.id).unwrap().unwrap().running);
    spec.nics[0].netns = good;
    bench.machines.start(&spec).unwrap();
    bench.wait_for_banner(address(&spec), PATIENCE);
}

#[test]
fn kernel_twenty_at_once() {
    let Some(bench) = Bench::of_image("debian-12") else { return };
    let specs: Vec<MachineSpec> = (0..20).map(|index| bench.spec(index)).collect();
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for spec in &specs {
            scope.spawn(|| {
                bench.machines.create(spec).unwrap();
                bench.machines.start(spec).unwrap();
            });
        }
    });
    println!("all started after {:?}", begin.elapsed());
    for spec in &specs {
        bench.wait_for_banner(address(spec), PATIENCE);
    }
    println!("all greet after {:?}", begin.elapsed());
    let running = bench.machines.list().unwrap().iter().filter(|status| status.running).count();
    assert_eq!(running, 20);
    std::thread::scope(|scope| {
        for spec in &specs {
            scope.spawn(|| bench.machines.destroy(spec.id).unwrap());
        }
    });
    let ids: Vec<String> = specs.iter().map(|spec| spec.id.to_string()).collect();
    assert_eq!(traces(&bench, &ids), BTreeSet::new());
}

#[test]
fn kernel_the_console_is_bounded() {
    let Some(bench) = Bench::of_image("debian-12") else { return };
    let spec = bench.spec(0);
    bench.machines.create(&spec).unwrap();
    bench.machines.start(&spec).unwrap();
    bench.ssh_ok(address(&spec), "for i in $(seq 40); do head -c 6000 /dev/zero | tr '\\0' x; echo; done | sudo tee /dev/console > /dev/null; echo last words | sudo tee /dev/console");
    eventually("the last words", PATIENCE, || {
        String::from_utf8_lossy(&bench.machines.console(spec.id).unwrap()).contains("last words")
    });
    assert!(bench.machines.console(spec.id).unwrap().len() <= CONSOLE_BYTES);
    let kept: u64 = fs::read_dir(bench.directory.join("instances").join(spec.id.to_string()))
        .unwrap()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("console"))
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    assert!(kept <= 4 * CONSOLE_BYTES as u64, "{kept} bytes of console are kept");
}

#[test]
fn kernel_a_directory_closed_to_others_is_no_obstacle() {
    let Some(layers) = common::layers_of("debian-12") else { return };
    let closed = PathBuf::from(format!("/var/tmp/daemun-closed-{}", common::unique()));
    fs::create_dir(&closed).unwrap();
    run("chmod", &["0700", closed.to_str().unwrap()]);
    {
        let bench = Bench::below(layers, &closed);
        let spec = bench.spec(0);
        bench.machines.create(&spec).unwrap();
        bench.machines.start(&spec).unwrap();
        bench.wait_for_banner(address(&spec), PATIENCE);
    }
    fs::remove_dir(&closed).unwrap();
    assert!(!Path::new(&closed).exists());
}

#[test]
fn kernel_a_disk_can_be_tried() {
    if !common::is_root() {
        return;
    }
    let disk = SmallDisk::new("1m");
    host::machine::try_disk(&disk.0).unwrap();
    assert!(host::machine::try_disk(Path::new("/proc")).is_err());
    assert_eq!(fs::read_dir(&disk.0).unwrap().count(), 0);
}
