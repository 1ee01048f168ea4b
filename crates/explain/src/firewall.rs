//! The packet filter inside a machine: whether it lets a call come to its sockets.
//!
//! Only what firewalls usually say is understood: base chains of the input hook with matches on protocol, port, source,
//! link and connection. A rule with anything else in it is taken not to decide.

use std::net::IpAddr;

use serde_json::Value;
use types::Cidr;

/// What the filter makes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It comes to the sockets.
    Passes,
    /// It is dropped in silence.
    Dropped,
    /// It is answered with a refusal.
    Rejected,
}

/// The first packet of a call, as the machine gets it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) protocol: u8,
    pub(crate) port: u16,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
}

/// How deep chains may jump: nftables' own limit.
const DEEPEST: usize = 16;

/// What a ruleset, as `nft -j list ruleset` tells it, makes of a call; and the chain that decides.
pub(crate) fn fate(ruleset: &str, call: Call) -> (Fate, Option<String>) {
    let Ok(answer) = serde_json::from_str::<Value>(ruleset) else { return (Fate::Passes, None) };
    let items = answer["nftables"].as_array().map_or(&[][..], Vec::as_slice);
    let filter = Filter { items, call };
    let mut bases: Vec<&Value> = items
        .iter()
        .map(|item| &item["chain"])
        .filter(|chain| chain["hook"] == "input" && matches!(chain["family"].as_str(), Some("inet" | "ip" | "ip6")))
        .filter(|chain| filter.is_of_family(chain))
        .collect();
    bases.sort_by_key(|chain| chain["prio"].as_i64());
    // A packet passes all of them, or is lost in the first that drops it.
    for base in bases {
        let policy = if base["policy"] == "drop" { Fate::Dropped } else { Fate::Passes };
        let fate = filter.chain(base, 0).decided().unwrap_or(policy);
        if fate != Fate::Passes {
            let text = |field: &str| base[field].as_str().unwrap_or_default().to_owned();
            return (fate, Some(format!("{} {} {}", text("family"), text("table"), text("name"))));
        }
    }
    (Fate::Passes, None)
}

/// What a chain comes to.
enum End {
    Decided(Fate),
    /// The rules that called it go on.
    Returned,
}

impl End {
    fn decided(self) -> Option<Fate> {
        match self {
            Self::Decided(fate) => Some(fate),
            Self::Returned => None,
        }
    }
}

struct Filter<'a> {
    items: &'a [Value],
    call: Call,
}

impl Filter<'_> {
    fn is_of_family(&self, chain: &Value) -> bool {
        match chain["family"].as_str() {
            Some("ip") => self.call.source.is_ipv4(),
            Some("ip6") => self.call.source.is_ipv6(),
            _ => true,
        }
    }

    fn chain(&self, chain: &Value, depth: usize) -> End {
        let same = |rule: &Value| {
            ["family", "table"].iter().all(|field| rule[field] == chain[field]) && rule["chain"] == chain["name"]
        };
        for rule in self.items.iter().map(|item| &item["rule"]).filter(|rule| same(rule)) {
            let expressions = rule["expr"].as_array().map_or(&[][..], Vec::as_slice);
            for expression in expressions {
                match self.step(expression, chain, depth) {
                    Step::Next => {}
                    Step::NoMatch => break,
                    Step::End(end) => return end,
                }
            }
        }
        End::Returned
    }

    fn step(&self, expression: &Value, chain: &Value, depth: usize) -> Step {
        let Some((name, detail)) = expression.as_object().and_then(|object| object.iter().next()) else {
            return Step::NoMatch;
        };
        let target = || {
            let wanted = &detail["target"];
            let same = |other: &&Value| {
                other["name"] == *wanted && ["family", "table"].iter().all(|field| other[field] == chain[field])
            };
            self.items.iter().map(|item| &item["chain"]).find(same).filter(|_| depth < DEEPEST)
        };
        match name.as_str() {
            "accept" => Step::End(End::Decided(Fate::Passes)),
            "drop" => Step::End(End::Decided(Fate::Dropped)),
            "reject" => Step::End(End::Decided(Fate::Rejected)),
            "return" => Step::End(End::Returned),
            "counter" | "log" | "limit" | "mangle" | "notrack" => Step::Next,
            "jump" => match target().map(|chain| self.chain(chain, depth + 1)) {
                Some(End::Decided(fate)) => Step::End(End::Decided(fate)),
                Some(End::Returned) => Step::Next,
                None => Step::NoMatch,
            },
            "goto" => target().map_or(Step::NoMatch, |chain| Step::End(self.chain(chain, depth + 1))),
            "match" => match self.matches(detail) {
                Some(true) => Step::Next,
                Some(false) | None => Step::NoMatch,
            },
            _ => Step::NoMatch,
        }
    }

    /// Whether a condition holds for the call; `None` if it is not understood.
    fn matches(&self, condition: &Value) -> Option<bool> {
        let (left, right) = (&condition["left"], &condition["right"]);
        let holds = if let Some(payload) = left.get("payload") {
            match (payload["protocol"].as_str()?, payload["field"].as_str()?) {
                ("tcp", "dport") => self.call.protocol == 6 && self.has_number(right, self.call.port)?,
                ("udp", "dport") => self.call.protocol == 17 && self.has_number(right, self.call.port)?,
                ("th", "dport") => self.has_number(right, self.call.port)?,
                ("ip" | "ip6", "protocol" | "nexthdr") => self.is_protocol(right)?,
                ("ip" | "ip6", "saddr") => has_address(right, self.call.source)?,
                ("ip" | "ip6", "daddr") => has_address(right, self.call.destination)?,
                _ => return None,
            }
        } else if let Some(meta) = left.get("meta") {
            match meta["key"].as_str()? {
                "l4proto" => self.is_protocol(right)?,
                "nfproto" => right == if self.call.source.is_ipv4() { "ipv4" } else { "ipv6" },
                // A call comes by an interface of the machine, never by its loopback.
                "iifname" | "iif" => right != "lo",
                _ => return None,
            }
        } else if left["ct"]["key"] == "state" {
            // The first packet of a connection.
            one_or_more(right).iter().any(|state| state == "new" || state.as_u64() == Some(8))
        } else {
            return None;
        };
        Some(holds != (condition["op"] == "!="))
    }

    fn is_protocol(&self, value: &Value) -> Option<bool> {
        let number = |value: &Value| match value.as_str() {
            Some("tcp") => Some(6),
            Some("udp") => Some(17),
            Some("icmp") => Some(1),
            Some("ipv6-icmp" | "icmpv6") => Some(58),
            Some(_) => None,
            None => value.as_u64().and_then(|number| u8::try_from(number).ok()),
        };
        Some(one_or_more(value).iter().filter_map(number).any(|number| number == self.call.protocol))
    }

    fn has_number(&self, value: &Value, wanted: u16) -> Option<bool> {
        let holds = |value: &Value| match value.get("range") {
            Some(range) => (range[0].as_u64()?..=range[1].as_u64()?).contains(&u64::from(wanted)).then_some(()),
            None => (value.as_u64()? == u64::from(wanted)).then_some(()),
        };
        Some(one_or_more(value).iter().any(|value| holds(value).is_some()))
    }
}

