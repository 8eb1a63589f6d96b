//! Ethernet addresses.

use crate::fault::Fault;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Six bytes, written `02:42:0a:58:00:02`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// The one that belongs to an address: whoever gets the address next has it, too, so that neighbours' tables stay
    /// right.
    pub fn of(address: IpAddr) -> Mac {
        let last = match address {
            IpAddr::V4(address) => address.octets(),
            IpAddr::V6(address) => {
                let octets = address.octets();
                [octets[12], octets[13], octets[14], octets[15]]
            }
        };
        Mac([0x02, 0x42, last[0], last[1], last[2], last[3]])
    }
}

impl FromStr for Mac {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let bad = || Fault::invalid(format!("invalid MAC address {text:?}"));
        let parts: Vec<&str> = text.split([':', '-']).collect();
        let bytes: Vec<u8> = parts
            .iter()
            .map(|part| if part.len() == 2 { u8::from_str_radix(part, 16).map_err(|_| bad()) } else { Err(bad()) })
            .collect::<Result<_, _>>()?;
        let mac = Mac(bytes.try_into().map_err(|_| bad())?);
        // A group's address is nobody's own, and neither is the empty one.
        if mac.0[0] & 1 == 1 || mac.0 == [0; 6] { Err(bad()) } else { Ok(mac) }
    }
}

impl TryFrom<String> for Mac {
    type Error = Fault;
    fn try_from(text: String) -> Result<Self, Fault> {
        text.parse()
    }
}

impl From<Mac> for String {
    fn from(mac: Mac) -> String {
        mac.to_string()
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macs_are_six_bytes_of_one_host() {
        assert_eq!("02:42:0A:58:00:02".parse::<Mac>().unwrap().to_string(), "02:42:0a:58:00:02");
        for text in
            ["", "02:42:0a:58:00", "02:42:0a:58:00:02:03", "01:00:5e:00:00:01", "0:0:0:0:0:1", "00:00:00:00:00:00"]
        {
            assert!(text.parse::<Mac>().is_err(), "{text}");
        }
        assert_eq!(Mac::of("10.88.0.2".parse().unwrap()).to_string(), "02:42:0a:58:00:02");
    }
}
