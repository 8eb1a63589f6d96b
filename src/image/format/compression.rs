//! Which compression bytes came in, told by their first bytes and never by a name or media type.

use crate::fault::Fault;
use anyhow::{Context as _, Result};
use std::io::{self, BufReader, Read};

/// How a stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1952, one or several members.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    /// What starts with these bytes; xz and bzip2 are known by name but not read.
    pub fn of(start: &[u8]) -> Result<Compression, Fault> {
        let refuse = |name: &str, tool: &str| {
            Err(Fault::unsupported(format!("{name} compression is not supported"))
                .hint(format!("decompress it first: `{tool}`")))
        };
        match start {
            [0x1f, 0x8b, ..] => Ok(Compression::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Ok(Compression::Zstd),
            // A skippable frame: how zstd's parallel writer and zstd:chunked may begin.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Compression::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', ..] => refuse("xz", "xz -d"),
            [b'B', b'Z', b'h', ..] => refuse("bzip2", "bzip2 -d"),
            _ => Ok(Compression::None),
        }
    }
}

/// The decompressed bytes of `input`, whatever it is compressed with, and which that is.
pub fn decompress<'a>(input: impl Read + Send + 'a) -> Result<(Compression, Box<dyn Read + Send + 'a>)> {
    let mut start = Vec::with_capacity(8);
    let mut input = input;
    // A pipe may deliver one byte at a time: fill_buf alone would see too little.
    input.by_ref().take(8).read_to_end(&mut start).context("reading the archive")?;
    let compression = Compression::of(&start)?;
    let whole = BufReader::with_capacity(128 << 10, io::Cursor::new(start).chain(input));
    Ok((
        compression,
        match compression {
            Compression::None => Box::new(whole),
            Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(whole)),
            Compression::Zstd => Box::new(zstd::Decoder::with_buffer(whole)?),
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn every_compression_is_told_by_its_first_bytes() {
        let text = b"hello hello hello".repeat(100);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).unwrap();
        let gzip = gzip.finish().unwrap();
        let zstd = zstd::encode_all(&text[..], 1).unwrap();
        let two_members = [gzip.clone(), gzip.clone()].concat();
        for (bytes, wanted, times) in [
            (text.clone(), Compression::None, 1),
            (gzip, Compression::Gzip, 1),
            (zstd, Compression::Zstd, 1),
            (two_members, Compression::Gzip, 2),
            (Vec::new(), Compression::None, 0),
        ] {
            let (compression, mut reader) = decompress(&bytes[..]).unwrap();
            let mut back = Vec::new();
            reader.read_to_end(&mut back).unwrap();
            assert_eq!((compression, back), (wanted, text.repeat(times)));
        }
        for bytes in [&b"\xfd7zXZ\0rest"[..], b"BZh91AY"] {
            assert!(decompress(bytes).is_err());
        }
    }
}
