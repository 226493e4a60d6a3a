//! `serve`: the reference homeserver over HTTP.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use guest_access_reference::serve::{self, ConcurrencyDefect, Server};
use guest_access_rules::federation::FederationMistake;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant;
use ruma::OwnedServerName;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::federated_reference::FederatedReference;
use crate::federation::FederationListener;

use super::output::{CommandOutput, OutputArgs, print_message};
use super::{CommandError, Outcome, lookup};

/// Serve the reference homeserver over HTTP
///
/// The server speaks the client-server API as far as guests, `diff` and an ordinary client need it. It
/// keeps all data in memory, and forgets them when it ends. It writes its URL to the standard output as
/// soon as it answers. With `--federate`, it shares rooms with other homeservers; `docs/federation.md` says
/// how far.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  guest-access serve --rules v1.16 --defect join.gate=none")]
pub(super) struct Args {
    /// The rules that the server follows
    #[arg(long, value_name = "RULES", default_value = "latest")]
    rules: String,
    /// The address to listen on; port 0 takes any that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:6167")]
    listen: SocketAddr,
    /// Give the server this defect; may be given several times, and the later one wins if two
    /// contradict each other. Defects called `concurrency.…` show only while calls overlap [default:
    /// none]
    #[arg(long = "defect", value_name = "ID")]
    defects: Vec<String>,
    /// Serve the server-server API too, as the homeserver with this name: `localhost:8448`. Guests may then
    /// be in rooms with users of other homeservers [default: no other homeserver takes part]
    #[arg(long, value_name = "NAME")]
    federate: Option<OwnedServerName>,
    /// The address of the server-server API [default: 127.0.0.1, with the port of the name or 8448]
    #[arg(long, value_name = "ADDR", requires = "federate")]
    federation_listen: Option<SocketAddr>,
    /// Another homeserver and the address of its server-server API; may be given several times. One whose
    /// name is `localhost` or 127.0.0.1 with a port is found by its name [default: none]
    #[arg(long = "peer", value_name = "NAME=URL", value_parser = peer, requires = "federate")]
    peers: Vec<(OwnedServerName, String)>,
    /// Write nothing but errors to the standard error
    #[arg(long, short)]
    quiet: bool,
}

pub(super) fn run(args: &Args) -> Result<CommandOutput, CommandError> {
    let rules = Rules::find(&args.rules)?;
    let federated = args.federate.clone().map(|name| federate(args, &rules, name)).transpose()?;
    let server = match &federated {
        Some(federated) => federated.server(),
        None => server_with_defects(&rules, &args.defects)?,
    };
    let interrupt = Arc::new(Notify::new());
    let interrupted = Arc::clone(&interrupt);
    ctrlc::set_handler(move || interrupted.notify_one())?;

    let runtime = serve::runtime().map_err(CommandError::Serve)?;
    runtime.block_on(async {
        let listen = async { TcpListener::bind(args.listen).await.and_then(with_address) };
        let (listener, address) =
            listen.await.map_err(|source| CommandError::Listen { address: args.listen, source })?;
        announce(&rules, args, address, federated.as_ref())?;
        let served = serve::serve(listener, server, interrupt.notified());
        served.await.map_err(CommandError::Serve)
    })?;
    Ok(CommandOutput::new(String::new(), Outcome::Holds, &OutputArgs::default()))
}

/// Parses `NAME=URL`.
fn peer(text: &str) -> Result<(OwnedServerName, String), String> {
    let wrong =
        || "it has to be `NAME=URL`, such as `other.test=https://127.0.0.1:8448`".to_owned();
    let (name, url) = text.split_once('=').ok_or_else(wrong)?;
    let is_url = url.starts_with("https://") || url.starts_with("http://");
    let name = OwnedServerName::try_from(name).ok().filter(|_| is_url).ok_or_else(wrong)?;
    Ok((name, url.to_owned()))
}

/// Starts the server-server API.
fn federate(
    args: &Args,
    rules: &Rules,
    name: OwnedServerName,
) -> Result<FederatedReference, CommandError> {
    /// The port of a homeserver whose name has none.
    const PORT: u16 = 8448;
    let (profile, mistake) = profile_with_defects(rules, &args.defects)?;
    let port = name.port().unwrap_or(PORT);
    let address = args.federation_listen.unwrap_or((Ipv4Addr::LOCALHOST, port).into());
    let listener = FederationListener::bind(address)
        .map_err(|source| CommandError::FederationListen { address, source })?;
    let federated = FederatedReference::start(profile, mistake, name, listener);
    let federated = federated.map_err(CommandError::Serve)?;
    for (name, url) in &args.peers {
        federated.add_peer(name.clone(), url);
    }
    Ok(federated)
}

/// A homeserver that follows `rules`, with the defects that have these ids.
pub(super) fn server_with_defects(rules: &Rules, ids: &[String]) -> Result<Server, CommandError> {
    let mut concurrency_defects = ids.iter().filter_map(|id| ConcurrencyDefect::find(id));
    let others = ids.iter().filter(|id| ConcurrencyDefect::find(id).is_none());
    let found: Vec<_> = others.map(|id| lookup::defect(rules, id)).collect::<Result<_, _>>()?;
    Ok(Server::new(variant::together(&rules.profile(), &found))
        .with_concurrency_defect(concurrency_defects.next_back()))
}

/// The profile of a homeserver that follows `rules` with the defects that have these ids, and its mistake
/// with what comes from other homeservers.
pub(super) fn profile_with_defects(
    rules: &Rules,
    ids: &[String],
) -> Result<(Profile, Option<FederationMistake>), CommandError> {
    let mut mistakes = ids.iter().filter_map(|id| FederationMistake::find(id));
    let others = ids.iter().filter(|id| FederationMistake::find(id).is_none());
    let found: Vec<_> = others.map(|id| lookup::defect(rules, id)).collect::<Result<_, _>>()?;
    Ok((variant::together(&rules.profile(), &found), mistakes.next_back()))
}

fn with_address(listener: TcpListener) -> std::io::Result<(TcpListener, SocketAddr)> {
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Writes a message to the standard error, and the URLs alone to the standard output: the one for clients,
/// then the one for other homeservers, each on a line.
fn announce(
    rules: &Rules,
    args: &Args,
    address: SocketAddr,
    federated: Option<&FederatedReference>,
) -> Result<(), CommandError> {
    if !args.quiet {
        let mistakes = match args.defects.as_slice() {
            [] => String::new(),
            defects => format!(" with {}", defects.join(", ")),
        };
        print_message(&format!("{}{mistakes} is being served; end it with Ctrl-C", rules.id));
    }
    let mut text = format!("http://{address}\n");
    if let Some(federated) = federated {
        text.push_str(&format!("{}\n", federated.url()));
    }
    CommandOutput::new(text, Outcome::Holds, &OutputArgs::default()).deliver().map(drop)
}
