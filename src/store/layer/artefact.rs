//! Tars made by hand, for tests: every byte is ours, so they can be as wrong as we like.

use super::tarball::BLOCK;

/// A tar in the making.
#[derive(Default, Clone)]
pub(in crate::store) struct Tar(pub Vec<u8>);

/// The fields of an entry that tests care about.
#[derive(Clone)]
pub(in crate::store) struct Spec<'a> {
    pub path: &'a str,
    pub kind: u8,
    pub link: &'a str,
    pub content: &'a [u8],
    pub mode: u32,
    pub owner: u32,
    pub mtime: u32,
    pub device: (u32, u32),
}

impl Default for Spec<'_> {
    fn default() -> Self {
        Spec { path: "", kind: b'0', link: "", content: b"", mode: 0o644, owner: 0, mtime: 1000, device: (0, 0) }
    }
}

impl Tar {
    pub(in crate::store) fn add(mut self, spec: &Spec<'_>) -> Self {
        let mut block = [0u8; BLOCK];
        let mut put = |at: usize, text: &str| block[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, spec.path);
        put(100, &format!("{:07o}", spec.mode));
        put(108, &format!("{:07o}", spec.owner));
        put(116, &format!("{:07o}", spec.owner));
        put(124, &format!("{:011o}", spec.content.len()));
        put(136, &format!("{:011o}", spec.mtime));
        put(157, spec.link);
        put(257, "ustar");
        put(263, "00");
        put(329, &format!("{:07o}", spec.device.0));
        put(337, &format!("{:07o}", spec.device.1));
        block[156] = spec.kind;
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend_from_slice(&block);
        self.pad(spec.content)
    }

    pub(in crate::store) fn file(self, path: &str, content: &str) -> Self {
        self.add(&Spec { path, content: content.as_bytes(), ..Spec::default() })
    }

    pub(in crate::store) fn dir(self, path: &str, mode: u32) -> Self {
        self.add(&Spec { path, kind: b'5', mode, ..Spec::default() })
    }

    pub(in crate::store) fn hard_link(self, path: &str, link: &str) -> Self {
        self.add(&Spec { path, kind: b'1', link, ..Spec::default() })
    }

    pub(in crate::store) fn symlink(self, path: &str, link: &str) -> Self {
        self.add(&Spec { path, kind: b'2', link, ..Spec::default() })
    }

    /// A PAX header for the next entry.
    pub(in crate::store) fn pax(self, records: &[(&str, &str)]) -> Self {
        let mut content = String::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let mut length = rest + 1;
            while length != rest + length.to_string().len() {
                length += 1;
            }
            content.push_str(&format!("{length} {key}={value}\n"));
        }
        self.add(&Spec { path: "PaxHeaders/x", kind: b'x', content: content.as_bytes(), ..Spec::default() })
    }

    pub(in crate::store) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// With the two blocks of zeros.
    pub(in crate::store) fn end(self) -> Self {
        self.bytes(&[0; 2 * BLOCK])
    }

    fn pad(mut self, content: &[u8]) -> Self {
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(BLOCK), 0);
        self
    }
}
