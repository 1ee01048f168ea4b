//! The State as one reading action sees it.

use std::ops::Deref;

use types::Region;

use crate::state::{State, Tables};

/// A snapshot with one region in front: reads go to the region's [`Tables`] by `Deref`.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    state: &'a State,
    region: &'a Region,
    tables: &'a Tables,
}

impl<'a> View<'a> {
    /// The region of this name; `None` where it was never set up.
    pub fn new(state: &'a State, region: &'a Region) -> Option<Self> {
        state.regions.get(region).map(|tables| Self { state, region, tables })
    }

    /// The whole State.
    pub fn state(&self) -> &'a State {
        self.state
    }

    /// The region in front.
    pub fn region(&self) -> &'a Region {
        self.region
    }

    /// Its resources.
    pub fn tables(&self) -> &'a Tables {
        self.tables
    }
}

impl Deref for View<'_> {
    type Target = Tables;
    fn deref(&self) -> &Tables {
        self.tables
    }
}
