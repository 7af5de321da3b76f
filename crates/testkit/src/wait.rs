//! Waiting for something to become true, bounded: the only way a test waits.

use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Asks until the closure answers `true`; panics, naming `what`, when `within` has passed.
pub async fn wait_until(what: &str, within: Duration, mut holds: impl AsyncFnMut() -> bool) {
    wait_for(what, within, async || holds().await.then_some(())).await;
}

/// Asks until the closure answers `Some`, and returns that; panics, naming `what`, when `within` has passed. The
/// closure is asked once more at the deadline, and at least once; a question that hangs is cut off at the deadline.
pub async fn wait_for<T>(what: &str, within: Duration, mut answer: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    let mut pause = FIRST_PAUSE;
    loop {
        let last = Instant::now() >= deadline;
        let patience = deadline.saturating_duration_since(Instant::now()).max(LONGEST_PAUSE);
        if let Ok(Some(value)) = tokio::time::timeout(patience, answer()).await {
            return value;
        }
        assert!(!last, "waited {within:?} in vain: {what}");
        tokio::time::sleep(pause.min(deadline.saturating_duration_since(Instant::now()))).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_asks_until_the_answer_comes() {
        let mut asked = 0;
        let value = wait_for("the third question", Duration::from_secs(5), async || {
            asked += 1;
            (asked == 3).then_some("yes")
        })
        .await;
        assert_eq!(value, "yes");
    }

    #[tokio::test]
    #[should_panic(expected = "in vain: a question that hangs")]
    async fn it_gives_up_even_when_the_question_hangs() {
        wait_until("a question that hangs", Duration::from_millis(30), async || std::future::pending().await).await;
    }
}
