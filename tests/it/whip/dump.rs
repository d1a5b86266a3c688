//! What a publisher's stream holds, judged by ffmpeg.

use crate::media::{MediaDir, ffprobe};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::io::Write;
use std::time::Duration;
use tokio::time::timeout;
use vas_core::StreamId;
use vas_core::hub::{StartAt, StreamHub};
use vas_core::media::{AccessUnit, VideoCodec, nal};

const SOON: Duration = Duration::from_secs(30);

/// The first units of a stream, from a key picture on: `count` pictures and the sound between them.
pub(crate) async fn read(hub: &StreamHub, stream: StreamId, count: usize) -> Result<Vec<AccessUnit>> {
    let mut subscription = hub.subscribe(stream, StartAt::LastKey)?;
    let mut units = Vec::new();
    let mut pictures = 0;
    while pictures < count {
        let unit = timeout(SOON, subscription.next())
            .await
            .with_context(|| format!("{pictures} pictures came"))??;
        pictures += usize::from(unit.is_video());
        units.push((*unit).clone());
    }
    Ok(units)
}

/// Writes the pictures to a file that ffmpeg reads; gives how many frames ffmpeg decodes, and their size.
pub(crate) async fn decoded(units: &[AccessUnit], codec: VideoCodec) -> Result<(u64, u64, u64)> {
    let media = MediaDir::new()?;
    let pictures: Vec<_> = units.iter().filter(|unit| unit.is_video()).collect();
    let path = match codec {
        VideoCodec::H264 => {
            let mut bytes = Vec::new();
            for unit in &pictures {
                for nal in nal::units(&unit.data) {
                    bytes.extend_from_slice(&[0, 0, 0, 1]);
                    bytes.extend_from_slice(nal);
                }
            }
            let path = media.path("dump.h264");
            std::fs::write(&path, bytes)?;
            path
        }
        VideoCodec::Vp8 => ivf(&media, &pictures, b"VP80", &[])?,
        // Each temporal unit begins with its delimiter.
        VideoCodec::Av1 => ivf(&media, &pictures, b"AV01", &[0x12, 0])?,
        other => bail!("{other:?} is not published"),
    };
    let options = ["-count_frames", "-select_streams", "v"];
    let probed = ffprobe(&options, path.to_str().context("a path is text")?).await?;
    let video = &probed["streams"][0];
    let frames = video["nb_read_frames"].as_str().and_then(|frames| frames.parse().ok());
    let size = |name: &str| video[name].as_u64().with_context(|| format!("no {name}: {probed:#}"));
    Ok((frames.with_context(|| format!("no frames: {probed:#}"))?, size("width")?, size("height")?))
}

/// An IVF file: a header of 32 bytes, then frames with their size and time.
fn ivf(
    media: &MediaDir,
    pictures: &[&AccessUnit],
    four_cc: &[u8; 4],
    before_each: &[u8],
) -> Result<std::path::PathBuf> {
    let path = media.path("dump.ivf");
    let mut file = std::fs::File::create(&path)?;
    let mut header = Vec::new();
    header.extend_from_slice(b"DKIF\0\0\x20\0");
    header.extend_from_slice(four_cc);
    header.extend_from_slice(&640_u16.to_le_bytes());
    header.extend_from_slice(&360_u16.to_le_bytes());
    header.extend_from_slice(&90_000_u32.to_le_bytes());
    header.extend_from_slice(&1_u32.to_le_bytes());
    header.extend_from_slice(&(pictures.len() as u64).to_le_bytes());
    file.write_all(&header)?;
    for unit in pictures {
        file.write_all(&((before_each.len() + unit.data.len()) as u32).to_le_bytes())?;
        file.write_all(&unit.pts.ticks().to_le_bytes())?;
        file.write_all(before_each)?;
        file.write_all(&unit.data)?;
    }
    // The file must live until ffmpeg has read it; its folder belongs to the caller.
    Ok(path)
}

/// What must hold of any publisher's units.
pub(crate) fn sound(units: &[AccessUnit]) -> Result<Value> {
    let mut last = [None::<(i64, i64)>; 2];
    let mut worst_lag = 0;
    for unit in units {
        let place = &mut last[usize::from(!unit.is_video())];
        let now = (unit.dts.ticks(), unit.captured.as_unix_micros());
        if let Some((dts, captured)) = place.replace(now) {
            ensure!(now.0 > dts, "decoding times rise: {dts} then {}", now.0);
            ensure!(now.1 > captured, "capture times rise");
        }
        let lag = unit.received.micros_since(unit.captured);
        ensure!((0..3_000_000).contains(&lag), "captured {lag} us before it was received");
        worst_lag = worst_lag.max(lag);
    }
    let count = |video| units.iter().filter(|unit| unit.is_video() == video).count();
    Ok(serde_json::json!({ "pictures": count(true), "sounds": count(false), "worst_lag_us": worst_lag }))
}
