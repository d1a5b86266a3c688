//! Accounts on PostgreSQL: two nodes on one database honour the same tokens, and what one takes back the other does not
//! honour either.

use crate::postgres::Postgres;
use crate::server::Server;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::time::Duration;
use vas_server::config::{AuthMode, SecretText};

const CLIENT: &str = "portal";
const SECRET: &str = "a secret of the tests, 0123456789";
/// What one node takes back holds at the others within this.
const EVERYWHERE: Duration = Duration::from_secs(60);

async fn node(database: &str) -> Result<Server> {
    Server::start_with(|config| {
        config.database.url = database.to_owned();
        config.auth.mode = AuthMode::Required;
        // What the signing keys in the database are sealed with.
        config.auth.secret_key = SecretText::new("the same on all nodes, 0123456789");
        config.auth.default_client_id = CLIENT.to_owned();
        config.auth.default_client_secret = SecretText::new(SECRET);
    })
    .await
}

async fn post(node: &Server, path: &str, body: &Value) -> Result<reqwest::Response> {
    Ok(reqwest::Client::new().post(node.url(path)).json(body).send().await?)
}

async fn status(node: &Server, token: &str) -> Result<u16> {
    let request = reqwest::Client::new().get(node.url("v2/streams")).bearer_auth(token);
    Ok(request.send().await?.status().as_u16())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_on_one_database_honour_the_same_tokens() -> Result<()> {
    let postgres = Postgres::start().await?;
    let database = postgres.database("accounts").await?;
    let (one, other) = (node(&database).await?, node(&database).await?);
    let grant = json!({ "client_id": CLIENT, "client_secret": SECRET });
    let granted: Value = post(&one, "v2/auth/token", &grant).await?.error_for_status()?.json().await?;
    let access = granted["access_token"].as_str().context("no token")?.to_owned();
    ensure!(status(&one, &access).await? == 200 && status(&other, &access).await? == 200);

    // Renewed at the other; used once more, it ends the family at both.
    let refresh = json!({ "refresh_token": granted["refresh_token"] });
    let renewed: Value =
        post(&other, "v2/auth/token/refresh", &refresh).await?.error_for_status()?.json().await?;
    let renewed = renewed["access_token"].as_str().context("no token")?.to_owned();
    ensure!(status(&one, &renewed).await? == 200);
    ensure!(post(&one, "v2/auth/token/refresh", &refresh).await?.status() == 401);
    for (node, token) in [(&one, &access), (&one, &renewed), (&other, &access), (&other, &renewed)] {
        until(EVERYWHERE, "the end of a token", async || {
            status(node, token).await.is_ok_and(|status| status == 401).then_some(())
        })
        .await?;
    }

    // A user that is made at one signs in at the other; the audit log is one.
    let granted: Value = post(&one, "v2/auth/token", &grant).await?.error_for_status()?.json().await?;
    let admin = granted["access_token"].as_str().context("no token")?.to_owned();
    let user = json!({ "username": "vera", "password": "correct horse", "role": "viewer" });
    let client = reqwest::Client::new();
    let made = client.post(one.url("v2/auth/users")).bearer_auth(&admin).json(&user).send().await?;
    ensure!(made.status() == 201, "{}", made.text().await?);
    let signed =
        post(&other, "v2/auth/session", &json!({ "username": "vera", "password": "correct horse" })).await?;
    ensure!(signed.status() == 200, "{}", signed.text().await?);
    until(Duration::from_secs(10), "the entries of both", async || {
        let request = client.get(other.url("v2/audit?limit=100")).bearer_auth(&admin);
        let entries: Value = request.send().await.ok()?.json().await.ok()?;
        let has = |action: &str| {
            entries["entries"].as_array().is_some_and(|all| all.iter().any(|entry| entry["action"] == action))
        };
        ["token.create", "token.reuse", "user.create", "session.create"].into_iter().all(has).then_some(())
    })
    .await?;
    Ok(())
}
