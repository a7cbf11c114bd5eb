//! Holds the house to its plan: which room may name which, what the pure core may not touch, and how
//! long a file may get. The plan itself is docs/ARCHITECTURE.md; that the scanner sees every form of an
//! arrow is shown in scanner.rs.
#![allow(clippy::expect_used, reason = "a failed read is a failed test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use safelight_tests::source::{self, SourceFile};

/// A room (or `*` for all but the named ones), what it must not name, and why.
struct Rule {
    room: &'static str,
    except: &'static [&'static str],
    forbidden: &'static [&'static str],
    why: &'static str,
}

const CORE: &[Rule] = &[
    Rule {
        room: "*",
        except: &["client"],
        forbidden: &[
            "std::fs",
            "std::net",
            "std::os",
            "std::env",
            "std::process",
            "std::io::stdin",
            "std::io::stdout",
            "std::io::stderr",
            "std::time::SystemTime",
            "std::time::Instant",
            "tokio",
            "quinn",
            "quinn_proto",
            "rustls",
            "rcgen",
            "getrandom",
            "rand",
            "mio",
            "socket2",
        ],
        why: "the pure core takes bytes, time and randomness as arguments",
    },
    Rule {
        room: "*",
        except: &[],
        forbidden: &["safelight_gateway", "tokio::fs", "std::fs", "std::process"],
        why: "dependencies point inward, and nothing of a picture is ever written on the phone",
    },
    Rule {
        room: "*",
        except: &["client", "lib"],
        forbidden: &["crate::client"],
        why: "the pure core does not know the shell around it",
    },
    Rule {
        room: "photo",
        except: &[],
        forbidden: &["crate::seal", "crate::session", "crate::wire"],
        why: "data flows one way: photo, strip, seal, session",
    },
    Rule {
        room: "strip",
        except: &[],
        forbidden: &["crate::seal", "crate::session", "crate::wire"],
        why: "data flows one way: photo, strip, seal, session",
    },
    Rule {
        room: "seal",
        except: &[],
        forbidden: &["crate::session", "crate::wire"],
        why: "data flows one way: photo, strip, seal, session",
    },
];

