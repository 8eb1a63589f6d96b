//! A file that is put aside when it is full: `log`, `log.1`, `log.2` …

use anyhow::{Context, Result};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Appends to a file and rotates it between two blocks.
pub(super) struct RotatingFile {
    path: PathBuf,
    file: File,
    size: u64,
    max_size: u64,
    max_files: u32,
}

impl RotatingFile {
    /// Opens (or makes, 0640 as docker does) the file; `max_size` 0 never rotates.
    pub(super) fn open(path: &Path, max_size: u64, max_files: u32) -> Result<Self> {
        let file = open(path).with_context(|| format!("opening the log {}", path.display()))?;
        let size = file.metadata()?.len();
        Ok(RotatingFile { path: path.to_path_buf(), file, size, max_size, max_files: max_files.max(1) })
    }

    /// Appends whole records. Only one that is longer than a whole file may make that longer than it should be.
    pub(super) fn append(&mut self, mut block: &[u8]) -> io::Result<()> {
        while self.max_size > 0 && self.size + block.len() as u64 > self.max_size {
            let room = self.max_size.saturating_sub(self.size) as usize;
            let fitting = block[..room.min(block.len())].iter().rposition(|byte| *byte == b'\n');
            let first = || block.iter().position(|byte| *byte == b'\n');
            let end = match fitting {
                Some(end) => end + 1,
                None if self.size > 0 => 0,
                None => first().map_or(block.len(), |end| end + 1),
            };
            self.write(&block[..end])?;
            block = &block[end..];
            if block.is_empty() {
                return Ok(());
            }
            self.rotate()?;
        }
        self.write(block)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Followers of the log tell a rotation by the name `path` meaning another file; the old one is complete by then.
    fn rotate(&mut self) -> io::Result<()> {
        if self.max_files == 1 {
            // Not truncated in place: who reads the old one shall find its end, not a hole.
            std::fs::remove_file(&self.path)?;
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
        file.append(b"1\n2\n3\n4\n5\n6\na very long record\n7\n").unwrap();
        let read = |number| std::fs::read_to_string(rotated(&path, number)).unwrap();
        assert_eq!([read(3), read(2), read(1), read(0)], ["1\n2\n3\n4\n5\n", "6\n", "a very long record\n", "7\n"]);
    }

    #[test]
    fn keeps_so_many_files_of_that_size() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut file = RotatingFile::open(&path, 100, 3).unwrap();
        for number in 0..100 {
            file.append(format!("record {number:03}\n").as_bytes()).unwrap();
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
}
