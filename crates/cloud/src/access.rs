//! Who may do what.
//!
//! The owner of the account may do everything. A role may do what the policies attached to it allow, and of policies
//! only some of AWS's own are known here; whatever they do not clearly allow is refused. Follows what those policies
//! contain on AWS, as far as the services that are answered here go.

use crate::error::ApiError;
use crate::resource::Role;
use crate::sessions::{Caller, Holder, Session};
use crate::state::State;

/// The beginning of the ARNs of AWS's own policies.
const PREFIX: &str = "arn:aws:iam::aws:policy/";

/// An action that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish<'a> {
    /// The service, as signatures name it.
    pub service: &'a str,
    /// The action.
    pub action: &'a str,
    /// Whether it reads only.
    pub is_reading: bool,
}

/// One of AWS's own policies.
#[derive(Debug, Clone, Copy)]
pub struct ManagedPolicy {
    /// The path before its name, empty for most.
    path: &'static str,
    /// Its name, the last part of its ARN.
    pub name: &'static str,
    allows: fn(&Wish<'_>) -> bool,
}

/// The policies that can be attached to roles.
const POLICIES: &[ManagedPolicy] = &[
    ManagedPolicy { path: "", name: "AdministratorAccess", allows: |_| true },
    // Everything but IAM, by which it could give itself the rest.
    ManagedPolicy { path: "", name: "PowerUserAccess", allows: |wish| wish.service != "iam" },
    ManagedPolicy { path: "", name: "ReadOnlyAccess", allows: |wish| wish.is_reading && wish.service != "sts" },
    ManagedPolicy { path: "", name: "AmazonEC2FullAccess", allows: |wish| wish.service == "ec2" },
    ManagedPolicy {
        path: "",
        name: "AmazonEC2ReadOnlyAccess",
        allows: |wish| wish.service == "ec2" && wish.is_reading && wish.action.starts_with("Describe"),
    },
    ManagedPolicy {
        path: "",
        name: "AmazonSSMReadOnlyAccess",
        allows: |wish| wish.service == "ssm" && wish.is_reading,
    },
    // What the role of a Spot Fleet has.
    ManagedPolicy {
        path: "service-role/",
        name: "AmazonEC2SpotFleetTaggingRole",
        allows: |wish| match wish.service {
            "ec2" => SPOT_FLEET.contains(&wish.action),
            "iam" => wish.action == "PassRole",
            _ => false,
        },
    },
];

/// What a Spot Fleet does at EC2.
const SPOT_FLEET: [&str; 7] = [
    "CreateTags",
    "DescribeImages",
    "DescribeInstanceStatus",
    "DescribeSubnets",
    "RequestSpotInstances",
    "RunInstances",
    "TerminateInstances",
];

impl ManagedPolicy {
    /// The policy of this ARN.
    pub fn by_arn(arn: &str) -> Option<&'static Self> {
        let name = arn.strip_prefix(PREFIX)?;
        POLICIES.iter().find(|policy| name.strip_prefix(policy.path) == Some(policy.name))
    }
}

/// Checks that the caller may do this.
///
/// # Errors
/// `UnauthorizedOperation` at EC2; elsewhere `AccessDenied`, or `AccessDeniedException` where errors are spelled so.
pub fn authorize(state: &State, account: &types::AccountId, caller: &Caller, wish: &Wish<'_>) -> Result<(), ApiError> {
    if is_allowed(state, caller, wish) {
        return Ok(());
    }
    if wish.service == "ec2" {
        return Err(unauthorized());
    }
    let code = if matches!(wish.service, "sts" | "iam") { "AccessDenied" } else { "AccessDeniedException" };
    Err(ApiError::new(
        code,
        format!("User: {} is not authorized to perform: {}:{}", caller.arn(account), wish.service, wish.action),
    ))
}

/// Checks that the caller may hand this role to an instance, which then acts with the role's permissions. Without
/// `iam:PassRole` whoever can launch instances could make itself the strongest role there is.
///
/// # Errors
/// `UnauthorizedOperation`.
pub fn check_pass_role(state: &State, caller: &Caller) -> Result<(), ApiError> {
    let wish = Wish { service: "iam", action: "PassRole", is_reading: false };
    if is_allowed(state, caller, &wish) {
        return Ok(());
    }
    Err(unauthorized())
}

/// EC2's refusal of what a caller may not do.
pub(crate) fn unauthorized() -> ApiError {
    ApiError::new("UnauthorizedOperation", "You are not authorized to perform this operation.")
}

fn is_allowed(state: &State, caller: &Caller, wish: &Wish<'_>) -> bool {
    // On AWS no policy can take this one away.
    let is_harmless = wish.service == "sts" && wish.action == "GetCallerIdentity";
    match caller {
        Caller::Root => true,
        // What AWS gives to credentials of GetSessionToken: no IAM, and of STS only AssumeRole.
        Caller::Session(Session { holder: Holder::Root, .. }) => match wish.service {
            "iam" => wish.action == "PassRole",
            "sts" => is_harmless || wish.action == "AssumeRole",
            _ => true,
        },
        Caller::Session(Session { holder: Holder::Role { name, id }, .. }) => {
            let role = state.shared.roles.get(name).filter(|role| role.id == *id);
            role.is_some_and(|role| is_harmless || role_allows(role, wish))
        }
    }
}

