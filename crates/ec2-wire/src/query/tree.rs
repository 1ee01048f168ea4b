//! The parameters of a request as the tree that their dotted names spell.
//!
//! Built in one pass, in time linear in the total length of the names; an index such as `Filter.4000000000` is a name
//! like any other and costs nothing more.

use std::collections::HashMap;

use crate::error::WireError;

/// How many parts a dotted name may have. EC2's deepest have about ten.
pub const MAX_DEPTH: usize = 24;

/// The number of no node, at the ends of lists of children.
const NONE: u32 = u32::MAX;

struct Slot<'p> {
    /// The last part of the name.
    name: &'p str,
    /// The name up to and including that part.
    path: &'p str,
    /// The whole name of the first parameter that leads here.
    parameter: &'p str,
    value: Option<&'p str>,
    first_child: u32,
    last_child: u32,
    next_sibling: u32,
}

/// The tree. Its root has no name.
pub struct Tree<'p> {
    slots: Vec<Slot<'p>>,
}

impl<'p> Tree<'p> {
    /// The tree of these parameters. Fails on a parameter given twice and on one that is too deep.
    pub fn new(parameters: &'p [(String, String)]) -> Result<Self, WireError> {
        let mut tree = Self { slots: Vec::with_capacity(parameters.len() + 1) };
        tree.push("", "", "");
        let mut known: HashMap<(u32, &str), u32> = HashMap::with_capacity(parameters.len());
        for (name, value) in parameters {
            if name.split('.').count() > MAX_DEPTH {
                return Err(WireError::unknown_parameter(name));
            }
            let (mut at, mut end) = (0, 0);
            for part in name.split('.') {
                end += part.len();
                let parent = at;
                at = *known.entry((parent, part)).or_insert_with(|| {
                    let child = tree.push(part, &name[..end], name);
                    tree.adopt(parent, child);
                    child
                });
                end += 1;
            }
            if tree.slots[at as usize].value.replace(value).is_some() {
                return Err(WireError::malformed_query(format!(
                    "The parameter {} is given more than once.",
                    crate::error::echo(name)
                )));
            }
        }
        Ok(tree)
    }

    fn push(&mut self, name: &'p str, path: &'p str, parameter: &'p str) -> u32 {
        let at = self.slots.len() as u32;
        let (first_child, last_child, next_sibling) = (NONE, NONE, NONE);
        self.slots.push(Slot { name, path, parameter, value: None, first_child, last_child, next_sibling });
        at
    }

    fn adopt(&mut self, parent: u32, child: u32) {
        match std::mem::replace(&mut self.slots[parent as usize].last_child, child) {
            NONE => self.slots[parent as usize].first_child = child,
            sibling => self.slots[sibling as usize].next_sibling = child,
        }
    }

    /// The node above all parameters.
    pub fn root(&self) -> Node<'_> {
        Node { slots: &self.slots, at: 0 }
    }
}

/// One node of a tree.
#[derive(Clone, Copy)]
pub struct Node<'t> {
    slots: &'t [Slot<'t>],
    at: u32,
}

impl<'t> Node<'t> {
    fn slot(self) -> &'t Slot<'t> {
        &self.slots[self.at as usize]
    }

    /// The last part of the name that leads here.
    pub fn name(self) -> &'t str {
        self.slot().name
    }

    /// The whole name that leads here.
    pub fn path(self) -> &'t str {
        self.slot().path
    }

    /// The value given under exactly this name.
    pub fn value(self) -> Option<&'t str> {
        self.slot().value
    }

    /// The whole name of a parameter at or below this node.
    pub fn parameter(self) -> &'t str {
        self.slot().parameter
    }

    /// The nodes one part further on, in the order of the request.
    pub fn children(self) -> impl Iterator<Item = Node<'t>> {
        let node = move |at| (at != NONE).then_some(Self { slots: self.slots, at });
        std::iter::successors(node(self.slot().first_child), move |child| node(child.slot().next_sibling))
    }

    /// The child of this name.
    pub fn child(self, name: &str) -> Option<Node<'t>> {
        self.children().find(|child| child.name() == name)
    }

    /// The name that a member of this structure has.
    pub fn member_path(self, member: &str) -> String {
        if self.path().is_empty() { member.to_owned() } else { format!("{}.{member}", self.path()) }
    }
}
