//! `GET /v2/system/config-status`: what became of the latest change of the settings.

use super::HttpState;
use super::guard::Scoped;
use super::view::time;
use crate::reload::ReloadStatus;
use axum::Json;
use serde::Serialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(status))
}

/// What became of the latest change of the settings.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConfigStatus {
    /// The configuration file, if there is one.
    #[schema(example = "/etc/vas/vas.toml")]
    file: Option<String>,
    /// `ok`: all settings are in force; `restart_required`: some wait for a restart; `error`: the file is wrong, and what
    /// was in force before still is.
    #[schema(example = "ok")]
    status: &'static str,
    /// When the settings were last read anew; null: not since the start.
    reloaded_at: Option<String>,
    /// Settings that took effect then.
    applied: BTreeSet<String>,
    /// Settings that take effect when the server is restarted.
    restart_required: BTreeSet<String>,
    /// What is wrong.
    error: Option<String>,
}

impl From<ReloadStatus> for ConfigStatus {
    fn from(status: ReloadStatus) -> Self {
        let (result, error) = match status.result {
            Some(Ok(result)) => (result, None),
            Some(Err(error)) => (Default::default(), Some(error)),
            None => (Default::default(), None),
        };
        Self {
            file: status.file.map(|file| file.display().to_string()),
            status: match (&error, result.restart_required.is_empty()) {
                (Some(_), _) => "error",
                (None, true) => "ok",
                (None, false) => "restart_required",
            },
            reloaded_at: status.reloaded_at.map(time),
            applied: result.applied,
            restart_required: result.restart_required,
            error,
        }
    }
}

/// What became of the latest change of the settings
///
/// The server reads its configuration file anew when it changes and on SIGHUP.
#[utoipa::path(
    get,
    path = "/v2/system/config-status",
    tag = "System",
    responses((status = 200, description = "What is in force and what is not", body = ConfigStatus)),
)]
async fn status(Scoped(state): Scoped<HttpState>) -> Json<ConfigStatus> {
    Json(state.reloads.current().into())
}
