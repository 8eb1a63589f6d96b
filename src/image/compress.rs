//! Compresses a layer's tar on all processors. The same tar gives the same bytes, however many there are.

use anyhow::{Context, Result};
use flate2::{Compress, Crc, FlushCompress, Status};
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

/// Each block is compressed by itself; the end of the one before serves as its dictionary (as pigz does).
const BLOCK: usize = 512 << 10;
const DICTIONARY: usize = 32 << 10;

/// Takes compressed bytes.
pub type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> Result<()>;

/// Reads until `buffer` is full or the input is at its end.
fn fill(input: &mut dyn Read, buffer: &mut Vec<u8>) -> Result<()> {
    buffer.clear();
    input.take(BLOCK as u64).read_to_end(buffer).context("reading the layer")?;
    Ok(())
}

/// Passes the input through as it is.
pub fn store(input: &mut dyn Read, sink: Sink<'_>) -> Result<()> {
    let mut buffer = Vec::with_capacity(BLOCK);
    loop {
        fill(input, &mut buffer)?;
        if buffer.is_empty() {
            return Ok(());
        }
        sink(&buffer)?;
    }
}

struct Job {
    block: Vec<u8>,
    dictionary: Vec<u8>,
    last: bool,
    output: Vec<u8>,
    reply: SyncSender<std::io::Result<Finished>>,
}

/// A compressed block, and the buffers to use again.
struct Finished {
    block: Vec<u8>,
    dictionary: Vec<u8>,
    output: Vec<u8>,
}

/// gzip (RFC 1952): one member, no name and no time.
pub fn gzip(input: &mut dyn Read, level: u32, threads: usize, sink: Sink<'_>) -> Result<()> {
    sink(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])?;
    let mut crc = Crc::new();
    let threads = threads.clamp(1, 16);
    let (jobs, todo) = sync_channel::<Job>(threads);
    let todo = Arc::new(Mutex::new(todo));
    std::thread::scope(|scope| -> Result<()> {
        for _ in 0..threads {
            let todo = todo.clone();
            scope.spawn(move || work(&todo, level));
        }
        let mut waiting: VecDeque<Receiver<std::io::Result<Finished>>> = VecDeque::new();
        let mut spare: Vec<Finished> = Vec::new();
        let mut dictionary = Vec::new();
        let mut block = Vec::with_capacity(BLOCK);
        fill(input, &mut block)?;
        let mut last = false;
        let jobs = jobs;
        while !last {
            let used = spare.pop();
            let (mut next, mut recycled, output) = match used {
                Some(Finished { block, dictionary, output }) => (block, dictionary, output),
                None => (Vec::with_capacity(BLOCK), Vec::with_capacity(DICTIONARY), Vec::new()),
            };
            fill(input, &mut next)?;
            last = next.is_empty();
            crc.update(&block);
            recycled.clear();
            recycled.extend_from_slice(&block[block.len().saturating_sub(DICTIONARY)..]);
            let (reply, answer) = sync_channel(1);
            let job = Job {
                block: std::mem::replace(&mut block, next),
                dictionary: std::mem::replace(&mut dictionary, recycled),
                last,
                output,
                reply,
            };
            jobs.send(job).ok().context("a compressing thread died")?;
            waiting.push_back(answer);
            if waiting.len() > 2 * threads {
                spare.extend(take(&mut waiting, sink)?);
            }
        }
        drop(jobs);
        while !waiting.is_empty() {
            take(&mut waiting, sink)?;
        }
        Ok(())
    })?;
    sink(&[crc.sum().to_le_bytes(), crc.amount().to_le_bytes()].concat())
}

/// The oldest block, when it is done.
fn take(waiting: &mut VecDeque<Receiver<std::io::Result<Finished>>>, sink: Sink<'_>) -> Result<Option<Finished>> {
    let Some(answer) = waiting.pop_front() else { return Ok(None) };
    let finished = answer.recv().context("a compressing thread died")?.context("compressing")?;
    sink(&finished.output)?;
    Ok(Some(finished))
}

fn work(todo: &Mutex<Receiver<Job>>, level: u32) {
    let mut compress = Compress::new(flate2::Compression::new(level.clamp(1, 9)), false);
    let mut stored = Compress::new(flate2::Compression::none(), false);
    let mut probe = Compress::new(flate2::Compression::fast(), false);
    loop {
        let job = match todo.lock() {
            Ok(todo) => todo.recv(),
            Err(_) => return,
        };
        let Ok(Job { block, dictionary, last, mut output, reply }) = job else { return };
        // What is compressed already costs most and gives nothing.
        let result = if is_noise(&mut probe, &block, &mut output) {
            deflate(&mut stored, &block, &[], last, &mut output)
        } else {
            deflate(&mut compress, &block, &dictionary, last, &mut output)
        };
        // Nobody waits any more when the sink has failed.
        let _ = reply.send(result.map(|()| Finished { block, dictionary, output }));
    }
}

