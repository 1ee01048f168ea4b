//! The real connection that is held against the explanation.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use explain::{Answer, Asked, ClientError};
use host::machine::CallMet;
use host::program::Program;
use serde::Serialize;
use serde_json::json;

use crate::cli::{Session, ssh};
use crate::client::Client;
use crate::serve::DaemonInfo;
use crate::text::text;

/// What is tried.
pub struct Tried<'a> {
    /// By which protocol.
    pub protocol: Asked,
    /// The private key of the login that is wanted.
    pub identity: Option<&'a Path>,
    /// How long a call waits, in seconds.
    pub wait: u16,
}

/// How long a login may take once it is connected.
const LOGIN: Duration = Duration::from_secs(10);

/// What a real connection met.
#[derive(Debug, Serialize)]
pub struct Probe {
    /// What the client saw; `None`: it got through.
    pub met: Option<ClientError>,
    /// Whether that is what was foretold.
    pub agrees: bool,
}

impl Probe {
    /// What it met, in words.
    pub fn text(&self, session: &Session) -> String {
        match self.met {
            None => text!(session.texts, "why-met-nothing"),
            Some(_) => super::client_sees(session, self.met),
        }
    }
}

/// Tries what was explained, from where the call would come; `None` where it cannot be tried from here: a call of the
/// internet's or of another address, or by a protocol that tells nothing.
pub fn send(
    session: &Session,
    daemon: &DaemonInfo,
    client: &Client,
    answer: &Answer,
    &Tried { protocol, identity, wait }: &Tried<'_>,
) -> anyhow::Result<Option<Probe>> {
    let Some(address) = answer.address.filter(|_| protocol == Asked::Tcp) else { return Ok(None) };
    // A name that leads nowhere leads nowhere for a call, too.
    if answer.client_error == Some(ClientError::Unresolved) {
        return Ok(None);
    }
    let target = SocketAddr::from((address, answer.port));
    let met = if let Some(instance) = answer.from_instance {
        let question = json!({"instance": instance, "address": address, "port": answer.port, "wait": wait});
        let Some(met) = client.ask::<Option<CallMet>>("Probe", &question)? else { return Ok(None) };
        met
    } else if answer.from_operator && daemon.shares_our_network() {
        host::machine::call(target, Duration::from_secs(wait.into()))
    } else {
        return Ok(None);
    };
    let mut met = match met {
        CallMet::Connected => None,
        CallMet::Refused => Some(ClientError::Refused),
        CallMet::TimedOut => Some(ClientError::TimedOut),
        CallMet::NoRoute => Some(ClientError::NoRoute),
    };
    let user = answer.user.as_deref().filter(|_| met.is_none() && answer.from_operator);
    let login = user.zip(identity);
    if let Some((user, identity)) = login {
        met = match log_in(session, answer, target, user, identity, wait)? {
            Login::In => None,
            Login::Denied => Some(ClientError::PermissionDenied),
            // Something else than the lock was in the way, such as a host key that is another than before.
            Login::Unclear => return Ok(None),
        };
    }
    // Without a login, a connection is all that was tried.
    let foretold = answer.client_error.filter(|error| *error != ClientError::PermissionDenied || login.is_some());
    // Where there is no way at all, the caller's own system may say so at once or leave it to wait.
    let is_silence = |error: Option<ClientError>| matches!(error, Some(ClientError::TimedOut | ClientError::NoRoute));
    let agrees = met == foretold || (is_silence(met) && is_silence(foretold));
    Ok(Some(Probe { met, agrees }))
}

/// What a login met.
enum Login {
    In,
    Denied,
    Unclear,
}

/// A real login, with nothing to run.
fn log_in(
    session: &Session,
    answer: &Answer,
    target: SocketAddr,
    user: &str,
    identity: &Path,
    wait: u16,
) -> anyhow::Result<Login> {
    let alias = answer.instance.map_or_else(|| target.ip().to_string(), |id| id.to_string());
    let finished = Program::new("ssh", "openssh-client")
        .args(ssh::options(&session.state_dir, Some(identity)))
        .args(["-o", "BatchMode=yes", "-o", "PreferredAuthentications=publickey"])
        .args(["-o", &format!("ConnectTimeout={wait}")])
        .args(["-o", &format!("HostKeyAlias={alias}"), "-p", &target.port().to_string()])
        .args([&format!("{user}@{}", target.ip()), "true"])
        .run(Duration::from_secs(wait.into()) + LOGIN)?;
    Ok(match finished {
        done if done.succeeded() => Login::In,
        done if done.stderr.contains("Permission denied") => Login::Denied,
        _ => Login::Unclear,
    })
}
