//! For the tests of stripping PNG: a structural walker that shares nothing with the stripper, and a writer
//! of small PNGs.

pub(crate) mod walker;
pub(crate) mod writer;

/// What must hold of every output, whatever the input was.
pub(crate) fn assert_clean(input: &[u8], output: &[u8]) {
    assert!(output.len() <= input.len() + safelight_core::strip::MAX_GROWTH, "it grew");
    if let Err(problem) = walker::walk(output) {
        panic!("the output is not clean: {problem}");
    }
    let (again, report) = crate::jpeg::stripped(output).expect("an output is strippable");
    assert!(again == output, "stripping twice changes something");
    assert!(report.is_empty(), "a second time finds {report}");
}

/// Pixels as another program decodes them, with their size and type.
pub(crate) fn pixels(bytes: &[u8]) -> Option<(u32, u32, image::ColorType, Vec<u8>)> {
    let mut reader = image::ImageReader::with_format(std::io::Cursor::new(bytes), image::ImageFormat::Png);
    reader.no_limits();
    let decoded = reader.decode().ok()?;
    Some((decoded.width(), decoded.height(), decoded.color(), decoded.into_bytes()))
}

/// The colour profile as another program reads it.
pub(crate) fn profile(bytes: &[u8]) -> Option<Vec<u8>> {
    let decoder = image::codecs::png::PngDecoder::new(std::io::Cursor::new(bytes));
    image::ImageDecoder::icc_profile(&mut decoder.ok()?).ok()?
}
