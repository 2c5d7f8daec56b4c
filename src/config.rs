//! The environment becomes a [`Config`] here, once, and nowhere else. A name that begins with `TOWPATH_` and is not in
//! [`VARIABLES`], or a value that cannot be read, stops the start: a limit that was misspelt is a limit that is not there.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::secrets::Secret;
use crate::telemetry::{LogConfig, LogFormat};

/// One setting: name, default as shown, meaning.
pub type Variable = (&'static str, &'static str, &'static str);

/// Every setting that is read from the environment. `towpath serve --help` and the README show this table.
pub const VARIABLES: &[Variable] = &[
    ("TOWPATH_DATA", "~/.local/share/towpath", "Folder of the store, the key file and the locks"),
    ("TOWPATH_DATABASE_URL", "SQLite in the data folder", "Where the store is: postgres://… or sqlite://…"),
    ("TOWPATH_SECRET_KEY", "the file `key` in the data folder", "Seals stored secrets: 32 bytes as base64"),
    ("TOWPATH_MODEL", "builtin", "Who reads requests: builtin, or openai:NAME"),
    ("TOWPATH_OPENAI_BASE_URL", "https://api.openai.com/v1", "Any endpoint that speaks the same protocol"),
    ("TOWPATH_OPENAI_KEY", "none", "Key for that endpoint"),
    ("TOWPATH_MODEL_TIMEOUT", "120s", "Longest wait for a model's next words"),
    ("TOWPATH_LISTEN", "127.0.0.1:8377", "Address and port of the server"),
    ("TOWPATH_ALLOWED_HOSTS", "none", "Further host names it answers to, separated by commas"),
    ("TOWPATH_TLS_CERT", "none", "Certificate chain, PEM; with TOWPATH_TLS_KEY the server speaks HTTPS"),
    ("TOWPATH_TLS_KEY", "none", "Private key of that certificate, PEM"),
    ("TOWPATH_SESSION_TTL", "12h", "How long a sign-in of the page lasts"),
    ("TOWPATH_REQUEST_TIMEOUT", "30s", "Longest time for a request that is not a stream or a turn of a talk"),
    ("TOWPATH_MAX_BODY", "1MiB", "Largest request body"),
    ("TOWPATH_MAX_CONNECTIONS", "512", "Open connections; more have to wait"),
    ("TOWPATH_RATE_PER_MINUTE", "600", "Requests a minute for each key, session or address"),
    ("TOWPATH_RATE_BURST", "120", "Requests that may come at once"),
    ("TOWPATH_RUN_MEMORY", "half of the machine's", "Memory for the rows of all runs; a run that does not fit waits"),
    ("TOWPATH_LOG", "info", "What is logged: error, warn, info, debug, trace, or a filter such as towpath=debug"),
    ("TOWPATH_LOG_FORMAT", "text", "How: text or json"),
];

/// Names under this prefix belong to the test suite.
const TEST_PREFIX: &str = "TOWPATH_TEST_";

/// Everything that was decided before the start.
#[derive(Clone, Debug)]
pub struct Config {
    pub data: PathBuf,
    /// Absent: SQLite in the data folder.
    pub database_url: Option<Secret>,
    /// Absent: the key file in the data folder.
    pub secret_key: Option<Secret>,
    pub model: ModelChoice,
    /// Longest wait for a model's next words.
    pub model_timeout: Duration,
    pub server: ServerConfig,
    /// Bytes for the rows of all runs; by the machine when absent.
    pub run_memory: Option<usize>,
    pub log: LogConfig,
}

/// Who reads requests.
#[derive(Clone, Debug)]
pub enum ModelChoice {
    /// The embedded planner.
    Builtin,
    /// An endpoint that speaks OpenAI's chat completions.
    OpenAi { name: String, base_url: String, key: Option<Secret> },
}

impl ModelChoice {
    /// `builtin` or `openai`, as clients are told.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Builtin => "builtin",
            Self::OpenAi { .. } => "openai",
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Builtin => "builtin",
            Self::OpenAi { name, .. } => name,
        }
    }
}

/// How the server listens and what it bears.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    pub listen: SocketAddr,
    /// Host names that it answers to besides loopback's and the address it listens on.
    pub allowed_hosts: Vec<String>,
    pub tls: Option<TlsFiles>,
    /// The operator said `--insecure-listen`.
    pub insecure_listen: bool,
    pub session_ttl: Duration,
    pub request_timeout: Duration,
    /// Bytes.
    pub max_body: usize,
    pub max_connections: usize,
    pub rate_per_minute: u32,
    pub rate_burst: u32,
}

