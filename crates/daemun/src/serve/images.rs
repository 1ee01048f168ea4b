//! The images of the host, as the State knows them.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::bail;
use cloud::resource::{Image, ImageDevice, ImageLayer, ImageMapping, ImageVolume};
use cloud::{Key, Transaction};
use sha2::{Digest, Sha256};
use store::{Author, Ledger};
use types::{ImageId, Region, SnapshotId, Timestamp};

use super::engine::Parts;

/// How often the images of the host are looked at: one that was built is there at once for whoever waits for it.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The root device of instances, as AWS's own images of Debian have it.
const ROOT_DEVICE: &str = "/dev/xvda";
/// The size that root volumes are said to have, in GiB.
const ROOT_VOLUME_GIB: u32 = 8;

/// Looks at the images of the host for as long as the daemon runs.
pub(super) async fn keep_synchronized(ledger: Ledger, engine: Parts) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Err(error) = synchronize(&ledger, &engine, control::now()).await {
            tracing::error!(error = format!("{error:#}"), "images cannot be looked at; will try again");
        }
    }
}

/// Makes the State's images those of the host.
pub(super) async fn synchronize(ledger: &Ledger, engine: &Parts, now: Timestamp) -> anyhow::Result<()> {
    let list = engine.list_images.clone();
    let found = tokio::task::spawn_blocking(move || list()).await??;
    let wanted: BTreeMap<ImageId, Image> = found.iter().map(image).map(|image| (image.id, image)).collect();
    let state = ledger.state();
    let same = state.shared.images.len() == wanted.len()
        && state.shared.images.values().all(|image| wanted.get(&image.id) == Some(image));
    if same {
        return Ok(());
    }
    // Images belong to no region, but every write has one.
    let region: Region = "us-east-1".parse()?;
    let written = ledger.write::<(), (), _>(region, Author::daemon("SynchronizeImages", now), move |tx| {
        replace(tx, wanted);
        Ok(())
    });
    if written.await.is_err() {
        bail!("the images could not be written down");
    }
    Ok(())
}

fn replace(tx: &mut Transaction, wanted: BTreeMap<ImageId, Image>) {
    let gone: Vec<ImageId> = tx.state().shared.images.keys().filter(|id| !wanted.contains_key(id)).copied().collect();
    for id in gone {
        tx.delete_shared(Key::Image(id));
    }
    for (id, image) in wanted {
        if tx.state().shared.images.get(&id).is_none_or(|known| **known != image) {
            tx.put_shared(image);
        }
    }
}

/// The id comes from name and content, so the same image has the same id in every cloud of the host.
fn image(image: &host::image::Image) -> Image {
    let number = |salt: &str| {
        let digest = Sha256::digest(format!("{salt}\0{}\0{}", image.name, image.digest));
        u128::from(u64::from_be_bytes([
            digest[0], digest[1], digest[2], digest[3], digest[4], digest[5], digest[6], digest[7],
        ]))
    };
    let root = ImageMapping {
        device_name: ROOT_DEVICE.to_owned(),
        device: ImageDevice::Volume(ImageVolume::new(SnapshotId::from_number(number("snapshot")), ROOT_VOLUME_GIB)),
    };
    let layers = image.layers.iter().map(|layer| ImageLayer(layer.display().to_string().into())).collect();
    Image {
        description: image.description.clone(),
        architecture: image.architecture.clone(),
        login_user: image.user.clone(),
        is_builtin: true,
        boot_mode: Some("uefi-preferred".to_owned()),
        ..Image::new(ImageId::from_number(number("image")), &image.name, image.created, layers, root)
    }
}
