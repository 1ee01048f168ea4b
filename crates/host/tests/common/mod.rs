//! A VPC of one test, and machines in it, all gone when the test is over, also when it failed.

#![allow(dead_code, reason = "each test file uses its part")]

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use host::image::ImageStore;
use host::machine::{HookCommand, LxcMachines, MachineSpec, Machines, NicSpec, SeedFile};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use types::{InstanceId, MacAddress};

/// The router's address inside every test VPC.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 1);

/// The router's address in the second subnet.
pub const SECOND_GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 31, 1, 1);

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A number no other test of this machine uses now.
pub fn unique() -> u32 {
    std::process::id() * 64 + NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Whether these tests can run; says why not.
pub fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        assert!(std::env::var_os("DAEMUN_TEST_REQUIRE_ROOT").is_none(), "this test must run, but we are not root");
        eprintln!("skipped: needs root");
    }
    root
}

/// The layers of a built-in image, made if it is missing; `None` where such tests cannot run.
pub fn layers_of(name: &str) -> Option<Vec<PathBuf>> {
    is_root().then(|| image_store().build(name, &mut |_| {}).unwrap().layers)
}

/// The images that tests share.
pub fn image_store() -> ImageStore {
    let directory = std::env::var_os("DAEMUN_TEST_IMAGE_DIR").map_or("/var/lib/daemun/images".into(), PathBuf::from);
    ImageStore::open(&directory).unwrap()
}

/// The hook of these tests.
pub fn hook() -> HookCommand {
    HookCommand { program: env!("CARGO_BIN_EXE_machine-hook").into(), args: Vec::new() }
}

/// Runs a program that must succeed.
pub fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A bench: a namespace that stands for a VPC, a directory for machines, and the machines.
pub struct Bench {
    pub netns: String,
    pub directory: PathBuf,
    pub machines: LxcMachines,
    pub layers: Vec<PathBuf>,
    number: u32,
    made: std::cell::RefCell<Vec<InstanceId>>,
}

impl Bench {
    /// A bench for machines of a built-in image; `None` where such tests cannot run.
    pub fn of_image(name: &str) -> Option<Self> {
        layers_of(name).map(Self::new)
    }

    /// A bench for machines of these layers.
    pub fn new(layers: Vec<PathBuf>) -> Self {
        Self::below(layers, Path::new("/var/tmp"))
    }

    /// The same with the machines on another file system.
    pub fn below(layers: Vec<PathBuf>, parent: &Path) -> Self {
        let number = unique();
        let netns = format!("dmm-{number}");
        let directory = parent.join(format!("daemun-test-{number}"));
        run("ip", &["netns", "add", &netns]);
        for args in ["link set lo up", "addr add 172.31.0.1/32 dev lo", "addr add 172.31.1.1/32 dev lo"] {
            run("ip", &["-n", &netns].into_iter().chain(args.split(' ')).collect::<Vec<_>>());
        }
        run("ip", &["netns", "exec", &netns, "sysctl", "-qw", "net.ipv4.ip_forward=1"]);
        let machines = LxcMachines::open(&directory.join("instances"), hook()).unwrap();
        machines.prepare().unwrap();
        Self { netns, directory, machines, layers, number, made: Default::default() }
    }

    /// The same machines as another process would see them.
    pub fn reopened(&self) -> LxcMachines {
        LxcMachines::open(&self.directory.join("instances"), hook()).unwrap()
    }

    /// A machine of this bench; `index` from 0 to 200.
    pub fn spec(&self, index: u32) -> MachineSpec {
        let id = InstanceId::from_number((u128::from(self.number) << 16) | u128::from(index));
        let address = Ipv4Addr::from(u32::from(GATEWAY) + 9 + index);
        self.made.borrow_mut().push(id);
        let name = format!("ip-{}", address.to_string().replace('.', "-"));
        MachineSpec {
            id,
            layers: self.layers.clone(),
            uid_base: 1_000_000_000 + (self.number % 50 * 256 + index) * 65_536,
            memory_mib: 512,
            vcpus: 2,
            hostname: name.clone(),
            seed_files: vec![
                seed("/etc/resolv.conf", 0o644, 0, "nameserver 172.31.0.2\n"),
                seed("/home/admin/.ssh/authorized_keys", 0o600, 1000, &self.public_key()),
            ],
            nics: vec![NicSpec {
                address,
                gateway: GATEWAY,
                subnet: Some("172.31.0.0/24".parse().unwrap()),
                ..self.nic(0, index)
            }],
        }
    }

