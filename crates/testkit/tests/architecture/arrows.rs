//! Who may depend on whom, and which crate owns which technology.

use cargo_metadata::{DependencyKind, Package};

use crate::{WORKSPACE, assert_none};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    Kernel,
    Events,
    Context,
    Migrations,
    Adapter,
    App,
    /// The API and the worker.
    Service,
    /// The executable that puts the services behind one command line.
    Executable,
    /// Not part of the product: no crate may need it outside its tests.
    Tests,
}

/// Every crate of the workspace, without its `sluice-` before the name.
const LAYERS: [(Layer, &[&str]); 9] = [
    (Layer::Kernel, &["kernel"]),
    (Layer::Events, &["events"]),
    (Layer::Context, &["catalog", "cart", "inventory", "member", "order", "partner", "pay", "points", "promotion"]),
    (Layer::Migrations, &["migrations"]),
    (Layer::Adapter, &["storage-sql", "gate-redis", "messaging-kafka", "messaging-memory", "gateways"]),
    (Layer::App, &["app"]),
    (Layer::Service, &["api", "worker"]),
    (Layer::Executable, &["sluice"]),
    (Layer::Tests, &["testkit"]),
];

/// A technology stands in the crates named, and nowhere else, not even in a test.
const OWNERS: [(&[&str], &[&str]); 5] = [
    (&["sea-orm", "sqlx", "sqlx-core", "sqlx-mysql", "sqlx-sqlite"], &["storage-sql"]),
    (&["sea-orm-migration"], &["migrations"]),
    (&["rdkafka"], &["messaging-kafka"]),
    (&["deadpool-redis", "redis"], &["gate-redis"]),
    (&["actix-web", "actix-http", "actix-rt", "utoipa-actix-web", "utoipa-swagger-ui", "tracing-actix-web"], &["api"]),
];

fn layer(package: &str) -> Option<Layer> {
    let name = package.strip_prefix("sluice-").unwrap_or(package);
    LAYERS.iter().find(|(_, names)| names.contains(&name)).map(|(layer, _)| *layer)
}

/// What the product may use. Contexts know no other context and adapters no other adapter.
fn may_use(from: Layer, to: Layer) -> bool {
    match from {
        Layer::Kernel | Layer::Migrations => false,
        Layer::Events | Layer::Tests => to == Layer::Kernel,
        Layer::Context => matches!(to, Layer::Kernel | Layer::Events),
        Layer::Adapter => matches!(to, Layer::Kernel | Layer::Events | Layer::Context | Layer::Migrations),
        Layer::App => to < Layer::App,
        Layer::Service => matches!(to, Layer::Kernel | Layer::Events | Layer::Context | Layer::App),
        Layer::Executable => matches!(to, Layer::Kernel | Layer::Events | Layer::Context | Layer::App | Layer::Service),
    }
}

/// What tests may use besides: the test kit, the crate itself with other features, and a service beside the one that is
/// tested, as the executable runs them.
fn tests_may_use(from: Layer, to: Layer, itself: bool) -> bool {
    to == Layer::Tests || itself || (from == Layer::Service && to == Layer::Service)
}

fn is_ours(package: &str) -> bool {
    package == "sluice" || package.starts_with("sluice-")
}

fn members() -> Vec<&'static Package> {
    WORKSPACE.workspace_packages()
}

#[test]
fn every_crate_has_a_layer() {
    let homeless: Vec<String> =
        members().iter().filter(|package| layer(&package.name).is_none()).map(|package| package.name.to_string()).collect();
    assert_none("crates without a layer in architecture/arrows.rs", &homeless);
}

#[test]
fn dependencies_follow_the_arrows() {
    let mut offences = Vec::new();
    for package in members() {
        let Some(from) = layer(&package.name) else { continue };
        for dependency in package.dependencies.iter().filter(|dependency| is_ours(&dependency.name)) {
            let Some(to) = layer(&dependency.name) else { continue };
            let in_tests = dependency.kind == DependencyKind::Development;
            let itself = dependency.name == *package.name;
            let allowed = may_use(from, to) || (in_tests && tests_may_use(from, to, itself));
            if !allowed {
                offences.push(format!("{} ({from:?}) → {} ({to:?})", package.name, dependency.name));
            }
        }
    }
    assert_none("arrows that point the wrong way", &offences);
}

/// Only the storage adapter needs to know the schema's steps; the composition root may start them.
#[test]
fn migrations_serve_storage() {
    let offences: Vec<String> = members()
        .iter()
        .filter(|package| package.dependencies.iter().any(|dependency| dependency.name == "sluice-migrations"))
        .map(|package| package.name.to_string())
        .filter(|name| !["sluice-storage-sql", "sluice-app"].contains(&name.as_str()))
        .collect();
    assert_none("crates that reach for the migrations", &offences);
}

#[test]
fn a_technology_stands_in_its_own_crate() {
    let mut offences = Vec::new();
    for package in members() {
        let name = package.name.strip_prefix("sluice-").unwrap_or(&package.name);
        for (technologies, owners) in OWNERS {
            if owners.contains(&name) {
                continue;
            }
            for dependency in &package.dependencies {
                if technologies.contains(&dependency.name.as_str()) {
                    offences.push(format!("{} uses {}", package.name, dependency.name));
                }
            }
        }
    }
    assert_none("technologies outside their crate", &offences);
}

#[test]
fn the_table_of_arrows_forbids_what_matters() {
    assert!(!may_use(Layer::Context, Layer::Context));
    assert!(!may_use(Layer::Adapter, Layer::Adapter));
    assert!(!may_use(Layer::Service, Layer::Adapter));
    assert!(!may_use(Layer::App, Layer::Service));
    assert!(!may_use(Layer::App, Layer::Tests));
    assert!(may_use(Layer::App, Layer::Adapter));
}
