//! Steps 9 and 10: nginx in front of the API, and the API's own port closed again.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use super::probe::Curl;
use super::program::{SOON, rows};
use super::scene::{EVERYONE, Scene};
use super::story::Acts;
use crate::cli::output::shell_word;
use crate::text::text;

/// How long installing may take: a key is drawn and nginx restarted.
const REMOTE: Duration = Duration::from_secs(60);

/// nginx on 80 and, with a certificate made there, on 443, in front of 3005.
pub fn nginx(scene: &mut Scene<'_>, acts: &mut Acts) -> anyhow::Result<()> {
    let shell = scene.shell()?;
    let install = format!("sudo /srv/api/deploy/install-nginx.sh {} && systemctl is-active nginx", scene.address()?);
    acts.command(shell.short_command_line(&install));
    acts.results(&shell.run(&install, REMOTE)?, 1);

    let fetch = "cat /etc/nginx/api.crt";
    let path = certificate(scene);
    let to = shell_word(&path.to_string_lossy());
    acts.command(format!("{} > {to}", shell.short_command_line(fetch)));
    let contents = shell.run(fetch, REMOTE)?;
    fs::write(&path, &contents).with_context(|| format!("cannot write {}", path.display()))?;
    acts.results(&contents, 1);

    scene.open(acts, &[80, 443], EVERYONE)?;
    rows(scene, acts, &Curl::new(&format!("http://{}/api/data", scene.address()?), None))?;
    rows(scene, acts, &encrypted(scene)?)
}

/// 3005 closed: new connections time out, 443 still answers.
pub fn close_api(scene: &mut Scene<'_>, acts: &mut Acts) -> anyhow::Result<()> {
    scene.close(acts, 3005, EVERYONE)?;
    let curl = Curl::new(&scene.url(3005)?, None);
    acts.command(curl.command_line());
    let expected = text!(scene.texts, "demo-expect-curl-timeout", port = 3005);
    acts.result(curl.until_unanswered(&expected, SOON)?);
    rows(scene, acts, &encrypted(scene)?)
}

/// `curl` to 443 that believes the certificate made on the instance.
pub fn encrypted(scene: &Scene<'_>) -> anyhow::Result<Curl> {
    Ok(Curl::new(&format!("https://{}/api/data", scene.address()?), Some(&certificate(scene))))
}

fn certificate(scene: &Scene<'_>) -> PathBuf {
    scene.dir.join("api.crt")
}
