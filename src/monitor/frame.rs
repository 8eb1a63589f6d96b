//! The attach protocol: frames on a stream socket, both ways. Pure: bytes in, frames out.
//!
//! A frame is a kind (one byte), three zero bytes, a length (32 bits, big-endian) and so many bytes: for output that
//! is exactly the multiplexed stream of Docker's API.

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Bytes for standard input. To the monitor.
    Stdin = 0,
    /// Bytes from standard output, or from the terminal.
    Stdout = 1,
    /// Bytes from standard error.
    Stderr = 2,
    /// Standard input is at its end. To the monitor; no bytes.
    CloseStdin = 3,
    /// The client's terminal has another size: rows, columns, 16 bits each, big-endian. To the monitor.
    Resize = 4,
    /// A signal for the main process: one byte, its number. To the monitor.
    Signal = 5,
    /// First frame of a client: what it wants, one byte of [`WANT_OUTPUT`], [`WANT_STDIN`] … To the monitor.
    Hello = 6,
    /// The container has ended: the JSON of an exit record. From the monitor, last but all output.
    Exit = 7,
    /// The client that wanted to clean up has done so: no bytes, or [`REST_IS_YOURS`]. To the monitor.
    Cleaned = 8,
}

/// [`Kind::Hello`]: send output.
pub const WANT_OUTPUT: u8 = 1;
/// [`Kind::Hello`]: stdin frames may follow.
pub const WANT_STDIN: u8 = 2;
/// [`Kind::Hello`]: this client cleans up after the exit, unless it vanishes before it said [`Kind::Cleaned`].
pub const WANT_CLEANING: u8 = 4;
/// [`Kind::Hello`]: the writing end of a pipe comes along; standard output is to go there instead of into frames. The
/// monitor closes it when the container has ended.
pub const WANT_PIPE: u8 = 8;

/// [`Kind::Cleaned`]: nobody can find the container any more; its files are the monitor's to remove.
pub const REST_IS_YOURS: u8 = 1;

/// The length of a frame's head.
pub const HEAD: usize = 8;
/// No frame carries more bytes than this.
pub const MOST: usize = 64 * 1024;

impl Kind {
    /// The kind that a number means.
    pub fn from_number(number: u8) -> Option<Kind> {
        use Kind::*;
        [Stdin, Stdout, Stderr, CloseStdin, Resize, Signal, Hello, Exit, Cleaned]
            .into_iter()
            .find(|kind| *kind as u8 == number)
    }
}

/// The head of a frame of `length` bytes.
pub fn head(kind: Kind, length: usize) -> [u8; HEAD] {
    let length = (length as u32).to_be_bytes();
    [kind as u8, 0, 0, 0, length[0], length[1], length[2], length[3]]
}

/// A whole frame.
pub fn frame_bytes(kind: Kind, bytes: &[u8]) -> Vec<u8> {
    [&head(kind, bytes.len()), bytes].concat()
}

/// Reads a head: kind and length. `None`: not one of ours.
pub fn parse_head(head: &[u8; HEAD]) -> Option<(Kind, usize)> {
    let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
    let kind = Kind::from_number(head[0])?;
    (head[1..4] == [0, 0, 0] && length <= MOST).then_some((kind, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_round_trip() {
        for number in 0..=8 {
            let kind = Kind::from_number(number).unwrap();
            assert_eq!(parse_head(&head(kind, 77)), Some((kind, 77)));
        }
    }

    #[test]
    fn strange_heads_are_refused() {
        for strange in [[9, 0, 0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 1, 0, 0, 0]] {
            assert_eq!(parse_head(&strange), None, "{strange:?}");
        }
    }
}
