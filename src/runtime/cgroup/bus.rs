//! As much D-Bus as talking to systemd takes: method calls, their answers, one signal. One socket, no thread.

use crate::fault::{Fault, Kind};
use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// systemd answers in milliseconds; a machine under load in seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// No message about a unit is longer.
const LONGEST: usize = 1 << 20;

/// A value of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Bool(bool),
    Text(String),
    Number(u64),
    Numbers(Vec<u32>),
}

/// An argument of a call.
#[derive(Debug, Clone)]
pub enum Argument<'a> {
    /// `s`
    Text(&'a str),
    /// `au`
    Numbers(&'a [u32]),
    /// `a(sv)`
    Properties(&'a [(&'a str, Value)]),
    /// `a(sa(sv))` of length 0.
    NoUnits,
}

impl Argument<'_> {
    fn signature(&self) -> &'static str {
        match self {
            Argument::Text(_) => "s",
            Argument::Numbers(_) => "au",
            Argument::Properties(_) => "a(sv)",
            Argument::NoUnits => "a(sa(sv))",
        }
    }
}

/// Bytes in D-Bus's form: little-endian, each value aligned to its size from the message's start.
#[derive(Debug, Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn align(&mut self, size: usize) {
        self.0.resize(self.0.len().next_multiple_of(size), 0);
    }

    fn number(&mut self, number: u32) {
        self.align(4);
        self.0.extend(number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u32);
        self.0.extend(text.as_bytes());
        self.0.push(0);
    }

    fn signature(&mut self, text: &str) {
        self.0.push(text.len() as u8);
        self.0.extend(text.as_bytes());
        self.0.push(0);
    }

    /// An array whose elements are aligned to `size`: its length counts from the first of them.
    fn array(&mut self, size: usize, elements: impl FnOnce(&mut Writer)) {
        self.number(0);
        let length = self.0.len() - 4;
        self.align(size);
        let start = self.0.len();
        elements(self);
        let count = (self.0.len() - start) as u32;
        self.0[length..length + 4].copy_from_slice(&count.to_le_bytes());
    }

    fn numbers(&mut self, numbers: &[u32]) {
        self.array(4, |writer| numbers.iter().for_each(|&number| writer.number(number)));
    }

    fn variant(&mut self, value: &Value) {
        match value {
            Value::Bool(value) => {
                self.signature("b");
                self.number(u32::from(*value));
            }
            Value::Text(text) => {
                self.signature("s");
                self.text(text);
            }
            Value::Number(number) => {
                self.signature("t");
                self.align(8);
                self.0.extend(number.to_le_bytes());
            }
            Value::Numbers(numbers) => {
                self.signature("au");
                self.numbers(numbers);
            }
        }
    }

    fn argument(&mut self, argument: &Argument<'_>) {
        match argument {
            Argument::Text(text) => self.text(text),
            Argument::Numbers(numbers) => self.numbers(numbers),
            Argument::Properties(properties) => self.array(8, |writer| {
                for (name, value) in *properties {
                    writer.align(8);
                    writer.text(name);
                    writer.variant(value);
                }
            }),
            Argument::NoUnits => self.array(8, |_| {}),
        }
    }
}

/// Where a method is.
#[derive(Debug, Clone, Copy)]
pub struct Method<'a> {
    pub service: &'a str,
    pub path: &'a str,
    pub interface: &'a str,
    pub name: &'a str,
}

/// The bytes of a method call.
fn call(serial: u32, method: Method<'_>, arguments: &[Argument<'_>]) -> Vec<u8> {
    let mut body = Writer::default();
    arguments.iter().for_each(|argument| body.argument(argument));
    let signature: String = arguments.iter().map(Argument::signature).collect();
    let mut message = Writer(vec![b'l', 1, 0, 1]);
    message.number(body.0.len() as u32);
    message.number(serial);
    message.array(8, |writer| {
        let fields =
            [(1, "o", method.path), (2, "s", method.interface), (3, "s", method.name), (6, "s", method.service)];
        for (code, kind, text) in fields {
            writer.align(8);
            writer.0.push(code);
            writer.signature(kind);
            writer.text(text);
        }
        if !signature.is_empty() {
            writer.align(8);
            writer.0.push(8);
            writer.signature("g");
            writer.signature(&signature);
        }
    });
    message.align(8);
    message.0.extend(body.0);
    message.0
}

/// Something that came: an answer, an error or a signal.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// 2: an answer, 3: an error, 4: a signal.
    pub kind: u8,
    /// The call that is answered.
    pub answers: u32,
    /// The error's name, or the signal's.
    pub name: String,
    /// The strings of its body, in order (paths and error texts among them); numbers are left out.
    pub texts: Vec<String>,
}

