#![allow(clippy::cast_possible_truncation, reason = "a test's lengths are small")]

use super::*;

/// A tag as a test writes it: signature and content.
type Entry<'t> = (&'t [u8; 4], Vec<u8>);

fn profile(class: &[u8; 4], space: &[u8; 4], entries: &[Entry<'_>]) -> Vec<u8> {
    let mut table = (entries.len() as u32).to_be_bytes().to_vec();
    let mut content = Vec::new();
    let start = 132 + 12 * entries.len();
    for (signature, bytes) in entries {
        table.extend_from_slice(*signature);
        table.extend(((start + content.len()) as u32).to_be_bytes());
        table.extend((bytes.len() as u32).to_be_bytes());
        content.extend_from_slice(bytes);
    }
    let mut header = vec![0xAA; 128];
    header[8..12].copy_from_slice(&[2, 0x10, 0xAA, 0xAA]);
    header[12..16].copy_from_slice(class);
    header[16..20].copy_from_slice(space);
    header[20..24].copy_from_slice(b"XYZ ");
    header[36..40].copy_from_slice(b"acsp");
    header[64..68].copy_from_slice(&[0, 0, 0, 1]);
    let len = header.len() + table.len() + content.len();
    header[..4].copy_from_slice(&(len as u32).to_be_bytes());
    [header, table, content].concat()
}

fn xyz(fill: u8) -> Vec<u8> {
    [&b"XYZ CANA"[..], &[fill; 12], b"RY"].concat()
}

fn curve(count: u32) -> Vec<u8> {
    let mut bytes = b"curvCANA".to_vec();
    bytes.extend(count.to_be_bytes());
    bytes.resize(12 + 2 * count as usize, 7);
    bytes
}

fn typical() -> Vec<u8> {
    let mut description = b"desc\0\0\0\0\0\0\0\x07CANARY\0".to_vec();
    description.resize(100, 0);
    profile(
        b"mntr",
        b"RGB ",
        &[
            (b"desc", description),
            (b"cprt", b"text\0\0\0\0CANARY\0".to_vec()),
            (b"dmnd", b"text\0\0\0\0CANARY\0".to_vec()),
            (b"wtpt", xyz(1)),
            (b"rXYZ", xyz(2)),
            (b"gXYZ", xyz(3)),
            (b"bXYZ", xyz(4)),
            (b"rTRC", curve(40)),
            (b"gTRC", curve(40)),
            (b"bTRC", curve(40)),
            (b"CANA", b"CANARY CANARY CANARY".to_vec()),
        ],
    )
}

/// Rebuilds a profile that lies in parts of `part` bytes.
fn rebuilt(bytes: &[u8], part: usize) -> Result<Option<Vec<u8>>, StripError> {
    let total = bytes.len().div_ceil(part) as u8;
    let parts: Vec<Vec<u8>> =
        bytes.chunks(part).enumerate().map(|(at, chunk)| [&[at as u8 + 1, total], chunk].concat()).collect();
    let mut profile = Profile::default();
    for part in parts.iter().rev() {
        profile.add(part)?;
    }
    let out = rebuild(profile, &mut Report::default())?;
    Ok(out.map(|pieces| pieces.iter().flatten().copied().collect()))
}

#[test]
fn only_colour_is_left_however_the_profile_is_cut() {
    let old = typical();
    let new = rebuilt(&old, old.len()).unwrap().unwrap();
    assert!(new.len() < old.len());
    assert!(!new.windows(4).any(|window| window == b"CANA"));
    assert!(!new.contains(&0xAA) || new[68..80] == [0xAA; 12]);
    assert_eq!(new.iter().filter(|byte| **byte == 0xAA).count(), 12, "only the illuminant");
    for part in [4, 7, 13, 100] {
        assert_eq!(rebuilt(&old, part).unwrap().unwrap(), new);
    }
    assert_eq!(rebuilt(&new, new.len()).unwrap().unwrap(), new, "a second time changes nothing");
}

#[test]
fn equal_length_curves_stay_apart_and_shared_ones_stay_shared() {
    let mut old = typical();
    let new = rebuilt(&old, old.len()).unwrap().unwrap();
    // gTRC is the ninth entry: point it at rTRC's content.
    let (red, green) = (132 + 7 * 12, 132 + 8 * 12);
    old.copy_within(red + 4..red + 12, green + 4);
    let shared = rebuilt(&old, old.len()).unwrap().unwrap();
    assert_eq!(shared.len() + 92, new.len());
    assert_eq!(rebuilt(&shared, shared.len()).unwrap().unwrap(), shared);
}

#[test]
fn what_no_reader_takes_for_a_profile_is_dropped() {
    assert_eq!(rebuilt(b"CANARY", 6), Ok(None));
    let mut old = typical();
    old[36] = b'A';
    assert_eq!(rebuilt(&old, old.len()), Ok(None));
}

#[test]
fn damage_that_readers_judge_differently_is_refused() {
    let old = typical();
    let refused = |bytes: &[u8]| rebuilt(bytes, bytes.len()).unwrap_err();
    let changed = |at: usize, value: &[u8]| {
        let mut bytes = old.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        refused(&bytes)
    };
    let profile = StripError::Profile;
    assert_eq!(refused(&old[..old.len() - 1]), profile(ProfileError::CutOff));
    assert_eq!(changed(12, b"link"), profile(ProfileError::Kind));
    assert_eq!(changed(16, b"YCbr"), profile(ProfileError::Kind));
    assert_eq!(changed(128, &101u32.to_be_bytes()), profile(ProfileError::TooManyTags));
    let red = 132 + 4 * 12;
    assert_eq!(changed(red + 4, &u32::MAX.to_be_bytes()), profile(ProfileError::Tag));
    assert_eq!(changed(red + 4, &4u32.to_be_bytes()), profile(ProfileError::Tag));
    assert_eq!(changed(red + 8, &u32::MAX.to_be_bytes()), profile(ProfileError::Tag));
    assert_eq!(changed(red + 8, &19u32.to_be_bytes()), profile(ProfileError::Tag));
}

#[test]
fn parts_must_be_complete_and_single() {
    let refused = |parts: &[&[u8]]| {
        let mut profile = Profile::default();
        parts.iter().try_for_each(|part| profile.add(part))?;
        profile.order()
    };
    assert_eq!(refused(&[&[2, 2, 0], &[1, 2, 0]]), Ok(()));
    for parts in [&[&[1u8, 2, 0][..]][..], &[&[1, 1, 0], &[1, 1, 0]], &[&[0, 1, 0]], &[&[1, 2, 0], &[2, 3, 0]], &[&[1]]]
    {
        assert_eq!(refused(parts), Err(ProfileError::Parts));
    }
}

#[test]
fn its_length_is_bounded() {
    let part = vec![1; MAX_PROFILE_LEN / 2 + 2];
    let mut profile = Profile::default();
    profile.add(&part).unwrap();
    profile.add(&part).unwrap();
    assert_eq!(profile.add(&[3, 3, 0]), Err(ProfileError::TooLong));
}
