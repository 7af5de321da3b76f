//! One batch of placements in one transaction: claim, check, decide over the stock, drop the refused, insert the rest.
//!
//! Contract: locks are taken in one order (epoch → main orders and their keys → carts → codes → reservation outcomes →
//! stock → limits). An order that is refused leaves nothing behind: no row, no key, no cart claim, no code used up, no units.
//! An order that shares a key, a cart or a code with an earlier one of its batch is put off: what becomes of it depends on
//! whether the earlier one stands.

use std::collections::{HashMap, HashSet};

use sluice_inventory::ReserveLine;
use sluice_kernel::{Clock, SkuId, Timestamp};
use sluice_order::{CommitOutcome, NewOrder, Replay};

use super::{
    activity::stock_terms,
    claims::{self, Owner},
    placement::Placement,
    rows::{self, Rows},
    scope::Scope,
};
use crate::{
    error::{StoreError, StoreResult},
    held_rows::HeldRow,
    inventory::{
        Epoch, StockMode, commit_outcomes,
        limits::LimitKey,
        shared_epoch,
        stock::{Cause, LockedStock},
    },
    unit_of_work::UnitOfWork,
};

/// What a batch decided over one of its orders; `Committed` holds once the transaction has committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Answered(CommitOutcome),
    /// Ask again after this transaction.
    PutOff,
    /// Somebody else holds this row, which it needs.
    Held(HeldRow),
    /// Its own deadline has passed; it is not written any more.
    Expired,
}

struct Candidate<'a> {
    order: &'a NewOrder,
    placement: &'a Placement,
    /// This transaction wrote its main order, which is its key's owner.
    written: bool,
    /// This transaction claimed its cart for it.
    claimed_cart: Option<Scope>,
    verdict: Option<Verdict>,
}

impl<'a> Candidate<'a> {
    fn new(placement: &'a Placement) -> Self {
        Self { order: &placement.order, placement, written: false, claimed_cart: None, verdict: None }
    }

    fn stands(&self) -> bool {
        self.verdict.is_none()
    }

    fn answer(&mut self, answer: CommitOutcome) {
        self.verdict = Some(Verdict::Answered(answer));
    }
}

/// Decides over these placements and writes those that stand. Where none is `Committed` the transaction has nothing to keep and
/// is to be rolled back. `clock` says when an activity's window is asked.
pub(super) async fn decide(
    unit: &UnitOfWork,
    mode: StockMode,
    clock: &dyn Clock,
    placements: &[&Placement],
) -> StoreResult<Vec<Verdict>> {
    let mut candidates: Vec<Candidate<'_>> = placements.iter().map(|placement| Candidate::new(placement)).collect();
    if mode == StockMode::Reserved {
        check_epoch(unit, &mut candidates).await?;
    }
    claim(unit, &mut candidates).await?;
    lock_codes(unit, &mut candidates).await?;
    // Last of the refusals, so that `committed` stands for no order that is refused: the sweeper would keep its units.
    if mode == StockMode::Reserved {
        check_outcomes(unit, &mut candidates).await?;
    }
    let stock = if mode == StockMode::InCommit { Some(take_stock(unit, clock, &mut candidates).await?) } else { None };

    let (standing, refused): (Vec<&Candidate<'_>>, Vec<&Candidate<'_>>) =
        candidates.iter().partition(|candidate| candidate.stands());
    if !standing.is_empty() {
        let unwanted = refused.iter().filter(|candidate| candidate.written);
        claims::take_back_orders(unit, unwanted.map(|candidate| candidate.order.order_no.id()).collect()).await?;
        let unused: Vec<Scope> = refused.iter().filter_map(|candidate| candidate.claimed_cart).collect();
        claims::give_back_carts(unit, &unused).await?;
        use_codes(unit, &standing).await?;
        if let Some(stock) = stock {
            stock.write(unit).await?;
        }
        let mut rows = Rows::default();
        for candidate in standing {
            rows.append(candidate.placement.rows()?);
        }
        rows.insert(unit).await?;
    }
    Ok(candidates.into_iter().map(|candidate| candidate.verdict.unwrap_or(Verdict::Answered(CommitOutcome::Committed))).collect())
}

