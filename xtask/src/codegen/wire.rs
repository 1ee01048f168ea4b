//! The files of `ec2-wire`: tables of the members' names, which macros of that crate give a meaning.

use std::fmt::Write as _;

use anyhow::{Result, ensure};

use super::model::{Member, Model, Shape};
use super::selection::{Selection, Sides, is_rust_enum};
use super::{names, rust};

/// The most members a structure of a request may have: `ec2_wire` keeps one bit for each.
const MAX_MEMBERS: usize = 128;

/// Names that belong to the protocol, kept in step with `ec2_wire`'s `is_protocol_parameter`.
const PROTOCOL: [&str; 9] = [
    "Action",
    "Version",
    "AWSAccessKeyId",
    "Expires",
    "SecurityToken",
    "Signature",
    "SignatureMethod",
    "SignatureVersion",
    "Timestamp",
];

const MODULES: &str = "//! What the generator wrote.\n\npub mod query;\npub mod xml;\n";

/// Every file by name.
pub fn files(model: &Model, selection: &Selection<'_>) -> Result<Vec<(&'static str, String)>> {
    Ok(vec![("mod.rs", MODULES.to_owned()), ("query.rs", query(model, selection)?), ("xml.rs", xml(model, selection)?)])
}

fn query(model: &Model, selection: &Selection<'_>) -> Result<String> {
    for &input in &selection.inputs {
        let taken = model.members(input)?.iter().find(|member| PROTOCOL.contains(&member.query.as_str()));
        ensure!(taken.is_none(), "{input} has a member that the protocol would swallow");
    }
    let row = |member: &Member| {
        let required = if member.required { " required" } else { "" };
        Ok(format!("{} {:?}{required}, ", names::field(&member.name), member.query))
    };
    let (shapes, enums) = tables(model, selection, |sides| sides.request, |member| &member.query, row)?;
    let actions: String = selection.actions.iter().map(|action| format!("{} ", action.name)).collect();
    Ok(format!(
        "//! The names in requests.\n\nuse crate::error::WireError;\nuse crate::query::tree::Node;\nuse crate::query::value::*;\n\n\
         query_shapes! {{\n{shapes}}}\n\nquery_enums! {{ {enums}}}\n\nquery_requests! {{ {actions}}}\n"
    ))
}

fn xml(model: &Model, selection: &Selection<'_>) -> Result<String> {
    let row = |member: &Member| {
        let item = match model.shape(&member.shape)? {
            Shape::List { item, .. } => format!(" {item:?}"),
            _ => String::new(),
        };
        let omit = if member.omit_empty { " omit_empty" } else { "" };
        Ok(format!("{} {:?}{item}{omit}, ", names::field(&member.name), member.xml))
    };
    let (shapes, enums) = tables(model, selection, |sides| sides.answer, |member| &member.xml, row)?;
    let with_output = |wanted: bool| -> String {
        let actions = selection.actions.iter().filter(|action| action.operation.output.is_some() == wanted);
        actions.map(|action| format!("{} ", action.name)).collect()
    };
    Ok(format!(
        "//! The names in answers.\n\nuse crate::xml::value::*;\nuse crate::xml::writer::Writer;\nuse crate::xml::{{Element, Malformed}};\n\n\
         xml_shapes! {{\n{shapes}}}\n\nxml_enums! {{ {enums}}}\n\nxml_responses! {{ [{}] [{}] }}\n",
        with_output(true),
        with_output(false),
    ))
}

/// The structures of one side of the wire, a line each, and the names of its enums.
fn tables(
    model: &Model,
    selection: &Selection<'_>,
    is_on_side: fn(&Sides) -> bool,
    wire_name: fn(&Member) -> &str,
    row: impl Fn(&Member) -> Result<String>,
) -> Result<(String, String)> {
    let (mut shapes, mut enums) = (String::new(), String::new());
    for (&name, _) in selection.shapes.iter().filter(|(_, sides)| is_on_side(sides)) {
        match model.shape(name)? {
            Shape::Structure(members) => {
                ensure!(members.len() <= MAX_MEMBERS, "{name} has over {MAX_MEMBERS} members");
                write!(shapes, "    {} {{ ", rust::value_type(model, name)?)?;
                for (at, member) in members.iter().enumerate() {
                    let twin = members[..at].iter().find(|other| wire_name(other) == wire_name(member));
                    ensure!(twin.is_none(), "{name} has two members called {} on the wire", wire_name(member));
                    shapes.push_str(&row(member)?);
                }
                shapes.push_str("}\n");
            }
            Shape::Enum(values) if is_rust_enum(values) => {
                write!(enums, "{} ", names::type_name(name))?;
            }
            _ => {}
        }
    }
    Ok((shapes, enums))
}
