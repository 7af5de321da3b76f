//! A temporary folder that takes everything running in it along when it goes.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The longest system call that a process may be in when it is frozen.
const STANDSTILL: Duration = Duration::from_secs(10);

/// Waits for the end of its input, that is for the test process to drop it or to die in whatever way; then kills every
/// process whose working folder lies in the folder, and removes that.
const WARDEN: &str = r#"
read -r _
for process in /proc/[0-9]*; do
  case "$(readlink "$process/cwd" 2>/dev/null)/" in
    "$1"/*) kill -s KILL "${process#/proc/}" 2>/dev/null ;;
  esac
done
for _ in 1 2 3 4 5; do
  rm -rf -- "$1" 2>/dev/null && exit 0
  sleep 0.1
done
"#;

/// A folder of one test. Processes belong to it by their working folder.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    warden: Child,
    input: Option<ChildStdin>,
}

impl Scratch {
    pub fn new() -> Self {
        Self::of(tempfile::Builder::new().prefix("sluice-").tempdir().expect("a temporary folder can be made"))
    }

    /// A folder in memory, where the machine has one: flushes cost nothing. For tests that break no server and wait for
    /// many thousand commits.
    pub fn in_memory() -> Self {
        tempfile::Builder::new().prefix("sluice-").tempdir_in("/dev/shm").map_or_else(|_| Self::new(), Self::of)
    }

    /// A folder below another one.
    pub fn below(folder: &Path) -> Self {
        Self::of(tempfile::Builder::new().prefix("sluice-").tempdir_in(folder).expect("a folder can be made below it"))
    }

    fn of(folder: tempfile::TempDir) -> Self {
        let path = folder.keep().canonicalize().expect("the folder just made is there");
        let mut warden = Command::new("sh")
            .args(["-c", WARDEN, "warden"])
            .arg(&path)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0) // an interrupt from the terminal must not end it before its work
            .spawn()
            .expect("sh can be started");
        let input = warden.stdin.take();
        Self { path, warden, input }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.input = None;
        // The folder is cleared when this returns; a warden that is gone already has nothing to say.
        let _ = self.warden.wait();
    }
}

/// Sends a signal by name: `KILL`, `TERM`, `STOP`, `CONT`. False when there is no such process.
pub(crate) fn signal(process: u32, name: &str) -> bool {
    Command::new("sh")
        .args(["-c", r#"kill -s "$1" "$2""#, "signal", name, &process.to_string()])
        .stderr(Stdio::null())
        .status()
        .expect("sh can be started")
        .success()
}

/// SIGSTOP, and the standstill of every thread: one that was inside a system call goes on to its end first. False when
/// there is no such process.
pub(crate) fn freeze(process: u32) -> bool {
    let told = Instant::now();
    let found = signal(process, "STOP");
    while found && !stands_still(process) {
        assert!(told.elapsed() < STANDSTILL, "process {process} does not stand still");
        thread::yield_now();
    }
    found
}

fn stands_still(process: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{process}/task")) else { return true };
    threads.flatten().all(|thread| state(&thread.path()).is_none_or(|state| state == 'T'))
}

/// The letter of `/proc/…/stat`; `None` where the thread has ended.
fn state(folder: &Path) -> Option<char> {
    let stat = std::fs::read_to_string(folder.join("stat")).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}

/// Whether the process has ended with all its threads, so that its files and ports are free. Who has to collect it
/// does not matter.
pub(crate) fn is_gone(process: u32) -> bool {
    let folder = PathBuf::from(format!("/proc/{process}"));
    let Some(state) = state(&folder) else { return true };
    let threads = std::fs::read_dir(folder.join("task")).map_or(0, Iterator::count);
    state == 'Z' && threads <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_process_stands_still() {
        let mut child = Command::new("sleep").arg("600").spawn().expect("sleep can be started");
        assert!(!stands_still(child.id()));
        assert!(freeze(child.id()) && stands_still(child.id()));
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        assert!(!freeze(child.id()));
    }

    #[test]
    fn it_takes_its_processes_and_its_files_along() {
        let scratch = Scratch::new();
        let path = scratch.path().to_path_buf();
        let mut child = Command::new("sleep").arg("600").current_dir(&path).spawn().expect("sleep can be started");
        assert!(!is_gone(child.id()));
        drop(scratch);
        assert!(!path.exists());
        let status = child.wait().expect("the child can be waited for");
        assert!(!status.success(), "killed, not finished");
        assert!(is_gone(child.id()));
    }
}
