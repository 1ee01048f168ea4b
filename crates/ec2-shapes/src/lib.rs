//! The shapes of the EC2 API, generated from its service model; no protocol.
//!
//! `cargo xtask codegen` writes everything under `generated` from the service model and from `actions.txt`, which lists
//! the actions answered here. Conventions:
//!
//! - Structures carry the model's names, fields the model's names in snake case.
//! - A list is a `Vec`; an absent list and an empty one are the same thing, as they are on the wire.
//! - Everything else is an `Option`, with one exception: a scalar that an action's own input requires is a plain value.
//!   Required enums and structures are `Option`s, too; whatever the model requires
//!   is checked where requests are decoded, at every depth.
//! - A string enum is a Rust enum, unless it has over 60 values; those (`InstanceType`, `ResourceType`) are `String`s.
//! - What the cloud keeps as it came, such as the data of a launch template, can be read and written with serde; absent
//!   members leave no trace.
//! - Text that EC2 encodes a second time inside a string (`UserData`, console output: base64) is left as it travels.

mod generated;
mod macros;
mod scalars;

pub use generated::actions::*;
pub use generated::enums::*;
pub use generated::requests::*;
pub use generated::results::*;
pub use generated::structures::*;
pub use scalars::{Blob, ParseTimestampError, Timestamp};

/// Whether an action can change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActionKind {
    /// It only looks.
    Read,
    /// It may change the cloud.
    Write,
}

impl Action {
    /// The action of this name, if it is answered here. Names are case-sensitive, as EC2's are.
    pub fn from_name(name: &str) -> Option<Self> {
        let at = Self::ALL.binary_search_by(|action| action.name().cmp(name)).ok()?;
        Self::ALL.get(at).copied()
    }
}

/// Whether EC2's model has an action of this name, answered here or not.
pub fn is_model_action(name: &str) -> bool {
    ALL_MODEL_ACTIONS.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_of_the_file_has_its_shapes() {
        let wanted: std::collections::BTreeMap<&str, &str> = include_str!("../actions.txt")
            .lines()
            .filter_map(|line| line.split('#').next()?.trim().split_once(' '))
            .collect();
        assert_eq!(wanted.len(), Action::ALL.len());
        for (name, kind_and_tier) in wanted {
            let (kind, tier) = kind_and_tier.trim().split_once(' ').expect("NAME read|write TIER");
            let action = Action::from_name(name).unwrap_or_else(|| panic!("{name} is not generated"));
            assert_eq!(action.name(), name);
            assert_eq!(action.kind(), if kind == "read" { ActionKind::Read } else { ActionKind::Write });
            assert_eq!(action.tier().to_string(), tier.trim());
            assert_eq!(action.empty_request().action(), action);
            assert!(is_model_action(name));
        }
    }

    #[test]
    fn names_are_sorted_and_unknown_ones_unknown() {
        assert!(ALL_MODEL_ACTIONS.is_sorted());
        assert!(Action::ALL.is_sorted_by_key(|action| action.name()));
        assert_eq!(Action::from_name("runInstances"), None);
        assert!(!is_model_action("RunInstance"));
    }

    #[test]
    fn enums_read_what_they_write() {
        assert_eq!(InstanceStateName::from_wire("shutting-down"), Some(InstanceStateName::ShuttingDown));
        assert_eq!(InstanceStateName::from_wire("Shutting-Down"), None);
        for state in InstanceStateName::ALL {
            assert_eq!(InstanceStateName::from_wire(state.as_str()), Some(*state));
        }
    }

    #[test]
    fn dry_run_and_client_token_are_found() {
        let request = RunInstancesRequest {
            dry_run: Some(true),
            client_token: Some("once".to_owned()),
            ..RunInstancesRequest::default()
        };
        let request = Request::from(request);
        assert_eq!((request.dry_run(), request.client_token()), (Some(true), Some("once")));
        assert_eq!(Request::from(DescribeTagsRequest::default()).client_token(), None);
    }
}
