//! What needs attention, as it follows from how things are.

use crate::db::Severity;
use std::time::Duration;
use vas_core::model::{ReasonCode, StreamState, TenantId};
use vas_core::{DeviceId, StreamId};
use vas_ingest::Health;
use vas_record::retention::plan::Forecast;

/// A camera may be away for so long before anybody is told.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a camera does for so long it does for good.
const HABIT: Duration = Duration::from_secs(60);
/// Share of packets that may be lost.
const LOSSY: f64 = 0.02;
/// Seconds between key pictures that viewers may have to wait.
const LONG_GROUP: f64 = 10.0;
/// Parts per million by which a camera's clock may run fast or slow: 43 seconds a day.
const DRIFT_PPM: f64 = 500.0;
/// Percent of the processor beyond which media suffers.
const BUSY: f64 = 92.0;
/// Hours of recording that are left when somebody is told.
const ROOM_HOURS: f64 = 6.0;
/// Share of the time that is to be kept which is missed because of too little room.
const CUT_SHORT: f64 = 0.9;

/// What identifies an alert while it lasts: its code, and the device that it is about.
pub(super) type Key = (&'static str, Option<DeviceId>);

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition {
    /// What it is.
    pub(super) key: Key,
    /// Its device's stream.
    pub(super) stream: Option<StreamId>,
    pub(super) tenant: TenantId,
    pub(super) severity: Severity,
    pub(super) text: String,
    pub(super) action: &'static str,
    /// How long it must last before anybody is told.
    pub(super) hold: Duration,
}

/// How a camera does.
#[derive(Clone, Debug)]
pub(super) struct Camera {
    pub(super) tenant: TenantId,
    pub(super) device: DeviceId,
    pub(super) stream: StreamId,
    pub(super) name: String,
    pub(super) state: StreamState,
    pub(super) code: ReasonCode,
    pub(super) reason: String,
    /// Of a stream that runs.
    pub(super) health: Option<Health>,
    /// Why it is not recorded though it should be.
    pub(super) recording_problem: Option<String>,
    /// Units that were not recorded in the last minutes because the recorder fell behind.
    pub(super) missed: u64,
}

/// How the server does.
#[derive(Clone, Debug, Default)]
pub(super) struct Machine {
    /// Percent of all cores.
    pub(super) cpu: Option<f64>,
    /// Why there is no storage.
    pub(super) storage_problem: Option<String>,
    pub(super) forecast: Option<Forecast>,
    /// Days that recordings are to be kept.
    pub(super) days_wanted: Option<f64>,
}

/// What is not as it should be with a camera.
pub(super) fn of_camera(camera: &Camera) -> Vec<Condition> {
    let name = &camera.name;
    let mut found = Vec::new();
    let mut add = |code, severity, text: String, action, hold| {
        let (tenant, stream) = (camera.tenant.clone(), Some(camera.stream));
        found.push(Condition {
            key: (code, Some(camera.device)),
            stream,
            tenant,
            severity,
            text,
            action,
            hold,
        });
    };
    if camera.state == StreamState::Error {
        let text = format!("{name}: {}", camera.reason);
        add("CAMERA_ERROR", Severity::Critical, text, remedy(camera.code), PATIENCE);
    }
    if let Some(problem) = &camera.recording_problem {
        let text = format!("{name} is not recorded: {problem}");
        let action = "Look at the storage in Settings; recording goes on by itself when it is there again.";
        add("RECORDING_FAILED", Severity::Critical, text, action, Duration::ZERO);
    }
    if camera.missed > 0 {
        let text =
            format!("{name} has a gap in its recording: {} pictures or packets came too fast", camera.missed);
        let action =
            "The disk or the processor is too slow for all cameras; record fewer or smaller streams.";
        add("RECORDING_GAP", Severity::Warning, text, action, Duration::ZERO);
    }
    let live = camera.health.as_ref().filter(|_| camera.state == StreamState::Live);
    let Some(health) = live else { return found };
    if health.packet_loss > LOSSY {
        let text = format!("{name} loses {:.1} % of its packets", health.packet_loss * 100.0);
        let action = "Check cable, switch and Wi-Fi of the camera, or let it send over TCP.";
        add("PACKET_LOSS", Severity::Warning, text, action, PATIENCE);
    }
    if let Some(seconds) = health.keyframe_interval_s.filter(|seconds| *seconds > LONG_GROUP) {
        let text =
            format!("{name} sends a key picture only every {seconds:.0} s: viewers wait long for the first");
        let action = "Set the camera's key frame interval (GOP) to two seconds.";
        add("KEYFRAME_INTERVAL", Severity::Warning, text, action, PATIENCE);
    }
    if health.b_frames {
        let text =
            format!("{name} sends B-frames, which browsers can't play live over WebRTC without stutter");
        let action =
            "Switch B-frames off in the camera, or choose the Baseline or Main profile without them.";
        add("B_FRAMES", Severity::Warning, text, action, PATIENCE);
    }
    if let Some(ppm) = health.clock_drift_ppm.filter(|ppm| ppm.abs() > DRIFT_PPM) {
        let seconds = ppm.abs() * 86_400.0 / 1_000_000.0;
        let way = if ppm > 0.0 { "fast" } else { "slow" };
        let text = format!("{name}'s clock runs {way} by {seconds:.0} s a day");
        let action = "Let the camera take its time from an NTP server.";
        add("CLOCK_DRIFT", Severity::Info, text, action, HABIT);
    }
    found
}

/// What to do about a camera that failed for this reason.
const fn remedy(code: ReasonCode) -> &'static str {
    match code {
        ReasonCode::Unauthorized => "Enter the camera's user name and password in its device settings.",
        ReasonCode::NotFound => "The camera has no such path; check the address in its device settings.",
        ReasonCode::NotAllowed => {
            "Add the camera's network to the hosts that may be connected to, in Settings."
        }
        ReasonCode::NotRtsp | ReasonCode::ConnectionRefused => {
            "Check address and port, and that RTSP is switched on in the camera."
        }
        ReasonCode::HostUnreachable | ReasonCode::Timeout => "Check the camera's power, cable and network.",
        ReasonCode::NoVideo | ReasonCode::BadDescription | ReasonCode::BadMedia => {
            "Set the camera's stream to H.264 or H.265."
        }
        _ => "It is tried again by itself; restart the camera if that does not help.",
    }
}

