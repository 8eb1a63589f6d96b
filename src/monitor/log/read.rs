//! Reading a container's log: from the oldest record that is wanted, over all rotated files, and on as it grows.

use super::file::rotated;
use super::json_file::find;
use super::{Stamp, Stream};
use crate::model::container::LogDriver;
use anyhow::{Context, Result};
use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// One record: a line, or a piece of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When it was written.
    pub time: Stamp,
    /// Where to.
    pub stream: Stream,
    /// What, with the newline if it ends its line.
    pub bytes: Vec<u8>,
}

impl Default for Record {
    fn default() -> Self {
        Record { time: Stamp { seconds: 0, nanoseconds: 0 }, stream: Stream::Stdout, bytes: Vec::new() }
    }
}

/// Reads one log, record after record. Rotation is followed: nothing is doubled, and nothing is lost but what was removed
/// before we came to it; see [`LogReader::missed`].
pub struct LogReader {
    path: PathBuf,
    driver: LogDriver,
    /// Opened, oldest first; the first is being read.
    files: VecDeque<File>,
    buffer: Vec<u8>,
    parsed: usize,
    /// Read anew before going on to the next file: it may have grown after we met its end.
    seen_end: bool,
    missed: bool,
}

/// So much is read at once.
const CHUNK: usize = 64 * 1024;

/// No record is longer: 16 KiB of text, each byte escaped in six, and more in k8s-file.
const LONGEST: usize = 1 << 20;

impl LogReader {
    /// At the beginning, or `tail` records before the end.
    pub fn open(path: &Path, driver: LogDriver, tail: Option<u64>) -> Result<LogReader> {
        let mut files = open_all(path).with_context(|| format!("opening the log {}", path.display()))?;
        if let Some(tail) = tail {
            let mut left = tail;
            let mut keep = 0;
            for file in files.iter().rev() {
                keep += 1;
                if seek_to_tail(file, &mut left)? {
                    break;
                }
            }
            files.drain(..files.len() - keep);
        }
        Ok(LogReader {
            path: path.to_path_buf(),
            driver,
            files,
            buffer: Vec::new(),
            parsed: 0,
            seen_end: false,
            missed: false,
        })
    }

    /// The next record that is there now; `false`: none yet.
    pub fn next(&mut self, record: &mut Record) -> Result<bool> {
        loop {
            let rest = &self.buffer[self.parsed..];
            if let Some(end) = find(rest, b'\n') {
                let line = &rest[..end];
                self.parsed += end + 1;
                let parsed = match self.driver {
                    LogDriver::K8sFile => parse_k8s(line, record),
                    _ => parse_json(line, record),
                };
                // What a power cut left half written is no record.
                if parsed.is_some() {
                    return Ok(true);
                }
                continue;
            }
            if rest.len() > LONGEST {
                self.parsed = self.buffer.len();
            }
            if !self.fill()? {
                return Ok(false);
            }
        }
    }

    /// Reads more; `false`: there is no more now.
    fn fill(&mut self) -> Result<bool> {
        loop {
            let Some(file) = self.files.front_mut() else {
                // There was no file yet, or it vanished.
                match File::open(&self.path) {
                    Ok(file) => self.files.push_back(file),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                    Err(error) => return Err(error).context("opening the log"),
                }
                continue;
            };
            self.buffer.drain(..self.parsed);
            self.parsed = 0;
            let kept = self.buffer.len();
            self.buffer.resize(kept + CHUNK, 0);
            let count = file.read(&mut self.buffer[kept..]);
            self.buffer.truncate(kept + *count.as_ref().unwrap_or(&0));
            if count.context("reading the log")? > 0 {
                self.seen_end = false;
                return Ok(true);
            }
            if self.files.len() == 1 {
                let newer = self.after_current()?;
                if newer.is_empty() {
                    return Ok(false);
                }
                self.files.extend(newer);
            }
            // A file that is not the current one any more is complete, but may have become so after our last read.
            if std::mem::replace(&mut self.seen_end, true) {
                self.files.pop_front();
                self.seen_end = false;
                // A record is never cut in two by a rotation: what is left has no end.
                self.buffer.clear();
            }
        }
    }

