//! The window of a live run and what keys do in it.

use super::artist::Picture;
use super::compose::{mirrored, split};
use super::desk::Desk;
use super::keys::{Action, TABLE, action};
use super::outlets::Outlets;
use super::statistics::Instruments;
use crate::cli::media;
use crate::error::{Error, Result};
use crate::frame::{Frame, Size};
use crate::sink::window::{Help, Hud, Message, Window};
use crate::stylize::KeepColor;
use std::borrow::Cow;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A picture that stands still is drawn again this often: messages fade, and windows get uncovered.
const REDRAWN: Duration = Duration::from_millis(100);

/// Screenshots of one folder.
const MOST_SCREENSHOTS: u32 = 9999;

/// A window, and what is to be seen in it.
pub(super) struct Pane {
    window: Window,
    picture: Option<Picture>,
    /// Where source and painting are divided, as a share of the width, if they are.
    divided: Option<f32>,
    shows_hud: bool,
    shows_help: bool,
    message: Option<(String, Instant)>,
    drawn: Option<Instant>,
    /// Where `r` records to, and the folder of everything else.
    record: PathBuf,
    folder: PathBuf,
}

impl Pane {
    /// Opens a window for pictures of `size`. Keys save into `folder`.
    pub(super) fn open(size: Size, record: Option<&Path>, folder: &Path) -> Result<Self> {
        if !folder.is_dir() {
            let shown = folder.display();
            return Err(Error::output(format!("cannot save into {shown}: there is no such folder"))
                .hint(format!("mkdir -p '{shown}'")));
        }
        Ok(Self {
            window: Window::open("stylecast", size)?,
            picture: None,
            divided: None,
            shows_hud: true,
            shows_help: false,
            message: None,
            drawn: None,
            record: record.map_or_else(|| folder.join("stylecast.mkv"), Path::to_owned),
            folder: folder.to_owned(),
        })
    }

    /// What is done, as the last thing, when the window is lost without having been closed. Returns the exit code.
    pub(super) fn when_lost(&self, farewell: impl FnOnce() -> u8 + Send + 'static) {
        self.window.when_lost(farewell);
    }

