//! A camera with a main and a sub stream by the WebSocket: who asks for another layer or shows a smaller picture gets
//! it, and is told.

use super::{Door, nothing_uncaught};
use crate::layers::{add, camera_with_layers};
use crate::live::page_of;
use crate::server::Server;
use crate::turn;
use crate::wait::until;
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);
/// Layers by their place, and the width of their pictures.
const MAIN: (u64, u64) = (0, 640);
const SUB: (u64, u64) = (1, 320);

/// Waits until the server's newest word on layers and the pictures shown are of this layer.
async fn gets(door: &Door, place: u64, (layer, width): (u64, u64)) -> Result<Value> {
    let newest = ".signalling.events.findLast((event) => event.type === 'consumer_layers')?.payload ?? null";
    let shown = format!(".shown[{place}].element.videoWidth");
    let what = format!("layer {layer}, {width} wide");
    let told = until(SOON, &what, async || {
        let told = door.eval(newest).await.ok()?;
        let fits = told["layer"] == layer && told["width"] == width;
        (fits && door.eval(&shown).await.ok()? == width).then_some(told)
    });
    match told.await {
        Ok(told) => Ok(told),
        Err(error) => {
            let (told, shown) = (door.eval(".signalling.events").await?, door.eval(&shown).await?);
            Err(error.context(format!("shown {shown} wide; {told}")))
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_asked_for_over_a_socket_comes_and_is_told() -> Result<()> {
    let _turn = turn::shared().await;
    let camera = camera_with_layers()?;
    let server = Server::start().await?;
    let stream = add(&server, &camera).await?.stream;
    let (_browser, page) = page_of(&server).await?;
    let door = Door::open(&page, "SocketDoor", &[&server.url(""), &stream]).await?;
    let place = door.watch(&[]).await?;
    let consumer = door.eval(&format!(".consumers[{place}].id")).await?;
    // Without a wish the best one comes, as soon as the network is known to carry it.
    let told = gets(&door, place, MAIN).await?;
    ensure!(told["consumerId"] == consumer && told["layers"] == 2 && told["height"] == 360, "{told:#}");
    ensure!(told["thinning"] == "none", "{told:#}");

    let wishes = [
        (json!({ "layer": "sub" }), SUB),
        (json!({ "layer": 0 }), MAIN),
        (json!({ "width": 320, "height": 180 }), SUB),
        (json!({ "width": 640, "height": 360 }), MAIN),
        (json!({ "width": 160, "height": 90 }), SUB),
        (json!({}), MAIN),
    ];
    for (wish, layer) in wishes {
        let answer = door.eval(&format!(".ask('setPreferredLayer', {place}, {wish})")).await?;
        ensure!(answer["consumerId"] == consumer, "{answer:#}");
        let told = gets(&door, place, layer).await?;
        ensure!(told["consumerId"] == consumer, "{told:#}");
        door.plays_on(place, 10, SOON).await?;
    }
    let refused = door.eval(&format!(".ask('setPreferredLayer', {place}, {{ layer: 2 }})")).await;
    ensure!(refused.is_err(), "there are two layers");
    nothing_uncaught(&page).await?;
    ensure!(server.stop().await, "the server stops by itself");
    Ok(())
}
