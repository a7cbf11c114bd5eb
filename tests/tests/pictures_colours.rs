//! A rebuilt colour profile gives the same colours as the original, by an independent colour engine.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic in a test is the finding"
)]

mod jpeg;

use moxcms::{ColorProfile, DataColorSpace, Layout, RenderingIntent, TransformOptions};

/// The profile of a JPEG, its parts in order.
fn profile(bytes: &[u8]) -> Option<Vec<u8>> {
    let decoder = image::codecs::jpeg::JpegDecoder::new(std::io::Cursor::new(bytes));
    image::ImageDecoder::icc_profile(&mut decoder.ok()?).ok()?
}

/// A grid over all device colours, as sRGB under every rendering intent.
fn colours(profile: &[u8]) -> Vec<u8> {
    let profile = ColorProfile::new_from_slice(profile).expect("a readable profile");
    let (layout, channels) = match profile.color_space {
        DataColorSpace::Gray => (Layout::Gray, 1u32),
        DataColorSpace::Cmyk => (Layout::Rgba, 4),
        _ => (Layout::Rgb, 3),
    };
    let steps = if channels == 1 { 256u32 } else { 9 };
    let grid: Vec<u8> = (0..steps.pow(channels))
        .flat_map(|point| (0..channels).map(move |channel| point / steps.pow(channel) % steps))
        .map(|step| (step * 255 / (steps - 1)) as u8)
        .collect();
    let mut all = Vec::new();
    for rendering_intent in [
        RenderingIntent::Perceptual,
        RenderingIntent::RelativeColorimetric,
        RenderingIntent::Saturation,
        RenderingIntent::AbsoluteColorimetric,
    ] {
        let options = TransformOptions { rendering_intent, ..TransformOptions::default() };
        let target = if channels == 1 { Layout::Gray } else { Layout::Rgb };
        let transform =
            profile.create_transform_8bit(layout, &target_profile(channels), target, options).expect("a transform");
        let mut out = vec![0; grid.len() / channels as usize * target.channels()];
        transform.transform(&grid, &mut out).unwrap();
        all.extend(out);
    }
    all
}

fn target_profile(channels: u32) -> ColorProfile {
    if channels == 1 { ColorProfile::new_gray_with_gamma(2.2) } else { ColorProfile::new_srgb() }
}

#[test]
fn rebuilt_profiles_give_equal_colours() {
    let mut seen = std::collections::BTreeMap::new();
    let Some(photos) = jpeg::photos() else { return };
    for path in photos {
        let bytes = std::fs::read(&path).unwrap();
        let Ok((clean, _)) = jpeg::stripped(&bytes) else {
            continue;
        };
        let before = profile(&bytes);
        let after = profile(&clean);
        assert_eq!(before.is_some(), after.is_some(), "{}", path.display());
        if let (Some(before), Some(after)) = (before, after) {
            assert!(after.len() <= before.len());
            seen.insert(before, after);
        }
    }
    println!("compared {} different profiles", seen.len());
    assert!(!seen.is_empty(), "the corpus is there, but no profile was read");
    for (before, after) in seen {
        assert!(colours(&before) == colours(&after), "the colours changed");
    }
}