    /// Shows a sentence for a while.
    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.message = Some((text.into(), Instant::now()));
        self.drawn = None;
    }

    /// Does what the keys ask for. `Break`: to quit.
    pub(super) fn heed(&mut self, desk: &mut Desk, names: &[String], outlets: &Outlets) -> ControlFlow<()> {
        for press in self.window.poll() {
            let Some(action) = action(press) else { continue };
            self.drawn = None;
            if action == Action::Quit {
                return ControlFlow::Break(());
            }
            self.act(action, desk, names, outlets);
        }
        if let (Some(divided), Some((x, _))) = (&mut self.divided, self.window.pointer())
            && *divided != x
        {
            *divided = x;
            self.drawn = None;
        }
        ControlFlow::Continue(())
    }

    fn act(&mut self, action: Action, desk: &mut Desk, names: &[String], outlets: &Outlets) {
        let now = Instant::now();
        let named = |desk: &Desk| names.get(desk.look()).cloned().unwrap_or_default();
        match action {
            Action::Quit => {}
            Action::Freeze => desk.frozen = !desk.frozen,
            Action::Screenshot => match self.screenshot(desk.mirrored) {
                Ok(Some(path)) => self.say(format!("saved {}", path.display())),
                Ok(None) => self.say("nothing to save yet"),
                Err(error) => self.say(error.to_string()),
            },
            Action::Record if outlets.recording().is_some() => outlets.stop_recording(),
            Action::Record => match outlets.start_recording(&self.record) {
                Ok(path) => self.say(format!("recording {}", path.display())),
                Err(error) => self.say(error.to_string()),
            },
            Action::SaveClip => {
                if let Err(error) = outlets.save_last(&self.folder.join("clip.mkv")) {
                    self.say(error.to_string());
                }
            }
            Action::Style(look) => match desk.choose(look) {
                true => self.say(named(desk)),
                false => self.say(format!("there is no style {}: give more with --style", look + 1)),
            },
            Action::NextStyle | Action::PreviousStyle if names.len() < 2 => {
                self.say("there is only one style: give more with --style");
            }
            Action::NextStyle | Action::PreviousStyle => {
                desk.fade_by(if action == Action::NextStyle { 1 } else { -1 }, now);
                self.say(named(desk));
            }
            Action::WeakerStyle => desk.stronger_by(-1),
            Action::StrongerStyle => desk.stronger_by(1),
            Action::KeepColor => {
                desk.toggle_keep_color();
                self.say(match desk.keep_color() {
                    KeepColor::Off => "the style's colours",
                    KeepColor::Luminance => "the source's colours",
                    KeepColor::Match => "the style, matched to the source's colours",
                });
            }
            Action::LessSteady => desk.steadier_by(-1),
            Action::Steadier => desk.steadier_by(1),
            Action::Mirror => desk.mirrored = !desk.mirrored,
            Action::Split => self.divided = if self.divided.is_some() { None } else { Some(0.5) },
            Action::Help => self.shows_help = !self.shows_help,
            Action::Hud => self.shows_hud = !self.shows_hud,
        }
    }

    /// Shows a new picture, or the last one again where something over it has changed.
    pub(super) fn show(
        &mut self,
        picture: Option<Picture>,
        desk: &Desk,
        instruments: &Instruments,
        outlets: &Outlets,
    ) -> Result<()> {
        let is_new = picture.is_some();
        self.picture = picture.or(self.picture.take());
        let is_old = self.drawn.is_none_or(|drawn| drawn.elapsed() > REDRAWN) || self.window.is_stale();
        let Some(picture) = self.picture.as_ref().filter(|_| is_new || is_old) else { return Ok(()) };
        self.message.take_if(|(_, said)| said.elapsed() > Message::LASTS);
        let message =
            self.message.as_ref().map(|(text, said)| Message { text: text.clone(), age: said.elapsed() });
        let recording = outlets.recording().map(|seconds| Duration::from_secs_f64(seconds.max(0.0)));
        let hud = match self.shows_hud {
            false => Hud { recording, frozen: desk.frozen, message, ..Hud::default() },
            true => Hud {
                style: instruments.style.clone(),
                strength: Some(desk.strength().value()),
                steadiness: Some(desk.steadiness()),
                colors: (desk.keep_color() != KeepColor::Off).then(|| desk.keep_color().to_string()),
                fps: instruments.fps,
                latency_ms: instruments.latency_ms,
                iterations: Some(picture.report.iterations),
                painted: Some(picture.paint_size),
                dropped: Some(instruments.dropped),
                recording,
                frozen: desk.frozen,
                message,
            },
        };
        let help = self.shows_help.then_some(Help { title: "stylecast", keys: &TABLE });
        self.window.show(&shown(picture, self.divided, desk.mirrored), |frame| {
            hud.draw(frame);
            help.iter().for_each(|help| help.draw(frame));
        })?;
        self.drawn = Some(Instant::now());
        Ok(())
    }

    /// Writes what is shown, without anything over it, under the next free name.
    fn screenshot(&self, is_mirrored: bool) -> Result<Option<PathBuf>> {
        let Some(picture) = &self.picture else { return Ok(None) };
        let names = (1..=MOST_SCREENSHOTS).map(|n| self.folder.join(format!("stylecast-{n:04}.png")));
        let path = { names }.find(|path| path.symlink_metadata().is_err());
        let path = path.ok_or_else(|| {
            Error::output(format!("{} has {MOST_SCREENSHOTS} screenshots already", self.folder.display()))
        })?;
        media::write_picture(&path, &shown(picture, self.divided, is_mirrored), false, &[])?;
        Ok(Some(path))
    }
}

/// The painting, or source and painting divided, as it stands in the window.
fn shown(picture: &Picture, divided: Option<f32>, is_mirrored: bool) -> Cow<'_, Frame> {
    let turned = |frame| if is_mirrored { Cow::Owned(mirrored(frame)) } else { Cow::Borrowed(frame) };
    let painted = turned(&*picture.painted);
    match divided {
        Some(at) => Cow::Owned(split(&turned(&picture.source), &painted, at)),
        None => painted,
    }
}
