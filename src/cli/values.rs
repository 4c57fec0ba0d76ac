//! Values as they are typed, checked where they are read: an impossible number is refused before
//! anything is opened, with a sentence that says what would be possible.

use crate::device::DeviceChoice;
use crate::error::Error;
use crate::frame::Size;
use crate::kernels::cuda::Convolutions;
use crate::time::{TimeBase, Timestamp};
use crate::vgg::Layer;
use std::fmt;
use std::str::FromStr;

/// What clap prints behind "invalid value": the sentence, then the next step on a line of its own.
fn told(error: &Error) -> String {
    match error.next_step() {
        Some(hint) => format!("{error}\n  hint: {hint}"),
        None => error.to_string(),
    }
}

/// Reads anything the library can read from text.
pub(super) fn parsed<T: FromStr<Err = Error>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error| told(&error))
}

/// A number from 0 up.
pub(super) fn weight(text: &str) -> Result<f64, String> {
    number(text)
        .filter(|value| *value >= 0.0)
        .ok_or_else(|| "weights are numbers from 0 up\n  hint: write for example 2 or 0.5".into())
}

/// A number above 0.
pub(super) fn positive(text: &str) -> Result<f64, String> {
    number(text)
        .filter(|value| *value > 0.0)
        .ok_or_else(|| "this must be a number above 0\n  hint: write for example 0.02".into())
}

/// Frames a second.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    number(text)
        .filter(|value| (0.1..=240.0).contains(value))
        .ok_or_else(|| "a frame rate is a number from 0.1 to 240\n  hint: write for example 25".into())
}

/// A number from 0 to 1.
pub(super) fn share(text: &str) -> Result<f64, String> {
    number(text)
        .filter(|value| (0.0..=1.0).contains(value))
        .ok_or_else(|| "this must be a number from 0 to 1\n  hint: write for example 0.7".into())
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|value: &f64| value.is_finite())
}

/// Pixels on the longest side.
pub(super) fn side(text: &str) -> Result<usize, String> {
    const LARGEST: usize = 32_768;
    text.trim().parse().ok().filter(|n| (1..=LARGEST).contains(n)).ok_or_else(|| {
        format!("a size is the longest side in pixels, from 1 to {LARGEST}\n  hint: write for example 512")
    })
}

/// How many, at least 1.
pub(super) fn count(text: &str) -> Result<usize, String> {
    const MOST: usize = 1024;
    text.trim().parse().ok().filter(|n| (1..=MOST).contains(n)).ok_or_else(|| {
        format!("this must be a whole number from 1 to {MOST}\n  hint: leave it away to use all cores")
    })
}

/// Pixels to each side of an edge, 0 included.
pub(super) fn feather(text: &str) -> Result<usize, String> {
    const MOST: usize = 1024;
    text.trim().parse().ok().filter(|n| *n <= MOST).ok_or_else(|| {
        format!("a feather is a whole number of pixels from 0 to {MOST}\n  hint: write for example 8")
    })
}

/// How often, 0 included.
pub(super) fn iterations(text: &str) -> Result<usize, String> {
    const MOST: usize = 1_000_000;
    text.trim().parse().ok().filter(|n| *n <= MOST).ok_or_else(|| {
        format!("iterations are a whole number from 0 to {MOST}\n  hint: 0 passes frames through unpainted")
    })
}

/// `WIDTHxHEIGHT`.
pub(super) fn size(text: &str) -> Result<Size, String> {
    parsed(text)
}

/// `auto`, `cpu`, `cuda`, `cuda:N`.
pub(super) fn device(text: &str) -> Result<DeviceChoice, String> {
    parsed(text)
}

/// A way to convolve; `None` for `auto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way(pub(super) Option<Convolutions>);

pub(super) fn way(text: &str) -> Result<Way, String> {
    match text {
        "auto" => Ok(Way(None)),
        _ => parsed(text).map(|way| Way(Some(way))).map_err(|told| told.replace("of: ", "of: auto ")),
    }
}

/// Layers and their weights: `conv1_1=1,conv2_1=0.5`; a name alone weighs 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layers(pub(super) Vec<(Layer, f64)>);

impl fmt::Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [(layer, 1.0)] = self.0.as_slice() {
            return layer.fmt(f);
        }
        let layers: Vec<_> = self.0.iter().map(|(layer, weight)| format!("{layer}={weight}")).collect();
        f.write_str(&layers.join(","))
    }
}

