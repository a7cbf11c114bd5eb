//! The lying ingest, and what it says phones have sent.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a harness of tests: what does not go as it should is a failed test"
)]

use std::collections::VecDeque;
use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use getrandom::SysRng;
use safelight_core::client::Client;
use safelight_core::ids::{CaptureId, UnixMillis};
use safelight_core::manifest::{ContentType, Manifest, PayloadDigest, SignedManifest};
use safelight_core::seal::{self, Recipient, Stanza};
use safelight_gateway::clock::Clock;
use safelight_gateway::link::{
    self, Answer, Ask, ConversationKind, Failure, InboxEntry, IngestStatus, Knock, RelayMessage, Sighting,
};
use safelight_gateway::store::blobs::payload_key;
use safelight_tests::gateway::program::{Service, until};
use safelight_tests::gateway::{Gateway, PATIENCE, phone};
use safelight_tests::pictures::small;

/// What the liar says next, and what it has heard.
#[derive(Default)]
pub(super) struct Script {
    inbox: VecDeque<InboxEntry>,
    relay: VecDeque<RelayMessage>,
    /// Devices that are said to knock, in every answer.
    pub(super) knocks: Vec<Knock>,
    /// Devices that were there, as it says each time.
    pub(super) sightings: Vec<Sighting>,
    /// How often it was asked for them.
    pub(super) sightings_asked: u64,
    pub(super) heard: Vec<(u64, Vec<u8>, bool)>,
    /// What it says when it is asked for a receipt key, and how often it was.
    pub(super) offers: VecDeque<Answer>,
    pub(super) asked_for_key: u64,
    /// What it says instead of what is new.
    pub(super) unasked: Option<Answer>,
    polls: u64,
    said: u64,
}

/// An ingest of our own at the clinic process's socket. The clinic process beside it is the real one.
pub(super) struct Liar {
    script: Arc<Mutex<Script>>,
    runtime: tokio::runtime::Runtime,
    pub(super) clinic: Service,
}

