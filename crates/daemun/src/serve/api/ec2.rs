//! EC2's door.

use std::sync::Arc;

use cloud::access::{self, Wish};
use cloud::actions::InstanceListing;
use cloud::{ApiError, ConsoleOutput, View};
use ec2_shapes::{Action, ActionKind, DescribeInstancesRequest, Request, Response};
use ec2_wire::sigv4::Service;
use ssh_key::rand_core::OsRng;
use types::{InstanceId, Region};

use super::{Api, Asked, Caller, Refusal};
use crate::serve::body::{Body, InstanceBody};

impl Api {
    /// The answer of EC2.
    pub(super) async fn answer_ec2(&self, caller: Caller, asked: Asked<'_>) -> Result<Body, Refusal> {
        let wire = |error| Refusal::wire(Service::Ec2, error);
        let request = ec2_wire::decode(&asked.parameters().map_err(wire)?).map_err(wire)?;
        let refused = |error| Refusal::api(Service::Ec2, error);
        if let Request::DescribeInstances(request) = &request
            && request.dry_run != Some(true)
        {
            return self.describe_instances(caller, request, asked.request_id).await.map_err(refused);
        }
        let response = self.perform(caller, request, asked.request_id).await.map_err(refused)?;
        Ok(ec2_wire::encode(&response, asked.request_id).into())
    }

    /// DescribeInstances: the only answer that can be so long that it is made while it is sent.
    async fn describe_instances(
        &self,
        caller: Caller,
        request: &DescribeInstancesRequest,
        request_id: &str,
    ) -> Result<Body, ApiError> {
        self.admit(&caller, Action::DescribeInstances, request_id).await?;
        let context = self.context(&caller, request_id);
        let state = self.ledger.state();
        let view = View::new(&state, &caller.region).ok_or_else(ApiError::internal)?;
        let listing = InstanceListing::find(&context, &view, request)?;
        Ok(InstanceBody::new(Arc::clone(&state), context, listing, Arc::clone(&self.shown)).into())
    }

    /// Checks that the caller may do this, in a region that is set up.
    async fn admit(&self, caller: &Caller, action: Action, request_id: &str) -> Result<(), ApiError> {
        let wish = Wish { service: "ec2", action: action.name(), is_reading: action.kind() == ActionKind::Read };
        access::authorize(&self.ledger.state(), &self.config.account, &caller.who, &wish)?;
        self.set_up(caller, request_id).await
    }

    /// Carries out an action of EC2.
    async fn perform(&self, caller: Caller, request: Request, request_id: &str) -> Result<Response, ApiError> {
        self.admit(&caller, request.action(), request_id).await?;
        let mut context = self.context(&caller, request_id);
        match request.action().kind() {
            ActionKind::Read => {
                if let Request::GetConsoleOutput(wanted) = &request {
                    context.console_output = self.console_output(&caller.region, &wanted.instance_id).await;
                }
                let state = self.ledger.state();
                let view = View::new(&state, &caller.region).ok_or_else(ApiError::internal)?;
                cloud::actions::read(&context, &view, request)
            }
            ActionKind::Write => {
                if let Request::CreateKeyPair(wanted) = &request {
                    let _turn = self.keys.acquire().await.map_err(|_| ApiError::internal())?;
                    context.generated_key = Some(generate_key(wanted.key_type, wanted.key_format).await?);
                }
                let action = request.action().name();
                self.write(&caller, action, request_id, context.now, move |tx| {
                    let response = cloud::actions::write(&context, tx, request)?;
                    // What was done in part stands, and the caller is told of the rest.
                    Ok(tx.take_complaint().map_or(Ok(response), Err))
                })
                .await?
            }
        }
    }

    /// Gives a region its default VPC the first time somebody asks for anything in it.
    async fn set_up(&self, caller: &Caller, request_id: &str) -> Result<(), ApiError> {
        let state = self.ledger.state();
        if View::new(&state, &caller.region).is_some_and(|view| cloud::is_seeded(&view)) {
            return Ok(());
        }
        let context = self.context(caller, request_id);
        self.write(caller, "SetUpRegion", request_id, context.now, move |tx| {
            cloud::seed_region(&context, tx);
            Ok(())
        })
        .await
    }

    /// What an instance of the region printed; `None` if there is no such instance.
    async fn console_output(&self, region: &Region, id: &str) -> Option<ConsoleOutput> {
        let id: InstanceId = id.parse().ok()?;
        let state = self.ledger.state();
        state.regions.get(region)?.instances.get(&id)?;
        let machines = Arc::clone(&self.machines);
        match tokio::task::spawn_blocking(move || machines.console(id)).await {
            Ok(Ok(bytes)) => Some(ConsoleOutput { bytes, at: control::now() }),
            Ok(Err(host::HostError::NoSuchMachine(_))) => Some(ConsoleOutput { bytes: Vec::new(), at: control::now() }),
            Ok(Err(error)) => {
                tracing::error!(%id, error = &error as &dyn std::error::Error, "a console cannot be read");
                None
            }
            Err(error) => {
                tracing::error!(%id, %error, "reading a console panicked");
                None
            }
        }
    }
}

/// Makes a key on a thread where that may take its time.
async fn generate_key(
    key_type: Option<ec2_shapes::KeyType>,
    format: Option<ec2_shapes::KeyFormat>,
) -> Result<cloud::resource::GeneratedKey, ApiError> {
    use cloud::resource::{KeyFormat, KeyType};
    let key_type = match key_type {
        Some(ec2_shapes::KeyType::Ed25519) => KeyType::Ed25519,
        Some(ec2_shapes::KeyType::Rsa) | None => KeyType::Rsa,
    };
    let format = match format {
        Some(ec2_shapes::KeyFormat::Ppk) => KeyFormat::Ppk,
        Some(ec2_shapes::KeyFormat::Pem) | None => KeyFormat::Pem,
    };
    match tokio::task::spawn_blocking(move || cloud::keys::generate(key_type, format, &mut OsRng)).await {
        Ok(Ok(key)) => Ok(key),
        Ok(Err(error)) => {
            tracing::error!(error = &error as &dyn std::error::Error, "no key could be made");
            Err(ApiError::internal())
        }
        Err(error) => {
            tracing::error!(%error, "making a key panicked");
            Err(ApiError::internal())
        }
    }
}
