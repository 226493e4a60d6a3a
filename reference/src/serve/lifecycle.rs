//! Starting and ending the server.

use std::io;
use std::time::Duration;

use tokio::net::TcpListener;

use super::router::router;
use super::server::{Server, Status};

/// How much time the requests in flight have to finish when the server ends.
const GRACE: Duration = Duration::from_secs(1);

/// A runtime for [`serve`], with several threads that take requests.
///
/// # Errors
/// If the system gives no threads.
pub fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

/// Serves `server` at `listener` until `shutdown` completes. Calls that wait for new events are answered
/// then.
///
/// # Errors
/// If the listener fails.
pub async fn serve(
    listener: TcpListener,
    server: Server,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut ending = server.subscribe();
    let ended = async move {
        // An error means that the server is gone already.
        let _ = ending.wait_for(|status| *status == Status::Ending).await;
    };
    let app = router(server.clone());
    let serving = axum::serve(listener, app).with_graceful_shutdown(ended).into_future();
    tokio::pin!(serving);
    tokio::select! {
        result = &mut serving => return result,
        () = shutdown => server.end(),
    }
    tokio::time::timeout(GRACE, serving).await.unwrap_or(Ok(()))
}
