//! What happens to the streams that a socket follows.

use crate::control::{Control, Live};
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, SelectAll, unfold};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt;
use tokio::sync::{broadcast, watch};
use vas_core::StreamId;
use vas_core::model::Transition;
use vas_sfu::ortc::MediaKind;
use vas_sfu::{Consumer, ConsumerId, LayerState, ProducerId};

/// A producer, also one that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProducerInfo {
    /// Its id.
    pub(super) id: ProducerId,
    /// Its stream.
    pub(super) stream: StreamId,
    /// Pictures or sound.
    pub(super) kind: MediaKind,
}

/// Something that a socket's client is told.
#[derive(Debug)]
pub(super) enum Event {
    /// A stream is in another state.
    State(StreamId, Transition),
    /// Changes of states were missed: what they are now is to be told.
    StatesMissed,
    /// A stream can be watched.
    ProducerNew(ProducerInfo),
    /// It no longer can.
    ProducerClosed(ProducerInfo),
    /// A viewer gets another layer, or less of it.
    Layers(ConsumerId, LayerState),
}

/// What a socket follows.
pub(super) struct Events {
    live: Live,
    streams: BTreeSet<StreamId>,
    transitions: broadcast::Receiver<(StreamId, Transition)>,
    changes: watch::Receiver<()>,
    producers: HashMap<ProducerId, ProducerInfo>,
    layers: SelectAll<BoxStream<'static, (ConsumerId, LayerState)>>,
    waiting: VecDeque<Event>,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("streams", &self.streams).finish_non_exhaustive()
    }
}

impl Events {
    /// Nothing is followed yet.
    pub(super) fn new(control: &Control) -> Self {
        Self {
            live: control.live().clone(),
            streams: BTreeSet::new(),
            transitions: control.transitions(),
            changes: control.live().changes(),
            producers: HashMap::new(),
            layers: SelectAll::new(),
            waiting: VecDeque::new(),
        }
    }

    /// Follows a stream from now on. The producers that it has are not told of.
    pub(super) fn follow(&mut self, stream: StreamId) {
        if self.streams.insert(stream) {
            let present = producers(&self.live, stream);
            self.producers.extend(present.map(|producer| (producer.id, producer)));
        }
    }

    /// Follows the layers of a consumer until it ends.
    pub(super) fn follow_layers(&mut self, consumer: &Consumer) {
        let id = consumer.id();
        let changes = unfold(consumer.watch_layers(), move |mut layers| async move {
            layers.changed().await.ok()?;
            let now = *layers.borrow_and_update();
            Some(((id, now), layers))
        });
        self.layers.push(changes.boxed());
    }

    /// The streams that are followed.
    pub(super) fn streams(&self) -> Vec<StreamId> {
        self.streams.iter().copied().collect()
    }

    /// The next event. Cancel-safe.
    pub(super) async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return event;
            }
            tokio::select! {
                change = self.transitions.recv() => match change {
                    Ok((stream, change)) if self.streams.contains(&stream) => {
                        // A stream's sound is known of once the camera has described itself.
                        self.compare();
                        return Event::State(stream, change);
                    }
                    Ok(_) => {}
                    Err(broadcast::error::RecvError::Lagged(_)) => return Event::StatesMissed,
                    // The server shuts down, which the socket learns otherwise.
                    Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
                },
                Ok(()) = self.changes.changed() => self.compare(),
                Some((consumer, layers)) = self.layers.next(), if !self.layers.is_empty() => {
                    return Event::Layers(consumer, layers);
                }
            }
        }
    }

    /// Finds out which producers came and went.
    fn compare(&mut self) {
        let live = &self.live;
        let now: HashMap<_, _> = self
            .streams
            .iter()
            .flat_map(|stream| producers(live, *stream))
            .map(|producer| (producer.id, producer))
            .collect();
        let closed = self.producers.values().filter(|producer| !now.contains_key(&producer.id));
        self.waiting.extend(closed.map(|producer| Event::ProducerClosed(*producer)));
        let new = now.values().filter(|producer| !self.producers.contains_key(&producer.id));
        self.waiting.extend(new.map(|producer| Event::ProducerNew(*producer)));
        self.producers = now;
    }
}

fn producers(live: &Live, stream: StreamId) -> impl Iterator<Item = ProducerInfo> + use<> {
    let present = live.producers(stream).into_iter();
    present.map(move |producer| ProducerInfo { id: producer.id(), stream, kind: producer.kind() })
}
