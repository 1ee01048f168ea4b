//! Texts by name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A text, by its name, and what is to be filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its name among the texts of a language.
    pub id: String,
    /// Its variables.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
}

/// A message: `say!("why-no-rule", groups = text)`. Tests hold all of them against the languages.
macro_rules! say {
    ($id:literal $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::Message {
            id: $id.to_owned(),
            values: std::collections::BTreeMap::from([$((stringify!($name).to_owned(), ($value).to_string())),*]),
        }
    };
}
pub(crate) use say;
