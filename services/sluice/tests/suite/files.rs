//! The embedded shop's files: a disk without room, a copy, a folder with odd characters.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use sluice_testkit::{Scratch, ShopProcess, unique_name, wait_for};

use crate::floor;
use crate::load::{Load, expect_everything_there, expect_only};
use crate::world::{EXECUTABLE, Profile, SOON, Storefront, succeed};

const UNITS: i64 = 10_000;
/// Room in bytes: for a few orders more, and for nothing at all.
const LITTLE_ROOM: u64 = 1 << 20;
const NO_ROOM: u64 = 4_096;

async fn place_one(storefront: &Storefront, sku: &str) -> sluice_testkit::Answer {
    storefront.somebody().place_body(&unique_name("key"), json!({"items": [{"sku_id": sku, "quantity": 1}]})).await
}

#[tokio::test]
async fn no_order_that_was_acknowledged_around_a_full_disk_is_lost() {
    let _floor = floor::alone().await;
    let mut world = Profile::Embedded.plan().room_may_end().start().await;
    let storefront = world.storefront();
    let skus = [storefront.add_product(UNITS).await.sku, storefront.add_product(UNITS).await.sku];
    let load = Load::start(std::slice::from_ref(&storefront), &skus, 8);
    load.more_orders(30).await;
    for _ in 0..2 {
        // Room runs out under load, then there is none at all, then there is room again.
        world.apis[0].limit_files(Some(LITTLE_ROOM));
        load.more_refusals(4).await;
        world.apis[0].limit_files(Some(NO_ROOM));
        load.more_refusals(8).await;
        let refused = place_one(&storefront, &skus[0]).await;
        assert_eq!((refused.status, refused.code()), (503, "unavailable"), "{}", refused.body);
        assert!(refused.header("retry-after").is_some());
        world.apis[0].limit_files(None);
        load.more_orders(20).await;
    }
    let sent = load.stop().await;
    expect_only(&sent, &[(503, "unavailable")]);
    // Whatever lies only in the process's own view of its file is gone now.
    world.apis[0].kill9();
    world.apis[0].restart().await;
    expect_everything_there(&sent, &world.storefront(), &skus, UNITS).await;
    world.reconciles_within(Duration::from_secs(30)).await;
    let letters = world.storefront().staff().get("/admin/dead-letters").await.expect_status(200);
    assert_eq!(letters.body["data"], json!([]), "a passing error is no reason to give an event up");
}

/// Every file of the folder with its bytes.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())).collect()
}

#[tokio::test]
async fn a_stopped_shop_is_one_whole_file_that_can_be_read_and_is_not_written() {
    let _floor = floor::among_others().await;
    let mut shop = ShopProcess::builder(EXECUTABLE).start().await;
    let storefront = Storefront { base: shop.base_url() };
    let buyer = storefront.somebody();
    let order = buyer.place(&[("1", 2)]).await.expect_status(201);
    let _ = buyer.pay(&order).await.expect_status(200);
    buyer.wait_for_status(&order.order_no(), "paid", SOON).await;
    assert!(shop.terminate().await.success());

    let folder = shop.data_dir();
    let left: Vec<String> = contents(&folder).into_keys().filter(|name| name.starts_with("sluice.db")).collect();
    assert_eq!(left, ["sluice.db"], "an orderly end leaves no log beside the file");
    let copy = Scratch::new();
    std::fs::copy(folder.join("sluice.db"), copy.path().join("sluice.db")).unwrap();
    read_only(copy.path(), true);
    let before = contents(copy.path());
    let looking = ShopProcess::builder(EXECUTABLE).without("auth.jwt_secret").without("pay.sandbox_secret").data_dir(copy.path());
    let told = succeed(&looking.run(&["trace", "order", &order.order_no()]));
    assert!(told.contains("now paid") && told.contains("sell 2 of SKU 1"), "{told}");
    succeed(&looking.run(&["trace", "sku", "1"]));
    succeed(&looking.run(&["reconcile"]));
    assert_eq!(contents(copy.path()), before, "what only looks writes nothing");
    read_only(copy.path(), false);
}

/// For a test that runs as root this changes nothing; then the folder's contents tell.
fn read_only(folder: &Path, read_only: bool) {
    use std::os::unix::fs::PermissionsExt as _;
    let (file, inside) = if read_only { (0o400, 0o500) } else { (0o600, 0o700) };
    std::fs::set_permissions(folder.join("sluice.db"), std::fs::Permissions::from_mode(file)).unwrap();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(inside)).unwrap();
}

#[tokio::test]
async fn the_data_folder_is_the_one_that_was_named_whatever_characters_it_has() {
    let _floor = floor::among_others().await;
    let scratch = Scratch::new();
    let folder = scratch.path().join("a%41?mode=memory#b");
    let shop = ShopProcess::builder(EXECUTABLE).data_dir(&folder).start().await;
    let storefront = Storefront { base: shop.base_url() };
    let order = storefront.somebody().place(&[("1", 1)]).await.expect_status(201);
    wait_for("the file is there", SOON, async || folder.join("sluice.db").exists().then_some(())).await;
    for name in contents(&folder).keys() {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = folder.join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} is for its owner alone, not {mode:o}");
    }
    let told = succeed(&shop.run(&["trace", "order", &order.order_no()]));
    assert!(told.contains("now unpaid"), "{told}");
    let elsewhere: Vec<String> = contents_of_parent(scratch.path());
    assert_eq!(elsewhere, ["a%41?mode=memory#b"], "no other folder or file was made");
}

fn contents_of_parent(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
