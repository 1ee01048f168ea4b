//! The files of `ec2-shapes`: structures, string enums, and the list of actions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Result, ensure};

use super::model::{Member, Model, Shape};
use super::selection::{Action, Selection, Sides, is_rust_enum};
use super::{names, rust};

/// Names the crate gives to things of its own, which no shape may take.
const TAKEN: [&str; 8] = ["Action", "ActionKind", "Blob", "Option", "Request", "Response", "String", "Timestamp"];

/// Every file by name.
pub fn files(model: &Model, selection: &Selection<'_>) -> Result<Vec<(&'static str, String)>> {
    let mut text = BTreeMap::from([("requests.rs", String::new()), ("results.rs", String::new())]);
    text.insert("structures.rs", String::new());
    text.insert("enums.rs", String::new());
    let mut taken: BTreeSet<String> = TAKEN.iter().map(|&name| name.to_owned()).collect();
    for (&name, &sides) in &selection.shapes {
        let (file, item) = match model.shape(name)? {
            Shape::Structure(members) => {
                let input = selection.inputs.contains(name);
                let file = match (input, selection.outputs.contains(name)) {
                    (true, _) => "requests.rs",
                    (_, true) => "results.rs",
                    _ => "structures.rs",
                };
                (file, structure(model, name, members, sides, input, selection.stored.contains(name))?)
            }
            Shape::Enum(values) if is_rust_enum(values) => ("enums.rs", string_enum(name, values)?),
            _ => continue,
        };
        ensure!(taken.insert(names::type_name(name)), "two things are called {}", names::type_name(name));
        text.entry(file).or_default().push_str(&item);
    }
    let mut files = vec![("actions.rs", actions(model, selection)), ("mod.rs", MODULES.to_owned())];
    for (file, items) in text {
        let text = match file {
            "enums.rs" => {
                format!("//! String enums.\n\nuse crate::macros::string_enums;\n\nstring_enums! {{\n{items}}}\n")
            }
            "requests.rs" => format!("//! What each action takes.\n\n{USES}{items}"),
            "results.rs" => format!("//! What each action gives.\n\n{USES}{items}"),
            _ => format!("//! Structures inside requests and answers.\n\n{USES}{items}"),
        };
        files.push((file, text));
    }
    Ok(files)
}

const MODULES: &str = "//! What the generator wrote.\n\n\
    pub mod actions;\npub mod enums;\npub mod requests;\npub mod results;\npub mod structures;\n";

const USES: &str = "#[allow(unused_imports)]\nuse crate::*;\n\n";

fn structure(model: &Model, name: &str, members: &[Member], sides: Sides, input: bool, stored: bool) -> Result<String> {
    let mut text = format!(
        "/// The `{name}` of the model.\n#[derive(Debug, Clone, Default, PartialEq{})]\n{}pub struct {} {{\n",
        if stored { ", serde::Serialize, serde::Deserialize" } else { "" },
        if stored { "#[serde(default)]\n" } else { "" },
        names::type_name(name)
    );
    let mut fields = BTreeSet::new();
    for member in members {
        let field = names::field(&member.name);
        let required = if member.required && sides.request { "; required" } else { "" };
        let doc = match (sides.request, sides.answer) {
            (true, true) if member.query != member.xml => {
                format!("`{}` in a request{required}, `{}` in an answer.", member.query, member.xml)
            }
            (true, _) => format!("`{}` on the wire{required}.", member.query),
            _ => format!("`{}` on the wire.", member.xml),
        };
        ensure!(fields.insert(field.clone()), "{name} has two members {field}");
        let of = rust::member_type(model, member, input)?;
        let absent = ["Option", "Vec"].into_iter().find(|kind| of.starts_with(kind)).filter(|_| stored);
        let skip = match absent {
            Some("Option") => "#[serde(skip_serializing_if = \"Option::is_none\")]\n",
            Some(_) => "#[serde(skip_serializing_if = \"Vec::is_empty\")]\n",
            None => "",
        };
        writeln!(text, "/// {doc}\n{skip}pub {field}: {of},")?;
    }
    text.push_str("}\n\n");
    Ok(text)
}

fn string_enum(name: &str, values: &[String]) -> Result<String> {
    let mut variants = BTreeSet::new();
    let mut text = format!("    {} {{ ", names::type_name(name));
    for value in values {
        let variant = names::variant(value);
        ensure!(!variant.is_empty(), "{name} has a value {value:?} that gives no name");
        write!(text, "{variant} = {value:?}, ")?;
        ensure!(variants.insert(variant), "{name} has two values like {value:?}");
    }
    text.push_str("}\n");
    Ok(text)
}

fn actions(model: &Model, selection: &Selection<'_>) -> String {
    let names: String = model.operations.keys().map(|name| format!("{name:?},")).collect();
    let list: String = selection.actions.iter().map(action).collect();
    let member = |wanted: &str| -> String {
        let has = |action: &&Action<'_>| {
            model.members(&action.operation.input).is_ok_and(|members| members.iter().any(|m| m.name == wanted))
        };
        selection.actions.iter().filter(has).map(|action| format!("{} ", action.name)).collect()
    };
    format!(
        "//! The actions, and the requests and answers they exchange.\n\nuse crate::macros::{{actions, flags}};\n\n\
         actions! {{\n{list}}}\n\n\
         flags! {{\n    dry_run: [{}]\n    client_token: [{}]\n}}\n\n\
         /// The name of every action in EC2's model, sorted, answered here or not.\n\
         pub const ALL_MODEL_ACTIONS: &[&str] = &[{names}];\n\n{}{}",
        member("DryRun"),
        member("ClientToken"),
        dispatcher(&selection.actions, false),
        dispatcher(&selection.actions, true),
    )
}

fn action(action: &Action<'_>) -> String {
    let kind = if action.writes { "Write" } else { "Read" };
    let output = action.operation.output.as_ref().map_or_else(String::new, |o| format!(" -> {}", names::type_name(o)));
    format!("    {} {kind} {} {}{output},\n", action.name, action.tier, names::type_name(&action.operation.input))
}

/// The macro that hands each request of one kind to the function of its action's name.
fn dispatcher(actions: &[Action<'_>], writes: bool) -> String {
    let (name, kind) = if writes { ("dispatch_write", "write") } else { ("dispatch_read", "read") };
    let mut arms = String::new();
    for action in actions.iter().filter(|action| action.writes == writes) {
        let (variant, function) = (action.name, names::snake(action.name));
        let answer = match action.operation.output {
            Some(_) => format!("|answer| $crate::Response::{variant}(::std::boxed::Box::new(answer))"),
            None => format!("|()| $crate::Response::{variant}"),
        };
        arms.push_str(&format!(
            "            $crate::Request::{variant}(request) => \
             $($module)::+::{function}($($argument,)* *request).map({answer}),\n"
        ));
    }
    format!(
        "/// Calls `module::action_name(arguments.., request)` for a request of a {kind} action and wraps what it gives\n\
         /// into a [`Response`](crate::Response); any other request goes to the last argument.\n\
         ///\n\
         /// The functions return `Result<XResult, E>`, or `Result<(), E>` for an action without a result:\n\
         /// `{name}!(request, crate::actions, (state, context), other => refuse(other))`.\n\
         #[macro_export]\n\
         macro_rules! {name} {{\n\
         \x20   ($request:expr, $($module:ident)::+, ($($argument:expr),* $(,)?), $other:pat => $otherwise:expr) => {{\n\
         \x20       match $request {{\n{arms}            $other => $otherwise,\n        }}\n    }};\n}}\n\n"
    )
}
