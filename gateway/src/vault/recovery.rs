//! The recovery kit: one page, for paper or an offline disk, that opens every picture when the gateway is gone.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use getrandom::SysRng;
use rand_core::TryRng;
use safelight_core::seal::{Identity, Recipient, open_bytes, seal_bytes};
use zeroize::Zeroizing;

use super::private_file;

/// The width of the page, in characters, without the mark in front.
const COLUMNS: usize = 76;

/// How the line of the key begins.
const KEY_BEGINS: &str = "AGE-SECRET-KEY-1";

/// What stands on a kit besides the identity.
#[derive(Debug, Clone, Copy)]
pub struct Kit<'a> {
    /// The clinic as its staff call it.
    pub clinic: &'a str,
    /// What each fingerprint is of, and the fingerprint.
    pub fingerprints: &'a [(&'a str, &'a str)],
}

/// The page. Every line but the identity's is a comment to age, so that the page itself is an identity file.
#[must_use]
pub fn kit_text(identity: &Identity, kit: &Kit<'_>) -> Zeroizing<String> {
    let mut page = Page::new(kit);
    page.heading("RECOVERY KIT");
    page.paragraph(&format!("Clinic: {}", kit.clinic));
    page.paragraph(
        "This page opens every picture and every label of the clinic. Whoever has it can see them all, \
         without a password and without a trace in the access log.",
    );
    page.heading("What to do with it now");
    page.step("1. Print it twice, or copy it to two USB sticks that are used for nothing else.");
    page.step("2. Keep the two in different places, under lock, and write down who has access.");
    page.step("3. Delete the file. The gateway keeps no copy and cannot make this page again.");
    page.heading("When it is needed");
    page.paragraph(
        "When the gateway is lost, or the vault's passphrase is. What is needed besides this page: the \
         sealed pictures, from the gateway's disk, a backup or `safelight vault export`, and the \
         program `age`, version 1 (Debian package `age`; https://age-encryption.org).",
    );
    page.heading("How to open a picture");
    page.step("1. Take a computer that is not connected to a network.");
    page.step(
        "2. Save this page as recovery.txt. From paper, only the line that starts with \
         AGE-SECRET-KEY-1 has to be typed; a mistake in it is noticed.",
    );
    page.step("3. For every picture:");
    page.command("age -d -i recovery.txt -o picture.jpg picture.age");
    page.step("4. Delete recovery.txt, and put the page back under lock.");
    page.heading("The key");
    page.paragraph(&format!("Public key: {}", identity.to_recipient()));
    page.text.push('\n');
    page.text.push_str(&identity.to_text());
    page.text.push_str("\n\n");
    if !kit.fingerprints.is_empty() {
        page.heading("Fingerprints of the clinic, to compare");
        for (of, fingerprint) in kit.fingerprints {
            page.step(&format!("{of}:"));
            page.command(fingerprint);
        }
    }
    page.text
}

/// Why what somebody gave as the recovery kit is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KitError {
    /// No line begins as the key does, or several do.
    #[error("one line that begins with AGE-SECRET-KEY-1 is expected")]
    NoKey,
    /// It has a mistake in it: its checksum says so.
    #[error("the key has a mistake in it")]
    Mistyped,
    /// It is another clinic's, or an older one.
    #[error("this key does not open what is sealed now")]
    OtherKey,
    /// The source of randomness failed, or sealing did.
    #[error("no sample could be sealed")]
    NoSample,
}

impl KitError {
    /// A stable code, for the log.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoKey => "no-key",
            Self::Mistyped => "mistyped",
            Self::OtherKey => "other-key",
            Self::NoSample => "no-sample",
        }
    }
}

/// Whether the kit, its whole page or the key's line alone, opens what is sealed to the recipient `recovery` (32 bytes, X25519): random bytes are, and
/// are opened. The identity is wiped before this returns; the text is the caller's to wipe.
///
/// # Errors
/// [`KitError`].
pub fn test_kit(kit: &str, recovery: [u8; 32]) -> Result<(), KitError> {
    let mut keys = kit.lines().map(str::trim).filter(|line| line.starts_with(KEY_BEGINS));
    let (Some(key), None) = (keys.next(), keys.next()) else { return Err(KitError::NoKey) };
    let identity: Identity = key.parse().map_err(|_| KitError::Mistyped)?;
    let recipient = Recipient::from_bytes(recovery).map_err(|_| KitError::NoSample)?;
    let mut sample = Zeroizing::new([0; 32]);
    SysRng.try_fill_bytes(&mut *sample).map_err(|_| KitError::NoSample)?;
    let sealed = seal_bytes(&*sample, &[recipient], &mut SysRng).map_err(|_| KitError::NoSample)?;
    match open_bytes(&sealed, &[&identity]) {
        Ok(opened) if opened.as_slice() == sample.as_slice() => Ok(()),
        _ => Err(KitError::OtherKey),
    }
}

/// Writes the page to the new file `path`, for its owner alone. It is not kept anywhere else.
pub fn write_kit(path: &Path, text: &Zeroizing<String>) -> io::Result<()> {
    private_file::create(path, text.as_bytes())
}

