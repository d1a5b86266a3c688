//! `/api/v1/devices`.

use super::HttpState;
use super::device_fields::{self, LONGEST_NAME};
use super::extract::{Id, JsonFields, QueryFields};
use super::guard::Scoped;
use super::listing::Listing;
use super::problem::Problem;
use super::schema;
use super::view::{DeviceStatusView, DeviceView, StartedView, StoppedView, ValidationView};
use crate::control::Validation;
use axum::Json;
use axum::http::StatusCode;
use std::collections::HashMap;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vas_core::DeviceId;
use vas_core::model::{Device, mask_url};
use vas_core::ports::{Page, StreamFilter};

/// Devices in one answer at most.
const MAX_PAGE: u64 = 1_000;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(validate))
        .routes(routes!(show, change, delete))
        .routes(routes!(start_stream))
        .routes(routes!(stop_stream))
        .routes(routes!(status))
}

/// List devices
#[utoipa::path(
    get, path = "/api/v1/devices", tag = "Devices", params(schema::DeviceQuery),
    responses((status = 200, description = "A page of them, in a stable order.", body = Vec<DeviceView>)),
)]
async fn list(
    Scoped(state): Scoped<HttpState>,
    Ok(QueryFields(mut query)): Result<QueryFields, std::convert::Infallible>,
) -> Result<Json<Vec<DeviceView>>, Problem> {
    let page = Page {
        offset: query.integer("skip", 0, u64::MAX, 0),
        limit: query.integer("limit", 1, MAX_PAGE, 100),
    };
    let listing = Listing::<schema::DeviceSort>::read(&mut query);
    let is_active: Option<bool> = query.parsed("is_active", "must be true or false");
    query.finish()?;
    let (active, options) = (state.control.active_devices().await?, state.control.all_options().await?);
    let devices = if listing.is_plain() && is_active.is_none() {
        state.control.devices(page).await?
    } else {
        let mut devices = state.control.devices(Page { offset: 0, limit: u64::MAX }).await?;
        devices.retain(|device| is_active.is_none_or(|is_active| active.contains(&device.id) == is_active));
        listing.apply(&mut devices);
        let before = usize::try_from(page.offset).unwrap_or(usize::MAX);
        devices.into_iter().skip(before).take(page.limit as usize).collect()
    };
    let streams = state.control.streams(StreamFilter::default()).await?;
    let streams: HashMap<_, _> = streams.iter().map(|info| (info.device.id, &info.present)).collect();
    let view = |device: &Device| {
        let options = options.get(&device.id).cloned().unwrap_or_default();
        let recording = state.control.recordings().status(device.id);
        DeviceView::new(device, options, active.contains(&device.id)).at_present(
            device,
            &recording,
            streams.get(&device.id).copied(),
        )
    };
    Ok(Json(devices.iter().map(view).collect()))
}

/// Add a device
#[utoipa::path(
    post, path = "/api/v1/devices", tag = "Devices", request_body = schema::NewDevice,
    responses(
        (status = 201, description = "It was added.", body = DeviceView),
        (status = 409, description = "Another device has this address or name; `details.field` says which."),
    ),
)]
async fn add(
    Scoped(state): Scoped<HttpState>,
    JsonFields(mut body): JsonFields,
) -> Result<(StatusCode, Json<DeviceView>), Problem> {
    let new = device_fields::new_device(&mut body);
    body.finish()?;
    let device = state.control.add_device(new).await?;
    Ok((StatusCode::CREATED, Json(device_view(&state, &device).await?)))
}

async fn device_view(state: &HttpState, device: &Device) -> Result<DeviceView, Problem> {
    let options = state.control.options(device.id).await?;
    let stream = state.control.stream_of(device.id).await?;
    let present = stream.as_ref().map(|stream| state.control.present(stream));
    let recording = state.control.recordings().status(device.id);
    let view = DeviceView::new(device, options, stream.is_some_and(|stream| stream.wanted));
    Ok(view.at_present(device, &recording, present.as_ref()))
}

/// Show a device
#[utoipa::path(
    get, path = "/api/v1/devices/{id}", tag = "Devices", params(schema::DevicePath),
    responses((status = 200, description = "The device.", body = DeviceView)),
)]
async fn show(Scoped(state): Scoped<HttpState>, Id(id): Id<DeviceId>) -> Result<Json<DeviceView>, Problem> {
    let device = state.control.device(id).await?;
    Ok(Json(device_view(&state, &device).await?))
}

