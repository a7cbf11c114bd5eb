//! Paints something like skin with a lesion on it: a soft gradient, noise, an uneven dark shape, a scale bar.

/// People who are photographed in turn: every so many pictures it is the same one again.
const SUBJECTS: u32 = 3;

/// By how much smaller the lesion is at each visit, in hundredths, and at how many visits it becomes so.
const SHRINKS: i32 = 14;
const SHRINKING_VISITS: u32 = 4;

/// RGB pixels, row by row. The number says whose skin it is, and which visit: the lesion of one subject stays the same, and shrinks from visit to visit.
/// Noise is each picture's own.
pub(super) fn paint(number: u32, width: u32, height: u32) -> Vec<u8> {
    let turn = number.saturating_sub(1);
    let visit = i32::try_from((turn / SUBJECTS).min(SHRINKING_VISITS)).unwrap_or_default();
    let mut subject = Noise::new(7919 * (turn % SUBJECTS) + 1);
    let tone = Tone::new(&mut subject);
    let lesion = Lesion::new(&mut subject, (width, height), 100 - SHRINKS * visit);
    let scale = Scale { width, height };
    let mut noise = Noise::new(number);
    let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
    for y in 0..height {
        let light_y = (y * 40 / height).cast_signed();
        for x in 0..width {
            let light = light_y + (x * 24 / width).cast_signed() - 32 + noise.grain();
            if let Some(bar) = scale.at(x, y) {
                pixels.extend([bar; 3]);
                continue;
            }
            let dark = lesion.darkness(x.cast_signed(), y.cast_signed());
            pixels.extend(tone.mix(dark).map(|channel| clamp(channel + light)));
        }
    }
    pixels
}

fn clamp(value: i32) -> u8 {
    u8::try_from(value.clamp(0, 255)).unwrap_or(u8::MAX)
}

/// Colours of skin and lesion.
struct Tone {
    skin: [i32; 3],
    lesion: [i32; 3],
}

impl Tone {
    fn new(noise: &mut Noise) -> Self {
        let shade = noise.below(110);
        Tone {
            skin: [222 - shade / 2, 176 - shade * 2 / 3, 150 - shade * 2 / 3],
            lesion: [96 - shade / 4, 54 - shade / 5, 44 - shade / 5],
        }
    }

    /// Between skin (0) and lesion (256).
    fn mix(&self, dark: i32) -> [i32; 3] {
        let mut colour = self.skin;
        for (channel, lesion) in colour.iter_mut().zip(self.lesion) {
            *channel += (lesion - *channel) * dark / 256;
        }
        colour
    }
}

/// A disc whose rim is uneven, darker towards the middle.
struct Lesion {
    centre: (i32, i32),
    /// Radius towards each of eight directions, in pixels; along the axes at even places.
    radii: [i32; 8],
    reach: i32,
}

impl Lesion {
    /// `size` in hundredths of what the subject's noise says.
    fn new(noise: &mut Noise, (width, height): (u32, u32), hundredths: i32) -> Self {
        let (width, height) = (width.cast_signed(), height.cast_signed());
        let size = height / 8 + noise.below(height / 8);
        let mut radii = [size; 8];
        for radius in &mut radii {
            *radius += noise.below(size / 2 + 1) - size / 4;
        }
        let centre = (width / 3 + noise.below(width / 3), height / 3 + noise.below(height / 3));
        Lesion { centre, radii: radii.map(|radius| radius * hundredths / 100), reach: size * 5 / 4 }
    }

    fn darkness(&self, x: i32, y: i32) -> i32 {
        let (dx, dy) = (x - self.centre.0, y - self.centre.1);
        if dx.abs() >= self.reach || dy.abs() >= self.reach {
            return 0;
        }
        let distance = dx * dx + dy * dy;
        let radius = self.radius(dx, dy);
        let square = (radius * radius).max(1);
        // A soft rim: full darkness inside half of the square of the radius.
        ((square - distance) * 512 / square).clamp(0, 256)
    }

    /// The radius in a direction, between those of the two nearest of the eight.
    fn radius(&self, dx: i32, dy: i32) -> i32 {
        let (long, short) = (dx.abs().max(dy.abs()), dx.abs().min(dy.abs()));
        // 0 on an axis, 256 on a diagonal.
        let towards = short * 256 / long.max(1);
        let axis = match (dx.abs() >= dy.abs(), dx < 0, dy < 0) {
            (true, false, _) => 0,
            (false, _, false) => 2,
            (true, true, _) => 4,
            (false, _, true) => 6,
        };
        let diagonal = match (dx < 0, dy < 0) {
            (false, false) => 1,
            (true, false) => 3,
            (true, true) => 5,
            (false, true) => 7,
        };
        let radius_at = |index: usize| self.radii.get(index).copied().unwrap_or(self.reach);
        (radius_at(axis) * (256 - towards) + radius_at(diagonal) * towards) / 256
    }
}

/// A ruler of ten fields, black and white in turn, as it is laid beside a lesion.
struct Scale {
    width: u32,
    height: u32,
}

impl Scale {
    /// The grey of the ruler here, if it lies here.
    fn at(&self, x: u32, y: u32) -> Option<u8> {
        let (left, right) = (self.width * 3 / 5, self.width * 9 / 10);
        let (top, bottom) = (self.height * 22 / 25, self.height * 23 / 25);
        if !(left..right).contains(&x) || !(top..bottom).contains(&y) {
            return None;
        }
        let field = (x - left) * 10 / (right - left).max(1);
        let lower = (y - top) * 2 >= bottom - top;
        Some(if field.is_multiple_of(2) == lower { 240 } else { 24 })
    }
}

/// A small generator: the pictures need variety, not secrecy.
struct Noise(u64);

impl Noise {
    fn new(number: u32) -> Self {
        Noise((u64::from(number) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: i32) -> i32 {
        let limit = u64::from(limit.max(1).cast_unsigned());
        i32::try_from((self.next() >> 33) % limit).unwrap_or_default()
    }

    /// Sensor noise around 0.
    fn grain(&mut self) -> i32 {
        let bits = self.next() >> 40;
        let part = |shift: u64| i32::try_from(bits >> shift & 15).unwrap_or_default();
        part(0) + part(4) - 15
    }
}
