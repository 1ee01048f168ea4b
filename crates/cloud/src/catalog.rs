//! The instance types: how much machine a name such as `t3.micro` stands for.
//!
//! An instance here is limited to the processors and memory of its type; the rest of a type's description is what
//! tools read before they choose one.

mod shape;
mod table;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use ec2_shapes::InstanceTypeInfo;

/// The type of an instance whose launch names none.
pub const DEFAULT_TYPE: &str = "m1.small";

/// What a single type has and others of its family may not.
mod flags {
    pub(super) const ENCLAVES: u8 = 1;
    pub(super) const HIBERNATION: u8 = 1 << 1;
    pub(super) const ENA_EXPRESS: u8 = 1 << 2;
    pub(super) const FABRIC: u8 = 1 << 3;
    pub(super) const FREE_TIER: u8 = 1 << 4;
    pub(super) const I386: u8 = 1 << 5;
    pub(super) const SPOT: u8 = 1 << 6;
    pub(super) const DEDICATED_HOSTS: u8 = 1 << 7;
}

/// What all types of a family share.
#[derive(Debug)]
struct Family {
    name: &'static str,
    threads_per_core: u32,
    manufacturer: &'static str,
    is_arm: bool,
    is_nitro: bool,
    is_burstable: bool,
    is_current: bool,
    /// Whether packets between instances are encrypted, and queues may be chosen: the sixth Intel generation.
    has_flexible_network: bool,
    maximum_volumes: i32,
}

impl Family {
    const M5: Self = Self {
        name: "m5",
        threads_per_core: 2,
        manufacturer: "Intel",
        is_arm: false,
        is_nitro: true,
        is_burstable: false,
        is_current: false,
        has_flexible_network: false,
        maximum_volumes: 27,
    };
    const M1: Self = Self { name: "m1", threads_per_core: 1, is_nitro: false, maximum_volumes: 39, ..Self::M5 };
    const T2: Self = Self { name: "t2", is_burstable: true, is_current: true, maximum_volumes: 40, ..Self::M1 };
    const T3: Self = Self { name: "t3", is_burstable: true, is_current: true, ..Self::M5 };
    const T3A: Self = Self { name: "t3a", manufacturer: "AMD", ..Self::T3 };
    const T4G: Self = Self { name: "t4g", is_burstable: true, ..Self::M6G };
    const M6I: Self = Self { name: "m6i", has_flexible_network: true, ..Self::M5 };
    const M6G: Self =
        Self { name: "m6g", threads_per_core: 1, manufacturer: "AWS", is_arm: true, is_current: true, ..Self::M5 };
    const M7I: Self = Self { name: "m7i", is_current: true, maximum_volumes: 32, ..Self::M6I };
    const M7G: Self = Self { name: "m7g", maximum_volumes: 32, ..Self::M6G };
    const C7I: Self = Self { name: "c7i", ..Self::M7I };
    const C7G: Self = Self { name: "c7g", ..Self::M7G };
    const R7I: Self = Self { name: "r7i", ..Self::M7I };
    const C5: Self = Self { name: "c5", ..Self::M5 };
    const C6I: Self = Self { name: "c6i", is_current: true, ..Self::M6I };
    const C6G: Self = Self { name: "c6g", ..Self::M6G };
    const R5: Self = Self { name: "r5", ..Self::M5 };
    const R6I: Self = Self { name: "r6i", ..Self::M6I };
    const R6G: Self = Self { name: "r6g", ..Self::M6G };
}

/// How fast volumes are: bandwidth in Mbps and operations a second, at least and at best.
#[derive(Debug, Clone, Copy)]
struct Ebs(i32, i32, i32, i32);

/// One type of a family.
#[derive(Debug)]
struct Row {
    size: &'static str,
    cores: u32,
    /// The fewest cores that may be asked for, and the step from there to `cores`; `None` where there is no choice.
    valid_cores: Option<(u32, usize)>,
    memory_mib: u32,
    /// 0 where it is not published.
    clock_ghz: f64,
    interfaces: u32,
    /// IPv4 addresses for each interface.
    addresses: u32,
    network: &'static str,
    /// Network bandwidth at least and at best.
    gbps: (f64, f64),
    /// `None` for types without bandwidth of their own for volumes.
    ebs: Option<Ebs>,
    flags: u8,
}

/// An instance type.
#[derive(Debug)]
pub struct InstanceType {
    name: String,
    family: &'static Family,
    row: &'static Row,
}

