//! Reading a layer's tar, one pass, from bytes nobody vouches for.
//!
//! There is one rule for an entry's size: PAX wins over the header, and what is header-only by type has none. All
//! bytes that are not a file's content are handed to a [`Record`] verbatim, so that the exact tar can be given back.
//! Where the formats leave a choice, it is Go's `archive/tar`, which made most layers. What other readers (GNU tar,
//! libarchive, Python's) are known to see in another way is refused: an entry list that differs from what the peers see
//! would smuggle files past whoever looked at them.

use crate::fault::Fault;
use anyhow::{Context, Result, bail, ensure};
use std::io::BufRead;

/// The unit of everything.
pub(super) const BLOCK: usize = 512;

/// A long name, a PAX header: longer than this, and it is an attack.
const EXTENSION_LIMIT: u64 = 1 << 20;

/// Takes the bytes that are not content.
pub(super) trait Record {
    fn raw(&mut self, bytes: &[u8]) -> Result<()>;
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    HardLink,
    Symlink,
    Char,
    Block,
    Directory,
    Fifo,
}

/// One entry, all extensions applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub kind: Kind,
    /// As written; not cleaned.
    pub path: Vec<u8>,
    /// Of a link: as written.
    pub link: Vec<u8>,
    /// The length of the content; 0 for all but files.
    pub size: u64,
    /// Permission bits with set-id and sticky ones.
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    /// Seconds and nanoseconds.
    pub mtime: (i64, u32),
    pub device: (u32, u32),
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Reads entries; between two calls of [`Reader::next`] the content of the first can be taken.
pub(super) struct Reader<R> {
    input: R,
    /// Content of the current entry that was not taken yet.
    content: u64,
    /// Padding after the content.
    padding: u64,
}

/// What extension headers said of the next entry.
#[derive(Default)]
struct Extensions {
    pax: Option<Vec<(Vec<u8>, Vec<u8>)>>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    any: bool,
}

impl<R: BufRead> Reader<R> {
    pub(super) fn new(input: R) -> Self {
        Reader { input, content: 0, padding: 0 }
    }

    /// The next entry, or `None` after the last; then everything up to the end of the input has been read.
    pub(super) fn next(&mut self, record: &mut impl Record) -> Result<Option<Entry>> {
        self.skip(record)?;
        let mut extensions = Extensions::default();
        loop {
            let mut block = [0u8; BLOCK];
            if !self.block(&mut block)? {
                ensure!(!extensions.any, broken("it ends after an extension header"));
                return Ok(None);
            }
            record.raw(&block)?;
            if block == [0; BLOCK] {
                ensure!(!extensions.any, broken("it ends after an extension header"));
                self.end(record)?;
                return Ok(None);
            }
            check_sum(&block)?;
            match block[156] {
                b'x' => {
                    // The first, the last, or both of them count, by who reads.
                    ensure!(extensions.pax.is_none(), broken("an entry has two PAX headers"));
                    let bytes = self.extension(&block, record)?;
                    extensions.pax = Some(parse_pax(&bytes)?);
                    extensions.any = true;
                }
                b'g' => {
                    // Global defaults: ignored as docker does, yet well-formed, and never between an entry and its
                    // extension headers, where readers disagree.
                    ensure!(!extensions.any, broken("a global header follows an extension header"));
                    let bytes = self.extension(&block, record)?;
                    let steers = |key: &[u8]| matches!(key, b"path" | b"linkpath" | b"size");
                    let all = parse_pax(&bytes)?;
                    ensure!(!all.iter().any(|(key, _)| steers(key)), broken("a global header names a path or a size"));
                }
                b'L' => {
                    ensure!(extensions.long_name.is_none(), broken("an entry has two long names"));
                    extensions.long_name = Some(until_nul(&self.extension(&block, record)?).to_vec());
                    extensions.any = true;
                }
                b'K' => {
                    ensure!(extensions.long_link.is_none(), broken("an entry has two long links"));
                    extensions.long_link = Some(until_nul(&self.extension(&block, record)?).to_vec());
                    extensions.any = true;
                }
                _ => {
                    let entry = entry(&block, extensions)?;
                    self.content = entry.size;
                    self.padding = padding(entry.size);
                    return Ok(Some(entry));
                }
            }
        }
    }

