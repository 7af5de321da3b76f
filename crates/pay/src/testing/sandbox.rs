//! The embedded provider's books: a channel is decided or closed once, whichever comes first.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a suite fails by panicking")]

use std::sync::Arc;

use sluice_kernel::PaymentId;
use tokio::task::JoinSet;

use super::{at, payment};
use crate::{SandboxChannels, SandboxNotice, SandboxOutcome};

/// Runs every case of [`SandboxChannels`].
pub async fn sandbox_contract(channels: Arc<dyn SandboxChannels>) {
    the_first_choice_stands(&*channels).await;
    a_closed_channel_takes_no_choice(&*channels).await;
    callbacks_are_owed_until_delivered(&*channels).await;
    choosing_and_closing_at_once_agree(channels).await;
}

async fn the_first_choice_stands(channels: &dyn SandboxChannels) {
    let payment = payment("choice-1", 1);
    assert_eq!(channels.find(&payment.id).await.unwrap(), None);
    let made = channels.choose(&payment, SandboxOutcome::Failed, "n-1", at(0)).await.unwrap().unwrap();
    assert_eq!(
        made,
        SandboxNotice { payment_id: payment.id.clone(), notice_id: "n-1".to_owned(), outcome: SandboxOutcome::Failed }
    );
    assert_eq!(channels.choose(&payment, SandboxOutcome::Paid, "n-2", at(1)).await.unwrap(), None);
    assert_eq!(channels.close(&payment.id, at(2)).await.unwrap(), Some(made.clone()));
    assert_eq!(channels.find(&payment.id).await.unwrap(), Some(made));
    channels.delivered(&payment.id, at(3)).await.unwrap();
}

async fn a_closed_channel_takes_no_choice(channels: &dyn SandboxChannels) {
    let payment = payment("choice-2", 2);
    assert_eq!(channels.close(&payment.id, at(0)).await.unwrap(), None);
    assert_eq!(channels.close(&payment.id, at(1)).await.unwrap(), None);
    assert_eq!(channels.choose(&payment, SandboxOutcome::Paid, "n-3", at(2)).await.unwrap(), None);
    assert_eq!(channels.find(&payment.id).await.unwrap(), None);
    assert_eq!(channels.undelivered(at(99), 10).await.unwrap(), []);
}

async fn callbacks_are_owed_until_delivered(channels: &dyn SandboxChannels) {
    let (early, late) = (payment("choice-3", 3), payment("choice-4", 4));
    channels.choose(&late, SandboxOutcome::Paid, "n-late", at(20)).await.unwrap();
    channels.choose(&early, SandboxOutcome::Paid, "n-early", at(10)).await.unwrap();
    let owed = async |before, limit| -> Vec<String> {
        channels.undelivered(at(before), limit).await.unwrap().into_iter().map(|notice| notice.notice_id).collect()
    };
    assert_eq!(owed(21, 10).await, ["n-early", "n-late"]);
    assert_eq!(owed(21, 1).await, ["n-early"]);
    assert_eq!(owed(20, 10).await, ["n-early"]);
    channels.delivered(&early.id, at(30)).await.unwrap();
    channels.delivered(&late.id, at(30)).await.unwrap();
    assert!(owed(99, 10).await.is_empty());
}

async fn choosing_and_closing_at_once_agree(channels: Arc<dyn SandboxChannels>) {
    for number in 0..50 {
        let payment = payment(&format!("choice-race-{number}"), 100 + number);
        let mut choices = JoinSet::new();
        for buyer in 0..3 {
            let (channels, payment) = (Arc::clone(&channels), payment.clone());
            choices.spawn(async move {
                channels.choose(&payment, SandboxOutcome::Paid, &format!("n-{number}-{buyer}"), at(0)).await.unwrap()
            });
        }
        let closer: PaymentId = payment.id.clone();
        let closed = channels.close(&closer, at(0)).await.unwrap();
        let made: Vec<SandboxNotice> = choices.join_all().await.into_iter().flatten().collect();
        assert_eq!(made.first(), closed.as_ref());
        assert!(made.len() <= 1);
    }
}
