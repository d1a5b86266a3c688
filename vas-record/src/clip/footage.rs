//! Where clips get recordings and their bytes from.

use super::ClipError;
use crate::library::Library;
use async_trait::async_trait;
use bytes::Bytes;
use std::ops::Range;
use vas_core::DeviceId;
use vas_core::model::{Recording, WallRange};

/// What a clip is made of. The server's is the [`Library`].
#[async_trait]
pub trait Footage: Send + Sync + 'static {
    /// The recordings of a layer that share time with `range`, in the order of their starts.
    ///
    /// # Errors
    /// [`ClipError::Library`].
    async fn recordings(
        &self,
        device: DeviceId,
        layer: u8,
        range: WallRange,
    ) -> Result<Vec<Recording>, ClipError>;

    /// Bytes of a recording's file.
    ///
    /// # Errors
    /// [`ClipError::Library`].
    async fn read(&self, recording: &Recording, bytes: Range<u64>) -> Result<Bytes, ClipError>;
}

#[async_trait]
impl Footage for Library {
    async fn recordings(
        &self,
        device: DeviceId,
        layer: u8,
        range: WallRange,
    ) -> Result<Vec<Recording>, ClipError> {
        Ok(Self::recordings(self, device, layer, range).await?)
    }

    async fn read(&self, recording: &Recording, bytes: Range<u64>) -> Result<Bytes, ClipError> {
        Ok(Self::read(self, recording, bytes).await?)
    }
}
