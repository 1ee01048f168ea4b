//! Just enough of rtnetlink to connect a machine before its init runs.
//!
//! The hook that uses this is on the path from RunInstances to a machine that answers, so it sends four messages
//! instead of starting programs.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::{HostError, Result};

/// The file system that namespaces opened as files are on.
const NSFS_MAGIC: rustix::fs::FsWord = 0x6e73_6673;

/// Opens a network namespace by the path that stands for it.
///
/// A namespace named after this process's mount namespace was made may not be mounted in it; the host's first
/// process has it then.
pub(super) fn open_namespace(path: &Path) -> Result<OwnedFd> {
    let here = match File::open(path) {
        Ok(file) if is_namespace(&file) => return Ok(file.into()),
        Ok(_) => HostError::Other(format!("{} is no namespace", path.display())),
        Err(error) => HostError::io("opening the namespace", path, error),
    };
    match File::open(format!("/proc/1/root{}", path.display())) {
        Ok(file) if is_namespace(&file) => Ok(file.into()),
        _ => Err(here),
    }
}

fn is_namespace(file: &File) -> bool {
    rustix::fs::fstatfs(file).is_ok_and(|found| found.f_type == NSFS_MAGIC)
}

/// Runs `work` on a thread inside a network namespace.
pub(super) fn inside<T: Send>(namespace: &OwnedFd, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            move_into_link_name_space(rustix::fd::AsFd::as_fd(namespace), Some(LinkNameSpaceType::Network))
                .map_err(|e| HostError::system("entering a network namespace", e))?;
            work()
        });
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// A routing socket; it stays in the network namespace it was opened in.
#[derive(Debug)]
pub(super) struct RouteSocket(OwnedFd);

impl RouteSocket {
    /// Opens one in this thread's network namespace.
    pub(super) fn open() -> Result<Self> {
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)
            .map_err(|e| HostError::system("opening a netlink socket", e))?;
        Ok(Self(socket))
    }

    /// The number of an interface.
    pub(super) fn index_of(&self, name: &str) -> Result<u32> {
        rustix::net::netdevice::name_to_index(&self.0, name)
            .map_err(|e| HostError::Netlink(format!("looking for {name}: {e}")))
    }

    /// Sends a request and waits for the kernel's word on it; its errors are returned as they are.
    pub(super) fn request(&self, message: Message) -> io::Result<()> {
        send(&self.0, &message.finish(), SendFlags::empty())?;
        let mut buffer = [0u8; 8192];
        let (received, _) = recv(&self.0, &mut buffer[..], RecvFlags::empty())?;
        let answer = &buffer[..received];
        let word = |at: usize| answer.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
        let kind = answer.get(4..6).and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes);
        match (kind, word(16)) {
            (Some(kind), Some(0)) if i32::from(kind) == libc::NLMSG_ERROR => Ok(()),
            (Some(kind), Some(code)) if i32::from(kind) == libc::NLMSG_ERROR => {
                Err(io::Error::from_raw_os_error(-code))
            }
            _ => Err(io::Error::other("an answer that is no acknowledgement")),
        }
    }
}

/// A request under construction: netlink header, a fixed part, attributes.
pub(super) struct Message(Vec<u8>);

impl Message {
    /// A request of this type; an acknowledgement is always asked for.
    pub(super) fn new(kind: u16, flags: i32, fixed: &[u8]) -> Self {
        let flags = (libc::NLM_F_REQUEST | libc::NLM_F_ACK | flags) as u16;
        let mut bytes = vec![0; 4];
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend([0; 8]);
        let mut message = Self(bytes);
        message.raw(fixed);
        message
    }

    /// Appends a fixed part, padded.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    /// Appends an attribute.
    pub(super) fn attribute(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        self.nest(kind, |inner| inner.0.extend(value))
    }

    /// Appends a text attribute with its final zero.
    pub(super) fn text(&mut self, kind: u16, value: &str) -> &mut Self {
        self.nest(kind, |inner| {
            inner.0.extend(value.as_bytes());
            inner.0.push(0);
        })
    }

    /// Appends an attribute that holds what `fill` appends.
    pub(super) fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let start = self.0.len();
        self.0.extend([0; 2]);
        self.0.extend(kind.to_ne_bytes());
        fill(self);
        // An attribute's length leaves out its padding. Attributes here are some hundred bytes.
        let length = (self.0.len() - start) as u16;
        self.0[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        self.raw(&[]);
        self
    }

    fn finish(mut self) -> Vec<u8> {
        let length = self.0.len() as u32;
        self.0[..4].copy_from_slice(&length.to_ne_bytes());
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_and_count_no_padding() {
        let mut message = Message::new(16, 0, &[0; 16]);
        message.nest(18, |inner| {
            inner.text(1, "veth");
        });
        let bytes = message.finish();
        assert_eq!(bytes.len(), 16 + 16 + 4 + 12);
        assert_eq!(bytes[..4], 48u32.to_ne_bytes());
        // The inner attribute: four bytes of header, five of text; then its padding.
        assert_eq!(bytes[36..38], 9u16.to_ne_bytes());
        assert_eq!(bytes[32..34], 16u16.to_ne_bytes());
    }
}
