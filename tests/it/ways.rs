//! Chromium by other ways than the plain one: TCP alone, IPv6 alone, a TURN server alone, a counter-offer, a restart
//! of ICE.

use crate::chromium::Page;
use crate::coturn::Coturn;
use crate::live::{page_of, synthetic, test_camera};
use crate::server::{Camera, Server};
use crate::turn;
use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rtc::crypto::HmacAlgorithm;
use serde_json::{Value, json};
use std::time::Duration;
use vas_server::config::SecretText;

const SOON: Duration = Duration::from_secs(30);
const SECRET: &str = "north wind 4711";

/// A player whose connection is told what to leave out. `keep` is a regular expression over the candidates of the
/// answer. `links`: the servers of the answer's Link fields, and nothing but relays, are used.
const PLAY: &str = r#"(async (url, keep, links) => {
    const pc = window.pc = new RTCPeerConnection();
    pc.addTransceiver('video', { direction: 'recvonly' });
    pc.ontrack = ({ track }) => {
        const video = Object.assign(document.createElement('video'), { muted: true, autoplay: true });
        video.srcObject = new MediaStream([track]);
        document.body.append(video);
    };
    // Candidates are gathered when the description is set, thus with the servers of the answer.
    const offer = await pc.createOffer();
    const response = await fetch(url, {
        method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: offer.sdp,
    });
    const answer = await response.text();
    if (response.status !== 201) throw new Error(`${response.status}: ${answer}`);
    window.session = new URL(response.headers.get('Location'), response.url).href;
    const link = response.headers.get('Link') ?? '';
    const pattern = /<([^>]+)>; rel="ice-server"; username="([^"]+)"; credential="([^"]+)"; credential-type="password"/g;
    const iceServers = [...(links ?? link).matchAll(pattern)]
        .map(([, urls, username, credential]) => ({ urls, username, credential }));
    if (links !== null) pc.setConfiguration({ iceServers, iceTransportPolicy: 'relay' });
    pc.problems = [];
    pc.onicecandidateerror = ({ errorCode, errorText }) => pc.problems.push(`${errorCode} ${errorText}`);
    await pc.setLocalDescription(offer);
    const sdp = answer.split('\r\n').filter((line) => !line.startsWith('a=candidate:') || RegExp(keep).test(line));
    await pc.setRemoteDescription({ type: 'answer', sdp: sdp.join('\r\n') });
    return link;
})"#;

/// A player that offers VP8 alone, and answers what the server offers instead.
const COUNTER: &str = r#"(async (url) => {
    const pc = window.pc = new RTCPeerConnection();
    const { codecs } = RTCRtpReceiver.getCapabilities('video');
    const transceiver = pc.addTransceiver('video', { direction: 'recvonly' });
    transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => mimeType === 'video/VP8'));
    const headers = { 'Content-Type': 'application/sdp' };
    const offer = await pc.createOffer();
    const response = await fetch(url, { method: 'POST', headers, body: offer.sdp });
    if (response.status !== 406) throw new Error(`${response.status}`);
    pc.close();
    const answering = window.pc = new RTCPeerConnection();
    answering.ontrack = ({ track }) => {
        const video = Object.assign(document.createElement('video'), { muted: true, autoplay: true });
        video.srcObject = new MediaStream([track]);
        document.body.append(video);
    };
    await answering.setRemoteDescription({ type: 'offer', sdp: await response.text() });
    await answering.setLocalDescription();
    const session = new URL(response.headers.get('Location'), response.url);
    const body = answering.localDescription.sdp;
    return (await fetch(session, { method: 'PATCH', headers, body })).status;
})"#;

