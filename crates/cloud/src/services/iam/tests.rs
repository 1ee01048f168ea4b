use serde_json::{Value, json};

use crate::services::Service::Iam;
use crate::services::testing::{Bed, TRUST};

fn role(name: &str) -> Value {
    json!({"RoleName": name, "AssumeRolePolicyDocument": TRUST})
}

#[test]
fn a_role_reads_back_as_it_was_made() {
    let mut bed = Bed::new();
    let mut ask = role("web");
    ask["Path"] = json!("/app/");
    ask["Description"] = json!("for the web");
    ask["MaxSessionDuration"] = json!("7200");
    ask["Tags"] = json!([{"Key": "team", "Value": "x"}]);
    let made = bed.ask(Iam, "CreateRole", ask).unwrap()["Role"].clone();
    let read = bed.ask(Iam, "GetRole", json!({"RoleName": "web"})).unwrap()["Role"].clone();
    assert_eq!(read["Arn"], "arn:aws:iam::123456789012:role/app/web");
    assert_eq!((&read["Path"], &read["Description"]), (&json!("/app/"), &json!("for the web")));
    assert_eq!((&read["MaxSessionDuration"], &read["RoleId"]), (&json!(7200), &made["RoleId"]));
    assert_eq!(read["Tags"], json!([{"Key": "team", "Value": "x"}]));
    assert_eq!(read["CreateDate"], "2023-11-14T22:13:20Z");
    let id = read["RoleId"].as_str().unwrap();
    assert!(id.starts_with("AROA") && id.len() == 21, "{id}");
    let document = read["AssumeRolePolicyDocument"].as_str().unwrap();
    assert!(document.starts_with("%7B%22Version%22%3A%222012-10-17%22"), "{document}");
    bed.ask(Iam, "UpdateRole", json!({"RoleName": "web", "Description": "new", "MaxSessionDuration": "3600"})).unwrap();
    bed.ask(Iam, "TagRole", json!({"RoleName": "web", "Tags": [{"Key": "Team", "Value": "y"}]})).unwrap();
    let read = bed.ask(Iam, "GetRole", json!({"RoleName": "web"})).unwrap()["Role"].clone();
    assert_eq!((&read["Description"], &read["MaxSessionDuration"]), (&json!("new"), &json!(3600)));
    assert_eq!(read["Tags"], json!([{"Key": "Team", "Value": "y"}]), "keys differ by more than case");
    bed.ask(Iam, "UntagRole", json!({"RoleName": "web", "TagKeys": ["Team"]})).unwrap();
    assert_eq!(bed.ask(Iam, "ListRoleTags", json!({"RoleName": "web"})).unwrap()["Tags"], json!([]));
    bed.ask(Iam, "DeleteRole", json!({"RoleName": "web"})).unwrap();
    assert_eq!(bed.error(Iam, "GetRole", json!({"RoleName": "web"})), "NoSuchEntity");
}

#[test]
fn bad_roles_are_refused() {
    let mut bed = Bed::new();
    bed.ask(Iam, "CreateRole", role("Web")).unwrap();
    let mut refused = |member: &str, value: Value| {
        let mut ask = role("other");
        ask[member] = value;
        bed.error(Iam, "CreateRole", ask)
    };
    for name in ["web", "Web"] {
        assert_eq!(refused("RoleName", json!(name)), "EntityAlreadyExists", "{name}");
    }
    for (member, value) in [
        ("RoleName", json!(null)),
        ("RoleName", json!("")),
        ("RoleName", json!("a/b")),
        ("RoleName", json!("a".repeat(65))),
        ("RoleName", json!(["a"])),
        ("Path", json!("app")),
        ("Path", json!("//")),
        ("Path", json!("/a b/")),
        ("Description", json!("a\u{0}b")),
        ("MaxSessionDuration", json!("3599")),
        ("MaxSessionDuration", json!("43201")),
        ("MaxSessionDuration", json!("x")),
        ("AssumeRolePolicyDocument", json!(null)),
        ("Tags", json!([{"Key": "", "Value": ""}])),
        ("Tags", json!([{"Key": "a"}])),
        ("Nonsense", json!("1")),
    ] {
        assert_eq!(refused(member, value.clone()), "ValidationError", "{member} {value}");
    }
    assert_eq!(refused("Tags", json!([{"Key": "aws:x", "Value": ""}])), "InvalidInput");
    let twice = json!([{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}]);
    assert_eq!(refused("Tags", twice), "InvalidInput");
    let many: Vec<Value> = (0..51).map(|n| json!({"Key": n.to_string(), "Value": ""})).collect();
    assert_eq!(refused("Tags", json!(many)), "LimitExceeded");
    let boundary = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    assert_eq!(refused("PermissionsBoundary", json!(boundary)), "NoSuchEntity");
}

