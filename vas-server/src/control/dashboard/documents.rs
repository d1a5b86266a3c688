//! What somebody arranges on the dashboard: documents of a known shape and size, one of each kind for each account.

use super::account_of;
use crate::auth::Principal;
use crate::control::Control;
use crate::db::{Document, DocumentOf, Stored};
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;
use vas_core::ports::RepoError;

/// Views of one account at most.
const MAX_VIEWS: usize = 100;
/// Tiles of one view at most.
const MAX_TILES: usize = 64;
/// Longest id, name and layout of a view, in characters.
const LONGEST_ID: usize = 64;
const LONGEST_NAME: usize = 100;
const LONGEST_LAYOUT: usize = 40;
/// How deep preferences may be nested.
const MAX_DEPTH: usize = 8;

/// A kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shelf {
    /// Arrangements of the live wall.
    Views,
    /// Theme, language and the like.
    Preferences,
}

impl Shelf {
    const fn name(self) -> &'static str {
        match self {
            Self::Views => "views",
            Self::Preferences => "preferences",
        }
    }

    /// Bytes of a document at most.
    pub(crate) const fn max_bytes(self) -> usize {
        match self {
            Self::Views => 64 << 10,
            Self::Preferences => 16 << 10,
        }
    }

    /// What holds where nothing was put.
    const fn empty(self) -> &'static str {
        match self {
            Self::Views => r#"{"views":[]}"#,
            Self::Preferences => "{}",
        }
    }

    /// Whether a document has its shape.
    fn check(self, document: &Value) -> Result<(), DocumentError> {
        match self {
            Self::Views => check_views(document),
            Self::Preferences if !document.is_object() => Err(malformed("body", "must be a JSON object")),
            Self::Preferences if depth(document) > MAX_DEPTH => {
                Err(malformed("body", &format!("must not be nested more than {MAX_DEPTH} levels deep")))
            }
            Self::Preferences => Ok(()),
        }
    }
}

/// Why a document was not given or put.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DocumentError {
    /// It has not the shape that it is to have.
    #[error("{field} {why}")]
    Malformed {
        /// Where.
        field: String,
        /// What is expected.
        why: String,
    },
    /// Somebody else was faster.
    #[error("it was changed meanwhile; get it, make your change again and put that")]
    Changed,
    /// The database failed.
    #[error(transparent)]
    Repo(#[from] RepoError),
}

fn malformed(field: &str, why: &str) -> DocumentError {
    DocumentError::Malformed { field: field.to_owned(), why: why.to_owned() }
}

/// What is fixed of views; the rest is the dashboard's.
#[derive(Deserialize)]
struct Views {
    views: Vec<View>,
}

#[derive(Deserialize)]
struct View {
    id: String,
    name: String,
    layout: String,
    tiles: Vec<Tile>,
}

#[derive(Deserialize)]
struct Tile {
    #[serde(rename = "stream_id")]
    _stream: Option<Uuid>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

fn check_views(document: &Value) -> Result<(), DocumentError> {
    let read: Result<Views, _> = serde_path_to_error::deserialize(document);
    let Views { views } = read.map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { "body" } else { &path };
        malformed(field, &error.inner().to_string())
    })?;
    if views.len() > MAX_VIEWS {
        return Err(malformed("views", &format!("must be {MAX_VIEWS} at most")));
    }
    for (at, view) in views.iter().enumerate() {
        let texts = [
            ("id", &view.id, LONGEST_ID),
            ("name", &view.name, LONGEST_NAME),
            ("layout", &view.layout, LONGEST_LAYOUT),
        ];
        for (field, text, longest) in texts {
            if text.is_empty() || text.chars().count() > longest || text.chars().any(char::is_control) {
                let why = format!("must be a text of 1 to {longest} characters");
                return Err(malformed(&format!("views[{at}].{field}"), &why));
            }
        }
        if views[..at].iter().any(|other| other.id == view.id) {
            return Err(malformed(&format!("views[{at}].id"), "must not be that of another view"));
        }
        if view.tiles.len() > MAX_TILES {
            return Err(malformed(&format!("views[{at}].tiles"), &format!("must be {MAX_TILES} at most")));
        }
        let is_nested = |tile: &Tile| tile.rest.values().any(|value| value.is_object() || value.is_array());
        if let Some(tile) = view.tiles.iter().position(is_nested) {
            let field = format!("views[{at}].tiles[{tile}]");
            return Err(malformed(&field, "must have texts, numbers and flags only"));
        }
    }
    if depth(document) > MAX_DEPTH {
        return Err(malformed("body", &format!("must not be nested more than {MAX_DEPTH} levels deep")));
    }
    Ok(())
}

