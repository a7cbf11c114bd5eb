//! (being written)
pub mod photos;
