//! PERL_MESOS_TRACE: the sinks behind the `log` facade, in glog's format and with glog's files, as libmesos has them.
//!
//! `Mesos::trace` writes MESOS_quiet, MESOS_logging_level and MESOS_log_dir into the environment; this reads them, once, when
//! the first driver is made. Rules: what the level lets pass goes to stderr unless quiet, and to files if there is a directory.

use crate::descriptors::AboveStandard;
use crate::message::text;
use chrono::{DateTime, Datelike, Local, Timelike};
use log::{Level, LevelFilter, Log, Metadata, Record};
use once_cell::sync::OnceCell;
use std::cell::RefCell;
use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

/// What the environment asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub quiet: bool,
    pub level: LevelFilter,
    pub dir: Option<PathBuf>,
}

impl Settings {
    /// Reads MESOS_QUIET, MESOS_LOGGING_LEVEL and MESOS_LOG_DIR. What follows `MESOS_` may be in any case; of two spellings
    /// the bytewise later one counts (lower case), as in libmesos. The error says what was expected.
    pub fn from_environment(environment: impl Iterator<Item = (OsString, OsString)>) -> Result<Self, String> {
        let mut found: Vec<(String, String)> = environment
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
            .filter(|(name, _)| name.starts_with("MESOS_"))
            .collect();
        found.sort();
        let get = |flag: &str| {
            found
                .iter()
                .rev()
                .find(|(name, _)| name.get(6..).is_some_and(|n| n.eq_ignore_ascii_case(flag)))
                .map(|(_, value)| value.as_str())
        };
        let quiet = match get("quiet") {
            None | Some("0" | "false") => false,
            Some("1" | "true" | "") => true,
            Some(other) => return Err(format!("MESOS_quiet: expected true, false, 1 or 0, got {other:?}")),
        };
        let level = match get("logging_level") {
            None | Some("INFO") => LevelFilter::Info,
            Some("WARNING") => LevelFilter::Warn,
            Some("ERROR") => LevelFilter::Error,
            Some(other) => {
                return Err(format!(
                    "PERL_MESOS_TRACE (MESOS_logging_level): expected QUIET, ERROR, WARNING or INFO, got {other:?}"
                ))
            }
        };
        let dir = get("log_dir").filter(|d| !d.is_empty()).map(PathBuf::from);
        Ok(Settings { quiet, level, dir })
    }
}

/// The severities that have files of their own, worst first; a line goes into its own file and into those after it.
const SEVERITIES: [(Level, char, &str); 3] = [
    (Level::Error, 'E', "ERROR"),
    (Level::Warn, 'W', "WARNING"),
    (Level::Info, 'I', "INFO"),
];

struct Sink {
    settings: Settings,
    program: String,
}

/// One for each of SEVERITIES, opened with its first line.
type Files = [Option<File>; 3];
static FILES: Mutex<Files> = Mutex::new([None, None, None]);

// A thread that writes a line while another one forks is not there in the child, to unlock FILES. So whoever forks holds it.
thread_local! {
    static HELD: RefCell<Option<MutexGuard<'static, Files>>> = const { RefCell::new(None) };
}
/// FILES is locked for ever in this process: it was forked while a file system kept a line waiting. Its lines go to stderr only.
static LOST: AtomicBool = AtomicBool::new(false);
/// How long a fork waits for a line on its way to a file. A handler of an unsafe signal that forks in the middle of one waits in vain.
const FORK_WAITS: Duration = Duration::from_secs(1);

/// Before a fork.
pub fn hold() {
    let give_up = Instant::now() + FORK_WAITS;
    while !LOST.load(Ordering::Relaxed) {
        let guard = match FILES.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) if Instant::now() < give_up => {
                std::thread::sleep(Duration::from_micros(100));
                continue;
            }
            Err(TryLockError::WouldBlock) => return,
        };
        // A thread that ends has no place to keep it.
        let _ = HELD.try_with(|held| held.try_borrow_mut().map(|mut held| *held = Some(guard)));
        return;
    }
}

/// In the parent, after a fork.
pub fn release() {
    taken_back();
}