/// Change a device
///
/// A stream that runs goes on from a new address. Viewers live through that, but not through the coming or going of a
/// sub stream.
#[utoipa::path(
    put, path = "/api/v1/devices/{id}", tag = "Devices", params(schema::DevicePath),
    request_body = schema::DeviceChange,
    responses(
        (status = 200, description = "The device as it is now.", body = DeviceView),
        (status = 409, description = "Another device has this address or name; `details.field` says which."),
    ),
)]
async fn change(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<DeviceId>,
    JsonFields(mut body): JsonFields,
) -> Result<Json<DeviceView>, Problem> {
    // Unknown before wrong: what is asked of a device that is not there does not matter.
    state.control.device(id).await?;
    let patch = device_fields::patch(&mut body);
    body.finish()?;
    let device = state.control.change_device(id, patch).await?;
    Ok(Json(device_view(&state, &device).await?))
}

/// Delete a device
///
/// Its stream ends, and in the background its recordings, bookmarks and snapshots go.
#[utoipa::path(
    delete, path = "/api/v1/devices/{id}", tag = "Devices", params(schema::DevicePath),
    responses((status = 204, description = "It is deleted.")),
)]
async fn delete(Scoped(state): Scoped<HttpState>, Id(id): Id<DeviceId>) -> Result<StatusCode, Problem> {
    state.control.delete_device(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Try an address
///
/// Asks the camera what it sends, for ten seconds at most. Nothing is stored.
#[utoipa::path(
    post, path = "/api/v1/devices/validate", tag = "Devices", request_body = schema::DeviceTrial,
    responses((status = 200, description = "What was found, or why nothing was.", body = ValidationView)),
)]
async fn validate(
    Scoped(state): Scoped<HttpState>,
    JsonFields(mut body): JsonFields,
) -> Result<Json<ValidationView>, Problem> {
    let name = body.text("name", LONGEST_NAME);
    // Any text is an answer of 200, but there must be one.
    let url = body.any_text("rtsp_url");
    body.finish()?;
    let url = url.unwrap_or_default();
    let shown = mask_url(&url);
    Ok(Json(match state.control.validate(&name.unwrap_or_else(|| "validate".to_owned()), &url).await {
        Validation::Valid(probe) => ValidationView::valid(shown, &probe),
        Validation::Invalid(error) => ValidationView::invalid(shown, error),
    }))
}

/// Start a device's stream
///
/// Answers at once, whether or not the camera can be reached: the stream's state tells.
#[utoipa::path(
    post, path = "/api/v1/devices/{id}/start-stream", tag = "Devices", params(schema::DevicePath),
    responses((status = 200, description = "It runs, from now on or already.", body = StartedView)),
)]
async fn start_stream(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<DeviceId>,
) -> Result<Json<StartedView>, Problem> {
    Ok(Json(StartedView::new(&state.control.start(id).await?)))
}

/// Stop a device's stream
#[utoipa::path(
    post, path = "/api/v1/devices/{id}/stop-stream", tag = "Devices", params(schema::DevicePath),
    responses((status = 200, description = "It does not run, from now on or before.", body = StoppedView)),
)]
async fn stop_stream(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<DeviceId>,
) -> Result<Json<StoppedView>, Problem> {
    state.control.device(id).await?;
    if let Some(stream) = state.control.stream_of(id).await? {
        state.control.stop(stream.id).await?;
    }
    Ok(Json(StoppedView::new(id)))
}

/// Show a device and whether its stream runs
#[utoipa::path(
    get, path = "/api/v1/devices/{id}/status", tag = "Devices", params(schema::DevicePath),
    responses((status = 200, description = "The device.", body = DeviceStatusView)),
)]
async fn status(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<DeviceId>,
) -> Result<Json<DeviceStatusView>, Problem> {
    let device = state.control.device(id).await?;
    let stream = state.control.stream_of(id).await?.filter(|stream| stream.wanted);
    let options = state.control.options(id).await?;
    Ok(Json(DeviceStatusView::new(&device, options, stream.as_ref())))
}
