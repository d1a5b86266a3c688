//! `POST /api/v1/devices/bulk`, `GET /v2/export` and `POST /v2/import`.

use crate::support::{Answer, Server};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const OK: StatusCode = StatusCode::OK;
const BULK: &str = "/api/v1/devices/bulk";

async fn statuses(server: &Server, path: &str, rows: &Value) -> Vec<String> {
    let result = server.post(path, rows).await.expect(OK);
    let results = result["results"].as_array().unwrap();
    results.iter().map(|row| row["status"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_bad_row_loses_nothing_else() {
    let server = Server::start().await;
    server.add("Gate", "rtsp://192.0.2.1/1").await;
    let rows = json!([
        { "name": "Yard", "rtsp_url": "rtsp://u:planted@192.0.2.1/2", "group": "North", "on_demand": true },
        { "name": "Gate", "rtsp_url": "rtsp://192.0.2.1/3" },
        { "name": "Dock", "rtsp_url": "rtsp://192.0.2.1/1" },
        { "name": "", "rtsp_url": "http://192.0.2.1/", "idle_seconds": 1, "transport": "smoke" },
        "no object",
        { "name": "Shed", "rtsp_url": "rtsp://192.0.2.1/4" },
    ]);
    let expected = ["valid", "failed", "failed", "failed", "failed", "valid"];
    assert_eq!(statuses(&server, &format!("{BULK}?dry_run=true"), &rows).await, expected);
    assert_eq!(server.get("/api/v1/devices").await.expect(OK).as_array().unwrap().len(), 1);

    let result = server.post(BULK, &rows).await;
    assert!(!result.text.contains("planted"));
    let result = result.expect(OK);
    assert_eq!((&result["added"], &result["failed"]), (&json!(2), &json!(4)));
    let error = |row: usize| &result["results"][row]["error"];
    assert_eq!((&error(1)["error"], &error(1)["details"]["field"]), (&json!("CONFLICT"), &json!("name")));
    assert_eq!(error(2)["details"]["field"], "rtsp_url");
    for field in ["name", "idle_seconds", "transport"] {
        assert!(error(3)["details"]["fields"][field].is_string(), "{field}: {result}");
    }
    assert_eq!((&result["results"][5]["row"], &result["results"][5]["name"]), (&json!(6), &json!("Shed")));
    let id = result["results"][0]["id"].as_str().unwrap();
    let device = server.get(&format!("/api/v1/devices/{id}")).await.expect(OK);
    assert_eq!((&device["group"], &device["on_demand"]), (&json!("North"), &json!(true)));
    assert_eq!((&device["is_active"], &device["transport"]), (&json!(true), &json!("auto")));

    for body in [json!({}), json!("x")] {
        server.post(BULK, &body).await.problem(422, "VALIDATION_ERROR");
    }
    let request = server.request(Method::POST, BULK).header("Content-Type", "text/plain").body("x");
    Answer::of(request).await.problem(415, "UNSUPPORTED_MEDIA_TYPE");
    server.post(&format!("{BULK}?dry_run=perhaps"), &json!([])).await.problem(422, "VALIDATION_ERROR");
}

#[tokio::test]
async fn a_table_is_as_good_as_an_array() {
    let server = Server::start().await;
    let table = "name,rtsp_url,autostart,location\nGate,rtsp://192.0.2.1/1,yes,North\n\"Yard, new\",rtsp://192.0.2.1/2,,\nBad\n";
    let request =
        server.request(Method::POST, BULK).header("Content-Type", "text/csv; charset=utf-8").body(table);
    let result = Answer::of(request).await.expect(OK);
    assert_eq!((&result["added"], &result["failed"]), (&json!(2), &json!(1)));
    let devices = server.get("/api/v1/devices").await.expect(OK);
    assert_eq!((&devices[0]["autostart"], &devices[0]["is_active"]), (&json!(true), &json!(true)));
    assert_eq!((&devices[1]["name"], &devices[1]["is_active"]), (&json!("Yard, new"), &json!(false)));
    let request =
        server.request(Method::POST, BULK).header("Content-Type", "text/csv").body("name;rtsp_url\n");
    assert!(Answer::of(request).await.problem(422, "VALIDATION_ERROR")["fields"]["body"].is_string());
}

#[tokio::test]
async fn a_configuration_moves_to_another_server() {
    let server = Server::start().await;
    let body = json!({
        "name": "Gate", "rtsp_url": "rtsp://u:planted@192.0.2.1/1", "sub_rtsp_url": "rtsp://u:planted@192.0.2.1/2",
        "location": "North", "group": "Doors", "on_demand": true, "idle_seconds": 30, "transport": "tcp",
    });
    let gate = server.post("/api/v1/devices", &body).await.expect(StatusCode::CREATED);
    server.add("Yard", "rtsp://192.0.2.1/3").await;
    let options = format!("/api/v1/recordings/devices/{}/options", gate["id"].as_str().unwrap());
    server.put(&options, &json!({ "mode": "event", "retention_days": 3 })).await.expect(OK);

    let plain = server.get("/v2/export").await;
    assert!(!plain.text.contains("planted") && plain.header("content-disposition").contains("attachment"));
    server.get("/v2/export?secrets=true").await.problem(422, "VALIDATION_ERROR");
    let export = async |passphrase: &str| {
        let request = server.request(Method::GET, "/v2/export?secrets=true");
        Answer::of(request.header("X-Passphrase", passphrase)).await
    };
    export("short").await.problem(422, "VALIDATION_ERROR");
    let sealed = export("correct horse battery").await;
    assert!(!sealed.text.contains("planted"));
    let document = sealed.expect(OK);

    let other = Server::start().await;
    let import = async |passphrase: Option<&str>, query: &str, document: &Value| {
        let request = other.request(Method::POST, &format!("/v2/import{query}")).json(document);
        Answer::of(match passphrase {
            Some(passphrase) => request.header("X-Passphrase", passphrase),
            None => request,
        })
        .await
    };
    let details = import(None, "", &document).await.problem(422, "VALIDATION_ERROR");
    assert!(details["fields"]["X-Passphrase"].as_str().unwrap().contains("give its passphrase"));
    import(Some("a wrong passphrase"), "", &document).await.problem(422, "VALIDATION_ERROR");
    let right = Some("correct horse battery");
    let tried = import(right, "?dry_run=true", &document).await.expect(OK);
    assert_eq!(tried["devices"][0]["status"], "valid");
    assert_eq!(other.get("/api/v1/devices").await.expect(OK), json!([]));
    let done = import(right, "", &document).await.expect(OK);
    assert_eq!(
        (&done["devices"][0]["status"], &done["devices"][1]["status"]),
        (&json!("added"), &json!("added"))
    );
    let devices = other.get("/api/v1/devices").await.expect(OK);
    for field in [
        "name",
        "rtsp_url",
        "sub_rtsp_url",
        "location",
        "group",
        "on_demand",
        "idle_seconds",
        "transport",
        "is_active",
    ] {
        let before = server.get("/api/v1/devices").await.expect(OK);
        assert_eq!(devices[0][field], before[0][field], "{field}");
    }
    let options = format!("/api/v1/recordings/devices/{}/options", devices[0]["id"].as_str().unwrap());
    let recorded = other.get(&options).await.expect(OK);
    assert_eq!((&recorded["mode"], &recorded["retention_days"]), (&json!("event"), &json!(3)));

    // The same once more adds nothing; without its secrets a masked password is not taken for one.
    let again = import(right, "", &document).await.expect(OK);
    assert_eq!(again["devices"][0]["status"], "skipped");
    let third = Server::start().await;
    let done = third.post("/v2/import", &plain.json()).await.expect(OK);
    assert_eq!(
        (&done["devices"][0]["status"], &done["devices"][1]["status"]),
        (&json!("failed"), &json!("added"))
    );
    for (document, field) in [
        (json!({ "vas_configuration": 2 }), "vas_configuration"),
        (json!({ "vas_configuration": 1, "devices": [{ "name": 1 }] }), "devices[0].name"),
        (json!([]), "body"),
    ] {
        let details = third.post("/v2/import", &document).await.problem(422, "VALIDATION_ERROR");
        assert!(details["fields"][field].is_string(), "{field}: {details}");
    }
    let unknown = json!({ "vas_configuration": 1, "colour": 1 });
    let details = third.post("/v2/import", &unknown).await.problem(422, "VALIDATION_ERROR");
    assert!(details["fields"].to_string().contains("colour"), "{details}");
}
