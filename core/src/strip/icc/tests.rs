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
    assert!(!new.contains(&0xAA), "nothing of the header's free fields");
    for part in [4, 7, 13, 100] {
        assert_eq!(rebuilt(&old, part).unwrap().unwrap(), new);
    }
    assert_eq!(rebuilt(&new, new.len()).unwrap().unwrap(), new, "a second time changes nothing");
}

#[test]
fn equal_contents_are_written_once_wherever_they_lay() {
    let old = typical();
    let (red, green) = (132 + 7 * 12, 132 + 8 * 12);
    let new = rebuilt(&old, old.len()).unwrap().unwrap();
    for part in [4, 7, 13, 100] {
        assert_eq!(content(&rebuilt(&old, part).unwrap().unwrap(), b"gTRC"), content(&new, b"gTRC"), "parts of {part}");
    }
    // gTRC is the ninth entry: pointing at rTRC's content, it is what it was.
    let mut shared = old.clone();
    shared.copy_within(red + 4..red + 12, green + 4);
    assert_eq!(rebuilt(&shared, shared.len()).unwrap().unwrap(), new);
    assert_eq!(rebuilt(&new, new.len()).unwrap().unwrap(), new, "a second time changes nothing");
    // One byte, the last one, makes it another.
    let mut other = old;
    let at = u32::from_be_bytes(other[green + 4..green + 8].try_into().unwrap()) as usize;
    other[at + 91] ^= 1;
    let apart = rebuilt(&other, 13).unwrap().unwrap();
    assert_eq!(apart.len(), new.len() + 92);
    assert_eq!(content(&apart, b"gTRC")[91], 7 ^ 1);
    assert_eq!(content(&apart, b"bTRC"), content(&apart, b"rTRC"));
}

#[test]
fn tables_that_overlap_are_not_unfolded() {
    // Each table begins a little later in the same bytes; none equals another.
    let mut old = profile(b"mntr", b"RGB ", &[(b"rTRC", curve(4000)), (b"gTRC", curve(0)), (b"bTRC", curve(0))]);
    let from = u32::from_be_bytes(old[136..140].try_into().unwrap());
    for (entry, shift) in [(1, 100), (2, 200)] {
        let at = from + shift;
        old[at as usize..][..12].copy_from_slice(&[&b"curv\0\0\0\0"[..], &3800u32.to_be_bytes()].concat());
        old[132 + 12 * entry + 4..][..8].copy_from_slice(&[at.to_be_bytes(), 7612u32.to_be_bytes()].concat());
    }
    assert_eq!(rebuilt(&old, 4096), Err(StripError::Profile(ProfileError::TooLong)));
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

#[test]
fn tags_that_readers_of_this_colour_space_ignore_are_gone() {
    let mut entries = vec![(b"wtpt", xyz(1)), (b"bkpt", xyz(9)), (b"kTRC", curve(300))];
    entries.extend([(b"rXYZ", xyz(2)), (b"rTRC", curve(4))]);
    let new = rebuilt(&profile(b"mntr", b"RGB ", &entries), 4096).unwrap().unwrap();
    assert_eq!(signatures(&new), [b"wtpt", b"rXYZ", b"rTRC"]);
    let new = rebuilt(&profile(b"mntr", b"GRAY", &entries), 4096).unwrap().unwrap();
    assert_eq!(signatures(&new), [b"wtpt", b"kTRC"]);
}

fn signatures(profile: &[u8]) -> Vec<&[u8; 4]> {
    let count = profile[131];
    (0..usize::from(count)).map(|at| profile[132 + 12 * at..][..4].try_into().unwrap()).collect()
}

/// The content of a tag, as a reader finds it.
fn content<'p>(profile: &'p [u8], signature: &[u8; 4]) -> &'p [u8] {
    let at = signatures(profile).iter().position(|found| *found == signature).unwrap();
    let number = |at: usize| u32::from_be_bytes(profile[at..at + 4].try_into().unwrap()) as usize;
    let entry = 132 + 12 * at;
    &profile[number(entry + 4)..][..number(entry + 8)]
}

fn sampled_srgb(count: u16) -> Vec<u8> {
    let mut bytes = [&b"curv\0\0\0\0"[..], &u32::from(count).to_be_bytes()].concat();
    for step in 0..count {
        let value = f64::from(step) / f64::from(count - 1);
        let light = if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) };
        bytes.extend(((light * 65535.0).round() as u16).to_be_bytes());
    }
    bytes
}

fn of_lights(lights: [[u32; 3]; 3], curve: &[u8], named_by: &[u8]) -> Vec<u8> {
    let [red, green, blue] = lights.map(|light| {
        let bytes: Vec<u8> = light.iter().flat_map(|number| number.to_be_bytes()).collect();
        [&b"XYZ \0\0\0\0"[..], &bytes].concat()
    });
    let mut description = named_by.to_vec();
    description.resize(110, 0);
    profile(
        b"mntr",
        b"RGB ",
        &[
            (b"desc", description),
            (b"rXYZ", red),
            (b"gXYZ", green),
            (b"bXYZ", blue),
            (b"rTRC", curve.to_vec()),
            (b"gTRC", curve.to_vec()),
            (b"bTRC", curve.to_vec()),
        ],
    )
}

