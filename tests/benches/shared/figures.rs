//! Times of interleaved runs, and what is printed of them.

use std::time::{Duration, Instant};

/// A name, and what is timed under it.
pub(crate) type Kind<S> = (&'static str, fn(&mut S));

/// Runs every kind once a round, in turn, so that whatever else the machine does meets all of them alike. Gives the median of each.
/// The rounds of `warm_up` do not count.
pub(crate) fn medians<S, const N: usize>(
    state: &mut S,
    kinds: &[Kind<S>; N],
    warm_up: usize,
    rounds: usize,
) -> [Duration; N] {
    let mut times = [(); N].map(|()| Vec::with_capacity(rounds));
    for round in 0..warm_up + rounds {
        for ((_, run), times) in kinds.iter().zip(&mut times) {
            let start = Instant::now();
            run(state);
            if round >= warm_up {
                times.push(start.elapsed());
            }
        }
    }
    times.map(|mut times| quantile(&mut times, 0.5))
}

/// The smallest that at least the share `q` of `times` does not exceed (nearest rank).
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "some thousand at most, and not negative"
)]
pub(crate) fn quantile(times: &mut [Duration], q: f64) -> Duration {
    times.sort_unstable();
    let rank = (times.len() as f64 * q).ceil() as usize;
    times.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// The same for numbers.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// How many times `b` goes into `a`.
pub(crate) fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}

/// In milliseconds.
pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
