//! The shapes of the EC2 API, generated from its service model; no protocol.
