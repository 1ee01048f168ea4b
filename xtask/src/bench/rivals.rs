//! The servers that are measured side by side, and how each is started.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use super::client::Client;
use crate::cloud;
use crate::shell;

/// The others, from PyPI, pinned.
const OTHERS: [&str; 2] = ["moto[server,ec2]==5.2.5", "ministack==1.5.33"];
const KEY: &str = "AKIABENCHBENCHBENCHB";
const SECRET: &str = "a-secret-of-the-benchmark";

/// A server that speaks EC2's API.
pub struct Server {
    kind: Kind,
    program: PathBuf,
    folder: PathBuf,
}

enum Kind {
    Daemun,
    Moto,
    MiniStack,
}

/// A server that runs.
pub struct Running {
    process: Child,
    /// What asks it.
    pub client: Client,
}

/// All servers; those from PyPI are installed if they are not there.
///
/// # Errors
/// If they cannot be installed.
pub fn servers(daemun: &Path) -> Result<Vec<Server>> {
    let folder = shell::target_dir().join("bench");
    let venv = folder.join("venv");
    let stamp = venv.join("installed");
    if !fs::read_to_string(&stamp).is_ok_and(|installed| installed == OTHERS.join(" ")) {
        println!("installing {}", OTHERS.join(" and "));
        shell::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        let mut pip = Command::new(venv.join("bin/python"));
        shell::run(pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(OTHERS))?;
        fs::write(&stamp, OTHERS.join(" "))?;
    }
    let server = |kind, program: PathBuf| Server { kind, program, folder: folder.clone() };
    Ok(vec![
        server(Kind::Daemun, daemun.to_owned()),
        server(Kind::MiniStack, venv.join("bin/ministack")),
        server(Kind::Moto, venv.join("bin/moto_server")),
    ])
}

impl Server {
    /// What it is called in tables.
    pub fn name(&self) -> String {
        match self.kind {
            Kind::Daemun => "Daemun (signed)".to_owned(),
            Kind::Moto => OTHERS[0].replace("[server,ec2]==", " "),
            Kind::MiniStack => OTHERS[1].replace("==", " "),
        }
    }

    /// Starts it with nothing in it, on a free port of loopback.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(&self) -> Result<Running> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let state = self.folder.join("state");
        let _ = fs::remove_dir_all(&state);
        fs::create_dir_all(&state)?;
        let mut command = Command::new(&self.program);
        match self.kind {
            Kind::Daemun => {
                command.args(["serve", "--engine", "simulated", "--listen", &address, "--state-dir"]).arg(&state);
                command.env("DAEMUN_ACCESS_KEY_ID", KEY).env("DAEMUN_SECRET_ACCESS_KEY", SECRET);
            }
            Kind::Moto => {
                command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
            }
            Kind::MiniStack => {
                command.env("GATEWAY_PORT", port.to_string()).env("MINISTACK_HOST", "127.0.0.1").env("SERVICES", "ec2");
                command.env("LOG_LEVEL", "ERROR");
            }
        }
        let log = File::create(self.folder.join("server.log"))?;
        command.current_dir(&state).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let process = command.spawn().with_context(|| self.program.display().to_string())?;
        Ok(Running { process, client: Client::with_key(&address, KEY, SECRET) })
    }
}

impl Running {
    /// What it holds in memory, in bytes.
    ///
    /// # Errors
    /// If the kernel does not say.
    pub fn resident(&self) -> Result<u64> {
        super::memory::resident(self.process.id())
    }

    /// Ends it.
    ///
    /// # Errors
    /// If it does not end.
    pub fn stop(mut self) -> Result<()> {
        cloud::stop(&mut self.process)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}
