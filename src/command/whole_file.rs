//! Writes a file whole or not at all.
//!
//! A full disk or the end of the program must not cost the file that was there before: a baseline has
//! reasons that people wrote. So the text is written to a new file beside the old one, which then takes
//! its place.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes the text to the file at `path`, which keeps its permissions. Where no file can be made beside
/// the path, or the path is a device or a pipe, the text goes to the path itself.
///
/// # Errors
/// If the text cannot be written. Then a file at `path` has the same content as before, unless the text
/// went to the path itself.
pub(super) fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    // A link stays a link.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let before = fs::metadata(&target).ok();
    if before.as_ref().is_some_and(|before| !before.is_file()) {
        return fs::write(path, text);
    }
    // A file that may not be changed is not replaced either.
    if before.is_some() {
        File::options().append(true).open(&target)?;
    }
    let Some(beside) = beside(&target) else { return fs::write(path, text) };
    let Ok(file) = File::create_new(&beside) else { return fs::write(path, text) };
    let written = fill(file, text, before.as_ref()).and_then(|()| fs::rename(&beside, &target));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

fn fill(mut file: File, text: &[u8], before: Option<&fs::Metadata>) -> io::Result<()> {
    file.write_all(text)?;
    if let Some(before) = before {
        file.set_permissions(before.permissions())?;
    }
    file.sync_all()
}

/// The path of the new file. Two runs at once have different paths.
fn beside(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_string_lossy();
    Some(path.with_file_name(format!(".{name}.{}.new", std::process::id())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_stays_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known.toml");
        for text in ["one", "another"] {
            write(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(write(&folder.path().join("none/known.toml"), b"").is_err());
        write(Path::new("/dev/null"), b"text").unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_permissions_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&path, "before").unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        symlink(&path, &link).unwrap();
        write(&link, b"after").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "after");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }
}
