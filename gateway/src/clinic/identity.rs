//! Who a patient is: sealed once per patient, so that a search opens one row per patient and not one per picture.

use std::fmt;

use safelight_core::label::Label;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A patient's identity. Only ever in memory in this form.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct PatientIdentity {
    /// Who gave the record number.
    pub issuer: String,
    /// As it was typed.
    pub record_number: String,
    /// As it was typed.
    pub name: String,
    /// YYYY-MM-DD.
    pub birth_date: String,
}

impl PatientIdentity {
    /// From a picture's label.
    pub fn of(label: &Label) -> Self {
        Self {
            issuer: label.issuer.clone(),
            record_number: label.record_number.clone(),
            name: label.name.clone(),
            birth_date: label.birth_date.as_str().to_owned(),
        }
    }

    /// For sealing. `None` if it cannot be encoded, which text always can.
    pub fn to_json(&self) -> Option<Zeroizing<Vec<u8>>> {
        // Growing would leave copies behind: more than the longest label is reserved.
        let mut json = Zeroizing::new(Vec::with_capacity(16 * 1024));
        serde_json::to_writer(&mut *json, self).ok()?;
        Some(json)
    }

    /// From what was sealed.
    pub fn from_json(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }
}

impl fmt::Debug for PatientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PatientIdentity")
    }
}
