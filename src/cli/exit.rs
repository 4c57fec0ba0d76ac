//! Exit codes, and how a failure is told on the way out.

use crate::error::{Error, ErrorKind};
use std::process::ExitCode;

/// What the process ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Everything was done.
    Done = 0,
    /// An eval gate was missed.
    GateMissed = 1,
    /// The command was used wrongly.
    Usage = 2,
    /// Something could not be read.
    Input = 3,
    /// Something could not be written.
    Output = 4,
    /// The network's weights or the device.
    Model = 5,
    /// Stopped by a signal; what was painted is kept.
    Interrupted = 130,
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Usage => Self::Usage,
            ErrorKind::Input => Self::Input,
            ErrorKind::Output => Self::Output,
            ErrorKind::Model | ErrorKind::Memory | ErrorKind::Disconnected => Self::Model,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The whole chain of causes on one line and the next step on another.
pub(crate) fn sentence(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let message = error.to_string();
        // Wrappers often repeat what they wrap.
        if !text.ends_with(&message) {
            text = format!("{text}: {message}");
        }
        cause = error.source();
    }
    match error.next_step() {
        Some(hint) => format!("stylecast: {text}\nhint: {hint}"),
        None => format!("stylecast: {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_library() {
        for kind in [
            ErrorKind::Usage,
            ErrorKind::Input,
            ErrorKind::Output,
            ErrorKind::Model,
            ErrorKind::Memory,
            ErrorKind::Disconnected,
        ] {
            assert_eq!(Exit::from(kind) as u8, kind.exit_code());
        }
    }

    #[test]
    fn the_whole_chain_is_told_and_the_hint_stands_alone() {
        let inner = Error::output("cannot write").caused_by(std::io::Error::other("no space left"));
        let error = Error::output("the film is lost").caused_by(inner).hint("make room");
        assert_eq!(
            sentence(&error),
            "stylecast: the film is lost: cannot write: no space left\nhint: make room"
        );
    }
}
