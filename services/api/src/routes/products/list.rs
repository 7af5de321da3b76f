//! GET /products: listed products of the store, newest first, all of them or those that are looked for.

use sluice_catalog::ProductSearch;
use sluice_kernel::SkuId;
use utoipa::{
    PartialSchema as _,
    openapi::{ObjectBuilder, schema::Type},
};

use crate::{
    endpoint::{Answer, Api, Cacheable, Description, Filter, OfStore, PageParams, Paged, Query, Route, Visitor},
    responses::product::ProductAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/products", products).named("productList", "Lists the products on the shelf").detail(SEARCHING)
}

pub const SEARCHING: &str = "With `q` a page looks at the newest 2,000 products beyond the cursor: it may hold fewer than `limit`, or \
                             none, and still have more; go on with `next_cursor`.";

/// Words of title or code, and ids.
pub struct Searched(pub ProductSearch);

impl Filter for Searched {
    fn take(query: &mut Query) -> Answer<Self> {
        Ok(Self(ProductSearch { text: query.text("q"), ids: query.ids("ids") }))
    }

    fn describe(operation: &mut Description) {
        let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(100));
        let says = "Up to 8 words; each stands in the title or in a SKU's code. Capital and small Latin letters are the same";
        operation.filter("q", says, text.into());
        operation.filter("ids", "Only these, up to 100 ids with commas between them", String::schema());
    }
}

async fn products(visitor: Visitor, params: PageParams<OfStore<Searched>>, api: Api) -> Answer<Cacheable<Paged<ProductAnswer>>> {
    let PageParams { page, filter: OfStore(Searched(search)) } = params;
    let shown = api.call(|shop| async move {
        let found = shop.catalog.list_listed(visitor.store, &search, page).await?;
        let skus: Vec<SkuId> = found.data.iter().flat_map(|product| product.skus.iter().map(|sku| sku.id)).collect();
        let figures = shop.inventory.figures(visitor.store, &skus).await?;
        Answer::Ok(found.map(|product| ProductAnswer::new(product, &figures)))
    });
    shown.await.map(Paged::from).map(Cacheable)
}
