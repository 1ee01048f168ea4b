use ec2_shapes::{
    CreateLaunchTemplateVersionRequest, DeleteLaunchTemplateVersionsRequest, DescribeLaunchTemplateVersionsRequest,
    GetLaunchTemplateDataRequest, LaunchTemplateBlockDeviceMappingRequest, LaunchTemplateEbsBlockDeviceRequest,
    LaunchTemplateErrorCode, LaunchTemplateHttpTokensState, LaunchTemplateInstanceMetadataOptionsRequest,
    LaunchTemplateSpecification, LaunchTemplateTagSpecificationRequest, RequestLaunchTemplateData, RunInstancesRequest,
};

use super::*;
use crate::actions::testbed::Bed;
use crate::testing::{filter, shape_tags, specification};

fn data() -> RequestLaunchTemplateData {
    RequestLaunchTemplateData {
        instance_type: Some("t3.small".to_owned()),
        user_data: Some("aGVsbG8=".to_owned()),
        ebs_optimized: Some(true),
        metadata_options: Some(LaunchTemplateInstanceMetadataOptionsRequest {
            http_tokens: Some(LaunchTemplateHttpTokensState::Required),
            ..Default::default()
        }),
        block_device_mappings: vec![LaunchTemplateBlockDeviceMappingRequest {
            device_name: Some("/dev/sdf".to_owned()),
            ebs: Some(LaunchTemplateEbsBlockDeviceRequest { volume_size: Some(3), ..Default::default() }),
            ..Default::default()
        }],
        tag_specifications: vec![LaunchTemplateTagSpecificationRequest {
            resource_type: Some("instance".to_owned()),
            tags: shape_tags(&[("Name", "from the template"), ("team", "blue")]),
        }],
        ..Default::default()
    }
}

fn create(name: &str) -> CreateLaunchTemplateRequest {
    CreateLaunchTemplateRequest {
        launch_template_name: name.to_owned(),
        launch_template_data: Some(data()),
        version_description: Some("first".to_owned()),
        tag_specifications: vec![specification("launch-template", &[("Name", "web")])],
        ..Default::default()
    }
}

fn code<T: std::fmt::Debug>(result: Result<T, ApiError>) -> &'static str {
    result.unwrap_err().code
}

#[test]
fn what_was_submitted_comes_back_and_nothing_else() {
    let mut bed = Bed::new();
    let made = bed.write(|context, tx| create_launch_template(context, tx, create("web"))).unwrap();
    let template = made.launch_template.unwrap();
    assert_eq!((template.default_version_number, template.latest_version_number), (Some(1), Some(1)));
    assert_eq!(template.tags.len(), 1);
    let id = template.launch_template_id.unwrap();
    assert!(id.starts_with("lt-"));
    let request = DescribeLaunchTemplateVersionsRequest { launch_template_id: Some(id), ..Default::default() };
    let told = bed.read(|context, view| describe_launch_template_versions(context, view, request)).unwrap();
    let [version] = told.launch_template_versions.as_slice() else { panic!("{told:?}") };
    assert_eq!((version.version_number, version.default_version), (Some(1), Some(true)));
    assert_eq!(version.version_description.as_deref(), Some("first"));
    let told = serde_json::to_value(version.launch_template_data.clone().unwrap()).unwrap();
    assert_eq!(told, serde_json::to_value(data()).unwrap());
}

