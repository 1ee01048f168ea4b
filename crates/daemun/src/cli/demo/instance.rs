//! Steps 1 to 5: from a key pair to a shell.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use ec2_shapes::{CreateKeyPairRequest, CreateSecurityGroupRequest, KeyType, Response, RunInstancesRequest};

use super::probe::{self, Identity, PATIENCE_SECONDS};
use super::scene::{self, NAME, Scene};
use super::story::{Acts, Unexpected};
use crate::cli::cloud;
use crate::cli::output::shell_word;
use crate::client::CallError;
use crate::text::text;

/// How long an `ssh` may take that is not left waiting on purpose.
const SSH: Duration = Duration::from_secs(30);

/// A key pair, its private half saved 0400.
pub fn key_pair(scene: &mut Scene<'_>, acts: &mut Acts) -> anyhow::Result<()> {
    let path = shell_word(&scene.key_path.to_string_lossy());
    acts.command(format!(
        "aws ec2 create-key-pair --key-name {NAME} --key-type ed25519 {} --query KeyMaterial --output text > {path} \
         && chmod 400 {path}",
        scene::tags_argument("key-pair")
    ));
    let answer = scene.client.call(CreateKeyPairRequest {
        key_name: NAME.to_owned(),
        key_type: Some(KeyType::Ed25519),
        tag_specifications: scene::tags("key-pair"),
        ..Default::default()
    })?;
    let Response::CreateKeyPair(key) = answer else { return Err(CallError::unexpected(&answer).into()) };
    let material = key.key_material.unwrap_or_default();
    let first_line = material.lines().next().unwrap_or_default();
    if !first_line.starts_with("-----BEGIN ") || !first_line.contains("PRIVATE KEY") {
        let expected = text!(scene.texts, "demo-expect-key");
        return Err(Unexpected { expected, got: first_line.to_owned() }.into());
    }
    save_private(&scene.key_path, &material)?;
    let (id, fingerprint) = (key.key_pair_id.unwrap_or_default(), key.key_fingerprint.unwrap_or_default());
    acts.result(text!(scene.texts, "demo-key-made", id = id, fingerprint = fingerprint));
    acts.result(text!(scene.texts, "demo-key-saved", path = path));
    Ok(())
}

/// Writes a file that only its owner may read and nobody may change.
fn save_private(path: &Path, contents: &str) -> anyhow::Result<()> {
    let shown = path.display();
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot replace {shown}"));
        }
        _ => {}
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o400)
        .open(path)
        .with_context(|| format!("cannot write {shown}"))?;
    let newline = if contents.ends_with('\n') { "" } else { "\n" };
    file.write_all(format!("{contents}{newline}").as_bytes()).with_context(|| format!("cannot write {shown}"))
}

/// A group that opens nothing.
pub fn security_group(scene: &mut Scene<'_>, acts: &mut Acts) -> anyhow::Result<()> {
    let description = "Who may come in to the demo instance";
    acts.command(format!(
        "aws ec2 create-security-group --group-name {NAME} --description {} {}",
        shell_word(description),
        scene::tags_argument("security-group")
    ));
    let answer = scene.client.call(CreateSecurityGroupRequest {
        group_name: NAME.to_owned(),
        description: description.to_owned(),
        tag_specifications: scene::tags("security-group"),
        ..Default::default()
    })?;
    let Response::CreateSecurityGroup(created) = answer else { return Err(CallError::unexpected(&answer).into()) };
    scene.group_id = created.group_id.unwrap_or_default();
    acts.result(format!("GroupId {}", scene.group_id));
    acts.command(format!(
        "aws ec2 describe-security-groups --group-ids {} --query 'SecurityGroups[0].IpPermissions'",
        scene.group_id
    ));
    let rules = scene.group()?.ingress;
    if let Some(rule) = rules.first() {
        let expected = text!(scene.texts, "demo-expect-no-rule");
        return Err(Unexpected { expected, got: format!("{} {}", rule.ports(), rule.peer) }.into());
    }
    acts.result("[]");
    Ok(())
}