    /// Whether files may have been removed before we came to them, since this was last asked.
    pub fn missed(&mut self) -> bool {
        std::mem::take(&mut self.missed)
    }

    /// The files that came after the one we read, once that was put aside. Held open, they wait for us though they be
    /// removed.
    fn after_current(&mut self) -> Result<VecDeque<File>> {
        let Some(current) = self.files.front() else { return Ok(VecDeque::new()) };
        let current = current.metadata()?;
        match std::fs::metadata(&self.path) {
            Ok(newest) if !same(&newest, &current) => {}
            // Nothing new; or between two steps of a rotation, or removed for good.
            _ => return Ok(VecDeque::new()),
        }
        let mut files = open_all(&self.path)?;
        let place = files.iter().position(|file| file.metadata().is_ok_and(|metadata| same(&metadata, &current)));
        match place {
            Some(place) => drop(files.drain(..=place)),
            None => self.missed = true,
        }
        Ok(files)
    }
}

fn same(one: &Metadata, other: &Metadata) -> bool {
    one.ino() == other.ino() && one.dev() == other.dev()
}

/// All files of a log, oldest first, each once.
fn open_all(path: &Path) -> io::Result<VecDeque<File>> {
    // Where a rotation has come halfway, or a file moves while we look, a second look helps; more of them don't where
    // whoever rotated was killed.
    for _ in 0..100 {
        let (files, whole) = open_once(path)?;
        if whole {
            return Ok(files);
        }
        std::thread::yield_now();
    }
    open_once(path).map(|(files, _)| files)
}

