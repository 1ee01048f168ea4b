//! Namespaces, packet probes and a cloud per test.
