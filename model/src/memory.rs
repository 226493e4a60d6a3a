//! The memory that the machine has left, and that the program used. Known on Linux only.

/// With less memory left, the operating system would begin to kill programs.
const RESERVE: u64 = 256 << 20;

/// Whether the machine is about to run out of memory.
pub fn is_short() -> bool {
    available().is_some_and(|available| available < RESERVE)
}

/// The bytes that the machine has left.
pub fn available() -> Option<u64> {
    field("/proc/meminfo", "MemAvailable:")
}

/// The most bytes that this program ever had.
pub fn peak() -> Option<u64> {
    field("/proc/self/status", "VmHWM:")
}

/// A field of one of the files in `/proc`, which count kibibytes; in bytes.
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
    fn the_available_memory_and_the_peak_are_known() {
        let (available, peak) = (available().unwrap(), peak().unwrap());
        assert!(available > 0 && (1 << 20..1 << 40).contains(&peak), "{available} {peak}");
    }
}
