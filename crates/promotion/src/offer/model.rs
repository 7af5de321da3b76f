//! Offers: the products of an activity and their terms.

use sluice_kernel::{ActivityId, Amount, ProductId, ReceivingWay, SkuId};

use crate::{Activity, Discount, Mode};

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
    /// The mode that applies: its own, else its activity's (docs/domain.md S1 rule 2).
    pub fn mode(&self, activity: &Activity) -> Mode {
        self.terms.mode.unwrap_or(activity.mode)
    }

    /// The discount that applies; none in plain sale (docs/domain.md S1 rule 2).
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

/// Form fields an offer may ask for (docs/domain.md S1 rule 3).
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
    pub receiving_way: ReceivingWay,
    pub customer_product_id: Option<String>,
    pub form: Vec<OfferField>,
    pub code: String,
    pub spec: String,
    /// In the store's currency.
    pub price: Amount,
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
