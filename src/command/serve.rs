//! `serve`: the reference homeserver over HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use guest_access_reference::serve::{self, ConcurrencyDefect, Server};
use guest_access_rules::rules::Rules;
use guest_access_rules::variant;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::output::{CommandOutput, OutputArgs, print_message};
use super::{CommandError, Outcome, lookup};

/// Serve the reference homeserver over HTTP
///
/// The server speaks the client-server API as far as guests, `diff` and an ordinary client need it. It
/// keeps all data in memory, and forgets them when it ends. It writes its URL to the standard output as
/// soon as it answers.
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
    /// Write nothing but errors to the standard error
    #[arg(long, short)]
    quiet: bool,
}

pub(super) fn run(args: &Args) -> Result<CommandOutput, CommandError> {
    let rules = Rules::find(&args.rules)?;
    let server = server_with_defects(&rules, &args.defects)?;
    let interrupt = Arc::new(Notify::new());
    let interrupted = Arc::clone(&interrupt);
    ctrlc::set_handler(move || interrupted.notify_one())?;

    let runtime = serve::runtime().map_err(CommandError::Serve)?;
    runtime.block_on(async {
        let listen = async { TcpListener::bind(args.listen).await.and_then(with_address) };
        let (listener, address) =
            listen.await.map_err(|source| CommandError::Listen { address: args.listen, source })?;
        announce(&rules, args, address)?;
        let served = serve::serve(listener, server, interrupt.notified());
        served.await.map_err(CommandError::Serve)
    })?;
    Ok(CommandOutput::new(String::new(), Outcome::Holds, &OutputArgs::default()))
}

/// A homeserver that follows `rules`, with the defects that have these ids.
pub(super) fn server_with_defects(rules: &Rules, ids: &[String]) -> Result<Server, CommandError> {
    let mut concurrency_defects = ids.iter().filter_map(|id| ConcurrencyDefect::find(id));
    let others = ids.iter().filter(|id| ConcurrencyDefect::find(id).is_none());
    let found: Vec<_> = others.map(|id| lookup::defect(rules, id)).collect::<Result<_, _>>()?;
    Ok(Server::new(variant::together(&rules.profile(), &found))
        .with_concurrency_defect(concurrency_defects.next_back()))
}

fn with_address(listener: TcpListener) -> std::io::Result<(TcpListener, SocketAddr)> {
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Writes a message to the standard error, and the URL alone to the standard output.
fn announce(rules: &Rules, args: &Args, address: SocketAddr) -> Result<(), CommandError> {
    if !args.quiet {
        let mistakes = match args.defects.as_slice() {
            [] => String::new(),
            defects => format!(" with {}", defects.join(", ")),
        };
        print_message(&format!("{}{mistakes} is being served; end it with Ctrl-C", rules.id));
    }
    let text = format!("http://{address}\n");
    CommandOutput::new(text, Outcome::Holds, &OutputArgs::default()).deliver().map(drop)
}
