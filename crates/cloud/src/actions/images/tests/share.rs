use super::*;

fn modify(image: &str) -> ModifyImageAttributeRequest {
    ModifyImageAttributeRequest { image_id: image.to_owned(), ..ModifyImageAttributeRequest::default() }
}

fn user(id: &str) -> LaunchPermission {
    LaunchPermission { user_id: Some(id.to_owned()), ..LaunchPermission::default() }
}

fn everybody() -> LaunchPermission {
    LaunchPermission { group: Some(PermissionGroup::All), ..LaunchPermission::default() }
}

fn add(image: &str, permissions: Vec<LaunchPermission>) -> ModifyImageAttributeRequest {
    let modifications = LaunchPermissionModifications { add: permissions, remove: vec![] };
    ModifyImageAttributeRequest { launch_permission: Some(modifications), ..modify(image) }
}

fn text(value: &str) -> Option<AttributeValue> {
    Some(AttributeValue { value: Some(value.to_owned()) })
}

impl Bed {
    fn attribute(&mut self, image: &str, attribute: ImageAttributeName) -> ImageAttribute {
        let bed = self;
        let request = DescribeImageAttributeRequest {
            image_id: image.to_owned(),
            attribute: Some(attribute),
            ..DescribeImageAttributeRequest::default()
        };
        answer!(bed, DescribeImageAttribute, request)
    }

    fn permissions(&mut self, image: &str) -> Vec<LaunchPermission> {
        self.attribute(image, ImageAttributeName::LaunchPermission).launch_permissions
    }
}

#[test]
fn permissions_come_and_go_in_every_form_that_clients_send() {
    let mut bed = Bed::new();
    let image = bed.own_image("web");
    let (one, two) = ("111122223333", "444455556666");
    // A structure alone, as Terraform sends it.
    bed.ask(add(&image, vec![user(one), everybody()])).unwrap();
    assert_eq!(bed.permissions(&image), [everybody(), user(one)]);
    assert_eq!((bed.image(&image).public, bed.images_where("is-public", "true").contains(&image)), (Some(true), true));
    let executable_users = texts(&[one]);
    let found = bed.describe_images(DescribeImagesRequest { executable_users, ..Default::default() });
    assert_eq!(found[0].image_id.as_ref(), Some(&image));
    // A structure and the same as a list, as Packer sends it.
    bed.ask(ModifyImageAttributeRequest { user_ids: texts(&[two]), ..add(&image, vec![user(two)]) }).unwrap();
    // An attribute with an operation, as the older form has it.
    let listed = |operation, ids: &[&str], groups: &[&str]| ModifyImageAttributeRequest {
        attribute: Some("launchPermission".to_owned()),
        operation_type: Some(operation),
        user_ids: texts(ids),
        user_groups: texts(groups),
        ..modify(&image)
    };
    bed.ask(listed(OperationType::Remove, &[one], &["all"])).unwrap();
    assert_eq!(bed.permissions(&image), [user(two)]);
    bed.ask(listed(OperationType::Add, &[one], &[])).unwrap();
    assert_eq!(bed.permissions(&image), [user(one), user(two)]);
    // Both ways at once, with the attribute named, as Ansible sends it.
    let both = ModifyImageAttributeRequest {
        attribute: Some("launchPermission".to_owned()),
        launch_permission: Some(LaunchPermissionModifications { add: vec![everybody()], remove: vec![user(one)] }),
        ..modify(&image)
    };
    bed.ask(both).unwrap();
    assert_eq!(bed.permissions(&image), [everybody(), user(two)]);
    let organization = LaunchPermission {
        organization_arn: Some("arn:aws:organizations::123456789012:organization/o-1".to_owned()),
        ..LaunchPermission::default()
    };
    bed.ask(add(&image, vec![organization.clone()])).unwrap();
    assert!(bed.permissions(&image).contains(&organization));
    bed.ask(ResetImageAttributeRequest {
        image_id: image.clone(),
        attribute: Some(ResetImageAttributeName::LaunchPermission),
        ..Default::default()
    })
    .unwrap();
    assert_eq!((bed.permissions(&image), bed.image(&image).public), (vec![], Some(false)));
}

#[test]
fn descriptions_and_session_tokens_are_set_in_every_form() {
    let mut bed = Bed::new();
    let image = bed.own_image("web");
    let described = |bed: &mut Bed| {
        bed.attribute(&image, ImageAttributeName::Description).description.and_then(|description| description.value)
    };
    bed.ask(ModifyImageAttributeRequest { description: text("one"), ..modify(&image) }).unwrap();
    assert_eq!(described(&mut bed).as_deref(), Some("one"));
    // The blank is Ansible's.
    let named = ModifyImageAttributeRequest { attribute: Some("description ".to_owned()), ..modify(&image) };
    bed.ask(ModifyImageAttributeRequest { description: text("two"), ..named.clone() }).unwrap();
    assert_eq!(bed.image(&image).description.as_deref(), Some("two"));
    bed.ask(ModifyImageAttributeRequest { value: Some("three".to_owned()), ..named }).unwrap();
    assert_eq!(described(&mut bed).as_deref(), Some("three"));
    bed.ask(ModifyImageAttributeRequest { imds_support: text("v2.0"), ..modify(&image) }).unwrap();
    let told = bed.attribute(&image, ImageAttributeName::ImdsSupport).imds_support;
    assert_eq!(told, text("v2.0"));
    assert_eq!(bed.image(&image).imds_support, Some(ImdsSupportValues::V2_0));
}

