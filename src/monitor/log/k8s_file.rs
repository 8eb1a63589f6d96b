//! Kubernetes' (and conmon's) format: `TIME stdout F line`; `P` marks a piece of a line that goes on.

use super::json_file::find;
use super::{Block, LogSink, Stamp, Stream};
use std::io;

/// Writes k8s-file records.
pub(crate) struct K8sFile;

impl LogSink for K8sFile {
    fn write(&mut self, stream: Stream, mut bytes: &[u8], now: Stamp, out: &mut Block<'_>) -> io::Result<()> {
        let mut head = Vec::with_capacity(48);
        now.write_fixed("+00:00 ", &mut head);
        head.extend_from_slice(stream.name().as_bytes());
        let mut result = Ok(());
        while !bytes.is_empty() {
            let end = find(bytes, b'\n');
            let (line, rest) = match end {
                Some(end) => (&bytes[..end], &bytes[end + 1..]),
                None => (bytes, &[][..]),
            };
            let record = out.bytes();
            record.extend_from_slice(&head);
            record.extend_from_slice(if end.is_some() { b" F " } else { b" P " });
            record.extend_from_slice(line);
            record.push(b'\n');
            result = result.and(out.end_record());
            bytes = rest;
        }
        result
    }

    fn finish(&mut self, _now: Stamp, _out: &mut Block<'_>) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::records;
    use super::*;

    #[test]
    fn lines_are_full_or_partial() {
        let made = records(
            &mut K8sFile,
            &[
                (Stream::Stdout, b"one\ntw"),
                (Stream::Stderr, b"x\n"),
                (Stream::Stdout, b"o\n"),
                (Stream::Stdout, b"$ "),
            ],
        );
        let time = "2023-11-14T22:13:20.120000000+00:00";
        assert_eq!(
            String::from_utf8(made).unwrap(),
            format!(
                "{time} stdout F one\n{time} stdout P tw\n{time} stderr F x\n{time} stdout F o\n{time} stdout P $ \n"
            )
        );
    }
}
