mod care;
mod create;
mod share;

use ec2_shapes::*;
use types::{ImageId, InstanceId, SnapshotId};

use crate::actions::testbed::{Bed, texts};
use crate::imaging;
use crate::resource::{ImageLayer, SnapshotContent, StateReason};
use crate::testing::{filter, specification};

/// The answer to a request that succeeds.
macro_rules! answer {
    ($bed:ident, $action:ident, $request:expr) => {
        match $bed.ask($request).unwrap() {
            Response::$action(answer) => *answer,
            other => panic!("{other:?}"),
        }
    };
}
use answer;

impl Bed {
    fn create_image(&mut self, instance: InstanceId, name: &str) -> String {
        let request = CreateImageRequest {
            instance_id: instance.to_string(),
            name: name.to_owned(),
            ..CreateImageRequest::default()
        };
        let bed = self;
        answer!(bed, CreateImage, request).image_id.unwrap()
    }

    /// What the host does for a pending image of an instance: keeps the layer `LAYER`.
    fn capture(&mut self, image: &str, layer: &str) {
        let root = self.image_record(image).root_snapshot().unwrap();
        let layer = ImageLayer(layer.into());
        assert!(self.report(|tx, now| imaging::finish_capture(tx, now, root, layer)));
    }

    fn image_record(&self, id: &str) -> crate::resource::Image {
        let id: ImageId = id.parse().unwrap();
        crate::resource::Image::clone(&self.view().tables().images[&id])
    }

    /// An available image of a new instance.
    fn own_image(&mut self, name: &str) -> String {
        let instance = self.running();
        let image = self.create_image(instance, name);
        self.capture(&image, "own");
        self.settle();
        image
    }

    fn describe_images(&mut self, request: DescribeImagesRequest) -> Vec<Image> {
        let bed = self;
        answer!(bed, DescribeImages, request).images
    }

    fn image(&mut self, id: &str) -> Image {
        let found = self.describe_images(DescribeImagesRequest {
            image_ids: texts(&[id]),
            include_disabled: Some(true),
            ..DescribeImagesRequest::default()
        });
        found.into_iter().next().unwrap()
    }

    fn images_where(&mut self, name: &str, value: &str) -> Vec<String> {
        let filters = vec![filter(name, &[value])];
        let found = self.describe_images(DescribeImagesRequest { filters, ..DescribeImagesRequest::default() });
        found.into_iter().filter_map(|image| image.image_id).collect()
    }
}

#[test]
fn every_filter_finds_by_what_is_shown() {
    let mut bed = Bed::new();
    let image = bed.own_image("web");
    let shown = bed.image(&image);
    let root = shown.block_device_mappings[0].ebs.clone().unwrap();
    let values = [
        ("architecture", "x86_64".to_owned()),
        ("block-device-mapping.delete-on-termination", "true".to_owned()),
        ("block-device-mapping.device-name", "/dev/xvda".to_owned()),
        ("block-device-mapping.encrypted", "false".to_owned()),
        ("block-device-mapping.snapshot-id", root.snapshot_id.unwrap()),
        ("block-device-mapping.volume-size", "8".to_owned()),
        ("block-device-mapping.volume-type", "gp2".to_owned()),
        ("creation-date", shown.creation_date.unwrap()),
        ("description", "".to_owned()),
        ("ena-support", "true".to_owned()),
        ("hypervisor", "xen".to_owned()),
        ("image-allowed", "true".to_owned()),
        ("image-id", image.clone()),
        ("image-type", "machine".to_owned()),
        ("is-public", "false".to_owned()),
        ("manifest-location", "123456789012/web".to_owned()),
        ("name", "w*b".to_owned()),
        ("owner-id", "123456789012".to_owned()),
        ("platform-details", "Linux/UNIX".to_owned()),
        ("root-device-name", "/dev/xvda".to_owned()),
        ("root-device-type", "ebs".to_owned()),
        ("source-image-id", bed.image.clone()),
        ("source-image-region", "us-east-1".to_owned()),
        ("source-instance-id", shown.source_instance_id.unwrap()),
        ("sriov-net-support", "simple".to_owned()),
        ("state", "available".to_owned()),
        ("usage-operation", "RunInstances".to_owned()),
        ("virtualization-type", "hvm".to_owned()),
    ];
    for (name, value) in &values {
        assert!(bed.images_where(name, value).contains(&image), "{name}={value}");
        assert!(!bed.images_where(name, "something else").contains(&image), "{name}");
    }
    let names = <super::describe::ImageView<'_> as crate::query::Filterable>::NAMES;
    for name in names.iter().filter(|name| !values.iter().any(|(known, _)| known == *name)) {
        assert!(!bed.images_where(name, "x").contains(&image), "{name} is known, and this image has no such thing");
    }
    let builtin = bed.image.clone();
    assert_eq!(bed.images_where("owner-alias", "amazon"), std::slice::from_ref(&builtin));
    assert_eq!(bed.images_where("is-public", "true"), [builtin]);
    let unknown = DescribeImagesRequest { filters: vec![filter("colour", &["x"])], ..Default::default() };
    assert_eq!(bed.error(unknown).0, "InvalidParameterValue");
}

