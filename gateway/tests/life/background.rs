//! A part of a process dies of a fault: the process notices, and ends with a failure.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use safelight_gateway::clinic::{self, ClinicError};
use safelight_gateway::clock::Clock;
use safelight_gateway::ingest::{self, IngestError};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::clinic::Gateway;

const PATIENCE: Duration = Duration::from_secs(60);

/// The gateway's clock, which panics once it is broken: in whatever part looks at it first, and that is the one that keeps the time.
fn clock(gateway: &Gateway, broken: &Arc<AtomicBool>) -> Clock {
    let (true_clock, steady, broken) = (gateway.clock(), gateway.clock(), broken.clone());
    let wall = move || {
        assert!(!broken.load(Ordering::SeqCst), "broken on purpose");
        true_clock.now()
    };
    Clock::from_fns(wall, move || steady.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn x69_a_process_ends_with_a_failure_when_a_part_of_it_has_died() {
    let gateway = Gateway::make().await;
    let ends = [Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false))];
    let [ingest_breaks, clinic_breaks] = &ends;

    let (ready, is_ready) = oneshot::channel();
    let (layout, config, clock_of_ingest) =
        (gateway.layout.clone(), gateway.config.clone(), clock(&gateway, ingest_breaks));
    let ingest = tokio::spawn(async move {
        let ready = || {
            let _ = ready.send(());
        };
        ingest::run(&layout, &config, clock_of_ingest, std::future::pending(), ready).await
    });
    is_ready.await.expect("phones are served");

    let (ready, is_ready) = oneshot::channel();
    let (layout, config, clock_of_clinic) =
        (gateway.layout.clone(), gateway.config.clone(), clock(&gateway, clinic_breaks));
    let clinic = tokio::spawn(async move {
        let ready = || {
            let _ = ready.send(());
        };
        clinic::run(&layout, &config, clock_of_clinic, None, std::future::pending(), ready, |_| std::future::pending())
            .await
    });
    is_ready.await.expect("the clinic process is linked");

    clinic_breaks.store(true, Ordering::SeqCst);
    let ended = timeout(PATIENCE, clinic).await.expect("it ends").expect("in order");
    assert!(matches!(ended, Err(ClinicError::TaskEnded(_))), "{ended:?}");
    ingest_breaks.store(true, Ordering::SeqCst);
    let ended = timeout(PATIENCE, ingest).await.expect("it ends").expect("in order");
    assert!(matches!(ended, Err(IngestError::TaskEnded(_))), "{ended:?}");
}