/// Levels of objects and lists. The parser itself goes no deeper than 128.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Value::Object(values) => 1 + values.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

impl Control {
    /// The caller's document of a kind as JSON, and its version; 0 where nothing was put yet.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn document(
        &self,
        caller: &Principal,
        shelf: Shelf,
    ) -> Result<(String, i64), DocumentError> {
        let subject = account_of(&caller.subject);
        let of = DocumentOf { tenant: &caller.tenant, subject: &subject, name: shelf.name() };
        let found = self.dashboard().documents().get(of).await?;
        Ok(found.map_or_else(|| (shelf.empty().to_owned(), 0), |Document { body, version }| (body, version)))
    }

    /// Puts the caller's document in the place of `version`, and gives it as it is kept.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub(crate) async fn put_document(
        &self,
        caller: &Principal,
        shelf: Shelf,
        body: &[u8],
        version: i64,
    ) -> Result<(String, i64), DocumentError> {
        let document: Value = serde_json::from_slice(body)
            .map_err(|error| malformed("body", &format!("is no valid JSON: {error}")))?;
        shelf.check(&document)?;
        let subject = account_of(&caller.subject);
        let of = DocumentOf { tenant: &caller.tenant, subject: &subject, name: shelf.name() };
        let body = document.to_string();
        match self.dashboard().documents().put(of, body.clone(), version).await? {
            Stored::Version(version) => Ok((body, version)),
            Stored::Changed => Err(DocumentError::Changed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(shelf: Shelf, document: &Value) -> Option<String> {
        match shelf.check(document) {
            Ok(()) => None,
            Err(DocumentError::Malformed { field, .. }) => Some(field),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn views_have_a_shape() {
        let view = |id: &str| {
            let tiles = json!([{ "stream_id": Uuid::nil(), "sound": true }, { "stream_id": null }]);
            json!({ "id": id, "name": "Yard", "layout": "2x2", "tiles": tiles, "colour": "red" })
        };
        assert_eq!(refused(Shelf::Views, &json!({ "views": [view("a"), view("b")], "version": 2 })), None);
        let mut bad = view("a");
        bad["tiles"][0]["stream_id"] = json!("gate");
        let nested = json!({ "id": "a", "name": "b", "layout": "c", "tiles": [{ "x": [] }] });
        for (document, field) in [
            (json!([]), "body"),
            (json!({}), "body"),
            (json!({ "views": [view("a"), view("a")] }), "views[1].id"),
            (json!({ "views": [view("")] }), "views[0].id"),
            (json!({ "views": [nested] }), "views[0].tiles[0]"),
            (json!({ "views": vec![view("a"); 101] }), "views"),
        ] {
            assert_eq!(refused(Shelf::Views, &document).as_deref(), Some(field), "{document}");
        }
        assert!(refused(Shelf::Views, &json!({ "views": [bad] })).is_some());
    }

    #[test]
    fn preferences_are_any_shallow_object() {
        let deep = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!({ "a": inner }));
        assert_eq!(refused(Shelf::Preferences, &deep(8)), None);
        assert_eq!(refused(Shelf::Preferences, &deep(9)).as_deref(), Some("body"));
        assert_eq!(refused(Shelf::Preferences, &json!([1])).as_deref(), Some("body"));
    }
}
