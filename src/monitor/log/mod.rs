//! Keeping output: one file per container in docker's or Kubernetes' format, rotated.
//!
//! Output is data: whatever a container prints stays between the quotes (or behind the tag) of its own record, so no
//! record can be forged. Nothing is buffered but the beginning of an unfinished line, 16 KiB at most.

mod file;
mod json_file;
mod k8s_file;
pub mod read;
mod time;

use super::config::LogConfig;
use crate::model::container::LogDriver;
use anyhow::Result;
use file::RotatingFile;
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
    file: RotatingFile,
    block: Vec<u8>,
}

impl Log {
    /// Opens the log that `config` asks for; `None` when it asks for none.
    pub fn open(config: &LogConfig) -> Result<Option<Log>> {
        let sink: Box<dyn LogSink> = match config.driver {
            LogDriver::JsonFile => Box::new(json_file::JsonFile::new(&config.tag)),
            LogDriver::K8sFile => Box::new(k8s_file::K8sFile),
            LogDriver::None | LogDriver::Passthrough => return Ok(None),
        };
        let file = RotatingFile::open(&config.path, config.max_size, config.max_files)?;
        Ok(Some(Log { sink, file, block: Vec::new() }))
    }

    /// Takes the next bytes of a stream. The last records of them may wait for [`Log::flush`].
    pub fn write(&mut self, stream: Stream, bytes: &[u8]) -> std::io::Result<()> {
        let (file, sink) = (&mut self.file, &mut self.sink);
        let mut append = |records: &mut Vec<u8>| file.append_pieces(records);
        let mut block = Block::new(std::mem::take(&mut self.block), &mut append);
        let written = sink.write(stream, bytes, Stamp::now(), &mut block);
        self.block = block.bytes;
        written
    }

    /// Writes what waits: to be called before waiting for more.
    pub fn flush(&mut self) -> std::io::Result<()> {
        if self.block.is_empty() { Ok(()) } else { self.file.append(&mut self.block) }
    }

    /// Keeps what is unfinished. The last call.
    pub fn finish(&mut self) -> std::io::Result<()> {
        let (file, sink) = (&mut self.file, &mut self.sink);
        let mut append = |records: &mut Vec<u8>| file.append_pieces(records);
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
    LogConfig { driver, path: path.to_path_buf(), max_size, max_files, tag: String::new(), passthrough: false }
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
}
