//! Images, made for real.

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use host::HostError;
use host::image::{ImageStore, find_secrets};

#[test]
fn kernel_images_are_built_once_and_hold_no_secret() {
    if !common::is_root() {
        return;
    }
    let store = common::image_store();
    for name in ["debian-12", "debian-12-web"] {
        let begin = Instant::now();
        let mut stages = Vec::new();
        let image = store
            .build(name, &mut |progress| {
                if stages.last() != Some(&progress.stage) {
                    println!("{:?} {progress:?}", begin.elapsed());
                    stages.push(progress.stage);
                }
            })
            .unwrap();
        println!("{name}: {:?}, {} bytes", begin.elapsed(), image.size_bytes);
        for layer in &image.layers {
            assert_eq!(find_secrets(layer), [""; 0], "{}", layer.display());
        }
        assert!(store.is_up_to_date(name).unwrap());
        let begin = Instant::now();
        assert_eq!(store.build(name, &mut |_| {}).unwrap(), image);
        assert!(begin.elapsed().as_millis() < 500, "an image that is up to date was built again");
        assert_eq!(image.user, "admin");
    }
    let images = store.list().unwrap();
    let web = images.iter().find(|image| image.name == "debian-12-web").unwrap();
    assert_eq!(web.layers.len(), 2, "the second image adds only its difference");
}

#[test]
fn kernel_an_archive_is_imported_as_it_is() {
    if !common::is_root() {
        return;
    }
    let place = PathBuf::from(format!("/var/tmp/daemun-import-{}", common::unique()));
    let root = place.join("root");
    fs::create_dir_all(root.join("sbin")).unwrap();
    fs::write(root.join("sbin/init"), "#!/bin/sh\n").unwrap();
    common::run("chown", &["1234:56", root.join("sbin/init").to_str().unwrap()]);
    common::run("chmod", &["4750", root.join("sbin/init").to_str().unwrap()]);
    let archive = place.join("system.tar.gz");
    let tar = |archive: &Path, from: &Path| {
        common::run("tar", &["-czf", archive.to_str().unwrap(), "-C", from.to_str().unwrap(), "."]);
    };
    tar(&archive, &root);
    let store = ImageStore::open(&place.join("images")).unwrap();
    let image = store.import("mine", &archive).unwrap();
    assert_eq!(store.list().unwrap(), std::slice::from_ref(&image));
    let init = image.layers[0].join("sbin/init").metadata().unwrap();
    assert_eq!((init.uid(), init.gid(), init.mode() & 0o7777), (1234, 56, 0o4750));
    // Again: machines may stand on the layer, so it is left alone.
    assert_eq!(store.import("mine", &archive).unwrap(), image);

    let empty = place.join("empty.tar");
    fs::create_dir(place.join("nothing")).unwrap();
    tar(&empty, &place.join("nothing"));
    assert!(matches!(store.import("empty", &empty), Err(HostError::Invalid(_))), "no init");
    assert!(matches!(store.import("debian-12", &archive), Err(HostError::Invalid(_))), "a recipe's name");
    assert!(matches!(store.import("Mine", &archive), Err(HostError::Invalid(_))), "a name with a capital");
    assert!(store.import("text", Path::new("/etc/hostname")).is_err(), "no archive");
    assert_eq!(store.list().unwrap().len(), 1);
    assert_eq!(fs::read_dir(place.join("images/tmp")).unwrap().count(), 0, "nothing half-made stays");
    fs::remove_dir_all(&place).unwrap();
}
