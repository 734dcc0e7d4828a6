//! The command line: one file a group of commands. Commands open a session, call services and print; they
//! decide nothing.

mod apply;
mod backup;
mod batch;
mod callback;
mod campaign;
mod config;
mod consent;
mod correct;
mod customer;
pub mod demo;
mod doctor;
mod drain;
mod explain_text;
mod export;
mod failure;
mod identity;
mod import;
mod key;
mod live;
mod look;
mod openapi;
mod output;
mod person;
mod profile_numbers;
pub mod profile_text;
mod quarantine;
mod reachability;
mod rebuild;
mod retention;
mod segment;
mod segment_ask;
mod segment_hand;
mod segment_schema;
mod serve;
mod session;
mod staff;
mod suppress;
mod tag;
mod tag_calibrate;
mod tag_publish;
mod tag_schema;

use clap::{CommandFactory, Parser, Subcommand};
use failure::Outcome;
use session::Global;
use std::process::ExitCode;

/// Keeps a shop's customer tags right at every instant, and does the caring that follows.
#[derive(Debug, Parser)]
#[command(name = "kinkeeper", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Example:
  kinkeeper demo                   a real shop's December, in a minute
  kinkeeper serve                  your own book, in ./data

Exit codes: 0 done, 1 failed, 2 wrong usage or bad input, 3 not found, 4 refused";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Demo(demo::Demo),
    Status(live::StatusArgs),
    GoLive(live::GoLive),
    Stop(live::Stop),
    Resume(live::Resume),
    Suppress(suppress::Suppress),
    Reachability(reachability::ReachabilityArgs),
    Drain(drain::Drain),
    Rebuild(rebuild::Rebuild),
    #[command(subcommand)]
    Import(import::Import),
    #[command(subcommand)]
    Batch(batch::Batch),
    Apply(apply::Apply),
    #[command(subcommand)]
    Campaign(campaign::Campaign),
    #[command(subcommand)]
    Customer(customer::Customer),
    #[command(subcommand)]
    Tag(tag::Tag),
    #[command(subcommand)]
    Segment(segment::Segment),
    #[command(subcommand)]
    Consent(consent::Consent),
    #[command(subcommand)]
    Callback(callback::Callback),
    #[command(subcommand)]
    Quarantine(quarantine::Quarantine),
    #[command(subcommand)]
    Export(export::Export),
    #[command(subcommand)]
    Key(key::Key),
    #[command(subcommand)]
    Staff(staff::Staff),
    #[command(subcommand)]
    Config(config::Config),
    Openapi(openapi::Openapi),
    Doctor(doctor::Doctor),
    Backup(backup::Backup),
    Restore(backup::Restore),
    Migrate(backup::Migrate),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the process can't start its threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

async fn run(Cli { global, command }: Cli) -> Outcome {
    match command {
        Command::Serve(command) => command.run(&global).await,
        Command::Demo(command) => command.run(&global).await,
        Command::Status(command) => command.run(&global).await,
        Command::GoLive(command) => command.run(&global).await,
        Command::Stop(command) => command.run(&global).await,
        Command::Resume(command) => command.run(&global).await,
        Command::Suppress(command) => command.run(&global).await,
        Command::Reachability(command) => command.run(&global).await,
        Command::Drain(command) => command.run(&global).await,
        Command::Rebuild(command) => command.run(&global).await,
        Command::Import(command) => command.run(&global).await,
        Command::Batch(command) => command.run(&global).await,
        Command::Apply(command) => command.run(&global).await,
        Command::Campaign(command) => command.run(&global).await,
        Command::Customer(command) => command.run(&global).await,
        Command::Tag(command) => command.run(&global).await,
        Command::Segment(command) => command.run(&global).await,
        Command::Consent(command) => command.run(&global).await,
        Command::Callback(command) => command.run(&global).await,
        Command::Quarantine(command) => command.run(&global).await,
        Command::Export(command) => command.run(&global).await,
        Command::Key(command) => command.run(&global).await,
        Command::Staff(command) => command.run(&global).await,
        Command::Config(command) => command.run(&global),
        Command::Openapi(command) => command.run(),
        Command::Doctor(command) => command.run(&global).await,
        Command::Backup(command) => command.run(&global).await,
        Command::Restore(command) => command.run(&global).await,
        Command::Migrate(command) => command.run(&global).await,
    }
}

/// The command line's own description, for tests.
pub fn description() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_sound() {
        description().debug_assert();
    }

    /// Commands that do something, with their names.
    fn leaves(command: &clap::Command, path: &str, into: &mut Vec<(String, clap::Command)>) {
        let mut below = command.get_subcommands().peekable();
        if below.peek().is_none() {
            into.push((path.to_owned(), command.clone()));
        }
        for sub in below {
            leaves(sub, &format!("{path} {}", sub.get_name()), into);
        }
    }

    #[test]
    fn every_command_shows_an_example_of_itself() {
        let mut all = Vec::new();
        leaves(&description(), "kinkeeper", &mut all);
        assert!(all.len() > 10);
        for (path, command) in all {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example") && help.contains(&path), "{path}: {help}");
            assert!(command.get_about().is_some(), "{path} says what it does");
        }
    }
}
