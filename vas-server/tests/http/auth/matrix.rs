//! Every caller at every route: the whole matrix, made from the policy that the server itself goes by.

use super::{add_client, get, root, start, text};
use crate::support::Server;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::Error as WsError;
use vas_server::auth::{RouteAccess, routes};

const ID: &str = "00000000-0000-4000-8000-000000000000";
const VIEWER: [&str; 4] = ["streams:read", "streams:consume", "snapshots:read", "bookmarks:read"];
const OPERATOR: [&str; 7] = [
    "streams:read",
    "streams:consume",
    "snapshots:read",
    "bookmarks:read",
    "streams:write",
    "snapshots:write",
    "bookmarks:write",
];

/// A route's address, its parameters filled with what nothing has.
fn path_of(route: &str) -> String {
    let parts = route.split('/').map(|part| if part.starts_with('{') { ID } else { part });
    parts.collect::<Vec<_>>().join("/")
}

async fn ask(server: &Server, token: Option<&str>, route: &RouteAccess) -> Response {
    let method: Method = route.method.parse().unwrap();
    let mut request = server.request(method, &path_of(route.route));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    request.send().await.unwrap()
}

/// The code of a refusal.
async fn code(response: Response) -> String {
    let problem: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    text(&problem, "error")
}

fn may(scopes: &[&str], needs: &str) -> bool {
    needs == "signed-in" || scopes.contains(&needs) || scopes.contains(&"admin")
}

#[tokio::test]
async fn each_caller_gets_to_each_route_that_it_may_and_to_no_other() {
    let server = start().await;
    let admin = root(&server).await;
    let single = [
        "streams:read",
        "streams:write",
        "streams:consume",
        "snapshots:read",
        "snapshots:write",
        "bookmarks:read",
        "bookmarks:write",
        "admin",
    ];
    let mut callers: Vec<(String, Vec<&str>)> =
        single.iter().map(|scope| (scope.replace(':', "-"), vec![*scope])).collect();
    callers.push(("viewer".to_owned(), VIEWER.to_vec()));
    callers.push(("operator".to_owned(), OPERATOR.to_vec()));
    let mut tokens = Vec::new();
    for (name, scopes) in &callers {
        tokens.push(add_client(&server, &admin, name, scopes, json!({})).await);
    }
    let (mut refused, mut let_in) = (0, 0);
    for route in routes() {
        let nobody = ask(&server, None, &route).await;
        let is_open = matches!(route.needs, "public" | "signed-url");
        if is_open {
            // What a body or a name proves is refused for that, not for who asks.
            let asks = nobody.status() == StatusCode::UNAUTHORIZED && code(nobody).await == "UNAUTHORIZED";
            assert!(!asks, "{route:?}");
            continue;
        }
        assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED, "nobody at {route:?}");
        assert!(nobody.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer"), "{route:?}");
        for ((name, scopes), token) in callers.iter().zip(&tokens) {
            let answer = ask(&server, Some(token), &route).await;
            let status = answer.status();
            if may(scopes, route.needs) {
                assert_ne!(status, StatusCode::UNAUTHORIZED, "{name} at {route:?}");
                assert!(
                    status != StatusCode::FORBIDDEN || code(answer).await != "FORBIDDEN",
                    "{name} at {route:?}"
                );
                let_in += 1;
            } else {
                assert_eq!(status, StatusCode::FORBIDDEN, "{name} at {route:?}");
                assert_eq!(code(answer).await, "FORBIDDEN", "{name} at {route:?}");
                refused += 1;
            }
        }
    }
    assert!(refused > 200 && let_in > 200, "{refused} cells refused, {let_in} let in");
}

/// Sockets are refused before they are opened.
#[tokio::test]
async fn sockets_open_for_who_may_alone() {
    let server = start().await;
    let admin = root(&server).await;
    let watcher = add_client(&server, &admin, "watcher", &["streams:consume"], json!({})).await;
    let reader = add_client(&server, &admin, "reader", &["streams:read"], json!({})).await;
    let open = async |path: &str, token: Option<&str>, query: Option<&str>| {
        let query = query.map(|token| format!("?token={token}")).unwrap_or_default();
        let url = format!("ws://{}{path}{query}", server.address());
        let mut request = url.into_client_request().unwrap();
        if let Some(token) = token {
            request.headers_mut().insert("Authorization", format!("Bearer {token}").parse().unwrap());
        }
        match connect_async(request).await {
            Ok(_) => 101,
            Err(WsError::Http(response)) => response.status().as_u16(),
            Err(error) => panic!("{error}"),
        }
    };
    let signalling = format!("/ws/signaling/{ID}");
    for (path, right, wrong, opened) in
        [(signalling.as_str(), &watcher, &reader, 404), ("/ws/events", &reader, &watcher, 101)]
    {
        assert_eq!(open(path, None, None).await, 401, "{path}");
        assert_eq!(open(path, None, Some("x")).await, 401, "{path}");
        assert_eq!(open(path, Some(wrong), None).await, 403, "{path}");
        assert_eq!(open(path, Some(right), None).await, opened, "{path}");
        assert_eq!(open(path, None, Some(right)).await, opened, "{path}");
    }
}

/// What the server describes, the policy knows, and the other way round.
#[tokio::test]
async fn the_description_and_the_policy_agree() {
    let server = start().await;
    let document = server.get("/openapi.json").await.expect(StatusCode::OK);
    let methods = ["get", "put", "post", "delete", "patch", "options"];
    let described: BTreeSet<_> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let operations = item.as_object().unwrap().keys().filter(|name| methods.contains(&name.as_str()));
            operations.map(|method| (method.to_uppercase(), path.clone()))
        })
        .collect();
    let known: BTreeSet<_> =
        routes().map(|route| (route.method.to_owned(), route.route.to_owned())).collect();
    let forgotten: Vec<_> = described.difference(&known).collect();
    assert!(forgotten.is_empty(), "in no line of the policy: {forgotten:?}");
    // Of an unknown method the route tells those that it has.
    let other = server.request(Method::PUT, "/v2/streams").send().await.unwrap();
    assert_eq!((other.status().as_u16(), other.headers()["allow"].to_str().unwrap()), (405, "GET,HEAD,POST"));
    server.get("/v2/nothing").await.problem(404, "NOT_FOUND");
    get(&server, &root(&server).await, "/v2/nothing").await.problem(404, "NOT_FOUND");
}
