//! The layer controller: what was copied from machines and nothing stands on any more is removed.

use std::time::Duration;

use cloud::imaging;
use cloud::resource::ImageLayer;
use tokio::task::JoinHandle;
use types::VolumeId;

use crate::{Parts, chain};

/// How often layers are compared with the State. Nothing waits for it.
const COMPARE_EVERY: Duration = Duration::from_secs(60);

pub(crate) fn spawn(parts: Parts) -> JoinHandle<()> {
    tokio::spawn(run(parts))
}

async fn run(parts: Parts) {
    loop {
        let own = parts.clone();
        match tokio::task::spawn_blocking(move || remove_unused(&own)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(error = chain(&error), "unused layers cannot be removed; will try again"),
            Err(error) => tracing::error!(%error, "removing unused layers panicked"),
        }
        tokio::time::sleep(COMPARE_EVERY).await;
    }
}

/// Removes the layers that nothing uses: no image, snapshot, volume or instance of the State, and no copy under way.
fn remove_unused(parts: &Parts) -> host::Result<()> {
    let names = parts.layers.list()?;
    // Taken after the list: a layer that is finished in between is not on it, and one that is on it and not in the
    // State is in none later, for only what is in use can be used again.
    let state = parts.ledger.state();
    for name in names {
        let Some(path) = parts.layers.find(&name)? else { continue };
        let path = path.display().to_string();
        let is_it = |layer: &ImageLayer| *layer.0 == *path;
        let is_used = state.regions.values().any(|tables| {
            imaging::uses_layer(tables, is_it)
                || imaging::captures(tables).any(|capture| capture.snapshot.to_string() == name)
                || name.parse::<VolumeId>().is_ok_and(|volume| tables.volumes.contains_key(&volume))
        });
        if !is_used {
            tracing::info!(layer = name, "nothing stands on a layer any more; removing it");
            parts.layers.remove(&name)?;
        }
    }
    Ok(())
}
