//! Why a profile is refused.

/// Why a colour profile is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// Segments are missing, doubled or contradict each other.
    #[error("the parts of the picture's colour profile do not fit together")]
    Parts,
    /// More than [`MAX_PROFILE_LEN`](super::MAX_PROFILE_LEN).
    #[error("the picture's colour profile is longer than is taken")]
    TooLong,
    /// The profile is shorter than it says.
    #[error("the picture's colour profile is cut off")]
    CutOff,
    /// A class or colour space that no photograph has.
    #[error("the picture's colour profile is of a kind that no photograph has")]
    Kind,
    /// More than [`MAX_PROFILE_TAGS`](super::MAX_PROFILE_TAGS).
    #[error("the picture's colour profile has more tags than are taken")]
    TooManyTags,
    /// A colour tag that cannot be read.
    #[error("a colour tag of the picture's colour profile is damaged")]
    Tag,
}

impl ProfileError {
    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            ProfileError::Parts => "profile-parts",
            ProfileError::TooLong => "profile-too-long",
            ProfileError::CutOff => "profile-cut-off",
            ProfileError::Kind => "profile-kind",
            ProfileError::TooManyTags => "profile-too-many-tags",
            ProfileError::Tag => "profile-tag",
        }
    }
}
