//! The clocks, as arguments: tests hand in their own.
//!
//! | file | what |
//! |---|---|
//! | this one | the wall clock, and beside it the time since the start, which nobody can set |
//! | [`calendar`] | times as text |
//! | [`guard`] | whether the wall clock can be right |
//! | [`keeping`] | what both processes keep of that |

pub mod calendar;
pub mod guard;
pub mod keeping;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use safelight_core::ids::UnixMillis;

/// Says what time it is.
#[derive(Clone)]
pub struct Clock {
    wall: Arc<dyn Fn() -> UnixMillis + Send + Sync>,
    steady: Arc<dyn Fn() -> Duration + Send + Sync>,
}

impl Clock {
    /// The machine's clock. A clock before 1970 reads as 1970.
    pub fn system() -> Self {
        Self::from_fn(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
        })
    }

    /// Any other.
    pub fn from_fn(now: impl Fn() -> UnixMillis + Send + Sync + 'static) -> Self {
        let start = Instant::now();
        Self::from_fns(now, move || start.elapsed())
    }

    /// Both: what the wall clock says, and how long this has run.
    pub fn from_fns(
        now: impl Fn() -> UnixMillis + Send + Sync + 'static,
        steady: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Self {
        Self { wall: Arc::new(now), steady: Arc::new(steady) }
    }

    /// The time.
    pub fn now(&self) -> UnixMillis {
        (self.wall)()
    }

    /// How long this has run. It never goes back, whatever the wall clock does.
    pub fn elapsed(&self) -> Duration {
        (self.steady)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
