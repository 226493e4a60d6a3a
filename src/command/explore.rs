//! `explore`: the sequential model in stateright's Explorer, with states and steps in words.

mod model;

use std::net::{SocketAddr, TcpListener};

use guest_access_model::state::Scope;
use guest_access_rules::rules::Rules;
use stateright::Model;

use super::output::{CommandOutput, OutputArgs, print_message};
use super::{CommandError, Outcome};

use model::ExplorerModel;

/// Walk through the model in a browser, action by action
///
/// Serves stateright's Explorer. For each state, the page shows every possible action with its decision,
/// and the trace to the state as a diagram.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  guest-access explore v1.16 --guests 2")]
pub(super) struct Args {
    /// The rules to explore
    #[arg(default_value = "latest")]
    rules: String,
    /// The address to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// The number of guests, 1 to 3
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u8).range(1..=3))]
    guests: u8,
    /// The number of rooms, 1 or 2
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u8).range(1..=2))]
    rooms: u8,
    /// Do not write the address to standard error
    #[arg(long, short)]
    quiet: bool,
}

pub(super) fn run(args: &Args) -> Result<CommandOutput, CommandError> {
    let rules = Rules::find(&args.rules)?;
    let scope = Scope { guests: args.guests.into(), rooms: args.rooms.into() };
    // The Explorer panics if it cannot listen, so the port is tried here first.
    let address = TcpListener::bind(args.listen)
        .and_then(|listener| listener.local_addr())
        .map_err(|source| CommandError::Listen { address: args.listen, source })?;
    if !args.quiet {
        print_message(&format!("{} is at http://{address}/; end it with Ctrl-C", rules.id));
    }
    ExplorerModel::new(&rules, scope).checker().serve(address);
    Ok(CommandOutput::new(String::new(), Outcome::Holds, &OutputArgs::default()))
}
