//! Money counts from the moment its notice is stored, not from the moment its event is consumed (S2 rule 8). Here no consumer of
//! `payment-settled` runs anywhere: what is stored for an order stays stored, as in an outage of the bus, or when a message is
//! lost.

use std::time::Duration;

use serde_json::json;
use sluice_testkit::{Answer, Kafka, ShopProcess, Shopper, unique_name, wait_for};
use tokio::sync::OnceCell;

use crate::floor;
use crate::shelf::Product;
use crate::world::{Profile, SOON, Storefront, World};

const WINDOW: &str = "4s";
/// Past every deadline of these orders, with what a sweeper may take on two busy cores.
const AFTER_THE_DEADLINE: Duration = Duration::from_secs(30);

/// A shop whose worker does not consume `payment-settled`.
struct Deaf {
    world: World,
    _worker: ShopProcess,
}

static MARIADB: OnceCell<Deaf> = OnceCell::const_new();
static REDIS: OnceCell<Deaf> = OnceCell::const_new();

async fn deaf(profile: Profile) -> &'static Deaf {
    let start = async || {
        let mut world = profile.plan().setting("order.payment_window", WINDOW).start().await;
        world.workers[0].kill9();
        let base = world.apis[0].base_url();
        let worker = world.settings.clone().setting("public_url", &base).setting("pay.sandbox_callback_url", &base);
        let worker = worker.arguments(&["worker", "--only", "order-created,stock-sync,auto-cancel"]).start().await;
        Deaf { world, _worker: worker }
    };
    let cell = if profile == Profile::Redis { &REDIS } else { &MARIADB };
    cell.get_or_init(start).await
}

/// The last unit, bought and paid; nobody has told the order.
async fn paid_and_untold(storefront: &Storefront) -> (Product, Shopper, Answer) {
    let product = storefront.add_product(1).await;
    let buyer = storefront.somebody();
    let order = buyer.place(&[(&product.sku, 1)]).await.expect_status(201);
    let _ = buyer.pay(&order).await.expect_status(200);
    (product, buyer, order)
}

async fn expect_unit_stays(storefront: &Storefront, product: &Product) {
    let other = storefront.somebody().place(&[(&product.sku, 1)]).await;
    assert_eq!((other.status, other.code()), (409, "insufficient_stock"), "the unit is paid: {}", other.body);
}

async fn its_buyer_does_not_cancel_an_order_whose_money_is_stored(deaf: &Deaf) {
    let storefront = deaf.world.storefront();
    let (product, buyer, order) = paid_and_untold(&storefront).await;
    let cancel = buyer.cancel(&order.order_no()).await;
    assert_eq!((cancel.status, cancel.code()), (409, "order_not_cancellable"), "{}", cancel.body);
    expect_unit_stays(&storefront, &product).await;
}

async fn staff_do_not_cancel_an_order_whose_money_is_stored(deaf: &Deaf) {
    let storefront = deaf.world.storefront();
    let (product, _, order) = paid_and_untold(&storefront).await;
    let cancel = storefront.staff().post(&format!("/admin/orders/{}/cancel", order.order_no()), json!({})).await;
    assert_eq!((cancel.status, cancel.code()), (409, "order_not_cancellable"), "{}", cancel.body);
    expect_unit_stays(&storefront, &product).await;
}

async fn no_second_payment_opens_for_an_order_whose_money_is_stored(deaf: &Deaf) {
    let storefront = deaf.world.storefront();
    let (_, buyer, order) = paid_and_untold(&storefront).await;
    let second = buyer.prepare_payment(&order.order_no()).await;
    assert_eq!((second.status, second.code()), (409, "payment_closed"), "{}", second.body);
}

/// Its event never comes: the order is paid all the same, its unit sold, and never was it given back in between.
async fn an_order_that_was_paid_in_time_is_not_cancelled_when_its_event_is_lost(deaf: &Deaf) {
    let storefront = deaf.world.storefront();
    let (product, buyer, order) = paid_and_untold(&storefront).await;
    buyer.wait_for_status(&order.order_no(), "paid", AFTER_THE_DEADLINE).await;
    storefront.expect_stock(&product.sku, [0, 0, 1, 1]).await;
    storefront.expect_trace_adds_up(&product.sku, &["adjust", "reserve", "sell"]).await;
}

