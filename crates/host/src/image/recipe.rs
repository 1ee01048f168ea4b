//! What an image is made from.
//!
//! A recipe is a directory: `recipe.toml`; `files/`, copied over the root file system; and `customize.sh`, run inside
//! it. The recipes of `images/` are part of the library.

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::{HostError, Result};

/// Bumped when building changes so that the same recipe gives another image.
const BUILDER_VERSION: u32 = 1;

static FILES: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/recipes.rs"));

/// The recipe of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The image's name.
    pub name: String,
    /// What it is, in one line.
    pub description: String,
    /// What it starts from.
    pub base: Base,
    /// The packages that are installed.
    pub packages: Vec<String>,
    /// The user whom key pairs are given to; the base image's if not said.
    pub user: Option<String>,
    /// Files by their path below the root; they belong to root and have mode 0644 until the script says otherwise.
    pub files: Vec<(String, Vec<u8>)>,
    /// A shell script that runs inside the new root, as root, after all else.
    pub script: Option<String>,
}

/// What an image starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// Nothing but the packages of a Debian release, such as `bookworm`.
    Suite(String),
    /// Another image; this one adds a layer.
    Image(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecipeFile {
    name: String,
    description: String,
    suite: Option<String>,
    base: Option<String>,
    user: Option<String>,
    packages: Vec<String>,
}

impl Recipe {
    /// The recipes that come with Daemun, bases before what stands on them.
    pub fn built_in() -> Result<Vec<Self>> {
        let mut recipes = Vec::new();
        for (path, contents) in FILES {
            if let Some(directory) = path.strip_suffix("/recipe.toml") {
                recipes.push(Self::parse(directory, contents)?);
            }
        }
        recipes.sort_by_key(|recipe| (matches!(recipe.base, Base::Image(_)), recipe.name.clone()));
        Ok(recipes)
    }

    /// The recipe of this name that comes with Daemun.
    ///
    /// # Errors
    /// [`HostError::NoSuchImage`]
    pub fn named(name: &str) -> Result<Self> {
        let found = Self::built_in()?.into_iter().find(|recipe| recipe.name == name);
        found.ok_or_else(|| HostError::NoSuchImage(name.to_owned()))
    }

    fn parse(directory: &str, contents: &[u8]) -> Result<Self> {
        let bad = |why: String| HostError::Invalid(format!("images/{directory}/recipe.toml: {why}"));
        let text = std::str::from_utf8(contents).map_err(|e| bad(e.to_string()))?;
        let file: RecipeFile = toml::from_str(text).map_err(|e| bad(e.to_string()))?;
        super::check_name(&file.name)?;
        if file.name != directory {
            return Err(bad(format!("is called {}", file.name)));
        }
        let base = match (file.suite, file.base) {
            (Some(suite), None) => Base::Suite(suite),
            (None, Some(base)) => Base::Image(base),
            _ => return Err(bad("needs either a suite or a base".to_owned())),
        };
        let mut files = Vec::new();
        let mut script = None;
        for (path, contents) in FILES {
            let Some(inside) = path.strip_prefix(directory).and_then(|rest| rest.strip_prefix('/')) else { continue };
            if let Some(target) = inside.strip_prefix("files/") {
                files.push((target.to_owned(), contents.to_vec()));
            } else if inside == "customize.sh" {
                script = Some(String::from_utf8(contents.to_vec()).map_err(|e| bad(e.to_string()))?);
            }
        }
        Ok(Self {
            name: file.name,
            description: file.description,
            base,
            packages: file.packages,
            user: file.user,
            files,
            script,
        })
    }

    /// What identifies an image made from this recipe on top of `base_digest`, as 64 hexadecimal digits.
    pub fn digest(&self, base_digest: Option<&str>) -> String {
        let mut hash = Sha256::new();
        // Every part is preceded by its length, so that no two recipes read the same.
        let mut add = |part: &[u8]| {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        };
        add(&BUILDER_VERSION.to_le_bytes());
        for part in [&self.name, &self.description] {
            add(part.as_bytes());
        }
        match &self.base {
            Base::Suite(suite) => add(suite.as_bytes()),
            Base::Image(name) => add(name.as_bytes()),
        }
        add(base_digest.unwrap_or_default().as_bytes());
        add(self.user.as_deref().unwrap_or_default().as_bytes());
        add(self.packages.join(" ").as_bytes());
        add(self.script.as_deref().unwrap_or_default().as_bytes());
        for (path, contents) in &self.files {
            add(path.as_bytes());
            add(contents);
        }
        hex::encode(hash.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_recipes_are_well_formed_and_in_order() {
        let recipes = Recipe::built_in().unwrap();
        let names: Vec<&str> = recipes.iter().map(|recipe| recipe.name.as_str()).collect();
        assert_eq!(names, ["debian-12", "debian-12-web"]);
        assert!(recipes[0].files.iter().any(|(path, _)| path == "etc/systemd/system/ssh.service"));
        assert_eq!(recipes[1].base, Base::Image("debian-12".to_owned()));
    }

    #[test]
    fn every_part_of_a_recipe_counts() {
        let recipe = Recipe::named("debian-12").unwrap();
        let digest = recipe.digest(None);
        assert_ne!(digest, recipe.digest(Some("another base")));
        let mut changed = recipe.clone();
        changed.packages.push("git".to_owned());
        assert_ne!(digest, changed.digest(None));
        let mut changed = recipe;
        changed.files[0].1.push(b'\n');
        assert_ne!(digest, changed.digest(None));
    }

    #[test]
    fn unknown_and_ambiguous_recipes_are_refused() {
        assert!(matches!(Recipe::named("slackware"), Err(HostError::NoSuchImage(_))));
        for text in ["name = \"x\"", "name = \"x\"\ndescription = \"\"\npackages = []"] {
            assert!(Recipe::parse("x", text.as_bytes()).is_err(), "{text}");
        }
    }
}
