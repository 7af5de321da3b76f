//! A client's connection with time limits: on each request's head, not just the first, and on an answer that the client
//! does not read. Bodies are timed where they are read, see [`crate::request_body`].

use std::{
    cell::Cell,
    fmt, io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_http::{HttpService, Request, Response, error::DispatchError};
use actix_server::GracefulShutdownSignal;
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::{
    Error,
    body::{BoxBody, MessageBody},
    dev::AppConfig,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::Notify,
    time::{Sleep, sleep},
};

use crate::ApiSettings;

/// An answer is given up when the client reads nothing of it for this long.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// After an answer that ends a connection, what still arrives is read and dropped for this long.
const LINGER: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy)]
pub struct TimeLimits {
    pub read: Duration,
    pub idle: Duration,
}

impl From<&ApiSettings> for TimeLimits {
    fn from(settings: &ApiSettings) -> Self {
        Self { read: settings.read_timeout, idle: settings.idle_timeout }
    }
}

/// What goes on on a connection, shared by its stream and the request that is being answered.
#[derive(Debug, Clone, Default)]
pub struct Traffic(Rc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    begun: Cell<u64>,
    running: Cell<u32>,
    /// The client sends nothing any more.
    closed: Cell<bool>,
    closing: Notify,
}

/// A request that is being answered, until its answer is written.
pub struct Answering(Traffic);

impl Traffic {
    pub fn begin(&self) -> Answering {
        self.0.begun.set(self.0.begun.get().wrapping_add(1));
        self.0.running.set(self.0.running.get().saturating_add(1));
        Answering(self.clone())
    }

    /// Ends when the client has closed its side. Whoever only listens never does that while it wants to hear more.
    pub async fn closed(&self) {
        if !self.0.closed.get() {
            self.0.closing.notified().await;
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let running = &self.0.0.running;
        running.set(running.get().saturating_sub(1));
    }
}

/// The head that is awaited: how many requests there were before it, whether any of it has come, and its deadline.
struct Head {
    after: u64,
    begun: bool,
    deadline: Pin<Box<Sleep>>,
}

/// The stream of one connection.
pub struct TimedStream<S> {
    inner: S,
    traffic: Traffic,
    limits: TimeLimits,
    head: Option<Head>,
    stalled: Option<Pin<Box<Sleep>>>,
}

/// Written by hand: no request stands behind it that could be answered.
const TOO_SLOW: &str = "HTTP/1.1 408 Request Timeout\r\ncontent-type: application/problem+json\r\nconnection: close\r\n\
    content-length: 175\r\n\r\n\
    {\"type\":\"/docs/errors#request_timeout\",\"title\":\"The request took too long to arrive\",\"status\":408,\
    \"detail\":\"The head of the request is not complete.\",\"code\":\"request_timeout\"}";

impl<S: AsyncRead + AsyncWrite + Unpin> TimedStream<S> {
    pub fn new(inner: S, limits: TimeLimits) -> Self {
        // Clients open connections ahead of their requests: one on which nothing has come is idle, not slow.
        let first = Head { after: 0, begun: false, deadline: Box::pin(sleep(limits.idle)) };
        Self { inner, traffic: Traffic::default(), limits, head: Some(first), stalled: None }
    }

    /// True when the awaited head has taken too long, or has not begun for too long. `received`: bytes came just now.
    fn head_is_late(&mut self, cx: &mut Context<'_>, received: bool) -> bool {
        let begun = self.traffic.0.begun.get();
        if self.traffic.0.running.get() > 0 {
            self.head = None;
            return false;
        }
        if self.head.as_ref().is_some_and(|head| head.after != begun) {
            self.head = None;
        }
        if received && !self.head.as_ref().is_some_and(|head| head.begun) {
            self.head = Some(Head { after: begun, begun: true, deadline: Box::pin(sleep(self.limits.read)) });
        }
        self.head.as_mut().is_some_and(|head| head.deadline.as_mut().poll(cx).is_ready())
    }

    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(WRITE_TIMEOUT)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TimedStream<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.inner).poll_read(cx, buffer);
        let received = buffer.filled().len() > before;
        if matches!(&read, Poll::Ready(Ok(()))) && !received && buffer.remaining() > 0 {
            this.traffic.0.closed.set(true);
            this.traffic.0.closing.notify_waiters();
        }
        if this.head_is_late(cx, received) {
            // Nothing else is being written on this connection. Whether the client still reads is its own affair; where
            // it has asked for nothing yet, an answer would be taken for that of its next request.
            if this.head.as_ref().is_some_and(|head| head.begun) {
                let _ = Pin::new(&mut this.inner).poll_write(cx, TOO_SLOW.as_bytes());
            }
            buffer.set_filled(before);
            return Poll::Ready(Ok(())); // the end of the stream
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TimedStream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write(cx, bytes);
        this.watch(cx, written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.inner).poll_flush(cx);
        this.watch(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

/// `app` over HTTP/1.1 on timed connections.
pub fn over_http<A, S, B>(
    app: A,
    limits: TimeLimits,
    stopping: GracefulShutdownSignal,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()>
where
    A: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as actix_service::Service<Request>>::Future: 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    let app = app.into_factory().map_err(|error| -> Response<BoxBody> { error.into().error_response().into() });
    let http = HttpService::<TimedStream<TcpStream>, _, _>::build()
        .keep_alive(limits.idle)
        // Heads are timed by the stream.
        .client_request_timeout(Duration::ZERO)
        .client_disconnect_timeout(LINGER)
        .graceful_shutdown_signal(move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        })
        .on_connect_ext(|stream: &TimedStream<TcpStream>, data| {
            data.insert(stream.traffic.clone());
        })
        .h1(map_config(app, |()| AppConfig::default()));
    let accept = fn_service(move |stream: TcpStream| {
        let peer = stream.peer_addr().ok();
        std::future::ready(Ok::<_, DispatchError>((TimedStream::new(stream, limits), peer)))
    });
    accept.and_then(http)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_a_slow_head_is_whole() {
        let (head, body) = TOO_SLOW.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!((body["code"].as_str(), body["status"].as_u64()), (Some("request_timeout"), Some(408)));
        assert_eq!(body["title"], crate::error_codes::find("request_timeout").title);
    }
}
