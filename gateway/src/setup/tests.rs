use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::sync::OnceLock;

use getrandom::SysRng;

use super::*;
use crate::clinic::Clinic;
use crate::clock::Clock;

/// The least work: these passphrases protect nothing.
const WORK: u8 = 1;

fn words() -> &'static Passphrase {
    static WORDS: OnceLock<Passphrase> = OnceLock::new();
    WORDS.get_or_init(|| Passphrase::new("correct horse battery staple").unwrap())
}

fn plan(kit: &Path) -> Plan<'_> {
    Plan {
        clinic_name: "Dermatology".to_owned(),
        hosts: vec!["127.0.0.1".to_owned()],
        listen: "127.0.0.1:0".parse().unwrap(),
        enrol_listen: "127.0.0.1:0".parse().unwrap(),
        console_listen: Some("127.0.0.1:0".parse().unwrap()),
        passphrase: words(),
        passphrase_work: WORK,
        recovery_out: kit,
        separation: None,
    }
}

fn now() -> UnixMillis {
    Clock::system().now()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        }
        found.push(path);
    }
    found
}

#[tokio::test]
async fn what_is_made_can_be_opened_and_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (data, kit) = (folder.path().join("d"), folder.path().join("kit.txt"));
    let made = make(&data, &plan(&kit), now(), &mut SysRng).await.unwrap();

    let config = Config::load(&data).unwrap();
    assert_eq!(config, made.config);
    assert!(config.listen.port() != 0 && config.enrol_listen.port() != 0);
    let layout = Layout::new(&data);
    let clinic = Clinic::open(&layout, &config, &Clock::system()).await.unwrap();
    assert_eq!(clinic.id(), made.clinic_id);
    assert_eq!(clinic.ca.sha256(), made.ca_sha256);
    let key_set = clinic.key_set();
    let key_set = key_set.key_set();
    assert_eq!((key_set.number, key_set.vault_epoch), (1, 1));
    assert_eq!((&key_set.vault, &key_set.recovery), (made.vault.as_bytes(), made.recovery.as_bytes()));
    assert_eq!(clinic.access.log().verify(&[]).await.unwrap().signed, 2);
    assert!(clinic.unlock(words()).is_ok());
    assert!(clinic.unlock(&Passphrase::new("another").unwrap()).is_err());

    let keys = ingest_keys::IngestKeys::load(&layout.ingest()).unwrap();
    assert_eq!(keys.clinic_id(), made.clinic_id);
    assert_eq!(keys.log().verifying_key().to_bytes(), key_set.log_key);
    let log = inbox::open_log(&layout.ingest(), made.clinic_id, keys.log().verifying_key()).await.unwrap();
    assert_eq!(log.verify(&[]).await.unwrap().signed, 1);

    for path in files_below(&data) {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        let is_public = path.ends_with("ca.crt") || path.ends_with("config.toml");
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert!(mode == expected || (is_public && mode & 0o133 == 0), "{}: {mode:o}", path.display());
    }
    assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn the_recovery_key_is_in_its_kit_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let (data, kit) = (folder.path().join("d"), folder.path().join("kit.txt"));
    let made = make(&data, &plan(&kit), now(), &mut SysRng).await.unwrap();

    assert_eq!(std::fs::metadata(&kit).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&kit).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("AGE-SECRET-KEY-1")).collect();
    let [line] = lines.as_slice() else { panic!("one identity is expected") };
    let identity: Identity = line.parse().unwrap();
    assert_eq!(identity.to_recipient(), made.recovery);

    // In none of the spellings in which a key could have been written.
    let secret = bech32_bytes(line);
    let spellings = [
        line.as_bytes().to_vec(),
        line.to_lowercase().into_bytes(),
        secret.to_vec(),
        data_encoding::HEXLOWER.encode(&secret).into_bytes(),
        data_encoding::BASE64.encode(&secret).into_bytes(),
    ];
    let mut read = 0;
    for path in files_below(&data).into_iter().filter(|path| path.is_file()) {
        let bytes = std::fs::read(&path).unwrap();
        read += 1;
        for spelling in &spellings {
            let found = bytes.windows(spelling.len()).any(|window| window == spelling.as_slice());
            assert!(!found, "{}", path.display());
        }
        // Nor the vault key, outside its passphrase.
        assert!(!bytes.windows(15).any(|window| window == b"AGE-SECRET-KEY-"), "{}", path.display());
    }
    assert!(read >= 14, "{read} files");
}

