//! Activities and their products as customers and as staff see them, campaigns and redemptions.

use std::collections::HashMap;

use serde::{Serialize, Serializer};
use sluice_catalog::{FormField, SkuCard};
use sluice_inventory::Figures;
use sluice_kernel::{ActivityId, CampaignId, Money, OrderNo, Points, ProductId, SkuId, Timestamp, UserId};
use sluice_promotion::{Activity, ActivityOffers, Campaign, Discount, Mode, Offer, Redemption};
use utoipa::ToSchema;

use crate::responses::{shape, words};

/// A discount as a JSON number; four decimal places survive it.
fn number<S: Serializer>(discount: &Discount, serializer: S) -> Result<S::Ok, S::Error> {
    match discount.to_string().parse::<f64>() {
        Ok(number) => serializer.serialize_f64(number),
        Err(error) => Err(serde::ser::Error::custom(error)),
    }
}

/// A running or coming promotion with its products.
#[derive(Serialize, ToSchema)]
pub struct ActivityAnswer {
    pub id: ActivityId,
    pub title: String,
    /// Included, as the end is.
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub status: words::ActivityStatus,
    pub products: Vec<OfferAnswer>,
}

/// A product of an activity.
#[derive(Serialize, ToSchema)]
pub struct OfferAnswer {
    pub product_id: ProductId,
    pub sku_id: SkuId,
    pub title: String,
    pub pictures: Vec<String>,
    pub spec: String,
    /// 0 physical, 1 to 4 virtual.
    pub receiving_way: u8,
    /// What an order of it must carry.
    #[schema(value_type = Vec<shape::FormField>)]
    pub order_form_items: Vec<FormField>,
    /// The pay type its orders must name.
    pub mode: words::PayType,
    /// A factor above 0, at most 1.
    #[serde(serialize_with = "number")]
    #[schema(value_type = f64)]
    pub discount: Discount,
    /// 1 promotion, 2 plain sale: without a discount.
    pub sales_status: i64,
    /// Before the discount.
    pub price: Money,
    /// Before the discount.
    pub points: Points,
    /// What one unit costs in money; zero where it is paid in points.
    pub discounted_price: Money,
    /// What one unit costs in points; zero where it is paid in money.
    pub discounted_points: Points,
    /// Units a user may take, over all orders; null where nothing limits them.
    #[schema(required)]
    pub per_user_limit: Option<i64>,
    /// Units that could be ordered now.
    pub usable: i64,
    pub in_stock: bool,
}

impl ActivityAnswer {
    /// Products that are not listed are left out.
    pub fn new(found: ActivityOffers, cards: &HashMap<SkuId, SkuCard>, figures: &HashMap<SkuId, Figures>, now: Timestamp) -> Self {
        let ActivityOffers { activity, offers } = found;
        let answer = |offer: &Offer| {
            let card = cards.get(&offer.sku_id).filter(|card| card.buyable)?;
            let usable = figures.get(&offer.sku_id).map_or(0, |figures| figures.usable);
            Some(OfferAnswer::new(&activity, offer, card, usable))
        };
        let products = offers.iter().filter(|offer| !offer.terms.deleted).filter_map(answer).collect();
        Self {
            id: activity.id,
            title: activity.title,
            starts_at: activity.window.starts_at,
            ends_at: activity.window.ends_at,
            status: activity.window.status(now).into(),
            products,
        }
    }
}

impl OfferAnswer {
    fn new(activity: &Activity, offer: &Offer, card: &SkuCard, usable: i64) -> Self {
        let (mode, discount) = (offer.mode(activity), offer.discount());
        let (cash, points) = match mode {
            Mode::Cash => (discount.of(card.price.amount), 0),
            Mode::Points => (0, discount.of(card.points.0)),
        };
        Self {
            product_id: offer.product_id,
            sku_id: offer.sku_id,
            title: card.title.to_string(),
            pictures: card.pictures.to_vec(),
            spec: card.spec.to_string(),
            receiving_way: card.receiving_way.get(),
            order_form_items: card.order_form_items.to_vec(),
            mode: mode.into(),
            discount: offer.terms.discount,
            sales_status: offer.terms.sales_status.number(),
            price: card.price,
            points: card.points,
            discounted_price: Money::new(cash, card.price.currency),
            discounted_points: Points(points),
            per_user_limit: offer.terms.per_user_limit,
            usable,
            in_stock: usable > 0,
        }
    }
}

