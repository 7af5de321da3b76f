//! The command line (README.md): one executable, `sluice` = `sluice serve`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use sluice_events::Topic;

/// An order backend for shops whose sales come in waves.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, about)]
pub struct Arguments {
    #[command(flatten)]
    pub common: Common,
    /// Without a command the shop is served.
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Args)]
pub struct Common {
    /// Folder of the embedded default: database file and generated secrets.
    #[arg(long, global = true, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// Settings file.
    #[arg(long, global = true, value_name = "FILE", default_value = "sluice.toml")]
    pub config: String,
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// API and workers in one process; the embedded default with demo data unless set otherwise.
    Serve,
    /// The REST API as a process of its own.
    Api,
    /// Consumers, relay and sweepers as a process of their own.
    Worker {
        /// Consume these topics alone.
        #[arg(long, value_delimiter = ',', value_name = "TOPIC,…", value_parser = topic)]
        only: Vec<Topic>,
    },
    /// Bring the schema up to date.
    Migrate,
    /// Load the demo data, or plain products for load tests.
    Seed {
        /// Make this many plain products instead of the demo data.
        #[arg(long, requires = "stock")]
        products: Option<u32>,
        /// Units of each plain product.
        #[arg(long)]
        stock: Option<i64>,
    },
    /// Print a JWT.
    Token {
        #[arg(long, default_value_t = 1)]
        store: i64,
        #[arg(long, default_value = "42")]
        user: String,
        #[arg(long, value_enum, default_value_t = RoleArgument::Customer)]
        role: RoleArgument,
        /// How long it is valid, for instance 1h.
        #[arg(long, default_value = "24h", value_parser = humantime::parse_duration)]
        ttl: std::time::Duration,
    },
    /// Sealed promotion parameters.
    Referrer {
        #[command(subcommand)]
        action: ReferrerArgument,
    },
    /// Everything that happened to an order or a SKU, from the database.
    Trace {
        #[command(subcommand)]
        what: TraceArgument,
    },
    /// Compare gate, ledger and orders; exit code 1 where they differ.
    Reconcile {
        /// Rebuild what can be derived: a gate outside the database from the orders.
        #[arg(long)]
        repair: bool,
    },
    /// Events that could not be handled.
    DeadLetters {
        #[command(subcommand)]
        action: DeadLetterArgument,
    },
    /// Check settings and try every part, and say what is wrong and what will hurt.
    Doctor {
        /// Whatever will hurt in production is an error: exit code 1.
        #[arg(long)]
        production: bool,
    },
    /// Settings.
    Config {
        #[command(subcommand)]
        action: ConfigArgument,
    },
    /// Print the OpenAPI document of the REST API.
    Openapi,
    /// Print the AsyncAPI document of the events.
    Asyncapi,
    /// Print a completion script.
    Completions { shell: Shell },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum RoleArgument {
    Customer,
    Staff,
}

#[derive(Debug, Subcommand)]
pub enum ReferrerArgument {
    /// Print a sealed promotion parameter, which orders of the store carry as `referrer`.
    Seal {
        #[arg(long)]
        store: i64,
        /// Whom it names; 1 to 64 characters.
        #[arg(long)]
        promoter: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum TraceArgument {
    /// By order number.
    Order { order_no: String },
    /// By SKU id.
    Sku { sku_id: i64 },
}

#[derive(Debug, Subcommand)]
pub enum DeadLetterArgument {
    /// Newest first.
    List {
        #[arg(value_parser = topic)]
        topic: Option<Topic>,
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// One, whole.
    Show { id: i64 },
    /// Have the consumer that failed try again: one by id, or all of a topic that are dead.
    Replay {
        #[arg(required_unless_present = "topic")]
        id: Option<i64>,
        #[arg(long, value_parser = topic, conflicts_with = "id")]
        topic: Option<Topic>,
    },
}

#[derive(Debug, Subcommand)]
pub enum ConfigArgument {
    /// The settings as they are in force, secrets hidden.
    Print,
}

fn topic(text: &str) -> Result<Topic, String> {
    Topic::parse(text).ok_or_else(|| {
        let known: Vec<&str> = Topic::ALL.iter().map(|topic| topic.name()).collect();
        format!("one of {}", known.join(", "))
    })
}
