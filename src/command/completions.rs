//! `completions`: a script by which a shell completes the command line.

use clap::CommandFactory;
use clap_complete::Shell;

use super::output::{CommandOutput, OutputArgs};
use super::{Cli, Outcome};

/// Write the completions for a shell
///
/// The script completes the commands, their options and the values of the options. A shell reads the
/// script from a folder of its own, or from its start-up file.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  guest-access completions bash > ~/.local/share/bash-completion/completions/guest-access\n  guest-access completions zsh > ~/.zfunc/_guest-access\n  guest-access completions fish > ~/.config/fish/completions/guest-access.fish"
)]
pub(super) struct Args {
    /// The shell that reads the script
    shell: Shell,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args) -> CommandOutput {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "guest-access", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    CommandOutput::new(script, Outcome::Holds, &args.output)
}
