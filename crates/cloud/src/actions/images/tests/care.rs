use super::*;

const DAY_MS: i64 = 86_400_000;

fn deprecate(bed: &Bed, image: &str, in_ms: i64) -> EnableImageDeprecationRequest {
    EnableImageDeprecationRequest {
        image_id: image.to_owned(),
        deprecate_at: Timestamp::from_unix_ms(bed.context.now.plus_ms(in_ms).unix_ms),
        ..EnableImageDeprecationRequest::default()
    }
}

fn deregister(image: &str) -> DeregisterImageRequest {
    DeregisterImageRequest { image_id: image.to_owned(), ..DeregisterImageRequest::default() }
}

#[test]
fn deprecation_is_a_moment_ahead() {
    let mut bed = Bed::new();
    let image = bed.own_image("web");
    bed.ask(deprecate(&bed, &image, DAY_MS + 29_000)).unwrap();
    let shown = bed.image(&image).deprecation_time.unwrap();
    assert!(shown.ends_with(":00.000Z"), "whole minutes: {shown}");
    for (in_ms, code) in [(-120_000, "InvalidParameterValue"), (3_700 * DAY_MS, "InvalidParameterValue")] {
        assert_eq!(bed.error(deprecate(&bed, &image, in_ms)).0, code);
    }
    // Its owner sees a deprecated image without asking for such, and can launch it.
    bed.wait_ms(2 * DAY_MS);
    assert_eq!(bed.images_where("name", "web"), std::slice::from_ref(&image));
    let launch = RunInstancesRequest { image_id: Some(image.clone()), ..bed.launch(1) };
    bed.running_of(launch);
    bed.ask(DisableImageDeprecationRequest { image_id: image.clone(), ..Default::default() }).unwrap();
    assert_eq!(bed.image(&image).deprecation_time, None);
    let builtin = bed.image.clone();
    assert_eq!(bed.error(deprecate(&bed, &builtin, DAY_MS)).0, "AuthFailure");
}

#[test]
fn public_images_are_deprecated_after_two_years() {
    let mut bed = Bed::new();
    let image = bed.own_image("web");
    let public = LaunchPermission { group: Some(PermissionGroup::All), ..LaunchPermission::default() };
    let modifications = LaunchPermissionModifications { add: vec![public], remove: vec![] };
    bed.ask(ModifyImageAttributeRequest {
        image_id: image.clone(),
        launch_permission: Some(modifications),
        ..Default::default()
    })
    .unwrap();
    assert!(bed.image(&image).deprecation_time.is_some());
    assert_eq!(bed.error(deprecate(&bed, &image, 800 * DAY_MS)).0, "InvalidParameterValue");
    bed.ask(deprecate(&bed, &image, 700 * DAY_MS)).unwrap();
}

#[test]
fn a_disabled_image_is_out_of_use_until_it_is_enabled() {
    let mut bed = Bed::new();
    let image = bed.own_image("web");
    bed.ask(DisableImageRequest { image_id: image.clone(), ..Default::default() }).unwrap();
    assert!(bed.images_where("name", "web").is_empty());
    assert_eq!(bed.image(&image).state, Some(ImageState::Disabled));
    let launch = RunInstancesRequest { image_id: Some(image.clone()), ..bed.launch(1) };
    assert_eq!(bed.error(launch.clone()).0, "InvalidAMIID.Unavailable");
    let copy = CopyImageRequest {
        name: "copy".to_owned(),
        source_image_id: image.clone(),
        source_region: "us-east-1".to_owned(),
        ..Default::default()
    };
    assert_eq!(bed.error(copy).0, "InvalidAMIID.Unavailable");
    bed.ask(EnableImageRequest { image_id: image.clone(), ..Default::default() }).unwrap();
    bed.running_of(launch);
    let instance = bed.running();
    let pending = bed.create_image(instance, "pending");
    assert_eq!(
        bed.error(DisableImageRequest { image_id: pending, ..Default::default() }).0,
        "InvalidAMIID.Unavailable"
    );
}

