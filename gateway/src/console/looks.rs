//! What the access log says, for whoever brings a grant, and whether it can be believed.
//!
//! Attacker: whoever can write the catalog, and wants a look unseen. What is shown is read from the log's entries, and each is proved against the newest
//! signed checkpoint, which must continue the one that was shown before; each row of the index that found an entry is compared with it. What fails is
//! shown all the same, and said.

use std::cmp::Reverse;

use data_encoding::HEXLOWER;
use safelight_core::ids::UnixMillis;
use safelight_core::log::entry::Entry;
use safelight_core::log::{Hash, leaf_hash, verify_consistency};
use sqlx::AnyConnection;

use super::Console;
use super::permit::{Grant, ReadLog, ReportPatient, ReportPerson, ViewPicture};
use super::session::LoggedIn;
use crate::clinic::ClinicError;
use crate::clinic::access_index::{self, Facets, Filter, Found, LOOKS, Stood};
use crate::clinic::aliases::{self, Named};
use crate::clinic::corrections;
use crate::clinic::pictures::Handle;
use crate::log::LogError;

/// Entries of a page.
pub(super) const PAGE: u32 = 100;

/// Entries of a report.
pub(super) const MAX_REPORTED: u32 = 5000;

/// Of those who have looked at a picture.
const OF_PICTURE: u32 = 20;

/// Of what is on record of oneself.
const OWN: u32 = 50;

/// An entry.
#[derive(Debug)]
pub(super) struct Seen {
    /// Its index.
    pub(super) index: u64,
    /// What it names; what the index says of it if it cannot be read.
    pub(super) facets: Facets,
    /// The entry, if it can be read.
    pub(super) entry: Option<Entry>,
    /// Whether the newest checkpoint vouches for it.
    pub(super) is_vouched: bool,
    /// Whether the index said what it says.
    pub(super) is_indexed: bool,
}

/// Entries that were looked for, newest first.
#[derive(Debug)]
pub(super) struct View {
    /// They.
    pub(super) seen: Vec<Seen>,
    /// Whether there are more.
    pub(super) more: bool,
    /// What vouches for them.
    pub(super) proof: Proof,
    /// Whether the index finds everything already.
    pub(super) is_built: bool,
}

/// What vouches for entries.
#[derive(Debug)]
pub(super) struct Proof {
    /// How many entries the newest checkpoint is for.
    pub(super) size: u64,
    /// Its root, in hexadecimal.
    pub(super) root: String,
    /// When it was signed.
    pub(super) at: Option<UnixMillis>,
    /// Whether it is this log's, is for all of it, continues what was shown before, and vouches for every entry that is shown.
    pub(super) is_sound: bool,
}

/// A page of the log: the newest, or those before the entry of this index.
pub(super) async fn page(
    console: &Console,
    _: &Grant<ReadLog>,
    filter: &Filter,
    before: Option<u64>,
) -> Result<View, ClinicError> {
    let mut filters = of_record(console, filter).await?;
    if filter.patient.is_some() {
        // A picture that was moved is in the log of both.
        let former = |filter: &Filter| Filter { patient: None, former: filter.patient, ..filter.clone() };
        filters.extend(filters.iter().map(former).collect::<Vec<_>>());
    }
    view(console, &filters, before, PAGE).await
}

/// Everybody who saw a patient, in a time. Also whoever opened a picture of theirs, or the page that showed it small, while it was another patient's by
/// mistake: the entry names that patient, and stays in the report of both.
pub(super) async fn of_patient(
    console: &Console,
    grant: &Grant<ReportPatient>,
    from: Option<UnixMillis>,
    until: Option<UnixMillis>,
) -> Result<View, ClinicError> {
    let patient: Handle = *grant.subject();
    let filter = Filter { patient: Some(patient), kinds: LOOKS.to_vec(), from, until, ..Filter::default() };
    let mut filters = of_record(console, &filter).await?;
    let moved = corrections::moved_to(&console.desk.clinic().catalog, &patient).await?;
    let mut stood = Vec::new();
    for picture in moved {
        stood.extend(access_index::stood(&mut *console.desk.clinic().catalog.read().await?, picture).await?);
        filters.push(Filter { patient: None, picture: Some(picture), ..filter.clone() });
    }
    for there in united(stood) {
        let page = Filter {
            patient: Some(there.number),
            kinds: vec![access_index::PAGE_VIEWED],
            between: Some((there.after, there.before)),
            ..filter.clone()
        };
        filters.extend(of_record(console, &page).await?);
    }
    view(console, &filters, None, MAX_REPORTED).await
}