impl InstanceType {
    /// The type of this name; `None` where there is none.
    pub fn find(name: &str) -> Option<&'static Self> {
        BY_NAME.get(name)
    }

    /// Every type, in the order of names.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        BY_NAME.values()
    }

    /// Such as `t3.micro`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many processors an instance sees.
    pub fn vcpus(&self) -> u32 {
        self.row.cores * self.family.threads_per_core
    }

    /// How many cores these are.
    pub fn cores(&self) -> u32 {
        self.row.cores
    }

    /// The numbers of cores an instance may be given; none where there is no choice.
    pub fn valid_cores(&self) -> impl Iterator<Item = u32> + use<> {
        let last = self.row.cores;
        self.row.valid_cores.into_iter().flat_map(move |(first, step)| (first..=last).step_by(step))
    }

    /// The numbers of threads for each core that an instance may be given; none where there is no choice.
    pub fn valid_threads(&self) -> impl Iterator<Item = u32> + use<> {
        let last = self.family.threads_per_core;
        self.row.valid_cores.into_iter().flat_map(move |_| 1..=last)
    }

    /// Who made its processors.
    pub fn manufacturer(&self) -> &'static str {
        self.family.manufacturer
    }

    /// How many of the processors share a core.
    pub fn threads_per_core(&self) -> u32 {
        self.family.threads_per_core
    }

    /// Its memory in MiB.
    pub fn memory_mib(&self) -> u32 {
        self.row.memory_mib
    }

    /// How many network interfaces an instance may have.
    pub fn maximum_interfaces(&self) -> u32 {
        self.row.interfaces
    }

    /// How many private IPv4 addresses an interface may have.
    pub fn addresses_per_interface(&self) -> u32 {
        self.row.addresses
    }

    /// Whether it earns and spends CPU credits.
    pub fn is_burstable(&self) -> bool {
        self.family.is_burstable
    }

    /// Its mode of CPU credits unless told otherwise; `None` for types without credits.
    pub fn default_credits(&self) -> Option<&'static str> {
        match (self.family.is_burstable, self.family.is_nitro) {
            (false, _) => None,
            (true, false) => Some("standard"),
            (true, true) => Some("unlimited"),
        }
    }

    /// Whether it has disks of its own.
    pub fn has_instance_storage(&self) -> bool {
        self.family.name == "m1"
    }

    /// Whether instances of it are always EBS-optimised, asked for or not.
    pub fn is_ebs_optimized(&self) -> bool {
        self.row.ebs.is_some()
    }

    /// The part of its name before the dot, such as `m5`.
    pub fn family(&self) -> &'static str {
        self.family.name
    }

    /// Whether Dedicated Hosts take instances of it.
    pub fn runs_on_dedicated_hosts(&self) -> bool {
        self.has(flags::DEDICATED_HOSTS)
    }

    /// Whether it has an elastic network adapter.
    pub fn has_ena(&self) -> bool {
        self.family.is_nitro
    }

    /// EC2's names of the architectures it runs.
    pub fn architectures(&self) -> &'static [&'static str] {
        match (self.family.is_arm, self.has(flags::I386)) {
            (true, _) => &["arm64"],
            (false, true) => &["i386", "x86_64"],
            (false, false) => &["x86_64"],
        }
    }

    /// As DescribeInstanceTypes shows it.
    pub fn to_shape(&self) -> InstanceTypeInfo {
        shape::info(self)
    }

    fn has(&self, flag: u8) -> bool {
        self.row.flags & flag != 0
    }
}

static BY_NAME: LazyLock<BTreeMap<String, InstanceType>> = LazyLock::new(|| {
    let rows = table::TYPES.iter().flat_map(|(family, rows)| rows.iter().map(move |row| (*family, row)));
    rows.map(|(family, row)| {
        let name = format!("{}.{}", family.name, row.size);
        (name.clone(), InstanceType { name, family, row })
    })
    .collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    /// The figures of the EC2 User Guide's pages on general purpose and compute optimised instances.
    #[test]
    fn sizes_are_as_documented() {
        for (name, vcpus, memory_mib, interfaces, addresses) in [
            ("t2.nano", 1, 512, 2, 2),
            ("t2.xlarge", 4, 16_384, 3, 15),
            ("t3.micro", 2, 1_024, 2, 2),
            ("t3.small", 2, 2_048, 3, 4),
            ("t3.medium", 2, 4_096, 3, 6),
            ("t4g.large", 2, 8_192, 3, 12),
            ("m5.xlarge", 4, 16_384, 4, 15),
            ("c5.large", 2, 4_096, 3, 10),
            ("c5.2xlarge", 8, 16_384, 4, 15),
            (DEFAULT_TYPE, 1, 1_740, 2, 4),
        ] {
            let found = InstanceType::find(name).unwrap();
            let figures =
                (found.vcpus(), found.memory_mib(), found.maximum_interfaces(), found.addresses_per_interface());
            assert_eq!(figures, (vcpus, memory_mib, interfaces, addresses), "{name}");
        }
        assert!(InstanceType::find("t3").is_none());
        assert!(InstanceType::find("T3.micro").is_none());
    }

    #[test]
    fn every_type_is_described_in_full() {
        assert!(InstanceType::all().count() > 90);
        for instance_type in InstanceType::all() {
            let info = instance_type.to_shape();
            assert_eq!(info.instance_type.as_deref(), Some(instance_type.name()));
            let cpu = info.vcpu_info.unwrap();
            assert_eq!(cpu.default_vcpus, cpu.default_cores.zip(cpu.default_threads_per_core).map(|(c, t)| c * t));
            assert!(cpu.valid_cores.is_empty() || cpu.valid_cores.last() == cpu.default_cores.as_ref());
            assert!(!info.processor_info.unwrap().supported_architectures.is_empty());
            assert_eq!(info.network_info.unwrap().network_cards.len(), 1);
        }
    }
}
