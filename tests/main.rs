//! One test binary; a folder per noun, a file per verb. Every file must be listed here.