    /// Some content of the current entry; empty when there is no more. Say with [`Reader::took`] how much was used.
    pub(super) fn content(&mut self) -> Result<&[u8]> {
        if self.content == 0 {
            return Ok(&[]);
        }
        let bytes = self.input.fill_buf()?;
        ensure!(!bytes.is_empty(), broken("it ends within a file"));
        let length = usize::try_from(self.content).unwrap_or(usize::MAX).min(bytes.len());
        Ok(&bytes[..length])
    }

    pub(super) fn took(&mut self, bytes: usize) {
        self.input.consume(bytes);
        self.content -= bytes as u64;
    }

    /// Passes over what was not taken of the current entry: it is kept verbatim.
    pub(super) fn skip(&mut self, record: &mut impl Record) -> Result<()> {
        let rest = std::mem::take(&mut self.content) + std::mem::take(&mut self.padding);
        self.pass(rest, |bytes| record.raw(bytes))
    }

    fn pass(&mut self, mut rest: u64, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        while rest > 0 {
            let bytes = self.input.fill_buf()?;
            ensure!(!bytes.is_empty(), broken("it ends too early"));
            let length = usize::try_from(rest).unwrap_or(usize::MAX).min(bytes.len());
            each(&bytes[..length])?;
            self.input.consume(length);
            rest -= length as u64;
        }
        Ok(())
    }

    /// Fills a block; false at the end of the input.
    fn block(&mut self, block: &mut [u8; BLOCK]) -> Result<bool> {
        let mut filled = 0;
        while filled < BLOCK {
            let bytes = self.input.fill_buf()?;
            if bytes.is_empty() {
                ensure!(filled == 0, broken("it ends within a block"));
                return Ok(false);
            }
            let length = bytes.len().min(BLOCK - filled);
            block[filled..filled + length].copy_from_slice(&bytes[..length]);
            self.input.consume(length);
            filled += length;
        }
        Ok(true)
    }

    fn extension(&mut self, block: &[u8; BLOCK], record: &mut impl Record) -> Result<Vec<u8>> {
        let size = number(&block[124..136])?;
        let size = u64::try_from(size).ok().filter(|size| *size <= EXTENSION_LIMIT);
        let size = size.ok_or_else(|| broken("an extension header is longer than 1 MB"))?;
        let mut bytes = Vec::new();
        self.pass(size, |some| {
            bytes.extend_from_slice(some);
            record.raw(some)
        })?;
        self.pass(padding(size), |some| record.raw(some))?;
        Ok(bytes)
    }

    /// After the first block of zeros: a second one, and whatever writers put behind it.
    fn end(&mut self, record: &mut impl Record) -> Result<()> {
        let mut block = [0u8; BLOCK];
        if !self.block(&mut block)? {
            return Ok(());
        }
        record.raw(&block)?;
        ensure!(block == [0; BLOCK], broken("an entry follows a block of zeros"));
        loop {
            let bytes = self.input.fill_buf()?;
            if bytes.is_empty() {
                return Ok(());
            }
            record.raw(bytes)?;
            let length = bytes.len();
            self.input.consume(length);
        }
    }
}

fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

fn broken(why: &str) -> anyhow::Error {
    Fault::invalid(format!("layer is not a valid tar: {why}")).into()
}

fn check_sum(block: &[u8; BLOCK]) -> Result<()> {
    let expected = number(&block[148..156])?;
    let with_spaces = |at: usize, byte: u8| if (148..156).contains(&at) { b' ' } else { byte };
    let unsigned: i64 = block.iter().enumerate().map(|(at, byte)| i64::from(with_spaces(at, *byte))).sum();
    // Sun's tar added signed bytes.
    let signed: i64 = block.iter().enumerate().map(|(at, byte)| i64::from(with_spaces(at, *byte) as i8)).sum();
    ensure!(expected == unsigned || expected == signed, broken("a header's checksum is wrong"));
    Ok(())
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or(bytes)
}

