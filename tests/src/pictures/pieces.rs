//! The pieces of which files of pictures are put together. Nothing but bytes: the fuzz targets are built with them.

/// How a PNG begins.
pub const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A chunk of a PNG: length, name, content, checksum (W3C PNG section 5.3).
pub fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let len = u32::try_from(content.len()).unwrap().to_be_bytes();
    let named = [name, content].concat();
    [&len[..], &named, &crc32fast::hash(&named).to_be_bytes()].concat()
}

/// Makes the checksums of a PNG right again behind every chunk that is there as a whole, so that a change reaches what lies
/// behind them.
pub fn mend_checksums(png: &mut [u8]) {
    let mut rest = png.get_mut(PNG.len()..).unwrap_or_default();
    while let Some((len, after)) = rest.split_first_chunk_mut::<4>() {
        let len = u32::from_be_bytes(*len) as usize;
        let Some((named, after)) = len.checked_add(4).and_then(|len| after.split_at_mut_checked(len)) else { return };
        let Some((checksum, after)) = after.split_first_chunk_mut::<4>() else { return };
        *checksum = crc32fast::hash(named).to_be_bytes();
        rest = after;
    }
}

/// A zlib stream (RFC 1950), compressed.
pub fn zlib(content: &[u8]) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec_zlib(content, 6)
}

/// A zlib stream that takes no time: its blocks are stored as they are (RFC 1951 section 3.2.4).
pub fn stored(content: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 0xFFFF;
    let mut stream = vec![0x78, 1];
    for block in content.chunks(BLOCK) {
        let len = u16::try_from(block.len()).unwrap();
        stream.push(0);
        stream.extend(len.to_le_bytes());
        stream.extend((!len).to_le_bytes());
        stream.extend_from_slice(block);
    }
    // An empty one is the last.
    stream.extend([1, 0, 0, 0xFF, 0xFF]);
    let (low, high) = content.iter().fold((1, 0), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    stream.extend((high << 16 | low).to_be_bytes());
    stream
}

/// A chunk of a WebP: name, length, content, a zero behind an odd length (RFC 9649 section 2.3).
pub fn riff_chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let len = u32::try_from(content.len()).unwrap().to_le_bytes();
    let padding = &[0][..content.len() % 2];
    [name, &len[..], content, padding].concat()
}

/// A WebP of chunks: they are the content of one more.
pub fn riff_file(chunks: &[u8]) -> Vec<u8> {
    riff_chunk(b"RIFF", &[b"WEBP", chunks].concat())
}

/// A segment of a JPEG with its marker and length (ITU-T T.81 section B.1.1.4).
pub fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
    [&[0xFF, marker], &len[..], content].concat()
}
