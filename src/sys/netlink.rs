//! Netlink: talking to the kernel's network configuration (links, addresses, routes) and to nf_tables.
//!
//! A [`Socket`] belongs to the network namespace of the thread that made it, for ever: one made inside another
//! namespace works there from anywhere. [`Batch`] writes messages, [`Socket::execute`] sends them in one datagram.

use super::path::check;
use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket};
use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Brings the loopback interface up; a new network namespace is born with it down.
pub fn loopback_up() -> io::Result<()> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    // SAFETY: `ifreq` is plain integers and bytes, for which zeros are valid.
    let mut request: libc::ifreq = unsafe { MaybeUninit::zeroed().assume_init() };
    request.ifr_name[0] = b'l' as libc::c_char;
    request.ifr_name[1] = b'o' as libc::c_char;
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: the request lives through the call.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &request) })
}

const HEADER: usize = 16;
const REQUEST: u16 = libc::NLM_F_REQUEST as u16;
const ACK: u16 = libc::NLM_F_ACK as u16;
const DUMP: u16 = libc::NLM_F_DUMP as u16;
const DONE: u16 = libc::NLMSG_DONE as u16;
const ERROR: u16 = libc::NLMSG_ERROR as u16;

/// Messages for one datagram.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    /// Where each message begins.
    starts: Vec<usize>,
    /// Where each attribute begins that is still open.
    open: Vec<usize>,
}

impl Batch {
    /// No messages.
    pub fn new() -> Self {
        Batch::default()
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// How many messages.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// How many bytes.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Begins a message; `fixed` is the struct that stands before the attributes.
    pub fn message(&mut self, kind: u16, flags: u16, fixed: &[u8]) -> &mut Self {
        self.finish();
        self.starts.push(self.bytes.len());
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(&(flags | REQUEST).to_ne_bytes());
        self.bytes.extend_from_slice(&[0; 8]);
        self.raw(fixed)
    }

    /// Bytes as they are, padded to four: a struct inside an attribute.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self
    }

    /// An attribute of bytes.
    pub fn put(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(&(value.len() as u16 + 4).to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.raw(value)
    }

    /// A text with its NUL.
    pub fn text(&mut self, kind: u16, text: &str) -> &mut Self {
        self.put(kind, &[text.as_bytes(), b"\0"].concat())
    }

    /// A number as this machine has it.
    pub fn u32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.put(kind, &value.to_ne_bytes())
    }

    /// A number in network order.
    pub fn be32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.put(kind, &value.to_be_bytes())
    }

    /// An attribute of attributes; [`Batch::end`] closes it.
    pub fn begin(&mut self, kind: u16) -> &mut Self {
        self.open.push(self.bytes.len());
        self.bytes.extend_from_slice(&[0; 2]);
        self.bytes.extend_from_slice(&(kind | libc::NLA_F_NESTED as u16).to_ne_bytes());
        self
    }

    /// Closes the innermost open attribute.
    pub fn end(&mut self) -> &mut Self {
        if let Some(start) = self.open.pop() {
            let length = (self.bytes.len() - start) as u16;
            self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        }
        self
    }

    /// Length of the attribute that is being written, for those that must not grow beyond 64 KiB.
    pub fn open_length(&self) -> usize {
        self.open.last().map_or(0, |start| self.bytes.len() - start)
    }

    fn finish(&mut self) {
        while !self.open.is_empty() {
            self.end();
        }
        if let Some(start) = self.starts.last().copied() {
            let length = (self.bytes.len() - start) as u32;
            self.bytes[start..start + 4].copy_from_slice(&length.to_ne_bytes());
        }
    }
}

/// The kernel refused a message.
#[derive(Debug)]
pub struct Refused {
    /// Which one of the batch; none when the batch as a whole could not be sent or answered.
    pub index: Option<usize>,
    /// Its error number.
    pub errno: i32,
    /// What the kernel says of it, if it says anything.
    pub words: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errno = nix::errno::Errno::from_raw(self.errno);
        f.write_str(&errno.desc().to_lowercase())?;
        if !self.words.is_empty() {
            write!(f, " ({})", self.words.trim_end_matches('.'))?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Refused { index: None, errno: error.raw_os_error().unwrap_or(libc::EIO), words: String::new() }
    }
}

impl From<nix::Error> for Refused {
    fn from(error: nix::Error) -> Self {
        Refused { index: None, errno: error as i32, words: String::new() }
    }
}

