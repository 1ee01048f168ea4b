//! What `nft -j list table` says, as the plan's own types, so that what is there can be held against what shall be.
//!
//! What Daemun never writes comes back as [`Action::Foreign`] or as a set of unknown type; the difference between the
//! two plans then replaces it.

use std::net::{IpAddr, Ipv4Addr};

use policy::{
    Action, BaseChain, ChainKind, ChainPlan, CtDirection, CtState, Data, DataType, Element, Family, Field, FieldType,
    Hook, Match, Part, Rule, SetPlan, TablePlan, TimeoutPlan, Transport,
};
use serde_json::Value;
use types::{Cidr, Ipv4Cidr, Ipv6Cidr};

/// The table in the answer of `nft -j -n list table`.
pub(super) fn read_table(answer: &Value) -> TablePlan {
    let mut table = TablePlan::default();
    for item in answer["nftables"].as_array().into_iter().flatten() {
        if let Some(name) = item["table"]["name"].as_str() {
            table.name = name.to_owned();
        }
        for kind in ["set", "map"] {
            if let Some((name, set)) = item.get(kind).and_then(|set| Some((set["name"].as_str()?, read_set(set)))) {
                match item.get(kind).and_then(flow_family) {
                    Some(family) => drop(table.flows.insert(name.to_owned(), family)),
                    None => drop(table.sets.insert(name.to_owned(), set)),
                }
            }
        }
        // The name says all of it.
        table.timeouts.extend(item["ct timeout"]["name"].as_str().and_then(TimeoutPlan::read));
        if let Some((name, chain)) = item.get("chain").and_then(|chain| Some((chain["name"].as_str()?, chain))) {
            table.chains.insert(name.to_owned(), ChainPlan { base: read_base(chain), rules: Vec::new() });
        }
        if let Some(rule) = item.get("rule") {
            let chain = rule["chain"].as_str().and_then(|name| table.chains.get_mut(name));
            chain.into_iter().for_each(|chain| chain.rules.push(read_rule(&rule["expr"])));
        }
    }
    table
}

/// The family of the flows in a set that the kernel fills with them; `None` if it is another set. Not every version of
/// `nft` tells of the flag `dynamic`.
pub(super) fn flow_family(set: &Value) -> Option<Family> {
    let flags = set["flags"].as_array().map_or(&[][..], Vec::as_slice);
    let is_filled = set["timeout"] == policy::FLOW_IDLE_SECONDS
        && set["size"] == policy::FLOWS_AT_ONCE
        && flags.iter().all(|flag| flag == "timeout" || flag == "dynamic");
    let key = read_types(&set["type"]).filter(|_| is_filled)?;
    [Family::Ipv4, Family::Ipv6].into_iter().find(|family| key == policy::flow_key(*family))
}

/// The addresses that sources are spread over, if that is done just as ours is.
fn read_spread(detail: &Value) -> Option<Action> {
    let map = &detail["addr"]["map"];
    let mut numbered = Vec::new();
    for element in map["data"]["set"].as_array()? {
        numbered.push((element[0].as_u64()?, element[1].as_str()?.parse().ok()?));
    }
    numbered.sort_unstable();
    let all: Vec<Ipv4Addr> = numbered.iter().map(|(_, own)| *own).collect();
    let in_order = (0..).zip(&numbered).all(|(number, (at, _))| number == *at);
    let payload = |field: &str| serde_json::json!({"payload": {"protocol": "ip", "field": field}});
    let key = serde_json::json!({"jhash": {
        "mod": all.len(),
        "seed": policy::SPREAD_SEED,
        "expr": {"concat": [payload("saddr"), payload("daddr")]},
    }});
    (in_order && map["key"] == key && detail["family"] == "ip").then_some(Action::SpreadSource(all))
}

