//! Every word that the console shows, in one place: to be read by whoever checks the language, and to be replaced by another file for another one.

use crate::enrol::attestation::Unproved;

pub(super) const PRODUCT: &str = "Safelight";
pub(super) const SKIP: &str = "Skip to the content";
pub(super) const LOG_OUT: &str = "Log out";

pub(super) const NAV_PATIENTS: &str = "Patients";
pub(super) const NAV_DEVICES: &str = "Phones";
pub(super) const NAV_PEOPLE: &str = "People";
pub(super) const NAV_VAULT: &str = "Vault";
pub(super) const NAV_LOG: &str = "Log";
pub(super) const NAV_ACCOUNT: &str = "Account";

pub(super) const ROLE_CLINICIAN: &str = "Clinician";
pub(super) const ROLE_ADMIN: &str = "Admin";
pub(super) const ROLE_PRIVACY_OFFICER: &str = "Privacy officer";

pub(super) const LOGIN_TITLE: &str = "Log in";
pub(super) const LOGIN_NAME: &str = "Your id";
pub(super) const LOGIN_PASSWORD: &str = "Password";
pub(super) const LOGIN_CODE: &str = "Code of your authenticator";
pub(super) const LOGIN_CODE_HINT: &str = "Six digits. A recovery code works once in its place.";
pub(super) const LOGIN_SUBMIT: &str = "Log in";
pub(super) const LOGIN_WRONG: &str = "That did not fit together. Compare id, password and code, and try again. A code works once: wait for the next one.";
pub(super) const LOGIN_WAIT: &str = "Too many wrong tries. Wait a moment, then try again.";
pub(super) const LOGIN_PASSKEY: &str = "Log in with a passkey";
pub(super) const LOGIN_OR: &str = "or with password and authenticator";
pub(super) const LOGIN_PASSKEY_WRONG: &str =
    "That passkey did not work here. Try again, or log in with password and code.";
pub(super) const PASSKEY_STOPPED: &str = "Nothing was done: the browser made no passkey, or used none. Try again.";
pub(super) const PASSKEY_EXPIRED: &str = "That took too long, or was answered before. Try again.";
pub(super) const PASSKEY_REFUSED: &str =
    "This passkey cannot be used here. It must be able to check that it is you, by finger, face or PIN.";
pub(super) const PASSKEY_NO_NAME: &str =
    "Passkeys need the console's name in the browser's address. Open it by its name, or use password and code.";
pub(super) const PASSKEY_NOT_FRESH: &str =
    "Log out and in again first: a passkey is added within ten minutes of a log-in.";
pub(super) const PASSKEY_MANY: &str = "You have ten passkeys. Remove one first.";
pub(super) const PASSKEY_TAKEN: &str = "This passkey is in use already.";
pub(super) const PASSKEY_LAST: &str = "This is the only way in that you have. Add another passkey first.";
pub(super) const PASSKEY_BAD_NAME: &str =
    "Give the passkey a name of 1 to 64 characters, such as the name of the device that has it.";
pub(super) const PASSKEYS_TITLE: &str = "Your passkeys";
pub(super) const PASSKEYS_NONE: &str =
    "None yet. With a passkey you log in by finger, face or PIN, without password and code.";
pub(super) const PASSKEYS_FIRST: &str = "First passkey";
pub(super) const PASSKEYS_NAME: &str = "Name of a new one";
pub(super) const PASSKEYS_NAME_HINT: &str =
    "Such as the name of the device that has it. Have two, so that a lost device shuts nobody out.";
pub(super) const PASSKEYS_ADD: &str = "Add a passkey";
pub(super) const PASSKEYS_REMOVE: &str = "Remove";
pub(super) const PASSKEYS_ADDED: &str = "added";
pub(super) const PASSKEYS_USED: &str = "last used";
pub(super) const PASSKEYS_UNUSED: &str = "never used";
pub(super) const JOIN_PASSKEY: &str = "With a passkey";
pub(super) const JOIN_PASSKEY_HINT: &str = "This device, or a key that you plug in, checks that it is you by finger, face or PIN. Nothing to remember, and nothing that a false page could ask you for.";
pub(super) const JOIN_PASSKEY_BUTTON: &str = "Make the account with a passkey";
pub(super) const JOIN_PASSWORD_WAY: &str = "Or with a password and an authenticator";
pub(super) const RESET_NOTICE: &str = "An admin has made a code with which your account could be set up anew:";
pub(super) const RESET_ASK: &str = "If you did not ask for it, tell the privacy officer.";
pub(super) const RESET_READ: &str = "I know of it";
pub(super) const PERSON_WAYS: &str = "Logs in with";
pub(super) const PERSON_WAY_PASSWORD: &str = "password and authenticator";
pub(super) const PERSON_WAY_PASSKEYS: &str = "passkeys:";
pub(super) const PERSON_NO_WAY: &str = "nothing yet";
pub(super) const LOGIN_JOIN: &str = "You have a code to begin with?";

pub(super) const DEMO_TITLE: &str = "Demo";
pub(super) const DEMO_LEAD: &str = "Nobody here exists. This button logs you in, once, as:";
pub(super) const DEMO_NO_LINK_TITLE: &str = "This link has been used";
pub(super) const DEMO_NO_LINK: &str =
    "A link works once, for 15 minutes. Press Enter in the terminal in which the demo runs: it shows new ones.";

pub(super) const JOIN_TITLE: &str = "Begin";
pub(super) const JOIN_CODE: &str = "Code";
pub(super) const JOIN_CODE_HINT: &str =
    "Four groups of four, from whoever runs Safelight here, or from the gateway's terminal.";
pub(super) const JOIN_SUBMIT: &str = "Go on";
pub(super) const JOIN_WRONG: &str = "This code is wrong, or not valid any more. Ask for a new one.";
pub(super) const JOIN_FIRST_TITLE: &str = "The first admin";
pub(super) const JOIN_FIRST_LEAD: &str = "This account runs phones, people and the vault. It sees no pictures. Give clinicians accounts of their own afterwards.";
pub(super) const JOIN_PERSON_TITLE: &str = "Your account";
pub(super) const JOIN_PERSON_LEAD: &str = "Choose a password, and put Safelight into your authenticator.";
pub(super) const JOIN_ID: &str = "Id";
pub(super) const JOIN_ID_HINT: &str =
    "Short, and for good: it stands in the log. Letters, digits, dots, hyphens and underscores.";
pub(super) const JOIN_NAME: &str = "Name";
pub(super) const JOIN_PASSWORD: &str = "Password";
pub(super) const JOIN_PASSWORD_HINT: &str =
    "Twelve characters or more. A few words that belong together only for you are best.";
pub(super) const JOIN_TOTP: &str = "Authenticator";
pub(super) const JOIN_TOTP_HINT: &str =
    "Scan this with an authenticator app, or type the key. Then enter the code that it shows.";
pub(super) const JOIN_TOTP_KEY: &str = "Key";
pub(super) const JOIN_TOTP_ALT: &str = "QR code for an authenticator app; the key stands below";
pub(super) const JOIN_TOTP_CODE: &str = "Code that it shows now";
pub(super) const JOIN_FINISH: &str = "Make the account";
pub(super) const JOIN_BAD_ID: &str =
    "This id cannot be used: 1 to 64 letters, digits, dots, hyphens or underscores, and nobody else's.";
pub(super) const JOIN_BAD_NAME: &str = "Enter a name of 1 to 64 characters.";
pub(super) const JOIN_BAD_CODE: &str = "The authenticator's code was not right. Enter the one that it shows now.";
pub(super) const JOIN_SHORT: &str = "The password is shorter than twelve characters.";
pub(super) const JOIN_LONG: &str = "The password is longer than 256 bytes.";
pub(super) const JOIN_KNOWN: &str = "This password is one that everybody tries first. Choose another.";
pub(super) const JOIN_OWN: &str = "The password has your own name in it. Choose another.";

pub(super) const CODES_TITLE: &str = "Recovery codes";
pub(super) const CODES_LEAD: &str = "Each works once in the place of the authenticator's code. They are shown now and never again: print them, or write them down, and lock them away.";
pub(super) const CODES_GO_ON: &str = "I have them. Go on";

pub(super) const PATIENTS_TITLE: &str = "Patients";
pub(super) const PATIENTS_SEARCH: &str = "Name, record number or birth date";
pub(super) const PATIENTS_HINT: &str = "You see the patients whom you treat. Every look is on record.";
pub(super) const PATIENTS_NONE: &str = "Nobody of those whom you treat fits.";
pub(super) const PATIENTS_MORE: &str = "There are more. Type on.";
pub(super) const PATIENTS_EMPTY: &str = "No patient yet. The first picture that you take of somebody brings them here.";
pub(super) const PATIENTS_PICTURE: &str = "picture, from";
pub(super) const PATIENTS_PICTURES: &str = "pictures, the last from";
pub(super) const BORN: &str = "born";

