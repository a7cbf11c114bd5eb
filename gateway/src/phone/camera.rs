//! Photographs from files, where a phone has a camera: into memory, read once, of a bounded size.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use safelight_core::photo::MAX_PHOTO_LEN;

/// Reads a photograph. The buffer never grows, so that the one who overwrites it overwrites all there is.
///
/// # Errors
/// Whatever reading gives; [`io::ErrorKind::FileTooLarge`] above [`MAX_PHOTO_LEN`].
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "this is not a file"));
    }
    let len = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    if len > MAX_PHOTO_LEN {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than any photograph that is taken"));
    }
    let mut bytes = vec![0; len];
    let mut file = file;
    // A file that changes while it is read is not a photograph yet; if it became shorter, this fails.
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_whole_into_a_buffer_of_its_size_and_a_folder_is_not_a_photograph() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("photo.jpg");
        std::fs::write(&path, [7; 1000]).unwrap();
        let bytes = read(&path).unwrap();
        assert_eq!((bytes.len(), bytes.capacity()), (1000, 1000));
        assert!(read(folder.path()).is_err());
        assert!(read(&folder.path().join("nothing.jpg")).is_err());
    }

    #[test]
    fn what_is_too_large_is_refused_before_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("photo.jpg");
        File::create(&path).unwrap().set_len(MAX_PHOTO_LEN as u64 + 1).unwrap();
        assert_eq!(read(&path).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }
}
