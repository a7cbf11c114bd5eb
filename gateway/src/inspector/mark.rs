//! Draws a line of text into a picture: who took it out, when and where. Runs in the child only.
//!
//! Attacker: somebody who passes a picture on and cuts the mark off. It stands along the lower edge, to be read, and again and again at 45 degrees
//! across all of the picture: whatever part of it is of use has a piece of the mark. It hides nothing from whoever may see the picture, and does not
//! stop somebody who repaints it.

use image::{Rgb, RgbImage};

/// A glyph's width and height in dots, and with the space to the next.
const WIDTH: i64 = 5;
const HEIGHT: i64 = 7;
const ADVANCE: i64 = WIDTH + 1;

/// Lines that cross a picture, at least.
const LINES: i64 = 4;

/// Dots of a line that fit along the shorter side, about: they say how large a dot is.
const DOTS_ALONG: i64 = 320;

/// Draws `text` along the lower edge and across. Letters are drawn as capitals, and whatever there is no glyph for as `?`.
pub(super) fn draw(picture: &mut RgbImage, text: &[u8]) {
    let text: Vec<&[u8; 7]> = text.iter().map(|byte| glyph(*byte)).collect();
    let (width, height) = (i64::from(picture.width()), i64::from(picture.height()));
    let dot = (width.min(height) / DOTS_ALONG).max(1);
    let band = height - (HEIGHT + 4) * dot;
    // At 45 degrees a dot is as long as its diagonal: half of it is close enough, and readable.
    let period = (width.max(height) / LINES).max((HEIGHT + 3) * dot);
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        let (x, y) = (i64::from(x), i64::from(y));
        if y >= band {
            let lit = is_lit(&text, x / dot - 2, (y - band) / dot - 2);
            *pixel = if lit { Rgb([255; 3]) } else { Rgb(pixel.0.map(|sample| sample / 4)) };
        } else if is_lit(&text, (x + y) / dot, (y - x).rem_euclid(period) / dot) {
            *pixel = lightly(*pixel);
        }
    }
}

/// Whether the text, which goes on and on, has a dot here.
fn is_lit(text: &[&[u8; 7]], column: i64, row: i64) -> bool {
    let (place, column) = (column.div_euclid(ADVANCE), column.rem_euclid(ADVANCE));
    let len = i64::try_from(text.len()).unwrap_or(i64::MAX).max(1);
    // A gap of two letters before it begins again.
    let place = usize::try_from(place.rem_euclid(len.saturating_add(2))).unwrap_or(usize::MAX);
    let row = usize::try_from(row).unwrap_or(usize::MAX);
    let Some(bits) = text.get(place).and_then(|glyph| glyph.get(row)) else { return false };
    column < WIDTH && bits >> (WIDTH - 1 - column) & 1 == 1
}

/// A quarter towards what stands out from it.
fn lightly(Rgb(samples): Rgb<u8>) -> Rgb<u8> {
    let sum: u32 = samples.iter().copied().map(u32::from).sum();
    let bright = sum > 3 * 127;
    Rgb(samples.map(|sample| if bright { sample - sample / 4 } else { sample + (255 - sample) / 4 }))
}

fn glyph(byte: u8) -> &'static [u8; 7] {
    let wanted = byte.to_ascii_uppercase();
    GLYPHS.iter().find(|(known, _)| *known == wanted).map_or(&UNKNOWN, |(_, glyph)| glyph)
}

const UNKNOWN: [u8; 7] = [0x0e, 0x11, 0x01, 0x02, 0x04, 0x00, 0x04];