pub(super) const PATIENT_TEAM: &str = "Care team";
pub(super) const PATIENT_NO_PICTURES: &str = "No pictures.";
pub(super) const PATIENT_OLDER: &str = "Older pictures";
pub(super) const PATIENT_BACK: &str = "All patients";

pub(super) const PICTURE_BACK: &str = "All pictures of this patient";
pub(super) const PICTURE_TAKEN: &str = "Taken";
pub(super) const PICTURE_BY: &str = "By";
pub(super) const PICTURE_DEVICE: &str = "Phone";
pub(super) const PICTURE_VIEW: &str = "View";
pub(super) const PICTURE_APP: &str = "Taken with";
pub(super) const PICTURE_CONSENT: &str = "Consent";
pub(super) const PICTURE_CONSENT_NONE: &str = "not recorded";
pub(super) const PICTURE_CONSENT_RECORD: &str = "for the record";
pub(super) const PICTURE_CONSENT_TEACHING: &str = "for teaching too";
pub(super) const PICTURE_CONSENT_PUBLICATION: &str = "for publication too";
pub(super) const PICTURE_NOTE: &str = "Note";
pub(super) const PICTURE_STORED: &str = "Stored";
pub(super) const PICTURE_STATE: &str = "Checked";
pub(super) const PICTURE_VERIFIED: &str = "signature, digest and seal";
pub(super) const PICTURE_WAS_VERIFIED: &str = "signature, digest and seal when it came; not any more";
pub(super) const DAMAGED_TITLE: &str = "This picture is damaged";
pub(super) const DAMAGED: &str = "This picture cannot be shown: what is stored of it is damaged or gone. Nothing of it is shown, so that nobody takes a part for the whole. Whoever runs the gateway has been told. If you need it today, take it again.";
pub(super) const PICTURE_ENTRY: &str = "Entry of the intake log";
pub(super) const PICTURE_LOOK: &str = "Look at this";
pub(super) const PICTURE_ALT: &str = "Photograph";
pub(super) const THUMBNAIL_NONE: &str = "no preview";

pub(super) const DEVICES_TITLE: &str = "Phones";
pub(super) const DEVICES_OPEN: &str = "Open invitations";
pub(super) const DEVICES_OPEN_HINT: &str = "Whoever has seen the code can ask to be let in with it, once.";
pub(super) const DEVICES_WITHDRAW: &str = "Withdraw";
pub(super) const DEVICES_INVITE: &str = "Invite a phone";
pub(super) const DEVICES_INVITE_NAME: &str = "Name of the phone";
pub(super) const DEVICES_INVITE_NAME_HINT: &str = "Such as the room that it stays in.";
pub(super) const DEVICES_INVITE_PERSON: &str = "Whose it is";
pub(super) const DEVICES_INVITE_SUBMIT: &str = "Show the code";
pub(super) const DEVICES_INVITE_BAD: &str =
    "Not made: a phone's name has 1 to 64 bytes of characters that show, and belongs to somebody who works here.";
pub(super) const DEVICES_INVITED: &str =
    "Scan this with the phone. Whoever sees it can ask to be let in, once: show it to nobody else. Open until";
pub(super) const DEVICES_INVITED_ALT: &str = "QR code for the phone";
pub(super) const DEVICES_NONE: &str = "No phones yet.";
pub(super) const DEVICES_WORDS: &str = "Does the phone show the same words?";
pub(super) const DEVICES_APPROVE: &str = "Yes, the same: approve";
pub(super) const DEVICES_DECLINE: &str = "No: decline";
pub(super) const DEVICES_REVOKE: &str = "Revoke";
pub(super) const DEVICES_REVOKE_HINT: &str =
    "It may not send any more, at once and for good. Found again, it is invited anew.";
pub(super) const DEVICES_REVOKE_YES: &str = "Revoke at once";
pub(super) const DEVICES_PENDING: &str = "waits";
pub(super) const DEVICES_ACTIVE: &str = "active";
pub(super) const DEVICES_REVOKED: &str = "revoked";
pub(super) const DEVICES_LAST_SEEN: &str = "last seen";
pub(super) const DEVICES_NOT_SEEN: &str = "not seen yet";
pub(super) const DEVICES_LAST_PICTURE: &str = "last picture";
pub(super) const DEVICES_APP: &str = "app:";
pub(super) const DEVICES_NO_PICTURE: &str = "no picture yet";
pub(super) const DEVICES_CERTIFIED: &str = "certificate for";
pub(super) const DEVICES_DAYS: &str = "more days";
pub(super) const DEVICES_EXPIRED: &str = "certificate has run out";
pub(super) const DEVICES_ATTESTED: &str = "Enrolled with a key in secure hardware, attested";
pub(super) const DEVICES_SOFTWARE: &str = "Enrolled with a key in software, or with one that is not attested";
pub(super) const DEVICES_CLAIMED: &str = "Claims an attested key; not proved:";
pub(super) const DEVICES_NOT_JUDGED: &str = "none was judged when it came";

/// Why an attestation does not prove what it should, for the admin who approves.
pub(super) const fn devices_unproved(reason: Unproved) -> &'static str {
    match reason {
        Unproved::Malformed | Unproved::ChainTooLong | Unproved::BrokenChain => {
            "what it sent is no whole chain of certificates"
        }
        Unproved::UnknownAlgorithm => "its certificates are signed in a way that is not known here",
        Unproved::NotAnIssuer => "one of its certificates comes from one that may not issue any",
        Unproved::UnknownExtension => "one of its certificates has a condition that is not understood here",
        Unproved::ExtendedChain => "somebody has made its chain longer with a key of their own",
        Unproved::UnknownRoot => "its maker is not among those that are trusted",
        Unproved::OutOfTime => "one of its certificates is out of its time",
        Unproved::OtherKey => "the certificates are of another key",
        Unproved::OtherChallenge => "the certificates were made for another invitation, or the app is too old",
        Unproved::NoDescription => "the certificates say nothing of the key",
        Unproved::SoftwareLevel => "the phone itself says that software keeps the key",
        Unproved::NotGenerated => "nothing says that the key was made in the hardware",
        Unproved::Purpose => "the key may be used for other than signing",
        Unproved::AllApplications => "every app of the phone may use the key",
        Unproved::Unlocked => "the phone's bootloader is unlocked",
        Unproved::NotVerified => "nothing says that the phone runs its maker's system",
    }
}
pub(super) const DEVICES_OTHER_WORDS: &str =
    "Not approved: the phone has begun again and shows other words now. Compare them once more.";
pub(super) const DEVICES_RENAME: &str = "Rename";
pub(super) const DEVICES_NEW_NAME: &str = "New name of";
pub(super) const DEVICES_OF: &str = "of";
pub(super) const DEVICES_SINCE: &str = "since";

pub(super) const PEOPLE_TITLE: &str = "People";
pub(super) const PEOPLE_ADD: &str = "Add somebody";
pub(super) const PEOPLE_ADD_SUBMIT: &str = "Add";
pub(super) const PEOPLE_ROLE: &str = "Role";
pub(super) const PEOPLE_CODE: &str = "Code to begin with";
pub(super) const PEOPLE_CODE_HINT: &str =
    "Give it to this person and nobody else. It holds for a day, once, and is not shown again. They enter it at";
pub(super) const PEOPLE_DISABLE: &str = "Shut out";
pub(super) const PEOPLE_DISABLE_HINT: &str =
    "They are logged out everywhere, and cannot log in until somebody lets them in again.";
pub(super) const PEOPLE_DISABLE_YES: &str = "Shut out at once";
pub(super) const PEOPLE_ENABLE: &str = "Let in again";
pub(super) const PEOPLE_DISABLED: &str = "shut out";
pub(super) const PEOPLE_NO_ROLE: &str = "no role";
pub(super) const PEOPLE_NEW_CODE_HINT: &str = "Once it is used, it replaces password, authenticator and passkeys that let this person in before. They and the privacy officer are told.";
pub(super) const PEOPLE_NEW_CODE_YES: &str = "Make a new code";
pub(super) const CHOOSE: &str = "Choose";
pub(super) const PEOPLE_NEW_CODE: &str = "New code";
pub(super) const PEOPLE_LAST_ADMIN: &str = "Not done: nobody would be left who runs this.";
pub(super) const PEOPLE_EXISTS: &str = "Not added: there is somebody of this id, or the id or the name cannot be used.";

