//! The phone's end on a computer: for trying out, for capture stations, for load. The same core as on a phone; this room adds what a
//! phone's app would have from its platform: a place for settings, a key, a camera.
//!
//! | file | does |
//! |---|---|
//! | [`identity`] | the folder in which an enrolled device is kept |
//! | `folder` | that folder as the place where the core's phone keeps things |
//! | [`key`] | the device key, in a file |
//! | [`in_flight`] | the counter that lets the next start say how many pictures were lost |
//! | [`label`] | who the patient is, from a file and from flags |
//! | [`camera`] | photographs from files, in memory, read once |
//! | [`send`] | photograph in, verified receipt out |
//!
//! Sending writes to two files in the identity's folder and to nothing else. Neither holds anything of a picture or a patient.

pub mod camera;
mod folder;
pub mod identity;
pub mod in_flight;
pub mod key;
pub mod label;
pub mod send;