/// A number field: octal text, or base 256 when the first bit is set.
fn number(field: &[u8]) -> Result<i64> {
    let Some(first) = field.first() else { return Ok(0) };
    if first & 0x80 != 0 {
        let negative = first & 0x40 != 0;
        let mut value: i64 = if negative { -1 } else { 0 };
        for (at, byte) in field.iter().enumerate() {
            let byte = if at == 0 { if negative { byte | 0x80 } else { byte & 0x7f } } else { *byte };
            ensure!(value >> 55 == 0 || value >> 55 == -1, broken("a number is too large"));
            value = (value << 8) | i64::from(byte);
        }
        return Ok(value);
    }
    let trimmed = field.iter().position(|byte| !matches!(byte, b' ' | 0)).map_or(&[][..], |at| &field[at..]);
    let end = trimmed.iter().rposition(|byte| !matches!(byte, b' ' | 0)).map_or(0, |at| at + 1);
    let digits = until_nul(&trimmed[..end]);
    let mut value: i64 = 0;
    for byte in digits {
        ensure!(matches!(byte, b'0'..=b'7'), broken("a number is not octal"));
        ensure!(value >> 60 == 0, broken("a number is too large"));
        value = value * 8 + i64::from(byte - b'0');
    }
    Ok(value)
}

/// `LENGTH KEY=VALUE\n`, over and over. The last of a key counts.
fn parse_pax(mut bytes: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut records: Vec<(&[u8], &[u8])> = Vec::new();
    let bad = || broken("a PAX header is malformed");
    while !bytes.is_empty() {
        let space = bytes.iter().take(10).position(|byte| *byte == b' ').ok_or_else(bad)?;
        let digits = &bytes[..space];
        ensure!(!digits.is_empty() && digits.iter().all(u8::is_ascii_digit), bad());
        let length: usize = std::str::from_utf8(digits)?.parse()?;
        ensure!(length > space + 2 && length <= bytes.len() && bytes[length - 1] == b'\n', bad());
        let text = &bytes[space + 1..length - 1];
        let equals = text.iter().position(|byte| *byte == b'=').ok_or_else(bad)?;
        let (key, value) = (&text[..equals], &text[equals + 1..]);
        ensure!(!key.is_empty() && !key.contains(&0), bad());
        if matches!(key, b"path" | b"linkpath" | b"uname" | b"gname") {
            ensure!(!value.contains(&0), bad());
        }
        if key.starts_with(b"GNU.sparse.") {
            return Err(Fault::unsupported("layer has a sparse file, whose tar form readers disagree about").into());
        }
        records.push((key, value));
        bytes = &bytes[length..];
    }
    // Not by comparing each with all others: a header of 1 MB can have 100,000 keys.
    let mut seen = std::collections::HashSet::new();
    records.reverse();
    records.retain(|(key, _)| seen.insert(*key));
    records.reverse();
    Ok(records.into_iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect())
}

