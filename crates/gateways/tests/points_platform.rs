//! The points platform's adapter against a real HTTP server that keeps its own books and misbehaves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::{sync::Arc, time::Duration};

use sluice_gateways::{HttpPointsPlatform, PointsPlatformSettings};
use sluice_kernel::{Classified as _, ErrorKind, OrderNo, PageRequest, Points, StoreId, UserId};
use sluice_points::{PointsAccount, PointsAnswer, PointsKind, PointsOperation};
use sluice_testkit::{PlatformMood, PointsPlatform};

const PATIENCE: Duration = Duration::from_millis(200);
const TOO_LATE: Duration = Duration::from_millis(500);

fn adapter(url: String, concurrency: usize) -> Arc<HttpPointsPlatform> {
    let settings = PointsPlatformSettings { url, token: Some("a token".to_owned()), timeout: PATIENCE, concurrency };
    Arc::new(HttpPointsPlatform::new(settings).unwrap())
}

fn deduct(name: &str, points: i64) -> PointsOperation {
    PointsOperation {
        store: StoreId(1),
        user: UserId::from("42"),
        kind: PointsKind::Deduct,
        business_id: name.to_owned(),
        points: Points(points),
        order_no: Some(OrderNo::from_id(1)),
        reason: "order".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_platform_passes_the_contract_of_the_account() {
    let platform = PointsPlatform::start(|_| PlatformMood::Answers).await;
    // Patient: the contract calls a hundred at once.
    let settings =
        PointsPlatformSettings { url: platform.url() + "/", token: None, timeout: Duration::from_secs(20), concurrency: 16 };
    sluice_points::testing::points_account_contract(Arc::new(HttpPointsPlatform::new(settings).unwrap())).await;
    assert!(platform.moves().values().all(|moves| *moves == 1), "{:?}", platform.moves());
    assert!(platform.most_in_flight() <= 16, "{}", platform.most_in_flight());
    assert_eq!(platform.last_authorization(), None);
}

/// Whatever happens to the first answer: it is unknown, the same key is asked again, and the points moved once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_answer_that_is_lost_is_asked_for_again_and_points_move_once() {
    for mood in [
        PlatformMood::AnswersLate(TOO_LATE),
        PlatformMood::DoesLate(TOO_LATE),
        PlatformMood::HangsUpAfterDoing,
        PlatformMood::HangsUp,
        PlatformMood::Fails,
        PlatformMood::FailsAfterDoing,
        PlatformMood::Babbles,
        PlatformMood::IsBusy,
        PlatformMood::IsHidden,
    ] {
        let platform = PointsPlatform::start(move |request| if request.attempt < 3 { mood } else { PlatformMood::Answers }).await;
        platform.give("1", "42", 100);
        let account = adapter(platform.url(), 4);
        let operation = deduct("7", 30);
        let mut tries = 0;
        let answer = loop {
            tries += 1;
            match account.apply(std::slice::from_ref(&operation)).await.remove(0) {
                Ok(answer) => break answer,
                Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{mood:?}"),
            }
            assert!(tries < 10, "{mood:?}");
        };
        assert_eq!(answer, PointsAnswer::Done { balance: Some(Points(70)) }, "{mood:?}");
        assert_eq!(tries, 3, "{mood:?}: an answer that is not known is never taken for one");
        // What was still under way when the caller gave up is done by now, and nothing more moves.
        tokio::time::sleep(TOO_LATE).await;
        assert_eq!(platform.moves().get("deduct/7"), Some(&1), "{mood:?}");
        assert_eq!(platform.balance("1", "42"), 70, "{mood:?}");
        assert_eq!(platform.last_authorization().as_deref(), Some("Bearer a token"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refusal_is_an_answer() {
    let platform = PointsPlatform::start(|_| PlatformMood::Answers).await;
    platform.give("1", "42", 10);
    let account = adapter(platform.url(), 4);
    let mut answers = account.apply(&[deduct("1", 30)]).await;
    answers.extend(account.apply(&[deduct("2", 10)]).await);
    assert!(matches!(&answers[0], Ok(PointsAnswer::Refused { reason }) if reason == "the balance is 10"), "{answers:?}");
    assert_eq!(answers[1].as_ref().unwrap(), &PointsAnswer::Done { balance: Some(Points(0)) });
    assert_eq!((platform.moves().len(), platform.balance("1", "42")), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_repeats_at_once_move_points_once_with_bounded_calls() {
    let platform = PointsPlatform::start(|request| match request.attempt % 5 {
        0 => PlatformMood::HangsUpAfterDoing,
        1 => PlatformMood::Fails,
        2 => PlatformMood::DoesLate(Duration::from_millis(50)),
        _ => PlatformMood::Answers,
    })
    .await;
    platform.give("1", "42", 1_000);
    let account = adapter(platform.url(), 8);
    let repeats = (0..100).map(|_| {
        let account = account.clone();
        tokio::spawn(async move { account.apply(&[deduct("9", 30)]).await.remove(0) })
    });
    let mut done = 0;
    for repeat in repeats.collect::<Vec<_>>() {
        match repeat.await.unwrap() {
            Ok(answer) => {
                assert_eq!(answer, PointsAnswer::Done { balance: Some(Points(970)) });
                done += 1;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable),
        }
    }
    assert!(done > 0);
    assert_eq!((platform.moves().get("deduct/9"), platform.balance("1", "42")), (Some(&1), 970));
    assert!(platform.most_in_flight() <= 8, "{}", platform.most_in_flight());
}

#[tokio::test]
async fn a_platform_that_is_not_there_is_unknown_and_says_so() {
    let account = adapter(format!("http://127.0.0.1:{}", sluice_testkit::free_port()), 4);
    let error = account.apply(&[deduct("1", 1)]).await.remove(0).unwrap_err();
    assert_eq!(error.to_string(), "the points platform is not available");
    let user = UserId::from("42");
    assert_eq!(account.balance(StoreId(1), &user).await.unwrap_err().kind(), ErrorKind::Unavailable);
    let entries = account.entries(StoreId(1), &user, PageRequest::first(20)).await;
    assert_eq!(entries.unwrap_err().kind(), ErrorKind::Unavailable);
}
