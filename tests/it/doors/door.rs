//! A viewer in a page (`tests/browser/doors.js`, bundled with the npm packages that it uses).

use crate::bundle::bundle;
use crate::chromium::Page;
use crate::wait::until;
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// What the page knows of something that it shows.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Look {
    /// Pictures decoded so far.
    pub(super) frames_decoded: u64,
    /// Packets received so far.
    pub(super) packets_received: u64,
    /// MIME type of the codec.
    pub(super) codec: Option<String>,
    /// The picture in 16 x 9 values of brightness.
    pub(super) luma: Option<Vec<u8>>,
}

/// A viewer by one of the doors; a page can hold several.
#[derive(Clone, Debug)]
pub(super) struct Door {
    page: Page,
    variable: String,
}

impl Door {
    /// Makes a viewer of a class of the script, whose constructor takes `arguments`.
    pub(super) async fn open(page: &Page, class: &str, arguments: &[&str]) -> Result<Self> {
        static LAST: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = LAST.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let variable = format!("window.door{number}");
        let arguments: Vec<String> = arguments.iter().map(|argument| json!(argument).to_string()).collect();
        let make = format!("void ({variable} = new window.doors.{class}({}))", arguments.join(", "));
        if !page.eval::<bool>("'doors' in window").await? {
            page.eval::<Value>(&format!("void (() => {{ {} }})()", bundle("doors.js")?)).await?;
        }
        page.eval::<Value>(&make).await?;
        Ok(Self { page: page.clone(), variable })
    }

    /// The value of a JavaScript expression on the viewer, such as `.state()`.
    pub(super) async fn eval(&self, member: &str) -> Result<Value> {
        self.page.eval(&format!("{}{member}", self.variable)).await
    }

    /// Watches what `arguments` say; gives the place of what is shown.
    pub(super) async fn watch(&self, arguments: &[Value]) -> Result<u64> {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let place = self.eval(&format!(".watch({})", arguments.join(", "))).await?;
        place.as_u64().context("a place is a number")
    }

    /// What the page knows of what is shown at a place.
    pub(super) async fn look(&self, place: u64) -> Result<Look> {
        Ok(serde_json::from_value(self.eval(&format!(".shown[{place}].look()")).await?)?)
    }

    /// Waits until `frames` more pictures than now are decoded and the pixels have changed.
    pub(super) async fn plays_on(&self, place: u64, frames: u64, deadline: Duration) -> Result<Look> {
        let before = self.look(place).await?;
        let moved = until(deadline, "pictures that move", async || {
            let now = self.look(place).await.ok()?;
            let moved = now.luma.is_some() && now.luma != before.luma;
            (moved && now.frames_decoded >= before.frames_decoded + frames).then_some(now)
        });
        match moved.await {
            Ok(look) => Ok(look),
            Err(error) => {
                let (state, look) = (self.eval(".state()").await?, self.look(place).await?);
                Err(error.context(format!("the connection is {state}, {look:?}")))
            }
        }
    }

    /// Waits until the server has told of something by itself; gives its payload.
    pub(super) async fn event(&self, kind: &str, deadline: Duration) -> Result<Value> {
        let find = format!(".signalling.events.find((event) => event.type === {})", json!(kind));
        let found = until(deadline, kind, async || {
            let event = self.eval(&find).await.ok()?;
            (!event.is_null()).then(|| event["payload"].clone())
        });
        match found.await {
            Ok(payload) => Ok(payload),
            Err(error) => Err(error.context(self.eval(".signalling.events").await?.to_string())),
        }
    }
}
