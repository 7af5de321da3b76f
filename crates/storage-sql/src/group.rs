//! Work that waits at the same moment is done together: one transaction, one flush to disk.
//!
//! Contract: [`GroupWriter::submit`] hands an item to one of a few lanes and answers when the item's group is done. A
//! lane that is idle starts at once, so an idle system waits for nobody; under load groups grow by themselves up to
//! their bound. One lane at a time has the [`Turn`] to gather; work that keeps it lets no other group begin until it
//! passes the turn on. The queue is bounded too: beyond it callers are told `Overloaded` at once, and what waited longer
//! than it may is refused instead of begun. A caller that goes away disturbs nobody; what it submitted is done all the same.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{FutureExt as _, future::BoxFuture};
use sluice_kernel::{PortError, PortResult};
use tokio::sync::{mpsc, oneshot};

use crate::error::{IntoPort as _, StoreError, StoreResult};

/// One answer for each item of a group, in its order.
type Handler<T, A> = dyn Fn(Vec<T>, Turn) -> BoxFuture<'static, Vec<PortResult<A>>> + Send + Sync;

/// The right to gather the next group. It goes on when it is passed on, or dropped.
pub(crate) struct Turn(Mutex<Option<Box<dyn Send>>>);

impl Turn {
    fn holding(right: impl Send + 'static) -> Self {
        Self(Mutex::new(Some(Box::new(right))))
    }

    /// Lets the next group begin; once is enough.
    pub(crate) fn pass_on(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// How long an item waits for its group to begin, unless its caller says otherwise.
const MAX_QUEUED: Duration = Duration::from_secs(3);

struct Waiting<T, A> {
    item: T,
    begin_by: Instant,
    answer: oneshot::Sender<PortResult<A>>,
}

/// Gathers items into groups. Its lanes end when it is dropped, after what was queued is done.
pub(crate) struct GroupWriter<T, A> {
    name: &'static str,
    queue: mpsc::Sender<Waiting<T, A>>,
}

#[derive(Debug, thiserror::Error)]
enum LostGroup {
    #[error("the group's work panicked")]
    Panicked,
    #[error("the group's work answered {answers} times for {items} items")]
    Miscounted { items: usize, answers: usize },
    #[error("the writer has stopped")]
    Stopped,
    #[error("it waited too long for its group to begin")]
    NotBegun,
    #[error("its group failed, and there was no time left to try it alone")]
    NoTimeLeft,
}

impl<T: Send + 'static, A: Send + 'static> GroupWriter<T, A> {
    /// Starts `lanes` lanes on the present runtime, which work side by side. `queue` items wait at most, `batch` stand in a
    /// group at most.
    pub(crate) fn new<H, F>(name: &'static str, lanes: usize, queue: usize, batch: usize, handler: H) -> Self
    where
        H: Fn(Vec<T>) -> F + Send + Sync + 'static,
        F: Future<Output = Vec<PortResult<A>>> + Send + 'static,
    {
        let side_by_side = move |items, turn: Turn| {
            drop(turn);
            handler(items)
        };
        let (writer, work) = Self::prepare(name, lanes, queue, batch, side_by_side);
        for lane in work {
            tokio::spawn(lane);
        }
        writer
    }

    /// The writer and the lanes that its caller is to run; `handler` says when the next group may begin.
    pub(crate) fn prepare<H, F>(
        name: &'static str,
        lanes: usize,
        queue: usize,
        batch: usize,
        handler: H,
    ) -> (Self, Vec<BoxFuture<'static, ()>>)
    where
        H: Fn(Vec<T>, Turn) -> F + Send + Sync + 'static,
        F: Future<Output = Vec<PortResult<A>>> + Send + 'static,
    {
        let handler: Arc<Handler<T, A>> = Arc::new(move |items, turn| handler(items, turn).boxed());
        let (sender, receiver) = mpsc::channel(queue.max(1));
        let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
        let lane = |_| run_lane(name, Arc::clone(&receiver), batch.max(1), Arc::clone(&handler)).boxed();
        let work = (0..lanes.max(1)).map(lane).collect();
        (Self { name, queue: sender }, work)
    }

    /// Waits for the item's group.
    pub(crate) async fn submit(&self, item: T) -> PortResult<A> {
        self.submit_until(item, Instant::now() + MAX_QUEUED).await
    }

    /// The same for an item that is refused as unavailable when its group does not begin in time.
    pub(crate) async fn submit_until(&self, item: T, begin_by: Instant) -> PortResult<A> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Waiting { item, begin_by, answer }).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => {
                metrics::counter!("sluice_group_commit_refused_total", "name" => self.name).increment(1);
                PortError::Overloaded { what: self.name }
            }
            mpsc::error::TrySendError::Closed(_) => PortError::unavailable(self.name, LostGroup::Stopped),
        })?;
        match answered.await {
            Ok(outcome) => outcome,
            Err(_) => Err(PortError::unavailable(self.name, LostGroup::Stopped)),
        }
    }
}

