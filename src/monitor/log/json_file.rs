//! docker's json-file: `{"log":"…\n","stream":"stdout","time":"…Z"}`, byte for byte as dockerd writes it.
//!
//! A line longer than 16 KiB becomes several records, of which only the last ends in `\n`, and which all carry the
//! time of the first; so does an unfinished line at the end.

use super::{Block, LogSink, Stamp, Stream};
use crate::sys::scan::json_plain;
use std::collections::BTreeMap;
use std::io;

/// dockerd's copy buffer.
const LONGEST: usize = 16 * 1024;

/// Writes json-file records.
pub(crate) struct JsonFile {
    /// `"attrs":{"tag":"…"},` or nothing.
    attributes: Vec<u8>,
    unfinished: [Unfinished; 2],
}

/// The line that a stream is in the middle of.
#[derive(Default)]
struct Unfinished {
    bytes: Vec<u8>,
    /// When the first record of this line was written, if one was.
    since: Option<Stamp>,
}

impl JsonFile {
    /// `all` go into every record.
    pub(crate) fn new(all: &BTreeMap<String, String>) -> Self {
        let mut attributes = Vec::new();
        for (key, value) in all {
            attributes.extend_from_slice(if attributes.is_empty() { b"\"attrs\":{\"" } else { b",\"" });
            escape(key.as_bytes(), &mut attributes);
            attributes.extend_from_slice(b"\":\"");
            escape(value.as_bytes(), &mut attributes);
            attributes.push(b'"');
        }
        if !attributes.is_empty() {
            attributes.extend_from_slice(b"},");
        }
        JsonFile { attributes, unfinished: Default::default() }
    }

    /// What ends a whole line's record: the same for all lines that come in one block. Without its first two bytes (the
    /// newline's escape) it ends the record of a part of a line.
    fn tail(&self, stream: Stream, time: Stamp) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(96);
        bytes.extend_from_slice(b"\\n\",\"stream\":\"");
        bytes.extend_from_slice(stream.name().as_bytes());
        bytes.extend_from_slice(b"\",");
        bytes.extend_from_slice(&self.attributes);
        bytes.extend_from_slice(b"\"time\":\"");
        time.write_trimmed(&mut bytes);
        bytes.extend_from_slice(b"\"}\n");
        bytes
    }
}

const HEAD: &[u8] = b"{\"log\":\"";

/// The record of a line that needs no escapes.
fn plain_record(line: &[u8], tail: &[u8], out: &mut Block<'_>) -> io::Result<()> {
    let bytes = out.bytes();
    bytes.reserve(HEAD.len() + line.len() + tail.len());
    bytes.extend_from_slice(HEAD);
    bytes.extend_from_slice(line);
    bytes.extend_from_slice(tail);
    out.end_record()
}

fn record(parts: [&[u8]; 2], newline: bool, tail: &[u8], out: &mut Block<'_>) -> io::Result<()> {
    let bytes = out.bytes();
    bytes.extend_from_slice(HEAD);
    match parts {
        [[], line] => escape(line, bytes),
        // A character may be cut in two where the parts meet.
        [head, tail] => escape(&[head, tail].concat(), bytes),
    }
    bytes.extend_from_slice(if newline { tail } else { &tail[2..] });
    out.end_record()
}

