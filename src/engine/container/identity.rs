//! Whether the process of a record still lives: by pid, start time and boot id, then held by pidfd.
