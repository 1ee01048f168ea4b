//! What the members of shapes look like in answers, both ways; the counterpart of `query::value`.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ec2_shapes::{Blob, Timestamp};

use super::reader::{Element, Malformed};
use super::writer::Writer;

/// The name of a member in an answer, its items' name if it is a list, and whether an empty list leaves no element.
pub struct Tag {
    pub name: &'static str,
    pub item: &'static str,
    pub omit_empty: bool,
}

/// One value: a scalar, an enum or a structure.
pub trait ToXml {
    fn to_xml(&self, name: &str, out: &mut Writer);
}

/// The inverse of [`ToXml`].
pub trait FromXml: Sized {
    fn from_xml(element: &Element) -> Result<Self, Malformed>;
}

/// A member's place in a structure: perhaps a value, or any number of them.
pub trait Member {
    fn write(&self, tag: &Tag, out: &mut Writer);
}

/// The inverse of [`Member`].
pub trait MemberMut {
    fn read(&mut self, element: &Element) -> Result<(), Malformed>;
}

impl<T: ToXml> Member for Option<T> {
    fn write(&self, tag: &Tag, out: &mut Writer) {
        if let Some(value) = self {
            value.to_xml(tag.name, out);
        }
    }
}

impl<T: ToXml> Member for Vec<T> {
    fn write(&self, tag: &Tag, out: &mut Writer) {
        if self.is_empty() && tag.omit_empty {
            return;
        }
        let open = out.open(tag.name);
        for item in self {
            item.to_xml(tag.item, out);
        }
        out.close(tag.name, open);
    }
}

impl<T: FromXml> MemberMut for Option<T> {
    fn read(&mut self, element: &Element) -> Result<(), Malformed> {
        *self = Some(T::from_xml(element)?);
        Ok(())
    }
}

impl<T: FromXml> MemberMut for Vec<T> {
    fn read(&mut self, element: &Element) -> Result<(), Malformed> {
        *self = element.children.iter().map(T::from_xml).collect::<Result<_, _>>()?;
        Ok(())
    }
}

/// Writes the members of a structure, without an element around them.
pub fn write_members(tags: &[Tag], members: &[&dyn Member], out: &mut Writer) {
    for (tag, member) in tags.iter().zip(members) {
        member.write(tag, out);
    }
}

/// Reads the members of a structure; elements it does not know are passed over, as clients of EC2 must.
pub fn read_members(tags: &[Tag], members: &mut [&mut dyn MemberMut], element: &Element) -> Result<(), Malformed> {
    for child in &element.children {
        if let Some(at) = tags.iter().position(|tag| tag.name == child.name) {
            members[at].read(child)?;
        }
    }
    Ok(())
}

impl ToXml for String {
    fn to_xml(&self, name: &str, out: &mut Writer) {
        out.element(name, self);
    }
}

impl FromXml for String {
    fn from_xml(element: &Element) -> Result<Self, Malformed> {
        Ok(element.text.clone())
    }
}

macro_rules! displayed {
    ($($type:ty),*) => {$(
        impl ToXml for $type {
            fn to_xml(&self, name: &str, out: &mut Writer) {
                out.plain_element(name, self);
            }
        }

        impl FromXml for $type {
            fn from_xml(element: &Element) -> Result<Self, Malformed> {
                element.text.parse().map_err(|_| element.malformed(stringify!($type)))
            }
        }
    )*};
}
displayed!(bool, i32, i64, f64, f32, Timestamp);

impl ToXml for Blob {
    fn to_xml(&self, name: &str, out: &mut Writer) {
        out.plain_element(name, BASE64_STANDARD.encode(&self.0));
    }
}

impl FromXml for Blob {
    fn from_xml(element: &Element) -> Result<Self, Malformed> {
        BASE64_STANDARD.decode(&element.text).map(Self).map_err(|_| element.malformed("base64"))
    }
}

