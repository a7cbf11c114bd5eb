//! ExifTool as a witness: what it names in a stripped picture must be on a list, tag by tag.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::icc_walker::NAMES;
use crate::tools;

/// What it says of one file: group, tag and value.
pub type Tags = Vec<(String, String, String)>;

/// Reads every file below a folder in one run; the names are relative to it. `None` where it is missing, which is said by name.
///
/// # Panics
/// If it says nothing that can be read.
pub fn read(folder: &Path, skipped: &str) -> Option<BTreeMap<String, Tags>> {
    if !tools::has("exiftool", skipped) {
        return None;
    }
    // Copies get a family of their own: equal names would else be one.
    let args = ["-a", "-G1:4", "-s", "-u", "-ee", "-j", "-r", "-q", "-q", "-m"];
    let output = Command::new("exiftool").args(args).arg("-ext").arg("*").arg(folder).output().unwrap();
    let files: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON of exiftool");
    let tags = |file: &Value| -> Tags {
        let object = file.as_object().unwrap();
        object.iter().filter(|(key, _)| *key != "SourceFile").map(|(key, value)| split(key, value)).collect()
    };
    let name = |file: &Value| {
        let path = Path::new(file["SourceFile"].as_str().unwrap());
        path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned()
    };
    Some(files.iter().map(|file| (name(file), tags(file))).collect())
}

/// `Group:Copy1:Tag` as group and tag.
fn split(key: &str, value: &Value) -> (String, String, String) {
    let (group, rest) = key.split_once(':').unwrap_or(("", key));
    let tag = rest.rsplit(':').next().unwrap_or(rest);
    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    (group.to_owned(), tag.to_owned(), value)
}

/// What it finds in a stripped picture and should not, given what it said of the original.
pub fn beyond(stripped: &Tags, original: &Tags) -> Vec<String> {
    let warned = |value: &String| original.iter().any(|(_, tag, old)| is_warning(tag) && old == value);
    let foreign = |(group, tag, value): &&(String, String, String)| {
        if is_warning(tag) { !warned(value) } else { !allowed(group, tag, value) }
    };
    stripped.iter().filter(foreign).map(|(group, tag, value)| format!("{group}:{tag} = {value}")).collect()
}

fn is_warning(tag: &str) -> bool {
    tag == "Warning" || tag == "Error"
}

/// Structure, colour and orientation.
fn allowed(group: &str, tag: &str, value: &str) -> bool {
    const FILE: &[&str] = &[
        "FileName",
        "Directory",
        "FileSize",
        "FileModifyDate",
        "FileAccessDate",
        "FileInodeChangeDate",
        "FilePermissions",
        "FileType",
        "FileTypeExtension",
        "MIMEType",
        "ExifByteOrder",
        "ImageWidth",
        "ImageHeight",
        "EncodingProcess",
        "BitsPerSample",
        "ColorComponents",
        "YCbCrSubSampling",
    ];
    const PNG: &[&str] = &[
        "ImageWidth",
        "ImageHeight",
        "BitDepth",
        "ColorType",
        "Compression",
        "Filter",
        "Interlace",
        "Palette",
        "Transparency",
        "Gamma",
        "SRGBRendering",
        "WhitePointX",
        "WhitePointY",
        "RedX",
        "RedY",
        "GreenX",
        "GreenY",
        "BlueX",
        "BlueY",
        "PixelsPerUnitX",
        "PixelsPerUnitY",
        "PixelUnits",
        "ColorPrimaries",
        "TransferCharacteristics",
        "MatrixCoefficients",
        "VideoFullRangeFlag",
    ];
    const RIFF: &[&str] = &[
        "ImageWidth",
        "ImageHeight",
        "VP8Version",
        "HorizontalScale",
        "VerticalScale",
        "WebP_Flags",
        "AlphaIsUsed",
        "AlphaPreprocessing",
        "AlphaFiltering",
        "AlphaCompression",
    ];
    const PROFILE: &[&str] = &[
        "ProfileVersion",
        "ProfileClass",
        "ColorSpaceData",
        "ProfileConnectionSpace",
        "ProfileFileSignature",
        "RenderingIntent",
        "ConnectionSpaceIlluminant",
        "MediaWhitePoint",
        "RedMatrixColumn",
        "GreenMatrixColumn",
        "BlueMatrixColumn",
        "RedTRC",
        "GreenTRC",
        "BlueTRC",
        "GrayTRC",
        "ChromaticAdaptation",
        "AToB0",
        "AToB1",
        "AToB2",
        "BToA0",
        "BToA1",
        "BToA2",
        "ColorPrimaries",
        "TransferCharacteristics",
        "MatrixCoefficients",
        "VideoFullRangeFlag",
    ];
    // What stands for nothing where the header is blank.
    const BLANK: &[&str] = &[
        "ProfileCMMType",
        "ProfileDateTime",
        "PrimaryPlatform",
        "CMMFlags",
        "DeviceManufacturer",
        "DeviceModel",
        "DeviceAttributes",
        "ProfileCreator",
        "ProfileID",
    ];
    match group {
        "ExifTool" => tag == "ExifToolVersion",
        "System" | "File" => FILE.contains(&tag),
        "Composite" => ["ImageSize", "Megapixels"].contains(&tag),
        "JFIF" => ["JFIFVersion", "ResolutionUnit", "XResolution", "YResolution"].contains(&tag),
        "Adobe" => {
            let neutral = ["APP14Flags0", "APP14Flags1"].contains(&tag) && ["(none)", "0"].contains(&value);
            tag == "ColorTransform" || neutral || (tag == "DCTEncodeVersion" && value == "100")
        }
        "IFD0" => tag == "Orientation",
        "PNG" | "PNG-pHYs" | "PNG-cICP" => PNG.contains(&tag) || (tag == "ProfileName" && value == "icc"),
        "RIFF" => RIFF.contains(&tag),
        "ICC-header" if BLANK.contains(&tag) => blank(value),
        "ICC-header" | "ICC_Profile" | "ICC-cicp" => {
            PROFILE.contains(&tag)
                || (tag == "ProfileDescription" && NAMES.contains(&value))
                || (tag == "ProfileCopyright" && value == "-")
        }
        _ => false,
    }
}

fn blank(value: &str) -> bool {
    let words = ["Reflective, Glossy, Positive, Color", "Not Embedded, Independent", "0000:00:00 00:00:00"];
    words.contains(&value) || value.chars().all(|c| c == '0' || c == '\0' || c == ' ') || value == "Unknown ()"
}