async fn run_lane<T: Send + 'static, A: Send + 'static>(
    name: &'static str,
    receiver: Arc<tokio::sync::Mutex<mpsc::Receiver<Waiting<T, A>>>>,
    batch: usize,
    handler: Arc<Handler<T, A>>,
) {
    loop {
        let mut group = Vec::with_capacity(batch);
        // One lane gathers at a time; the others work or wait for their turn.
        let mut gathering = Arc::clone(&receiver).lock_owned().await;
        if gathering.recv_many(&mut group, batch).await == 0 {
            return;
        }
        let now = Instant::now();
        let (group, late): (Vec<_>, Vec<_>) = group.into_iter().partition(|waiting: &Waiting<T, A>| waiting.begin_by >= now);
        for waiting in late {
            drop(waiting.answer.send(Err(PortError::unavailable(name, LostGroup::NotBegun))));
        }
        if group.is_empty() {
            continue;
        }
        let (items, callers): (Vec<T>, Vec<_>) = group.into_iter().map(|waiting| (waiting.item, waiting.answer)).unzip();
        metrics::histogram!("sluice_group_commit_size", "name" => name)
            .record(f64::from(u32::try_from(items.len()).unwrap_or(u32::MAX)));
        let outcomes = settle(name, items, Turn::holding(gathering), &handler).await;
        for (caller, outcome) in callers.into_iter().zip(outcomes) {
            // A caller that went away wants no answer.
            drop(caller.send(outcome));
        }
    }
}

async fn settle<T, A>(name: &'static str, items: Vec<T>, turn: Turn, handler: &Arc<Handler<T, A>>) -> Vec<PortResult<A>> {
    let count = items.len();
    let lost = |cause: fn(usize, usize) -> LostGroup, answers| -> Vec<PortResult<A>> {
        (0..count).map(|_| Err(PortError::internal(name, cause(count, answers)))).collect()
    };
    // A panic must not take the lane, and with it everybody else's writes, away.
    match AssertUnwindSafe(async { handler(items, turn).await }).catch_unwind().await {
        Ok(outcomes) if outcomes.len() == count => outcomes,
        Ok(outcomes) => lost(|items, answers| LostGroup::Miscounted { items, answers }, outcomes.len()),
        Err(_) => lost(|_, _| LostGroup::Panicked, 0),
    }
}

/// Does a group's work together; an item that breaks its group is done alone, so that it fails alone.
pub(crate) async fn together_or_each<T, A, W>(what: &'static str, group: Vec<T>, work: W) -> Vec<PortResult<A>>
where
    T: Sync,
    W: for<'a> Fn(&'a [T]) -> BoxFuture<'a, StoreResult<Vec<A>>>,
{
    match work(&group).await {
        Ok(answers) => answers.into_iter().map(Ok).collect(),
        Err(failure) => each_after(what, &group, failure, &work).await,
    }
}

