//! Photographs for the demonstration: made by the program, of phone size, with planted metadata.
//!
//! No picture of a person is needed and none is shipped. What a phone would write beside the pixels is
//! planted, and remembered, so that the demonstration can search for it afterwards.

mod exif;
mod skin;

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;

/// Width of a photograph in pixels, as a phone's main camera gives it.
pub const WIDTH: u32 = 4000;
/// Height of a photograph in pixels.
pub const HEIGHT: u32 = 3000;
/// Longest sides of the EXIF thumbnail, in pixels.
const THUMBNAIL: (u32, u32) = (160, 120);
/// Gives between three and five megabytes with the noise of [`skin`].
const QUALITY: u8 = 91;

/// A photograph and what was planted in it.
pub struct DemoPhoto {
    /// The file as a camera would give it.
    pub bytes: Vec<u8>,
    /// Everything that must not be found afterwards.
    pub planted: Vec<Planted>,
}

/// One thing that was planted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planted {
    /// What it is, in words: "location", "owner".
    pub what: &'static str,
    /// The bytes as they stand in the file: long enough not to occur by chance.
    pub bytes: Vec<u8>,
    /// Where they stand first.
    pub at: usize,
}

impl DemoPhoto {
    /// Which of the planted things occur in `haystack`.
    pub fn found_in(&self, haystack: &[u8]) -> Vec<&Planted> {
        self.planted.iter().filter(|planted| find(haystack, &planted.bytes).is_some()).collect()
    }
}

/// Why a photograph could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DemoPhotoError {
    /// The encoder failed.
    #[error("the demonstration picture could not be encoded")]
    Encode(#[from] image::ImageError),
    /// A block does not fit into its segment, or does not stand where it should.
    #[error("the demonstration's metadata could not be planted")]
    Plant,
}

/// Makes the photograph with a number. The same number gives the same photograph, another number another.
///
/// # Errors
/// [`DemoPhotoError`] when encoding fails.
pub fn photograph(number: u32) -> Result<DemoPhoto, DemoPhotoError> {
    let picture = encode(number, WIDTH, HEIGHT, QUALITY)?;
    // The uncropped little copy shows another part of the body: that is what betrays in real files.
    let thumbnail = encode(number.wrapping_add(1000), THUMBNAIL.0, THUMBNAIL.1, 70)?;
    let story = Story::new(number);
    let tiff = exif::write(&story, &thumbnail);
    let xmp = format!(
        "http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF \
         xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description \
         xmlns:dc='http://purl.org/dc/elements/1.1/'><dc:title>{}</dc:title></rdf:Description>\
         </rdf:RDF></x:xmpmeta>",
        story.patient
    );
    let rest = picture.strip_prefix(&[0xFF, 0xD8]).ok_or(DemoPhotoError::Plant)?;
    let mut bytes = vec![0xFF, 0xD8];
    segment(&mut bytes, 0xE1, &[b"Exif\0\0", &tiff[..]].concat())?;
    segment(&mut bytes, 0xE1, xmp.as_bytes())?;
    segment(&mut bytes, 0xFE, story.comment.as_bytes())?;
    bytes.extend_from_slice(rest);
    bytes.extend_from_slice(story.trailer.as_bytes());

    let planted = story
        .traces(&thumbnail)
        .into_iter()
        .map(|(what, trace)| {
            let at = find(&bytes, &trace).ok_or(DemoPhotoError::Plant)?;
            Ok(Planted { what, bytes: trace, at })
        })
        .collect::<Result<_, DemoPhotoError>>()?;
    Ok(DemoPhoto { bytes, planted })
}

/// Who, where and when: invented, and different in every photograph.
struct Story {
    make: &'static str,
    model: String,
    body_serial: String,
    lens_serial: String,
    picture_id: String,
    owner: String,
    taken: String,
    patient: String,
    comment: String,
    maker_note: String,
    trailer: String,
    /// Degrees, minutes and hundredths of seconds.
    latitude: [u32; 3],
    longitude: [u32; 3],
    orientation: u16,
}

impl Story {
    fn new(number: u32) -> Self {
        let hundredths = 1234 + number % 4000;
        Story {
            make: "Planted Camera Works",
            model: format!("Planted Phone {number} Pro"),
            body_serial: format!("BODY-SERIAL-{number:06}-Q7"),
            lens_serial: format!("LENS-SERIAL-{number:06}-Z3"),
            picture_id: format!("{:032x}", 0x5AFE_1167_u128 << 64 | u128::from(number)),
            owner: format!("Owner Mira Quillfeather {number}"),
            taken: format!("2026:03:{:02} 15:{:02}:26", 1 + number % 28, number / 28 % 60),
            patient: format!("Patient Orla Thistlewood {number}"),
            comment: format!("Comment: mole of Orla Thistlewood, visit {number}"),
            maker_note: format!("MAKERNOTE face of Orla Thistlewood {number}"),
            trailer: format!("TRAILER motion of Orla Thistlewood {number}"),
            latitude: [52, 31, hundredths],
            longitude: [13, 24, hundredths],
            // One subject in three is held upright, at every visit: pictures of one are compared.
            orientation: if number % 3 == 2 { 6 } else { 1 },
        }
    }

