//! The header stream: every byte of a layer's tar that is not in one of its files, compressed, and where the files'
//! contents belong. With it the exact tar can be given back (the idea of `tar-split`).
//!
//! ```text
//! 1 LENGTH(u32) BYTES           verbatim
//! 2 SIZE(u64) LENGTH(u16) PATH  the content of a file, by the path it was unpacked at
//! ```

use super::tarball::Record;
use anyhow::{Context, Result, bail, ensure};
use std::fs::File;
use std::io::{BufReader, Read, Write};

const RAW: u8 = 1;
const FILE: u8 = 2;

/// How much of verbatim bytes is gathered before it is written.
const GATHER: usize = 64 << 10;

/// Writes a stream.
pub(super) struct Writer {
    output: zstd::Encoder<'static, File>,
    gathered: Vec<u8>,
    /// Content records so far.
    files: u32,
}

impl Writer {
    pub(super) fn new(file: File) -> Result<Self> {
        Ok(Writer { output: zstd::Encoder::new(file, 1)?, gathered: Vec::with_capacity(GATHER * 2), files: 0 })
    }

    /// The content of a file stands here; returns its number.
    pub(super) fn file(&mut self, path: &[u8], size: u64) -> Result<u32> {
        self.flush()?;
        let mut bytes = vec![FILE];
        bytes.extend_from_slice(&size.to_le_bytes());
        bytes.extend_from_slice(&u16::try_from(path.len())?.to_le_bytes());
        bytes.extend_from_slice(path);
        self.output.write_all(&bytes)?;
        self.files += 1;
        Ok(self.files - 1)
    }

    pub(super) fn finish(mut self) -> Result<()> {
        self.flush()?;
        self.output.finish()?;
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if !self.gathered.is_empty() {
            self.output.write_all(&[RAW])?;
            self.output.write_all(&u32::try_from(self.gathered.len())?.to_le_bytes())?;
            self.output.write_all(&self.gathered)?;
            self.gathered.clear();
        }
        Ok(())
    }
}

impl Record for Writer {
    fn raw(&mut self, bytes: &[u8]) -> Result<()> {
        for some in bytes.chunks(GATHER) {
            self.gathered.extend_from_slice(some);
            if self.gathered.len() >= GATHER {
                self.flush()?;
            }
        }
        Ok(())
    }
}

/// One piece of the tar.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Raw(Vec<u8>),
    File { number: u32, path: Vec<u8>, size: u64 },
}

/// Reads a stream.
pub(super) struct Reader {
    input: zstd::Decoder<'static, BufReader<File>>,
    files: u32,
}

impl Reader {
    pub(super) fn new(file: File) -> Result<Self> {
        Ok(Reader { input: zstd::Decoder::new(file)?, files: 0 })
    }

    pub(super) fn next(&mut self) -> Result<Option<Piece>> {
        let mut kind = [0];
        if self.input.read(&mut kind).context("reading the layer's headers")? == 0 {
            return Ok(None);
        }
        match kind[0] {
            RAW => {
                let length = u32::from_le_bytes(self.array()?) as usize;
                ensure!(length <= 2 * GATHER, "the layer's headers are damaged");
                let mut bytes = vec![0; length];
                self.input.read_exact(&mut bytes)?;
                Ok(Some(Piece::Raw(bytes)))
            }
            FILE => {
                let size = u64::from_le_bytes(self.array()?);
                let length = u16::from_le_bytes(self.array()?);
                let mut path = vec![0; usize::from(length)];
                self.input.read_exact(&mut path)?;
                self.files += 1;
                Ok(Some(Piece::File { number: self.files - 1, path, size }))
            }
            _ => bail!("the layer's headers are damaged"),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stream");
        let mut writer = Writer::new(File::create(&path).unwrap()).unwrap();
        let long: Vec<u8> = (0..200_000u32).map(|at| at as u8).collect();
        writer.raw(b"one").unwrap();
        assert_eq!(writer.file(b"a/b", 7).unwrap(), 0);
        assert_eq!(writer.file(b"\xff", u64::MAX).unwrap(), 1);
        writer.raw(&long).unwrap();
        writer.finish().unwrap();
        let mut reader = Reader::new(File::open(&path).unwrap()).unwrap();
        assert_eq!(reader.next().unwrap(), Some(Piece::Raw(b"one".to_vec())));
        assert_eq!(reader.next().unwrap(), Some(Piece::File { number: 0, path: b"a/b".to_vec(), size: 7 }));
        assert_eq!(reader.next().unwrap(), Some(Piece::File { number: 1, path: b"\xff".to_vec(), size: u64::MAX }));
        let mut rest = Vec::new();
        while let Some(Piece::Raw(bytes)) = reader.next().unwrap() {
            rest.extend(bytes);
        }
        assert_eq!(rest, long);
    }
}