/// How long the items of a group that failed are tried one by one.
const MAX_ONE_BY_ONE: Duration = Duration::from_secs(4);

/// Does a group's work item by item after it failed as a whole, for a bounded time. Where somebody holds a row of one item
/// the others go on.
pub(crate) async fn each_after<T, A, W>(what: &'static str, group: &[T], failure: StoreError, work: &W) -> Vec<PortResult<A>>
where
    T: Sync,
    W: for<'a> Fn(&'a [T]) -> BoxFuture<'a, StoreResult<Vec<A>>>,
{
    // Asking a database that is away once for each item would only make everybody wait longer.
    if !failure.is_lock_wait() && (failure.is_unavailable() || group.len() == 1) {
        return refuse_all(what, failure, group.len());
    }
    let end = Instant::now() + MAX_ONE_BY_ONE;
    let mut answers = Vec::with_capacity(group.len());
    for item in group {
        if Instant::now() > end {
            answers.push(Err(PortError::unavailable(what, LostGroup::NoTimeLeft)));
            continue;
        }
        let alone = work(std::slice::from_ref(item)).await.into_port(what);
        let missing = || PortError::internal(what, LostGroup::Miscounted { items: 1, answers: 0 });
        answers.push(alone.and_then(|answers| answers.into_iter().next().ok_or_else(missing)));
    }
    answers
}