/// Restarts ICE with a PATCH, as a player does whose network has changed; gives the entity tags before and after, and
/// the milliseconds until a new pair of candidates works.
const RESTART: &str = r#"(async () => {
    const { pc } = window;
    const value = (sdp, name) => new RegExp(`^a=${name}:(.*)$`, 'm').exec(sdp)[1].trim();
    const before = value(pc.remoteDescription.sdp, 'ice-ufrag');
    pc.restartIce();
    await pc.setLocalDescription();
    const { sdp } = pc.localDescription;
    const lines = ['ice-ufrag', 'ice-pwd'].map((name) => `a=${name}:${value(sdp, name)}`);
    const section = [/^m=.*$/m.exec(sdp)[0].trim(), `a=mid:${value(sdp, 'mid')}`];
    const headers = { 'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': '*' };
    const began = performance.now();
    const response = await fetch(window.session, {
        method: 'PATCH', headers, body: [...lines, ...section, 'a=end-of-candidates', ''].join('\r\n'),
    });
    const fragment = await response.text();
    if (response.status !== 200) throw new Error(`${response.status}: ${fragment}`);
    let answer = pc.remoteDescription.sdp;
    for (const name of ['ice-ufrag', 'ice-pwd']) {
        answer = answer.replace(new RegExp(`^a=${name}:.*$`, 'gm'), `a=${name}:${value(fragment, name)}`);
    }
    await pc.setRemoteDescription({ type: 'answer', sdp: answer });
    const ufrag = value(answer, 'ice-ufrag');
    for (;;) {
        const report = [...(await pc.getStats()).values()];
        const transport = report.find(({ type }) => type === 'transport');
        const pair = report.find(({ id }) => id === transport.selectedCandidatePairId);
        const remote = report.find(({ id }) => id === pair?.remoteCandidateId);
        if (remote?.usernameFragment === ufrag && pair.state === 'succeeded') break;
        if (performance.now() - began > 20000) throw new Error(JSON.stringify({ transport, pair, remote, ufrag }));
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return { before, after: ufrag, etag: response.headers.get('ETag'), ms: performance.now() - began };
})()"#;

/// What the connection says of itself: pictures decoded and the pair of candidates in use.
const STATE: &str = r#"(async () => {
    const report = await window.pc.getStats();
    const all = [...report.values()];
    const pair = report.get(all.find(({ type }) => type === 'transport')?.selectedCandidatePairId);
    return {
        decoded: all.find(({ type }) => type === 'inbound-rtp')?.framesDecoded ?? 0,
        local: report.get(pair?.localCandidateId) ?? null,
        remote: report.get(pair?.remoteCandidateId) ?? null,
        connection: window.pc.connectionState,
        problems: window.pc.problems,
    };
})()"#;

struct Stage {
    server: Server,
    camera: Camera,
    page: Page,
    _browser: crate::chromium::Browser,
    _source: vas_ingest::camera::TestCamera,
}

impl Stage {
    async fn start(change: impl FnOnce(&mut vas_server::config::Config)) -> Result<Self> {
        let source = test_camera(synthetic(25))?;
        let server = Server::start_with(change).await?;
        let camera = server.add_live("camera", &source.url("cam")).await?;
        let (browser, page) = page_of(&server).await?;
        Ok(Self { server, camera, page, _browser: browser, _source: source })
    }

    /// Begins to play; gives the answer's Link field.
    async fn play(&self, keep: &str, links: Option<&str>) -> Result<String> {
        let url = self.server.whep(&self.camera);
        self.page.eval(&format!("{PLAY}({}, {}, {})", json!(url), json!(keep), json!(links))).await
    }

    async fn state(&self) -> Result<Value> {
        self.page.eval(STATE).await
    }

    /// Waits for pictures; gives what the connection then says.
    async fn playing(&self) -> Result<Value> {
        let playing = crate::wait::until(SOON, "pictures", async || {
            let state = self.state().await.ok()?;
            (state["decoded"].as_u64()? >= 30).then_some(state)
        });
        match playing.await {
            Ok(state) => Ok(state),
            Err(error) => Err(error.context(format!("{:#}", self.state().await?))),
        }
    }
}

/// A network that lets no UDP through.
#[tokio::test(flavor = "multi_thread")]
async fn over_tcp_alone() -> Result<()> {
    let _turn = turn::shared().await;
    let stage = Stage::start(|_| ()).await?;
    stage.play(" tcp ", None).await?;
    let state = stage.playing().await?;
    ensure!(state["remote"]["protocol"] == "tcp", "{state:#}");
    ensure!(stage.server.stop().await, "the server does not stop by itself");
    Ok(())
}