pub(super) const PERSON_BACK: &str = "All people";
pub(super) const PERSON_CAME: &str = "here since";
pub(super) const PERSON_LOGGED_IN: &str = "last log-in";
pub(super) const PERSON_CONFIRMED: &str = "last reviewed";
pub(super) const PERSON_NEVER: &str = "never";
pub(super) const PERSON_ROLES: &str = "Roles";
pub(super) const PERSON_ROLES_HINT: &str = "Whoever runs this sees no pictures, and whoever sees pictures does not run it. Where one person must do both, say why: the log keeps it. A change of roles logs this person out everywhere.";
pub(super) const PERSON_HELD: &str = "held";
pub(super) const PERSON_GRANT: &str = "Give";
pub(super) const PERSON_GRANT_FURTHER: &str = "Give as well";
pub(super) const PERSON_WITHDRAW: &str = "Withdraw";
pub(super) const PERSON_REASON: &str = "Why one person needs both";
pub(super) const PERSON_REASON_WANTED: &str =
    "Not given: say in at least ten characters why one person needs several roles.";
pub(super) const PERSON_RENAME: &str = "Change";
pub(super) const PERSON_SESSIONS: &str = "Log-ins";
pub(super) const PERSON_SESSIONS_COUNT: &str = "Browsers logged in now:";
pub(super) const PERSON_SESSIONS_END: &str = "Log out everywhere";

pub(super) const REVIEW_LINK: &str = "Access review";
pub(super) const REVIEW_TITLE: &str = "Access review";
pub(super) const REVIEW_LEAD: &str = "Look at each person four times a year: do they still work here, as what, and with these phones? Confirm, or change it. Either is on record.";
pub(super) const REVIEW_DUE: &str = "To be looked at:";
pub(super) const REVIEW_NONE_DUE: &str = "Nobody is due: everybody was looked at, or was new, within the last 90 days.";
pub(super) const REVIEW_IS_DUE: &str = "due";
pub(super) const REVIEW_PHONES: &str = "active phones:";
pub(super) const REVIEW_CONFIRM: &str = "Still right";
pub(super) const REVIEW_CHANGE: &str = "Change";
pub(super) const REVIEW_NOT_OWN: &str = "Another admin confirms yours.";
pub(super) const REVIEW_OWN: &str = "Not confirmed: another admin looks at what you hold.";

pub(super) const NAV_SYSTEM: &str = "System";
pub(super) const SYSTEM_TITLE: &str = "System";
pub(super) const SYSTEM_ALL: &str = "All";
pub(super) const SYSTEM_PASSED: &str = "checks passed.";
pub(super) const SYSTEM_OF: &str = "of";
pub(super) const SYSTEM_NEEDS: &str = "checks needs you.";
pub(super) const SYSTEM_NEED: &str = "checks need you.";
pub(super) const SYSTEM_GOOD: &str = "What is good";
pub(super) const SYSTEM_OTHERS: &str = "Others";
/// What `doctor` looks at, by what it is about.
pub(super) const SYSTEM_GROUPS: &[(&str, &[&str])] = &[
    (
        "Running, and reached by phones",
        &["running", "hosts", "addresses", "port", "enrol-port", "udp", "udp-address", "udp-listener"],
    ),
    (
        "Keys and certificates",
        &[
            "vault",
            "passphrase-file",
            "clinic-keys",
            "ingest-keys",
            "receipt-key",
            "rewrap",
            "ca-certificate",
            "tls-certificate",
            "console-certificate",
            "attestation-roots",
        ],
    ),
    (
        "What is stored",
        &[
            "ingest-db",
            "ingest-headers-db",
            "clinic-db",
            "headers-db",
            "intake-log",
            "sequence",
            "invitations",
            "alerts",
            "clock-mark",
            "patients",
        ],
    ),
    ("Who can read what", &["permissions", "owners", "separation", "users", "secrets"]),
    ("The machine", &["disk", "clock", "core-dumps"]),
];
pub(super) const SYSTEM_WARN: &str = "Look at this";
pub(super) const SYSTEM_FAIL: &str = "Must be dealt with";
pub(super) const SYSTEM_FAILED: &str = "The gateway could not be examined. Run \"safelight doctor\" on its machine.";

pub(super) const VAULT_TITLE: &str = "Vault";
pub(super) const VAULT_OPEN: &str =
    "The vault is unlocked. Pictures are verified as they arrive, and clinicians see those of their patients.";
pub(super) const VAULT_LOCKED: &str = "The vault is locked. Pictures are taken in and wait; nobody sees any.";
pub(super) const VAULT_NAMES: &str = "Names are being read, so that patients can be searched:";
pub(super) const VAULT_PASSPHRASE: &str = "Passphrase";
pub(super) const VAULT_UNLOCK: &str = "Unlock";
pub(super) const VAULT_LOCK: &str = "Lock";
pub(super) const VAULT_WRONG: &str = "This is not the passphrase. The vault stays locked, and the try is on record.";

pub(super) const LOG_TITLE: &str = "Log";
pub(super) const LOG_LEAD: &str = "Newest first. An entry is written before what it says is done.";
pub(super) const LOG_OLDER: &str = "Older";
pub(super) const LOG_NONE: &str = "No entries.";
pub(super) const LOG_ENTRY: &str = "Entry";
pub(super) const LOG_TIME: &str = "When";
pub(super) const LOG_WHO: &str = "Who";
pub(super) const LOG_WHAT: &str = "What";
pub(super) const LOG_GATEWAY: &str = "the gateway itself";
pub(super) const LOG_SHELL: &str = "somebody at the gateway's terminal, user";
pub(super) const LOG_PERSON: &str = "person";
pub(super) const LOG_PATIENT: &str = "patient";
pub(super) const LOG_FORMER: &str = "from patient";
pub(super) const LOG_PICTURE: &str = "picture";
pub(super) const LOG_DEVICE: &str = "phone";
pub(super) const LOG_SOUND: &str = "Every entry on this page is as it was signed. Log verified up to entry";
pub(super) const LOG_CHECKPOINT: &str = "against the checkpoint of";
pub(super) const LOG_ROOT: &str = "root";
pub(super) const LOG_UNSOUND: &str = "The log is not what was signed: somebody has changed it. Change nothing more, tell the clinic's management, and compare it with a checkpoint that was kept elsewhere (safelight audit verify --against).";
pub(super) const LOG_UNREADABLE: &str = "This entry is missing or cannot be read.";
pub(super) const LOG_NOT_VOUCHED: &str = "This entry is not what was signed.";
pub(super) const LOG_NOT_INDEXED: &str =
    "The index said something else of this entry. What is shown is the log's. Verify the whole log.";
pub(super) const LOG_VERIFY: &str = "Verify the whole log";
pub(super) const LOG_WHOLE: &str = "The whole log was verified at";
pub(super) const LOG_WHOLE_SOUND: &str = "entries, every one as it was signed, and the index says the same";
pub(super) const LOG_WHOLE_INDEXING: &str = "entries, every one as it was signed; the index is still being built";
pub(super) const LOG_WHOLE_INDEX: &str = "rows of the index did not say what the log says. The log is as it was signed; the index is made anew from it. Repeat the reports of late.";
pub(super) const LOG_WHOLE_BAD: &str = "it is not what was signed, at the earliest from entry";
pub(super) const LOG_BUILDING: &str =
    "The index is being built: older entries may be missing here. Come back in some minutes.";
pub(super) const LOG_FILTER: &str = "Look for something";
pub(super) const LOG_BY: &str = "Who did it";
pub(super) const LOG_ABOUT: &str = "To which person";
pub(super) const LOG_ANY: &str = "any";
pub(super) const LOG_NUMBER: &str = "A patient's exact record number";
pub(super) const LOG_PATIENT_CHOSEN: &str = "Patient";
pub(super) const LOG_PICTURE_ID: &str = "Id of a picture";
pub(super) const LOG_DEVICE_ID: &str = "Id of a phone";
pub(super) const LOG_FROM: &str = "From (day, UTC)";
pub(super) const LOG_TO: &str = "To (day, UTC)";
pub(super) const LOG_LOOK: &str = "Look";
pub(super) const LOG_EVERYTHING: &str = "Everything";
pub(super) const LOG_ASKED_BADLY: &str =
    "Nothing was looked for: a day is written as 2026-02-03, and an id is the whole of it. Try again.";

pub(super) const NAV_REPORTS: &str = "Reports";
pub(super) const REPORTS_TITLE: &str = "Reports";
pub(super) const REPORTS_LEAD: &str =
    "To print, or as a table. Each report is on record, with whom it was about. Without days it is of all time.";