#[test]
fn owners_users_ids_and_pages_choose() {
    let mut bed = Bed::new();
    let (image, builtin, mine) = (bed.own_image("web"), bed.image.clone(), bed.arm_image.clone());
    let chosen = |bed: &mut Bed, request: DescribeImagesRequest| -> Vec<String> {
        let mut found: Vec<String> = bed.describe_images(request).into_iter().filter_map(|one| one.image_id).collect();
        found.sort();
        found
    };
    let sorted = |ids: &[&String]| -> Vec<String> {
        let mut ids: Vec<String> = ids.iter().map(|id| (*id).clone()).collect();
        ids.sort();
        ids
    };
    for (owners, expected) in [
        (texts(&["self"]), sorted(&[&image, &mine])),
        (texts(&["123456789012"]), sorted(&[&image, &mine])),
        (texts(&["amazon"]), sorted(&[&builtin])),
        (texts(&["aws-marketplace"]), vec![]),
        (texts(&["amazon", "self"]), sorted(&[&builtin, &image, &mine])),
    ] {
        assert_eq!(chosen(&mut bed, DescribeImagesRequest { owners: owners.clone(), ..Default::default() }), expected);
    }
    for (user, expected) in [("all", sorted(&[&builtin])), ("self", vec![]), ("111122223333", vec![])] {
        let executable_users = texts(&[user]);
        assert_eq!(chosen(&mut bed, DescribeImagesRequest { executable_users, ..Default::default() }), expected);
    }
    let first = answer!(bed, DescribeImages, DescribeImagesRequest { max_results: Some(1), ..Default::default() });
    assert_eq!(first.images.len(), 1);
    let next = DescribeImagesRequest { max_results: Some(1000), next_token: first.next_token, ..Default::default() };
    assert_eq!(chosen(&mut bed, next).len(), 2);
    let unknown = "ami-0123456789abcdef0";
    let missing = DescribeImagesRequest { image_ids: texts(&[unknown]), ..Default::default() };
    let expected = format!("The image id '[{unknown}]' does not exist");
    assert_eq!(bed.error(missing), ("InvalidAMIID.NotFound", expected));
    let malformed = DescribeImagesRequest { image_ids: texts(&["nonsense"]), ..Default::default() };
    assert_eq!(bed.error(malformed).0, "InvalidAMIID.Malformed");
}

#[test]
fn instances_tell_what_they_were_launched_from() {
    let mut bed = Bed::new();
    let image = bed.own_image("web");
    let request = RunInstancesRequest { image_id: Some(image.clone()), ..bed.launch(1) };
    let instance = bed.running_of(request).to_string();
    let ask = |bed: &mut Bed, name: &str, value: &str| {
        let filters = vec![filter(name, &[value])];
        let request = DescribeInstanceImageMetadataRequest { filters, ..Default::default() };
        let answer = answer!(bed, DescribeInstanceImageMetadata, request);
        answer.instance_image_metadata
    };
    let found = ask(&mut bed, "instance-id", &instance);
    let told = found[0].image_metadata.clone().unwrap();
    assert_eq!((told.image_id.as_ref(), told.name.as_deref()), (Some(&image), Some("web")));
    assert_eq!((told.state, told.is_public), (Some(ImageState::Available), Some(false)));
    for (name, value) in [
        ("availability-zone", found[0].availability_zone.clone().unwrap()),
        ("zone-id", found[0].zone_id.clone().unwrap()),
        ("image-allowed", "true".to_owned()),
        ("instance-state-name", "running".to_owned()),
        ("instance-type", "t3.micro".to_owned()),
        ("launch-time", "20*".to_owned()),
        ("owner-id", "123456789012".to_owned()),
    ] {
        assert!(ask(&mut bed, name, &value).iter().any(|one| one.instance_id.as_ref() == Some(&instance)), "{name}");
        assert!(ask(&mut bed, name, "else").is_empty(), "{name}");
    }
    assert_eq!(ask(&mut bed, "owner-alias", "amazon").len(), 1, "the instance that the image was made of");
    bed.ask(DeregisterImageRequest { image_id: image, ..Default::default() }).unwrap();
    let told = ask(&mut bed, "instance-id", &instance)[0].image_metadata.clone().unwrap();
    assert_eq!((told.state, told.name), (Some(ImageState::Deregistered), None));
    let unknown = texts(&["i-0123456789abcdef0"]);
    let error = bed.error(DescribeInstanceImageMetadataRequest { instance_ids: unknown, ..Default::default() });
    assert_eq!(error.0, "InvalidInstanceID.NotFound");
}

