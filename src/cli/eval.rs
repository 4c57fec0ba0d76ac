//! `stylecast eval`: how well a film was painted and how steady it is, whoever painted it.

use super::args::{EvalArgs, GateArgs};
use super::eval_table as table;
use super::exit::Exit;
use super::forecast::Pace;
use super::media::{self, Part};
use super::painter::{self, Place};
use super::report::{self, EvalReport, Object, Reporter};
use super::screen::Screen;
use super::{interrupt, progress, settings, styles};
use crate::error::{Error, Result};
use crate::eval::{
    Curves, FlowFolder, GateKind, Gates, Heading, Judge, LossJudge, MotionSource, Pairs, plot,
};
use crate::numbered::NumberedPath;
use crate::pipeline::{StopToken, Wish};
use crate::resize::resize_frame;
use crate::sink::Ending;
use crate::vgg::Model;
use indicatif::ProgressBar;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Plain lines of progress come at most this often.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Below so many frames a slope says little.
const FEW_FOR_A_SLOPE: u64 = 100;

pub(super) fn run(args: &EvalArgs, screen: &Screen, every_frame: bool) -> Result<Exit> {
    let begun = Instant::now();
    // What was typed.
    if args.last.is_some_and(|last| last < args.first) {
        return Err(Error::usage("--last comes before --first").hint("frames are counted from 0"));
    }
    let style_files = match args.style.as_slice() {
        [] => Vec::new(),
        values => styles::one_blend(values)?,
    };
    let model = args.model.model.or(args.model.weights.is_none().then_some(Model::Vgg16));
    let objective = settings::objective(&args.objective, model)?;
    let read: Vec<&Path> = style_files.iter().map(|file| file.path.as_path()).collect();
    let inputs = [read.as_slice(), &[args.source.as_path(), args.painted.as_path()]].concat();
    if let Some(path) = &args.plot {
        media::check_picture_output(path, args.overwrite, &inputs)?;
    }
    let gates = gates(&args.gates);

    // What is read.
    let source = media::open_film(&args.source, Part::default())?.source;
    let painted = media::open_film(&args.painted, Part::default())?.source;
    let (source_size, frame_rate) = (source.info().size, source.info().frame_rate);
    let mut pairs = Pairs::new(source, painted, args.size);
    let size = pairs.size();
    let mut notes = Vec::new();
    if source_size != size {
        notes.push(format!("the source is {source_size} and is compared at {size}"));
    }
    let motion = match &args.flow {
        Some(folder) => MotionSource::Files(FlowFolder::open(folder)?),
        None => MotionSource::Estimated,
    };

    // Who judges.
    let losses = match style_files.as_slice() {
        [] => None,
        files => {
            let place = Place::new(&args.device, args.threads);
            let (network, _) = painter::network(&painter::weights(&args.model)?, objective.pooling, place)?;
            let mut styles = painter::read_blend(files)?;
            if let Some(longest) = args.style_size {
                for (style, _) in &mut styles {
                    *style = resize_frame(style, style.size().with_longest_side(longest));
                }
            }
            Some(LossJudge::new(network, objective, &styles)?)
        }
    };
    let mut judge = Judge::new(motion, losses, args.losses_every, args.first);

    // The run.
    let reporter = Reporter::new(args.json.json);
    let stop = StopToken::new();
    interrupt::listen(&stop, screen, "stopping: what was judged so far is told");
    let expected = pairs.expected().map(|frames| args.last.map_or(frames, |last| frames.min(last + 1)));
    let mut progress = Progress::new(screen, expected);
    let mut curves = Curves::default();
    let goes_on = || stop.wish() == Wish::Continue;
    let ending = loop {
        if !goes_on() {
            break Ending::Interrupted;
        }
        let Some(pair) = pairs.next_pair()? else { break Ending::Complete };
        if args.last.is_some_and(|last| pair.index > last) {
            break Ending::Complete;
        }
        if let Some(frame) = judge.see(&pair)? {
            if args.plot.is_some() {
                curves.see(&frame);
            }
            if every_frame && !reporter.is_on() {
                progress.hidden(|| print(&table::line(&frame)));
            }
            reporter.tell(&Object::EvalFrame(frame));
        }
        progress.step();
    };
    if ending == Ending::Complete && args.last.is_none() {
        pairs.count_the_rest(goes_on)?;
    }
    drop(progress);

    // What came of it.
    if ending == Ending::Complete && judge.verdict().frames == 0 {
        return Err(Error::input(format!("there is no frame {} in both films", args.first))
            .hint("frames are counted from 0; choose an earlier --first"));
    }
    notes.extend(pairs.take_notes());
    let verdict = judge.verdict();
    let no_clock = [&args.source, &args.painted].into_iter().any(|path| NumberedPath::is_pattern(path));
    let report = EvalReport {
        ending: report::ending(ending),
        source: args.source.clone(),
        painted: args.painted.clone(),
        width: size.width,
        height: size.height,
        flow: args.flow.clone(),
        source_frames: pairs.lengths().source,
        painted_frames: pairs.lengths().painted,
        frames_agree: pairs.lengths().agree(),
        times: if no_clock { None } else { pairs.times() },
        verdict,
        gates: gates.check(&verdict),
        seconds: begun.elapsed().as_secs_f64(),
        notes,
    };
    tell(&report, screen, &reporter, every_frame);
    if let Some(path) = &args.plot
        && !curves.is_empty()
    {
        let heading = Heading {
            title: format!("{} judged against {}", media::name(&args.painted), media::name(&args.source)),
            subtitle: table::how(&report),
            frames_per_second: frame_rate.fps(),
        };
        let picture = plot(&curves, &verdict.means, &heading)?;
        media::write_picture(path, &picture, args.overwrite, &inputs)?;
        screen.line(&format!("stylecast: {}: the curves of {} frames", path.display(), verdict.frames));
    }
    Ok(exit(&report, ending, screen))
}

