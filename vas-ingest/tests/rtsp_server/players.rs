//! Players watch the synthetic camera.

use super::tools::{camera, clean, decode, gstreamer, run, until};
use vas_core::Credentials;
use vas_ingest::camera::strip;

fn credentials() -> Option<Credentials> {
    Some(Credentials::new("operator", "s3cret"))
}

fn with_credentials(url: &str, password: &str) -> String {
    url.replace("rtsp://", &format!("rtsp://operator:{password}@"))
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_plays_over_both_transports() {
    let camera = camera(None, true);
    for transport in ["tcp", "udp"] {
        let url = camera.url("test");
        let entries = "stream=codec_name,profile,width,height,sample_rate";
        let arguments =
            ["-v", "error", "-rtsp_transport", transport, "-show_entries", entries, "-of", "csv=p=0", &url];
        let streams = clean(&run("ffprobe", &arguments).await);
        assert_eq!(
            streams.trim(),
            "h264,Constrained Baseline,320,180\npcm_mulaw,unknown,8000",
            "{transport}"
        );
        decode(&url, transport, "60").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gstreamer_and_ffmpeg_play_at_once() {
    let camera = camera(None, true);
    let url = camera.url("test");
    let location = format!("location={url}");
    let gst = |protocol: &'static str| {
        let location = location.clone();
        async move {
            let video =
                ["!", "rtph264depay", "!", "avdec_h264", "!", "identity", "eos-after=41", "!", "fdsink"];
            // The picture at which it ends is not among them.
            let pictures = 40 * 320 * 180 * 3 / 2;
            gstreamer(&[&["rtspsrc", &location, protocol], &video[..]].concat(), pictures..=pictures).await;
        }
    };
    tokio::join!(
        gst("protocols=tcp"),
        gst("protocols=udp"),
        decode(&url, "tcp", "60"),
        decode(&url, "udp", "60")
    );
    until("all players to be gone", || camera.stats().sessions == 0 && camera.stats().connections == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_password_plays_and_another_does_not() {
    let camera = camera(credentials(), false);
    let url = camera.url("test");
    decode(&with_credentials(&url, "s3cret"), "tcp", "10").await;
    let location = format!("location={url}");
    let login = ["user-id=operator", "user-pw=s3cret", "protocols=tcp"];
    let packets = ["!", "identity", "eos-after=31", "!", "fdsink"];
    gstreamer(&[&["rtspsrc", &location][..], &login, &packets].concat(), 1..).await;
    for wrong in [with_credentials(&url, "guess"), url] {
        let output = run("ffprobe", &["-v", "error", "-rtsp_transport", "tcp", &wrong]).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains("401"), "{errors}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frame_numbers_and_times_are_read_back_from_decoded_pictures() {
    const FRAMES: usize = 60;
    let camera = camera(None, false);
    let url = camera.url("test");
    let input = ["-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i", &url];
    let output = ["-fps_mode", "passthrough", "-frames:v", "60", "-pix_fmt", "gray", "-f", "rawvideo", "-"];
    let output = run("ffmpeg", &[&input[..], &output].concat()).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let pictures: Vec<_> = output.stdout.chunks_exact(320 * 180).collect();
    let stamps: Vec<_> = pictures
        .into_iter()
        .map(|luma| strip::read(luma, 320, 320).expect("a strip that can be read"))
        .collect();
    assert_eq!(stamps.len(), FRAMES);
    assert!(stamps[0].frame.is_multiple_of(25), "starts at a key picture: {:?}", stamps[0]);
    for pair in stamps.windows(2) {
        assert_eq!(pair[1].frame, pair[0].frame + 1);
        // A wall clock that is being adjusted may move a little between two pictures.
        let step = pair[1].utc_millis.wrapping_sub(pair[0].utc_millis);
        assert!((35..=45).contains(&step), "{pair:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn key_pictures_come_exactly_at_their_interval() {
    let camera = camera(None, false);
    let url = camera.url("test");
    let input =
        ["-v", "error", "-rtsp_transport", "tcp", "-read_intervals", "%+#110", "-select_streams", "v"];
    let show = ["-show_entries", "packet=flags", "-of", "csv=p=0", &url];
    let flags = clean(&run("ffprobe", &[&input[..], &show].concat()).await);
    let keys: Vec<_> = flags
        .split_whitespace()
        .enumerate()
        .filter(|(_, flags)| flags.starts_with('K'))
        .map(|(n, _)| n)
        .collect();
    assert_eq!(keys, [0, 25, 50, 75, 100]);
}