/// The 32 bytes of an identity, without the crate that wrote it: five bits a character, six characters of checksum.
fn bech32_bytes(text: &str) -> [u8; 32] {
    const ALPHABET: &str = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";
    let body = text.rsplit_once('1').unwrap().1;
    let mut bits = String::new();
    for character in body[..body.len() - 6].chars() {
        bits.push_str(&format!("{:05b}", ALPHABET.find(character).unwrap()));
    }
    let byte = |at: usize| u8::from_str_radix(&bits[at * 8..at * 8 + 8], 2).unwrap();
    std::array::from_fn(byte)
}

#[tokio::test]
async fn a_gateway_is_never_made_over_anything() {
    let folder = tempfile::tempdir().unwrap();
    let (data, kit) = (folder.path().join("d"), folder.path().join("kit.txt"));
    make(&data, &plan(&kit), now(), &mut SysRng).await.unwrap();
    let before = std::fs::read(data.join("clinic/ca.key")).unwrap();
    let second = folder.path().join("kit2.txt");
    let again = make(&data, &plan(&second), now(), &mut SysRng).await;
    assert!(matches!(again, Err(SetupError::NotEmpty(_))));
    assert_eq!(std::fs::read(data.join("clinic/ca.key")).unwrap(), before);
    assert!(!second.exists());

    // Nor is a kit, or whatever lies where it should go.
    let other = folder.path().join("other");
    let over_kit = make(&other, &plan(&kit), now(), &mut SysRng).await;
    assert!(matches!(over_kit, Err(SetupError::Recovery { .. })));
    assert!(!other.exists());
}

#[tokio::test]
async fn a_failure_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let kit = folder.path().join("kit.txt");
    let failing = Plan { clinic_name: "\n".to_owned(), ..plan(&kit) };
    let (new, old) = (folder.path().join("new"), folder.path().join("old"));
    std::fs::create_dir(&old).unwrap();
    for data in [&new, &old] {
        assert!(matches!(make(data, &failing, now(), &mut SysRng).await, Err(SetupError::Config(_))));
        let nowhere = folder.path().join("none/kit.txt");
        assert!(matches!(make(data, &plan(&nowhere), now(), &mut SysRng).await, Err(SetupError::Recovery { .. })));
        // The source of randomness fails in the middle.
        for calls in [0, 3, 8, 12] {
            let failed = make(data, &plan(&kit), now(), &mut FailsAfter(calls)).await;
            assert!(failed.is_err(), "{calls}");
        }
    }
    assert!(!new.exists() && !kit.exists());
    assert_eq!(std::fs::read_dir(&old).unwrap().count(), 0);

    let inside = old.join("kit.txt");
    assert!(matches!(make(&old, &plan(&inside), now(), &mut SysRng).await, Err(SetupError::RecoveryInside)));
    // And an empty folder that exists is taken.
    make(&old, &plan(&kit), now(), &mut SysRng).await.unwrap();
}

struct FailsAfter(u32);

impl rand_core::TryRng for FailsAfter {
    type Error = getrandom::Error;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        SysRng.try_next_u32()
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        SysRng.try_next_u64()
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0 = self.0.checked_sub(1).ok_or(getrandom::Error::UNSUPPORTED)?;
        SysRng.try_fill_bytes(bytes)
    }
}

impl TryCryptoRng for FailsAfter {}

#[test]
fn three_ports_are_chosen_that_no_other_program_comes_by_and_a_given_one_is_kept() {
    let kit = Path::new("kit");
    let config = configure(&plan(kit)).unwrap();
    let ports = BTreeSet::from([config.listen, config.enrol_listen, config.console_listen.unwrap()]);
    assert_eq!(ports.len(), 3);
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    let given_away_from: u16 = range.split_whitespace().next().unwrap().parse().unwrap();
    // A machine that gives away nearly all of them leaves nothing to choose.
    if given_away_from >= 32_768 {
        assert!(ports.iter().all(|listen| listen.port() < given_away_from), "{ports:?}");
    }
    let given = Plan { listen: "127.0.0.1:4433".parse().unwrap(), ..plan(kit) };
    assert_eq!(configure(&given).unwrap().listen.port(), 4433);
}

#[test]
fn a_port_is_held_for_both_protocols_and_an_address_of_another_machine_is_said() {
    let free = FreePort::at("127.0.0.1".parse().unwrap()).unwrap();
    assert_eq!(TcpListener::bind(free.address()).unwrap_err().kind(), ErrorKind::AddrInUse);
    assert_eq!(UdpSocket::bind(free.address()).unwrap_err().kind(), ErrorKind::AddrInUse);
    let address = free.address();
    drop(free);
    TcpListener::bind(address).unwrap();
    let foreign = FreePort::at("192.0.2.7".parse().unwrap()).unwrap_err();
    assert_eq!(foreign.kind(), ErrorKind::AddrNotAvailable);
}
