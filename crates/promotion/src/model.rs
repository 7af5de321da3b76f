//! Activities, offers, campaigns and redemptions.

use std::{fmt, str::FromStr};

use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive as _};
use sluice_kernel::{
    ActivityId, CampaignId, Money, OrderNo, PayType, Points, ProductId, SkuId, StoreId, Timestamp, UserId, Window,
};

/// The discount mode of an activity or an offer is what its orders are paid with.
pub type Mode = PayType;

/// A discount promotion of one store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    pub id: ActivityId,
    pub store_id: StoreId,
    pub title: String,
    pub window: Window,
    /// The mode of offers that have none of their own.
    pub mode: Mode,
    /// Counts changes, for If-Match.
    pub version: i64,
}

/// What staff may change of an activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityFields {
    pub title: String,
    pub window: Window,
    pub mode: Mode,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewActivity {
    /// Chosen by demo data and imports; otherwise the database numbers it.
    pub id: Option<ActivityId>,
    pub fields: ActivityFields,
}

/// Fields that are `Some` replace what is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActivityChange {
    pub title: Option<String>,
    pub starts_at: Option<Timestamp>,
    pub ends_at: Option<Timestamp>,
    pub mode: Option<Mode>,
}

/// A discount factor in (0, 1] with at most four decimal places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Discount(Decimal);

impl Discount {
    pub const NONE: Self = Self(Decimal::ONE);
    /// Ten-thousandths in 1: the unit in which it is stored.
    const PARTS: i64 = 10_000;

    pub fn new(factor: Decimal) -> Option<Self> {
        let factor = factor.normalize();
        (factor > Decimal::ZERO && factor <= Decimal::ONE && factor.scale() <= 4).then_some(Self(factor))
    }

    pub fn get(self) -> Decimal {
        self.0
    }

    pub fn from_ten_thousandths(parts: i64) -> Option<Self> {
        Self::new(Decimal::new(parts, 4))
    }

    pub fn ten_thousandths(self) -> i64 {
        (self.0 * Decimal::from(Self::PARTS)).to_i64().unwrap_or(Self::PARTS)
    }

    /// Minor units or points of one unit after the discount: rounded once, half away from zero (spec.md S1 rule 2).
    pub fn of(self, amount: i64) -> i64 {
        let exact = self.0.checked_mul(Decimal::from(amount)).unwrap_or(Decimal::from(amount));
        exact.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero).to_i64().unwrap_or(amount)
    }
}

impl FromStr for Discount {
    type Err = NotADiscount;

    /// Digits with a point; nothing is rounded.
    fn from_str(text: &str) -> Result<Self, NotADiscount> {
        let plain = text.len() <= 32 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let exact = Decimal::from_str_exact(text).ok().filter(|_| plain);
        exact.and_then(Self::new).ok_or(NotADiscount)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("above 0, at most 1, with at most 4 decimal places")]
pub struct NotADiscount;

impl fmt::Display for Discount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `sales_status` of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SalesStatus {
    /// 1: sold at its discount.
    Promotion,
    /// 2: sold without a discount.
    PlainSale,
}

impl SalesStatus {
    pub fn number(self) -> i64 {
        match self {
            Self::Promotion => 1,
            Self::PlainSale => 2,
        }
    }

    pub fn from_number(number: i64) -> Option<Self> {
        [Self::Promotion, Self::PlainSale].into_iter().find(|status| status.number() == number)
    }
}

/// What staff may change of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfferTerms {
    /// Wins over the activity's.
    pub mode: Option<Mode>,
    pub discount: Discount,
    pub sales_status: SalesStatus,
    /// Units a user may take, over all orders: 1 to 1,000,000.
    pub per_user_limit: Option<i64>,
    /// Taken out of its activity; may be put back.
    pub deleted: bool,
}

/// A product of an activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    pub product_id: ProductId,
    pub activity_id: ActivityId,
    pub sku_id: SkuId,
    pub terms: OfferTerms,
    /// Counts changes, for If-Match.
    pub version: i64,
}

impl Offer {
    /// The mode that applies: its own, else its activity's (spec.md S1 rule 2).
    pub fn mode(&self, activity: &Activity) -> Mode {
        self.terms.mode.unwrap_or(activity.mode)
    }

    /// The discount that applies; none in plain sale (spec.md S1 rule 2).
    pub fn discount(&self) -> Discount {
        match self.terms.sales_status {
            SalesStatus::Promotion => self.terms.discount,
            SalesStatus::PlainSale => Discount::NONE,
        }
    }
}

