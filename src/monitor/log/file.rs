//! A file that is put aside when it is full: `log`, `log.1`, `log.2` …

use anyhow::{Context, Result};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Appends to a file and rotates it between two records.
pub(super) struct RotatingFile {
    path: PathBuf,
    file: File,
    size: u64,
    max_size: u64,
    max_files: u32,
    /// The file ends within a record, because a write failed or whoever wrote before us was killed.
    torn: bool,
}

/// Writes that fill such pieces of a file cost the page cache a third less than others.
const PIECE: u64 = 64 * 1024;

impl RotatingFile {
    /// Opens (or makes, 0640 as docker does) the file; `max_size` 0 never rotates.
    pub(super) fn open(path: &Path, max_size: u64, max_files: u32) -> Result<Self> {
        let file = open(path).with_context(|| format!("opening the log {}", path.display()))?;
        let size = file.metadata()?.len();
        let torn = size > 0 && !ends_line(path, size);
        Ok(RotatingFile { path: path.to_path_buf(), file, size, max_size, max_files: max_files.max(1), torn })
    }

    /// Appends from the front of `records`, which ends with a record's end, and leaves there what would not fill a
    /// piece: it must come back, with more behind it, or through [`RotatingFile::append`]. Whatever happens, only a
    /// record that is longer than a whole file makes that longer than it should be.
    pub(super) fn append_pieces(&mut self, records: &mut Vec<u8>) -> io::Result<()> {
        if records.len() as u64 >= PIECE {
            let taken = self.take(records, false);
            records.drain(..*taken.as_ref().unwrap_or(&records.len()));
            taken.map(drop)
        } else {
            Ok(())
        }
    }

    /// Appends all of `records`, and empties it.
    pub(super) fn append(&mut self, records: &mut Vec<u8>) -> io::Result<()> {
        let taken = self.take(records, true);
        records.clear();
        taken.map(drop)
    }

    /// How much was written.
    fn take(&mut self, records: &[u8], all: bool) -> io::Result<usize> {
        let mut rest = records;
        while self.max_size > 0 && self.size + rest.len() as u64 > self.max_size {
            let room = self.max_size.saturating_sub(self.size) as usize;
            let fitting = rest[..room.min(rest.len())].iter().rposition(|byte| *byte == b'\n');
            let first = || rest.iter().position(|byte| *byte == b'\n');
            let end = match fitting {
                Some(end) => end + 1,
                None if self.size > 0 => 0,
                None => first().map_or(rest.len(), |end| end + 1),
            };
            self.write(&rest[..end])?;
            rest = &rest[end..];
            if rest.is_empty() {
                return Ok(records.len());
            }
            self.rotate()?;
        }
        let over = if all { 0 } else { (self.size + rest.len() as u64) % PIECE } as usize;
        let (now, later) = rest.split_at(rest.len().saturating_sub(over));
        self.write(now)?;
        Ok(records.len() - later.len())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.torn {
            // What is there of the torn record is no record; the next one shall be.
            self.file.write_all(b"\n")?;
            self.size += 1;
            self.torn = false;
        }
        let written = self.file.write_all(bytes);
        if written.is_ok() {
            self.size += bytes.len() as u64;
        } else {
            self.size = self.file.metadata().map_or(self.size, |metadata| metadata.len());
            self.torn = true;
        }
        written
    }

    /// Followers of the log tell a rotation by the name `path` meaning another file; the old one is complete by then.
    fn rotate(&mut self) -> io::Result<()> {
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
        self.size = self.file.metadata()?.len();
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

    #[test]
    fn cuts_blocks_between_records() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut file = RotatingFile::open(&path, 10, 9).unwrap();
        file.append(&mut b"1\n2\n3\n4\n5\n6\na very long record\n7\n".to_vec()).unwrap();
        let read = |number| std::fs::read_to_string(rotated(&path, number)).unwrap();
        assert_eq!([read(3), read(2), read(1), read(0)], ["1\n2\n3\n4\n5\n", "6\n", "a very long record\n", "7\n"]);
    }

    #[test]
    fn keeps_so_many_files_of_that_size() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut file = RotatingFile::open(&path, 100, 3).unwrap();
        for number in 0..100 {
            file.append(&mut format!("record {number:03}\n").into_bytes()).unwrap();
        }
        let read = |number| std::fs::read_to_string(rotated(&path, number)).unwrap();
        assert_eq!(read(0).lines().last(), Some("record 099"));
        assert_eq!([read(1).len(), read(2).len()], [99, 99]);
        assert!(!rotated(&path, 3).exists());
        let all: Vec<String> =
            [2, 1, 0].into_iter().flat_map(|n| read(n).lines().map(String::from).collect::<Vec<_>>()).collect();
        assert_eq!(all.first().map(String::as_str), Some("record 081"));
        assert_eq!(all.len(), 19);
    }

    #[test]
    fn pieces_are_written_whole_and_nothing_is_lost_between_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut file = RotatingFile::open(&path, 300_000, 99).unwrap();
        let (mut records, mut wanted) = (Vec::new(), Vec::new());
        for number in 0..20_000 {
            let record = format!("{number} {}\n", "x".repeat(number % 97));
            records.extend_from_slice(record.as_bytes());
            wanted.extend_from_slice(record.as_bytes());
            file.append_pieces(&mut records).unwrap();
            assert!(records.len() < PIECE as usize, "{} bytes were left", records.len());
            if number == 7_777 {
                file.append(&mut records).unwrap();
            }
        }
        file.append(&mut records).unwrap();
        let count = (0..).find(|number| !rotated(&path, *number).exists()).unwrap();
        assert!(count > 3, "it was never rotated");
        let files: Vec<Vec<u8>> =
            (0..count).rev().map(|number| std::fs::read(rotated(&path, number)).unwrap()).collect();
        assert!(files.iter().all(|file| file.len() <= 300_000 && file.ends_with(b"\n")));
        assert!(files.concat() == wanted);
    }

    #[test]
    fn a_torn_record_takes_no_other_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, "whole\nhal").unwrap();
        let mut file = RotatingFile::open(&path, 0, 1).unwrap();
        file.append(&mut b"next\n".to_vec()).unwrap();
        file.append(&mut b"last\n".to_vec()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "whole\nhal\nnext\nlast\n");
    }
}
