//! What a camera's thread does: opens it, takes what it sends, and when it goes away waits for it to
//! come back.
//!
//! Trouble is told once: when it begins, when it turns into another one, and when it is over. A camera
//! that was plugged in again may stand under another number; it is known by its name and where it is
//! plugged in.

use super::choose::{CameraWish, Choice, find, mode};
use super::decode::Layout;
use super::driver::{Driver, Opened};
use super::info::{CameraInfo, fps};
use super::keeper::{Patience, Shared, Start, Taken};
use super::pace::Pace;
use super::trouble::Trouble;
use crate::error::Result;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// So often the thread looks whether it shall go on.
const GLANCE: Duration = Duration::from_millis(100);

/// Opens the camera and keeps it until it is told to stop.
pub(super) fn keep(
    driver: &impl Driver,
    which: Option<&str>,
    wish: &CameraWish,
    patience: Patience,
    shared: &Shared,
) {
    match first(driver, which, wish, shared) {
        Err(error) => shared.started(Err(error)),
        Ok((camera, choice, opened)) => {
            let start = Start { name: camera.name.clone(), layout: opened.layout, rate: opened.rate };
            shared.started(Ok(start));
            let pace = Pace::new(opened.rate.or(choice.rate));
            let began = Instant::now();
            Watch { driver, shared, patience, camera, choice, pace, began, told: None, last: None }
                .run(opened);
        }
    }
}

/// The first opening, whose failure is the end.
fn first(
    driver: &impl Driver,
    which: Option<&str>,
    wish: &CameraWish,
    shared: &Shared,
) -> Result<(CameraInfo, Choice, Opened)> {
    let cameras = driver.cameras();
    let camera = find(&cameras, which)?.clone();
    let open = || {
        if let Some(trouble) = &camera.trouble {
            return Err(trouble.clone());
        }
        let (choice, note) = mode(&camera, wish).ok_or(Trouble::Unreadable)?;
        let opened = driver.open(&camera, &choice)?;
        Ok((choice, note, opened))
    };
    let (choice, note, opened) = open().map_err(|trouble| trouble.error(&camera.to_string()))?;
    note.into_iter().for_each(|note| shared.note(note));
    if opened.layout.size != choice.size {
        shared.note(format!("{} sends {}, not {}", camera.name, opened.layout.size, choice.size));
    }
    Ok((camera, choice, opened))
}

struct Watch<'a, D> {
    driver: &'a D,
    shared: &'a Shared,
    patience: Patience,
    camera: CameraInfo,
    choice: Choice,
    pace: Pace,
    began: Instant,
    /// The trouble that was told of last and is not over.
    told: Option<Trouble>,
    /// What the last try to open it again came to.
    last: Option<Trouble>,
}

impl<D: Driver> Watch<'_, D> {
    fn run(&mut self, opened: Opened) {
        let mut camera = Some(opened);
        // The crates below panic at what they do not expect of a driver: then the camera is opened again
        // as after any other trouble.
        let failed = || Trouble::Other("its driver failed".into());
        loop {
            if let Some(opened) = camera.take() {
                let streamed = catch_unwind(AssertUnwindSafe(|| self.stream(opened)));
                let Some(trouble) = streamed.unwrap_or_else(|_| Some(failed())) else { return };
                if self.told.as_ref() != Some(&trouble) {
                    self.tell(trouble);
                }
            }
            if self.shared.should_stop_after(self.patience.retry) {
                return;
            }
            match catch_unwind(AssertUnwindSafe(|| self.again())).unwrap_or_else(|_| Err(failed())) {
                Ok(opened) => camera = Some(opened),
                Err(trouble) => {
                    // What lasts for one try only is on its way: a node that has no owner yet.
                    if self.last.as_ref() == Some(&trouble) && self.told.as_ref() != Some(&trouble) {
                        self.tell(trouble.clone());
                    }
                    self.last = Some(trouble);
                }
            }
        }
    }

    /// Takes what comes until it is told to stop (`None`) or something is wrong.
    fn stream(&mut self, opened: Opened) -> Option<Trouble> {
        let Opened { layout, rate, mut device } = opened;
        self.pace.resume(rate.or(self.choice.rate));
        let mut last = Instant::now();
        while !self.shared.should_stop_after(Duration::ZERO) {
            match device.next(GLANCE) {
                Err(trouble) => return Some(trouble),
                Ok(None) if last.elapsed() > self.patience.stall => return Some(Trouble::Silent),
                Ok(None) => (),
                Ok(Some(raw)) => {
                    last = Instant::now();
                    if let Some((measured, claimed)) = self.pace.arrived(raw.at - self.began) {
                        self.shared.note(format!(
                            "{} claims {} frames a second and sends {measured:.1}: many cameras are slower in the dark",
                            self.camera.name,
                            fps(claimed)
                        ));
                    }
                    self.arrived(layout, raw);
                }
            }
        }
        None
    }

    fn arrived(&mut self, layout: Layout, raw: super::driver::Raw) {
        if self.told.take().is_some() {
            self.shared.note(format!("{} is back", self.camera.name));
        }
        self.last = None;
        self.shared.publish(Taken { raw, layout });
    }

    /// Looks for the same camera and opens it as before, or as near to it as it now can.
    fn again(&mut self) -> Result<Opened, Trouble> {
        let cameras = self.driver.cameras();
        let named = || cameras.iter().filter(|camera| camera.name == self.camera.name);
        let same_place = named().find(|camera| camera.bus == self.camera.bus);
        // A camera that may not be asked yet has no place either.
        let found = same_place.or_else(|| named().next()).ok_or(Trouble::Gone)?;
        if let Some(trouble) = &found.trouble {
            return Err(trouble.clone());
        }
        let wish = CameraWish { size: Some(self.choice.size), fps: self.choice.rate.map(|rate| rate.fps()) };
        let (choice, _) = mode(found, &wish).ok_or(Trouble::Unreadable)?;
        self.driver.open(found, &choice)
    }

    fn tell(&mut self, trouble: Trouble) {
        let name = &self.camera.name;
        self.shared.note(match &trouble {
            Trouble::Gone => format!("{name} was unplugged: waiting for it to come back"),
            Trouble::Silent => {
                format!("{name} has sent nothing for {:.0?}: opening it again", self.patience.stall)
            }
            other => format!("{name} cannot be read, {}: trying again", other.reason()),
        });
        self.told = Some(trouble);
    }
}
