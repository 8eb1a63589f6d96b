//! Who writes the files: whoever makes the records, or, while they come in floods, a thread beside it.

use super::file::{Cutter, Files, PIECE, Step};
use anyhow::Result;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

/// The files of a log, and who writes them.
pub(super) struct Hand {
    cutter: Cutter,
    writer: Writer,
    /// There is one processor only: a thread would take turns with us. Asked once.
    alone: Option<bool>,
}

enum Writer {
    Here(Files),
    Beside(Beside),
    /// Between the two.
    Nobody,
}

struct Beside {
    orders: SyncSender<Order>,
    spare: Receiver<Vec<u8>>,
    thread: JoinHandle<(Option<Files>, io::Result<()>)>,
}

enum Order {
    Append(Vec<u8>),
    Rotate,
}

/// Its frames are few and small.
const STACK: usize = 64 * 1024;

impl Hand {
    pub(super) fn open(path: &Path, max_size: u64, max_files: u32) -> Result<Hand> {
        let files = Files::open(path, max_files)?;
        Ok(Hand { cutter: Cutter::new(files.size(), max_size), writer: Writer::Here(files), alone: None })
    }

    /// Appends from the front of `records`, which end with a record's end; unless `all` are to go, what does not fill a
    /// piece stays, and must come back with more behind it. After a failure nothing of them is left.
    pub(super) fn append(&mut self, records: &mut Vec<u8>, all: bool) -> io::Result<()> {
        while !records.is_empty() {
            let step = self.cutter.next(records, all);
            let done = match (&mut self.writer, step) {
                (_, Step::Wait) => break,
                (Writer::Here(files), Step::Append(count)) => {
                    let appended = files.append(&records[..count]);
                    records.drain(..count);
                    appended
                }
                (Writer::Here(files), Step::Rotate) => files.rotate(),
                (Writer::Beside(beside), Step::Append(count)) => beside.append(records, count),
                (Writer::Beside(beside), Step::Rotate) => beside.order(Order::Rotate),
                (Writer::Nobody, _) => Err(io::Error::other("its files were lost")),
            };
            if let Err(error) = done {
                records.clear();
                if let Writer::Here(files) = &self.writer {
                    self.cutter.now(files.size());
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// From now on another thread writes, if there is a processor for it; until [`Hand::join`].
    pub(super) fn spread(&mut self) {
        let alone = || std::thread::available_parallelism().map_or(1, usize::from) < 2;
        if !matches!(self.writer, Writer::Here(_)) || *self.alone.get_or_insert_with(alone) {
            return;
        }
        // The files follow the thread: one that cannot be made must not take them along.
        let (hand_over, files) = sync_channel(1);
        let (orders, todo) = sync_channel(1);
        let (give_back, spare) = sync_channel(1);
        let work = move || write_beside(files.recv().ok(), &todo, &give_back);
        let Ok(thread) = Builder::new().stack_size(STACK).spawn(work) else { return };
        if let Writer::Here(files) = std::mem::replace(&mut self.writer, Writer::Nobody) {
            let _ = hand_over.send(files);
            self.writer = Writer::Beside(Beside { orders, spare, thread });
        }
    }

    /// Waits for the other thread, if there is one, to have written all and ended.
    pub(super) fn join(&mut self) -> io::Result<()> {
        let Beside { orders, thread, .. } = match std::mem::replace(&mut self.writer, Writer::Nobody) {
            Writer::Beside(beside) => beside,
            writer => {
                self.writer = writer;
                return Ok(());
            }
        };
        drop(orders);
        let lost = || io::Error::other("the thread that wrote it is gone");
        let (files, outcome) = thread.join().map_err(|_| lost())?;
        let files = files.ok_or_else(lost)?;
        if outcome.is_err() {
            self.cutter.now(files.size());
        }
        self.writer = Writer::Here(files);
        outcome
    }
}

impl Beside {
    fn order(&self, order: Order) -> io::Result<()> {
        self.orders.send(order).map_err(|_| io::Error::other("the thread that wrote it is gone"))
    }

    /// The front of `records` goes to the thread in their place in memory, for another that came back.
    fn append(&self, records: &mut Vec<u8>, count: usize) -> io::Result<()> {
        let mut rest = self.spare.try_recv().unwrap_or_else(|_| Vec::with_capacity(2 * PIECE as usize));
        rest.clear();
        rest.extend_from_slice(&records[count..]);
        records.truncate(count);
        self.order(Order::Append(std::mem::replace(records, rest)))
    }
}

/// What the thread does: everything that it is told to, up to the first failure, which it tells in the end.
fn write_beside(
    files: Option<Files>,
    todo: &Receiver<Order>,
    give_back: &SyncSender<Vec<u8>>,
) -> (Option<Files>, io::Result<()>) {
    let Some(mut files) = files else { return (None, Ok(())) };
    let mut outcome = Ok(());
    for order in todo {
        if outcome.is_ok() {
            outcome = match &order {
                Order::Append(bytes) => files.append(bytes),
                Order::Rotate => files.rotate(),
            };
        }
        if let Order::Append(bytes) = order {
            let _ = give_back.try_send(bytes);
        }
    }
    (Some(files), outcome)
}
