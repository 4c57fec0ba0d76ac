//! How did every pixel move from one picture to the next, and back?
//!
//!     cargo run --release --example 06_follow_motion -- before.png after.png backward.flo forward.flo
//!
//! A number behind the files repeats the estimate that often and prints the milliseconds of each time;
//! another one chooses the finest level that is looked at: 0 the picture itself, 1 half its size.
#![expect(clippy::print_stdout, reason = "the numbers are what it is for")]

use std::path::PathBuf;
use std::time::Instant;
use stylecast::error::{Error, Result};
use stylecast::flow::{DenseFlow, Pyramid, write_flow};
use stylecast::pixels::Pixels;
use stylecast::source::still::read_picture;

fn main() -> Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [before, after, backward, forward, numbers @ ..] = arguments.as_slice() else {
        return Err(Error::usage("two pictures are needed and the names of two flows"));
    };
    let number = |i: usize| numbers.get(i).and_then(|number| number.to_str()?.parse().ok()).unwrap_or(0);
    let (repeats, finest_scale) = (number(0), number(1));
    let [before, after] = [before, after].map(|path| read_picture(path));
    let [before, after] = [Pixels::from_frame(&before?), Pixels::from_frame(&after?)];
    if before.size() != after.size() {
        return Err(Error::usage("both pictures must have one size"));
    }

    let settings = DenseFlow { finest_scale, ..DenseFlow::default() };
    let follow = || settings.between(&Pyramid::new(&before), &Pyramid::new(&after));
    let motion = follow();
    for _ in 0..repeats {
        let start = Instant::now();
        follow();
        println!("{:.3}", 1e3 * start.elapsed().as_secs_f64());
    }
    write_flow(backward, &motion.backward)?;
    write_flow(forward, &motion.forward)
}
