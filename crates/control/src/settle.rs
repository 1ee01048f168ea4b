//! The controller of time: what moves on by itself is moved on when its moment has come.

use std::sync::Arc;
use std::time::Duration;

use cloud::context::Context;
use store::Author;
use tokio::task::JoinHandle;

use crate::{Parts, now};

/// How long to sleep where nothing lies ahead, or something does in the far future.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How long to wait after a failure before trying again.
const RETRY_AFTER: Duration = Duration::from_secs(2);

pub(crate) fn spawn(parts: Parts) -> JoinHandle<()> {
    tokio::spawn(run(parts))
}

async fn run(parts: Parts) {
    let mut changes = parts.ledger.watch();
    loop {
        changes.borrow_and_update();
        let done = settle(&parts).await;
        let ahead = cloud::settle::next_due(&parts.ledger.state()).map(|at| at.unix_ms - now().unix_ms);
        let wait = match ahead {
            _ if !done => RETRY_AFTER,
            Some(ms) => Duration::from_millis(u64::try_from(ms).unwrap_or(0)).min(LOOK_EVERY),
            None => LOOK_EVERY,
        };
        tokio::select! {
            changed = changes.changed(), if done => if changed.is_err() { return },
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Brings every region to where it is now; says whether that worked.
async fn settle(parts: &Parts) -> bool {
    let (state, at) = (parts.ledger.state(), now());
    let mut done = true;
    for (region, _) in state.regions.iter().filter(|(_, tables)| cloud::settle::is_due(tables, at)) {
        let author = Author::daemon("Settle", at);
        let (config, principal) = (Arc::clone(&parts.config), author.principal.clone());
        let context = Context::new(config, region.clone(), principal, String::new(), at, rand::random());
        let written = parts.ledger.write::<(), (), _>(region.clone(), author, move |tx| {
            cloud::settle::settle(&context, tx);
            Ok(())
        });
        if written.await.is_err() {
            tracing::error!(%region, "what has come due could not be written down; will try again");
            done = false;
        }
    }
    done
}