/// The set that a rule counts in, if it does just as ours do.
fn read_count(detail: &Value) -> Option<Action> {
    let counts = detail["stmt"].as_array().is_some_and(|all| all.len() == 1 && all[0].get("counter").is_some());
    let set = detail["set"].as_str().filter(|_| counts && detail["op"] == "update")?.strip_prefix('@')?;
    let key = detail["elem"]["concat"].as_array()?;
    let ports = |text: [&str; 2]| {
        let port = |field: &str| serde_json::json!({"payload": {"protocol": "th", "field": field}});
        key.get(3..) == Some(&text.map(port)[..])
    };
    let fields = key.iter().take(3).map(read_field).collect::<Option<Vec<_>>>()?;
    let ports = match ports(["sport", "dport"]) {
        true => true,
        false if key.get(3..) == Some(&[Value::from(0), Value::from(0)][..]) => false,
        false => return None,
    };
    let family = match fields[..] {
        [Field::Source, Field::Destination, Field::Protocol] => Family::Ipv4,
        [Field::Ipv6Source, Field::Ipv6Destination, Field::Protocol] => Family::Ipv6,
        _ => return None,
    };
    Some(Action::Count { set: set.to_owned(), family, ports })
}

/// A set; one of unknown type has no key types, which no plan's set has.
fn read_set(set: &Value) -> SetPlan {
    let flags = set["flags"].as_array().map_or(&[][..], Vec::as_slice);
    let data = match set["map"].as_str() {
        Some("ipv4_addr") => Some(DataType::Address),
        Some("mark") => Some(DataType::Mark),
        Some("verdict") => Some(DataType::Verdict),
        _ => None,
    };
    let mut plan = SetPlan {
        key: read_types(&set["type"]).unwrap_or_default(),
        interval: flags.iter().any(|flag| flag == "interval"),
        data,
        elements: Default::default(),
    };
    let only_known_flags = flags.iter().all(|flag| flag == "interval");
    let elements = set["elem"].as_array().map_or(&[][..], Vec::as_slice);
    for element in elements {
        match read_element(element, data.is_some()) {
            Some((key, data)) => drop(plan.elements.insert(key, data)),
            None => plan.key.clear(),
        }
    }
    if !only_known_flags || (set.get("map").is_some() && data.is_none()) {
        plan.key.clear();
    }
    plan
}

/// One value, or the values of an array.
fn one_or_more(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

fn read_types(value: &Value) -> Option<Vec<FieldType>> {
    let read = |value: &Value| match value.as_str()? {
        "ipv4_addr" => Some(FieldType::Address),
        "ipv6_addr" => Some(FieldType::Ipv6Address),
        "inet_proto" => Some(FieldType::Protocol),
        "inet_service" => Some(FieldType::Port),
        "icmp_type" => Some(FieldType::IcmpType),
        "icmp_code" => Some(FieldType::IcmpCode),
        "icmpv6_type" => Some(FieldType::Icmpv6Type),
        "icmpv6_code" => Some(FieldType::Icmpv6Code),
        "ifname" => Some(FieldType::LinkName),
        _ => None,
    };
    one_or_more(value).iter().map(read).collect()
}

fn read_element(element: &Value, is_map: bool) -> Option<(Element, Option<Data>)> {
    let (key, data) = if is_map {
        (&element[0], Some(read_data(&element[1])?))
    } else {
        // An element with a comment or counter is wrapped.
        (element.pointer("/elem/val").unwrap_or(element), None)
    };
    let key = key.pointer("/elem/val").unwrap_or(key);
    let parts = key.get("concat").map_or(std::slice::from_ref(key), one_or_more);
    Some((parts.iter().map(read_part).collect::<Option<_>>()?, data))
}

fn read_part(part: &Value) -> Option<Part> {
    if let Some(number) = part.as_u64() {
        return Some(Part::Number(number.try_into().ok()?));
    }
    if let Some(text) = part.as_str() {
        return Some(text.parse().map_or_else(|_| Part::Link(text.to_owned()), Part::Address));
    }
    if let Some(prefix) = part.get("prefix") {
        return read_prefix(prefix).map(Part::cidr);
    }
    let range = part.get("range")?;
    if let (Some(first), Some(last)) = (range[0].as_str(), range[1].as_str()) {
        return read_block(first.parse().ok()?, last.parse().ok()?).map(Part::cidr);
    }
    let bound = |at: usize| range[at].as_u64().and_then(|n| u16::try_from(n).ok());
    Some(Part::range(bound(0)?, bound(1)?))
}

/// A range of addresses that is a block; some versions of `nft` write blocks so.
fn read_block(first: IpAddr, last: IpAddr) -> Option<Cidr> {
    match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            let length = u8::try_from((u32::from(first) ^ u32::from(last)).leading_zeros()).ok()?;
            let block = Ipv4Cidr::new(first, length)?;
            (block.first() == first && block.last() == last).then_some(block.into())
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            let length = u8::try_from((u128::from(first) ^ u128::from(last)).leading_zeros()).ok()?;
            let block = Ipv6Cidr::new(first, length)?;
            (block.first() == first && block.last() == last).then_some(block.into())
        }
        _ => None,
    }
}

