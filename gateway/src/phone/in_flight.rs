//! How many pictures are in flight: a number in a file and nothing else of them. Whoever kills the program loses what is in flight,
//! since it is in memory alone; the next start reads here how much that was.

use std::path::PathBuf;

use crate::keyfile::{self, KeyFileError};

/// The counter.
#[derive(Debug, Clone)]
pub struct InFlight(PathBuf);

impl InFlight {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Sets the counter, durably. Set it before the shutter.
    ///
    /// # Errors
    /// [`KeyFileError::Io`]; the old number stands then.
    pub fn set(&self, pictures: usize) -> Result<(), KeyFileError> {
        keyfile::replace(&self.0, 0o600, format!("{pictures}\n").as_bytes())
    }

    /// How many pictures the last run left in flight: they are lost. A counter that cannot be read counts as one.
    ///
    /// # Errors
    /// [`KeyFileError::Io`], unless there is no counter yet.
    pub fn lost(&self) -> Result<usize, KeyFileError> {
        if !self.0.exists() {
            return Ok(0);
        }
        let text = keyfile::read(&self.0)?;
        Ok(std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_is_what_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in-flight");
        let counter = InFlight::new(path.clone());
        assert_eq!(counter.lost().unwrap(), 0);
        counter.set(12).unwrap();
        assert_eq!(counter.lost().unwrap(), 12);
        // Twelve is all that it says.
        assert_eq!(std::fs::read(&path).unwrap(), b"12\n");
        counter.set(0).unwrap();
        assert_eq!(counter.lost().unwrap(), 0);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_counter_does_not_hide_a_loss() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in-flight");
        std::fs::write(&path, b"\xff").unwrap();
        assert_eq!(InFlight::new(path).lost().unwrap(), 1);
    }
}
