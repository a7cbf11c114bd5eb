//! Every word that the console shows, in one place: to be read by whoever checks the language, and to be replaced by another file for another one.

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
pub(super) const LOGIN_JOIN: &str = "You have a code to begin with?";

pub(super) const JOIN_TITLE: &str = "Begin";
pub(super) const JOIN_CODE: &str = "Code";
pub(super) const JOIN_CODE_HINT: &str =
    "Four groups of four, from whoever runs Safelight here, or from the gateway's terminal.";
pub(super) const JOIN_SUBMIT: &str = "Go on";
pub(super) const JOIN_WRONG: &str = "This code does not hold, or not any more. Ask for a new one.";
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
pub(super) const BORN: &str = "born";

pub(super) const PATIENT_TEAM: &str = "Care team";
pub(super) const PATIENT_NO_PICTURES: &str = "No pictures.";
pub(super) const PATIENT_BACK: &str = "All patients";

pub(super) const PICTURE_BACK: &str = "All pictures of this patient";
pub(super) const PICTURE_TAKEN: &str = "Taken";
pub(super) const PICTURE_BY: &str = "By";
pub(super) const PICTURE_DEVICE: &str = "Phone";
pub(super) const PICTURE_VIEW: &str = "View";
pub(super) const PICTURE_CONSENT: &str = "Consent";
pub(super) const PICTURE_CONSENT_NONE: &str = "not recorded";
pub(super) const PICTURE_CONSENT_RECORD: &str = "for the record";
pub(super) const PICTURE_CONSENT_TEACHING: &str = "for teaching too";
pub(super) const PICTURE_CONSENT_PUBLICATION: &str = "for publication too";
pub(super) const PICTURE_NOTE: &str = "Note";
pub(super) const PICTURE_STORED: &str = "Stored";
pub(super) const PICTURE_STATE: &str = "Checked";
pub(super) const PICTURE_VERIFIED: &str = "signature, digest and seal";
pub(super) const PICTURE_ENTRY: &str = "Entry of the intake log";
pub(super) const PICTURE_LOOK: &str = "Look at this";
pub(super) const PICTURE_ALT: &str = "Photograph";
pub(super) const THUMBNAIL_NONE: &str = "no preview";

pub(super) const DEVICES_TITLE: &str = "Phones";
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
pub(super) const DEVICES_REVOKE: &str = "Revoke at once";
pub(super) const DEVICES_PENDING: &str = "waits";
pub(super) const DEVICES_ACTIVE: &str = "active";
pub(super) const DEVICES_REVOKED: &str = "revoked";
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
pub(super) const PEOPLE_ENABLE: &str = "Let in again";
pub(super) const PEOPLE_DISABLED: &str = "shut out";
pub(super) const PEOPLE_NO_ROLE: &str = "no role";
pub(super) const PEOPLE_NEW_CODE: &str = "New code";
pub(super) const PEOPLE_LAST_ADMIN: &str = "Not done: nobody would be left who runs this.";
pub(super) const PEOPLE_EXISTS: &str = "Not added: there is somebody of this id, or the id or the name cannot be used.";

pub(super) const VAULT_TITLE: &str = "Vault";
pub(super) const VAULT_OPEN: &str =
    "The vault is unlocked. Pictures are verified as they arrive, and clinicians see those of their patients.";
pub(super) const VAULT_LOCKED: &str = "The vault is locked. Pictures are taken in and wait; nobody sees any.";
pub(super) const VAULT_PASSPHRASE: &str = "Passphrase";
pub(super) const VAULT_UNLOCK: &str = "Unlock";
pub(super) const VAULT_LOCK: &str = "Lock";
pub(super) const VAULT_WRONG: &str = "This is not the passphrase. The vault stays locked, and the try is on record.";

pub(super) const LOG_TITLE: &str = "Log";
pub(super) const LOG_LEAD: &str = "Newest first. An entry is written before what it says is done.";
pub(super) const LOG_OLDER: &str = "Older";
pub(super) const LOG_NONE: &str = "No entries.";

pub(super) const ACCOUNT_TITLE: &str = "Account";
pub(super) const ACCOUNT_SESSIONS: &str = "Where you are logged in";
pub(super) const ACCOUNT_THIS: &str = "this browser";
pub(super) const ACCOUNT_OTHER: &str = "another browser";
pub(super) const ACCOUNT_END: &str = "End";
pub(super) const ACCOUNT_LAST: &str = "last used";

pub(super) const NOT_FOUND_TITLE: &str = "Not found";
pub(super) const NOT_FOUND: &str = "There is no such page, or it is not for you. If you treat this patient, take a picture, or ask a colleague of the care team to add you.";
pub(super) const LOCKED_TITLE: &str = "The vault is locked";
pub(super) const LOCKED: &str =
    "Nobody can see pictures until an admin unlocks the vault. What phones send is taken in meanwhile.";
pub(super) const FAILED_TITLE: &str = "That did not work";
pub(super) const FAILED: &str =
    "The gateway could not do this. Try again; if it stays, tell your clinic's IT: its log says why.";
pub(super) const HOME: &str = "To the first page";

