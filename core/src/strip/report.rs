//! What stripping removed: kinds, never content.

/// A kind of information that was found and removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Removed {
    /// Where the picture was taken.
    Location,
    /// A name: owner, author, photographer, copyright holder.
    Owner,
    /// Serial number of camera or lens.
    SerialNumber,
    /// An identifier of this one picture.
    PictureIdentifier,
    /// Maker and model of camera, phone or lens.
    CameraModel,
    /// When the picture was taken or changed.
    CaptureTime,
    /// A small copy of the picture, which may show what was cropped away.
    Thumbnail,
    /// A text somebody or some program wrote.
    Comment,
    /// Other EXIF: exposure, software, settings.
    CameraSettings,
    /// The maker's private block.
    MakerNote,
    /// Adobe XMP.
    Xmp,
    /// IPTC or Photoshop resources.
    Iptc,
    /// Content credentials (C2PA) or other JUMBF boxes.
    ContentCredentials,
    /// Further pictures in the same file: previews, depth, gain maps, motion.
    FurtherPictures,
    /// Descriptions, dates and device names inside the colour profile.
    ProfileDetails,
    /// A colour profile that no program can read.
    UnreadableProfile,
    /// Segments of other programs.
    OtherSegments,
    /// Coding tables that no scan uses.
    UnusedTables,
    /// Bytes between the segments, or inside one where its format leaves room for none.
    StrayBytes,
    /// Bytes after the end of the picture.
    Trailer,
}

impl Removed {
    /// Every kind, the most telling first.
    pub const ALL: &'static [Removed] = &[
        Removed::Location,
        Removed::Owner,
        Removed::SerialNumber,
        Removed::PictureIdentifier,
        Removed::CameraModel,
        Removed::CaptureTime,
        Removed::Thumbnail,
        Removed::Comment,
        Removed::CameraSettings,
        Removed::MakerNote,
        Removed::Xmp,
        Removed::Iptc,
        Removed::ContentCredentials,
        Removed::FurtherPictures,
        Removed::ProfileDetails,
        Removed::UnreadableProfile,
        Removed::OtherSegments,
        Removed::UnusedTables,
        Removed::StrayBytes,
        Removed::Trailer,
    ];

    /// A stable code.
    pub fn code(self) -> &'static str {
        match self {
            Removed::Location => "location",
            Removed::Owner => "owner",
            Removed::SerialNumber => "serial-number",
            Removed::PictureIdentifier => "picture-identifier",
            Removed::CameraModel => "camera-model",
            Removed::CaptureTime => "capture-time",
            Removed::Thumbnail => "thumbnail",
            Removed::Comment => "comment",
            Removed::CameraSettings => "camera-settings",
            Removed::MakerNote => "maker-note",
            Removed::Xmp => "xmp",
            Removed::Iptc => "iptc",
            Removed::ContentCredentials => "content-credentials",
            Removed::FurtherPictures => "further-pictures",
            Removed::ProfileDetails => "profile-details",
            Removed::UnreadableProfile => "unreadable-profile",
            Removed::OtherSegments => "other-segments",
            Removed::UnusedTables => "unused-tables",
            Removed::StrayBytes => "stray-bytes",
            Removed::Trailer => "trailer",
        }
    }

    /// Plain words for a clinician.
    pub fn words(self) -> &'static str {
        match self {
            Removed::Location => "location",
            Removed::Owner => "name of owner or author",
            Removed::SerialNumber => "camera serial number",
            Removed::PictureIdentifier => "picture identifier",
            Removed::CameraModel => "camera model",
            Removed::CaptureTime => "capture time",
            Removed::Thumbnail => "thumbnail",
            Removed::Comment => "comment",
            Removed::CameraSettings => "camera settings",
            Removed::MakerNote => "maker's private data",
            Removed::Xmp => "XMP data",
            Removed::Iptc => "IPTC data",
            Removed::ContentCredentials => "content credentials",
            Removed::FurtherPictures => "further pictures",
            Removed::ProfileDetails => "details in the colour profile",
            Removed::UnreadableProfile => "unreadable colour profile",
            Removed::OtherSegments => "data of other programs",
            Removed::UnusedTables => "unused tables",
            Removed::StrayBytes => "stray bytes",
            Removed::Trailer => "data after the picture",
        }
    }

    fn bit(self) -> u32 {
        1 << (self as u8)
    }
}

/// The kinds that were removed, and how many bytes that made.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    kinds: u32,
    bytes_removed: usize,
}

impl Report {
    /// The kinds found, the most telling first.
    pub fn iter(&self) -> impl Iterator<Item = Removed> + Clone {
        let kinds = self.kinds;
        Removed::ALL.iter().copied().filter(move |kind| kinds & kind.bit() != 0)
    }

    /// Whether a kind was found.
    pub fn contains(&self, kind: Removed) -> bool {
        self.kinds & kind.bit() != 0
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.kinds == 0
    }

    /// By how many bytes the file became shorter.
    pub fn bytes_removed(&self) -> usize {
        self.bytes_removed
    }

    pub(super) fn add(&mut self, kind: Removed) {
        self.kinds |= kind.bit();
    }

    pub(super) fn join(&mut self, other: Report) {
        self.kinds |= other.kinds;
    }

    pub(super) fn measure(&mut self, before: usize, after: usize) {
        self.bytes_removed = before.saturating_sub(after);
    }
}

/// `location, camera serial number, thumbnail`.
impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing");
        }
        self.iter().enumerate().try_for_each(|(at, kind)| {
            f.write_str(if at == 0 { "" } else { ", " })?;
            f.write_str(kind.words())
        })
    }
}

impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Report({self}; {} bytes)", self.bytes_removed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_listed_once_with_its_own_code_and_bit() {
        let codes: std::collections::BTreeSet<_> = Removed::ALL.iter().map(|k| k.code()).collect();
        let bits = Removed::ALL.iter().fold(0u32, |bits, kind| bits | kind.bit());
        assert_eq!(codes.len(), Removed::ALL.len());
        assert_eq!(bits.count_ones() as usize, Removed::ALL.len());
    }

    #[test]
    fn it_reads_as_a_sentence() {
        let mut report = Report::default();
        assert_eq!(report.to_string(), "nothing");
        report.add(Removed::Thumbnail);
        report.add(Removed::Location);
        report.add(Removed::SerialNumber);
        assert_eq!(report.to_string(), "location, camera serial number, thumbnail");
    }
}
