//! The activities of the demo and their offers (docs/demo.md).

use std::time::Duration;

use rust_decimal::Decimal;
use sluice_kernel::{ActivityId, Classified as _, ErrorKind, PortError, PortResult, ProductId, ReceivingWay, StoreId, Timestamp};
use sluice_promotion::{
    ActivityFields, Discount, Mode, NewActivity, NewOffer, OfferField, OfferGoods, OfferTerms, SalesStatus, Window,
};

use super::receive_stock;
use crate::{Shop, bridges::port_error};

const DAY: Duration = Duration::from_hours(24);
/// A demo runs as long as anybody tries it.
const TEN_YEARS: Duration = Duration::from_hours(24 * 3_653);
const STOCK: i64 = 100_000;

struct DemoActivity {
    id: i64,
    store: i64,
    title: &'static str,
    mode: Mode,
    over: bool,
}

const ACTIVITIES: [DemoActivity; 4] = [
    DemoActivity { id: 1, store: 1, title: "Ten o'clock sale", mode: Mode::Cash, over: false },
    DemoActivity { id: 2, store: 1, title: "Yesterday's sale", mode: Mode::Cash, over: true },
    DemoActivity { id: 3, store: 2, title: "Points redemption", mode: Mode::Points, over: false },
    DemoActivity { id: 4, store: 3, title: "Points without a ratio", mode: Mode::Points, over: false },
];

/// An offer that differs from the plain one in what is named.
struct DemoOffer {
    id: i64,
    activity: i64,
    store: i64,
    /// `None`: its activity's.
    mode: Option<Mode>,
    price: i64,
    points: i64,
    /// Tenths.
    discount: i64,
    sales_status: SalesStatus,
    receiving_way: u8,
    form: &'static [OfferField],
    stock: i64,
    per_user_limit: Option<i64>,
}

const CASH: DemoOffer = DemoOffer {
    id: 0,
    activity: 1,
    store: 1,
    mode: None,
    price: 1_990,
    points: 0,
    discount: 8,
    sales_status: SalesStatus::Promotion,
    receiving_way: 0,
    form: &[],
    stock: STOCK,
    per_user_limit: None,
};
const POINTS: DemoOffer = DemoOffer { activity: 3, store: 2, price: 0, points: 100, discount: 10, ..CASH };

const OFFERS: [DemoOffer; 12] = [
    DemoOffer { id: 1_001, ..CASH },
    DemoOffer { id: 1_002, mode: Some(Mode::Points), price: 0, points: 500, ..CASH },
    DemoOffer { id: 1_003, sales_status: SalesStatus::PlainSale, ..CASH },
    DemoOffer { id: 1_004, stock: 10, per_user_limit: Some(1), ..CASH },
    DemoOffer { id: 1_005, form: &[OfferField::OwnForm], ..CASH },
    DemoOffer { id: 2_001, receiving_way: 0, ..POINTS },
    DemoOffer { id: 2_002, receiving_way: 1, ..POINTS },
    DemoOffer { id: 2_003, receiving_way: 3, ..POINTS },
    DemoOffer { id: 2_004, receiving_way: 4, ..POINTS },
    DemoOffer { id: 2_005, receiving_way: 2, ..POINTS },
    DemoOffer { id: 2_006, mode: Some(Mode::Cash), price: 1_990, points: 0, receiving_way: 2, ..POINTS },
    DemoOffer { id: LAST_OFFER, activity: 4, store: 3, ..POINTS },
];

const LAST_OFFER: i64 = 3_001;
const LAST_STORE: StoreId = StoreId(3);

/// Activities 1 to 4 and their offers. Loading twice changes nothing.
pub(super) async fn load(shop: &Shop) -> PortResult<()> {
    let now = shop.clock.now();
    for activity in &ACTIVITIES {
        create_activity(shop, activity, now).await?;
    }
    for offer in &OFFERS {
        add_offer(shop, offer).await?;
        receive_stock(shop, StoreId(offer.store), offer.id, offer.stock).await?;
    }
    Ok(())
}

/// The last thing that [`load`] makes stands.
pub(super) async fn are_loaded(shop: &Shop) -> PortResult<bool> {
    exists(shop.promotion.offer(LAST_STORE, ProductId(LAST_OFFER)).await)
}

fn exists<T>(found: Result<T, sluice_promotion::PromotionError>) -> PortResult<bool> {
    match found {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(port_error("the activities", error)),
    }
}

async fn create_activity(shop: &Shop, activity: &DemoActivity, now: Timestamp) -> PortResult<()> {
    let store = StoreId(activity.store);
    if exists(shop.promotion.activity(store, ActivityId(activity.id)).await)? {
        return Ok(());
    }
    let window = if activity.over {
        Window { starts_at: now.minus(DAY * 3), ends_at: now.minus(DAY) }
    } else {
        Window { starts_at: now.minus(DAY), ends_at: now.plus(TEN_YEARS) }
    };
    let fields = ActivityFields { title: activity.title.to_owned(), window, mode: activity.mode };
    let new = NewActivity { id: Some(ActivityId(activity.id)), fields };
    shop.promotion.create_activity(store, new).await.map_err(|error| port_error("the activities", error))?;
    Ok(())
}

async fn add_offer(shop: &Shop, offer: &DemoOffer) -> PortResult<()> {
    let store = StoreId(offer.store);
    if exists(shop.promotion.offer(store, ProductId(offer.id)).await)? {
        return Ok(());
    }
    let discount = Discount::new(Decimal::new(offer.discount, 1));
    let terms = OfferTerms {
        mode: offer.mode,
        discount: discount.ok_or_else(|| PortError::internal("the demo's offers", "a discount outside (0, 1]"))?,
        sales_status: offer.sales_status,
        per_user_limit: offer.per_user_limit,
        deleted: false,
    };
    let receiving_way = ReceivingWay::new(offer.receiving_way.into());
    let n = offer.id;
    let goods = OfferGoods {
        title: format!("Offer {n}"),
        pictures: vec![format!("/pictures/{n}.png")],
        delivery_place: "1".to_owned(),
        receiving_way: receiving_way.ok_or_else(|| PortError::internal("the demo's offers", "a receiving way over 4"))?,
        customer_product_id: Some(format!("CP-{n}")),
        form: offer.form.to_vec(),
        code: format!("SKU-{n}"),
        spec: "standard".to_owned(),
        price: offer.price.into(),
        points: offer.points,
        allotable_profit: 150,
        supplier_price: 990,
    };
    let new = NewOffer { id: Some(n), goods, terms };
    let added = shop.promotion.add_offer(store, ActivityId(offer.activity), new).await;
    added.map_err(|error| port_error("the activities", error))?;
    Ok(())
}