/// Fields that are `Some` replace what is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfferChange {
    pub mode: Option<Option<Mode>>,
    pub discount: Option<Discount>,
    pub sales_status: Option<SalesStatus>,
    pub per_user_limit: Option<Option<i64>>,
    pub deleted: Option<bool>,
}

/// Form fields an offer may ask for (spec.md S1 rule 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OfferField {
    Recipients,
    Tel,
    IdCard,
    TotalAddress,
    Address,
    OwnForm,
}

/// What is offered, in the words of the catalog, where it is kept from then on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferGoods {
    pub title: String,
    pub pictures: Vec<String>,
    pub delivery_place: String,
    /// 0 physical, 1 to 4 virtual.
    pub receiving_way: u8,
    pub customer_product_id: Option<String>,
    pub form: Vec<OfferField>,
    pub code: String,
    pub spec: String,
    /// Minor units of the store's currency.
    pub price: i64,
    pub points: i64,
    pub allotable_profit: i64,
    pub supplier_price: i64,
}

/// A new product of an activity: product, SKU and offer are made together, with a stock of zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOffer {
    /// Of the product and its SKU alike; chosen by demo data and imports, otherwise the database numbers them.
    pub id: Option<i64>,
    pub goods: OfferGoods,
    pub terms: OfferTerms,
}

/// An activity with its offers, in the order of their product ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityOffers {
    pub activity: Activity,
    pub offers: Vec<Offer>,
}

/// What placing an order finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// `None`: the store has no such activity.
    pub activity: Option<Activity>,
    /// The offer, and the revision its SKU had at the instant of this look. `None`: the activity has no such offer.
    pub offer: Option<(Offer, i64)>,
}

/// An invitation campaign of a store: orders placed while it runs keep its id (spec.md S1 rule 7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    pub id: CampaignId,
    pub store_id: StoreId,
    pub name: String,
    pub window: Window,
    /// Counts changes, for If-Match.
    pub version: i64,
}

/// What staff may change of a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignFields {
    pub name: String,
    pub window: Window,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCampaign {
    pub fields: CampaignFields,
}

/// Fields that are `Some` replace what is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CampaignChange {
    pub name: Option<String>,
    pub starts_at: Option<Timestamp>,
    pub ends_at: Option<Timestamp>,
}

/// A paid activity order (spec.md S1 rules 9 and 10); once an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redemption {
    pub order_no: OrderNo,
    pub store_id: StoreId,
    pub user_id: UserId,
    pub activity_id: ActivityId,
    pub product_id: ProductId,
    pub quantity: i64,
    /// Zero where points were paid.
    pub cash: Money,
    /// Zero where cash was paid.
    pub points: Points,
    pub promoter: Option<String>,
    /// Allotable profit of one unit, in minor units.
    pub unit_profit: i64,
    pub total_profit: i64,
    pub campaign_id: Option<CampaignId>,
    pub at: Timestamp,
    /// Set once nothing paid is left.
    pub refunded_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_discount_is_above_zero_and_at_most_one_with_four_places() {
        for (text, valid) in
            [("0", false), ("-0.5", false), ("0.0001", true), ("0.00001", false), ("0.8", true), ("0.80000", true), ("1", true)]
        {
            assert_eq!(Discount::new(text.parse().unwrap()).is_some(), valid, "{text}");
        }
        assert_eq!(Discount::new("1.0001".parse().unwrap()), None);
        let discount = Discount::new("0.8".parse().unwrap()).unwrap();
        assert_eq!(discount.ten_thousandths(), 8_000);
        assert_eq!(Discount::from_ten_thousandths(8_000), Some(discount));
        assert_eq!(Discount::from_ten_thousandths(0), None);
    }

    #[test]
    fn a_discount_is_read_exactly() {
        assert_eq!("0.8".parse(), Ok(Discount(Decimal::new(8, 1))));
        assert_eq!("1.0000".parse(), Ok(Discount::NONE));
        for text in ["", ".", "0.80001", "1.1", "-0.8", "+0.8", "0_8", "8e-1", "0.8 ", "NaN", "0.79999999999999999999999999999999"]
        {
            assert_eq!(text.parse::<Discount>(), Err(NotADiscount), "{text}");
        }
    }

    #[test]
    fn s1_rule_2_a_unit_is_rounded_half_away_from_zero() {
        let discount = |text: &str| Discount::new(text.parse().unwrap()).unwrap();
        assert_eq!(discount("0.8").of(1_990), 1_592);
        assert_eq!(discount("0.5").of(3), 2);
        assert_eq!(discount("0.25").of(1), 0);
        assert_eq!(discount("0.3333").of(10_000), 3_333);
        assert_eq!(discount("0.9999").of(i64::MAX), 9_222_449_699_651_090_329);
    }
}