fn entry(block: &[u8; BLOCK], extensions: Extensions) -> Result<Entry> {
    let ustar = &block[257..265] == b"ustar\x0000";
    let gnu = &block[257..265] == b"ustar  \0";
    check_prefix(block, ustar, gnu)?;
    let mut path = until_nul(&block[..100]).to_vec();
    let prefix = match (ustar, &block[508..512] == b"tar\0") {
        (true, false) => until_nul(&block[345..500]),
        // star keeps times in the rest of the prefix
        (true, true) => until_nul(&block[345..476]),
        (false, _) => &[],
    };
    if !prefix.is_empty() {
        path = [prefix, b"/", &path].concat();
    }
    let mut link = until_nul(&block[157..257]).to_vec();
    let mut size = number(&block[124..136])?;
    let mode = number(&block[100..108])?;
    let mut uid = number(&block[108..116])?;
    let mut gid = number(&block[116..124])?;
    let mut mtime = (number(&block[136..148])?, 0);
    let mut xattrs = Vec::new();
    let pax = extensions.pax.unwrap_or_default();
    let named = |key: &[u8]| pax.iter().any(|(known, _)| known == key);
    for (key, long) in [(&b"path"[..], &extensions.long_name), (b"linkpath", &extensions.long_link)] {
        ensure!(long.is_none() || !named(key), broken("an entry has a name in PAX's and one in GNU's form"));
    }
    for (key, value) in pax {
        let steers = matches!(key.as_slice(), b"path" | b"linkpath" | b"size");
        ensure!(!steers || !value.is_empty(), broken("a PAX path or size is empty"));
        // An empty value takes the header's field back.
        if value.is_empty() && !key.starts_with(b"SCHILY.xattr.") {
            continue;
        }
        match key.as_slice() {
            b"path" => path = value,
            b"linkpath" => link = value,
            b"size" => size = decimal(&value)?,
            b"uid" => uid = decimal(&value)?,
            b"gid" => gid = decimal(&value)?,
            b"mtime" => mtime = seconds(&value)?,
            _ => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                    ensure!(!name.is_empty(), broken("an extended attribute has no name"));
                    xattrs.push((name.to_vec(), value));
                }
            }
        }
    }
    path = extensions.long_name.filter(|name| !name.is_empty()).unwrap_or(path);
    link = extensions.long_link.filter(|name| !name.is_empty()).unwrap_or(link);
    // A slash makes a file a directory for some, and for some only one in the header's own name.
    let is_directory = path.ends_with(b"/");
    let by_header = until_nul(&block[..100]).ends_with(b"/");
    let agreed = match block[156] {
        b'0' | b'7' => !is_directory,
        0 => is_directory == by_header,
        _ => true,
    };
    ensure!(agreed, broken("a file's name ends with a slash"));
    let kind = match block[156] {
        0 if path.ends_with(b"/") => Kind::Directory,
        0 | b'0' | b'7' => Kind::File,
        b'1' => Kind::HardLink,
        b'2' => Kind::Symlink,
        b'3' => Kind::Char,
        b'4' => Kind::Block,
        b'5' => Kind::Directory,
        b'6' => Kind::Fifo,
        b'S' => return Err(Fault::unsupported("layer has a sparse file, whose tar form readers disagree about").into()),
        other => bail!(broken(&format!("an entry has the unknown type {:?}", char::from(other)))),
    };
    let device = if ustar || gnu {
        let part = |field: &[u8]| number(field).and_then(|value| Ok(u32::try_from(value)?));
        match kind {
            Kind::Char | Kind::Block => (part(&block[329..337])?, part(&block[337..345])?),
            _ => (0, 0),
        }
    } else {
        (0, 0)
    };
    let size = u64::try_from(size).map_err(|_| broken("a size is negative"))?;
    // Some pass over it, for others the next header is within it.
    ensure!(size == 0 || kind == Kind::File, broken("an entry that has no content has a size"));
    Ok(Entry {
        kind,
        path,
        link,
        size,
        mode: (mode & 0o7777) as u32,
        uid: u64::try_from(uid).map_err(|_| broken("an owner is negative"))?,
        gid: u64::try_from(gid).map_err(|_| broken("an owner is negative"))?,
        mtime,
        device,
        xattrs,
    })
}

/// Where POSIX has the first part of a path, older headers have nothing and GNU's have times and more: whoever reads
/// names there must not find any.
fn check_prefix(block: &[u8; BLOCK], ustar: bool, gnu: bool) -> Result<()> {
    let field = &block[345..500];
    if ustar || field.iter().all(|byte| *byte == 0) {
        return Ok(());
    }
    let times = number(&field[..12]).is_ok() && number(&field[12..24]).is_ok();
    ensure!(gnu && times && field[24..].iter().all(|byte| *byte == 0), broken("an old header has a path in two parts"));
    Ok(())
}

fn decimal(value: &[u8]) -> Result<i64> {
    let text = std::str::from_utf8(value).context(broken("a PAX number is malformed"))?;
    text.parse().map_err(|_| broken("a PAX number is malformed"))
}