/// Certificate chain and private key, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// Why there is no configuration.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("`{name}` is not a setting of Towpath.{} `towpath serve --help` lists them.", did_you_mean(.suggestion.as_deref()))]
    Unknown { name: String, suggestion: Option<String> },
    #[error("`{name}` has a value that cannot be read: {expected}")]
    BadValue { name: String, expected: String },
    #[error("`{given}` is set without `{missing}`; set both or neither.")]
    Half { given: &'static str, missing: &'static str },
    #[error("There is no home folder; set `TOWPATH_DATA` to the folder that Towpath may use.")]
    NoHome,
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map(|name| format!(" Did you mean `{name}`?")).unwrap_or_default()
}

/// The variables of a process, taken once.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

impl Environment {
    /// This process's own. A value that is not UTF-8 counts as absent.
    pub fn of_process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
        )
    }

    /// A variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// `1`, `true` or `yes`.
    pub fn is_on(&self, name: &str) -> bool {
        matches!(self.get(name), Some("1" | "true" | "yes"))
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(pairs: [(&str, &str); N]) -> Self {
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl Config {
    /// Reads every setting, and refuses what it does not know. `data` from the command line goes before the environment.
    pub fn read(environment: &Environment, data: Option<PathBuf>) -> Result<Self, ConfigError> {
        refuse_unknown(environment)?;
        let text = |name: &'static str, default: &str| environment.get(name).unwrap_or(default).to_owned();
        let model = model(environment)?;
        Ok(Self {
            data: match data.or_else(|| environment.get("TOWPATH_DATA").map(PathBuf::from)) {
                Some(data) => data,
                None => default_data(environment)?,
            },
            database_url: database_url(environment)?,
            secret_key: environment.get("TOWPATH_SECRET_KEY").map(Secret::new),
            model,
            model_timeout: parse(environment, "TOWPATH_MODEL_TIMEOUT", "120s", duration, DURATION)?,
            server: ServerConfig {
                listen: parse(
                    environment,
                    "TOWPATH_LISTEN",
                    "127.0.0.1:8377",
                    listen,
                    "write ADDRESS:PORT, such as 127.0.0.1:8377",
                )?,
                allowed_hosts: hosts(&text("TOWPATH_ALLOWED_HOSTS", ""))?,
                tls: tls(environment)?,
                insecure_listen: false,
                session_ttl: parse(environment, "TOWPATH_SESSION_TTL", "12h", duration, DURATION)?,
                request_timeout: parse(environment, "TOWPATH_REQUEST_TIMEOUT", "30s", duration, DURATION)?,
                max_body: parse(environment, "TOWPATH_MAX_BODY", "1MiB", size, "write a size, such as 512KiB or 4MiB")?,
                max_connections: parse(environment, "TOWPATH_MAX_CONNECTIONS", "512", positive, POSITIVE)?,
                rate_per_minute: parse(environment, "TOWPATH_RATE_PER_MINUTE", "600", positive, POSITIVE)?,
                rate_burst: parse(environment, "TOWPATH_RATE_BURST", "120", positive, POSITIVE)?,
            },
            run_memory: match environment.get("TOWPATH_RUN_MEMORY") {
                Some(_) => {
                    Some(parse(environment, "TOWPATH_RUN_MEMORY", "", size, "write a size, such as 512MiB or 4GiB")?)
                }
                None => None,
            },
            log: LogConfig {
                filter: parse(
                    environment,
                    "TOWPATH_LOG",
                    "info",
                    filter,
                    "write a level, such as info, or a filter, such as towpath=debug",
                )?,
                format: parse(environment, "TOWPATH_LOG_FORMAT", "text", format, "write text or json")?,
            },
        })
    }

    /// The key file that seals secrets, where no key is given.
    pub fn key_file(&self) -> PathBuf {
        self.data.join("key")
    }
}

const DURATION: &str = "write a time, such as 30s, 5m or 12h";
const POSITIVE: &str = "write a whole number above zero";

fn refuse_unknown(environment: &Environment) -> Result<(), ConfigError> {
    for name in environment.0.keys().filter(|name| name.starts_with("TOWPATH_") && !name.starts_with(TEST_PREFIX)) {
        if VARIABLES.iter().any(|(known, ..)| known == name) {
            continue;
        }
        let suggestion = VARIABLES
            .iter()
            .map(|(known, ..)| (strsim::damerau_levenshtein(known, name), *known))
            .min()
            .filter(|(distance, _)| *distance <= 6)
            .map(|(_, known)| known.to_owned());
        return Err(ConfigError::Unknown { name: name.clone(), suggestion });
    }
    Ok(())
}

/// Reads one variable. The error tells what is expected and never repeats the value: it may be a secret in the wrong place.
fn parse<T>(
    environment: &Environment,
    name: &'static str,
    default: &str,
    read: impl Fn(&str) -> Option<T>,
    expected: &str,
) -> Result<T, ConfigError> {
    read(environment.get(name).unwrap_or(default).trim())
        .ok_or_else(|| ConfigError::BadValue { name: name.to_owned(), expected: format!("{expected}.") })
}

fn bad(name: &str, expected: &str) -> ConfigError {
    ConfigError::BadValue { name: name.to_owned(), expected: expected.to_owned() }
}

fn default_data(environment: &Environment) -> Result<PathBuf, ConfigError> {
    if let Some(base) = environment.get("XDG_DATA_HOME") {
        return Ok(PathBuf::from(base).join("towpath"));
    }
    let home = environment.get("HOME").ok_or(ConfigError::NoHome)?;
    Ok(PathBuf::from(home).join(".local/share/towpath"))
}

fn database_url(environment: &Environment) -> Result<Option<Secret>, ConfigError> {
    match environment.get("TOWPATH_DATABASE_URL") {
        None => Ok(None),
        Some(url) if ["postgres://", "postgresql://", "sqlite:"].iter().any(|scheme| url.starts_with(scheme)) => {
            Ok(Some(Secret::new(url)))
        }
        Some(_) => Err(bad("TOWPATH_DATABASE_URL", "begin it with postgres:// or sqlite://.")),
    }
}

fn model(environment: &Environment) -> Result<ModelChoice, ConfigError> {
    model_named(environment.get("TOWPATH_MODEL").unwrap_or("builtin"), environment)
}

/// The model of this name, at the endpoint of the environment.
pub fn model_named(name: &str, environment: &Environment) -> Result<ModelChoice, ConfigError> {
    if name == "builtin" {
        return Ok(ModelChoice::Builtin);
    }
    let Some(name) = name.strip_prefix("openai:").filter(|name| !name.is_empty()) else {
        return Err(bad("TOWPATH_MODEL", "write builtin, or openai:NAME, such as openai:gpt-4.1 or openai:qwen3:14b."));
    };
    let base_url = environment.get("TOWPATH_OPENAI_BASE_URL").unwrap_or("https://api.openai.com/v1");
    let url = url::Url::parse(base_url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if url.is_none_or(|url| url.password().is_some()) {
        return Err(bad(
            "TOWPATH_OPENAI_BASE_URL",
            "write an http or https address without a password, such as http://127.0.0.1:11434/v1.",
        ));
    }
    Ok(ModelChoice::OpenAi {
        name: name.to_owned(),
        base_url: base_url.trim_end_matches('/').to_owned(),
        key: environment.get("TOWPATH_OPENAI_KEY").map(Secret::new),
    })
}

fn tls(environment: &Environment) -> Result<Option<TlsFiles>, ConfigError> {
    match (environment.get("TOWPATH_TLS_CERT"), environment.get("TOWPATH_TLS_KEY")) {
        (Some(cert), Some(key)) => Ok(Some(TlsFiles { cert: cert.into(), key: key.into() })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(ConfigError::Half { given: "TOWPATH_TLS_CERT", missing: "TOWPATH_TLS_KEY" }),
        (None, Some(_)) => Err(ConfigError::Half { given: "TOWPATH_TLS_KEY", missing: "TOWPATH_TLS_CERT" }),
    }
}

/// Reads `--listen` and `TOWPATH_LISTEN`: an address with a port, `localhost:PORT`, or a port alone.
pub fn listen(text: &str) -> Option<SocketAddr> {
    let loopback = |port: &str| Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port.parse().ok()?));
    match text.strip_prefix("localhost:").or_else(|| text.strip_prefix(':')) {
        Some(port) => loopback(port),
        None => text.parse().ok().or_else(|| loopback(text)),
    }
}

fn hosts(text: &str) -> Result<Vec<String>, ConfigError> {
    let names: Vec<String> =
        text.split(',').map(|name| name.trim().to_ascii_lowercase()).filter(|name| !name.is_empty()).collect();
    let well_formed = |name: &String| name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    if names.iter().all(well_formed) {
        Ok(names)
    } else {
        Err(bad("TOWPATH_ALLOWED_HOSTS", "write host names without scheme, port or wildcard, separated by commas."))
    }
}

fn duration(text: &str) -> Option<Duration> {
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(at)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    let number: u64 = number.parse().ok()?;
    (number > 0).then(|| number.checked_mul(seconds).map(Duration::from_secs))?
}

fn size(text: &str) -> Option<usize> {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(at)?;
    let unit = match unit {
        "" | "B" => 1,
        "kB" => 1000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        _ => return None,
    };
    number.parse::<usize>().ok().filter(|number| *number > 0)?.checked_mul(unit)
}

fn positive<T: std::str::FromStr + PartialOrd + From<u8>>(text: &str) -> Option<T> {
    text.parse().ok().filter(|number| *number > T::from(0))
}

fn filter(text: &str) -> Option<String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    // The filter's own reader takes any word for the name of a module, so a misspelt level would silence everything.
    let is_level = |word: &str| LEVELS.contains(&word.to_ascii_lowercase().as_str());
    let sound = text.split(',').all(|part| match part.rsplit_once('=') {
        Some((_, level)) => is_level(level),
        None => is_level(part),
    });
    (sound && tracing_subscriber::EnvFilter::try_new(text).is_ok()).then(|| text.to_owned())
}

fn format(text: &str) -> Option<LogFormat> {
    match text {
        "text" => Some(LogFormat::Text),
        "json" => Some(LogFormat::Json),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<const N: usize>(pairs: [(&str, &str); N]) -> Result<Config, ConfigError> {
        let mut environment = Environment::from(pairs);
        environment.0.insert("HOME".to_owned(), "/home/ann".to_owned());
        Config::read(&environment, None)
    }

    #[test]
    fn every_default_in_the_table_can_be_read() {
        let config = read([]).unwrap();
        assert_eq!(config.data, PathBuf::from("/home/ann/.local/share/towpath"));
        assert_eq!(config.server.listen, "127.0.0.1:8377".parse().unwrap());
        assert_eq!(config.server.max_body, 1 << 20);
        assert!(matches!(config.model, ModelChoice::Builtin));
        for (name, default, _) in VARIABLES {
            let safe = !default.contains(' ') && !["none", "~/.local/share/towpath"].contains(default);
            if safe {
                read([(name, default)]).unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        }
    }

    #[test]
    fn an_unknown_name_stops_the_start_and_is_told_its_neighbour() {
        let error = read([("TOWPATH_RATE_PER_MINUT", "10")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`TOWPATH_RATE_PER_MINUT` is not a setting of Towpath. Did you mean `TOWPATH_RATE_PER_MINUTE`? \
             `towpath serve --help` lists them."
        );
        read([("TOWPATH_TEST_POSTGRES", "x"), ("OTHER", "y")]).unwrap();
    }

    #[test]
    fn a_value_that_cannot_be_read_stops_the_start_without_being_repeated() {
        for (name, value) in [
            ("TOWPATH_MODEL", "opnai:gpt"),
            ("TOWPATH_MODEL", "openai:"),
            ("TOWPATH_LISTEN", "everywhere"),
            ("TOWPATH_MAX_BODY", "1 gig"),
            ("TOWPATH_MAX_BODY", "0"),
            ("TOWPATH_MAX_CONNECTIONS", "-1"),
            ("TOWPATH_RATE_BURST", "0"),
            ("TOWPATH_RUN_MEMORY", "plenty"),
            ("TOWPATH_SESSION_TTL", "0s"),
            ("TOWPATH_SESSION_TTL", "99999999999999999999h"),
            ("TOWPATH_LOG", "inof"),
            ("TOWPATH_LOG", "towpath=loud"),
            ("TOWPATH_LOG_FORMAT", "yaml"),
            ("TOWPATH_DATABASE_URL", "mysql://s3cret@host"),
            ("TOWPATH_ALLOWED_HOSTS", "*.example.com"),
        ] {
            let error = read([(name, value)]).expect_err(&format!("{name}={value}"));
            assert!(error.to_string().contains(name), "{error}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
        assert!(matches!(read([("TOWPATH_TLS_CERT", "a.pem")]), Err(ConfigError::Half { .. })));
    }

    #[test]
    fn the_model_and_its_endpoint_are_read_together() {
        let config =
            read([("TOWPATH_MODEL", "openai:qwen3:14b"), ("TOWPATH_OPENAI_BASE_URL", "http://127.0.0.1:11434/v1/")])
                .unwrap();
        let ModelChoice::OpenAi { name, base_url, key } = config.model else { panic!("not an endpoint") };
        assert_eq!((name.as_str(), base_url.as_str(), key.is_none()), ("qwen3:14b", "http://127.0.0.1:11434/v1", true));
        assert!(read([("TOWPATH_MODEL", "openai:x"), ("TOWPATH_OPENAI_BASE_URL", "ftp://host")]).is_err());
    }

    #[test]
    fn listening_is_read_in_the_ways_people_write_it() {
        for (text, address) in [
            ("8080", "127.0.0.1:8080"),
            (":8080", "127.0.0.1:8080"),
            ("localhost:1", "127.0.0.1:1"),
            ("[::1]:9", "[::1]:9"),
        ] {
            assert_eq!(listen(text), Some(address.parse().unwrap()), "{text}");
        }
        assert_eq!(listen("example.com:80"), None);
    }
}
