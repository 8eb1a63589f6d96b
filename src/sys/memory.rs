//! Memory that a small process doesn't want to keep.

/// Gives free memory of the heap back to the kernel.
pub fn trim() {
    // SAFETY: malloc_trim works on free blocks only.
    unsafe { libc::malloc_trim(0) };
}

/// Unmaps the pages of our own program that were needed once: what is needed again comes back from the page cache.
pub fn forget_program() {
    let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else { return };
    for (start, end) in program_text(&maps) {
        // SAFETY: private pages of a file, mapped read-only and executable, are never changed by us: dropping them
        // loses nothing, and the next access reads them from the file again.
        unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DONTNEED) };
    }
}

/// The ranges of executable, unwritable mappings of a file, from the text of a maps file.
fn program_text(maps: &str) -> Vec<(usize, usize)> {
    maps.lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let (range, access) = (words.next()?, words.next()?);
            let path = words.nth(3)?;
            let (start, end) = range.split_once('-')?;
            let range = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
            (access == "r-xp" && path.starts_with('/')).then_some(range)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unwritable_code_is_forgotten() {
        let maps = "00400000-00401000 r--p 00000000 08:01 1 /usr/bin/barge\n\
                    00401000-00500000 r-xp 00001000 08:01 1 /usr/bin/barge\n\
                    00500000-00501000 rw-p 00100000 08:01 1 /usr/bin/barge\n\
                    01000000-01021000 rw-p 00000000 00:00 0 [heap]\n\
                    7ffe00000000-7ffe00002000 r-xp 00000000 00:00 0 [vdso]\n";
        assert_eq!(program_text(maps), [(0x401000, 0x500000)]);
        trim();
        forget_program();
    }
}
