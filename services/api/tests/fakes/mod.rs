//! In-memory services that answer what the tests need.

mod catalog;
mod orders;
mod others;
mod partner;
mod points;
mod promotion;

use std::sync::{Arc, Mutex};

use sluice_app::{PartHealth, PartState, Shop};
use sluice_events::{DeadLetter, ParkingPlace, testing::MemoryParking};
use sluice_kernel::{SequenceIds, SystemClock};
use sluice_pay::Payment;

pub use orders::FakeOrders;
pub use others::{PAYMENT, letter};
pub use partner::{DELIVERY, FakePartner};

/// The fakes' shared state.
pub struct Fakes {
    pub orders: Arc<FakeOrders>,
    pub catalog: Arc<catalog::FakeCatalog>,
    pub partner: Arc<FakePartner>,
    pub promotion: Arc<promotion::FakePromotion>,
    pub payment: Mutex<Payment>,
    pub letters: Mutex<Vec<DeadLetter>>,
    pub parts: Mutex<Vec<PartHealth>>,
    pub callbacks: Mutex<Vec<Vec<u8>>>,
}

impl Default for Fakes {
    fn default() -> Self {
        Self {
            orders: Arc::default(),
            catalog: Arc::default(),
            partner: Arc::default(),
            promotion: Arc::default(),
            payment: Mutex::new(others::payment()),
            letters: Mutex::default(),
            parts: Mutex::new(vec![PartHealth { name: "database", state: PartState::Up, detail: String::new() }]),
            callbacks: Mutex::default(),
        }
    }
}

impl Fakes {
    pub fn shop(self: &Arc<Self>) -> Shop {
        let others = Arc::new(others::Others(self.clone()));
        Shop {
            catalog: self.catalog.clone(),
            cart: others.clone(),
            inventory: others.clone(),
            member: others.clone(),
            points: Arc::new(points::FakePoints::default()),
            orders: self.orders.clone(),
            pay: others.clone(),
            promotion: self.promotion.clone(),
            partner: self.partner.clone(),
            cashier: others.clone(),
            outbox: others.clone(),
            dead_letters: others.clone(),
            parking: ParkingPlace::new(Arc::new(MemoryParking::default())),
            publisher: others.clone(),
            health: others.clone(),
            housekeeping: others.clone(),
            traces: others,
            clock: Arc::new(SystemClock),
            ids: Arc::new(SequenceIds::starting_at(1)),
        }
    }
}