    /// An interface of this device index, in the second subnet: 172.31.1.0/24. `number` from 0 to 200.
    pub fn nic(&self, device_index: u32, number: u32) -> NicSpec {
        NicSpec {
            netns: format!("/run/netns/{}", self.netns).into(),
            host_ifname: format!("eni{number}"),
            guest_ifname: format!("eth{device_index}"),
            mac: MacAddress::local(u64::from(number) + 1),
            address: Ipv4Addr::from(u32::from(SECOND_GATEWAY) + 9 + number),
            secondary: Vec::new(),
            ipv6: Vec::new(),
            gateway: SECOND_GATEWAY,
            subnet: Some("172.31.1.0/24".parse().unwrap()),
            device_index,
            mtu: 1500,
            source_dest_check: true,
            forwards: Default::default(),
        }
    }

    fn key(&self) -> PathBuf {
        self.directory.join("key")
    }

    fn public_key(&self) -> String {
        let key = self.key();
        if !key.exists() {
            run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", key.to_str().unwrap()]);
        }
        fs::read_to_string(key.with_extension("pub")).unwrap()
    }

    /// Runs `work` inside the VPC.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(format!("/run/netns/{}", self.netns)).unwrap();
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                work()
            });
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Waits until the machine's SSH server greets.
    pub fn wait_for_banner(&self, address: Ipv4Addr, patience: Duration) -> String {
        self.inside(|| {
            let deadline = Instant::now() + patience;
            let mut last = String::new();
            while Instant::now() < deadline {
                match banner(address) {
                    Ok(text) => return text,
                    Err(error) => last = error.to_string(),
                }
                std::thread::sleep(Duration::from_millis(2));
            }
            panic!("no SSH banner from {address} in {patience:?}: {last}");
        })
    }

    /// Runs a command on a machine by SSH; its output, or its messages if it failed.
    pub fn ssh(&self, address: Ipv4Addr, command: &str) -> Result<String, String> {
        let output = Command::new("nsenter")
            .arg(format!("--net=/run/netns/{}", self.netns))
            .args(["ssh", "-F", "none", "-i"])
            .arg(self.key())
            .args(["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"])
            .args(["-o", "LogLevel=ERROR", "-o", "ConnectTimeout=5"])
            .arg(format!("admin@{address}"))
            .arg(command)
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// Runs a command by SSH that must succeed, as soon as the machine lets users in.
    pub fn ssh_ok(&self, address: Ipv4Addr, command: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            match self.ssh(address, command) {
                Ok(output) => return output,
                Err(error) if Instant::now() > deadline => panic!("{command}: {error}"),
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        for id in self.made.borrow().iter() {
            if let Err(error) = self.machines.destroy(*id) {
                eprintln!("{id} is not destroyed: {error}");
            }
        }
        let _ = Command::new("ip").args(["netns", "del", &self.netns]).output();
        if let Err(error) = fs::remove_dir_all(&self.directory) {
            eprintln!("{}: {error}", self.directory.display());
        }
    }
}

fn banner(address: Ipv4Addr) -> std::io::Result<String> {
    let target = SocketAddr::new(IpAddr::V4(address), 22);
    let mut stream = TcpStream::connect_timeout(&target, Duration::from_millis(200))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut buffer = [0; 64];
    let read = stream.read(&mut buffer)?;
    stream.write_all(b"SSH-2.0-probe\r\n")?;
    if read == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&buffer[..read]).into_owned())
}

/// A file for a machine's first boot.
pub fn seed(path: &str, mode: u32, owner: u32, contents: &str) -> SeedFile {
    SeedFile { path: path.into(), mode, contents: contents.as_bytes().to_vec(), uid: owner, gid: owner }
}

/// Waits until a condition holds.
pub fn eventually(what: &str, patience: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {patience:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
