//! The tests written in Python: real AWS clients, and machines looked at from outside.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::count::{self, Counts};
use crate::shell;

/// The pinned packages, relative to the root of the repository.
const REQUIREMENTS: &str = "tests/requirements.txt";

/// Ansible's packages, which are many, and only the tests of clients use them.
const ANSIBLE: &str = "tests/clients/requirements-ansible.txt";

/// Runs the tests in `tests/NAME` against the daemon of the dev build.
///
/// # Errors
/// If there is no Python, its packages cannot be had, or no test ran.
pub fn tests(name: &str, long: bool) -> Result<Counts> {
    let python = environment("venv", REQUIREMENTS)?;
    if name == "clients" {
        environment("venv-ansible", ANSIBLE)?;
    }
    let report = shell::target_dir().join(format!("pytest-{name}.xml"));
    // What an earlier run left there must not be taken for this one's.
    let _ = fs::remove_file(&report);
    let mut pytest = Command::new(python);
    pytest.current_dir(shell::root()).args([
        "-m",
        "pytest",
        "--color=no",
        "-p",
        "no:cacheprovider",
        "-rfE",
        "--durations=5",
    ]);
    pytest.arg(format!("--junitxml={}", report.display())).arg(format!("tests/{name}"));
    pytest.env("DAEMUN", shell::target_dir().join("debug/daemun")).env("PYTHONDONTWRITEBYTECODE", "1");
    pytest.env("DAEMUN_ANSIBLE", shell::target_dir().join("venv-ansible"));
    pytest.env("PYTHONUNBUFFERED", "1");
    if long {
        pytest.env("DAEMUN_LONG", "1");
    }
    let watched = shell::watch(&mut pytest)?;
    count::junit(&fs::read_to_string(&report).unwrap_or_default()).checked(watched.success)
}

/// The Python of a virtual environment with the packages of a list, made once for each version of the list.
fn environment(name: &str, requirements: &'static str) -> Result<PathBuf> {
    let folder = shell::target_dir().join(name);
    let python = folder.join("bin/python");
    let wanted = fs::read_to_string(shell::root().join(requirements)).context(requirements)?;
    let stamp = folder.join("requirements.txt");
    if fs::read_to_string(&stamp).is_ok_and(|made_with| made_with == wanted) && python.exists() {
        return Ok(python);
    }
    shell::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"]);
    shell::run(pip.arg(shell::root().join(requirements)))?;
    fs::write(&stamp, wanted).with_context(|| stamp.display().to_string())?;
    Ok(python)
}
