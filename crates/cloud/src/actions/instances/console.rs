//! GetConsoleOutput.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ec2_shapes::{GetConsoleOutputRequest, GetConsoleOutputResult};

use super::{find_instance, parse_instance_id};
use crate::actions::show;
use crate::context::Context;
use crate::error::ApiError;
use crate::view::View;

/// How much of the console is shown, in bytes.
const SHOWN: usize = 64 * 1024;

/// What is shown is always the latest, with `Latest` or without.
pub(in crate::actions) fn get_console_output(
    context: &Context,
    view: &View<'_>,
    request: GetConsoleOutputRequest,
) -> Result<GetConsoleOutputResult, ApiError> {
    let instance = find_instance(view, parse_instance_id(&request.instance_id)?)?;
    let printed = context.console_output.as_ref().filter(|output| !output.bytes.is_empty());
    Ok(GetConsoleOutputResult {
        instance_id: Some(instance.id.to_string()),
        output: printed.map(|output| STANDARD.encode(&output.bytes[output.bytes.len().saturating_sub(SHOWN)..])),
        timestamp: Some(show::moment(printed.map_or(context.now, |output| output.at))),
    })
}
