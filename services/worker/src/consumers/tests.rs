use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sluice_events::{OrderCreated, OrderPaid, testing};
use sluice_kernel::ErrorKind;

use super::*;

/// Takes a moment for each event, and fails those whose id says so.
#[derive(Default)]
struct Slow {
    handled: Mutex<Vec<String>>,
    running: AtomicUsize,
    most: AtomicUsize,
}

#[async_trait]
impl HandleOne for Slow {
    async fn handle_one(&self, envelope: &Envelope) -> Result<(), HandlerError> {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(10)).await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        if envelope.id.ends_with("bad") {
            return Err(HandlerError { kind: ErrorKind::Internal, code: "scripted", detail: String::new() });
        }
        self.handled.lock().unwrap().push(envelope.id.clone());
        Ok(())
    }
}

fn event(key: &str, id: &str) -> Envelope {
    testing::envelope(Topic::PaymentSettled, key, id)
}

#[tokio::test(start_paused = true)]
async fn keys_run_side_by_side_bounded_and_each_in_order() {
    let handler = Slow::default();
    let batch: Vec<Envelope> = (0..60).map(|n| event(&format!("{}", n % 20), &format!("{n:02}"))).collect();
    side_by_side(&handler, &batch, 16).await.unwrap();
    assert_eq!(handler.most.load(Ordering::SeqCst), 16);
    let handled = handler.handled.lock().unwrap();
    assert_eq!(handled.len(), 60);
    for key in 0..20 {
        let of_key: Vec<&String> = handled.iter().filter(|id| id.parse::<usize>().unwrap() % 20 == key).collect();
        assert!(of_key.is_sorted(), "{of_key:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_holds_the_rest_of_its_key_alone() {
    let handler = Slow::default();
    let failed = side_by_side(&handler, &[event("a", "bad"), event("a", "2"), event("b", "3")], 4).await;
    assert_eq!(failed.unwrap_err().code, "scripted");
    assert_eq!(*handler.handled.lock().unwrap(), ["3"]);
}

/// Keeps the trace that each event is handled in.
#[derive(Default)]
struct Traced(Mutex<Vec<Option<String>>>);

#[async_trait]
impl HandleOne for Traced {
    async fn handle_one(&self, _: &Envelope) -> Result<(), HandlerError> {
        self.0.lock().unwrap().push(TraceContext::current_header());
        Ok(())
    }
}

#[tokio::test]
async fn an_event_is_handled_in_its_own_trace_and_one_without_in_none() {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned();
    let of_a_request = Envelope { traceparent: Some(trace.clone()), ..event("a", "1") };
    let unreadable = Envelope { traceparent: Some("p".repeat(500)), ..event("a", "2") };
    let handler = Traced::default();
    side_by_side(&handler, &[of_a_request, unreadable, event("a", "3")], 4).await.unwrap();
    assert_eq!(*handler.0.lock().unwrap(), [Some(trace), None, None]);
}

#[test]
fn other_types_of_a_topic_are_passed_over_and_an_unreadable_payload_fails() {
    let mut other = event("k", "1");
    other.kind = "sluice.order.created.v2".into();
    assert!(payloads::<OrderCreated>(&[other]).unwrap().is_empty());
    let mut broken = event("k", "1");
    broken.kind = OrderPaid::KIND.into();
    let error = payloads::<OrderPaid>(&[broken]).unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Invalid, "unreadable_event"));
}
