//! What an answer was made from, so that it can be told whether it would be made the same again.
//!
//! Whoever makes something that is worth keeping reads the tables through a [`Reader`], which notes every record that
//! was looked up, or found missing. Records are immutable: as long as each look-up gives the very same record, what was
//! made of them is as good as new. So there is no list by hand of what an answer depends on that could be incomplete.

use std::cell::RefCell;

use crate::resource::Tags;
use crate::state::{Key, Record, Tables};

/// The tables of a region, as somebody reads them one record at a time; perhaps noting which.
///
/// There is no other way through it to the tables, so that nothing is read that is not noted. It has one method for
/// each table.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    tables: &'a Tables,
    notes: Option<&'a RefCell<Vec<Read>>>,
}

/// One look-up, and what it gave.
#[derive(Debug)]
struct Read {
    key: Key,
    found: Option<Record>,
}

impl<'a> From<&'a Tables> for Reader<'a> {
    /// A reader that notes nothing.
    fn from(tables: &'a Tables) -> Self {
        Self { tables, notes: None }
    }
}

impl<'a> Reader<'a> {
    /// Looks something up in the tables, and notes it: `note` tells the key and what was found.
    pub(crate) fn look_up<T: Copy>(
        self,
        find: impl FnOnce(&'a Tables) -> T,
        note: impl FnOnce(T) -> (Key, Option<Record>),
    ) -> T {
        let found = find(self.tables);
        if let Some(notes) = self.notes {
            let (key, found) = note(found);
            let mut notes = notes.borrow_mut();
            // Some things, such as the VPC, are looked up again and again.
            if !notes.iter().any(|read| read.key == key) {
                notes.push(Read { key, found });
            }
        }
        found
    }

    /// The tags of a resource; empty where it has none.
    pub fn tags_of(self, resource: &str) -> &'a Tags {
        static NONE: Tags = Tags::new();
        let set = self.look_up(
            |tables| tables.tags.get(resource),
            |found| (Key::TagSet(resource.into()), found.cloned().map(Record::TagSet)),
        );
        set.map_or(&NONE, |set| &set.tags)
    }
}

/// Every record that something was made from.
#[derive(Debug)]
pub struct Reads(Box<[Read]>);

impl Reads {
    /// Makes something from what it reads in the tables, and tells what that was.
    pub fn noted<T>(tables: &Tables, make: impl FnOnce(Reader<'_>) -> T) -> (T, Self) {
        let notes = RefCell::default();
        let made = make(Reader { tables, notes: Some(&notes) });
        (made, Self(notes.into_inner().into_boxed_slice()))
    }

    /// Whether reading in these tables would give the very same records, and so make the same.
    pub fn still_hold(&self, tables: &Tables) -> bool {
        self.0.iter().all(|read| tables.is_still(&read.key, read.found.as_ref()))
    }
}
