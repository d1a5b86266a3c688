//! SDP fragments of publishers, the bodies of WHIP's PATCH requests (RFC 8840, section 9; RFC 9725, section 4.3).

use super::error::WhipPatchError;
use super::session::Remote;
use crate::sdp::Fragment;
use vas_core::Secret;

/// Candidates in one fragment.
const MAX_CANDIDATES: usize = 32;

/// What a publisher says of its side of ICE after the offer.
#[derive(Debug)]
pub(super) struct PublisherFragment {
    pub(super) ufrag: String,
    pub(super) pwd: Secret,
    /// The values of its `a=candidate` lines, each with the attribute's name.
    pub(super) candidates: Vec<String>,
    /// Whether there are no more to come.
    complete: bool,
}

impl PublisherFragment {
    pub(super) fn parse(text: &str) -> Result<Self, WhipPatchError> {
        let fragment =
            Fragment::parse(text).map_err(|error| WhipPatchError::BadFragment(error.to_string()))?;
        let candidates = text.lines().filter_map(|line| line.trim_end().strip_prefix("a="));
        let candidates = candidates.filter(|value| value.starts_with("candidate:"));
        Ok(Self {
            candidates: candidates.take(MAX_CANDIDATES).map(str::to_owned).collect(),
            ufrag: fragment.ice_ufrag,
            pwd: fragment.ice_pwd,
            complete: text.lines().any(|line| line.trim_end() == "a=end-of-candidates"),
        })
    }

    /// Whether it begins another ICE session than the present one.
    pub(super) fn restarts(&self, remote: &Remote) -> bool {
        self.ufrag != remote.ufrag || self.pwd.expose() != remote.pwd.expose()
    }
}

/// The offer with other ICE credentials and candidates, as a second offer that restarts ICE and changes nothing else.
pub(super) fn with_credentials(offer: &str, fragment: &PublisherFragment) -> String {
    let mut out = String::with_capacity(offer.len() + 256);
    let mut sections = 0;
    for line in offer.lines() {
        let name = line.split(':').next().unwrap_or_default();
        match name {
            "a=ice-ufrag" => out.push_str(&format!("a=ice-ufrag:{}", fragment.ufrag)),
            "a=ice-pwd" => out.push_str(&format!("a=ice-pwd:{}", fragment.pwd.expose())),
            "a=candidate" | "a=end-of-candidates" => continue,
            _ => out.push_str(line),
        }
        out.push_str("\r\n");
        if line.starts_with("m=") {
            sections += 1;
        }
        // Connection data come first in a section, then attributes; those of the first one go for all (RFC 9143,
        // section 7).
        if sections == 1 && name == "a=ice-pwd" {
            for candidate in &fragment.candidates {
                out.push_str(&format!("a={candidate}\r\n"));
            }
            if fragment.complete {
                out.push_str("a=end-of-candidates\r\n");
            }
        }
    }
    out
}

/// Of an answer: the entity tag of its ICE session, and the fragment with its credentials and candidates.
pub(super) fn candidates_of(answer: &str) -> (String, String) {
    let ufrag = answer.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).unwrap_or_default();
    let mut fragment = String::new();
    let mut seen_section = false;
    for line in answer.lines() {
        // Bundled sections repeat all of it.
        if line.starts_with("m=") && std::mem::replace(&mut seen_section, true) {
            break;
        }
        let wanted = ["m=", "a=mid:", "a=ice-ufrag:", "a=ice-pwd:", "a=candidate:", "a=end-of-candidates"];
        if wanted.iter().any(|start| line.starts_with(start)) {
            fragment.push_str(line);
            fragment.push_str("\r\n");
        }
    }
    (format!("\"{ufrag}\""), fragment)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAGMENT: &str = "a=ice-ufrag:new1\r\na=ice-pwd:secretsecretsecretsecret\r\nm=audio 9 RTP/AVP 0\r\n\
        a=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=end-of-candidates\r\n";

    #[test]
    fn candidates_and_credentials_are_read() {
        let fragment = PublisherFragment::parse(FRAGMENT).unwrap();
        assert_eq!(fragment.candidates, ["candidate:1 1 udp 1 192.0.2.1 9 typ host"]);
        let remote = |ufrag: &str| Remote {
            offer: String::new(),
            ufrag: ufrag.to_owned(),
            pwd: Secret::new("secretsecretsecretsecret"),
            candidates: 0,
        };
        assert!(!fragment.restarts(&remote("new1")));
        assert!(fragment.restarts(&remote("old1")));
        assert!(PublisherFragment::parse("a=candidate:1").is_err());
    }

    #[test]
    fn an_offer_gets_other_credentials_and_keeps_the_rest() {
        let offer = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=candidate:9 1 udp 1 192.0.2.9 9 typ host\r\n\
            a=ice-ufrag:old1\r\na=ice-pwd:oldoldoldoldoldoldoldold\r\na=mid:0\r\n";
        let got = with_credentials(offer, &PublisherFragment::parse(FRAGMENT).unwrap());
        assert_eq!(
            got,
            "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=ice-ufrag:new1\r\na=ice-pwd:secretsecretsecretsecret\r\n\
             a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=end-of-candidates\r\na=mid:0\r\n"
        );
    }

    #[test]
    fn the_answer_to_a_restart_is_the_part_about_ice() {
        let answer = "v=0\r\na=fingerprint:sha-256 AB\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n\
            a=ice-ufrag:mine\r\na=ice-pwd:mypwd\r\na=rtpmap:96 VP8/90000\r\na=candidate:1\r\n\
            m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\na=ice-ufrag:mine\r\n";
        let (tag, fragment) = candidates_of(answer);
        assert_eq!(tag, "\"mine\"");
        assert_eq!(
            fragment,
            "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=ice-ufrag:mine\r\na=ice-pwd:mypwd\r\na=candidate:1\r\n"
        );
    }
}
