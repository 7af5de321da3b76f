//! `/admin`: what a store's staff do, always within their token's store.

pub mod activities;
pub mod activity_products;
pub mod campaigns;
pub mod dead_letters;
pub mod exceptions;
pub mod orders;
pub mod outbox;
pub mod points;
pub mod products;
pub mod redemptions;
pub mod referrers;
pub mod refunds;
pub mod skus;
pub mod store_settings;
pub mod webhook_deliveries;
pub mod webhooks;

use crate::endpoint::Routes;

pub fn routes(routes: &mut Routes) {
    routes
        .add(products::list::route())
        .add(products::post::route())
        .add(products::get_one::route())
        .add(products::patch::route())
        .add(products::post_sku::route())
        .add(skus::get_one::route())
        .add(skus::patch::route())
        .add(skus::stock::route())
        .add(skus::adjust::route())
        .add(skus::trace::route())
        .add(store_settings::get::route())
        .add(store_settings::put::route())
        .add(orders::list::route())
        .add(orders::csv::route())
        .add(orders::get_one::route())
        .add(orders::cancel::route())
        .add(orders::fulfil::route())
        .add(orders::complete::route())
        .add(orders::refund::route())
        .add(orders::refunds::route())
        .add(orders::trace::route())
        .add(refunds::list::route())
        .add(points::grant::route())
        .add(activities::list::route())
        .add(activities::post::route())
        .add(activities::get_one::route())
        .add(activities::patch::route())
        .add(activities::post_product::route())
        .add(activity_products::get_one::route())
        .add(activity_products::patch::route())
        .add(campaigns::list::route())
        .add(campaigns::post::route())
        .add(campaigns::get_one::route())
        .add(campaigns::patch::route())
        .add(referrers::post::route())
        .add(redemptions::list::route())
        .add(dead_letters::list::route())
        .add(dead_letters::get_one::route())
        .add(dead_letters::replay::route())
        .add(outbox::get::route())
        .add(webhooks::list::route())
        .add(webhooks::post::route())
        .add(webhooks::get_one::route())
        .add(webhooks::patch::route())
        .add(webhooks::remove::route())
        .add(webhooks::deliveries::route())
        .add(webhooks::ping::route())
        .add(webhook_deliveries::get_one::route())
        .add(webhook_deliveries::replay::route())
        .add(exceptions::list::route())
        .add(exceptions::resolve::route());
}