fn role_allows(role: &Role, wish: &Wish<'_>) -> bool {
    role.policies.iter().filter_map(|arn| ManagedPolicy::by_arn(arn)).any(|policy| (policy.allows)(wish))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use types::Timestamp;

    use super::*;
    use crate::services::testing::Bed;

    const READ_EC2: (&str, &str, bool) = ("ec2", "DescribeVpcs", true);
    const CONSOLE: (&str, &str, bool) = ("ec2", "GetConsoleOutput", true);
    const WRITE_EC2: (&str, &str, bool) = ("ec2", "RunInstances", false);
    const READ_IAM: (&str, &str, bool) = ("iam", "GetRole", true);
    const WRITE_IAM: (&str, &str, bool) = ("iam", "CreateRole", false);
    const PASS: (&str, &str, bool) = ("iam", "PassRole", false);
    const ASSUME: (&str, &str, bool) = ("sts", "AssumeRole", true);
    const SSM: (&str, &str, bool) = ("ssm", "GetParameter", true);
    const PUSH: (&str, &str, bool) = ("ec2-instance-connect", "SendSSHPublicKey", false);
    const WHO: (&str, &str, bool) = ("sts", "GetCallerIdentity", true);
    const ALL: [(&str, &str, bool); 10] =
        [READ_EC2, CONSOLE, WRITE_EC2, READ_IAM, WRITE_IAM, PASS, ASSUME, SSM, PUSH, WHO];

    fn allowed(bed: &Bed, caller: &Caller) -> Vec<(&'static str, &'static str, bool)> {
        let may = |(service, action, is_reading): &(&str, &str, bool)| {
            let wish = Wish { service, action, is_reading: *is_reading };
            authorize(&bed.state, bed.context.account(), caller, &wish).is_ok()
        };
        ALL.into_iter().filter(may).collect()
    }

    #[test]
    fn each_policy_allows_what_it_allows_on_aws_and_no_more() {
        for (policy, expected) in [
            (None, &[WHO][..]),
            (Some("AdministratorAccess"), &ALL),
            (Some("PowerUserAccess"), &[READ_EC2, CONSOLE, WRITE_EC2, ASSUME, SSM, PUSH, WHO]),
            (Some("ReadOnlyAccess"), &[READ_EC2, CONSOLE, READ_IAM, SSM, WHO]),
            (Some("AmazonEC2FullAccess"), &[READ_EC2, CONSOLE, WRITE_EC2, WHO]),
            (Some("AmazonEC2ReadOnlyAccess"), &[READ_EC2, WHO]),
            (Some("AmazonSSMReadOnlyAccess"), &[SSM, WHO]),
            (Some("service-role/AmazonEC2SpotFleetTaggingRole"), &[WRITE_EC2, PASS, WHO]),
        ] {
            let mut bed = Bed::new();
            let caller = bed.role_session("web", policy);
            assert_eq!(allowed(&bed, &caller), expected, "{policy:?}");
        }
    }

    #[test]
    fn the_owner_may_do_everything_and_a_role_that_is_gone_nothing() {
        let mut bed = Bed::new();
        assert_eq!(allowed(&bed, &Caller::Root), ALL);
        let caller = bed.role_session("web", Some("AdministratorAccess"));
        let mut role = Role::clone(&bed.state.shared.roles["web"]);
        role.id = "AROAANOTHERANOTHERANO".to_owned();
        bed.write(|tx| tx.put_shared(role));
        assert_eq!(allowed(&bed, &caller), [], "the same name, another role");
        let root = Caller::Session(Session {
            access_key_id: "ASIA".to_owned(),
            holder: Holder::Root,
            name: String::new(),
            issued: Timestamp::default(),
            expires: Timestamp::default(),
        });
        assert_eq!(allowed(&bed, &root), [READ_EC2, CONSOLE, WRITE_EC2, PASS, ASSUME, SSM, PUSH, WHO]);
    }

    #[test]
    fn a_refusal_has_the_words_of_its_service() {
        let mut bed = Bed::new();
        let caller = bed.role_session("web", None);
        for ((service, action, is_reading), code) in
            [(WRITE_EC2, "UnauthorizedOperation"), (WRITE_IAM, "AccessDenied"), (SSM, "AccessDeniedException")]
        {
            let wish = Wish { service, action, is_reading };
            let error = authorize(&bed.state, bed.context.account(), &caller, &wish).unwrap_err();
            assert_eq!(error.code, code);
        }
        assert_eq!(check_pass_role(&bed.state, &caller).unwrap_err().code, "UnauthorizedOperation");
        assert_eq!(check_pass_role(&bed.state, &Caller::Root), Ok(()));
    }

    #[test]
    fn policies_are_known_by_their_whole_arn() {
        for arn in [
            "ReadOnlyAccess",
            "arn:aws:iam::123456789012:policy/ReadOnlyAccess",
            "arn:aws:iam::aws:policy/",
            "arn:aws:iam::aws:policy/service-role/ReadOnlyAccess",
            "arn:aws:iam::aws:policy/AmazonEC2SpotFleetTaggingRole",
        ] {
            assert_eq!(ManagedPolicy::by_arn(arn).map(|policy| policy.name), None, "{arn}");
        }
        let name: Arc<str> = "AdministratorAccess".into();
        assert!(ManagedPolicy::by_arn(&format!("{PREFIX}{name}")).is_some());
    }
}
