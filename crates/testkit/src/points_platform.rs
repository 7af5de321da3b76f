//! A points platform of others: keeps books of its own over HTTP (docs/points-platform.md) and misbehaves as told.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::webhook_target::read_request;

/// What the platform does with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlatformMood {
    Answers,
    /// Does it at once, answers later: too late for an impatient caller.
    AnswersLate(Duration),
    /// Waits first, then does it: the caller may have given up, and asked again.
    DoesLate(Duration),
    /// Does it, then closes the connection without a word.
    HangsUpAfterDoing,
    /// Closes the connection and does nothing.
    HangsUp,
    /// 500, and nothing was done.
    Fails,
    /// 500, although it was done.
    FailsAfterDoing,
    /// 200 with a page instead of an answer, although it was done.
    Babbles,
    /// 409 `request_in_progress`, and nothing was done.
    IsBusy,
    /// 409 with the page of a proxy in between, and nothing was done.
    IsHidden,
    /// 422 for good, and nothing was done.
    Refuses,
}

/// One request for an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformRequest {
    /// `Idempotency-Key`
    pub key: String,
    pub authorization: Option<String>,
    pub body: Value,
    /// Requests under this key so far, this one included.
    pub attempt: u32,
}

type Moods = dyn Fn(&PlatformRequest) -> PlatformMood + Send + Sync;

#[derive(Default)]
struct Books {
    balances: HashMap<(String, String), i64>,
    /// Final answers: status and body.
    answers: HashMap<String, (u16, Value)>,
    attempts: HashMap<String, u32>,
    /// How often each key moved points.
    moves: HashMap<String, u32>,
    entries: Vec<(String, String, Value)>,
    in_flight: usize,
    most_in_flight: usize,
    last_authorization: Option<String>,
}

/// A server on 127.0.0.1; gone when dropped.
pub struct PointsPlatform {
    address: SocketAddr,
    books: Arc<Mutex<Books>>,
    serving: JoinHandle<()>,
}

impl PointsPlatform {
    /// `moods` decides over every request for an operation.
    pub async fn start(moods: impl Fn(&PlatformRequest) -> PlatformMood + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let books = Arc::new(Mutex::new(Books::default()));
        let serving = tokio::spawn(serve(listener, books.clone(), Arc::new(moods)));
        Self { address, books, serving }
    }

    pub fn url(&self) -> String {
        format!("http://{}/points", self.address)
    }

    /// Gives a user points, in these books alone.
    pub fn give(&self, store: &str, user: &str, points: i64) {
        *self.lock().balances.entry((store.to_owned(), user.to_owned())).or_default() += points;
    }

    pub fn balance(&self, store: &str, user: &str) -> i64 {
        self.lock().balances.get(&(store.to_owned(), user.to_owned())).copied().unwrap_or(0)
    }

    /// How often each operation moved points.
    pub fn moves(&self) -> HashMap<String, u32> {
        self.lock().moves.clone()
    }

    /// How often the operation was asked for.
    pub fn attempts(&self, key: &str) -> u32 {
        self.lock().attempts.get(key).copied().unwrap_or(0)
    }

    /// The status an operation was answered with for good.
    pub fn answer(&self, key: &str) -> Option<u16> {
        self.lock().answers.get(key).map(|(status, _)| *status)
    }

    pub fn most_in_flight(&self) -> usize {
        self.lock().most_in_flight
    }

    pub fn last_authorization(&self) -> Option<String> {
        self.lock().last_authorization.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        held(&self.books)
    }
}

