//! Resources, the State, its Changes, and what every action means.