const GATEWAY: &[Rule] = &[
    Rule {
        room: "ingest",
        except: &[],
        forbidden: &[
            "crate::vault",
            "crate::clinic",
            "crate::console",
            "crate::inspector",
            "crate::enrol::ca",
            "crate::enrol::issue",
            "crate::phone",
            "safelight_core::label",
            "safelight_core::seal::Identity",
            "safelight_core::seal::Opener",
            "safelight_core::seal::open_to",
            "safelight_core::seal::open_payload",
            "safelight_core::seal::open_bytes",
            "safelight_core::seal::passphrase",
        ],
        why: "ingest faces the phones and is blind: it opens nothing and issues nothing",
    },
    Rule {
        room: "store",
        except: &[],
        forbidden: &[
            "quinn",
            "quinn_proto",
            "rustls",
            "axum",
            "hyper",
            "crate::clinic",
            "crate::console",
            "crate::enrol",
            "crate::ingest",
            "crate::inspector",
            "crate::link",
            "crate::log",
            "crate::phone",
            "crate::vault",
            "safelight_core::client",
            "safelight_core::label",
            "safelight_core::seal",
            "safelight_core::session",
            "safelight_core::wire",
        ],
        why: "a store holds bytes and rows, and knows neither QUIC nor HTTP nor what the bytes mean",
    },
    Rule {
        room: "link",
        except: &[],
        forbidden: &["crate::vault", "crate::clinic", "crate::console", "crate::inspector", "crate::enrol::ca"],
        why: "ingest speaks the link's protocol too, and must reach nothing through it",
    },
    Rule {
        room: "log",
        except: &[],
        forbidden: &[
            "quinn",
            "crate::vault",
            "crate::clinic",
            "crate::console",
            "crate::ingest",
            "crate::inspector",
            "crate::link",
            "crate::enrol",
            "crate::phone",
        ],
        why: "both processes keep a log, so it belongs to neither",
    },
    Rule {
        room: "vault",
        except: &[],
        forbidden: &["quinn", "crate::ingest", "crate::link", "crate::console", "crate::phone"],
        why: "the room that opens pictures has no way to the network",
    },
    Rule {
        room: "inspector",
        except: &[],
        forbidden: &[
            "quinn",
            "rustls",
            "sqlx",
            "crate::vault",
            "crate::clinic",
            "crate::console",
            "crate::enrol",
            "crate::ingest",
            "crate::link",
            "crate::log",
            "crate::phone",
            "crate::store",
            "safelight_core::seal",
        ],
        why: "the decoder of foreign pictures has pipes, and no key, store or socket",
    },
    Rule {
        room: "phone",
        except: &[],
        forbidden: &[
            "sqlx",
            "crate::vault",
            "crate::clinic",
            "crate::console",
            "crate::ingest",
            "crate::inspector",
            "crate::link",
            "crate::log",
            "crate::store",
            "crate::enrol::ca",
            "crate::enrol::issue",
        ],
        why: "the phone's commands run the phone's core, and nothing of the clinic's",
    },
    Rule {
        room: "clinic",
        except: &[],
        forbidden: &["crate::ingest", "crate::phone", "crate::console"],
        why: "the clinic process believes ingest's messages only as far as it has checked them",
    },
    Rule {
        room: "console",
        except: &[],
        forbidden: &[
            "quinn",
            "crate::ingest",
            "crate::phone",
            "crate::link",
            "crate::inspector",
            "crate::store::blobs",
            "crate::store::headers",
        ],
        why: "the console asks the clinic process, and reaches neither phones nor what lies in the stores",
    },
    Rule {
        room: "alert",
        except: &[],
        forbidden: &[
            "quinn",
            "crate::ingest",
            "crate::phone",
            "crate::console",
            "crate::vault",
            "crate::link",
            "crate::inspector",
            "crate::clinic::sealed",
            "crate::clinic::reading",
            "crate::clinic::directory",
            "crate::store::blobs",
            "crate::store::headers",
        ],
        why: "what leaves the house of an alert names nobody: the room that sends it cannot open anything",
    },
    Rule {
        room: "enrol",
        except: &[],
        forbidden: &["crate::ingest", "crate::vault", "crate::console", "crate::phone"],
        why: "enrolment needs the CA, never a picture",
    },
    Rule { room: "background", except: &[], forbidden: EVERY_ROOM, why: "every room uses it, so it uses none" },
    Rule { room: "clock", except: &[], forbidden: EVERY_ROOM, why: "every room uses it, so it uses none" },
    Rule { room: "keyfile", except: &[], forbidden: EVERY_ROOM, why: "every room uses it, so it uses none" },
    Rule { room: "network", except: &[], forbidden: EVERY_ROOM, why: "every room uses it, so it uses none" },
    Rule { room: "owner", except: &[], forbidden: EVERY_ROOM, why: "every room uses it, so it uses none" },
    Rule { room: "config", except: &[], forbidden: EVERY_ROOM, why: "every room uses it, so it uses none" },
    Rule {
        room: "*",
        except: &["cli", "demo", "main"],
        forbidden: &["crate::cli", "crate::demo"],
        why: "the rooms do not know the command line in front of them",
    },
];

/// Rooms of one process each. Only the front may name several.
const PROCESSES: &[&str] = &["crate::ingest", "crate::clinic", "crate::phone"];
const FRONT: &[&str] = &["cli", "demo", "main", "setup"];

/// The rooms of the gateway that the rules above have thought of.
const GATEWAY_ROOMS: &[&str] = &[
    "alert",
    "background",
    "cli",
    "clinic",
    "clock",
    "config",
    "console",
    "demo",
    "enrol",
    "ingest",
    "inspector",
    "keyfile",
    "link",
    "log",
    "network",
    "owner",
    "phone",
    "setup",
    "store",
    "vault",
];

