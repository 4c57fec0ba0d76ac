//! When X11 loses the window: the display has ended, or somebody has killed the window (xkill) instead of
//! closing it. X11's library then calls a handler, and ends the process when that returns, with a line of
//! its own; or, where only the window is gone, at the first error of whoever draws into it. The handlers here do
//! not return: they let the program finish what it is writing, and end the process themselves.

use std::os::raw::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, Once, PoisonError};
use x11_dl::xlib::{Display, XErrorEvent, Xlib};

/// Does what there is still to do, and says with which code the process ends.
type Farewell = Box<dyn FnOnce() -> u8 + Send>;

static FAREWELL: Mutex<Option<Farewell>> = Mutex::new(None);

/// What the process ends with where a farewell has failed: that of X11's own handlers.
const X11_CODE: u8 = 1;

/// Has `farewell` said instead of X11's own.
pub(super) fn say(farewell: Farewell) {
    *FAREWELL.lock().unwrap_or_else(PoisonError::into_inner) = Some(farewell);
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A window is open, so the library is there.
        let Ok(xlib) = Xlib::open() else { return };
        #[expect(unsafe_code, reason = "handlers are set through C's interface")]
        // SAFETY: both handlers are functions of the right type that never return, and exist for ever.
        unsafe {
            (xlib.XSetIOErrorHandler)(Some(on_lost_display));
            (xlib.XSetErrorHandler)(Some(on_error));
        }
    });
}

#[expect(unsafe_code, reason = "called by X11's library")]
unsafe extern "C" fn on_lost_display(_: *mut Display) -> c_int {
    leave()
}

#[expect(unsafe_code, reason = "called by X11's library")]
unsafe extern "C" fn on_error(_: *mut Display, _: *mut XErrorEvent) -> c_int {
    leave()
}

/// Says farewell and ends the process. Called while X11's library is at work, which must not be spoken to.
fn leave() -> ! {
    let farewell = FAREWELL.lock().unwrap_or_else(PoisonError::into_inner).take();
    let code = farewell.and_then(|farewell| catch_unwind(AssertUnwindSafe(farewell)).ok());
    std::process::exit(code.unwrap_or(X11_CODE).into())
}
