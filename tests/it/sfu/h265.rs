//! H.265 from a camera that shares no code with VAS, to viewers that take it and viewers that don't.

use super::depacketize::{annex_b, ensure_contiguous};
use super::peer::{Peer, delivering};
use super::stage;
use crate::gst_camera::{CameraOptions, GstCamera, Video};
use crate::media::{MediaDir, ffprobe};
use crate::turn;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use std::time::Duration;
use vas_core::hub::StreamHub;
use vas_core::{StreamId, SystemClock, TaskScope};
use vas_examples::viewer::{Codec, Viewer};
use vas_ingest::{IngestConfig, Source, Supervisor};
use vas_sfu::{Sfu, WhepError};

#[tokio::test(flavor = "multi_thread")]
async fn from_a_camera_to_a_decoder() -> Result<()> {
    let _turn = turn::shared().await;
    let options = CameraOptions { video: Video::H265, gop: 25, ..CameraOptions::default() };
    let camera = GstCamera::start(options).await?;
    let (scope, hub, stream) = (TaskScope::new(), StreamHub::default(), StreamId::random());
    let clock = SystemClock::shared();
    let supervisor = Supervisor::new(hub.clone(), &scope, clock.clone(), IngestConfig::default());
    supervisor.start(Source::parse(stream, "h265", &camera.url())?);
    let live = async || hub.describe(stream)?.video().is_some().then_some(());
    until(Duration::from_secs(30), "a described stream", live).await?;

    let sfu = Sfu::start(stage::config(1), &scope, clock)?;
    let router = sfu.create_router();
    let producer = router.produce(&hub, stream)?;
    let old = Viewer::new(delivering());
    let refused = router.whep(&producer, old.offer());
    ensure!(matches!(&refused, Err(WhepError::NoCommonCodec { codec }) if codec == "H265"), "{refused:?}");

    let mut config = delivering();
    config.h265 = true;
    let (mut peer, _session) = Peer::join(&router, &producer, config).await?;
    peer.play(80).await?;
    ensure_contiguous(&peer.packets)?;
    let pictures = peer.pictures(Codec::H265)?;
    // VPS, SPS and PPS lead (RFC 7798, section 1.1.4: types 32 to 34).
    let types: Vec<u8> = pictures[0].units.iter().map(|unit| (unit[0] >> 1) & 0x3f).collect();
    ensure!(types.starts_with(&[32, 33, 34]), "{types:?}");
    let media = MediaDir::new()?;
    let file = media.path("arrived.h265");
    std::fs::write(&file, annex_b(&pictures))?;
    let count = ["-f", "hevc", "-err_detect", "explode", "-count_frames"];
    let probed = ffprobe(&count, file.to_str().context("a path of text")?).await?;
    let frames = probed["streams"][0]["nb_read_frames"].as_str().context("a count")?;
    ensure!(frames.parse() == Ok(pictures.len()), "{frames} of {} decode", pictures.len());
    ensure!(sfu.shutdown(Duration::from_secs(10)).await, "the SFU does not end in time");
    ensure!(supervisor.shutdown(Duration::from_secs(10)).await, "the supervisor does not end in time");
    Ok(())
}