#[test]
fn trust_policies_are_looked_at() {
    let mut bed = Bed::new();
    let statement = |change: &dyn Fn(&mut Value)| {
        let mut policy: Value = serde_json::from_str(TRUST).unwrap();
        change(&mut policy["Statement"][0]);
        policy.to_string()
    };
    let without = |member: &'static str| {
        statement(&|s| {
            s.as_object_mut().unwrap().remove(member);
        })
    };
    for document in [
        "".to_owned(),
        "nonsense".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        json!({"Version": "2012-10-17", "Statement": []}).to_string(),
        json!({"Version": "2011-01-01", "Statement": [{}]}).to_string(),
        json!({"Version": "2012-10-17", "Statement": ["x"]}).to_string(),
        json!({"Version": "2012-10-17", "Statement": [{}], "Other": 1}).to_string(),
        without("Effect"),
        without("Principal"),
        without("Action"),
        statement(&|s| s["Effect"] = json!("Maybe")),
        statement(&|s| s["Principal"] = json!("everybody")),
        statement(&|s| s["Principal"] = json!({"AWS": []})),
        statement(&|s| s["Principal"] = json!({"Other": "x"})),
        statement(&|s| s["Action"] = json!("ec2:RunInstances")),
        statement(&|s| s["Action"] = json!([])),
        statement(&|s| s["Resource"] = json!("*")),
        statement(&|s| s["NotAction"] = json!("sts:*")),
        "[".repeat(2_000),
    ] {
        let ask = json!({"RoleName": "x", "AssumeRolePolicyDocument": document});
        assert_eq!(bed.error(Iam, "CreateRole", ask), "MalformedPolicyDocument", "{document}");
    }
    let long = statement(&|s| s["Sid"] = json!("x".repeat(2_048)));
    let ask = json!({"RoleName": "x", "AssumeRolePolicyDocument": long});
    assert_eq!(bed.error(Iam, "CreateRole", ask), "LimitExceeded");
    bed.ask(Iam, "CreateRole", role("x")).unwrap();
    let change = statement(&|s| s["Principal"] = json!({"AWS": "*"}));
    bed.ask(Iam, "UpdateAssumeRolePolicy", json!({"RoleName": "x", "PolicyDocument": change.clone()})).unwrap();
    assert_eq!(bed.state.shared.roles["x"].trust_policy, change);
    let bad = json!({"RoleName": "x", "PolicyDocument": "{}"});
    assert_eq!(bed.error(Iam, "UpdateAssumeRolePolicy", bad), "MalformedPolicyDocument");
}

#[test]
fn a_profile_holds_one_role_and_neither_goes_before_they_part() {
    let mut bed = Bed::new();
    bed.ask(Iam, "CreateRole", role("web")).unwrap();
    bed.ask(Iam, "CreateRole", role("other")).unwrap();
    let name = json!({"InstanceProfileName": "web"});
    let made = bed.ask(Iam, "CreateInstanceProfile", name.clone()).unwrap()["InstanceProfile"].clone();
    assert_eq!(made["Arn"], "arn:aws:iam::123456789012:instance-profile/web");
    assert!(made["InstanceProfileId"].as_str().unwrap().starts_with("AIPA"));
    assert_eq!(bed.error(Iam, "CreateInstanceProfile", json!({"InstanceProfileName": "WEB"})), "EntityAlreadyExists");
    let both = |role: &str| json!({"InstanceProfileName": "web", "RoleName": role});
    bed.ask(Iam, "AddRoleToInstanceProfile", both("web")).unwrap();
    assert_eq!(bed.error(Iam, "AddRoleToInstanceProfile", both("other")), "LimitExceeded");
    assert_eq!(bed.error(Iam, "AddRoleToInstanceProfile", both("nobody")), "NoSuchEntity");
    let read = bed.ask(Iam, "GetInstanceProfile", name.clone()).unwrap()["InstanceProfile"].clone();
    assert_eq!(read["Roles"][0]["RoleName"], "web");
    let found = bed.ask(Iam, "ListInstanceProfilesForRole", json!({"RoleName": "web"})).unwrap();
    assert_eq!(found["InstanceProfiles"].as_array().unwrap().len(), 1);
    let none = bed.ask(Iam, "ListInstanceProfilesForRole", json!({"RoleName": "other"})).unwrap();
    assert_eq!(none["InstanceProfiles"], json!([]));
    assert_eq!(bed.error(Iam, "DeleteInstanceProfile", name.clone()), "DeleteConflict");
    assert_eq!(bed.error(Iam, "DeleteRole", json!({"RoleName": "web"})), "DeleteConflict");
    assert_eq!(bed.error(Iam, "RemoveRoleFromInstanceProfile", both("other")), "NoSuchEntity");
    bed.ask(Iam, "RemoveRoleFromInstanceProfile", both("web")).unwrap();
    let tag = json!({"InstanceProfileName": "web", "Tags": [{"Key": "a", "Value": "b"}]});
    bed.ask(Iam, "TagInstanceProfile", tag).unwrap();
    let tags = bed.ask(Iam, "ListInstanceProfileTags", name.clone()).unwrap();
    assert_eq!(tags["Tags"], json!([{"Key": "a", "Value": "b"}]));
    bed.ask(Iam, "UntagInstanceProfile", json!({"InstanceProfileName": "web", "TagKeys": ["a"]})).unwrap();
    bed.ask(Iam, "DeleteInstanceProfile", name.clone()).unwrap();
    bed.ask(Iam, "DeleteRole", json!({"RoleName": "web"})).unwrap();
    for action in ["GetInstanceProfile", "DeleteInstanceProfile"] {
        assert_eq!(bed.error(Iam, action, name.clone()), "NoSuchEntity");
    }
}

