//! From a capture that is held to the receipt that frees it, and what a phone does between pictures.

use std::sync::Arc;

use super::super::cancel::CancelToken;
use super::super::key::off_worker;
use super::super::tls::Validity;
use super::super::{ClientError, Progress, not_now};
use super::events::Event;
use super::tell::{Listener, Teller};
use super::{Phone, PhoneError};
use crate::capture::SealedCapture;
use crate::ids::{CaptureId, UnixMillis};
use crate::receipt::VerifiedReceipt;
use crate::wire::RefusalCode;

impl Phone {
    /// Sends a picture that is held, and frees it for its receipt. Whatever else comes of it, it stays held and may be sent again: it goes on
    /// where it stopped.
    ///
    /// # Errors
    /// [`PhoneError::NotHeld`], [`PhoneError::AlreadySending`], [`PhoneError::Closed`], and any [`ClientError`].
    pub async fn send(
        &self,
        id: CaptureId,
        listener: Option<Listener>,
        cancel: &CancelToken,
    ) -> Result<VerifiedReceipt, PhoneError> {
        let sending = Sending::begin(self, id)?;
        let before = self.events.times_shut_out();
        let teller = listener.map(Teller::new);
        let sent = tokio::select! {
            biased;
            () = sending.ended.cancelled() => Err(self.why_ended()),
            receipt = self.transmit(&sending.capture, teller.as_ref(), cancel) => receipt,
        };
        let receipt = self.heard(sent)?;
        self.events.let_in(before);
        self.queue.free(&receipt);
        drop(sending);
        self.events.tell(Event::Stored { capture: id, index: receipt.index() });
        // Before anything is waited for: whoever asked may be gone by then.
        off_worker(|| {
            self.freed();
            if self.keep_device().is_err() {
                self.events.tell(Event::NotKept);
            }
        });
        if let Some(teller) = teller {
            teller.finish().await;
        }
        Ok(receipt)
    }

    async fn transmit(
        &self,
        capture: &Arc<SealedCapture>,
        teller: Option<&Teller>,
        cancel: &CancelToken,
    ) -> Result<VerifiedReceipt, PhoneError> {
        let progress = |progress: Progress| {
            if let Some(teller) = teller {
                teller.tell(progress);
            }
        };
        match self.client.upload(capture, progress, cancel).await {
            Err(ClientError::Refused(RefusalCode::RenewFirst)) => {
                cancel.unless_cancelled(self.renew(true, UnixMillis(0))).await??;
                Ok(self.client.upload(capture, progress, cancel).await?)
            }
            outcome => Ok(outcome?),
        }
    }

    /// Connects, renews the certificate if that is due, and takes the newest key set. An app does this when it comes to the front.
    ///
    /// # Errors
    /// Any [`ClientError`] if the gateway does not answer or does not let this device in; [`PhoneError::Closed`].
    pub async fn connect(&self, now: UnixMillis) -> Result<(), PhoneError> {
        let outcome = self.unless_closed(self.connect_and_maintain(now)).await;
        self.heard(outcome)
    }

    async fn connect_and_maintain(&self, now: UnixMillis) -> Result<(), PhoneError> {
        self.client.connect().await?;
        self.renew(false, now).await?;
        self.take_newest_keys(now).await
    }

    /// Connects and takes the newest key set: whether the gateway lets this device in is known then, since a connection alone does not say it.
    ///
    /// # Errors
    /// As [`Phone::connect`].
    pub async fn update_keys(&self, now: UnixMillis) -> Result<(), PhoneError> {
        let outcome = self.unless_closed(self.take_newest_keys(now)).await;
        self.heard(outcome)
    }

    async fn take_newest_keys(&self, now: UnixMillis) -> Result<(), PhoneError> {
        // A clinic process that is busy or locked can do it next time.
        let before = self.events.times_shut_out();
        let updated = not_now(self.client.update_key_set(now).await)?;
        self.events.let_in(before);
        if updated == Some(true) {
            let number = self.client.device().key_set.key_set().number;
            self.events.tell(Event::KeySetUpdated { number });
            off_worker(|| self.keep_device())?;
        }
        Ok(())
    }

    /// Moves the connection to a new socket when the phone has changed networks. Uploads go on.
    ///
    /// # Errors
    /// [`ClientError::Socket`], [`PhoneError::Closed`].
    pub async fn network_changed(&self) -> Result<(), PhoneError> {
        self.unless_closed(async { Ok(self.client.rebind().await?) }).await
    }

    /// Renews the certificate, at most once at a time.
    async fn renew(&self, at_once: bool, now: UnixMillis) -> Result<(), PhoneError> {
        let before = self.client.device().certificate;
        let _alone = self.maintaining.lock().await;
        // Whoever was before has done it.
        if self.client.device().certificate != before {
            return Ok(());
        }
        let renewed = match at_once {
            true => Some(self.client.renew().await?),
            false => not_now(self.client.renew_if_due(now).await)?.flatten(),
        };
        if let Some(renewed) = renewed {
            // The app finds the key by the certificate that is kept: only once it is kept may the old one go.
            off_worker(|| self.keep_device())?;
            let until = Validity::of_certificate(&renewed.certificate).map(|validity| validity.not_after);
            self.events.tell(Event::CertificateRenewed { until });
        }
        Ok(())
    }

    /// The shutter stays closed from the moment at which an app could know that its device is shut out.
    fn heard<T>(&self, outcome: Result<T, PhoneError>) -> Result<T, PhoneError> {
        if let Err(PhoneError::Client(error)) = &outcome {
            self.events.heard(error);
        }
        outcome
    }

    fn why_ended(&self) -> PhoneError {
        if self.lock().closed { PhoneError::Closed } else { PhoneError::NotHeld }
    }
}

/// An upload that runs. There is one of a capture at most.
struct Sending<'a> {
    phone: &'a Phone,
    capture: Arc<SealedCapture>,
    ended: CancelToken,
}

impl<'a> Sending<'a> {
    fn begin(phone: &'a Phone, id: CaptureId) -> Result<Self, PhoneError> {
        let mut state = phone.open_state()?;
        let capture = phone.queue.get(id).ok_or(PhoneError::NotHeld)?;
        if state.sending.contains_key(&id) {
            return Err(PhoneError::AlreadySending);
        }
        let ended = CancelToken::new();
        state.sending.insert(id, ended.clone());
        Ok(Self { phone, capture, ended })
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.phone.lock().sending.remove(&self.capture.id());
    }
}