impl LogSink for JsonFile {
    fn write(&mut self, stream: Stream, mut bytes: &[u8], now: Stamp, out: &mut Block<'_>) -> io::Result<()> {
        let mut unfinished = std::mem::take(&mut self.unfinished[stream.index()]);
        let mut result = Ok(());
        let tail = self.tail(stream, now);
        while !bytes.is_empty() {
            if unfinished.bytes.is_empty() && unfinished.since.is_none() {
                let plain = json_plain(bytes);
                if plain < LONGEST && bytes.get(plain) == Some(&b'\n') {
                    result = result.and(plain_record(&bytes[..plain], &tail, out));
                    bytes = &bytes[plain + 1..];
                    continue;
                }
            }
            let room = LONGEST - unfinished.bytes.len();
            let window = &bytes[..bytes.len().min(room)];
            let (piece, newline) = match find(window, b'\n') {
                Some(end) => (&window[..end], true),
                None if window.len() == room => (window, false),
                None => {
                    unfinished.bytes.extend_from_slice(window);
                    break;
                }
            };
            let parts = [unfinished.bytes.as_slice(), piece];
            result = result.and(match unfinished.since {
                Some(time) => record(parts, newline, &self.tail(stream, time), out),
                None => record(parts, newline, &tail, out),
            });
            unfinished.bytes.clear();
            unfinished.since = if newline { None } else { unfinished.since.or(Some(now)) };
            bytes = &bytes[piece.len() + usize::from(newline)..];
        }
        self.unfinished[stream.index()] = unfinished;
        result
    }

    fn finish(&mut self, now: Stamp, out: &mut Block<'_>) -> io::Result<()> {
        let mut result = Ok(());
        for stream in [Stream::Stdout, Stream::Stderr] {
            let unfinished = std::mem::take(&mut self.unfinished[stream.index()]);
            if !unfinished.bytes.is_empty() {
                let time = unfinished.since.unwrap_or(now);
                result = result.and(record([&[], &unfinished.bytes], false, &self.tail(stream, time), out));
            }
        }
        result
    }
}

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The high bit of each byte of `word` that is zero. (Above the first such byte there may be false ones.)
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(LOW) & !word & HIGH
}

/// `memchr`, eight bytes at a time.
pub(crate) fn find(bytes: &[u8], wanted: u8) -> Option<usize> {
    let pattern = LOW * u64::from(wanted);
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let found = zeros(u64::from_le_bytes(*word) ^ pattern);
        if found != 0 {
            return Some(index * 8 + (found.trailing_zeros() / 8) as usize);
        }
    }
    rest.iter().position(|byte| *byte == wanted).map(|offset| words.len() * 8 + offset)
}

/// Appends `bytes` as the inside of a JSON string, with dockerd's choice of escapes: `\u003c` for `<`, `\u0009` for a
/// tab, `\ufffd` for a byte that is not UTF-8.
pub(crate) fn escape(mut bytes: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.reserve(bytes.len() + 2);
    while !bytes.is_empty() {
        let plain = json_plain(bytes);
        out.extend_from_slice(&bytes[..plain]);
        bytes = &bytes[plain..];
        let Some(&first) = bytes.first() else { break };
        let mut used = 1;
        match first {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', first]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            0x00..0x80 => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[HEX[usize::from(first >> 4)], HEX[usize::from(first & 15)]]);
            }
            _ => match character(bytes) {
                Some(character @ ("\u{2028}" | "\u{2029}")) => {
                    out.extend_from_slice(if character == "\u{2028}" { b"\\u2028" } else { b"\\u2029" });
                    used = character.len();
                }
                Some(character) => {
                    out.extend_from_slice(character.as_bytes());
                    used = character.len();
                }
                None => out.extend_from_slice(b"\\ufffd"),
            },
        }
        bytes = &bytes[used..];
    }
}

/// The one character that `bytes` begins with, if it is UTF-8.
fn character(bytes: &[u8]) -> Option<&str> {
    let length = match bytes.first()? {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return None,
    };
    std::str::from_utf8(bytes.get(..length)?).ok()
}

#[cfg(test)]
mod tests {
    use super::super::tests::records;
    use super::Stream::{Stderr, Stdout};
    use super::*;

    const TIME: &str = "\"time\":\"2023-11-14T22:13:20.12Z\"}\n";

