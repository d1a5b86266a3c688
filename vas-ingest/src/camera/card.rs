//! The synthetic picture: a test card with colour bars, the camera's name, a running clock, a frame counter and a
//! moving disc, below the machine-readable [`strip`].
//!
//! All that stands still is drawn once; a new frame touches the strip, the clock, the counter and the disc.

use super::canvas::{Canvas, Colour, Rect};
use super::font;
use super::strip::{self, Stamp};
use std::fmt::Write;
use vas_core::WallTime;

/// Bars at 75 % in the order of their luma, as on every test card (BT.601).
const BARS: [Colour; 7] = [
    Colour(180, 128, 128),
    Colour(162, 44, 142),
    Colour(131, 156, 44),
    Colour(112, 72, 58),
    Colour(84, 184, 198),
    Colour(65, 100, 212),
    Colour(35, 212, 114),
];
const BACKGROUND: Colour = Colour(34, 136, 122);
const PANEL: Colour = Colour(22, 128, 128);
const DISC: Colour = Colour(150, 60, 190);
const TEXT: u8 = 228;
const FAINT_TEXT: u8 = 150;

/// Different grains; a picture is predicted from the one before it alone, so a few are as good as many.
const GRAINS: usize = 4;
/// Greatest deviation of the grain from the bars' luma, to either side.
const GRAIN: u32 = 12;

/// Frames that the disc takes from one side to the other.
const SWEEP: u64 = 100;

/// A picture that is drawn again and again.
#[derive(Debug)]
pub(super) struct Card {
    canvas: Canvas,
    /// The picture without what moves.
    still: Canvas,
    /// The rows of the bars with grain on them; none without grain.
    grains: Vec<Vec<u8>>,
    bars: Rect,
    /// Where the clock and the counter are.
    clock: Rect,
    counter: Rect,
    scale: usize,
    /// The band that the disc moves along.
    band: Rect,
    disc: Rect,
    text: String,
}

impl Card {
    /// A card of even width and height with the camera's name on it.
    pub(super) fn new(width: usize, height: usize, name: &str, grain: bool) -> Self {
        let mut still = Canvas::new(width, height, BACKGROUND);
        let top = strip::height(width);
        // The height below the strip in parts: margin, bars, margin, name and clock, margin, band.
        let below = height.saturating_sub(top);
        let scale = (width / 160).min(below / 70).max(1);
        let margin = 2 * scale;
        let line = font::HEIGHT * scale;
        let band_height = (below / 7).max(4);
        let panel_height = 2 * line + 3 * margin;
        let bars_height = below.saturating_sub(band_height + panel_height + 3 * margin);

        let bar = (width - 2 * margin) / BARS.len();
        for (n, colour) in BARS.into_iter().enumerate() {
            still.fill(Rect::new(margin + n * bar, top + margin, bar, bars_height), colour);
        }
        let bars = Rect::new(0, top + margin, width, bars_height);
        let rows = bars.y * width..(bars.y + bars.height) * width;
        let count = if grain { GRAINS } else { 0 };
        let grains = (0..count).map(|n| grainy(&still.y[rows.clone()], n as u32)).collect();

        let panel = Rect::new(margin, top + 2 * margin + bars_height, width - 2 * margin, panel_height);
        still.fill(panel, PANEL);
        let left = panel.x + 2 * margin;
        let room = panel.width.saturating_sub(4 * margin);
        let name_length = room / 2 / (font::ADVANCE * scale);
        still.text(name.chars().take(name_length), (left, panel.y + margin), scale, TEXT);
        let size = format!("{width}X{height} UTC");
        let small = (scale / 2).max(1);
        still.text(size.chars(), (left, panel.y + 2 * margin + line), small, FAINT_TEXT);

        let field = |characters: usize, y: usize, scale: usize| {
            let width = characters * font::ADVANCE * scale;
            Rect::new((panel.x + panel.width).saturating_sub(width + margin), y, width, font::HEIGHT * scale)
        };
        let clock = field("00:00:00.000".len(), panel.y + margin, scale);
        let counter = field("FRAME 0000000000".len(), panel.y + 2 * margin + line, small);
        let band = Rect::new(0, height - band_height, width, band_height);
        for n in 0..32 {
            let grey = Colour(16 + 7 * n as u8, 128, 128);
            still.fill(Rect::new(width * n / 32, band.y, width / 32 + 2, band_height), grey);
        }
        let disc = Rect::new(0, band.y, 0, 0);
        Self {
            canvas: still.clone(),
            still,
            grains,
            bars,
            clock,
            counter,
            scale,
            band,
            disc,
            text: String::new(),
        }
    }

