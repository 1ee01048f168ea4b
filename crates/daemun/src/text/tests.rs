use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};

use super::*;

/// Every message of a language with the variables it uses.
fn messages(language: Language) -> BTreeMap<String, BTreeSet<String>> {
    let resource = FluentResource::try_new(language.source().to_owned()).expect("the file parses");
    let mut found = BTreeMap::new();
    for entry in resource.entries() {
        let Entry::Message(message) = entry else { continue };
        let mut variables = BTreeSet::new();
        collect(message.value.as_ref().expect("every message has a text"), &mut variables);
        let before = found.insert(message.id.name.to_owned(), variables);
        assert!(before.is_none(), "{} stands twice in {language:?}", message.id.name);
    }
    found
}

fn collect(pattern: &Pattern<&str>, variables: &mut BTreeSet<String>) {
    for element in &pattern.elements {
        let PatternElement::Placeable { expression } = element else { continue };
        match expression {
            Expression::Inline(inline) => collect_inline(inline, variables),
            Expression::Select { selector, variants } => {
                collect_inline(selector, variables);
                variants.iter().for_each(|variant| collect(&variant.value, variables));
            }
        }
    }
}

fn collect_inline(inline: &InlineExpression<&str>, variables: &mut BTreeSet<String>) {
    if let InlineExpression::VariableReference { id } = inline {
        variables.insert(id.name.to_owned());
    }
}

fn source_files(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source_files(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("text/tests.rs") {
            files.push(path);
        }
    }
}

/// Every `text!(…, "id", name = …)` and `say!("id", name = …)` of the program: the id and the names.
fn uses() -> Vec<(String, BTreeSet<String>)> {
    let mut files = Vec::new();
    for directory in ["src", "../explain/src"] {
        source_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(directory), &mut files);
    }
    let mut found = Vec::new();
    for file in files {
        let code = fs::read_to_string(&file).unwrap();
        let code: String =
            code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        for (at, word) in code.match_indices("text!(").chain(code.match_indices("say!(")) {
            let call = balanced(&code[at + word.len()..]);
            let Some((_, rest)) = call.split_once('"') else { continue };
            let (id, rest) = rest.split_once('"').unwrap();
            found.push((id.to_owned(), argument_names(rest)));
        }
    }
    found
}

fn balanced(code: &str) -> &str {
    let mut depth = 1;
    let mut quoted = false;
    for (at, letter) in code.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &code[..at];
        }
    }
    code
}

/// The `name` of every `, name = value` at the call's own depth.
fn argument_names(arguments: &str) -> BTreeSet<String> {
    let mut depth = 0;
    let mut names = BTreeSet::new();
    let mut part = String::new();
    for letter in arguments.chars().chain([',']) {
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                if let Some((name, _)) = part.split_once('=') {
                    names.insert(name.trim().to_owned());
                }
                part.clear();
                continue;
            }
            _ => {}
        }
        part.push(letter);
    }
    names
}

#[test]
fn both_languages_have_the_same_messages_with_the_same_variables() {
    assert_eq!(messages(Language::En), messages(Language::Ko));
}

#[test]
fn every_text_that_the_program_uses_exists_with_exactly_those_variables() {
    let messages = messages(Language::En);
    let uses = uses();
    assert!(uses.len() > 50, "the search for uses is broken");
    for (id, names) in uses {
        assert_eq!(messages.get(&id), Some(&names), "{id}");
    }
}

#[test]
fn no_message_is_unused() {
    let used: BTreeSet<String> = uses().into_iter().map(|(id, _)| id).chain(crate::cli::help_text_ids()).collect();
    let unused: Vec<_> = messages(Language::En).into_keys().filter(|id| !used.contains(id)).collect();
    assert_eq!(unused, Vec::<String>::new());
}

#[test]
fn korean_is_korean() {
    let texts = Texts::new(Language::Ko);
    let english = Texts::new(Language::En);
    for (id, _) in messages(Language::Ko) {
        let korean = texts.get(&id, &[]);
        let has_hangul = korean.chars().any(|c| ('가'..='힣').contains(&c));
        assert!(has_hangul || korean == english.get(&id, &[]), "{id} is in neither language: {korean}");
    }
}

#[test]
fn values_are_filled_in_without_marks() {
    let texts = Texts::new(Language::En);
    let line = text!(texts, "down-stopped", pid = 7);
    assert!(line.contains('7') && line.is_ascii(), "{line:?}");
}

#[test]
fn the_locale_decides_by_the_order_of_posix() {
    let language = |values: &[(&str, &str)]| {
        Language::of_environment(|name| values.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
    };
    assert_eq!(language(&[]), Language::En);
    assert_eq!(language(&[("LANG", "ko_KR.UTF-8")]), Language::Ko);
    assert_eq!(language(&[("LC_ALL", "C"), ("LANG", "ko_KR.UTF-8")]), Language::En);
    assert_eq!(language(&[("LC_ALL", ""), ("LC_MESSAGES", "ko"), ("LANG", "en_US.UTF-8")]), Language::Ko);
    assert_eq!(language(&[("LANG", "kok_IN")]), Language::En);
}
