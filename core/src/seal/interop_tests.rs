//! The `age` command as independent reader and writer.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use getrandom::SysRng;

use super::*;

/// Whether `age` is there; says by name which test does without.
fn age_is_installed(test: &str) -> bool {
    let found = Command::new("age").arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        println!("SKIPPED {test}: the command `age` is not installed");
    }
    found
}

/// `age` with `args`, fed with `input`; its standard output if it succeeds.
fn age(args: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new("age")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // A reader that refuses closes its end early.
        scope.spawn(move || stdin.write_all(input).ok());
        child.wait_with_output().unwrap()
    });
    output.status.success().then_some(output.stdout)
}

fn identity_file(folder: &Path, identity: &Identity) -> String {
    let path = folder.join("identity");
    std::fs::write(&path, identity.to_text().as_bytes()).unwrap();
    path.to_str().unwrap().to_owned()
}

struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("safelight-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

const LENGTHS: [usize; 6] = [1, 1000, CHUNK_LEN - 1, CHUNK_LEN, CHUNK_LEN + 1, 3 * CHUNK_LEN];

#[test]
fn age_opens_what_is_sealed_here_with_either_key() {
    if !age_is_installed("age_opens_what_is_sealed_here_with_either_key") {
        return;
    }
    let [vault, recovery, stranger] = std::array::from_fn(|_| Identity::generate(&mut SysRng).unwrap());
    let folder = Folder::new("age-opens");
    for len in LENGTHS {
        let plain = vec![0x5a; len];
        let payload = seal_payload(std::iter::once(&plain[..]), len, std::num::NonZeroUsize::MIN, &mut SysRng).unwrap();
        let stanzas = [Stanza::manifest(3, &[1; 32])];
        let to = [vault.to_recipient(), recovery.to_recipient()];
        let mut file = payload.header(&stanzas, &to, &mut SysRng).unwrap();
        file.extend_from_slice(payload.bytes());
        for identity in [&vault, &recovery] {
            let path = identity_file(&folder.0, identity);
            assert!(age(&["-d", "-i", &path], &file).as_ref() == Some(&plain), "{len} bytes");
        }
        let path = identity_file(&folder.0, &stranger);
        assert_eq!(age(&["-d", "-i", &path], &file), None);
    }
}

#[test]
fn what_age_seals_is_opened_here() {
    if !age_is_installed("what_age_seals_is_opened_here") {
        return;
    }
    let [vault, recovery] = std::array::from_fn(|_| Identity::generate(&mut SysRng).unwrap());
    let to = [&vault, &recovery].map(|identity| identity.to_recipient().to_string());
    for len in LENGTHS {
        let plain = vec![0xa5; len];
        let file = age(&["-r", &to[0], "-r", &to[1]], &plain).unwrap();
        for identity in [&vault, &recovery] {
            assert!(*open_bytes(&file, &[identity]).unwrap() == plain, "{len} bytes");
        }
        assert_eq!(split(&file).unwrap().1.len() as u64, sealed_payload_len(len as u64));
    }
}

/// `age` asks for passphrases on a terminal only, so `script` (util-linux) gives it one.
#[cfg(feature = "passphrase")]
#[test]
fn age_opens_a_file_under_a_passphrase() {
    let test = "age_opens_a_file_under_a_passphrase";
    let script = Command::new("script").arg("--version").output();
    if !script.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED {test}: the command `script` is not installed");
        return;
    }
    if !age_is_installed(test) {
        return;
    }
    let folder = Folder::new("age-passphrase");
    let [sealed, opened] = ["sealed.age", "opened"].map(|name| folder.0.join(name));
    let file = passphrase::encrypt(b"a key file", b"correct horse", 10, &mut SysRng).unwrap();
    std::fs::write(&sealed, file).unwrap();
    let attempt = |passphrase: &[u8]| {
        std::fs::remove_file(&opened).ok();
        let command = format!("age -d -o '{}' '{}'", opened.display(), sealed.display());
        let mut child = Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        // Typed only when asked: what is typed before, the terminal throws away.
        let mut asked = Vec::new();
        let mut byte = [0];
        while !asked.ends_with(b"passphrase: ") && std::io::Read::read(&mut stdout, &mut byte).unwrap() == 1 {
            asked.push(byte[0]);
        }
        stdin.write_all(passphrase).unwrap();
        stdin.write_all(b"\r").unwrap();
        let mut rest = Vec::new();
        std::io::Read::read_to_end(&mut stdout, &mut rest).ok();
        child.wait().unwrap();
        std::fs::read(&opened).ok()
    };
    assert_eq!(attempt(b"correct horse").as_deref(), Some(&b"a key file"[..]));
    assert_eq!(attempt(b"wrong horse"), None);
}
