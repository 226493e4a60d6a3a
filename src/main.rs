//! The `guest-access` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    guest_access::command::main()
}
