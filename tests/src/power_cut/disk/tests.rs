//! The disk keeps what it has promised, and nothing else for certain.

use super::*;

fn played(calls: Vec<Call>) -> Disk {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("in")).unwrap();
    let mut disk = Disk::of(folder.path()).unwrap();
    let trace = Trace { calls, moments: Vec::new() };
    for call in 0..trace.calls.len() {
        for end in [false, true] {
            disk.play(&trace, &Moment { at: 0, call, end });
        }
    }
    disk
}

/// Every outcome that some cut has, as names with contents.
fn outcomes(disk: &Disk) -> HashSet<Vec<(String, Vec<u8>)>> {
    let tree = |seed| disk.cut(&mut Random::new(seed)).0;
    let files = |tree: Tree| tree.files.into_iter().map(|(path, bytes)| (path.display().to_string(), bytes));
    (0..2000).map(|seed| files(tree(seed)).collect()).collect()
}

fn path(text: &str) -> PathBuf {
    text.into()
}

#[test]
fn what_was_synced_survives_every_cut_and_what_was_not_survives_some() {
    let write = || Call::Write(path("in/a"), Some(0), Arc::from(*b"abc"));
    let loose = outcomes(&played(vec![Call::Create(path("in/a")), write()]));
    let (nothing, empty, whole) =
        (vec![], vec![("in/a".to_owned(), vec![])], vec![("in/a".to_owned(), b"abc".to_vec())]);
    assert!([&nothing, &empty, &whole].into_iter().all(|outcome| loose.contains(outcome)), "{loose:?}");
    // Its contents alone do not make a name durable, nor its name the contents.
    let contents = outcomes(&played(vec![Call::Create(path("in/a")), write(), Call::Sync(path("in/a"))]));
    assert_eq!(contents, HashSet::from([nothing, whole.clone()]));
    let name = outcomes(&played(vec![Call::Create(path("in/a")), write(), Call::Sync(path("in"))]));
    assert!(name.contains(&empty) && name.iter().all(|outcome| outcome.len() == 1), "{name:?}");
    let both = [Call::Create(path("in/a")), write(), Call::Sync(path("in/a")), Call::Sync(path("in"))];
    assert_eq!(outcomes(&played(both.to_vec())), HashSet::from([whole]));
}

#[test]
fn a_name_in_another_folder_is_durable_with_that_folder() {
    let begin = [
        Call::Create(path("in/a")),
        Call::Sync(path("in")),
        Call::Folder(path("out")),
        Call::Sync(path("")),
        Call::Rename(path("in/a"), path("out/b")),
    ];
    let names = |last: Option<Call>| -> HashSet<Vec<String>> {
        let disk = played(begin.iter().cloned().chain(last).collect());
        outcomes(&disk).into_iter().map(|files| files.into_iter().map(|(name, _)| name).collect()).collect()
    };
    let is = |all: &[&[&str]]| -> HashSet<Vec<String>> {
        all.iter().map(|names| names.iter().map(|name| (*name).to_owned()).collect()).collect()
    };
    assert_eq!(names(None), is(&[&["in/a"], &["out/b"], &["in/a", "out/b"], &[]]));
    assert_eq!(names(Some(Call::Sync(path("out")))), is(&[&["out/b"], &["in/a", "out/b"]]));
}

#[test]
fn a_sync_covers_what_had_ended_when_it_began() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a"), b"...").unwrap();
    let mut disk = Disk::of(folder.path()).unwrap();
    let write = |at, byte| Call::Write(path("a"), Some(at), Arc::from([byte]));
    let trace = Trace { calls: vec![write(0, b'x'), Call::Sync(path("a")), write(1, b'y')], moments: Vec::new() };
    // The second write begins and ends while the sync runs.
    for (call, end) in [(0, false), (0, true), (1, false), (2, false), (2, true), (1, true)] {
        disk.play(&trace, &Moment { at: 0, call, end });
    }
    let contents: HashSet<Vec<u8>> = outcomes(&disk).into_iter().map(|files| files[0].1.clone()).collect();
    assert_eq!(contents, HashSet::from([b"x..".to_vec(), b"xy.".to_vec()]));
}
