//! Files that the engine makes for a container: /etc/hosts, hostname, resolv.conf, /run/.containerenv, passwd lines.
//!
//! Pure texts. They are written to a directory of ours, outside the container's root, and bind-mounted over their
//! places; nothing is ever written through a path of the image. No field may bring a line of its own.

use super::user::Account;
use crate::fault::Fault;
use anyhow::Result;
use std::net::IpAddr;

/// Refuses what would end a line or a field, or is not text.
pub fn check_field(what: &str, text: &str) -> Result<()> {
    if text.chars().any(|c| c.is_control() || c == ':') {
        return Err(Fault::invalid(format!("{what} {text:?}: control characters and colons are not allowed")).into());
    }
    Ok(())
}

/// A host name that may stand in a file and that the kernel takes.
pub fn check_hostname(name: &str) -> Result<()> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(good) {
        return Err(Fault::invalid(format!("invalid hostname {name:?}")).into());
    }
    Ok(())
}

/// `name:address` of `--add-host`; the address may be in brackets, or `host-gateway`, which stands for `gateway`.
pub fn parse_extra_host(text: &str, gateway: Option<IpAddr>) -> Result<(String, IpAddr)> {
    let bad = || Fault::invalid(format!("bad format for add-host: {text:?}"));
    let (name, address) = text.split_once([':', '=']).ok_or_else(bad)?;
    check_hostname(name)?;
    if address == "host-gateway" {
        let missing =
            || Fault::unsupported("--add-host host-gateway: the container has no network that leads to the host");
        return Ok((name.to_string(), gateway.ok_or_else(missing)?));
    }
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    let address = bare.parse().map_err(|_| Fault::invalid(format!("invalid IP address in add-host: {address:?}")))?;
    Ok((name.to_string(), address))
}

