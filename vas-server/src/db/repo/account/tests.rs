//! Accounts and credentials on SQLite. On PostgreSQL the tests of the whole system sign in.

use crate::auth::model::{Client, Owner, RefreshToken, Session, User};
use crate::auth::{DeviceAccess, Revocation, Role, Scopes};
use crate::db::Database;
use crate::keyring::Keyring;
use std::sync::Arc;
use uuid::Uuid;
use vas_core::model::TenantId;
use vas_core::ports::{Page, RepoError};
use vas_core::{DeviceId, WallTime};

const NOW: WallTime = WallTime::from_unix_micros(1_000_000);
const ALL: Page = Page { offset: 0, limit: 9 };

async fn database() -> Database {
    Database::connect("sqlite::memory:", Keyring::random()).await.unwrap()
}

fn user(name: &str) -> User {
    User {
        id: Uuid::now_v7(),
        tenant: TenantId::default(),
        name: name.to_owned(),
        password: "hash".to_owned(),
        role: Role::Admin,
        devices: DeviceAccess::Only(Arc::new([DeviceId::random()].into())),
        disabled: false,
        epoch: 1,
        created_at: NOW,
        updated_at: None,
        last_login_at: None,
    }
}

fn client(name: &str) -> Client {
    Client {
        id: Uuid::now_v7(),
        tenant: TenantId::default(),
        name: name.to_owned(),
        secret: "hash".to_owned(),
        scopes: Scopes::MEDIA,
        devices: DeviceAccess::All,
        epoch: 1,
        created_at: NOW,
        expires_at: None,
    }
}

fn token(client: &Client, family: Uuid, hash: &str) -> RefreshToken {
    RefreshToken {
        id: Uuid::now_v7(),
        family,
        tenant: client.tenant.clone(),
        client: client.id,
        hash: hash.to_owned(),
        scopes: client.scopes,
        epoch: client.epoch,
        expires_at: NOW.add_micros(10),
        used_at: None,
    }
}

#[tokio::test]
async fn users_are_found_by_name_whatever_their_tenant() {
    let database = database().await;
    let accounts = database.accounts();
    assert!(!accounts.has_users().await.unwrap());
    let (anna, vera) = (user("anna"), User { tenant: TenantId::new("other"), ..user("vera") });
    for user in [&anna, &vera] {
        accounts.insert_user(user).await.unwrap();
        assert_eq!(accounts.user_of_name(&user.name).await.unwrap().as_ref(), Some(user));
    }
    let taken = accounts.insert_user(&User { name: "vera".to_owned(), ..user("x") }).await;
    assert!(matches!(taken, Err(RepoError::Taken { field: "username" })));
    assert_eq!(accounts.users(&anna.tenant, ALL).await.unwrap(), (vec![anna.clone()], 1));
    let changed =
        User { role: Role::Viewer, disabled: true, epoch: 2, updated_at: Some(NOW), ..anna.clone() };
    assert_eq!(accounts.admins(&anna.tenant).await.unwrap(), 1);
    assert!(accounts.update_user(&changed).await.unwrap());
    assert_eq!(accounts.user(anna.id).await.unwrap(), Some(changed));
    assert_eq!(accounts.admins(&anna.tenant).await.unwrap(), 0);
    assert!(!accounts.update_user(&user("nobody")).await.unwrap());
}

#[tokio::test]
async fn what_an_account_has_goes_with_it() {
    let database = database().await;
    let (accounts, credentials) = (database.accounts(), database.credentials());
    let (anna, portal) = (user("anna"), client("portal"));
    accounts.insert_user(&anna).await.unwrap();
    accounts.insert_client(&portal).await.unwrap();
    let session = Session {
        id: Uuid::now_v7(),
        tenant: anna.tenant.clone(),
        user: anna.id,
        hash: "cookie".to_owned(),
        created_at: NOW,
        expires_at: NOW.add_micros(10),
        last_seen_at: NOW,
    };
    credentials.insert_session(&session).await.unwrap();
    credentials.insert_refresh(&token(&portal, Uuid::now_v7(), "token")).await.unwrap();
    assert_eq!(credentials.session_of("cookie").await.unwrap(), Some(session));
    assert!(accounts.delete_user(anna.id).await.unwrap() && accounts.delete_client(portal.id).await.unwrap());
    assert_eq!(credentials.session_of("cookie").await.unwrap(), None);
    assert_eq!(credentials.refresh_of("token").await.unwrap(), None);
    assert_eq!(credentials.keys(Owner::User(anna.id), ALL).await.unwrap(), (vec![], 0));
    assert!(!accounts.delete_user(anna.id).await.unwrap());
}

#[tokio::test]
async fn a_refresh_token_is_rotated_once() {
    let database = database().await;
    let credentials = database.credentials();
    let (portal, family) = (client("portal"), Uuid::now_v7());
    database.accounts().insert_client(&portal).await.unwrap();
    let first = token(&portal, family, "first");
    credentials.insert_refresh(&first).await.unwrap();
    assert!(credentials.rotate(first.id, NOW, &token(&portal, family, "second")).await.unwrap());
    assert!(!credentials.rotate(first.id, NOW, &token(&portal, family, "third")).await.unwrap());
    assert_eq!(credentials.refresh_of("third").await.unwrap(), None, "all or nothing");
    assert_eq!(credentials.refresh_of("first").await.unwrap().unwrap().used_at, Some(NOW));
    credentials.delete_family(family).await.unwrap();
    assert_eq!(credentials.refresh_of("second").await.unwrap(), None);
}

#[tokio::test]
async fn what_was_taken_back_is_kept_until_it_expires() {
    let database = database().await;
    let credentials = database.credentials();
    let id = Uuid::now_v7();
    let of = |epoch, expires| Revocation { id, epoch, expires_at: NOW.add_micros(expires) };
    credentials.revoke(&of(2, 5)).await.unwrap();
    credentials.revoke(&of(Revocation::ALL, 10)).await.unwrap();
    assert_eq!(credentials.revocations(NOW).await.unwrap(), [of(Revocation::ALL, 10)]);
    credentials.prune(NOW.add_micros(9)).await.unwrap();
    assert_eq!(credentials.revocations(NOW).await.unwrap().len(), 1);
    credentials.prune(NOW.add_micros(11)).await.unwrap();
    assert_eq!(credentials.revocations(NOW).await.unwrap(), []);
}
