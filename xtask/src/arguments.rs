//! The arguments of a chore: flags, `--name VALUE` (or `--name=VALUE`), and words.

use anyhow::{Result, bail};

/// What stands after the name of a chore, taken out one by one.
pub struct Arguments(Vec<String>);

impl Arguments {
    /// These arguments.
    pub fn new(arguments: &[String]) -> Self {
        Self(arguments.to_vec())
    }

    /// Whether this flag was given.
    pub fn flag(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|argument| argument != name);
        self.0.len() != before
    }

    /// The value after this name.
    ///
    /// # Errors
    /// If the name was given and no value follows.
    pub fn value(&mut self, name: &str) -> Result<Option<String>> {
        if let Some(at) = self.0.iter().position(|argument| argument == name) {
            self.0.remove(at);
            if at < self.0.len() && !self.0[at].starts_with("--") {
                return Ok(Some(self.0.remove(at)));
            }
            bail!("{name} needs a value");
        }
        let with_equals = format!("{name}=");
        let at = self.0.iter().position(|argument| argument.starts_with(&with_equals));
        Ok(at.map(|at| self.0.remove(at)[with_equals.len()..].to_owned()))
    }

    /// The words that are left.
    ///
    /// # Errors
    /// If an option is left that nobody asked for.
    pub fn words(self) -> Result<Vec<String>> {
        match self.0.iter().find(|argument| argument.starts_with('-')) {
            Some(unknown) => bail!("unknown option {unknown}"),
            None => Ok(self.0),
        }
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// If something is.
    pub fn done(self) -> Result<()> {
        match self.words()?.first() {
            Some(word) => bail!("unexpected argument {word}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(text: &str) -> Arguments {
        Arguments::new(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn flags_values_and_words_are_told_apart() {
        let mut given = arguments("unit --long --lang ko --state-dir=/s api");
        assert!(given.flag("--long"));
        assert!(!given.flag("--short"));
        assert_eq!(given.value("--lang").unwrap().as_deref(), Some("ko"));
        assert_eq!(given.value("--state-dir").unwrap().as_deref(), Some("/s"));
        assert_eq!(given.words().unwrap(), ["unit", "api"]);
    }

    #[test]
    fn what_nobody_asked_for_is_refused() {
        assert!(arguments("--lang").value("--lang").is_err());
        assert!(arguments("--lang --isolated").value("--lang").is_err());
        assert!(arguments("--what").words().is_err());
        assert!(arguments("word").done().is_err());
        assert!(arguments("").done().is_ok());
    }
}
