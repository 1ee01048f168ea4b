//! What the members of shapes look like among parameters, both ways.
//!
//! A shape is a table of names beside a row of slots, one for each member; the code that walks them is here once, for
//! all shapes, so that a shape costs hardly more than its table.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ec2_shapes::{Blob, Timestamp};

use super::tree::Node;
use crate::error::WireError;

/// The parameters that [`ToQuery`] appends to.
pub type Parameters = Vec<(String, String)>;

/// The name of a member in a request, and whether it must be there.
pub struct Name {
    pub name: &'static str,
    pub required: bool,
}

/// One value: a scalar, an enum or a structure.
pub trait FromQuery: Sized {
    fn from_query(node: Node<'_>) -> Result<Self, WireError>;
}

/// The inverse of [`FromQuery`].
pub trait ToQuery {
    fn to_query(&self, path: &mut String, out: &mut Parameters);
}

/// A member's place in a structure: a value, perhaps a value, or any number of them.
pub trait Fill {
    /// Takes the node; says whether anything was in it.
    fn fill(&mut self, node: Node<'_>) -> Result<bool, WireError>;
}

impl<T: FromQuery> Fill for Option<T> {
    fn fill(&mut self, node: Node<'_>) -> Result<bool, WireError> {
        *self = Some(T::from_query(node)?);
        Ok(node.value() != Some(""))
    }
}

impl<T: FromQuery> Fill for Vec<T> {
    fn fill(&mut self, node: Node<'_>) -> Result<bool, WireError> {
        for item in items(node)? {
            self.push(T::from_query(item)?);
        }
        Ok(!self.is_empty())
    }
}

/// The items of `Name.N` by rising N, whatever N starts from and whatever is left out.
fn items(list: Node<'_>) -> Result<Vec<Node<'_>>, WireError> {
    // Some clients write an empty list as `Name=`, and Libcloud one of a single text as `Name=VALUE`.
    if list.value().is_some_and(|value| !value.is_empty()) {
        let is_alone = list.children().next().is_none();
        return if is_alone { Ok(vec![list]) } else { Err(WireError::unknown_parameter(list.path())) };
    }
    let mut items = Vec::new();
    for item in list.children() {
        let digits = item.name().bytes().all(|byte| byte.is_ascii_digit());
        let index = item.name().parse::<u32>().ok().filter(|_| digits);
        items.push((index.ok_or_else(|| WireError::unknown_parameter(item.parameter()))?, item));
    }
    items.sort_by_key(|(index, _)| *index);
    if let Some(pair) = items.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(WireError::malformed_query(format!("The parameter {} is given more than once.", pair[1].1.path())));
    }
    Ok(items.into_iter().map(|(_, item)| item).collect())
}

/// Fills the slots of a structure from the children of a node, then looks for what is required.
///
/// Top-level parameters that belong to the protocol rather than to the action are passed over.
pub fn fill_members(names: &[Name], slots: &mut [&mut dyn Fill], node: Node<'_>) -> Result<(), WireError> {
    // Some clients write an empty structure as `Name=`.
    if node.value().is_some_and(|value| !value.is_empty()) {
        return Err(WireError::unknown_parameter(node.path()));
    }
    // The generator asserts that no structure has more members than bits are here.
    let mut present = 0u128;
    for child in node.children() {
        let Some(at) = names.iter().position(|name| name.name == child.name()) else {
            if node.path().is_empty() && super::is_protocol_parameter(child.name()) {
                continue;
            }
            return Err(WireError::unknown_parameter(child.parameter()));
        };
        if slots[at].fill(child)? {
            present |= 1 << at;
        }
    }
    match names.iter().enumerate().find(|(at, name)| name.required && present & (1 << at) == 0) {
        Some((_, name)) => Err(WireError::missing_parameter(&node.member_path(name.name))),
        None => Ok(()),
    }
}

/// The text of a scalar; a name that goes on after it is unknown.
fn scalar(node: Node<'_>) -> Result<&str, WireError> {
    match (node.value(), node.children().next()) {
        (Some(value), None) => Ok(value),
        (_, Some(child)) => Err(WireError::unknown_parameter(child.parameter())),
        (None, None) => Ok(""),
    }
}

fn parsed<T>(node: Node<'_>, parse: impl FnOnce(&str) -> Option<T>, hint: &str) -> Result<T, WireError> {
    let text = scalar(node)?;
    parse(text).ok_or_else(|| WireError::invalid_value(node.path(), text, hint))
}

/// The value of a string enum.
pub fn enum_from_query<T>(
    node: Node<'_>,
    from_wire: fn(&str) -> Option<T>,
    values: impl Iterator<Item = &'static str>,
) -> Result<T, WireError> {
    let text = scalar(node)?;
    from_wire(text).ok_or_else(|| {
        let values: Vec<&str> = values.collect();
        WireError::invalid_value(node.path(), text, &format!("Valid values are: {}.", values.join(", ")))
    })
}

impl FromQuery for String {
    fn from_query(node: Node<'_>) -> Result<Self, WireError> {
        scalar(node).map(str::to_owned)
    }
}

impl FromQuery for bool {
    fn from_query(node: Node<'_>) -> Result<Self, WireError> {
        let parse = |text: &str| match text {
            "1" => Some(true),
            "0" => Some(false),
            _ if text.eq_ignore_ascii_case("true") => Some(true),
            _ if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        };
        parsed(node, parse, "Expected true or false.")
    }
}

impl FromQuery for i32 {
    fn from_query(node: Node<'_>) -> Result<Self, WireError> {
        parsed(node, |text| text.parse().ok(), "Expected an integer between -2147483648 and 2147483647.")
    }
}

impl FromQuery for i64 {
    fn from_query(node: Node<'_>) -> Result<Self, WireError> {
        parsed(node, |text| text.parse().ok(), "Expected an integer.")
    }
}

impl FromQuery for f64 {
    fn from_query(node: Node<'_>) -> Result<Self, WireError> {
        parsed(node, |text| text.parse().ok().filter(|number: &f64| number.is_finite()), "Expected a number.")
    }
}

impl FromQuery for f32 {
    fn from_query(node: Node<'_>) -> Result<Self, WireError> {
        parsed(node, |text| text.parse().ok().filter(|number: &f32| number.is_finite()), "Expected a number.")
    }
}

impl FromQuery for Timestamp {
    fn from_query(node: Node<'_>) -> Result<Self, WireError> {
        parsed(node, |text| text.parse().ok(), "Expected a date and time in ISO 8601, such as 2026-02-08T07:08:49Z.")
    }
}

impl FromQuery for Blob {
    fn from_query(node: Node<'_>) -> Result<Self, WireError> {
        // Clients that wrap base64 in lines exist.
        let decode = |text: &str| {
            let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
            BASE64_STANDARD.decode(text).ok().map(Blob)
        };
        parsed(node, decode, "Expected base64.")
    }
}

/// A plain value is a member that its structure requires.
macro_rules! required_scalars {
    ($($type:ty),*) => {$(
        impl Fill for $type {
            fn fill(&mut self, node: Node<'_>) -> Result<bool, WireError> {
                // An empty value is a missing one, as EC2 sees it.
                if node.value() == Some("") && node.children().next().is_none() {
                    return Ok(false);
                }
                *self = FromQuery::from_query(node)?;
                Ok(true)
            }
        }
    )*};
}
required_scalars!(String, bool, i32, i64, f64, f32, Timestamp, Blob);

impl<T: ToQuery> ToQuery for Option<T> {
    fn to_query(&self, path: &mut String, out: &mut Parameters) {
        if let Some(value) = self {
            value.to_query(path, out);
        }
    }
}

impl<T: ToQuery> ToQuery for Vec<T> {
    fn to_query(&self, path: &mut String, out: &mut Parameters) {
        let end = path.len();
        for (at, item) in self.iter().enumerate() {
            path.push_str(&format!(".{}", at + 1));
            item.to_query(path, out);
            path.truncate(end);
        }
    }
}

/// Appends the members of a structure.
pub fn members_to_query(names: &[Name], slots: &[&dyn ToQuery], path: &mut String, out: &mut Parameters) {
    let end = path.len();
    for (name, slot) in names.iter().zip(slots) {
        if end > 0 {
            path.push('.');
        }
        path.push_str(name.name);
        slot.to_query(path, out);
        path.truncate(end);
    }
}

macro_rules! displayed {
    ($($type:ty),*) => {$(
        impl ToQuery for $type {
            fn to_query(&self, path: &mut String, out: &mut Parameters) {
                out.push((path.clone(), self.to_string()));
            }
        }
    )*};
}
displayed!(String, bool, i32, i64, f64, f32, Timestamp);

impl ToQuery for Blob {
    fn to_query(&self, path: &mut String, out: &mut Parameters) {
        out.push((path.clone(), BASE64_STANDARD.encode(&self.0)));
    }
}

/// A structure and its table.
pub trait QueryShape: Default {
    /// One name for each slot, in the same order.
    const NAMES: &'static [Name];
}

/// Both ways for structures, from lines `Shape { field "Name", field "Name" required, }`.
macro_rules! query_shapes {
    ($($shape:ident { $($field:ident $name:literal $($required:ident)?,)* })*) => {$(
        impl QueryShape for ec2_shapes::$shape {
            const NAMES: &'static [Name] =
                &[$(Name { name: $name, required: stringify!($($required)?).len() > 0 }),*];
        }

        impl FromQuery for ec2_shapes::$shape {
            fn from_query(node: Node<'_>) -> Result<Self, WireError> {
                let mut shape = Self::default();
                fill_members(Self::NAMES, &mut [$(&mut shape.$field),*], node)?;
                Ok(shape)
            }
        }

        impl ToQuery for ec2_shapes::$shape {
            fn to_query(&self, path: &mut String, out: &mut Parameters) {
                members_to_query(Self::NAMES, &[$(&self.$field),*], path, out);
            }
        }

        #[cfg(test)]
        impl crate::draw::Drawn<crate::draw::Asked> for ec2_shapes::$shape {
            fn drawn(draw: &mut crate::draw::Draw) -> Self {
                draw.deeper(|_draw| Self { $($field: query_drawn!(_draw $($required)?),)* })
            }
        }
    )*};
}
pub(crate) use query_shapes;

/// A value for a member of a request, for tests.
#[cfg(test)]
macro_rules! query_drawn {
    ($draw:ident) => {
        crate::draw::Drawn::<crate::draw::Asked>::drawn($draw)
    };
    ($draw:ident required) => {
        crate::draw::Drawn::<crate::draw::Asked>::required($draw)
    };
}
#[cfg(test)]
pub(crate) use query_drawn;

/// Both ways for string enums.
macro_rules! query_enums {
    ($($name:ident)*) => {$(
        #[cfg(test)]
        impl crate::draw::Drawn<crate::draw::Asked> for ec2_shapes::$name {
            fn drawn(draw: &mut crate::draw::Draw) -> Self {
                draw.one_of(Self::ALL)
            }
        }

        impl FromQuery for ec2_shapes::$name {
            fn from_query(node: Node<'_>) -> Result<Self, WireError> {
                enum_from_query(node, Self::from_wire, Self::ALL.iter().map(|value| value.as_str()))
            }
        }

        impl ToQuery for ec2_shapes::$name {
            fn to_query(&self, path: &mut String, out: &mut Parameters) {
                out.push((path.clone(), self.as_str().to_owned()));
            }
        }
    )*};
}
pub(crate) use query_enums;

/// Both ways for whole requests.
macro_rules! query_requests {
    ($($action:ident)*) => {
        /// The request that these parameters make to this action.
        pub fn request_from_query(action: ec2_shapes::Action, root: Node<'_>) -> Result<ec2_shapes::Request, WireError> {
            Ok(match action {
                $(ec2_shapes::Action::$action => ec2_shapes::Request::$action(Box::new(FromQuery::from_query(root)?)),)*
            })
        }

        /// Some request for this action.
        #[cfg(test)]
        pub fn request_drawn(action: ec2_shapes::Action, draw: &mut crate::draw::Draw) -> ec2_shapes::Request {
            match action {
                $(ec2_shapes::Action::$action => ec2_shapes::Request::$action(Box::new(query_drawn!(draw))),)*
            }
        }

        /// The parameters that make this request.
        pub fn request_to_query(request: &ec2_shapes::Request, out: &mut Parameters) {
            let path = &mut String::new();
            match request {
                $(ec2_shapes::Request::$action(request) => request.to_query(path, out),)*
            }
        }
    };
}
pub(crate) use query_requests;
