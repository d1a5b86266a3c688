//! Bounds on what viewers send.

use super::parameters::{Parameters, RtpCapabilities};
use std::collections::HashSet;
use vas_core::{ErrorKind, HasKind};

/// Codecs in one set of capabilities; payload types run out at as many.
const MAX_CODECS: usize = 128;
/// Header extensions in one set of capabilities.
const MAX_EXTENSIONS: usize = 64;
/// Format parameters, or kinds of feedback, of one codec.
const MAX_PARAMETERS: usize = 32;
/// Bytes of a text.
const MAX_TEXT: usize = 256;

/// A field of capabilities or parameters is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {expected}")]
pub struct InvalidParameters {
    /// The field, such as `codecs[2].mimeType`.
    pub field: String,
    /// What it must be.
    pub expected: String,
}

impl InvalidParameters {
    pub(crate) fn new(field: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { field: field.into(), expected: expected.into() }
    }
}

impl HasKind for InvalidParameters {
    fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

impl RtpCapabilities {
    /// Looks for what can't be.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn validate(&self) -> Result<(), InvalidParameters> {
        if self.codecs.len() > MAX_CODECS {
            return Err(InvalidParameters::new("codecs", format!("must be at most {MAX_CODECS}")));
        }
        if self.header_extensions.len() > MAX_EXTENSIONS {
            let expected = format!("must be at most {MAX_EXTENSIONS}");
            return Err(InvalidParameters::new("headerExtensions", expected));
        }
        let mut payload_types = HashSet::new();
        for (index, codec) in self.codecs.iter().enumerate() {
            let field = |name: &str| format!("codecs[{index}].{name}");
            text(|| field("mimeType"), &codec.mime_type)?;
            if codec.media().is_none() {
                let expected = "must be audio/ or video/ and a name";
                return Err(InvalidParameters::new(field("mimeType"), expected));
            }
            if let Some(payload_type) = codec.preferred_payload_type {
                if payload_type > 127 {
                    let expected = "must be a whole number from 0 to 127";
                    return Err(InvalidParameters::new(field("preferredPayloadType"), expected));
                }
                if !payload_types.insert(payload_type) {
                    let expected = "must not be that of another codec, too";
                    return Err(InvalidParameters::new(field("preferredPayloadType"), expected));
                }
            }
            if codec.clock_rate == 0 {
                return Err(InvalidParameters::new(field("clockRate"), "must not be 0"));
            }
            parameters(&field("parameters"), &codec.parameters)?;
            if codec.rtcp_feedback.len() > MAX_PARAMETERS {
                let expected = format!("must be at most {MAX_PARAMETERS}");
                return Err(InvalidParameters::new(field("rtcpFeedback"), expected));
            }
            for (number, feedback) in codec.rtcp_feedback.iter().enumerate() {
                text(|| field(&format!("rtcpFeedback[{number}].type")), &feedback.kind)?;
                text(|| field(&format!("rtcpFeedback[{number}].parameter")), &feedback.parameter)?;
            }
        }
        for (index, extension) in self.header_extensions.iter().enumerate() {
            let field = |name: &str| format!("headerExtensions[{index}].{name}");
            text(|| field("uri"), &extension.uri)?;
            if extension.preferred_id == 0 {
                let expected = "must be a whole number from 1 to 255";
                return Err(InvalidParameters::new(field("preferredId"), expected));
            }
        }
        Ok(())
    }
}

/// A text that goes into session descriptions: of limited length and on one line.
fn text(field: impl Fn() -> String, text: &str) -> Result<(), InvalidParameters> {
    if text.len() > MAX_TEXT {
        return Err(InvalidParameters::new(field(), format!("must not be longer than {MAX_TEXT} bytes")));
    }
    if text.contains(char::is_control) {
        return Err(InvalidParameters::new(field(), "must not contain control characters"));
    }
    Ok(())
}

fn parameters(field: &str, parameters: &Parameters) -> Result<(), InvalidParameters> {
    if parameters.len() > MAX_PARAMETERS {
        return Err(InvalidParameters::new(field, format!("must be at most {MAX_PARAMETERS}")));
    }
    for (name, value) in parameters {
        // The name itself may be what is wrong, so that the message does not repeat it.
        text(|| field.to_owned(), name)?;
        if let Some(value) = value.as_text() {
            text(|| format!("{field}.{name}"), value)?;
        }
    }
    Ok(())
}
