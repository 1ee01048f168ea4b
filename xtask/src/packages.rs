//! The Debian packages that Daemun needs: what for, how to see whether they are there, and their installation.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;

/// How to see that a package is there. Not by asking dpkg: the program may have come another way.
pub enum Sign {
    /// This program is installed.
    Program(&'static str),
    /// This file exists.
    File(&'static str),
    /// Python finds these modules.
    Python(&'static str),
}

/// A Debian package and what it is for.
pub struct Package {
    /// Its name in Debian 12 and Ubuntu 24.04.
    pub name: &'static str,
    /// How to see that it is there.
    pub sign: Sign,
    /// What Daemun does with it.
    pub why: &'static str,
}

const fn package(name: &'static str, sign: Sign, why: &'static str) -> Package {
    Package { name, sign, why }
}

/// What a cloud with real machines needs.
pub const RUN: &[Package] = &[
    package("lxc", Sign::Program("lxc-start"), "instances are its system containers"),
    package("uidmap", Sign::Program("newuidmap"), "gives each instance user ids of its own"),
    package("nftables", Sign::Program("nft"), "security groups and public addresses"),
    package("iproute2", Sign::Program("ip"), "network namespaces"),
    package("mmdebstrap", Sign::Program("mmdebstrap"), "makes the images from Debian packages"),
    package(
        "debian-archive-keyring",
        Sign::File("/usr/share/keyrings/debian-archive-keyring.gpg"),
        "the keys that Debian packages are verified with",
    ),
    package("openssh-client", Sign::Program("ssh"), "to log in to instances"),
    package("git", Sign::Program("git"), "brings the demo's program to its instance"),
    package("curl", Sign::Program("curl"), "the demo's visitor"),
    package("openssl", Sign::Program("openssl"), "makes and shows the demo's certificate"),
    package("ca-certificates", Sign::File("/etc/ssl/certs/ca-certificates.crt"), "for HTTPS to package registries"),
];

/// What the tests need besides.
pub const TEST: &[Package] = &[
    package("awscli", Sign::Program("aws"), "the AWS CLI, as its users have it"),
    package("packer", Sign::Program("packer"), "builds an image by way of EC2, as its users do"),
    package("python3-venv", Sign::Python("venv, ensurepip"), "for boto3 and pytest, apart from the system's Python"),
    package("python3-pip", Sign::Python("pip"), "fetches the pinned model of the EC2 API"),
];

/// What benchmarks of the API need.
#[cfg(feature = "bench")]
pub const BENCH: &[Package] = &[
    package("wrk", Sign::Program("wrk"), "asks the same again and again, and costs little"),
    package("python3-venv", Sign::Python("venv, ensurepip"), "for the servers that are measured beside Daemun"),
];

/// The packages of a list that are missing.
pub fn missing(wanted: &[&'static [Package]]) -> Vec<&'static Package> {
    let there = |package: &Package| match package.sign {
        Sign::Program(name) => shell::find_program(name).is_some(),
        Sign::File(path) => Path::new(path).exists(),
        Sign::Python(modules) => {
            shell::read(Command::new("python3").arg("-c").arg(format!("import {modules}"))).is_ok()
        }
    };
    wanted.iter().flat_map(|list| list.iter()).filter(|package| !there(package)).collect()
}

/// Names the packages of these lists that are missing and installs them; gives how many there were.
///
/// # Errors
/// If apt is not there or fails, or a package does not bring what it should.
pub fn install_missing(wanted: &[&'static [Package]]) -> Result<usize> {
    let absent = missing(wanted);
    if absent.is_empty() {
        return Ok(0);
    }
    println!("Packages to install:");
    for package in &absent {
        println!("  {:<24} {}", package.name, package.why);
    }
    if shell::find_program("apt-get").is_none() {
        bail!("there is no apt-get here; install the packages above in this system's own way, then run this again");
    }
    shell::run(apt().args(["update", "--quiet=2"])).context("apt could not read its package lists")?;
    let without_bridge =
        absent.iter().any(|package| package.name == "lxc") && Path::new("/run/systemd/system").exists();
    if without_bridge {
        systemctl(&["mask", "--runtime", "lxc-net.service"]);
    }
    let installed = shell::run(
        apt()
            .args(["install", "--yes", "--quiet=2", "--no-install-recommends"])
            .args(absent.iter().map(|package| package.name)),
    );
    if without_bridge {
        // The package would add a bridge with its own address, DHCP server and masquerading. Daemun needs none of it.
        systemctl(&["disable", "--quiet", "lxc-net.service"]);
        systemctl(&["unmask", "--runtime", "lxc-net.service"]);
    }
    installed?;
    let still: Vec<&str> = missing(wanted).iter().map(|package| package.name).collect();
    if !still.is_empty() {
        bail!("apt installed these, but what Daemun looks for is still not there: {}", still.join(", "));
    }
    Ok(absent.len())
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["-o", "Dpkg::Use-Pty=0"]);
    command
}

fn systemctl(arguments: &[&str]) {
    // Where this fails the bridge appears, which is untidy and harms nothing.
    if let Err(error) = shell::run(Command::new("systemctl").args(arguments)) {
        eprintln!("note: {error:#}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_stands_once_and_says_why() {
        let mut names: Vec<&str> = RUN.iter().chain(TEST).map(|package| package.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "a package stands twice");
        assert!(RUN.iter().chain(TEST).all(|package| !package.why.is_empty()));
    }

    #[test]
    fn a_missing_program_and_a_missing_file_are_seen() {
        const LIST: &[Package] = &[
            package("here", Sign::Program("sh"), "a program every machine has"),
            package("not-here", Sign::Program("no-such-program-anywhere"), "x"),
            package("file-not-here", Sign::File("/no/such/file"), "x"),
        ];
        let names: Vec<&str> = missing(&[LIST]).iter().map(|package| package.name).collect();
        assert_eq!(names, ["not-here", "file-not-here"]);
    }
}
