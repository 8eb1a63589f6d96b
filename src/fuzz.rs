//! What reads other people's bytes, each a function that takes any: for the fuzzers in fuzz/, and for a short run in
//! the unit tests.

use crate::cli::output::template::{Template, unescape};
use crate::engine::user::{self, Files};
use crate::image::format::{docker_archive, oci_layout, tarball};
use crate::model::container::grammar;
use crate::model::digest::Digest;
use crate::model::manifest::{Index, Manifest};
use crate::model::reference::Reference;
use crate::store::{ContainerRecord, ImageRecord};
use crate::{config, image, monitor, registry, runtime, store};
use std::io::Read;

/// A reader and its name: that of the program in fuzz/ and of its directory of examples.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("archive", archive),
    ("bundle", bundle),
    ("compressed", compressed),
    ("config", image_config),
    ("flags", flags),
    ("frames", frames),
    ("headers", headers),
    ("layer", layer),
    ("logs", logs),
    ("manifest", manifest),
    ("passwd", passwd),
    ("reference", reference),
    ("seccomp", seccomp),
    ("settings", settings),
    ("state", state),
    ("template", template),
];

/// A layer's tar.
pub fn layer(bytes: &[u8]) {
    store::layer::read_tar(bytes);
}

/// A layer's compressed form.
pub fn compressed(bytes: &[u8]) {
    store::layer::read_compressed(bytes);
}

/// The outer tar of `load`.
pub fn archive(bytes: &[u8]) {
    let mut reader = tarball::Reader::streaming(bytes);
    while let Ok(Some(entry)) = reader.advance() {
        assert!(!entry.path.starts_with('/') && !entry.path.split('/').any(|part| part == ".."), "{entry:?}");
        let mut start = Vec::new();
        let _ = reader.by_ref().take(1000).read_to_end(&mut start);
    }
}

/// Manifests and indexes, from registries and archives.
pub fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = serde_json::from_slice::<Manifest>(bytes) {
        let _ = serde_json::to_vec(&manifest);
    }
    if let Ok(index) = serde_json::from_slice::<Index>(bytes) {
        let _ = oci_layout::choose(&index, &crate::model::platform::Platform::own());
        for entry in &index.manifests {
            let _ = (oci_layout::name_of(entry), oci_layout::is_image(entry), oci_layout::parse_entry(entry, bytes));
        }
    }
    let _ = oci_layout::parse(bytes);
    let _ = docker_archive::parse(bytes);
}

/// An image's config.
pub fn image_config(bytes: &[u8]) {
    if let Ok(config) = image::index::parse_config(bytes) {
        let text = serde_json::to_vec(&config).expect("what was read can be written");
        image::index::parse_config(&text).expect("what was written can be read");
    }
}

/// Names of images.
pub fn reference(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(reference) = text.parse::<Reference>() {
        let again: Reference = reference.to_string().parse().expect("its own form is one");
        assert_eq!(again, reference, "{text:?}");
        let _ = (reference.familiar(), reference.repository(), reference.with_default_tag());
    }
    if let Ok(digest) = text.parse::<Digest>() {
        assert!(digest.hex().bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
    let _ = text.parse::<crate::model::platform::Platform>();
    let _ = text.parse::<crate::model::name::Name>();
}

/// `/etc/passwd` and `/etc/group`: the user, then the files, with zero bytes between them.
pub fn passwd(bytes: &[u8]) {
    let mut parts = bytes.splitn(3, |byte| *byte == 0);
    let user = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let mut file = || parts.next().unwrap_or_default().to_vec();
    let files = Files { passwd: file(), group: file() };
    let _ = (user::highest_id(&files), user::user_name(&files, 0), user::group_name(&files, 0));
    if let Ok(account) = user::look_up(&user, &[], &files) {
        let who = user.split(':').next().unwrap_or_default();
        let asked = who.is_empty() || who.bytes().all(|byte| byte == b'0');
        let named = user::user_name(&files, 0).is_some() && !who.bytes().all(|byte| byte.is_ascii_digit());
        assert!(account.uid != 0 || asked || named, "{user:?} became root");
        assert!(!account.groups.contains(&account.gid), "{account:?}");
    }
}

/// A runtime bundle's `config.json`.
pub fn bundle(bytes: &[u8]) {
    let _ = runtime::check_config(bytes);
}

/// What the store keeps, and an older or newer or broken program may have written.
pub fn state(bytes: &[u8]) {
    store::layer::read_records(bytes);
    if let Ok(record) = serde_json::from_slice::<ContainerRecord>(bytes) {
        let text = serde_json::to_vec(&record).expect("what was read can be written");
        serde_json::from_slice::<ContainerRecord>(&text).expect("what was written can be read");
    }
    let _ = serde_json::from_slice::<ImageRecord>(bytes);
}

/// Profiles of system calls.
pub fn seccomp(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = runtime::seccomp::check(text);
    }
}

/// The values of flags: devices, mounts, users, limits, namespaces, and files of them.
pub fn flags(bytes: &[u8]) {
    use grammar::*;
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let absolute = |text: &str| Ok(format!("/{text}"));
    let _ = (parse_device(text), parse_device_rule(text), parse_device_weight(text));
    let _ = (parse_device_rate(text, true), parse_device_rate(text, false));
    for mount in [parse_volume(text, absolute), parse_mount(text, absolute), parse_tmpfs(text)].into_iter().flatten() {
        let _ = check_targets(&[mount.clone(), mount]);
    }
    let _ = (parse_mode("ipc", text, &["none"]), parse_network(text), parse_user_mode(text));
    let _ = (parse_id_map("uid", text), parse_subordinate(text, "ann"));
    let _ = (parse_security_option(text, 0), normalize_capability(text));
    let _ = (parse_memory("memory", text, true), parse_cpus(text), parse_ulimit(text), parse_sysctl(text));
    let _ = (parse_env_file(text), parse_label_file(text));
    let _ = text.parse::<crate::model::size::ByteSize>();
    let _ = crate::engine::files::parse_extra_host(text, None);
    if let Ok(mut keys) = crate::cli::terminal::detach::DetachKeys::parse(text) {
        let _ = (keys.filter(bytes), keys.release());
    }
}

/// Lines of logs.
pub fn logs(bytes: &[u8]) {
    for line in bytes.split(|byte| *byte == b'\n') {
        monitor::log::read::read_line(line);
    }
}

/// Frames of an attach socket.
pub fn frames(mut bytes: &[u8]) {
    use monitor::frame::{HEAD, head, parse_head};
    while let Some((first, rest)) = bytes.split_first_chunk::<HEAD>() {
        let Some((kind, length)) = parse_head(first) else { return };
        assert_eq!(head(kind, length), *first);
        bytes = rest.get(length..).unwrap_or_default();
    }
}

/// What registries, proxies and name servers say.
pub fn headers(bytes: &[u8]) {
    registry::read_headers(bytes);
}

/// Files of settings and of credentials.
pub fn settings(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        config::read_settings(text);
    }
}

