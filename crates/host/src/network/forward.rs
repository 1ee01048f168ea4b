//! Other programs' firewalls that stand between machines and the internet.
//!
//! A packet has to pass every base chain of the `forward` hook; what one accepts another may still drop. Docker sets
//! the policy of its chain to drop, and has a chain `DOCKER-USER` for exceptions: ours goes there by itself. For
//! others the operator is told what to do.

use serde_json::Value;

use super::ForwardProblem;
use super::program::{nft_list, nft_transaction, program_output};
use crate::Result;

/// A base chain at the `forward` hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ForwardChain {
    family: String,
    table: String,
    name: String,
    drops: bool,
}

/// The base chains of the `forward` hook: those of other programs, and of this and other clouds.
pub(super) fn base_chains() -> Result<Vec<ForwardChain>> {
    let answer = nft_list(&["chains"])?.unwrap_or_default();
    let items = answer["nftables"].as_array().cloned().unwrap_or_default();
    let chain = |item: &Value| {
        let chain = item.get("chain").filter(|chain| chain["hook"] == "forward")?;
        let text = |key: &str| chain[key].as_str().map(str::to_owned);
        Some(ForwardChain {
            family: text("family")?,
            table: text("table")?,
            name: text("name")?,
            drops: chain["policy"] == "drop",
        })
    };
    Ok(items.iter().filter_map(chain).filter(|chain| chain.family != "ip6").collect())
}

/// The rules of a chain as JSON; none where there is no such chain.
fn rules(family: &str, table: &str, chain: &str) -> Result<Option<Vec<Value>>> {
    let answer = nft_list(&["chain", family, table, chain])?;
    Ok(answer.map(|answer| {
        let items = answer["nftables"].as_array().cloned().unwrap_or_default();
        items.into_iter().filter_map(|mut item| item.get_mut("rule").map(Value::take)).collect()
    }))
}

/// The fields of Docker's chain that name a link, with what our rules there say.
const DOCKER_FIELDS: [&str; 2] = ["iifname", "oifname"];

/// Whether a rule does nothing but accept what comes in (or goes out) by the link.
fn accepts(rule: &Value, field: &str, link: &str) -> bool {
    let expressions = rule["expr"].as_array().map_or(&[][..], Vec::as_slice);
    let [condition, rest @ ..] = expressions else { return false };
    let condition = &condition["match"];
    condition["left"]["meta"]["key"] == field
        && condition["right"] == link
        && condition["op"] == "=="
        && rest.last().is_some_and(|last| last.get("accept").is_some())
}

/// Puts our exceptions into Docker's chain, if there is one; says what was done.
pub(super) fn let_through_docker(link: &str) -> Result<Vec<String>> {
    let Some(present) = rules("ip", "filter", "DOCKER-USER")? else { return Ok(Vec::new()) };
    let mut done = Vec::new();
    for field in DOCKER_FIELDS {
        if !present.iter().any(|rule| accepts(rule, field, link)) {
            let command = format!("insert rule ip filter DOCKER-USER {field} \"{link}\" accept comment \"daemun\"");
            nft_transaction(&format!("{command}\n"))?;
            done.push(format!("operator: {command}"));
        }
    }
    Ok(done)
}

/// Takes our exceptions out of Docker's chain again.
pub(super) fn forget_docker(link: &str) -> Result<()> {
    for rule in rules("ip", "filter", "DOCKER-USER")?.unwrap_or_default() {
        let ours = DOCKER_FIELDS.iter().any(|field| accepts(&rule, field, link)) && rule["comment"] == "daemun";
        if let Some(handle) = rule["handle"].as_u64().filter(|_| ours) {
            nft_transaction(&format!("delete rule ip filter DOCKER-USER handle {handle}\n"))?;
        }
    }
    Ok(())
}

/// The foreign chains that drop what machines send through this host, with what to do about each.
pub(super) fn problems(link: &str) -> Result<Vec<ForwardProblem>> {
    let mut problems = Vec::new();
    for chain in base_chains()?.iter().filter(|chain| !chain.table.starts_with("daemun_")) {
        problems.extend(problem(chain, link)?);
    }
    problems.extend(legacy_problem(link)?);
    Ok(problems)
}