impl Liar {
    pub(super) fn beside(gateway: &Gateway) -> Self {
        let runtime = runtime();
        let script: Arc<Mutex<Script>> = Arc::default();
        let listener =
            runtime.block_on(async { link::listen(&gateway.data().join("ingest"), None) }).expect("the link");
        let serving = script.clone();
        runtime.spawn(async move {
            loop {
                let mut link = listener.accept().await.expect("the clinic process");
                let script = serving.clone();
                tokio::spawn(async move {
                    while let Ok(Some(ask)) = link.next_ask().await {
                        if matches!(ask, Ask::Poll { .. }) {
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                        let answer = lie(&mut script.lock().unwrap_or_else(PoisonError::into_inner), ask);
                        if link.answer(&answer).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        let clinic = gateway.command(&["clinic", "--data", "D", "--passphrase-file", "P"]);
        let liar = Self { script, runtime, clinic: Service::start(clinic, &gateway.at("clinic.log")) };
        liar.polled(1);
        liar
    }

    pub(super) fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the clinic process has come `times` more.
    pub(super) fn polled(&self, times: u64) {
        let wanted = self.script().polls + times;
        until("the clinic process's polls", PATIENCE, || (self.script().polls >= wanted).then_some(()));
    }

    /// Says something in a conversation as if a phone had.
    pub(super) fn say(&self, conversation: u64, kind: ConversationKind, message: &[u8]) {
        let mut script = self.script();
        script.said += 1;
        let seq = script.said;
        script.relay.push_back(RelayMessage { seq, conversation, kind, message: message.to_vec(), shown: None });
    }

    /// The next answer in a conversation.
    pub(super) fn answer(&self, conversation: u64) -> (Vec<u8>, bool) {
        until("an answer of the clinic process", PATIENCE, || {
            let mut script = self.script();
            let at = script.heard.iter().position(|(of, ..)| *of == conversation)?;
            let (_, message, last) = script.heard.remove(at);
            Some((message, last))
        })
    }

    pub(super) fn asked(&self, conversation: u64, kind: ConversationKind, message: &[u8]) -> (Vec<u8>, bool) {
        self.say(conversation, kind, message);
        self.answer(conversation)
    }

    /// Gives the clinic process a capture as stored, with this payload at its place.
    pub(super) fn store(&self, gateway: &Gateway, sent: &Sent) -> PathBuf {
        let place = payload_place(gateway, sent);
        fs::create_dir_all(place.parent().expect("a shard")).expect("a shard");
        fs::write(&place, &sent.payload).expect("a payload");
        self.claim(sent);
        place
    }

    /// Says that a capture is stored.
    pub(super) fn claim(&self, sent: &Sent) {
        let mut script = self.script();
        script.said += 1;
        let entry = InboxEntry {
            seq: script.said,
            capture_id: sent.id(),
            manifest: sent.manifest.cose().to_vec(),
            header: sent.header.clone(),
            label: sent.label.clone(),
            stored_at: now(),
            log_index: script.said,
        };
        script.inbox.push_back(entry);
    }
}

/// What a phone has sent, or what passes for it.
pub(super) struct Sent {
    manifest: SignedManifest,
    header: Vec<u8>,
    label: Vec<u8>,
    pub(super) payload: Vec<u8>,
}

impl Sent {
    pub(super) fn id(&self) -> CaptureId {
        self.manifest.manifest().capture_id
    }

    /// A photograph as the core seals it.
    pub(super) fn honest(client: &Client, photo: &[u8]) -> Self {
        let sealed = phone::seal(client, photo);
        Self {
            manifest: sealed.manifest().clone(),
            header: sealed.header().to_vec(),
            label: sealed.label().to_vec(),
            payload: sealed.payload().to_vec(),
        }
    }

    /// Any bytes in the place of the picture, sealed and signed as they should be: a phone of the clinic's that does not run the core.
    pub(super) fn lying(client: &Client, picture: &[u8], content_type: ContentType) -> Self {
        let like = Self::honest(client, &small::photo(1));
        let said = like.manifest.manifest().clone();
        let sealed = seal::seal_payload(std::iter::once(picture), picture.len(), NonZeroUsize::MIN, &mut SysRng)
            .expect("sealed");
        let digest = PayloadDigest { len: sealed.len() as u64, sha256: sealed.sha256() };
        let manifest =
            Manifest { picture: digest, content_type, ..said.clone() }.sign(client.key().as_ref()).expect("signed");
        let device = client.device();
        let keys = device.key_set.key_set();
        let recipients = [keys.vault, keys.recovery].map(|key| Recipient::from_bytes(key).expect("a recipient"));
        let stanza = Stanza::manifest(said.key_set, &manifest.hash().0);
        let header = sealed.header(&[stanza], &recipients, &mut SysRng).expect("a header");
        Self { manifest, header, label: like.label, payload: sealed.bytes().to_vec() }
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        // Before the clinic process is waited for, so that it is not told lies while it ends.
        let script = self.script.clone();
        self.runtime.spawn(async move { script.lock().unwrap_or_else(PoisonError::into_inner).relay.clear() });
    }
}

fn lie(script: &mut Script, ask: Ask) -> Answer {
    match ask {
        Ask::Poll { .. } => {
            script.polls += 1;
            if let Some(unasked) = script.unasked.take() {
                return unasked;
            }
            let inbox = script.inbox.drain(..).collect();
            Answer::Events { inbox, relay: script.relay.drain(..).collect(), knocks: script.knocks.clone() }
        }
        Ask::Answer { conversation, message, last } => {
            script.heard.push((conversation, message, last));
            Answer::Done
        }
        Ask::Sightings { .. } => {
            script.sightings_asked += 1;
            Answer::Sightings(script.sightings.clone())
        }
        Ask::Status => Answer::Status(IngestStatus {
            port: 1,
            enrol_port: 2,
            enrol_open: true,
            connections: 0,
            inbox: 0,
            log_size: 1,
            clinic_seen_ms: Some(0),
            unlocked: true,
            store_trusted: true,
            devices_generation: u64::MAX >> 1,
            certificate_until: now().plus(Duration::from_secs(80 * 24 * 3600)),
        }),
        Ask::ReceiptKeyRequest => {
            script.asked_for_key += 1;
            script.offers.pop_front().unwrap_or(Answer::Failed(Failure::Store))
        }
        Ask::InForce => Answer::InForce { generation: 0, devices: Vec::new(), key_set: None },
        Ask::Checkpoint { .. } | Ask::Inclusion { .. } | Ask::CertificateRequest => Answer::Failed(Failure::Store),
        _ => Answer::Done,
    }
}

pub(super) fn now() -> UnixMillis {
    Clock::system().now()
}

pub(super) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

pub(super) fn payload_place(gateway: &Gateway, sent: &Sent) -> PathBuf {
    let key = payload_key(sent.id(), &sent.manifest.hash()).to_string();
    gateway.data().join("ingest/blobs").join(&key[key.len() - 2..]).join(&key)
}
