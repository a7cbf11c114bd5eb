//! Profiles that everybody uses, recognised by their colour data.
//!
//! Which of them a picture has says nothing about a person, and viewers like to show its name. So a profile
//! whose colour data are those of this table, to the last bit, is called by its name. Another keeps its
//! colour data and has no name.

use super::Profile;
use super::content::Content;

/// A colour space of red, green and blue lights that share one curve.
struct Known {
    name: &'static str,
    /// X, Y and Z of each light, adapted to D50, in 1/65536.
    lights: [[u32; 3]; 3],
    curve: Curve,
}

/// How a device value becomes an amount of light.
#[derive(Clone, Copy)]
enum Curve {
    /// IEC 61966-2-1, as a formula or sampled.
    Srgb,
    /// A power, in 1/256.
    Gamma(u16),
}

const KNOWN: &[Known] = &[
    Known {
        name: "sRGB",
        lights: [[0x6FA2, 0x38F5, 0x0390], [0x6299, 0xB785, 0x18DA], [0x24A0, 0x0F84, 0xB6CF]],
        curve: Curve::Srgb,
    },
    Known {
        name: "Display P3",
        lights: [[0x83DF, 0x3DBF, 0xFFFF_FFBB], [0x4ABF, 0xB137, 0x0AB9], [0x2838, 0x110B, 0xC8B9]],
        curve: Curve::Srgb,
    },
    Known {
        name: "Adobe RGB (1998)",
        lights: [[0x9C18, 0x4FA5, 0x04FC], [0x348D, 0xA02C, 0x0F95], [0x2631, 0x102F, 0xBE9C]],
        curve: Curve::Gamma(0x0233),
    },
    Known {
        name: "ProPhoto RGB",
        lights: [[0xCC34, 0x49BD, 0x0000], [0x229C, 0xB63E, 0x0000], [0x0806, 0x0006, 0xD32D]],
        curve: Curve::Gamma(0x01CD),
    },
];

/// The name of a profile that consists of these colour tags.
pub(super) fn name<'t>(
    profile: &Profile<'_>,
    colour: impl Iterator<Item = ([u8; 4], &'t Content)> + Clone,
) -> Option<&'static str> {
    let tag = |signature: &[u8; 4]| colour.clone().find(|(found, _)| found == signature).map(|(_, content)| content);
    const PLAIN: [&[u8; 4]; 8] = [b"wtpt", b"chad", b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC"];
    let plain = colour.clone().all(|(signature, _)| PLAIN.contains(&&signature));
    let light = |signature: &[u8; 4]| {
        let [_, _, _, _, _, _, _, _, x @ ..] = tag(signature)?.array::<20>(profile)?;
        let [x3, x2, x1, x0, y3, y2, y1, y0, z3, z2, z1, z0] = x;
        Some([[x3, x2, x1, x0], [y3, y2, y1, y0], [z3, z2, z1, z0]].map(u32::from_be_bytes))
    };
    let lights = [light(b"rXYZ")?, light(b"gXYZ")?, light(b"bXYZ")?];
    let [red, green, blue] = [tag(b"rTRC")?, tag(b"gTRC")?, tag(b"bTRC")?];
    let shared = red.bytes(profile).eq(green.bytes(profile)) && red.bytes(profile).eq(blue.bytes(profile));
    let known = KNOWN.iter().find(|known| known.lights == lights)?;
    (plain && shared && is_curve(profile, red, known.curve)).then_some(known.name)
}

fn is_curve(profile: &Profile<'_>, found: &Content, curve: Curve) -> bool {
    let bytes = found.bytes(profile);
    match curve {
        Curve::Gamma(gamma) => {
            let [high, low] = gamma.to_be_bytes();
            bytes.eq([b'c', b'u', b'r', b'v', 0, 0, 0, 0, 0, 0, 0, 1, high, low])
        }
        Curve::Srgb => {
            SRGB_FORMULAS.iter().any(|formula| found.bytes(profile).eq(formula.iter().copied()))
                || is_sampled_srgb(bytes)
        }
    }
}

/// The formula (ICC.1:2022 section 10.18, types 3 and 4) as it is commonly rounded.
const SRGB_FORMULAS: &[&[u8]] = &[
    b"para\0\0\0\0\0\x03\0\0\0\x02\x66\x66\0\0\xF2\xA7\0\0\x0D\x59\0\0\x13\xD0\0\0\x0A\x5B",
    b"para\0\0\0\0\0\x03\0\0\0\x02\x66\x66\0\0\xF2\xA7\0\0\x0D\x59\0\0\x13\xD0\0\0\x0A\x5C",
    b"para\0\0\0\0\0\x04\0\0\0\x02\x66\x66\0\0\xF2\xA7\0\0\x0D\x59\0\0\x13\xD0\0\0\x0A\x5B\0\0\0\0\0\0\0\0",
];

/// Whether a curve is the formula's values, rounded, at equal distances.
fn is_sampled_srgb(mut bytes: impl Iterator<Item = u8>) -> bool {
    let mut next = || Some([bytes.next()?, bytes.next()?]);
    let head = [next(), next(), next(), next(), next()].map(Option::unwrap_or_default);
    let count = next().map_or(0, u16::from_be_bytes);
    if head != [*b"cu", *b"rv", [0, 0], [0, 0], [0, 0]] || count < MIN_SAMPLES {
        return false;
    }
    let mut sampled = (0..count).map(|step| {
        let value = f64::from(step) / f64::from(count - 1);
        let light = if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) };
        light * f64::from(u16::MAX)
    });
    sampled.all(|light| next().is_some_and(|found| (f64::from(u16::from_be_bytes(found)) - light).abs() <= 0.5))
        && next().is_none()
}

/// Fewer could be another curve.
const MIN_SAMPLES: u16 = 256;
