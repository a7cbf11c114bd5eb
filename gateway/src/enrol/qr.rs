//! The invitation as a QR code (ISO/IEC 18004), on paper, on a screen, in a terminal; and read from a picture of it.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use image::{GrayImage, ImageFormat, ImageReader, Limits, Luma, imageops};
use qrcode::{Color, EcLevel, QrCode};

/// The light border around the code, in modules: what the standard asks for (section 6.3.8).
const QUIET_ZONE: usize = 4;

/// Pixels a module: a code of usual size fills about a hand's breadth of a screen.
const MODULE_PIXELS: usize = 8;

/// The largest file that is read as a picture of a QR code.
pub const MAX_FILE_LEN: u64 = 32 * 1024 * 1024;

/// The largest width or height of such a picture, in pixels: beyond any phone's camera.
pub const MAX_SIDE: u32 = 16_384;

/// The most memory that decoding such a picture may take, in bytes: a phone's 48 megapixels fit.
const MAX_DECODER_MEMORY: u64 = 256 * 1024 * 1024;

/// A photograph is searched at these longest sides, in pixels. Smaller ones often read better: what is noise at full
/// size has been averaged away.
const SEARCHED_SIDES: [u32; 3] = [2_048, 1_024, 512];

/// A picture whose longest side is no longer than this, in pixels, is also searched enlarged.
const ENLARGED_UP_TO: u32 = 512;

/// Why a QR code was not made or not read.
#[derive(Debug, thiserror::Error)]
pub enum QrError {
    /// The text has no room in a QR code.
    #[error("the text is too long for a QR code")]
    TooLong,
    /// The picture could not be written.
    #[error("the QR code's picture could not be made")]
    Encode(#[source] image::ImageError),
    /// The file cannot be read or written.
    #[error("{path}: the QR code's file cannot be used", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file or the picture in it is too large.
    #[error("the picture is too large: crop it to the QR code")]
    TooLarge,
    /// It is not a picture that can be read.
    #[error("this is not a JPEG, PNG or WebP picture that can be read")]
    NotAPicture,
    /// There is no code in it that can be read.
    #[error("no QR code can be read in the picture: photograph it again, closer and straight from the front")]
    NotFound,
    /// There are several codes in it.
    #[error("there is more than one QR code in the picture: crop it to one")]
    Several,
}

/// `text` as a QR code in a PNG file, dark on light with its quiet zone.
pub fn png_bytes(text: &str) -> Result<Vec<u8>, QrError> {
    let mut png = Cursor::new(Vec::new());
    picture(text)?.write_to(&mut png, ImageFormat::Png).map_err(QrError::Encode)?;
    Ok(png.into_inner())
}

/// `text` as a QR code in an `svg` element for a page, dark on light with its quiet zone.
pub fn svg(text: &str) -> Result<String, QrError> {
    use std::fmt::Write as _;
    let modules = Modules::of(text)?;
    let side = modules.side;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\"><rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path d=\""
    );
    for y in 0..side {
        for x in (0..side).filter(|x| modules.is_dark(*x, y)) {
            let _ = write!(svg, "M{x} {y}h1v1h-1z");
        }
    }
    svg.push_str("\"/></svg>");
    Ok(svg)
}

/// `text` as a QR code for a terminal, two modules a character. The colours are set, so that it is dark on light
/// whatever the terminal's theme is.
pub fn terminal(text: &str) -> Result<String, QrError> {
    const DARK_ON_LIGHT: &str = "\x1b[38;5;16;48;5;231m";
    const RESET: &str = "\x1b[0m\n";
    let modules = Modules::of(text)?;
    let mut drawn = String::new();
    for top in (0..modules.side).step_by(2) {
        drawn.push_str(DARK_ON_LIGHT);
        for x in 0..modules.side {
            drawn.push(match (modules.is_dark(x, top), modules.is_dark(x, top + 1)) {
                (false, false) => ' ',
                (true, false) => '▀',
                (false, true) => '▄',
                (true, true) => '█',
            });
        }
        drawn.push_str(RESET);
    }
    Ok(drawn)
}

/// The text of the one QR code in the picture at `path`: a file that this program made, a screenshot or a photograph.
pub fn decode_png(path: &Path) -> Result<String, QrError> {
    let file = |source| QrError::File { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).map_err(file)?.take(MAX_FILE_LEN + 1).read_to_end(&mut bytes).map_err(file)?;
    decode_bytes(&bytes)
}

