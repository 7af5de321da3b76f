//! The servers and processes of the storm: set up, broken, mended.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use sluice_testkit::{
    Database, Kafka, MariaDb, Redis, ShopBuilder, ShopProcess, Shopper, SmallDisk, token, unique_name, unique_prefix,
};

use crate::fault::{Fault, Kind, Target};
use crate::{Arguments, GateChoice};

/// Within which every API process sells again when a fault is over.
pub const BOUND: Duration = Duration::from_mins(1);
/// How long an order may stay unpaid: short, so that deadlines fall into faults.
pub const WINDOW: Duration = Duration::from_secs(20);
pub const UNITS: i64 = 1_000_000;
/// For MariaDB's files and its redo log, and for some minutes of orders.
const DATABASE_DISK: u32 = 700;
const EMBEDDED_DISK: u32 = 200;
const SKUS: usize = 6;

struct Servers {
    mariadb: MariaDb,
    redis: Option<Redis>,
    kafka: Kafka,
    database: Database,
}

pub struct Stage {
    apis: Vec<ShopProcess>,
    workers: Vec<ShopProcess>,
    servers: Option<Servers>,
    /// Where the database's files are; none where this user may not mount one.
    disk: Option<SmallDisk>,
    skus: Vec<String>,
}

pub fn describe(arguments: &Arguments) -> String {
    match (arguments.embedded, arguments.gate) {
        (true, _) => "one process on SQLite".to_owned(),
        (false, GateChoice::Database) => "two API and two worker processes on MariaDB and Kafka, stock in the database".to_owned(),
        (false, GateChoice::Redis) => "two API and two worker processes on MariaDB and Kafka, stock in Redis".to_owned(),
    }
}

fn executable(arguments: &Arguments) -> PathBuf {
    if let Some(named) = &arguments.executable {
        return named.clone();
    }
    // This program lies in TARGET/PROFILE/examples.
    let own = std::env::current_exe().expect("a program knows where it lies");
    let target = own.ancestors().nth(3).unwrap_or(Path::new("target"));
    let builds = ["release", "debug"].map(|profile| target.join(profile).join("sluice"));
    builds.into_iter().find(|build| build.exists()).expect("sluice was built: cargo build --release -p sluice")
}

impl Stage {
    pub async fn set(arguments: &Arguments) -> Self {
        let executable = executable(arguments);
        println!("storm: {}", executable.display());
        let settings = ShopProcess::builder(executable)
            .setting("order.payment_window", format!("{}s", WINDOW.as_secs()))
            .setting("limits.orders_per_second", "1000");
        let mut stage =
            if arguments.embedded { Self::embedded(settings).await } else { Self::apart(settings, arguments.gate).await };
        if stage.disk.is_none() {
            println!("storm: no file system can be mounted here, so no disk is filled");
        }
        stage.stock_up().await;
        stage
    }

    async fn embedded(settings: ShopBuilder) -> Self {
        let disk = SmallDisk::of_megabytes(EMBEDDED_DISK);
        let settings = match &disk {
            Some(disk) => settings.data_dir(disk.path().join("data")),
            None => settings,
        };
        Self { apis: vec![settings.start().await], workers: Vec::new(), servers: None, disk, skus: Vec::new() }
    }

