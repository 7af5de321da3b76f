//! What a run of mixed faults is decided by and judged by; no process and no time in it.

use std::collections::{BTreeMap, BTreeSet};

/// Random numbers that a seed repeats (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to `bound`, which is left out and not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let with = usize::try_from(self.below(u64::try_from(last).unwrap_or(0) + 1)).unwrap_or(0);
            items.swap(last, with);
        }
    }

    /// Dice of their own for somebody else, which these decide.
    #[must_use]
    pub fn split(&mut self) -> Self {
        Self(self.next())
    }
}

/// What a customer was told in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The number of the order.
    Placed(String),
    /// The code of the refusal.
    Refused(String),
    /// Asked until the end of the run, and never told.
    Nothing,
}

/// What became of the order afterwards, as far as its customer was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterwards {
    Left,
    /// The cashier said 200.
    Paid,
    /// The shop said 200.
    Cancelled,
    /// Asked for one of them, and nobody knows what came of it.
    Unclear,
}

/// One key, one wish for one unit.
#[derive(Debug, Clone)]
pub struct Purchase {
    pub user: String,
    pub key: String,
    pub told: Told,
    pub afterwards: Afterwards,
}

/// An order as the shop shows it after the storm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub user: String,
    pub sku: String,
    pub status: String,
}

/// Every way in which what was told and what is there contradict each other. All deadlines have passed.
pub fn contradictions(purchases: &[Purchase], found: &BTreeMap<String, Found>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut acknowledged: BTreeMap<&str, &str> = BTreeMap::new();
    for Purchase { user, key, told, afterwards } in purchases {
        let order = match told {
            Told::Placed(order) => order,
            Told::Refused(_) => continue,
            Told::Nothing => {
                wrong.push(format!("key {key} of {user} has no knowable outcome"));
                continue;
            }
        };
        if let Some(other) = acknowledged.insert(order, key) {
            wrong.push(format!("order {order} answers to two keys, {other} and {key}"));
        }
        let Some(there) = found.get(order) else {
            wrong.push(format!("LOST: order {order} of {user} was acknowledged and is not there"));
            continue;
        };
        if there.user != *user {
            wrong.push(format!("order {order} of {user} belongs to {}", there.user));
        }
        match (afterwards, there.status.as_str()) {
            (Afterwards::Paid, "paid")
            | (Afterwards::Cancelled | Afterwards::Left, "cancelled")
            | (Afterwards::Unclear, "paid" | "cancelled") => {}
            (Afterwards::Paid, status) => wrong.push(format!("PAID AND {}: order {order} of {user}", status.to_uppercase())),
            (_, "unpaid") => wrong.push(format!("order {order} of {user} is unpaid past its deadline")),
            (said, status) => wrong.push(format!("order {order} of {user} is {status}, and its customer knows it as {said:?}")),
        }
    }
    for (order, there) in found {
        if !acknowledged.contains_key(order.as_str()) {
            wrong.push(format!("DOUBLED: order {order} of {} was never acknowledged", there.user));
        }
    }
    wrong
}

/// (usable, locked, sold, received) of each SKU as the orders say it.
pub fn figures(skus: &[String], received: i64, found: &BTreeMap<String, Found>) -> BTreeMap<String, [i64; 4]> {
    let mut figures: BTreeMap<String, [i64; 4]> = skus.iter().map(|sku| (sku.clone(), [received, 0, 0, received])).collect();
    for there in found.values() {
        if let Some([usable, locked, sold, _]) = figures.get_mut(&there.sku) {
            match there.status.as_str() {
                "unpaid" => (*usable, *locked) = (*usable - 1, *locked + 1),
                "paid" => (*usable, *sold) = (*usable - 1, *sold + 1),
                _ => {}
            }
        }
    }
    figures
}

/// Users who asked for something.
pub fn users(purchases: &[Purchase]) -> BTreeSet<&str> {
    purchases.iter().map(|purchase| purchase.user.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bought(key: &str, order: &str, afterwards: Afterwards) -> Purchase {
        Purchase { user: "ann".to_owned(), key: key.to_owned(), told: Told::Placed(order.to_owned()), afterwards }
    }

    fn there(status: &str) -> Found {
        Found { user: "ann".to_owned(), sku: "7".to_owned(), status: status.to_owned() }
    }

    fn shop(orders: &[(&str, &str)]) -> BTreeMap<String, Found> {
        orders.iter().map(|(order, status)| ((*order).to_owned(), there(status))).collect()
    }

    #[test]
    fn a_seed_repeats_its_numbers_and_leaves_nobody_out() {
        let throw = |seed| {
            let mut dice = Dice::of(seed);
            let mut items: Vec<u64> = (0..20).collect();
            dice.shuffle(&mut items);
            (items, dice.below(1_000), dice.split().below(1_000))
        };
        assert_eq!(throw(7), throw(7));
        assert_ne!(throw(7), throw(8));
        let (mut shuffled, ..) = throw(7);
        shuffled.sort_unstable();
        assert_eq!(shuffled, (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn what_agrees_is_no_contradiction() {
        let purchases = [
            bought("a", "1", Afterwards::Paid),
            bought("b", "2", Afterwards::Cancelled),
            bought("c", "3", Afterwards::Left),
            bought("d", "4", Afterwards::Unclear),
            Purchase { told: Told::Refused("insufficient_stock".to_owned()), ..bought("e", "", Afterwards::Left) },
        ];
        let found = shop(&[("1", "paid"), ("2", "cancelled"), ("3", "cancelled"), ("4", "paid")]);
        assert_eq!(contradictions(&purchases, &found), [""; 0]);
        assert_eq!(figures(&["7".to_owned()], 10, &found)["7"], [8, 0, 2, 10]);
    }

    #[test]
    fn every_contradiction_is_told() {
        let purchases = [
            bought("a", "1", Afterwards::Paid),
            bought("b", "2", Afterwards::Left),
            bought("c", "2", Afterwards::Left),
            bought("d", "3", Afterwards::Left),
            bought("e", "4", Afterwards::Cancelled),
            Purchase { told: Told::Nothing, ..bought("f", "", Afterwards::Left) },
        ];
        let found = shop(&[("1", "cancelled"), ("2", "cancelled"), ("3", "unpaid"), ("9", "unpaid")]);
        let wrong = contradictions(&purchases, &found);
        let parts = [
            "PAID AND CANCELLED: order 1",
            "two keys, b and c",
            "3 of ann is unpaid past",
            "LOST: order 4",
            "key f",
            "DOUBLED: order 9",
        ];
        for part in parts {
            assert!(wrong.iter().any(|line| line.contains(part)), "{part}: {wrong:?}");
        }
        assert_eq!(wrong.len(), parts.len(), "{wrong:?}");
    }
}
