//! How did every pixel move from one picture to the next, and back?
//!
//!     cargo run --release --example 06_follow_motion -- before.png after.png backward.flo forward.flo
//!
//! A number behind the files repeats the estimate that often and prints the milliseconds of each time.
#![expect(clippy::print_stdout, reason = "the numbers are what it is for")]

use std::path::PathBuf;
use std::time::Instant;
use stylecast::error::{Error, Result};
use stylecast::flow::{DenseFlow, Pyramid, write_flow};
use stylecast::pixels::Pixels;
use stylecast::source::still::read_picture;

fn main() -> Result<()> {
    let mut files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let repeats: Option<usize> = files.get(4).and_then(|number| number.to_str()?.parse().ok());
    files.truncate(4);
    let [before, after, backward, forward] = files.as_slice() else {
        return Err(Error::usage("two pictures are needed and the names of two flows"));
    };
    let [before, after] = [before, after].map(|path| read_picture(path));
    let [before, after] = [Pixels::from_frame(&before?), Pixels::from_frame(&after?)];
    if before.size() != after.size() {
        return Err(Error::usage("both pictures must have one size"));
    }

    let follow = || DenseFlow::default().between(&Pyramid::new(&before), &Pyramid::new(&after));
    let motion = follow();
    for _ in 0..repeats.unwrap_or(0) {
        let start = Instant::now();
        follow();
        println!("{:.3}", 1e3 * start.elapsed().as_secs_f64());
    }
    write_flow(backward, &motion.backward)?;
    write_flow(forward, &motion.forward)
}
