//! What a cloud may have left behind.

use policy::CloudTag;

/// Everything on this machine that bears the cloud's tag: namespaces, links and nftables tables of the calling
/// thread's namespace, mounts, control groups, notes. Empty when all is gone.
pub fn leftovers(tag: CloudTag) -> Vec<String> {
    let tag = tag.to_string();
    let mut found = Vec::new();
    let mut look = |what: &str, text: String| {
        found.extend(text.lines().filter(|line| line.contains(&tag)).map(|line| format!("{what}: {line}")));
    };
    for (what, directory) in [("namespace", "/run/netns"), ("link", "/proc/sys/net/ipv4/conf"), ("note", "/run/daemun")]
    {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        let names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        look(what, names.join("\n"));
    }
    look("mount", std::fs::read_to_string("/proc/self/mounts").unwrap_or_default());
    look("table", host::network::nft_tables().unwrap_or_else(|e| format!("{tag}: {e}")));
    for root in ["/sys/fs/cgroup", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/unified"] {
        for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
            look("cgroup", entry.path().to_string_lossy().into_owned());
        }
    }
    found
}

/// Fails if the cloud left anything.
///
/// # Panics
/// If it did, with a list.
pub fn assert_no_leftovers(tag: CloudTag) {
    let found = leftovers(tag);
    assert!(found.is_empty(), "left behind: {found:#?}");
}
