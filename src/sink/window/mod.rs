//! A window on the desktop, which shows painted frames as they come and tells what is pressed in it.
//!
//! It is no sink like the others: window systems want to be spoken to by one thread, and some only by the
//! program's first, so a [`Window`] belongs to whoever opened it and is neither sent nor finished. What is
//! drawn over the picture ([`Hud`], [`Help`]) is drawn at the window's own size, so that letters are
//! crisp, however small the painting.

mod fit;
mod help;
mod hud;
mod keyboard;
#[cfg(target_os = "linux")]
mod lost;

pub use help::Help;
pub use hud::{Hud, Message};
pub use keyboard::Press;

use crate::error::{Error, Result};
use crate::frame::{Frame, Size};
use crate::resize::resize_frame_into;
use fit::{Placement, first_size, pack};
use keyboard::Keyboard;
use minifb::{MouseMode, ScaleMode, WindowOptions};

/// An open window. Dropping it closes it.
///
/// It does nothing by itself: [`poll`](Self::poll) reads what has happened to it, at best every few
/// milliseconds, and only [`show`](Self::show) draws. A picture that stands still is shown again several
/// times a second, because a window system need not keep what another window has covered.
///
/// When the desktop ends, or somebody kills the window instead of closing it, X11's library cannot go on and
/// ends the process; [`when_lost`](Self::when_lost) has the last word.
#[derive(Debug)]
pub struct Window {
    window: minifb::Window,
    keyboard: Keyboard,
    /// The size of the frame that was shown last, or will be first.
    picture: Size,
    /// That frame at the size that it has in the window, with what was drawn over it.
    scaled: Frame,
    canvas: Vec<u32>,
    /// The window's size when it was drawn last.
    drawn: Option<Size>,
    active: bool,
    told_closed: bool,
}

impl Window {
    /// Opens a window for pictures of this size: as large as they are, enlarged by whole or half steps if
    /// they are less than 640 pixels wide, shrunk if they are larger than 1280×900. It can be resized.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Output`](crate::error::ErrorKind::Output) if there is no display, or none that
    /// answers, or its libraries are missing.
    pub fn open(title: &str, picture: Size) -> Result<Self> {
        let size = first_size(picture);
        // Scaled here and not by the library, which takes the nearest pixel.
        let options =
            WindowOptions { resize: true, scale_mode: ScaleMode::UpperLeft, ..WindowOptions::default() };
        let title = title.replace('\0', " ");
        let mut window = minifb::Window::new(&title, size.width, size.height, options)
            .map_err(|error| cannot_open(&error.to_string()))?;
        // Nobody is made to wait: the caller has its own rhythm.
        window.set_target_fps(0);
        let keyboard = Keyboard::default();
        window.set_input_callback(Box::new(keyboard.clone()));
        Ok(Self {
            window,
            keyboard,
            picture,
            scaled: Frame::from_fn(Size::new(1, 1), |_, _| [0; 3]),
            canvas: Vec::new(),
            drawn: None,
            active: false,
            told_closed: false,
        })
    }

    /// Has `farewell` called, on the thread of the window, when the window is lost without having been closed:
    /// its display has ended, or somebody has killed it. The process ends after that, with the exit code that
    /// is returned. Without a farewell it ends with a line of X11's own and code 1. Nothing else than X11 loses
    /// windows, and of several windows they are all lost together.
    pub fn when_lost(&self, farewell: impl FnOnce() -> u8 + Send + 'static) {
        #[cfg(target_os = "linux")]
        lost::say(Box::new(farewell));
        #[cfg(not(target_os = "linux"))]
        drop(farewell);
    }

    /// Draws `frame` as large as the window allows, smoothly, its shape kept, black around it. `overlay`
    /// is handed the picture as it will be seen, at the window's resolution and without the black.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Output`](crate::error::ErrorKind::Output) if the window system does not take it.
    pub fn show(&mut self, frame: &Frame, overlay: impl FnOnce(&mut Frame)) -> Result<()> {
        self.picture = frame.size();
        let (window, place) = (self.size(), self.placement());
        if self.scaled.size() != place.size {
            self.scaled = Frame::from_fn(place.size, |_, _| [0; 3]);
        }
        resize_frame_into(frame, &mut self.scaled);
        overlay(&mut self.scaled);
        pack(&self.scaled, place, window, &mut self.canvas);
        self.drawn = Some(window);
        // Also reads events; what is pressed meanwhile is kept for the next poll.
        self.window
            .update_with_buffer(&self.canvas, window.width, window.height)
            .map_err(|error| Error::output("cannot draw into the window").caused_by(error.to_string()))
    }

    /// Reads what has happened, without waiting, and tells what was pressed since the last call, in order.
    pub fn poll(&mut self) -> Vec<Press> {
        self.window.update();
        let active = self.window.is_active();
        if self.active && !active {
            self.keyboard.forget_held();
        }
        self.active = active;
        if !self.told_closed && !self.window.is_open() {
            self.told_closed = true;
            self.keyboard.push(Press::Closed);
        }
        self.keyboard.take()
    }

    /// Where the mouse was at the last poll: shares of the picture's width and height, from 0 at the top
    /// left to 1. `None` outside of the picture.
    pub fn pointer(&self) -> Option<(f32, f32)> {
        let at = self.window.get_unscaled_mouse_pos(MouseMode::Discard)?;
        self.placement().share(at)
    }

    /// Whether the window has another size than when it was drawn, so that it needs to be [shown](Self::show)
    /// anew even if the picture is the same.
    pub fn is_stale(&self) -> bool {
        self.drawn != Some(self.size())
    }

    fn size(&self) -> Size {
        let (width, height) = self.window.get_size();
        Size::new(width.max(1), height.max(1))
    }

    fn placement(&self) -> Placement {
        Placement::new(self.picture, self.size())
    }
}

/// What the library says, in words that help. It tells its failures apart only by their texts.
fn cannot_open(cause: &str) -> Error {
    let display = std::env::var("DISPLAY").ok().filter(|display| !display.is_empty());
    if cause.contains("failed to load") {
        return Error::output("cannot open a window: the libraries of X11 are not installed")
            .caused_by(cause)
            .hint("install libX11 and libXcursor (apt-get install libx11-6 libxcursor1), or run with --no-window");
    }
    if !cause.contains("XOpenDisplay") {
        return Error::output("cannot open a window").caused_by(cause).hint("run with --no-window");
    }
    match display {
        Some(display) => {
            Error::output(format!("cannot open a window: the display {display} does not answer"))
                .hint("check DISPLAY and whether you may use that display, or run with --no-window")
        }
        None if std::env::var_os("WAYLAND_DISPLAY").is_some() => {
            Error::output("cannot open a window: this Wayland desktop has no X display (DISPLAY is not set)")
                .hint("start Xwayland, or run with --no-window")
        }
        None => Error::output("cannot open a window: there is no display (DISPLAY is not set)")
            .hint("run it on a desktop, or with --no-window"),
    }
}
