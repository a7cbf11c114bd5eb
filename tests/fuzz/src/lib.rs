//! The properties, without the gateway that the package of the tests brings along.

#[path = "../../src/fuzzed.rs"]
pub mod fuzzed;

/// What the properties need to write and to walk pictures.
#[path = "../../src/pictures"]
pub mod pictures {
    pub mod icc_walker;
    pub mod inflated;
    pub mod jpeg_walker;
    pub mod pieces;
    pub mod png_walker;
    pub mod walker;
    pub mod webp_walker;

    pub use pieces::PNG;
}
