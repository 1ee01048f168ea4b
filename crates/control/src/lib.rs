//! Controllers: make the host match the State.
