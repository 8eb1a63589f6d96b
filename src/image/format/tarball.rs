//! The outer tar of an image archive: which files there are, where they start, and how to write one.
//!
//! Never unpacks anything: entries are looked up by name in memory. What an archive can make us remember is bounded
//! (names, their number, extension headers), and names that climb out of the archive are refused.

use crate::fault::Fault;
use anyhow::{Context as _, Result};
use std::fs::File;
use std::io::{self, Read, Seek as _, Write};

/// More entries than any image archive has: 100 images of 127 layers in docker's oldest layout stay below.
const ENTRIES: usize = 100_000;
/// The bytes of all names together.
const NAMES: usize = 16 << 20;
/// The longest PAX or GNU extension header.
const EXTENSION: u64 = 1 << 20;
const BLOCK: u64 = 512;

/// What an entry of the archive is; only files and symbolic links mean anything here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A hard or symbolic link to another entry, already resolved to a path of the archive.
    Link(String),
    /// Directories and everything else: no content.
    Other,
}

/// One entry of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Clean: no leading `./` or `/`, no `..`.
    pub path: String,
    /// How many bytes of content follow.
    pub size: u64,
    /// What it is.
    pub kind: Kind,
    /// Where the content starts, counted from the start of the (decompressed) archive.
    pub offset: u64,
}

/// Reads an archive entry by entry; between two calls of [`Reader::advance`] it is a [`Read`] of the entry's content.
pub struct Reader<R> {
    inner: R,
    skip: fn(&mut R, u64) -> io::Result<()>,
    position: u64,
    /// Unread bytes of the current entry, and the padding behind them.
    left: u64,
    padding: u64,
    seen: usize,
    names: usize,
}

impl<R: Read> Reader<R> {
    /// Over something that can only be read: what is skipped is read and thrown away.
    pub fn streaming(inner: R) -> Self {
        Reader { inner, skip: read_past, position: 0, left: 0, padding: 0, seen: 0, names: 0 }
    }

