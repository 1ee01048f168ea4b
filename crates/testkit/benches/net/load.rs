//! Load between two namespaces.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use host::netns::run_in;

/// For how long each measurement runs. Short, so that those that are compared are near each other in time.
const SPAN: Duration = Duration::from_millis(300);
const PORT: u16 = 7_000;
const BULK_PORT: u16 = 7_001;

fn inside<T: Send>(namespace: &Path, work: impl FnOnce() -> T + Send) -> T {
    run_in(namespace, || Ok(work())).expect("entering a namespace")
}

/// Whole connections in a second, one after the other: opened, accepted, closed by the server. The client waits for that,
/// or it would be ahead of a server that is kept waiting for a processor, and its calls be lost and repeated a second
/// later.
pub fn connections(from: &Path, to_namespace: &Path, to: Ipv4Addr) -> f64 {
    let listener = inside(to_namespace, || TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).expect("a free port"));
    listener.set_nonblocking(false).expect("a listener that waits");
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let server = std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            drop(stream);
            if stopped.load(Ordering::Relaxed) {
                break;
            }
        }
    });
    let target = SocketAddr::V4(SocketAddrV4::new(to, PORT));
    let rate = inside(from, || {
        let call = || {
            let mut stream = TcpStream::connect_timeout(&target, Duration::from_secs(5)).expect("a connection");
            assert_eq!(stream.read(&mut [0]).expect("the end"), 0);
            // Closed with a reset, or the client runs out of ports.
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("closing at once");
        };
        call();
        let (start, mut count) = (Instant::now(), 0u32);
        while start.elapsed() < SPAN {
            call();
            count += 1;
        }
        let rate = f64::from(count) / start.elapsed().as_secs_f64();
        stop.store(true, Ordering::Relaxed);
        // Wakes the server, if it has not seen that yet.
        let _ = TcpStream::connect_timeout(&target, Duration::from_secs(1));
        rate
    });
    server.join().expect("the server");
    rate
}

/// Bytes of one stream in a second, in gigabits.
pub fn throughput(from: &Path, to_namespace: &Path, to: Ipv4Addr) -> f64 {
    let listener = inside(to_namespace, || TcpListener::bind((Ipv4Addr::UNSPECIFIED, BULK_PORT)).expect("a free port"));
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a caller");
        let (mut buffer, mut total) = (vec![0u8; 1 << 18], 0u64);
        let start = Instant::now();
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            total += length as u64;
        }
        // Bits of a few seconds are exact in a double.
        total as f64 * 8.0 / start.elapsed().as_secs_f64() / 1e9
    });
    inside(from, || {
        let target = SocketAddr::V4(SocketAddrV4::new(to, BULK_PORT));
        let mut stream = TcpStream::connect_timeout(&target, Duration::from_secs(5)).expect("a connection");
        let (buffer, start) = (vec![0u8; 1 << 18], Instant::now());
        while start.elapsed() < SPAN {
            stream.write_all(&buffer).expect("a listening server");
        }
    });
    server.join().expect("the server")
}
