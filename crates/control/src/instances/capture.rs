//! Keeping the root file system of an instance: for an image or a snapshot, or on a volume that outlives it.
//!
//! The copy has its name from the start: whoever finds it finished goes on from there. Whatever else the instance is to
//! do waits for the copy.

use std::path::PathBuf;
use std::sync::Arc;

use cloud::State;
use cloud::imaging::{self, Capture};
use cloud::resource::{ImageLayer, Instance, StateReason};
use host::HostError;
use host::machine::Machines;
use types::{InstanceId, InstanceState, Region, VolumeId};

use super::step::{STOP_GRACE, StepError, Worker};
use crate::machine_spec::machine_spec;
use crate::now;

impl Worker {
    pub(super) async fn capture(
        &self,
        capture: Capture,
        state: &State,
        region: &Region,
        instance: &Instance,
    ) -> Result<(), StepError> {
        let id = capture.snapshot;
        let kept = self.keep(capture, instance).await;
        // A running instance that was shut down for the copy runs again before anybody hears of the copy, also where
        // there is none, and also where a daemon died in between. One that went down with the host starts as such.
        let ran = instance.state == InstanceState::Running
            && instance.host_boot.as_deref() == Some(self.parts.host_boot.as_str());
        if ran
            && capture.reboot
            && let Err(error) = self.start_again(state, region, instance).await
        {
            // The controller sees that the machine is off, and the instance is stopped.
            tracing::error!(instance = %instance.id, %error, "an instance does not start again after its copy");
        }
        match kept {
            Ok(layer) => {
                let layer = ImageLayer(layer.display().to_string().into());
                let at = now();
                self.report(region, "CaptureFinished", move |tx| imaging::finish_capture(tx, at, id, layer)).await
            }
            Err(error) => {
                tracing::error!(snapshot = %id, %error, "the root file system of an instance could not be kept");
                let reason = failure(&error);
                self.report(region, "CaptureFailed", move |tx| imaging::fail_capture(tx, id, &reason)).await
            }
        }
    }

    /// The layer that holds what the instance changed, copied unless it was before.
    async fn keep(&self, capture: Capture, instance: &Instance) -> Result<PathBuf, StepError> {
        let name = capture.snapshot.to_string();
        let layers = Arc::clone(&self.parts.layers);
        let found = self.on(instance.id, {
            let name = name.clone();
            move |_, _| layers.find(&name)
        });
        if let Some(layer) = found.await? {
            return Ok(layer);
        }
        match instance.state {
            InstanceState::Running if !capture.reboot => {}
            // Nothing runs that would have to be shut down, or it is about to be anyway.
            _ => self.shut_down(instance.id, STOP_GRACE).await?,
        }
        let layers = Arc::clone(&self.parts.layers);
        self.on(instance.id, move |machines, id| layers.make(&name, &mut |target| machines.copy_layer(id, target)))
            .await
    }

    /// Copies what an instance changed on its root volume, which stays, from its machine, which is off and goes. Nothing
    /// where there is no machine, or one that cannot be copied; where there is no room, this fails and is tried again.
    pub(super) async fn keep_root(&self, volume: VolumeId, id: InstanceId) -> Result<Option<ImageLayer>, StepError> {
        let (layers, name) = (Arc::clone(&self.parts.layers), volume.to_string());
        let copy = move |machines: &dyn Machines, id| layers.make(&name, &mut |target| machines.copy_layer(id, target));
        match self.on(id, copy).await {
            Ok(layer) => Ok(Some(ImageLayer(layer.display().to_string().into()))),
            Err(StepError::Host(HostError::NoSuchMachine(_))) => Ok(None),
            Err(error @ StepError::Host(HostError::Invalid(_))) => {
                tracing::error!(%volume, %error, "the root file system of an instance goes with it");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Starts the machine of a running instance, unless it runs.
    async fn start_again(&self, state: &State, region: &Region, instance: &Instance) -> Result<(), StepError> {
        let uid_base = self.parts.uid_ranges.allocate(&instance.id.to_string())?;
        let wanted = self.wanted(state, region, instance).await?;
        let spec = machine_spec(state, region, instance, uid_base, wanted.nics)
            .map_err(|reason| HostError::Other(format!("there can be no machine: {reason}")))?;
        let _turn = self.starts.acquire().await.map_err(|_| StepError::Panicked)?;
        self.on_spec(&Arc::new(spec), |machines, spec| machines.start(spec)).await
    }
}

/// What the caller is told; the cause itself is in the log.
fn failure(error: &StepError) -> StateReason {
    let text = match error {
        StepError::Host(HostError::DiskFull { .. }) => "There is not enough disk space on the host to make the image",
        StepError::Host(HostError::Invalid(_)) => "The root file system of the instance cannot become an image",
        _ => "Internal error on making the image",
    };
    StateReason::new("Server.InternalError", text)
}