fn read_prefix(prefix: &Value) -> Option<Cidr> {
    let length = prefix["len"].as_u64()?.try_into().ok()?;
    match prefix["addr"].as_str()?.parse().ok()? {
        IpAddr::V4(address) => Ipv4Cidr::new(address, length).map(Cidr::from),
        IpAddr::V6(address) => Ipv6Cidr::new(address, length).map(Cidr::from),
    }
}

fn read_data(data: &Value) -> Option<Data> {
    if let Some(address) = data.as_str() {
        return address.parse().ok().map(Data::Address);
    }
    if let Some(mark) = data.as_u64() {
        return mark.try_into().ok().map(Data::Mark);
    }
    let jump = || data["jump"]["target"].as_str().map(|chain| Data::Jump(chain.to_owned()));
    data["goto"]["target"].as_str().map(|chain| Data::Goto(chain.to_owned())).or_else(jump)
}

fn read_base(chain: &Value) -> Option<BaseChain> {
    Some(BaseChain {
        kind: match chain["type"].as_str()? {
            "nat" => ChainKind::Nat,
            _ => ChainKind::Filter,
        },
        hook: match chain["hook"].as_str()? {
            "prerouting" => Hook::Prerouting,
            "input" => Hook::Input,
            "forward" => Hook::Forward,
            "output" => Hook::Output,
            _ => Hook::Postrouting,
        },
        priority: chain["prio"].as_i64()?.try_into().ok()?,
        drop_by_default: chain["policy"] == "drop",
    })
}

fn read_rule(expressions: &Value) -> Rule {
    let foreign = || Rule { matches: Vec::new(), action: Action::Foreign(expressions.to_string()) };
    let Some((last, before)) = expressions.as_array().and_then(|all| all.split_last()) else {
        return foreign();
    };
    let matches: Option<Vec<Match>> = before.iter().map(read_match).collect();
    match (matches, read_action(last)) {
        (Some(matches), Some(action)) => Rule { matches, action },
        _ => foreign(),
    }
}

fn read_action(action: &Value) -> Option<Action> {
    let (name, detail) = action.as_object()?.iter().next()?;
    let map = || detail["addr"]["map"]["data"].as_str()?.strip_prefix('@').map(str::to_owned);
    let key = |wanted| read_field(&detail["addr"]["map"]["key"]) == Some(wanted);
    match name.as_str() {
        "accept" => Some(Action::Accept),
        "drop" => Some(Action::Drop),
        "masquerade" if detail.is_null() => Some(Action::Masquerade),
        "jump" => Some(Action::Jump(detail["target"].as_str()?.to_owned())),
        "goto" => Some(Action::Goto(detail["target"].as_str()?.to_owned())),
        "vmap" => Some(Action::Dispatch {
            field: read_field(&detail["key"])?,
            map: detail["data"].as_str()?.strip_prefix('@')?.to_owned(),
        }),
        "dnat" if key(Field::Destination) => Some(Action::TranslateDestination { map: map()? }),
        "snat" if detail["addr"]["map"]["key"].get("jhash").is_some() => read_spread(detail),
        "snat" if detail["addr"].is_string() => Some(Action::Source(detail["addr"].as_str()?.parse().ok()?)),
        "mangle" if detail["key"]["meta"]["key"] == "mark" => Some(Action::Mark {
            field: read_field(&detail["value"]["map"]["key"])?,
            map: detail["value"]["map"]["data"].as_str()?.strip_prefix('@')?.to_owned(),
        }),
        "set" => read_count(detail),
        "ct timeout" => TimeoutPlan::read(detail.as_str()?).map(Action::Remember),
        "snat" if key(Field::Source) => Some(Action::TranslateSource { map: map()? }),
        _ => None,
    }
}

