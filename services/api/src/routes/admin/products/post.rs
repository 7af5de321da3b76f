//! POST /admin/products: a product with its SKUs, each with a stock of zero.

use serde::Deserialize;
use sluice_catalog::{FormField, NewProduct};
use sluice_kernel::Currency;
use utoipa::ToSchema;

use super::{SkuFields, check_form, check_pictures, listed, receiving_way};
use crate::{
    endpoint::{Answer, Api, Created, Json, Problem, Route, Staff, Versioned},
    fields,
    responses::{product::StaffProductAnswer, shape},
};

const MAX_SKUS: usize = 100;

pub fn route() -> Route {
    Route::post("/api/v1/admin/products", create_product).named("adminProductCreate", "Creates a product").refuses(&["not_found"])
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateProduct {
    #[schema(max_length = 200)]
    title: String,
    #[serde(default)]
    #[schema(max_items = 20)]
    pictures: Vec<String>,
    #[schema(max_length = 64)]
    delivery_place: String,
    /// 0 physical, 1 to 4 virtual.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 4)]
    receiving_way: i64,
    #[schema(max_length = 64)]
    customer_product_id: Option<String>,
    #[serde(default)]
    #[schema(value_type = Vec<shape::FormField>)]
    order_form_items: Vec<FormField>,
    #[serde(default = "listed")]
    #[schema(default = true)]
    listed: bool,
    #[serde(default)]
    #[schema(max_items = 100)]
    skus: Vec<SkuFields>,
}

async fn create_product(staff: Staff, body: Json<CreateProduct>, api: Api) -> Answer<Created<Versioned<StaffProductAnswer>>> {
    let given = body.fields;
    given.check()?;
    let created = api.call(|shop| async move {
        let store = shop.catalog.store(staff.store).await?;
        Answer::Ok(shop.catalog.create_product(store.id, given.product(store.currency)?).await?)
    });
    let created = created.await?;
    Ok(Created { location: format!("/api/v1/admin/products/{}", created.id), answer: Versioned::of(created) })
}

impl CreateProduct {
    fn check(&self) -> Answer<()> {
        fields::text("/title", &self.title, 200)?;
        check_pictures(&self.pictures)?;
        fields::text("/delivery_place", &self.delivery_place, 64)?;
        fields::optional("/customer_product_id", self.customer_product_id.as_ref(), 64)?;
        check_form(&self.order_form_items)?;
        if self.skus.len() > MAX_SKUS {
            return Err(Problem::invalid("/skus", format!("at most {MAX_SKUS} SKUs")));
        }
        receiving_way(self.receiving_way).map(|_| ())
    }

    fn product(self, currency: Currency) -> Answer<NewProduct> {
        let mut skus = Vec::with_capacity(self.skus.len());
        for (index, sku) in self.skus.into_iter().enumerate() {
            skus.push(sku.checked(&format!("/skus/{index}"), currency)?);
        }
        Ok(NewProduct {
            id: None,
            title: self.title,
            pictures: self.pictures,
            delivery_place: self.delivery_place,
            receiving_way: receiving_way(self.receiving_way)?,
            customer_product_id: self.customer_product_id,
            order_form_items: self.order_form_items,
            listed: self.listed,
            offer_only: false,
            skus,
        })
    }
}
