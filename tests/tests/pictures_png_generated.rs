//! PNG: generated chunk lists and changes to them are refused, or come out clean.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic in a test is the finding")]

use proptest::prelude::*;
use safelight_tests::pictures::pieces::chunk;
use safelight_tests::pictures::png_writer::{Kind, exif, file, iccp, kept, profile, walked};
use safelight_tests::pictures::{stripped, witnesses};

/// Pictures with chunks of every name at every place, and with their image data cut anywhere.
fn pictures() -> impl Strategy<Value = (Kind, Vec<Vec<u8>>)> {
    const NAMES: [&[u8; 4]; 14] = [
        b"cICP", b"sRGB", b"iCCP", b"gAMA", b"cHRM", b"sBIT", b"PLTE", b"tRNS", b"pHYs", b"eXIf", b"tEXt", b"IDAT",
        b"fdAT", b"prVt",
    ];
    let data = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        proptest::sample::select(vec![0usize, 1, 2, 3, 4, 6, 9, 32]).prop_map(|len| vec![1; len]),
        Just(exif(&[(0x0112, 3, 1, 6)])[8..].to_vec()),
        Just(iccp(b"x", &profile(b"RGB "))[8..].to_vec()),
    ];
    let added = proptest::sample::select(NAMES.to_vec()).prop_flat_map(move |name| {
        let valid: Vec<u8> = kept().iter().find(|kept| &kept[4..8] == name).cloned().unwrap_or_default();
        prop_oneof![Just(valid), data.clone().prop_map(move |data| chunk(name, &data))]
    });
    let added = proptest::collection::vec((any::<prop::sample::Index>(), added), 0..8);
    let kind = proptest::sample::select(Kind::all(7, 5));
    let cuts = proptest::collection::vec(any::<prop::sample::Index>(), 0..4);
    (kind, added, cuts).prop_map(|(kind, added, cuts)| {
        let mut chunks = kind.chunks();
        let data = chunks.len() - 2;
        let stream = chunks[data][8..chunks[data].len() - 4].to_vec();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
        cuts.sort_unstable();
        let starts = [0].into_iter().chain(cuts.iter().copied());
        let ends = cuts.iter().copied().chain([stream.len()]);
        let cut: Vec<_> = starts.zip(ends).map(|(from, to)| chunk(b"IDAT", &stream[from..to])).collect();
        chunks.splice(data..=data, cut);
        for (place, added) in added {
            chunks.insert(1 + place.index(chunks.len() - 1), added);
        }
        (kind, chunks)
    })
}

/// The image data of all chunks together.
fn image_data(bytes: &[u8]) -> Vec<u8> {
    walked(bytes).into_iter().filter(|(name, _)| name == b"IDAT").flat_map(|(_, data)| data).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_list_of_chunks_is_refused_or_clean((kind, chunks) in pictures()) {
        let bytes = file(&chunks);
        if let Ok((output, _)) = stripped(&bytes) {
            witnesses::clean(&bytes, &output).unwrap();
            prop_assert_eq!(image_data(&output), image_data(&file(&kind.chunks())));
        }
    }

    #[test]
    fn mutations_are_refused_or_clean(
        (_, chunks) in pictures(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        checksums_hold: bool,
    ) {
        let mut bytes = file(&chunks);
        for (place, value) in changes {
            if checksums_hold {
                // Inside a chunk's data, with the checksum written anew.
                let mut chunks = walked(&bytes);
                let at = place.index(chunks.len());
                if !chunks[at].1.is_empty() {
                    let inner = place.index(chunks[at].1.len());
                    chunks[at].1[inner] = value;
                }
                bytes = file(&chunks.iter().map(|(name, data)| chunk(name, data)).collect::<Vec<_>>());
            } else {
                let at = place.index(bytes.len());
                bytes[at] = value;
            }
        }
        if let Ok((output, _)) = stripped(&bytes) {
            witnesses::clean(&bytes, &output).unwrap();
        }
    }
}
