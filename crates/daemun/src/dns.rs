//! The VPC's resolver.