/// What is not as it should be with the server.
pub(super) fn of_machine(tenant: &TenantId, machine: &Machine) -> Vec<Condition> {
    let mut found = Vec::new();
    let mut add = |code, severity, text: String, action, hold| {
        let tenant = tenant.clone();
        found.push(Condition { key: (code, None), stream: None, tenant, severity, text, action, hold });
    };
    if let Some(problem) = &machine.storage_problem {
        let action =
            "Mount the recordings' folder or correct recording.path; recording begins by itself then.";
        add(
            "STORAGE_UNAVAILABLE",
            Severity::Critical,
            format!("nothing is recorded: {problem}"),
            action,
            Duration::ZERO,
        );
    }
    if let Some(cpu) = machine.cpu.filter(|cpu| *cpu > BUSY) {
        let text = format!("the server's processor is busy to {cpu:.0} %: pictures may stutter and be lost");
        let action = "Let fewer cameras or viewers use this server, or give it more cores.";
        add("SERVER_OVERLOADED", Severity::Warning, text, action, PATIENCE);
    }
    let Some(forecast) = &machine.forecast else { return found };
    let kept = forecast.days_kept.zip(machine.days_wanted);
    if let Some((kept, wanted)) = kept.filter(|(kept, wanted)| *kept < wanted * CUT_SHORT) {
        let text = format!(
            "recordings will be kept for {kept:.1} days instead of {wanted:.0}: there is too little room"
        );
        let action = "Add storage, record less, or keep recordings for fewer days.";
        add("RETENTION_CUT_SHORT", Severity::Warning, text, action, HABIT);
    } else if machine.days_wanted.is_none()
        && let Some(hours) = forecast.days_left.map(|days| days * 24.0).filter(|hours| *hours < ROOM_HOURS)
    {
        let text = format!("the storage is nearly full: room for {hours:.1} hours is left");
        let action = "The oldest recordings go next; add storage or keep recordings for fewer days.";
        add("DISK_NEARLY_FULL", Severity::Warning, text, action, HABIT);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera(change: impl FnOnce(&mut Camera, &mut Health)) -> Vec<&'static str> {
        let mut camera = Camera {
            tenant: TenantId::default(),
            device: DeviceId::random(),
            stream: StreamId::random(),
            name: "Gate".to_owned(),
            state: StreamState::Live,
            code: ReasonCode::KeyPicture,
            reason: "a key picture came".to_owned(),
            health: None,
            recording_problem: None,
            missed: 0,
        };
        let mut health = Health::default();
        change(&mut camera, &mut health);
        camera.health = Some(health);
        of_camera(&camera).iter().map(|condition| condition.key.0).collect()
    }

    #[test]
    fn a_camera_that_does_well_is_not_mentioned() {
        assert_eq!(camera(|_, health| health.keyframe_interval_s = Some(4.0)), [""; 0]);
    }

    #[test]
    fn what_is_wrong_with_a_camera_is_said() {
        assert_eq!(camera(|camera, _| camera.state = StreamState::Error), ["CAMERA_ERROR"]);
        let all = camera(|camera, health| {
            camera.recording_problem = Some("the disk is full".to_owned());
            camera.missed = 7;
            health.packet_loss = 0.03;
            health.keyframe_interval_s = Some(12.0);
            health.b_frames = true;
            health.clock_drift_ppm = Some(-700.0);
        });
        let expected = [
            "RECORDING_FAILED",
            "RECORDING_GAP",
            "PACKET_LOSS",
            "KEYFRAME_INTERVAL",
            "B_FRAMES",
            "CLOCK_DRIFT",
        ];
        assert_eq!(all, expected);
        // What it did while it was there does not matter once it is away.
        let away = camera(|camera, health| {
            camera.state = StreamState::Error;
            health.packet_loss = 0.5;
        });
        assert_eq!(away, ["CAMERA_ERROR"]);
    }

    #[test]
    fn what_is_wrong_with_the_server_is_said() {
        let of = |machine: Machine| -> Vec<_> {
            of_machine(&TenantId::default(), &machine).iter().map(|found| found.key.0).collect()
        };
        assert_eq!(of(Machine { cpu: Some(50.0), ..Machine::default() }), [""; 0]);
        let bad = Machine {
            cpu: Some(99.0),
            storage_problem: Some("the folder is not mounted".to_owned()),
            ..Machine::default()
        };
        assert_eq!(of(bad), ["STORAGE_UNAVAILABLE", "SERVER_OVERLOADED"]);
    }
}
