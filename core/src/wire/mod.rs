#![doc = include_str!("PROTOCOL.md")]

mod frame;
pub mod limits;
mod message;
mod refusal;
pub mod version;

pub use frame::{FrameReader, frame};
pub use message::{Request, Response, UploadRequest, WireError};
pub use refusal::{CloseReason, Refusal, RefusalCode};