enum Step {
    Next,
    NoMatch,
    End(End),
}

fn one_or_more(value: &Value) -> &[Value] {
    let value = value.get("set").unwrap_or(value);
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

fn has_address(value: &Value, wanted: IpAddr) -> Option<bool> {
    let holds = |value: &Value| match value.get("prefix") {
        Some(prefix) => {
            let block: Cidr = format!("{}/{}", prefix["addr"].as_str()?, prefix["len"].as_u64()?).parse().ok()?;
            Some(block.contains(wanted))
        }
        None => Some(value.as_str()?.parse::<IpAddr>().ok()? == wanted),
    };
    one_or_more(value).iter().map(holds).try_fold(false, |any, one| Some(any || one?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(port: u16) -> Call {
        let source = "198.18.0.1".parse().unwrap();
        Call { protocol: 6, port, source, destination: "172.31.0.10".parse().unwrap() }
    }

    fn ruleset(policy: &str, rules: Vec<Value>) -> String {
        let chain = json!({"chain": {"family": "inet", "table": "filter", "name": "input", "hook": "input", "prio": 0,
            "type": "filter", "policy": policy}});
        let rule = |expr: Value| json!({"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": expr}});
        let all: Vec<Value> = [chain].into_iter().chain(rules.into_iter().map(rule)).collect();
        json!({"nftables": all}).to_string()
    }

    fn port(port: Value, verdict: &str) -> Value {
        let left = json!({"payload": {"protocol": "tcp", "field": "dport"}});
        json!([{"match": {"op": "==", "left": left, "right": port}}, {"counter": {"packets": 0, "bytes": 0}},
            {verdict: null}])
    }

    #[test]
    fn the_first_rule_that_is_met_decides_and_else_the_policy() {
        let rules = || vec![port(json!(3005), "drop"), port(json!({"set": [22, {"range": [3000, 3010]}]}), "accept")];
        assert_eq!(fate(&ruleset("drop", rules()), call(3005)).0, Fate::Dropped);
        assert_eq!(fate(&ruleset("drop", rules()), call(3006)).0, Fate::Passes);
        assert_eq!(fate(&ruleset("drop", rules()), call(80)).0, Fate::Dropped);
        assert_eq!(fate(&ruleset("accept", rules()), call(80)).0, Fate::Passes);
        assert_eq!(
            fate(&ruleset("accept", vec![port(json!(80), "reject")]), call(80)),
            (Fate::Rejected, Some("inet filter input".to_owned()))
        );
        assert_eq!(fate("", call(80)), (Fate::Passes, None));
    }

    #[test]
    fn sources_links_and_states_are_told_apart() {
        let from = |address: &str| {
            let (addr, len) = address.split_once('/').unwrap();
            let right = json!({"prefix": {"addr": addr, "len": len.parse::<u8>().unwrap()}});
            let left = json!({"payload": {"protocol": "ip", "field": "saddr"}});
            json!([{"match": {"op": "!=", "left": left, "right": right}}, {"drop": null}])
        };
        assert_eq!(fate(&ruleset("accept", vec![from("10.0.0.0/8")]), call(80)).0, Fate::Dropped);
        assert_eq!(fate(&ruleset("accept", vec![from("198.18.0.0/16")]), call(80)).0, Fate::Passes);
        let lo =
            json!([{"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "lo"}}, {"accept": null}]);
        let state = |names: Value| json!([{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": names}}, {"accept": null}]);
        assert_eq!(
            fate(&ruleset("drop", vec![lo, state(json!(["established", "related"]))]), call(80)).0,
            Fate::Dropped
        );
        assert_eq!(fate(&ruleset("drop", vec![state(json!(["new"]))]), call(80)).0, Fate::Passes);
    }
}