/// The limits that were asked for.
fn gates(args: &GateArgs) -> Gates {
    let limits = [
        (GateKind::MaxWarpError, args.max_warp_error),
        (GateKind::MaxLongWarpError, args.max_long_warp_error),
        (GateKind::MaxDrift, args.max_drift),
        (GateKind::MaxObjective, args.max_objective),
        (GateKind::MinContrast, args.min_contrast),
    ];
    Gates(limits.into_iter().filter_map(|(gate, limit)| Some((gate, limit?))).collect())
}

/// The whole, for people or for programs, and on stderr what should not be overlooked.
fn tell(report: &EvalReport, screen: &Screen, reporter: &Reporter, after_lines: bool) {
    for note in &report.notes {
        screen.line(&format!("stylecast: note: {note}"));
    }
    if let (Some(source), Some(painted), Some(false)) =
        (report.source_frames, report.painted_frames, report.frames_agree)
    {
        screen.line(&format!(
            "stylecast: note: the source has {source} frames and the painted film {painted}; \
             the first {} are compared",
            source.min(painted)
        ));
    }
    if let Some(times) = report.times.filter(|times| !times.agree) {
        screen.line(&format!(
            "stylecast: note: the films' times differ, by up to {:.4} s at frame {}",
            times.largest_difference_seconds, times.at_frame
        ));
    }
    let frames = report.verdict.frames;
    if report.gates.iter().any(|gate| gate.gate == GateKind::MaxDrift) && frames < FEW_FOR_A_SLOPE {
        screen.line(&format!(
            "stylecast: note: {frames} frames are few for a slope; judge drift on a long film of a still scene"
        ));
    }
    if reporter.is_on() {
        reporter.tell(&Object::Eval(Box::new(report.clone())));
    } else {
        let gap = if after_lines && frames > 0 { "\n" } else { "" };
        print(&format!("{gap}{}", table::table(report)));
    }
}

fn exit(report: &EvalReport, ending: Ending, screen: &Screen) -> Exit {
    if ending == Ending::Interrupted {
        screen.line(&format!("stylecast: stopped after {} frames", report.verdict.frames));
        return Exit::Interrupted;
    }
    let missed: Vec<_> = report.gates.iter().filter(|gate| gate.missed).collect();
    for gate in &missed {
        screen.always(&format!("stylecast: {gate}"));
    }
    if missed.is_empty() { Exit::Done } else { Exit::GateMissed }
}

fn print(text: &str) {
    // A closed stdout has no reader left.
    let _ = write!(std::io::stdout(), "{text}");
}

/// Progress for people: a bar on a terminal, a plain line every few seconds elsewhere.
struct Progress<'a> {
    screen: &'a Screen,
    bar: Option<ProgressBar>,
    frames: Option<u64>,
    done: u64,
    pace: Pace,
    last_frame: Instant,
    last_line: Instant,
}

impl<'a> Progress<'a> {
    fn new(screen: &'a Screen, frames: Option<u64>) -> Self {
        let bar = screen.draws().then(|| screen.bar(frames));
        let now = Instant::now();
        Self { screen, bar, frames, done: 0, pace: Pace::default(), last_frame: now, last_line: now }
    }

    /// Counts a frame.
    fn step(&mut self) {
        let now = Instant::now();
        self.pace.push((now - self.last_frame).as_secs_f64());
        self.last_frame = now;
        self.done += 1;
        let pace = self.pace.seconds_per_frame();
        let left = self.frames.zip(pace).map(|(frames, pace)| pace * frames.saturating_sub(self.done) as f64);
        let status = progress::status(self.done, self.frames, pace, left, None);
        if let Some(bar) = &self.bar {
            bar.set_position(self.done);
            bar.set_message(status);
        } else if now - self.last_line >= LINE_EVERY {
            self.last_line = now;
            self.screen.line(&status);
        }
    }

    /// Does something to the terminal while the bar is away.
    fn hidden(&self, work: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(work),
            None => work(),
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
