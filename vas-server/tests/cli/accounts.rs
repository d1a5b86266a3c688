//! `user` and `client`.

use crate::support::Site;
use reqwest::{Method, StatusCode};
use serde_json::json;

#[tokio::test]
async fn accounts_made_on_the_command_line_sign_in() {
    let mut site = Site::new();
    site.set("VAS_AUTH_MODE", "required");
    let said = site.run_with(&["user", "add", "anna", "--role", "admin"], "a long enough password\n");
    said.expect(0);
    let said = site.run_with(&["user", "add", "ben"], "x\n");
    said.expect(1);
    let said = site.run(&["user", "add", "ben", "--role", "emperor"]);
    assert_eq!(said.code, 2);
    let said = site.run(&["user", "add", "ben", "--generate"]);
    let password =
        said.expect(0).lines().find_map(|line| line.strip_prefix("password  ")).unwrap().to_owned();
    site.run(&["user", "role", "ben", "operator"]).expect(0);
    let client =
        site.run(&["client", "add", "portal", "--scopes", "streams:read,streams:consume", "--json"]).json(0);
    site.run(&["client", "add", "portal", "--scopes", "streams:read"]).expect(1);
    site.run(&["client", "add", "other", "--scopes", "world:rule"]).expect(1);

    let users = site.run(&["user", "list", "--json"]).json(0);
    let roles: Vec<_> = users.as_array().unwrap().iter().map(|user| (&user["name"], &user["role"])).collect();
    assert!(roles.contains(&(&json!("anna"), &json!("admin"))), "{roles:?}");
    assert!(roles.contains(&(&json!("ben"), &json!("operator"))), "{roles:?}");
    site.run(&["client", "list"]).says(&["portal", "streams:read"]);

    let serving = site.serve(&["serve"]).await;
    let (status, _) = serving.call(Method::GET, "api/v1/devices", None).await.unwrap();
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let body = json!({ "username": "ben", "password": password });
    let (status, signed_in) = serving.call(Method::POST, "v2/auth/session", Some(&body)).await.unwrap();
    assert_eq!((status, &signed_in["role"]), (StatusCode::OK, &json!("operator")), "{signed_in}");
    let body = json!({ "client_id": "portal", "client_secret": client["client_secret"] });
    let (status, token) = serving.call(Method::POST, "v2/auth/token", Some(&body)).await.unwrap();
    assert_eq!(status, StatusCode::OK, "{token}");

    // The token works on the command line, as far as it goes.
    let token = token["access_token"].as_str().unwrap().to_owned();
    let base = serving.base().to_owned();
    let said = site.run(&["device", "list", "--server", &base]);
    said.expect(1);
    said.says(&["give --token"]);
    site.run(&["device", "list", "--server", &base, "--token", &token]).expect(0);
    let said =
        site.run(&["device", "add", "Gate", "rtsp://127.0.0.1:1/1", "--server", &base, "--token", &token]);
    said.expect(1);
    said.says(&["403"]);

    site.run(&["user", "disable", "ben"]).expect(0);
    site.run(&["user", "delete", "ben"]).expect(0);
    site.run(&["user", "delete", "ben"]).expect(1);
    site.run(&["client", "delete", "portal"]).expect(0);
}