/// Rows from the top, each five bits, the left one first.
const GLYPHS: &[(u8, [u8; 7])] = &[
    (b' ', [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00]),
    (b'0', [0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e]),
    (b'1', [0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e]),
    (b'2', [0x0e, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1f]),
    (b'3', [0x1f, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0e]),
    (b'4', [0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02]),
    (b'5', [0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e]),
    (b'6', [0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e]),
    (b'7', [0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08]),
    (b'8', [0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e]),
    (b'9', [0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c]),
    (b'A', [0x0e, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11]),
    (b'B', [0x1e, 0x11, 0x11, 0x1e, 0x11, 0x11, 0x1e]),
    (b'C', [0x0e, 0x11, 0x10, 0x10, 0x10, 0x11, 0x0e]),
    (b'D', [0x1e, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1e]),
    (b'E', [0x1f, 0x10, 0x10, 0x1e, 0x10, 0x10, 0x1f]),
    (b'F', [0x1f, 0x10, 0x10, 0x1e, 0x10, 0x10, 0x10]),
    (b'G', [0x0e, 0x11, 0x10, 0x17, 0x11, 0x11, 0x0f]),
    (b'H', [0x11, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11]),
    (b'I', [0x0e, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0e]),
    (b'J', [0x07, 0x02, 0x02, 0x02, 0x02, 0x12, 0x0c]),
    (b'K', [0x11, 0x12, 0x14, 0x18, 0x14, 0x12, 0x11]),
    (b'L', [0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1f]),
    (b'M', [0x11, 0x1b, 0x15, 0x15, 0x11, 0x11, 0x11]),
    (b'N', [0x11, 0x19, 0x15, 0x13, 0x11, 0x11, 0x11]),
    (b'O', [0x0e, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e]),
    (b'P', [0x1e, 0x11, 0x11, 0x1e, 0x10, 0x10, 0x10]),
    (b'Q', [0x0e, 0x11, 0x11, 0x11, 0x15, 0x12, 0x0d]),
    (b'R', [0x1e, 0x11, 0x11, 0x1e, 0x14, 0x12, 0x11]),
    (b'S', [0x0f, 0x10, 0x10, 0x0e, 0x01, 0x01, 0x1e]),
    (b'T', [0x1f, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04]),
    (b'U', [0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e]),
    (b'V', [0x11, 0x11, 0x11, 0x11, 0x11, 0x0a, 0x04]),
    (b'W', [0x11, 0x11, 0x11, 0x15, 0x15, 0x1b, 0x11]),
    (b'X', [0x11, 0x11, 0x0a, 0x04, 0x0a, 0x11, 0x11]),
    (b'Y', [0x11, 0x11, 0x0a, 0x04, 0x04, 0x04, 0x04]),
    (b'Z', [0x1f, 0x01, 0x02, 0x04, 0x08, 0x10, 0x1f]),
    (b'.', [0x00, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x0c]),
    (b'-', [0x00, 0x00, 0x00, 0x1f, 0x00, 0x00, 0x00]),
    (b'_', [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x1f]),
    (b':', [0x00, 0x0c, 0x0c, 0x00, 0x0c, 0x0c, 0x00]),
    (b'/', [0x01, 0x01, 0x02, 0x04, 0x08, 0x10, 0x10]),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(before: &RgbImage, after: &RgbImage, x: u32, y: u32, side: u32) -> usize {
        let area = (x..x + side).flat_map(|x| (y..y + side).map(move |y| (x, y)));
        area.filter(|(x, y)| before.get_pixel(*x, *y) != after.get_pixel(*x, *y)).count()
    }

    #[test]
    fn no_part_that_is_of_use_is_without_the_mark() {
        for shade in [0, 40, 127, 200, 255] {
            let before = RgbImage::from_pixel(800, 600, Rgb([shade; 3]));
            let mut after = before.clone();
            draw(&mut after, b"carla 2026-02-03 04:05 UTC Clinic");
            let mut unmarked = before.clone();
            draw(&mut unmarked, b"");
            assert_eq!(changed(&before, &unmarked, 0, 0, 500), 0, "the control");
            for (x, y) in [(0, 0), (300, 100), (500, 250), (100, 300)] {
                assert!(changed(&before, &after, x, y, 250) > 100, "{shade} {x} {y}");
            }
            let all = 800 * 580;
            let lit = (0..800).flat_map(|x| (0..580).map(move |y| (x, y)));
            let lit = lit.filter(|(x, y)| before.get_pixel(*x, *y) != after.get_pixel(*x, *y)).count();
            assert!(lit * 10 < all, "it hides the picture: {lit} of {all}");
        }
    }

    #[test]
    fn who_took_it_out_is_what_the_mark_says_and_tiny_pictures_do_not_matter() {
        let drawn = |text: &[u8]| {
            let mut picture = RgbImage::from_pixel(400, 300, Rgb([90; 3]));
            draw(&mut picture, text);
            picture
        };
        assert_ne!(drawn(b"carla"), drawn(b"karla"));
        assert_eq!(drawn(b"carla"), drawn(b"CARLA"));
        assert_eq!(drawn(b"\xc3\xa9"), drawn(b"??"));
        for (width, height) in [(1, 1), (3, 2000), (2000, 3)] {
            draw(&mut RgbImage::new(width, height), b"carla");
        }
    }
}
