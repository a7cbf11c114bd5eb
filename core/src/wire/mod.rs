#![doc = include_str!("PROTOCOL.md")]

mod frame;
pub mod limits;
mod message;
mod refusal;
pub mod version;

pub use frame::{FrameReader, frame};
pub use message::{Request, Response, UploadRequest, WireError, renewal_message};
pub use refusal::{CloseReason, Refusal, RefusalCode};
