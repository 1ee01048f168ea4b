//! Mounts that vanish with the process that uses them.
//!
//! Nothing is ever mounted in the host's own mount namespace: a machine's root is mounted in a namespace of its own,
//! which the kernel takes apart when the machine's last process is gone, however it went.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::thread;

use rustix::fs::CWD;
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount, mount_change, move_mount, open_tree,
};

use crate::{HostError, Result};

/// Runs `work` on a thread that has a mount namespace of its own, and ends the thread.
///
/// Programs that `work` starts stay in that namespace; it lives as long as they do. Mounts made by others on the host
/// still appear in it and disappear from it, so it keeps nothing of theirs busy; its own never leave it.
pub(crate) fn in_own_mount_namespace<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            leave_mount_namespace()?;
            mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)
                .map_err(|e| HostError::io("making private the mounts under", "/", e))?;
            work()
        });
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[allow(unsafe_code)]
fn leave_mount_namespace() -> Result<()> {
    // SAFETY: unshare takes no pointer; CLONE_FS and CLONE_NEWNS touch only this thread's view of the file system.
    if unsafe { libc::unshare(libc::CLONE_FS | libc::CLONE_NEWNS) } == 0 {
        return Ok(());
    }
    Err(HostError::system("making a mount namespace", io::Error::last_os_error()))
}

/// Mounts a directory at another place with every owner shifted as `user_namespace` says.
pub(crate) fn bind_idmapped(source: &Path, target: &Path, user_namespace: &OwnedFd) -> Result<()> {
    let tree = open_tree(CWD, source, OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC)
        .map_err(|e| HostError::io("opening the tree", source, e))?;
    let attributes = MountAttributes {
        attr_set: libc::MOUNT_ATTR_IDMAP | libc::MOUNT_ATTR_RDONLY,
        attr_clr: 0,
        propagation: 0,
        userns_fd: user_namespace.as_raw_fd() as u64,
    };
    set_attributes(&tree, &attributes).map_err(|e| HostError::io("mapping the owners of", source, e))?;
    move_mount(&tree, "", CWD, target, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .map_err(|e| HostError::io("mounting on", target, e))
}

/// `struct mount_attr` of `mount_setattr(2)`.
#[repr(C)]
struct MountAttributes {
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
}

#[allow(unsafe_code)]
fn set_attributes(tree: &OwnedFd, attributes: &MountAttributes) -> io::Result<()> {
    // SAFETY: the path is an empty C string, the structure lives through the call and its true size is passed.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            std::ptr::from_ref(attributes),
            size_of::<MountAttributes>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Mounts an empty file system in memory, for a few files.
pub(crate) fn small_tmpfs(target: &Path) -> Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("tmpfs", target, "tmpfs", flags, c"mode=0755,size=1m")
        .map_err(|e| HostError::io("mounting a tmpfs on", target, e))
}

/// Mounts an overlay on `target`. The other paths are relative to the working directory and free of `:`, `,` and `\`.
///
/// `lower` stands lowest first, as images list their layers. Device files on it do not work, since they would be the
/// host's devices.
pub(crate) fn overlay(lower: &[String], upper: &str, work: &str, target: &Path) -> Result<()> {
    let top_first: Vec<&str> = lower.iter().rev().map(String::as_str).collect();
    let options = format!(
        "lowerdir={},upperdir={upper},workdir={work},redirect_dir=off,index=off,metacopy=off",
        top_first.join(":")
    );
    let options = CString::new(options).map_err(|_| HostError::Invalid("a zero byte in a path".to_owned()))?;
    mount("overlay", target, "overlay", MountFlags::NODEV, options.as_c_str())
        .map_err(|e| HostError::io("mounting an overlay on", target, e))
}

/// A user namespace in which the ids from 0 upward are the host's ids from `base` upward, `count` of them.
///
/// The namespace holds no process; it lives as long as the descriptor or a mount made with it.
pub(crate) fn user_namespace(base: u32, count: u32) -> Result<OwnedFd> {
    let holder = Holder::start()?;
    let map = format!("0 {base} {count}\n");
    for file in ["uid_map", "gid_map"] {
        let path = format!("/proc/{}/{file}", holder.pid);
        std::fs::write(&path, &map).map_err(|e| HostError::io("writing", &path, e))?;
    }
    let path = format!("/proc/{}/ns/user", holder.pid);
    let file = std::fs::File::open(&path).map_err(|e| HostError::io("opening", &path, e))?;
    Ok(file.into())
}

/// A process that does nothing but hold a new user namespace; killed and reaped on drop.
struct Holder {
    pid: libc::pid_t,
    _handle: OwnedFd,
}

impl Holder {
    #[allow(unsafe_code)]
    fn start() -> Result<Self> {
        let mut handle: libc::c_int = -1;
        let flags = libc::c_long::from(libc::CLONE_NEWUSER | libc::CLONE_PIDFD);
        let none: libc::c_long = 0;
        // SAFETY: without CLONE_VM the child has its own copy of memory, as after fork; until it is killed it only
        // calls async-signal-safe functions. No exit signal is asked for, so other waiters in this process see
        // nothing of it. The kernel writes the pidfd into `handle`, which outlives the call.
        let pid = unsafe {
            let pid = libc::syscall(libc::SYS_clone, flags, none, &raw mut handle, none, none);
            if pid == 0 {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                loop {
                    libc::pause();
                }
            }
            pid
        };
        if pid < 0 {
            return Err(HostError::system("making a user namespace", io::Error::last_os_error()));
        }
        // SAFETY: the kernel just opened this descriptor for us.
        let handle = unsafe { OwnedFd::from_raw_fd(handle) };
        Ok(Self { pid: pid as libc::pid_t, _handle: handle })
    }
}

impl Drop for Holder {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: the process is our own child and not yet reaped, so its number cannot be another's. A null status
        // pointer is allowed.
        unsafe {
            libc::kill(self.pid, libc::SIGKILL);
            while libc::waitpid(self.pid, std::ptr::null_mut(), libc::__WALL) < 0
                && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
            {}
        }
    }
}