const SRGB: [[u32; 3]; 3] = [[0x6FA2, 0x38F5, 0x0390], [0x6299, 0xB785, 0x18DA], [0x24A0, 0x0F84, 0xB6CF]];

#[test]
fn known_colours_get_their_usual_name_and_others_none() {
    let name = |old: &[u8]| {
        let new = rebuilt(old, old.len()).unwrap().unwrap();
        assert_eq!(rebuilt(&new, new.len()).unwrap().unwrap(), new, "a second time changes nothing");
        content(&new, b"desc").to_vec()
    };
    let formula = b"para\0\0\0\0\0\x03\0\0\0\x02\x66\x66\0\0\xF2\xA7\0\0\x0D\x59\0\0\x13\xD0\0\0\x0A\x5B";
    for curve in [&formula[..], &sampled_srgb(1024), &sampled_srgb(4096)] {
        let found = name(&of_lights(SRGB, curve, b"desc\0\0\0\0\0\0\0\x07CANARY\0"));
        assert!(found.starts_with(b"desc\0\0\0\0\0\0\0\x05sRGB\0"), "{found:?}");
        let found = name(&of_lights(SRGB, curve, b"mluc\0\0\0\0CANARY"));
        assert!(found.ends_with(b"\0s\0R\0G\0B"), "{found:?}");
    }
    let mut other = SRGB;
    other[1][1] += 1;
    let mut bent = sampled_srgb(1024);
    bent[600] ^= 1;
    for old in [
        of_lights(other, formula, b"desc"),
        of_lights(SRGB, &bent, b"desc"),
        of_lights(SRGB, &sampled_srgb(255), b"desc"),
        of_lights(SRGB, b"curv\0\0\0\0\0\0\0\x01\x02\x33", b"desc"),
    ] {
        assert!(name(&old).starts_with(b"desc\0\0\0\0\0\0\0\x02-\0"));
    }
}

/// A table of version 4 with a canary in every gap: B curves, matrix, M curves, CLUT, A curves.
fn lut(kind: &[u8; 4]) -> Vec<u8> {
    let parametric = |fill: u8| [&b"paraCANA\0\0CA"[..], &[fill; 4]].concat();
    let odd_curve = [&b"curvCANA\0\0\0\x01"[..], &[1, 2], b"CA"].concat();
    let curves = |first: u8| [parametric(first), odd_curve.clone(), parametric(3)].concat();
    let table = [&[2, 2, 2][..], b"CANARY_CANARY", &[1], b"CAN", &[7; 24]].concat();
    let elements = [curves(1), vec![5; 48], curves(2), table, curves(4)];
    let mut head = [&kind[..], b"CANA", &[3, 3], b"CA"].concat();
    let mut body = Vec::new();
    for element in elements {
        body.extend(b"CANARY__");
        head.extend(((32 + body.len()) as u32).to_be_bytes());
        body.extend(element);
    }
    [head, body, b"CANARY__".to_vec()].concat()
}

