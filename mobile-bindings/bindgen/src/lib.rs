//! Writes the side of the bindings that is in another language, from the built library: what it exports is described inside it.

use std::path::Path;

use camino::Utf8PathBuf;
use uniffi_bindgen::bindings::{GenerateOptions, TargetLanguage, generate_with_bindgen_paths};
use uniffi_bindgen::{BindgenPaths, BindgenPathsLayer};

/// A language, and the folder that its bindings go to.
pub const LANGUAGES: [(&str, TargetLanguage); 3] =
    [("kotlin", TargetLanguage::Kotlin), ("swift", TargetLanguage::Swift), ("python", TargetLanguage::Python)];

/// Why there are no bindings.
#[derive(Debug, thiserror::Error)]
pub enum BindgenError {
    /// A path that is not UTF-8.
    #[error("{0}: a path in UTF-8 is expected")]
    Path(String),
    /// The generator's own reason.
    #[error("{0}")]
    Generator(String),
}

/// Writes the bindings of `library` into `out/kotlin`, `out/swift` and `out/python`.
///
/// # Errors
/// [`BindgenError`]; some of the files may have been written.
pub fn write(library: &Path, out: &Path) -> Result<(), BindgenError> {
    for (name, language) in LANGUAGES {
        let options = GenerateOptions {
            languages: vec![language],
            source: path(library)?,
            out_dir: path(&out.join(name))?,
            // A formatter that happens to be installed would make the files depend on the machine.
            format: false,
            ..GenerateOptions::default()
        };
        let mut paths = BindgenPaths::default();
        paths.add_layer(Bridge);
        generate_with_bindgen_paths(options, paths).map_err(|error| BindgenError::Generator(format!("{error:#}")))?;
    }
    Ok(())
}

/// Where the bridge is: its `uniffi.toml` says what things are called in each language.
struct Bridge;

impl BindgenPathsLayer for Bridge {
    fn get_crate_root(&self, crate_name: &str) -> Option<Utf8PathBuf> {
        (crate_name == "safelight_mobile").then(|| Utf8PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")))
    }
}

fn path(path: &Path) -> Result<Utf8PathBuf, BindgenError> {
    Utf8PathBuf::from_path_buf(path.to_owned()).map_err(|path| BindgenError::Path(path.display().to_string()))
}
