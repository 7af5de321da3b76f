//! Form fields that products require of an order (docs/domain.md S2 rule 3, S1 rule 3).

use std::sync::Arc;

use sluice_kernel::{FormField, ProductId, text::is_visible};

use crate::{MissingField, OfferCard, OrderError, Recipient, ShelfCard};

/// What an order says to form fields.
struct Answers<'a> {
    recipient: &'a Recipient,
    verify_code: Option<&'a String>,
    own_form: Option<&'a String>,
}

/// A value that a form field asks for: its JSON pointer, its name, and what the order says.
type Asked<'a> = (&'static str, &'static str, Option<&'a String>);

impl<'a> Answers<'a> {
    fn asked_by(&self, field: FormField) -> Vec<Asked<'a>> {
        let Recipient { name, phone, id_card, province, city, district, address } = self.recipient;
        let name = ("/recipient/name", "name", name.as_ref());
        let phone = ("/recipient/phone", "phone", phone.as_ref());
        let province = ("/recipient/province", "province", province.as_ref());
        let city = ("/recipient/city", "city", city.as_ref());
        let district = ("/recipient/district", "district", district.as_ref());
        let address = ("/recipient/address", "address", address.as_ref());
        match field {
            FormField::Recipients => vec![name],
            FormField::Tel => vec![phone],
            FormField::VerifyCode => vec![phone, ("/verify_code", "verify_code", self.verify_code)],
            FormField::IdCard => vec![("/recipient/id_card", "id_card", id_card.as_ref())],
            FormField::ReceivingInfo => vec![name, phone, province, city, district, address],
            FormField::TotalAddress => vec![province, city, district],
            FormField::Address => vec![address],
            FormField::OwnForm => vec![("/own_form", "own_form", self.own_form)],
        }
    }

    /// White space says nothing.
    fn missing(&self, product: ProductId, field: FormField) -> impl Iterator<Item = MissingField> {
        let absent = self.asked_by(field).into_iter().filter(|(_, _, text)| !text.is_some_and(|text| is_visible(text)));
        absent.map(move |(pointer, field, _)| MissingField { pointer, field, product })
    }
}

fn refuse(missing: Vec<MissingField>) -> Result<(), OrderError> {
    if missing.is_empty() { Ok(()) } else { Err(OrderError::FieldRequired { missing }) }
}

/// S2 rule 3: what the products ask together. Answers whether a verification code must be checked. A cart order has no remark,
/// and an address is asked for whole.
pub fn check_cart_fields<'a>(
    cards: impl Iterator<Item = &'a Arc<ShelfCard>>,
    recipient: &Recipient,
    verify_code: Option<&String>,
) -> Result<bool, OrderError> {
    let answers = Answers { recipient, verify_code, own_form: None };
    let mut missing = Vec::new();
    let mut check_code = false;
    for card in cards {
        for field in card.form.iter().copied() {
            match field {
                FormField::TotalAddress | FormField::Address | FormField::OwnForm => {}
                FormField::Recipients | FormField::Tel | FormField::VerifyCode | FormField::IdCard | FormField::ReceivingInfo => {
                    check_code |= field == FormField::VerifyCode;
                    missing.extend(answers.missing(card.product_id, field));
                }
            }
        }
    }
    missing.dedup();
    refuse(missing).map(|()| check_code)
}

/// S1 rule 3: what a special store asks by receiving way, any other store by the product's form. An activity order carries no
/// verification code.
pub fn check_activity_fields(
    offer: &OfferCard,
    special: bool,
    recipient: &Recipient,
    own_form: Option<&String>,
) -> Result<(), OrderError> {
    let by_way: &[FormField] = match offer.receiving_way {
        0 | 1 => &[FormField::Recipients, FormField::Tel],
        _ => &[],
    };
    let required = if special { by_way } else { offer.shelf.form.as_ref() };
    let answers = Answers { recipient, verify_code: None, own_form };
    let asked = required.iter().copied().filter(|field| *field != FormField::VerifyCode);
    refuse(asked.flat_map(|field| answers.missing(offer.shelf.product_id, field)).collect())
}
