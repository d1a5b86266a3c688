//! The first start, and an open server.

use super::{Browser, ROOT, ROOT_SECRET, start_with, text, try_sign_in};
use crate::support::{SOON, Server, until};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use vas_server::config::{AuthMode, SecretText};

/// A program that is ended with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program itself prints the first password once, and keeps it nowhere.
#[test]
fn the_first_start_tells_a_password_once() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vas-server"));
        command.args(["serve", "--http-listen", "127.0.0.1:0", "--media-port", "0", "--data-dir"]);
        Ended(command.arg(folder.path()).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap())
    };
    let lines_until_started = |program: &mut Ended| {
        let mut lines = Vec::new();
        for line in BufReader::new(program.0.stderr.take().unwrap()).lines() {
            let line = line.unwrap();
            let started = line.contains("started");
            lines.push(line);
            if started {
                break;
            }
        }
        lines
    };
    let mut first = start();
    let lines = lines_until_started(&mut first);
    let told: Vec<_> = lines.iter().filter_map(|line| line.split("with the password  ").nth(1)).collect();
    assert_eq!(told.len(), 1, "{lines:#?}");
    let password = told[0].trim();
    assert!(password.len() >= 20 && lines.iter().filter(|line| line.contains(password)).count() == 1);
    drop(first);
    let mut second = start();
    let lines = lines_until_started(&mut second);
    assert!(!lines.iter().any(|line| line.contains("password")), "{lines:#?}");
    drop(second);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(password.len()).any(|window| window == password.as_bytes());
            assert!(!found, "the password lies in {}", path.display());
        }
    }
}

/// On an open server everybody may do everything; tokens are issued, and what is shown is not held against anybody.
#[tokio::test]
async fn an_open_server_asks_nobody_and_issues_tokens() {
    let server = start_with(|config| config.auth.mode = AuthMode::Open).await;
    let me = server.get("/v2/auth/me").await.expect(StatusCode::OK);
    assert_eq!((&me["auth_mode"], &me["role"]), (&json!("open"), &json!("admin")));
    let granted = super::tokens(&server, ROOT, ROOT_SECRET).await;
    let with_token = super::get(&server, &text(&granted, "access_token"), "/v2/auth/me").await;
    assert_eq!(with_token.expect(StatusCode::OK)["name"], ROOT);
    super::get(&server, "expired-or-worse", "/v2/streams").await.expect(StatusCode::OK);
    server.post("/v2/auth/media-token", &json!({})).await.expect(StatusCode::OK);
    let wrong = json!({ "client_id": ROOT, "client_secret": "wrong" });
    server.post("/v2/auth/token", &wrong).await.problem(401, "INVALID_CREDENTIALS");
    let made = json!({ "username": "vera", "password": super::PASSWORD, "role": "viewer" });
    server.post("/v2/auth/users", &made).await.expect(StatusCode::CREATED);
    let vera = Browser::sign_in(&server, "vera", super::PASSWORD).await;
    let me = crate::support::Answer::of(vera.request(&server, Method::GET, "/v2/auth/me")).await;
    assert_eq!(me.expect(StatusCode::OK)["name"], "vera");
}

/// What the command line does, a running server sees.
#[tokio::test]
async fn accounts_are_made_beside_a_running_server() {
    let server: Server = start_with(|_| {}).await;
    let config = vas_server::config::Config {
        data_dir: server.folder().to_owned(),
        ..vas_server::config::Config::default()
    };
    let database = vas_server::Database::open(&config).await.unwrap();
    let admin = vas_server::auth::admin::Admin::open(&config.auth, &database).await.unwrap();
    admin.add_user("vera", "a password of hers", vas_server::auth::Role::Viewer).await.unwrap();
    assert!(admin.add_user("vera", "a password of hers", vas_server::auth::Role::Viewer).await.is_err());
    assert!(admin.add_user("otto", "short", vas_server::auth::Role::Viewer).await.is_err());
    let vera = Browser::sign_in(&server, "vera", "a password of hers").await;
    admin.set_password("vera", "another one of hers").await.unwrap();
    until("the old session ends", async || {
        let me = crate::support::Answer::of(vera.request(&server, Method::GET, "/v2/auth/me")).await;
        (me.status == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await;
    try_sign_in(&server, "vera", "another one of hers").await.expect(StatusCode::OK);
    let secret = admin.add_client("portal", &["streams:read".to_owned()], None).await.unwrap();
    super::tokens(&server, "portal", &secret).await;
    assert_eq!(admin.users().await.unwrap().len(), 2);
    assert_eq!(admin.clients().await.unwrap().len(), 2);
    assert!(admin.delete_user("admin").await.is_err(), "the last admin");
    admin.delete_user("vera").await.unwrap();
    admin.delete_client("portal").await.unwrap();
    assert!(admin.delete_client("portal").await.is_err());
    admin.close().await;
    database.close().await;
    assert!(SOON.as_secs() > 10, "other processes are seen within ten seconds");
}

/// The secret of the first client is a setting, and stands in no log and no answer.
#[tokio::test]
async fn the_configured_secret_is_told_nobody() {
    let server =
        start_with(|config| config.auth.default_client_secret = SecretText::new("planted-s3cret-value"))
            .await;
    super::tokens(&server, ROOT, "planted-s3cret-value").await;
    assert!(!crate::support::log().text().contains("planted-s3cret-value"));
}
