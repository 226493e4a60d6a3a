//! Events of this server go to the other servers of their rooms.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use guest_access_reference::serve::Server;
use ruma::OwnedServerName;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::federation::{
    Endpoint, Event, FederationClient, FederationError, SharedHomeserver, send_events,
};

/// The most events of one transaction.
const MOST_EVENTS: usize = 50;
/// The pause before the first repetition. Each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// How often a transaction is repeated. Then its events are given up.
const REPETITIONS: u32 = 8;

/// Takes in what arrives, and sends what is to be sent, for ever.
pub(super) async fn send_all(
    server: Server,
    homeserver: SharedHomeserver,
    client: FederationClient,
    changed: Arc<Notify>,
) {
    let mut queues: BTreeMap<OwnedServerName, UnboundedSender<Event>> = BTreeMap::new();
    loop {
        changed.notified().await;
        server.take_in_arrivals();
        let outbox = homeserver.lock().take_outbox();
        for (name, event) in outbox {
            let queue = queues.entry(name.clone()).or_insert_with(|| {
                let (queue, events) = unbounded_channel();
                tokio::spawn(send_in_order(homeserver.clone(), client.clone(), name, events));
                queue
            });
            // The task ends with the program only.
            let _ = queue.send(event);
        }
    }
}

/// Sends events to one server, one transaction after the other.
async fn send_in_order(
    homeserver: SharedHomeserver,
    client: FederationClient,
    name: OwnedServerName,
    mut events: UnboundedReceiver<Event>,
) {
    let mut next = Vec::new();
    while events.recv_many(&mut next, MOST_EVENTS).await > 0 {
        let mut pause = FIRST_PAUSE;
        for _ in 0..REPETITIONS {
            let url = homeserver.lock().peer(&name).map(|peer| peer.url.clone());
            // A server without an address may become known.
            if let Ok(url) = url {
                let to = Endpoint { name: name.clone(), url };
                match send_events(&client, &to, &next).await {
                    // A server that refuses a transaction refuses it also the next time.
                    Ok(_) => break,
                    Err(error) if is_final(&error) => break,
                    Err(_) => {}
                }
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        next.clear();
    }
}

/// Whether the server would refuse the same transaction again.
fn is_final(error: &FederationError) -> bool {
    matches!(error, FederationError::Refused { status, .. } if *status < 500 && *status != 429)
}
