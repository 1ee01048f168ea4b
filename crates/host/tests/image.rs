//! Images, made for real.

mod common;

use std::time::Instant;

use host::image::find_secrets;

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
