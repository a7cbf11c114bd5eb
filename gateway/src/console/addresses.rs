//! What addresses and forms hold of what has a random name: the name itself, and where a list goes on.

use data_encoding::HEXLOWER;

/// A name of so many bytes, as [`HEXLOWER`] writes it. One spelling alone.
pub(super) fn id<const LEN: usize>(text: &str) -> Option<[u8; LEN]> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// The last of a page that is full: after it there may be more.
pub(super) fn last_of_full<T>(page: &[T], limit: u32) -> Option<&T> {
    let is_full = u32::try_from(page.len()).is_ok_and(|len| len == limit);
    page.last().filter(|_| is_full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_in_an_address_has_one_spelling_or_is_nothing() {
        let known = [0xab; 16];
        assert_eq!(id(&HEXLOWER.encode(&known)), Some(known));
        for wrong in ["", "..", "ab", &"AB".repeat(16), &"ab".repeat(17), &"é".repeat(16), "%00"] {
            assert_eq!(id::<16>(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_list_goes_on_after_the_last_of_a_full_page_alone() {
        assert_eq!(last_of_full(&[1, 2, 3], 3), Some(&3));
        for page in [&[][..], &[1, 2], &[1, 2, 3, 4]] {
            assert_eq!(last_of_full(page, 3), None, "{page:?}");
        }
    }
}
