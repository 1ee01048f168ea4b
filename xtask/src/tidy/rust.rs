//! What the sources of a crate never say.

use super::{Breach, TextFile};

/// What a crate's own sources never contain outside of tests.
struct Never {
    of: &'static [&'static str],
    says: &'static [&'static str],
    why: &'static str,
}

const IO: &[&str] = &[
    "std::fs",
    "std::process",
    "std::env",
    "std::thread",
    "std::io",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "File::open",
    "println!",
    "eprintln!",
    "print!",
    "dbg!",
];
const ASYNC: &[&str] = &["async fn", "async move", ".await"];
const CLOCK: &[&str] = &["SystemTime::now", "Instant::now", "now_utc"];
/// The crates that are a pure function of their input.
const PURE: &[&str] = &["types", "ec2-shapes", "ec2-wire", "policy", "cloud", "explain"];
/// Everything but the one crate that touches the kernel, and what only developers run.
const NOT_HOST: &[&str] =
    &["types", "ec2-shapes", "ec2-wire", "policy", "cloud", "store", "control", "explain", "daemun"];

const NEVER: &[Never] = &[
    Never { of: PURE, says: IO, why: "this crate does no I/O: it is tested with values and can be replayed" },
    Never { of: PURE, says: ASYNC, why: "what never waits need not be async" },
    Never { of: PURE, says: CLOCK, why: "the time is an input, or a run cannot be replayed" },
    Never {
        of: NOT_HOST,
        says: &["process::Command", "Command::new", "std::os::unix::process"],
        why: "`host` is the only crate that starts a process: one place knows how to start, bound and reap one",
    },
    Never {
        of: NOT_HOST,
        says: &["libc::", "rustix::", "rtnetlink::"],
        why: "`host` is the only crate that touches the kernel",
    },
    Never {
        of: &["types", "ec2-shapes", "ec2-wire", "policy", "cloud", "store", "control", "daemun", "xtask"],
        says: &["unsafe ", "allow(unsafe_code)"],
        why: "`host` is the only crate with unsafe code",
    },
    Never {
        of: &["control", "cloud", "store", "host"],
        says: &["ec2_wire"],
        why: "only the front doors know the protocol",
    },
];

/// Sources that say what their crate never says.
pub fn sources(files: &[TextFile]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".rs") && !is_test_file(&file.path)) {
        let Some(name) = crate_of(&file.path) else { continue };
        let code = code_only(&file.text);
        for never in NEVER.iter().filter(|never| never.of.contains(&name)) {
            for words in never.says {
                if let Some(line) = code.lines().position(|line| says(line, words)) {
                    let place = format!("{}:{}", file.path, line + 1);
                    breaches.push(Breach { place, what: format!("says `{}`", words.trim()), why: never.why });
                }
            }
        }
    }
    breaches
}

/// The crate whose sources this file is part of.
fn crate_of(path: &str) -> Option<&str> {
    let (place, _) = path.split_once("/src/")?;
    Some(place.strip_prefix("crates/").unwrap_or(place))
}

/// Whether this file is a module of tests only.
fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/") || path.ends_with("_tests.rs")
}

/// Whether a line says these words, not merely as part of a longer name.
fn says(line: &str, words: &str) -> bool {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    let starts_as_name = words.starts_with(is_name);
    line.match_indices(words).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + words.len()..].chars().next();
        let begins = !starts_as_name || before.is_none_or(|character| !is_name(character));
        let ends = !words.ends_with(is_name) || after.is_none_or(|character| !is_name(character));
        begins && ends
    })
}

/// The text without comments, without what stands in strings, and without test modules; line for line.
fn code_only(text: &str) -> String {
    without_test_modules(&without_comments_and_strings(text))
}

fn without_comments_and_strings(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(length) =
            raw_string(rest).filter(|_| !kept.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        {
            length
        } else if first == '"' {
            string(rest)
        } else if first == '\'' {
            character(rest)
        } else {
            kept.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        // Lines stay where they are, so that a place can be named.
        kept.extend(rest[..skipped].chars().filter(|character| *character == '\n'));
        kept.push(' ');
        rest = &rest[skipped..];
    }
    kept
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_u32, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of the raw string (`r"…"`, `br#"…"#`) that begins here, if one does.
fn raw_string(text: &str) -> Option<usize> {
    let after = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = after.bytes().take_while(|byte| *byte == b'#').count();
    let body = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(text.len() - body.len() + length)
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of the character literal that begins here; 1 where it is a lifetime.
fn character(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), Some(_)) => text[3..].find('\'').map_or(text.len(), |at| at + 4),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

fn without_test_modules(code: &str) -> String {
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        kept.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = item_end(rest);
        kept.extend(rest[..end].chars().filter(|character| *character == '\n'));
        rest = &rest[end..];
    }
    kept.push_str(rest);
    kept
}

/// Where the item that begins here ends: after its braces, or at a semicolon before any.
fn item_end(text: &str) -> usize {
    let mut depth = 0_u32;
    for (at, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaches(path: &str, text: &str) -> usize {
        sources(&[TextFile { path: path.to_owned(), text: text.to_owned() }]).len()
    }

    #[test]
    fn what_a_crate_never_says_is_found() {
        for (path, text) in [
            ("crates/policy/src/lib.rs", "use std::fs;"),
            ("crates/policy/src/lib.rs", "pub async fn f() {}"),
            ("crates/cloud/src/a/b.rs", "let now = SystemTime::now();"),
            ("crates/daemun/src/cli.rs", "let c = Command::new(\"ssh\");"),
            ("crates/control/src/lib.rs", "rustix::process::getpid()"),
            ("crates/store/src/lib.rs", "unsafe { f() }"),
            ("crates/control/src/lib.rs", "use ec2_wire::Form;"),
        ] {
            assert_eq!(breaches(path, text), 1, "{text}");
        }
    }

    #[test]
    fn comments_strings_tests_and_other_crates_may() {
        for (path, text) in [
            (
                "crates/policy/src/lib.rs",
                "// std::fs\n/* std::fs /* nested */ std::fs */ fn f() { g(\"std::fs \\\" std::fs\", '\"', r#\"std::fs\"#) }",
            ),
            (
                "crates/policy/src/lib.rs",
                "fn f<'a>(x: &'a str) {}\n#[cfg(test)]\nmod tests { fn g() { if true { std::fs::read(x) } } }",
            ),
            ("crates/policy/src/lib.rs", "#[cfg(test)]\nmod tests;\nuse std::net::Ipv4Addr;"),
            ("crates/policy/src/tests.rs", "use std::fs;"),
            ("crates/policy/tests/properties.rs", "use std::fs;"),
            ("crates/host/src/process.rs", "std::process::Command::new(program)"),
            ("crates/daemun/src/cli.rs", "let Subcommand::new_one = x; // Command::new"),
        ] {
            assert_eq!(breaches(path, text), 0, "{text}");
        }
    }

    #[test]
    fn code_after_a_test_module_still_counts() {
        let text = "#[cfg(test)]\nmod tests { fn g() {} }\nuse std::fs;";
        let found = sources(&[TextFile { path: "crates/policy/src/lib.rs".to_owned(), text: text.to_owned() }]);
        assert_eq!(found[0].place, "crates/policy/src/lib.rs:3");
    }
}
