//! A picture in YUV 4:2:0 that is drawn on with rectangles and text.

use super::font;

/// A colour in limited-range YUV (16 to 235 for luma, 128 for no colour).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colour(pub(super) u8, pub(super) u8, pub(super) u8);

pub(super) const BLACK: Colour = Colour(16, 128, 128);
pub(super) const WHITE: Colour = Colour(235, 128, 128);

/// A rectangle. Drawing rounds it to even pixels, as colour has half the resolution, and cuts it at the edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Rect {
    pub(super) const fn new(x: usize, y: usize, width: usize, height: usize) -> Self {
        Self { x, y, width, height }
    }
}

/// A picture of even width and height.
#[derive(Clone, Debug)]
pub(super) struct Canvas {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) y: Vec<u8>,
    pub(super) u: Vec<u8>,
    pub(super) v: Vec<u8>,
}

impl Canvas {
    /// A picture of one colour.
    pub(super) fn new(width: usize, height: usize, colour: Colour) -> Self {
        let (luma, chroma) = (width * height, width / 2 * (height / 2));
        Self { width, height, y: vec![colour.0; luma], u: vec![colour.1; chroma], v: vec![colour.2; chroma] }
    }

    pub(super) fn fill(&mut self, rect: Rect, colour: Colour) {
        let (left, right) = ((rect.x & !1).min(self.width), ((rect.x + rect.width) & !1).min(self.width));
        let (top, bottom) = ((rect.y & !1).min(self.height), ((rect.y + rect.height) & !1).min(self.height));
        if left >= right {
            return;
        }
        for row in top..bottom {
            let start = row * self.width;
            self.y[start + left..start + right].fill(colour.0);
        }
        for row in top / 2..bottom / 2 {
            let start = row * (self.width / 2);
            self.u[start + left / 2..start + right / 2].fill(colour.1);
            self.v[start + left / 2..start + right / 2].fill(colour.2);
        }
    }

    /// Copies a rectangle from another picture of the same size.
    pub(super) fn copy(&mut self, from: &Self, rect: Rect) {
        let (left, right) = ((rect.x & !1).min(self.width), (rect.x + rect.width + 1) & !1);
        let right = right.clamp(left, self.width);
        let (top, bottom) = ((rect.y & !1).min(self.height), (rect.y + rect.height + 1) & !1);
        let bottom = bottom.clamp(top, self.height);
        for row in top..bottom {
            let span = row * self.width + left..row * self.width + right;
            self.y[span.clone()].copy_from_slice(&from.y[span]);
        }
        for row in top / 2..bottom / 2 {
            let start = row * (self.width / 2);
            let span = start + left / 2..start + right / 2;
            self.u[span.clone()].copy_from_slice(&from.u[span.clone()]);
            self.v[span.clone()].copy_from_slice(&from.v[span]);
        }
    }

    /// A disc around a centre.
    pub(super) fn disc(&mut self, centre: (usize, usize), radius: usize, colour: Colour) {
        for row in centre.1.saturating_sub(radius)..centre.1 + radius {
            let dy = row.abs_diff(centre.1);
            let half = ((radius * radius).saturating_sub(dy * dy)).isqrt();
            let (left, right) = (centre.0.saturating_sub(half), (centre.0 + half).min(self.width));
            if row >= self.height || left >= right {
                continue;
            }
            self.y[row * self.width + left..row * self.width + right].fill(colour.0);
            let start = row / 2 * (self.width / 2);
            self.u[start + left / 2..start + right / 2].fill(colour.1);
            self.v[start + left / 2..start + right / 2].fill(colour.2);
        }
    }

    /// Writes text with dots of `scale` pixels from its top left corner on, in a grey that stands on grey: colour
    /// is left as it is.
    pub(super) fn text(
        &mut self,
        text: impl Iterator<Item = char>,
        at: (usize, usize),
        scale: usize,
        luma: u8,
    ) {
        for (n, character) in text.enumerate() {
            for (row, dots) in font::glyph(character).into_iter().enumerate() {
                for column in (0..font::WIDTH).filter(|column| dots >> (font::WIDTH - 1 - column) & 1 == 1) {
                    self.dot(at.0 + (n * font::ADVANCE + column) * scale, at.1 + row * scale, scale, luma);
                }
            }
        }
    }

    fn dot(&mut self, x: usize, y: usize, size: usize, luma: u8) {
        let (left, right) = (x.min(self.width), (x + size).min(self.width));
        for row in y.min(self.height)..(y + size).min(self.height) {
            self.y[row * self.width + left..row * self.width + right].fill(luma);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawing_beyond_the_edges_is_cut() {
        let mut canvas = Canvas::new(64, 32, BLACK);
        let other = Canvas::new(64, 32, WHITE);
        canvas.fill(Rect::new(60, 30, 100, 100), WHITE);
        canvas.copy(&other, Rect::new(200, 200, 10, 10));
        canvas.copy(&other, Rect::new(62, 0, 10, 10));
        canvas.disc((63, 31), 9, WHITE);
        canvas.text("clock".chars(), (50, 28), 3, 200);
        assert_eq!((canvas.y[0], canvas.y[63]), (16, 235));
        assert!(canvas.y.contains(&200));
    }
}
