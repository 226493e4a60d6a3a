//! How much memory the machine has left, and how much was used, where the system says so (Linux).

/// Less than this must not be left: the machine would begin to end programs.
const RESERVE: u64 = 256 << 20;

/// Whether the machine is about to run out of memory.
pub fn is_short() -> bool {
    left().is_some_and(|left| left < RESERVE)
}

/// How many bytes the machine can still give.
pub fn left() -> Option<u64> {
    field("/proc/meminfo", "MemAvailable:")
}

/// The most bytes that this program had at any moment.
pub fn peak() -> Option<u64> {
    field("/proc/self/status", "VmHWM:")
}

/// A field of one of the system's files, which are in kibibytes.
fn field(file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = value.trim().trim_end_matches("kB").trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_system_says_how_much_there_is_and_was() {
        let (left, peak) = (left().unwrap(), peak().unwrap());
        assert!(left > 0 && (1 << 20..1 << 40).contains(&peak), "{left} {peak}");
    }
}
