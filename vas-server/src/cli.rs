//! The command line.

use crate::cli_accounts::{ClientCommand, UserCommand};
use crate::cli_devices::DeviceCommand;
use crate::cli_import::ImportOptions;
use crate::cli_recordings::RecordingsCommand;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use vas_server::config::{Flag, Sources};

const EXAMPLES: &str = "\
Examples:
  vas-server demo                             two built-in cameras, and a page to watch them
  vas-server config > vas.toml                every setting with its default, to edit
  vas-server check --config vas.toml          is it right, and does the database open?
  vas-server --config vas.toml                serve
  VAS_HTTP_LISTEN=[::1]:9000 vas-server       the same setting by environment
  vas-server --http-listen 127.0.0.1:9000     and by flag

  vas-server recordings list                  what was recorded
  vas-server recordings verify                is all of it whole?
  vas-server recordings export --device Gate --from 2026-11-22T10:00:00Z --to 2026-11-22T10:05:00Z -o gate.mp4

  vas-server user add anna --role operator    an account; the password is asked for
  vas-server device add Gate rtsp://user:password@192.0.2.10:554/stream --start
  vas-server device list --server http://127.0.0.1:8080 --token TOKEN
  vas-server import go2rtc.yaml               what would be added; --apply adds it
  vas-server completion bash > /etc/bash_completion.d/vas-server

Exit codes: 0 done; 1 it failed, or what was checked is not well; 2 the command line is wrong; 130 stopped by a second
signal.";

/// Video Aggregation Service: RTSP cameras live in the browser.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve cameras, pages and the API (the default)
    Serve,
    /// Serve two built-in cameras: the quickest way to see a picture
    #[cfg(feature = "test-camera")]
    Demo(DemoOptions),
    /// Check settings, database, disk, ports and clock, then end
    Check(CheckOptions),
    /// Print every setting with its default and what it is for
    Config(ConfigOptions),
    /// Add, list and change users
    #[command(subcommand)]
    User(UserCommand),
    /// Add, list and delete clients: programs that call the API
    #[command(subcommand)]
    Client(ClientCommand),
    /// Add, list and change devices, on a running server or in the database
    #[command(subcommand)]
    Device(DeviceCommand),
    /// Take over the cameras of a MediaMTX, go2rtc or Frigate configuration
    Import(ImportOptions),
    /// Print the description of the API (OpenAPI 3.1)
    Openapi,
    /// List, verify, repair and export what was recorded
    #[command(subcommand)]
    Recordings(RecordingsCommand),
    /// Print what completes commands in a shell
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// How to check.
#[derive(Debug, Args)]
pub(crate) struct CheckOptions {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to print of the settings.
#[derive(Debug, Args)]
pub(crate) struct ConfigOptions {
    /// The JSON schema of the configuration file
    #[arg(long, conflicts_with = "effective")]
    pub(crate) schema: bool,
    /// The settings in force, each with where it comes from; secrets are masked
    #[arg(long)]
    pub(crate) effective: bool,
}

/// Settings on the command line; they win over the environment and the file.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Configuration file (TOML); also VAS_CONFIG
    #[arg(long, short, global = true, value_name = "FILE", env = "VAS_CONFIG")]
    config: Option<PathBuf>,
    /// Address and port of pages and API [default: 127.0.0.1:8080]
    #[arg(long, global = true, value_name = "ADDRESS")]
    http_listen: Option<String>,
    /// Port of media, UDP and TCP [default: 8189]
    #[arg(long, global = true, value_name = "PORT")]
    media_port: Option<String>,
    /// Address under which viewers reach this machine from outside; may be given several times
    #[arg(long, global = true, value_name = "IP")]
    public_address: Vec<String>,
    /// Folder of the server's own files [default: vas-data]
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// Database, such as sqlite:///var/lib/vas/vas.db [default: a file in the data folder]
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
    /// error, warn, info, debug or trace, or levels by module [default: info]
    #[arg(long, global = true, value_name = "LEVEL")]
    log_level: Option<String>,
    /// text or json [default: text]
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<String>,
}

impl Settings {
    /// File, environment and flags, ready to be read.
    pub(crate) fn sources(&self) -> Sources {
        let one = |flag, key, value: &Option<String>| {
            value.as_ref().map(|value| Flag { flag, key, values: vec![value.clone()] })
        };
        let public = Some(self.public_address.clone()).filter(|addresses| !addresses.is_empty());
        let flags = [
            one("--http-listen", "http.listen", &self.http_listen),
            one("--media-port", "media.port", &self.media_port),
            public.map(|values| Flag { flag: "--public-address", key: "media.public_addresses", values }),
            one("--data-dir", "data_dir", &self.data_dir),
            one("--database-url", "database.url", &self.database_url),
            one("--log-level", "log.level", &self.log_level),
            one("--log-format", "log.format", &self.log_format),
        ];
        Sources {
            file: self.config.clone(),
            environment: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
            flags: flags.into_iter().flatten().collect(),
        }
    }
}

/// Options of `demo`.
#[cfg(feature = "test-camera")]
#[derive(Debug, Args)]
pub(crate) struct DemoOptions {
    /// How many built-in cameras
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=16))]
    cameras: u8,
    /// RTSP port of the built-in cameras; a free one where it is taken
    #[arg(long, default_value_t = vas_server::demo::RTSP_PORT, value_name = "PORT")]
    rtsp_port: u16,
    /// Width and height of the built-in cameras' picture
    #[arg(long, default_value = "1280x720", value_name = "WxH", value_parser = size)]
    size: (u32, u32),
    /// An MP4 file (H.264) to replay in a loop as one more camera; may be given several times
    #[arg(long, value_name = "FILE")]
    file: Vec<PathBuf>,
}

#[cfg(feature = "test-camera")]
impl DemoOptions {
    pub(crate) fn demo(&self) -> vas_server::demo::DemoConfig {
        vas_server::demo::DemoConfig {
            cameras: self.cameras,
            rtsp_port: self.rtsp_port,
            size: self.size,
            files: self.file.clone(),
        }
    }
}

#[cfg(feature = "test-camera")]
fn size(text: &str) -> Result<(u32, u32), String> {
    let parse = |text: &str| text.parse().ok().filter(|side| (64..=3_840).contains(side));
    let (width, height) = text.split_once('x').unwrap_or_default();
    parse(width).zip(parse(height)).ok_or_else(|| "give it like 1280x720".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn settings_may_stand_on_either_side_of_the_command() {
        for line in
            [["vas-server", "--media-port", "1", "check"], ["vas-server", "check", "--media-port", "1"]]
        {
            let loaded = Cli::parse_from(line).settings.sources().load().unwrap();
            assert_eq!(loaded.config.media.port, 1);
        }
    }
}
