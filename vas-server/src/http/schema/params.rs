//! Parameters of paths and queries.

use super::{Layer, Order, State};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// `{id}` is a device's.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct DevicePath {
    /// The device's id.
    id: Uuid,
}

/// `{id}` is a stream's.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct StreamPath {
    /// The stream's id.
    id: Uuid,
}

/// `{id}` is a stream's or its device's.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct EitherPath {
    /// The id of a stream or of its device.
    id: Uuid,
}

/// `{id}` is a bookmark's.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct BookmarkPath {
    /// The bookmark's id.
    id: Uuid,
}

/// `{id}` is a snapshot's.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct SnapshotPath {
    /// The snapshot's id.
    id: Uuid,
}

/// `{id}` is a stream's, `{name}` that of media which a playlist names.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct StreamMediaPath {
    /// The stream's id.
    id: Uuid,
    /// A signed name out of a playlist.
    name: String,
}

/// `{id}` is a device's, `{name}` that of media which a playlist names.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct DeviceMediaPath {
    /// The device's id.
    id: Uuid,
    /// A signed name out of a playlist.
    name: String,
}

/// `{id}` is a stream's, `{session}` that of a viewer.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct WhepSessionPath {
    /// The stream's id.
    id: Uuid,
    /// The session's name, from the `Location` of the answer that made it.
    session: String,
}

/// `{id}` is a device's, `{session}` that of a publisher.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct WhipSessionPath {
    /// The device's id.
    id: Uuid,
    /// The session's name, from the `Location` of the answer that made it.
    session: String,
}

/// `{consumer}` is a consumer's.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct ConsumerPath {
    /// The consumer's id.
    consumer: Uuid,
}

/// `{id}` is a stream's, `{consumer}` a consumer's.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct StreamConsumerPath {
    /// The stream's id.
    id: Uuid,
    /// The consumer's id.
    consumer: Uuid,
}

/// What devices can be sorted by.
#[derive(Clone, Copy, Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum DeviceSort {
    CreatedAt,
    UpdatedAt,
    Name,
    Location,
}

/// Which devices to list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeviceQuery {
    /// Devices to pass over.
    #[param(minimum = 0, default = 0)]
    skip: Option<i64>,
    /// Devices at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
    /// Text that the name, the description or the location contains, in any case.
    #[param(max_length = 200)]
    q: Option<String>,
    /// Whether the device's stream is to run.
    is_active: Option<bool>,
    #[param(inline, default = "created_at")]
    sort: Option<DeviceSort>,
    #[param(inline, default = "asc")]
    order: Option<Order>,
}

/// What streams can be sorted by.
#[derive(Clone, Copy, Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum StreamSort {
    CreatedAt,
    Name,
    State,
    StateSince,
}

/// Which streams to list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamQuery {
    /// In this state; in any case.
    #[param(inline)]
    state: Option<State>,
    /// Of this device.
    camera_id: Option<Uuid>,
    /// Text that the name contains, in any case.
    #[param(max_length = 200)]
    q: Option<String>,
    #[param(inline, default = "created_at")]
    sort: Option<StreamSort>,
    #[param(inline, default = "asc")]
    order: Option<Order>,
    #[param(minimum = 1, maximum = 100, default = 100)]
    limit: Option<i64>,
    #[param(minimum = 0, default = 0)]
    offset: Option<i64>,
}

/// How many entries of a history to give.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryQuery {
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
}

/// Which bookmarks to list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BookmarkQuery {
    /// Of this stream.
    stream_id: Option<Uuid>,
    /// Of this device.
    device_id: Option<Uuid>,
    #[param(max_length = 200)]
    event_type: Option<String>,
    #[param(max_length = 200)]
    created_by: Option<String>,
    #[param(inline)]
    source: Option<super::CaptureSource>,
    /// That begin then or later (RFC 3339).
    #[param(format = DateTime)]
    start_after: Option<String>,
    /// That begin before then (RFC 3339).
    #[param(format = DateTime)]
    start_before: Option<String>,
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<i64>,
    #[param(minimum = 0, default = 0)]
    offset: Option<i64>,
}

