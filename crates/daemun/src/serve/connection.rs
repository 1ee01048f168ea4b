//! HTTP: connections in, answers out, nothing unbounded.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::api::Api;
use super::body::Body;

/// How many connections are served at a time; more wait.
const MAX_CONNECTIONS: usize = 1024;
/// How long the head of a request may take.
const HEAD_LIMIT: Duration = Duration::from_secs(30);
/// How long a client may leave an answer unread: who asks and never reads would keep its place for ever.
const UNREAD_LIMIT: Duration = Duration::from_secs(30);
/// The largest head of a request, in bytes: far above any signed one, and far below what hyper would take. Many
/// connections may each send as much before anybody is known to ask.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// How long to wait after a connection could not be taken, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Answers connections until `stop` resolves, then lets requests under way finish for up to `drain_limit`.
pub(super) async fn serve(listener: TcpListener, api: Arc<Api>, stop: impl Future<Output = ()>, drain_limit: Duration) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let slot = tokio::select! {
            slot = Arc::clone(&slots).acquire_owned() => slot,
            () = &mut stop => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Answers are small and asked for one after another: waiting to fill packets only delays them.
        drop(stream.set_nodelay(true));
        if let Err(error) = host::system::limit_unread(&stream, UNREAD_LIMIT) {
            tracing::debug!(%error, "a connection was dropped");
            continue;
        }
        let api = Arc::clone(&api);
        let answer = service_fn(move |request: hyper::Request<Incoming>| {
            let api = Arc::clone(&api);
            async move { Ok::<hyper::Response<Body>, std::convert::Infallible>(api.answer(request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_LIMIT)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), answer);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(slot);
        });
    }
    drop(listener);
    if tokio::time::timeout(drain_limit, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were still under way at the end");
    }
}