/// An instance, with the seconds until it ran.
pub fn run_instance(scene: &mut Scene<'_>, acts: &mut Acts) -> anyhow::Result<()> {
    acts.command(format!(
        "aws ec2 describe-images --filters Name=name,Values={} --query 'Images[].[ImageId,Name]' --output text",
        scene.image
    ));
    let images = cloud::images(scene.client, vec![cloud::filter("name", &[&scene.image])])?;
    let Some(image) = images.into_iter().next() else {
        let expected = text!(scene.texts, "demo-expect-image", name = scene.image);
        return Err(Unexpected { expected, got: "[]".to_owned() }.into());
    };
    acts.result(format!("{}  {}", image.id, image.name));

    acts.command(format!(
        "aws ec2 run-instances --image-id {} --instance-type {} --key-name {NAME} --security-group-ids {} --count 1 {}",
        image.id,
        scene.instance_type,
        scene.group_id,
        scene::tags_argument("instance")
    ));
    let started = Instant::now();
    let answer = scene.client.call(RunInstancesRequest {
        image_id: Some(image.id),
        instance_type: Some(scene.instance_type.clone()),
        key_name: Some(NAME.to_owned()),
        security_group_ids: vec![scene.group_id.clone()],
        min_count: 1,
        max_count: 1,
        tag_specifications: scene::tags("instance"),
        ..Default::default()
    })?;
    let Response::RunInstances(reservation) = answer else { return Err(CallError::unexpected(&answer).into()) };
    let id = reservation.instances.into_iter().next().and_then(|i| i.instance_id).unwrap_or_default();
    acts.result(format!("InstanceId {id}"));

    acts.command(format!("aws ec2 wait instance-running --instance-ids {id}"));
    let instance = scene::wait_for_state(scene.texts, scene.client, &id, "running")?;
    let seconds = format!("{:.2}", started.elapsed().as_secs_f64());
    acts.result(text!(scene.texts, "demo-running", seconds = seconds));
    acts.command(format!(
        "aws ec2 describe-instances --instance-ids {id} --query \
         'Reservations[0].Instances[0].[PublicIpAddress,PrivateIpAddress]' --output text"
    ));
    scene.instance = Some(instance);
    let private = scene.instance()?.private_address.map_or_else(|| "-".to_owned(), |address| address.to_string());
    acts.result(text!(scene.texts, "demo-addresses", public = scene.address()?, private = private));
    Ok(())
}

/// `ssh` times out: no rule for 22.
pub fn ssh_times_out(scene: &mut Scene<'_>, acts: &mut Acts) -> anyhow::Result<()> {
    let shell = scene.shell()?;
    acts.command(shell.command_line(Identity::Key, Some(PATIENCE_SECONDS), ""));
    let finished = shell.program(Identity::Key, Some(PATIENCE_SECONDS), "true").run(SSH)?;
    if !probe::timed_out(&finished) {
        let expected = text!(scene.texts, "demo-expect-ssh-timeout");
        return Err(Unexpected { expected, got: probe::said(&finished) }.into());
    }
    acts.result(probe::said(&finished));
    Ok(())
}

/// 22 for the operator alone: refused without the key, a shell with it.
pub fn ssh_with_key(scene: &mut Scene<'_>, acts: &mut Acts) -> anyhow::Result<()> {
    scene.open(acts, &[22], &format!("{}/32", scene.operator))?;
    let shell = scene.shell()?;

    acts.command(shell.command_line(Identity::None, None, ""));
    let attempt = || Ok(shell.program(Identity::None, Some(PATIENCE_SECONDS), "true").run(SSH)?);
    let refused = probe::retry(SSH, attempt, |finished| !probe::not_yet(finished))?;
    if refused.succeeded() || !refused.stderr.contains("Permission denied (publickey)") {
        let expected = "Permission denied (publickey)".to_owned();
        return Err(Unexpected { expected, got: probe::said(&refused) }.into());
    }
    acts.result(probe::said(&refused));

    acts.command(shell.command_line(Identity::Key, None, "whoami; hostname"));
    let attempt = || Ok(shell.program(Identity::Key, Some(PATIENCE_SECONDS), "whoami; hostname").run(SSH)?);
    let inside = probe::retry(SSH, attempt, |finished| !probe::not_yet(finished))?;
    if !inside.succeeded() || inside.stdout.lines().next() != Some(scene.user.as_str()) {
        let expected = text!(scene.texts, "demo-expect-shell", user = scene.user);
        return Err(Unexpected { expected, got: probe::said(&inside) }.into());
    }
    acts.results(&inside.stdout, 2);
    shell.write_settings()?;
    acts.result(text!(scene.texts, "demo-ssh-settings", path = shell.settings_path().display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_private_key_is_private_and_can_be_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.pem");
        for contents in ["one", "two\n"] {
            save_private(&path, contents).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", contents.trim()));
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o400);
        }
    }
}
