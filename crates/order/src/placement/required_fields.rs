//! Form fields that products require of an order (spec.md S2 rule 3, S1 rule 3).

use std::sync::Arc;

use sluice_kernel::text::is_visible;

use crate::{ActivityField, MissingField, OfferCard, OrderError, Recipient, RequiredField, ShelfCard};

/// A text that says something.
pub fn given(text: Option<&String>) -> bool {
    text.is_some_and(|text| is_visible(text))
}

/// Rule 3: the required form fields of every product. Answers whether a verification code must be checked.
pub fn check_cart_fields<'a>(
    cards: impl Iterator<Item = &'a Arc<ShelfCard>>,
    recipient: &Recipient,
    verify_code: Option<&String>,
) -> Result<bool, OrderError> {
    let name = ("/recipient/name", "name", given(recipient.name.as_ref()));
    let phone = ("/recipient/phone", "phone", given(recipient.phone.as_ref()));
    let id_card = ("/recipient/id_card", "id_card", given(recipient.id_card.as_ref()));
    let place = [
        ("/recipient/province", "province", given(recipient.province.as_ref())),
        ("/recipient/city", "city", given(recipient.city.as_ref())),
        ("/recipient/district", "district", given(recipient.district.as_ref())),
        ("/recipient/address", "address", given(recipient.address.as_ref())),
    ];
    let code = ("/verify_code", "verify_code", given(verify_code));

    let mut missing = Vec::new();
    let mut check_code = false;
    for card in cards {
        for required in card.required.iter() {
            let needed: Vec<(&'static str, &'static str, bool)> = match required {
                RequiredField::Recipients => vec![name],
                RequiredField::Tel => vec![phone],
                RequiredField::IdCard => vec![id_card],
                RequiredField::VerifyCode => {
                    check_code = true;
                    vec![phone, code]
                }
                RequiredField::ReceivingInfo => [vec![name, phone], place.to_vec()].concat(),
            };
            let absent = needed.into_iter().filter(|(_, _, given)| !given);
            missing.extend(absent.map(|(pointer, field, _)| MissingField { pointer, field, product: card.product_id }));
        }
    }
    missing.dedup();
    if missing.is_empty() { Ok(check_code) } else { Err(OrderError::FieldRequired { missing }) }
}

/// Rule 3: what a special store asks by receiving way, any other store by the product's form.
pub fn check_activity_fields(
    offer: &OfferCard,
    special: bool,
    recipient: &Recipient,
    own_form: Option<&String>,
) -> Result<(), OrderError> {
    let by_way: &[ActivityField] = match offer.receiving_way {
        0 | 1 => &[ActivityField::Recipients, ActivityField::Tel],
        _ => &[],
    };
    let required = if special { by_way } else { offer.form.as_ref() };
    let mut missing = Vec::new();
    for field in required {
        let wanted: &[(&'static str, &'static str, Option<&String>)] = match field {
            ActivityField::Recipients => &[("/recipient/name", "name", recipient.name.as_ref())],
            ActivityField::Tel => &[("/recipient/phone", "phone", recipient.phone.as_ref())],
            ActivityField::IdCard => &[("/recipient/id_card", "id_card", recipient.id_card.as_ref())],
            ActivityField::TotalAddress => &[
                ("/recipient/province", "province", recipient.province.as_ref()),
                ("/recipient/city", "city", recipient.city.as_ref()),
                ("/recipient/district", "district", recipient.district.as_ref()),
            ],
            ActivityField::Address => &[("/recipient/address", "address", recipient.address.as_ref())],
            ActivityField::OwnForm => &[("/own_form", "own_form", own_form)],
        };
        let absent = wanted.iter().filter(|(_, _, text)| !given(*text));
        missing.extend(absent.map(|(pointer, field, _)| MissingField { pointer, field, product: offer.shelf.product_id }));
    }
    if missing.is_empty() { Ok(()) } else { Err(OrderError::FieldRequired { missing }) }
}
