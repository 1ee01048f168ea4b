//! Where the service model comes from: a pinned botocore wheel, fetched by pip into `target/codegen-cache`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

/// A botocore release on PyPI.
pub struct Release {
    /// Its version.
    pub version: &'static str,
    /// SHA-256 of its wheel.
    pub sha256: &'static str,
}

/// The release whose model is used. To move on: change both, run `cargo xtask codegen`, read the difference.
pub const BOTOCORE: Release =
    Release { version: "1.44.5", sha256: "8f16a56d1dff125dd65322ae021efa7ba5195a6db5102b96862566055b748921" };

/// The model inside the wheel.
const MODEL: &str = "botocore/data/ec2/2016-11-15/service-2.json.gz";

/// Prints the gzip-compressed member `argv[2]` of the wheel `argv[1]`, uncompressed.
const UNPACK: &str = "import sys, zipfile, gzip; \
    sys.stdout.buffer.write(gzip.decompress(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2])))";

/// The text of the service model, from the cache or from PyPI, its wheel verified either way.
pub fn service_model(root: &Path) -> Result<Vec<u8>> {
    let cache = root.join("target/codegen-cache");
    let wheel = cache.join(format!("botocore-{}-py3-none-any.whl", BOTOCORE.version));
    if !wheel.exists() {
        fs::create_dir_all(&cache).with_context(|| cache.display().to_string())?;
        let requirement = format!("botocore=={}", BOTOCORE.version);
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest"]);
        let status = pip.arg(&cache).arg(&requirement).status().context("python3 -m pip")?;
        ensure!(status.success(), "pip could not download {requirement}");
    }
    let bytes = fs::read(&wheel).with_context(|| wheel.display().to_string())?;
    let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if found != BOTOCORE.sha256 {
        fs::remove_file(&wheel).with_context(|| wheel.display().to_string())?;
        anyhow::bail!("{} has SHA-256 {found}, expected {}; it was removed", wheel.display(), BOTOCORE.sha256);
    }
    let unpacked = Command::new("python3").args(["-c", UNPACK]).arg(&wheel).arg(MODEL).output().context("python3")?;
    ensure!(unpacked.status.success(), "unpacking {MODEL}: {}", String::from_utf8_lossy(&unpacked.stderr));
    Ok(unpacked.stdout)
}
