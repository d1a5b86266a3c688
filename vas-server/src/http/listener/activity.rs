//! Whether anything is under way on a connection that carries several requests at once.

use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// Requests under way on one connection. `Clone` hands out the same count.
#[derive(Clone, Debug, Default)]
pub(super) struct Activity {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    under_way: AtomicUsize,
    changed: Notify,
}

/// A request that is under way until this is dropped.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Inner>);

impl Activity {
    pub(super) fn begin(&self) -> UnderWay {
        self.inner.under_way.fetch_add(1, Ordering::Relaxed);
        self.inner.changed.notify_one();
        UnderWay(self.inner.clone())
    }

    /// Completes when nothing has been under way for so long: for `first` before the first request, later for `idle`.
    pub(super) async fn ended(&self, first: Duration, idle: Duration) {
        let mut patience = first;
        loop {
            // A change between the count and the wait is kept by the notification.
            let changed = self.inner.changed.notified();
            if self.inner.under_way.load(Ordering::Relaxed) > 0 {
                patience = idle;
                changed.await;
            } else if timeout(patience, changed).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
        self.0.changed.notify_one();
    }
}

/// The body of an answer, under way until it is sent or given up.
#[derive(Debug)]
pub(super) struct Tracked<B> {
    body: B,
    _under_way: UnderWay,
}

impl<B> Tracked<B> {
    pub(super) const fn new(body: B, under_way: UnderWay) -> Self {
        Self { body, _under_way: under_way }
    }
}

impl<B: Body + Unpin> Body for Tracked<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(10);
    /// Long enough for anything that would end after a short time to have ended.
    const WHILE: Duration = Duration::from_millis(100);

    #[tokio::test]
    async fn a_connection_ends_when_nothing_was_asked_for_long() {
        Activity::default().ended(SHORT, WHILE * 600).await;
        let activity = Activity::default();
        let first = activity.begin();
        let mut ended = std::pin::pin!(activity.ended(SHORT, SHORT));
        assert!(timeout(WHILE, &mut ended).await.is_err(), "a request is under way");
        let second = activity.begin();
        drop(first);
        assert!(timeout(WHILE, &mut ended).await.is_err(), "another one is");
        drop(second);
        ended.await;
    }
}
