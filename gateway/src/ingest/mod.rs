//! (being written)

pub mod authenticate;