    /// The next entry, or none at the end-of-archive marker or the end of the input.
    pub fn advance(&mut self) -> Result<Option<Entry>> {
        let mut path = None;
        let mut link = None;
        let mut long_size = None;
        loop {
            self.pass(self.left + self.padding)?;
            (self.left, self.padding) = (0, 0);
            let mut block = [0; BLOCK as usize];
            if !self.fill(&mut block)? || block.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            let header = tar::Header::from_byte_slice(&block);
            verify_checksum(&block)?;
            let size = header.entry_size().map_err(|_| bad("an entry's size is not a number"))?;
            let kind = header.entry_type();
            match kind.as_byte() {
                b'x' => {
                    for (key, value) in parse_pax(&self.extension(size)?)? {
                        match key.as_str() {
                            "path" => path = Some(value),
                            "linkpath" => link = Some(value),
                            "size" => long_size = Some(value.parse().map_err(|_| bad("a size is not a number"))?),
                            _ => {}
                        }
                    }
                    continue;
                }
                b'L' => path = Some(self.gnu_name(size)?),
                b'K' => link = Some(self.gnu_name(size)?),
                b'g' => drop(self.extension(size)?),
                _ => {
                    self.seen += 1;
                    if self.seen > ENTRIES {
                        return Err(bad("too many entries").into());
                    }
                    // Links, devices, directories and FIFOs have no content whatever their header says; a kind that
                    // nobody knows has.
                    let size = match kind.as_byte() {
                        b'1'..=b'6' => 0,
                        b'S' => return Err(bad("it holds a sparse file").into()),
                        _ => long_size.unwrap_or(size),
                    };
                    let text = |bytes: Option<std::borrow::Cow<'_, [u8]>>| {
                        String::from_utf8(bytes.unwrap_or_default().into_owned())
                            .map_err(|_| bad("a name is not UTF-8"))
                    };
                    let path = clean(&match path {
                        Some(path) => path,
                        None => text(Some(header.path_bytes()))?,
                    })?;
                    let target = |link: Option<String>| link.map_or_else(|| text(header.link_name_bytes()), Ok);
                    let kind = match kind.as_byte() {
                        b'1' => Kind::Link(clean(&target(link)?)?),
                        b'2' => {
                            let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
                            match resolve(directory, &target(link)?) {
                                Some(target) => Kind::Link(target),
                                None => Kind::Other,
                            }
                        }
                        0 | b'0' | b'7' => Kind::File,
                        _ => Kind::Other,
                    };
                    self.names += path.len() + if let Kind::Link(target) = &kind { target.len() } else { 0 };
                    if self.names > NAMES {
                        return Err(bad("its names are too long").into());
                    }
                    self.left = size;
                    self.padding = padding(size);
                    return Ok(Some(Entry { path, size, kind, offset: self.position }));
                }
            }
        }
    }

    fn gnu_name(&mut self, size: u64) -> Result<String> {
        let mut name = self.extension(size)?;
        while name.last() == Some(&0) {
            name.pop();
        }
        String::from_utf8(name).map_err(|_| bad("a name is not UTF-8").into())
    }

    fn extension(&mut self, size: u64) -> Result<Vec<u8>> {
        if size > EXTENSION {
            return Err(bad("an extension header is over 1 MB").into());
        }
        let mut bytes = vec![0; usize::try_from(size)?];
        if !self.fill(&mut bytes)? && size > 0 {
            return Err(bad("it ends early").into());
        }
        self.pass(padding(size))?;
        Ok(bytes)
    }

    /// Fills the buffer; false at a clean end of the input.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<bool> {
        let mut done = 0;
        while done < buffer.len() {
            match self.inner.read(&mut buffer[done..]) {
                Ok(0) if done == 0 => return Ok(false),
                Ok(0) => return Err(bad("it ends early").into()),
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("reading the archive"),
            }
        }
        self.position += done as u64;
        Ok(true)
    }

    fn pass(&mut self, count: u64) -> Result<()> {
        if count > 0 {
            (self.skip)(&mut self.inner, count).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => anyhow::Error::from(bad("it ends early")),
                _ => anyhow::Error::from(error).context("reading the archive"),
            })?;
            self.position += count;
        }
        Ok(())
    }

    /// What the archive is read from: for the bytes behind the end-of-archive marker.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl Reader<io::BufReader<File>> {
    /// Over a file: content that nobody reads is jumped over.
    pub fn seeking(file: File) -> Self {
        Reader { skip: seek_past, ..Reader::streaming(io::BufReader::with_capacity(4096, file)) }
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let count = self.inner.read(&mut buffer[..most])?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends early"));
        }
        self.left -= count as u64;
        self.position += count as u64;
        Ok(count)
    }
}

