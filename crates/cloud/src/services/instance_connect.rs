//! EC2 Instance Connect: a public key that opens an instance for a minute.
//!
//! The key is kept beside the instance and shown to it by the metadata service, where the SSH server of the image asks
//! for it. It is gone when its minute is over, also after a restart of the daemon.

use serde::{Deserialize, Serialize};
use types::{InstanceId, InstanceState, Timestamp};

use crate::context::Context;
use crate::error::ApiError;
use crate::keys;
use crate::resource::{Instance, PushedKey, PushedKeys};
use crate::state::{Key, Tables};
use crate::transaction::Transaction;

super::actions! {
    InstanceConnect:
    "SendSSHPublicKey" 1 Write send_ssh_public_key,
    "SendSerialConsoleSSHPublicKey" 3 Write send_serial_console_key,
}

/// How long a key opens the instance, in milliseconds.
const LIFE_MS: i64 = 60_000;
/// How many keys of one user are good at a time.
const MAX_KEYS: usize = 32;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SendRequest {
    #[serde(rename = "InstanceId")]
    instance_id: Option<String>,
    #[serde(rename = "InstanceOSUser")]
    instance_os_user: Option<String>,
    #[serde(rename = "SSHPublicKey")]
    ssh_public_key: Option<String>,
    #[serde(rename = "AvailabilityZone")]
    availability_zone: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SendSerialRequest {
    #[serde(rename = "InstanceId")]
    instance_id: Option<String>,
    #[serde(rename = "SerialPort")]
    serial_port: Option<i64>,
    #[serde(rename = "SSHPublicKey")]
    ssh_public_key: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SendResult {
    request_id: String,
    success: bool,
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidArgsException", message)
}

fn send_ssh_public_key(context: &Context, tx: &mut Transaction, request: SendRequest) -> Result<SendResult, ApiError> {
    let user = os_user(request.instance_os_user.as_deref())?.to_owned();
    let openssh = public_key(request.ssh_public_key.as_deref())?;
    let instance = find(tx, request.instance_id.as_deref())?;
    if let Some(zone) = request.availability_zone.as_deref() {
        check_zone(instance, zone)?;
    }
    if instance.state != InstanceState::Running {
        return Err(ApiError::new(
            "EC2InstanceStateInvalidException",
            format!("Instance {} is not running; it is {}.", instance.id, instance.state),
        ));
    }
    let id = instance.id;
    let target = PushedKeys::target(id, &user);
    let present = tx.pushed_keys.get(&target).map(|pushed| pushed.keys.as_slice()).unwrap_or_default();
    let mut keys: Vec<PushedKey> =
        present.iter().filter(|key| key.expires > context.now && key.openssh != openssh).cloned().collect();
    if keys.len() >= MAX_KEYS {
        return Err(ApiError::new("ThrottlingException", "Too many keys were sent to this user within a minute."));
    }
    keys.push(PushedKey { openssh, expires: context.now.plus_ms(LIFE_MS) });
    tx.put(PushedKeys { target, instance: id, user, keys });
    Ok(SendResult { request_id: context.request_id.clone(), success: true })
}

/// SendSerialConsoleSSHPublicKey: a machine here has no serial port to log in at, so the account has no access to any,
/// as on AWS before somebody switches it on.
fn send_serial_console_key(
    _: &Context,
    tx: &mut Transaction,
    request: SendSerialRequest,
) -> Result<SendResult, ApiError> {
    if request.serial_port.is_some_and(|port| port != 0) {
        return Err(invalid("The serial port must be 0."));
    }
    public_key(request.ssh_public_key.as_deref())?;
    find(tx, request.instance_id.as_deref())?;
    Err(ApiError::new(
        "SerialConsoleAccessDisabledException",
        "Your account is not authorized to use the EC2 serial console.",
    ))
}

/// The model's pattern: a name as systems have them, or digits with something else behind.
fn os_user(user: Option<&str>) -> Result<&str, ApiError> {
    let user = user.filter(|user| !user.is_empty() && user.len() <= 32);
    let user = user.ok_or_else(|| invalid("The user of the operating system must have 1 to 32 characters."))?;
    let is_inner = |b: u8| b.is_ascii_alphanumeric() || b"@._-".contains(&b);
    let is_last = |b: u8| b.is_ascii_alphanumeric() || b"$_-@.".contains(&b);
    let bytes = user.as_bytes();
    let starts_well = !bytes[0].is_ascii_digit() || bytes.iter().any(|b| !b.is_ascii_digit());
    let begins = bytes[0].is_ascii_alphanumeric() || bytes[0] == b'_';
    let (last, inner) = bytes.split_last().unwrap_or((&b'_', &[]));
    if begins && starts_well && inner.iter().all(|b| is_inner(*b)) && is_last(*last) {
        return Ok(user);
    }
    Err(invalid(format!("{user:?} is no name of a user of the operating system.")))
}

/// A key of the kinds that Instance Connect takes, as a line without options and comment.
fn public_key(text: Option<&str>) -> Result<String, ApiError> {
    let text = text.filter(|text| (80..=4096).contains(&text.len()));
    let text = text.ok_or_else(|| invalid("The public key must have 80 to 4096 characters."))?.trim();
    let bad = || invalid("The public key must be an OpenSSH key of type ED25519, or RSA with 2048 or 4096 bits.");
    if text.chars().any(char::is_control) || !text.contains(' ') {
        return Err(bad());
    }
    let key = keys::parse_public(text.as_bytes()).map_err(|_| bad())?;
    // The shortest of the RSA keys that may be imported is not taken here.
    if key.openssh.starts_with("ssh-rsa ") && key.openssh.len() < 300 {
        return Err(bad());
    }
    Ok(key.openssh)
}

fn find<'a>(tables: &'a Tables, id: Option<&str>) -> Result<&'a Instance, ApiError> {
    let text = id.unwrap_or_default();
    let id: InstanceId = text.parse().map_err(|_| invalid(format!("{text:?} is no instance id.")))?;
    let instance = tables.instances.get(&id).filter(|instance| instance.state != InstanceState::Terminated);
    instance.map(AsRef::as_ref).ok_or_else(not_found)
}

