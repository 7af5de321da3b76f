//! GET /docs: an API browser that needs no network.

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header,
    middleware::{DefaultHeaders, Next, from_fn},
    web::{self, Redirect},
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::{endpoint::tagged, html};

pub fn configure(config: &mut web::ServiceConfig) {
    let browser = SwaggerUi::new("/docs/{_:.*}").config(Config::from("/openapi.json"));
    config.service(web::resource("/docs").route(web::get().to(|| async { Redirect::to("/docs/").see_other() }))).service(
        web::scope("")
            .guard(actix_web::guard::fn_guard(|context| context.head().uri.path().starts_with("/docs/")))
            .wrap(
                DefaultHeaders::new()
                    .add((header::CONTENT_SECURITY_POLICY, html::BROWSER_POLICY))
                    .add((header::REFERRER_POLICY, "no-referrer")),
            )
            .wrap(from_fn(with_tags))
            .service(browser),
    );
}

async fn with_tags(request: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Result<ServiceResponse, Error> {
    let (request, answer) = next.call(request).await?.map_into_boxed_body().into_parts();
    let answer = tagged(&request, answer);
    Ok(ServiceResponse::new(request, answer))
}
