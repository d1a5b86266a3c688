//! The models of the system: what a device and a stream are, apart from where they are stored.

pub mod device;
pub mod stream;

pub use device::{CameraUrl, CameraUrlError, Device, DeviceFields, TenantId, mask_url};
pub use stream::{IllegalTransition, Reason, ReasonCode, StreamMachine, StreamState, Transition};
