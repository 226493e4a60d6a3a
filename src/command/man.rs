//! `man`: the manual pages.

use std::io;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_mangen::Man;

use super::output::{CommandOutput, OutputArgs};
use super::{Cli, CommandError, Outcome};

/// Write the manual pages
///
/// The pages have the same content as `--help`. Without `--out`, the command writes the page of the
/// program, or of COMMAND. With `--out`, it writes a file for the program and for each command.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  guest-access man diff | man -l -\n  guest-access man --out ~/.local/share/man/man1"
)]
pub(super) struct Args {
    /// The command that the page is about [default: the program]
    #[arg(value_name = "COMMAND")]
    of: Option<String>,
    /// Write a page for the program and for each command to DIR [default: one page, to standard output]
    #[arg(long, value_name = "DIR", conflicts_with = "of")]
    out: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args) -> Result<CommandOutput, CommandError> {
    let mut program = Cli::command().disable_help_subcommand(true);
    // The pages name the commands in full.
    program.build();
    if let Some(folder) = &args.out {
        let text = write_all(&program, folder)
            .map_err(|source| CommandError::UnwritablePages { path: folder.clone(), source })?;
        return Ok(CommandOutput::new(text, Outcome::Holds, &args.output));
    }
    let command = match &args.of {
        None => &program,
        Some(name) => program
            .find_subcommand(name)
            .ok_or_else(|| CommandError::UnknownCommand { name: name.clone() })?,
    };
    let page = page(command).map_err(|source| CommandError::unwritable(None, source))?;
    Ok(CommandOutput::new(page, Outcome::Holds, &args.output))
}

/// Writes every page to the folder, and returns the names of the files, in lines.
fn write_all(program: &clap::Command, folder: &Path) -> io::Result<String> {
    std::fs::create_dir_all(folder)?;
    let mut names = String::new();
    for command in std::iter::once(program).chain(program.get_subcommands()) {
        let name = Man::new(command.clone()).get_filename();
        std::fs::write(folder.join(&name), page(command)?)?;
        names += &format!("{name}\n");
    }
    Ok(names)
}

/// The manual page of a command, in the language of roff.
fn page(command: &clap::Command) -> io::Result<String> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