/// In the child.
pub fn release_in_child() {
    if !taken_back() {
        LOST.store(true, Ordering::Relaxed);
    }
}

/// Unlocks what [`hold`] has locked, if it has.
fn taken_back() -> bool {
    let held = HELD.try_with(|held| held.try_borrow_mut().ok().and_then(|mut held| held.take()));
    held.ok().flatten().is_some()
}

/// Without the standard library's lock on stderr: a child would find it locked by a thread that it does not have.
fn write_stderr(mut text: &[u8]) {
    while !text.is_empty() {
        match rustix::io::write(rustix::stdio::stderr(), text) {
            Ok(written) => text = text.get(written..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => (),
            Err(_) => return,
        }
    }
}

static SINK: OnceCell<Result<(), String>> = OnceCell::new();

/// Sets logging up from the environment; the first call in a process decides. `program` names the files.
pub fn init(program: &str, environment: impl Iterator<Item = (OsString, OsString)>) -> Result<(), String> {
    SINK.get_or_init(|| {
        let settings = Settings::from_environment(environment)?;
        install(program, settings)
    })
    .clone()
}

/// A warning that must not be missed, since nobody asked for silence: while logging is quiet by default, it goes to stderr as it is.
pub fn warn_aloud(text: &str) {
    let text = bounded(text, ERROR);
    log::warn!("{text}");
    if log::max_level() < LevelFilter::Warn && std::env::var_os("PERL_MESOS_TRACE").is_none() {
        write_stderr(format!("Mesos: {text}\n").as_bytes());
    }
}

/// Whether warnings of the log reach stderr, and whether somebody asked for silence: it is the default, too.
static ON_STDERR: AtomicBool = AtomicBool::new(false);
static SILENT: AtomicBool = AtomicBool::new(false);

/// What a user must learn at once: a line on stderr whatever is logged, unless silence was asked for.
pub fn tell(text: &str) {
    let text = bounded(text, ERROR);
    #[cfg(test)]
    if overheard::hears(&text) {
        return;
    }
    log::warn!("{text}");
    if !ON_STDERR.load(Ordering::Relaxed) && !SILENT.load(Ordering::Relaxed) {
        write_stderr(format!("Mesos: {text}\n").as_bytes());
    }
}

/// For tests that play many programs: on a thread that listens, nothing of what users are told is written to stderr.
#[cfg(test)]
pub mod overheard {
    use std::cell::Cell;

    thread_local! {
        static EAR: Cell<Option<fn(&str)>> = const { Cell::new(None) };
    }

    /// With `None` it goes to stderr again.
    pub fn set(ear: Option<fn(&str)>) {
        EAR.set(ear);
    }

    pub(super) fn hears(text: &str) -> bool {
        EAR.get().map(|ear| ear(text)).is_some()
    }
}

/// How much of a text from elsewhere is shown, and how much of an error or a whole log line, in bytes.
const SHOWN: usize = 1024;
pub const ERROR: usize = 4096;
const LINE: usize = 16 << 10;

/// A text that a master, an agent or a task made up, as it may stand in log lines and error texts.
pub fn shown(text: &str) -> String {
    bounded(text, SHOWN)
}

/// Without characters that would begin a line, command a terminal or turn the direction of writing; cut after `limit` bytes, and then
/// it says how long it was.
pub fn bounded(whole: &str, limit: usize) -> String {
    let mut result = String::with_capacity(whole.len().min(limit));
    for character in whole.chars() {
        let before = result.len();
        match character {
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' => {
                result.extend(character.escape_default());
            }
            _ if character.is_control() => result.extend(character.escape_default()),
            '\u{10ff80}'..='\u{10ffff}' => {
                // A byte that is not UTF-8, see `text`.
                let byte = text::to_bytes(character.encode_utf8(&mut [0; 4])).first().copied();
                result.push_str(&format!("\\x{:02x}", byte.unwrap_or_default()));
            }
            _ => result.push(character),
        }
        if result.len() > limit {
            result.truncate(before);
            result.push_str(&format!("... (of {} bytes)", whole.len()));
            break;
        }
    }
    result
}

