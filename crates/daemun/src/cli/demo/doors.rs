//! Step 11: who can come in.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::scene::{EVERYONE, Scene};
use super::story::{Acts, Unexpected};
use crate::cli::cloud::RuleView;
use crate::cli::output;
use crate::text::{Texts, text};

/// A TCP port that a program listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Door {
    port: u16,
    process: String,
    /// Whether it only listens to the machine itself.
    inside_only: bool,
}

/// A table: port, process, open to whom, how they prove who they are.
pub fn table(scene: &mut Scene<'_>, acts: &mut Acts) -> anyhow::Result<()> {
    let shell = scene.shell()?;
    let list = "sudo ss -H -l -t -n -p";
    acts.command(shell.short_command_line(list));
    let doors = listening(&shell.run(list, Duration::from_secs(30))?);
    acts.result(text!(scene.texts, "demo-doors-found", count = doors.len()));
    acts.command(format!(
        "aws ec2 describe-security-groups --group-ids {} --query 'SecurityGroups[0].IpPermissions'",
        scene.group_id
    ));
    let rules = scene.group()?.ingress;
    acts.result(text!(scene.texts, "demo-rules-found", count = rules.len()));

    let headings = [
        text!(scene.texts, "column-port"),
        text!(scene.texts, "column-process"),
        text!(scene.texts, "column-open-to"),
        text!(scene.texts, "column-proof"),
    ];
    let rows: Vec<_> = doors.iter().map(|door| row(scene, door, &rules)).collect();
    acts.command(scene_command(scene));
    output::table(&headings, &rows).into_iter().for_each(|line| acts.result(line));
    check(scene, &doors, &rules)
}

/// The table is this program's own; the two commands before it are its sources.
fn scene_command(scene: &Scene<'_>) -> String {
    format!("# {}", text!(scene.texts, "demo-doors-title"))
}

/// What `ss` lists, one door a port.
fn listening(listing: &str) -> Vec<Door> {
    let mut doors: BTreeMap<u16, Door> = BTreeMap::new();
    for line in listing.lines() {
        let Some((address, port)) = line.split_whitespace().nth(3).and_then(|local| local.rsplit_once(':')) else {
            continue;
        };
        let Ok(port) = port.parse() else { continue };
        let process = line.split('"').nth(1).unwrap_or("-").to_owned();
        let address = address.split('%').next().unwrap_or(address);
        let inside_only = address.starts_with("127.") || address == "[::1]" || address == "[::ffff:127.0.0.1]";
        let door = doors.entry(port).or_insert(Door { port, process, inside_only });
        door.inside_only &= inside_only;
    }
    doors.into_values().collect()
}

/// The peers whom the rules let in to a port.
fn peers(rules: &[RuleView], port: u16) -> BTreeSet<&str> {
    rules.iter().filter(|rule| rule.opens_tcp(port)).map(|rule| rule.peer.as_str()).collect()
}

fn row(scene: &Scene<'_>, door: &Door, rules: &[RuleView]) -> Vec<String> {
    let texts = scene.texts;
    let peers = peers(rules, door.port);
    let operator = format!("{}/32", scene.operator);
    let open_to = if door.inside_only {
        text!(texts, "doors-inside-only")
    } else if peers.contains(EVERYONE) {
        text!(texts, "doors-everyone")
    } else if peers.is_empty() {
        text!(texts, "doors-nobody")
    } else if peers.iter().all(|peer| *peer == operator) {
        text!(texts, "doors-operator", peer = operator)
    } else {
        peers.into_iter().collect::<Vec<_>>().join(", ")
    };
    vec![door.port.to_string(), door.process.clone(), open_to, proof(texts, door.port)]
}

/// How whoever comes in by a port proves who they are.
fn proof(texts: &Texts, port: u16) -> String {
    match port {
        22 => text!(texts, "proof-key"),
        80 | 3004 => text!(texts, "proof-none"),
        443 => text!(texts, "proof-certificate"),
        3005 => text!(texts, "proof-behind-nginx"),
        3306 => text!(texts, "proof-password"),
        _ => "-".to_owned(),
    }
}

/// The doors must stand as the story left them.
fn check(scene: &Scene<'_>, doors: &[Door], rules: &[RuleView]) -> anyhow::Result<()> {
    let operator = format!("{}/32", scene.operator);
    let wanted: [(u16, &[&str]); 6] =
        [(22, &[&operator]), (80, &[EVERYONE]), (443, &[EVERYONE]), (3004, &[EVERYONE]), (3005, &[]), (3306, &[])];
    for (port, allowed) in wanted {
        let listens = doors.iter().any(|door| door.port == port);
        let found = peers(rules, port);
        if !listens || !found.iter().copied().eq(allowed.iter().copied()) {
            let show = |peers: Vec<&str>| if peers.is_empty() { "-".to_owned() } else { peers.join(", ") };
            let expected = text!(scene.texts, "demo-expect-door", port = port, peers = show(allowed.to_vec()));
            let listens = if listens { "LISTEN" } else { "-" };
            return Err(Unexpected { expected, got: format!("{listens} {}", show(found.into_iter().collect())) }.into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = r#"LISTEN 0 128          0.0.0.0:22         0.0.0.0:*    users:(("sshd",pid=92,fd=3))
LISTEN 0 511                *:3005             *:*    users:(("node",pid=401,fd=19))
LISTEN 0 80         127.0.0.1:3306       0.0.0.0:*    users:(("mariadbd",pid=160,fd=22))
LISTEN 0 4096   127.0.0.53%lo:53         0.0.0.0:*    users:(("systemd-resolve",pid=7,fd=1))
LISTEN 0 128             [::]:22            [::]:*    users:(("sshd",pid=92,fd=4))
LISTEN 0 5              [::1]:631           [::]:*
"#;

    #[test]
    fn doors_are_read_from_ss() {
        let door = |port, process: &str, inside_only| Door { port, process: process.to_owned(), inside_only };
        assert_eq!(
            listening(LISTING),
            [
                door(22, "sshd", false),
                door(53, "systemd-resolve", true),
                door(631, "-", true),
                door(3005, "node", false),
                door(3306, "mariadbd", true),
            ]
        );
    }

    #[test]
    fn a_port_that_also_listens_outside_is_no_inside_door() {
        let listing = "LISTEN 0 1 127.0.0.1:80 0.0.0.0:*\nLISTEN 0 1 0.0.0.0:80 0.0.0.0:*\n";
        assert!(!listening(listing)[0].inside_only);
    }

    #[test]
    fn peers_of_a_port() {
        let rule = |port, peer: &str| RuleView {
            protocol: "tcp".to_owned(),
            from_port: Some(port),
            to_port: Some(port),
            peer: peer.to_owned(),
        };
        let rules = [rule(22, "198.18.0.1/32"), rule(80, EVERYONE)];
        assert_eq!(peers(&rules, 22).into_iter().collect::<Vec<_>>(), ["198.18.0.1/32"]);
        assert!(peers(&rules, 3005).is_empty());
    }
}