/// Whether none of three samples of the block gets smaller.
fn is_noise(probe: &mut Compress, block: &[u8], scratch: &mut Vec<u8>) -> bool {
    const SAMPLE: usize = 8 << 10;
    if block.len() < 8 * SAMPLE {
        return false;
    }
    [0, block.len() / 2, block.len() - SAMPLE].into_iter().all(|at| {
        let sample = &block[at..at + SAMPLE];
        deflate(probe, sample, &[], true, scratch).is_ok() && scratch.len() > SAMPLE - SAMPLE / 64
    })
}

fn deflate(
    compress: &mut Compress,
    block: &[u8],
    dictionary: &[u8],
    last: bool,
    output: &mut Vec<u8>,
) -> std::io::Result<()> {
    compress.reset();
    if !dictionary.is_empty() {
        compress.set_dictionary(dictionary)?;
    }
    output.clear();
    let flush = if last { FlushCompress::Finish } else { FlushCompress::Sync };
    loop {
        let taken = usize::try_from(compress.total_in()).unwrap_or(block.len());
        output.reserve(64 << 10);
        let room = output.capacity() - output.len();
        let before = compress.total_out();
        let status = compress.compress_vec(&block[taken..], output, flush)?;
        let made = compress.total_out() - before;
        let all_in = compress.total_in() == block.len() as u64;
        if status == Status::StreamEnd || (!last && all_in && made < room as u64) {
            return Ok(());
        }
    }
}

/// zstd; its threads are its own.
pub fn zstd(input: &mut dyn Read, level: i32, threads: u32, sink: Sink<'_>) -> Result<()> {
    struct Writer<'a, 'b>(Sink<'a>, &'b mut Option<anyhow::Error>);
    impl Write for Writer<'_, '_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            match (self.0)(bytes) {
                Ok(()) => Ok(bytes.len()),
                Err(error) => {
                    *self.1 = Some(error);
                    Err(std::io::ErrorKind::BrokenPipe.into())
                }
            }
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut failure = None;
    let result = (|| -> Result<()> {
        let mut encoder = ::zstd::Encoder::new(Writer(sink, &mut failure), level)?;
        encoder.multithread(threads.max(1))?;
        let mut buffer = Vec::with_capacity(BLOCK);
        loop {
            fill(input, &mut buffer)?;
            if buffer.is_empty() {
                break;
            }
            encoder.write_all(&buffer)?;
        }
        encoder.finish()?;
        Ok(())
    })();
    match failure {
        Some(error) => Err(error),
        None => result.context("compressing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(length: usize) -> Vec<u8> {
        let mut state = 7u32;
        (0..length)
            .map(|index| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if index % 5 == 0 { (state >> 24) as u8 } else { (index / 97) as u8 }
            })
            .collect()
    }

    #[test]
    fn noise_is_stored_and_the_rest_is_not() {
        let mut state = 1u64;
        let mut input: Vec<u8> = (0..2 * BLOCK)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as u8
            })
            .collect();
        input.extend(sample(2 * BLOCK));
        let mut output = Vec::new();
        gzip(&mut &input[..], 6, 2, &mut |bytes| {
            output.extend_from_slice(bytes);
            Ok(())
        })
        .unwrap();
        assert!(output.len() > 2 * BLOCK && output.len() < 3 * BLOCK, "{}", output.len());
        let mut back = Vec::new();
        flate2::read::GzDecoder::new(&output[..]).read_to_end(&mut back).unwrap();
        assert!(back == input);
    }

    #[test]
    fn what_is_compressed_can_be_read_and_is_always_the_same() {
        for length in [0, 1, 100, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 17] {
            let input = sample(length);
            let mut results = Vec::new();
            for threads in [1, 2, 5] {
                let mut output = Vec::new();
                gzip(&mut &input[..], 6, threads, &mut |bytes| {
                    output.extend_from_slice(bytes);
                    Ok(())
                })
                .unwrap();
                let mut back = Vec::new();
                flate2::read::GzDecoder::new(&output[..]).read_to_end(&mut back).unwrap();
                assert!(back == input, "{length} bytes on {threads} threads");
                results.push(output);
            }
            assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
            let mut output = Vec::new();
            zstd(&mut &input[..], 3, 2, &mut |bytes| {
                output.extend_from_slice(bytes);
                Ok(())
            })
            .unwrap();
            assert!(::zstd::decode_all(&output[..]).unwrap() == input);
        }
    }

    #[test]
    fn a_sink_that_fails_ends_it() {
        let input = sample(20 * BLOCK);
        let mut calls = 0;
        let result = gzip(&mut &input[..], 1, 2, &mut |_| {
            calls += 1;
            if calls > 3 { anyhow::bail!("full") } else { Ok(()) }
        });
        assert_eq!(result.unwrap_err().to_string(), "full");
        assert!(zstd(&mut &input[..], 1, 1, &mut |_| anyhow::bail!("full")).is_err());
    }
}
