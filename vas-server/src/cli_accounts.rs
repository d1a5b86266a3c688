//! `vas-server user` and `client`: accounts, in the database. A running server sees changes within ten seconds, so they
//! need no `--server`; and who has lost every password has no token either.

use crate::cli_output::{Output, secret};
use crate::cli_table::{Table, count_of};
use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;
use vas_core::WallTime;
use vas_server::Database;
use vas_server::archive::{format_time, parse_time};
use vas_server::auth::Role;
use vas_server::auth::admin::Admin;
use vas_server::config::Config;

/// Takes the place of the prompt for a password.
const PASSWORD: &str = "VAS_PASSWORD";

/// What to do with users.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user; the password is asked for, read from standard input, or made
    Add(AddUser),
    /// List users
    List(ListOptions),
    /// Set a user's password; what it has open ends
    Passwd(PasswordOptions),
    /// Set what a user may do: viewer, operator or admin
    Role(RoleOptions),
    /// Keep a user out, or let it in again with --enable
    Disable(DisableOptions),
    /// Delete a user
    Delete(NameOptions),
}

/// What to do with clients.
#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// Add a client; its secret is printed this once
    Add(AddClient),
    /// List clients
    List(ListOptions),
    /// Delete a client; its tokens end
    Delete(NameOptions),
}

#[derive(Debug, Args)]
pub(crate) struct AddUser {
    /// The name to sign in with
    name: String,
    /// What it may do: viewer, operator or admin
    #[arg(long, default_value = "viewer", value_parser = role)]
    role: Role,
    /// Make a password and print it
    #[arg(long)]
    generate: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PasswordOptions {
    /// The user
    name: String,
    /// Make a password and print it
    #[arg(long)]
    generate: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RoleOptions {
    /// The user
    name: String,
    /// viewer, operator or admin
    #[arg(value_parser = role)]
    role: Role,
}

#[derive(Debug, Args)]
pub(crate) struct DisableOptions {
    /// The user
    name: String,
    /// Let it in again
    #[arg(long)]
    enable: bool,
}

#[derive(Debug, Args)]
pub(crate) struct NameOptions {
    /// The account
    name: String,
}

#[derive(Debug, Args)]
pub(crate) struct ListOptions {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AddClient {
    /// Its client_id
    name: String,
    /// What it may do, such as streams:read,streams:consume
    #[arg(long, value_delimiter = ',', required = true, value_name = "SCOPES")]
    scopes: Vec<String>,
    /// When it ends, such as 2027-01-01T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    expires: Option<WallTime>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn role(text: &str) -> Result<Role, String> {
    text.parse().map_err(|error: vas_server::auth::UnknownRole| error.to_string())
}

fn time(text: &str) -> Result<WallTime, String> {
    parse_time(text).ok_or_else(|| "give it like 2027-01-01T00:00:00Z".to_owned())
}

/// Runs the command on users and gives what to print.
pub(crate) async fn users(config: &Config, command: &UserCommand) -> Result<Output> {
    with_admin(config, async |admin| match command {
        UserCommand::Add(options) => {
            let (password, shown) = password(options.generate)?;
            admin.add_user(&options.name, &password, options.role).await?;
            Ok(Output::text(format!("added {} as {}\n{shown}", options.name, options.role.name())))
        }
        UserCommand::Passwd(options) => {
            let (password, shown) = password(options.generate)?;
            admin.set_password(&options.name, &password).await?;
            Ok(Output::text(format!("{} has a new password\n{shown}", options.name)))
        }
        UserCommand::Role(options) => {
            admin.set_role(&options.name, options.role).await?;
            Ok(Output::text(format!("{} is {}\n", options.name, options.role.name())))
        }
        UserCommand::Disable(options) => {
            admin.set_disabled(&options.name, !options.enable).await?;
            let state = if options.enable { "let in" } else { "kept out" };
            Ok(Output::text(format!("{} is {state}\n", options.name)))
        }
        UserCommand::Delete(options) => {
            admin.delete_user(&options.name).await?;
            Ok(Output::text(format!("deleted {}\n", options.name)))
        }
        UserCommand::List(options) => list_users(admin, options.json).await,
    })
    .await
}

/// Runs the command on clients and gives what to print.
pub(crate) async fn clients(config: &Config, command: &ClientCommand) -> Result<Output> {
    with_admin(config, async |admin| match command {
        ClientCommand::Add(options) => {
            let secret = admin.add_client(&options.name, &options.scopes, options.expires).await?;
            let value =
                json!({ "client_id": options.name, "client_secret": secret, "scopes": options.scopes });
            let text = format!("client_id      {}\nclient_secret  {secret}\n", options.name);
            Ok(Output::new(options.json, &value, text, true))
        }
        ClientCommand::Delete(options) => {
            admin.delete_client(&options.name).await?;
            Ok(Output::text(format!("deleted {}\n", options.name)))
        }
        ClientCommand::List(options) => list_clients(admin, options.json).await,
    })
    .await
}

async fn with_admin(config: &Config, work: impl AsyncFnOnce(&Admin) -> Result<Output>) -> Result<Output> {
    let database = Database::open(config).await?;
    let admin = Admin::open(&config.auth, &database).await?;
    let done = work(&admin).await;
    admin.close().await;
    database.close().await;
    done
}

/// A password, and what is printed of it.
fn password(generate: bool) -> Result<(String, String)> {
    if generate {
        let password = Admin::make_password();
        let shown = format!("password  {password}\n");
        return Ok((password, shown));
    }
    Ok((secret("password", PASSWORD, true)?.expose().to_owned(), String::new()))
}

async fn list_users(admin: &Admin, json: bool) -> Result<Output> {
    let users = admin.users().await?;
    let mut table = Table::new(["NAME", "ROLE", "STATE", "LAST SIGNED IN", "ADDED"]);
    let mut values = Vec::new();
    for user in &users {
        let state = if user.disabled { "kept out" } else { "let in" };
        let last = user.last_login_at.map(format_time);
        values.push(json!({
            "name": user.name, "role": user.role.name(), "disabled": user.disabled,
            "created_at": format_time(user.created_at), "last_login_at": last,
        }));
        table.row([
            user.name.clone(),
            user.role.name().to_owned(),
            state.to_owned(),
            last.unwrap_or_else(|| "never".to_owned()),
            format_time(user.created_at),
        ]);
    }
    let text = format!("{}{}\n", table.finish(), count_of(users.len() as u64, "user"));
    Ok(Output::new(json, &json!(values), text, true))
}

async fn list_clients(admin: &Admin, json: bool) -> Result<Output> {
    let clients = admin.clients().await?;
    let mut table = Table::new(["CLIENT", "SCOPES", "ENDS", "ADDED"]);
    let mut values = Vec::new();
    for client in &clients {
        let ends = client.expires_at.map(format_time);
        values.push(json!({
            "client_id": client.client_id, "scopes": client.scopes,
            "created_at": format_time(client.created_at), "expires_at": ends,
        }));
        table.row([
            client.client_id.clone(),
            client.scopes.join(" "),
            ends.unwrap_or_else(|| "never".to_owned()),
            format_time(client.created_at),
        ]);
    }
    let text = format!("{}{}\n", table.finish(), count_of(clients.len() as u64, "client"));
    Ok(Output::new(json, &json!(values), text, true))
}
