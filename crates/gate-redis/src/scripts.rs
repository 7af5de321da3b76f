//! The scripts of one epoch. Their text names the epoch, so an old script's hash never runs a new one.

use std::collections::HashMap;

use deadpool_redis::redis::{self, Cmd};

/// Shape of keys and arguments. A process with a newer layout rebuilds the gate; an older one keeps out of it.
pub(crate) const LAYOUT: i64 = 3;

const STANDS: &str = include_str!("lua/stands.lua");

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    Admit,
    Reserve,
    Sell,
    Release,
    Restock,
    Adjust,
    Listing,
    Figures,
    Waiting,
    Confirm,
}

impl Op {
    pub(crate) const ALL: [Self; 10] = [
        Self::Admit,
        Self::Reserve,
        Self::Sell,
        Self::Release,
        Self::Restock,
        Self::Adjust,
        Self::Listing,
        Self::Figures,
        Self::Waiting,
        Self::Confirm,
    ];

    /// Where the gate's key holds the script's hash.
    pub(crate) fn field(self) -> String {
        format!("script:{}", self.name())
    }

    /// Names the call in metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Admit => "admit",
            Self::Reserve => "reserve",
            Self::Sell => "sell",
            Self::Release => "release",
            Self::Restock => "restock",
            Self::Adjust => "adjust",
            Self::Listing => "set_listing",
            Self::Figures => "figures",
            Self::Waiting => "unconfirmed",
            Self::Confirm => "confirm",
        }
    }

    /// Whether it looks through many reservations and is asked by nobody who places.
    pub(crate) fn is_long_work(self) -> bool {
        self == Self::Waiting
    }

    pub(crate) fn text(self, epoch: i64) -> String {
        let (head, body) = match self {
            Self::Admit => ("", include_str!("lua/admit.lua")),
            Self::Reserve => (STANDS, include_str!("lua/reserve.lua")),
            Self::Sell => (STANDS, include_str!("lua/sell.lua")),
            Self::Release => (STANDS, include_str!("lua/release.lua")),
            Self::Restock => (STANDS, include_str!("lua/restock.lua")),
            Self::Adjust => (STANDS, include_str!("lua/adjust.lua")),
            Self::Listing => (STANDS, include_str!("lua/listing.lua")),
            Self::Figures => (STANDS, include_str!("lua/figures.lua")),
            Self::Waiting => (STANDS, include_str!("lua/waiting.lua")),
            Self::Confirm => (STANDS, include_str!("lua/confirm.lua")),
        };
        format!("local EPOCH = '{epoch}'\n{head}{body}")
    }
}

/// The hashes under which an epoch's scripts are loaded.
#[derive(Debug)]
pub(crate) struct Scripts {
    pub(crate) epoch: i64,
    hashes: HashMap<Op, String>,
}

impl Scripts {
    /// Asks for the hashes in the order of [`Op::ALL`]; `None` where one is missing.
    pub(crate) fn find(epoch: i64, mut hash: impl FnMut(Op) -> Option<String>) -> Option<Self> {
        let mut hashes = HashMap::with_capacity(Op::ALL.len());
        for op in Op::ALL {
            hashes.insert(op, hash(op)?);
        }
        Some(Self { epoch, hashes })
    }

    /// A call of a script on these keys, without its arguments.
    pub(crate) fn call(&self, op: Op, keys: &[String]) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(self.hash(op)).arg(keys.len()).arg(keys);
        command
    }

    /// Lets the keys under `key` count, if `word` still stands there.
    pub(crate) fn admission(&self, key: &str, word: &str) -> Cmd {
        let mut command = self.call(Op::Admit, &[key.to_owned()]);
        command.arg(word);
        command
    }

    pub(crate) fn hash(&self, op: Op) -> &str {
        self.hashes.get(&op).map_or("", String::as_str)
    }

    pub(crate) fn hashes(&self) -> impl Iterator<Item = (Op, &str)> {
        self.hashes.iter().map(|(op, hash)| (*op, hash.as_str()))
    }
}
