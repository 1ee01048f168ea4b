//! The only crate that touches the kernel or starts a process.