/// The files, and whether that is all of them: no number was missing, and each still had its name in the end.
fn open_once(path: &Path) -> io::Result<(VecDeque<File>, bool)> {
    let mut files: VecDeque<(PathBuf, File, Metadata)> = VecDeque::new();
    let (mut number, mut missing, mut whole) = (0, 0, true);
    while missing < 2 {
        let name = rotated(path, number);
        match File::open(&name) {
            Ok(file) => {
                let metadata = file.metadata()?;
                whole &= missing == 0;
                missing = 0;
                // One that moved on while we looked was met already.
                if !files.iter().any(|(_, _, other)| same(other, &metadata)) {
                    files.push_front((name, file, metadata));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing += 1,
            Err(error) => return Err(error),
        }
        number += 1;
    }
    whole &= files.iter().all(|(name, _, file)| std::fs::metadata(name).is_ok_and(|now| same(&now, file)));
    Ok((files.into_iter().map(|(_, file, _)| file).collect(), whole))
}

/// Moves to the `left`th record from the end; `false`: there are fewer (`left` says how many are still wanted).
fn seek_to_tail(file: &File, left: &mut u64) -> io::Result<bool> {
    use std::io::{Seek, SeekFrom};
    let mut file = file;
    let mut end = file.metadata()?.len();
    if *left == 0 {
        file.seek(SeekFrom::End(0))?;
        return Ok(true);
    }
    let mut block = vec![0; CHUNK];
    // The newline that ends the last record doesn't separate it from another.
    let mut last = true;
    while end > 0 {
        let start = end.saturating_sub(CHUNK as u64);
        let bytes = &mut block[..(end - start) as usize];
        file.read_exact_at(bytes, start)?;
        for (index, byte) in bytes.iter().enumerate().rev() {
            if *byte != b'\n' {
                last = false;
            } else if !std::mem::replace(&mut last, false) {
                *left -= 1;
                if *left == 0 {
                    file.seek(SeekFrom::Start(start + index as u64 + 1))?;
                    return Ok(true);
                }
            }
        }
        end = start;
    }
    if file.metadata()?.len() > 0 {
        *left -= 1;
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(*left == 0)
}

/// `TIME stream F|P text`
fn parse_k8s(line: &[u8], record: &mut Record) -> Option<()> {
    let mut parts = line.splitn(4, |byte| *byte == b' ');
    let (time, stream, tag) = (parts.next()?, parts.next()?, parts.next()?);
    record.time = Stamp::parse(std::str::from_utf8(time).ok()?)?;
    record.stream = stream_of(stream)?;
    record.bytes.clear();
    record.bytes.extend_from_slice(parts.next().unwrap_or_default());
    if tag.first() == Some(&b'F') {
        record.bytes.push(b'\n');
    }
    Some(())
}

fn stream_of(word: &[u8]) -> Option<Stream> {
    match word {
        b"stdout" => Some(Stream::Stdout),
        b"stderr" => Some(Stream::Stderr),
        _ => None,
    }
}

/// `{"log":"text","stream":"stdout","time":"…"}` as dockerd and we write it; any other JSON by the library.
fn parse_json(line: &[u8], record: &mut Record) -> Option<()> {
    record.bytes.clear();
    if let Some(rest) = line.strip_prefix(b"{\"log\":\"")
        && let Some(rest) = unescape(rest, &mut record.bytes)
        && let Some(rest) = rest.strip_prefix(b",\"stream\":\"std")
        && let (Some(word), Some(rest)) = (rest.get(..3), rest.get(3..))
        && let Some(rest) = rest.strip_prefix(b"\",\"time\":\"")
        && let Some(time) = rest.strip_suffix(b"\"}")
    {
        record.stream = if word == b"err" { Stream::Stderr } else { Stream::Stdout };
        record.time = Stamp::parse(std::str::from_utf8(time).ok()?)?;
        return Some(());
    }
    #[derive(serde::Deserialize)]
    struct Line {
        #[serde(default)]
        log: String,
        stream: String,
        time: String,
    }
    let line: Line = serde_json::from_slice(line).ok()?;
    record.bytes = line.log.into_bytes();
    record.stream = stream_of(line.stream.as_bytes())?;
    record.time = Stamp::parse(&line.time)?;
    Some(())
}

/// Appends the JSON string that `text` is the inside of; returns what follows its closing quote. `None`: something
/// unusual, for the library.
fn unescape<'a>(mut text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let plain = text.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        out.extend_from_slice(&text[..plain]);
        if text[plain] == b'"' {
            return Some(&text[plain + 1..]);
        }
        let escape = *text.get(plain + 1)?;
        text = &text[plain + 2..];
        match escape {
            b'"' | b'\\' | b'/' => out.push(escape),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let digits = std::str::from_utf8(text.get(..4)?).ok()?;
                let character = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                text = &text[4..];
            }
            _ => return None,
        }
    }
}

