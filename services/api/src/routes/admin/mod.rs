//! `/admin`: what a store's staff do, always within their token's store.

pub mod dead_letters;
pub mod exceptions;
pub mod orders;
pub mod outbox;
pub mod products;
pub mod skus;
pub mod store_settings;

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
        .service(dead_letters::list::dead_letters)
        .service(dead_letters::get_one::dead_letter)
        .service(dead_letters::replay::replay)
        .service(outbox::get::outbox)
        .service(exceptions::list::exceptions);
}