#[test]
fn every_attribute_can_be_asked_for() {
    let mut bed = Bed::new();
    let image = bed.own_image("web");
    for attribute in ImageAttributeName::ALL.iter().copied() {
        let request = DescribeImageAttributeRequest {
            image_id: image.clone(),
            attribute: Some(attribute),
            ..DescribeImageAttributeRequest::default()
        };
        if attribute == ImageAttributeName::BlockDeviceMapping {
            assert_eq!(bed.error(request).0, "AuthFailure");
        } else {
            assert_eq!(answer!(bed, DescribeImageAttribute, request).image_id.as_ref(), Some(&image), "{attribute}");
        }
    }
    let simple = bed.attribute(&image, ImageAttributeName::SriovNetSupport).sriov_net_support;
    assert_eq!(simple, text("simple"));
    let protection = bed.attribute(&image, ImageAttributeName::DeregistrationProtection).deregistration_protection;
    assert_eq!(protection, text("disabled"));
}

#[test]
fn changes_that_make_no_sense_are_refused() {
    let mut bed = Bed::new();
    let image = bed.own_image("web");
    let builtin = bed.image.clone();
    for (request, code) in [
        (modify(&image), "InvalidParameterCombination"),
        (
            ModifyImageAttributeRequest { description: text("x"), ..add(&image, vec![everybody()]) },
            "InvalidParameterCombination",
        ),
        (
            ModifyImageAttributeRequest { attribute: Some("imdsSupport".into()), ..add(&image, vec![everybody()]) },
            "InvalidParameterCombination",
        ),
        (add(&image, vec![user("12")]), "InvalidAMIAttributeItemValue"),
        (add(&image, vec![LaunchPermission::default()]), "MissingParameter"),
        (
            add(&image, vec![LaunchPermission { group: Some(PermissionGroup::All), ..user("111122223333") }]),
            "InvalidParameterCombination",
        ),
        (ModifyImageAttributeRequest { user_ids: texts(&["111122223333"]), ..modify(&image) }, "MissingParameter"),
        (
            ModifyImageAttributeRequest { user_groups: texts(&["some"]), ..modify(&image) },
            "InvalidAMIAttributeItemValue",
        ),
        (
            ModifyImageAttributeRequest { attribute: Some("launchPermission".into()), ..modify(&image) },
            "MissingParameter",
        ),
        (ModifyImageAttributeRequest { attribute: Some("imdsSupport".into()), ..modify(&image) }, "MissingParameter"),
        (ModifyImageAttributeRequest { attribute: Some("kernel".into()), ..modify(&image) }, "UnsupportedOperation"),
        (ModifyImageAttributeRequest { attribute: Some("colour".into()), ..modify(&image) }, "InvalidParameterValue"),
        (ModifyImageAttributeRequest { imds_support: text("v1.0"), ..modify(&image) }, "InvalidParameterValue"),
        (
            ModifyImageAttributeRequest { description: text(&"x".repeat(256)), ..modify(&image) },
            "InvalidParameterValue",
        ),
        (ModifyImageAttributeRequest { product_codes: texts(&["x"]), ..modify(&image) }, "UnsupportedOperation"),
        (add(&builtin, vec![everybody()]), "AuthFailure"),
        (add("ami-0123456789abcdef0", vec![everybody()]), "InvalidAMIID.NotFound"),
        (add("nonsense", vec![everybody()]), "InvalidAMIID.Malformed"),
    ] {
        assert_eq!(bed.error(request.clone()).0, code, "{request:?}");
    }
    let shared = DescribeImageAttributeRequest {
        image_id: builtin,
        attribute: Some(ImageAttributeName::LaunchPermission),
        ..Default::default()
    };
    assert_eq!(bed.error(shared).0, "AuthFailure");
}

#[test]
fn public_access_can_be_blocked() {
    let mut bed = Bed::new();
    let (shared, image) = (bed.own_image("shared"), bed.own_image("web"));
    bed.ask(add(&shared, vec![everybody()])).unwrap();
    let state = |bed: &mut Bed| {
        let request = GetImageBlockPublicAccessStateRequest::default();
        answer!(bed, GetImageBlockPublicAccessState, request).image_block_public_access_state.unwrap()
    };
    assert_eq!(state(&mut bed), "unblocked");
    let block = EnableImageBlockPublicAccessRequest {
        image_block_public_access_state: Some(ImageBlockPublicAccessEnabledState::BlockNewSharing),
        ..Default::default()
    };
    bed.ask(block).unwrap();
    assert_eq!(state(&mut bed), "block-new-sharing");
    assert_eq!(bed.error(add(&image, vec![everybody()])).0, "OperationNotPermitted");
    bed.ask(add(&image, vec![user("111122223333")])).unwrap();
    assert_eq!(bed.image(&shared).public, Some(true), "what is public stays so");
    for _ in 0..2 {
        bed.ask(DisableImageBlockPublicAccessRequest::default()).unwrap();
    }
    bed.ask(add(&image, vec![everybody()])).unwrap();
    assert_eq!((state(&mut bed).as_str(), bed.image(&image).public), ("unblocked", Some(true)));
    assert_eq!(bed.error(EnableImageBlockPublicAccessRequest::default()).0, "MissingParameter");
}
