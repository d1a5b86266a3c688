//! Accounts: who is let in, and to what. A server that asks, with a client that has all permissions.

mod accounts;
mod attacks;
mod matrix;
mod openid;
mod revocation;
mod sessions;
mod start;
mod tenants;
mod tokens;

use crate::support::{Answer, Server};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use vas_server::config::{AuthMode, Config, SecretText};

/// The client that the tests' servers begin with.
const ROOT: &str = "root";
const ROOT_SECRET: &str = "a secret of the tests, 0123456789";
const PASSWORD: &str = "correct horse battery";

/// A server that asks who one is.
async fn start_with(change: impl FnOnce(&mut Config)) -> Server {
    Server::start_with(|config| {
        config.auth.mode = AuthMode::Required;
        config.auth.default_client_id = ROOT.to_owned();
        config.auth.default_client_secret = SecretText::new(ROOT_SECRET);
        // What is counted here is failures.
        config.limits.sign_ins_per_minute = 0;
        config.limits.requests_per_minute = 0;
        config.limits.expensive_per_minute = 0;
        change(config);
    })
    .await
}

async fn start() -> Server {
    start_with(|_| {}).await
}

/// The tokens of a client.
async fn tokens(server: &Server, id: &str, secret: &str) -> Value {
    let body = json!({ "client_id": id, "client_secret": secret });
    server.post("/v2/auth/token", &body).await.expect(StatusCode::OK)
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}")).to_owned()
}

/// The access token of the client that may do everything.
async fn root(server: &Server) -> String {
    text(&tokens(server, ROOT, ROOT_SECRET).await, "access_token")
}

/// A request with an access token.
fn with(server: &Server, token: &str, method: Method, path: &str) -> RequestBuilder {
    server.request(method, path).bearer_auth(token)
}

async fn get(server: &Server, token: &str, path: &str) -> Answer {
    Answer::of(with(server, token, Method::GET, path)).await
}

async fn post(server: &Server, token: &str, path: &str, body: &Value) -> Answer {
    Answer::of(with(server, token, Method::POST, path).json(body)).await
}

/// Adds a user.
async fn add_user(server: &Server, token: &str, name: &str, role: &str, more: Value) -> Value {
    let mut body = json!({ "username": name, "password": PASSWORD, "role": role });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    post(server, token, "/v2/auth/users", &body).await.expect(StatusCode::CREATED)
}

/// Adds a client and gives its access token.
async fn add_client(server: &Server, token: &str, id: &str, scopes: &[&str], more: Value) -> String {
    let mut body = json!({ "client_id": id, "scopes": scopes });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = post(server, token, "/v2/auth/clients", &body).await.expect(StatusCode::CREATED);
    text(&tokens(server, id, &text(&made, "client_secret")).await, "access_token")
}

/// A browser's session: its cookie and what it sends with changes.
#[derive(Clone, Debug)]
struct Browser {
    cookie: String,
    csrf: String,
}

impl Browser {
    fn of(answer: &Answer) -> Self {
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        assert!(cookie.starts_with("vas_session="), "{answer:?}");
        Self { cookie, csrf: text(&answer.json(), "csrf_token") }
    }

    async fn sign_in(server: &Server, name: &str, password: &str) -> Self {
        let answer = try_sign_in(server, name, password).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        Self::of(&answer)
    }

    /// A request as a page of the server sends it.
    fn request(&self, server: &Server, method: Method, path: &str) -> RequestBuilder {
        let changes = method != Method::GET;
        let request = server.request(method, path).header("Cookie", &self.cookie);
        if !changes { request } else { request.header("X-CSRF-Token", &self.csrf) }
    }
}

async fn try_sign_in(server: &Server, name: &str, password: &str) -> Answer {
    server.post("/v2/auth/session", &json!({ "username": name, "password": password })).await
}