/// A netlink socket, of the namespace in which it was made.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Socket {
    /// For links, addresses, routes and rules.
    pub fn route() -> io::Result<Socket> {
        Socket::new(SockProtocol::NetlinkRoute)
    }

    /// For nf_tables and connection tracking.
    pub fn netfilter() -> io::Result<Socket> {
        Socket::new(SockProtocol::NetlinkNetFilter)
    }

    fn new(protocol: SockProtocol) -> io::Result<Socket> {
        let fd = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
        nix::sys::socket::bind(fd.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        for option in [libc::NETLINK_EXT_ACK, libc::NETLINK_CAP_ACK, libc::NETLINK_GET_STRICT_CHK] {
            let on: libc::c_int = 1;
            // SAFETY: the value is an int and outlives the call. Kernels that don't know an option refuse it, and
            // then answer in the older way, which is understood, too.
            unsafe {
                libc::setsockopt(
                    fd.as_raw_fd(),
                    libc::SOL_NETLINK,
                    option,
                    std::ptr::from_ref(&on).cast(),
                    size_of::<libc::c_int>() as libc::socklen_t,
                )
            };
        }
        Ok(Socket { fd, sequence: 1, buffer: Vec::new() })
    }

    /// Sends all messages at once and waits until the kernel has done them all, in order. The first refusal is the
    /// result; those after it were done nevertheless (not so in a transaction of nf_tables, which is all or nothing).
    pub fn execute(&mut self, batch: Batch) -> Result<(), Refused> {
        self.run(batch, true)
    }

    /// As [`Socket::execute`] for the transactions of nf_tables: only the last message but one is answered when all is
    /// well (the last one ends the batch).
    pub fn transact(&mut self, batch: Batch) -> Result<(), Refused> {
        self.run(batch, false)
    }

    fn run(&mut self, mut batch: Batch, each: bool) -> Result<(), Refused> {
        batch.finish();
        let count = batch.starts.len();
        if count == 0 {
            return Ok(());
        }
        let first = self.sequence;
        let answered = if each { count - 1 } else { count.saturating_sub(2) };
        for (index, start) in batch.starts.iter().enumerate() {
            let flags = &mut batch.bytes[start + 6..start + 8];
            if each || index == answered {
                let with_ack = u16::from_ne_bytes([flags[0], flags[1]]) | ACK;
                flags.copy_from_slice(&with_ack.to_ne_bytes());
            }
            let sequence = first.wrapping_add(index as u32);
            batch.bytes[start + 8..start + 12].copy_from_slice(&sequence.to_ne_bytes());
        }
        self.sequence = first.wrapping_add(count as u32).max(1);
        self.make_room(batch.bytes.len());
        self.send(&batch.bytes)?;
        let mut outcome = Ok(());
        loop {
            let length = self.receive()?;
            for message in messages(&self.buffer[..length]) {
                let index = message.sequence.wrapping_sub(first) as usize;
                if message.kind != ERROR || index >= count {
                    continue;
                }
                if let Some(refused) = message.error(index)
                    && outcome.is_ok()
                {
                    outcome = Err(refused);
                    // Nothing else is said when not even the beginning of a transaction was taken.
                    if index == 0 && !each {
                        return outcome;
                    }
                }
                if index == answered {
                    return outcome;
                }
            }
        }
    }

    /// Asks for something: hands every message of the answer to `each` (kind, bytes after the header).
    pub fn ask(&mut self, dump: bool, mut batch: Batch, mut each: impl FnMut(u16, &[u8])) -> Result<(), Refused> {
        batch.finish();
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1).max(1);
        let flags = if dump { DUMP } else { ACK } | u16::from_ne_bytes([batch.bytes[6], batch.bytes[7]]);
        batch.bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        batch.bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.send(&batch.bytes)?;
        loop {
            let length = self.receive()?;
            for message in messages(&self.buffer[..length]) {
                match message.kind {
                    _ if message.sequence != sequence => {}
                    DONE => return Ok(()),
                    ERROR => return message.error(0).map_or(Ok(()), Err),
                    kind => each(kind, message.payload),
                }
            }
        }
    }

    /// Large batches need a large buffer; root gets any, others what the host allows.
    fn make_room(&self, bytes: usize) {
        use nix::sys::socket::{setsockopt, sockopt};
        if bytes > 64 << 10 {
            let size = bytes + (64 << 10);
            if setsockopt(&self.fd, sockopt::SndBufForce, &size).is_err() {
                let _ = setsockopt(&self.fd, sockopt::SndBuf, &size);
            }
        }
    }

    fn send(&self, bytes: &[u8]) -> Result<(), Refused> {
        loop {
            match sendto(self.fd.as_raw_fd(), bytes, &NetlinkAddr::new(0, 0), MsgFlags::empty()) {
                Err(nix::Error::EINTR) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => return Ok(()),
            }
        }
    }

    fn receive(&mut self) -> Result<usize, Refused> {
        self.buffer.resize(64 << 10, 0);
        loop {
            match recv(self.fd.as_raw_fd(), &mut self.buffer, MsgFlags::empty()) {
                Err(nix::Error::EINTR) => {}
                Err(error) => return Err(error.into()),
                Ok(length) => return Ok(length),
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

struct Message<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    payload: &'a [u8],
}

impl Message<'_> {
    /// What an error message says; `None`: all is well.
    fn error(&self, index: usize) -> Option<Refused> {
        let errno = self.payload.first_chunk::<4>().map_or(-libc::EIO, |bytes| i32::from_ne_bytes(*bytes));
        if errno == 0 {
            return None;
        }
        // The header of what was refused follows, then, if flagged so, attributes of which the first is a text.
        let mut words = String::new();
        if self.flags & libc::NLM_F_ACK_TLVS as u16 != 0 {
            let copied = self.payload.get(4..8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_ne_bytes);
            let capped = self.flags & libc::NLM_F_CAPPED as u16 != 0;
            let skip = if capped { HEADER } else { (copied as usize).next_multiple_of(4) };
            for (kind, value) in attributes(self.payload.get(4 + skip..).unwrap_or_default()) {
                if kind == 1 {
                    words = String::from_utf8_lossy(value).trim_end_matches('\0').to_string();
                }
            }
        }
        Some(Refused { index: Some(index), errno: -errno, words })
    }
}

fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let header = bytes.first_chunk::<HEADER>()?;
        let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let message = Message {
            kind: u16::from_ne_bytes([header[4], header[5]]),
            flags: u16::from_ne_bytes([header[6], header[7]]),
            sequence: u32::from_ne_bytes([header[8], header[9], header[10], header[11]]),
            payload: bytes.get(HEADER..length)?,
        };
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

/// The attributes in `bytes`: kind (without flags) and value.
pub fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let header = bytes.first_chunk::<4>()?;
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let kind = u16::from_ne_bytes([header[2], header[3]]) & libc::NLA_TYPE_MASK as u16;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The value of the first attribute of a kind.
pub fn attribute(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
}

/// A text attribute's value without its NUL.
pub fn as_text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim_end_matches('\0').to_string()
}