fn install(program: &str, settings: Settings) -> Result<(), String> {
    if let Some(dir) = &settings.dir {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(dir)
            .map_err(|e| format!("PERL_MESOS_TRACE: cannot make the log directory {}: {e}", dir.display()))?;
    }
    let level = match (settings.quiet, &settings.dir) {
        (true, None) => LevelFilter::Off,
        _ => settings.level,
    };
    let asked = std::env::var_os("PERL_MESOS_TRACE").is_some_and(|value| !value.is_empty());
    SILENT.store(asked && level == LevelFilter::Off, Ordering::Relaxed);
    ON_STDERR.store(!settings.quiet && level >= LevelFilter::Warn, Ordering::Relaxed);
    let first_line = settings.dir.is_some().then_some(settings.level).and_then(|l| l.to_level());
    let sink = Sink {
        settings,
        program: program.rsplit('/').next().unwrap_or(program).to_string(),
    };
    // Another logger in the process (a Rust test's, say) keeps its place.
    if log::set_boxed_logger(Box::new(sink)).is_ok() {
        log::set_max_level(level);
        if let Some(level) = first_line {
            let name = SEVERITIES.iter().find(|s| s.0 == level).map_or("INFO", |s| s.2);
            log::log!(level, "{name} level logging started!");
        }
    }
    Ok(())
}

impl Log for Sink {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.level() <= self.settings.level && metadata.target().starts_with("mesos_perl")
    }

    fn log(&self, record: &Record) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = line(record, &Local::now());
        if !self.settings.quiet {
            write_stderr(line.as_bytes());
        }
        if let (Some(dir), false) = (&self.settings.dir, LOST.load(Ordering::Relaxed)) {
            let mut files = FILES.lock().unwrap_or_else(|e| e.into_inner());
            for ((level, _, name), file) in SEVERITIES.iter().zip(files.iter_mut()) {
                if record.level() <= *level {
                    if file.is_none() {
                        *file = open(dir, &self.program, name).ok();
                    }
                    if let Some(file) = file {
                        let _ = file.write_all(line.as_bytes());
                    }
                }
            }
        }
    }

    fn flush(&self) {}
}

/// `Lmmdd hh:mm:ss.uuuuuu ttttt file.rs:NNN] message`
fn line(record: &Record, now: &DateTime<Local>) -> String {
    let letter = SEVERITIES.iter().find(|s| s.0 == record.level()).map_or('I', |s| s.1);
    let file = record.file().unwrap_or("?");
    format!(
        "{letter}{:02}{:02} {:02}:{:02}:{:02}.{:06} {:>5} {}:{}] {}\n",
        now.month(),
        now.day(),
        now.hour(),
        now.minute(),
        now.second(),
        now.nanosecond() / 1000 % 1_000_000,
        rustix::thread::gettid().as_raw_nonzero(),
        file.rsplit('/').next().unwrap_or(file),
        record.line().unwrap_or(0),
        bounded(&record.args().to_string(), LINE)
    )
}