/// The share lock makes a rebuild of the gate wait for this commit, and this commit see a rebuild that came first.
async fn check_epoch(unit: &UnitOfWork, candidates: &mut [Candidate<'_>]) -> StoreResult<()> {
    let Epoch { epoch, open } = shared_epoch(unit).await?;
    for candidate in candidates {
        if !open || candidate.order.reserved_in_epoch != Some(epoch) {
            candidate.answer(CommitOutcome::EpochMoved);
        }
    }
    Ok(())
}

async fn claim(unit: &UnitOfWork, candidates: &mut [Candidate<'_>]) -> StoreResult<()> {
    let wanted: Vec<&Placement> =
        candidates.iter().filter(|candidate| candidate.stands()).map(|candidate| candidate.placement).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let (keys, carts) = (claims::claim_keys(unit, &wanted).await?, claims::claim_carts(unit, &wanted).await?);
    let owner_in = |owners: &HashMap<Scope, Owner>, scope: &Scope| -> StoreResult<Owner> {
        owners.get(scope).copied().ok_or(StoreError::Contradiction("a claim has no owner"))
    };
    let batch: HashSet<i64> = candidates.iter().map(|candidate| candidate.order.order_no.id()).collect();
    for candidate in candidates.iter_mut().filter(|candidate| candidate.stands()) {
        let key: Owner = owner_in(&keys, &candidate.placement.key)?;
        let cart = candidate.placement.cart.as_ref().map(|scope| owner_in(&carts, scope)).transpose()?;
        let own = candidate.order.order_no;
        candidate.written = key.order_no == own;
        // The claim to its cart of an order that a replay ends is its own even so, and is given back with it.
        candidate.claimed_cart = candidate.placement.cart.filter(|_| cart.is_some_and(|cart| cart.order_no == own));
        let stranger = [Some(key), cart].into_iter().flatten().find(|owner| owner.order_no != own);
        let Some(stranger) = stranger else { continue };
        candidate.verdict = Some(if batch.contains(&stranger.order_no.id()) {
            Verdict::PutOff
        } else if key.order_no != own {
            let same_body = key.fingerprint == candidate.order.key.fingerprint;
            Verdict::Answered(CommitOutcome::Replayed(Replay { order_no: key.order_no, same_body }))
        } else {
            Verdict::Answered(CommitOutcome::CartClaimed)
        });
    }
    Ok(())
}

/// Writes `committed` for every reservation; where the sweeper was faster its units are gone already.
async fn check_outcomes(unit: &UnitOfWork, candidates: &mut [Candidate<'_>]) -> StoreResult<()> {
    let standing: Vec<(String, Timestamp)> = candidates
        .iter()
        .filter(|candidate| candidate.stands())
        .map(|candidate| (rows::reservation(candidate.order.order_no), candidate.order.terms.created_at))
        .collect();
    let released = commit_outcomes(unit, standing).await?;
    for candidate in candidates.iter_mut().filter(|candidate| candidate.stands()) {
        if released.contains(&rows::reservation(candidate.order.order_no)) {
            candidate.answer(CommitOutcome::EpochMoved);
        }
    }
    Ok(())
}

/// Verification codes are rare and asked one by one, sorted. Locked before the stock is asked: a code that is gone goes
/// before stock that is short (docs/domain.md S2), and only an order that stands uses its code up.
async fn lock_codes(unit: &UnitOfWork, candidates: &mut [Candidate<'_>]) -> StoreResult<()> {
    let mut with_code: Vec<&mut Candidate<'_>> =
        candidates.iter_mut().filter(|candidate| candidate.stands() && candidate.order.uses_code.is_some()).collect();
    // Stable: of two orders with one code the first stays first.
    with_code.sort_by(|one, other| code_key(one.order).cmp(&code_key(other.order)));
    let mut previous = None;
    for candidate in with_code {
        let Some((phone, sent_at)) = &candidate.order.uses_code else { continue };
        if previous == Some(code_key(candidate.order)) {
            candidate.verdict = Some(Verdict::PutOff);
            continue;
        }
        let select = format!("{SELECT_CODE}{}", unit.dialect().for_update());
        let values = vec![
            candidate.order.store.0.into(),
            phone.as_str().into(),
            sent_at.as_millis().into(),
            candidate.order.terms.created_at.as_millis().into(),
        ];
        if unit.row(select, values).await?.is_none() {
            candidate.answer(CommitOutcome::CodeSpent);
        } else {
            previous = Some(code_key(candidate.order));
        }
    }
    Ok(())
}

const SELECT_CODE: &str =
    "SELECT sent_at FROM sent_codes WHERE store_id = ? AND phone = ? AND sent_at = ? AND used_at IS NULL AND expires_at > ?";

fn code_key(order: &NewOrder) -> (i64, &str) {
    (order.store.0, order.uses_code.as_ref().map_or("", |(phone, _)| phone.as_str()))
}

async fn use_codes(unit: &UnitOfWork, standing: &[&Candidate<'_>]) -> StoreResult<()> {
    let update = "UPDATE sent_codes SET used_at = ? WHERE store_id = ? AND phone = ? AND sent_at = ? AND used_at IS NULL";
    for Candidate { order, .. } in standing {
        let Some((phone, sent_at)) = &order.uses_code else { continue };
        let values = vec![
            order.terms.created_at.as_millis().into(),
            order.store.0.into(),
            phone.as_str().into(),
            sent_at.as_millis().into(),
        ];
        if unit.execute(update, values).await? != 1 {
            return Err(StoreError::Contradiction("a locked verification code was used up"));
        }
    }
    Ok(())
}

/// Decides order by order, as they arrived, over rows that stay locked until the commit. The instant of the decision is
/// the one at which all of them are locked.
async fn take_stock(unit: &UnitOfWork, clock: &dyn Clock, candidates: &mut [Candidate<'_>]) -> StoreResult<LockedStock> {
    let standing = || candidates.iter().filter(|candidate| candidate.stands()).map(|candidate| candidate.order);
    let skus: Vec<SkuId> = standing().flat_map(|order| order.items.iter().map(|item| item.sku_id)).collect();
    let limits: Vec<LimitKey> =
        standing().filter_map(NewOrder::reserve_terms).map(|terms| LimitKey { sku: terms.sku, user: terms.user }).collect();
    let mut stock = LockedStock::lock_with_limits(unit, skus, limits).await?;
    let now = clock.now();
    for candidate in candidates.iter_mut().filter(|candidate| candidate.stands()) {
        let order = candidate.order;
        let movement_id = rows::reservation(order.order_no);
        let cause =
            Cause { store: order.store, movement_id: &movement_id, order_no: Some(order.order_no), at: order.terms.created_at };
        let lines: Vec<ReserveLine> = order
            .items
            .iter()
            .map(|item| ReserveLine { sku: item.sku_id, quantity: item.quantity.get(), revision: Some(item.revision) })
            .collect();
        if let Err(refusal) = stock.take(&cause, &lines, &stock_terms(order.reserve_terms()), now)? {
            candidate.answer(CommitOutcome::Refused(refusal.into()));
        }
    }
    Ok(stock)
}
