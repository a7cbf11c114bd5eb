//! The people who work here, and what each of them may do.
//!
//! A person's id is what stands in manifests and in the log (`OperatorId`); the name is for screens. Staff are not patients: their names may lie here
//! in clear. A person who has left is disabled and never removed, since the log still names them.

use safelight_core::ids::UnixMillis;
use safelight_core::manifest::OperatorId;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::ClinicError;
use super::devices::{millis, optional_millis};
use crate::store::catalog::{Catalog, WriteTx, count, int};

/// What a person may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Treats patients, and sees the pictures of those.
    Clinician,
    /// Runs devices, people and the vault, and sees no pictures.
    Admin,
    /// Reads the log and handles what is unusual, and sees no pictures.
    PrivacyOfficer,
}

impl Role {
    /// Every one, in the order in which pages show them.
    pub const ALL: [Self; 3] = [Self::Clinician, Self::Admin, Self::PrivacyOfficer];

    /// As the catalog, the log and forms have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clinician => "clinician",
            Self::Admin => "admin",
            Self::PrivacyOfficer => "privacy-officer",
        }
    }

    /// From [`Role::name`].
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Clinician => 1,
            Self::Admin => 2,
            Self::PrivacyOfficer => 4,
        }
    }
}

/// Several roles, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Roles(u8);