/// `[-]SECONDS[.FRACTION]`
fn seconds(value: &[u8]) -> Result<(i64, u32)> {
    let text = std::str::from_utf8(value).context(broken("a PAX time is malformed"))?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: i64 = whole.parse().map_err(|_| broken("a PAX time is malformed"))?;
    ensure!(fraction.bytes().all(|byte| byte.is_ascii_digit()), broken("a PAX time is malformed"));
    let mut nanos: u32 = 0;
    for at in 0..9 {
        nanos = nanos * 10 + u32::from(fraction.as_bytes().get(at).map_or(0, |digit| digit - b'0'));
    }
    if text.starts_with('-') && nanos > 0 {
        return Ok((whole - 1, 1_000_000_000 - nanos));
    }
    Ok((whole, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Kept(Vec<u8>);

    impl Record for Kept {
        fn raw(&mut self, bytes: &[u8]) -> Result<()> {
            self.0.extend_from_slice(bytes);
            Ok(())
        }
    }

    fn header(path: &str, kind: u8, size: &str) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        block[..path.len()].copy_from_slice(path.as_bytes());
        block[100..107].copy_from_slice(b"0000644");
        block[108..115].copy_from_slice(b"0000000");
        block[116..123].copy_from_slice(b"0000000");
        block[124..124 + size.len()].copy_from_slice(size.as_bytes());
        block[136..147].copy_from_slice(b"00000000001");
        block[156] = kind;
        block[257..265].copy_from_slice(b"ustar\x0000");
        summed(&mut block);
        block
    }

    fn summed(block: &mut [u8; BLOCK]) {
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }

    fn padded(text: &[u8]) -> Vec<u8> {
        let mut bytes = text.to_vec();
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        bytes
    }

    fn list(tar: &[u8]) -> Result<Vec<(String, Kind, u64)>> {
        let mut reader = Reader::new(tar);
        let mut kept = Kept(Vec::new());
        let mut found = Vec::new();
        while let Some(entry) = reader.next(&mut kept)? {
            found.push((String::from_utf8_lossy(&entry.path).into_owned(), entry.kind, entry.size));
        }
        assert_eq!(kept.0, tar, "everything that was not taken is kept");
        Ok(found)
    }

    #[test]
    fn sizes_follow_one_rule() {
        let pax = b"12 size=600\n12 path=pax\n";
        let length = format!("{:011o}", pax.len());
        let tar = [
            header("x", b'x', &length).to_vec(),
            padded(pax),
            header("ignored", b'0', "00000000001").to_vec(),
            padded(&[b'a'; 600]),
            header("link", b'1', "00000000000").to_vec(),
            header("file", b'0', "00000000003").to_vec(),
            padded(b"abc"),
            vec![0; 1024],
            b"behind the end".to_vec(),
        ]
        .concat();
        let expected = [("pax", Kind::File, 600), ("link", Kind::HardLink, 0), ("file", Kind::File, 3)];
        let expected: Vec<_> = expected.iter().map(|(path, kind, size)| (path.to_string(), *kind, *size)).collect();
        assert_eq!(list(&tar).unwrap(), expected);
    }

    #[test]
    fn gnu_long_names_and_old_directories() {
        let long = "d/".repeat(150);
        let tar = [
            header("././@LongLink", b'L', &format!("{:011o}", long.len() + 1)).to_vec(),
            padded(format!("{long}\0").as_bytes()),
            header("short", b'5', "00000000000").to_vec(),
            header("old/", 0, "00000000000").to_vec(),
        ]
        .concat();
        assert_eq!(list(&tar).unwrap(), [(long, Kind::Directory, 0), ("old/".into(), Kind::Directory, 0)]);
    }

    #[test]
    fn what_readers_disagree_about_is_refused() {
        let big = header("x", b'x', "00004000001");
        let mut wrong = header("a", b'0', "00000000000");
        wrong[0] = b'b';
        let global_between = [
            header("x", b'x', "00000000014").to_vec(),
            padded(b"12 path=abc\n"),
            header("g", b'g', "00000000000").to_vec(),
        ]
        .concat();
        let sparse = [header("x", b'x', "00000000026").to_vec(), padded(b"22 GNU.sparse.major=1\n")].concat();
        let pax = |text: &[u8]| [&header("x", b'x', &format!("{:011o}", text.len()))[..], &padded(text)].concat();
        let global = |text: &[u8]| [&header("g", b'g', &format!("{:011o}", text.len()))[..], &padded(text)].concat();
        let empty = header("a", b'0', "00000000000").to_vec();
        let long_name = [&header("l", b'L', "00000000004")[..], &padded(b"abc\0")].concat();
        let mut old_prefix = header("a", b'0', "00000000000");
        old_prefix[257..265].fill(0);
        old_prefix[345] = b'p';
        summed(&mut old_prefix);
        let cases: &[(&str, Vec<u8>)] = &[
            ("extension over 1 MB", big.to_vec()),
            ("checksum", wrong.to_vec()),
            ("global between", global_between),
            ("sparse by type", header("a", b'S', "00000000000").to_vec()),
            ("sparse by PAX", sparse),
            ("unknown type", header("a", b'Z', "00000000000").to_vec()),
            ("cut within a file", [header("a", b'0', "00000000010").to_vec(), b"abc".to_vec()].concat()),
            ("cut within a header", header("a", b'0', "00000000000")[..100].to_vec()),
            ("ends after an extension", [header("x", b'x', "00000000014").to_vec(), padded(b"12 path=abc\n")].concat()),
            ("a hard link with a size", header("a", b'1', "00000001000").to_vec()),
            ("a directory with a size", header("a", b'5', "00000001000").to_vec()),
            ("two PAX headers", [pax(b"12 path=abc\n"), pax(b"12 path=abd\n"), empty.clone()].concat()),
            ("an empty size", [pax(b"8 size=\n"), empty.clone()].concat()),
            ("an empty path", [pax(b"8 path=\n"), empty.clone()].concat()),
            ("a file with a slash", header("a/", b'0', "00000000000").to_vec()),
            (
                "a directory by one of two names",
                [pax(b"12 path=abc\n"), header("a/", 0, "00000000000").to_vec()].concat(),
            ),
            ("a global path", [global(b"12 path=abc\n"), empty.clone()].concat()),
            ("a global size", [global(b"9 size=5\n"), empty.clone()].concat()),
            ("names of two forms", [pax(b"12 path=abc\n"), long_name.clone(), empty.clone()].concat()),
            ("names of two forms, turned", [long_name, pax(b"12 path=abc\n"), empty.clone()].concat()),
            ("an old header with a prefix", old_prefix.to_vec()),
            ("one zero block", [vec![0; BLOCK], header("a", b'0', "00000000000").to_vec()].concat()),
        ];
        for (what, tar) in cases {
            assert!(list(tar).is_err(), "{what}");
        }
    }

    #[test]
    fn pax_records_are_strict() {
        for bad in
            [&b"5 a=b\n"[..], b"7 a=b\n", b" a=b\n", b"x a=b\n", b"6 abc\n", b"5 =b\n", b"10 path=\0\0\n", b"99 a=b\n"]
        {
            assert!(parse_pax(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        let good = parse_pax(b"6 a=b\n6 a=c\n").unwrap();
        assert_eq!(good, [(b"a".to_vec(), b"c".to_vec())]);
        assert_eq!(seconds(b"1.5").unwrap(), (1, 500_000_000));
        assert_eq!(seconds(b"-1.25").unwrap(), (-2, 750_000_000));
        assert!(seconds(b"1.x").is_err());
    }

    #[test]
    fn numbers_are_octal_or_base_256() {
        let cases: &[(&[u8], Option<i64>)] = &[
            (b"0000644\0", Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"\0\0\0\0", Some(0)),
            (b"\x80\0\0\x01\0", Some(256)),
            (b"\xff\xff\xff\xff", Some(-1)),
            (b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (b"08", None),
            (b"77777777777777777777777", None),
        ];
        for (field, value) in cases {
            assert_eq!(number(field).ok(), *value, "{field:?}");
        }
    }
}
