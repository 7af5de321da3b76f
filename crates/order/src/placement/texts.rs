//! How long the texts of an order may be.

use sluice_kernel::Attribution;

use crate::{OrderError, Recipient};

/// Longest texts, in characters (docs/errors.md lists them for clients).
pub fn check_texts(
    recipient: &Recipient,
    attribution: &Attribution,
    others: &[(&str, Option<&String>, usize)],
) -> Result<(), OrderError> {
    let fixed = [
        ("/recipient/name", recipient.name.as_ref(), 64),
        ("/recipient/phone", recipient.phone.as_ref(), 32),
        ("/recipient/id_card", recipient.id_card.as_ref(), 32),
        ("/recipient/province", recipient.province.as_ref(), 64),
        ("/recipient/city", recipient.city.as_ref(), 64),
        ("/recipient/district", recipient.district.as_ref(), 64),
        ("/recipient/address", recipient.address.as_ref(), 200),
        ("/attribution/rq", attribution.rq.as_ref(), 128),
        ("/attribution/cookie_id", attribution.cookie_id.as_ref(), 128),
    ];
    for (pointer, text, most) in fixed.iter().chain(others) {
        if text.is_some_and(|text| text.chars().count() > *most) {
            return Err(OrderError::invalid(pointer, &format!("at most {most} characters")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_a_documented_length() {
        let recipient = Recipient { name: Some("n".repeat(65)), ..Recipient::default() };
        let error = check_texts(&recipient, &Attribution::default(), &[]).unwrap_err();
        assert!(matches!(error, OrderError::InvalidField { pointer, .. } if pointer == "/recipient/name"));
    }
}
