//! What an order would come to.

use std::sync::Arc;

use serde::Serialize;
use sluice_kernel::{Money, Points};
use sluice_order::{ItemLine, OrderPreview};
use utoipa::ToSchema;

use super::order::ItemAnswer;
use crate::problem::{FieldProblem, Problem};

/// An order before it is placed.
#[derive(Serialize, ToSchema)]
pub struct PreviewAnswer {
    /// One for each SKU that is on the shelf.
    pub items: Vec<ItemAnswer>,
    /// One for each delivery place.
    pub children: Vec<PreviewChildAnswer>,
    pub total: Money,
    pub points_total: Points,
    /// What placing would refuse, the first of them first; empty where the order could be placed now.
    pub problems: Vec<FieldProblem>,
}

/// What one delivery place would fulfil.
#[derive(Serialize, ToSchema)]
pub struct PreviewChildAnswer {
    #[schema(value_type = String)]
    pub delivery_place: Arc<str>,
    pub total: Money,
    pub points_total: Points,
    pub items: Vec<ItemAnswer>,
}

impl From<OrderPreview> for PreviewAnswer {
    fn from(preview: OrderPreview) -> Self {
        let OrderPreview { priced, problems } = preview;
        let of_place = |place: &Arc<str>| {
            let lines = priced.items.iter().filter(|line: &&ItemLine| line.delivery_place == *place);
            lines.map(ItemAnswer::from).collect()
        };
        let children = priced.parts.iter().map(|part| PreviewChildAnswer {
            delivery_place: part.delivery_place.clone(),
            total: part.total,
            points_total: part.points_total,
            items: of_place(&part.delivery_place),
        });
        Self {
            items: priced.items.iter().map(ItemAnswer::from).collect(),
            children: children.collect(),
            total: priced.total,
            points_total: priced.points_total,
            problems: problems.into_iter().flat_map(|problem| Problem::from(problem).into_entries()).collect(),
        }
    }
}