#[test]
fn versions_build_on_one_another_and_one_is_the_default() {
    let mut bed = Bed::new();
    bed.write(|context, tx| create_launch_template(context, tx, create("web"))).unwrap();
    let next = |source: Option<&str>, token: &str| CreateLaunchTemplateVersionRequest {
        launch_template_name: Some("web".to_owned()),
        launch_template_data: Some(RequestLaunchTemplateData {
            instance_type: Some("t3.large".to_owned()),
            ..Default::default()
        }),
        source_version: source.map(str::to_owned),
        client_token: Some(token.to_owned()),
        ..Default::default()
    };
    for (source, token, user_data) in [(Some("1"), "a", true), (None, "b", false), (Some("$Latest"), "c", false)] {
        let made = bed.write(|context, tx| create_launch_template_version(context, tx, next(source, token))).unwrap();
        let data = made.launch_template_version.unwrap().launch_template_data.unwrap();
        assert_eq!(
            (data.instance_type.as_deref(), data.user_data.is_some()),
            (Some("t3.large"), user_data),
            "{source:?}"
        );
    }
    let again = bed.write(|context, tx| create_launch_template_version(context, tx, next(Some("1"), "a"))).unwrap();
    assert_eq!(again.launch_template_version.unwrap().version_number, Some(2), "a repeat makes nothing");
    assert_eq!(
        code(bed.write(|context, tx| create_launch_template_version(context, tx, next(Some("9"), "d")))),
        "InvalidLaunchTemplateId.VersionNotFound"
    );

    let set = |version: &str| ModifyLaunchTemplateRequest {
        launch_template_name: Some("web".to_owned()),
        default_version: Some(version.to_owned()),
        ..Default::default()
    };
    let told = bed.write(|context, tx| modify_launch_template(context, tx, set("2"))).unwrap();
    assert_eq!(told.launch_template.unwrap().default_version_number, Some(2));
    assert_eq!(
        code(bed.write(|context, tx| modify_launch_template(context, tx, set("77")))),
        "InvalidLaunchTemplateId.VersionNotFound"
    );
    assert_eq!(code(bed.write(|context, tx| modify_launch_template(context, tx, set("two")))), "InvalidParameterValue");

    let ask = |bed: &Bed, versions: &[&str], max: Option<i32>, token: Option<String>| {
        let request = DescribeLaunchTemplateVersionsRequest {
            launch_template_name: Some("web".to_owned()),
            versions: versions.iter().map(|version| (*version).to_owned()).collect(),
            max_results: max,
            next_token: token,
            ..Default::default()
        };
        bed.read(|context, view| describe_launch_template_versions(context, view, request)).map(|told| {
            let numbers: Vec<i64> = told.launch_template_versions.iter().filter_map(|v| v.version_number).collect();
            (numbers, told.next_token)
        })
    };
    assert_eq!(ask(&bed, &[], None, None).unwrap().0, [4, 3, 2, 1]);
    assert_eq!(ask(&bed, &["$Default", "$Latest"], None, None).unwrap().0, [4, 2]);
    let (first, token) = ask(&bed, &[], Some(3), None).unwrap();
    let (rest, end) = ask(&bed, &[], Some(3), token).unwrap();
    assert_eq!((first, rest, end), (vec![4, 3, 2], vec![1], None));

    let delete = DeleteLaunchTemplateVersionsRequest {
        launch_template_name: Some("web".to_owned()),
        versions: ["1", "2", "9"].map(str::to_owned).to_vec(),
        ..Default::default()
    };
    let told = bed.write(|context, tx| delete_launch_template_versions(context, tx, delete)).unwrap();
    assert_eq!(told.successfully_deleted_launch_template_versions[0].version_number, Some(1));
    let codes: Vec<_> = (told.unsuccessfully_deleted_launch_template_versions.iter())
        .filter_map(|item| item.response_error.as_ref()?.code)
        .collect();
    use LaunchTemplateErrorCode::{LaunchTemplateVersionDoesNotExist, UnexpectedError};
    assert_eq!(codes, [UnexpectedError, LaunchTemplateVersionDoesNotExist], "the default one stays");
    assert_eq!(ask(&bed, &["1"], None, None).unwrap_err().code, "InvalidLaunchTemplateId.VersionNotFound");
}