impl Roles {
    /// Whether `role` is among them.
    #[must_use]
    pub const fn has(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    /// These and `role`.
    #[must_use]
    pub const fn and(self, role: Role) -> Self {
        Self(self.0 | role.bit())
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl From<Role> for Roles {
    fn from(role: Role) -> Self {
        Self::default().and(role)
    }
}

/// A person.
#[derive(Debug, Clone)]
pub struct Person {
    /// The id that manifests and the log have.
    pub id: OperatorId,
    /// The name that screens show; the id where none was given.
    pub name: String,
    /// What they may do.
    pub roles: Roles,
    /// When they came.
    pub created_at: UnixMillis,
    /// Since when they may not log in any more.
    pub disabled_at: Option<UnixMillis>,
    /// When they last logged in.
    pub logged_in_at: Option<UnixMillis>,
    /// When an admin last said that they should hold what they hold.
    pub confirmed_at: Option<UnixMillis>,
    /// Who said so.
    pub confirmed_by: Option<String>,
}

impl Person {
    /// Whether they may do anything.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.disabled_at.is_none()
    }
}

/// What came of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Changed {
    /// It was made.
    Done,
    /// It was so already, or there is no such person.
    Nothing,
    /// It would leave a clinic without anybody who could undo it, and was not made.
    LastAdmin,
}

const COLUMNS: &str = "SELECT id, name, created_at, disabled_at, logged_in_at, confirmed_at, confirmed_by FROM person";

/// Everybody, by id.
pub async fn list(catalog: &Catalog) -> Result<Vec<Person>, ClinicError> {
    list_in(&mut *catalog.read().await?).await
}

/// Everybody, as a transaction sees them.
pub async fn list_in(connection: &mut sqlx::AnyConnection) -> Result<Vec<Person>, ClinicError> {
    let sql = format!("{COLUMNS} ORDER BY id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut *connection).await?;
    let mut people = rows.iter().map(person_of).collect::<Result<Vec<_>, _>>()?;
    for row in sqlx::query("SELECT person, role FROM person_role").fetch_all(connection).await? {
        let (id, role): (String, Role) = (row.try_get(0)?, role_of(&row, 1)?);
        if let Some(person) = people.iter_mut().find(|person| person.id.as_str() == id) {
            person.roles = person.roles.and(role);
        }
    }
    Ok(people)
}

/// Whether nobody else who is active has this role: nobody else could do what it is for.
#[must_use]
pub fn is_only(all: &[Person], role: Role, id: &OperatorId) -> bool {
    !all.iter().any(|person| person.is_active() && person.roles.has(role) && person.id != *id)
}

/// One person.
pub async fn find(catalog: &Catalog, id: &OperatorId) -> Result<Option<Person>, ClinicError> {
    find_in(&mut *catalog.read().await?, id).await
}

/// One person, as a transaction sees them.
pub async fn find_in(connection: &mut sqlx::AnyConnection, id: &OperatorId) -> Result<Option<Person>, ClinicError> {
    let sql = format!("{COLUMNS} WHERE id = $1");
    let row =
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.as_str().to_owned()).fetch_optional(&mut *connection).await?;
    let Some(mut person) = row.as_ref().map(person_of).transpose()? else { return Ok(None) };
    let roles = sqlx::query("SELECT role FROM person_role WHERE person = $1").bind(id.as_str().to_owned());
    for row in roles.fetch_all(connection).await? {
        person.roles = person.roles.and(role_of(&row, 0)?);
    }
    Ok(Some(person))
}

/// Whether somebody can log in as an admin: until then the console offers its first run.
pub async fn has_admin(connection: &mut sqlx::AnyConnection) -> Result<bool, ClinicError> {
    Ok(admins(connection).await? > 0)
}

/// Adds a person, or gives a name to one who is known from an invitation alone. Nothing if they have one.
pub async fn add(tx: &mut WriteTx, id: &OperatorId, name: &str, now: UnixMillis) -> Result<Changed, ClinicError> {
    let done = sqlx::query(
        "INSERT INTO person (id, name, created_at) VALUES ($1, $2, $3)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name WHERE person.name = ''",
    )
    .bind(id.as_str().to_owned())
    .bind(name.to_owned())
    .bind(int(now.0)?)
    .execute(&mut **tx)
    .await?;
    Ok(changed(done.rows_affected()))
}

/// Gives a person another name. Nothing if there is no such person.
pub async fn rename(tx: &mut WriteTx, id: &OperatorId, name: &str) -> Result<Changed, ClinicError> {
    let done = sqlx::query("UPDATE person SET name = $1 WHERE id = $2 AND name <> $3")
        .bind(name.to_owned())
        .bind(id.as_str().to_owned())
        .bind(name.to_owned())
        .execute(&mut **tx)
        .await?;
    Ok(changed(done.rows_affected()))
}

/// `by` says that a person should hold what they hold. Nothing if there is no such person.
pub async fn confirm(
    tx: &mut WriteTx,
    id: &OperatorId,
    by: &OperatorId,
    now: UnixMillis,
) -> Result<Changed, ClinicError> {
    let done = sqlx::query("UPDATE person SET confirmed_at = $1, confirmed_by = $2 WHERE id = $3")
        .bind(int(now.0)?)
        .bind(by.as_str().to_owned())
        .bind(id.as_str().to_owned())
        .execute(&mut **tx)
        .await?;
    Ok(changed(done.rows_affected()))
}

/// Gives a role.
pub async fn grant(tx: &mut WriteTx, id: &OperatorId, role: Role, now: UnixMillis) -> Result<Changed, ClinicError> {
    let done = sqlx::query(
        "INSERT INTO person_role (person, role, granted_at) SELECT id, $1, $2 FROM person WHERE id = $3
         ON CONFLICT (person, role) DO NOTHING",
    )
    .bind(role.name())
    .bind(int(now.0)?)
    .bind(id.as_str().to_owned())
    .execute(&mut **tx)
    .await?;
    Ok(changed(done.rows_affected()))
}

/// Takes a role away.
pub async fn withdraw(tx: &mut WriteTx, id: &OperatorId, role: Role) -> Result<Changed, ClinicError> {
    let before = admins(tx).await?;
    let done = sqlx::query("DELETE FROM person_role WHERE person = $1 AND role = $2")
        .bind(id.as_str().to_owned())
        .bind(role.name())
        .execute(&mut **tx)
        .await?;
    unless_it_leaves_no_admin(tx, before, done.rows_affected()).await
}

/// Shuts a person out. Their sessions are the caller's to end in the same transaction.
pub async fn disable(tx: &mut WriteTx, id: &OperatorId, now: UnixMillis) -> Result<Changed, ClinicError> {
    let before = admins(tx).await?;
    let done = sqlx::query("UPDATE person SET disabled_at = $1 WHERE id = $2 AND disabled_at IS NULL")
        .bind(int(now.0)?)
        .bind(id.as_str().to_owned())
        .execute(&mut **tx)
        .await?;
    unless_it_leaves_no_admin(tx, before, done.rows_affected()).await
}

/// Lets a person in again.
pub async fn enable(tx: &mut WriteTx, id: &OperatorId) -> Result<Changed, ClinicError> {
    let done = sqlx::query("UPDATE person SET disabled_at = NULL WHERE id = $1 AND disabled_at IS NOT NULL")
        .bind(id.as_str().to_owned())
        .execute(&mut **tx)
        .await?;
    Ok(changed(done.rows_affected()))
}

/// The caller drops the transaction for [`Changed::LastAdmin`]: what it did is undone with it.
async fn unless_it_leaves_no_admin(tx: &mut WriteTx, before: u64, rows: u64) -> Result<Changed, ClinicError> {
    if before > 0 && admins(tx).await? == 0 { Ok(Changed::LastAdmin) } else { Ok(changed(rows)) }
}

/// Admins who can log in.
async fn admins(connection: &mut sqlx::AnyConnection) -> Result<u64, ClinicError> {
    let row = sqlx::query(
        "SELECT COUNT(*) FROM person_role JOIN person ON person.id = person_role.person
         WHERE role = 'admin' AND disabled_at IS NULL AND (EXISTS (SELECT 1 FROM password WHERE password.person = person.id)
             OR EXISTS (SELECT 1 FROM passkey WHERE passkey.person = person.id))",
    )
    .fetch_one(connection)
    .await?;
    Ok(count(row.try_get(0)?)?)
}

const fn changed(rows: u64) -> Changed {
    if rows == 1 { Changed::Done } else { Changed::Nothing }
}

fn role_of(row: &AnyRow, column: usize) -> Result<Role, ClinicError> {
    let name: String = row.try_get(column)?;
    Role::parse(&name).ok_or(ClinicError::CatalogDamaged)
}

fn person_of(row: &AnyRow) -> Result<Person, ClinicError> {
    let (id, name): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    Ok(Person {
        name: if name.is_empty() { id.clone() } else { name },
        id: id.parse().map_err(|_| ClinicError::CatalogDamaged)?,
        roles: Roles::default(),
        created_at: millis(row, 2)?,
        disabled_at: optional_millis(row, 3)?,
        logged_in_at: optional_millis(row, 4)?,
        confirmed_at: optional_millis(row, 5)?,
        confirmed_by: row.try_get(6)?,
    })
}