#[test]
fn files_in_s3_are_not_there_and_tasks_neither() {
    let mut bed = Bed::new();
    let bucket = || UserBucket { s3_bucket: Some("disks".to_owned()), s3_key: Some("disk.raw".to_owned()) };
    let disk = ImageDiskContainer {
        format: Some("RAW".to_owned()),
        user_bucket: Some(bucket()),
        ..ImageDiskContainer::default()
    };
    let import = |disk_containers| ImportImageRequest { disk_containers, ..Default::default() };
    let (code, message) = bed.error(import(vec![disk.clone()]));
    assert_eq!(code, "InvalidParameterValue");
    assert!(message.contains("'disks'"), "{message}");
    assert_eq!(bed.error(import(vec![])).0, "MissingParameter");
    let odd = ImageDiskContainer { format: Some("ISO".to_owned()), ..disk };
    assert!(bed.error(import(vec![odd])).1.contains("'ISO'"));
    let snapshot = |disk_container| ImportSnapshotRequest { disk_container, ..Default::default() };
    let disk = SnapshotDiskContainer { user_bucket: Some(bucket()), ..Default::default() };
    assert_eq!(bed.error(snapshot(Some(disk))).0, "InvalidParameterValue");
    assert_eq!(bed.error(snapshot(None)).0, "MissingParameter");
    let cancel = |id: Option<&str>| CancelImportTaskRequest {
        import_task_id: id.map(str::to_owned),
        ..CancelImportTaskRequest::default()
    };
    assert_eq!(bed.error(cancel(Some("import-ami-1"))).0, "InvalidConversionTaskId");
    assert_eq!(bed.error(cancel(None)).0, "MissingParameter");

    let named = texts(&["x-1"]);
    let none = |bed: &mut Bed, request: Request| assert!(bed.ask(request).is_ok());
    none(&mut bed, DescribeImportImageTasksRequest::default().into());
    none(&mut bed, DescribeStoreImageTasksRequest::default().into());
    none(&mut bed, ListImagesInRecycleBinRequest::default().into());
    none(&mut bed, DescribeConversionTasksRequest::default().into());
    let ids = || named.clone();
    let cases: [(Request, &str); 9] = [
        (DescribeBundleTasksRequest { bundle_ids: ids(), ..Default::default() }.into(), "InvalidBundleID.NotFound"),
        (
            DescribeConversionTasksRequest { conversion_task_ids: ids(), ..Default::default() }.into(),
            "InvalidConversionTaskId",
        ),
        (
            DescribeExportImageTasksRequest { export_image_task_ids: ids(), ..Default::default() }.into(),
            "InvalidExportTaskID.NotFound",
        ),
        (
            DescribeExportTasksRequest { export_task_ids: ids(), ..Default::default() }.into(),
            "InvalidExportTaskID.NotFound",
        ),
        (
            DescribeFpgaImagesRequest { fpga_image_ids: ids(), ..Default::default() }.into(),
            "InvalidFpgaImageID.NotFound",
        ),
        (
            DescribeImportImageTasksRequest { import_task_ids: ids(), ..Default::default() }.into(),
            "InvalidConversionTaskId",
        ),
        (
            DescribeImportSnapshotTasksRequest { import_task_ids: ids(), ..Default::default() }.into(),
            "InvalidConversionTaskId",
        ),
        (DescribeStoreImageTasksRequest { image_ids: ids(), ..Default::default() }.into(), "InvalidAMIID.Malformed"),
        (ListImagesInRecycleBinRequest { image_ids: ids(), ..Default::default() }.into(), "InvalidAMIID.Malformed"),
    ];
    for (request, code) in cases {
        assert_eq!(bed.error(request).0, code);
    }
}
