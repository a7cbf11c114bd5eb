//! What a device does between pictures: renew its certificate, take the newest key set.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::ClientError;
use super::connect::{Client, why_failed};
use super::device::root_keys;
use super::tls::{self, CsrError, Validity};
use crate::device_key::{DeviceKey, DeviceKeyError, Es256, PublicKey};
use crate::ids::UnixMillis;
use crate::keyset::SignedKeySet;
use crate::wire::limits::MAX_RESPONSE_LEN;
use crate::wire::{FrameReader, RefusalCode, Request, Response, frame, renewal_message};

/// How long the gateway may take for a small answer; a renewal waits for the clinic process.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A renewed certificate and the key that it is for. The caller keeps both, then destroys the old key.
#[derive(Debug, Clone)]
pub struct Renewed {
    /// The new key, already in use by the client.
    pub key: Arc<dyn DeviceKey>,
    /// Its certificate (DER).
    pub certificate: Vec<u8>,
}

impl Client {
    /// Renews the certificate with a fresh key if it is in the last third of its life (or past it, within the days of
    /// grace). `None` if there was nothing to do.
    ///
    /// # Errors
    /// Any [`ClientError`]; the old certificate and key stay in use then.
    pub async fn renew_if_due(&self, now: UnixMillis) -> Result<Option<Renewed>, ClientError> {
        if self.device().renewal_due(now) { self.renew().await.map(Some) } else { Ok(None) }
    }

    /// Renews the certificate with a fresh key.
    ///
    /// # Errors
    /// As [`Client::renew_if_due`].
    pub async fn renew(&self) -> Result<Renewed, ClientError> {
        let (key, was_left) = self.key_to_come()?;
        let renewed = self.renew_for(key).await;
        let of_no_use = matches!(
            renewed,
            Err(ClientError::Refused(RefusalCode::BadCertificateRequest)
                | ClientError::DeviceKey(DeviceKeyError::Invalidated | DeviceKeyError::Failed))
        );
        if !of_no_use {
            return renewed;
        }
        self.give_up_key_to_come();
        // One that was left may have been certified by an attempt whose answer was lost, and no key is certified twice; or the app has destroyed it.
        if was_left { self.renew_for(self.key_to_come()?.0).await } else { renewed }
    }

    async fn renew_for(&self, key: Arc<dyn DeviceKey>) -> Result<Renewed, ClientError> {
        let csr = tls::make_csr(key.as_ref(), "renewal").map_err(|error| match error {
            CsrError::Key(error) => error,
            _ => DeviceKeyError::Failed,
        })?;
        let device = self.device();
        let message = renewal_message(device.clinic_id, device.device_id, &csr);
        let proof = Es256::from_der(&self.key().sign(&message)?).map_err(|_| DeviceKeyError::Failed)?.0;
        let Response::Certificate { certificate } = self.ask(&Request::Renew { csr, proof }).await? else {
            return Err(ClientError::Protocol);
        };
        // A certificate for another key would lock this device out at its next connection.
        if !is_for(&certificate, key.as_ref())? || Validity::of_certificate(&certificate).is_none() {
            return Err(ClientError::Refused(RefusalCode::BadCertificateRequest));
        }
        self.take_over(&certificate, key.clone());
        // The next request connects with the new certificate; uploads that run on the old connection end in peace or resume.
        self.disconnect().await;
        Ok(Renewed { key, certificate })
    }

    /// Takes a newer key set if the gateway has one. Says whether it did.
    ///
    /// # Errors
    /// [`ClientError::KeySet`] for one that is not the clinic's or is older than what this device has.
    pub async fn update_key_set(&self, now: UnixMillis) -> Result<bool, ClientError> {
        let device = self.device();
        let have = device.key_set.key_set().number;
        let request = Request::KeySet { have };
        let answer = match self.ask(&request).await {
            // Such as one that was given up because the phone came into another network.
            Err(ClientError::ConnectionLost) => self.ask(&request).await?,
            answer => answer?,
        };
        let envelope = match answer {
            Response::KeySet { envelope } => envelope,
            Response::KeySetCurrent => return Ok(false),
            _ => return Err(ClientError::Protocol),
        };
        let keys = root_keys(&device.roots).map_err(|_| ClientError::DeviceDamaged)?;
        let signed = SignedKeySet::parse(&envelope)?;
        let key_set = signed.verify(&keys, device.clinic_id, now, have.saturating_add(1))?;
        // Two may have asked at once, and the older answer come last.
        Ok(self.update(|device| {
            let newer = device.key_set.key_set().number < key_set.key_set().number;
            if newer {
                device.roots.clone_from(&key_set.key_set().roots);
                device.key_set = key_set;
            }
            newer
        }))
    }

    async fn ask(&self, request: &Request) -> Result<Response, ClientError> {
        let live = self.live().await?;
        let answer = async {
            let (mut send, mut recv) = live.connection.open_bi().await?;
            let body = request.to_bytes().map_err(|_| ClientError::Protocol)?;
            send.write_all(&frame(&body)).await?;
            let _ = send.finish();
            let mut reader = FrameReader::new(MAX_RESPONSE_LEN);
            loop {
                let chunk = recv.read_chunk(MAX_RESPONSE_LEN, true).await?.ok_or(ClientError::Protocol)?;
                let mut input = chunk.bytes.as_ref();
                if let Some(body) = reader.read(&mut input).map_err(|_| ClientError::Protocol)? {
                    return Response::from_bytes(&body).map_err(|_| ClientError::Protocol);
                }
            }
        };
        let answer = timeout(ANSWER_TIMEOUT, answer).await.map_err(|_| ClientError::ConnectionLost)?;
        match answer {
            Ok(Response::Refused(refusal)) => Err(ClientError::Refused(refusal.code)),
            Ok(response) => Ok(response),
            Err(error) => Err(why_failed(&live.connection, error)),
        }
    }
}

pub(super) fn is_for(certificate: &[u8], key: &dyn DeviceKey) -> Result<bool, ClientError> {
    let own = key.public_key()?;
    Ok(PublicKey::of_certificate(certificate).is_some_and(|certified| certified == own))
}
