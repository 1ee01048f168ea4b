//! `daemun ssh`: a shell on an instance, by its name.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use host::image::DEFAULT_USER;
use host::program::Program;

use super::cloud::{self, InstanceView};
use super::{Session, args, image};
use crate::client::Client;
use crate::text::text;

/// Becomes `ssh`; only comes back if that fails.
pub fn run(session: &Session, ssh: &args::Ssh) -> anyhow::Result<ExitCode> {
    let (_, client) = session.connect()?;
    let instance = find(session, &client, &ssh.instance)?;
    let Some(address) = instance.public_address else {
        bail!(text!(session.texts, "ssh-no-address", id = instance.id, state = instance.state));
    };
    let user = match &ssh.user {
        Some(user) => user.clone(),
        None => login_user(session, &client, &instance)?,
    };
    let identity = ssh.identity.clone().or_else(|| saved_key(&session.state_dir, instance.key_name.as_deref()));
    let program = Program::new("ssh", "openssh-client")
        .args(options(&session.state_dir, identity.as_deref()))
        // A new machine may come back with an old address, and so with another host key: it is known by its id.
        .args(["-o", &format!("HostKeyAlias={}", instance.id)])
        .args([format!("{user}@{address}")])
        .args(&ssh.arguments);
    if session.is_json() {
        let status = program.run_on_terminal()?;
        return Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(255)));
    }
    Err(program.replace_this_process().into())
}

/// The instance of this id or `Name` tag.
fn find(session: &Session, client: &Client, wanted: &str) -> anyhow::Result<InstanceView> {
    let is_id = wanted.strip_prefix("i-").is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    let by = if is_id { cloud::filter("instance-id", &[wanted]) } else { cloud::filter("tag:Name", &[wanted]) };
    let mut found = cloud::instances(client, vec![by])?;
    // A name often outlives its machine; among several the ones that run are meant.
    let ended = |instance: &InstanceView| matches!(instance.state.as_str(), "terminated" | "shutting-down");
    if found.iter().any(|instance| !ended(instance)) {
        found.retain(|instance| !ended(instance));
    }
    match found.as_slice() {
        [] => Err(anyhow!(text!(session.texts, "ssh-no-instance", wanted = wanted, region = session.region))),
        [_] => Ok(found.remove(0)),
        several => {
            let ids: Vec<_> = several.iter().map(|instance| instance.id.as_str()).collect();
            Err(anyhow!(text!(session.texts, "ssh-several", wanted = wanted, ids = ids.join(", "))))
        }
    }
}

/// The user of the instance's image, as the image store knows it.
fn login_user(session: &Session, client: &Client, instance: &InstanceView) -> anyhow::Result<String> {
    let images = cloud::images(client, vec![cloud::filter("image-id", &[&instance.image_id])])?;
    let name = images.first().map(|image| image.name.as_str());
    Ok(name.map_or_else(|| DEFAULT_USER.to_owned(), |name| image::user_of(session, name)))
}

/// The private key that the demo saved for this key pair.
pub fn saved_key(state_dir: &Path, key_name: Option<&str>) -> Option<PathBuf> {
    let name = key_name.filter(|name| !name.contains('/'))?;
    Some(state_dir.join("demo").join(format!("{name}.pem"))).filter(|path| path.exists())
}

/// Where host keys are kept.
pub fn known_hosts(dir: &Path) -> PathBuf {
    dir.join("known_hosts")
}

/// Options for every `ssh` to an instance: a host key is believed the first time it is seen, kept with the state
/// directory, and held against it from then on.
pub fn options(state_dir: &Path, identity: Option<&Path>) -> Vec<String> {
    let mut options = vec![
        "-o".to_owned(),
        format!("UserKnownHostsFile={}", known_hosts(state_dir).display()),
        "-o".to_owned(),
        "StrictHostKeyChecking=accept-new".to_owned(),
    ];
    if let Some(identity) = identity {
        options.extend([
            "-i".to_owned(),
            identity.display().to_string(),
            "-o".to_owned(),
            "IdentitiesOnly=yes".to_owned(),
        ]);
    }
    options
}