fn read_field(field: &Value) -> Option<Field> {
    if let Some(meta) = field.get("meta") {
        return match meta["key"].as_str()? {
            "iifname" => Some(Field::InLink),
            "oifname" => Some(Field::OutLink),
            "l4proto" => Some(Field::Protocol),
            _ => None,
        };
    }
    if let Some(payload) = field.get("payload") {
        return match (payload["protocol"].as_str()?, payload["field"].as_str()?) {
            ("ip", "saddr") => Some(Field::Source),
            ("ip", "daddr") => Some(Field::Destination),
            ("ip6", "saddr") => Some(Field::Ipv6Source),
            ("ip6", "daddr") => Some(Field::Ipv6Destination),
            ("th", "dport") => Some(Field::DestinationPort),
            ("icmp", "type") => Some(Field::IcmpType),
            ("icmp", "code") => Some(Field::IcmpCode),
            ("icmpv6", "type") => Some(Field::Icmpv6Type),
            ("icmpv6", "code") => Some(Field::Icmpv6Code),
            _ => None,
        };
    }
    let ct = field.get("ct")?;
    match (ct["key"].as_str()?, ct["dir"].as_str()?) {
        ("ip daddr" | "daddr", "original") => Some(Field::OriginalDestination),
        ("ip daddr" | "daddr", "reply") => Some(Field::ReplyDestination),
        _ => None,
    }
}

/// A mark from a map, which is a condition where something comes after it.
fn read_marked(mangle: &Value) -> Option<Match> {
    let map = &mangle["value"]["map"];
    let key = map["key"]["concat"].as_array()?.iter().map(read_field).collect::<Option<_>>()?;
    (mangle["key"]["meta"]["key"] == "mark")
        .then_some(Match::Marked { key, map: map["data"].as_str()?.strip_prefix('@')?.to_owned() })
}

fn read_match(expression: &Value) -> Option<Match> {
    if let Some(mangle) = expression.get("mangle") {
        return read_marked(mangle);
    }
    let comparison = expression.get("match")?;
    let (left, right) = (&comparison["left"], &comparison["right"]);
    let not = comparison["op"] == "!=";
    match left["ct"]["key"].as_str() {
        Some("state") if !not => return read_states(right).map(Match::State),
        Some("direction") if !not => {
            return match right {
                Value::Number(n) if n.as_u64() == Some(0) => Some(Match::Direction(CtDirection::Original)),
                Value::Number(n) if n.as_u64() == Some(1) => Some(Match::Direction(CtDirection::Reply)),
                Value::String(text) if text == "original" => Some(Match::Direction(CtDirection::Original)),
                Value::String(text) if text == "reply" => Some(Match::Direction(CtDirection::Reply)),
                _ => None,
            };
        }
        _ => {}
    }
    if let Some(set) = right.as_str().and_then(|text| text.strip_prefix('@')) {
        let fields = left.get("concat").map_or(std::slice::from_ref(left), one_or_more);
        let key = fields.iter().map(read_field).collect::<Option<_>>()?;
        return Some(Match::InSet { key, set: set.to_owned(), not });
    }
    if left["meta"]["key"] == "nfproto" {
        // `AF_INET` and `AF_INET6`.
        return match (right.as_str(), right.as_u64()) {
            _ if not => None,
            (Some("ipv4"), _) | (_, Some(2)) => Some(Match::Ipv4),
            (Some("ipv6"), _) | (_, Some(10)) => Some(Match::Ipv6),
            _ => None,
        };
    }
    if let Some(fib) = left.get("fib") {
        let by_mark = fib["result"] == "oifname" && fib["flags"] == serde_json::json!(["saddr", "mark"]);
        return Some(Match::WayBack { link: right.as_str().filter(|_| by_mark)?.to_owned(), not });
    }
    if let Some(transport) = read_transport(&left["payload"]).filter(|_| !not) {
        return Some(Match::Ports { transport, range: read_range(right)? });
    }
    let field = read_field(left)?;
    match field {
        Field::Protocol | Field::IcmpType | Field::IcmpCode | Field::Icmpv6Type | Field::Icmpv6Code if !not => {
            Some(Match::Number { field, range: read_range(right)? })
        }
        Field::InLink | Field::OutLink => Some(Match::Link { field, name: right.as_str()?.to_owned(), not }),
        Field::Source | Field::Destination | Field::Ipv6Source | Field::Ipv6Destination => {
            let block = match right.get("prefix") {
                Some(prefix) => read_prefix(prefix)?,
                None => Cidr::host(right.as_str()?.parse().ok()?),
            };
            Some(Match::Block { field, block, not })
        }
        _ => None,
    }
}

