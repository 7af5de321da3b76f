//! The orders that staff look for.
//!
//! Number, phone, user and status have an index that ends in the order's number, so a page of one of them reads as many entries as it
//! shows. One filter leads, or the status where none of these is set: the numbers that its index names are looked at, newest
//! first, a bounded number of them for a page, and those that the other filters admit are shown. Further indexes would be paid for
//! with each order that is placed (docs/adr/0025). An order's number sorts by the time it was placed, so times are bounds of the number.

use std::time::Duration;

use sea_orm::Value;
use sluice_kernel::{Page, PageRequest, StoreId, least_id_of};
use sluice_order::{MAX_LOOKED_AT, Order, OrderSearch, OrderStatus};

use super::read;
use crate::{Database, error::StoreResult, multi_row::tuple, stored::code};

/// How far an order's number may be from the time it was placed: a process whose clock steps back borrows the numbers of the
/// instants that follow.
const MARGIN: Duration = Duration::from_secs(5);

/// A condition with its values.
type Condition = (String, Vec<Value>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Filter {
    User,
    Phone,
    Sku,
    Status,
    Kind,
    RefundState,
}

const HAS_SKU: &str = "EXISTS (SELECT 1 FROM order_items i WHERE i.main_no = o.order_no AND i.sku_id = ?)";

/// What the leading filter's index names: one range of it, or one for each status.
struct Leading {
    ranges: Vec<Condition>,
    /// What the other filters ask of the order `o`.
    others: Vec<(&'static str, Value)>,
}

/// The numbers that a page looks at. It is fixed before the other filters are asked: orders that are placed, or change, between
/// the two statements are neither skipped nor shown twice.
struct Span {
    least: i64,
    greatest: i64,
    older_may_follow: bool,
}

pub(super) async fn search(
    database: &Database,
    store: StoreId,
    search: &OrderSearch,
    page: PageRequest,
) -> StoreResult<Page<Order>> {
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let mut leading = Leading::of(store, search, page.after);
    let mut looked_at = None;
    if !leading.others.is_empty() {
        let Some(span) = leading.span(database).await? else { return Ok(Page::going_on_after(Vec::new(), None)) };
        leading.keep_within(&span);
        looked_at = Some(span);
    }
    let mut numbers = leading.admitted(database, page.limit).await?;
    let next = if numbers.len() > limit {
        numbers.truncate(limit);
        numbers.last().copied()
    } else {
        looked_at.filter(|span| span.older_may_follow).map(|span| span.least)
    };
    let mut orders = read::these(database, store, &numbers).await?;
    orders.retain(|order| search.is_placed_within(order.terms.created_at));
    Ok(Page::going_on_after(orders, next))
}

impl Leading {
    fn of(store: StoreId, search: &OrderSearch, after: Option<i64>) -> Self {
        let OrderSearch { order_no, user, phone, sku, status, kind, refund_state, from, until } = search;
        let least = from.map_or(0, |from| least_id_of(from.minus(MARGIN)));
        let beyond = until.map_or(i64::MAX, |until| least_id_of(until.plus(MARGIN))).min(after.unwrap_or(i64::MAX));
        let within = |condition: &str, values: Vec<Value>| -> Condition {
            let mut all: Vec<Value> = vec![store.0.into()];
            all.extend(values);
            all.extend([least.into(), beyond.into()]);
            (format!("store_id = ? AND {condition} AND order_no >= ? AND order_no < ?"), all)
        };
        let statuses: &[OrderStatus] = status.as_ref().map_or(&OrderStatus::ALL, std::slice::from_ref);
        let (leads, ranges): (&[Filter], Vec<Condition>) = if let Some(order) = order_no {
            (&[], vec![within("order_no = ?", vec![order.id().into()])])
        } else if let Some(phone) = phone {
            (&[Filter::Phone], vec![within("recipient_phone = ?", vec![phone.as_str().into()])])
        } else if let Some(user) = user {
            let of_status =
                |status: &OrderStatus| within("user_id = ? AND status = ?", vec![user.as_str().into(), code(*status).into()]);
            (&[Filter::User, Filter::Status], statuses.iter().map(of_status).collect())
        } else {
            let of_status = |status: &OrderStatus| within("status = ?", vec![code(*status).into()]);
            (&[Filter::Status], statuses.iter().map(of_status).collect())
        };
        let all: [(Filter, &'static str, Option<Value>); 6] = [
            (Filter::User, "o.user_id = ?", user.as_ref().map(|user| user.as_str().into())),
            (Filter::Phone, "o.recipient_phone = ?", phone.as_deref().map(Into::into)),
            (Filter::Sku, HAS_SKU, sku.map(|sku| sku.0.into())),
            (Filter::Status, "o.status = ?", status.map(|status| code(status).into())),
            (Filter::Kind, "o.kind = ?", kind.map(|kind| code(kind).into())),
            (Filter::RefundState, "o.refund_state = ?", refund_state.map(|state| code(state).into())),
        ];
        let others = all.into_iter().filter(|(filter, ..)| !leads.contains(filter));
        Self { ranges, others: others.filter_map(|(_, condition, value)| value.map(|value| (condition, value))).collect() }
    }

    /// The newest `most` numbers that the ranges name. Nothing but numbers is asked for, so that the index alone answers.
    fn newest(&self, most: u32) -> (String, Vec<Value>) {
        let (mut parts, mut values) = (Vec::new(), Vec::new());
        for (index, (condition, of_range)) in self.ranges.iter().enumerate() {
            parts.push(format!(
                "SELECT order_no FROM (SELECT order_no FROM orders WHERE {condition} ORDER BY order_no DESC LIMIT ?) AS looked_at_{index}"
            ));
            values.extend(of_range.iter().cloned());
            values.push(i64::from(most).into());
        }
        values.push(i64::from(most).into());
        (format!("{} ORDER BY order_no DESC LIMIT ?", parts.join(" UNION ALL ")), values)
    }

    /// Up to `limit + 1` numbers of orders that every filter admits.
    async fn admitted(&self, database: &Database, limit: u32) -> StoreResult<Vec<i64>> {
        let most = limit.saturating_add(1);
        let (sql, values) = if self.others.is_empty() {
            self.newest(most)
        } else {
            let (looked_at, mut values) = self.newest(2 * MAX_LOOKED_AT);
            let conditions: Vec<&str> = self.others.iter().map(|(condition, _)| *condition).collect();
            values.extend(self.others.iter().map(|(_, value)| value.clone()));
            values.push(i64::from(most).into());
            let sql = format!(
                "SELECT o.order_no FROM ({looked_at}) AS looked_at JOIN orders o ON o.order_no = looked_at.order_no WHERE {} \
                 ORDER BY looked_at.order_no DESC LIMIT ?",
                conditions.join(" AND ")
            );
            (sql, values)
        };
        database.rows(sql, values).await?.iter().map(tuple).collect()
    }

    /// What a page looks at; `None` where there is nothing.
    async fn span(&self, database: &Database) -> StoreResult<Option<Span>> {
        let (looked_at, values) = self.newest(MAX_LOOKED_AT);
        let sql = format!("SELECT MIN(order_no), MAX(order_no), COUNT(*) FROM ({looked_at}) AS looked_at");
        let Some(found) = database.row(sql, values).await? else { return Ok(None) };
        let (least, greatest, count): (Option<i64>, Option<i64>, i64) = tuple(&found)?;
        let older_may_follow = count >= i64::from(MAX_LOOKED_AT);
        Ok(least.zip(greatest).map(|(least, greatest)| Span { least, greatest, older_may_follow }))
    }

    /// Each range ends in its bounds: the least number, and the one beyond the greatest.
    fn keep_within(&mut self, span: &Span) {
        for (_, values) in &mut self.ranges {
            values.truncate(values.len().saturating_sub(2));
            values.extend([span.least.into(), span.greatest.saturating_add(1).into()]);
        }
    }
}