/// For fuzzers: one line of each kind of log.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_line(line: &[u8]) {
    let mut record = Record::default();
    let _ = parse_k8s(line, &mut record);
    let mut own = Record::default();
    if parse_json(line, &mut own).is_none() {
        return;
    }
    // What our own reader takes, the library takes in the same way; it refuses what is not UTF-8.
    #[derive(serde::Deserialize)]
    struct Line {
        #[serde(default)]
        log: String,
    }
    if let Ok(line) = serde_json::from_slice::<Line>(line) {
        assert_eq!(own.bytes, line.log.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::super::config_for_test;
    use super::super::{Log, Stream};
    use super::*;

    fn all(reader: &mut LogReader) -> Vec<String> {
        let mut record = Record::default();
        let mut lines = Vec::new();
        while reader.next(&mut record).unwrap() {
            lines.push(String::from_utf8_lossy(&record.bytes).trim_end().to_string());
        }
        lines
    }

    #[test]
    fn what_was_written_is_read() {
        for driver in [LogDriver::JsonFile, LogDriver::K8sFile] {
            let dir = tempfile::tempdir().unwrap();
            let config = config_for_test(&dir.path().join("log"), driver, 0, 1);
            let mut log = Log::open(&config).unwrap().unwrap();
            let text = "a \"quoted\" line\t<&>\n\nünïcode \u{2028} \u{1b}[1m\r\nlast";
            log.write(Stream::Stderr, text.as_bytes()).unwrap();
            log.finish().unwrap();
            let mut reader = LogReader::open(&config.path, driver, None).unwrap();
            let mut record = Record::default();
            let mut read = Vec::new();
            while reader.next(&mut record).unwrap() {
                assert_eq!(record.stream, Stream::Stderr);
                assert!(record.time.seconds > 1_700_000_000);
                read.extend_from_slice(&record.bytes);
            }
            assert_eq!(String::from_utf8(read).unwrap(), text, "{driver:?}");
        }
    }

    #[test]
    fn the_last_records_are_found_over_files() {
        let dir = tempfile::tempdir().unwrap();
        let config = config_for_test(&dir.path().join("log"), LogDriver::JsonFile, 1000, 4);
        let mut log = Log::open(&config).unwrap().unwrap();
        for number in 0..100 {
            log.write(Stream::Stdout, format!("{number}\n").as_bytes()).unwrap();
            log.flush().unwrap();
        }
        let whole = all(&mut LogReader::open(&config.path, config.driver, None).unwrap());
        assert!(whole.len() > 20 && whole.len() < 100);
        for tail in [0, 1, 2, 13, 14, 15, 16, whole.len(), whole.len() + 1] {
            let mut reader = LogReader::open(&config.path, config.driver, Some(tail as u64)).unwrap();
            assert_eq!(all(&mut reader), whole[whole.len() - tail.min(whole.len())..], "{tail}");
        }
    }

    #[test]
    fn rotation_is_followed_without_loss_or_doubling() {
        let dir = tempfile::tempdir().unwrap();
        let config = config_for_test(&dir.path().join("log"), LogDriver::K8sFile, 500, 5);
        let mut log = Log::open(&config).unwrap().unwrap();
        let mut reader = LogReader::open(&config.path, config.driver, None).unwrap();
        let mut read = Vec::new();
        for number in 0..500 {
            log.write(Stream::Stdout, format!("{number}\n").as_bytes()).unwrap();
            log.flush().unwrap();
            if number % 17 == 0 {
                read.extend(all(&mut reader));
            }
        }
        read.extend(all(&mut reader));
        assert_eq!(read, (0..500).map(|number| number.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn half_a_record_waits_for_its_other_half() {
        use std::io::Write;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut file = File::create(&path).unwrap();
        let mut reader = LogReader::open(&path, LogDriver::JsonFile, None).unwrap();
        file.write_all(b"garbage\n{\"log\":\"one\\n\",\"stream\":\"std").unwrap();
        assert_eq!(all(&mut reader), [""; 0]);
        file.write_all(b"out\",\"attrs\":{\"tag\":\"x\"},\"time\":\"2023-11-14T22:13:20Z\"}\n").unwrap();
        assert_eq!(all(&mut reader), ["one"]);
    }

    #[test]
    fn files_that_were_removed_unread_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let config = config_for_test(&dir.path().join("log"), LogDriver::K8sFile, 500, 3);
        let mut log = Log::open(&config).unwrap().unwrap();
        let mut write = |numbers: std::ops::Range<u32>| {
            for number in numbers {
                log.write(Stream::Stdout, format!("{number}\n").as_bytes()).unwrap();
                log.flush().unwrap();
            }
        };
        write(0..5);
        let mut reader = LogReader::open(&config.path, config.driver, None).unwrap();
        assert_eq!(all(&mut reader).len(), 5);
        write(5..20);
        let some = all(&mut reader);
        assert!(!reader.missed());
        write(20..200);
        let more = all(&mut reader);
        assert!(reader.missed() && !reader.missed());
        assert_eq!((some.last().unwrap().as_str(), more.last().unwrap().as_str()), ("19", "199"));
    }

    #[test]
    fn a_rotation_that_stopped_halfway_hides_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        for (name, text) in [("log.4", "one"), ("log.2", "two"), ("log.1", "three")] {
            let record = format!("2023-11-14T22:13:20.000000000+00:00 stdout F {text}\n");
            std::fs::write(dir.path().join(name), record).unwrap();
        }
        let mut reader = LogReader::open(&path, LogDriver::K8sFile, None).unwrap();
        assert_eq!(all(&mut reader), ["one", "two", "three"]);
    }
}
