//! The project's own chores: demo, test, bench, codegen, tidy.
fn main() {}