/// Bytes being read; everything is checked, nothing is trusted.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn align(&mut self, size: usize) {
        self.at = self.at.next_multiple_of(size);
    }

    fn byte(&mut self) -> Option<u8> {
        self.at += 1;
        self.bytes.get(self.at - 1).copied()
    }

    fn number(&mut self) -> Option<u32> {
        self.align(4);
        let bytes = self.bytes.get(self.at..self.at + 4)?;
        self.at += 4;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    }

    fn take(&mut self, length: usize) -> Option<String> {
        let bytes = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length + 1; // and the NUL
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    /// A value of one of the simple kinds; `None` also for what we never ask for.
    fn value(&mut self, kind: u8) -> Option<Option<String>> {
        match kind {
            b's' | b'o' => {
                let length = self.number()?;
                self.take(length as usize).map(Some)
            }
            b'g' => {
                let length = self.byte()?;
                self.take(length.into()).map(Some)
            }
            b'u' | b'i' | b'b' => self.number().map(|_| None),
            _ => None,
        }
    }
}

/// Reads a whole message: its fixed head, its fields, its body.
fn parse(bytes: &[u8]) -> Option<Message> {
    let mut reader = Reader { bytes, at: 12 };
    let mut message = Message { kind: *bytes.get(1)?, ..Message::default() };
    let end = reader.number()? as usize + reader.at;
    let mut signature = String::new();
    while reader.at < end {
        reader.align(8);
        let code = reader.byte()?;
        let length = reader.byte()?;
        let kind = reader.take(length.into())?;
        if kind == "u" {
            let number = reader.number()?;
            if code == 5 {
                message.answers = number;
            }
            continue;
        }
        let text = reader.value(*kind.as_bytes().first()?)??;
        match code {
            3 | 4 => message.name = text,
            8 => signature = text,
            _ => {}
        }
    }
    reader.align(8);
    for kind in signature.bytes() {
        match reader.value(kind) {
            Some(text) => message.texts.extend(text),
            None => break,
        }
    }
    Some(message)
}

/// A connection to a bus.
#[derive(Debug)]
pub struct Bus {
    stream: UnixStream,
    serial: u32,
}

impl Bus {
    /// Connects, proves who we are (the bus asks the kernel), and says hello.
    pub fn connect(path: &Path) -> Result<Bus> {
        let stream = UnixStream::connect(path).map_err(|error| {
            let errno = error.raw_os_error().unwrap_or(libc::EIO);
            let why = super::super::words::because(errno).to_lowercase();
            Fault::new(Kind::Unavailable, format!("talking to systemd by {}: {why}", path.display()))
        })?;
        stream.set_read_timeout(Some(PATIENCE)).context("setting a time limit")?;
        stream.set_write_timeout(Some(PATIENCE)).context("setting a time limit")?;
        let mut bus = Bus { stream, serial: 0 };
        // No uid is said: what it is outside of a user namespace we needn't know.
        bus.send(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n")?;
        if !bus.line()?.starts_with("DATA") || !bus.line()?.starts_with("OK ") {
            bail!("the bus at {} does not know us", path.display());
        }
        let own = "org.freedesktop.DBus";
        bus.call(Method { service: own, path: "/org/freedesktop/DBus", interface: own, name: "Hello" }, &[])?;
        Ok(bus)
    }

    /// Asks for the signals that `rule` matches.
    pub fn listen(&mut self, rule: &str) -> Result<()> {
        let own = "org.freedesktop.DBus";
        let method = Method { service: own, path: "/org/freedesktop/DBus", interface: own, name: "AddMatch" };
        self.call(method, &[Argument::Text(rule)]).map(drop)
    }

    /// Calls a method and waits for its answer; an error is a fault with the error's name as its hint.
    pub fn call(&mut self, method: Method<'_>, arguments: &[Argument<'_>]) -> Result<Message> {
        self.serial += 1;
        let serial = self.serial;
        self.send(&call(serial, method, arguments))?;
        loop {
            let message = self.receive()?;
            match message.kind {
                2 if message.answers == serial => return Ok(message),
                3 if message.answers == serial => return Err(Refused::of(method, message).into()),
                _ => {}
            }
        }
    }

    /// The next message, whatever it is.
    pub fn receive(&mut self) -> Result<Message> {
        let mut bytes = vec![0; 16];
        self.read(&mut bytes)?;
        let number = |at: usize| bytes[at..at + 4].iter().rev().fold(0, |all, &byte| all << 8 | usize::from(byte));
        let (body, fields) = (number(4), number(12));
        let length = 16usize.saturating_add(fields).next_multiple_of(8).saturating_add(body);
        if bytes[0] != b'l' || length > LONGEST {
            bail!("the bus sent something that is no message");
        }
        bytes.resize(length, 0);
        self.read(&mut bytes[16..])?;
        parse(&bytes).context("the bus sent something that is no message")
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).context("asking systemd")
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<()> {
        self.stream.read_exact(bytes).context("hearing from systemd")
    }

