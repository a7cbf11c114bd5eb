//! Looks into pictures in a process that has nothing to lose.
//!
//! A decoder is the largest piece of code that ever touches a picture from outside. It runs in a child
//! process without keys, files, network, environment or the right to start anything: `safelight inspect`.
//! The child reads a mark that may be empty and a stripped picture from standard input, checks that stripping it again changes nothing,
//! decodes it and answers with a thumbnail, or with the whole picture under that mark. The parent decodes nothing; it checks the thumbnail's structure,
//! since a child that was taken over may answer what it likes.

mod answer;
mod child;
mod mark;
mod sandbox;
mod thumbnail;

use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use safelight_core::manifest::ContentType;
use safelight_core::photo::Photo;
use safelight_core::strip::strip;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use answer::{Answer, Failure};
pub use child::run_child;
pub use thumbnail::{MAX_INSPECTED_PIXELS, THUMBNAIL_SIDE};

/// The argument that makes the program an inspector.
pub const SUBCOMMAND: &str = "inspect";
/// How long one picture may take.
pub const TIME_LIMIT: Duration = Duration::from_secs(30);
/// The longest answer that is read, in bytes.
pub const MAX_ANSWER_LEN: usize = 256 * 1024;
/// The longest answer with a marked picture, in bytes.
pub const MAX_MARKED_LEN: usize = 64 * 1024 * 1024;

/// Starts inspectors.
#[derive(Clone, Debug)]
pub struct Inspector {
    program: PathBuf,
    time_limit: Duration,
}

/// What the signed manifest says about the picture.
#[derive(Clone, Copy, Debug)]
pub struct Declared<'a> {
    /// The media type.
    pub content_type: &'a str,
    /// Width in pixels as stored.
    pub width: u32,
    /// Height in pixels as stored.
    pub height: u32,
}

/// What an inspector found.
#[derive(Clone, PartialEq, Eq)]
pub struct Inspection {
    /// A JPEG whose longest side is [`THUMBNAIL_SIDE`], upright, stripped itself.
    pub thumbnail: Vec<u8>,
    /// Width in pixels as stored, before the orientation is applied.
    pub width: u32,
    /// Height in pixels as stored, before the orientation is applied.
    pub height: u32,
}

/// Why a picture did not pass.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// Stripping would still remove or change something: the phone did not strip it.
    #[error("the picture is not stripped")]
    StripChangesIt,
    /// No decoder opens it.
    #[error("the picture cannot be decoded")]
    NotDecodable,
    /// More than [`MAX_INSPECTED_PIXELS`].
    #[error("the picture is too large to be decoded here")]
    TooLarge,
    /// It is not what the manifest says.
    #[error("the picture is not of the type or size that its manifest says")]
    DeclaredOtherwise,
    /// The child ended without an answer: it ran into a limit or did what it must not.
    #[error("the inspector was killed ({0})")]
    Killed(ExitStatus),
    /// The child took longer than the time limit.
    #[error("the inspector took too long")]
    TimedOut,
    /// The answer is no answer.
    #[error("the inspector's answer cannot be read")]
    Malformed,
    /// The child could not lock itself in, and read nothing.
    #[error("the inspector could not be isolated on this system")]
    NoSandbox,
    /// The child could not be started.
    #[error("the inspector could not be started")]
    Start(#[source] io::Error),
}

impl InspectError {
    /// A stable code, for the catalog and the access log.
    pub fn code(&self) -> &'static str {
        match self {
            InspectError::StripChangesIt => "strip-changes-it",
            InspectError::NotDecodable => "not-decodable",
            InspectError::TooLarge => "too-large",
            InspectError::DeclaredOtherwise => "declared-otherwise",
            InspectError::Killed(_) => "killed",
            InspectError::TimedOut => "timed-out",
            InspectError::Malformed => "malformed-answer",
            InspectError::NoSandbox => "no-sandbox",
            InspectError::Start(_) => "not-started",
        }
    }

    /// What is to be done with the picture.
    pub fn verdict(&self) -> Verdict {
        match self {
            InspectError::TooLarge => Verdict::NoThumbnail,
            InspectError::NoSandbox | InspectError::Start(_) => Verdict::TryAgain,
            _ => Verdict::Quarantine,
        }
    }
}

/// What is to be done with a picture that did not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing was found against it, but there is no thumbnail.
    NoThumbnail,
    /// It is kept apart until a person has decided.
    Quarantine,
    /// This machine is to blame, not the picture.
    TryAgain,
}

impl Inspector {
    /// An inspector that is a given program, started with [`SUBCOMMAND`].
    pub fn new(program: PathBuf) -> Self {
        Inspector { program, time_limit: TIME_LIMIT }
    }

    /// An inspector that is this very program.
    ///
    /// # Errors
    /// When the path of the running program cannot be told.
    pub fn this_program() -> io::Result<Self> {
        std::env::current_exe().map(Self::new)
    }

    /// With another time limit than [`TIME_LIMIT`].
    #[must_use]
    pub fn with_time_limit(self, time_limit: Duration) -> Self {
        Inspector { time_limit, ..self }
    }