/// What the leaves must not name.
const EVERY_ROOM: &[&str] = &[
    "crate::cli",
    "crate::clinic",
    "crate::console",
    "crate::demo",
    "crate::enrol",
    "crate::ingest",
    "crate::inspector",
    "crate::link",
    "crate::log",
    "crate::phone",
    "crate::store",
    "crate::vault",
];

/// The bridge carries types over and decides nothing.
const BRIDGE: &[Rule] = &[Rule {
    room: "*",
    except: &[],
    forbidden: &[
        "safelight_gateway",
        "safelight_core::seal",
        "safelight_core::strip",
        "safelight_core::session",
        "quinn",
        "rustls",
        "std::fs",
        "std::net",
        "std::process",
        "std::env",
        "tokio::fs",
        "tokio::net",
    ],
    why: "android-demo -> mobile-bindings -> core[client]: the bridge knows the phone's client and writes nothing",
}];

const MAX_LINES: usize = 500;
/// Longer files, each with its reason.
const LONG_FILES: &[(&str, &str)] = &[(
    "gateway/src/console/text.rs",
    "every word of the console in one place, for whoever checks or translates them: a list, and nothing else",
)];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(crate_folder: &str, crate_name: &str) -> Vec<SourceFile> {
    let src = workspace().join(crate_folder).join("src");
    let files = source::read_crate(&src, crate_name).expect("the sources can be read");
    assert!(files.iter().any(|f| f.room() == "lib"), "no lib.rs below {}", src.display());
    files
}

/// Every reference that a rule forbids, as a line for the developer who wrote it.
fn broken(rules: &[Rule], files: &[SourceFile]) -> Vec<String> {
    let mut found = BTreeSet::new();
    for file in files {
        let room = file.room();
        let applies = |r: &&Rule| r.room == room || (r.room == "*" && !r.except.contains(&room));
        for rule in rules.iter().filter(applies) {
            for reference in &file.references {
                let hit =
                    rule.forbidden.iter().find(|f| !f.starts_with(&format!("crate::{room}")) && reference.reaches(f));
                if let Some(forbidden) = hit {
                    found.insert(format!(
                        "{}:{}: `{room}` names `{reference}`, and must not reach `{forbidden}`: {}",
                        file.name, reference.line, rule.why
                    ));
                }
            }
        }
    }
    found.into_iter().collect()
}