fn refuse_all<A>(what: &'static str, failure: StoreError, count: usize) -> Vec<PortResult<A>> {
    let unavailable = failure.is_unavailable();
    let shared = Arc::new(failure);
    (0..count)
        .map(|_| {
            let source = Arc::clone(&shared);
            Err(if unavailable { PortError::unavailable("the database", source) } else { PortError::internal(what, source) })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;

    type Sizes = Arc<std::sync::Mutex<Vec<usize>>>;

    /// A writer whose groups wait for a permit each, and the sizes of the groups it saw.
    fn gated(lanes: usize, queue: usize) -> (Arc<GroupWriter<usize, usize>>, Arc<Semaphore>, Sizes) {
        let gate = Arc::new(Semaphore::new(0));
        let sizes = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (inner_gate, inner_sizes) = (Arc::clone(&gate), Arc::clone(&sizes));
        let writer = GroupWriter::new("test", lanes, queue, 8, move |items: Vec<usize>| {
            let (gate, sizes) = (Arc::clone(&inner_gate), Arc::clone(&inner_sizes));
            async move {
                sizes.lock().unwrap().push(items.len());
                gate.acquire().await.unwrap().forget();
                items.into_iter().map(|item| Ok(item * 10)).collect()
            }
        });
        (Arc::new(writer), gate, sizes)
    }

    async fn until(mut condition: impl FnMut() -> bool) {
        tokio::time::timeout(std::time::Duration::from_secs(5), async {
            while !condition() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
    }

    #[tokio::test]
    async fn an_idle_writer_starts_at_once_and_what_waits_goes_together() {
        let (writer, gate, sizes) = gated(1, 64);
        let calls: Vec<_> = (0..12)
            .map(|item| {
                let writer = Arc::clone(&writer);
                tokio::spawn(async move { writer.submit(item).await })
            })
            .collect();
        until(|| writer.queue.max_capacity() - writer.queue.capacity() + sizes.lock().unwrap().iter().sum::<usize>() == 12).await;
        gate.add_permits(12);
        for (item, call) in calls.into_iter().enumerate() {
            assert_eq!(call.await.unwrap().unwrap(), item * 10);
        }
        let sizes = sizes.lock().unwrap().clone();
        assert!(sizes.iter().all(|size| *size <= 8) && sizes.len() < 12, "{sizes:?}");
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_a_caller_that_left_disturbs_nobody() {
        let (writer, gate, sizes) = gated(1, 2);
        let first = tokio::spawn({
            let writer = Arc::clone(&writer);
            async move { writer.submit(1).await }
        });
        until(|| sizes.lock().unwrap().len() == 1).await;
        let leaver = tokio::spawn({
            let writer = Arc::clone(&writer);
            async move { writer.submit(2).await }
        });
        let stayer = tokio::spawn({
            let writer = Arc::clone(&writer);
            async move { writer.submit(3).await }
        });
        until(|| writer.queue.capacity() == 0).await;
        assert!(matches!(writer.submit(4).await, Err(PortError::Overloaded { .. })));
        leaver.abort();
        gate.add_permits(8);
        assert_eq!(first.await.unwrap().unwrap(), 10);
        assert_eq!(stayer.await.unwrap().unwrap(), 30);
    }

    #[tokio::test]
    async fn what_waited_too_long_is_refused_and_not_begun() {
        let (writer, gate, sizes) = gated(1, 8);
        let submit = |item, wait| {
            let writer = Arc::clone(&writer);
            tokio::spawn(async move { writer.submit_until(item, Instant::now() + wait).await })
        };
        let first = submit(1, Duration::from_mins(1));
        until(|| sizes.lock().unwrap().len() == 1).await;
        let (late, patient) = (submit(2, Duration::ZERO), submit(3, Duration::from_mins(1)));
        until(|| writer.queue.max_capacity() - writer.queue.capacity() == 2).await;
        gate.add_permits(2);
        assert_eq!(first.await.unwrap().unwrap(), 10);
        assert!(matches!(late.await.unwrap(), Err(PortError::Unavailable { .. })));
        assert_eq!(patient.await.unwrap().unwrap(), 30);
        assert_eq!(*sizes.lock().unwrap(), [1, 1]);
    }

    #[tokio::test]
    async fn a_group_that_keeps_its_turn_holds_the_next_one_back_until_it_passes_it_on() {
        let (decided, answered) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let begun = Arc::new(AtomicUsize::new(0));
        let (may_pass, may_answer, seen) = (Arc::clone(&decided), Arc::clone(&answered), Arc::clone(&begun));
        let (writer, lanes) = GroupWriter::prepare("test", 2, 8, 1, move |items: Vec<usize>, turn: Turn| {
            let (may_pass, may_answer) = (Arc::clone(&may_pass), Arc::clone(&may_answer));
            seen.fetch_add(1, Ordering::SeqCst);
            async move {
                may_pass.acquire().await.unwrap().forget();
                turn.pass_on();
                may_answer.acquire().await.unwrap().forget();
                items.into_iter().map(Ok).collect()
            }
        });
        for lane in lanes {
            tokio::spawn(lane);
        }
        let writer = Arc::new(writer);
        let calls: Vec<_> = (0..3)
            .map(|item| {
                let writer = Arc::clone(&writer);
                tokio::spawn(async move { writer.submit(item).await })
            })
            .collect();
        // One lane works, the other is free and has something to do, yet waits for its turn.
        until(|| writer.queue.max_capacity() - writer.queue.capacity() == 2).await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(begun.load(Ordering::SeqCst), 1);
        // Both lanes are at work then: the first one waits for its answers, the second one is in its turn.
        decided.add_permits(1);
        until(|| begun.load(Ordering::SeqCst) == 2).await;
        decided.add_permits(2);
        answered.add_permits(3);
        for call in calls {
            call.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn a_panic_fails_its_group_and_the_lane_goes_on() {
        let tries = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&tries);
        let writer = GroupWriter::new("test", 1, 8, 8, move |items: Vec<usize>| {
            let first = seen.fetch_add(1, Ordering::SeqCst) == 0;
            async move {
                assert!(!first, "the first group breaks");
                items.into_iter().map(Ok).collect()
            }
        });
        assert!(matches!(writer.submit(1).await, Err(PortError::Internal { .. })));
        let later = join_all((0..3).map(|item| writer.submit(item))).await;
        assert!(later.into_iter().all(|outcome| outcome.is_ok()));
    }
}
