//! Which node serves a stream. A single machine serves them all; a cluster gives another answer through the
//! same trait.

use crate::id::StreamId;
use std::fmt::Debug;
use std::sync::Arc;

/// The name of a node, unique in its cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// A node of this name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a stream is served.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Placed {
    /// On this node, with the fence that its writes carry; a later owner has a higher one.
    Here {
        /// The fencing token of this node's ownership.
        fence: u64,
    },
    /// On another node, to which requests go on.
    Elsewhere(NodeId),
}

/// Decides which node serves a stream.
pub trait Placement: Debug + Send + Sync + 'static {
    /// This node.
    fn node(&self) -> &NodeId;

    /// Where `stream` is served now.
    fn place(&self, stream: StreamId) -> Placed;
}

/// The placement of a system of one machine: everything is here, with fence 1.
#[derive(Clone, Debug)]
pub struct SingleNode {
    node: NodeId,
}

impl SingleNode {
    /// The only node, by its name.
    #[must_use]
    pub const fn new(node: NodeId) -> Self {
        Self { node }
    }
}

impl Placement for SingleNode {
    fn node(&self) -> &NodeId {
        &self.node
    }

    fn place(&self, _stream: StreamId) -> Placed {
        Placed::Here { fence: 1 }
    }
}
