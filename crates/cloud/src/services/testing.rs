//! What the tests of these services share.

use serde_json::{Value, json};
use types::{ImageId, InstanceId, Timestamp};

use super::{Run, Service};
use crate::actions::testbed;
use crate::context::Context;
use crate::error::ApiError;
use crate::resource::Role;
use crate::sessions::{Caller, Holder, Session, SessionKey};
use crate::state::State;
use crate::transaction::Transaction;

/// A trust policy as every instance role has it.
pub(crate) const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// A cloud with one image that came with Daemun.
pub(crate) struct Bed {
    pub(crate) context: Context,
    pub(crate) state: State,
    pub(crate) image: ImageId,
}

impl Bed {
    pub(crate) fn new() -> Self {
        Self::over(testbed::Bed::new())
    }

    fn over(made: testbed::Bed) -> Self {
        let testbed::Bed { mut context, state, image, .. } = made;
        context.session_key = Some(SessionKey::derive(&[7; 32]));
        Self { context, state, image: image.parse().expect("an image id") }
    }

    /// A cloud with an instance that runs.
    pub(crate) fn with_instance() -> (Self, InstanceId) {
        let mut made = testbed::Bed::new();
        let id = made.running();
        (Self::over(made), id)
    }

    /// Lets time pass.
    pub(crate) fn later(&mut self, ms: i64) {
        self.context.now = self.context.now.plus_ms(ms);
    }

    pub(crate) fn write<T>(&mut self, work: impl FnOnce(&mut Transaction) -> T) -> T {
        let mut tx = Transaction::new(&self.state, self.context.region.clone());
        let result = work(&mut tx);
        self.state = tx.finish().1;
        result
    }

    pub(crate) fn ask(&mut self, service: Service, action: &str, input: Value) -> Result<Value, ApiError> {
        match service.action(action).expect("an action").run {
            Run::Read(run) => run(&self.context, &self.state, input),
            Run::Write(run) => {
                let mut tx = Transaction::new(&self.state, self.context.region.clone());
                let answer = run(&self.context, &mut tx, input)?;
                self.state = tx.finish().1;
                Ok(answer)
            }
        }
    }

    /// The code of the error that a request gets.
    pub(crate) fn error(&mut self, service: Service, action: &str, input: Value) -> &'static str {
        let error = self.ask(service, action, input).expect_err("a request that should fail");
        assert!(!error.message.is_empty());
        error.code
    }

    /// Makes a role with this policy of AWS's, and gives a session of it.
    pub(crate) fn role_session(&mut self, name: &str, policy: Option<&str>) -> Caller {
        let make = json!({"RoleName": name, "AssumeRolePolicyDocument": TRUST});
        self.ask(Service::Iam, "CreateRole", make).unwrap();
        if let Some(policy) = policy {
            let arn = format!("arn:aws:iam::aws:policy/{policy}");
            let attach = json!({"RoleName": name, "PolicyArn": arn});
            self.ask(Service::Iam, "AttachRolePolicy", attach).unwrap();
        }
        let role: &Role = &self.state.shared.roles[name];
        Caller::Session(Session {
            access_key_id: "ASIATESTTESTTESTTEST".to_owned(),
            holder: Holder::Role { name: role.name.clone(), id: role.id.clone() },
            name: "tester".to_owned(),
            issued: Timestamp::default(),
            expires: Timestamp::from_unix_ms(i64::MAX),
        })
    }
}