    #[test]
    fn records_are_dockers() {
        for (writes, expected) in [
            (vec![(Stdout, "a\n")], vec![("a\\n", "stdout")]),
            (vec![(Stdout, "a\n\nb\n")], vec![("a\\n", "stdout"), ("\\n", "stdout"), ("b\\n", "stdout")]),
            (
                vec![(Stdout, "he"), (Stderr, "oops\n"), (Stdout, "llo\n")],
                vec![("oops\\n", "stderr"), ("hello\\n", "stdout")],
            ),
            (vec![(Stdout, "no newline")], vec![("no newline", "stdout")]),
            (
                vec![(Stdout, "\t<\u{1b}[1m>&\"\\\r\n")],
                vec![("\\u0009\\u003c\\u001b[1m\\u003e\\u0026\\\"\\\\\\r\\n", "stdout")],
            ),
            (vec![(Stdout, "é\u{2028}😀\n")], vec![("é\\u2028😀\\n", "stdout")]),
        ] {
            let writes: Vec<_> = writes.into_iter().map(|(stream, text)| (stream, text.as_bytes())).collect();
            let made = String::from_utf8(records(&mut JsonFile::new(&BTreeMap::new()), &writes)).unwrap();
            let wanted: String = expected
                .into_iter()
                .map(|(log, stream)| format!("{{\"log\":\"{log}\",\"stream\":\"{stream}\",{TIME}"))
                .collect();
            assert_eq!(made, wanted);
        }
    }

    #[test]
    fn what_is_not_utf8_is_replaced_byte_by_byte() {
        let made = records(&mut JsonFile::new(&BTreeMap::new()), &[(Stdout, b"\xff\xe2\x82\n")]);
        assert_eq!(
            String::from_utf8(made).unwrap(),
            format!("{{\"log\":\"\\ufffd\\ufffd\\ufffd\\n\",\"stream\":\"stdout\",{TIME}")
        );
    }

    #[test]
    fn characters_cut_by_a_read_are_whole_again() {
        let made = records(&mut JsonFile::new(&BTreeMap::new()), &[(Stdout, b"\xe2\x82"), (Stdout, b"\xac\n")]);
        assert_eq!(String::from_utf8(made).unwrap(), format!("{{\"log\":\"€\\n\",\"stream\":\"stdout\",{TIME}"));
    }

    #[test]
    fn long_lines_are_split_at_16_kib() {
        for extra in [0, 1, 100, LONGEST] {
            let line = vec![b'x'; LONGEST + extra];
            let mut text = line.clone();
            text.push(b'\n');
            for chunk in [1000, 16_384, 65_536] {
                let writes: Vec<_> = text.chunks(chunk).map(|chunk| (Stdout, chunk)).collect();
                let made = String::from_utf8(records(&mut JsonFile::new(&BTreeMap::new()), &writes)).unwrap();
                let logs: Vec<String> = made
                    .lines()
                    .map(|line| {
                        serde_json::from_str::<serde_json::Value>(line).unwrap()["log"].as_str().unwrap().to_string()
                    })
                    .collect();
                assert!(logs.iter().rev().skip(1).all(|log| log.len() == LONGEST), "{extra} {chunk}");
                assert_eq!(logs.concat().as_bytes(), text, "{extra} {chunk}");
            }
        }
    }

    #[test]
    fn attributes_are_kept_in_every_record() {
        let all = [("tag", "web/\"1\""), ("a", "<b>")].map(|(key, value)| (key.to_string(), value.to_string()));
        let made = records(&mut JsonFile::new(&all.into()), &[(Stdout, b"a\n")]);
        let attributes = "{\"a\":\"\\u003cb\\u003e\",\"tag\":\"web/\\\"1\\\"\"}";
        assert_eq!(
            String::from_utf8(made).unwrap(),
            format!("{{\"log\":\"a\\n\",\"stream\":\"stdout\",\"attrs\":{attributes},{TIME}")
        );
    }

    #[test]
    fn find_finds_the_first() {
        let mut text = [b'a'; 40];
        assert_eq!(find(&text, b'\n'), None);
        for position in (0..40).rev() {
            text[position] = b'\n';
            assert_eq!(find(&text, b'\n'), Some(position));
        }
    }
}
