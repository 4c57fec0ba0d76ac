//! Everything that people read goes through here to stderr: lines, the progress bar and the log,
//! which would otherwise write over each other.

use super::args::Verbosity;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal, Write};
use std::time::Duration;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The way to stderr; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Screen {
    bars: MultiProgress,
    quiet: bool,
    terminal: bool,
}

impl Screen {
    pub(super) fn new(quiet: bool) -> Self {
        let terminal = io::stderr().is_terminal();
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        Self { bars, quiet, terminal }
    }

    /// A line for people, unless they want none.
    pub(super) fn line(&self, text: &str) {
        if !self.quiet {
            self.always(text);
        }
    }

    /// A line that nobody can turn off: errors, and the answer to a signal.
    pub(super) fn always(&self, text: &str) {
        self.bars.suspend(|| {
            // Nobody is left to be told that stderr is closed.
            let _ = writeln!(io::stderr(), "{text}");
        });
    }

    /// Whether progress is drawn as a bar rather than told in lines.
    pub(super) fn draws(&self) -> bool {
        self.terminal && !self.quiet
    }

    /// A bar of `length` steps, or one that only counts.
    pub(super) fn bar(&self, length: Option<u64>) -> ProgressBar {
        let bar = self.bars.add(match length {
            Some(length) => ProgressBar::new(length),
            None => ProgressBar::no_length(),
        });
        let template = if length.is_some() { "{bar:24} {msg}" } else { "{spinner} {msg}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        bar
    }

    /// Sends the log here, from the level that `verbosity` wants.
    pub(super) fn log(&self, verbosity: Verbosity) {
        let level = match (verbosity.quiet, verbosity.verbose) {
            (true, _) => LevelFilter::ERROR,
            (_, 0) => LevelFilter::WARN,
            (_, 1) => LevelFilter::INFO,
            (_, 2) => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        };
        // Fails only if a log is set up already, which is as good.
        let _ = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(self.terminal)
            .with_target(false)
            .without_time()
            .with_writer(self.clone())
            .try_init();
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bars.suspend(|| io::stderr().write_all(bytes)).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for Screen {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
