//! Texts in the language of whoever reads them.
//!
//! Every text stands in `locales/LANGUAGE.ftl` as a Fluent message; code names it through [`text!`]. Tests hold the
//! languages against each other, and both against the code.

use std::borrow::Cow;

use explain::Message;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

/// A language that Daemun speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    // English.
    En,
    // Korean.
    Ko,
}

impl Language {
    /// The language of the environment, by POSIX's rules: `LC_ALL`, then `LC_MESSAGES`, then `LANG`; the first that
    /// is set decides. English unless that is Korean.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(|n| variable(n).filter(|v| !v.is_empty()));
        match locale.as_deref().map(|locale| locale.split(['_', '.', '-', '@']).next().unwrap_or_default()) {
            Some("ko") => Self::Ko,
            _ => Self::En,
        }
    }

    fn locale(self) -> LanguageIdentifier {
        let name = match self {
            Self::En => "en",
            Self::Ko => "ko",
        };
        name.parse().unwrap_or_default()
    }

    const fn source(self) -> &'static str {
        match self {
            Self::En => include_str!("../locales/en.ftl"),
            Self::Ko => include_str!("../locales/ko.ftl"),
        }
    }
}

/// All texts in one language.
pub struct Texts {
    bundle: FluentBundle<FluentResource>,
}

impl Texts {
    /// The texts of a language.
    pub fn new(language: Language) -> Self {
        let mut bundle = FluentBundle::new_concurrent(vec![language.locale()]);
        // The marks around inserted values are for mixed writing directions, which these languages do not have.
        bundle.set_use_isolating(false);
        // The files are part of the program and a test parses them: what can be read is used, and nothing fails here.
        let resource = match FluentResource::try_new(language.source().to_owned()) {
            Ok(resource) | Err((resource, _)) => resource,
        };
        bundle.add_resource_overriding(resource);
        Self { bundle }
    }

    /// The text of this name, with its variables filled in. Use [`text!`].
    pub fn get(&self, id: &str, values: &[(&'static str, String)]) -> String {
        self.find(id, values).unwrap_or_else(|| id.to_owned())
    }

    /// The text that a message names.
    pub fn say(&self, message: &Message) -> String {
        let arguments: FluentArgs<'_> = (message.values.iter())
            .map(|(name, value)| (Cow::Borrowed(name.as_str()), FluentValue::from(value.as_str())))
            .collect();
        let Some(pattern) = self.bundle.get_message(&message.id).and_then(|found| found.value()) else {
            return message.id.clone();
        };
        self.bundle.format_pattern(pattern, Some(&arguments), &mut Vec::new()).into_owned()
    }

    /// The text of this name, if there is one.
    pub fn find(&self, id: &str, values: &[(&'static str, String)]) -> Option<String> {
        let pattern = self.bundle.get_message(id)?.value()?;
        let arguments: FluentArgs<'_> =
            values.iter().map(|(name, value)| (Cow::Borrowed(*name), FluentValue::from(value.as_str()))).collect();
        let mut errors = Vec::new();
        Some(self.bundle.format_pattern(pattern, Some(&arguments), &mut errors).into_owned())
    }
}

/// The text of a name: `text!(texts, "status-instances", count = 3)`.
macro_rules! text {
    ($texts:expr, $id:literal $(, $name:ident = $value:expr)* $(,)?) => {
        $texts.get($id, &[$((stringify!($name), ($value).to_string())),*])
    };
}
pub(crate) use text;

#[cfg(test)]
mod tests;
