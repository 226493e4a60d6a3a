//! The `guest-access` command.

fn main() {}
