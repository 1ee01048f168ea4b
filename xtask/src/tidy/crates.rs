//! Which crate may name which: the "never" column of ARCHITECTURE.md, and the licences of what is linked.

use serde_json::Value;

use super::Breach;

/// Crates that do I/O, wait for it, or ask for the time or for randomness.
const IMPURE: &[&str] = &[
    "tokio",
    "hyper",
    "hyper-util",
    "axum",
    "redb",
    "rtnetlink",
    "rustix",
    "libc",
    "socket2",
    "tempfile",
    "rand",
    "async-trait",
    "futures",
];
/// Crates that ask the kernel directly.
const KERNEL: &[&str] = &["libc", "rustix", "rtnetlink", "nix", "socket2"];
/// All of ours.
const OURS: &[&str] = &[
    "types",
    "ec2-shapes",
    "ec2-wire",
    "policy",
    "cloud",
    "store",
    "host",
    "control",
    "explain",
    "daemun",
    "testkit",
    "xtask",
];

/// What a crate never depends on.
struct Never {
    of: &'static str,
    on: &'static [&'static [&'static str]],
    why: &'static str,
}

const NEVER: &[Never] = &[
    Never { of: "types", on: &[OURS, IMPURE], why: "everything rests on it, so it rests on nothing and does no I/O" },
    Never { of: "ec2-shapes", on: &[OURS, IMPURE], why: "shapes are data; they know neither a protocol nor the world" },
    Never {
        of: "ec2-wire",
        on: &[
            &["types", "policy", "cloud", "store", "host", "control", "explain", "daemun", "testkit", "xtask"],
            IMPURE,
        ],
        why: "the protocol is a translation of the shapes and knows nothing of what they mean here",
    },
    Never {
        of: "policy",
        on: &[
            &["ec2-shapes", "ec2-wire", "cloud", "store", "host", "control", "explain", "daemun", "testkit", "xtask"],
            IMPURE,
        ],
        why: "what a packet may do is decided from values alone, so that it can be tested and explained without a kernel",
    },
    Never {
        of: "cloud",
        on: &[&["ec2-wire", "store", "host", "control", "explain", "daemun", "testkit", "xtask"], IMPURE],
        why: "actions are pure functions: a run can be replayed, and no action can wait or fail half-way",
    },
    Never {
        of: "store",
        on: &[&["ec2-wire", "host", "control", "explain", "daemun", "testkit", "xtask"]],
        why: "what is on disk outlives every protocol and every machine",
    },
    Never {
        of: "host",
        on: &[&["ec2-shapes", "ec2-wire", "cloud", "store", "control", "explain", "daemun", "testkit", "xtask"]],
        why: "the host does as it is told and decides nothing",
    },
    Never {
        of: "explain",
        on: &[&["ec2-wire", "store", "host", "control", "daemun", "testkit", "xtask"], IMPURE],
        why: "an explanation follows from values alone, so that it can be asked of the past and of what might be",
    },
    Never {
        of: "control",
        on: &[&["ec2-wire", "explain", "daemun", "testkit", "xtask"], KERNEL],
        why: "controllers parse no requests and ask the kernel through `host` alone",
    },
    Never { of: "daemun", on: &[&["testkit", "xtask"], KERNEL], why: "only `host` asks the kernel" },
];

/// Dependencies that the table forbids.
pub fn dependencies(metadata: &Value) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (name, dependency, kind) in ours(metadata) {
        if kind == "dev" {
            continue;
        }
        for never in NEVER.iter().filter(|never| never.of == name) {
            if never.on.iter().any(|list| list.contains(&dependency)) {
                breaches.push(Breach {
                    place: format!("crate {name}"),
                    what: format!("depends on `{dependency}`"),
                    why: never.why,
                });
            }
        }
        if dependency == "testkit" && !NEVER.iter().any(|never| never.of == name) {
            breaches.push(Breach {
                place: format!("crate {name}"),
                what: "depends on `testkit` outside of tests".to_owned(),
                why: "what tests need has no place in what is shipped",
            });
        }
    }
    breaches
}

/// Every dependency of a crate of ours: the crate, what it depends on, and `normal`, `dev` or `build`.
fn ours(metadata: &Value) -> Vec<(&str, &str, &str)> {
    let mut found = Vec::new();
    for package in packages(metadata).filter(|package| package["source"].is_null()) {
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            if let (Some(name), Some(on)) = (package["name"].as_str(), dependency["name"].as_str()) {
                found.push((name, on, dependency["kind"].as_str().unwrap_or("normal")));
            }
        }
    }
    found
}

fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().into_iter().flatten()
}

/// Licences under which a crate may be linked.
const PERMISSIVE: &[&str] = &[
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "0BSD",
    "ISC",
    "Zlib",
    "BSL-1.0",
    "CC0-1.0",
    "Unlicense",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "MPL-2.0",
    "CDLA-Permissive-2.0",
    "LLVM-exception",
];

/// Crates whose licence would bind whoever links them.
pub fn licences(metadata: &Value) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for package in packages(metadata).filter(|package| !package["source"].is_null()) {
        let licence = package["license"].as_str().unwrap_or("(none named)");
        if !is_permissive(licence) {
            breaches.push(Breach {
                place: format!("crate {}", package["name"].as_str().unwrap_or_default()),
                what: format!("has the licence {licence}"),
                why: "Daemun is Apache-2.0, and what it links must allow that",
            });
        }
    }
    breaches
}

/// Whether an SPDX expression can be kept by keeping to permissive licences only.
fn is_permissive(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (allowed, rest) = either(&words);
    allowed && rest.is_empty()
}

fn either<'a, 'b>(words: &'a [&'b str]) -> (bool, &'a [&'b str]) {
    let (mut allowed, mut rest) = both(words);
    while let Some((&"OR", after)) = rest.split_first() {
        let (next, left) = both(after);
        allowed |= next;
        rest = left;
    }
    (allowed, rest)
}

fn both<'a, 'b>(words: &'a [&'b str]) -> (bool, &'a [&'b str]) {
    let (mut allowed, mut rest) = one(words);
    while let Some((&("AND" | "WITH"), after)) = rest.split_first() {
        let (next, left) = one(after);
        allowed &= next;
        rest = left;
    }
    (allowed, rest)
}

fn one<'a, 'b>(words: &'a [&'b str]) -> (bool, &'a [&'b str]) {
    match words.split_first() {
        Some((&"(", after)) => {
            let (allowed, rest) = either(after);
            (allowed, rest.strip_prefix(&[")"]).unwrap_or(rest))
        }
        Some((name, rest)) => (PERMISSIVE.contains(&name.trim_end_matches('+')), rest),
        None => (false, words),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(name: &str, on: &str, kind: Option<&str>) -> Value {
        json!({"packages": [{"name": name, "source": null, "license": "Apache-2.0",
                             "dependencies": [{"name": on, "kind": kind}]}]})
    }

    #[test]
    fn forbidden_dependencies_are_found() {
        for (name, on) in [
            ("ec2-wire", "cloud"),
            ("types", "policy"),
            ("policy", "tokio"),
            ("cloud", "ec2-wire"),
            ("cloud", "rand"),
            ("store", "host"),
            ("store", "ec2-wire"),
            ("control", "ec2-wire"),
            ("daemun", "rustix"),
            ("daemun", "testkit"),
            ("xtask", "testkit"),
            ("host", "cloud"),
        ] {
            assert_eq!(dependencies(&with(name, on, None)).len(), 1, "{name} on {on}");
        }
    }

    #[test]
    fn allowed_dependencies_are_not() {
        for (name, on, kind) in [
            ("ec2-wire", "ec2-shapes", None),
            ("policy", "types", None),
            ("store", "redb", None),
            ("daemun", "ec2-wire", None),
            ("policy", "testkit", Some("dev")),
            ("policy", "tokio", Some("dev")),
            ("host", "rustix", None),
        ] {
            assert_eq!(dependencies(&with(name, on, kind)), [], "{name} on {on}");
        }
    }

    #[test]
    fn every_crate_of_the_table_is_ours() {
        assert!(NEVER.iter().all(|never| OURS.contains(&never.of)));
    }

    #[test]
    fn licence_expressions_are_understood() {
        for allowed in [
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "(MIT OR GPL-3.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception",
            "LGPL-2.1 OR MIT",
        ] {
            assert!(is_permissive(allowed), "{allowed}");
        }
        for refused in ["GPL-3.0", "MIT AND GPL-2.0-only", "(none named)", "", "(MIT OR GPL-3.0) AND AGPL-3.0"] {
            assert!(!is_permissive(refused), "{refused}");
        }
        let linked =
            json!({"packages": [{"name": "x", "source": "registry", "license": "GPL-3.0", "dependencies": []}]});
        assert_eq!(licences(&linked).len(), 1);
    }
}
