//! The host's end of a network interface.

use policy::{InterfaceLink, ROUTER_IPV6_ADDRESS, eni_link_sysctls};

use super::execute::route_words;
use super::program::ip_batch;
use crate::{HostError, Result, netns};

/// Gives the host's end of a network interface what it needs to carry packets: the settings of
/// [`policy::eni_link_sysctls`], the routes that lead to it, and "up".
///
/// `namespace` is the name below `/run/netns`, `link` what [`policy::eni_link_name`] says. Whoever makes the link calls
/// this; so does [`super::Network::converge`]. It may be called again at any time. Which packets pass is the plan's
/// matter: a link that no plan names is shut.
///
/// # Errors
/// The namespace or the link does not exist, or the kernel refuses a setting.
pub fn configure_eni_link(namespace: &str, link: &str, interface: &InterfaceLink) -> Result<()> {
    check_link_name(link)?;
    netns::run_in(&netns::path_of(namespace), || configure_here(link, interface))
}

/// The same in the namespace of the calling thread.
pub(super) fn configure_here(link: &str, interface: &InterfaceLink) -> Result<()> {
    ip_batch(&prepare_here(link, interface)?)
}

/// Writes the settings, and gives the `ip` commands that are left to do.
pub(super) fn prepare_here(link: &str, interface: &InterfaceLink) -> Result<Vec<String>> {
    for (directory, file, value) in eni_link_sysctls(interface.source_dest_check, interface.has_ipv6()) {
        match write_sysctl(&format!("net/{directory}/{link}/{file}"), value) {
            // A kernel without IPv6 has no such setting, and needs none.
            Err(HostError::Io { source, .. })
                if directory.starts_with("ipv6") && source.kind() == std::io::ErrorKind::NotFound => {}
            result => result?,
        }
    }
    Ok(configure_commands(link, interface))
}

/// The `ip` commands that bring the link up with its routes: those straight to it first, which the others need.
fn configure_commands(link: &str, interface: &InterfaceLink) -> Vec<String> {
    let mut commands = vec![format!("link set dev {link} up")];
    let has_ipv6 = interface.has_ipv6() && super::observe::has_ipv6();
    if has_ipv6 {
        commands.push(format!("address replace {ROUTER_IPV6_ADDRESS}/64 dev {link} nodad"));
    }
    let mut routes: Vec<_> = interface.routes(link).into_iter().collect();
    routes.retain(|(key, _)| has_ipv6 || key.family() == policy::Family::Ipv4);
    routes.sort_by_key(|(key, route)| (matches!(route, policy::RoutePlan::Via { .. }), *key));
    commands.extend(routes.iter().map(|(key, to)| format!("route replace {} proto static", route_words(*key, to))));
    commands
}

/// Whether the namespace of the calling thread has a link of this name.
pub(super) fn exists(link: &str) -> bool {
    std::path::Path::new("/proc/sys/net/ipv4/conf").join(link).exists()
}

/// Writes one setting below `/proc/sys`, of the namespace of the calling thread.
pub(super) fn write_sysctl(path: &str, value: &str) -> Result<()> {
    let path = std::path::Path::new("/proc/sys").join(path);
    std::fs::write(&path, value).map_err(|e| HostError::io("writing", &path, e))
}

/// Refuses what could leave `/proc/sys/net/ipv4/conf` or be taken for an option.
fn check_link_name(link: &str) -> Result<()> {
    let well_formed = (1..=15).contains(&link.len())
        && link.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !matches!(link, "all" | "default");
    if well_formed { Ok(()) } else { Err(HostError::Invalid(format!("{link:?} is not a link name"))) }
}
