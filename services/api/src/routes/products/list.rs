//! GET /products: listed products of the store, newest first.

use sluice_kernel::SkuId;

use crate::{
    endpoint::{Answer, Api, Customer, PageParams, Paged, Route},
    responses::product::ProductAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/products", products).named("productList", "Lists the products on the shelf")
}

async fn products(customer: Customer, params: PageParams, api: Api) -> Answer<Paged<ProductAnswer>> {
    let shown = api.call(|shop| async move {
        let found = shop.catalog.list_listed(customer.store, params.page).await?;
        let skus: Vec<SkuId> = found.data.iter().flat_map(|product| product.skus.iter().map(|sku| sku.id)).collect();
        let figures = shop.inventory.figures(customer.store, &skus).await?;
        Answer::Ok(found.map(|product| ProductAnswer::new(product, &figures)))
    });
    shown.await.map(Paged::from)
}
