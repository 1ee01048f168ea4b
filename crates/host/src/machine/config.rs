//! The LXC configuration of a machine.

use std::fmt::Write as _;
use std::path::Path;

use super::{IDS_PER_MACHINE, MachineSpec};
use crate::cgroup::Cgroups;
use crate::{HostError, Result, process};

/// Where LXC's own parts of a configuration stand, on every distribution that packages it.
const LXC_SHARE: &str = "/usr/share/lxc/config";

/// What the configuration depends on besides the machine itself.
pub(super) struct Surroundings<'a> {
    pub(super) cgroups: &'a Cgroups,
    /// The machine's directory.
    pub(super) directory: &'a Path,
    /// The command that connects the machine's interfaces, as a shell would read it.
    pub(super) hook: &'a str,
    /// Whether this host confines containers with AppArmor.
    pub(super) apparmor: bool,
}

/// The text of the configuration file.
pub(super) fn render(spec: &MachineSpec, around: &Surroundings<'_>) -> Result<String> {
    let mut text = String::new();
    let mut set = |key: &str, value: &str| -> Result<()> {
        if value.contains(['\n', '\0']) {
            return Err(HostError::Invalid(format!("a line break in the value of {key}")));
        }
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key} = {value}");
        Ok(())
    };
    let inside = |name: &str| around.directory.join(name).display().to_string();

    set("lxc.include", &format!("{LXC_SHARE}/common.conf"))?;
    set("lxc.include", &format!("{LXC_SHARE}/userns.conf"))?;
    // The host's own snippets are included, too: lxcfs, which comes recommended with LXC, adds hooks that run in the
    // machine's mounts and fail there. A machine has the hooks that are set here and no others.
    set("lxc.hook", "")?;
    set("lxc.uts.name", &spec.hostname)?;
    set("lxc.rootfs.path", &format!("dir:{}", super::lxc::ROOT))?;
    for kind in ["u", "g"] {
        set("lxc.idmap", &format!("{kind} 0 {} {IDS_PER_MACHINE}", spec.uid_base))?;
    }
    // The machine starts with a loopback only; the hook brings its interfaces before its init runs.
    set("lxc.net.0.type", "empty")?;
    set("lxc.hook.version", "1")?;
    set("lxc.hook.start-host", around.hook)?;
    // A machine has one console and no virtual terminals.
    set("lxc.tty.max", "0")?;
    set("lxc.console.logfile", &inside(super::disk::CONSOLE))?;
    set("lxc.console.size", &super::CONSOLE_BYTES.to_string())?;
    set("lxc.console.rotate", "1")?;
    set("lxc.console.buffer.size", "0")?;

    let group = Cgroups::group(&spec.id.to_string());
    set("lxc.cgroup.dir.container", &format!("{group}/machine"))?;
    set("lxc.cgroup.dir.monitor", &format!("{group}/monitor"))?;
    set("lxc.cgroup.dir.monitor.pivot", &format!("{group}/pivot"))?;
    for (key, value) in around.cgroups.lxc_limits(spec.memory_mib, spec.vcpus)? {
        set(key, &value)?;
    }
    if around.apparmor {
        set("lxc.apparmor.profile", "generated")?;
        // systemd inside mounts for its services' sandboxes.
        set("lxc.apparmor.allow_nesting", "1")?;
    }
    Ok(text)
}

/// A command line that LXC's shell reads back as these words.
pub(super) fn shell_command(words: &[String]) -> String {
    let line = words.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ");
    // LXC takes quotes around a whole value away, also when they are not a pair.
    if line.starts_with('\'') { format!("/usr/bin/env {line}") } else { line }
}

/// Whether this host confines containers: the kernel does it and the program that loads profiles is there.
pub(super) fn apparmor_is_on() -> bool {
    std::fs::read_to_string("/sys/module/apparmor/parameters/enabled").is_ok_and(|value| value.starts_with('Y'))
        && process::find_program("apparmor_parser").is_some()
}

fn shell_word(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._+=@:-".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_survive_the_shell() {
        let command = |words: &[&str]| shell_command(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
        assert_eq!(command(&["/usr/bin/daemun", "machine-hook"]), "/usr/bin/daemun machine-hook");
        assert_eq!(command(&["/a b", "it's", ""]), r"/usr/bin/env '/a b' 'it'\''s' ''");
    }
}
