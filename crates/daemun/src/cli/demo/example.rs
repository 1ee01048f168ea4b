//! The program that the demo brings to its instance: the files of `examples/api`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Context;

macro_rules! files {
    ($($path:literal)*) => {
        &[$(($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/api/", $path)))),*]
    };
}

/// Every file with its path.
const FILES: &[(&str, &str)] = files! {
    ".env.example"
    ".gitignore"
    "README.ko.md"
    "README.md"
    "deploy/api.service"
    "deploy/clock.service"
    "deploy/install-clock.sh"
    "deploy/install-nginx.sh"
    "deploy/install.sh"
    "deploy/nginx.conf"
    "package.json"
    "schema.sql"
    "src/api-main.js"
    "src/api.js"
    "src/clock-main.js"
    "src/clock.js"
    "src/database.js"
    "src/service.js"
    "src/settings.js"
    "test/services.test.js"
    "test/settings.test.js"
};

/// Writes the files into a directory that it makes; scripts can be run.
///
/// # Errors
/// If the file system refuses.
pub fn write_to(directory: &Path) -> anyhow::Result<()> {
    for (name, contents) in FILES {
        let path = directory.join(name);
        let parent = path.parent().unwrap_or(directory);
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        fs::write(&path, contents).with_context(|| format!("cannot write {}", path.display()))?;
        let mode = if contents.starts_with("#!") { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))
            .with_context(|| format!("cannot change {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn files_below(root: &Path, directory: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.file_name().and_then(|name| name.to_str()) {
                Some(".env" | "node_modules") => {}
                _ if path.is_dir() => files_below(root, &path, found),
                _ => drop(found.insert(path.strip_prefix(root).unwrap().display().to_string())),
            }
        }
    }

    #[test]
    fn no_file_of_the_example_is_left_behind() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/api");
        let mut expected = BTreeSet::new();
        files_below(&root, &root, &mut expected);
        let written = tempfile::tempdir().unwrap();
        write_to(written.path()).unwrap();
        let mut found = BTreeSet::new();
        files_below(written.path(), written.path(), &mut found);
        assert_eq!(found, expected);
        let mode = fs::metadata(written.path().join("deploy/install.sh")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
    }
}
