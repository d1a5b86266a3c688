//! go2rtc (`go2rtc.yaml`): `streams`, each with one source or several.
//!
//! go2rtc reads a source while somebody watches it, so its cameras are imported with on-demand start.

use super::names::{self, Role};
use super::variables::{Syntax, replace};
use super::yaml::scalar;
use super::{Format, Found, FoundDevice, Transport};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use vas_core::Secret;

/// Sources of one stream that are looked at.
const MAX_SOURCES: usize = 32;

/// A source that is read over RTSP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RtspSource {
    pub(super) url: String,
    pub(super) transport: Option<Transport>,
}

/// Why a stream has no such source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoSource {
    /// Variables are not set.
    Lacks(BTreeSet<String>),
    /// None of its sources is read over RTSP.
    Kind(String),
}

impl NoSource {
    /// Nothing but sources of these kinds.
    fn of_kinds(kinds: BTreeSet<String>) -> Self {
        if kinds.is_empty() {
            return Self::Kind("it has no source".to_owned());
        }
        let kinds: Vec<_> = kinds.into_iter().collect();
        Self::Kind(format!(
            "only rtsp:// sources can be read, and it has {}; use the camera's own RTSP address",
            kinds.join(", ")
        ))
    }

    /// Notes it for `entry`.
    pub(super) fn tell(self, entry: &str, found: &mut Found) {
        match self {
            Self::Lacks(variables) => found.lacks(entry, variables),
            Self::Kind(reason) => found.skip(entry, reason),
        }
    }
}

pub(super) fn read(streams: &Map<String, Value>, variable: &dyn Fn(&str) -> Option<String>) -> Found {
    let mut found = Found::new(Format::Go2Rtc);
    add(streams, &BTreeSet::new(), variable, &mut found);
    found
}

/// Adds the streams but those that are `used` already.
pub(super) fn add(
    streams: &Map<String, Value>,
    used: &BTreeSet<String>,
    variable: &dyn Fn(&str) -> Option<String>,
    found: &mut Found,
) {
    // By the names' bases: the main stream and the sub stream.
    let mut cameras: BTreeMap<&str, [Option<(&str, RtspSource)>; 2]> = BTreeMap::new();
    for (name, sources) in streams.iter().filter(|(name, _)| !used.contains(*name)) {
        let source = match first_rtsp(sources, Syntax::Shell, variable) {
            Ok(source) => source,
            Err(none) => {
                none.tell(name, found);
                continue;
            }
        };
        let (base, role) = names::split(name);
        let layers = cameras.entry(base).or_default();
        let layer = &mut layers[usize::from(role == Role::Sub)];
        if layer.is_none() {
            *layer = Some((name, source));
        } else {
            // `gate` and `gate_main`: two cameras, whatever the names say.
            found.keep(device(name, source, None));
        }
    }
    for (base, layers) in cameras {
        match layers {
            [Some((_, main)), Some((_, sub))] => found.keep(device(base, main, Some(sub))),
            [Some((name, only)), None] | [None, Some((name, only))] => found.keep(device(name, only, None)),
            [None, None] => {}
        }
    }
}

fn device(name: &str, main: RtspSource, sub: Option<RtspSource>) -> FoundDevice {
    FoundDevice {
        sub_url: sub.map(|sub| Secret::new(sub.url)),
        on_demand: true,
        transport: main.transport,
        ..FoundDevice::new(name, main.url)
    }
}

/// The first of a stream's sources that is read over RTSP. The others repeat the same camera in other ways.
pub(super) fn first_rtsp(
    sources: &Value,
    syntax: Syntax,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<RtspSource, NoSource> {
    let texts: Vec<String> = match sources {
        Value::Array(sources) => sources.iter().take(MAX_SOURCES).filter_map(scalar).collect(),
        one => scalar(one).into_iter().collect(),
    };
    let mut lacking = BTreeSet::new();
    let mut kinds = BTreeSet::new();
    for text in texts {
        match replace(&text, syntax, variable) {
            Ok(text) => match rtsp(&text) {
                Ok(source) => return Ok(source),
                Err(kind) => drop(kinds.insert(kind)),
            },
            Err(variables) => lacking.extend(variables),
        }
    }
    if !lacking.is_empty() {
        return Err(NoSource::Lacks(lacking));
    }
    Err(NoSource::of_kinds(kinds))
}

/// One source, its variables replaced.
pub(super) fn one_rtsp(text: &str) -> Result<RtspSource, NoSource> {
    rtsp(text).map_err(|kind| NoSource::of_kinds([kind].into()))
}

/// A source as an address; of another, its kind.
fn rtsp(text: &str) -> Result<RtspSource, String> {
    let text = text.trim();
    // `rtspx` is go2rtc's name for RTSP over TLS without a check of the certificate.
    let kind = text.split([':', '#', '/']).next().unwrap_or_default().to_ascii_lowercase();
    if kind != "rtsp" && kind != "rtsps" {
        let known = kind.len() <= 20 && kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
        return Err(if known && !kind.is_empty() { kind } else { "something else".to_owned() });
    }
    // What follows `#` is for go2rtc. A password may hold one, but then it comes before the host.
    let host = text.rfind('@').unwrap_or(0);
    let end = text[host..].find('#').map_or(text.len(), |at| host + at);
    let options = &text[end..];
    let transport = options.split('#').find_map(|option| match option {
        "transport=udp" => Some(Transport::Udp),
        "transport=tcp" => Some(Transport::Tcp),
        _ => None,
    });
    Ok(RtspSource { url: text[..end].to_owned(), transport })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_behind_an_address_are_taken_off() {
        let url = |text| rtsp(text).map(|source| source.url);
        assert_eq!(url("rtsp://u:a#b@cam/1#video=copy#backchannel=0").unwrap(), "rtsp://u:a#b@cam/1");
        assert_eq!(rtsp("rtsp://cam/1#transport=udp").unwrap().transport, Some(Transport::Udp));
        assert_eq!(url("ffmpeg:gate#audio=opus"), Err("ffmpeg".to_owned()));
        assert_eq!(url("Exec with a p4ssword"), Err("something else".to_owned()));
        assert_eq!(url(""), Err("something else".to_owned()));
    }
}