fn not_found() -> ApiError {
    ApiError::new("EC2InstanceNotFoundException", "Instance not found")
}

fn check_zone(instance: &Instance, zone: &str) -> Result<(), ApiError> {
    match zone.parse::<types::AvailabilityZone>() {
        Err(_) => Err(invalid(format!("{zone:?} is no Availability Zone."))),
        Ok(zone) if zone == instance.zone => Ok(()),
        Ok(_) => Err(not_found()),
    }
}

/// The keys that open an instance for one of its users now, one a line; `None` where there are none.
pub fn active_keys(tables: &Tables, instance: InstanceId, user: &str, now: Timestamp) -> Option<String> {
    let pushed = tables.pushed_keys.get(&PushedKeys::target(instance, user))?;
    let lines: Vec<&str> = pushed.keys.iter().filter(|key| key.expires > now).map(|key| key.openssh.as_str()).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The users of an instance for whom there are keys now.
pub fn active_users(tables: &Tables, instance: InstanceId, now: Timestamp) -> Vec<&str> {
    let from: std::sync::Arc<str> = PushedKeys::target(instance, "");
    let own = tables.pushed_keys.range(from..).map(|(_, pushed)| pushed).take_while(|p| p.instance == instance);
    own.filter(|pushed| pushed.keys.iter().any(|key| key.expires > now)).map(|pushed| pushed.user.as_str()).collect()
}

/// When the first of the keys is over.
pub(crate) fn due(pushed: &PushedKeys) -> Option<Timestamp> {
    pushed.keys.iter().map(|key| key.expires).min()
}

/// Forgets the keys that are over.
pub(crate) fn advance(tx: &mut Transaction, now: Timestamp, pushed: &PushedKeys) {
    let keys: Vec<PushedKey> = pushed.keys.iter().filter(|key| key.expires > now).cloned().collect();
    if keys.is_empty() {
        tx.delete(Key::PushedKeys(pushed.target.clone()));
    } else {
        tx.put(PushedKeys { keys, ..pushed.clone() });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::services::Service::InstanceConnect;
    use crate::services::testing::Bed;
    use crate::settle;
    use crate::testing::context_at;

    use super::*;

    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEGrKRM5PZnKJ8dFNPEWzVpuZdCWBlZEJFsCEnYVG2OW me@example";

    fn ask(id: InstanceId) -> serde_json::Value {
        json!({"InstanceId": id.to_string(), "InstanceOSUser": "admin", "SSHPublicKey": ED25519})
    }

    fn shown(bed: &Bed, id: InstanceId, user: &str) -> Option<String> {
        active_keys(&bed.state.regions[&bed.context.region], id, user, bed.context.now)
    }

    #[test]
    fn a_key_opens_the_instance_for_a_minute() {
        let (mut bed, id) = Bed::with_instance();
        let answer = bed.ask(InstanceConnect, "SendSSHPublicKey", ask(id)).unwrap();
        assert_eq!(answer, json!({"RequestId": "request", "Success": true}));
        let line = ED25519.rsplit_once(' ').unwrap().0;
        assert_eq!(shown(&bed, id, "admin").as_deref(), Some(line), "without the comment");
        assert_eq!(shown(&bed, id, "root"), None);
        let tables = &bed.state.regions[&bed.context.region];
        assert_eq!(active_users(tables, id, bed.context.now), ["admin"]);
        bed.later(59_999);
        let at = context_at(Timestamp::from_unix_ms(1_700_000_000_000 + 59_999));
        bed.write(|tx| settle::settle(&at, tx));
        assert!(shown(&bed, id, "admin").is_some());
        bed.later(1);
        assert_eq!(shown(&bed, id, "admin"), None, "over, even before it is forgotten");
        let at = context_at(Timestamp::from_unix_ms(1_700_000_000_000 + 60_000));
        bed.write(|tx| settle::settle(&at, tx));
        assert!(bed.state.regions[&bed.context.region].pushed_keys.is_empty());
    }

    #[test]
    fn sending_a_key_again_renews_it() {
        let (mut bed, id) = Bed::with_instance();
        bed.ask(InstanceConnect, "SendSSHPublicKey", ask(id)).unwrap();
        bed.later(50_000);
        bed.ask(InstanceConnect, "SendSSHPublicKey", ask(id)).unwrap();
        bed.later(50_000);
        assert_eq!(shown(&bed, id, "admin").unwrap().lines().count(), 1);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let (mut bed, id) = Bed::with_instance();
        for (member, value, code) in [
            ("InstanceId", json!("i-00000000000000fff"), "EC2InstanceNotFoundException"),
            ("InstanceId", json!("x"), "InvalidArgsException"),
            ("InstanceId", json!(null), "InvalidArgsException"),
            ("InstanceId", json!(7), "InvalidArgsException"),
            ("InstanceOSUser", json!(""), "InvalidArgsException"),
            ("InstanceOSUser", json!("1234"), "InvalidArgsException"),
            ("InstanceOSUser", json!("../etc"), "InvalidArgsException"),
            ("InstanceOSUser", json!("a/b"), "InvalidArgsException"),
            ("InstanceOSUser", json!("a".repeat(33)), "InvalidArgsException"),
            ("SSHPublicKey", json!("short"), "InvalidArgsException"),
            ("SSHPublicKey", json!("x".repeat(100)), "InvalidArgsException"),
            ("SSHPublicKey", json!(format!("{ED25519}\ncommand=\"x\" {ED25519}")), "InvalidArgsException"),
            ("SSHPublicKey", json!(format!("command=\"x\" {ED25519}")), "InvalidArgsException"),
            ("SSHPublicKey", json!("x".repeat(5_000)), "InvalidArgsException"),
            ("AvailabilityZone", json!("us-east-1f"), "EC2InstanceNotFoundException"),
            ("AvailabilityZone", json!("no where"), "InvalidArgsException"),
            ("Unknown", json!(1), "InvalidArgsException"),
        ] {
            let mut request = ask(id);
            request[member] = value;
            assert_eq!(bed.error(InstanceConnect, "SendSSHPublicKey", request.clone()), code, "{request}");
        }
        let zone = bed.state.regions[&bed.context.region].instances[&id].zone.to_string();
        let mut request = ask(id);
        request["AvailabilityZone"] = json!(zone);
        bed.ask(InstanceConnect, "SendSSHPublicKey", request).unwrap();
        let mut stopped = Instance::clone(&bed.state.regions[&bed.context.region].instances[&id]);
        stopped.state = InstanceState::Stopped;
        bed.write(|tx| tx.put(stopped));
        assert_eq!(bed.error(InstanceConnect, "SendSSHPublicKey", ask(id)), "EC2InstanceStateInvalidException");
    }

    #[test]
    fn there_is_no_serial_console() {
        let (mut bed, id) = Bed::with_instance();
        let ask = json!({"InstanceId": id.to_string(), "SSHPublicKey": ED25519});
        let code = bed.error(InstanceConnect, "SendSerialConsoleSSHPublicKey", ask.clone());
        assert_eq!(code, "SerialConsoleAccessDisabledException");
        let mut port = ask;
        port["SerialPort"] = json!(1);
        assert_eq!(bed.error(InstanceConnect, "SendSerialConsoleSSHPublicKey", port), "InvalidArgsException");
    }
}
