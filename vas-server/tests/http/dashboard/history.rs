//! Figures over time.

use super::{OK, Recorded};
use crate::support::until;
use serde_json::{Value, json};

/// The last point that is known.
fn last(series: &Value) -> Option<f64> {
    series.as_array()?.iter().rev().find_map(Value::as_f64)
}

#[tokio::test]
async fn figures_are_kept_and_shown() {
    let recorded = Recorded::start(1.0).await;
    let Recorded { server, stream, .. } = &recorded;
    // A step ends ten seconds after it began, and what was measured in it is the mean.
    let shown = until("a step of figures", async || {
        let history = server.get(&format!("/v2/metrics/history?stream_id={stream}")).await.expect(OK);
        last(&history["series"]["fps"]).map(|_| history)
    })
    .await;
    assert_eq!(shown["step"], 10);
    let points = shown["t"].as_array().unwrap().len();
    assert!((360..=362).contains(&points), "{points}");
    for name in ["ingest_kbps", "fps", "loss", "viewers", "live"] {
        assert_eq!(shown["series"][name].as_array().unwrap().len(), points, "{name}");
    }
    let server_wide = server.get("/v2/metrics/history?metrics=memory,streams_live").await.expect(OK);
    let series = server_wide["series"].as_object().unwrap();
    assert_eq!(series.len(), 2);
    assert!(last(&series["memory"]).is_some_and(|bytes| bytes > 1e6));
    let path = format!("/v2/metrics/history?stream_id={stream}&step=60&metrics=fps");
    assert_eq!(server.get(&path).await.expect(OK)["step"], 60);

    for (query, field) in [
        ("metrics=fps", "metrics"),
        ("start=2000&end=1000", "end"),
        ("start=0&step=1", "step"),
        ("step=0", "step"),
    ] {
        let details =
            server.get(&format!("/v2/metrics/history?{query}")).await.problem(422, "VALIDATION_ERROR");
        assert!(details["fields"].get(field).is_some(), "{query}: {details}");
    }
    let unknown = "/v2/metrics/history?stream_id=01890000-0000-7000-8000-000000000000";
    server.get(unknown).await.problem(404, "NOT_FOUND");
    assert_eq!(json!(shown["series"]).as_object().unwrap().len(), 5);
}
