//! Daemun: an EC2 you own.
fn main() {}