/// The same for a picture in memory, at most [`MAX_FILE_LEN`] bytes with sides of at most [`MAX_SIDE`].
pub fn decode_bytes(bytes: &[u8]) -> Result<String, QrError> {
    if u64::try_from(bytes.len()).is_ok_and(|len| len > MAX_FILE_LEN) {
        return Err(QrError::TooLarge);
    }
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|_| QrError::NotAPicture)?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODER_MEMORY);
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| match error {
        image::ImageError::Limits(_) => QrError::TooLarge,
        _ => QrError::NotAPicture,
    })?;
    let grey = on_white(picture);
    // Each code counts once, at whichever size it is read.
    let mut refusal = QrError::NotFound;
    let searched = SEARCHED_SIDES.into_iter().map(|side| shrunk(&grey, side));
    for seen in searched.chain(std::iter::once_with(|| enlarged(&grey)).flatten()) {
        match search(&seen).or_else(|refusal| turned(&seen, refusal)) {
            Ok(text) => return Ok(text),
            Err(QrError::Several) => refusal = QrError::Several,
            Err(_) => {}
        }
    }
    Err(refusal)
}

/// The modules of a code with its quiet zone.
struct Modules {
    colors: Vec<Color>,
    width: usize,
    side: usize,
}

impl Modules {
    fn of(text: &str) -> Result<Self, QrError> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(|_| QrError::TooLong)?;
        let width = code.width();
        Ok(Self { colors: code.into_colors(), width, side: width + 2 * QUIET_ZONE })
    }

    /// Outside the code everything is light.
    fn is_dark(&self, x: usize, y: usize) -> bool {
        let inside = |at: usize| at.checked_sub(QUIET_ZONE).filter(|&at| at < self.width);
        let (Some(x), Some(y)) = (inside(x), inside(y)) else {
            return false;
        };
        self.colors.get(y * self.width + x) == Some(&Color::Dark)
    }
}

fn picture(text: &str) -> Result<GrayImage, QrError> {
    let modules = Modules::of(text)?;
    let side = u32::try_from(modules.side * MODULE_PIXELS).map_err(|_| QrError::TooLong)?;
    let module = |pixel: u32| usize::try_from(pixel).unwrap_or(usize::MAX) / MODULE_PIXELS;
    let shade = |x, y| {
        if modules.is_dark(module(x), module(y)) { 0 } else { 255 }
    };
    Ok(GrayImage::from_fn(side, side, |x, y| Luma([shade(x, y)])))
}

/// Grey, with what is transparent shown as white: that is how a screen shows it.
fn on_white(picture: image::DynamicImage) -> GrayImage {
    if !picture.color().has_alpha() {
        return picture.into_luma8();
    }
    let picture = picture.into_luma_alpha8();
    GrayImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [shade, alpha] = picture.get_pixel(x, y).0.map(u32::from);
        Luma([u8::try_from((shade * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX)])
    })
}

fn shrunk(picture: &GrayImage, side: u32) -> GrayImage {
    let longest = picture.width().max(picture.height());
    if longest <= side {
        return picture.clone();
    }
    let scaled = |length: u32| u32::try_from(u64::from(length) * u64::from(side) / u64::from(longest)).unwrap_or(1);
    imageops::thumbnail(picture, scaled(picture.width()).max(1), scaled(picture.height()).max(1))
}

/// Three times as large, if it is small: a code shown small on a screen has too few pixels a module to be found.
fn enlarged(picture: &GrayImage) -> Option<GrayImage> {
    if picture.width().max(picture.height()) > ENLARGED_UP_TO {
        return None;
    }
    let (width, height) = (picture.width() * 3, picture.height() * 3);
    Some(imageops::resize(picture, width, height, imageops::FilterType::Triangle))
}

/// Of codes shown small one in twenty is not found upright, since something in it is taken for one of its corners; upside down it is.
fn turned(picture: &GrayImage, refusal: QrError) -> Result<String, QrError> {
    match refusal {
        QrError::NotFound => search(&imageops::rotate180(picture)),
        refusal => Err(refusal),
    }
}

fn search(picture: &GrayImage) -> Result<String, QrError> {
    let side = |length: u32| usize::try_from(length).unwrap_or_default();
    let mut prepared =
        rqrr::PreparedImage::prepare_from_greyscale(side(picture.width()), side(picture.height()), |x, y| {
            let at = |length: usize| u32::try_from(length).unwrap_or_default();
            picture.get_pixel_checked(at(x), at(y)).map_or(u8::MAX, |pixel| pixel.0[0])
        });
    let mut texts: Vec<String> =
        prepared.detect_grids().iter().filter_map(|grid| grid.decode().ok().map(|(_, text)| text)).collect();
    texts.sort_unstable();
    texts.dedup();
    match texts.pop() {
        None => Err(QrError::NotFound),
        Some(_) if !texts.is_empty() => Err(QrError::Several),
        Some(text) => Ok(text),
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "the numbers are pixels of small pictures")]
mod tests {

