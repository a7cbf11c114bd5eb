//! One progress bar over several pictures, drawn for a person at a terminal.

use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::outcome::Output;

/// Steps of the bar for one picture.
const STEPS: u64 = 1000;

/// The bar. Silent where nobody watches.
#[derive(Debug)]
pub struct Bar {
    bar: ProgressBar,
    pictures: usize,
    done: AtomicU64,
}

impl Bar {
    /// For `pictures` pictures.
    pub fn new(pictures: usize, output: Output) -> Self {
        let len = STEPS.saturating_mul(u64::try_from(pictures).unwrap_or(u64::MAX));
        let target = if output.draws_progress() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(len), target);
        if let Ok(style) = ProgressStyle::with_template("  {bar:40} {percent:>3} %  {msg}") {
            bar.set_style(style.progress_chars("█▌·"));
        }
        let this = Self { bar, pictures, done: AtomicU64::new(0) };
        this.tell();
        this
    }

    /// The present picture is `part` of `whole` through.
    pub fn picture(&self, part: usize, whole: usize) {
        let part = u64::try_from(part).unwrap_or(0).saturating_mul(STEPS);
        let step = part.checked_div(u64::try_from(whole).unwrap_or(0)).unwrap_or(0).min(STEPS);
        self.bar.set_position(self.done.load(Ordering::Relaxed).saturating_mul(STEPS).saturating_add(step));
    }

    /// The present picture is through.
    pub fn picture_done(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        self.bar.set_position(done.saturating_mul(STEPS));
        self.tell();
    }

    /// So many pictures are through.
    pub fn pictures_done(&self, done: u64) {
        self.done.store(done, Ordering::Relaxed);
        self.bar.set_position(done.saturating_mul(STEPS));
        self.tell();
    }

    /// Runs `print` with the bar out of the way.
    pub fn above(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    fn tell(&self) {
        self.bar.set_message(format!("{} of {}", self.done.load(Ordering::Relaxed), self.pictures));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
