//! The EC2 query protocol: decoding, encoding, error codes, SigV4; and the protocols of the services beside EC2.
//!
//! The way of a request: [`form::parse_form`] makes parameters of the query string and of the body, [`sigv4::verify`]
//! says who sent them, [`decode`] makes a [`Request`] of them; [`encode`] or [`encode_error`] writes the answer.
//! [`encode_request`] and [`decode_response`] are the other side of the same tables, for clients.
//!
//! The names of the members are tables under `generated`, which `cargo xtask codegen` writes; everything that gives the
//! tables a meaning is written by hand: `query::value` and `xml::value`.

pub mod aws_json;
pub mod aws_query;
#[cfg(test)]
mod draw;
pub mod error;
pub mod form;
mod generated;
mod query;
pub mod sigv4;
mod xml;

pub use ec2_shapes::{Action, Request, Response};
pub use error::{WireError, http_status};
pub use query::{MAX_DEPTH, decode, encode_request};
pub use xml::{
    InstancePieces, ResponseError, XMLNS, decode_response, encode, encode_error, encode_query_error, instance_item,
};
