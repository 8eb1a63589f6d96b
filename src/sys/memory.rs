//! Memory that a small process doesn't want to keep.

/// For a command that will soon have ended: memory is asked for in few large pieces, and not given back meanwhile.
pub fn expect_a_short_life() {
    // SAFETY: mallopt sets numbers of the allocator's.
    unsafe {
        libc::mallopt(libc::M_TOP_PAD, 512 << 10);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 4 << 20);
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20);
    }
}

/// Takes memory for the heap before there is work, and gives it back to the heap, not to the kernel.
pub fn warm(bytes: usize) {
    let pieces: Vec<Vec<u8>> = (0..bytes / PIECE).map(|_| vec![1; PIECE]).collect();
    std::hint::black_box(&pieces);
}

/// Less than what the allocator would get a mapping of its own for.
const PIECE: usize = 32 << 10;

/// Gives free memory of the heap back to the kernel.
pub fn trim() {
    // SAFETY: malloc_trim works on free blocks only.
    unsafe { libc::malloc_trim(0) };
}

/// Unmaps the pages of our own program that were needed once (what is needed again comes back from the page cache), and
/// those of the stack that are below what is in use.
pub fn forget_program() {
    let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else { return };
    for (start, end) in program(&maps) {
        // SAFETY: private pages of a file that we can't write to and never could are unchanged: dropping them loses
        // nothing, and the next access reads them from the file again.
        unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DONTNEED) };
    }
    let here = std::ptr::from_ref(&maps).addr();
    if let Some(start) = stack(&maps, here) {
        let end = (here - STACK_IN_USE) & !0xfff;
        // SAFETY: no frame lies that far below this one: the madvise below is the last call we make.
        unsafe { libc::madvise(start as *mut libc::c_void, end.saturating_sub(start), libc::MADV_DONTNEED) };
    }
}

/// More than the frames of the calls from here on take.
const STACK_IN_USE: usize = 16 * 1024;

/// The start of the mapping that holds `address`, if there is room below it.
fn stack(maps: &str, address: usize) -> Option<usize> {
    let (start, end) = maps.lines().filter(|line| line.ends_with("[stack]")).find_map(range)?;
    (start + STACK_IN_USE < address && address < end).then_some(start)
}

fn range(line: &str) -> Option<(usize, usize)> {
    let (start, end) = line.split_ascii_whitespace().next()?.split_once('-')?;
    Some((usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?))
}

/// The ranges of a program that can't be written to, from the text of a maps file. Not what the loader wrote to before
/// it was made unwritable ("relro"): that comes last before the writable data, from which a linker may keep it a page
/// apart.
fn program(maps: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut lines = maps.lines().peekable();
    while let Some(line) = lines.next() {
        let mut words = line.split_ascii_whitespace().skip(1);
        let (Some(access), Some(path)) = (words.next(), words.nth(3)) else { continue };
        let Some((start, end)) = range(line) else { continue };
        let before_data = lines.peek().is_some_and(|next| next.contains(" rw-p "));
        if path.starts_with('/') && (access == "r-xp" || (access == "r--p" && !before_data)) {
            found.push((start, end));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_never_written_is_forgotten() {
        let maps = "00200000-006c8000 r--p 00000000 fe:00 602 /usr/bin/barge\n\
                    006c8000-01626000 r-xp 004c7000 fe:00 602 /usr/bin/barge\n\
                    01626000-0162f000 r--p 01424000 fe:00 602 /usr/bin/barge\n\
                    0162f000-01633000 rw-p 0142c000 fe:00 602 /usr/bin/barge\n\
                    01633000-01639000 rw-p 00000000 00:00 0 \n\
                    23eb6000-23ed4000 rw-p 00000000 00:00 0 [heap]\n\
                    7fd34561e000-7fd345620000 r-xp 00000000 00:00 0 [vdso]\n\
                    7ffea2791000-7ffea27b4000 rw-p 00000000 00:00 0 [stack]\n";
        let code = [(0x200000, 0x6c8000), (0x6c8000, 0x1626000)];
        assert_eq!(program(maps), code);
        let apart = maps.replace("0162f000-01633000 rw-p", "01630000-01633000 rw-p");
        assert_eq!(program(&apart), code);
        assert_eq!(stack(maps, 0x7ffea27b0000), Some(0x7ffea2791000));
        assert_eq!(stack(maps, 0x7ffea2791800), None);
        assert_eq!(stack(maps, 0x1000), None);
        trim();
        forget_program();
    }
}