    /// Draws the picture of frame number `frame`, captured at `captured`.
    pub(super) fn draw(&mut self, frame: u64, captured: WallTime) -> &Canvas {
        let millis = captured.as_unix_micros().div_euclid(1_000);
        strip::draw(&mut self.canvas, Stamp { frame: frame as u32, utc_millis: millis as u32 });

        let day = millis.rem_euclid(86_400_000);
        self.text.clear();
        let (hours, minutes, seconds) = (day / 3_600_000, day / 60_000 % 60, day / 1_000 % 60);
        // Writing to a String can't fail.
        let _ = write!(self.text, "{hours:02}:{minutes:02}:{seconds:02}.{:03}", day % 1_000);
        self.canvas.copy(&self.still, self.clock);
        self.canvas.text(self.text.chars(), (self.clock.x, self.clock.y), self.scale, TEXT);

        self.text.clear();
        let _ = write!(self.text, "FRAME {:10}", frame % 10_000_000_000);
        self.canvas.copy(&self.still, self.counter);
        let small = (self.scale / 2).max(1);
        self.canvas.text(self.text.chars(), (self.counter.x, self.counter.y), small, FAINT_TEXT);

        if !self.grains.is_empty() {
            let start = self.bars.y * self.canvas.width;
            let grain = &self.grains[frame as usize % GRAINS];
            self.canvas.y[start..start + grain.len()].copy_from_slice(grain);
        }

        self.canvas.copy(&self.still, self.disc);
        let radius = self.band.height / 2;
        let way = (self.band.width - 2 * radius) as u64;
        let step = frame % (2 * SWEEP);
        let along = if step < SWEEP { step } else { 2 * SWEEP - step };
        let centre = (radius + (way * along / SWEEP) as usize, self.band.y + radius);
        self.canvas.disc(centre, radius, DISC);
        self.disc = Rect::new(centre.0 - radius, centre.1 - radius, 2 * radius, 2 * radius);
        &self.canvas
    }
}

/// The luma with noise on it, always the same for the same `seed`.
fn grainy(luma: &[u8], seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let noisy = luma.iter().map(|&luma| {
        // Marsaglia's xorshift: no more is asked of it than to look random.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let noise = (state >> 16) % (2 * GRAIN + 1);
        (u32::from(luma) + noise).saturating_sub(GRAIN).clamp(16, 235) as u8
    });
    noisy.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_drawn_again_equals_one_drawn_anew_at_any_size() {
        for (width, height) in [(320, 180), (640, 360), (1280, 720), (322, 50), (1920, 1080), (640, 42)] {
            let new =
                || Card::new(width, height, "gate 1, with a long name that does not fit", height == 360);
            let mut card = new();
            for frame in 0..250 {
                card.draw(frame, WallTime::from_unix_micros(1_700_000_000_000_000 + frame as i64 * 40_000));
            }
            let captured = WallTime::from_unix_micros(1_700_000_000_123_000);
            let mut other = new();
            let (again, anew) = (card.draw(251, captured), other.draw(251, captured));
            assert!((&again.y, &again.u, &again.v) == (&anew.y, &anew.u, &anew.v), "{width}x{height}");
            let stamp = strip::read(&again.y, width, width).unwrap();
            assert_eq!(stamp, Stamp { frame: 251, utc_millis: 1_700_000_000_123_u64 as u32 });
        }
    }
}
