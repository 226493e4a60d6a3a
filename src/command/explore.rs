//! `explore`: the model as a page in a browser, one action at a time.

mod server;

use std::net::SocketAddr;

use guest_access_reference::serve::runtime;
use tokio::net::TcpListener;

use crate::explore::Explorer;

use super::output::{CommandOutput, OutputArgs, print_message};
use super::{CommandError, Outcome};

/// Walk through the rules in a browser, action by action
///
/// Serves a page on which you choose what a guest, the moderator or somebody else does next. The page shows
/// each decision with its clauses and its reason, the rooms, and who may see which event. It compares two
/// rules side by side, and saves a trace as a scenario for `decide` and `diff --scenarios`. The page is part
/// of this program and needs no network.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  guest-access explore v1.16\n  guest-access explore v1.16 mine.toml --guests 2"
)]
pub(super) struct Args {
    /// The rules to begin with; a second one is shown beside the first [default: latest]
    #[arg(num_args = 0..=2)]
    rules: Vec<String>,
    /// The address to listen on; port 0 takes any that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// The number of guests at the beginning, 1 to 3
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u8).range(1..=3))]
    guests: u8,
    /// The number of rooms at the beginning, 1 or 2
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u8).range(1..=2))]
    rooms: u8,
    /// Do not write the address to standard error
    #[arg(long, short)]
    quiet: bool,
}

pub(super) fn run(args: &Args) -> Result<CommandOutput, CommandError> {
    let names = if args.rules.is_empty() { vec!["latest".to_owned()] } else { args.rules.clone() };
    let explorer = Explorer::new(&names)?;
    let start = server::Start { rules: names, guests: args.guests, rooms: args.rooms };
    let runtime = runtime().map_err(CommandError::Serve)?;
    runtime.block_on(async {
        let listener = TcpListener::bind(args.listen).await;
        let with_address = |listener: TcpListener| Ok((listener.local_addr()?, listener));
        let (address, listener) = listener
            .and_then(with_address)
            .map_err(|source| CommandError::Listen { address: args.listen, source })?;
        if !args.quiet {
            print_message(&format!("the page is at http://{address}/; end it with Ctrl-C"));
        }
        server::serve(listener, explorer, start).await.map_err(CommandError::Serve)
    })?;
    Ok(CommandOutput::new(String::new(), Outcome::Holds, &OutputArgs::default()))
}
