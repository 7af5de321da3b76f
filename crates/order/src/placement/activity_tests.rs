//! How an activity order is placed: rounds, refusals that are looked at twice, replays, both pay types.

use std::{sync::Arc, time::Duration};

use sluice_kernel::{CampaignId, Classified as _, Currency, FormField, Money, OrderKind, OrderNo, PayType, Points};

use crate::{
    CommitOutcome, OfferCard, OrderError, OrderService as _, OrderState, PlaceActivityOrder, Placed, Replay, ReserveAnswer,
    ShortLine, StockRefusal,
    fakes::{SKU, World, command, ends_at, found, offer, rules_of_store},
};

async fn place(world: &Arc<World>, command: PlaceActivityOrder) -> Result<Placed, OrderError> {
    world.service().place_activity(command).await
}

async fn refusal(world: &Arc<World>, command: PlaceActivityOrder) -> &'static str {
    place(world, command).await.unwrap_err().code()
}

fn world(mode: PayType) -> Arc<World> {
    Arc::new(World::new(mode))
}

#[tokio::test]
async fn rule_7_the_order_keeps_all_that_was_decided() {
    let world = world(PayType::Cash);
    let asked = PlaceActivityOrder {
        referrer: Some("store 1: promoter 7".to_owned()),
        own_form: Some("blue".to_owned()),
        ..command(PayType::Cash)
    };
    let placed = place(&world, asked.clone()).await.unwrap();
    let order = placed.order;
    assert_eq!(
        (order.terms.kind, order.state.clone(), order.terms.total),
        (OrderKind::Activity, OrderState::Unpaid, Money::new(3184, Currency::CNY))
    );
    assert_eq!((order.terms.points_total, order.terms.profit_total, order.terms.redirect_type.as_str()), (Points(0), 300, "1"));
    assert_eq!((order.terms.recipient.clone(), order.terms.referrer.clone()), (asked.recipient, asked.referrer));
    let part = order.terms.activity.clone().unwrap();
    // The campaign that runs, not the one that is over.
    assert_eq!((part.campaign_id, part.promoter.as_deref()), (Some(CampaignId(2)), Some("promoter 7")));
    assert_eq!((part.partner_unit_price, part.partner_total), (1990, 3980));
    assert_eq!((part.own_form.as_deref(), part.price.amount, part.points_price), (Some("blue"), 1990, Points(500)));
    assert_eq!(order.terms.children.len(), 1);
    assert_eq!((order.items[0].line.line_total, order.items[0].line.unit_points), (order.terms.total, Points(0)));
    let told = order.activity_fact().unwrap();
    assert_eq!((told.discount.as_str(), told.pay_type, told.unit_profit, told.total_profit), ("0.8", PayType::Cash, 150, 300));
    assert!(placed.payment.is_some() && !placed.replayed);
}

#[tokio::test]
async fn rule_9_an_order_in_points_begins_confirming_and_no_payment_is_prepared() {
    let world = world(PayType::Points);
    let placed = place(&world, command(PayType::Points)).await.unwrap();
    assert_eq!((placed.order.state.clone(), placed.payment), (OrderState::Confirming, None));
    assert_eq!((placed.order.terms.total, placed.order.terms.points_total), (Money::zero(Currency::CNY), Points(800)));
    assert_eq!(*world.prepared.lock().unwrap(), 0);
    assert!(world.written.lock().unwrap()[0].first_payment.is_none());

    // A replay shows it as it was answered first, whatever became of it.
    let paid = OrderState::Failed;
    *world.order.lock().unwrap() = Some(crate::Order { state: paid, ..placed.order.clone() });
    world.commits.lock().unwrap().push_back(CommitOutcome::Replayed(Replay { order_no: placed.order.order_no, same_body: true }));
    let again = place(&world, command(PayType::Points)).await.unwrap();
    assert_eq!((again.order, again.payment, again.replayed), (placed.order, None, true));
}