fn read_past<R: Read>(inner: &mut R, count: u64) -> io::Result<()> {
    match io::copy(&mut inner.by_ref().take(count), &mut io::sink())? {
        done if done == count => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn seek_past(inner: &mut io::BufReader<File>, count: u64) -> io::Result<()> {
    let count = i64::try_from(count).map_err(|_| io::ErrorKind::UnexpectedEof)?;
    inner.seek_relative(count)?;
    // A seek beyond the end succeeds, and the next read would look like a clean end.
    match inner.stream_position()? <= inner.get_ref().metadata()?.len() {
        true => Ok(()),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn bad(why: &str) -> Fault {
    Fault::invalid(format!("reading the archive: {why}"))
}

fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK
}

fn verify_checksum(block: &[u8; BLOCK as usize]) -> Result<()> {
    match checksum_is_right(block) {
        true => Ok(()),
        false => Err(bad("not a tar archive").into()),
    }
}

/// Whether these 512 bytes can be a tar header: the checksum counts its own field as spaces.
pub fn checksum_is_right(block: &[u8; BLOCK as usize]) -> bool {
    let spaces = 8 * u32::from(b' ');
    let sum = |part: &[u8]| part.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    let sum = sum(&block[..148]) + spaces + sum(&block[156..]);
    tar::Header::from_byte_slice(block).cksum().is_ok_and(|wanted| wanted == sum)
}

/// The records `LENGTH KEY=VALUE\n` of a PAX header.
fn parse_pax(bytes: &[u8]) -> Result<Vec<(String, String)>> {
    let mut records = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let parse = || {
            let space = rest.iter().take(20).position(|byte| *byte == b' ')?;
            let length: usize = std::str::from_utf8(&rest[..space]).ok()?.parse().ok()?;
            let record = rest.get(space + 1..length)?.strip_suffix(b"\n")?;
            let equals = record.iter().position(|byte| *byte == b'=')?;
            Some((length, &record[..equals], &record[equals + 1..]))
        };
        let (length, key, value) = parse().ok_or_else(|| bad("a PAX header is malformed"))?;
        // Keys that we do not know may hold binary values (extended attributes).
        if let (Ok(key), Ok(value)) = (std::str::from_utf8(key), std::str::from_utf8(value)) {
            records.push((key.to_string(), value.to_string()));
        }
        rest = &rest[length..];
    }
    Ok(records)
}

/// A name of the archive without `./`, doubled and trailing slashes; `..`, control characters and giants are refused.
pub fn clean(name: &str) -> Result<String, Fault> {
    if name.len() > 4096 || name.bytes().any(|byte| byte < 0x20) {
        return Err(bad("an entry's name is too long or holds control characters"));
    }
    let mut parts = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(bad(&format!("entry {name:?} points outside"))),
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

/// Where a symbolic link in `directory` points, as a clean name; none when it leaves the archive.
fn resolve(directory: &str, target: &str) -> Option<String> {
    if target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The header block of a file, as we write it: everything that could differ between two runs is zero.
pub fn file_header(path: &str, size: u64) -> Result<[u8; BLOCK as usize]> {
    header(path, size, tar::EntryType::Regular, 0o444)
}

fn header(path: &str, size: u64, kind: tar::EntryType, mode: u32) -> Result<[u8; BLOCK as usize]> {
    let mut header = tar::Header::new_ustar();
    // GNU's binary size is understood by every reader, ustar's own field ends at 8 GB.
    if size >= 1 << 33 {
        header = tar::Header::new_gnu();
    }
    header.set_path(path).with_context(|| format!("naming {path:?} in the archive"))?;
    header.set_size(size);
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    Ok(*header.as_bytes())
}

/// Bytes that a file of this size takes in an archive: header, content, padding.
pub fn span(size: u64) -> u64 {
    BLOCK + size + padding(size)
}

/// What follows a file's content.
pub fn tail(size: u64) -> &'static [u8] {
    const ZEROS: [u8; BLOCK as usize] = [0; BLOCK as usize];
    // The padding is below 512.
    &ZEROS[..padding(size) as usize]
}

/// The end-of-archive marker.
pub const END: [u8; 2 * BLOCK as usize] = [0; 2 * BLOCK as usize];

/// Writes a directory entry.
pub fn write_directory(output: &mut dyn Write, path: &str) -> Result<()> {
    output.write_all(&header(&format!("{path}/"), 0, tar::EntryType::Directory, 0o755)?)?;
    Ok(())
}

/// Writes a whole small file.
pub fn write_file(output: &mut dyn Write, path: &str, content: &[u8]) -> Result<()> {
    let size = content.len() as u64;
    output.write_all(&file_header(path, size)?)?;
    output.write_all(content)?;
    output.write_all(tail(size))?;
    Ok(())
}

/// The file's own position, for readers that share nothing: an independent view of one stretch of it.
pub struct Stretch {
    file: std::sync::Arc<File>,
    at: u64,
    end: u64,
}

impl Stretch {
    /// `size` bytes from `offset`.
    pub fn new(file: std::sync::Arc<File>, offset: u64, size: u64) -> Self {
        Stretch { file, at: offset, end: offset.saturating_add(size) }
    }
}

impl Read for Stretch {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use std::os::unix::fs::FileExt as _;
        let most = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let count = self.file.read_at(&mut buffer[..most], self.at)?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends early"));
        }
        self.at += count as u64;
        Ok(count)
    }
}

/// Whether this file can be read at any place: a regular file, not a pipe.
pub fn is_seekable(file: &mut File) -> bool {
    file.metadata().is_ok_and(|data| data.is_file()) && file.stream_position().is_ok_and(|at| at == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (path, content) in entries {
            write_file(&mut bytes, path, content).unwrap();
        }
        bytes.extend(END);
        bytes
    }

    fn names(bytes: &[u8]) -> Result<Vec<String>> {
        let mut reader = Reader::streaming(bytes);
        let mut names = Vec::new();
        while let Some(entry) = reader.advance()? {
            names.push(entry.path);
        }
        Ok(names)
    }

    #[test]
    fn what_we_write_reads_back() {
        let bytes = archive(&[("a/b", b"hello"), ("c", &[7; 1024]), ("empty", b"")]);
        assert_eq!(bytes.len() as u64, span(5) + span(1024) + span(0) + 1024);
        let mut reader = Reader::streaming(&bytes[..]);
        let first = reader.advance().unwrap().unwrap();
        assert_eq!((first.path.as_str(), first.size, first.offset), ("a/b", 5, 512));
        let mut content = String::new();
        reader.read_to_string(&mut content).unwrap();
        assert_eq!(content, "hello");
        assert_eq!(reader.advance().unwrap().unwrap().path, "c");
        assert_eq!(reader.advance().unwrap().unwrap().path, "empty");
        assert_eq!(reader.advance().unwrap(), None);
        assert_eq!(names(&bytes).unwrap(), ["a/b", "c", "empty"]);
    }

    #[test]
    fn names_are_cleaned_or_refused() {
        for (name, clean_name) in [("./a", "a"), ("/a//b/", "a/b"), ("a/./b", "a/b"), (".", "")] {
            assert_eq!(clean(name).unwrap(), clean_name, "{name}");
        }
        for name in ["..", "a/../b", "../x", "a\nb"] {
            assert!(clean(name).is_err(), "{name:?}");
        }
        for (directory, target, wanted) in [
            ("abc", "../def/layer.tar", Some("def/layer.tar")),
            ("abc", "layer.tar", Some("abc/layer.tar")),
            ("", "x", Some("x")),
            ("abc", "../../x", None),
            ("abc", "/etc/passwd", None),
        ] {
            assert_eq!(resolve(directory, target).as_deref(), wanted, "{directory} {target}");
        }
    }

    #[test]
    fn damaged_archives_are_refused() {
        let good = archive(&[("a", &[1; 700])]);
        assert!(names(&good[..600]).is_err(), "cut in the content");
        assert!(names(&good[..100]).is_err(), "cut in the header");
        let mut flipped = good.clone();
        flipped[3] = 1;
        assert!(names(&flipped).is_err(), "checksum");
        assert!(names(&vec![b'x'; 4096]).is_err(), "no tar at all");
        assert!(names(b"").unwrap().is_empty());
    }

    #[test]
    fn giant_extension_headers_are_refused_before_they_are_read() {
        for kind in [b'x', b'L', b'K', b'g'] {
            let head = header("x", 10 << 30, tar::EntryType::new(kind), 0).unwrap();
            assert!(names(&head).unwrap_err().to_string().contains("over 1 MB"), "{}", char::from(kind));
        }
    }

    #[test]
    fn pax_names_links_and_sizes_are_followed() {
        let mut bytes = Vec::new();
        let record = b"18 path=long/name\n";
        bytes.extend(header("x", record.len() as u64, tar::EntryType::XHeader, 0).unwrap());
        bytes.extend(record);
        bytes.extend(tail(record.len() as u64));
        bytes.extend(archive(&[("short", b"1")]));
        assert_eq!(names(&bytes).unwrap(), ["long/name"]);
        for record in ["5 a=b\n", "x a=b\n", "99 path=a\n", "7 path\n"] {
            assert!(parse_pax(record.as_bytes()).is_err(), "{record:?}");
        }
    }
}