/// Both rules that let the link's packets through, as one command.
fn insert_both(family: &str, table: &str, chain: &str, link: &str) -> String {
    let insert = |field: &str| format!("nft insert rule {family} {table} {chain} {field} '\"{link}\"' accept");
    format!("{} && {}", insert("iifname"), insert("oifname"))
}

fn problem(chain: &ForwardChain, link: &str) -> Result<Option<ForwardProblem>> {
    let ForwardChain { family, table, name, drops } = chain;
    let what = |why: &str| format!("chain {name} of nftables table {family} {table} {why}");
    if table == "firewalld" {
        let zone = program_output("firewall-cmd", &["--get-zone-of-interface", link]);
        let trusted = zone.is_some_and(|zone| zone.trim() == "trusted");
        return Ok((!trusted).then(|| ForwardProblem {
            what: what("rejects what no zone allows"),
            remedy: format!("firewall-cmd --permanent --zone=trusted --add-interface={link} && firewall-cmd --reload"),
        }));
    }
    let present = rules(family, table, name)?.unwrap_or_default();
    let through = |rules: &[Value]| DOCKER_FIELDS.iter().all(|f| rules.iter().any(|rule| accepts(rule, f, link)));
    if !drops || through(&present) {
        return Ok(None);
    }
    if let Some(docker) = rules(family, table, "DOCKER-USER")? {
        // Docker's chain is asked first, whatever else is in the way.
        let remedy = insert_both(family, table, "DOCKER-USER", link);
        return Ok((!through(&docker)).then(|| ForwardProblem { what: what("drops by default (Docker)"), remedy }));
    }
    let remedy = if rules(family, table, "ufw-before-forward")?.is_some() {
        let user = rules(family, table, "ufw-user-forward")?.unwrap_or_default();
        if through(&user) {
            return Ok(None);
        }
        format!("ufw route allow in on {link} && ufw route allow out on {link}")
    } else {
        insert_both(family, table, name, link)
    };
    Ok(Some(ForwardProblem { what: what("drops by default"), remedy }))
}

/// The same for rules of the older iptables, which `nft` does not see.
fn legacy_problem(link: &str) -> Result<Option<ForwardProblem>> {
    let in_use = std::fs::read_to_string("/proc/self/net/ip_tables_names").unwrap_or_default();
    if !in_use.lines().any(|table| table == "filter") {
        return Ok(None);
    }
    let program = "iptables-legacy";
    let Some(forward) = program_output(program, &["-S", "FORWARD"]) else { return Ok(None) };
    let docker = program_output(program, &["-S", "DOCKER-USER"]);
    let chain = if docker.is_some() { "DOCKER-USER" } else { "FORWARD" };
    Ok(legacy_verdict(&forward, docker.as_deref(), link).then(|| ForwardProblem {
        what: "chain FORWARD of iptables (legacy) drops by default".to_owned(),
        remedy: format!("{program} -I {chain} -i {link} -j ACCEPT && {program} -I {chain} -o {link} -j ACCEPT"),
    }))
}

/// Whether rules as `iptables -S` writes them keep the link's packets from passing.
fn legacy_verdict(forward: &str, docker: Option<&str>, link: &str) -> bool {
    let drops = forward.lines().any(|line| line == "-P FORWARD DROP");
    let through = |flag: &str| {
        let wanted = format!(" {flag} {link} -j ACCEPT");
        forward.lines().chain(docker.unwrap_or_default().lines()).any(|line| line.ends_with(&wanted))
    };
    drops && !(through("-i") && through("-o"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legacy_rules_are_understood() {
        assert!(!legacy_verdict("-P FORWARD ACCEPT\n", None, "dmn0"));
        assert!(legacy_verdict("-P FORWARD DROP\n-A FORWARD -j DOCKER-USER\n", Some("-N DOCKER-USER\n"), "dmn0"));
        let allowed = "-N DOCKER-USER\n-A DOCKER-USER -i dmn0 -j ACCEPT\n-A DOCKER-USER -o dmn0 -j ACCEPT\n";
        assert!(!legacy_verdict("-P FORWARD DROP\n", Some(allowed), "dmn0"));
        assert!(legacy_verdict("-P FORWARD DROP\n", Some(allowed), "dmn1"));
    }
}
