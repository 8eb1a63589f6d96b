//! Keeping output: one file per container in docker's or Kubernetes' format, rotated.
//!
//! Output is data: whatever a container prints stays between the quotes (or behind the tag) of its own record, so no
//! record can be forged. Nothing is buffered but the beginning of an unfinished line, 16 KiB at most.

mod file;
mod hand;
mod json_file;
mod k8s_file;
pub mod read;
mod time;

use super::config::LogConfig;
use crate::model::container::LogDriver;
use anyhow::Result;
use hand::Hand;
pub use time::Stamp;

/// Which of its two streams a container wrote to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output, or the terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// The word for it in records.
    pub fn name(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }

    fn index(self) -> usize {
        match self {
            Stream::Stdout => 0,
            Stream::Stderr => 1,
        }
    }
}

/// One way to write records. Pure: bytes in, records out.
pub(crate) trait LogSink {
    /// Takes the next bytes of a stream; hands on whole records, in blocks of a size worth writing.
    fn write(&mut self, stream: Stream, bytes: &[u8], now: Stamp, out: &mut Block<'_>) -> std::io::Result<()>;
    /// No more is coming: hands on what is unfinished.
    fn finish(&mut self, now: Stamp, out: &mut Block<'_>) -> std::io::Result<()>;
}

/// Collects records and writes them together.
pub(crate) struct Block<'a> {
    bytes: Vec<u8>,
    write: &'a mut dyn FnMut(&mut Vec<u8>) -> std::io::Result<()>,
}

/// From so many bytes on there is something worth writing.
const BLOCK: usize = 64 * 1024;

impl<'a> Block<'a> {
    /// `write` takes from the front of what was collected what it wants to.
    pub(crate) fn new(bytes: Vec<u8>, write: &'a mut dyn FnMut(&mut Vec<u8>) -> std::io::Result<()>) -> Self {
        Block { bytes, write }
    }

    /// Where the next record goes.
    pub(crate) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// A record is complete.
    pub(crate) fn end_record(&mut self) -> std::io::Result<()> {
        if self.bytes.len() >= BLOCK { (self.write)(&mut self.bytes) } else { Ok(()) }
    }
}

/// A container's open log.
pub struct Log {
    sink: Box<dyn LogSink>,
    hand: Hand,
    block: Vec<u8>,
}

impl Log {
    /// Opens the log that `config` asks for; `None` when it asks for none.
    pub fn open(config: &LogConfig) -> Result<Option<Log>> {
        let sink: Box<dyn LogSink> = match config.driver {
            LogDriver::JsonFile => Box::new(json_file::JsonFile::new(&config.attributes)),
            LogDriver::K8sFile => Box::new(k8s_file::K8sFile),
            LogDriver::None | LogDriver::Passthrough => return Ok(None),
        };
        let hand = Hand::open(&config.path, config.max_size, config.max_files)?;
        Ok(Some(Log { sink, hand, block: Vec::new() }))
    }

    /// Takes the next bytes of a stream. The last records of them may wait for [`Log::flush`].
    pub fn write(&mut self, stream: Stream, bytes: &[u8]) -> std::io::Result<()> {
        let (hand, sink) = (&mut self.hand, &mut self.sink);
        let mut append = |records: &mut Vec<u8>| hand.append(records, false);
        let mut block = Block::new(std::mem::take(&mut self.block), &mut append);
        let written = sink.write(stream, bytes, Stamp::now(), &mut block);
        self.block = block.bytes;
        written
    }

    /// There is much to write: until [`Log::flush`], a thread may help.
    pub fn hurry(&mut self) {
        self.hand.spread();
    }

    /// Writes what waits: to be called before waiting for more. No other thread is left then.
    pub fn flush(&mut self) -> std::io::Result<()> {
        let appended = self.hand.append(&mut self.block, true);
        self.hand.join().and(appended)
    }

    /// Keeps what is unfinished. The last call.
    pub fn finish(&mut self) -> std::io::Result<()> {
        let (hand, sink) = (&mut self.hand, &mut self.sink);
        let mut append = |records: &mut Vec<u8>| hand.append(records, false);
        let mut block = Block::new(std::mem::take(&mut self.block), &mut append);
        let written = sink.finish(Stamp::now(), &mut block);
        self.block = block.bytes;
        written.and(self.flush())
    }

    /// Gives back the memory of the last burst.
    pub fn shrink(&mut self) {
        if self.block.is_empty() {
            self.block = Vec::new();
        }
    }
}

#[cfg(test)]
fn config_for_test(path: &std::path::Path, driver: LogDriver, max_size: u64, max_files: u32) -> LogConfig {
    LogConfig {
        driver,
        path: path.to_path_buf(),
        max_size,
        max_files,
        attributes: Default::default(),
        passthrough: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything a sink makes of some writes, with the same time throughout.
    pub(super) fn records(sink: &mut dyn LogSink, writes: &[(Stream, &[u8])]) -> Vec<u8> {
        let now = Stamp { seconds: 1_700_000_000, nanoseconds: 120_000_000 };
        let mut all = Vec::new();
        let mut append = |records: &mut Vec<u8>| {
            all.append(records);
            Ok(())
        };
        let mut block = Block::new(Vec::new(), &mut append);
        for (stream, bytes) in writes {
            sink.write(*stream, bytes, now, &mut block).unwrap();
        }
        sink.finish(now, &mut block).unwrap();
        let rest = block.bytes;
        all.extend(rest);
        all
    }

    #[test]
    fn a_helping_thread_changes_nothing() {
        let mut kept = Vec::new();
        for helped in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let config = config_for_test(&dir.path().join("log"), LogDriver::K8sFile, 400_000, 50);
            let mut log = Log::open(&config).unwrap().unwrap();
            for turn in 0..6 {
                if helped {
                    log.hurry();
                }
                for number in 0..4_000 {
                    let line = format!("{turn} {number} {}\n", "x".repeat(number % 117));
                    log.write(Stream::Stdout, line.as_bytes()).unwrap();
                }
                log.flush().unwrap();
            }
            log.finish().unwrap();
            let mut text = String::new();
            for number in (0..50).rev() {
                if let Ok(file) = std::fs::read_to_string(file::rotated(&config.path, number)) {
                    assert!(file.len() <= 400_000 && file.ends_with('\n'));
                    text += &file;
                }
            }
            // Without the times.
            kept.push(text.lines().map(|line| line[line.find(" F ").unwrap()..].to_string()).collect::<Vec<_>>());
        }
        assert_eq!(kept[0].len(), 24_000);
        assert!(kept[0] == kept[1]);
    }
}