/// Templates of `--format`.
pub fn template(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(template) = Template::parse(&unescape(text)) else { return };
    let _ = template.fields();
    let data = serde_json::json!({
        "ID": "0123456789ab", "Names": ["web", "db"], "State": {"Running": true, "Pid": 7, "Exit": -1},
        "Labels": {"a": "b", "c.d": "e"}, "Size": 1.5, "Nothing": null, "Empty": "",
    });
    let _ = template.execute(&data);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};

    fn corpus(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name)
    }

    fn examples(name: &str) -> Vec<Vec<u8>> {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(corpus(name)).expect("it has examples").flatten().map(|entry| entry.path()).collect();
        files.sort();
        files.iter().map(|path| std::fs::read(path).expect("readable")).collect()
    }

    /// Another example: some bytes changed, doubled, cut out, or from two of them.
    fn mutated(examples: &[Vec<u8>], random: &mut impl FnMut(usize) -> usize) -> Vec<u8> {
        let mut bytes = examples[random(examples.len())].clone();
        for _ in 0..=random(4) {
            let at = random(bytes.len() + 1);
            let length = random(17).min(bytes.len() - at);
            match random(6) {
                0 if at < bytes.len() => bytes[at] ^= 1 << random(8),
                1 if at < bytes.len() => bytes[at] = random(256) as u8,
                2 => drop(bytes.drain(at..at + length)),
                3 => {
                    let piece = bytes[at..at + length].to_vec();
                    for (offset, byte) in piece.into_iter().enumerate() {
                        bytes.insert(at + offset, byte);
                    }
                }
                4 => {
                    let other = &examples[random(examples.len())];
                    let from = random(other.len() + 1);
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[from..]);
                }
                _ => bytes.insert(at, b"\0\n:/,.-=\"{}[]%\xff0"[random(16)]),
            }
        }
        bytes
    }

    /// The examples, and others made from them by a fixed seed. `FUZZ_RUNS` for more.
    #[test]
    fn examples_and_their_like_do_no_harm() {
        let runs = std::env::var("FUZZ_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000);
        for (name, target) in TARGETS {
            let examples = examples(name);
            for example in &examples {
                target(example);
            }
            let mut state = 0x9e37_79b9_7f4a_7c15u64;
            let mut random = |below: usize| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state % below as u64) as usize
            };
            for _ in 0..runs {
                let bytes = mutated(&examples, &mut random);
                let last = std::panic::catch_unwind(|| target(&bytes));
                assert!(last.is_ok(), "{name}: {:?}", String::from_utf8_lossy(&bytes));
            }
        }
    }

    /// Every target has a program for the fuzzer, and examples; and nothing else has.
    #[test]
    fn every_target_is_fuzzed() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
        let list = std::fs::read_to_string(dir.join("Cargo.toml")).expect("it is there");
        for (name, _) in TARGETS {
            assert!(list.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml lists no {name}");
            let program = std::fs::read_to_string(dir.join(format!("targets/{name}.rs"))).expect("it has a program");
            assert!(program.contains("barge::fuzz::"), "{name}");
            assert!(!examples(name).is_empty(), "{name} has no examples");
        }
        assert_eq!(std::fs::read_dir(dir.join("targets")).expect("it is there").count(), TARGETS.len());
        assert_eq!(std::fs::read_dir(dir.join("corpus")).expect("it is there").count(), TARGETS.len());
    }
}
