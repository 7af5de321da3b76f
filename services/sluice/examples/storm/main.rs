//! A shop in a storm: customers order, pay and cancel while processes and servers are killed, frozen and run out of disk, one
//! after the other and sometimes two at once; then quiet, and the proof that nothing was lost, doubled or left over.
//!
//! `just storm --minutes 10 --seed 7 --gate redis`, or `--embedded`. Prints how long each recovery took and a last line; exits
//! with 1 where anything contradicts. The same seed gives the same faults in the same order.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a program for people at a terminal, on real servers")]

mod aftermath;
mod crowd;
mod fault;
mod stage;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use sluice_testkit::storm::{Dice, Purchase};

use crate::crowd::Crowd;
use crate::stage::Stage;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GateChoice {
    Database,
    Redis,
}

#[derive(Debug, Parser)]
#[command(name = "storm", about = "Mixed faults on real servers, and whether the shop kept its promises")]
pub struct Arguments {
    /// How long faults go on.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Instead of minutes.
    #[arg(long)]
    seconds: Option<u64>,
    /// Decides faults and customers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, value_enum, default_value_t = GateChoice::Redis)]
    gate: GateChoice,
    /// One process on SQLite instead of two API and two worker processes on MariaDB and Kafka.
    #[arg(long)]
    embedded: bool,
    /// Customers at the same time.
    #[arg(long, default_value_t = 16)]
    customers: u64,
    /// The program under test; otherwise the release build, or the debug build where there is none.
    #[arg(long)]
    executable: Option<PathBuf>,
    /// A folder that takes the processes' logs where something contradicts.
    #[arg(long)]
    logs: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // What cannot be started or does not come back panics with a clear sentence.
    let local = tokio::task::LocalSet::new();
    match local.run_until(async { tokio::task::spawn_local(run(arguments)).await }).await {
        Ok(wrong) if wrong.is_empty() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(broken) => {
            println!("BROKEN OFF: {broken}");
            ExitCode::FAILURE
        }
    }
}

/// Every violation, as it was printed.
async fn run(arguments: Arguments) -> Vec<String> {
    let length = Duration::from_secs(arguments.seconds.unwrap_or(arguments.minutes.saturating_mul(60)));
    println!("storm: {} s, seed {}, {}", length.as_secs(), arguments.seed, stage::describe(&arguments));
    let mut dice = Dice::of(arguments.seed);
    let mut stage = Stage::set(&arguments).await;
    let began = Instant::now();
    let crowd = Crowd::gather(&stage, arguments.customers, &mut dice);
    let mut wrong = rage(&mut stage, &mut dice, began, length).await;
    println!("{:>6.1} s  quiet: customers finish what they began", began.elapsed().as_secs_f64());
    let purchases = crowd.go_home().await;
    wrong.extend(aftermath::contradictions(&stage, &purchases).await);
    for line in &wrong {
        println!("VIOLATION  {line}");
    }
    if let (false, Some(folder)) = (wrong.is_empty(), &arguments.logs) {
        stage.keep_logs(folder);
    }
    println!("{}", last_line(&arguments, &purchases, wrong.len(), began));
    wrong
}

/// Applies faults until the time is over; answers what did not come back within its bound.
async fn rage(stage: &mut Stage, dice: &mut Dice, began: Instant, length: Duration) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut waiting = Vec::new();
    while began.elapsed() < length {
        tokio::time::sleep(Duration::from_millis(1_000 + dice.below(2_000))).await;
        let mut together = Vec::new();
        for _ in 0..=u64::from(dice.below(4) == 0) {
            if waiting.is_empty() {
                waiting = stage.faults();
                dice.shuffle(&mut waiting);
            }
            // Two faults of one target at once are one.
            if let Some(fault) = waiting.pop()
                && !together.iter().any(|other: &fault::Fault| other.target == fault.target)
            {
                together.push(fault);
            }
        }
        let span = Duration::from_millis(1_000 + dice.below(5_000));
        let names: Vec<String> = together.iter().map(ToString::to_string).collect();
        for fault in &together {
            stage.begin(*fault).await;
        }
        tokio::time::sleep(span).await;
        let mending = Instant::now();
        // Servers first: processes ask for them when they start.
        together.sort_by_key(|fault| fault.target.is_process());
        for fault in &together {
            stage.end(*fault).await;
        }
        let over = Instant::now();
        let recovered = stage.sells_again(over).await;
        let took = recovered.map_or_else(|| "NOT within its bound".to_owned(), |took| format!("after {:.1} s", took.as_secs_f64()));
        println!(
            "{:>6.1} s  {} for {:.1} s, mended in {:.1} s: every API process sells again {took}",
            began.elapsed().as_secs_f64(),
            names.join(" and "),
            span.as_secs_f64(),
            over.duration_since(mending).as_secs_f64()
        );
        if recovered.is_none() {
            wrong.push(format!("after {} the shop did not sell again within {} s", names.join(" and "), stage::BOUND.as_secs()));
        }
    }
    wrong
}

fn last_line(arguments: &Arguments, purchases: &[Purchase], violations: usize, began: Instant) -> String {
    use sluice_testkit::storm::{Afterwards, Told};
    let count = |wanted: fn(&&Purchase) -> bool| purchases.iter().filter(wanted).count();
    let placed = count(|purchase| matches!(purchase.told, Told::Placed(_)));
    let paid = count(|purchase| purchase.afterwards == Afterwards::Paid);
    let cancelled = count(|purchase| purchase.afterwards == Afterwards::Cancelled);
    let word = if violations == 0 { "STOOD" } else { "BROKE" };
    format!(
        "{word}: {placed} orders acknowledged, {paid} paid, {cancelled} cancelled by their customers, {violations} violations, in {} s \
         (seed {})",
        began.elapsed().as_secs(),
        arguments.seed
    )
}
