//! Frames from anywhere, painted, and handed to anything: a source and a sink of one's own.
//!
//!     cargo run --release --example 05_bring_your_own_source_and_sink
#![expect(clippy::print_stdout, reason = "the sink of this example is the terminal")]

use stylecast::device::Device;
use stylecast::error::Result;
use stylecast::frame::{Frame, FrameIndex, Size};
use stylecast::models::WeightFile;
use stylecast::pipeline::{StopToken, run_lossless};
use stylecast::sink::{Ending, Finished, FrameSink};
use stylecast::source::{FrameSource, SourceInfo, TimedFrame};
use stylecast::stylize::{PaintSettings, Painter};
use stylecast::time::{FrameRate, Timestamp};
use stylecast::vgg::{CpuSettings, Network, Pooling};

/// Three frames of a ball that rolls to the right.
struct Ball(SourceInfo, u64);

impl FrameSource for Ball {
    fn info(&self) -> &SourceInfo {
        &self.0
    }

    fn next_frame(&mut self) -> Result<Option<TimedFrame>> {
        let t = self.1;
        self.1 += 1;
        let inside = |x: usize, y: usize| (x as f32 - 16.0 - 8.0 * t as f32).hypot(y as f32 - 24.0) < 12.0;
        let frame =
            Frame::from_fn(self.0.size, |x, y| if inside(x, y) { [220, 60, 30] } else { [90, 140, 200] });
        let timestamp = Timestamp::new(t as i64, self.0.time_base);
        Ok((t < 3).then_some(TimedFrame { index: FrameIndex(t), timestamp, duration_ticks: Some(1), frame }))
    }
}

/// Prints a row of each frame in the terminal's own colours.
struct Terminal(u64);

impl FrameSink for Terminal {
    fn write(&mut self, TimedFrame { frame, .. }: TimedFrame) -> Result<()> {
        for x in 0..frame.size().width {
            let [r, g, b] = frame.pixel(x, frame.size().height / 2);
            print!("\x1b[48;2;{r};{g};{b}m ");
        }
        println!("\x1b[0m");
        self.0 += 1;
        Ok(())
    }

    fn finish(self: Box<Self>, _ending: Ending) -> Result<Finished> {
        Ok(Finished { frames: self.0, ..Finished::default() })
    }
}

fn main() -> Result<()> {
    let rate = FrameRate::new(25, 1);
    let (size, time_base) = (Size::new(64, 48), rate.time_base());
    let ball = Ball(SourceInfo { size, frame_rate: rate, time_base, frames: Some(3) }, 0);

    let stripes =
        Frame::from_fn(
            Size::new(96, 96),
            |x, y| if (x + y) / 6 % 2 == 0 { [20, 30, 120] } else { [240, 200, 60] },
        );
    let weights = WeightFile::load(None, None)?.parse()?;
    let network = Network::new(&weights, Pooling::Average, &Device::Cpu, CpuSettings::default())?;
    let settings = PaintSettings { first_iterations: 20, ..PaintSettings::default() };
    let mut painter = Painter::new(network, settings, vec![(stripes, 1.0)])?;

    let paint = |timed: TimedFrame| painter.paint(&timed.frame);
    run_lossless(
        Box::new(ball),
        |timed| timed,
        paint,
        Box::new(Terminal(0)),
        &mut |_| (),
        &StopToken::new(),
    )?;
    Ok(())
}