/// `/etc/hosts`. `base`: the host's file, for containers in the host's network. `own`: the container's name or names
/// at its own addresses.
pub fn hosts(base: Option<&str>, extra: &[(String, IpAddr)], own: &[&str], addresses: &[IpAddr]) -> String {
    let mut text = match base {
        Some(base) => base.to_string(),
        None => "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\n\
            ff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
            .to_string(),
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    for (name, address) in extra {
        text.push_str(&format!("{address}\t{name}\n"));
    }
    if !own.is_empty() {
        let loopback = [IpAddr::from([127, 0, 0, 1])];
        for address in if addresses.is_empty() { &loopback } else { addresses } {
            text.push_str(&format!("{address}\t{}\n", own.join(" ")));
        }
    }
    text
}

/// `/etc/resolv.conf` from the host's: only the lines that a resolver knows.
pub fn resolv_conf(host: &str) -> String {
    let mut text = String::new();
    for line in host.lines().take(1000) {
        let word = line.split_whitespace().next().unwrap_or_default();
        if matches!(word, "nameserver" | "search" | "domain" | "options" | "sortlist") {
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text
}

/// `/etc/resolv.conf` with the given servers; what is not given is as the host has it.
pub fn resolv_conf_with(host: &str, servers: &[IpAddr], search: &[String], options: &[String]) -> String {
    let of_host = |word: &str| -> Vec<String> {
        let mut lines = host.lines().filter(|line| line.split_whitespace().next() == Some(word));
        let words = lines.next_back().map(|line| line.split_whitespace().skip(1).map(str::to_string).collect());
        words.unwrap_or_default()
    };
    let mut text = String::new();
    if servers.is_empty() {
        for line in host.lines().filter(|line| line.split_whitespace().next() == Some("nameserver")) {
            text.push_str(&format!("{}\n", line.trim_end()));
        }
    }
    servers.iter().for_each(|server| text.push_str(&format!("nameserver {server}\n")));
    let search = match search {
        [] if of_host("search").is_empty() => of_host("domain"),
        [] => of_host("search"),
        // As docker: a dot alone means none.
        [dot] if dot == "." => Vec::new(),
        given => given.to_vec(),
    };
    if !search.is_empty() {
        text.push_str(&format!("search {}\n", search.join(" ")));
    }
    let mut options = if options.is_empty() { of_host("options") } else { options.to_vec() };
    // Names of containers have no dots: they are not to be asked for in every domain first.
    if servers.contains(&IpAddr::from([127, 0, 0, 11])) && !options.iter().any(|option| option.starts_with("ndots")) {
        options.push("ndots:0".into());
    }
    if !options.is_empty() {
        text.push_str(&format!("options {}\n", options.join(" ")));
    }
    text
}

/// `/run/.containerenv`: podman's form.
pub fn containerenv(name: &str, id: &str, image: &str, image_id: &str, rootless: bool) -> String {
    let quote = |text: &str| text.replace(['"', '\\', '\n', '\r'], "_");
    format!(
        "engine=\"barge-{}\"\nname=\"{}\"\nid=\"{id}\"\nimage=\"{}\"\nimageid=\"{image_id}\"\nrootless={}\n",
        env!("CARGO_PKG_VERSION"),
        quote(name),
        quote(image),
        u8::from(rootless)
    )
}

/// The line that makes an unknown uid known. `pattern` is `--passwd-entry` with podman's words `$USERNAME`, `$UID`,
/// `$GID`, `$NAME`, `$HOME`.
pub fn passwd_line(account: &Account, home: &str, pattern: Option<&str>) -> Result<String> {
    check_field("HOME", home)?;
    let uid = account.uid.to_string();
    let gid = account.gid.to_string();
    match pattern {
        None => Ok(format!("{uid}:*:{uid}:{gid}:container user:{home}:/bin/sh\n")),
        Some(pattern) => {
            let line = pattern
                .replace("$USERNAME", &uid)
                .replace("$NAME", "container user")
                .replace("$UID", &uid)
                .replace("$GID", &gid)
                .replace("$HOME", home);
            let line = line.strip_suffix("\\n").unwrap_or(&line);
            let line = line.strip_suffix('\n').unwrap_or(line);
            if line.chars().any(char::is_control) || line.split(':').count() != 7 {
                return Err(
                    Fault::invalid(format!("--passwd-entry {pattern:?}: must be one line of seven fields")).into()
                );
            }
            Ok(format!("{line}\n"))
        }
    }
}

/// The line that makes an unknown gid known.
pub fn group_line(gid: u32) -> String {
    format!("{gid}:x:{gid}:\n")
}

/// `file` with one line more.
pub fn with_line(file: &[u8], line: &str) -> Vec<u8> {
    let mut bytes = file.to_vec();
    if !bytes.is_empty() && !bytes.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(line.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_brings_a_line_of_its_own() {
        let account = Account { uid: 7, gid: 8, ..Account::default() };
        for home in ["/\nr::0:0::/:/bin/sh", "/\r", "/a:0", "/\0", "/\u{2028}\n"] {
            assert!(passwd_line(&account, home, None).is_err(), "{home:?}");
        }
        assert_eq!(passwd_line(&account, "/h", None).unwrap(), "7:*:7:8:container user:/h:/bin/sh\n");
        for pattern in ["a\nb:x:0:0:::", "x:x:0:0", "a:b:c:d:e:f:g:h"] {
            assert!(passwd_line(&account, "/", Some(pattern)).is_err(), "{pattern:?}");
        }
        assert_eq!(
            passwd_line(&account, "/", Some("$USERNAME:*:$UID:$GID:$NAME:$HOME:/bin/bash")).unwrap().lines().count(),
            1
        );
        for name in ["a\nb", "a b", "", "a:b", "ä", &"x".repeat(65)] {
            assert!(check_hostname(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn extra_hosts_are_a_name_and_an_address() {
        for (text, name, address) in [
            ("db:10.0.0.1", "db", "10.0.0.1"),
            ("db:::1", "db", "::1"),
            ("db:[::1]", "db", "::1"),
            ("db=1.2.3.4", "db", "1.2.3.4"),
        ] {
            assert_eq!(parse_extra_host(text, None).unwrap(), (name.to_string(), address.parse().unwrap()), "{text}");
        }
        for text in ["db", ":1.2.3.4", "db:", "db:x", "d b:1.2.3.4", "db:1.2.3.4\n5.6.7.8 x", "db:1.2.3.4 x"] {
            assert!(parse_extra_host(text, None).is_err(), "{text:?}");
        }
    }

    #[test]
    fn hosts_have_the_container_last() {
        let text = hosts(None, &[("db".into(), "10.0.0.1".parse().unwrap())], &["abc", "web"], &[]);
        assert!(text.starts_with("127.0.0.1\tlocalhost\n"));
        assert!(text.ends_with("10.0.0.1\tdb\n127.0.0.1\tabc web\n"));
        assert_eq!(resolv_conf("# c\nnameserver 1.1.1.1\nevil\nsearch a b\n"), "nameserver 1.1.1.1\nsearch a b\n");
    }
}
