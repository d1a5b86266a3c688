//! From conditions to alerts: one opens when its condition has lasted, and closes when it has been gone for a while, so
//! that what comes and goes is not told again and again.

use super::conditions::{Condition, Key};
use crate::db::{Alert, AlertId};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use vas_core::WallTime;

/// A condition must be gone for so long before its alert closes.
const RELEASE: Duration = Duration::from_secs(15);
/// After a start the conditions of before are waited for: some must last for a while before they are seen.
const RESTART: Duration = Duration::from_secs(100);
/// Alerts that are open at a time; a server with more has one problem, not thousands.
const MAX_OPEN: usize = 2_000;

/// What is open, and what may soon be.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// Since when conditions last whose alerts are not open.
    waiting: HashMap<Key, Instant>,
    open: HashMap<Key, Open>,
}

#[derive(Debug)]
struct Open {
    alert: Alert,
    /// When its condition counts as gone, unless it is seen again.
    gone_at: Instant,
}

/// What became of an alert.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change {
    Opened(Alert),
    /// It says something else now.
    Changed(Alert),
    Closed(Alert),
}

impl Board {
    /// Takes up the alerts that were open when the server was stopped. Those of codes that are not known any more are
    /// left out; the caller closes them.
    pub(super) fn resume(&mut self, alerts: Vec<Alert>, known: &[&'static str], now: Instant) -> Vec<Alert> {
        let mut unknown = Vec::new();
        for alert in alerts {
            match known.iter().find(|code| **code == alert.code) {
                Some(code) => {
                    let key = (*code, alert.device);
                    self.open.insert(key, Open { alert, gone_at: now + RESTART });
                }
                None => unknown.push(alert),
            }
        }
        unknown
    }

    /// Compares with the conditions of now.
    pub(super) fn review(&mut self, found: Vec<Condition>, now: Instant, wall: WallTime) -> Vec<Change> {
        let mut changes = Vec::new();
        let seen: std::collections::HashSet<Key> = found.iter().map(|condition| condition.key).collect();
        self.waiting.retain(|key, _| seen.contains(key));
        for condition in found {
            if let Some(open) = self.open.get_mut(&condition.key) {
                open.gone_at = now + RELEASE;
                if open.alert.severity != condition.severity || differs(&open.alert.text, &condition.text) {
                    open.alert.severity = condition.severity;
                    open.alert.text = condition.text;
                    changes.push(Change::Changed(open.alert.clone()));
                }
                continue;
            }
            let since = *self.waiting.entry(condition.key).or_insert(now);
            let lasted = now.saturating_duration_since(since);
            if lasted < condition.hold || self.open.len() >= MAX_OPEN {
                continue;
            }
            self.waiting.remove(&condition.key);
            let alert = opened(&condition, lasted, wall);
            changes.push(Change::Opened(alert.clone()));
            self.open.insert(condition.key, Open { alert, gone_at: now + RELEASE });
        }
        self.open.retain(|_, open| {
            let lasts = open.gone_at > now;
            if !lasts {
                open.alert.until = Some(wall);
                changes.push(Change::Closed(open.alert.clone()));
            }
            lasts
        });
        changes
    }
}

fn opened(condition: &Condition, lasted: Duration, wall: WallTime) -> Alert {
    let lasted = i64::try_from(lasted.as_micros()).unwrap_or(0);
    Alert {
        id: AlertId::random(),
        tenant: condition.tenant.clone(),
        device: condition.key.1,
        stream: condition.stream,
        severity: condition.severity,
        code: condition.key.0.to_owned(),
        text: condition.text.clone(),
        action: condition.action.to_owned(),
        since: wall.add_micros(-lasted),
        until: None,
    }
}

/// Whether two texts differ in more than their figures: a share of lost packets is another one every time.
fn differs(a: &str, b: &str) -> bool {
    let words =
        |text: &str| -> String { text.chars().filter(|c| !c.is_ascii_digit() && *c != '.').collect() };
    words(a) != words(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Severity;
    use vas_core::DeviceId;
    use vas_core::model::TenantId;

    fn condition(device: DeviceId, text: &str) -> Condition {
        Condition {
            key: ("PACKET_LOSS", Some(device)),
            stream: None,
            tenant: TenantId::default(),
            severity: Severity::Warning,
            text: text.to_owned(),
            action: "look",
            hold: Duration::from_secs(30),
        }
    }

    fn at(seconds: i64) -> WallTime {
        WallTime::from_unix_micros(seconds * 1_000_000)
    }

    #[test]
    fn an_alert_opens_late_and_closes_late() {
        let (mut board, start, gate) = (Board::default(), Instant::now(), DeviceId::random());
        let mut review = |second: u64, found: &[&str]| {
            let found = found.iter().map(|text| condition(gate, text)).collect();
            board.review(found, start + Duration::from_secs(second), at(second as i64))
        };
        assert_eq!(review(0, &["loses 3.1 %"]), []);
        assert_eq!(review(10, &[]), [], "it was away in between");
        assert_eq!(review(20, &["loses 3.1 %"]), []);
        assert_eq!(review(45, &["loses 3.1 %"]), []);
        let opened = review(50, &["loses 3.1 %"]);
        let [Change::Opened(alert)] = &opened[..] else { panic!("{opened:?}") };
        assert_eq!((alert.since, alert.until, alert.device), (at(20), None, Some(gate)));
        assert_eq!(review(55, &["loses 4.5 %"]), [], "another figure is nothing new");
        assert_eq!(review(60, &[]), []);
        assert_eq!(review(65, &["loses all"]).len(), 1);
        assert_eq!(review(79, &[]), []);
        let closed = review(81, &[]);
        assert!(
            matches!(&closed[..], [Change::Closed(closed)] if closed.until == Some(at(81)) && closed.id == alert.id)
        );
    }

    #[test]
    fn what_was_open_before_a_restart_goes_on() {
        let (start, gate) = (Instant::now(), DeviceId::random());
        let mut first = Board::default();
        let one = Condition { hold: Duration::ZERO, ..condition(gate, "loses 3 %") };
        let changes = first.review(vec![one.clone()], start, at(0));
        let [Change::Opened(alert)] = &changes[..] else { panic!("{changes:?}") };
        let mut second = Board::default();
        let other = Alert { code: "GONE".to_owned(), ..alert.clone() };
        let unknown = second.resume(vec![alert.clone(), other.clone()], &["PACKET_LOSS"], start);
        assert_eq!(unknown, [other]);
        assert_eq!(second.review(vec![], start + Duration::from_secs(50), at(50)), []);
        assert_eq!(second.review(vec![one], start + Duration::from_secs(60), at(60)), []);
        let closed = second.review(vec![], start + Duration::from_secs(80), at(80));
        assert!(matches!(&closed[..], [Change::Closed(closed)] if closed.id == alert.id));
    }
}