#[test]
fn names_ids_and_what_is_wrong_with_them() {
    let mut bed = Bed::new();
    bed.write(|context, tx| create_launch_template(context, tx, create("web"))).unwrap();
    assert_eq!(
        code(bed.write(|context, tx| create_launch_template(context, tx, create("web")))),
        "InvalidLaunchTemplateName.AlreadyExistsException"
    );
    for bad in ["ab", "a b c", "ünder", &"x".repeat(129)] {
        assert_eq!(
            code(bed.write(|context, tx| create_launch_template(context, tx, create(bad)))),
            "InvalidLaunchTemplateName.MalformedException",
            "{bad}"
        );
    }
    let delete = |id: Option<&str>, name: Option<&str>| DeleteLaunchTemplateRequest {
        launch_template_id: id.map(str::to_owned),
        launch_template_name: name.map(str::to_owned),
        ..Default::default()
    };
    for (id, name, expected) in [
        (None, None, "MissingParameter"),
        (Some("lt-00000000000000001"), Some("web"), "InvalidParameterCombination"),
        (Some("lt-00000000000000001"), None, "InvalidLaunchTemplateId.NotFound"),
        (Some("lt-x"), None, "InvalidLaunchTemplateId.Malformed"),
        (None, Some("other"), "InvalidLaunchTemplateName.NotFoundException"),
    ] {
        assert_eq!(code(bed.write(|context, tx| delete_launch_template(context, tx, delete(id, name)))), expected);
    }
    let count = |bed: &Bed, name: &str, value: &str| {
        let request = DescribeLaunchTemplatesRequest { filters: vec![filter(name, &[value])], ..Default::default() };
        bed.read(|context, view| describe_launch_templates(context, view, request)).unwrap().launch_templates.len()
    };
    assert_eq!(count(&bed, "launch-template-name", "w*"), 1);
    assert_eq!(count(&bed, "tag:Name", "web"), 1);
    assert_eq!(count(&bed, "create-time", "1999*"), 0);
    bed.write(|context, tx| delete_launch_template(context, tx, delete(None, Some("web")))).unwrap();
    assert_eq!(count(&bed, "launch-template-name", "*"), 0);
}

#[test]
fn a_launch_says_more_than_its_template() {
    let mut bed = Bed::new();
    bed.write(|context, tx| create_launch_template(context, tx, create("web"))).unwrap();
    let image = bed.image.clone();
    let launch = RunInstancesRequest {
        image_id: Some(image),
        min_count: 1,
        max_count: 1,
        instance_type: Some("t3.medium".to_owned()),
        launch_template: Some(LaunchTemplateSpecification {
            launch_template_name: Some("web".to_owned()),
            ..Default::default()
        }),
        tag_specifications: vec![specification("instance", &[("Name", "mine")])],
        ..Default::default()
    };
    let made = bed.write(|context, tx| crate::actions::instances::run_instances(context, tx, launch.clone())).unwrap();
    let [instance] = made.instances.as_slice() else { panic!("one instance") };
    assert_eq!(instance.instance_type.as_deref(), Some("t3.medium"), "what the launch says counts");
    assert_eq!(instance.ebs_optimized, Some(true), "what it does not say the template says");
    let tags: Vec<(&str, &str)> =
        instance.tags.iter().filter_map(|tag| Some((tag.key.as_deref()?, tag.value.as_deref()?))).collect();
    assert!(tags.contains(&("Name", "mine")) && tags.contains(&("team", "blue")), "{tags:?}");
    assert!(tags.contains(&("aws:ec2launchtemplate:version", "1")), "{tags:?}");
    assert_eq!(instance.block_device_mappings.len(), 2);

    let id = instance.instance_id.clone().unwrap();
    let told = bed
        .read(|context, view| {
            get_launch_template_data(
                context,
                view,
                GetLaunchTemplateDataRequest { instance_id: id.clone(), dry_run: None },
            )
        })
        .unwrap();
    let told = told.launch_template_data.unwrap();
    assert_eq!((told.instance_type.as_deref(), told.user_data.as_deref()), (Some("t3.medium"), Some("aGVsbG8=")));
    assert_eq!(told.block_device_mappings.len(), 2);

    let other = |version: &str| RunInstancesRequest {
        launch_template: Some(LaunchTemplateSpecification {
            launch_template_name: Some("web".to_owned()),
            version: Some(version.to_owned()),
            ..Default::default()
        }),
        ..launch.clone()
    };
    let run = |bed: &mut Bed, version: &str| {
        bed.write(|context, tx| crate::actions::instances::run_instances(context, tx, other(version)))
    };
    assert!(run(&mut bed, "$Latest").is_ok());
    assert_eq!(code(run(&mut bed, "5")), "InvalidLaunchTemplateId.VersionNotFound");
}
