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
pub mod skus;
pub mod store_settings;
pub mod webhook_deliveries;
pub mod webhooks;

use utoipa_actix_web::service_config::ServiceConfig;

pub fn configure(config: &mut ServiceConfig) {
    config
        .service(products::list::products)
        .service(products::post::create_product)
        .service(products::get_one::product)
        .service(products::patch::change_product)
        .service(products::post_sku::create_sku)
        .service(skus::get_one::sku)
        .service(skus::patch::change_sku)
        .service(skus::stock::stock)
        .service(skus::adjust::adjust_stock)
        .service(skus::trace::stock_trace)
        .service(store_settings::get::settings)
        .service(store_settings::put::change_settings)
        .service(orders::list::orders)
        .service(orders::get_one::order)
        .service(orders::cancel::cancel)
        .service(orders::fulfil::fulfil)
        .service(orders::complete::complete)
        .service(orders::refund::refund)
        .service(orders::refunds::refunds)
        .service(points::grant::grant_points)
        .service(activities::list::activities)
        .service(activities::post::create_activity)
        .service(activities::get_one::activity)
        .service(activities::patch::change_activity)
        .service(activities::post_product::add_product)
        .service(activity_products::get_one::activity_product)
        .service(activity_products::patch::change_activity_product)
        .service(campaigns::list::campaigns)
        .service(campaigns::post::create_campaign)
        .service(campaigns::get_one::campaign)
        .service(campaigns::patch::change_campaign)
        .service(referrers::post::seal_referrer)
        .service(redemptions::list::redemptions)
        .service(dead_letters::list::dead_letters)
        .service(dead_letters::get_one::dead_letter)
        .service(dead_letters::replay::replay)
        .service(outbox::get::outbox)
        .service(webhooks::list::webhooks)
        .service(webhooks::post::create_webhook)
        .service(webhooks::get_one::webhook)
        .service(webhooks::patch::change_webhook)
        .service(webhooks::remove::remove_webhook)
        .service(webhooks::deliveries::deliveries)
        .service(webhook_deliveries::get_one::delivery)
        .service(webhook_deliveries::replay::replay_delivery)
        .service(exceptions::list::exceptions);
}