/// What overlaps as one: of a series that was misfiled, the page is asked for once.
fn united(mut stood: Vec<Stood>) -> Vec<Stood> {
    stood.sort_unstable();
    let mut united: Vec<Stood> = Vec::new();
    for there in stood {
        match united.last_mut().filter(|last| last.number == there.number && there.after <= last.before) {
            Some(last) => last.before = last.before.max(there.before),
            None => united.push(there),
        }
    }
    united
}

/// All that a person saw, in a time.
pub(super) async fn of_person(
    console: &Console,
    grant: &Grant<ReportPerson>,
    from: Option<UnixMillis>,
    until: Option<UnixMillis>,
) -> Result<View, ClinicError> {
    let actor = Some(format!("person:{}", grant.subject().id));
    let filter = Filter { actor, kinds: LOOKS.to_vec(), from, until, ..Filter::default() };
    view(console, &[filter], None, MAX_REPORTED).await
}

/// Who has looked at a picture, for whoever may look at it.
pub(super) async fn of_picture(console: &Console, grant: &Grant<ViewPicture>) -> Result<View, ClinicError> {
    let (picture, _) = grant.subject();
    let filter = Filter { picture: Some(picture.capture), kinds: LOOKS.to_vec(), ..Filter::default() };
    view(console, &[filter], None, OF_PICTURE).await
}

/// What is on record of whoever asks, and of nobody else: there is no right to ask for. Not on record itself, or it would show nothing but itself. The
/// page that names the patients is, as a search: by an entry for each visit, and none within ten seconds of one that showed them all (see `noise`). Such entries
/// stand here the next time. They name no patient: where no others are left, nobody is named, and no more come. However many came since, older ones are reached.
pub(super) async fn own(console: &Console, who: &LoggedIn, before: Option<u64>) -> Result<View, ClinicError> {
    let filter = Filter { actor: Some(format!("person:{}", who.person.id)), ..Filter::default() };
    view(console, &[filter], before, OWN).await
}

/// The same of each number, and of each time, under which the log names the patient who is looked for.
async fn of_record(console: &Console, filter: &Filter) -> Result<Vec<Filter>, ClinicError> {
    let Some(patient) = &filter.patient else { return Ok(vec![filter.clone()]) };
    let mut tx = console.desk.clinic().catalog.read().await?;
    let record = aliases::standing(&mut tx, patient).await?;
    let narrowed = |named: Named| Filter {
        patient: Some(named.handle),
        from: filter.from.max(named.from),
        until: filter.until.into_iter().chain(named.until).min(),
        ..filter.clone()
    };
    Ok(aliases::named(&mut tx, &record).await?.into_iter().map(narrowed).collect())
}

