//! One process per SQLite folder: a lock file that names its holder.
//!
//! The lock is the kernel's (`flock`), so it goes with its process however that ends: a file left behind by a dead
//! process is taken over without further ado. The text in it only tells the second process who the first is.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
};

/// Why the folder could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error(
        "data directory `{}` is in use by another causeway process: {holder}; stop it, or take another `--data-dir`",
        folder.display()
    )]
    Held { folder: PathBuf, holder: String },
    #[error("cannot lock data directory `{}`: {error}; it must be writable by this user", folder.display())]
    Io {
        folder: PathBuf,
        error: std::io::Error,
    },
}

/// A locked folder; dropping it gives the folder free.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Locks `folder` for this process; `since` is a time for people, told to whoever comes second.
    ///
    /// # Errors
    /// [`LockError::Held`] when another process holds it, [`LockError::Io`] when the file cannot be written.
    pub fn take(folder: &Path, since: &str) -> Result<Self, LockError> {
        let io = |error| LockError::Io {
            folder: folder.to_owned(),
            error,
        };
        let path = folder.join("causeway.lock");
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held {
                    folder: folder.to_owned(),
                    holder: holder(&mut file),
                });
            }
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        let text = format!(
            "process {} on host {} since {since}\n",
            std::process::id(),
            host()
        );
        file.set_len(0)
            .and_then(|()| file.write_all(text.as_bytes()))
            .map_err(io)?;
        Ok(Self { _file: file })
    }
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

/// Returns what the holder wrote; it may be about to write it.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file
        .rewind()
        .and_then(|()| file.take(300).read_to_string(&mut text));
    match (read, text.trim()) {
        (Ok(_), known) if !known.is_empty() => known.to_owned(),
        _ => "one that is just starting".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let path =
            std::env::temp_dir().join(format!("causeway-lock-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn the_second_holder_is_refused_and_told_who_the_first_is() {
        let folder = folder("second");
        let first = FolderLock::take(&folder, "2026-01-01T00:00:00Z").unwrap();
        let refused = FolderLock::take(&folder, "later").unwrap_err().to_string();
        assert!(
            refused.contains(&format!("process {}", std::process::id())),
            "{refused}"
        );
        assert!(refused.contains("since 2026-01-01T00:00:00Z"), "{refused}");
        drop(first);
        FolderLock::take(&folder, "later").unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_left_behind_by_a_dead_process_is_taken_over() {
        let folder = folder("stale");
        std::fs::write(
            folder.join("causeway.lock"),
            "process 1 on host gone since long ago",
        )
        .unwrap();
        FolderLock::take(&folder, "now").unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_clear_refusal() {
        let refused = FolderLock::take(Path::new("/nonexistent/x"), "now").unwrap_err();
        assert!(refused.to_string().contains("/nonexistent/x"));
    }
}
