//! The shop as its operators run it, in the three profiles.
//!
//! Each profile has one shop that all ordinary tests share, every test with users and SKUs of its own; tests that
//! break or overload something plan a shop of their own.

use std::process::Output;
use std::time::Duration;

use sluice_testkit::{
    Database, Kafka, MachineClock, Redis, ShopBuilder, ShopProcess, Shopper, fresh_database, token, unique_name, unique_prefix,
    wait_for,
};
use tokio::sync::OnceCell;

/// The build under test. `SLUICE_TEST_EXECUTABLE`, said while the suite is compiled, names another one: a suite shows by it
/// that its tests fail on a build from before a fault was mended.
pub const EXECUTABLE: &str = match option_env!("SLUICE_TEST_EXECUTABLE") {
    Some(path) => path,
    None => env!("CARGO_BIN_EXE_sluice"),
};
/// The payment window of the hasty storefront.
pub const HASTY_WINDOW: Duration = Duration::from_secs(2);
/// How long effects that follow asynchronously may take on two busy cores.
pub const SOON: Duration = Duration::from_secs(15);

/// Which parts the shop is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// `sluice serve`: SQLite, database gate, bus inside the process.
    Embedded,
    /// MariaDB, database gate, Kafka; API and worker apart.
    MariaDb,
    /// MariaDB, Redis gate, Kafka; API and worker apart.
    Redis,
}

/// A shop to be started.
pub struct Plan {
    profile: Profile,
    processes: usize,
    settings: Vec<(&'static str, String)>,
    clock: Option<MachineClock>,
    room_may_end: bool,
}

/// A running shop.
pub struct World {
    pub profile: Profile,
    /// `serve`, or the API processes.
    pub apis: Vec<ShopProcess>,
    pub workers: Vec<ShopProcess>,
    /// An API process with a payment window of two seconds; embedded, a shop of its own.
    hasty: Option<ShopProcess>,
    /// What every process of this shop is set to.
    pub settings: ShopBuilder,
    /// Before its topics.
    pub topics: String,
    /// Dropped with the world.
    database: Option<Database>,
}

/// Where customers and staff of one process are served.
#[derive(Debug, Clone)]
pub struct Storefront {
    pub base: String,
}

static EMBEDDED: OnceCell<World> = OnceCell::const_new();
static MARIADB: OnceCell<World> = OnceCell::const_new();
static REDIS: OnceCell<World> = OnceCell::const_new();

impl Profile {
    /// The shop of this profile that tests share.
    pub async fn shared(self) -> &'static World {
        let cell = match self {
            Self::Embedded => &EMBEDDED,
            Self::MariaDb => &MARIADB,
            Self::Redis => &REDIS,
        };
        cell.get_or_init(async || self.plan().start().await.with_hasty().await).await
    }

    /// A shop of the test's own: one process of each kind, on the shared servers.
    pub fn plan(self) -> Plan {
        Plan { profile: self, processes: 1, settings: Vec::new(), clock: None, room_may_end: false }
    }
}

impl Plan {
    /// So many API processes and so many workers.
    pub fn processes(self, processes: usize) -> Self {
        Self { processes, ..self }
    }

    /// A setting of all processes; database, gate and bus too, for servers of the test's own.
    pub fn setting(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.settings.push((name, value.into()));
        self
    }

    /// All processes of the shop see this clock; servers see the true time.
    pub fn machine_clock(self, clock: &MachineClock) -> Self {
        Self { clock: Some(clock.clone()), ..self }
    }

    /// The test may take the room for files away.
    pub fn room_may_end(self) -> Self {
        Self { room_may_end: true, ..self }
    }

    fn sets(&self, name: &str) -> bool {
        self.settings.iter().any(|(known, _)| *known == name)
    }

    pub async fn start(self) -> World {
        let topics = unique_prefix();
        let mut settings = ShopProcess::builder(EXECUTABLE);
        if let Some(clock) = &self.clock {
            settings = settings.machine_clock(clock);
        }
        if self.room_may_end {
            settings = settings.room_may_end();
        }
        let mut database = None;
        if self.profile != Profile::Embedded {
            if !self.sets("database.url") {
                let fresh = fresh_database().await;
                settings = settings.database(fresh.url());
                database = Some(fresh);
            }
            if !self.sets("bus.url") {
                settings = settings.bus(Kafka::shared().await.url());
            }
            settings = settings.setting("bus.topic_prefix", &topics).setting("bus.partitions", "3");
        }
        if self.profile == Profile::Redis {
            if !self.sets("gate.url") {
                settings = settings.gate(Redis::shared().await.url());
            }
            settings = settings.setting("gate.key_prefix", format!("{}:", unique_name("gate")));
        }
        for (name, value) in &self.settings {
            settings = settings.setting(name, value);
        }
        let mut world =
            World { profile: self.profile, apis: Vec::new(), workers: Vec::new(), hasty: None, settings, topics, database };
        if self.profile == Profile::Embedded {
            world.apis.push(world.settings.clone().start().await);
            return world;
        }
        succeed(&world.settings.run(&["migrate"]));
        succeed(&world.settings.run(&["seed"]));
        for _ in 0..self.processes {
            world.apis.push(world.settings.clone().arguments(&["api"]).start().await);
        }
        for _ in 0..self.processes {
            world.add_worker().await;
        }
        world
    }
}