async fn an_order_in_points_does_not_stay_confirming_when_its_event_is_lost(deaf: &Deaf) {
    let storefront = deaf.world.storefront();
    let offer = storefront.offer("points", json!({}), 3).await;
    let buyer = storefront.somebody_with_points(1, 10_000).await;
    let order = offer.take(&buyer, 1, "points").await.expect_status(201);
    buyer.wait_for_status(&order.order_no(), "paid", AFTER_THE_DEADLINE).await;
    storefront.expect_stock(&offer.sku, [2, 0, 1, 3]).await;
}

async fn a_refund_does_not_stay_unknown_to_its_order_when_its_event_is_lost(deaf: &Deaf) {
    let storefront = deaf.world.storefront();
    let (product, buyer, order) = paid_and_untold(&storefront).await;
    buyer.wait_for_status(&order.order_no(), "paid", AFTER_THE_DEADLINE).await;
    let path = format!("/admin/orders/{}/refunds", order.order_no());
    let body = json!({"reason": "came back", "restock": true});
    let _ = storefront.staff().post_with_key(&path, &unique_name("key"), body).await.expect_status(201);
    buyer.wait_for_status(&order.order_no(), "refunded", AFTER_THE_DEADLINE).await;
    storefront.expect_stock(&product.sku, [1, 0, 0, 1]).await;
}

macro_rules! on_both_gates {
    ($($case:ident),* $(,)?) => {
        on_both_gates!(@ mariadb MariaDb $($case)*);
        on_both_gates!(@ redis Redis $($case)*);
    };
    (@ $name:ident $profile:ident $($case:ident)*) => {
        mod $name {
            $(
                #[tokio::test]
                async fn $case() {
                    let _floor = $crate::floor::among_others().await;
                    super::$case(super::deaf($crate::world::Profile::$profile).await).await;
                }
            )*
        }
    };
}

on_both_gates!(
    its_buyer_does_not_cancel_an_order_whose_money_is_stored,
    staff_do_not_cancel_an_order_whose_money_is_stored,
    no_second_payment_opens_for_an_order_whose_money_is_stored,
    an_order_that_was_paid_in_time_is_not_cancelled_when_its_event_is_lost,
    an_order_in_points_does_not_stay_confirming_when_its_event_is_lost,
    a_refund_does_not_stay_unknown_to_its_order_when_its_event_is_lost,
);

/// The broker dies before the deadline and comes back after it; who paid in time has the goods.
#[tokio::test]
async fn an_order_that_was_paid_before_an_outage_of_the_bus_is_not_cancelled_in_it() {
    let _floor = floor::among_others().await;
    let kafka = Kafka::start().await;
    let plan = Profile::MariaDb.plan().setting("bus.url", kafka.url()).setting("order.payment_window", WINDOW);
    let world = plan.start().await;
    let storefront = world.storefront();
    let (paid_for, given_up) = (storefront.add_product(1).await, storefront.add_product(1).await);
    let buyer = storefront.somebody();
    kafka.kill().await;
    let order = buyer.place(&[(&paid_for.sku, 1)]).await.expect_status(201);
    let _ = buyer.pay(&order).await.expect_status(200);
    // Its neighbour says when the deadline has passed.
    let neighbour = buyer.place(&[(&given_up.sku, 1)]).await.expect_status(201);
    buyer.wait_for_status(&neighbour.order_no(), "cancelled", AFTER_THE_DEADLINE).await;
    wait_for("the order is paid while the bus is away", AFTER_THE_DEADLINE, async || {
        let seen = buyer.order(&order.order_no()).await.text("/status");
        assert!(matches!(seen.as_str(), "unpaid" | "paid"), "the order is {seen}");
        (seen == "paid").then_some(())
    })
    .await;
    kafka.restart().await;
    storefront.expect_stock_within(&paid_for.sku, [0, 0, 1, 1], SOON).await;
    storefront.expect_trace_adds_up(&paid_for.sku, &["adjust", "reserve", "sell"]).await;
}