pub(super) fn layers(text: &str) -> Result<Layers, String> {
    text.split(',')
        .map(|part| {
            let (layer, value) = part.split_once('=').unwrap_or((part, "1"));
            let layer = parsed::<Layer>(layer.trim())?;
            let value = weight(value).map_err(|why| format!("the weight of {layer} is '{value}': {why}"))?;
            Ok((layer, value))
        })
        .collect::<Result<_, _>>()
        .map(Layers)
}

/// Ticks of a microsecond.
const MICROSECONDS: TimeBase = TimeBase { num: 1, den: 1_000_000 };

/// Seconds (`12.5`) or `[HH:]MM:SS[.m]`, from 0 up, exact to a microsecond.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    let wrong =
        || format!("'{text}' is not a time\n  hint: write seconds (12.5) or [HH:]MM:SS[.m] (1:02:03.5)");
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = text.trim().split(':').collect();
    let (last, before) = parts.split_last().ok_or_else(wrong)?;
    if before.len() > 2 || before.iter().any(|part| part.is_empty()) {
        return Err(wrong());
    }
    let mut whole = 0u64;
    for (i, part) in before.iter().enumerate() {
        let value = Some(*part).filter(|part| digits(part)).and_then(|part| part.parse::<u64>().ok());
        // The first field may be any number ("90:00"), later ones are minutes of an hour.
        let value = value.filter(|&value| i == 0 || value < 60).ok_or_else(wrong)?;
        whole = whole.checked_mul(60).and_then(|sum| sum.checked_add(value)).ok_or_else(wrong)?;
    }
    let (seconds, fraction) = last.split_once('.').unwrap_or((last, "0"));
    if seconds.is_empty() || fraction.is_empty() || !digits(seconds) || !digits(fraction) {
        return Err(wrong());
    }
    let seconds: u64 = seconds.parse().ok().filter(|&s| before.is_empty() || s < 60).ok_or_else(wrong)?;
    let micros: i64 = format!("{fraction:0<6}")[..6].parse().map_err(|_| wrong())?;
    let ticks = whole.checked_mul(60).and_then(|sum| sum.checked_add(seconds));
    ticks
        .and_then(|seconds| i64::try_from(seconds).ok()?.checked_mul(1_000_000)?.checked_add(micros))
        .map(|ticks| Timestamp::new(ticks, MICROSECONDS))
        .ok_or_else(wrong)
}

/// As [`moment`], but longer than nothing.
pub(super) fn span(text: &str) -> Result<Timestamp, String> {
    let span = moment(text)?;
    if span.ticks == 0 {
        return Err("a duration of 0 leaves nothing to paint\n  hint: write for example 2.5".into());
    }
    Ok(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_exactly() {
        for (text, micros) in [
            ("0", 0),
            ("12.5", 12_500_000),
            ("90", 90_000_000),
            ("0.1", 100_000),
            ("0.0000019", 1),
            ("1:30", 90_000_000),
            ("90:00", 5_400_000_000),
            ("01:02:03.25", 3_723_250_000),
        ] {
            assert_eq!(moment(text).unwrap(), Timestamp::new(micros, MICROSECONDS), "{text}");
        }
        for bad in [
            "",
            "-1",
            "1.",
            ".5",
            "1:60",
            "1:61:00",
            ":30",
            "1::2",
            "1:2:3:4",
            "nan",
            "inf",
            "1e3",
            "+5",
            "1:-5",
            "99999999999999999999",
            "9999999999999999",
        ] {
            assert!(moment(bad).is_err(), "{bad}");
        }
        assert!(span("0").is_err() && span("0:00.0").is_err() && span("0.04").is_ok());
    }

    #[test]
    fn numbers_that_cannot_be_meant_are_refused() {
        for bad in ["-1", "nan", "NaN", "inf", "-inf", "1e999", "", "x", "1,5"] {
            assert!(weight(bad).is_err() && positive(bad).is_err(), "{bad}");
        }
        assert!(weight("0").is_ok() && positive("0").is_err());
        for bad in ["0", "-1", "1.5", "", "99999999999999999999"] {
            assert!(side(bad).is_err() && count(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn layers_read_what_they_print() {
        let several = layers("conv1_1=1,conv2_1=0.5,conv5_1").unwrap();
        assert_eq!(several.to_string(), "conv1_1=1,conv2_1=0.5,conv5_1=1");
        assert_eq!(layers("conv4_2").unwrap().to_string(), "conv4_2");
        for list in ["conv4_2", "conv4_2=2", "conv3_2=1,conv4_2=2"] {
            assert_eq!(layers(list).unwrap().to_string(), list);
        }
        for bad in ["", "conv1_1=", "conv1_1=-1", "conv1_1=nan", "conv9_1=1", "conv1_1=1,", "=1"] {
            assert!(layers(bad).is_err(), "{bad}");
        }
    }
}
