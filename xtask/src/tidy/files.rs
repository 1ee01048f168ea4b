//! Rules about files as such: their length, what they tell of a machine, and pairs of files that belong together.

use super::{Breach, TextFile};
use crate::codegen::names;

/// The most lines a source file may have.
const MAX_LINES: usize = 600;

/// Source files that became too long to read in one go.
pub fn lengths(files: &[TextFile]) -> Vec<Breach> {
    let is_source = |path: &str| [".rs", ".py", ".js", ".sh"].iter().any(|end| path.ends_with(end));
    let written = files.iter().filter(|file| is_source(&file.path) && !is_generated(file));
    written
        .filter_map(|file| {
            let lines = file.text.lines().count();
            (lines > MAX_LINES).then(|| Breach {
                place: file.path.clone(),
                what: format!("has {lines} lines; {MAX_LINES} are the most"),
                why: "a file holds one thing that can be read in one go",
            })
        })
        .collect()
}

fn is_generated(file: &TextFile) -> bool {
    file.text.starts_with("// @generated")
}

/// Files that name a folder of somebody's own machine.
pub fn machine_paths(files: &[TextFile]) -> Vec<Breach> {
    // In parts, or this file would be the first to be found.
    let paths = [concat!("/wo", "rk/"), concat!("/Us", "ers/"), concat!("/home/", "user"), concat!("/home/", "ubuntu")];
    let mut breaches = Vec::new();
    for file in files {
        for (at, line) in file.text.lines().enumerate() {
            if let Some(path) = paths.iter().find(|path| names_path(line, path)) {
                breaches.push(Breach {
                    place: format!("{}:{}", file.path, at + 1),
                    what: format!("names {path}"),
                    why: "the repository works wherever it is cloned to",
                });
            }
        }
    }
    breaches
}

/// Whether a line names a path that begins like this; `net/work/` does not.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        line[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric() && !"_-./}".contains(before))
    })
}

/// Documents in English whose Korean twin (`X.ko.md` beside `X.md`) is missing or has another shape.
pub fn translations(files: &[TextFile]) -> Vec<Breach> {
    const WHY: &str = "both languages tell the same";
    let mut breaches = Vec::new();
    let find = |path: &str| files.iter().find(|file| file.path == path);
    for korean in files.iter().filter(|file| file.path.ends_with(".ko.md")) {
        let english = korean.path.replace(".ko.md", ".md");
        let breach = |what: String| Breach { place: korean.path.clone(), what, why: WHY };
        let Some(original) = find(&english) else {
            breaches.push(breach(format!("there is no {english}")));
            continue;
        };
        let (of_original, of_korean) = (Shape::of(&original.text), Shape::of(&korean.text));
        if of_original.headings != of_korean.headings {
            breaches.push(breach(format!(
                "its headings are not those of {english}: {:?} against {:?}",
                of_korean.headings, of_original.headings
            )));
        }
        if of_original.code != of_korean.code {
            breaches.push(breach(format!("its code blocks are not those of {english}")));
        }
    }
    if find("README.md").is_some() && find("README.ko.md").is_none() {
        breaches.push(Breach {
            place: "README.md".to_owned(),
            what: "has no README.ko.md beside it".to_owned(),
            why: WHY,
        });
    }
    breaches
}

/// What two translations of a document have in common.
#[derive(Default)]
struct Shape {
    /// The levels of its headings, in order.
    headings: Vec<usize>,
    /// Its code blocks, without comments: those are translated.
    code: Vec<String>,
}

impl Shape {
    fn of(text: &str) -> Self {
        let mut shape = Self::default();
        let mut inside = false;
        for line in text.lines() {
            if line.trim_start().starts_with("```") {
                inside = !inside;
                if inside {
                    shape.code.push(String::new());
                }
            } else if inside {
                let code = line.split(" # ").next().unwrap_or_default().trim_end();
                if let Some(block) = shape.code.last_mut().filter(|_| !code.starts_with("# ")) {
                    block.push_str(code);
                    block.push('\n');
                }
            } else if line.starts_with('#') {
                shape.headings.push(line.bytes().take_while(|byte| *byte == b'#').count());
            }
        }
        shape
    }
}