    /// A line of the introduction.
    fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            self.read(&mut byte)?;
            line.push(byte[0]);
            if line.len() > 1024 {
                bail!("the bus does not introduce itself");
            }
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_string())
    }
}

/// A method that answered with an error.
#[derive(Debug)]
pub struct Refused {
    /// `org.freedesktop.systemd1.UnitExists` …
    pub name: String,
    what: String,
}

impl Refused {
    fn of(method: Method<'_>, message: Message) -> Refused {
        let why = message.texts.into_iter().next().unwrap_or_else(|| message.name.clone());
        Refused { name: message.name, what: format!("systemd's {}: {}", method.name, why.trim_end_matches('.')) }
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
mod tests {
    use super::*;

    const METHOD: Method<'_> = Method { service: "a.b", path: "/a", interface: "a.c", name: "Do" };

    /// The form of the D-Bus specification, byte by byte where padding matters.
    #[test]
    fn a_call_is_aligned() {
        let properties =
            [("Delegate", Value::Bool(true)), ("Max", Value::Number(7)), ("PIDs", Value::Numbers(vec![3]))];
        let bytes = call(9, METHOD, &[Argument::Text("x"), Argument::Properties(&properties), Argument::NoUnits]);
        assert_eq!(&bytes[..4], b"l\x01\x00\x01");
        let body = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
        let fields = u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
        let start = (16 + fields).next_multiple_of(8);
        assert_eq!(start + body, bytes.len());
        let expected: &[u8] = b"\x01\0\0\0x\0\0\0\x48\0\0\0\0\0\0\0\
            \x08\0\0\0Delegate\0\x01b\0\x01\0\0\0\0\0\0\0\
            \x03\0\0\0Max\0\x01t\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\
            \x04\0\0\0PIDs\0\x02au\0\0\0\0\x04\0\0\0\x03\0\0\0\0\0\0\0\0\0\0\0";
        assert_eq!(&bytes[start..], expected);
        let signature = b"\x08\x01g\0\x0fsa(sv)a(sa(sv))\0";
        assert!(bytes[..start].windows(signature.len()).any(|window| window == signature));
    }

    /// An answer as a bus would send it: the same form as a call with other fields.
    fn message(kind: u8, fields: &[(u8, &str, Option<&str>)], signature: &str, body: Writer) -> Vec<u8> {
        let mut message = Writer(vec![b'l', kind, 0, 1]);
        message.number(body.0.len() as u32);
        message.number(77);
        message.array(8, |writer| {
            for (code, kind, text) in fields {
                writer.align(8);
                writer.0.push(*code);
                writer.signature(kind);
                match text {
                    Some(text) => writer.text(text),
                    None => writer.number(9),
                }
            }
            writer.align(8);
            writer.0.push(8);
            writer.signature("g");
            writer.signature(signature);
        });
        message.align(8);
        message.0.extend(body.0);
        message.0
    }

    #[test]
    fn answers_errors_and_signals_are_understood() {
        let mut body = Writer::default();
        body.number(5);
        ["/job/5", "web.scope", "done"].into_iter().for_each(|text| body.text(text));
        let fields = [(1, "o", Some("/a")), (2, "s", Some("a.c")), (3, "s", Some("JobRemoved"))];
        let signal = parse(&message(4, &fields, "uoss", body)).expect("a signal");
        assert_eq!((signal.kind, signal.name.as_str()), (4, "JobRemoved"));
        assert_eq!(signal.texts, ["/job/5", "web.scope", "done"]);
        let mut body = Writer::default();
        body.text("It exists.");
        let error = parse(&message(3, &[(4, "s", Some("x.UnitExists")), (5, "u", None)], "s", body)).expect("an error");
        assert_eq!((error.kind, error.answers, error.name.as_str()), (3, 9, "x.UnitExists"));
        assert_eq!(Refused::of(METHOD, error).to_string(), "systemd's Do: It exists");
    }

    #[test]
    fn what_is_cut_short_is_no_message() {
        let mut body = Writer::default();
        body.text("words");
        let whole = message(2, &[(5, "u", None)], "s", body);
        for length in 0..whole.len() - 8 {
            let cut = parse(&whole[..length]);
            assert!(cut.is_none_or(|message| message.texts.is_empty()), "{length}");
        }
    }
}
