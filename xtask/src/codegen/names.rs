//! Names of the model as names of Rust.

/// Rust's keywords that a member of the model could be called.
const KEYWORDS: [&str; 12] =
    ["type", "as", "ref", "match", "move", "in", "for", "use", "where", "async", "static", "return"];

/// Units and abbreviations that would otherwise fall apart, `size_in_mi_b`.
const WHOLE: [(&str, &str); 6] =
    [("MiB", "Mib"), ("GiB", "Gib"), ("MBps", "Mbps"), ("VCpu", "Vcpu"), ("IPv", "Ipv"), ("AMIs", "Amis")];

/// `NetworkInterfaceId` as `network_interface_id`; keywords become raw identifiers.
pub fn field(name: &str) -> String {
    let snake = snake(name);
    if KEYWORDS.contains(&snake.as_str()) { format!("r#{snake}") } else { snake }
}

/// `NetworkInterfaceId` as `network_interface_id`.
pub fn snake(name: &str) -> String {
    let name = WHOLE.iter().fold(name.to_owned(), |name, (from, to)| name.replace(from, to));
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (at, &letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|i| letters[i]);
        let starts_word = letter.is_ascii_uppercase()
            && before.is_some_and(|b| {
                let next_is_lower = letters.get(at + 1).is_some_and(char::is_ascii_lowercase);
                b.is_ascii_lowercase() || b.is_ascii_digit() || (b.is_ascii_uppercase() && next_is_lower)
            });
        if starts_word {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// A shape's name as a Rust type: the model's own, its first letter upper-cased.
pub fn type_name(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

/// A value of a string enum as a variant: `shutting-down` as `ShuttingDown`, `x86_64` as `X86_64`.
pub fn variant(value: &str) -> String {
    let shouting = value.chars().all(|c| !c.is_ascii_lowercase());
    let mut variant = String::new();
    for word in value.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        let digits_meet =
            variant.ends_with(|c: char| c.is_ascii_digit()) && word.starts_with(|c: char| c.is_ascii_digit());
        if digits_meet {
            variant.push('_');
        }
        let word = if shouting { word.to_ascii_lowercase() } else { word.to_owned() };
        variant.push_str(&type_name(&word));
    }
    match variant.chars().next() {
        Some(first) if first.is_ascii_digit() => format!("V{variant}"),
        _ if variant == "Self" => "SelfValue".to_owned(),
        _ => variant,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_snake_case() {
        for (name, expected) in [
            ("VpcId", "vpc_id"),
            ("Ipv6CidrBlock", "ipv6_cidr_block"),
            ("SizeInMiB", "size_in_mib"),
            ("DefaultVCpus", "default_vcpus"),
            ("EnableResourceNameDnsAAAARecord", "enable_resource_name_dns_aaaa_record"),
            ("S3Storage", "s3_storage"),
            ("Phase1DHGroupNumbers", "phase1_dh_group_numbers"),
            ("Type", "r#type"),
        ] {
            assert_eq!(field(name), expected);
        }
    }

    #[test]
    fn variants_are_upper_camel_case() {
        for (value, expected) in [
            ("shutting-down", "ShuttingDown"),
            ("x86_64", "X86_64"),
            ("ALL_ACTIVE", "AllActive"),
            ("v2.0", "V2_0"),
            ("Linux/UNIX", "LinuxUNIX"),
            ("ipv4", "Ipv4"),
            ("128", "V128"),
            ("VersionConsistent", "VersionConsistent"),
        ] {
            assert_eq!(variant(value), expected);
        }
    }
}