/// A server that is reached over IPv6 alone.
#[tokio::test(flavor = "multi_thread")]
async fn over_ipv6_alone() -> Result<()> {
    let _turn = turn::shared().await;
    let stage = Stage::start(|_| ()).await?;
    stage.play(" udp [0-9]+ [0-9a-f]*:", None).await?;
    let state = stage.playing().await?;
    ensure!(state["remote"]["address"].as_str().is_some_and(|address| address.contains(':')), "{state:#}");
    ensure!(stage.server.stop().await, "the server does not stop by itself");
    Ok(())
}

/// A network that lets nothing through but a TURN server, which takes the credentials of the Link field, for as long as
/// they hold.
#[tokio::test(flavor = "multi_thread")]
async fn through_a_turn_server_alone() -> Result<()> {
    let _turn = turn::shared().await;
    let coturn = Coturn::start(SECRET).await?;
    let url = coturn.url();
    let stage = Stage::start(|config| {
        config.turn.urls = vec![url];
        config.turn.secret = SecretText::new(SECRET);
    })
    .await?;
    let link = stage.play("", Some("")).await?;
    ensure!(!link.contains(SECRET), "the secret itself is told: {link}");
    // A wrong password and an expired name are of no use.
    for wrong in [link.replace("credential=\"", "credential=\"x"), expired(&link)?] {
        stage.play("", Some(&wrong)).await?;
        let refused = crate::wait::until(SOON, "a refusal", async || {
            let state = stage.state().await.ok()?;
            let problems = state["problems"].as_array()?.clone();
            problems
                .iter()
                .any(|problem| problem.as_str().is_some_and(|p| p.starts_with("401")))
                .then_some(state)
        });
        let state = refused.await?;
        ensure!(state["decoded"] == 0, "{state:#}");
    }
    stage.play("", Some(&link)).await?;
    let state = stage.playing().await?;
    ensure!(state["local"]["candidateType"] == "relay", "{state:#}");
    ensure!(stage.server.stop().await, "the server does not stop by itself");
    Ok(())
}

/// A browser that keeps the stream's codec back is offered the stream by the server, and takes it.
#[tokio::test(flavor = "multi_thread")]
async fn by_a_counter_offer() -> Result<()> {
    let _turn = turn::shared().await;
    let stage = Stage::start(|_| ()).await?;
    let url = stage.server.whep(&stage.camera);
    let status: u16 = stage.page.eval(&format!("{COUNTER}({})", json!(url))).await?;
    ensure!(status == 204, "the answer is answered with {status}");
    stage.playing().await?;
    ensure!(stage.server.stop().await, "the server does not stop by itself");
    Ok(())
}

/// A player whose network has changed restarts ICE and sees the pictures go on.
#[tokio::test(flavor = "multi_thread")]
async fn after_an_ice_restart() -> Result<()> {
    let _turn = turn::shared().await;
    let stage = Stage::start(|_| ()).await?;
    stage.play("", None).await?;
    stage.playing().await?;
    let restart: Value = stage.page.eval(RESTART).await?;
    ensure!(restart["before"] != restart["after"], "{restart}");
    ensure!(restart["etag"] == format!("\"{}\"", restart["after"].as_str().unwrap_or("")), "{restart}");
    println!("a new path {:.0} ms after the PATCH", restart["ms"].as_f64().context("no time")?);
    let decoded = stage.state().await?["decoded"].as_u64().context("no pictures")?;
    crate::wait::until(SOON, "more pictures", async || {
        (stage.state().await.ok()?["decoded"].as_u64()? >= decoded + 30).then_some(())
    })
    .await?;
    ensure!(stage.server.stop().await, "the server does not stop by itself");
    Ok(())
}

/// The same Link field with credentials that were right an hour ago.
fn expired(link: &str) -> Result<String> {
    let name = link.split("username=\"").nth(1).and_then(|rest| rest.split('"').next()).context("no name")?;
    let (expiry, user) = name.split_once(':').context("no expiry")?;
    let past = format!("{}:{user}", expiry.parse::<u64>()? - 7_200);
    let provider = rtc::crypto::default_provider()?;
    let mut tag = [0; 20];
    provider.crypto().new_hmac(HmacAlgorithm::Sha1, SECRET.as_bytes())?.sign(&[past.as_bytes()], &mut tag)?;
    let password = STANDARD.encode(tag);
    let old = link.split("credential=\"").nth(1).and_then(|rest| rest.split('"').next());
    let old = old.context("no password")?;
    Ok(link.replace(name, &past).replace(old, &password))
}