#[tokio::test]
async fn a_stale_look_that_says_no_is_looked_at_again() {
    let world = world(PayType::Cash);
    world.lookups.lock().unwrap().0.window = None;
    assert!(place(&world, command(PayType::Cash)).await.is_ok());
    assert_eq!(*world.forgotten.lock().unwrap(), 1);

    // What the fresh look says is told: the activity was stopped meanwhile.
    {
        let mut lookups = world.lookups.lock().unwrap();
        lookups.0.offer = None;
        lookups.1.window = None;
    }
    assert_eq!(refusal(&world, command(PayType::Cash)).await, "activity_not_found");
    assert_eq!(world.written.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_offer_that_changed_between_look_and_commit_is_priced_again() {
    let world = world(PayType::Cash);
    let mut dearer = offer(PayType::Cash);
    (dearer.shelf.price.amount, dearer.shelf.revision) = (2990, 4);
    world.lookups.lock().unwrap().1 = found(dearer);
    world.commits.lock().unwrap().push_back(CommitOutcome::Refused(StockRefusal::Outdated(vec![SKU])));
    let placed = place(&world, command(PayType::Cash)).await.unwrap();
    assert_eq!((placed.order.terms.total.amount, placed.order.items[0].line.revision), (4784, 4));

    // It ended meanwhile: the second look decides.
    world.lookups.lock().unwrap().1.window = None;
    world.commits.lock().unwrap().push_back(CommitOutcome::Refused(StockRefusal::Outdated(vec![SKU])));
    assert_eq!(refusal(&world, command(PayType::Cash)).await, "activity_not_found");
}

#[tokio::test]
async fn ids_that_cannot_be_ours_name_nothing() {
    let world = world(PayType::Cash);
    for activity in ["", "x", "01", "+1", "99999999999999999999", "2"] {
        let asked = PlaceActivityOrder { activity: activity.to_owned(), product: "x".to_owned(), ..command(PayType::Cash) };
        assert_eq!(refusal(&world, asked).await, "activity_not_found", "{activity}");
    }
    for product in ["", "x", "01001", "1002"] {
        let asked = PlaceActivityOrder { product: product.to_owned(), ..command(PayType::Cash) };
        assert_eq!(refusal(&world, asked.clone()).await, "product_not_in_activity", "{product}");
        world.clock.set(ends_at().plus(Duration::from_millis(1)));
        assert_eq!(refusal(&world, asked).await, "activity_not_running", "{product}");
        world.clock.set(crate::fakes::now());
    }
}

#[tokio::test]
async fn what_the_gate_refuses_has_its_own_code() {
    let world = world(PayType::Cash);
    for (answer, code) in [
        (StockRefusal::OffShelf(vec![SKU]), "product_not_in_activity"),
        (StockRefusal::OutsideWindow, "activity_not_running"),
        (StockRefusal::LimitReached, "redemption_limit_reached"),
        (StockRefusal::Short(vec![(SKU, 1)]), "insufficient_stock"),
    ] {
        world.commits.lock().unwrap().push_back(CommitOutcome::Refused(answer));
        let refused = place(&world, command(PayType::Cash)).await.unwrap_err();
        assert_eq!(refused.code(), code);
        if let OrderError::InsufficientStock { lines } = refused {
            assert_eq!(lines, [ShortLine { line: None, sku: SKU, usable: 1 }]);
        }
    }
}

#[tokio::test]
async fn a_refusal_is_only_told_where_the_key_has_no_order() {
    let world = world(PayType::Cash);
    let placed = place(&world, command(PayType::Cash)).await.unwrap();
    *world.order.lock().unwrap() = Some(placed.order.clone());
    *world.replay.lock().unwrap() = Some(Replay { order_no: placed.order.order_no, same_body: true });
    // The first tap took the limit; the second one hears of its order, not of the limit.
    world.commits.lock().unwrap().push_back(CommitOutcome::Refused(StockRefusal::LimitReached));
    let again = place(&world, command(PayType::Cash)).await.unwrap();
    assert_eq!((again.order.order_no, again.replayed), (placed.order.order_no, true));
    world.clock.set(ends_at().plus(Duration::from_secs(1)));
    assert!(place(&world, command(PayType::Cash)).await.unwrap().replayed);
    *world.replay.lock().unwrap() = Some(Replay { order_no: placed.order.order_no, same_body: false });
    assert_eq!(refusal(&world, command(PayType::Cash)).await, "idempotency_key_reused");
}

#[tokio::test]
async fn an_outside_gate_is_told_the_terms_and_gets_back_what_was_not_committed() {
    let mut world = World::new(PayType::Points);
    world.outside_gate = true;
    let special = rules_of_store(|store| store.special = true);
    let mut limited = OfferCard { most_units: Some(5), receiving_way: 2, ..offer(PayType::Points) };
    limited.shelf.form = [FormField::Tel].into();
    world.lookups.lock().unwrap().0 = crate::OfferLookup { store: special, ..found(limited) };
    let world = Arc::new(world);
    let placed = place(&world, command(PayType::Points)).await.unwrap();
    let terms = world.terms.lock().unwrap()[0].clone().unwrap();
    assert_eq!((terms.sku, terms.units, terms.most_orders, terms.most_units), (SKU, 2, Some(1), Some(5)));
    assert_eq!(terms.window, placed.order.terms.activity.as_ref().map(|part| part.window));
    assert_eq!(world.written.lock().unwrap()[0].reserved_in_epoch, Some(7));

    world.gate.lock().unwrap().push_back(ReserveAnswer::Refused(StockRefusal::LimitReached));
    assert_eq!(refusal(&world, command(PayType::Points)).await, "redemption_limit_reached");
    assert_eq!((world.written.lock().unwrap().len(), world.released.lock().unwrap().len()), (1, 0));

    // The key belongs to an earlier order: this reservation, and no other, is given back.
    *world.order.lock().unwrap() = Some(placed.order.clone());
    world.commits.lock().unwrap().push_back(CommitOutcome::Replayed(Replay { order_no: placed.order.order_no, same_body: true }));
    let again = place(&world, command(PayType::Points)).await.unwrap();
    assert_eq!(again.order.order_no, placed.order.order_no);
    let written = OrderNo::from_id(world.written.lock().unwrap()[1].order_no.id());
    assert_eq!(world.released.lock().unwrap().iter().map(|id| id.order).collect::<Vec<_>>(), [written]);
}
