//! What a layer's entry takes away from the layers below, and which attributes it may carry.

use crate::fault::Fault;
use anyhow::Result;

/// The prefix of names that take something away.
const PREFIX: &[u8] = b".wh.";

/// What the last part of an entry's path means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning<'a> {
    /// An ordinary name.
    Plain,
    /// This name of the layers below is gone.
    Gone(&'a [u8]),
    /// All of the directory that the layers below have is gone.
    Opaque,
    /// Book-keeping of aufs, which means nothing to us.
    Ignored,
}

/// Reads a name. What is after the prefix must be a name that could be in a directory.
pub(super) fn meaning(name: &[u8]) -> Result<Meaning<'_>> {
    let Some(rest) = name.strip_prefix(PREFIX) else { return Ok(Meaning::Plain) };
    match rest {
        b".wh..opq" => Ok(Meaning::Opaque),
        b"" | b"." | b".." => {
            Err(Fault::invalid(format!("{:?} is not a valid whiteout", String::from_utf8_lossy(name))).into())
        }
        _ if rest.starts_with(PREFIX) => Ok(Meaning::Ignored),
        gone => Ok(Meaning::Gone(gone)),
    }
}

/// Whether an extended attribute may come from an image: not what steers an overlay, an LSM or integrity checks.
pub(super) fn attribute_is_allowed(name: &[u8]) -> bool {
    let steers_overlay = name.windows(9).any(|part| part == b".overlay.");
    let of_the_host = matches!(name, b"security.ima" | b"security.evm" | b"security.selinux")
        || name.starts_with(b"security.apparmor")
        || name.starts_with(b"security.SMACK");
    !steers_overlay && !of_the_host && !name.starts_with(b"trusted.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whiteouts_have_a_grammar() {
        let cases: &[(&str, Option<Meaning>)] = &[
            ("file", Some(Meaning::Plain)),
            (".wh", Some(Meaning::Plain)),
            (".wh.file", Some(Meaning::Gone(b"file"))),
            (".wh...x", Some(Meaning::Gone(b"..x"))),
            (".wh..wh..opq", Some(Meaning::Opaque)),
            (".wh..wh.plnk", Some(Meaning::Ignored)),
            (".wh..wh.aufs", Some(Meaning::Ignored)),
            (".wh.", None),
            (".wh..", None),
            (".wh...", None),
        ];
        for (name, expected) in cases {
            assert_eq!(meaning(name.as_bytes()).ok(), *expected, "{name}");
        }
    }

    #[test]
    fn attributes_that_steer_the_host_are_dropped() {
        for name in [
            "trusted.overlay.redirect",
            "user.overlay.opaque",
            "trusted.anything",
            "user.overlay.metacopy",
            "trusted.overlay.overlay.opaque",
            "security.ima",
            "security.evm",
            "security.selinux",
        ] {
            assert!(!attribute_is_allowed(name.as_bytes()), "{name}");
        }
        for name in ["user.comment", "security.capability", "system.posix_acl_access", "user.overlays"] {
            assert!(attribute_is_allowed(name.as_bytes()), "{name}");
        }
    }
}
