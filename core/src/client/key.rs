//! A keystore may ask its user and take seconds to answer. That must not hold up the threads that drive connections.

use std::sync::Arc;

use tokio::runtime::{Handle, RuntimeFlavor};

use crate::device_key::{DeviceKey, DeviceKeyError, PublicKey};

/// A device key that is asked where waiting harms nobody.
#[derive(Debug)]
pub(super) struct BlockingKey(Arc<dyn DeviceKey>);

impl BlockingKey {
    pub(super) fn of(key: Arc<dyn DeviceKey>) -> Arc<dyn DeviceKey> {
        Arc::new(Self(key))
    }
}

impl DeviceKey for BlockingKey {
    fn public_key(&self) -> Result<PublicKey, DeviceKeyError> {
        off_worker(|| self.0.public_key())
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, DeviceKeyError> {
        off_worker(|| self.0.sign(message))
    }

    fn new_key(&self) -> Result<Arc<dyn DeviceKey>, DeviceKeyError> {
        off_worker(|| self.0.new_key()).map(Self::of)
    }
}

/// Does what may wait for somebody outside. A worker of a runtime hands its other tasks to another thread first; on a runtime with one
/// thread there is none, and anywhere else there is nothing to hold up.
pub(super) fn off_worker<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current() {
        Ok(runtime) if runtime.runtime_flavor() == RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        _ => work(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    /// Signs once another task of the same runtime has run.
    #[derive(Debug)]
    struct Waiting(std::sync::Mutex<mpsc::Receiver<()>>);

    impl DeviceKey for Waiting {
        fn public_key(&self) -> Result<PublicKey, DeviceKeyError> {
            Err(DeviceKeyError::Failed)
        }
        fn sign(&self, _: &[u8]) -> Result<Vec<u8>, DeviceKeyError> {
            let answer = self.0.lock().unwrap().recv_timeout(Duration::from_secs(30));
            answer.map(|()| Vec::new()).map_err(|_| DeviceKeyError::NotAuthorised)
        }
        fn new_key(&self) -> Result<Arc<dyn DeviceKey>, DeviceKeyError> {
            Err(DeviceKeyError::Failed)
        }
    }

    #[test]
    fn a_key_that_waits_does_not_hold_the_only_worker_up() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let (tell, told) = mpsc::channel();
        let key = BlockingKey::of(Arc::new(Waiting(told.into())));
        let signed = runtime.block_on(async {
            let signing = tokio::spawn(async move {
                let other = tokio::spawn(async move { tell.send(()).unwrap() });
                let signed = key.sign(b"");
                other.await.unwrap();
                signed
            });
            signing.await.unwrap()
        });
        assert_eq!(signed, Ok(Vec::new()));
    }
}
