//! Answers read by clients: a small tree of elements, with attributes and namespaces dropped.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};

/// How deep an answer may nest. EC2's deepest has about ten levels.
const MAX_DEPTH: usize = 64;

/// Why an answer cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed answer: {0}")]
pub struct Malformed(pub String);

/// An element with its text and children.
#[derive(Debug, Default)]
pub struct Element {
    pub name: String,
    pub text: String,
    pub children: Vec<Element>,
}

impl Element {
    /// The root element of a document.
    pub fn parse(document: &[u8]) -> Result<Self, Malformed> {
        let document = std::str::from_utf8(document).map_err(|_| Malformed("it is not UTF-8".to_owned()))?;
        let mut reader = Reader::from_str(document);
        // The elements not yet closed, below one that holds the root.
        let mut open = vec![Self::default()];
        loop {
            let event = reader.read_event().map_err(malformed)?;
            let depth = open.len();
            let top = open.last_mut().ok_or_else(|| Malformed("an element too many is closed".to_owned()))?;
            match event {
                Event::Start(start) if depth < MAX_DEPTH => open.push(Self::named(start.local_name().as_ref())),
                Event::Start(_) => return Err(Malformed("it nests too deep".to_owned())),
                Event::Empty(start) => top.children.push(Self::named(start.local_name().as_ref())),
                Event::Text(text) => top.text.push_str(&text.xml10_content().map_err(malformed)?),
                Event::CData(text) => top.text.push_str(&text.xml10_content().map_err(malformed)?),
                Event::GeneralRef(reference) => top.text.push_str(&resolve(&reference)?),
                Event::End(_) => {
                    let mut closed = open.pop().unwrap_or_default();
                    if !closed.children.is_empty() {
                        closed.text.clear();
                    }
                    open.last_mut().ok_or_else(|| Malformed("it has no root".to_owned()))?.children.push(closed);
                }
                Event::Eof => break,
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            }
        }
        match (open.len(), open.pop().and_then(|mut holder| holder.children.pop())) {
            (1, Some(root)) => Ok(root),
            _ => Err(Malformed("it ends early".to_owned())),
        }
    }

    fn named(name: &[u8]) -> Self {
        Self { name: String::from_utf8_lossy(name).into_owned(), ..Self::default() }
    }

    /// The child of this name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the child of this name, or nothing.
    pub fn child_text(&self, name: &str) -> &str {
        self.child(name).map_or("", |child| &child.text)
    }

    /// The complaint that this element's text is not what belongs there.
    pub fn malformed(&self, wanted: &str) -> Malformed {
        Malformed(format!("{} holds {:?}, which is no {wanted}", self.name, crate::error::echo(&self.text)))
    }
}

fn malformed(error: impl std::fmt::Display) -> Malformed {
    Malformed(error.to_string())
}

fn resolve(reference: &BytesRef<'_>) -> Result<String, Malformed> {
    if let Some(character) = reference.resolve_char_ref().map_err(malformed)? {
        return Ok(character.to_string());
    }
    let name = reference.decode().map_err(malformed)?;
    let text = resolve_predefined_entity(&name).ok_or_else(|| Malformed(format!("it names an entity {name:?}")))?;
    Ok(text.to_owned())
}
