//! The two texts that readers require, neutral.

use super::content::Content;

/// Stands where a text was.
pub(super) const NOTHING: &str = "-";

/// The shortest description that every reader of version 2 takes (ICC.1:2001 section 6.5.17) has this much
/// beside its text: no Unicode, no script code.
const DESCRIPTION_REST: usize = 78;

/// `text` in the form that the old tag of a kind and length had.
pub(super) fn content(kind: Option<[u8; 4]>, old_len: usize, text: &'static str) -> Content {
    let mut content = Content::default();
    let len = u8::try_from(text.len() + 1).unwrap_or(u8::MAX);
    match kind.as_ref() {
        Some(b"desc") if old_len >= 12 + 2 + DESCRIPTION_REST => {
            content.build(&[b"desc\0\0\0\0\0\0\0", &[len][..], text.as_bytes(), &[0; 1 + DESCRIPTION_REST]].concat());
        }
        // ICC.1:2001 section 6.5.18.
        Some(b"text") => content.build(&[b"text\0\0\0\0", text.as_bytes(), b"\0"].concat()),
        // ICC.1:2022 section 10.15: one record, `enUS`.
        _ => {
            let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            let utf16_len = (len - 1).saturating_mul(2);
            let record = [b"mluc\0\0\0\0\0\0\0\x01\0\0\0\x0CenUS\0\0\0", &[utf16_len][..], b"\0\0\0\x1C"].concat();
            content.build(&[record, utf16].concat());
        }
    }
    content
}