    async fn apart(settings: ShopBuilder, gate: GateChoice) -> Self {
        let disk = SmallDisk::of_megabytes(DATABASE_DISK);
        let mariadb = match &disk {
            Some(disk) => MariaDb::start_on(disk).await,
            None => MariaDb::start().await,
        };
        let redis = if gate == GateChoice::Redis { Some(Redis::start().await) } else { None };
        let kafka = Kafka::start().await;
        let database = mariadb.fresh_database();
        let mut settings = settings
            .database(database.url())
            .bus(kafka.url())
            .setting("bus.topic_prefix", unique_prefix())
            .setting("bus.partitions", "3");
        if let Some(redis) = &redis {
            settings = settings.gate(redis.url()).setting("gate.key_prefix", format!("{}:", unique_name("gate")));
        }
        for command in [["migrate"], ["seed"]] {
            let output = settings.run(&command);
            assert!(output.status.success(), "sluice {command:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let mut apis = Vec::new();
        for _ in 0..2 {
            apis.push(settings.clone().arguments(&["api"]).start().await);
        }
        // A cashier's callback that was not taken is sent again by a worker, to an API process.
        let base = apis.first().expect("just started").base_url();
        let mut workers = Vec::new();
        for _ in 0..2 {
            let worker = settings.clone().setting("public_url", &base).setting("pay.sandbox_callback_url", &base);
            workers.push(worker.arguments(&["worker"]).start().await);
        }
        Self { apis, workers, servers: Some(Servers { mariadb, redis, kafka, database }), disk, skus: Vec::new() }
    }

    async fn stock_up(&mut self) {
        let staff = self.staff();
        for number in 0..SKUS {
            let product = json!({
                "title": format!("Umbrella {number}"), "pictures": ["/pictures/product.png"], "delivery_place": "1",
                "order_form_items": [], "listed": true,
                "skus": [{
                    "code": "U-1", "spec": "black", "price": {"amount": 1990, "currency": "CNY"}, "points": 5,
                    "allotable_profit": 150, "supplier_price": 990, "listed": true,
                }],
            });
            let made = staff.post("/admin/products", product).await.expect_status(201);
            let sku = made.text("/skus/0/sku_id");
            let delivery = json!({"delta": UNITS, "reason": "a delivery"});
            let path = format!("/admin/skus/{sku}/stock-adjustments");
            let _ = staff.post_with_key(&path, &unique_name("delivery"), delivery).await.expect_status(201);
            self.skus.push(sku);
        }
    }

    pub fn skus(&self) -> &[String] {
        &self.skus
    }

    pub fn bases(&self) -> Vec<String> {
        self.apis.iter().map(ShopProcess::base_url).collect()
    }

    fn first_base(&self) -> String {
        self.apis.first().expect("there is an API process").base_url()
    }

    pub fn staff(&self) -> Shopper {
        Shopper::new(&self.first_base(), token(1, "staff-1", "staff"))
    }

    pub fn customer(&self, user: &str) -> Shopper {
        Shopper::new(&self.first_base(), token(1, user, "customer"))
    }

    /// `None` for the embedded shop, whose file no client of ours reads.
    pub fn database(&self) -> Option<&Database> {
        self.servers.as_ref().map(|servers| &servers.database)
    }

    /// `sluice reconcile`: what it said, where it found something.
    pub fn reconcile(&self) -> Result<(), String> {
        let output = self.apis.first().expect("there is an API process").run(&["reconcile"]);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.success() { Ok(()) } else { Err(said) }
    }

    pub fn keep_logs(&self, folder: &Path) {
        std::fs::create_dir_all(folder).expect("the folder of the logs can be made");
        for (kind, processes) in [("api", &self.apis), ("worker", &self.workers)] {
            for (number, process) in processes.iter().enumerate() {
                let file = folder.join(format!("{kind}-{}.log", number + 1));
                std::fs::write(file, process.log()).expect("a log can be kept");
            }
        }
    }

    /// Every fault that can be had here, once.
    pub fn faults(&self) -> Vec<Fault> {
        let mut targets: Vec<Target> = (0..self.apis.len()).map(Target::Api).collect();
        targets.extend((0..self.workers.len()).map(Target::Worker));
        if let Some(servers) = &self.servers {
            targets.extend([Target::Database, Target::Kafka]);
            targets.extend(servers.redis.as_ref().map(|_| Target::Redis));
        }
        let each = |target: &Target| [Kind::Killed, Kind::Frozen].map(|kind| Fault { target: *target, kind });
        let mut faults: Vec<Fault> = targets.iter().flat_map(each).collect();
        if self.disk.is_some() {
            faults.push(Fault { target: Target::Database, kind: Kind::DiskFull });
        }
        faults
    }

    pub async fn begin(&mut self, fault: Fault) {
        match (fault.kind, fault.target) {
            (Kind::DiskFull, _) => {
                self.disk.as_ref().expect("only offered with a disk").fill();
            }
            (Kind::Killed, Target::Api(_) | Target::Worker(_)) => self.process(fault.target).kill9(),
            (Kind::Frozen, Target::Api(_) | Target::Worker(_)) => self.process(fault.target).pause(),
            (Kind::Killed, Target::Database) => self.servers().mariadb.kill().await,
            (Kind::Frozen, Target::Database) => self.servers().mariadb.pause(),
            (Kind::Killed, Target::Redis) => self.redis().kill().await,
            (Kind::Frozen, Target::Redis) => self.redis().pause(),
            (Kind::Killed, Target::Kafka) => self.servers().kafka.kill().await,
            (Kind::Frozen, Target::Kafka) => self.servers().kafka.pause(),
        }
    }

    pub async fn end(&mut self, fault: Fault) {
        match (fault.kind, fault.target) {
            (Kind::DiskFull, _) => {
                self.disk.as_ref().expect("only offered with a disk").empty();
                self.look_after_the_database().await;
            }
            (Kind::Killed, Target::Api(_) | Target::Worker(_)) => self.process(fault.target).restart().await,
            (Kind::Frozen, Target::Api(_) | Target::Worker(_)) => self.process(fault.target).resume(),
            (Kind::Killed, Target::Database) => self.servers().mariadb.restart().await,
            (Kind::Frozen, Target::Database) => self.servers().mariadb.resume(),
            (Kind::Killed, Target::Redis) => self.redis().restart().await,
            (Kind::Frozen, Target::Redis) => self.redis().resume(),
            (Kind::Killed, Target::Kafka) => self.servers().kafka.restart().await,
            (Kind::Frozen, Target::Kafka) => self.servers().kafka.resume(),
        }
    }

    /// A server that gave itself up for want of room is started again, as its operator would.
    async fn look_after_the_database(&mut self) {
        if let Some(servers) = &self.servers
            && !servers.mariadb.is_running()
        {
            println!("           MariaDB had ended by itself and is started again");
            servers.mariadb.restart().await;
        }
        for process in self.apis.iter_mut().chain(&mut self.workers) {
            if let Some(status) = process.exited() {
                println!("           a process had ended with {status} and is started again");
                process.restart().await;
            }
        }
    }

    /// How long after `over` each API process had taken an order of somebody new.
    pub async fn sells_again(&self, over: Instant) -> Option<Duration> {
        for base in self.bases() {
            let shopper = Shopper::new(&base, token(1, &unique_name("probe"), "customer"));
            let body = json!({"items": [{"sku_id": self.skus.first(), "quantity": 1}]}).to_string();
            let key = unique_name("probe");
            loop {
                let headers = [("Idempotency-Key", key.as_str())];
                let asking = shopper.try_send("POST", "/api/v1/orders", &headers, Some(body.clone()));
                if let Ok(Ok(answer)) = tokio::time::timeout(Duration::from_secs(10), asking).await
                    && answer.status == 201
                {
                    break;
                }
                if over.elapsed() > BOUND {
                    return None;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Some(over.elapsed())
    }

    fn process(&mut self, target: Target) -> &mut ShopProcess {
        let found = match target {
            Target::Api(number) => self.apis.get_mut(number),
            Target::Worker(number) => self.workers.get_mut(number),
            Target::Database | Target::Redis | Target::Kafka => None,
        };
        found.expect("only processes that were started are offered")
    }

    fn servers(&self) -> &Servers {
        self.servers.as_ref().expect("only servers that were started are offered")
    }

    fn redis(&self) -> &Redis {
        self.servers().redis.as_ref().expect("only offered with a Redis")
    }
}
