//! How far the making of an image is, read off what apt and dpkg say.

/// What is being done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Waiting for another build to end, cleaning up, reading package lists.
    Prepare,
    /// Fetching packages.
    Download,
    /// Unpacking packages.
    Unpack,
    /// Setting packages up.
    Configure,
    /// Putting the recipe's files in place and running its script.
    Customise,
    /// Checking that no secret is in it, and measuring.
    Finish,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 6] =
        [Self::Prepare, Self::Download, Self::Unpack, Self::Configure, Self::Customise, Self::Finish];

    /// The stage's name in English, lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Download => "download",
            Self::Unpack => "unpack",
            Self::Configure => "configure",
            Self::Customise => "customise",
            Self::Finish => "finish",
        }
    }
}

/// How far the making of one image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The image being made.
    pub image: String,
    /// What is being done now.
    pub stage: Stage,
    /// How many of the stage's steps, such as packages, are done.
    pub done: u32,
    /// How many there are; 0 where that is not known.
    pub total: u32,
}

/// Follows the output of apt and dpkg.
#[derive(Debug, Default)]
pub(super) struct Follower {
    packages: u32,
    fetched: u32,
    unpacked: u32,
    configured: u32,
}

impl Follower {
    /// What one more line tells, if anything: the stage, steps done, steps in all.
    pub(super) fn line(&mut self, line: &str) -> Option<(Stage, u32, u32)> {
        if let Some((_, rest)) = line.split_once(" upgraded, ") {
            // apt is called several times; each call adds packages.
            let count: u32 = rest.split(' ').next()?.parse().ok()?;
            self.packages += count;
            return None;
        }
        // Package lists are fetched, too, but before anything is said of packages.
        if line.starts_with("Get:") && self.packages > 0 {
            self.fetched = (self.fetched + 1).min(self.packages);
            return Some((Stage::Download, self.fetched, self.packages));
        }
        if line.starts_with("Unpacking ") {
            self.unpacked += 1;
            return Some((Stage::Unpack, self.unpacked, self.packages.max(self.unpacked)));
        }
        if line.starts_with("Setting up ") {
            self.configured += 1;
            return Some((Stage::Configure, self.configured, self.packages.max(self.configured)));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_counted_through_their_stages() {
        let mut follower = Follower::default();
        assert_eq!(follower.line("Get:1 http://deb.debian.org/debian bookworm InRelease [151 kB]"), None);
        assert_eq!(follower.line("0 upgraded, 2 newly installed, 0 to remove and 0 not upgraded."), None);
        assert_eq!(follower.line("Get:2 http://deb.debian.org git [1 kB]"), Some((Stage::Download, 1, 2)));
        assert_eq!(follower.line("Unpacking git (1:2.39.5) ..."), Some((Stage::Unpack, 1, 2)));
        assert_eq!(follower.line("Setting up git (1:2.39.5) ..."), Some((Stage::Configure, 1, 2)));
        assert_eq!(follower.line("Processing triggers for libc-bin"), None);
    }
}
