//! MP4 files in a loop.

use super::tools::{clean, decode, run};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use vas_core::hub::{StartAt, StreamHub};
use vas_core::media::UnitKind;
use vas_core::{ErrorKind, HasKind, StreamId, SystemClock, TaskScope};
use vas_ingest::camera::{CameraSource, ReplayError, TestCamera, TestCameraConfig, replay};

const PICTURES: &[&str] = &["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25"];
const SOUND: &[&str] = &["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"];
const H264: &[&str] =
    &["-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "25", "-pix_fmt", "yuv420p"];

/// Makes a file of two seconds.
async fn make(folder: &TempDir, name: &str, parts: &[&[&str]]) -> PathBuf {
    let path = folder.path().join(name);
    let text = path.to_str().unwrap().to_owned();
    let arguments = [&["-nostdin", "-v", "error"][..], &parts.concat(), &["-t", "2", &text]].concat();
    clean(&run("ffmpeg", &arguments).await);
    path
}

fn show(file: &Path) -> TestCamera {
    let mut config = TestCameraConfig::new("127.0.0.1:0".parse().unwrap());
    config.sources.push(("file".into(), CameraSource::File(file.to_owned())));
    TestCamera::start(config).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_reordered_pictures_and_sound_plays_over_its_end() {
    let folder = TempDir::new().unwrap();
    let file = make(&folder, "film.mp4", &[PICTURES, SOUND, H264, &["-c:a", "aac"]]).await;
    let camera = show(&file);
    let url = camera.url("file");
    // Two seconds are 50 pictures: this is more than one pass.
    tokio::join!(decode(&url, "tcp", "80"), decode(&url, "udp", "80"));
    let show = ["-show_entries", "stream=codec_name,has_b_frames,sample_rate", "-of", "csv=p=0", &url];
    let streams =
        clean(&run("ffprobe", &[&["-v", "error", "-rtsp_transport", "tcp"][..], &show].concat()).await);
    assert_eq!(streams.trim(), "h264,2\naac,48000");
}

#[tokio::test(flavor = "multi_thread")]
async fn times_go_on_from_pass_to_pass() {
    let folder = TempDir::new().unwrap();
    let file = make(&folder, "film.mp4", &[PICTURES, SOUND, H264, &["-c:a", "aac"]]).await;
    let (hub, scope, stream) = (StreamHub::default(), TaskScope::new(), StreamId::random());
    let _source = replay(&hub, stream, &file, &scope, &SystemClock::shared()).unwrap();
    let mut subscription = hub.subscribe(stream, StartAt::LastKey).unwrap();
    let (mut decoded, mut keys) = (Vec::new(), Vec::new());
    while decoded.len() < 75 {
        let unit = subscription.next().await.unwrap();
        if unit.is_video() {
            if unit.is_key() {
                keys.push(decoded.len());
            }
            assert!(unit.dts.ticks() <= unit.pts.ticks());
            assert_ne!(unit.kind, UnitKind::Audio);
            decoded.push(unit.dts.ticks());
        }
    }
    assert_eq!(keys, [0, 25, 50]);
    // The sound is a little longer than the pictures: the next pass waits for it.
    for (n, pair) in decoded.windows(2).enumerate() {
        let step = pair[1] - pair[0];
        assert!(step == 3_600 || (n == 49 && (3_600..7_200).contains(&step)), "{n}: {decoded:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_replayed_say_why() {
    let folder = TempDir::new().unwrap();
    let good = make(&folder, "good.mp4", &[PICTURES, H264, &["-movflags", "+faststart"]]).await;
    let bytes = std::fs::read(&good).unwrap();
    let cut = folder.path().join("cut.mp4");
    std::fs::write(&cut, &bytes[..bytes.len() * 2 / 3]).unwrap();
    let text = folder.path().join("text.mp4");
    std::fs::write(&text, "this is no film").unwrap();
    let sound = make(&folder, "sound.mp4", &[SOUND, &["-c:a", "aac"]]).await;
    let pieces =
        make(&folder, "pieces.mp4", &[PICTURES, H264, &["-movflags", "+frag_keyframe+empty_moov"]]).await;

    let (hub, scope, clock) = (StreamHub::default(), TaskScope::new(), SystemClock::shared());
    let refused = |path: &Path| {
        let error = replay(&hub, StreamId::random(), path, &scope, &clock).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        error
    };
    assert!(matches!(refused(&cut), ReplayError::Malformed(_)));
    assert!(matches!(refused(&text), ReplayError::Malformed(_)));
    assert!(matches!(refused(&sound), ReplayError::NoVideo(found) if found.eq_ignore_ascii_case("aac")));
    assert!(matches!(refused(&pieces), ReplayError::Fragmented));

    // Damage anywhere in the tables is refused or read, and never more than that.
    let tables = bytes.windows(4).position(|window| window == b"mdat").unwrap();
    let damaged = folder.path().join("damaged.mp4");
    for at in (0..tables).step_by(7) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x81;
        std::fs::write(&damaged, bytes).unwrap();
        if let Ok(source) = replay(&hub, StreamId::random(), &damaged, &scope, &clock) {
            drop(source);
        }
    }
    scope.shutdown(super::tools::DEADLINE).await;
}