pub(super) const REPORTS_OF_PATIENT: &str = "Everyone who saw this patient";
pub(super) const REPORTS_OF_PERSON: &str = "All that this person saw";
pub(super) const REPORTS_PERSON: &str = "Person";
pub(super) const REPORTS_MAKE: &str = "Make the report";
pub(super) const REPORTS_CSV: &str = "Download as a table (CSV)";
pub(super) const REPORTS_BACK: &str = "All reports";
pub(super) const REPORTS_SUBJECT: &str = "About";
pub(super) const REPORTS_PERIOD: &str = "Period (UTC)";
pub(super) const REPORTS_TO: &str = "to";
pub(super) const REPORTS_OPEN: &str = "open";
pub(super) const REPORTS_CLINIC: &str = "Clinic";
pub(super) const REPORTS_BY: &str = "Made by";
pub(super) const REPORTS_SIZE: &str = "Entries of the log";
pub(super) const REPORTS_ROOT: &str = "Root of the log";
pub(super) const REPORTS_PATIENT: &str = "Patient";
pub(super) const REPORTS_PICTURE: &str = "Picture, phone";
pub(super) const REPORTS_NOBODY: &str = "Nothing is on record in this period.";
pub(super) const REPORTS_NO_PATIENT: &str = "There is no patient of this number here. That you asked is on record.";
pub(super) const REPORTS_ASKED_BADLY: &str =
    "No report was made: enter a number or choose a person, and write days as 2026-02-03. Try again.";
pub(super) const REPORTS_CUT: &str =
    "There are more entries than a report holds: these are the newest. Choose a shorter period for the others.";
pub(super) const REPORTS_LACKS: &str = "The index lacks entries of the log, so this report may lack some too. Verify the whole log, wait some minutes, and make the report again.";
pub(super) const REPORTS_LIMITS: &str = "A patient stands here by a reference, not by name. A search, one's own account page and one's own reported pictures show several names at once: their entry says how many, not whose, so it is in the report of a person and not in that of a patient. Whoever opened a picture while it was another patient's by mistake, or that patient's page, which shows pictures small, is in the reports of both: the entry has the reference of that patient.";
pub(super) const REPORTS_COLUMNS: &[&str] =
    &["entry", "time", "who", "id", "what", "kind", "patient", "picture", "phone", "remark"];

pub(super) const ACCOUNT_RECORD: &str = "What is on record of you";
pub(super) const ACCOUNT_RECORD_LEAD: &str =
    "What you did, the newest first. The privacy officer sees the same, with patients by reference alone.";
pub(super) const PICTURE_LOOKED: &str = "Who has looked";

/// What kinds of entries say, for people, by what they are about and in the order of a list: looks first, then what was changed, then the machine's own.
pub(super) const KINDS: &[(&str, &[(&str, &str)])] = &[
    (
        "Patients and pictures",
        &[
            ("picture-viewed", "looked at a picture"),
            ("patient-viewed", "looked at a patient's page"),
            ("searched", "was shown patients by name"),
            ("picture-reported", "put a picture out of sight"),
            ("picture-restored", "found a reported picture right"),
            ("picture-moved", "gave a reported picture to another patient"),
            ("picture-withdrawn", "kept a reported picture out of sight"),
            ("correction-missed", "wanted to give a picture to a number that nobody has"),
            ("corrections-read", "looked at reported pictures"),
            ("picture-downloaded", "downloaded a picture"),
            ("records-merged", "merged two records of one patient"),
            ("record-renumbered", "gave a record another number"),
            ("records-parted", "undid a merge, or another number"),
            ("record-missed", "wanted to merge or give a number that is not theirs to use"),
            ("merges-read", "looked at merged records"),
            ("opened", "opened a picture at the terminal"),
            ("exported", "exported a sealed picture at the terminal"),
            ("listed", "listed pictures and patients at the terminal"),
            ("pulled", "took a picture over"),
            ("verified", "checked a picture and found it sound"),
            ("flagged", "a picture needs a look"),
            ("picture-damaged", "found a stored picture damaged or gone"),
            ("quarantined", "set a picture aside"),
        ],
    ),
    (
        "Emergency access",
        &[
            ("emergency-begun", "took emergency access"),
            ("emergency-ended", "ended emergency access early"),
            ("emergency-missed", "asked for emergency access to a number that nobody has"),
            ("emergency-reviewed", "reviewed an emergency access"),
        ],
    ),
    (
        "Care teams and teams",
        &[
            ("care-ended", "ended a place on a care team"),
            ("care-added", "added a colleague to a care team"),
            ("care-confirmed", "confirmed a colleague on a care team"),
            ("care-team-added", "added a team to a care team"),
            ("care-team-confirmed", "confirmed a team on a care team"),
            ("care-team-ended", "ended a team's place on a care team"),
            ("team-made", "made a team"),
            ("team-renamed", "renamed a team"),
            ("team-dissolved", "dissolved a team"),
            ("team-joined", "put a person into a team"),
            ("team-confirmed", "confirmed a person in a team"),
            ("team-left", "took a person out of a team"),
            ("team-visit-seen", "saw that a person had been in a team"),
        ],
    ),
    (
        "People and log-ins",
        &[
            ("account-reset", "made a code to set somebody's account up anew"),
            ("account-reset-read", "read that their account could be set up anew"),
            ("passkey-added", "added a passkey"),
            ("passkey-removed", "removed a passkey"),
            ("denied", "asked for what is not theirs"),
            ("download-granted", "allowed a person to download"),
            ("download-withdrawn", "forbade a person to download"),
            ("further-role", "said why one person holds several roles"),
            ("sessions-ended", "ended what a person was logged in to"),
            ("person-renamed", "changed a person's name"),
            ("access-confirmed", "confirmed what a person holds"),
            ("logged-in", "logged in"),
            ("logged-out", "logged out"),
            ("log-in-failed", "failed to log in"),
            ("first-admin", "became the first admin"),
            ("person-added", "added a person"),
            ("join-code-made", "made a code to begin with"),
            ("credentials-set", "set password and authenticator"),
            ("role-granted", "gave a role"),
            ("role-withdrawn", "took a role away"),
            ("person-disabled", "shut a person out"),
            ("person-enabled", "let a person in again"),
        ],
    ),
    (
        "Phones",
        &[
            ("device-renamed", "renamed a phone"),
            ("device-lost", "reported the own phone as lost"),
            ("invited", "invited a phone"),
            ("invitation-replayed", "an invitation was used a second time"),
            ("invitation-voided", "an invitation was voided after too many tries"),
            ("invitation-withdrawn", "withdrew an invitation"),
            ("enrolment-refused", "refused a phone that wanted to enrol"),
            ("device-pending", "a phone waits for approval"),
            ("device-approved", "approved a phone"),
            ("device-revoked", "revoked a phone"),
            ("revoked-device-knocked", "turned a revoked phone away"),
            ("revocation-in-force", "a revocation came into force"),
            ("revocation-learned", "learned of a revocation after a restore"),
            ("device-forgotten", "shut out a phone that is not known after a restore"),
            ("certificate-issued", "issued a phone's certificate"),
            ("certificate-adopted", "took over a phone's certificate after a restore"),
        ],
    ),
    (
        "Vault and keys",
        &[
            ("recovery-kit-tested", "tested the recovery kit"),
            ("recovery-kit-refused", "tried a recovery kit that is none"),
            ("ingest-certified", "issued the certificate that phones see"),
            ("console-certified", "issued the console's certificate"),
            ("vault-unlocked", "unlocked the vault"),
            ("vault-stayed-locked", "gave a passphrase that did not unlock the vault"),
            ("vault-locked", "locked the vault"),
            ("vault-rotated", "gave the vault a new key"),
            ("vault-key-missing", "found an older copy of the vault's file"),
            ("rewrap-begun", "began to write pictures to the vault's new key"),
            ("rewrapped", "wrote pictures to the vault's new key"),
            ("ca-rollover-begun", "made a new certificate authority"),
            ("ca-rolled-over", "put the new certificate authority in force"),
            ("ca-retired", "retired the old certificate authority"),
            ("receipt-key-ordered", "ordered a new key for receipts"),
            ("receipt-key-refused", "got no new key for receipts"),
            ("receipt-key-changed", "changed the key for receipts"),
            ("key-set-signed", "signed what phones trust"),
        ],
    ),
    (
        "Log, reports and alerts",
        &[
            ("alert-raised", "raised an alert"),
            ("alert-taken", "saw to an alert"),
            ("alert-closed", "closed an alert"),
            ("log-read", "read the log"),
            ("log-verified", "had the whole log verified"),
            ("patient-reported", "made a report of who saw a patient"),
            ("person-reported", "made a report of what a person saw"),
            ("intake-seen", "witnessed the intake log"),
            ("intake-forked", "found the intake log changed"),
        ],
    ),
    (
        "The gateway",
        &[
            ("first-run-finished", "finished the first run"),
            ("clock-wrong", "found that the clock cannot be right"),
            ("clock-right", "found the clock right again"),
            ("clock-accepted", "accepted the clock"),
            ("restored-behind", "found that this gateway was restored from an older backup"),
            ("initialised", "made this gateway"),
        ],
    ),
];

