//! docs/domain.md S2 rule 3 and S1 rule 3.

use std::sync::Arc;

use sluice_kernel::{FormField, PayType, ProductId};

use super::required_fields::{check_activity_fields, check_cart_fields};
use crate::{OfferCard, OrderError, Recipient, ShelfCard, fakes::offer};

#[test]
fn rule_3_names_each_missing_field_and_its_product() {
    let missing = |required: &[FormField], recipient: &Recipient| -> Vec<&'static str> {
        let card = Arc::new(ShelfCard { product_id: ProductId(7), form: required.into(), ..offer(PayType::Cash).shelf });
        match check_cart_fields([&card].into_iter(), recipient, None) {
            Ok(_) => Vec::new(),
            Err(OrderError::FieldRequired { missing }) => {
                assert!(missing.iter().all(|field| field.product == ProductId(7)));
                missing.iter().map(|field| field.pointer).collect()
            }
            Err(other) => panic!("{other}"),
        }
    };
    let nobody = Recipient::default();
    assert_eq!(missing(&[FormField::Recipients, FormField::Tel], &nobody), ["/recipient/name", "/recipient/phone"]);
    assert_eq!(missing(&[FormField::IdCard], &nobody), ["/recipient/id_card"]);
    assert_eq!(missing(&[FormField::VerifyCode], &nobody), ["/recipient/phone", "/verify_code"]);
    assert_eq!(missing(&[FormField::ReceivingInfo], &nobody).len(), 6);
    let blank = Recipient { name: Some("  ".to_owned()), ..Recipient::default() };
    assert_eq!(missing(&[FormField::Recipients], &blank), ["/recipient/name"]);
    assert_eq!(missing(&[], &nobody), Vec::<&str>::new());
}

fn asking(field: FormField) -> OfferCard {
    let plain = offer(PayType::Cash);
    OfferCard { shelf: ShelfCard { form: [field].into(), ..plain.shelf }, ..plain }
}

#[test]
fn rule_3_a_special_store_asks_by_receiving_way_alone() {
    let nothing = Recipient::default();
    let who = Recipient { name: Some("Ada".to_owned()), phone: Some("13800000000".to_owned()), ..Recipient::default() };
    for way in 0..=4 {
        let offer = OfferCard { receiving_way: way, ..asking(FormField::OwnForm) };
        assert!(check_activity_fields(&offer, true, &who, None).is_ok(), "{way}");
        let names: Vec<&str> = match check_activity_fields(&offer, true, &nothing, None) {
            Err(OrderError::FieldRequired { missing }) => missing.iter().map(|missing| missing.field).collect(),
            answer => {
                assert!(answer.is_ok());
                Vec::new()
            }
        };
        assert_eq!(names, if way <= 1 { vec!["name", "phone"] } else { vec![] }, "{way}");
    }
}

#[test]
fn rule_3_in_other_stores_the_products_form_decides() {
    let form = [
        (FormField::Recipients, vec!["/recipient/name"]),
        (FormField::Tel, vec!["/recipient/phone"]),
        (FormField::IdCard, vec!["/recipient/id_card"]),
        (FormField::TotalAddress, vec!["/recipient/province", "/recipient/city", "/recipient/district"]),
        (FormField::Address, vec!["/recipient/address"]),
        (FormField::OwnForm, vec!["/own_form"]),
        (
            FormField::ReceivingInfo,
            vec![
                "/recipient/name",
                "/recipient/phone",
                "/recipient/province",
                "/recipient/city",
                "/recipient/district",
                "/recipient/address",
            ],
        ),
    ];
    for (field, pointers) in form {
        let offer = asking(field);
        // White space says nothing.
        let blank = Some(" ".to_owned());
        let recipient = Recipient { name: blank.clone(), ..Recipient::default() };
        let Err(OrderError::FieldRequired { missing }) = check_activity_fields(&offer, false, &recipient, blank.as_ref()) else {
            unreachable!("{field:?} was not asked for")
        };
        assert_eq!(missing.iter().map(|missing| missing.pointer).collect::<Vec<_>>(), pointers);
    }
    let free = offer(PayType::Cash);
    assert!(check_activity_fields(&free, false, &Recipient::default(), None).is_ok());
}

#[test]
fn a_form_asks_only_what_its_kind_of_order_carries() {
    let nobody = Recipient::default();
    for field in [FormField::TotalAddress, FormField::Address, FormField::OwnForm] {
        let card = Arc::new(asking(field).shelf);
        assert_eq!(check_cart_fields([&card].into_iter(), &nobody, None).ok(), Some(false), "{field:?}");
    }
    assert!(check_activity_fields(&asking(FormField::VerifyCode), false, &nobody, None).is_ok());
}