impl World {
    pub async fn add_worker(&mut self) {
        // The cashier's callbacks, also those a worker sends again, are answered by the first API process.
        let base = self.apis[0].base_url();
        let worker = self.settings.clone().setting("public_url", &base).setting("pay.sandbox_callback_url", &base);
        self.workers.push(worker.arguments(&["worker"]).start().await);
    }

    async fn with_hasty(mut self) -> Self {
        let window = humantime_seconds(HASTY_WINDOW);
        let hasty = self.settings.clone().setting("order.payment_window", window);
        let arguments = if self.profile == Profile::Embedded { ["serve"] } else { ["api"] };
        self.hasty = Some(hasty.arguments(&arguments).start().await);
        self
    }

    /// The first API process.
    pub fn storefront(&self) -> Storefront {
        self.storefront_at(0)
    }

    /// One of the API processes.
    pub fn storefront_at(&self, process: usize) -> Storefront {
        Storefront { base: self.apis[process].base_url() }
    }

    /// The storefront whose orders have two seconds to be paid.
    pub fn hasty(&self) -> Storefront {
        Storefront { base: self.hasty.as_ref().expect("the shared shops have a hasty storefront").base_url() }
    }

    /// Runs a command beside the processes, with their settings.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.apis[0].run(arguments)
    }

    /// What a command prints; it must succeed.
    pub fn printed(&self, arguments: &[&str]) -> String {
        succeed(&self.run(arguments))
    }

    /// The code that was sent to the phone last, from the log of the process that sent it.
    pub async fn code_sent_to(&self, phone: &str) -> String {
        wait_for(&format!("a code is sent to {phone}"), SOON, async || {
            let logs = self.apis.iter().map(ShopProcess::log);
            logs.filter_map(|log| last_code(&log, phone)).next_back()
        })
        .await
    }

    /// Asks `sluice reconcile` until gate, ledger and orders agree.
    pub async fn reconciles_within(&self, within: Duration) {
        let deadline = std::time::Instant::now() + within;
        loop {
            let output = self.run(&["reconcile"]);
            if output.status.success() {
                return;
            }
            let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(std::time::Instant::now() < deadline, "after {within:?} gate, ledger and orders still differ:\n{said}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Shows the ends of the processes' logs, for a test that failed.
    pub fn tell_logs(&self) {
        for (kind, process) in self.apis.iter().map(|api| ("api", api)).chain(self.workers.iter().map(|worker| ("worker", worker)))
        {
            let log = process.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("--- last lines of the {kind}'s log ---");
            for line in &lines[lines.len().saturating_sub(80)..] {
                eprintln!("{line}");
            }
        }
    }

    /// The database of a shop on MariaDB.
    pub fn database(&self) -> &Database {
        self.database.as_ref().expect("this shop has a database on the shared server")
    }
}

impl Storefront {
    /// A customer of store 1 whom nobody has seen before.
    pub fn somebody(&self) -> Shopper {
        self.customer(1, &unique_name("buyer"))
    }

    pub fn customer(&self, store: i64, user: &str) -> Shopper {
        Shopper::new(&self.base, token(store, user, "customer"))
    }

    /// Staff of store 1.
    pub fn staff(&self) -> Shopper {
        self.staff_of(1)
    }

    pub fn staff_of(&self, store: i64) -> Shopper {
        Shopper::new(&self.base, token(store, "staff-1", "staff"))
    }

    /// Somebody without a token.
    pub fn nobody(&self) -> Shopper {
        Shopper::nobody(&self.base)
    }
}

/// Standard output of a command that must succeed.
pub fn succeed(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {out}{err}", output.status);
    out.into_owned()
}

/// The one line with which a command must have refused; its exit code is not 0.
pub fn refusal(output: &Output) -> String {
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && output.status.code().is_some(), "{}: {err}", output.status);
    let lines: Vec<&str> = err.lines().filter(|line| !line.trim().is_empty()).collect();
    assert_eq!(lines.len(), 1, "one clear line, not: {err}");
    assert!(!err.contains("panicked"), "{err}");
    lines[0].to_owned()
}

fn humantime_seconds(span: Duration) -> String {
    format!("{}s", span.as_secs())
}

/// A line of the readable log names its fields as `name=value`, in quotes or not.
fn last_code(log: &str, phone: &str) -> Option<String> {
    let field = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!("{name}="))?;
        Some(rest.trim_start_matches('"').split(['"', ' ']).next()?.to_owned())
    };
    let of_phone = |line: &&str| field(line, "verification.phone").as_deref() == Some(phone);
    field(log.lines().rev().find(of_phone)?, "verification.code")
}
