//! GET /products/{id}: a listed product of the store.

use sluice_kernel::{ProductId, SkuId};

use crate::{
    endpoint::{Answer, Api, Body, Cacheable, Id, Route, Visitor},
    responses::product::ProductAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/products/{id}", product).named("productGet", "Shows a product on the shelf").answers("The product")
}

async fn product(visitor: Visitor, id: Id<ProductId>, api: Api) -> Answer<Cacheable<Body<ProductAnswer>>> {
    let shown = api.call(|shop| async move {
        let product = shop.catalog.listed_product(visitor.store, *id).await?;
        let skus: Vec<SkuId> = product.skus.iter().map(|sku| sku.id).collect();
        let figures = shop.inventory.figures(visitor.store, &skus).await?;
        Answer::Ok(ProductAnswer::new(product, &figures))
    });
    shown.await.map(Body).map(Cacheable)
}
