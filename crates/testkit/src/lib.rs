//! Namespaces, packet probes and a cloud's network for each test. Never a normal dependency.
//!
//! A [`Lab`] is a machine of its own: a namespace in the operator's place, one for a host on the internet, one for
//! every instance. Names are unique to it, tests run side by side, and dropping it removes everything, also in a panic.

#![deny(missing_docs)]

mod flow;
pub mod ipv6;
mod lab;
mod leftovers;
mod probe;
mod wire;

pub use flow::Flow;
pub use lab::{ALLOW_ALL, ALLOW_ALL_IPV6, Guest, Lab, acl_entry};
pub use leftovers::{assert_no_leftovers, leftovers};
pub use probe::{Connection, Datagrams, Reach, Server, ping, send_spoofed_udp, tcp_connect, time_refusals, udp_ask};

pub use wire::{Kind, Seen, Sent, Wire, count};

/// Whether kernel tests can run here: they need root. Where `DAEMUN_REQUIRE_KERNEL_TESTS` is set, a test that cannot
/// run fails instead of being skipped.
///
/// # Panics
/// If kernel tests are required and impossible.
pub fn can_test_kernel() -> bool {
    let root = rustix::process::geteuid().is_root();
    let required = std::env::var_os("DAEMUN_REQUIRE_KERNEL_TESTS").is_some();
    assert!(root || !required, "kernel tests are required, and need root");
    if !root {
        eprintln!("skipped: needs root");
    }
    root
}