    use image::{DynamicImage, RgbaImage};

    use super::*;

    /// As long as an invitation with three addresses.
    fn text() -> String {
        let body: String =
            (0..300u32).map(|n| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[(n * 7 % 32) as usize])).collect();
        format!("SAFELIGHT1:{body}")
    }

    fn encoded(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.into().write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn a_code_is_read_from_its_own_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("q.png");
        for text in [text(), "x".into()] {
            std::fs::write(&path, png_bytes(&text).unwrap()).unwrap();
            assert_eq!(decode_png(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_code_is_read_at_any_size_and_turn() {
        let picture = picture(&text()).unwrap();
        // Two pixels a module.
        let smallest = picture.width() / 4;
        let sides = [smallest, 333, 700, 1_500, 4_000];
        let scaled = sides.map(|side| imageops::resize(&picture, side, side, imageops::FilterType::Triangle));
        let turned = [imageops::rotate90(&picture), imageops::rotate180(&picture), imageops::rotate270(&picture)];
        for (case, seen) in scaled.into_iter().chain(turned).enumerate() {
            let read = decode_bytes(&encoded(seen, ImageFormat::Png));
            assert_eq!(read.ok(), Some(text()), "case {case}");
        }
    }

    /// A screenshot of a page has about three pixels and a half a module.
    #[test]
    fn every_small_code_is_read_also_those_that_are_not_found_upright() {
        let mut seed = 0x9e37_79b9_u32;
        let mut letter = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[(seed >> 27) as usize])
        };
        let (mut shown, mut upright) = (0, 0);
        while shown < 60 {
            let text: String = "SAFELIGHT1:".chars().chain((0..170).map(|_| letter())).collect();
            let seen = imageops::resize(&picture(&text).unwrap(), 200, 200, imageops::FilterType::Triangle);
            upright += u32::from(search(&seen).is_ok());
            shown += 1;
            assert_eq!(decode_bytes(&encoded(seen, ImageFormat::Png)).ok(), Some(text), "code {shown}");
        }
        assert!(upright < shown, "each was found upright: these are not the codes that this is about");
    }

    /// As a camera would have it: turned by some degrees, uneven light, grey instead of black and white, noise, JPEG.
    #[test]
    fn a_code_is_read_from_something_like_a_photograph() {
        let code = picture(&text()).unwrap();
        let (side, middle) = (1_600u32, 800.0f32);
        for degrees in [-20.0f32, -7.0, 4.0, 15.0, 33.0] {
            let (sin, cos) = degrees.to_radians().sin_cos();
            let scale = code.width() as f32 / 1_000.0;
            let photograph = GrayImage::from_fn(side, side, |x, y| {
                let (dx, dy) = (x as f32 - middle, y as f32 - middle);
                let centre = code.width() as f32 / 2.0;
                let (u, v) = ((dx * cos + dy * sin) * scale + centre, (dy * cos - dx * sin) * scale + centre);
                let inside = u >= 0.0 && v >= 0.0 && u < code.width() as f32 && v < code.height() as f32;
                let ink = if inside { f32::from(code.get_pixel(u as u32, v as u32).0[0]) } else { 200.0 };
                let light = 0.55 + 0.4 * (x as f32 / side as f32);
                let noise = ((x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 13 & 15) as f32;
                Luma([((40.0 + ink * 0.7) * light + noise) as u8])
            });
            assert_eq!(decode_bytes(&encoded(photograph, ImageFormat::Jpeg)).unwrap(), text(), "{degrees}");
        }
    }

    #[test]
    fn what_is_transparent_is_light() {
        let code = picture(&text()).unwrap();
        let clear = RgbaImage::from_fn(code.width(), code.height(), |x, y| {
            image::Rgba([0, 0, 0, 255 - code.get_pixel(x, y).0[0]])
        });
        assert_eq!(decode_bytes(&encoded(clear, ImageFormat::Png)).unwrap(), text());
    }

    #[test]
    fn the_terminals_code_is_the_same_code() {
        let drawn = terminal(&text()).unwrap();
        let lines: Vec<&str> = drawn.lines().collect();
        let rows: Vec<Vec<(bool, bool)>> = lines
            .iter()
            .map(|line| {
                let cells = line.strip_prefix("\x1b[38;5;16;48;5;231m").unwrap().strip_suffix("\x1b[0m").unwrap();
                cells
                    .chars()
                    .map(|cell| match cell {
                        ' ' => (false, false),
                        '▀' => (true, false),
                        '▄' => (false, true),
                        '█' => (true, true),
                        other => panic!("{other:?}"),
                    })
                    .collect()
            })
            .collect();
        let side = rows[0].len() as u32;
        assert_eq!(rows.len() as u32, side.div_ceil(2));
        let seen = GrayImage::from_fn(side * 4, side * 4, |x, y| {
            let (upper, lower) = rows[(y / 8) as usize][(x / 4) as usize];
            Luma([if if y / 4 % 2 == 0 { upper } else { lower } { 0 } else { 255 }])
        });
        assert_eq!(decode_bytes(&encoded(seen, ImageFormat::Png)).unwrap(), text());
    }

    #[test]
    fn what_holds_no_code_is_refused_for_its_reason() {
        assert!(matches!(png_bytes(&"x".repeat(5_000)), Err(QrError::TooLong)));
        assert!(matches!(decode_bytes(b""), Err(QrError::NotAPicture)));
        assert!(matches!(decode_bytes(b"not a picture"), Err(QrError::NotAPicture)));
        let whole = png_bytes(&text()).unwrap();
        assert!(matches!(decode_bytes(&whole[..whole.len() / 2]), Err(QrError::NotAPicture)));
        for (width, height) in [(1, 1), (1_000, 1), (300, 300), (3_000, 2_000)] {
            let blank = GrayImage::from_pixel(width, height, Luma([255]));
            assert!(matches!(decode_bytes(&encoded(blank, ImageFormat::Png)), Err(QrError::NotFound)));
        }
        let missing = decode_png(Path::new("/nonexistent/q.png"));
        assert!(matches!(missing, Err(QrError::File { .. })));
    }

    /// Whatever is in the picture, the answer is a text or a refusal.
    #[test]
    fn damaged_codes_never_panic() {
        let code = picture(&text()).unwrap();
        let mut seed = 0x9e37_79b9_u32;
        let mut next = |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) % below
        };
        for _ in 0..150 {
            let mut damaged = code.clone();
            for _ in 0..1 + next(60) {
                let (left, top) = (next(code.width()), next(code.height()));
                let (width, height, shade) = (1 + next(90), 1 + next(90), [0, 255][next(2) as usize]);
                for y in top..(top + height).min(code.height()) {
                    for x in left..(left + width).min(code.width()) {
                        damaged.put_pixel(x, y, Luma([shade]));
                    }
                }
            }
            if let Ok(read) = search(&damaged) {
                assert_eq!(read, text(), "read wrongly rather than not at all");
            }
        }
    }

    #[test]
    fn two_codes_in_one_picture_are_not_guessed_between() {
        let (one, two) = (picture("one").unwrap(), picture("two").unwrap());
        let mut both = GrayImage::from_pixel(one.width() * 2, one.height(), Luma([255]));
        imageops::replace(&mut both, &one, 0, 0);
        imageops::replace(&mut both, &two, i64::from(one.width()), 0);
        assert!(matches!(decode_bytes(&encoded(both, ImageFormat::Png)), Err(QrError::Several)));
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_decoded() {
        assert!(matches!(decode_bytes(&vec![0; (MAX_FILE_LEN + 1) as usize]), Err(QrError::TooLarge)));
        // A PNG whose header claims more than there may be.
        let mut bomb = png_bytes("x").unwrap();
        bomb[16..20].copy_from_slice(&(MAX_SIDE + 1).to_be_bytes());
        let crc = crc32(&bomb[12..29]);
        bomb[29..33].copy_from_slice(&crc.to_be_bytes());
        assert!(matches!(decode_bytes(&bomb), Err(QrError::TooLarge)), "{:?}", decode_bytes(&bomb));
        bomb[16..24].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x40, 0]);
        bomb[24] = 16;
        bomb[25] = 6;
        let crc = crc32(&bomb[12..29]);
        bomb[29..33].copy_from_slice(&crc.to_be_bytes());
        assert!(matches!(decode_bytes(&bomb), Err(QrError::TooLarge)), "{:?}", decode_bytes(&bomb));
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0u32, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
        })
    }
}
