//! Looking at many bytes at once.

/// Where the first byte stands that does not stand for itself inside dockerd's JSON strings: control characters,
/// `"`, `\`, `<`, `>`, `&`, and whatever is not ASCII. The length of `bytes` if there is none.
pub fn json_plain(bytes: &[u8]) -> usize {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE2 is part of x86-64.
    return unsafe { sixteen::json_plain(bytes) };
    #[cfg(not(target_arch = "x86_64"))]
    one_by_one(bytes)
}

fn one_by_one(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !PLAIN[usize::from(*byte)]).unwrap_or(bytes.len())
}

/// Bytes that stand for themselves.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x80 {
        plain[byte] = !matches!(byte as u8, b'"' | b'\\' | b'<' | b'>' | b'&');
        byte += 1;
    }
    plain
};

#[cfg(target_arch = "x86_64")]
mod sixteen {
    use core::arch::x86_64::*;

    #[target_feature(enable = "sse2")]
    pub(super) fn json_plain(bytes: &[u8]) -> usize {
        let (blocks, rest) = bytes.as_chunks::<16>();
        for (index, block) in blocks.iter().enumerate() {
            let found = special(block);
            if found != 0 {
                return index * 16 + found.trailing_zeros() as usize;
            }
        }
        blocks.len() * 16 + super::one_by_one(rest)
    }

    /// A bit for each byte that is special.
    #[target_feature(enable = "sse2")]
    fn special(block: &[u8; 16]) -> u32 {
        let number = u128::from_le_bytes(*block);
        let bytes = _mm_set_epi64x((number >> 64) as i64, number as i64);
        // Signed: what is not ASCII is less, too.
        let controls = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
        // `"` and `&` differ in one bit, and so do `<` and `>`.
        let quotes = _mm_cmpeq_epi8(_mm_and_si128(bytes, _mm_set1_epi8(!0x04)), _mm_set1_epi8(0x22));
        let angles = _mm_cmpeq_epi8(_mm_and_si128(bytes, _mm_set1_epi8(!0x02)), _mm_set1_epi8(0x3c));
        let backslashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x5c));
        let any = _mm_or_si128(_mm_or_si128(controls, quotes), _mm_or_si128(angles, backslashes));
        _mm_movemask_epi8(any) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_at_a_time_find_what_one_by_one_finds() {
        for byte in 0..=255_u8 {
            for place in 0..40 {
                let mut bytes = *b"plain text, nothing special but the end!";
                bytes[place] = byte;
                // Something special behind it must not be found first.
                bytes[39] = if place == 39 { byte } else { b'\n' };
                for start in [0, 1, 7, place] {
                    assert_eq!(json_plain(&bytes[start..]), one_by_one(&bytes[start..]), "{byte:#x} at {place}");
                }
            }
        }
        assert_eq!([json_plain(b""), json_plain(b"a"), json_plain(&[b'x'; 64])], [0, 1, 64]);
    }
}
