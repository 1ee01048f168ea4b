//! Why a connection comes to be or not.
//!
//! The network's part is [`policy`]'s verdict, which tests hold against real packets; the machine's part is what was
//! [found inside it](types::Inside). Here both become one walk from the caller to the program, which stops at the first
//! obstacle and says what the client will see of it and which command removes it. Nothing here does I/O, and nothing is
//! said in words: a [`Message`] names a text and what is to be filled in, so that every language says the same.

#![deny(missing_docs)]

mod find;
mod firewall;
mod login;
mod machine;
mod message;
mod network;
mod remedy;
mod who;
mod why;

pub use message::Message;
pub use who::{Door, DoorKind, Doors, Opening, Remark, Visitors};
pub use why::{
    Answer, Asked, ClientError, Complaint, KeyFile, LoginQuestion, Obstacle, Question, StageView, Walk, Way,
};
