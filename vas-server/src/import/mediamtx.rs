//! MediaMTX (`mediamtx.yml`): `paths`, each with a `source`, and `pathDefaults` for what a path does not say.

use super::names::{self, Role};
use super::yaml::{scalar, switch};
use super::{Format, Found, FoundDevice, Transport};
use serde_json::{Map, Value};
use vas_core::Secret;

/// Seconds after which MediaMTX stops an unused source unless told.
const CLOSE_AFTER: u32 = 10;

pub(super) fn read(paths: &Map<String, Value>, defaults: Option<&Value>) -> Found {
    let mut found = Found::new(Format::MediaMtx);
    for (name, path) in paths {
        let setting = |key: &str| path.get(key).or_else(|| defaults.and_then(|defaults| defaults.get(key)));
        match source_of(name, setting("source")) {
            Ok(url) => {
                // Of another path: that one's sub stream.
                if sub_of(name, paths).is_some() {
                    continue;
                }
                let mut device = FoundDevice::new(names::split(name).0, url);
                if sub_name(name, paths).is_none() {
                    device.name.clone_from(name);
                }
                device.sub_url = sub_name(name, paths)
                    .and_then(|sub| source_of(sub, paths.get(sub)?.get("source")).ok())
                    .map(Secret::new);
                device.on_demand = switch(setting("sourceOnDemand")).unwrap_or(false);
                if device.on_demand {
                    let seconds = setting("sourceOnDemandCloseAfter").and_then(scalar);
                    device.idle_seconds = seconds.as_deref().and_then(seconds_of).or(Some(CLOSE_AFTER));
                }
                // The name before version 1.0 was `sourceProtocol`.
                let of = |section: &Value| {
                    section.get("rtspTransport").or_else(|| section.get("sourceProtocol")).cloned()
                };
                let transport = of(path).or_else(|| defaults.and_then(of));
                device.transport = match transport.as_ref().and_then(scalar).as_deref() {
                    Some("tcp") => Some(Transport::Tcp),
                    Some("udp") => Some(Transport::Udp),
                    Some("multicast") => {
                        found.skip(name, "multicast is not read; the camera is asked for TCP");
                        None
                    }
                    _ => None,
                };
                found.keep(device);
            }
            Err(reason) => found.skip(name, reason),
        }
    }
    found
}

/// The address that a path is read from, or why it can't be read from here.
fn source_of(name: &str, source: Option<&Value>) -> Result<String, String> {
    if name.starts_with('~') || matches!(name, "all" | "all_others") {
        return Err("it stands for many paths; add those that are used as cameras of their own".to_owned());
    }
    let source = source.and_then(scalar).unwrap_or_else(|| "publisher".to_owned());
    let (kind, _) = source.split_once("://").unwrap_or((&source, ""));
    let kind = kind.to_ascii_lowercase();
    match kind.as_str() {
        "rtsp" | "rtsps" => Ok(source),
        "publisher" => {
            Err("a publisher comes by itself; where it speaks WHIP, add a device with the address \
                            whip://NAME and let it publish there"
                .to_owned())
        }
        "redirect" | "rpicamera" => Err(format!("a source of the kind {kind} can't be read over RTSP")),
        _ => {
            Err("only sources that begin with rtsp:// can be read; use the camera's own RTSP address"
                .to_owned())
        }
    }
}

/// The path whose sub stream this one is.
fn sub_of<'a>(name: &str, paths: &'a Map<String, Value>) -> Option<&'a str> {
    let (base, Role::Sub) = names::split(name) else { return None };
    paths.keys().map(String::as_str).find(|other| {
        *other != name
            && names::split(other).0 == base
            && names::split(other).1 != Role::Sub
            && source_of(other, paths[*other].get("source")).is_ok()
            && sub_name(other, paths) == Some(name)
    })
}

/// The path that is the sub stream of this one; the first by name where there are several.
fn sub_name<'a>(name: &str, paths: &'a Map<String, Value>) -> Option<&'a str> {
    let (base, role) = names::split(name);
    let mut subs = paths.keys().map(String::as_str).filter(|other| names::split(other) == (base, Role::Sub));
    if role == Role::Sub { None } else { subs.next() }
}

/// Seconds of a length of time such as `10s`, `1m30s` or `1h`.
fn seconds_of(text: &str) -> Option<u32> {
    let (mut total, mut number) = (0_u32, String::new());
    for c in text.chars() {
        if c.is_ascii_digit() {
            number.push(c);
            continue;
        }
        let unit = match c {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u32>().ok()?.checked_mul(unit)?)?;
        number.clear();
    }
    number.is_empty().then_some(total).filter(|total| *total > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read() {
        let texts = ["10s", "1m30s", "2h", "10", "x", "", "0s", "99999999999s", "9999999h"];
        let seconds = [Some(10), Some(90), Some(7_200), None, None, None, None, None, None];
        assert_eq!(texts.map(seconds_of), seconds);
    }
}
