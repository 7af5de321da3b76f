//! A machine whose clock is wrong. A small library in C, built here, tells a process another time than it is.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use crate::scratch::Scratch;
use crate::shop::ShopBuilder;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/machine_clock.c");

/// Processes that were started with it see its time, and every change of it at once. Clones turn the same clock.
#[derive(Debug, Clone)]
pub struct MachineClock {
    folder: Arc<Scratch>,
}

impl MachineClock {
    /// Right, until it is set.
    pub fn right() -> Self {
        let clock = Self { folder: Arc::new(Scratch::new()) };
        clock.set_ahead(0);
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(clock.library()).arg(SOURCE);
        let output = compiler.output().expect("cc can be started (apt-get install build-essential)");
        assert!(output.status.success(), "{SOURCE}: {}", String::from_utf8_lossy(&output.stderr));
        clock
    }

    /// Seconds before the true time where negative.
    pub fn set_ahead(&self, seconds: i64) {
        // In place: the processes have the file mapped.
        let mut file = OpenOptions::new().create(true).write(true).truncate(false).open(self.file()).expect("the clock can be set");
        file.write_all(&seconds.to_ne_bytes()).expect("the clock can be set");
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("seconds-ahead")
    }

    fn library(&self) -> PathBuf {
        self.folder.path().join("machine_clock.so")
    }
}

impl ShopBuilder {
    /// The process sees this clock instead of the machine's.
    #[must_use]
    pub fn machine_clock(self, clock: &MachineClock) -> Self {
        self.variable("LD_PRELOAD", clock.library().display().to_string())
            .variable("MACHINE_CLOCK", clock.file().display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_sees_the_time_it_is_told_and_every_change() {
        let clock = MachineClock::right();
        let seen = || -> i64 {
            let mut date = Command::new("date");
            date.arg("+%s").env("LD_PRELOAD", clock.library()).env("MACHINE_CLOCK", clock.file());
            String::from_utf8_lossy(&date.output().unwrap().stdout).trim().parse().unwrap()
        };
        let right = seen();
        clock.set_ahead(3_600);
        assert!((3_600..3_660).contains(&(seen() - right)));
        clock.set_ahead(-600);
        assert!((-600..-540).contains(&(seen() - right)));
    }
}
