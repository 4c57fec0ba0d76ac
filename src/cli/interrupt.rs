//! Ctrl-C: the first ends a run in good order, the second ends it at once.

use super::exit::Exit;
use super::screen::Screen;
use crate::pipeline::{StopToken, Wish};
use std::time::{Duration, Instant};

/// How long the second Ctrl-C waits for unfinished files to be removed.
const GRACE: Duration = Duration::from_millis(700);

/// A second signal this soon is the first one told twice, as wrappers do that signal a process and its
/// group (`timeout -s INT`): nobody presses Ctrl-C this fast.
const ECHO: Duration = Duration::from_millis(150);

/// Has signals (Ctrl-C, and the polite ones of `kill` and of a closed terminal) stop `token`.
///
/// `promise` is what the first one answers.
pub(super) fn listen(token: &StopToken, screen: &Screen, promise: &'static str) {
    let (token, screen) = (token.clone(), screen.clone());
    let mut last: Option<Instant> = None;
    let handler = move || {
        if last.replace(Instant::now()).is_some_and(|last| last.elapsed() < ECHO) {
            return;
        }
        heed(&token, &screen, promise);
    };
    if let Err(cause) = ctrlc::set_handler(handler) {
        tracing::warn!("Ctrl-C will end stylecast without completing the output: {cause}");
    }
}

/// Does what a signal asks for.
fn heed(token: &StopToken, screen: &Screen, promise: &str) {
    match token.stop() {
        Wish::Continue | Wish::Finish => {
            screen.always(&format!("stylecast: {promise}; press Ctrl-C again to stop at once"));
        }
        Wish::Abandon => {
            std::thread::sleep(GRACE);
            // The run has not come back by itself: a stage is busy with something long.
            std::process::exit(Exit::Interrupted as i32);
        }
    }
}