/// What a kind of entry says; the kind itself if this program does not know it.
pub(super) fn kind_words(kind: &str) -> &str {
    kinds().find(|(known, _)| *known == kind).map_or(kind, |(_, words)| words)
}

/// A kind that may be looked for.
pub(super) fn kind_of_list(kind: &str) -> Option<&'static str> {
    kinds().find(|(known, _)| *known == kind).map(|(known, _)| known)
}

fn kinds() -> impl Iterator<Item = (&'static str, &'static str)> {
    KINDS.iter().flat_map(|(_, kinds)| kinds.iter().copied())
}

pub(super) const ACCOUNT_TITLE: &str = "Account";
pub(super) const ACCOUNT_SESSIONS: &str = "Where you are logged in";
pub(super) const ACCOUNT_THIS: &str = "this browser";
pub(super) const ACCOUNT_OTHER: &str = "another browser";
pub(super) const ACCOUNT_END: &str = "End";
pub(super) const ACCOUNT_PHONES: &str = "Your phones";
pub(super) const ACCOUNT_NO_PHONES: &str = "None. An admin invites one with you.";
pub(super) const ACCOUNT_LOST: &str = "I have lost it";
pub(super) const ACCOUNT_LOST_HINT: &str =
    "It may not send any more, at once and for good. If it turns up again, an admin invites it anew.";
pub(super) const ACCOUNT_LOST_YES: &str = "Shut it out now";
pub(super) const ACCOUNT_LAST: &str = "last used";

pub(super) const NOT_FOUND_TITLE: &str = "Not found";
pub(super) const NOT_FOUND: &str = "There is no such page, or it is not for you.";
pub(super) const NOT_FOUND_PATIENT: &str = "There is no such page, or it is not for you. If you treat this patient, take a picture, or ask a colleague of the care team to add you. In an emergency, \
    ask for emergency access by the record number.";
pub(super) const LOCKED_TITLE: &str = "The vault is locked";
pub(super) const LOCKED: &str =
    "Nobody can see pictures until an admin unlocks the vault. What phones send is taken in meanwhile.";
pub(super) const FAILED_TITLE: &str = "That did not work";
pub(super) const FAILED: &str =
    "The gateway could not do this. Try again; if it stays, tell your clinic's IT: its log says why.";
pub(super) const HOME: &str = "To the first page";
/// What a form has done, by its address: said on the next page.
pub(super) const DONE: &[(&str, &str)] = &[
    (
        "/patients/{patient}/team",
        "The care team is changed, on record. Where you were not sure, the privacy officer has been asked.",
    ),
    ("/patients/{patient}/team/{person}/end", "The care team is changed, on record."),
    (
        "/patients/{patient}/teams",
        "The care team is changed, on record. Where you were not sure, the privacy officer has been asked.",
    ),
    ("/patients/{patient}/teams/{team}/end", "The care team is changed, on record."),
    (
        "/patients/{patient}/record/merge",
        "The two records are one, on record. The privacy officer can part them again.",
    ),
    ("/patients/{patient}/record/number", "The record has its new number, on record, and is found by the old one too."),
    (
        "/pictures/{picture}/report",
        "The picture is out of everybody's sight. Whoever took it or the privacy officer decides what becomes of it.",
    ),
    ("/corrections/own/{correction}", "Decided, on record."),
    ("/corrections/{correction}", "Decided, on record. It stands under what was decided."),
    ("/emergency/end", "Your emergency access is ended. The privacy officer still looks at it."),
    ("/emergencies/{emergency}", "Your judgement is on record."),
    ("/care-review/{patient}/{person}", "Decided, on record."),
    ("/care-review/{patient}/teams/{team}", "Decided, on record."),
    ("/team-review/{team}/{person}", "Decided, on record."),
    ("/merges/{merge}/undo", "The records are parted again, on record."),
    ("/alerts/{alert}/take", "This alert is yours to see to."),
    ("/alerts/{alert}/close", "The alert is closed."),
    ("/devices/{device}/approve", "The phone may send now."),
    ("/devices/{device}/revoke", "The phone may not send any more."),
    ("/devices/{device}/name", "The phone has its new name."),
    ("/devices/invitations/{invitation}/withdraw", "The invitation is withdrawn: its code opens nothing."),
    ("/account/phones/{device}/lost", "This phone may not send any more. Tell an admin if you find it again."),
    ("/people/{person}/disable", "This person is shut out, at once."),
    ("/people/{person}/enable", "This person may log in again."),
    ("/people/{person}/name", "The name is changed."),
    ("/people/{person}/grant", "The role is given, on record."),
    ("/people/{person}/withdraw", "The role is withdrawn, on record."),
    ("/people/{person}/sessions", "This person is logged out everywhere."),
    ("/people/{person}/download", "The right to download is changed, on record."),
    ("/review/{person}", "Confirmed, on record."),
    ("/teams", "The team is there."),
    ("/teams/{team}/name", "The team has its new name."),
    ("/teams/{team}/dissolve", "The team is dissolved."),
    ("/teams/{team}/members", "The team is changed, on record."),
    ("/teams/{team}/members/{person}/end", "The team is changed, on record."),
];
pub(super) const MESSAGE_BACK: &str = "Back";
pub(super) const FORM_UNREADABLE: &str =
    "The console could not read what was sent. Load the page again and fill the form in once more.";
pub(super) const FORM_OLD: &str =
    "This form belongs to a log-in that is over, or comes from another page. Load the page again, then send it.";
pub(super) const FORM_SLOW: &str = "The form came too slowly and was not taken. Send it again.";
pub(super) const FORM_LOGGED_OUT: &str =
    "You have been logged out, and nothing was done. Copy what you typed, then load the page again.";
pub(super) const FORM_LARGE: &str = "That is more than a form may hold.";
pub(super) const FORM_UNREACHED: &str = "The gateway did not answer as it should. What you typed is still here. It may have been done all the same: look first, then send it again.";
pub(super) const WRONG_HOST_TITLE: &str = "Not by this name";
pub(super) const WRONG_HOST: &str = "The console does not answer to the name in your browser's address line. Use the address that your clinic's IT gave you. For IT: \
    a further name goes into hosts in config.toml.";

pub(super) const ZOOM_IN: &str = "Zoom in";
pub(super) const ZOOM_OUT: &str = "Zoom out";
pub(super) const ZOOM_RESET: &str = "Whole picture";
pub(super) const ZOOM_HINT: &str = "Plus and minus zoom, arrows move, zero shows all of it.";
pub(super) const COMPARE_HINT: &str = "Choose two to four pictures";
pub(super) const COMPARE: &str = "Compare the chosen";
pub(super) const COMPARE_PICK: &str = "Choose";
pub(super) const COMPARE_TITLE: &str = "Compare";
pub(super) const COMPARE_OVERLAY: &str = "Before and after";
pub(super) const COMPARE_SLIDER: &str = "Where before ends and after begins";
pub(super) const COMPARE_BEFORE: &str = "Before:";
pub(super) const COMPARE_AFTER: &str = "After:";
pub(super) const COMPARE_FEW_TITLE: &str = "Choose two to four";
pub(super) const COMPARE_FEW: &str =
    "Pictures are compared if there are two to four of them, of one body site of one patient. Choose again.";

pub(super) const EMERGENCY_LINK: &str = "In an emergency: a patient whom you do not treat";
pub(super) const EMERGENCY_TITLE: &str = "Emergency access";
pub(super) const EMERGENCY_LEAD: &str = "You see the pictures of a patient whom you do not treat, for four hours. The privacy officer is told at once, and asks about it. Your reason is kept.";
pub(super) const EMERGENCY_NUMBER: &str = "The patient's exact record number";
pub(super) const EMERGENCY_ISSUER: &str = "Who gave it (leave as it is if it is this clinic's)";
pub(super) const EMERGENCY_REASON: &str = "Why";
pub(super) const EMERGENCY_TEXT: &str = "In your own words";
pub(super) const EMERGENCY_SUBMIT: &str = "Open, on record";
pub(super) const EMERGENCY_NONE: &str = "There is no patient of this number here. That you asked is on record.";
pub(super) const EMERGENCY_INCOMPLETE: &str =
    "Give the number, choose a reason, and say in at least ten characters why.";
