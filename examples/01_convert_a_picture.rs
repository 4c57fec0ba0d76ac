//! Reads any picture (turned, in wide or print colours, transparent) and writes it upright in sRGB.
//!
//!     cargo run --example 01_convert_a_picture -- photo.jpg upright.png

use std::path::PathBuf;
use stylecast::error::{Error, Result};
use stylecast::sink::place::Existing;
use stylecast::sink::still::write_picture;
use stylecast::source::still::read_picture;

fn main() -> Result<()> {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [input, output] = files.as_slice() else {
        return Err(Error::usage("two files are needed: the picture to read and the one to write"));
    };
    let frame = read_picture(input)?;
    eprintln!("{}: {} pixels", input.display(), frame.size());
    write_picture(output, &frame, Existing::Refuse, &[input])
}