#[test]
fn core_names_nothing_outside_itself() {
    let files = read("core", "safelight_core");
    let named: usize = files.iter().map(|f| f.references.len()).sum();
    assert!(named > 0, "the scanner read no path at all");
    let broken = broken(CORE, &files);
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// A handler gets at names and pictures through `records`, which wants a grant, and at nothing that opens.
#[test]
fn the_console_opens_pictures_in_one_file_alone() {
    let files = read("gateway", "safelight_gateway");
    let opens = ["crate::clinic::sealed", "crate::clinic::reading"];
    let mut openers = BTreeSet::new();
    for file in files.iter().filter(|file| file.room() == "console") {
        if file.references.iter().any(|reference| opens.iter().any(|path| reference.reaches(path))) {
            openers.insert(file.name.clone());
        }
    }
    assert!(openers.len() == 1 && openers.iter().all(|name| name.ends_with("console/records.rs")), "{openers:?}");
}

#[test]
fn gateway_rooms_keep_to_their_arrows() {
    let files = read("gateway", "safelight_gateway");
    let broken = broken(GATEWAY, &files);
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn the_bridge_names_the_phones_client_alone() {
    let files = read("mobile-bindings", "safelight_mobile");
    assert!(
        files.iter().any(|file| file.references.iter().any(|reference| reference.reaches("safelight_core::client")))
    );
    let broken = broken(BRIDGE, &files);
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// What uniffi's macros write is unsafe, so that the compiler cannot be asked to forbid it there.
#[test]
fn the_bridge_is_written_without_unsafe_code() {
    let src = workspace().join("mobile-bindings");
    let files = source::files_with_extension(&src, "rs").expect("the bridge's sources");
    assert!(files.len() > 5, "the wrong folder was read");
    for file in files {
        let text = fs::read_to_string(&file).expect("a source file");
        let words = |line: &str| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe");
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            assert!(!words(line), "{}: {line}", file.display());
        }
    }
}

/// A panic inside becomes an error at the bridge, and one connection's does not end a gateway: both need it to unwind.
#[test]
fn a_panic_unwinds_in_every_profile() {
    let manifest = fs::read_to_string(workspace().join("Cargo.toml")).expect("the workspace's manifest");
    let table: toml::Table = manifest.parse().expect("TOML");
    let profiles = table["profile"].as_table().expect("profiles");
    assert!(profiles.contains_key("release"));
    for (name, profile) in profiles {
        assert!(profile.get("panic").is_none(), "profile {name} changes what a panic does");
    }
}

#[test]
fn only_the_front_names_several_processes() {
    let files = read("gateway", "safelight_gateway");
    for room in GATEWAY_ROOMS.iter().filter(|r| !FRONT.contains(r)) {
        let own = format!("crate::{room}");
        let others: BTreeSet<&str> = files
            .iter()
            .filter(|f| f.room() == *room)
            .flat_map(|f| &f.references)
            .flat_map(|r| PROCESSES.iter().copied().filter(move |p| r.reaches(p)))
            .filter(|p| *p != own)
            .collect();
        let allowed = if PROCESSES.contains(&own.as_str()) { 0 } else { 1 };
        assert!(others.len() <= allowed, "`{room}` names the processes {others:?}");
    }
}

#[test]
fn every_room_of_the_gateway_is_in_the_plan() {
    let files = read("gateway", "safelight_gateway");
    let rooms: BTreeSet<&str> = files.iter().map(SourceFile::room).filter(|r| !["lib", "main"].contains(r)).collect();
    let planned: BTreeSet<&str> = GATEWAY_ROOMS.iter().copied().collect();
    assert_eq!(rooms, planned, "a new room needs its rules here and its row in docs/ARCHITECTURE.md");
    for rule in GATEWAY.iter().filter(|r| r.room != "*") {
        assert!(rooms.contains(rule.room), "the rule for `{}` holds nothing", rule.room);
    }
    for rule in CORE.iter().filter(|r| r.room != "*") {
        let files = read("core", "safelight_core");
        assert!(files.iter().any(|f| f.room() == rule.room), "the rule for `{}` holds nothing", rule.room);
    }
}

/// Ways to take code from where this test does not look.
#[test]
fn no_code_is_taken_from_elsewhere() {
    for (folder, name) in
        [("core", "safelight_core"), ("gateway", "safelight_gateway"), ("mobile-bindings", "safelight_mobile")]
    {
        for file in read(folder, name) {
            for reference in &file.references {
                let hidden = ["#[path]", "include!"].iter().any(|h| reference.reaches(h));
                assert!(!hidden, "{folder}/{}:{}: {reference}", file.name, reference.line);
            }
        }
    }
}

#[test]
fn files_stay_short() {
    let root = workspace();
    let mut seen = BTreeSet::new();
    for file in source::files_with_extension(&root, "rs").expect("the workspace can be read") {
        let lines = fs::read_to_string(&file).expect("a source file").lines().count();
        let name = file.strip_prefix(&root).expect("below the root").display().to_string();
        match LONG_FILES.iter().find(|(long, _)| *long == name) {
            Some(_) => assert!(lines > MAX_LINES, "{name} is short again: take it off the list"),
            None => assert!(lines <= MAX_LINES, "{name} has {lines} lines, more than {MAX_LINES}"),
        }
        seen.insert(name);
    }
    assert!(seen.contains("core/src/lib.rs"), "the wrong folder was read");
    for (long, _) in LONG_FILES {
        assert!(seen.contains(*long), "{long} is on the list and does not exist");
    }
}
