//! Offers: the products of an activity, each with its own terms.

mod discount;
mod model;
pub(crate) mod rules;

pub use discount::{Discount, NotADiscount};
pub use model::{ActivityOffers, Look, NewOffer, Offer, OfferChange, OfferField, OfferGoods, OfferTerms, SalesStatus};
