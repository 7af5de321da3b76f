//! `sluice dead-letters list · show · replay`.

use std::process::ExitCode;

use sluice_app::{Config, OpenOptions, OpenShop, Shop};
use sluice_events::{DeadLetter, DeadLetterId, Dispatcher, Topic};
use sluice_worker::{Hints, WorkerSettings};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Outcome, open};
use crate::{arguments::DeadLetterArgument, output::say};

pub async fn dead_letters(config: &Config, action: DeadLetterArgument) -> Outcome {
    let open = open(config, OpenOptions::default()).await?;
    let stop = CancellationToken::new();
    let consuming = open.bus_in_process.then(|| consume_here(&open, stop.clone()));
    let code = match action {
        DeadLetterArgument::List { topic, limit } => list(&open.shop, topic, limit).await,
        DeadLetterArgument::Show { id } => show(&open.shop, id).await,
        DeadLetterArgument::Replay { id: Some(id), .. } => replay(&open.shop, id).await,
        DeadLetterArgument::Replay { id: None, topic } => replay_all(&open.shop, topic).await,
    };
    stop.cancel();
    if let Some(consuming) = consuming {
        consuming.await?;
    }
    open.close().await;
    code
}

/// The in-process bus ends at the process: what is replayed from here is handled here, over the same database.
fn consume_here(open: &OpenShop, stop: CancellationToken) -> JoinHandle<()> {
    let (shop, settings) = (&open.shop, WorkerSettings::default());
    let hints = Hints { outbox: open.outbox.clone(), effects: open.effects.clone(), points: open.points.clone() };
    let dispatchers = sluice_worker::consumers(shop, &hints, &settings)
        .into_iter()
        .map(|handler| Dispatcher::new(handler, shop.dead_letters.clone(), shop.clock.clone(), settings.retry))
        .collect();
    open.bus.start(dispatchers, stop)
}

fn line(letter: &DeadLetter) -> String {
    let replayed = letter.replayed_at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    format!(
        "{}\t{}\t{}\t{}\t{}\t{}\treplayed {replayed}",
        letter.id.0,
        letter.at,
        letter.envelope.topic.name(),
        letter.consumer,
        letter.envelope.id,
        letter.error_code
    )
}

async fn list(shop: &Shop, topic: Option<Topic>, limit: u32) -> Outcome {
    for letter in shop.dead_letters.list(topic, None, limit).await? {
        say(&line(&letter));
    }
    Ok(ExitCode::SUCCESS)
}

async fn find(shop: &Shop, id: i64) -> Result<DeadLetter, Box<dyn std::error::Error + Send + Sync>> {
    let letter = shop.dead_letters.find(DeadLetterId(id)).await?;
    letter.ok_or_else(|| format!("there is no dead letter {id}").into())
}

async fn show(shop: &Shop, id: i64) -> Outcome {
    let letter = find(shop, id).await?;
    say(&line(&letter));
    say(&format!("key {}  type {}  time {}", letter.envelope.key, letter.envelope.kind, letter.envelope.time));
    say(&format!("after {} attempts: {}", letter.attempts, letter.error_detail));
    say(&letter.envelope.data);
    Ok(ExitCode::SUCCESS)
}

async fn publish_again(shop: &Shop, letter: &DeadLetter) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    shop.publisher.publish(vec![letter.envelope.clone()]).await?;
    shop.dead_letters.mark_replayed(letter.id, shop.clock.now()).await?;
    say(&format!("{} was published again to {}.", letter.envelope.id, letter.envelope.topic.name()));
    Ok(())
}

async fn replay(shop: &Shop, id: i64) -> Outcome {
    let letter = find(shop, id).await?;
    publish_again(shop, &letter).await?;
    Ok(ExitCode::SUCCESS)
}

async fn replay_all(shop: &Shop, topic: Option<Topic>) -> Outcome {
    let mut after = None;
    loop {
        let letters = shop.dead_letters.list(topic, after, 100).await?;
        let Some(last) = letters.last() else { return Ok(ExitCode::SUCCESS) };
        after = Some(last.id.0);
        for letter in letters.iter().filter(|letter| letter.replayed_at.is_none()) {
            publish_again(shop, letter).await?;
        }
    }
}
