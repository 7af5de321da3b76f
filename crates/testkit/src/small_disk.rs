//! A disk that can be filled up and emptied: a file system in memory of a given size.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

const FILLER: &str = "filler";

/// Unmounted when dropped.
#[derive(Debug)]
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// `None` where this user may not mount.
    pub fn of_megabytes(megabytes: u32) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("disk-").tempdir().expect("a temporary folder can be made");
        let size = format!("size={megabytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self { folder })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes until nothing fits any more; answers how many bytes that took.
    pub fn fill(&self) -> usize {
        let mut filler = File::create(self.path().join(FILLER)).expect("a file can be made on the small disk");
        let mut written = 0;
        let mut piece = vec![0_u8; 1 << 20];
        while !piece.is_empty() {
            match filler.write(&piece) {
                Ok(bytes) if bytes > 0 => written += bytes,
                _ => piece.truncate(piece.len() / 2),
            }
        }
        written
    }

    /// Takes away what [`Self::fill`] wrote.
    pub fn empty(&self) {
        // There is none where it was never filled.
        std::fs::remove_file(self.path().join(FILLER)).ok();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: whoever still has a file open on it loses it with its end.
        Command::new("umount").arg("-l").arg(self.path()).status().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_full_until_it_is_emptied() {
        let Some(disk) = SmallDisk::of_megabytes(4) else {
            assert_ne!(std::fs::metadata("/proc/self").map(|own| std::os::unix::fs::MetadataExt::uid(&own)).ok(), None);
            return;
        };
        assert!(disk.fill() > 3 << 20);
        let refused = std::fs::write(disk.path().join("one"), [1; 4096]);
        assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
        disk.empty();
        std::fs::write(disk.path().join("one"), [1; 4096]).expect("there is room again");
    }
}
