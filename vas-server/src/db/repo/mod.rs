//! The repositories of vas-core's ports on the database.

mod device;
mod stream;

pub(crate) use device::SqlDevices;
pub(crate) use stream::SqlStreams;