pub(super) const EMERGENCY_WAIT: &str = "Too many numbers that nobody has. Wait a moment, then try again.";
pub(super) const EMERGENCY_BANNER: &str = "You have emergency access, on record, until";
pub(super) const EMERGENCY_TO: &str = "To the patient";
pub(super) const EMERGENCY_END_SEVERAL: &str = "End all of them now, on record";
pub(super) const EMERGENCY_TEXT_HINT: &str = "At least ten characters.";
pub(super) const EMERGENCIES_LOOKED: &str = "What they looked at";
pub(super) const EMERGENCY_OFTEN: &str = "You have ended emergency access to this patient several times in the last hours. Ask a colleague of the care team to add you, or come back later.";
pub(super) const EMERGENCY_END: &str = "End it now, on record";
pub(super) const EMERGENCY_OTHER: &str = "Another reason";
pub(super) const EMERGENCY_TREATING: &str = "I treat this patient now";
pub(super) const EMERGENCY_CONSULT: &str = "A colleague asks me about this patient";
pub(super) const EMERGENCY_ACUTE: &str = "Acute danger";

pub(super) const NAV_EMERGENCIES: &str = "Emergencies";
pub(super) const EMERGENCIES_TITLE: &str = "Emergency access";
pub(super) const EMERGENCIES_LEAD: &str = "These wait for a review, the oldest first.";
pub(super) const EMERGENCIES_NONE: &str = "None waits for a review.";
pub(super) const EMERGENCIES_MORE: &str = "More that wait";
pub(super) const EMERGENCIES_REVIEWED: &str = "Reviewed";
pub(super) const EMERGENCIES_NONE_REVIEWED: &str = "None was reviewed yet.";
pub(super) const EMERGENCIES_OLDER: &str = "Older reviewed ones";
pub(super) const EMERGENCIES_PATIENT: &str = "patient";
pub(super) const EMERGENCIES_UNTIL: &str = "until";
pub(super) const EMERGENCIES_ENDED: &str = "ended early";
pub(super) const EMERGENCIES_SEALED: &str = "The words are sealed: they show while the vault is unlocked.";
pub(super) const EMERGENCIES_JUSTIFIED: &str = "Justified";
pub(super) const EMERGENCIES_NOT: &str = "Not justified";
pub(super) const EMERGENCIES_BY: &str = "reviewed by";
pub(super) const JUDGE_OTHER: &str = "Another privacy officer decides about this.";
pub(super) const JUDGE_OWN: &str =
    "Nothing is changed: this is about you, or you have brought it about. Another privacy officer decides.";

pub(super) const NAV_SETUP: &str = "Set-up";
pub(super) const SETUP_TITLE: &str = "Set-up";
pub(super) const SETUP_NAME: &str = "Name";
pub(super) const SETUP_KIT: &str = "Recovery kit";
pub(super) const SETUP_CLINICIAN: &str = "First clinician";
pub(super) const SETUP_PHONE: &str = "First phone";
pub(super) const SETUP_PICTURE: &str = "Test picture";
pub(super) const SETUP_GO_ON: &str = "Go on";
pub(super) const SETUP_LOOK_AGAIN: &str = "Look again";
pub(super) const SETUP_NOT_YET: &str = "Not finished: something is still missing. It is shown below.";
pub(super) const SETUP_NAME_LEAD: &str = "Phones and this console show this name. To change it, set clinic_name in config.toml in the gateway's data folder, and restart the gateway: phones learn the new name by themselves.";
pub(super) const SETUP_NAME_RIGHT: &str = "The name is right";
pub(super) const SETUP_UNLOCK: &str = "Unlock the vault";
pub(super) const SETUP_UNLOCK_LEAD: &str = "Without it pictures are taken in, and nobody can check or see them.";
pub(super) const SETUP_KIT_TITLE: &str = "Test the recovery kit";
pub(super) const SETUP_KIT_LEAD: &str = "When the gateway or its passphrase is lost, the kit alone opens the pictures. Show now that yours does: the gateway seals a sample for it, and opens it with what you give. The kit is not stored. That it was tested is on record.";
pub(super) const SETUP_KIT_FILE: &str = "The kit's file";
pub(super) const SETUP_KIT_PASTE: &str = "The kit's key";
pub(super) const SETUP_KIT_HINT: &str = "The line that begins with AGE-SECRET-KEY-1, or the whole page.";
pub(super) const SETUP_KIT_TEST: &str = "Test it";
pub(super) const SETUP_KIT_NO_KEY: &str =
    "There is no key in this. Give the one line of the kit that begins with AGE-SECRET-KEY-1.";
pub(super) const SETUP_KIT_MISTYPED: &str =
    "There is a mistake in the key. Compare it with the page, letter by letter.";
pub(super) const SETUP_KIT_OTHER: &str = "This key does not open what is sealed here: it is another gateway's kit. Look for the one that was made with this gateway.";
pub(super) const SETUP_CLINICIAN_LEAD: &str =
    "Clinicians take pictures, and see those of the patients whom they treat. You, as an admin, see none.";
pub(super) const SETUP_PHONE_LEAD: &str = "Show a code here, scan it with the phone, and compare the words on both screens. Approve only if they are the same.";
pub(super) const SETUP_PICTURE_LEAD: &str =
    "Take a picture with the phone, of something that is no patient. This page shows when it has come through.";
pub(super) const SETUP_PICTURE_SHELL: &str =
    "Without an app, from the folder of a phone that was enrolled in a terminal:";
pub(super) const SETUP_PICTURE_NONE: &str = "No picture yet.";
pub(super) const SETUP_PICTURE_WAITS: &str = "A picture has come, and is not verified. If this stays, look at its reason with `safelight vault list`, and send another.";
pub(super) const SETUP_PICTURE_VERIFIED: &str =
    "A picture has come through: its signature, digest and seal are verified. The clinician who took it can see it.";
pub(super) const SETUP_FINISH: &str = "Finish";

pub(super) const TRUST_TITLE: &str = "Trust this console";
pub(super) const TRUST_LINK: &str = "Your browser warns about this page?";
pub(super) const TRUST_OWN: &str = "This console shows a certificate that your clinic has chosen. If your browser warns, do not go on: tell your clinic's IT.";
pub(super) const TRUST_LEAD: &str = "Your browser warns because it does not know who vouches for this console: your clinic itself. Tell your computer once, and it does not warn again. Do this for a computer that is yours to administer.";
pub(super) const TRUST_FETCH: &str = "Fetch the clinic's certificate.";
pub(super) const TRUST_DOWNLOAD: &str = "Fetch the certificate";
pub(super) const TRUST_COMPARE: &str = "Compare its SHA-256 with what the gateway's terminal shows. If one letter differs, stop here and tell whoever runs the gateway.";
pub(super) const TRUST_PUT: &str = "Put it into the store of your system:";
pub(super) const TRUST_THEN: &str = "Then close the browser, and open this page again: the warning is gone.";
pub(super) const TRUST_SYSTEMS: &[(&str, &str)] = &[
    (
        "Windows",
        "Open the file, choose Install Certificate, Local Machine, and the store \u{201c}Trusted Root Certification Authorities\u{201d}.",
    ),
    (
        "macOS",
        "Open the file in Keychain Access, keychain System. Open the certificate there, and under Trust choose Always Trust for SSL.",
    ),
    (
        "iPhone, iPad",
        "Open the file, then Settings, Profile Downloaded, Install. Then Settings, General, About, Certificate Trust Settings: switch it on.",
    ),
    (
        "Android",
        "Settings, Security, More security settings, Encryption & credentials, Install a certificate, CA certificate. The names differ from phone to phone.",
    ),
    (
        "Linux",
        "Copy the file to /usr/local/share/ca-certificates/ and run update-ca-certificates as root (Debian, Ubuntu).",
    ),
    (
        "Firefox",
        "It has a store of its own on Linux: Settings, Privacy & Security, View Certificates, Authorities, Import, to identify websites.",
    ),
];
pub(super) const NAV_ALERTS: &str = "Alerts";
pub(super) const ALERTS_TITLE: &str = "Alerts";
pub(super) const ALERTS_LEAD: &str =
    "Those that nobody has taken come first. Take one to say that you are looking into it; close it when you are done.";
