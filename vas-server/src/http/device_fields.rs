//! A device as requests describe it: in a body, a row of a table, a line of an export.

use super::fields::Fields;
use crate::control::{DevicePatch, IDLE_RANGE, NewDevice, OptionsPatch};
use crate::db::DeviceOptions;

/// Longest name of a device or stream, in characters.
pub(super) const LONGEST_NAME: usize = 200;
const LONGEST_TEXT: usize = 2_000;
const LONGEST_GROUP: usize = 100;
/// Longer than any URL that is taken, so that the URL's own check says what is wrong.
const LONGEST_URL: usize = 4_096;

/// A device to be added. What is wrong is noted in `body`.
pub(crate) fn new_device(body: &mut Fields) -> NewDevice {
    let (name, url) = (body.required_text("name", LONGEST_NAME), body.required_text("rtsp_url", LONGEST_URL));
    NewDevice {
        name: name.unwrap_or_default(),
        url: url.unwrap_or_default(),
        sub_url: optional_text(body, "sub_rtsp_url", LONGEST_URL).flatten(),
        description: optional_text(body, "description", LONGEST_TEXT).flatten(),
        location: optional_text(body, "location", LONGEST_TEXT).flatten(),
        options: options(body).apply(DeviceOptions::default()),
    }
}

/// Changes of a device. What is wrong is noted in `body`.
pub(super) fn patch(body: &mut Fields) -> DevicePatch {
    let given = |body: &mut Fields, name, longest| {
        if body.has(name) { body.required_text(name, longest) } else { None }
    };
    DevicePatch {
        name: given(body, "name", LONGEST_NAME),
        url: given(body, "rtsp_url", LONGEST_URL),
        sub_url: optional_text(body, "sub_rtsp_url", LONGEST_URL),
        description: optional_text(body, "description", LONGEST_TEXT),
        location: optional_text(body, "location", LONGEST_TEXT),
        options: options(body),
    }
}

/// Changes of how a device is run.
fn options(body: &mut Fields) -> OptionsPatch {
    let (least, most) = (u64::from(*IDLE_RANGE.start()), u64::from(*IDLE_RANGE.end()));
    let idle = body.has("idle_seconds").then(|| body.optional_integer("idle_seconds", least, most));
    OptionsPatch {
        on_demand: body.flag("on_demand"),
        idle_seconds: idle.map(|seconds| seconds.and_then(|seconds| seconds.try_into().ok())),
        autostart: body.flag("autostart"),
        group: optional_text(body, "group", LONGEST_GROUP),
        transport: body.parsed("transport", "must be auto, tcp or udp"),
    }
}

/// `None`: the field is not there. An empty text is as good as null.
fn optional_text(body: &mut Fields, name: &str, longest: usize) -> Option<Option<String>> {
    let there = body.has(name);
    let text = body.text(name, longest).filter(|text| !text.is_empty());
    there.then_some(text)
}
