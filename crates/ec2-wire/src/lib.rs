//! The EC2 query protocol: decoding, encoding, error codes, SigV4.