pub(super) const ALERTS_NONE: &str = "No alerts.";
pub(super) const ALERTS_ALL: &str = "All";
pub(super) const ALERTS_OPEN: &str = "Open";
pub(super) const ALERTS_TAKEN: &str = "Taken";
pub(super) const ALERTS_CLOSED: &str = "Closed";
pub(super) const ALERTS_SEEN: &str = "times seen:";
pub(super) const ALERTS_LAST: &str = "last";
pub(super) const ALERTS_TAKE: &str = "Take";
pub(super) const ALERTS_CLOSE: &str = "Close";
pub(super) const ALERTS_NOTE: &str = "Note";
pub(super) const ALERTS_NOTE_LONG: &str = "This note is too long. Shorten it; the alert is as it was.";
pub(super) const ALERTS_OLDER: &str = "Older:";
pub(super) const ALERTS_UNDELIVERED: &str = "Alerts that were not sent by";
pub(super) const ALERTS_WAITING: &str = "The gateway tries again.";
pub(super) const ALERTS_GIVEN_UP: &str = "The gateway does not try again: whoever runs it can send a test alert.";
pub(super) const REFUSED_TITLE: &str = "Not done";

pub(super) const REPORT: &str = "Something is wrong with this picture";
pub(super) const REPORT_HINT: &str =
    "It is hidden from everybody at once. Whoever took it, or the privacy officer, decides what becomes of it.";
pub(super) const REPORT_KIND: &str = "What is wrong";
pub(super) const REPORT_WRONG_PATIENT: &str = "Wrong patient";
pub(super) const REPORT_NOT_WANTED: &str = "Should not be kept";
pub(super) const REPORT_WORDS: &str = "In your own words, if you like";
pub(super) const REPORT_SUBMIT: &str = "Hide it, on record";
pub(super) const REPORT_INCOMPLETE: &str = "Choose what is wrong with the picture.";

pub(super) const NAV_REPORTED: &str = "Reported";
pub(super) const NAV_OWN_REPORTED: &str = "Reported to me";
pub(super) const REPORTED_TITLE: &str = "Reported pictures";
pub(super) const REPORTED_LEAD: &str =
    "Nobody sees these pictures until you or whoever took them decides. You decide without seeing them.";
pub(super) const OWN_REPORTED_TITLE: &str = "My reported pictures";
pub(super) const OWN_REPORTED_LEAD: &str =
    "Somebody says that something is wrong with these pictures of yours. Open each, on record, and decide.";
pub(super) const REPORTED_NONE: &str = "Nothing waits for a decision.";
pub(super) const REPORTED_BY: &str = "reported by";
pub(super) const REPORTED_TAKEN_BY: &str = "taken by";
pub(super) const REPORTED_OPEN: &str = "Open it and decide";
pub(super) const REPORTED_PATIENT: &str = "Under patient";
pub(super) const REPORTED_UNDER: &str = "It was put under";

pub(super) const DECIDE_WORDS: &str = "Why, in your own words, if you like";
pub(super) const DECIDE_WORDS_HINT: &str = "Kept sealed: the privacy officer and whoever took the picture read it.";
pub(super) const DECIDE_WORDS_LONG: &str = "These words are too long. Say it in fewer.";
pub(super) const DECIDED_LINK: &str = "Decided";
pub(super) const DECIDED_TITLE: &str = "Decided reports";
pub(super) const DECIDED_LEAD: &str = "What became of reported pictures, the newest decision first.";
pub(super) const DECIDED_NONE: &str = "Nothing was decided yet.";
pub(super) const DECIDED_BACK: &str = "What waits";
pub(super) const DECIDED_BY: &str = "decided by";
pub(super) const DECIDED_OLDER: &str = "Older";
pub(super) const DECIDED_REPORT: &str = "The report:";
pub(super) const DECIDED_WHY: &str = "The decision:";
pub(super) const DECIDED_RESTORED: &str = "It was right, and is shown again";
pub(super) const DECIDED_MOVED: &str = "It was given to another patient";
pub(super) const DECIDED_FROM: &str = "From patient";
pub(super) const DECIDED_TO: &str = "to patient";
pub(super) const DECIDED_WITHDRAWN: &str = "It stays hidden for good";
pub(super) const DECIDE_RESTORE: &str = "It was right: show it again";
pub(super) const DECIDE_WITHDRAW: &str = "Keep it hidden for good";
pub(super) const DECIDE_NUMBER: &str = "The right patient's exact record number";
pub(super) const DECIDE_MOVE: &str = "Give it to this patient";
pub(super) const DECIDE_NOT_TREATED: &str = "You treat no patient of this number, so nothing is changed. The privacy officer can give the picture to a patient whom you do not treat.";
pub(super) const DECIDE_INCOMPLETE: &str =
    "Choose what becomes of the picture. To give it to another patient, enter the exact record number.";
pub(super) const PICTURE_BUSY: &str = "Many large pictures are being shown at this moment. Try again in a minute.";
pub(super) const PICTURE_CORRECTED: &str = "Given to this patient by";

pub(super) const DOWNLOAD: &str = "Download";
pub(super) const DOWNLOAD_HINT: &str =
    "The copy carries your id, the time and the clinic across the picture. It is on record, with your reason.";
pub(super) const DOWNLOAD_SUBMIT: &str = "Download, on record";
pub(super) const DOWNLOAD_INCOMPLETE: &str = "Choose what the copy is for, and say in at least ten characters why.";
pub(super) const DOWNLOAD_BUSY: &str = "Another picture is being prepared. Try again in a moment.";
pub(super) const DOWNLOAD_TOO_LARGE: &str = "This picture is too large to be marked, so it cannot be downloaded.";
pub(super) const DOWNLOAD_REFERRAL: &str = "A colleague elsewhere treats the patient";
pub(super) const DOWNLOAD_PATIENT: &str = "The patient asks for it";
pub(super) const DOWNLOAD_TEACHING: &str = "Teaching or publication, with consent";

pub(super) const PEOPLE_DOWNLOADS: &str = "may download";
pub(super) const PEOPLE_DOWNLOAD_ALLOW: &str = "Allow downloads";
pub(super) const PEOPLE_DOWNLOAD_FORBID: &str = "Stop downloads";

pub(super) const CARE_PERSON: &str = "Colleague (their id: names are offered as you type)";
pub(super) const CARE_TERM: &str = "For how long";
pub(super) const CARE_WEEK: &str = "a week";
pub(super) const CARE_MONTH: &str = "a month";
pub(super) const CARE_QUARTER: &str = "three months";
pub(super) const CARE_YEAR: &str = "a year";
pub(super) const CARE_OPEN: &str = "no end";
pub(super) const CARE_UNSURE_LEGEND: &str = "Not sure?";
pub(super) const CARE_UNSURE: &str = "I do not know whether they should see this patient: ask the privacy officer";
pub(super) const CARE_ADD: &str = "Add to the care team, on record";
pub(super) const CARE_END: &str = "Remove";
pub(super) const CARE_LEAVE: &str = "Leave this care team";
pub(super) const CARE_LEAVE_HINT: &str =
    "You do not see this patient any more until a colleague adds you, or you take a picture.";
pub(super) const CARE_LEAVE_YES: &str = "Leave, on record";
pub(super) const CARE_ADDED_BY: &str = "added by";
pub(super) const CARE_INCOMPLETE: &str =
    "There is no active clinician of this id: choose one of the names that are offered as you type.";
pub(super) const CARE_SELF: &str = "Nobody adds themselves. Enter a colleague's id.";
pub(super) const CARE_CHANGED: &str =
    "Somebody has changed this record or its care team at this moment, so nothing is changed here. Look at it again.";
pub(super) const CARE_TERM_NONE: &str = "Choose for how long.";
pub(super) const CARE_DAY: &str = "Or until this day, included (UTC)";
pub(super) const CARE_DAY_HINT: &str = "A day that is given counts, whatever is chosen above. At most a year ahead.";
pub(super) const CARE_DAY_NONE: &str = "There is no such day. Write it as 2026-02-03.";
pub(super) const CARE_DAY_PAST: &str = "This day is past. Give today or a later one.";
pub(super) const CARE_DAY_FAR: &str = "This day is more than a year ahead. Give an earlier one.";
pub(super) const CARE_COLLEAGUE: &str = "A colleague";
pub(super) const CARE_TEAM: &str = "A team";
pub(super) const CARE_TEAM_NAME: &str = "Team";
pub(super) const CARE_TEAM_HINT: &str =
    "Whoever is in the team treats this patient until then, also whoever joins it later. Whoever leaves it is out.";
pub(super) const CARE_TEAM_ADD: &str = "Add the team, on record";
pub(super) const CARE_TEAM_EMPTY: &str = "nobody yet";
pub(super) const CARE_TEAM_GONE: &str = "There is no such team any more. Choose another.";
pub(super) const CARE_TEAM_LONGER: &str = "You are in this team yourself, and it would treat this patient for longer than you do. Give an end that is not after yours, or ask a colleague.";
pub(super) const NAV_CARE_REVIEW: &str = "Care teams";
pub(super) const CARE_REVIEW_TITLE: &str = "Care teams";
pub(super) const CARE_REVIEW_LEAD: &str =
    "Whoever added these colleagues or teams was not sure. They see the patient until you end it.";
