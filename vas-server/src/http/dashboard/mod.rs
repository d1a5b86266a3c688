//! The calls that the dashboard is made of, beside those for devices, streams and recordings.

mod alerts;
mod exports;
mod history;
mod layer;
mod pictures;
mod settings;
mod timeline;
mod ui;

use super::HttpState;
use utoipa_axum::router::OpenApiRouter;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .merge(timeline::routes())
        .merge(pictures::routes())
        .merge(alerts::routes())
        .merge(history::routes())
        .merge(layer::routes())
        .merge(ui::routes())
        .merge(exports::routes())
        .merge(settings::routes())
}
