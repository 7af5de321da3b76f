//! Health and metrics: what every process offers.

mod livez;
mod metrics;
mod readyz;

use utoipa_actix_web::service_config::ServiceConfig;

pub fn configure(config: &mut ServiceConfig) {
    config.service(livez::livez).service(readyz::readyz).service(metrics::metrics);
}
