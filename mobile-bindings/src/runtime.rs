//! The threads that the core runs on, its clock, and what becomes of a panic.

use std::future::Future;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use safelight_core::ids::UnixMillis;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

use crate::SafelightError;

/// Threads that drive connections. One may be held up by the app's device key for a moment, so that one alone would not do.
const WORKERS: usize = 2;

/// Runs what waits, on the library's own threads, whatever the app polls it with. If the app forgets about it, it ends.
pub(crate) async fn on_runtime<T: Send + 'static>(
    work: impl Future<Output = Result<T, SafelightError>> + Send + 'static,
) -> Result<T, SafelightError> {
    let mut task = Task(runtime()?.spawn(work));
    let ended = (&mut task.0).await;
    ended.unwrap_or_else(|ended| Err(if ended.is_panic() { SafelightError::bug() } else { SafelightError::closed() }))
}

/// Runs what does not wait, on the caller's thread.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, SafelightError>) -> Result<T, SafelightError> {
    quiet_panics();
    // What a panic may leave half done is behind locks that say so, or is dropped with it.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(SafelightError::bug()))
}

/// How long the end of the threads waits for what the app does in a callback.
const ENDING: Duration = Duration::from_secs(10);

/// The library's threads: none before they are needed, and none again once they have been ended.
enum Threads {
    None,
    Running(Runtime),
    Ended,
}

static THREADS: Mutex<Threads> = Mutex::new(Threads::None);

/// The runtime, for the one who spawns by himself.
pub(crate) fn runtime() -> Result<Handle, SafelightError> {
    quiet_panics();
    let mut threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Threads::None = &*threads {
        let built = Builder::new_multi_thread().worker_threads(WORKERS).thread_name("safelight").enable_all().build();
        *threads = Threads::Running(built.map_err(|_| SafelightError::no_threads())?);
    }
    match &*threads {
        Threads::Running(runtime) => Ok(runtime.handle().clone()),
        Threads::None | Threads::Ended => Err(SafelightError::ended()),
    }
}

/// Ends the threads of this library, and waits until none of them is in the app any more, for ten seconds at most. For the end of a process whose
/// language cannot bear a foreign thread that comes back to it then, which is Python (`atexit.register`); Kotlin and Swift need none of it. What is
/// still under way ends without a word; afterwards everything that waits answers `Closed`. Shut phones first: what they hold is lost. Once, and not
/// from inside a callback of this library, which would be waited for.
#[uniffi::export]
pub fn end_threads() {
    let ended = std::mem::replace(&mut *THREADS.lock().unwrap_or_else(PoisonError::into_inner), Threads::Ended);
    if let Threads::Running(runtime) = ended {
        let _ = guarded(|| {
            runtime.shutdown_timeout(ENDING);
            Ok(())
        });
    }
}

/// A panic's message may quote what it was about, and an app's standard error may end up in the system's log: only the place is said. The library
/// brings its own copy of Rust's standard library, so no other Rust code of the app is under this hook.
fn quiet_panics() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            // Standard error may be closed, and `eprintln!` would panic for it.
            let _ = writeln!(std::io::stderr().lock(), "safelight: a fault of this library at {place}");
        }));
    });
}

/// The device's clock. One before 1970 reads as 1970.
pub(crate) fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A task that ends with whoever waits for it.
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f03_a_panic_becomes_an_error_on_the_callers_thread_and_on_our_own() {
        let here: Result<(), _> = guarded(|| panic!("of Zoë Quittländer"));
        assert!(matches!(here, Err(SafelightError::Bug { .. })), "{here:?}");
        let waiting = Builder::new_current_thread().build().unwrap();
        let there: Result<(), _> = waiting.block_on(on_runtime(async { panic!("of Zoë Quittländer") }));
        assert!(matches!(there, Err(SafelightError::Bug { .. })), "{there:?}");
        assert!(!format!("{here:?} {there:?}").contains("Zoë"));
    }

    #[test]
    fn f02_what_the_app_forgets_about_ends() {
        struct Told(std::sync::mpsc::Sender<()>);
        impl Drop for Told {
            fn drop(&mut self) {
                let _ = self.0.send(());
            }
        }
        let (tell, told) = std::sync::mpsc::channel();
        let waiting = Builder::new_current_thread().enable_time().build().unwrap();
        waiting.block_on(async {
            let forever = async move {
                let _told = Told(tell);
                std::future::pending::<Result<(), SafelightError>>().await
            };
            let _ = tokio::time::timeout(std::time::Duration::from_millis(20), on_runtime(forever)).await;
        });
        assert!(told.recv_timeout(std::time::Duration::from_secs(30)).is_ok());
    }
}
