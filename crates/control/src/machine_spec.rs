//! From an instance to the machine it is.

use std::path::PathBuf;

use cloud::catalog::InstanceType;
use cloud::resource::{Image, Instance};
use cloud::{State, Tables, View, names};
use host::machine::{MachineSpec, NicSpec, SeedFile};
use types::{ImageId, Region};

/// The user and group that a key pair opens, as the images make it: the first ordinary one.
const LOGIN_ID: u32 = 1000;

/// The machine with these interfaces that an instance is, or why there cannot be one.
pub(crate) fn machine_spec(
    state: &State,
    region: &Region,
    instance: &Instance,
    uid_base: u32,
    nics: Vec<NicSpec>,
) -> Result<MachineSpec, String> {
    let view = View::new(state, region).ok_or("its region is gone")?;
    let kind = InstanceType::find(&instance.instance_type).ok_or("its type is unknown")?;
    Ok(MachineSpec {
        id: instance.id,
        layers: instance.layers.iter().map(|layer| PathBuf::from(layer.0.as_ref())).collect(),
        uid_base,
        memory_mib: kind.memory_mib(),
        vcpus: instance.options.cpu.map_or(kind.vcpus(), |cpu| cpu.cores * cpu.threads_per_core),
        hostname: host_name(&view, instance),
        seed_files: seed_files(state, &view, instance),
        nics,
    })
}

/// What the machine of an instance looks names up by, as the DHCP options of its VPC say now.
pub(crate) fn resolv_conf(tables: &Tables, instance: &Instance) -> Option<String> {
    let vpc = tables.vpcs.get(&instance.vpc)?;
    let options = vpc.dhcp_options.and_then(|id| tables.dhcp_options.get(&id));
    Some(options.map(|options| options.resolv_conf(vpc.resolver())).unwrap_or_default())
}

fn host_name(view: &View<'_>, instance: &Instance) -> String {
    match view.interfaces_of(instance).next() {
        Some(interface) => names::instance_host_name(instance, interface.private_ip),
        None => instance.id.to_string(),
    }
}

/// What is on the disk before the first boot, so that SSH need not wait for cloud-init.
fn seed_files(state: &State, view: &View<'_>, instance: &Instance) -> Vec<SeedFile> {
    let root = |path: &str, contents: String| SeedFile {
        path: path.into(),
        mode: 0o644,
        uid: 0,
        gid: 0,
        contents: contents.into_bytes(),
    };
    let domain = names::internal_domain(view.region());
    let host = host_name(view, instance);
    let mut files = vec![root("/etc/hostname", format!("{host}\n"))];
    if let Some(interface) = view.interfaces_of(instance).next() {
        let ip = interface.private_ip;
        files.push(root("/etc/hosts", format!("127.0.0.1 localhost\n::1 localhost\n{ip} {host}.{domain} {host}\n")));
    }
    if let Some(text) = resolv_conf(view, instance) {
        files.push(root("/etc/resolv.conf", text));
    }
    if let Some(key) = &instance.public_openssh {
        let user = image(state, view, instance.image).map_or("admin", |image| &image.login_user);
        // A name with a line break must not become a second key.
        let name = instance.key_name.as_deref().unwrap_or_default();
        let comment: String = name.chars().filter(|c| !c.is_control()).collect();
        files.push(SeedFile {
            path: PathBuf::from("/home").join(user).join(".ssh/authorized_keys"),
            mode: 0o600,
            uid: LOGIN_ID,
            gid: LOGIN_ID,
            contents: format!("{} {comment}\n", key.trim_end()).into_bytes(),
        });
    }
    files
}

fn image<'a>(state: &'a State, view: &'a View<'_>, id: ImageId) -> Option<&'a Image> {
    state.shared.images.get(&id).or_else(|| view.tables().images.get(&id)).map(AsRef::as_ref)
}
