//! Frigate (`config.yml`): `cameras`, each with `ffmpeg.inputs` that have roles, and a go2rtc section whose streams they
//! may refer to by an address of the same machine.

use super::go2rtc::{self, NoSource, RtspSource};
use super::variables::{Syntax, replace};
use super::yaml::{scalar, switch};
use super::{Format, Found, FoundDevice, Transport};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use url::Url;
use vas_core::Secret;

/// Inputs of one camera that are looked at.
const MAX_INPUTS: usize = 32;
/// The port on which Frigate's go2rtc offers its streams.
const RESTREAM_PORT: u16 = 8_554;

/// An input as an address, with what it is for.
struct Input {
    source: RtspSource,
    records: bool,
    detects: bool,
}

/// What a file holds, while it is read.
struct Reader<'a> {
    restreams: Option<&'a Map<String, Value>>,
    variable: &'a dyn Fn(&str) -> Option<String>,
    /// Streams of go2rtc that cameras refer to.
    used: BTreeSet<String>,
}

pub(super) fn read(
    cameras: &Map<String, Value>,
    restreams: Option<&Map<String, Value>>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Found {
    let mut found = Found::new(Format::Frigate);
    let mut reader = Reader { restreams, variable, used: BTreeSet::new() };
    for (name, camera) in cameras {
        reader.camera(name, camera, &mut found);
    }
    if let Some(streams) = restreams {
        // Such references are written in Frigate's way in this section, too.
        let streams = streams.iter().map(|(name, sources)| (name.clone(), in_shell_syntax(sources)));
        go2rtc::add(&streams.collect(), &reader.used, &frigate_only(variable), &mut found);
    }
    found
}

/// The variables that Frigate takes.
fn frigate_only(variable: &dyn Fn(&str) -> Option<String>) -> impl Fn(&str) -> Option<String> {
    move |name| if name.starts_with("FRIGATE_") { variable(name) } else { None }
}

/// The same texts with `${FRIGATE_X}` in place of `{FRIGATE_X}`.
fn in_shell_syntax(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            text.replace("${FRIGATE_", "{FRIGATE_").replace("{FRIGATE_", "${FRIGATE_").into()
        }
        Value::Array(values) => values.iter().map(in_shell_syntax).collect(),
        other => other.clone(),
    }
}

impl Reader<'_> {
    fn camera(&mut self, name: &str, camera: &Value, found: &mut Found) {
        let inputs = camera.pointer("/ffmpeg/inputs").and_then(Value::as_array);
        let mut read = Vec::new();
        for input in inputs.into_iter().flatten().take(MAX_INPUTS) {
            match self.input(input, camera) {
                Ok(input) => read.push(input),
                Err(none) => none.tell(name, found),
            }
        }
        let Some(main) = read.iter().position(|input| input.records).or_else(|| {
            // Without one that records: the one that is not for detection, which is the small one as a rule.
            read.iter().position(|input| !input.detects).or((!read.is_empty()).then_some(0))
        }) else {
            if inputs.is_none_or(Vec::is_empty) {
                found.skip(name, "it has no ffmpeg.inputs");
            }
            return;
        };
        let main = read.swap_remove(main);
        let sub = read.into_iter().find(|input| input.detects && input.source.url != main.source.url);
        found.keep(FoundDevice {
            sub_url: sub.map(|sub| Secret::new(sub.source.url)),
            transport: main.source.transport,
            enabled: switch(camera.get("enabled")).unwrap_or(true),
            ..FoundDevice::new(name, main.source.url)
        });
    }

    fn input(&mut self, input: &Value, camera: &Value) -> Result<Input, NoSource> {
        let path = input.get("path").unwrap_or(&Value::Null);
        let mut source = self.source(path)?;
        let arguments = input.get("input_args").or_else(|| camera.pointer("/ffmpeg/input_args"));
        let arguments = arguments.map(ToString::to_string).unwrap_or_default();
        if arguments.contains("preset-rtsp-udp") || arguments.contains("rtsp_transport udp") {
            source.transport = Some(Transport::Udp);
        }
        let roles: Vec<_> =
            input.get("roles").and_then(Value::as_array).into_iter().flatten().filter_map(scalar).collect();
        let has = |role: &str| roles.iter().any(|known| known == role);
        Ok(Input { source, records: has("record"), detects: has("detect") })
    }

    /// The camera's own address, also where the input is read by way of go2rtc.
    fn source(&mut self, path: &Value) -> Result<RtspSource, NoSource> {
        let text = scalar(path).unwrap_or_default();
        let text = replace(&text, Syntax::Frigate, self.variable).map_err(NoSource::Lacks)?;
        let (Some(name), Some(streams)) = (restream(&text), self.restreams) else {
            return go2rtc::one_rtsp(&text);
        };
        let Some(sources) = streams.get(&name) else {
            return Err(NoSource::Kind(
                "it refers to a stream that the go2rtc section does not have".to_owned(),
            ));
        };
        self.used.insert(name);
        go2rtc::first_rtsp(&in_shell_syntax(sources), Syntax::Shell, &frigate_only(self.variable))
    }
}

/// The stream of Frigate's own go2rtc that an address names.
fn restream(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let own =
        matches!(url.host_str()?, "127.0.0.1" | "localhost" | "[::1]") && url.port() == Some(RESTREAM_PORT);
    (url.scheme() == "rtsp" && own).then(|| url.path().trim_matches('/').to_owned())
}
