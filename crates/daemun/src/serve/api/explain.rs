//! The door of Daemun's own questions: why a connection comes to be or not, and what a real one meets.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use cloud::ApiError;
use cloud::access::{self, Wish};
use ec2_wire::aws_json;
use explain::{Answer, Complaint, Doors, LoginQuestion, Question, Visitors, Walk};
use serde::Deserialize;
use serde_json::{Value, json};
use types::{Inside, InstanceId, Region};

use super::{Api, Asked, Caller, Refusal};

/// The longest that a call from an instance waits, in seconds.
const LONGEST_WAIT: u16 = 30;

/// Who can come in to this machine.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WhoQuestion {
    target: String,
}

/// A call that is to be tried from an instance.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Probe {
    instance: InstanceId,
    address: IpAddr,
    port: u16,
    /// How long it waits, in seconds.
    wait: u16,
}

impl Api {
    /// The answer to one of Daemun's own questions.
    pub(super) async fn answer_daemun(&self, caller: Caller, asked: Asked<'_>) -> Result<Vec<u8>, Refusal> {
        let at = caller.service;
        let (name, input) = aws_json::decode(aws_json::DAEMUN, asked.header("x-amz-target"), asked.body)
            .map_err(|error| Refusal::wire(at, error))?;
        let refuse = |error: ApiError| Refusal::api(at, error);
        let action = match name.as_str() {
            "Why" => "Why",
            "Who" => "Who",
            "Probe" => "Probe",
            _ => return Err(Refusal::wire(at, aws_json::unknown_operation(&name))),
        };
        let wish = Wish { service: at.name(), action, is_reading: true };
        access::authorize(&self.ledger.state(), &self.config.account, &caller.who, &wish).map_err(refuse)?;
        let answer = match action {
            "Why" => self.why(caller.region, read(input).map_err(refuse)?).await,
            "Who" => self.who(caller.region, read(input).map_err(refuse)?).await,
            _ => self.probe(read(input).map_err(refuse)?).await,
        };
        answer.map(|answer| aws_json::encode(&answer)).map_err(refuse)
    }

    async fn why(&self, region: Region, question: Question) -> Result<Value, ApiError> {
        let state = self.ledger.state();
        let topology = control::topology(&state, self.operator.clone());
        let walk = match Walk::start(&state, &topology, &region, question) {
            Ok(walk) => walk,
            Err(complaint) => return Ok(json!(Err::<Answer, Complaint>(complaint))),
        };
        let asked = walk.machine().map(|(id, login)| (id, login.map(|login| self.user(&state, &region, id, login))));
        let inside = match asked {
            Some((id, user)) => self.look_inside(id, user).await?,
            None => None,
        };
        Ok(json!(Ok::<Answer, Complaint>(walk.finish(inside.as_ref()))))
    }

    async fn who(&self, region: Region, question: WhoQuestion) -> Result<Value, ApiError> {
        let state = self.ledger.state();
        let topology = control::topology(&state, self.operator.clone());
        let found = match Visitors::find(&state, &topology, &region, &question.target) {
            Ok(found) => found,
            Err(complaint) => return Ok(json!(Err::<Doors, Complaint>(complaint))),
        };
        let inside = match found.machine() {
            Some(id) => self.look_inside(id, None).await?,
            None => None,
        };
        Ok(json!(Ok::<Doors, Complaint>(found.doors(inside.as_ref()))))
    }

    /// The user that a login is for: the one that was named, or the image's.
    fn user(&self, state: &cloud::State, region: &Region, id: InstanceId, login: &LoginQuestion) -> String {
        let of_image = || {
            let tables = state.regions.get(region)?;
            let image = tables.images.get(&tables.instances.get(&id)?.image)?;
            let images = (self.list_images)().ok()?;
            images.into_iter().find(|known| known.name == *image.name).map(|known| known.user)
        };
        login.user.clone().or_else(of_image).unwrap_or_else(|| host::image::DEFAULT_USER.to_owned())
    }

    async fn look_inside(&self, id: InstanceId, user: Option<String>) -> Result<Option<Inside>, ApiError> {
        let machines = std::sync::Arc::clone(&self.machines);
        let looked = tokio::task::spawn_blocking(move || machines.look_inside(id, user.as_deref())).await;
        match looked {
            Ok(Ok(inside)) => Ok(inside),
            // It may have ended meanwhile.
            Ok(Err(error)) => {
                tracing::warn!(%id, error = &error as &dyn std::error::Error, "cannot look into a machine");
                Ok(None)
            }
            Err(_) => Err(ApiError::internal()),
        }
    }

    async fn probe(&self, probe: Probe) -> Result<Value, ApiError> {
        let machines = std::sync::Arc::clone(&self.machines);
        let to = SocketAddr::from((probe.address, probe.port));
        let wait = Duration::from_secs(probe.wait.clamp(1, LONGEST_WAIT).into());
        let met = tokio::task::spawn_blocking(move || machines.call_from(probe.instance, to, wait)).await;
        match met {
            Ok(Ok(met)) => Ok(json!(met)),
            Ok(Err(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot call from a machine");
                Ok(Value::Null)
            }
            Err(_) => Err(ApiError::internal()),
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(input: Value) -> Result<T, ApiError> {
    serde_json::from_value(input).map_err(|error| ApiError::new("SerializationException", error.to_string()))
}
