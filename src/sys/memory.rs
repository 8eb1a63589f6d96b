//! Memory that a small process doesn't want to keep.

/// Gives free memory of the heap back to the kernel.
pub fn trim() {
    // SAFETY: malloc_trim works on free blocks only.
    unsafe { libc::malloc_trim(0) };
}