/// The protocol whose destination port a rule looks at.
fn read_transport(payload: &Value) -> Option<Transport> {
    match (payload["protocol"].as_str()?, payload["field"].as_str()?) {
        ("tcp", "dport") => Some(Transport::Tcp),
        ("udp", "dport") => Some(Transport::Udp),
        _ => None,
    }
}

/// One number, or a range of them.
fn read_range(value: &Value) -> Option<(u16, u16)> {
    match read_part(value)? {
        Part::Number(number) => Some((number, number)),
        Part::Range(first, last) => Some((first, last)),
        _ => None,
    }
}

/// States by number, as `nft -n` writes them, or by name, in the order of the plan's type.
fn read_states(value: &Value) -> Option<Vec<CtState>> {
    let read = |value: &Value| match value {
        Value::Number(number) => match number.as_u64()? {
            1 => Some(CtState::Invalid),
            2 => Some(CtState::Established),
            4 => Some(CtState::Related),
            8 => Some(CtState::New),
            _ => None,
        },
        Value::String(name) => match name.as_str() {
            "invalid" => Some(CtState::Invalid),
            "established" => Some(CtState::Established),
            "related" => Some(CtState::Related),
            "new" => Some(CtState::New),
            _ => None,
        },
        _ => None,
    };
    let values = value.get("set").unwrap_or(value);
    let mut states: Vec<CtState> = one_or_more(values).iter().map(read).collect::<Option<_>>()?;
    states.sort_unstable();
    Some(states)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_is_not_ours_is_foreign() {
        let rule = read_rule(&serde_json::json!([{"counter": {"packets": 0, "bytes": 0}}, {"accept": null}]));
        assert!(matches!(rule.action, Action::Foreign(_)));
        assert!(matches!(read_rule(&serde_json::json!([])).action, Action::Foreign(_)));
        let ours = read_rule(&serde_json::json!([
            {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["related", "established"]}},
            {"accept": null}
        ]));
        assert_eq!(ours.to_string(), "ct state established,related accept");
    }

    #[test]
    fn blocks_are_read_in_either_form() {
        let range = |first: &str, last: &str| read_part(&serde_json::json!({ "range": [first, last] }));
        assert_eq!(range("0.0.0.0", "255.255.255.255"), Some(Part::Prefix(Ipv4Cidr::ANY.into())));
        assert_eq!(range("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), Some(Part::Prefix(Ipv6Cidr::ANY.into())));
        assert_eq!(range("10.0.0.0", "10.255.255.255").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(range("10.0.0.1", "10.0.0.2"), None);
        let prefix = serde_json::json!({ "prefix": { "addr": "10.0.0.0", "len": 8 } });
        assert_eq!(read_part(&prefix).unwrap().to_string(), "10.0.0.0/8");
    }

    #[test]
    fn a_set_of_another_type_matches_no_plan() {
        let set = read_set(&serde_json::json!({"name": "x", "type": "ether_addr", "elem": ["::1"]}));
        assert!(set.key.is_empty());
        let timeout = read_set(&serde_json::json!({"name": "x", "type": "ipv4_addr", "flags": ["timeout"]}));
        assert!(timeout.key.is_empty());
    }
}
