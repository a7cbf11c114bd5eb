//! The link's socket: frames over a Unix stream, and who may be at its other end.

use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use safelight_core::wire::{FrameReader, frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::{Answer, Ask, LinkError, MAX_LINK_FRAME};

/// Name of the socket in ingest's folder.
const SOCKET_NAME: &str = "link.sock";

const READ_LEN: usize = 64 * 1024;

/// One end of an open link.
#[derive(Debug)]
pub struct Link {
    stream: UnixStream,
    reader: FrameReader,
    pending: Vec<u8>,
}

impl Link {
    fn new(stream: UnixStream) -> Self {
        Self { stream, reader: FrameReader::new(MAX_LINK_FRAME), pending: Vec::new() }
    }

    /// Asks, and waits for the answer. [`Answer::Failed`] becomes [`LinkError::Failed`].
    pub async fn ask(&mut self, ask: &Ask) -> Result<Answer, LinkError> {
        self.stream.write_all(&frame(&ask.to_bytes())).await?;
        let body = self.read().await?.ok_or(LinkError::Closed)?;
        match Answer::from_bytes(&body)? {
            Answer::Failed(failure) => Err(LinkError::Failed(failure)),
            answer => Ok(answer),
        }
    }

    /// The same where the only good answer is [`Answer::Done`].
    pub async fn tell(&mut self, ask: &Ask) -> Result<(), LinkError> {
        match self.ask(ask).await? {
            Answer::Done => Ok(()),
            _ => Err(LinkError::Unexpected),
        }
    }

    /// The next question, `None` when the clinic process has closed the link.
    pub async fn next_ask(&mut self) -> Result<Option<Ask>, LinkError> {
        match self.read().await? {
            Some(body) => Ask::from_bytes(&body).map(Some),
            None => Ok(None),
        }
    }

    /// Answers it.
    pub async fn answer(&mut self, answer: &Answer) -> Result<(), LinkError> {
        Ok(self.stream.write_all(&frame(&answer.to_bytes())).await?)
    }

    async fn read(&mut self) -> Result<Option<Vec<u8>>, LinkError> {
        loop {
            let mut input = self.pending.as_slice();
            let body = self.reader.read(&mut input)?;
            let used = self.pending.len().saturating_sub(input.len());
            self.pending.drain(..used);
            if body.is_some() {
                return Ok(body);
            }
            let mut buffer = vec![0; READ_LEN];
            let len = self.stream.read(&mut buffer).await?;
            if len == 0 {
                return if self.reader.is_mid_frame() { Err(LinkError::Closed) } else { Ok(None) };
            }
            self.pending.extend_from_slice(buffer.get(..len).unwrap_or_default());
        }
    }
}

/// Connects to the ingest process whose folder this is. Whoever listens there must be the folder's owner, this user, or root: a link in
/// the socket's place leads to nobody else.
pub async fn connect(ingest_folder: &Path) -> Result<Link, LinkError> {
    let (folder, path) = short_path(ingest_folder)?;
    let stream = UnixStream::connect(path).await?;
    let peer = stream.peer_cred()?.uid();
    let own = rustix::process::geteuid().as_raw();
    if [0, own, folder.metadata()?.uid()].contains(&peer) { Ok(Link::new(stream)) } else { Err(LinkError::Peer) }
}

/// Ingest's end.
#[derive(Debug)]
pub struct LinkListener {
    listener: UnixListener,
    clinic_uid: Option<u32>,
}

/// Listens in ingest's own folder. `clinic_uid` is the user of the clinic process where it is another one.
pub fn listen(ingest_folder: &Path, clinic_uid: Option<u32>) -> Result<LinkListener, LinkError> {
    let (folder, path) = short_path(ingest_folder)?;
    // A socket that a killed process left behind would otherwise be in the way. Two live processes on one folder are
    // kept apart by the lock on its catalog, which is taken before this.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    let mode = if clinic_uid.is_some() { 0o660 } else { 0o600 };
    // The group that may enter the folder is the one that the clinic process is in. Root's socket would be in its owner's way.
    let metadata = folder.metadata()?;
    let user = rustix::process::geteuid().is_root().then(|| metadata.uid());
    let group = clinic_uid.map(|_| metadata.gid());
    if user.is_some() || group.is_some() {
        std::os::unix::fs::lchown(&path, user, group)?;
    }
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    Ok(LinkListener { listener, clinic_uid })
}

impl LinkListener {
    /// The next clinic process that connects; [`LinkError::Peer`] for anybody else, after which one goes on.
    pub async fn accept(&self) -> Result<Link, LinkError> {
        let (stream, _) = self.listener.accept().await?;
        let peer = stream.peer_cred()?.uid();
        let own = rustix::process::geteuid().as_raw();
        if peer == own || peer == 0 || Some(peer) == self.clinic_uid {
            Ok(Link::new(stream))
        } else {
            Err(LinkError::Peer)
        }
    }
}

/// A path to the socket that is short enough for `sockaddr_un`, which holds 108 bytes, however deep the folder lies. The clinic process's
/// user may enter the folder and not look at what is in it, so it is opened for that alone.
fn short_path(folder: &Path) -> std::io::Result<(std::fs::File, PathBuf)> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = std::fs::File::from(rustix::fs::open(folder, flags, Mode::empty())?);
    let path = PathBuf::from(format!("/proc/self/fd/{}", open.as_raw_fd())).join(SOCKET_NAME);
    Ok((open, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn asks_and_answers_pass_even_from_a_deep_folder() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("a".repeat(200));
        std::fs::create_dir(&deep).unwrap();
        let listener = listen(&deep, None).unwrap();
        let serve = async {
            let mut link = listener.accept().await.unwrap();
            while let Some(ask) = link.next_ask().await.unwrap() {
                assert_eq!(ask, Ask::CertificateRequest);
                link.answer(&Answer::PublicKey(vec![4; 65])).await.unwrap();
            }
        };
        let ask = async {
            let mut link = connect(&deep).await.unwrap();
            for _ in 0..3 {
                assert_eq!(link.ask(&Ask::CertificateRequest).await.unwrap(), Answer::PublicKey(vec![4; 65]));
            }
            assert!(matches!(link.tell(&Ask::CertificateRequest).await, Err(LinkError::Unexpected)));
        };
        tokio::join!(serve, ask);
    }

    #[tokio::test]
    async fn nobody_there_is_said() {
        let root = tempfile::tempdir().unwrap();
        assert!(matches!(connect(root.path()).await, Err(LinkError::Io(_))));
    }
}