    /// Has one picture inspected by a child of its own. Dropping the future kills the child.
    ///
    /// # Errors
    /// [`InspectError`]; [`InspectError::verdict`] tells what to do then.
    pub async fn inspect(&self, picture: &[u8], declared: Declared<'_>) -> Result<Inspection, InspectError> {
        judge(&self.ask(picture, "", MAX_ANSWER_LEN).await?, declared)
    }

    /// Has a child draw `mark` (ASCII, its first 255 bytes) across the picture, again and again, and along its lower edge. Gives an upright JPEG without
    /// anything but its pixels and the name of its colours. Dropping the future kills the child.
    ///
    /// # Errors
    /// [`InspectError`].
    pub async fn mark(&self, picture: &[u8], mark: &str) -> Result<Vec<u8>, InspectError> {
        let malformed = || InspectError::Malformed;
        match Answer::parse(&self.ask(picture, mark, MAX_MARKED_LEN).await?).ok_or_else(malformed)? {
            Answer::Passed { thumbnail: marked, .. } if is_clean(&marked, u32::MAX) => Ok(marked),
            Answer::Passed { .. } => Err(InspectError::Malformed),
            Answer::Refused(failure) => Err(refusal(failure)),
        }
    }

    async fn ask(&self, picture: &[u8], mark: &str, limit: usize) -> Result<Vec<u8>, InspectError> {
        let mut child = self.start().map_err(InspectError::Start)?;
        let answer = tokio::time::timeout(self.time_limit, converse(&mut child, picture, mark, limit)).await;
        // Whatever the outcome, no child outlives its picture.
        let status = match answer {
            Ok(Ok(_)) => tokio::time::timeout(self.time_limit, child.wait()).await.ok(),
            _ => {
                child.kill().await.map_err(InspectError::Start)?;
                None
            }
        };
        let answer = answer.map_err(|_| InspectError::TimedOut)?.map_err(InspectError::Start)?;
        match status {
            Some(Ok(status)) if !status.success() => return Err(InspectError::Killed(status)),
            Some(_) => {}
            None => return Err(InspectError::TimedOut),
        }
        if answer.len() > limit {
            return Err(InspectError::Malformed);
        }
        Ok(answer)
    }

    fn start(&self) -> io::Result<Child> {
        Command::new(&self.program)
            .arg(SUBCOMMAND)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
    }
}

/// Writes the mark and the picture and reads the answer at the same time: a child need not read to the end.
async fn converse(child: &mut Child, picture: &[u8], mark: &str, limit: usize) -> io::Result<Vec<u8>> {
    let missing = || io::Error::from(io::ErrorKind::BrokenPipe);
    let mut input = child.stdin.take().ok_or_else(missing)?;
    let output = child.stdout.take().ok_or_else(missing)?;
    let write = async move {
        // A child that stops reading says why in its answer, or by how it ends.
        let mark = mark.as_bytes().get(..usize::from(u8::MAX)).unwrap_or(mark.as_bytes());
        let len = u8::try_from(mark.len()).unwrap_or(u8::MAX);
        let _ = input.write_all(&[&[len], mark].concat()).await;
        let _ = input.write_all(picture).await;
        drop(input);
    };
    let read = async move {
        let mut answer = Vec::new();
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        output.take(limit).read_to_end(&mut answer).await.map(|_| answer)
    };
    let ((), answer) = tokio::join!(write, read);
    answer
}

fn judge(bytes: &[u8], declared: Declared<'_>) -> Result<Inspection, InspectError> {
    let malformed = || InspectError::Malformed;
    match Answer::parse(bytes).ok_or_else(malformed)? {
        Answer::Refused(failure) => Err(refusal(failure)),
        Answer::Passed { content_type, width, height, thumbnail } => {
            if !is_clean(&thumbnail, THUMBNAIL_SIDE) {
                return Err(InspectError::Malformed);
            }
            if (content_type.as_str(), width, height) != (declared.content_type, declared.width, declared.height) {
                return Err(InspectError::DeclaredOtherwise);
            }
            Ok(Inspection { thumbnail, width, height })
        }
    }
}

const fn refusal(failure: Failure) -> InspectError {
    match failure {
        Failure::StripChangesIt => InspectError::StripChangesIt,
        Failure::NotDecodable => InspectError::NotDecodable,
        Failure::TooLarge => InspectError::TooLarge,
        Failure::NoSandbox => InspectError::NoSandbox,
    }
}

/// A JPEG in which stripping finds nothing, with no side longer than this. Only its structure is looked at.
fn is_clean(bytes: &[u8], longest: u32) -> bool {
    let Some(stripped) = Photo::parse(bytes).ok().and_then(|photo| strip(photo).ok()) else {
        return false;
    };
    stripped.content_type() == ContentType::Jpeg
        && stripped.width().max(stripped.height()) <= longest
        && child::is_unchanged(bytes, &stripped)
}

/// Sizes only: a picture's bytes never reach a log.
impl std::fmt::Debug for Inspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspection").field("width", &self.width).field("height", &self.height).finish_non_exhaustive()
    }
}