/// A structure and its table.
pub trait XmlShape: Default {
    /// One tag for each member, in the same order.
    const TAGS: &'static [Tag];
    /// Writes the members, without an element around them.
    fn write_content(&self, out: &mut Writer);
}

/// Both ways for structures, from lines `Shape { field "name", field "nameSet" "item" omit_empty, }`.
macro_rules! xml_shapes {
    ($($shape:ident { $($field:ident $name:literal $($item:literal)? $($omit:ident)?,)* })*) => {$(
        impl XmlShape for ec2_shapes::$shape {
            const TAGS: &'static [Tag] = &[$(Tag {
                name: $name,
                item: concat!($($item)?),
                omit_empty: stringify!($($omit)?).len() > 0,
            }),*];

            fn write_content(&self, out: &mut Writer) {
                write_members(Self::TAGS, &[$(&self.$field),*], out);
            }
        }

        impl ToXml for ec2_shapes::$shape {
            fn to_xml(&self, name: &str, out: &mut Writer) {
                let open = out.open(name);
                self.write_content(out);
                out.close(name, open);
            }
        }

        impl FromXml for ec2_shapes::$shape {
            fn from_xml(element: &Element) -> Result<Self, Malformed> {
                let mut shape = Self::default();
                read_members(Self::TAGS, &mut [$(&mut shape.$field),*], element)?;
                Ok(shape)
            }
        }

        #[cfg(test)]
        impl crate::draw::Drawn<crate::draw::Told> for ec2_shapes::$shape {
            fn drawn(draw: &mut crate::draw::Draw) -> Self {
                draw.deeper(|_draw| Self {
                    $($field: crate::draw::Drawn::<crate::draw::Told>::drawn(_draw),)*
                })
            }
        }
    )*};
}
pub(crate) use xml_shapes;

/// Both ways for string enums.
macro_rules! xml_enums {
    ($($name:ident)*) => {$(
        #[cfg(test)]
        impl crate::draw::Drawn<crate::draw::Told> for ec2_shapes::$name {
            fn drawn(draw: &mut crate::draw::Draw) -> Self {
                draw.one_of(Self::ALL)
            }
        }

        impl ToXml for ec2_shapes::$name {
            fn to_xml(&self, name: &str, out: &mut Writer) {
                out.element(name, self.as_str());
            }
        }

        impl FromXml for ec2_shapes::$name {
            fn from_xml(element: &Element) -> Result<Self, Malformed> {
                Self::from_wire(&element.text).ok_or_else(|| element.malformed(stringify!($name)))
            }
        }
    )*};
}
pub(crate) use xml_enums;

/// Both ways for whole answers: actions with a result, then those without one.
macro_rules! xml_responses {
    ([$($action:ident)*] [$($bare:ident)*]) => {
        /// Writes what is inside the answer's root element, after the request id.
        pub fn response_to_xml(response: &ec2_shapes::Response, out: &mut Writer) {
            match response {
                $(ec2_shapes::Response::$action(result) => result.write_content(out),)*
                $(ec2_shapes::Response::$bare)|* => out.plain_element("return", true),
            }
        }

        /// Some answer of this action.
        #[cfg(test)]
        pub fn response_drawn(action: ec2_shapes::Action, draw: &mut crate::draw::Draw) -> ec2_shapes::Response {
            match action {
                $(ec2_shapes::Action::$action => {
                    ec2_shapes::Response::$action(Box::new(crate::draw::Drawn::<crate::draw::Told>::drawn(draw)))
                })*
                $(ec2_shapes::Action::$bare => ec2_shapes::Response::$bare,)*
            }
        }

        /// The answer of this action that the root element holds.
        pub fn response_from_xml(action: ec2_shapes::Action, root: &Element) -> Result<ec2_shapes::Response, Malformed> {
            Ok(match action {
                $(ec2_shapes::Action::$action => ec2_shapes::Response::$action(Box::new(FromXml::from_xml(root)?)),)*
                $(ec2_shapes::Action::$bare => ec2_shapes::Response::$bare,)*
            })
        }
    };
}
pub(crate) use xml_responses;
