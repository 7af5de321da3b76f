//! A remote points platform behind the port of the points account (docs/points-platform.md).
//!
//! Contract: an operation is sent under its own name (`Idempotency-Key: KIND/BUSINESS-ID`), however often it is asked
//! for. Its answer is done or refused only where the platform says so in readable words; everything else (no answer in
//! time, a lost connection, 5xx, a redirect, a token that is not accepted, an answer that cannot be read) leaves the
//! outcome unknown, and the caller asks again. Calls in flight are bounded, answers too.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use sluice_kernel::{
    OrderNo, PageRequest, Points, PortError, PortResult, StoreId, Timestamp, UserId,
    json::{self, Strict},
};
use sluice_points::{PointsAccount, PointsAnswer, PointsEntry, PointsKind, PointsOperation};
use tokio::sync::Semaphore;

use crate::http_client;

#[derive(Debug, Clone)]
pub struct PointsPlatformSettings {
    /// Base of the platform's calls.
    pub url: String,
    /// Sent as `Authorization: Bearer`.
    pub token: Option<String>,
    /// A call without an answer after this is unknown.
    pub timeout: Duration,
    /// Calls in flight at most.
    pub concurrency: usize,
}

pub struct HttpPointsPlatform {
    base: Url,
    token: Option<String>,
    client: Client,
    calls: Semaphore,
}

/// Longest answer that is read.
const MOST_BYTES: usize = 256 * 1024;
const WHAT: &str = "the points platform";
/// The first request under this key is still running: its answer is to come.
const IN_PROGRESS: &str = "request_in_progress";

#[derive(Debug, thiserror::Error)]
enum PlatformError {
    #[error("the call was not answered: {0}")]
    Call(#[from] reqwest::Error),
    #[error("the answer's status is {0}")]
    Status(StatusCode),
    #[error("the answer is not readable: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("the answer is longer than {MOST_BYTES} bytes")]
    TooLong,
    #[error("the first request is still running there")]
    StillRunning,
    #[error("the address is not usable: {0}")]
    Address(String),
}

impl From<PlatformError> for PortError {
    fn from(error: PlatformError) -> Self {
        Self::unavailable(WHAT, error)
    }
}

#[derive(Serialize)]
struct OperationBody<'a> {
    store_id: StoreId,
    user_id: &'a UserId,
    kind: &'static str,
    business_id: &'a str,
    points: Points,
    order_no: Option<OrderNo>,
    reason: &'a str,
}

#[derive(Deserialize)]
struct BalanceBody {
    balance: Points,
}

#[derive(Deserialize)]
struct RefusalBody {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    detail: Option<String>,
}

/// Entries are read one by one: a platform's slip in one of them hides no other.
#[derive(Deserialize)]
struct EntriesBody {
    data: Vec<Value>,
}

#[derive(Deserialize)]
struct EntryBody {
    id: String,
    kind: String,
    points: Points,
    business_id: String,
    #[serde(default)]
    order_no: Option<OrderNo>,
    balance_after: Points,
    #[serde(default)]
    reason: String,
    at: Timestamp,
}

impl HttpPointsPlatform {
    pub fn new(settings: PointsPlatformSettings) -> PortResult<Self> {
        let base = Url::parse(settings.url.trim_end_matches('/')).map_err(|error| PortError::internal(WHAT, error))?;
        let client = http_client::built(http_client::without_tls()?.timeout(settings.timeout))?;
        Ok(Self { base, token: settings.token, client, calls: Semaphore::new(settings.concurrency.max(1)) })
    }

    fn address(&self, last: &str) -> Result<Url, PlatformError> {
        let mut url = self.base.clone();
        url.path_segments_mut().map_err(|()| PlatformError::Address(self.base.to_string()))?.pop_if_empty().push(last);
        Ok(url)
    }

    /// Status and body of the answer, one of the calls that may be in flight.
    async fn send(&self, request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), PlatformError> {
        // Never closed, so a permit always comes.
        let _permit = self.calls.acquire().await;
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request.send().await?;
        let status = answer.status();
        Ok((status, bounded(answer).await?))
    }

