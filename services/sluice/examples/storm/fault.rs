//! What goes wrong, and with whom.

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Api(usize),
    Worker(usize),
    Database,
    Redis,
    Kafka,
}

impl Target {
    pub fn is_process(self) -> bool {
        matches!(self, Self::Api(_) | Self::Worker(_))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `kill -9`, and started again afterwards.
    Killed,
    /// SIGSTOP, and SIGCONT afterwards.
    Frozen,
    /// Not a byte can be written where its data is.
    DiskFull,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub target: Target,
    pub kind: Kind,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.target {
            Target::Api(number) => write!(f, "API process {}", number + 1)?,
            Target::Worker(number) => write!(f, "worker process {}", number + 1)?,
            Target::Database => write!(f, "the database")?,
            Target::Redis => write!(f, "Redis")?,
            Target::Kafka => write!(f, "Kafka")?,
        }
        f.write_str(match self.kind {
            Kind::Killed => " killed",
            Kind::Frozen => " frozen",
            Kind::DiskFull => " with a full disk",
        })
    }
}
