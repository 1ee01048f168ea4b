//! The role of an instance, and the credentials that its metadata service hands out for it.

use std::time::Duration;

use types::{AccountId, InstanceId, Timestamp};

use super::iam::{Named, trusts};
use crate::resource::{Instance, InstanceProfile, Role};
use crate::sessions::{Credentials, Holder, Session, SessionKey};
use crate::state::State;

/// The service that must be trusted by roles of instances.
const EC2: &str = "ec2.amazonaws.com";
/// How long credentials are good: about six hours, as on EC2.
const LIFE: Duration = Duration::from_secs(6 * 3_600);
/// How often there are new ones: long before the old ones expire.
const RENEWAL_MS: i64 = 3_600_000;

/// The profile of an instance as it is now, if that is still there: one that was made anew under the same name is
/// another.
pub fn profile<'a>(state: &'a State, instance: &Instance) -> Option<&'a InstanceProfile> {
    let association = instance.iam_profile.as_ref()?;
    let profile = state.shared.instance_profiles.get(&association.profile_name)?;
    (profile.id == association.profile_id).then_some(profile.as_ref())
}

/// The role in a profile.
pub fn role<'a>(state: &'a State, profile: &InstanceProfile) -> Option<&'a Role> {
    state.shared.roles.get(profile.roles.first()?).map(AsRef::as_ref)
}

/// Credentials that an instance has been given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceCredentials {
    /// Since when there are these.
    pub since: Timestamp,
    /// The credentials.
    pub credentials: Credentials,
}

/// The credentials of an instance in a role, the same for an hour; `None` where the role does not trust EC2.
pub fn credentials(
    key: &SessionKey,
    account: &AccountId,
    role: &Role,
    instance: &Instance,
    now: Timestamp,
) -> Option<InstanceCredentials> {
    if !trusts(&role.trust_policy, account, Named::Service(EC2)) {
        return None;
    }
    let since = renewed(instance, now);
    let session = session(key, role, instance.id, since);
    Some(InstanceCredentials { since, credentials: key.credentials(&session) })
}

/// When the present credentials began. Hours are counted from the association, so that instances do not all renew at
/// the same moment.
fn renewed(instance: &Instance, now: Timestamp) -> Timestamp {
    let start = instance.iam_profile.as_ref().map_or(instance.launch_time, |association| association.since);
    let start_ms = start.unix_seconds() * 1000;
    let hours = (now.unix_ms - start_ms).max(0) / RENEWAL_MS;
    Timestamp::from_unix_ms(start_ms + hours * RENEWAL_MS)
}

fn session(key: &SessionKey, role: &Role, instance: InstanceId, since: Timestamp) -> Session {
    Session {
        access_key_id: key.access_key_id(&format!("{}/{instance}/{}", role.id, since.unix_ms)),
        holder: Holder::Role { name: role.name.clone(), id: role.id.clone() },
        name: instance.to_string(),
        issued: since,
        expires: since.plus_ms(i64::try_from(LIFE.as_millis()).unwrap_or(RENEWAL_MS)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use types::IamInstanceProfileAssociationId;

    use super::*;
    use crate::resource::{AssociationState, IamProfileAssociation};
    use crate::services::Service::Iam;
    use crate::services::testing::{Bed, TRUST};

    /// A cloud with an instance that has the profile `web` with the role `web`.
    fn bed() -> (Bed, InstanceId) {
        let (mut bed, id) = Bed::with_instance();
        bed.ask(Iam, "CreateRole", json!({"RoleName": "web", "AssumeRolePolicyDocument": TRUST})).unwrap();
        bed.ask(Iam, "CreateInstanceProfile", json!({"InstanceProfileName": "web"})).unwrap();
        let add = json!({"InstanceProfileName": "web", "RoleName": "web"});
        bed.ask(Iam, "AddRoleToInstanceProfile", add).unwrap();
        let made = bed.state.shared.instance_profiles["web"].clone();
        let mut instance = Instance::clone(&bed.state.regions[&bed.context.region].instances[&id]);
        instance.iam_profile = Some(IamProfileAssociation {
            id: IamInstanceProfileAssociationId::from_number(1),
            profile_arn: made.arn.clone(),
            profile_id: made.id.clone(),
            profile_name: made.name.clone(),
            state: AssociationState::Associated,
            since: bed.context.now,
        });
        bed.write(|tx| tx.put(instance));
        (bed, id)
    }

    fn now(bed: &Bed, id: InstanceId) -> Option<InstanceCredentials> {
        let instance = &bed.state.regions[&bed.context.region].instances[&id];
        let role = role(&bed.state, profile(&bed.state, instance)?)?;
        let key = bed.context.session_key.as_ref().unwrap();
        credentials(key, bed.context.account(), role, instance, bed.context.now)
    }

    #[test]
    fn an_instance_has_the_credentials_of_its_role_and_new_ones_every_hour() {
        let (mut bed, id) = bed();
        let first = now(&bed, id).unwrap();
        let made = &first.credentials;
        let key = bed.context.session_key.clone().unwrap();
        let (session, secret) = key.read(&made.access_key_id, &made.session_token).unwrap();
        assert_eq!((session.name, secret), (id.to_string(), made.secret_access_key.clone()));
        bed.later(3_599_000);
        assert_eq!(now(&bed, id), Some(first.clone()));
        bed.later(1_000);
        let second = now(&bed, id).unwrap();
        assert_ne!(second.credentials.access_key_id, made.access_key_id);
        assert!(made.expires.unix_ms - bed.context.now.unix_ms == 5 * 3_600_000, "the first are good for long");
    }

    #[test]
    fn without_a_role_that_trusts_ec2_there_are_none() {
        let (mut bed, id) = bed();
        let trust = TRUST.replace("ec2.amazonaws.com", "lambda.amazonaws.com");
        bed.ask(Iam, "UpdateAssumeRolePolicy", json!({"RoleName": "web", "PolicyDocument": trust})).unwrap();
        assert_eq!(now(&bed, id), None);
        let (mut bed, id) = self::bed();
        let both = json!({"InstanceProfileName": "web", "RoleName": "web"});
        bed.ask(Iam, "RemoveRoleFromInstanceProfile", both).unwrap();
        assert_eq!(now(&bed, id), None);
        bed.ask(Iam, "DeleteInstanceProfile", json!({"InstanceProfileName": "web"})).unwrap();
        bed.ask(Iam, "CreateInstanceProfile", json!({"InstanceProfileName": "web"})).unwrap();
        let instance = &bed.state.regions[&bed.context.region].instances[&id];
        assert!(profile(&bed.state, instance).is_none(), "made anew, it is another");
    }
}