/// Which snapshots to list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SnapshotQuery {
    /// Of this stream.
    stream_id: Option<Uuid>,
    /// Of this device.
    device_id: Option<Uuid>,
    #[param(max_length = 200)]
    created_by: Option<String>,
    #[param(inline)]
    source: Option<super::CaptureSource>,
    /// Of then or later (RFC 3339).
    #[param(format = DateTime)]
    after: Option<String>,
    /// Of before then (RFC 3339).
    #[param(format = DateTime)]
    before: Option<String>,
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<i64>,
    #[param(minimum = 0, default = 0)]
    offset: Option<i64>,
}

/// A stretch of time, the last day where nothing is said.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TimelineQuery {
    /// RFC 3339.
    #[param(format = DateTime)]
    start: Option<String>,
    /// RFC 3339; after `start`.
    #[param(format = DateTime)]
    end: Option<String>,
}

/// How media of a playlist is packed.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum PlaylistFormat {
    /// Byte ranges of the stored files.
    Cmaf,
    /// MPEG-TS segments.
    Ts,
}

/// A stretch of time as a playlist.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PlaybackQuery {
    /// RFC 3339.
    #[param(format = DateTime)]
    start: String,
    /// RFC 3339; after `start`.
    #[param(format = DateTime)]
    end: String,
    #[param(inline, default = "main")]
    layer: Option<Layer>,
    #[param(inline, default = "cmaf")]
    format: Option<PlaylistFormat>,
}

/// A day as a playlist.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DayQuery {
    /// Such as 20261122, in the server's configured zone.
    #[param(pattern = "^[0-9]{8}$")]
    date: String,
    #[param(inline, default = "main")]
    layer: Option<Layer>,
}

/// How large a picture is to be.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StillQuery {
    /// Width in pixels at most.
    #[param(minimum = 1, maximum = 8192)]
    width: Option<i64>,
}

/// Which events to tell of, and from where on.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventParams {
    /// Some of `stream_state`, `metrics`, `recording`, `bookmark`, `snapshot`, `alert` and `system`, separated by
    /// commas; all where nothing is said.
    #[param(example = "stream_state,alert")]
    topics: Option<String>,
    /// The number of the last event that is known already.
    #[param(minimum = 0)]
    since: Option<i64>,
}

/// A path of MediaMTX, and a stretch of time.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MediamtxListQuery {
    /// The id of a device or stream, or a device's name.
    #[param(min_length = 1, max_length = 200)]
    path: String,
    /// RFC 3339.
    #[param(format = DateTime)]
    start: Option<String>,
    /// RFC 3339; after `start`.
    #[param(format = DateTime)]
    end: Option<String>,
}

/// A stretch of time as one file.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ClipQuery {
    /// RFC 3339.
    #[param(format = DateTime)]
    start: String,
    /// RFC 3339; after `start`.
    #[param(format = DateTime)]
    end: String,
    #[param(inline, default = "main")]
    layer: Option<Layer>,
}

/// How a file of MediaMTX is packed.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum MediamtxFormat {
    /// Fragmented, which can be played while it comes.
    Fmp4,
    /// With its index before its media.
    Mp4,
}

/// A path of MediaMTX, where to begin and how much to fetch.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MediamtxGetQuery {
    /// The id of a device or stream, or a device's name.
    #[param(min_length = 1, max_length = 200)]
    path: String,
    /// RFC 3339.
    #[param(format = DateTime)]
    start: String,
    /// A number of seconds above 0, or such as `1m30s`.
    #[param(max_length = 40, example = "60")]
    duration: String,
    #[param(inline, default = "fmp4")]
    format: Option<MediamtxFormat>,
}

/// How large the picture is shown, or which layer it is to be.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhepQuery {
    /// In pixels, together with `height`.
    #[param(minimum = 1, maximum = 16384)]
    width: Option<i64>,
    /// In pixels, together with `width`.
    #[param(minimum = 1, maximum = 16384)]
    height: Option<i64>,
    /// No other layer than that.
    #[param(inline)]
    layer: Option<Layer>,
}

/// Which ICE session a fragment is meant for.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct IfMatch {
    /// Its entity tag, or `*` to restart it.
    #[param(rename = "If-Match")]
    if_match: Option<String>,
}
