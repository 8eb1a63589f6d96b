//! Names and addresses of a network, as they lie in its directory: the network writes them, resolvers read them. Pure.
//!
//! ```text
//! names/NAME/CONTAINER     a symbolic link to "10.88.0.2,fd00::2"
//! leases/ADDRESS           a symbolic link to "CONTAINER/NAME"
//! ```
//! Every entry is one atomic step of the file system, so that nobody ever sees half of one, and joining costs the same
//! however many are there.

use std::net::IpAddr;

/// Directory of the names.
pub const NAMES: &str = "names";
/// Directory of the leases.
pub const LEASES: &str = "leases";

/// The file name of a host name; `None`: such a name can't be there.
pub fn key(name: &str) -> Option<String> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (!name.is_empty() && name.len() <= 253 && !name.starts_with('.') && name.bytes().all(good)).then_some(name)
}

/// Addresses as a link's target.
pub fn write_addresses(addresses: &[IpAddr]) -> String {
    addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(",")
}

/// The addresses of a link's target.
pub fn read_addresses(target: &str) -> impl Iterator<Item = IpAddr> {
    target.split(',').filter_map(|word| word.parse().ok())
}

/// Who has an address, as a link's target.
pub fn write_holder(container: &str, name: &str) -> String {
    format!("{container}/{name}")
}

/// The container's id and name of a link's target.
pub fn read_holder(target: &str) -> Option<(&str, &str)> {
    target.split_once('/').filter(|(id, _)| id.len() == 64)
}

/// The address that a name of `in-addr.arpa` or `ip6.arpa` asks for.
pub fn reverse(name: &str) -> Option<IpAddr> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    if let Some(rest) = name.strip_suffix(".in-addr.arpa") {
        let mut octets = [0; 4];
        let mut parts = rest.split('.').rev();
        for octet in &mut octets {
            *octet = parts.next()?.parse().ok()?;
        }
        return parts.next().is_none().then(|| octets.into());
    }
    let rest = name.strip_suffix(".ip6.arpa")?;
    let mut octets = [0u8; 16];
    let mut parts = rest.split('.').rev();
    for octet in &mut octets {
        for _ in 0..2 {
            let part = parts.next().filter(|part| part.len() == 1)?;
            *octet = *octet << 4 | u8::from_str_radix(part, 16).ok()?;
        }
    }
    parts.next().is_none().then(|| octets.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_files_of_their_directory_and_no_other() {
        assert_eq!(key("Web.").as_deref(), Some("web"));
        for name in ["", ".", "..", "../x", "a/b", "a\0", ".a", "ä"] {
            assert_eq!(key(name), None, "{name:?}");
        }
    }

    #[test]
    fn addresses_and_holders_are_written_and_read() {
        let addresses: Vec<IpAddr> = vec!["10.88.0.2".parse().unwrap(), "fd00::2".parse().unwrap()];
        assert_eq!(read_addresses(&write_addresses(&addresses)).collect::<Vec<_>>(), addresses);
        let id = "ab".repeat(32);
        assert_eq!(read_holder(&write_holder(&id, "web")), Some((id.as_str(), "web")));
        assert_eq!(read_holder("x/y"), None);
    }

    #[test]
    fn reverse_names() {
        assert_eq!(reverse("2.0.88.10.in-addr.arpa."), Some("10.88.0.2".parse().unwrap()));
        let six = format!("2.{}0.0.d.f.ip6.arpa", "0.".repeat(27));
        assert_eq!(reverse(&six), Some("fd00::2".parse().unwrap()));
        for name in ["1.2.3.in-addr.arpa", "1.2.3.4.5.in-addr.arpa", "300.0.0.1.in-addr.arpa", "1.ip6.arpa", "web"] {
            assert_eq!(reverse(name), None, "{name}");
        }
    }
}
