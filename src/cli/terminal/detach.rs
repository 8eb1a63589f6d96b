//! The keys that end an attachment: `ctrl-p,ctrl-q`, or what the user chose.

use crate::fault::Fault;

/// Looks for the sequence in what is typed. Pure: bytes in, bytes out.
#[derive(Debug, Clone, Default)]
pub struct DetachKeys {
    keys: Vec<u8>,
    /// How many of them were typed just now, and held back.
    seen: usize,
}

impl DetachKeys {
    /// `ctrl-p,ctrl-q`; letters; `ctrl-` and a letter or one of `@[\]^_`. Empty: no keys detach.
    pub fn parse(text: &str) -> Result<DetachKeys, Fault> {
        let mut keys = Vec::new();
        for word in text.split(',').filter(|_| !text.is_empty()) {
            let key = match word.as_bytes() {
                [key] => *key,
                [b'c', b't', b'r', b'l', b'-', key @ (b'a'..=b'z' | b'A'..=b'Z' | b'@' | b'['..=b'_')] => key & 0x1f,
                _ => return Err(Fault::invalid(format!("invalid detach keys ({text}): unknown key `{word}`"))),
            };
            keys.push(key);
        }
        Ok(DetachKeys { keys, seen: 0 })
    }

    /// The usual ones.
    pub fn usual() -> DetachKeys {
        DetachKeys { keys: vec![0x10, 0x11], seen: 0 }
    }

    /// What of `typed` goes on to the container; `true`: and then the user detached.
    pub fn filter(&mut self, typed: &[u8]) -> (Vec<u8>, bool) {
        if self.keys.is_empty() {
            return (typed.to_vec(), false);
        }
        let mut passed = Vec::with_capacity(typed.len());
        for byte in typed {
            if *byte != self.keys[self.seen] {
                passed.extend_from_slice(&self.keys[..self.seen]);
                self.seen = 0;
            }
            if *byte == self.keys[self.seen] {
                self.seen += 1;
                if self.seen == self.keys.len() {
                    self.seen = 0;
                    return (passed, true);
                }
            } else {
                passed.push(*byte);
            }
        }
        (passed, false)
    }

    /// Whether keys are held back that may be the beginning of the sequence.
    pub fn holds(&self) -> bool {
        self.seen > 0
    }

    /// They were not: what was held back.
    pub fn release(&mut self) -> Vec<u8> {
        self.keys[..std::mem::take(&mut self.seen)].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_parsed_as_dockers() {
        for (text, keys) in [
            ("ctrl-p,ctrl-q", vec![0x10, 0x11]),
            ("ctrl-@,a,Z", vec![0, b'a', b'Z']),
            ("ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_", vec![27, 28, 29, 30, 31]),
            ("", vec![]),
        ] {
            assert_eq!(DetachKeys::parse(text).unwrap().keys, keys, "{text}");
        }
        for text in ["ctrl-", "ctrl-1", "ab", "a,,b", "ctrl-pp"] {
            assert!(DetachKeys::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_sequence_is_found_wherever_it_is_cut() {
        for (chunks, passed, detached) in [
            (vec!["ab\x10\x11cd"], "ab", true),
            (vec!["ab\x10", "\x11"], "ab", true),
            (vec!["a\x10", "b"], "a\x10b", false),
            (vec!["\x10\x10\x11"], "\x10", true),
            (vec!["\x11\x10"], "\x11", false),
        ] {
            let mut keys = DetachKeys::usual();
            let mut all = Vec::new();
            let mut found = false;
            for chunk in &chunks {
                let (some, end) = keys.filter(chunk.as_bytes());
                all.extend(some);
                found |= end;
            }
            assert_eq!((all.as_slice(), found), (passed.as_bytes(), detached), "{chunks:?}");
        }
    }

    #[test]
    fn what_is_held_back_can_be_released() {
        let mut keys = DetachKeys::usual();
        assert_eq!(keys.filter(b"\x10"), (vec![], false));
        assert!(keys.holds());
        assert_eq!(keys.release(), b"\x10");
        assert!(!keys.holds());
    }
}