#[test]
fn tables_of_version_4_are_laid_out_anew() {
    let old = profile(b"spac", b"RGB ", &[(b"A2B0", lut(b"mAB ")), (b"B2A0", lut(b"mBA "))]);
    let new = rebuilt(&old, 100).unwrap().unwrap();
    assert!(!new.windows(3).any(|window| window == b"CAN" || window == b"\0CA"));
    let table = content(&new, b"A2B0");
    assert_eq!(table.len(), 32 + 3 * 48 + 48 + 20 + 24);
    assert_eq!(&table[12..32], [0, 0, 0, 32, 0, 0, 0, 80, 0, 0, 0, 128, 0, 0, 0, 176, 0, 0, 0, 220]);
    assert_eq!(&table[32..48], b"para\0\0\0\0\0\0\0\0\x01\x01\x01\x01");
    assert_eq!(&table[48..64], b"curv\0\0\0\0\0\0\0\x01\x01\x02\0\0");
    assert_eq!(&table[80..128], [5; 48]);
    assert_eq!(&table[176..196], [2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(&table[196..220], [7; 24]);
    assert_eq!(rebuilt(&new, new.len()).unwrap().unwrap(), new, "a second time changes nothing");
}

#[test]
fn curves_at_one_place_stay_at_one_place() {
    let mut table = lut(b"mAB ");
    // The M curves and the A curves are the B curves.
    let first: [u8; 4] = table[12..16].try_into().unwrap();
    table[20..24].copy_from_slice(&first);
    table[28..32].copy_from_slice(&first);
    let old = profile(b"spac", b"RGB ", &[(b"A2B0", table)]);
    let new = rebuilt(&old, 100).unwrap().unwrap();
    let table = content(&new, b"A2B0");
    assert_eq!(&table[12..32], [0, 0, 0, 32, 0, 0, 0, 80, 0, 0, 0, 32, 0, 0, 0, 128, 0, 0, 0, 32]);
    assert_eq!(table.len(), 32 + 48 + 48 + 20 + 24);
    assert_eq!(rebuilt(&new, new.len()).unwrap().unwrap(), new, "a second time changes nothing");
}

#[test]
fn damaged_tables_of_version_4_are_refused() {
    let good = lut(b"mAB ");
    let judge = |bytes: Vec<u8>| rebuilt(&profile(b"spac", b"RGB ", &[(b"A2B0", bytes)]), 4096);
    assert!(judge(good.clone()).is_ok());
    for (at, value) in [
        (8, [0, 3, 0, 0]),
        (8, [16, 3, 0, 0]),
        (12, [0, 0, 0, 0]),
        (12, [0, 0, 0, 31]),
        (12, [0xFF, 0xFF, 0xFF, 0xFF]),
        (24, [0, 0, 2, 0]),
        (40, *b"text"),
    ] {
        let mut bad = good.clone();
        bad[at..at + 4].copy_from_slice(&value);
        assert_eq!(judge(bad), Err(StripError::Profile(ProfileError::Tag)), "{value:?} at {at}");
    }
    assert_eq!(judge(good[..31].to_vec()), Err(StripError::Profile(ProfileError::Tag)));
    assert_eq!(judge([&b"mpet\0\0\0\0"[..], &[0; 40]].concat()), Err(StripError::Profile(ProfileError::Kind)));
}

#[test]
fn a_tag_of_another_kind_than_it_can_have_is_refused() {
    for (signature, content) in
        [(b"rXYZ", curve(9)), (b"rTRC", xyz(1)), (b"wtpt", curve(1)), (b"A2B0", curve(9)), (b"B2A1", lut(b"mAB "))]
    {
        let old = profile(b"mntr", b"RGB ", &[(signature, content)]);
        assert_eq!(rebuilt(&old, 4096), Err(StripError::Profile(ProfileError::Tag)), "{}", signature.escape_ascii());
    }
}

/// A table of 8 bits without a change: `inputs` samples to `outputs`, with something in its matrix.
fn table_of_bytes(inputs: u8, outputs: u8) -> Vec<u8> {
    let values =
        (256 * (usize::from(inputs) + usize::from(outputs))) + 2usize.pow(inputs.into()) * usize::from(outputs);
    [&b"mft1CANA"[..], &[inputs, outputs, 2, 0xAA], &[0xAA; 36], &vec![1; values]].concat()
}

#[test]
fn a_table_leads_from_the_samples_to_the_connection_space() {
    for (space, channels) in [(b"GRAY", 1), (b"RGB ", 3), (b"CMYK", 4)] {
        let old =
            profile(b"prtr", space, &[(b"A2B0", table_of_bytes(channels, 3)), (b"B2A0", table_of_bytes(3, channels))]);
        let new = rebuilt(&old, 4096).unwrap().unwrap();
        let matrix = &content(&new, b"A2B0")[12..48];
        if channels == 3 {
            assert_eq!(matrix, [0xAA; 36]);
        } else {
            let ones: Vec<_> = matrix.iter().enumerate().filter(|(_, byte)| **byte != 0).collect();
            assert_eq!(ones, [(1, &1), (17, &1), (33, &1)], "the matrix that changes nothing");
        }
        assert_eq!(&content(&new, b"B2A0")[12..48], [0xAA; 36]);
        assert_eq!(rebuilt(&new, new.len()).unwrap().unwrap(), new);
        for (inputs, outputs) in [(channels, 4), (channels + 1, 3), (2, 3), (channels, 0)] {
            let bad = profile(b"prtr", space, &[(b"A2B0", table_of_bytes(inputs, outputs))]);
            assert_eq!(rebuilt(&bad, 4096), Err(StripError::Profile(ProfileError::Tag)), "{inputs} to {outputs}");
        }
    }
    let early = profile(b"mntr", b"RGB ", &[(b"D2B0", table_of_bytes(3, 3))]);
    assert_eq!(rebuilt(&early, 4096), Err(StripError::Profile(ProfileError::Tag)));
}

#[test]
fn nothing_counts_behind_the_length_that_a_profile_gives_itself() {
    let whole = typical();
    let trailing = [&whole[..], b"CANARY"].concat();
    assert_eq!(rebuilt(&trailing, 4096), rebuilt(&whole, 4096));
    let mut short = whole.clone();
    short[..4].copy_from_slice(&(whole.len() as u32 - 30).to_be_bytes());
    assert_eq!(rebuilt(&short, 4096), Err(StripError::Profile(ProfileError::Tag)));
    short[..4].copy_from_slice(&131u32.to_be_bytes());
    assert_eq!(rebuilt(&short, 4096), Err(StripError::Profile(ProfileError::CutOff)));
}
