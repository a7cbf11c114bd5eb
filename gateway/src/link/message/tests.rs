//! Every message there and back.

use safelight_core::ids::{CaptureId, DeviceId, InvitationId, UnixMillis};
use safelight_core::wire::limits::{MAX_HEADER_LEN, MAX_LABEL_LEN, MAX_MANIFEST_LEN};

use super::*;
use crate::link::{ConversationKind, DeviceState, MAX_RELAYED_LEN, MAX_SERIALS};

fn asks() -> Vec<Ask> {
    let device =
        DeviceRecord { id: DeviceId::from_bytes([1; 16]), state: DeviceState::Revoked, serials: vec![[2; 16]] };
    let open = OpenInvitation { id: InvitationId::from_bytes([3; 16]), token_hash: [4; 32], expires_at: UnixMillis(5) };
    let key = safelight_core::device_key::SoftwareKey::generate(&mut getrandom::SysRng).unwrap().verifying();
    vec![
        Ask::Poll { relay_after: 2, wait_ms: 3, unlocked: true, knocks_after: 0 },
        Ask::Poll { relay_after: 2, wait_ms: 3, unlocked: true, knocks_after: 4 },
        Ask::Sightings { after: 5 },
        Ask::Settled(vec![CaptureId::from_bytes([5; 16])]),
        Ask::Devices { generation: 9, devices: vec![device] },
        Ask::Invitations(vec![open]),
        Ask::KeySet { envelope: vec![6], accepted: vec![1, 2], receipt_keys: Vec::new() },
        Ask::KeySet { envelope: vec![6], accepted: vec![2, 1], receipt_keys: vec![key.clone(), key] },
        Ask::ReceiptKeyRequest,
        Ask::Answer { conversation: 7, message: vec![8], last: true },
        Ask::Checkpoint { from: 9 },
        Ask::CertificateRequest,
        Ask::Certificate(vec![vec![10], vec![11]]),
        Ask::Status,
        Ask::Inclusion { index: 12, size: 13 },
    ]
}

fn answers() -> Vec<Answer> {
    let entry = InboxEntry {
        seq: 1,
        capture_id: CaptureId::from_bytes([2; 16]),
        manifest: vec![3; 400],
        header: vec![4; 500],
        label: vec![5; 900],
        stored_at: UnixMillis(6),
        log_index: 7,
    };
    let enrol = RelayMessage { seq: 1, conversation: 2, kind: ConversationKind::Enrol, shown: None, message: vec![3] };
    let kind = ConversationKind::Renew(DeviceId::from_bytes([4; 16]));
    let renew = RelayMessage { kind, shown: Some(vec![5; 400]), ..enrol.clone() };
    let knock = Knock { seq: 3, device: DeviceId::from_bytes([6; 16]), count: 7 };
    let status = IngestStatus {
        port: 4433,
        enrol_port: 4434,
        enrol_open: true,
        connections: 3,
        inbox: 4,
        log_size: 5,
        clinic_seen_ms: Some(6),
        unlocked: false,
        store_trusted: true,
        devices_generation: 7,
        certificate_until: UnixMillis(8),
    };
    vec![
        Answer::Done,
        Answer::Failed(Failure::NoConversation),
        Answer::Events { inbox: vec![entry], relay: vec![enrol, renew], knocks: Vec::new() },
        Answer::Events { inbox: Vec::new(), relay: Vec::new(), knocks: vec![knock] },
        Answer::Checkpoint { checkpoint: vec![1], consistency: vec![[2; 32]] },
        Answer::PublicKey(vec![4; 65]),
        Answer::Inclusion(vec![[9; 32]; 3]),
        Answer::Status(IngestStatus { clinic_seen_ms: None, ..status.clone() }),
        Answer::Status(status),
        Answer::Sightings(vec![Sighting { seq: 1, device: DeviceId::from_bytes([2; 16]), at: UnixMillis(3) }]),
    ]
}

#[test]
fn messages_round_trip_and_no_cut_of_them_is_a_message() {
    for ask in asks() {
        let body = ask.to_bytes();
        assert_eq!(Ask::from_bytes(&body).unwrap(), ask);
        assert!((0..body.len()).all(|end| Ask::from_bytes(&body[..end]).is_err()));
    }
    for answer in answers() {
        let body = answer.to_bytes();
        assert_eq!(Answer::from_bytes(&body).unwrap(), answer);
        assert!((0..body.len()).all(|end| Answer::from_bytes(&body[..end]).is_err()));
    }
}

#[test]
fn a_full_answer_fits_in_a_frame() {
    let entry = MAX_MANIFEST_LEN + MAX_HEADER_LEN + MAX_LABEL_LEN + 128;
    let largest = MAX_INBOX_ENTRIES * entry + MAX_RELAY_MESSAGES * (MAX_RELAYED_LEN + 64) + MAX_KNOCKS * 64 + 64;
    assert!(largest < MAX_LINK_FRAME, "{largest}");
    const { assert!(MAX_ANSWER_LEN + 64 < MAX_LINK_FRAME) };
    let devices = MAX_DEVICES * (16 + 8 + MAX_SERIALS * 17 + 8);
    assert!(devices < MAX_LINK_FRAME, "{devices}");
    const { assert!(MAX_SIGHTINGS * 48 + 64 < MAX_LINK_FRAME) };
}