pub(super) const ZOOM_IN: &str = "Closer";
pub(super) const ZOOM_OUT: &str = "Further";
pub(super) const ZOOM_RESET: &str = "Whole";
pub(super) const ZOOM_HINT: &str = "Plus and minus zoom, arrows move, zero shows all of it.";
pub(super) const COMPARE: &str = "Compare the chosen";
pub(super) const COMPARE_PICK: &str = "Choose";
pub(super) const COMPARE_TITLE: &str = "Compare";
pub(super) const COMPARE_OVERLAY: &str = "Before and after";
pub(super) const COMPARE_SLIDER: &str = "Where before ends and after begins";
pub(super) const COMPARE_FEW_TITLE: &str = "Choose two to four";
pub(super) const COMPARE_FEW: &str = "Pictures are compared if there are two to four of them, of one body site of one patient. Go back and choose again.";

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
pub(super) const EMERGENCY_OTHER: &str = "Another reason";
pub(super) const EMERGENCY_TREATING: &str = "I treat this patient now";
pub(super) const EMERGENCY_CONSULT: &str = "A colleague asks me about this patient";
pub(super) const EMERGENCY_ACUTE: &str = "Acute danger";

pub(super) const NAV_EMERGENCIES: &str = "Emergencies";
pub(super) const EMERGENCIES_TITLE: &str = "Emergency access";
pub(super) const EMERGENCIES_LEAD: &str = "Those that nobody has reviewed come first.";
pub(super) const EMERGENCIES_NONE: &str = "Nobody has had emergency access.";
pub(super) const EMERGENCIES_PATIENT: &str = "patient";
pub(super) const EMERGENCIES_UNTIL: &str = "until";
pub(super) const EMERGENCIES_SEALED: &str = "The words are sealed: they show while the vault is unlocked.";
pub(super) const EMERGENCIES_JUSTIFIED: &str = "Justified";
pub(super) const EMERGENCIES_NOT: &str = "Not justified";
pub(super) const EMERGENCIES_BY: &str = "reviewed by";

pub(super) const REFUSED_TITLE: &str = "Not done";

pub(super) const REPORT: &str = "Something is wrong with this picture";
pub(super) const REPORT_HINT: &str =
    "It is hidden from everybody at once. Whoever took it, or the privacy officer, decides what becomes of it.";
pub(super) const REPORT_KIND: &str = "What is wrong";
pub(super) const REPORT_WRONG_PATIENT: &str = "Wrong patient";
pub(super) const REPORT_NOT_WANTED: &str = "Should not be kept";
pub(super) const REPORT_WORDS: &str = "In your own words, if you like";
pub(super) const REPORT_SUBMIT: &str = "Hide it, on record";
pub(super) const REPORT_INCOMPLETE: &str = "Go back and choose what is wrong with the picture.";

pub(super) const NAV_REPORTED: &str = "Reported";
pub(super) const NAV_OWN_REPORTED: &str = "My reported";
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
pub(super) const REPORTED_UNDER: &str = "It was put under";

pub(super) const DECIDE_RESTORE: &str = "It was right: show it again";
pub(super) const DECIDE_WITHDRAW: &str = "Keep it hidden for good";
pub(super) const DECIDE_NUMBER: &str = "The right patient's exact record number";
pub(super) const DECIDE_MOVE: &str = "Give it to this patient";
pub(super) const DECIDE_INCOMPLETE: &str =
    "Go back and choose what becomes of the picture. To give it to another patient, enter the exact record number.";
pub(super) const PICTURE_CORRECTED: &str = "Given to this patient by";

pub(super) const DOWNLOAD: &str = "Download";
pub(super) const DOWNLOAD_HINT: &str =
    "The copy carries your id, the time and the clinic across the picture. It is on record, with your reason.";
pub(super) const DOWNLOAD_SUBMIT: &str = "Download, on record";
pub(super) const DOWNLOAD_INCOMPLETE: &str =
    "Go back, choose what the copy is for, and say in at least ten characters why.";
pub(super) const DOWNLOAD_BUSY: &str = "Another picture is being prepared. Try again in a moment.";
pub(super) const DOWNLOAD_TOO_LARGE: &str = "This picture is too large to be marked, so it cannot be downloaded.";
pub(super) const DOWNLOAD_REFERRAL: &str = "A colleague elsewhere treats the patient";
pub(super) const DOWNLOAD_PATIENT: &str = "The patient asks for it";
pub(super) const DOWNLOAD_TEACHING: &str = "Teaching or publication, with consent";

pub(super) const PEOPLE_DOWNLOADS: &str = "may download";
pub(super) const PEOPLE_DOWNLOAD_ALLOW: &str = "Allow downloads";
pub(super) const PEOPLE_DOWNLOAD_FORBID: &str = "Stop downloads";

pub(super) const CARE_PERSON: &str = "Colleague's id";
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
pub(super) const CARE_ADDED_BY: &str = "added by";
pub(super) const CARE_INCOMPLETE: &str =
    "There is no active clinician of this id. Go back, check it, and choose for how long they join the team.";
pub(super) const NAV_CARE_REVIEW: &str = "Care teams";
pub(super) const CARE_REVIEW_TITLE: &str = "Care teams";
pub(super) const CARE_REVIEW_LEAD: &str =
    "Whoever added these colleagues was not sure. They see the patient until you end it.";
pub(super) const CARE_REVIEW_NONE: &str = "Nobody has asked.";
pub(super) const CARE_CONFIRM: &str = "They may stay";
pub(super) const CARE_END_NOW: &str = "End it";
