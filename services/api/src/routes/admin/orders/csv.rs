//! GET /admin/orders.csv: the orders that staff look for as a table, newest first.
//!
//! Read in pages as the client reads them: one page is in memory at a time, and a client that is slow or gone holds neither a
//! connection of the database nor a place among those that read. What cannot be read to its end ends the transfer without its last
//! chunk, so that a part is never taken for the whole.

use std::io;

use actix_web::{HttpRequest, HttpResponse, Responder, body::BoxBody, http::header, web::Bytes};
use futures_util::stream;
use sluice_kernel::{Page, PageRequest, StoreId};
use sluice_order::{Order, OrderDetail, OrderSearch, Recipient};
use utoipa::PartialSchema as _;

use super::list::Searched;
use crate::{
    connection::Traffic,
    endpoint::{Answer, Api, Describes, Description, Filtered, Problem, Route, Staff, json_content},
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/orders.csv", export)
        .named("adminOrderExport", "Lists orders of the store as CSV")
        .detail(
            "The filters of `GET /admin/orders`, all orders of them, newest first. RFC 4180 in UTF-8; amounts are minor units, \
             `items` holds `SKU:units` for each line. A cell that a spreadsheet would take for a formula begins with an apostrophe. \
             A transfer that breaks off has no last chunk.",
        )
        .answers("The orders")
}

const COLUMNS: [&str; 20] = [
    "order_no",
    "kind",
    "status",
    "refund_status",
    "user_id",
    "created_at",
    "paid_at",
    "currency",
    "total",
    "points_total",
    "refunded",
    "items",
    "store_code",
    "recipient_name",
    "recipient_phone",
    "recipient_province",
    "recipient_city",
    "recipient_district",
    "recipient_address",
    "activity_id",
];

/// A table that is written while it is read.
pub struct Csv(HttpResponse);

impl Responder for Csv {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.0
    }
}

impl Describes for Csv {
    fn describe(operation: &mut Description) {
        operation.with_content("text/csv", json_content(String::schema()));
    }
}

struct Export {
    api: Api,
    store: StoreId,
    search: OrderSearch,
    client: Traffic,
}

impl Export {
    /// The orders beyond `after`, as rows, and where to go on.
    async fn page(&self, after: Option<i64>) -> Answer<(Vec<u8>, Option<i64>)> {
        let _place = self.api.exports.acquire().await.map_err(|closed| Problem::internal(&closed))?;
        let (store, search) = (self.store, self.search.clone());
        let page = PageRequest { limit: PageRequest::MAX_LIMIT, after };
        let found: Page<OrderDetail> = self.api.call(|shop| async move { shop.orders.search(store, &search, page).await }).await?;
        let mut rows = Vec::new();
        for detail in &found.data {
            write_row(&mut rows, cells(&detail.order).iter().map(String::as_str));
        }
        Ok((rows, found.next_cursor.as_deref().and_then(|cursor| PageRequest::parse_cursor(cursor).ok())))
    }

    /// As `page`, past pages without rows: an empty chunk would end the transfer.
    async fn rows(&self, mut after: Option<i64>) -> io::Result<(Vec<u8>, Option<i64>)> {
        while after.is_some() {
            let (rows, next) = tokio::select! {
                page = self.page(after) => page.map_err(|problem| io::Error::other(problem.to_string()))?,
                () = self.client.closed() => return Err(io::ErrorKind::ConnectionAborted.into()),
                () = self.api.stop.cancelled() => return Err(io::ErrorKind::ConnectionAborted.into()),
            };
            if !rows.is_empty() {
                return Ok((rows, next));
            }
            after = next;
        }
        Ok((Vec::new(), None))
    }
}

/// What is written next.
enum Step {
    Write(Vec<u8>, Option<i64>),
    ReadBeyond(i64),
    End,
}

async fn export(staff: Staff, filter: Filtered<Searched>, request: HttpRequest, api: Api) -> Answer<Csv> {
    let client = request.conn_data::<Traffic>().cloned().unwrap_or_default();
    let Filtered(Searched(search)) = filter;
    let export = Export { api, store: staff.store, search, client };
    // What can be refused is refused before the table begins.
    let (rows, next) = export.page(None).await?;
    let mut first = Vec::new();
    write_row(&mut first, COLUMNS.into_iter());
    first.extend(rows);
    let chunks = stream::unfold((export, Step::Write(first, next)), |(export, step)| async move {
        let (rows, next) = match step {
            Step::Write(rows, next) => (rows, next),
            Step::ReadBeyond(after) => match export.rows(Some(after)).await {
                Ok((rows, _)) if rows.is_empty() => return None,
                Ok(read) => read,
                Err(error) => return Some((Err(error), (export, Step::End))),
            },
            Step::End => return None,
        };
        Some((Ok(Bytes::from(rows)), (export, next.map_or(Step::End, Step::ReadBeyond))))
    });
    let mut response = HttpResponse::Ok();
    response.content_type("text/csv; charset=utf-8; header=present").insert_header((header::CACHE_CONTROL, "no-store"));
    response.insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"orders.csv\""));
    Ok(Csv(response.streaming(chunks)))
}

fn cells(order: &Order) -> [String; COLUMNS.len()] {
    let terms = &order.terms;
    let items: Vec<String> = order.items.iter().map(|item| format!("{}:{}", item.line.sku_id, item.line.quantity.get())).collect();
    let Recipient { name, phone, id_card: _, province, city, district, address } = &terms.recipient;
    let text = |text: &Option<String>| text.as_deref().map(harmless).unwrap_or_default();
    [
        order.order_no.to_string(),
        terms.kind.as_str().to_owned(),
        order.status().as_str().to_owned(),
        order.refund_state.as_str().to_owned(),
        harmless(order.user.as_str()),
        terms.created_at.to_string(),
        order.paid_at.map(|at| at.to_string()).unwrap_or_default(),
        terms.total.currency.to_string(),
        terms.total.amount.to_string(),
        terms.points_total.0.to_string(),
        order.refunded.to_string(),
        items.join(" "),
        text(&terms.store_code),
        text(name),
        text(phone),
        text(province),
        text(city),
        text(district),
        text(address),
        terms.activity.as_ref().map(|part| part.activity_id.to_string()).unwrap_or_default(),
    ]
}

/// What others wrote, so that no spreadsheet takes it for a formula.
fn harmless(text: &str) -> String {
    let begins = |sign: char| matches!(sign, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '\t' | '\r' | '\n');
    // A spreadsheet may drop blanks in front of a formula.
    if text.trim_start().starts_with(begins) || text.starts_with(begins) { format!("'{text}") } else { text.to_owned() }
}

/// One line of RFC 4180; every cell stands in quotes.
fn write_row<'a>(out: &mut Vec<u8>, cells: impl Iterator<Item = &'a str>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(cell.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_no_formula() {
        for formula in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            " =1",
            "\u{3000}=1",
            "＝1",
            "＋1",
            "－1",
            "＠1",
            "=",
            "+86 138",
        ] {
            assert_eq!(harmless(formula), format!("'{formula}"));
        }
        for plain in ["", "An", "1-2", "a=b", "13800000000", "'=1", "北京 -1"] {
            assert_eq!(harmless(plain), plain);
        }
    }

    #[test]
    fn quotes_commas_and_line_breaks_stay_in_their_cell() {
        let mut out = Vec::new();
        write_row(&mut out, ["a,b", "say \"hi\"", "two\nlines", ""].into_iter());
        assert_eq!(String::from_utf8(out).unwrap(), "\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",\"\"\r\n");
    }
}