/// What one of the filters finds.
async fn view(console: &Console, filters: &[Filter], before: Option<u64>, limit: u32) -> Result<View, ClinicError> {
    let shown_before = console.inner.verification.newest();
    let clinic = console.desk.clinic();
    let log = clinic.access.log();
    let mut tx = clinic.catalog.read().await?;
    let one_more = limit.saturating_add(1);
    let mut found = if filters.iter().any(Filter::is_everything) {
        access_index::newest(&mut tx, log, before, one_more).await?
    } else {
        // Where it stands among what is found, which its row says and not the entry: that may be damaged, and what comes after it must be seen all the same.
        // One without a row leaves nothing out.
        let before = match before {
            Some(index) => access_index::time_of(&mut tx, index).await?.map(|at| (at, index)),
            None => None,
        };
        let mut found = Vec::new();
        for filter in filters {
            found.extend(access_index::find(&mut tx, filter, before, one_more).await?);
            // Each time, so that it is never more than two of them.
            found.sort_by_key(|found| Reverse((found.row.at, found.index)));
            found.dedup_by_key(|found| found.index);
            found.truncate(usize::try_from(one_more).unwrap_or(usize::MAX));
        }
        found
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    let (proof, vouched) = prove(console, &mut tx, shown_before, &found).await?;
    let is_built = access_index::is_built(&mut tx).await?;
    let seen = found.into_iter().zip(vouched).map(|(found, is_vouched)| seen(found, is_vouched)).collect();
    Ok(View { seen, more, proof, is_built })
}

fn seen(found: Found, is_vouched: bool) -> Seen {
    let is_indexed = found.is_true();
    let entry = found.entry.as_deref().and_then(|bytes| Entry::parse(bytes).ok());
    // The patient of what names a picture alone is not in the entry.
    let facets = match &entry {
        Some(entry) if !is_indexed => Facets::of(entry),
        _ => found.row,
    };
    Seen { index: found.index, facets, entry, is_vouched, is_indexed }
}

/// When entry `index` was.
async fn time_of(
    console: &Console,
    connection: &mut AnyConnection,
    index: u64,
) -> Result<Option<UnixMillis>, ClinicError> {
    let entries = console.desk.clinic().access.log().entries(connection, index, 1).await?;
    let entry = entries.first().filter(|(found, _)| *found == index).and_then(|(_, bytes)| Entry::parse(bytes).ok());
    Ok(entry.map(|entry| Facets::of(&entry).at))
}

async fn prove(
    console: &Console,
    connection: &mut AnyConnection,
    shown_before: Option<(u64, Hash)>,
    found: &[Found],
) -> Result<(Proof, Vec<bool>), ClinicError> {
    let log = console.desk.clinic().access.log();
    let size = log.size(connection).await?;
    let signed = match log.latest(connection).await {
        Ok(signed) => signed,
        Err(LogError::Checkpoint(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let Some(signed) = signed else {
        let proof = Proof { size, root: String::new(), at: None, is_sound: false };
        return Ok((proof, vec![false; found.len()]));
    };
    let checkpoint = signed.checkpoint();
    let leaf = |found: &Found| (found.index, leaf_hash(found.entry.as_deref().unwrap_or_default()));
    let leaves: Vec<_> = found.iter().map(leaf).collect();
    let vouched = log.vouched(connection, checkpoint, &leaves).await?;
    let continues = match shown_before {
        None => true,
        Some((old, root)) if old <= checkpoint.size => match log.consistency(connection, old, checkpoint.size).await {
            Ok(proof) => verify_consistency(old, &root, checkpoint.size, &checkpoint.root, &proof),
            Err(LogError::Damaged | LogError::OutOfRange) => false,
            Err(error) => return Err(error.into()),
        },
        Some(_) => false,
    };
    let is_sound = checkpoint.size == size && continues && vouched.iter().all(|vouched| *vouched);
    if continues {
        console.inner.verification.has_shown(checkpoint.size, checkpoint.root);
    }
    let last = checkpoint.size.saturating_sub(1);
    let at = time_of(console, connection, last).await?;
    Ok((Proof { size: checkpoint.size, root: HEXLOWER.encode(&checkpoint.root), at, is_sound }, vouched))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_is_asked_for_once() {
        let of = |number, after, before| Stood { number: [number; 32], after, before };
        let stood = vec![of(2, 5, 9), of(1, 3, 7), of(1, 20, 30), of(1, 5, 9), of(1, 9, 11), of(1, 4, 6)];
        assert_eq!(united(stood), [of(1, 3, 11), of(1, 20, 30), of(2, 5, 9)]);
        assert_eq!(united(Vec::new()), []);
    }
}