/// A 32-bit attribute's value, as this machine has it.
pub fn as_u32(value: &[u8]) -> Option<u32> {
    value.first_chunk::<4>().map(|bytes| u32::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_written_and_read_with_their_padding() {
        let mut batch = Batch::new();
        batch.message(7, 0, &[1, 2, 3, 4, 5]).text(1, "ab").begin(2).u32(3, 9).put(4, &[7]).end();
        batch.message(8, 0, &[]).be32(1, 1);
        batch.finish();
        let found: Vec<_> = messages(&batch.bytes).collect();
        assert_eq!(found.iter().map(|message| message.kind).collect::<Vec<_>>(), [7, 8]);
        let body = &found[0].payload[8..];
        assert_eq!(attribute(body, 1).map(as_text).as_deref(), Some("ab"));
        let nest = attribute(body, 2).unwrap();
        assert_eq!(attribute(nest, 3).and_then(as_u32), Some(9));
        assert_eq!(attribute(nest, 4), Some(&[7][..]));
        assert_eq!(attribute(found[1].payload, 1), Some(&[0, 0, 0, 1][..]));
    }

    #[test]
    fn garbled_answers_end_the_reading() {
        for bytes in [&[0u8; 3][..], &[255; 20], &[4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
            assert_eq!(messages(bytes).count(), 0, "{bytes:?}");
        }
        for bytes in [&[1u8, 0, 0, 0][..], &[255, 255, 0, 0], &[3]] {
            assert_eq!(attributes(bytes).count(), 0, "{bytes:?}");
        }
    }

    #[test]
    fn the_kernel_answers() {
        let mut socket = Socket::route().unwrap();
        let mut batch = Batch::new();
        batch.message(libc::RTM_GETLINK, 0, &[0; 16]);
        let mut names = Vec::new();
        let each = |_, body: &[u8]| names.extend(attribute(&body[16..], libc::IFLA_IFNAME).map(as_text));
        socket.ask(true, batch, each).unwrap();
        assert!(names.contains(&"lo".to_string()), "{names:?}");
        let mut batch = Batch::new();
        batch.message(libc::RTM_GETLINK, 0, &[0; 16]).text(libc::IFLA_IFNAME, "nosuch0");
        let refused = socket.ask(false, batch, |_, _| {}).unwrap_err();
        assert_eq!(refused.errno, libc::ENODEV);
    }
}
