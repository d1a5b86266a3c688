//! A quiet beep of 1 kHz at the start of each second, as G.711 mu-law.

use bytes::Bytes;
use vas_core::WallTime;

/// Samples of a packet: 20 ms.
pub(super) const SAMPLES: usize = 160;
/// Packets a second.
pub(super) const PACKETS_PER_SECOND: u32 = 50;
/// How long a beep lasts, in microseconds.
const BEEP_MICROS: i64 = 100_000;
/// Peak of the beep, of 32,767.
const PEAK: f64 = 3_000.0;
/// Samples of one period of 1 kHz at 8 kHz.
const PERIOD: usize = 8;

/// The two packets that the sound is made of.
#[derive(Debug)]
pub(super) struct Tone {
    beep: Bytes,
    silence: Bytes,
}

impl Tone {
    pub(super) fn new() -> Self {
        let sample = |n: usize| {
            let angle = std::f64::consts::TAU * (n % PERIOD) as f64 / PERIOD as f64;
            mu_law((PEAK * angle.sin()) as i16)
        };
        // A packet holds whole periods, so packets join without a click.
        Self { beep: (0..SAMPLES).map(sample).collect(), silence: vec![mu_law(0); SAMPLES].into() }
    }

    /// The packet whose first sample is of `captured`.
    pub(super) fn packet(&self, captured: WallTime) -> Bytes {
        let into_second = captured.as_unix_micros().rem_euclid(1_000_000);
        if into_second < BEEP_MICROS { self.beep.clone() } else { self.silence.clone() }
    }
}

/// ITU-T G.711, mu-law.
fn mu_law(sample: i16) -> u8 {
    const BIAS: u16 = 0x84;
    const CLIP: u16 = 32_635;
    let magnitude = sample.unsigned_abs().min(CLIP) + BIAS;
    let exponent = (15 - magnitude.leading_zeros() as u8).saturating_sub(7);
    let mantissa = (magnitude >> (exponent + 3)) as u8 & 0x0f;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | (exponent << 4) | mantissa)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mu_law_has_the_values_of_its_table() {
        assert_eq!([0, 32_635, -32_635, 1_000, -1_000].map(mu_law), [0xff, 0x80, 0x00, 0xce, 0x4e]);
    }

    #[test]
    fn it_beeps_at_the_start_of_a_second() {
        let tone = Tone::new();
        let at = |micros| tone.packet(WallTime::from_unix_micros(micros));
        assert_eq!((at(5_000_000), at(5_099_999)), (tone.beep.clone(), tone.beep.clone()));
        assert_eq!((at(5_100_000), tone.silence.len()), (tone.silence.clone(), SAMPLES));
    }
}