#[test]
fn only_policies_that_mean_something_here_are_attached() {
    let mut bed = Bed::new();
    bed.ask(Iam, "CreateRole", role("web")).unwrap();
    let with = |policy: &str| json!({"RoleName": "web", "PolicyArn": format!("arn:aws:iam::aws:policy/{policy}")});
    assert_eq!(bed.error(Iam, "AttachRolePolicy", with("AmazonS3FullAccess")), "NoSuchEntity");
    assert_eq!(bed.error(Iam, "AttachRolePolicy", json!({"RoleName": "web"})), "ValidationError");
    for _ in 0..2 {
        bed.ask(Iam, "AttachRolePolicy", with("ReadOnlyAccess")).unwrap();
    }
    let list = bed.ask(Iam, "ListAttachedRolePolicies", json!({"RoleName": "web"})).unwrap();
    let policy = json!({"PolicyName": "ReadOnlyAccess", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"});
    assert_eq!(list, json!({"AttachedPolicies": [policy], "IsTruncated": false}));
    let inline = bed.ask(Iam, "ListRolePolicies", json!({"RoleName": "web"})).unwrap();
    assert_eq!(inline, json!({"PolicyNames": [], "IsTruncated": false}));
    assert_eq!(bed.error(Iam, "DeleteRole", json!({"RoleName": "web"})), "DeleteConflict");
    assert_eq!(bed.error(Iam, "DetachRolePolicy", with("PowerUserAccess")), "NoSuchEntity");
    bed.ask(Iam, "DetachRolePolicy", with("ReadOnlyAccess")).unwrap();
    bed.ask(Iam, "DeleteRole", json!({"RoleName": "web"})).unwrap();
    assert_eq!(bed.error(Iam, "ListAttachedRolePolicies", json!({"RoleName": "web"})), "NoSuchEntity");
}

#[test]
fn lists_come_in_pages_and_by_path() {
    let mut bed = Bed::new();
    for (name, path) in [("a", "/x/"), ("b", "/x/y/"), ("c", "/")] {
        let mut ask = role(name);
        ask["Path"] = json!(path);
        bed.ask(Iam, "CreateRole", ask).unwrap();
    }
    let names = |answer: &Value| -> Vec<String> {
        answer["Roles"].as_array().unwrap().iter().map(|r| r["RoleName"].as_str().unwrap().to_owned()).collect()
    };
    let first = bed.ask(Iam, "ListRoles", json!({"MaxItems": "2"})).unwrap();
    assert_eq!((names(&first), &first["IsTruncated"]), (vec!["a".to_owned(), "b".to_owned()], &json!(true)));
    let second = bed.ask(Iam, "ListRoles", json!({"MaxItems": "2", "Marker": first["Marker"]})).unwrap();
    assert_eq!((names(&second), &second["IsTruncated"]), (vec!["c".to_owned()], &json!(false)));
    assert_eq!(names(&bed.ask(Iam, "ListRoles", json!({"PathPrefix": "/x"})).unwrap()), ["a", "b"]);
    for bad in
        [json!({"MaxItems": "0"}), json!({"MaxItems": "1001"}), json!({"Marker": "!"}), json!({"PathPrefix": "x"})]
    {
        assert_eq!(bed.error(Iam, "ListRoles", bad), "ValidationError");
    }
}

#[test]
fn the_only_user_is_the_root_user() {
    let mut bed = Bed::new();
    let user = bed.ask(Iam, "GetUser", json!({})).unwrap()["User"].clone();
    assert_eq!((&user["Arn"], &user["UserId"]), (&json!("arn:aws:iam::123456789012:root"), &json!("123456789012")));
    assert_eq!(bed.error(Iam, "GetUser", json!({"UserName": "alice"})), "NoSuchEntity");
    bed.context.caller = bed.role_session("web", None);
    assert_eq!(bed.error(Iam, "GetUser", json!({})), "ValidationError");
}