#[test]
fn a_protected_image_stays() {
    let mut bed = Bed::new();
    let image = bed.own_image("web");
    let protect = |cooldown| EnableImageDeregistrationProtectionRequest {
        image_id: image.clone(),
        with_cooldown: Some(cooldown),
        ..Default::default()
    };
    let release = || DisableImageDeregistrationProtectionRequest { image_id: image.clone(), ..Default::default() };
    bed.ask(protect(false)).unwrap();
    assert_eq!(bed.image(&image).deregistration_protection.as_deref(), Some("enabled-without-cooldown"));
    assert_eq!(bed.error(deregister(&image)).0, "OperationNotPermitted");
    bed.ask(release()).unwrap();
    assert_eq!(bed.image(&image).deregistration_protection.as_deref(), Some("disabled"));
    bed.ask(protect(true)).unwrap();
    assert_eq!(bed.image(&image).deregistration_protection.as_deref(), Some("enabled-with-cooldown"));
    bed.ask(release()).unwrap();
    assert_eq!(bed.error(deregister(&image)).0, "OperationNotPermitted", "for a day");
    bed.wait_ms(DAY_MS);
    bed.ask(deregister(&image)).unwrap();
}

#[test]
fn snapshots_go_with_their_image_only_where_that_is_asked_for() {
    let mut bed = Bed::new();
    let (kept, gone) = (bed.own_image("kept"), bed.own_image("gone"));
    let snapshot = |bed: &Bed, image: &str| bed.image_record(image).root_snapshot().unwrap();
    let (kept_snapshot, gone_snapshot) = (snapshot(&bed, &kept), snapshot(&bed, &gone));
    let launch = RunInstancesRequest { image_id: Some(kept.clone()), ..bed.launch(1) };
    let instance = bed.running_of(launch);
    let answer = answer!(bed, DeregisterImage, deregister(&kept));
    assert_eq!((answer.r#return, answer.delete_snapshot_results.len()), (Some(true), 0));
    assert!(bed.view().tables().snapshots.contains_key(&kept_snapshot));
    assert_eq!(bed.error(deregister(&kept)).0, "InvalidAMIID.NotFound");
    assert_eq!(bed.instance(instance).layers.len(), 2, "an instance that was launched from it stays");

    // Two images on one snapshot: the first of them leaves it.
    let ebs = EbsBlockDevice { snapshot_id: Some(gone_snapshot.to_string()), ..EbsBlockDevice::default() };
    let mapping = BlockDeviceMapping {
        device_name: Some("/dev/xvda".to_owned()),
        ebs: Some(ebs),
        ..BlockDeviceMapping::default()
    };
    bed.ask(RegisterImageRequest {
        name: "second".to_owned(),
        root_device_name: Some("/dev/xvda".to_owned()),
        block_device_mappings: vec![mapping],
        ..Default::default()
    })
    .unwrap();
    let second = bed.images_where("name", "second").remove(0);
    let with_snapshots =
        |image: &str| DeregisterImageRequest { delete_associated_snapshots: Some(true), ..deregister(image) };
    let code = |answer: DeregisterImageResult| answer.delete_snapshot_results[0].return_code;
    assert_eq!(code(answer!(bed, DeregisterImage, with_snapshots(&gone))), Some(SnapshotReturnCodes::Skipped));
    assert_eq!(code(answer!(bed, DeregisterImage, with_snapshots(&second))), Some(SnapshotReturnCodes::Success));
    assert!(!bed.view().tables().snapshots.contains_key(&gone_snapshot));
    let builtin = bed.image.clone();
    assert_eq!(bed.error(deregister(&builtin)).0, "AuthFailure");
}

#[test]
fn only_allowed_images_are_seen_and_launched_once_that_is_enabled() {
    let mut bed = Bed::new();
    let (own, builtin) = (bed.own_image("web"), bed.image.clone());
    let settings = |bed: &mut Bed| answer!(bed, GetAllowedImagesSettings, GetAllowedImagesSettingsRequest::default());
    assert_eq!(settings(&mut bed).state.as_deref(), Some("disabled"));
    assert_eq!(bed.image(&builtin).image_allowed, None);
    let set = |bed: &mut Bed, state| {
        let request = EnableAllowedImagesSettingsRequest {
            allowed_images_settings_state: Some(state),
            ..EnableAllowedImagesSettingsRequest::default()
        };
        bed.ask(request).unwrap();
    };
    let criteria = |criteria: Vec<ImageCriterionRequest>| ReplaceImageCriteriaInAllowedImagesSettingsRequest {
        image_criteria: criteria,
        ..Default::default()
    };
    let named = |name: &str| ImageCriterionRequest { image_names: texts(&[name]), ..Default::default() };
    bed.ask(criteria(vec![named("ubuntu-*")])).unwrap();
    set(&mut bed, AllowedImagesSettingsEnabledState::AuditMode);
    assert_eq!((bed.image(&builtin).image_allowed, bed.image(&own).image_allowed), (Some(false), Some(true)));
    assert_eq!(bed.images_where("image-allowed", "false"), std::slice::from_ref(&builtin));
    bed.running();
    set(&mut bed, AllowedImagesSettingsEnabledState::Enabled);
    assert_eq!(settings(&mut bed).state.as_deref(), Some("enabled"));
    assert_eq!(settings(&mut bed).image_criteria[0].image_names, ["ubuntu-*"]);
    assert!(!bed.images_where("name", "*").contains(&builtin));
    let launch = bed.launch(1);
    assert_eq!(bed.error(launch).0, "InvalidAMIID.NotFound");
    let launch = RunInstancesRequest { image_id: Some(own), ..bed.launch(1) };
    bed.running_of(launch);

    let provided = |name: &str| ImageCriterionRequest { image_providers: texts(&[name]), ..Default::default() };
    let days = |days| Some(CreationDateConditionRequest { maximum_days_since_created: Some(days) });
    let young = |limit| ImageCriterionRequest { creation_date_condition: days(limit), ..provided("amazon") };
    for (criterion, is_allowed) in [
        (named("debian-*"), true),
        (provided("amazon"), true),
        (provided("none"), false),
        (provided("111122223333"), false),
        (young(10_000), true),
        (young(10), false),
        (ImageCriterionRequest { marketplace_product_codes: texts(&["abc"]), ..Default::default() }, false),
        (ImageCriterionRequest { image_names: texts(&["x"]), ..provided("amazon") }, false),
    ] {
        bed.ask(criteria(vec![named("nothing"), criterion.clone()])).unwrap();
        assert_eq!(bed.images_where("name", "*").contains(&builtin), is_allowed, "{criterion:?}");
    }
    for (criterion, code) in [
        (provided("somebody"), "InvalidParameterValue"),
        (
            ImageCriterionRequest { image_providers: texts(&["none", "amazon"]), ..Default::default() },
            "InvalidParameterValue",
        ),
        (named(""), "InvalidParameterValue"),
        (named("a;b"), "InvalidParameterValue"),
        (named("a?"), "InvalidParameterValue"),
        (young(-1), "InvalidParameterValue"),
        (
            ImageCriterionRequest { scan_result_condition: Some(Default::default()), ..Default::default() },
            "UnsupportedOperation",
        ),
    ] {
        assert_eq!(bed.error(criteria(vec![criterion.clone()])).0, code, "{criterion:?}");
    }
    assert_eq!(bed.error(criteria(vec![provided("amazon"); 11])).0, "InvalidParameterValue");
    bed.ask(DisableAllowedImagesSettingsRequest::default()).unwrap();
    bed.running();
    assert_eq!(bed.error(EnableAllowedImagesSettingsRequest::default()).0, "MissingParameter");
}
