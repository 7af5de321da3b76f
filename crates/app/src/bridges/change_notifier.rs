//! What a change by staff makes known before they are answered: a gate outside the database hears of raised revisions,
//! and what this process keeps of the store's rules is forgotten.

use std::sync::Arc;

use async_trait::async_trait;
use sluice_inventory::InventoryService;
use sluice_kernel::StoreId;
use sluice_promotion::ChangeListener;

use super::order_to_promotion::RulesCache;

/// Effects told at once, and how often; more than that wait for the sweeper.
const EFFECTS_AT_ONCE: u32 = 500;
const MAX_ROUNDS: usize = 20;

/// The change and its gate effect stand in one transaction; telling the gate here only shortens the time in which it
/// would still take orders at the old price or for what has left the shelf. Where telling fails, the sweeper goes on.
#[derive(Clone)]
pub struct ChangeNotifier {
    /// `None` with the database gate: it reads what was committed.
    pub inventory: Option<Arc<dyn InventoryService>>,
    pub rules: Arc<RulesCache>,
}

impl ChangeNotifier {
    pub async fn tell_gate(&self) {
        let Some(inventory) = &self.inventory else { return };
        for _ in 0..MAX_ROUNDS {
            match inventory.apply_effects(EFFECTS_AT_ONCE).await {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(error = %error, "The gate could not be told of a change yet; the sweeper will.");
                    return;
                }
            }
        }
    }
}

#[async_trait]
impl ChangeListener for ChangeNotifier {
    async fn revisions_raised(&self, _: StoreId) {
        self.tell_gate().await;
    }

    async fn campaigns_changed(&self, store: StoreId) {
        self.rules.forget(store).await;
    }
}
