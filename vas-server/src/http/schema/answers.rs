//! Answers that are no JSON: media and pictures.

use std::collections::BTreeMap;
use utoipa::IntoResponses;
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::{ContentBuilder, RefOr, Response, ResponseBuilder};

/// An MP4 file, in whole or in part.
pub(crate) struct Mp4File;
/// A picture, in whole or in part.
pub(crate) struct JpegFile;
/// What a playlist names, in whole or in part.
pub(crate) struct Media;

type Answers = BTreeMap<String, RefOr<Response>>;

impl IntoResponses for Mp4File {
    fn responses() -> Answers {
        file(&["video/mp4"])
    }
}

impl IntoResponses for JpegFile {
    fn responses() -> Answers {
        file(&["image/jpeg"])
    }
}

impl IntoResponses for Media {
    fn responses() -> Answers {
        // A window's playlists have signed names, too.
        file(&["video/mp2t", "video/mp4", "application/vnd.apple.mpegurl"])
    }
}

/// The answers of a file that can be asked for in parts (RFC 9110, sections 13.1 and 14.2).
fn file(content_types: &[&str]) -> Answers {
    let bytes = || ContentBuilder::new().schema(Some(Object::with_type(Type::String))).build();
    let with_bytes = |description: &str| {
        let answer = ResponseBuilder::new().description(description);
        content_types.iter().fold(answer, |answer, kind| answer.content(*kind, bytes())).build()
    };
    let without = |description: &str| ResponseBuilder::new().description(description).build();
    [
        ("200", with_bytes("All of it.")),
        ("206", with_bytes("The range that was asked for.")),
        ("304", without("The client has it already.")),
        ("412", without("It is not what the client takes it for.")),
        ("416", without("It has no such range.")),
    ]
    .into_iter()
    .map(|(status, answer)| (status.to_owned(), answer.into()))
    .collect()
}
