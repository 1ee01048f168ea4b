//! The services that EC2's tools call beside EC2: STS, IAM, Systems Manager, EC2 Instance Connect.
//!
//! As with EC2's actions, each is a function of State, context and request. What travels is a tree of texts, numbers
//! and lists, whichever way it is written on the wire; requests are read from it strictly, so a member that an action
//! does not know is refused, never passed over.

pub mod iam;
pub mod instance_connect;
pub mod instance_role;
mod read;
pub mod ssm;
pub mod sts;
#[cfg(test)]
pub(crate) mod testing;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::context::Context;
use crate::error::ApiError;
use crate::state::State;
use crate::transaction::Transaction;

/// A service beside EC2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// The Security Token Service.
    Sts,
    /// Identity and Access Management.
    Iam,
    /// Systems Manager.
    Ssm,
    /// EC2 Instance Connect.
    InstanceConnect,
}

impl Service {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Sts, Self::Iam, Self::Ssm, Self::InstanceConnect];

    /// The name in signatures and in names of actions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sts => "sts",
            Self::Iam => "iam",
            Self::Ssm => "ssm",
            Self::InstanceConnect => "ec2-instance-connect",
        }
    }

    /// What it answers.
    pub const fn actions(self) -> &'static [Action] {
        match self {
            Self::Sts => sts::ACTIONS,
            Self::Iam => iam::ACTIONS,
            Self::Ssm => ssm::ACTIONS,
            Self::InstanceConnect => instance_connect::ACTIONS,
        }
    }

    /// The action of this name.
    pub fn action(self, name: &str) -> Option<&'static Action> {
        self.actions().iter().find(|action| action.name == name)
    }

    /// The code with which it refuses a request that is not of the right form.
    const fn malformed(self) -> &'static str {
        match self {
            Self::Sts | Self::Iam => "ValidationError",
            Self::Ssm => "SerializationException",
            Self::InstanceConnect => "InvalidArgsException",
        }
    }
}

/// How an action is carried out.
#[derive(Clone, Copy)]
pub enum Run {
    /// From a snapshot.
    Read(fn(&Context, &State, Value) -> Result<Value, ApiError>),
    /// On a transaction, which must be dropped on error.
    Write(fn(&Context, &mut Transaction, Value) -> Result<Value, ApiError>),
}

/// An action of one of the services.
#[derive(Clone, Copy)]
pub struct Action {
    /// Its name.
    pub name: &'static str,
    /// 1: something real behind it; 2: state; 3: the right answer about what cannot exist here.
    pub tier: u8,
    /// What it does.
    pub run: Run,
}

/// A request of the service, read from its tree.
fn decode<T: DeserializeOwned>(service: Service, input: Value) -> Result<T, ApiError> {
    // The parser's complaint names the member and what it should have been.
    serde_json::from_value(input).map_err(|error| ApiError::new(service.malformed(), error.to_string()))
}

fn encode<T: Serialize>(answer: T) -> Result<Value, ApiError> {
    serde_json::to_value(answer).map_err(|_| ApiError::internal())
}

/// A table of actions: name, tier, kind, and the function.
macro_rules! actions {
    ($service:ident: $($name:literal $tier:literal $kind:ident $function:path,)*) => {
        /// What is answered.
        pub const ACTIONS: &[$crate::services::Action] = &[$($crate::services::Action {
            name: $name,
            tier: $tier,
            run: $crate::services::Run::$kind(|context, state, input| {
                let request = $crate::services::decode($crate::services::Service::$service, input)?;
                $crate::services::encode($function(context, state, request)?)
            }),
        },)*];
    };
}
use actions;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_have_one_name_each_and_are_found_by_it() {
        for service in Service::ALL {
            for action in service.actions() {
                let same = service.actions().iter().filter(|other| other.name == action.name);
                assert_eq!(same.count(), 1, "{}", action.name);
                assert!(service.action(action.name).is_some() && (1..=3).contains(&action.tier));
            }
            assert!(service.action("NoSuchAction").is_none());
        }
    }
}