/// Actions that are listed and that nothing handles.
pub fn actions(files: &[TextFile]) -> Vec<Breach> {
    let Some(list) = files.iter().find(|file| file.path == "crates/ec2-shapes/actions.txt") else {
        return vec![Breach {
            place: "crates/ec2-shapes/actions.txt".to_owned(),
            what: "is missing".to_owned(),
            why: "it says what Daemun answers",
        }];
    };
    let sources: Vec<&str> =
        files.iter().filter(|file| file.path.starts_with("crates/cloud/src/")).map(|file| file.text.as_str()).collect();
    let names = list.text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let mut breaches = Vec::new();
    for name in names.filter_map(|line| line.split_whitespace().next()) {
        let function = names::snake(name);
        // With `fn` before it, or as a line of a macro that makes many alike.
        let is_word = |text: &str, at: usize| {
            let of_a_name = |c: char| c.is_alphanumeric() || c == '_';
            !text[..at].ends_with(of_a_name) && text[at + function.len()..].starts_with(['(', '<'])
        };
        let handled = sources.iter().any(|text| text.match_indices(&function).any(|(at, _)| is_word(text, at)));
        if !handled {
            breaches.push(Breach {
                place: list.path.clone(),
                what: format!("{name} is listed and crates/cloud has no function {function}"),
                why: "an action that is listed is answered",
            });
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> TextFile {
        TextFile { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_long_file_is_found_unless_it_is_generated() {
        let long = "x\n".repeat(MAX_LINES + 1);
        assert_eq!(lengths(&[file("a.rs", &long)]).len(), 1);
        assert_eq!(lengths(&[file("a.rs", &format!("// @generated by x\n{long}")), file("a.txt", &long)]), []);
        assert_eq!(lengths(&[file("a.rs", &"x\n".repeat(MAX_LINES))]), []);
    }

    #[test]
    fn a_machine_path_is_found_and_a_like_named_one_is_not() {
        let path = concat!("/wo", "rk/main");
        assert_eq!(machine_paths(&[file("a.md", &format!("see {path}"))]).len(), 1);
        assert_eq!(machine_paths(&[file("a.md", &format!("see net{path} and upper{path}"))]), []);
    }

    #[test]
    fn translations_have_the_same_headings_and_code() {
        let english = file("README.md", "# A\n\n```sh\nrun # now\n# do it\n```\n## B\n");
        assert_eq!(
            translations(&[english, file("README.ko.md", "# 가\n\n```sh\nrun # 지금\n# 하자\n```\n## 나\n")]),
            []
        );
        let english = || file("README.md", "# A\n\n```sh\nrun\n```\n");
        assert_eq!(translations(&[english(), file("README.ko.md", "# 가\n## 나\n\n```sh\nrun\n```\n")]).len(), 1);
        assert_eq!(translations(&[english(), file("README.ko.md", "# 가\n\n```sh\nwalk\n```\n")]).len(), 1);
        assert_eq!(translations(&[english()]).len(), 1);
        assert_eq!(translations(&[file("docs/a.ko.md", "# 가\n")]).len(), 1);
    }

    #[test]
    fn an_action_without_a_function_is_found() {
        let list = || file("crates/ec2-shapes/actions.txt", "# Keys\nCreateKeyPair write # x\nDescribeKeyPairs read\n");
        let all = "fn create_key_pair(\nfn describe_key_pairs<T>(";
        assert_eq!(actions(&[list(), file("crates/cloud/src/key.rs", all)]), []);
        assert_eq!(
            actions(&[list(), file("crates/cloud/src/key.rs", "fn create_key_pair_of(\nfn describe_key_pairs(")]).len(),
            1
        );
        assert_eq!(actions(&[list(), file("crates/host/src/key.rs", all)]).len(), 2);
        let macros = "keys! {\n    create_key_pair(CreateKeyPairRequest -> KeyPair);\n    describe_key_pairs (x);\n}";
        assert_eq!(actions(&[list(), file("crates/cloud/src/key.rs", macros)]).len(), 1);
        assert_eq!(actions(&[]).len(), 1);
    }
}