pub(super) const CARE_REVIEW_JOINED: &str = "New in a team";
pub(super) const CARE_REVIEW_JOINED_LEAD: &str =
    "These people were put into a team that treats patients, and see them until you take them out.";
pub(super) const CARE_REVIEW_JOINED_NONE: &str = "Nobody new.";
pub(super) const CARE_REVIEW_OUT: &str = "Take out";
pub(super) const CARE_REVIEW_VISITS: &str = "Left before you had looked";
pub(super) const CARE_REVIEW_VISITS_LEAD: &str = "They were in a team that treats patients, and are not any more. What they saw meanwhile is in the report about each of them.";
pub(super) const CARE_REVIEW_SEEN: &str = "Seen";
pub(super) const TEAM_PUT_BY: &str = "put there by";
pub(super) const NAV_TEAMS: &str = "Teams";
pub(super) const TEAMS_TITLE: &str = "Teams";
pub(super) const TEAMS_LEAD: &str = "Clinicians add a whole team to a patient's care team. Whoever is in the team then sees that patient. Where a team treats patients already, the privacy officer is asked about whoever is new in it.";
pub(super) const TEAMS_NONE: &str = "No teams yet.";
pub(super) const TEAMS_MAKE: &str = "Make a team";
pub(super) const TEAMS_NAME: &str = "Name";
pub(super) const TEAMS_NAME_HINT: &str = "Such as Wound care. Everybody here sees it.";
pub(super) const TEAMS_MAKE_SUBMIT: &str = "Make it";
pub(super) const TEAMS_MEMBERS: &str = "members:";
pub(super) const TEAMS_PATIENTS: &str = "patients:";
pub(super) const TEAMS_BAD_NAME: &str = "Not done: a team's name is one line of 1 to 64 bytes.";
pub(super) const TEAMS_EXISTS: &str = "Not done: there is a team of this name.";
pub(super) const TEAMS_TOO_MANY: &str = "Not made: there are 200 teams. Dissolve one that is not needed any more.";
pub(super) const TEAM_BACK: &str = "All teams";
pub(super) const TEAM_MEMBERS: &str = "Members";
pub(super) const TEAM_NOBODY: &str = "Nobody is in this team.";
pub(super) const TEAM_PUT: &str = "Put somebody in";
pub(super) const TEAM_PERSON: &str = "Clinician";
pub(super) const TEAM_PUT_SUBMIT: &str = "Put in, on record";
pub(super) const TEAM_ALL_IN: &str = "Every clinician is in it.";
pub(super) const TEAM_OUT: &str = "Take out";
pub(super) const TEAM_DISSOLVE: &str = "Dissolve this team";
pub(super) const TEAM_DISSOLVE_HINT: &str =
    "Nobody sees a patient through it any more, at once and for good. Who is on a care team by themselves stays there.";
pub(super) const TEAM_DISSOLVE_YES: &str = "Dissolve it";
pub(super) const TEAM_FULL: &str = "Not done: there are 500 people in this team.";
pub(super) const TEAM_NO_CLINICIAN: &str = "Not done: only an active clinician can be in a team.";
pub(super) const TEAM_OWN: &str = "Not done: another admin puts you into a team.";
pub(super) const REVIEW_TEAMS: &str = "teams:";
pub(super) const SETUP_TEAM: &str = "Put them into a first team of this name";
pub(super) const SETUP_TEAM_HINT: &str =
    "Colleagues of a team can be added to a patient together. Leave it empty for none.";
pub(super) const SETUP_TEAM_DEFAULT: &str = "Clinicians";
pub(super) const CARE_REVIEW_NONE: &str = "Nobody has asked.";
pub(super) const CARE_CONFIRM: &str = "They may stay";
pub(super) const CARE_END_NOW: &str = "End it";

pub(super) const PATIENT_ALSO: &str = "also";
pub(super) const PICTURE_LABELLED: &str = "Its label has another number of this patient:";
pub(super) const RECORD_LINK: &str = "Merge records, or change the number";
pub(super) const RECORD_TITLE: &str = "Record numbers";
pub(super) const RECORD_BACK: &str = "Back to the patient";
pub(super) const RECORD_LEAD: &str = "What phones have signed stays as it is, and they may go on with every number: what they send is shown here. The privacy officer sees what you do, and your reason, and can undo it.";
pub(super) const RECORD_MERGE: &str = "This patient has a second record";
pub(super) const RECORD_MERGE_HINT: &str = "You treat the patient by both numbers. Name and number that stand here stay; the second record's pictures and care team come to them.";
pub(super) const RECORD_OTHER: &str = "The second record's exact number";
pub(super) const RECORD_COMPARE: &str = "Look at both, on record";
pub(super) const RECORD_NUMBER: &str = "This patient has a new number";
pub(super) const RECORD_NUMBER_HINT: &str =
    "No record has the new number yet. The record is shown under it, and found by the former one too.";
pub(super) const RECORD_NEW: &str = "The new record number";
pub(super) const RECORD_GIVE: &str = "Give the record this number, on record";
pub(super) const RECORD_COMPARE_TITLE: &str = "Are these one patient?";
pub(super) const RECORD_STAYS: &str = "This record stays";
pub(super) const RECORD_COMES: &str = "This one is shown there from now on";
pub(super) const RECORD_DIFFER: &str =
    "Name or birth date differ. Merge the two only if you are sure that they are one patient.";
pub(super) const RECORD_SUBMIT: &str = "Merge, on record";
pub(super) const RECORD_DUPLICATE: &str = "The patient was taken in twice";
pub(super) const RECORD_TEMPORARY: &str = "The number was for a while";
pub(super) const RECORD_MISTYPED: &str = "A number was mistyped or misread";
pub(super) const RECORD_INCOMPLETE: &str =
    "Enter the exact record number, choose a reason, and say in at least ten characters why.";
pub(super) const RECORD_NOT_TREATED: &str =
    "You treat no patient of this number, so nothing is changed. That you asked is on record.";
pub(super) const RECORD_FOR_A_TIME: &str = "You treat this patient by one of the two numbers for a time only, so nothing is changed. Ask a colleague who treats them by both for good.";
pub(super) const RECORD_SAME: &str = "This number leads to this record already, so nothing is changed.";
pub(super) const RECORD_MERGE_INSTEAD: &str =
    "You treat a patient of this number. If the two are one patient, go back and merge their records.";
pub(super) const RECORD_TAKEN: &str = "This number cannot be given to this record, so nothing is changed. Compare it with the patient's papers. That you asked is on record.";
pub(super) const RECORD_TOO_MANY: &str =
    "A record has sixteen numbers at most, so nothing is changed. Tell the privacy officer.";
pub(super) const RECORD_CHANGED: &str =
    "Somebody has changed one of these records at this moment, so nothing is changed here. Look at them again.";
pub(super) const NAV_MERGES: &str = "Records";
pub(super) const MERGES_TITLE: &str = "Merged and renumbered records";
pub(super) const MERGES_LEAD: &str = "Undo what was not right: each picture goes back to the record of its own number, and both care teams are as they were.";
pub(super) const MERGES_NONE: &str = "No record was merged or renumbered.";
pub(super) const MERGES_MERGED: &str = "Merged";
pub(super) const MERGES_RENUMBERED: &str = "New number";
pub(super) const MERGES_INTO: &str = "is shown as";
pub(super) const MERGES_BY: &str = "by";
pub(super) const MERGES_UNDO: &str = "Undo, on record";
pub(super) const MERGES_UNDONE: &str = "Undone by";
pub(super) const MERGES_OLDER: &str = "Older";
pub(super) const MERGES_LATER_FIRST: &str =
    "This record has been merged, or has got another number, since. Undo that first.";

#[cfg(test)]
mod tests {
    use super::kinds;

    /// Every kind that the program writes, read from its source.
    fn written() -> Vec<&'static str> {
        let source = include_str!("../clinic/access.rs");
        let written: Vec<&str> = source
            .match_indices("(\"")
            .filter_map(|(at, _)| source.get(at + 2..)?.split_once('"'))
            .filter(|(_, rest)| rest.starts_with(", vec!["))
            .map(|(kind, _)| kind)
            .collect();
        assert!(written.len() > 50, "the scan found {} kinds", written.len());
        written
    }

    #[test]
    fn every_kind_of_entry_has_words_in_one_group_of_the_filter() {
        for kind in written() {
            assert_eq!(kinds().filter(|(known, _)| *known == kind).count(), 1, "{kind}");
        }
        let gone: Vec<_> = kinds().filter(|(known, _)| !written().contains(known)).collect();
        assert!(gone.is_empty(), "{gone:?}");
    }
}