    /// What to search for afterwards.
    fn traces(&self, thumbnail: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
        let text = |what, text: &str| (what, text.as_bytes().to_vec());
        let middle = thumbnail.len() / 2;
        vec![
            ("location", exif::rationals(&self.latitude)),
            ("location", exif::rationals(&self.longitude)),
            text("camera maker", self.make),
            text("camera model", &self.model),
            text("camera serial number", &self.body_serial),
            text("lens serial number", &self.lens_serial),
            text("picture identifier", &self.picture_id),
            text("owner", &self.owner),
            text("capture time", &self.taken),
            text("name in XMP", &self.patient),
            text("comment", &self.comment),
            text("maker note", &self.maker_note),
            text("trailer", &self.trailer),
            ("thumbnail", thumbnail.get(middle..middle + 32).unwrap_or_default().to_vec()),
        ]
    }
}

fn encode(number: u32, width: u32, height: u32, quality: u8) -> Result<Vec<u8>, DemoPhotoError> {
    let pixels = skin::paint(number, width, height);
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality).encode(&pixels, width, height, ExtendedColorType::Rgb8)?;
    Ok(bytes)
}

fn segment(bytes: &mut Vec<u8>, marker: u8, content: &[u8]) -> Result<(), DemoPhotoError> {
    let len = u16::try_from(content.len() + 2).map_err(|_| DemoPhotoError::Plant)?;
    bytes.extend([0xFF, marker]);
    bytes.extend(len.to_be_bytes());
    bytes.extend_from_slice(content);
    Ok(())
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    loop {
        let rest = haystack.get(from..)?;
        from += rest.iter().position(|byte| *byte == first)?;
        if haystack.get(from..)?.starts_with(needle) {
            return Some(from);
        }
        from += 1;
    }
}

#[cfg(test)]
mod tests {
    use safelight_core::photo::Photo;
    use safelight_core::strip::{Removed, strip};

    use super::*;

    #[test]
    fn a_photograph_is_of_phone_size_and_loses_all_that_was_planted() {
        let photo = photograph(2).unwrap();
        assert!((3_000_000..5_000_000).contains(&photo.bytes.len()), "{}", photo.bytes.len());
        assert_eq!(photo.found_in(&photo.bytes).len(), photo.planted.len());
        let parsed = Photo::parse(&photo.bytes).unwrap();
        assert_eq!((parsed.width(), parsed.height()), (WIDTH, HEIGHT));
        let stripped = strip(parsed).unwrap();
        assert_eq!(photo.found_in(&stripped.to_vec()), Vec::<&Planted>::new());
        for kind in [
            Removed::Location,
            Removed::Owner,
            Removed::SerialNumber,
            Removed::PictureIdentifier,
            Removed::CameraModel,
            Removed::CaptureTime,
            Removed::Thumbnail,
            Removed::Comment,
            Removed::MakerNote,
            Removed::Xmp,
            Removed::Trailer,
        ] {
            assert!(stripped.report().contains(kind), "{kind:?}");
        }
    }

    #[test]
    fn the_same_number_gives_the_same_picture_and_another_number_another() {
        let small = |number| encode(number, 64, 48, QUALITY).unwrap();
        assert_eq!(small(1), small(1));
        assert_ne!(small(1), small(2));
    }

    #[test]
    fn the_lesion_of_one_subject_shrinks_from_visit_to_visit() {
        let dark = |number| {
            let pixels = skin::paint(number, 160, 120);
            let ruler = 120 * 22 / 25 * 160 * 3;
            pixels[..ruler].chunks_exact(3).filter(|pixel| pixel[0] < 130).count()
        };
        for subject in 1..=3 {
            let visits: Vec<usize> = (0..4).map(|visit| dark(subject + 3 * visit)).collect();
            assert!(visits.windows(2).all(|two| two[0] > two[1] && two[1] > 0), "{subject}: {visits:?}");
        }
    }

    #[test]
    fn finding_is_exact() {
        assert_eq!(find(b"aabaab", b"aab"), Some(0));
        assert_eq!(find(b"xaaab", b"aab"), Some(2));
        assert_eq!(find(b"aaa", b"aab"), None);
        assert_eq!(find(b"aab", b""), None);
    }
}
