//! Corrections of the service model, all of them. Each first asserts that the model still has the quirk, so that one
//! which AWS has mended stops the generator instead of staying here for ever.

use anyhow::{Context, Result, bail, ensure};

use super::model::{Model, Shape};

/// Applies every correction.
pub fn correct(model: &mut Model) -> Result<()> {
    item_name_on_the_list(model)?;
    attribute_answers_hold_one_attribute(model)?;
    the_account_has_six_attributes(model)?;
    launch_templates_say_only_what_they_were_told(model)?;
    gateways_are_attached_as_available(model)?;
    endpoint_states_begin_small(model)
}

/// An internet gateway's attachment is `available`, as the text of `InternetGatewayAttachment` says; its enum does not.
fn gateways_are_attached_as_available(model: &mut Model) -> Result<()> {
    let (name, value) = ("AttachmentStatus", "available");
    match model.shapes.get_mut(name) {
        Some(Shape::Enum(values)) => {
            ensure!(!values.iter().any(|known| known == value), "{name} knows {value} now; drop this correction");
            values.push(value.to_owned());
        }
        _ => bail!("{name} is no enum any more; drop this correction"),
    }
    Ok(())
}

/// The text of DescribeAccountAttributes names six attributes; its enum has two of them, and clients ask for the others.
fn the_account_has_six_attributes(model: &mut Model) -> Result<()> {
    let name = "AccountAttributeName";
    let Some(Shape::Enum(values)) = model.shapes.get_mut(name) else { bail!("{name} is no enum any more") };
    for value in ["max-instances", "vpc-max-security-groups-per-interface", "max-elastic-ips", "vpc-max-elastic-ips"] {
        ensure!(!values.iter().any(|known| known == value), "{name} knows {value} now; drop this correction");
        values.push(value.to_owned());
    }
    Ok(())
}

/// `InferenceDeviceInfoList` names its item on the list instead of on the member, where the protocol looks for it.
fn item_name_on_the_list(model: &mut Model) -> Result<()> {
    let name = "InferenceDeviceInfoList";
    match model.shapes.get_mut(name) {
        Some(Shape::List { item, .. }) => {
            ensure!(item == "member", "{name} names its item now; drop this correction");
            *item = "item".to_owned();
        }
        _ => bail!("{name} is no list any more; drop this correction"),
    }
    Ok(())
}

/// DescribeInstanceAttribute answers with the one attribute asked for. An empty list beside it would read as a second
/// answer, so the lists of its result leave no element when they are empty; elsewhere EC2 writes `<tagSet/>`.
fn attribute_answers_hold_one_attribute(model: &mut Model) -> Result<()> {
    leave_empty_lists_out(model, "InstanceAttribute")
}

/// A launch template's data come back as they were given, and clients compare the two: a list that was not given leaves no
/// element, where elsewhere EC2 writes `<tagSet/>`.
fn launch_templates_say_only_what_they_were_told(model: &mut Model) -> Result<()> {
    for name in ["ResponseLaunchTemplateData", "LaunchTemplateInstanceNetworkInterfaceSpecification"] {
        leave_empty_lists_out(model, name)?;
    }
    Ok(())
}

fn leave_empty_lists_out(model: &mut Model, name: &str) -> Result<()> {
    let lists: Vec<String> = (model.members(name)?.iter())
        .filter(|member| matches!(model.shape(&member.shape), Ok(Shape::List { .. })))
        .map(|member| member.name.clone())
        .collect();
    ensure!(!lists.is_empty(), "{name} has no lists any more; drop this correction");
    let Some(Shape::Structure(members)) = model.shapes.get_mut(name) else { bail!("{name} is not a structure") };
    for list in lists {
        members.iter_mut().find(|member| member.name == list).context("a list vanished")?.omit_empty = true;
    }
    Ok(())
}

/// The model writes the states of a VPC endpoint with a capital letter, `Available`; EC2 and its filters say `available`.
fn endpoint_states_begin_small(model: &mut Model) -> Result<()> {
    let name = "State";
    let Some(Shape::Enum(values)) = model.shapes.get_mut(name) else { bail!("{name} is no enum any more") };
    for value in values {
        let first = value.chars().next().with_context(|| format!("{name} has an empty value"))?;
        ensure!(first.is_ascii_uppercase(), "{name} writes {value:?} now; drop this correction");
        value.replace_range(..1, &first.to_ascii_lowercase().to_string());
    }
    Ok(())
}