/// Makes `program.host.user.log.SEVERITY.date-time.pid` with its header lines, and the link `program.SEVERITY` to it.
fn open(dir: &Path, program: &str, severity: &str) -> std::io::Result<File> {
    let _above = AboveStandard::hold();
    let now = Local::now();
    let host = nix::unistd::gethostname()?.to_string_lossy().into_owned();
    let user = std::env::var("USER").ok().or_else(|| {
        let uid = nix::unistd::geteuid();
        nix::unistd::User::from_uid(uid).ok()?.map(|u| u.name)
    });
    let name = format!(
        "{program}.{host}.{}.log.{severity}.{}.{}",
        user.unwrap_or_else(|| "invalid-user".to_string()),
        now.format("%Y%m%d-%H%M%S"),
        std::process::id()
    );
    let mut file = OpenOptions::new()
        .create_new(true)
        .append(true)
        .mode(0o664)
        .open(dir.join(&name))?;
    write!(
        file,
        "Log file created at: {}\nRunning on machine: {host}\nLog line format: [IWEF]mmdd hh:mm:ss.uuuuuu threadid file:line] msg\n",
        now.format("%Y/%m/%d %H:%M:%S")
    )?;
    let link = dir.join(format!("{program}.{severity}"));
    let _ = std::fs::remove_file(&link);
    let _ = std::os::unix::fs::symlink(&name, &link);
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        Settings::from_environment(pairs.iter().map(|(n, v)| (n.into(), v.into())))
    }

    #[test]
    fn environment() {
        let plain = Settings {
            quiet: false,
            level: LevelFilter::Info,
            dir: None,
        };
        assert_eq!(settings(&[]), Ok(plain.clone()));
        assert!(settings(&[("MESOS_QUIET", "0"), ("MESOS_quiet", "1")]).expect("valid").quiet);
        let set = settings(&[
            ("MESOS_logging_level", "ERROR"),
            ("MESOS_log_dir", "/d"),
            ("MESOS_quiet", "true"),
        ]);
        let expected = Settings {
            quiet: true,
            level: LevelFilter::Error,
            dir: Some("/d".into()),
        };
        assert_eq!(set, Ok(expected));
        for (name, value) in [
            ("MESOS_logging_level", "info"),
            ("MESOS_logging_level", ""),
            ("MESOS_quiet", "maybe"),
        ] {
            let error = settings(&[(name, value)]).expect_err("invalid");
            assert!(error.contains(name) && error.contains(&format!("{value:?}")), "{error}");
        }
    }

    #[test]
    fn texts_from_elsewhere_are_escaped_and_bounded() {
        for (text, safe) in [
            (
                "plain text, \u{e9}\u{4e2d}\u{1f600} \\ \"q\"",
                "plain text, \u{e9}\u{4e2d}\u{1f600} \\ \"q\"",
            ),
            ("a\r\nE0101 b\tc\0", "a\\r\\nE0101 b\\tc\\u{0}"),
            ("\u{1b}[2J\u{7f}\u{9b}2J\u{85}", "\\u{1b}[2J\\u{7f}\\u{9b}2J\\u{85}"),
            ("\u{202e}x\u{2028}y\u{2066}\u{feff}", "\\u{202e}x\\u{2028}y\\u{2066}\\u{feff}"),
        ] {
            assert_eq!(shown(text), safe);
            assert_eq!(shown(safe), safe, "twice is once");
        }
        for long in [
            "x".repeat(5000),
            "\u{4e2d}".repeat(5000),
            "\n".repeat(5000),
            "\u{1b}".repeat(5000),
        ] {
            let cut = shown(&long);
            assert!(cut.len() <= SHOWN + 40, "{}", cut.len());
            assert!(cut.ends_with(&format!("... (of {} bytes)", long.len())), "{cut}");
            assert!(bounded(&cut, ERROR) == cut);
        }
        let whole = "x".repeat(SHOWN);
        assert_eq!(shown(&whole), whole);
    }

    #[test]
    fn a_line_is_one_line() {
        let record = |text: &str| {
            line(
                &Record::builder().args(format_args!("{text}")).level(Level::Error).build(),
                &Local::now(),
            )
        };
        let text = record("status\nI0101 00:00:00.000000 1 forged.rs:1] \u{1b}[31m");
        assert!(
            text.ends_with("] status\\nI0101 00:00:00.000000 1 forged.rs:1] \\u{1b}[31m\n"),
            "{text}"
        );
        assert_eq!(text.matches('\n').count(), 1);
        assert!(record(&"x".repeat(1 << 20)).len() < LINE + 200);
    }

    #[test]
    fn format_is_glogs() {
        let now = Local::now();
        let record = Record::builder()
            .args(format_args!("hello"))
            .level(Level::Warn)
            .file(Some("src/a/b.rs"))
            .line(Some(7))
            .build();
        let line = line(&record, &now);
        assert!(line.starts_with(&now.format("W%m%d %H:%M:%S.").to_string()), "{line}");
        assert!(line.ends_with(" b.rs:7] hello\n"), "{line}");
    }
}
