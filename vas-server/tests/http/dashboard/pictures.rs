//! Thumbnails and storyboards.

use super::Recorded;
use crate::support::Server;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};

/// An answer that is no text.
async fn picture(server: &Server, path: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
    let response = server.request(Method::GET, path).send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    (status, headers, response.bytes().await.unwrap().to_vec())
}

/// Width and height of a JPEG, from its frame header (ITU-T T.81, section B.2.2).
fn size(jpeg: &[u8]) -> (u16, u16) {
    assert_eq!(jpeg[..2], [0xff, 0xd8], "a JPEG begins so");
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("a frame header");
    let number = |at: usize| u16::from_be_bytes([jpeg[frame + at], jpeg[frame + at + 1]]);
    (number(7), number(5))
}

#[tokio::test]
async fn thumbnails_of_now_and_then() {
    let recorded = Recorded::start(5.0).await;
    let Recorded { server, stream, start, .. } = &recorded;
    let live = picture(server, &format!("/v2/streams/{stream}/thumbnail.jpg?w=150")).await;
    assert_eq!((live.0, size(&live.2)), (StatusCode::OK, (160, 96)));
    assert_eq!(live.1["cache-control"], "no-store");

    let path = format!("/v2/streams/{stream}/thumbnail.jpg?t={}", start + 3_500);
    let then = picture(server, &path).await;
    assert_eq!((then.0, size(&then.2)), (StatusCode::OK, (320, 192)));
    // The key picture two seconds after the first one.
    let taken = chrono::DateTime::parse_from_rfc3339(then.1["x-captured-at"].to_str().unwrap()).unwrap();
    let offset = taken.timestamp_millis() - start;
    assert!((1_800..=2_200).contains(&offset), "{offset}");
    assert_eq!(picture(server, &path).await.2, then.2, "made once");
    let before = format!("/v2/streams/{stream}/thumbnail.jpg?t={}", start - 60_000);
    server.get(&before).await.problem(404, "NO_RECORDING");
    server.get(&format!("/v2/streams/{stream}/thumbnail.jpg?t=then")).await.problem(422, "VALIDATION_ERROR");

    server.call(&format!("/api/v1/devices/{}/stop-stream", recorded.device)).await;
    server.get(&format!("/v2/streams/{stream}/thumbnail.jpg")).await.problem(409, "STREAM_NOT_LIVE");
}

#[tokio::test]
async fn a_storyboard_has_a_place_for_every_time() {
    let recorded = Recorded::start(5.0).await;
    let Recorded { server, stream, start, .. } = &recorded;
    let from = start - 8_000;
    let path = format!("/v2/streams/{stream}/storyboard.jpg?start={from}&step_ms=1000&count=12&w=80");
    let (status, headers, jpeg) = picture(server, &path).await;
    assert_eq!((status, size(&jpeg)), (StatusCode::OK, (800, 96)));
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!(
        (header("x-storyboard-columns"), header("x-storyboard-rows"), header("x-storyboard-tile")),
        ("10".to_owned(), "2".to_owned(), "80x48".to_owned())
    );
    let times: Vec<Option<i64>> =
        header("x-storyboard-times").split(',').map(|time| time.parse().ok()).collect();
    assert_eq!(times.len(), 12);
    assert_eq!(times[..7], [None; 7], "nothing was recorded before");
    let shown: Vec<_> = times.iter().flatten().map(|time| (time - start + 100) / 1_000).collect();
    assert!(shown.ends_with(&[0, 2, 2]) || shown.ends_with(&[0, 0, 2]), "{shown:?}");

    let path = format!("/v2/streams/{stream}/storyboard.jpg?start={}&step_ms=1000", start - 900_000);
    server.get(&path).await.problem(404, "NO_RECORDING");
    let path = format!("/v2/streams/{stream}/storyboard.jpg?start={start}&step_ms=5&count=1000");
    let details = server.get(&path).await.problem(422, "VALIDATION_ERROR");
    assert!(details["fields"].get("step_ms").is_some() && details["fields"].get("count").is_some());
}
