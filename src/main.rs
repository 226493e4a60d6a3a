//! The program `guest-access`. The crate [`guest_access`] has its parts.

use std::process::ExitCode;

fn main() -> ExitCode {
    guest_access::command::main()
}
