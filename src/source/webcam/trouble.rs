//! What can be wrong with a camera, told apart by what a person has to do about it.

use crate::error::Error;

/// Why a camera does not send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// It is not there, or no longer.
    Gone,
    /// Another program uses it.
    Busy,
    /// This user may not use it.
    Denied,
    /// It has sent nothing for a while.
    Silent,
    /// It sends nothing that can be read: no mode in a known format.
    Unreadable,
    /// What the system said.
    Other(String),
}

impl Trouble {
    /// The cause as the end of a sentence.
    pub fn reason(&self) -> String {
        match self {
            Self::Gone => "it is not plugged in (any more)".into(),
            Self::Busy => "another program is using it".into(),
            Self::Denied => "permission denied".into(),
            Self::Silent => "it sends nothing".into(),
            Self::Unreadable => "it has no mode in a format that can be read".into(),
            Self::Other(cause) => cause.clone(),
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Gone => Some("plug it in; stylecast cameras lists what is there"),
            Self::Busy => Some("close the other program (fuser -v /dev/video* names it)"),
            Self::Denied => Some("sudo usermod -aG video $USER, then log out and in again"),
            Self::Silent => Some("unplug it, plug it in again and try once more"),
            Self::Unreadable => Some("stylecast cameras lists the modes of every camera"),
            Self::Other(_) => None,
        }
    }

    /// The failure to open the camera of this name.
    pub(super) fn error(&self, name: &str) -> Error {
        let error = Error::input(format!("cannot open the camera {name}: {}", self.reason()));
        match self.hint() {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

#[cfg(target_os = "linux")]
impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        use crate::v4l2::{EBUSY, ENODEV};
        // Whether a node has vanished or stands without its device: ENXIO.
        const ENXIO: i32 = 6;
        match (error.kind(), error.raw_os_error()) {
            (std::io::ErrorKind::NotFound, _) | (_, Some(ENODEV | ENXIO)) => Self::Gone,
            (std::io::ErrorKind::PermissionDenied, _) => Self::Denied,
            (_, Some(EBUSY)) => Self::Busy,
            (std::io::ErrorKind::TimedOut, _) => Self::Silent,
            _ => Self::Other(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_systems_numbers_are_told_apart_by_what_to_do() {
        use std::io::Error as IoError;
        for (number, trouble) in
            [(2, Trouble::Gone), (19, Trouble::Gone), (13, Trouble::Denied), (16, Trouble::Busy)]
        {
            assert_eq!(Trouble::from(IoError::from_raw_os_error(number)), trouble);
        }
        let other = Trouble::from(IoError::from_raw_os_error(5)).error("HD Webcam");
        assert!(other.to_string().starts_with("cannot open the camera HD Webcam: "));
        assert!(Trouble::Denied.error("x").next_step().unwrap().contains("video"));
    }
}
