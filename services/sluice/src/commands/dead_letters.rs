//! `sluice dead-letters list · show · replay`.

use std::process::ExitCode;

use sluice_app::{Config, OpenOptions, OpenShop, Shop};
use sluice_events::{DeadLetter, DeadLetterId, LetterQuery, LetterState, Topic};
use sluice_worker::{Hints, WorkerSettings};

use super::{Outcome, open};
use crate::{arguments::DeadLetterArgument, output::say};

pub async fn dead_letters(config: &Config, action: DeadLetterArgument) -> Outcome {
    let open = open(config, OpenOptions::default()).await?;
    let code = match action {
        DeadLetterArgument::List { topic, limit } => list(&open.shop, topic, limit).await,
        DeadLetterArgument::Show { id } => show(&open.shop, id).await,
        DeadLetterArgument::Replay { id: Some(id), .. } => replay(&open, id).await,
        DeadLetterArgument::Replay { id: None, topic } => replay_all(&open, topic).await,
    };
    open.close().await;
    code
}

/// Of a shop in one process nobody may be running: what is replayed from here is tried here, over the same database.
async fn try_here(open: &OpenShop) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    if !open.bus_in_process {
        return Ok(());
    }
    let hints = Hints { outbox: open.outbox.clone(), effects: open.effects.clone(), points: open.points.clone() };
    sluice_worker::retry_parked(&open.shop, &hints, &WorkerSettings::default()).await
}

fn line(letter: &DeadLetter) -> String {
    let replayed = match (letter.state, letter.replayed_at, letter.replays) {
        (LetterState::Dead, _, 0) => "replayed -".to_owned(),
        (LetterState::Dead, _, times) => format!("failed again {}, replays {times}", letter.at),
        (LetterState::Replaying, Some(at), _) => format!("replaying since {at}"),
        (LetterState::Handled, Some(at), _) => format!("replayed {at}"),
        (state, None, _) => state.as_str().to_owned(),
    };
    format!(
        "{}\t{}\t{}\t{}\t{}\t{}\t{replayed}",
        letter.id.0,
        letter.at,
        letter.envelope.topic.name(),
        letter.consumer,
        letter.envelope.id,
        letter.error_code
    )
}

async fn list(shop: &Shop, topic: Option<Topic>, limit: u32) -> Outcome {
    for letter in shop.dead_letters.list(LetterQuery { topic, limit, ..LetterQuery::default() }).await? {
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

fn tell(letter: &DeadLetter) {
    let event = &letter.envelope.id;
    let what = match letter.state {
        LetterState::Dead => format!("failed again: {}", letter.error_detail),
        LetterState::Replaying => format!("will be tried again by {} within seconds", letter.consumer),
        LetterState::Handled => "was handled".to_owned(),
    };
    say(&format!("{event} of {} {what}.", letter.envelope.topic.name()));
}

async fn replay(open: &OpenShop, id: i64) -> Outcome {
    let letter = find(&open.shop, id).await?;
    open.shop.dead_letters.replay(letter.id, open.shop.clock.now()).await?;
    try_here(open).await?;
    tell(&find(&open.shop, id).await?);
    Ok(ExitCode::SUCCESS)
}

async fn replay_all(open: &OpenShop, topic: Option<Topic>) -> Outcome {
    let mut query = LetterQuery { topic, state: Some(LetterState::Dead), limit: 100, ..LetterQuery::default() };
    loop {
        let letters = open.shop.dead_letters.list(query).await?;
        let Some(last) = letters.last() else { return Ok(ExitCode::SUCCESS) };
        query.after = Some(last.id);
        for letter in &letters {
            open.shop.dead_letters.replay(letter.id, open.shop.clock.now()).await?;
        }
        try_here(open).await?;
        for letter in &letters {
            tell(&find(&open.shop, letter.id.0).await?);
        }
    }
}
