//! Answers with media of known length: entity tags, conditions and single byte ranges (RFC 9110, sections 13 and 14).

use super::problem::Problem;
use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE,
    RANGE,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use std::ops::Range;

/// Media as it is offered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer<'a> {
    /// Its media type.
    pub(super) content_type: &'static str,
    /// Its bytes.
    pub(super) len: u64,
    /// Tells one version from another; quotes are put around it.
    pub(super) tag: &'a str,
    /// How long caches may keep it.
    pub(super) cache: &'static str,
}

/// What of it is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Selection {
    Whole,
    Part(Range<u64>),
    Unsatisfiable,
    NotModified,
}

impl Offer<'_> {
    /// The bytes that [`Self::answer`] would send; `None`: none at all.
    pub(super) fn wanted(&self, method: &Method, headers: &HeaderMap) -> Option<Range<u64>> {
        match select(method, headers, self.len, &format!("\"{}\"", self.tag)) {
            _ if *method == Method::HEAD => None,
            Selection::Whole => Some(0..self.len),
            Selection::Part(range) => Some(range),
            Selection::Unsatisfiable | Selection::NotModified => None,
        }
    }

    /// The answer to a request with these headers. `body` makes the bytes of a range, and is asked only when some are to
    /// be sent.
    pub(super) fn answer(
        &self,
        method: &Method,
        headers: &HeaderMap,
        body: impl FnOnce(Range<u64>) -> Body,
    ) -> Response {
        let tag = format!("\"{}\"", self.tag);
        let (status, range) = match select(method, headers, self.len, &tag) {
            Selection::Whole => (StatusCode::OK, 0..self.len),
            Selection::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
            Selection::NotModified => (StatusCode::NOT_MODIFIED, 0..0),
            Selection::Unsatisfiable => {
                let description = format!("the media has {} bytes; ask for a range within them", self.len);
                let problem =
                    Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "RANGE_NOT_SATISFIABLE", description);
                return ([(CONTENT_RANGE, format!("bytes */{}", self.len))], problem).into_response();
            }
        };
        let mut response = if status == StatusCode::NOT_MODIFIED || *method == Method::HEAD {
            Response::new(Body::empty())
        } else {
            Response::new(body(range.clone()))
        };
        *response.status_mut() = status;
        let answer = response.headers_mut();
        answer.insert(CACHE_CONTROL, HeaderValue::from_static(self.cache));
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            answer.insert(ETAG, tag);
        }
        if status == StatusCode::NOT_MODIFIED {
            return response;
        }
        answer.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        answer.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        answer.insert(CONTENT_LENGTH, (range.end - range.start).into());
        if status == StatusCode::PARTIAL_CONTENT {
            let text = format!("bytes {}-{}/{}", range.start, range.end - 1, self.len);
            if let Ok(value) = HeaderValue::from_str(&text) {
                answer.insert(CONTENT_RANGE, value);
            }
        }
        response
    }
}

fn select(method: &Method, headers: &HeaderMap, len: u64, tag: &str) -> Selection {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if text(IF_NONE_MATCH).is_some_and(|tags| any_matches(tags, tag)) {
        return Selection::NotModified;
    }
    // Ranges are defined for GET alone (section 14.2). One of another version is not sent (section 13.1.5).
    let asked = text(RANGE).filter(|_| *method == Method::GET);
    let asked = asked
        .filter(|_| headers.get(IF_RANGE).is_none_or(|condition| condition.as_bytes() == tag.as_bytes()));
    asked.map_or(Selection::Whole, |asked| part(asked, len))
}

/// Whether a list of tags has this one, or is `*`. The weak comparison of section 8.8.3.2.
fn any_matches(tags: &str, tag: &str) -> bool {
    tags.split(',')
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

/// The part that a `Range` header asks for. Several parts, another unit or nonsense: all, as section 14.2 allows.
fn part(asked: &str, len: u64) -> Selection {
    let Some((unit, spec)) = asked.split_once('=') else { return Selection::Whole };
    let Some((first, last)) = spec.trim().split_once('-') else { return Selection::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") || spec.contains(',') {
        return Selection::Whole;
    }
    // Numbers beyond 64 bits lie beyond every end.
    let number = |text: &str| match text.trim() {
        "" => Some(None),
        text if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(Some(text.parse().unwrap_or(u64::MAX)))
        }
        _ => None,
    };
    let (Some(first), Some(last)) = (number(first), number(last)) else { return Selection::Whole };
    let range = match (first, last) {
        (None, None) => return Selection::Whole,
        (Some(first), Some(last)) if first > last => return Selection::Whole,
        (Some(first), last) => first..last.unwrap_or(u64::MAX).saturating_add(1).min(len),
        (None, Some(count)) => len.saturating_sub(count)..len,
    };
    if range.is_empty() { Selection::Unsatisfiable } else { Selection::Part(range) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn ranges_are_those_of_the_standard() {
        for (asked, selection) in [
            ("bytes=0-9", Selection::Part(0..10)),
            ("bytes=90-", Selection::Part(90..100)),
            ("bytes=90-1000", Selection::Part(90..100)),
            ("Bytes = 5-5", Selection::Part(5..6)),
            ("bytes=-10", Selection::Part(90..100)),
            ("bytes=-1000", Selection::Part(0..100)),
            ("bytes=100-", Selection::Unsatisfiable),
            ("bytes=99999999999999999999999-", Selection::Unsatisfiable),
            ("bytes=-0", Selection::Unsatisfiable),
            ("bytes=0-18446744073709551615", Selection::Part(0..100)),
            ("bytes=9-5", Selection::Whole),
            ("bytes=0-1,5-6", Selection::Whole),
            ("bytes=a-b", Selection::Whole),
            ("bytes=+1-2", Selection::Whole),
            ("bytes=-", Selection::Whole),
            ("bytes", Selection::Whole),
            ("chapters=1-2", Selection::Whole),
        ] {
            assert_eq!(part(asked, 100), selection, "{asked}");
        }
        assert_eq!(part("bytes=0-", 0), Selection::Unsatisfiable);
    }

    #[test]
    fn conditions_come_first() {
        let of = |method: &Method, pairs: &[_]| select(method, &headers(pairs), 100, "\"a\"");
        assert_eq!(of(&Method::GET, &[(RANGE, "bytes=0-0"), (IF_RANGE, "\"a\"")]), Selection::Part(0..1));
        assert_eq!(of(&Method::GET, &[(RANGE, "bytes=0-0"), (IF_RANGE, "\"b\"")]), Selection::Whole);
        assert_eq!(of(&Method::GET, &[(RANGE, "bytes=0-0"), (IF_RANGE, "W/\"a\"")]), Selection::Whole);
        assert_eq!(of(&Method::GET, &[(IF_NONE_MATCH, "\"b\", W/\"a\"")]), Selection::NotModified);
        assert_eq!(of(&Method::GET, &[(IF_NONE_MATCH, "*")]), Selection::NotModified);
        assert_eq!(of(&Method::HEAD, &[(RANGE, "bytes=0-0")]), Selection::Whole);
    }
}