struct Page {
    text: Zeroizing<String>,
}

impl Page {
    /// With room for the whole page, so that the text never moves and leaves no copy of the key behind.
    fn new(kit: &Kit<'_>) -> Self {
        let variable: usize = kit.fingerprints.iter().map(|(of, fingerprint)| of.len() + fingerprint.len() + 64).sum();
        let room = 8 * 1024 + 2 * (kit.clinic.len() + variable);
        Self { text: Zeroizing::new(String::with_capacity(room)) }
    }

    fn heading(&mut self, text: &str) {
        self.line("", "");
        self.line("", text);
        self.line("", &"-".repeat(text.len()));
    }

    fn paragraph(&mut self, text: &str) {
        self.wrapped("", text);
    }

    fn step(&mut self, text: &str) {
        self.wrapped("  ", text);
    }

    /// Not wrapped, since it is to be typed as it stands.
    fn command(&mut self, text: &str) {
        self.line("       ", text);
    }

    fn wrapped(&mut self, indent: &str, text: &str) {
        let mut line = String::new();
        for word in text.split_whitespace() {
            if !line.is_empty() && indent.len() + line.len() + 1 + word.len() > COLUMNS {
                self.line(indent, &line);
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(indent, &line);
    }

    /// A comment, whatever the text: a line end in a name does not end it.
    fn line(&mut self, indent: &str, text: &str) {
        let text: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        let written = writeln!(self.text, "{}", format!("# {indent}{text}").trim_end());
        debug_assert!(written.is_ok(), "a String takes everything");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    const KIT: Kit<'_> = Kit {
        clinic: "Skin clinic\nAGE-SECRET-KEY-1XXXX\r\u{2028}North",
        fingerprints: &[("Certificate authority, SHA-256", "00112233445566778899aabbccddeeff")],
    };

    #[test]
    fn the_key_stands_alone_among_comments() {
        let identity = Identity::generate(&mut SysRng).unwrap();
        let page = kit_text(&identity, &KIT);
        let bare: Vec<&str> = page.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
        assert_eq!(bare, [identity.to_text().as_str()]);
        assert!(page.contains("age -d -i recovery.txt"));
        assert!(page.contains("00112233445566778899aabbccddeeff"));
        assert!(page.contains(&identity.to_recipient().to_string()));
        assert!(page.lines().all(|line| line.chars().count() <= 80), "{}", *page);
    }

    #[test]
    fn a_kit_is_tested_by_opening_and_not_by_its_looks() {
        let (own, other) = (Identity::generate(&mut SysRng).unwrap(), Identity::generate(&mut SysRng).unwrap());
        let recovery: [u8; 32] = *own.to_recipient().as_bytes();
        let page = kit_text(&own, &KIT);
        assert_eq!(test_kit(&page, recovery), Ok(()));
        assert_eq!(test_kit(&format!("  {}\r\n", *own.to_text()), recovery), Ok(()));
        assert_eq!(test_kit(&other.to_text(), recovery), Err(KitError::OtherKey));
        // It says the right public key, and has another secret one.
        let forged = page.replace(own.to_text().as_str(), &other.to_text());
        assert_eq!(test_kit(&forged, recovery), Err(KitError::OtherKey));
        let text = own.to_text();
        let last = if text.ends_with('Q') { 'P' } else { 'Q' };
        assert_eq!(test_kit(&format!("{}{last}", &text[..text.len() - 1]), recovery), Err(KitError::Mistyped));
        for none in ["", "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj", &format!("# {}", *text)] {
            assert_eq!(test_kit(none, recovery), Err(KitError::NoKey), "{none}");
        }
        let both = format!("{}\n{}", *own.to_text(), *other.to_text());
        assert_eq!(test_kit(&both, recovery), Err(KitError::NoKey), "which of them?");
    }

    #[test]
    fn the_page_is_written_without_moving() {
        let identity = Identity::generate(&mut SysRng).unwrap();
        let long = "x".repeat(5000);
        let kit = Kit { clinic: &long, fingerprints: &[(&long, &long), ("a", "b")] };
        let room = Page::new(&kit).text.capacity();
        assert_eq!(kit_text(&identity, &kit).capacity(), room);
    }

    #[test]
    fn age_takes_the_page_for_an_identity_file() {
        if !Command::new("age").arg("--version").output().is_ok_and(|age| age.status.success()) {
            println!("SKIPPED age_takes_the_page_for_an_identity_file: `age` is not installed");
            return;
        }
        let identity = Identity::generate(&mut SysRng).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let [kit, sealed] = ["kit.txt", "sealed.age"].map(|name| folder.path().join(name));
        write_kit(&kit, &kit_text(&identity, &KIT)).unwrap();
        let file = seal_bytes(b"picture", &[identity.to_recipient()], &mut SysRng).unwrap();
        std::fs::write(&sealed, file).unwrap();
        let output = Command::new("age").arg("-d").arg("-i").arg(&kit).arg(&sealed).output();
        assert_eq!(output.unwrap().stdout, b"picture");
    }
}