impl Drop for PointsPlatform {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn held(books: &Mutex<Books>) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, books: Arc<Mutex<Books>>, moods: Arc<Moods>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (books, moods) = (books.clone(), moods.clone());
        connections.spawn(async move {
            // A client that breaks off is its own affair.
            let _ = converse(stream, &books, &*moods).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(mut stream: TcpStream, books: &Arc<Mutex<Books>>, moods: &Moods) -> std::io::Result<()> {
    let mut unread = Vec::new();
    while let Some((head, body)) = read_request(&mut stream, &mut unread).await? {
        let request = head.lines().next().unwrap_or_default().to_owned();
        let target = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let (status, answer) = if request.starts_with("POST") {
            held(books).enter();
            let answered = operation(&head, &body, books, moods).await;
            held(books).in_flight -= 1;
            match answered {
                Some(answered) => answered,
                None => return Ok(()),
            }
        } else {
            held(books).tell(&target)
        };
        let text = if answer.is_null() { "<html>an error page</html>".to_owned() } else { answer.to_string() };
        let head = format!("HTTP/1.1 {status} Answer\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", text.len());
        stream.write_all((head + &text).as_bytes()).await?;
    }
    Ok(())
}

/// Status and body; a null body is a page that no program can read. `None` hangs up.
async fn operation(head: &str, body: &str, books: &Arc<Mutex<Books>>, moods: &Moods) -> Option<(u16, Value)> {
    let header = |name: &str| {
        let found = head.lines().filter_map(|line| line.split_once(':')).find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim().to_owned())
    };
    let request = PlatformRequest {
        key: header("idempotency-key").expect("every operation has a key"),
        authorization: header("authorization"),
        body: serde_json::from_str(body).expect("every operation is JSON"),
        attempt: 0,
    };
    let request = PlatformRequest { attempt: held(books).count(&request), ..request };
    match moods(&request) {
        PlatformMood::Answers => Some(held(books).settle(&request)),
        PlatformMood::AnswersLate(delay) => {
            let answer = held(books).settle(&request);
            tokio::time::sleep(delay).await;
            Some(answer)
        }
        PlatformMood::DoesLate(delay) => {
            // Work that has begun goes on, whether the caller waits or not.
            let (books, request) = (books.clone(), request.clone());
            let doing = tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                held(&books).settle(&request)
            });
            doing.await.ok()
        }
        PlatformMood::HangsUpAfterDoing => {
            held(books).settle(&request);
            None
        }
        PlatformMood::HangsUp => None,
        PlatformMood::Fails => Some((500, Value::Null)),
        PlatformMood::FailsAfterDoing => {
            held(books).settle(&request);
            Some((500, Value::Null))
        }
        PlatformMood::Babbles => {
            held(books).settle(&request);
            Some((200, Value::Null))
        }
        PlatformMood::IsHidden => Some((409, Value::Null)),
        PlatformMood::Refuses => Some((422, json!({"code": "account_closed", "detail": "the account is closed"}))),
        PlatformMood::IsBusy => Some((409, json!({"code": "request_in_progress"}))),
    }
}

impl Books {
    fn enter(&mut self) {
        self.in_flight += 1;
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
    }

    fn count(&mut self, request: &PlatformRequest) -> u32 {
        self.last_authorization.clone_from(&request.authorization);
        let attempts = self.attempts.entry(request.key.clone()).or_default();
        *attempts += 1;
        *attempts
    }

    /// Moves points once for each key; its answer is final.
    fn settle(&mut self, request: &PlatformRequest) -> (u16, Value) {
        let PlatformRequest { key, body, .. } = request;
        if let Some((status, answer)) = self.answers.get(key) {
            if answer["asked"] != body["points"] {
                return (422, json!({"code": "idempotency_key_reused", "detail": "the key stands for other points"}));
            }
            return (*status, answer.clone());
        }
        let text = |field: &str| body[field].as_str().expect("a text").to_owned();
        let (store, user, kind) = (text("store_id"), text("user_id"), text("kind"));
        let asked = body["points"].as_i64().expect("points are a number");
        let points = if kind == "deduct" { -asked } else { asked };
        let balance = self.balances.entry((store.clone(), user.clone())).or_default();
        let answered = if asked < 0 || *balance + points < 0 {
            (409, json!({"code": "insufficient_points", "detail": format!("the balance is {balance}"), "asked": asked}))
        } else {
            *balance += points;
            let balance = *balance;
            *self.moves.entry(key.clone()).or_default() += 1;
            let entry = json!({
                "id": (self.entries.len() + 1).to_string(), "kind": kind, "points": points, "business_id": body["business_id"],
                "order_no": body["order_no"], "balance_after": balance, "reason": body["reason"], "at": "2026-11-22T10:00:00Z",
            });
            self.entries.push((store, user, entry));
            (200, json!({"balance": balance, "asked": asked}))
        };
        self.answers.insert(key.clone(), answered.clone());
        answered
    }

    /// `/balance` and `/entries` of a user.
    fn tell(&self, target: &str) -> (u16, Value) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let parameter = |name: &str| {
            let found = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(known, _)| *known == name);
            found.map(|(_, value)| value.to_owned())
        };
        let (store, user) = (parameter("store_id").unwrap_or_default(), parameter("user_id").unwrap_or_default());
        if path.ends_with("/balance") {
            return (200, json!({"balance": self.balances.get(&(store, user)).copied().unwrap_or(0)}));
        }
        let number = |name: &str, otherwise: usize| parameter(name).and_then(|text| text.parse().ok()).unwrap_or(otherwise);
        let (limit, after) = (number("limit", 20), number("after", usize::MAX));
        let newest_first = self.entries.iter().enumerate().rev().filter(|(index, _)| index + 1 < after);
        let of_user = newest_first.filter(|(_, (of_store, of_user, _))| (of_store, of_user) == (&store, &user));
        let data: Vec<Value> = of_user.take(limit).map(|(_, (_, _, entry))| entry.clone()).collect();
        (200, json!({"data": data}))
    }
}
