//! The HTTP side of WHEP: POST an offer, DELETE the session (draft-ietf-wish-whep, sections 4.2 and 4.3).

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};

const TIMEOUT: Duration = Duration::from_secs(15);
/// As much of an error's text as fits a line.
const LONGEST_REASON: usize = 120;

/// Speaks to WHEP endpoints.
pub(crate) struct Signalling {
    client: Client,
    token: Option<String>,
}

/// An accepted session.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) answer: String,
    /// Where to DELETE it; a server that gives none gets no DELETE.
    pub(crate) session: Option<Url>,
}

impl Signalling {
    pub(crate) fn new(token: Option<String>) -> anyhow::Result<Self> {
        let client = Client::builder().timeout(TIMEOUT).build().context("cannot make an HTTP client")?;
        Ok(Self { client, token })
    }

    /// POSTs an offer.
    pub(crate) async fn post(&self, endpoint: &Url, offer: String) -> anyhow::Result<Accepted> {
        let request = self.client.post(endpoint.clone()).header(CONTENT_TYPE, "application/sdp");
        let request = self.authorized(request.header(ACCEPT, "application/sdp").body(offer));
        let response =
            request.send().await.map_err(|error| anyhow::anyhow!("POST failed: {}", root(&error)))?;
        if response.status() != StatusCode::CREATED {
            bail!("POST answered {}", reason(response).await);
        }
        // Relative to the URL that answered, which after a redirect is not the endpoint's (RFC 9110, section
        // 10.2.2).
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let session = location.and_then(|location| response.url().join(location).ok());
        let answer = response.text().await.context("the answer's body did not come")?;
        Ok(Accepted { answer, session })
    }

    /// DELETEs a session.
    pub(crate) async fn delete(&self, session: Url) -> anyhow::Result<()> {
        let response = self.authorized(self.client.delete(session)).send().await?;
        if !response.status().is_success() {
            bail!("DELETE answered {}", reason(response).await);
        }
        Ok(())
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }
}

/// The status, and what the body says about it: the detail of a problem document (RFC 9457), or the first
/// line.
async fn reason(response: Response) -> String {
    let status = response.status();
    let body = response.text().await.unwrap_or_default();
    let problem: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
    let member = |name: &str| problem.get(name).and_then(serde_json::Value::as_str);
    let text = member("detail").or(member("error_description")).or(member("title"));
    let text = text.or(body.lines().next().filter(|_| !body.starts_with('{'))).unwrap_or_default();
    let text: String = text.chars().take(LONGEST_REASON).collect();
    if text.is_empty() { status.to_string() } else { format!("{status}: {text}") }
}

/// The innermost cause: reqwest's own sentence only repeats the URL.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
