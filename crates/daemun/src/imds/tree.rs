//! A tree of text whose branches are made only when someone looks into them.

use std::borrow::Cow;
use std::fmt::{Display, Write};

/// What is at a path.
pub enum Node<'a> {
    /// Text.
    Text(String),
    /// Bytes that need not be text.
    Bytes(Cow<'a, [u8]>),
    /// More.
    Branch(Branch<'a>),
}

/// A directory: names, and what each leads to.
#[derive(Default)]
pub struct Branch<'a> {
    entries: Vec<Entry<'a>>,
}

struct Entry<'a> {
    name: Cow<'a, str>,
    /// How a listing shows it where that is not the name alone.
    listed_as: Option<String>,
    child: Child<'a>,
}

enum Child<'a> {
    Text(Box<dyn Display + 'a>),
    Bytes(&'a [u8]),
    Branch(Box<dyn FnOnce() -> Branch<'a> + 'a>),
}

impl<'a> Branch<'a> {
    /// An empty directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an item with text.
    pub fn text(self, name: impl Into<Cow<'a, str>>, value: impl Display + 'a) -> Self {
        self.with(name.into(), None, Child::Text(Box::new(value)))
    }

    /// Adds an item with text where there is one.
    pub fn maybe_text(self, name: &'a str, value: Option<impl Display + 'a>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    /// Adds an item with bytes where there are any.
    pub fn maybe_bytes(self, name: &'a str, value: Option<&'a [u8]>) -> Self {
        match value {
            Some(value) => self.with(name.into(), None, Child::Bytes(value)),
            None => self,
        }
    }

    /// Adds a directory; a listing shows it with a slash.
    pub fn branch(self, name: impl Into<Cow<'a, str>>, make: impl FnOnce() -> Branch<'a> + 'a) -> Self {
        let name = name.into();
        let listed_as = format!("{name}/");
        self.branch_listed_as(name, listed_as, make)
    }

    /// Adds a directory where there is one.
    pub fn maybe_branch(self, name: &'a str, make: Option<impl FnOnce() -> Branch<'a> + 'a>) -> Self {
        match make {
            Some(make) => self.branch(name, make),
            None => self,
        }
    }

    /// Adds a directory that a listing shows in a way of its own.
    pub fn branch_listed_as(
        self,
        name: impl Into<Cow<'a, str>>,
        listed_as: String,
        make: impl FnOnce() -> Branch<'a> + 'a,
    ) -> Self {
        self.with(name.into(), Some(listed_as), Child::Branch(Box::new(make)))
    }

    fn with(mut self, name: Cow<'a, str>, listed_as: Option<String>, child: Child<'a>) -> Self {
        self.entries.push(Entry { name, listed_as, child });
        self
    }

    /// What is at the end of these names, one below the other; the directory itself where there are none.
    pub fn find<S: AsRef<str>>(self, path: &[S]) -> Option<Node<'a>> {
        let Some((first, rest)) = path.split_first() else { return Some(Node::Branch(self)) };
        let entry = self.entries.into_iter().find(|entry| entry.name == first.as_ref())?;
        match entry.child {
            Child::Branch(make) => make().find(rest),
            _ if !rest.is_empty() => None,
            Child::Text(value) => Some(Node::Text(value.to_string())),
            Child::Bytes(value) => Some(Node::Bytes(value.into())),
        }
    }

    /// The names, one a line, without a newline at the end.
    pub fn listing(&self) -> String {
        lines(self.entries.iter().map(|entry| entry.listed_as.as_deref().unwrap_or(&entry.name)))
    }
}

/// Items one a line, without a newline at the end.
pub fn lines(items: impl IntoIterator<Item = impl Display>) -> String {
    let mut text = String::new();
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        // Writing to a String cannot fail.
        let _ = write!(text, "{item}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Branch<'static> {
        Branch::new()
            .text("leaf", 7)
            .maybe_text("absent", None::<u8>)
            .maybe_bytes("raw", Some(&[0xff, 0]))
            .branch("dir", || Branch::new().text("inner", "x").branch("empty", Branch::new))
            .branch_listed_as("0", "0=name".to_owned(), || Branch::new().text("key", "k"))
            .branch("never", || panic!("looked into a branch nobody asked for"))
    }

    fn read(path: &[&str]) -> Option<String> {
        tree().find(path).map(|node| match node {
            Node::Text(text) => text,
            Node::Bytes(bytes) => format!("{bytes:?}"),
            Node::Branch(branch) => branch.listing(),
        })
    }

    #[test]
    fn finds_items_and_lists_directories() {
        assert_eq!(read(&[]).unwrap(), "leaf\nraw\ndir/\n0=name\nnever/");
        assert_eq!(read(&["leaf"]).unwrap(), "7");
        assert_eq!(read(&["raw"]).unwrap(), "[255, 0]");
        assert_eq!(read(&["dir"]).unwrap(), "inner\nempty/");
        assert_eq!(read(&["dir", "inner"]).unwrap(), "x");
        assert_eq!(read(&["dir", "empty"]).unwrap(), "");
        assert_eq!(read(&["0", "key"]).unwrap(), "k");
        for absent in [&["absent"][..], &["leaf", "below"], &["dir", "other"], &["0=name"]] {
            assert_eq!(read(absent), None, "{absent:?}");
        }
    }
}