    async fn ask(&self, operation: &PointsOperation) -> Result<PointsAnswer, PlatformError> {
        let key = format!("{}/{}", operation.kind.as_str(), operation.business_id);
        let body = OperationBody {
            store_id: operation.store,
            user_id: &operation.user,
            kind: operation.kind.as_str(),
            business_id: &operation.business_id,
            points: operation.points,
            order_no: operation.order_no,
            reason: &operation.reason,
        };
        let request = self.client.post(self.address("operations")?).header("idempotency-key", key).json(&body);
        let (status, body) = self.send(request).await?;
        match status {
            StatusCode::OK | StatusCode::CREATED => {
                let BalanceBody { balance } = json::from_slice(&body)?;
                Ok(PointsAnswer::Done { balance: Some(balance) })
            }
            StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY => refusal(&body),
            other => Err(PlatformError::Status(other)),
        }
    }

    async fn read<T: DeserializeOwned>(&self, url: Url) -> Result<T, PlatformError> {
        let (status, body) = self.send(self.client.get(url)).await?;
        if status != StatusCode::OK {
            return Err(PlatformError::Status(status));
        }
        Ok(json::from_slice(&body)?)
    }

    fn of_user(&self, last: &str, store: StoreId, user: &UserId) -> Result<Url, PlatformError> {
        let mut url = self.address(last)?;
        url.query_pairs_mut().append_pair("store_id", &store.to_string()).append_pair("user_id", user.as_str());
        Ok(url)
    }

    async fn read_balance(&self, store: StoreId, user: &UserId) -> Result<Points, PlatformError> {
        let BalanceBody { balance } = self.read(self.of_user("balance", store, user)?).await?;
        Ok(balance)
    }

    async fn read_entries(&self, store: StoreId, user: &UserId, page: PageRequest) -> Result<Vec<PointsEntry>, PlatformError> {
        let mut url = self.of_user("entries", store, user)?;
        let limit = page.limit.saturating_add(1);
        url.query_pairs_mut().append_pair("limit", &limit.to_string());
        if let Some(after) = page.after {
            url.query_pairs_mut().append_pair("after", &after.to_string());
        }
        let EntriesBody { data } = self.read(url).await?;
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let read = |body: &Value| EntryBody::deserialize(Strict(body)).map_err(PlatformError::from).and_then(entry);
        let entries = data.iter().take(most).filter_map(|body| match read(body) {
            Ok(entry) => Some(entry),
            Err(error) => {
                tracing::warn!(error = %error, "An entry of the points platform is not readable and is left out.");
                None
            }
        });
        Ok(entries.collect())
    }
}

/// A refusal moves nothing, for good; a proxy's page is none.
fn refusal(body: &[u8]) -> Result<PointsAnswer, PlatformError> {
    let RefusalBody { code, detail } = json::from_slice(body)?;
    if code.as_deref() == Some(IN_PROGRESS) {
        return Err(PlatformError::StillRunning);
    }
    let reason = detail.or(code).unwrap_or_else(|| "refused by the points platform".to_owned());
    Ok(PointsAnswer::Refused { reason })
}

fn entry(body: EntryBody) -> Result<PointsEntry, PlatformError> {
    let unreadable = |what: &str| PlatformError::Unreadable(serde::de::Error::custom(what));
    Ok(PointsEntry {
        id: body.id.parse().map_err(|_| unreadable("an entry's id is a string of digits"))?,
        kind: PointsKind::parse(&body.kind).ok_or_else(|| unreadable("an entry's kind is grant, deduct or refund"))?,
        points: body.points,
        business_id: body.business_id,
        order_no: body.order_no,
        balance_after: body.balance_after,
        reason: body.reason,
        at: body.at,
    })
}

async fn bounded(mut answer: Response) -> Result<Vec<u8>, PlatformError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > MOST_BYTES {
            return Err(PlatformError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[async_trait]
impl PointsAccount for HttpPointsPlatform {
    async fn apply(&self, operations: &[PointsOperation]) -> Vec<PortResult<PointsAnswer>> {
        let calls: Vec<_> = operations.iter().map(|operation| self.ask(operation)).collect();
        join_all(calls).await.into_iter().map(|answer| answer.map_err(PortError::from)).collect()
    }

    async fn balance(&self, store: StoreId, user: &UserId) -> PortResult<Points> {
        Ok(self.read_balance(store, user).await?)
    }

    async fn entries(&self, store: StoreId, user: &UserId, page: PageRequest) -> PortResult<Vec<PointsEntry>> {
        Ok(self.read_entries(store, user, page).await?)
    }
}
