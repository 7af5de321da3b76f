//! What a request to place an order may say, looked at before anything is read.
//!
//! Every placement passes here, so a sound request costs no allocation.

use sluice_kernel::{Attribution, InvalidField, check};

use crate::{CartRequest, Expected, OrderError, OrderInput, PlaceActivityOrder, Recipient, RequestedLine};

/// Lines an order takes at most, counted before lines of one SKU are summed (docs/api.md, Limits).
const MAX_LINES: usize = 100;
/// An id is opaque to the client, who may send any text that is no longer.
const MAX_ID: usize = 64;
const MAX_REFERRER: usize = 512;

pub fn check_cart_order(command: &CartRequest) -> Result<(), OrderError> {
    match &command.input {
        OrderInput::Items(lines) => check_lines(lines)?,
        OrderInput::FromCart => {}
    }
    check_recipient(&command.recipient).map_err(|invalid| invalid.within("recipient"))?;
    check_attribution(&command.attribution).map_err(|invalid| invalid.within("attribution"))?;
    optional("verify_code", command.verify_code.as_ref(), 16)?;
    optional("store_code", command.store_code.as_ref(), 64)?;
    optional("referrer", command.referrer.as_ref(), MAX_REFERRER)?;
    check_shown(command.expected)?;
    Ok(())
}

pub fn check_activity_order(command: &PlaceActivityOrder) -> check::Result {
    check::short_text("product_id", &command.product, MAX_ID)?;
    check_recipient(&command.recipient).map_err(|invalid| invalid.within("recipient"))?;
    check_attribution(&command.attribution).map_err(|invalid| invalid.within("attribution"))?;
    command.own_form.as_ref().map_or(Ok(()), |remark| check::long_text("own_form", remark, 500))?;
    optional("referrer", command.referrer.as_ref(), MAX_REFERRER)?;
    check_shown(command.expected)
}

/// A total may be larger than any price: it is only compared.
fn check_shown(expected: Expected) -> check::Result {
    let Expected { total, points } = expected;
    total.map_or(Ok(()), |total| check::number("expected_total", total, 0..=i64::MAX))?;
    points.map_or(Ok(()), |points| check::number("expected_points", points, 0..=i64::MAX))
}

fn check_lines(lines: &[RequestedLine]) -> Result<(), OrderError> {
    if lines.is_empty() {
        return Err(InvalidField::new("items", "at least one line").into());
    }
    check_line_count(lines.len())?;
    for (index, line) in lines.iter().enumerate() {
        check::short_text("sku_id", &line.sku, MAX_ID).map_err(|invalid| invalid.within(("items", index)))?;
    }
    Ok(())
}

pub fn check_line_count(lines: usize) -> Result<(), OrderError> {
    if lines > MAX_LINES { Err(OrderError::TooManyLines) } else { Ok(()) }
}

fn check_recipient(recipient: &Recipient) -> check::Result {
    let Recipient { name, phone, id_card, province, city, district, address } = recipient;
    optional("name", name.as_ref(), 64)?;
    optional("phone", phone.as_ref(), 32)?;
    optional("id_card", id_card.as_ref(), 32)?;
    optional("province", province.as_ref(), 64)?;
    optional("city", city.as_ref(), 64)?;
    optional("district", district.as_ref(), 64)?;
    optional("address", address.as_ref(), 200)
}

fn check_attribution(attribution: &Attribution) -> check::Result {
    optional("rq", attribution.rq.as_ref(), 128)?;
    optional("cookie_id", attribution.cookie_id.as_ref(), 128)
}

fn optional(member: &'static str, text: Option<&String>, most: usize) -> check::Result {
    text.map_or(Ok(()), |text| check::short_text(member, text, most))
}
