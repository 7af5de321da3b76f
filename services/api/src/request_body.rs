//! A request's body between its connection and its handler: it arrives within its time, and a connection whose body was
//! refused half way is closed at once.
//!
//! actix-web itself drains what is left of a refused chunked body for as long as its sender likes, without a token.

use std::{
    cell::RefCell,
    error::Error,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::{
    HttpMessage as _,
    body::{BodySize, BoxBody, MessageBody},
    dev::{Payload, ServiceRequest},
    error::PayloadError,
    web::Bytes,
};
use futures_util::{Stream, task::noop_waker_ref};
use tokio::time::{Sleep, sleep};

use crate::{connection::Answering, endpoint::MAX_BYTES};

/// The body as the handler and the answer share it.
#[derive(Clone)]
pub struct SharedBody(Rc<RefCell<Arriving>>);

struct Arriving {
    payload: Payload,
    ended: bool,
    deadline: Pin<Box<Sleep>>,
}

impl SharedBody {
    /// Takes the request's place as owner of its body; `None` where it has none. Whoever reads it gets `TimedOut` when it
    /// takes longer than `limit`.
    pub fn of(request: &mut ServiceRequest, limit: Duration) -> Option<Self> {
        let payload = request.take_payload();
        if matches!(payload, Payload::None) {
            return None;
        }
        let arriving = Arriving { payload, ended: false, deadline: Box::pin(sleep(limit)) };
        let shared = Self(Rc::new(RefCell::new(arriving)));
        request.set_payload(Payload::Stream { payload: Box::pin(shared.clone()) });
        Some(shared)
    }

    /// True where all of it has arrived, read or not.
    pub async fn is_whole(&self) -> bool {
        if self.0.borrow().ended {
            return true;
        }
        // A handler that answers at once does so before the connection has passed on what came with the head.
        tokio::task::yield_now().await;
        self.take_rest()
    }

    fn take_rest(&self) -> bool {
        let mut arriving = self.0.borrow_mut();
        let mut unread = 0;
        let mut context = Context::from_waker(noop_waker_ref());
        while !arriving.ended && unread <= MAX_BYTES {
            match arriving.poll_chunk(&mut context) {
                Poll::Ready(Some(Ok(chunk))) => unread += chunk.len(),
                Poll::Ready(Some(Err(_))) | Poll::Pending => break,
                Poll::Ready(None) => {}
            }
        }
        arriving.ended
    }
}

impl Arriving {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, PayloadError>>> {
        let chunk = Pin::new(&mut self.payload).poll_next(cx);
        self.ended |= matches!(chunk, Poll::Ready(None));
        chunk
    }
}

impl Stream for SharedBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut arriving = self.0.borrow_mut();
        let chunk = arriving.poll_chunk(cx);
        if chunk.is_pending() && arriving.deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into()))));
        }
        chunk
    }
}

/// An answer that keeps its request's unread body until it is written: while somebody holds that, actix-web closes the
/// connection instead of draining it.
pub struct Holding {
    answer: BoxBody,
    _unread: Option<SharedBody>,
    _answering: Option<Answering>,
}

impl Holding {
    pub fn new(answer: BoxBody, unread: Option<SharedBody>, answering: Option<Answering>) -> Self {
        Self { answer, _unread: unread, _answering: answering }
    }
}

impl MessageBody for Holding {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.answer.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.answer.as_pin_mut().poll_next(cx)
    }
}
