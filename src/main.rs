//! Picks a role from argv and exits with its code.
fn main() {
    std::process::exit(i32::from(barge::roles::main()));
}
