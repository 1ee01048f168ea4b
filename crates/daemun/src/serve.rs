//! `daemun serve`: the daemon.
