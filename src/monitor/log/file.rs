//! A file that is put aside when it is full.

use anyhow::{Context, Result};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Writes that fill such pieces of a file cost the page cache a third less than others.
pub(super) const PIECE: u64 = 64 * 1024;

/// What is to be done next with records.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Append so many bytes from their front.
    Append(usize),
    /// Go on in a new file.
    Rotate,
    /// Nothing, until there are more of them.
    Wait,
}

/// Decides how records are cut into writes and files.
#[derive(Debug)]
pub(super) struct Cutter {
    size: u64,
    max_size: u64,
}

impl Cutter {
    /// For a file that has `size` bytes; `max_size` 0 never rotates.
    pub(super) fn new(size: u64, max_size: u64) -> Cutter {
        Cutter { size, max_size }
    }

    /// The file has another size than was thought.
    pub(super) fn now(&mut self, size: u64) {
        self.size = size;
    }

    /// The next step for `records`, which end with a record's end; it counts as done. Unless `all` of them are to go,
    /// those that don't fill a piece wait. Only a record that is longer than a whole file may make that longer than it
    /// should be; what of a record is appended without its end fits together with that.
    pub(super) fn next(&mut self, records: &[u8], all: bool) -> Step {
        let length = records.len() as u64;
        let end = if self.max_size > 0 && self.size + length > self.max_size {
            let room = self.max_size.saturating_sub(self.size).min(length) as usize;
            let fitting = records[..room].iter().rposition(|byte| *byte == b'\n');
            match fitting {
                Some(end) => end + 1,
                None if self.size > 0 => {
                    self.size = 0;
                    return Step::Rotate;
                }
                None => records.iter().position(|byte| *byte == b'\n').map_or(records.len(), |end| end + 1),
            }
        } else {
            let over = if all { 0 } else { (self.size + length) % PIECE };
            length.saturating_sub(over) as usize
        };
        self.size += end as u64;
        if end == 0 { Step::Wait } else { Step::Append(end) }
    }
}

/// The files: `log`, `log.1`, `log.2` …
#[derive(Debug)]
pub(super) struct Files {
    path: PathBuf,
    file: File,
    max_files: u32,
    /// The file ends within a record, because a write failed or whoever wrote before us was killed.
    torn: bool,
}

impl Files {
    /// Opens (or makes, 0640 as docker does) the current file.
    pub(super) fn open(path: &Path, max_files: u32) -> Result<Self> {
        let file = open(path).with_context(|| format!("opening the log {}", path.display()))?;
        let size = file.metadata()?.len();
        let torn = size > 0 && !ends_line(path, size);
        Ok(Files { path: path.to_path_buf(), file, max_files: max_files.max(1), torn })
    }

    /// The size of the current file.
    pub(super) fn size(&self) -> u64 {
        self.file.metadata().map_or(0, |metadata| metadata.len())
    }

    /// Appends to the current file.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.torn {
            // What is there of the torn record is no record; the next one shall be.
            self.file.write_all(b"\n")?;
            self.torn = false;
        }
        let written = self.file.write_all(bytes);
        self.torn = written.is_err();
        written
    }

    /// Followers of the log tell a rotation by the name `path` meaning another file; the old one is complete by then.
    pub(super) fn rotate(&mut self) -> io::Result<()> {
        // Removed, not renamed over: for a file that replaces another, ext4 begins to write out its data at once, and
        // the container would wait for the disk. Not truncated in place: who reads the old one shall find its end.
        if let Err(error) = std::fs::remove_file(rotated(&self.path, self.max_files - 1))
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        for number in (1..self.max_files).rev() {
            match std::fs::rename(rotated(&self.path, number - 1), rotated(&self.path, number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.file = open(&self.path)?;
        self.torn = false;
        Ok(())
    }
}

/// Whether the last byte of a file of `size` bytes ends a line.
fn ends_line(path: &Path, size: u64) -> bool {
    let mut last = [0];
    let read = File::open(path).and_then(|file| file.read_exact_at(&mut last, size - 1));
    read.is_err() || last == *b"\n"
}

/// The name of the `number`th file; 0 is the current one.
pub(super) fn rotated(path: &Path, number: u32) -> PathBuf {
    if number == 0 {
        return path.to_path_buf();
    }
    let mut name = path.as_os_str().to_os_string();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).custom_flags(libc::O_NOFOLLOW).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of records that come one by one, in each file, oldest first.
    fn cut(records: &[String], max_size: u64, flush_at: &[usize]) -> Vec<String> {
        let mut cutter = Cutter::new(0, max_size);
        let (mut files, mut waiting) = (vec![String::new()], String::new());
        for (number, record) in records.iter().enumerate() {
            waiting += record;
            let all = flush_at.contains(&number) || number + 1 == records.len();
            while !waiting.is_empty() {
                match cutter.next(waiting.as_bytes(), all) {
                    Step::Append(count) => files.last_mut().unwrap().extend(waiting.drain(..count)),
                    Step::Rotate => files.push(String::new()),
                    Step::Wait => break,
                }
            }
            assert!(waiting.len() < PIECE as usize, "{} bytes wait", waiting.len());
        }
        files
    }

    #[test]
    fn files_are_cut_between_records() {
        let text = ["1\n", "2\n", "3\n", "4\n", "5\n", "6\n", "a very long record\n", "7\n"].map(String::from);
        assert_eq!(cut(&text, 10, &[]), ["1\n2\n3\n4\n5\n", "6\n", "a very long record\n", "7\n"]);
        assert_eq!(cut(&[text.concat()], 10, &[]), cut(&text, 10, &[]));
        assert_eq!(cut(&text, 0, &[]), [text.concat()]);
    }

    #[test]
    fn pieces_are_whole_and_nothing_is_lost_between_them() {
        let records: Vec<String> =
            (0..20_000).map(|number| format!("{number} {}\n", "x".repeat(number % 97))).collect();
        let files = cut(&records, 300_000, &[0, 7_777, 7_779]);
        assert!(files.len() > 3, "it was never rotated");
        assert!(files.iter().all(|file| file.len() <= 300_000 && file.ends_with('\n')));
        assert!(files.concat() == records.concat());
        let mut cutter = Cutter::new(100, 0);
        let bytes = vec![b'x'; 3 * PIECE as usize];
        assert_eq!(cutter.next(&bytes, false), Step::Append(3 * PIECE as usize - 100));
        assert_eq!(cutter.next(&bytes[..100], false), Step::Wait);
    }

    #[test]
    fn keeps_so_many_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut files = Files::open(&path, 3).unwrap();
        for number in 0..5 {
            files.append(format!("record {number}\n").as_bytes()).unwrap();
            files.rotate().unwrap();
        }
        let read = |number| std::fs::read_to_string(rotated(&path, number)).unwrap();
        assert_eq!([read(0), read(1), read(2)], ["", "record 4\n", "record 3\n"]);
        assert!(!rotated(&path, 3).exists());
    }

    #[test]
    fn a_torn_record_takes_no_other_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, "whole\nhal").unwrap();
        let mut files = Files::open(&path, 1).unwrap();
        files.append(b"next\n").unwrap();
        files.append(b"last\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "whole\nhal\nnext\nlast\n");
    }
}