/// An activity as staff see it.
#[derive(Serialize, ToSchema)]
pub struct StaffActivityAnswer {
    pub id: ActivityId,
    pub title: String,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    /// The mode of products that have none of their own.
    pub mode: words::PayType,
    pub status: words::ActivityStatus,
    /// The ETag's number.
    pub version: i64,
}

impl StaffActivityAnswer {
    pub fn new(activity: Activity, now: Timestamp) -> Self {
        Self {
            id: activity.id,
            title: activity.title,
            starts_at: activity.window.starts_at,
            ends_at: activity.window.ends_at,
            mode: activity.mode.into(),
            status: activity.window.status(now).into(),
            version: activity.version,
        }
    }
}

/// An activity with all its products, as staff see it.
#[derive(Serialize, ToSchema)]
pub struct StaffActivityOffersAnswer {
    #[serde(flatten)]
    pub activity: StaffActivityAnswer,
    pub products: Vec<StaffOfferAnswer>,
}

impl StaffActivityOffersAnswer {
    pub fn new(found: ActivityOffers, now: Timestamp) -> Self {
        let products = found.offers.into_iter().map(StaffOfferAnswer::from).collect();
        Self { activity: StaffActivityAnswer::new(found.activity, now), products }
    }
}

/// A product's part in its activity; what it is and costs stands at the product and the SKU.
#[derive(Serialize, ToSchema)]
pub struct StaffOfferAnswer {
    pub product_id: ProductId,
    pub activity_id: ActivityId,
    pub sku_id: SkuId,
    /// Null: the activity's.
    #[schema(required)]
    pub mode: Option<words::PayType>,
    #[serde(serialize_with = "number")]
    #[schema(value_type = f64)]
    pub discount: Discount,
    /// 1 promotion, 2 plain sale: without a discount.
    pub sales_status: i64,
    #[schema(required)]
    pub per_user_limit: Option<i64>,
    /// Taken out of its activity.
    pub deleted: bool,
    /// The ETag's number.
    pub version: i64,
}

impl From<Offer> for StaffOfferAnswer {
    fn from(offer: Offer) -> Self {
        Self {
            product_id: offer.product_id,
            activity_id: offer.activity_id,
            sku_id: offer.sku_id,
            mode: offer.terms.mode.map(words::PayType::from),
            discount: offer.terms.discount,
            sales_status: offer.terms.sales_status.number(),
            per_user_limit: offer.terms.per_user_limit,
            deleted: offer.terms.deleted,
            version: offer.version,
        }
    }
}

/// An invitation campaign: orders placed while it runs keep its id.
#[derive(Serialize, ToSchema)]
pub struct CampaignAnswer {
    pub id: CampaignId,
    pub name: String,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub status: words::ActivityStatus,
    /// The ETag's number.
    pub version: i64,
}

impl CampaignAnswer {
    pub fn new(campaign: Campaign, now: Timestamp) -> Self {
        Self {
            id: campaign.id,
            name: campaign.name,
            starts_at: campaign.window.starts_at,
            ends_at: campaign.window.ends_at,
            status: campaign.window.status(now).into(),
            version: campaign.version,
        }
    }
}

/// A paid activity order.
#[derive(Serialize, ToSchema)]
pub struct RedemptionAnswer {
    pub order_no: OrderNo,
    pub user_id: UserId,
    pub activity_id: ActivityId,
    pub product_id: ProductId,
    pub quantity: i64,
    pub cash: Money,
    pub points: Points,
    /// Whom the sealed referrer named.
    #[schema(required)]
    pub promoter: Option<String>,
    /// Allotable profit of one unit, in minor units.
    pub unit_profit: i64,
    pub total_profit: i64,
    #[schema(required)]
    pub campaign_id: Option<CampaignId>,
    pub at: Timestamp,
    #[schema(required)]
    pub refunded_at: Option<Timestamp>,
}

impl From<Redemption> for RedemptionAnswer {
    fn from(redemption: Redemption) -> Self {
        Self {
            order_no: redemption.order_no,
            user_id: redemption.user_id,
            activity_id: redemption.activity_id,
            product_id: redemption.product_id,
            quantity: redemption.quantity,
            cash: redemption.cash,
            points: redemption.points,
            promoter: redemption.promoter,
            unit_profit: redemption.unit_profit,
            total_profit: redemption.total_profit,
            campaign_id: redemption.campaign_id,
            at: redemption.at,
            refunded_at: redemption.refunded_at,
        }
    }
}
