//! One stage of a pipeline on its thread: how its failure is caught, and which of several failures is told.

use crate::error::{Error, ErrorKind, Result};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Instant;

/// An error and when it happened, to tell causes from consequences.
pub(super) struct Failure {
    at: Instant,
    error: Error,
}

impl Failure {
    pub(super) fn new(error: Error) -> Self {
        Self { at: Instant::now(), error }
    }

    pub(super) fn panic(stage: &str, panic: &(dyn Any + Send)) -> Self {
        let message = (panic.downcast_ref::<&str>().copied())
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        Self::new(
            Error::model(format!("{stage} broke down unexpectedly: {message}"))
                .hint("this is a bug in stylecast; please report it together with the command line"),
        )
    }
}

/// Runs one stage and turns its error or panic into a [`Failure`].
pub(super) fn guard<T>(stage: &str, work: impl FnOnce() -> Result<T>) -> Result<T, Failure> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(Failure::new),
        Err(panic) => Err(Failure::panic(stage, &*panic)),
    }
}

/// The earliest failure, symptoms last.
pub(super) fn root_cause(failures: impl Iterator<Item = Failure>) -> Error {
    failures
        .min_by_key(|failure| (failure.error.kind() == ErrorKind::Disconnected, failure.at))
        .map_or_else(|| disconnected("the pipeline ended without a result"), |failure| failure.error)
}

pub(super) fn disconnected(message: &str) -> Error {
    Error::new(ErrorKind::Disconnected, message)
}

pub(super) fn named(name: &str) -> thread::Builder {
    thread::Builder::new().name(name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_outranks_its_symptoms_and_the_earlier_cause_the_later() {
        let symptom = Failure::new(disconnected("symptom"));
        let first = Failure::new(Error::output("disk full"));
        let second = Failure::new(Error::input("damaged"));
        let error = root_cause([second, symptom, first].into_iter());
        assert_eq!(error.to_string(), "disk full");
        assert_eq!(root_cause(std::iter::once(Failure::new(disconnected("alone")))).to_string(), "alone");
    }
}
