//! A repair while events lag behind: it counts from orders and receipts, which do not lag, and corrects nothing wrongly.

use std::time::Duration;

use crate::floor;
use crate::world::{Profile, SOON};

#[tokio::test]
async fn a_repair_while_stock_sync_lags_corrects_nothing_wrongly() {
    let _floor = floor::among_others().await;
    let mut world = Profile::Redis.plan().start().await;
    let storefront = world.storefront();
    let product = storefront.add_product(10).await;
    world.workers[0].kill9();

    let buyer = storefront.somebody();
    let mut placed = Vec::new();
    for _ in 0..4 {
        placed.push(buyer.place(&[(&product.sku, 1)]).await.expect_status(201));
    }
    let _ = buyer.pay(&placed[0]).await.expect_status(200);
    let _ = buyer.cancel(&placed[1].order_no()).await.expect_status(200);
    // The gate hears of a cancellation after its commit; the database follows by messages, which nobody consumes.
    let ledger = sluice_testkit::wait_for("the gate hears of the cancellation", SOON, async || {
        let [gate, ledger] = storefront.staff().stock(&product.sku).await;
        (gate == [7, 3, 0, 10]).then_some(ledger)
    })
    .await;
    assert_eq!(ledger, [10, 0, 0, 10], "the database follows later");
    // It may say that movements wait; it must not make the gate's figures those of the rows that lag.
    let _ = world.run(&["reconcile", "--repair"]);
    // The API process adopts the gate that was counted anew; until then it is told to be closed.
    let refused = sluice_testkit::wait_for("the gate is open again", SOON, async || {
        let answer = buyer.place(&[(&product.sku, 8)]).await;
        (answer.status != 503).then_some(answer)
    })
    .await;
    assert_eq!((refused.status, refused.code()), (409, "insufficient_stock"), "{}", refused.body);
    let _ = buyer.place(&[(&product.sku, 7)]).await.expect_status(201);

    world.workers[0].restart().await;
    buyer.wait_for_status(&placed[0].order_no(), "paid", SOON).await;
    storefront.expect_stock(&product.sku, [0, 9, 1, 10]).await;
    world.reconciles_within(Duration::from_secs(30)).await;
}
